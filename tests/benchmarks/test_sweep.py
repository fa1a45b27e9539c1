"""A sweep: rows trained by Dask's workers, one of which is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import store
import sweep
import table
import tiny_table
from coursetools.notebooks import ROOT

from vae_helpers import benchmark
from vae_helpers.classifier import Classifier

PAGE = "".join(
    f"<!-- {name}: written by benchmarks/table.py -->\n<!-- /{name} -->\n"
    for name in ("table", "variants")
)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The tiny table, with a store, a page and models of its own; its classifier knows nothing."""
    for name, value in tiny_table.settings(tmp_path / "client").items():
        monkeypatch.setattr(table, name, value)
    monkeypatch.setattr(table, "STORE", tmp_path / "benchmark.csv")
    monkeypatch.setattr(store, "PAGE", tmp_path / "page.md")
    store.PAGE.write_text(PAGE, encoding="utf-8")
    table.MODELS.mkdir()
    Classifier(10).save(table.judge_path(table.FASHION))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["table.py", *arguments])
        table.main()

    return run


def stored_seeds():
    return list(pd.read_csv(table.STORE)["seed"]) if table.STORE.exists() else []


def wait_for(what, seconds=240, unless=lambda: False):
    end = time.monotonic() + seconds
    while not what():
        assert not unless(), "it ended before"
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def start(log, *command, **environment):
    """Start a command of Dask in a process of its own; what it says goes into a file."""
    paths = (ROOT, ROOT / "benchmarks")
    environment |= {"PYTHONPATH": os.pathsep.join(map(str, paths)), "VAE_FAST": "1"}
    line = [sys.executable, "-m", "distributed.cli.dask_" + command[0], *map(str, command[1:])]
    with open(log, "w") as file:
        return subprocess.Popen(line, stdout=file, stderr=file, env={**os.environ, **environment})


@pytest.fixture
def processes():
    started = []
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def scheduler(tmp_path, processes):
    """The address of a scheduler without workers."""
    pytest.importorskip("distributed", reason="Dask is not installed (pip install -e '.[sweep]')")
    facts = tmp_path / "scheduler.json"
    options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", facts)
    processes.append(start(tmp_path / "scheduler.log", "scheduler", *options))
    wait_for(lambda: facts.exists() and facts.read_text().strip().endswith("}"))
    return pd.read_json(facts, typ="series")["address"]


def start_worker(tmp_path, address, name, *options, **environment):
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name, *options)
    preload = ("--preload", ROOT / "tests" / "benchmarks" / "tiny_table.py")
    environment["TINY_MODELS"] = str(tmp_path / name)
    log = tmp_path / f"{name}.log"
    return start(log, "worker", address, *options, *preload, **environment)


@pytest.mark.slow
def test_a_killed_worker_costs_no_row_that_has_arrived_and_its_own_is_tried_again(
    tmp_path, tiny, scheduler, processes, capsys
):
    from distributed import Client

    hung = tmp_path / "hung"
    first = start_worker(tmp_path, scheduler, "first", TINY_HANG=str(hung))
    second = start_worker(tmp_path, scheduler, "second")
    processes += [first, second]
    with Client(scheduler) as client:
        client.wait_for_workers(2, timeout=240)

    before, ended = [], threading.Event()

    def kill():
        wait_for(lambda: hung.exists() and stored_seeds(), unless=ended.is_set)
        before.extend(stored_seeds())
        os.kill(first.pid, signal.SIGKILL)

    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill)
        with pytest.raises(SystemExit, match=r"1 of 6 rows failed.*broken_tiny_16_seed0"):
            try:
                tiny("--scheduler", scheduler)
            finally:
                ended.set()
        killing.result()
    assert "ValueError: this one never trains" in capsys.readouterr().out

    rows = pd.read_csv(table.STORE)
    assert first.wait() == -signal.SIGKILL and second.poll() is None
    assert 1 <= len(before) < 5 and list(rows["seed"])[: len(before)] == before
    assert sorted(rows["seed"]) == [0, 1, 2, 3, 4] and set(rows["method"]) == {"toy"}
    assert rows["seconds"].isna().all() and np.isfinite(rows["elbo"]).all()
    assert sorted(path.name for path in table.MODELS.glob("*toy*.keras")) == [
        f"Fashion-MNIST_toy_tiny_16_seed{seed}.keras" for seed in range(5)
    ]
    # The model that came is the one that was measured, and the judge was the one that lies here.
    stored = rows.iloc[-1]
    row = next(
        row for row in table.rows() if row["seed"] == stored["seed"] and row["method"] == "toy"
    )
    again = table.measure(row, tiny_table.data())
    for column, tolerance in (("elbo", 2e-3), ("frechet", 2e-2)):
        assert again[column] == pytest.approx(stored[column], rel=tolerance)


