"""What is handed in is found, judged and told apart; nothing is a silent 0."""

import csv
import importlib
import io
import json
import subprocess
import sys

import nbformat
import pytest
from coursetools import notebooks
from coursetools.classroom import teacher
from coursetools.grade import collect, command, execute, kernel, progress, report, results
from coursetools.render import kaggle
from nbformat.v4 import new_code_cell, new_notebook
from submissions import class_of_05, course_notebook, right, save, short, stripped

COURSE = collect.assignments()
FIVE = next(one for one in COURSE if one.name == "05_reduction_pitfall")


@pytest.fixture(scope="module")
def plain():
    return short(course_notebook("05"))


def test_every_notebook_that_asks_is_an_assignment_and_deeper_pages_have_their_own():
    names = [one.name for one in COURSE]
    assert [name for name in names if "/" not in name] == [
        path.stem for path in notebooks.find_notebooks() if path.parent == notebooks.NOTEBOOKS
    ]
    deeper = next(one for one in COURSE if one.name == "deeper/06_rarer_patients")
    main = next(one for one in COURSE if one.name == "06_clinic")
    assert deeper.questions and not set(deeper.questions) & set(main.questions)
    numbers = {one.name: one.number for one in COURSE}
    assert numbers["deeper/06_rarer_patients"] == "06"
    assert numbers["deeper/14_own_images"] == "14_own"  # it has a module of its own


@pytest.mark.parametrize("one", COURSE, ids=lambda one: one.name)
def test_an_assignments_questions_are_the_modules(one):
    assert set(one.questions) <= set(teacher.solutions(one.number))


@pytest.mark.parametrize("path", notebooks.find_notebooks(only=["05"]), ids=lambda p: p.stem)
def test_a_notebook_is_recognised_without_name_or_metadata_and_as_kaggle_has_it(path):
    notebook = notebooks.read(path)
    expected = next((one for one in COURSE if one.name == notebooks.name_of(path)), None)
    assert collect.recognise(stripped(notebook).cells, COURSE) == expected
    rendered = kaggle.render(notebook, notebooks.ROOT / kaggle.PACKAGE)
    assert collect.recognise(rendered.cells, COURSE) == expected


@pytest.mark.parametrize(
    ("name", "learner"),
    [
        ("ada.ipynb", "ada"),
        ("05_reduction_pitfall_Ada L.ipynb", "Ada L"),
        ("ada-05_reduction_pitfall (1).ipynb", "ada"),
        ("ada (2).ipynb", "ada"),
        ("05_reduction_pitfall.ipynb", "05_reduction_pitfall"),
        ("Ada_123_file_/05_reduction_pitfall.ipynb", "Ada_123_file_"),
        ("Ada/notebooks/solved.ipynb", "Ada"),
    ],
)
def test_the_learner_is_the_folder_or_what_the_file_adds_to_the_notebooks_name(
    plain, tmp_path, name, learner
):
    save(plain, tmp_path, name)
    (one,) = collect.collect(tmp_path, COURSE)
    assert (one.learner, one.assignment, one.problem) == (learner, FIVE, "")


def test_what_cannot_be_graded_is_named_with_its_reason(plain, tmp_path):
    save(plain, tmp_path, "Twice/a.ipynb")
    save(plain, tmp_path, "twice.ipynb")
    (tmp_path / "Empty" / ".ipynb_checkpoints").mkdir(parents=True)
    save(plain, tmp_path, "Empty/.ipynb_checkpoints/x.ipynb")
    (tmp_path / "Broken.ipynb").write_text("{")
    (tmp_path / "Scan.pdf").write_bytes(b"%PDF")
    save(new_notebook(cells=[new_code_cell("1")]), tmp_path, "Other.ipynb")
    problems = {one.learner.lower(): one.problem for one in collect.collect(tmp_path, COURSE)}
    assert problems.pop("twice").startswith("handed in twice: Twice/a.ipynb, ")
    assert problems.pop("broken").startswith("unreadable: ")
    assert problems.pop("scan") == "unreadable: Scan.pdf is no .ipynb file"
    assert problems == {
        "empty": "empty folder",
        "other": "unknown: it asks no question of the course",
    }


