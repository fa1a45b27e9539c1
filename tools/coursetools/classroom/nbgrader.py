"""A course for nbgrader: each exercise an answer cell, and a test cell that asks its check.

`build/classroom/nbgrader/` gets `nbgrader_config.py` and `source/NAME/NAME.ipynb`. The answer cell
is the notebook's own, blank and all, followed by the solution between nbgrader's marks; the
student's release keeps the blank. The test cell asks the question's `judge`, so that the feedback
carries the diagnosis. docs/nbgrader.md says what nbgrader does silently.
"""

import copy
from pathlib import Path

import nbformat

from coursetools import notebooks
from coursetools.classroom import teacher
from coursetools.classroom.student import SOLUTION_CALL, without_answers
from coursetools.files import write_atomically
from coursetools.grade.collect import QUESTION, number_of

SECONDS = 600  # for one cell; nbgrader's own limit of 30 is less than a training takes
CONFIG = f"""\
# Run nbgrader in this folder, in an environment that holds the course and nbgrader:
#     nbgrader generate_assignment 05_reduction_pitfall
#     nbgrader autograde 05_reduction_pitfall
#     nbgrader export
import os

os.environ["VAE_FAST"] = "1"  # less data, fewer epochs: the answers are judged, not the training
os.environ["VAE_OFFLINE"] = "1"
os.environ["VAE_PROGRESS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

c = get_config()
c.CourseDirectory.course_id = "vae"
# The blank above the solution stays; this takes the solution's place.
c.ClearSolutions.code_stub = {{"python": "# Replace each ____ above."}}
c.ExecutePreprocessor.timeout = {SECONDS}
"""
TEST = """\
verdict = nb{number}.{name}.judge({variable})
assert verdict, verdict.message"""


def graded(notebook: nbformat.NotebookNode, number: str) -> nbformat.NotebookNode:
    """Return a notebook as nbgrader's source; the given one is left alone.

    Args:
        notebook: a notebook of the course.
        number: of its module of exercises.

    Raises:
        ValueError: if a question's cell does not define its variable.
    """
    notebook, known = copy.deepcopy(notebook), teacher.solutions(number)
    cells = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            cell.source = without_answers(cell.source)
            cells.append(cell)
            continue
        cell.outputs, cell.execution_count = [], None
        cell.source = SOLUTION_CALL.sub("", cell.source).rstrip("\n")
        cells.append(cell)
        names = dict.fromkeys(QUESTION.findall(cell.source)) if ".check(" in cell.source else {}
        for digits, name in names:
            if digits == number and name in known:
                variable, code = known[name]
                cell.source = _with_solution(cell.source, name, variable, code)
                cell.metadata["nbgrader"] = _metadata(f"{name}-answer", solution=True)
                cells.append(_test_cell(cell.id, number, name, variable))
    notebook.cells = cells
    # nbgrader compares checksums of cells, and needs the language to be named.
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    return notebook


def _with_solution(source, name, variable, code):
    """Return a cell with the solution behind the blank definition of a variable."""
    blank = teacher.definition(source, variable)
    if blank is None:
        raise ValueError(f"the cell of {name} defines no {variable}: expected the blank in it")
    marked = f"{blank}\n\n\n### BEGIN SOLUTION\n{code}\n### END SOLUTION"
    return teacher.replaced(source, variable, marked)


def _test_cell(cell_id, number, name, variable):
    cell = nbformat.v4.new_code_cell(TEST.format(number=number, name=name, variable=variable))
    cell.id = f"{cell_id}-test"
    cell.metadata["nbgrader"] = _metadata(f"{name}-test", grade=True, locked=True) | {"points": 1}
    return cell


def _metadata(grade_id, grade=False, solution=False, locked=False):
    return {
        "cell_type": "code",
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }


def write(paths: list[Path], folder: Path) -> list[str]:
    """Write a course for nbgrader, and return the names of its assignments.

    Args:
        paths: the notebooks; those that ask no question are left out.
        folder: gets `nbgrader_config.py` and `source/`.
    """
    written = []
    for path in paths:
        plain = notebooks.read(path)
        notebook = graded(plain, number_of(path, plain.cells))
        if not any("nbgrader" in cell.metadata for cell in notebook.cells):
            continue
        text = nbformat.writes(notebook) + "\n"
        write_atomically(folder / "source" / path.stem / path.name, text)
        written.append(path.stem)
    write_atomically(folder / "nbgrader_config.py", CONFIG)
    return written
