"""The page on grading shows what was measured of a class, and nothing else."""

import classroom
import store

STORED = {
    "date": "2026-01-01",
    "python": "3.12.1",
    "cores": 2,
    "notebook": "05_reduction_pitfall",
    "measured": {
        "kernels": 4,
        "failed": [],
        "seconds": [20.0, 30.0, 30.0, 40.0],
        "cpu_seconds": [31.0, 32.0, 32.0, 33.0],
        "peak_mb": [900, 1000],
        "wall_seconds": 60.0,
        "memory_used_mb": 3200,
        "nothing_written_beside": True,
        "sources": [],
    },
}


def test_the_page_holds_the_table_of_the_stored_results():
    page = classroom.PAGE.read_text(encoding="utf-8")
    stored = store.load("classroom")
    assert store.between(page, "classroom", classroom.table(stored)) == page
    assert stored["measured"]["nothing_written_beside"] and not stored["measured"]["failed"]


def test_the_plan_for_a_class_follows_from_what_was_measured():
    text = classroom.table(STORED)
    # 32 seconds of a core for each of 30 learners; 800 MB of memory gone for each kernel
    assert "24 GB of memory; on 2 cores 8 minutes until all have run it once, on 16 cores 1" in text
    assert "| one kernel | 30 s, 32 s of one core's work (medians); peak 1000 MB |" in text


def test_something_that_was_written_beside_the_package_shows(tmp_path):
    (tmp_path / "a.py").write_text("1")
    before = classroom.listing(tmp_path)
    assert classroom.listing(tmp_path) == before
    (tmp_path / "a.pyc").write_text("1")
    assert classroom.listing(tmp_path) != before