def submission(learner="Ada"):
    return collect.Submission(learner, (FIVE_PATH,), FIVE)


FIVE_PATH = notebooks.NOTEBOOKS / "05_reduction_pitfall.ipynb"


def answer(state, message="", notes=()):
    what = {"state": state, "message": message, "variable": "my_x", "task": "A task."}
    return what | {"notes": list(notes)}


def outcome(**states):
    answers = {name: answer("right", "right.") for name in FIVE.questions} | states
    return {"events": [], "answers": answers, "altered": [], "seconds": 60.0, "warning": ""}


def rows(graded):
    return list(csv.DictReader(io.StringIO(results.table(graded))))


def test_a_row_has_points_by_question_and_an_answer_that_is_missing_is_no_zero():
    one = results.grade(submission(), outcome(cure=answer("wrong"), survivors=answer("missing")))
    (row,) = rows([one])
    assert (row["learner"], row["points"], row["of"], row["minutes"]) == ("Ada", "4", "6", "1.0")
    assert (row["nb05.collapsed_cost"], row["nb05.cure"], row["nb05.survivors"]) == ("1", "0", "")
    assert row["status"] == "missing: my_x"


@pytest.mark.parametrize("event", ["time-out: stopped after 9 s", "crash in cell 3", ""])
def test_a_run_without_verdicts_has_a_status_and_no_points(event):
    events = [event] if event else []
    one = results.grade(submission(), {**outcome(), "answers": {}, "events": events})
    (row,) = rows([one])
    assert not one.is_graded
    assert row["points"] == "" and row["status"] == (event or "crash: it left no verdicts")


def test_a_learners_two_notebooks_are_one_row():
    other = next(one for one in COURSE if one.name == "07_handwritten_letters")
    second = collect.Submission("ada", (FIVE_PATH,), other)
    answers = {name: answer("right") for name in other.questions}
    graded = [
        results.grade(submission("Ada"), outcome()),
        results.grade(second, {**outcome(), "answers": answers, "events": ["error in cell 2"]}),
    ]
    (row,) = rows(graded)
    assert (row["points"], row["of"]) == ("10", "10")
    assert row["status"] == "05: ok; 07: error in cell 2"


def test_a_spreadsheet_takes_no_name_for_a_formula():
    (row,) = rows([results.grade(submission("=1+1"), outcome())])
    assert row["learner"] == "'=1+1"


def test_the_class_page_counts_mistakes_that_differ_in_numbers_only_as_one():
    said = "not yet. The result is 12.5 times too small."
    graded = [
        results.grade(submission("Ada"), outcome(cure=answer("wrong", said))),
        results.grade(submission("Bo"), outcome(cure=answer("wrong", said.replace("12.5", "8")))),
        results.grade(submission("Cy"), outcome(cure=answer("wrong", "not yet. <Another> one."))),
        results.grade(submission("Di"), {**outcome(), "answers": {}, "events": ["crash"]}),
    ]
    one = next(one for one in results.tally(graded) if one.question == "cure")
    assert one.mistakes[0] == ("The result is 12.5 times too small.", ["Ada", "Bo"])
    assert one.states == {"right": 0, "wrong": 3, "not attempted": 0, "missing": 0}
    page = report.class_page(graded)
    assert "4 handed in,\n3 graded" in page and "&lt;Another&gt; one." in page


