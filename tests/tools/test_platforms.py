"""The matrix of platforms: what is executed, what is kept, and what the table says."""

import json
import subprocess
from types import SimpleNamespace

import nbformat
import pytest
from coursetools import environments, notebooks, platforms
from coursetools.execute import Result
from coursetools.files import between
from support import notebook_of

KAGGLE, COLAB = platforms.choose(["kaggle", "colab"])
VERSIONS = {"python": "3.12.1", "tensorflow": "2.20.0", "keras": "3.13.2", "numpy": "2.0.2"}


@pytest.fixture
def course(tmp_path):
    paths = [tmp_path / f"{name}.ipynb" for name in ("01_a", "02_b")]
    for path in paths:
        nbformat.write(notebook_of("x = 1"), path)
    return paths


def executor(errors=()):
    """A stand-in for executing: it counts, and fails where it is told to."""
    seen = []

    def execute(path):
        seen.append(path.stem)
        return Result(path.stem, "t", 12.3, "cell 3: ValueError: no" if path.stem in errors else "")

    return execute, seen


def run(course, results, errors=(), versions=VERSIONS, platform=KAGGLE):
    execute, seen = executor(errors)
    failed = platforms.run_platform(
        platform, course, results, execute, versions, say=lambda *_, **__: None
    )
    return seen, failed


def test_what_has_run_is_not_run_again(course):
    results = {}
    assert run(course, results) == (["01_a", "02_b"], [])
    assert run(course, results) == ([], [])


def test_what_failed_or_changed_or_met_other_versions_is_run_again(course):
    results = {}
    assert run(course, results, errors=["02_b"]) == (["01_a", "02_b"], ["02_b"])
    assert run(course, results)[0] == ["02_b"]
    nbformat.write(notebook_of("x = 2"), course[0])
    assert run(course, results)[0] == ["01_a"]
    assert run(course, results, versions={**VERSIONS, "numpy": "2.4.0"})[0] == ["01_a", "02_b"]


def test_each_notebook_is_kept_before_the_next_begins(course):
    results, kept = {}, []
    execute, _ = executor()
    platforms.run_platform(
        KAGGLE,
        course,
        results,
        execute,
        VERSIONS,
        say=lambda *_, **__: None,
        save=lambda now: kept.append(len(now["kaggle"])),
    )
    assert kept == [1, 2]


def test_two_platforms_at_once_do_not_lose_each_others_results(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    monkeypatch.setattr(platforms, "RESULTS", path)
    monkeypatch.setattr(platforms, "load", lambda: json.loads(path.read_text()))
    path.write_text('{"colab": {"01_a": 1}}')
    platforms._save({"kaggle": {"01_a": 2}}, "kaggle")
    assert json.loads(path.read_text()) == {"colab": {"01_a": 1}, "kaggle": {"01_a": 2}}


def prints(course):
    return {path.stem: platforms.fingerprint(path) for path in course}


def test_the_table_never_calls_green_what_was_not_run_as_it_is_now(course):
    results = {}
    run(course[:1], results, platform=COLAB)
    run(course, results, errors=["02_b"])
    nbformat.write(notebook_of("x = 2"), course[0])
    run(course[:1], results, platform=COLAB)
    table = platforms.table(results, prints(course))
    date = results["kaggle"]["01_a"]["date"]
    since = f"not run since a change (ok on {date})"
    rows = [line for line in table.splitlines() if line.startswith("| 0")]
    assert rows == [
        f"| 01_a | not run | not run | {since} | not run | ok, 12 s |",
        "| 02_b | not run | not run | **FAILED** | not run | not run |",
    ]
    assert "- 02_b on Kaggle, NumPy 2.0: cell 3: ValueError: no" in table
    assert "| *NumPy* |  |  | 2.0.2 |  | 2.0.2 |" in table and date in table
    assert platforms.summary(results, prints(course)) == (
        "Of 10 pairs of a platform and a notebook 1 ran to their end, "
        "1 failed (02_b on Kaggle, NumPy 2.0), 8 have not been run in their present text."
    )


def test_a_platform_that_is_none_is_named():
    with pytest.raises(SystemExit, match="'coolab'.*colab"):
        platforms.choose(["coolab"])


def test_the_pages_have_their_places_and_the_pins_say_what_they_are():
    for page, name in ((platforms.PAGE, "matrix"), (platforms.README, "platforms")):
        begin, end = f"<!-- {name}: written by make platforms -->", f"<!-- /{name} -->"
        assert f"{begin}\nNEW\n{end}" in between(page.read_text("utf-8"), begin, end, "NEW")
    with pytest.raises(ValueError, match="no place"):
        between("nothing", "<!-- a -->", "<!-- /a -->", "x")
    numpy = {
        p.name: [s for s in p.pins().split() if s.startswith("numpy==")]
        for p in platforms.PLATFORMS
    }
    assert numpy["newest"] == [] and len(numpy["lowest"]) == 1
    assert numpy["kaggle"] == ["numpy==2.0.2"] and numpy["kaggle-numpy24"] == ["numpy==2.4.*"]


def test_lower_bounds_become_pins():
    text = '# why\nnumpy>=1.26   # arrays\n    "ruff>=0.9",\nnumpy>=1.26\nx == 1\n'
    assert environments.lowest(text) == "numpy==1.26\nruff==0.9\n"


def test_an_interpreter_is_found_on_the_path_or_at_pyenv_and_must_answer(tmp_path):
    def make(path, says):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{says}\n")
        path.chmod(0o755)
        return str(path)

    shim = make(tmp_path / "bin" / "python3.12", "exit 127")  # as pyenv's are for what is not on
    found = {"PATH": f"{tmp_path}/bin", "PYENV_ROOT": str(tmp_path / "pyenv")}
    assert environments.find_python("3.12", found) is None
    built = make(tmp_path / "pyenv/versions/3.12.1/bin/python3.12", "echo 3.12")
    assert environments.find_python("3.12", found) == built
    make(tmp_path / "bin" / "python3.12", "echo 3.12")
    assert environments.find_python("3.12", found) == shim


def test_an_environment_is_made_once_and_again_when_its_pins_change(tmp_path, monkeypatch):
    calls = []

    def fake(command, check):
        calls.append(command)
        if "venv" in command:
            (tmp_path / "kaggle" / "bin").mkdir(parents=True, exist_ok=True)
            (tmp_path / "kaggle" / "bin" / "python").touch()
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(subprocess, "run", fake)
    for pins, expected in (("a==1\n", 2), ("a==1\n", 2), ("a==2\n", 4)):
        environments.prepare("kaggle", "python3.12", pins, tmp_path)
        assert len(calls) == expected


def test_an_installation_that_broke_off_is_begun_again(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "ROOT", tmp_path)

    def broken(command, check):
        (tmp_path / "x" / "bin").mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / "bin" / "python").touch()
        if "pip" in command:
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", broken)
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            environments.prepare("x", "python3.12", "a==1\n", tmp_path)
    assert not (tmp_path / "x.txt").exists()


def test_the_main_line_is_without_the_deeper_pages():
    names = [notebooks.name_of(path) for path in platforms.main_line()]
    assert "01_whole_game" in names and not any("/" in name for name in names)
