"""Submissions as learners hand them in, made from the course's own notebooks."""

import copy
import re

import nbformat
from coursetools import notebooks
from coursetools.classroom import teacher
from coursetools.grade.collect import QUESTION
from coursetools.render import kaggle
from nbformat.v4 import new_code_cell


def course_notebook(number):
    return notebooks.read(notebooks.find_notebooks(only=[number])[0])


def short(notebook):
    """The notebook without what trains: its title, imports and classes, and the cells that ask."""
    notebook = copy.deepcopy(notebook)
    keep = []
    for cell in notebook.cells[1:]:
        asked = re.search(r"\bimport |\.check\(|^class ", cell.source, re.MULTILINE)
        if cell.cell_type == "code" and asked:
            cell.outputs, cell.execution_count = [], None
            keep.append(cell)
    notebook.cells = [notebook.cells[0], *keep]
    return notebook


def right(notebook, number, only=None):
    """All questions answered with the course's solutions, or those that `only` names."""
    known = teacher.solutions(number)
    return _answered(notebook, number, {name: known[name] for name in only or known})


def wrong(notebook, number, way=0):
    """Each question answered with one of the mistakes that it knows."""
    answers = {}
    for name, (variable, _) in teacher.solutions(number).items():
        module = f"__import__('vae_helpers.exercises.nb{number}').exercises.nb{number}"
        known = f"[one.wrong for one in {module}.{name}.mistakes if one.wrong is not None]"
        answers[name] = variable, f"{variable} = (lambda all: all[{way} % len(all)])({known})"
    return _answered(notebook, number, answers)


def _answered(notebook, number, answers):
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code" and ".check(" in cell.source:
            for digits, name in QUESTION.findall(cell.source):
                if digits == number and name in answers:
                    cell.source = teacher.replaced(cell.source, *answers[name]) or cell.source
    return notebook


def with_cell(notebook, source, position=2):
    """The notebook with one more cell of code."""
    notebook = copy.deepcopy(notebook)
    notebook.cells.insert(position, new_code_cell(source))
    return notebook


def renamed(notebook, old, new):
    """A variable of another name, in the whole notebook."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace(old, new)
    return notebook


def without(notebook, text):
    """The notebook without the cells of code that have this text."""
    notebook = copy.deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if text not in cell.source]
    return notebook


def doubled(notebook, filled, text):
    """A filled cell, copied, and its copy blank: the cell of `filled`, then that of `notebook`."""
    double = copy.deepcopy(filled)
    for position, cell in enumerate(filled.cells):
        if text in cell.source:
            blank = copy.deepcopy(notebook.cells[position])
            double.cells.insert(position + 1, blank)
    return double


def stripped(notebook):
    """As it comes back from elsewhere: no metadata, no cell ids, another format."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata, notebook.nbformat_minor = {}, 4
    for cell in notebook.cells:
        cell.metadata = {}
        cell.pop("id", None)
    return notebook


CHEAT = """
from vae_helpers.exercises import question
class Yes:
    status, message = "right", "right."
question.Question.judge = question.Question.check = lambda *_: Yes()
for one in question.questions(nb05):
    one.judge = one.check = lambda *_: Yes()
    one._fault = lambda *_: ""
class nb05:
    def __getattr__(self, name):
        return self
nb05 = nb05()
nb05.check = lambda *_: print("right")
"""
ENDLESS = "while True:\n    pass"
CRASH = "import os\nos._exit(3)"
FLOOD = "for _ in range(100):\n    print('x' * 1_000_000)"
HUNGRY = "much = bytearray(20 * 2**30)"
RAISES = "raise KeyError('nothing here')"
TAMPER = "from vae_helpers import elbo\nelbo.gaussian_kl = lambda *_: 0.0"


def save(notebook, folder, name):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def class_of_05(folder):
    """A folder in which everything that happens in a class has happened, with notebook 05."""
    plain = short(course_notebook("05"))
    good = right(plain, "05")
    save(good, folder, "Right/05_reduction_pitfall.ipynb")
    save(plain, folder, "Blank/05_reduction_pitfall.ipynb")
    half = right(plain, "05", ["collapsed_cost", "cure", "survivors"])
    save(half, folder, "05_reduction_pitfall_Half.ipynb")
    for way in range(3):
        save(wrong(plain, "05", way), folder, f"Wrong{way}/pitfall.ipynb")
    save(with_cell(good, CRASH, 4), folder, "Crash.ipynb")
    save(with_cell(good, ENDLESS, 3), folder, "Endless.ipynb")
    save(doubled(plain, good, "nb05.cure"), folder, "Doubled.ipynb")
    save(stripped(good), folder, "Stripped/Untitled7.ipynb")
    save(with_cell(plain, CHEAT, 3), folder, "Cheat.ipynb")
    save(with_cell(good, FLOOD, 3), folder, "Flood.ipynb")
    save(with_cell(good, RAISES, 3), folder, "Raises.ipynb")
    save(with_cell(good, TAMPER, 3), folder, "Tamper.ipynb")
    save(with_cell(good, HUNGRY, 3), folder, "Hungry.ipynb")
    save(kaggle.render(good, notebooks.ROOT / kaggle.PACKAGE), folder, "Kaggle.ipynb")
    save(renamed(good, "my_bits", "my_own_bits"), folder, "Renamed.ipynb")
    save(without(good, "nb05.survivors"), folder, "Missing.ipynb")
    save(good, folder, "Twice/a.ipynb")
    save(good, folder, "Twice/b.ipynb")
    (folder / "Empty").mkdir()
    (folder / "Unreadable.ipynb").write_text("{not a notebook", encoding="utf-8")
    (folder / "Scan.pdf").write_bytes(b"%PDF")
    other = nbformat.v4.new_notebook(cells=[new_code_cell("print('another course')")])
    save(other, folder, "Other.ipynb")
