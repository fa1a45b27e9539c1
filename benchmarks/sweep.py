"""Rows of the benchmark table, trained by the workers of a Dask scheduler.

    pip install -e '.[sweep]'                                        on every machine
    dask scheduler                                                   on one: it prints its address
    PYTHONPATH=benchmarks dask worker tcp://HOST:8786 --nthreads 1   on each, in the repository
    python benchmarks/table.py --scheduler tcp://HOST:8786           where the rows are kept

A row is a task: a worker trains and measures it, and sends back the row and the model. They are
stored here as they arrive, so whatever stops later costs no row that has arrived. A row whose
worker dies is given to another one, three times at most. All models are judged by the one
classifier that lies here. Rows carry no seconds, since a worker may train beside others:
`table.py --time` measures them afterwards, alone.
"""

import functools
import hashlib
import sys
import tempfile
import threading
from pathlib import Path

import keras
import numpy as np
import table
from store import ROOT
from tqdm import tqdm

from vae_helpers.files import write_atomically

WAIT_SECONDS = 60  # for the first worker
ROW_CODE = (
    "vae_helpers/**/*.py",
    "benchmarks/methods/*.py",
    "benchmarks/store.py",
    "benchmarks/sweep.py",
    "benchmarks/table.py",
)
# Two trainings in one process would share Keras' session and seeds.
ONE_AT_A_TIME = threading.Lock()


def code_digest() -> str:
    """Return a digest of all code that a row depends on."""
    digest = hashlib.sha256()
    for pattern in ROW_CODE:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


CODE = code_digest()  # now, at import: files may change under a worker that runs


# --- on a worker ----------------------------------------------------------------------------------


def train_and_measure(row: dict, classifier: bytes, code: str) -> tuple[dict, dict[str, bytes]]:
    """Train one row, unless its model is kept on this machine, and measure it.

    Args:
        row: one of `table.rows()`.
        classifier: the file of the classifier that judges it.
        code: the digest of the code that shall train it.

    Returns:
        (row, files): the whole row without its seconds, and what is kept of its model, {ending of
        the file: content}.

    Raises:
        RuntimeError: if this worker, which may have come later, has other code.
    """
    if code != CODE:
        raise RuntimeError("the worker has other code: start it again at the same commit")
    with ONE_AT_A_TIME:
        data = data_of(row["data"])
        table.train_model(row, data, timed=False)
        measured = table.measure(row, data, loaded(classifier))
    path = table.MODELS / f"{table.name(row)}.keras"
    files = {ending: path.with_suffix(ending).read_bytes() for ending in (".keras", ".json")}
    return row | measured | {"seconds": np.nan}, files


def own_code() -> str:
    """Return the digest of the code that this process has loaded."""
    return CODE


@functools.cache
def data_of(name):
    """The data set of a name, loaded once in a process."""
    return table.load_data(name)


def loaded(classifier):
    """A classifier from the content of its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "classifier.keras")
        path.write_bytes(classifier)
        return keras.models.load_model(path)


# --- on the machine that keeps the rows -----------------------------------------------------------


def sweep(address: str, rows: list[dict]) -> None:
    """Let the workers of a scheduler train rows; store each as it arrives.

    Args:
        address: of the scheduler, such as "tcp://127.0.0.1:8786".
        rows: those to be made.

    Raises:
        SystemExit: if Dask is missing, there is no scheduler or no worker, a worker cannot take
            part, or rows failed; the others are stored by then.
    """
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=WAIT_SECONDS)
    except (OSError, ValueError) as error:
        raise SystemExit(
            f"no Dask scheduler answers at {address!r} ({error}): start one by `dask scheduler`, "
            "which prints its address"
        ) from error
    with client:
        _check_workers(client)
        # As results, so that each is kept once by the scheduler, and made again if it is lost.
        judges = {
            name: client.submit(bytes, _classifier(name)) for name in {row["data"] for row in rows}
        }
        tasks = {
            client.submit(train_and_measure, row, judges[row["data"]], CODE, pure=False): row
            for row in rows
        }
        failed = _collect(tasks, distributed)
    if failed:
        raise SystemExit(
            f"{len(failed)} of {len(rows)} rows failed, the others are stored: {', '.join(failed)}"
        )


def _collect(tasks, distributed):
    """Store what the tasks return, in the order in which they end; return the names of others."""
    failed = []
    progress = tqdm(distributed.as_completed(tasks), total=len(tasks), unit="row", file=sys.stdout)
    for task in progress:
        name = table.name(tasks[task])
        progress.set_postfix_str(name)
        try:
            row, files = task.result()
        except Exception as error:  # whatever a training may raise; or its workers died
            tqdm.write(f"{name}: {type(error).__name__}: {error}", file=sys.stdout)
            failed.append(name)
            continue
        for ending, content in files.items():
            write_atomically(table.MODELS / f"{name}{ending}", content)
        table.store_row(row)
        task.release()  # the worker may forget it
    return failed


def _classifier(name):
    """The content of the file of a data set's classifier, which is trained if need be."""
    table.judge(name, data_of(name))
    return table.judge_path(name).read_bytes()


def _check_workers(client):
    """Say what a worker lacks before it is given a row."""
    try:
        client.wait_for_workers(1, timeout=WAIT_SECONDS)
    except TimeoutError as error:
        raise SystemExit(
            f"no worker came within {WAIT_SECONDS} s. Start one in the repository: "
            f"PYTHONPATH=benchmarks dask worker {client.scheduler.address} --nthreads 1"
        ) from error
    for worker, threads in client.nthreads().items():
        if threads != 1:
            raise SystemExit(
                f"the worker {worker} has {threads} threads, expected one, since a process can "
                "train one model at a time: start it with --nthreads 1, and more of them by "
                "--nworkers"
            )
    try:
        client.run(exec, "import sweep")
    except ImportError as error:
        raise SystemExit(
            f"a worker cannot import benchmarks/sweep.py ({error}): start it in the repository, "
            "with PYTHONPATH=benchmarks and in an environment that has vae_helpers"
        ) from error
    there = client.run(own_code)
    others = [worker for worker, code in there.items() if code != CODE]
    if others:
        raise SystemExit(
            f"the workers {', '.join(others)} have other code than this machine: bring their "
            "repositories to the same commit and start them again"
        )


def _distributed():
    try:
        import distributed
    except ImportError as error:
        raise SystemExit(
            "--scheduler needs Dask, which is not installed: pip install -e '.[sweep]'"
        ) from error
    return distributed
