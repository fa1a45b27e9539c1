"""The editions of a class: what a student gets answers nothing, what a teacher gets is solved."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from coursetools import notebooks
from coursetools.classroom import command, nbgrader, slides, student, teacher
from coursetools.grade.collect import number_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from submissions import course_notebook, right, short, wrong

from vae_helpers.benchmark import RESULTS

COURSE = notebooks.find_notebooks()
EACH = pytest.mark.parametrize("path", COURSE, ids=notebooks.name_of)


def folds(path):
    return [
        fold
        for cell in notebooks.read(path).cells
        if cell.cell_type == "markdown"
        for fold in student.FOLD.findall(cell.source)
    ]


@EACH
def test_a_students_notebook_holds_no_output_no_answer_and_no_call_for_the_solution(path):
    made = student.student_notebook(notebooks.read(path))
    nbformat.validate(made)
    text = "\n".join(cell.source for cell in made.cells)
    assert "<summary>Answer" not in text and "<summary>An answer" not in text
    assert text.count("<details>") == sum(map(student.explains, folds(path)))
    assert "q.solution()" not in text and "folded answer" not in text
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_each_kind_of_explaining_fold_is_still_in_the_course():
    summaries = [summary for path in COURSE for summary in folds(path)]
    unused = [
        start for start in student.EXPLAINS if not any(s.startswith(start) for s in summaries)
    ]
    assert unused == []


def test_a_fold_that_answers_goes_and_one_that_explains_stays():
    answer = "<details><summary>Answer</summary>\n\nIt is 4.\n</details>"
    why = "<details><summary>Why the last step holds</summary>\n\nBecause.\n</details>"
    assert student.without_answers(f"What is it?\n\n{answer}\n\n{why}") == f"What is it?\n\n{why}"


def test_the_package_of_a_student_has_every_module_but_the_solutions(tmp_path):
    package = notebooks.ROOT / "vae_helpers"
    student.copy_package(package, tmp_path / "vae_helpers")
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*") if path.is_file()}
    all_files = {
        path.relative_to(notebooks.ROOT)
        for path in package.rglob("*.*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    gone = {path for path in all_files if path.parent.name == "solutions"}
    assert gone and made == all_files - gone


@EACH
def test_a_teachers_notebook_has_a_solution_for_every_blank(path):
    notebook = notebooks.read(path)
    solved, missing = teacher.solve(notebook, number_of(path, notebook.cells))
    assert missing == []
    left = [
        cell.id for cell in solved.cells if cell.cell_type == "code" and "= ____" in cell.source
    ]
    assert left == []


def test_a_definition_is_replaced_with_its_decorators_and_the_rest_of_the_cell_stays():
    source = (
        "q = nb05.cure\n\n\n@tf.function\ndef my_loss(x):\n    return ____\n\n\nq.check(my_loss)"
    )
    made = teacher.replaced(source, "my_loss", "def my_loss(x):\n    return x")
    assert made == "q = nb05.cure\n\n\ndef my_loss(x):\n    return x\n\n\nq.check(my_loss)"
    assert teacher.replaced(source, "other", "") is None
    assert teacher.replaced("%matplotlib inline", "my_loss", "") is None


def test_solutions_that_are_not_right_are_told():
    cell = new_code_cell("")
    cell.outputs = [nbformat.v4.new_output("stream", text="a: right.\nb: not yet. No.\n")]
    other = new_code_cell("")
    other.outputs = [nbformat.v4.new_output("stream", text="c: not attempted yet\n")]
    assert teacher.wrong_answers(new_notebook(cells=[cell, other])) == ["b", "c"]


PICTURE = nbformat.v4.new_output("display_data", data={"image/png": "AAAA"})


def test_slides_begin_at_headings_and_a_figure_has_one_of_its_own():
    cell = new_code_cell("draw()")
    cell.outputs = [PICTURE]
    words = "\n\n".join(["one two three " * 20] * 3)
    cells = [new_markdown_cell(f"# Title\n\n{words}\n\n## Next\n\nText."), cell]
    made = slides.slide_cells(new_notebook(cells=[new_code_cell("import os"), *cells]))
    kinds = [cell.metadata["slideshow"]["slide_type"] for cell in made]
    assert kinds == ["slide", "subslide", "subslide", "slide", "-", "subslide"]
    assert made[-2].outputs == [] and made[-1].metadata["tags"] == [slides.OUTPUT_ONLY]


def test_what_leads_to_a_list_stays_with_it():
    long = "word " * (slides.WORDS - 3)
    assert slides.paragraphs(f"## Next\n\n{long}\n\nSo:\n\n- one two three four") == [
        f"## Next\n\n{long.strip()}\n\nSo:\n\n- one two three four"
    ]


def test_prose_is_not_cut_inside_code_or_a_fold():
    code = "```python\na\n\nb\n```"
    fold = "<details><summary>Why so</summary>\n\ntext\n\n</details>"
    long = "word " * slides.WORDS
    assert slides.paragraphs(f"{long}\n\n{code}\n\n{long}\n\n{fold}") == [
        long.strip(),
        code,
        long.strip(),
        fold,
    ]


def test_slides_without_reveal_name_what_to_install(monkeypatch):
    monkeypatch.setattr(slides.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"\.\[classroom\]"):
        slides.assets()


def test_slides_ask_nothing_of_the_network_and_give_no_answer():
    notebook = short(course_notebook("05"))
    page = slides.page(notebook, "05_reduction_pitfall")
    assert 'src="reveal.js/dist/reveal.js"' in page
    assert not re.search(r'(?:src|href)="https?://[^"]*\.(?:js|css)', page)
    assert "cdn" not in page.lower().split("<body")[0]
    assert slides.page(notebook, "deeper/05_x").count('src="../reveal.js/dist/reveal.js"') == 1


@pytest.mark.browser
def test_slides_turn_in_a_browser_without_the_network(page, tmp_path):
    pytest.importorskip("sphinx_revealjs")
    errors = []
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else 0
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    slides.write(notebooks.find_notebooks(only=["05_reduction"]), tmp_path)
    page.goto((tmp_path / "05_reduction_pitfall.html").as_uri())
    page.wait_for_selector(".reveal.ready")
    first = page.evaluate("Reveal.getCurrentSlide().innerText")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("Reveal.getIndices().h === 1")
    assert page.evaluate("Reveal.getCurrentSlide().innerText") != first
    assert page.outside_requests == [] and errors == []


@pytest.mark.parametrize("number", ["05", "06"])
def test_nbgraders_source_has_an_answer_and_a_test_cell_for_each_question(number):
    made = nbgrader.graded(course_notebook(number), number)
    marks = [cell.metadata["nbgrader"] for cell in made.cells if "nbgrader" in cell.metadata]
    ids = [mark["grade_id"] for mark in marks]
    assert len(ids) == len(set(ids)) and len(ids) % 2 == 0
    assert sum(mark["grade"] for mark in marks) == sum(mark["solution"] for mark in marks)
    for cell in made.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            before, _, after = cell.source.partition("### BEGIN SOLUTION")
            assert "____" in before and "### END SOLUTION" in after


def grader(folder, *arguments):
    path = os.pathsep.join([str(notebooks.ROOT), os.environ.get("PYTHONPATH", "")])
    programs = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PATH": programs},  # it calls `alembic`
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", os.environ.get("NBGRADER", "02 05").split())  # others by hand
def test_nbgrader_itself_gives_a_right_a_blank_and_a_wrong_notebook_their_points(number, tmp_path):
    pytest.importorskip("nbgrader")
    plain = short(course_notebook(number))
    name = notebooks.name_of(notebooks.find_notebooks(only=[number])[0])
    path = tmp_path / f"{name}.ipynb"
    nbformat.write(plain, path)
    course = tmp_path / "course"
    nbgrader.write([path], course)
    done = grader(course, "generate_assignment", name, "--create")
    assert done.returncode == 0, done.stderr
    blank = nbformat.read(course / "release" / name / path.name, 4)
    assert not any("END SOLUTION" in cell.source for cell in blank.cells)
    points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in blank.cells)
    made = {"right": right(blank, number), "blank": blank, "wrong": wrong(blank, number)}
    for learner, notebook in made.items():
        file = course / "submitted" / learner / name / path.name
        file.parent.mkdir(parents=True)
        nbformat.write(notebook, file)
    done = grader(course, "autograde", name, "--create")
    assert done.returncode == 0, done.stderr
    done = grader(course, "export")
    assert done.returncode == 0, done.stderr
    lines = [line.split(",") for line in (course / "grades.csv").read_text().splitlines()]
    head = lines[0]
    scores = {line[head.index("student_id")]: line[head.index("score")] for line in lines[1:]}
    assert points >= 4
    assert {learner: float(score) for learner, score in scores.items()} == {
        "right": points,
        "blank": 0,
        "wrong": 0,
    }


def test_the_command_writes_all_editions_and_a_failing_solution_is_named(
    tmp_path, monkeypatch, capsys
):
    path = tmp_path / "05_reduction_pitfall.ipynb"
    nbformat.write(short(course_notebook("05")), path)
    monkeypatch.setattr(slides, "copy_assets", lambda folder: None)
    build = tmp_path / "build"
    arguments = ["--notebooks", str(tmp_path), "--build", str(build), "--nbgrader"]
    assert command.main([*arguments, "--no-execute"]) == 0
    made = {str(file.relative_to(build)) for file in build.rglob("*") if file.suffix != ".py"}
    assert {"student.zip", "student/README.md", f"student/notebooks/{path.name}"} <= made
    assert {f"student/{path}" for path in RESULTS.values()} <= made  # the package reads them
    assert {f"teacher/{path.name}", "slides/05_reduction_pitfall.html"} <= made
    assert f"nbgrader/source/{path.stem}/{path.name}" in made
    monkeypatch.setattr(teacher.execute, "execute", lambda *_: (_not_right(), _fine()))
    assert command.main(arguments) == 1
    assert "its own solutions are not right: cure" in capsys.readouterr().out


def _not_right():
    cell = new_code_cell("")
    cell.outputs = [nbformat.v4.new_output("stream", text="cure: not yet. No.\n")]
    return new_notebook(cells=[cell])


def _fine():
    return type("Result", (), {"error": ""})()
