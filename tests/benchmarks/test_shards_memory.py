"""The memory that shards need does not grow with the data."""

import subprocess
import sys

import pytest
import shards_memory
import store


@pytest.mark.slow
def test_a_process_knows_its_own_peak():
    code = (
        "import shards_memory; before = shards_memory.peak_bytes(); held = b'x' * 50_000_000; "
        "del held; print(shards_memory.peak_bytes() - before)"
    )
    folder = store.ROOT / "benchmarks"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, check=True)
    assert 45e6 < int(done.stdout) < 55e6


def test_the_stored_peaks_grow_by_less_than_a_tenth():
    stored = store.load("shards")
    assert set(shards_memory.STEPS) <= set(stored)
    for name in shards_memory.STEPS:
        one = stored[name]
        assert one["images"][1] == 4 * one["images"][0]
        assert one["growth"] == pytest.approx(one["peak_mb"][1] / one["peak_mb"][0] - 1, abs=0.005)
        assert (one["growth"] < 0.1) == (name != "train on an array")


def test_the_page_holds_the_table_of_the_stored_results():
    page = shards_memory.PAGE.read_text(encoding="utf-8")
    assert shards_memory.page_of(store.load("shards")) == page
    assert "| read | 10,000 and 40,000 | 123 and 492 | " in page


@pytest.mark.slow
def test_reading_four_times_as_many_images_takes_no_more_memory(tmp_path):
    peaks = []
    for count in (6_000, 24_000):  # 74 and 295 MB; the shuffle buffer holds 5,461
        shards_memory.in_own_process("write a stream", count, tmp_path)
        peaks.append(shards_memory.in_own_process("read", count, tmp_path)["peak_mb"])
    assert peaks[1] < 1.1 * peaks[0]