@pytest.mark.slow
def test_what_a_worker_lacks_is_said_before_it_is_given_a_row(
    tmp_path, tiny, scheduler, processes, monkeypatch
):
    monkeypatch.setattr(sweep, "WAIT_SECONDS", 1)
    with pytest.raises(SystemExit, match="no worker came within 1 s. Start one in the repository"):
        tiny("--scheduler", scheduler)
    with pytest.raises(SystemExit, match="no Dask scheduler answers at 'tcp://127.0.0.1:9'"):
        tiny("--scheduler", "tcp://127.0.0.1:9")
    monkeypatch.setattr(sweep, "WAIT_SECONDS", 240)
    processes.append(start_worker(tmp_path, scheduler, "one"))
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "CODE", "other")  # here, not in the worker's process
        with pytest.raises(SystemExit, match="have other code than this machine: bring"):
            tiny("--scheduler", scheduler)
    processes.append(start_worker(tmp_path, scheduler, "two", "--nthreads", "2"))
    wait_for(lambda: "Registered to" in (tmp_path / "two.log").read_text())
    with pytest.raises(SystemExit, match="has 2 threads, expected one"):
        tiny("--scheduler", scheduler)
    assert stored_seeds() == []


def test_without_dask_a_sweep_says_how_to_install_it(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SystemExit, match=r"pip install -e '.\[sweep\]'"):
        tiny("--scheduler", "tcp://127.0.0.1:9")


@pytest.mark.parametrize("other", ["--train", "--time", "--page"])
def test_a_sweep_only_trains_and_measures(tiny, other, capsys):
    with pytest.raises(SystemExit):
        tiny("--scheduler", "tcp://127.0.0.1:9", other)
    assert "leave --train, --time and --page out" in capsys.readouterr().err


def test_rows_that_are_there_need_no_scheduler(tiny):
    for row in table.rows():
        table.store_row(row | dict.fromkeys([*benchmark.COLUMNS, *benchmark.VARIANT_COLUMNS], 1.0))
    tiny("--scheduler", "tcp://127.0.0.1:9")


def test_seconds_that_a_sweep_left_out_are_measured_alone(tiny, monkeypatch):
    rows = list(table.rows())
    for row, seconds in zip(rows, [1.0, np.nan, 2.0, np.nan, 3.0, 4.0], strict=True):
        table.store_row(row | {"seconds": seconds})
    timed = []
    monkeypatch.setattr(table, "seconds_alone", lambda row, data: timed.append(row) or 9.0)
    monkeypatch.setattr(table, "write_page", lambda stored: None)
    tiny("--time")
    assert timed == [rows[1], rows[3]]
    assert list(pd.read_csv(table.STORE)["seconds"]) == [1, 9, 2, 9, 3, 4]


def test_a_variant_is_timed_whole_and_with_its_seed(tiny, monkeypatch):
    seeds = []
    monkeypatch.setattr(table, "seed_everything", seeds.append)
    row = list(table.rows())[3]
    before = len(tiny_table.trainings)
    assert table.seconds_alone(row, tiny_table.data()) > 0
    assert seeds == [row["seed"]] and len(tiny_table.trainings) == before + 1


def test_a_worker_with_other_code_trains_nothing(tiny):
    with pytest.raises(RuntimeError, match="other code: start it again"):
        sweep.train_and_measure(next(table.rows()), b"", "other")


def test_a_model_of_a_sweep_has_no_seconds(tiny):
    row = list(table.rows())[1]
    table.train_model(row, tiny_table.data(), timed=False)
    facts = (table.MODELS / f"{table.name(row)}.json").read_text()
    assert "train_elbo" in facts and "seconds" not in facts


def test_the_digest_of_the_code_changes_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "ROOT", tmp_path)
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "table.py").write_text("1")
    first = sweep.code_digest()
    (tmp_path / "benchmarks" / "speed.py").write_text("no row depends on it")
    assert first == sweep.code_digest()
    (tmp_path / "benchmarks" / "table.py").write_text("2")
    assert sweep.code_digest() != first