def test_the_feedback_gives_the_diagnosis_and_says_that_a_crash_is_not_no_points(tmp_path):
    said = answer("wrong", "not yet. these are bits.")
    graded = [
        results.grade(submission("Ada/../x"), outcome(cure=said)),
        results.grade(
            submission("Di"), {**outcome(), "answers": {}, "events": ["crash in cell 3"]}
        ),
    ]
    report.write_pages(graded, tmp_path)
    assert sorted(path.name for path in (tmp_path / "feedback").iterdir()) == [
        "Ada-..-x.html",
        "Di.html",
    ]
    page = (tmp_path / "feedback" / "Ada-..-x.html").read_text(encoding="utf-8")
    assert "5 of 6 right." in page and "These are bits." in page
    page = (tmp_path / "feedback" / "Di.html").read_text(encoding="utf-8")
    assert "not the same as no points" in page and "Restart the kernel" in page


@pytest.fixture
def runs(monkeypatch):
    """Submissions that are not run: what would have been."""
    done = []

    def run(path, assignment, limits, fonts):
        done.append(path.name)
        return outcome()

    monkeypatch.setattr(execute, "run", run)
    return done


def test_a_second_call_goes_on_and_a_changed_file_or_limit_is_run_again(plain, tmp_path, runs):
    for learner in ("Ada", "Bo"):
        save(plain, tmp_path / "in", f"{learner}.ipynb")
    arguments = [str(tmp_path / "in"), "--out", str(tmp_path / "out" / "marks.csv")]
    assert command.main(arguments) == 0
    assert command.main(arguments) == 0
    assert sorted(runs) == ["Ada.ipynb", "Bo.ipynb"]
    save(right(plain, "05"), tmp_path / "in", "Bo.ipynb")
    command.main(arguments)
    assert runs[2:] == ["Bo.ipynb"]
    command.main([*arguments, "--seconds", "99"])
    assert len(runs) == 5
    for kept in (tmp_path / "out" / "marks" / "kept").iterdir():
        kept.write_text("{")
    command.main(arguments)
    assert len(runs) == 7


def test_the_exit_status_says_whether_all_could_be_graded(plain, tmp_path, runs, capsys):
    out = ["--out", str(tmp_path / "grades.csv")]
    assert command.main([str(tmp_path / "none"), *out]) == 2
    (tmp_path / "in").mkdir()
    assert command.main([str(tmp_path / "in"), *out]) == 2
    assert "nothing to grade" in capsys.readouterr().out.replace("holds nothing to", "nothing to")
    save(plain, tmp_path / "in", "Ada.ipynb")
    (tmp_path / "in" / "Bo").mkdir()
    assert command.main([str(tmp_path / "in"), *out]) == 1
    assert "not graded: Bo: empty folder" in capsys.readouterr().out
    assert command.main([str(tmp_path / "in"), *out, "--only", "07"]) == 1


def test_what_was_graded_is_kept_when_the_teacher_stops(plain, tmp_path, monkeypatch, capsys):
    def run(path, *_):
        if path.name == "Bo.ipynb":
            raise KeyboardInterrupt
        return outcome()

    monkeypatch.setattr(execute, "run", run)
    for learner in ("Ada", "Bo"):
        save(plain, tmp_path / "in", f"{learner}.ipynb")
    arguments = [str(tmp_path / "in"), "--out", str(tmp_path / "grades.csv"), "--jobs", "1"]
    assert command.main(arguments) == 130
    assert "goes on from here" in capsys.readouterr().out
    assert len(list((tmp_path / "grades" / "kept").iterdir())) == 1
    assert not (tmp_path / "grades.csv").exists()


