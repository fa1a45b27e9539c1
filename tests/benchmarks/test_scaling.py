"""Scaling and precision: the page shows what was measured, and the tables say it rightly."""

import precision
import pytest
import scaling
import store

STAMP = {"date": "2026-01-02", "versions": "Python 3 | CPU (2 cores)"}


@pytest.mark.parametrize("script", [scaling, precision])
def test_the_page_holds_the_table_of_the_stored_results(script):
    name = script.__name__
    page = store.PAGE.read_text(encoding="utf-8")
    assert store.between(page, name, script.table(store.load(name))) == page


@pytest.mark.parametrize(
    ("name", "sections"),
    [("scaling", scaling.SECTIONS), ("precision", ("dense", "convolution"))],
)
def test_what_was_stored_was_measured_whole(name, sections):
    stored = store.load(name)
    assert set(stored) <= set(sections)
    for one in stored.values():
        seeds = {len(of["elbo"]) for of in one.get("policies", {}).values()}
        assert seeds in (set(), {3})
    if missing := set(sections) - set(stored):
        pytest.skip(f"benchmarks/{name}.py has not measured {sorted(missing)} yet")


def training(images, batch_size, devices, seconds):
    work = {"images": images, "epochs": 1, "batch_size": batch_size, "devices": devices}
    return {**work, "seconds": seconds, "gradient_bytes": 1_000_000}


RESULTS = {
    "pairs": {"one": [19.0, 18.0], "two": [10.0, 10.0], "ratio": [1.9, 1.8]},
    "exchanges": {"devices": 2, "bytes": [4_000, 4_000_000], "seconds": [0.001004, 0.005]},
    "dense": {
        "shape": [28, 28, 1],
        "parameters": 250_000,
        # 2 s to start, 0.1 ms an image, 1 ms a step, 1 ms and a nanosecond a byte for an exchange
        "trainings": [
            training(10_000, 100, 1, 2 + 1 + 0.1),
            training(50_000, 100, 1, 2 + 5 + 0.5),
            training(50_000, 500, 1, 2 + 5 + 0.1),
            training(50_000, 100, 2, 2 + 2.5 + 0.5 + 500 * 0.002),
        ],
    },
}


def test_the_model_is_fitted_to_trainings_and_exchanges_together():
    found = scaling.fitted(RESULTS, "dense")
    assert found.start == pytest.approx(2.0, rel=0.01)
    assert found.per_image == pytest.approx(1e-4, rel=0.01)
    assert found.per_step == pytest.approx(1e-3, rel=0.01)
    assert found.latency == pytest.approx(1e-3, rel=0.01)
    assert found.per_byte == pytest.approx(1e-9, rel=0.01)


def test_the_table_of_scaling_sets_what_the_model_says_beside_what_was_measured():
    lines = scaling.table({name: {**one, **STAMP} for name, one in RESULTS.items()})
    assert "| 1.90, 1.80 times |" in lines
    assert "| all-reduce of 4 MB between two processes | 5.00 ms |" in lines
    assert (
        "250,000 parameters: 50,000 images, 100 a step, 2 devices | 6.0 s (model: 6.0) |" in lines
    )
    assert "2.0 s + 100.0 µs an image + 1000 µs a step; an exchange 1000 µs + 1.00 ns" in lines
    assert lines.endswith("| measured | 2026-01-02: Python 3, CPU (2 cores) |")


def test_the_same_elbo_is_judged_seed_by_seed():
    assert (
        precision.difference([-261.0, -262.0, -260.0], [-261.5, -261.5, -260.5]) == "+0.17 ± 0.58"
    )
    assert precision.difference([-261.0], [-262.0]) == "+1.00"


def test_what_the_processor_has_for_16_bits_is_read_and_said(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("flags : avx2 avx512_bf16 amx_bf16 avx512f\nflags : avx2 avx512_bf16\n")
    assert precision.instructions(path) == ["amx_bf16", "avx512_bf16"]
    assert precision.instructions(tmp_path / "none") is None
    one = {**STAMP, "instructions": []}
    assert precision.stamp(one)[2] == "the processor has no instructions for 16 bits"


@pytest.mark.slow  # a fresh process, which imports TensorFlow
def test_a_process_that_fails_ends_the_measurement_and_says_so():
    with pytest.raises(SystemExit, match=r"nothing failed: the processes ended with \[1\]"):
        scaling.together([{"kind": "nothing"}], connected=False)