def test_the_environment_of_a_submission_holds_no_tokens(monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_API_TOKEN", "secret")
    variables = execute.environment(tmp_path, tmp_path)
    assert "secret" not in variables.values()
    assert variables["HOME"] == str(tmp_path) and variables["VAE_OFFLINE"] == "1"


@pytest.mark.skipif(not execute.no_network(), reason="this user may not take the network away")
def test_a_process_without_a_network_sees_only_itself():
    code = "import socket; print([name for _, name in socket.if_nameindex()])"
    command = [*execute.no_network(), sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "['lo']\n"


def test_nothing_of_the_course_is_taken_for_replaced_and_what_is_replaced_is_named(monkeypatch):
    from coursetools.package import Package

    from vae_helpers import elbo, parts

    for name in Package(notebooks.ROOT / "vae_helpers").modules():
        importlib.import_module(f"vae_helpers.{name}".rstrip("."))
    assert kernel.replaced() == []
    monkeypatch.setattr(elbo, "gaussian_kl", lambda *_: 0.0)
    monkeypatch.setattr(parts.Encoder, "call", lambda self, images: images)
    assert kernel.replaced() == ["vae_helpers.elbo.gaussian_kl", "vae_helpers.parts.Encoder.call"]


def test_exports_become_a_table_with_one_row_a_learner(tmp_path, capsys):
    def export(name, learner, when, state):
        notebook = {"nb05": {"cure": {"state": state, "tries": 1}}}
        content = {"learner": learner, "when": when, "notebooks": notebook}
        (tmp_path / name).write_text(json.dumps(content))

    assert progress.main([str(tmp_path)]) == 2
    export("progress-ada.json", "Ada", "2026-01-01", "wrong")
    export("progress-ada-2.json", "ada", "2026-01-02", "right")
    export("progress-bo.json", "Bo", "2026-01-01", "wrong")
    out = tmp_path / "progress.csv"
    assert progress.main([str(tmp_path), "--out", str(out)]) == 0
    assert "handed in twice: " in capsys.readouterr().out
    table = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [(row["learner"], row["right"], row["nb05.cure"]) for row in table] == [
        ("ada", "1", "right"),
        ("Bo", "0", "wrong"),
    ]
    (tmp_path / "progress-x.json").write_text("[]")
    assert progress.main([str(tmp_path), "--out", str(out)]) == 1


EXPECTED = {  # learner -> (points, what the status begins with)
    "Right": ("6", "ok"),
    "Blank": ("0", "ok"),
    "Half": ("3", "ok"),
    "Wrong0": ("0", "ok"),
    "Crash": ("", "crash in cell 5"),
    "Endless": ("6", "time-out in cell 4"),
    "Doubled": ("6", "ok"),
    "Stripped": ("6", "ok"),
    "Cheat": ("0", "ok"),
    "Flood": ("6", "ok"),
    "Raises": ("6", "error in cell 4: KeyError: 'nothing here'"),
    "Tamper": ("6", "the notebook replaced vae_helpers.elbo.gaussian_kl of the course"),
    "Hungry": ("6", "error in cell 4: MemoryError" if sys.platform == "linux" else "ok"),
    "Kaggle": ("6", "ok"),
    "Renamed": ("6", "renamed: my_own_bits instead of my_bits"),
    "Missing": ("5", "missing: my_survivors"),
    "Twice": ("", "handed in twice"),
    "Empty": ("", "empty folder"),
    "Unreadable": ("", "unreadable"),
    "Scan": ("", "unreadable"),
    "Other": ("", "unknown"),
}


@pytest.mark.slow
def test_a_class_is_graded_and_everything_that_happens_in_one_has_a_status(tmp_path, capsys):
    class_of_05(tmp_path / "in")
    for name in ("Wrong1", "Wrong2"):
        next((tmp_path / "in" / name).iterdir()).unlink()
        (tmp_path / "in" / name).rmdir()
    out = tmp_path / "grades.csv"
    assert command.main([str(tmp_path / "in"), "--out", str(out), "--cell-seconds", "60"]) == 1
    found = {row["learner"]: row for row in csv.DictReader(io.StringIO(out.read_text()))}
    assert found.keys() == EXPECTED.keys()
    for learner, (points, status) in EXPECTED.items():
        assert found[learner]["points"] == points, found[learner]
        assert found[learner]["status"].startswith(status), found[learner]
    page = (tmp_path / "grades" / "feedback" / "Wrong0.html").read_text(encoding="utf-8")
    assert "This is per PIXEL, as the default loss reports it." in page
    assert nbformat.read(tmp_path / "in" / "Right" / "05_reduction_pitfall.ipynb", 4)  # untouched
