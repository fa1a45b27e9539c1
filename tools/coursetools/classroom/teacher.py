"""The teacher's edition: the course's own solutions in the place of the blanks, executed."""

import ast
import copy
import importlib
import re
from pathlib import Path

import nbformat

from coursetools import execute, notebooks
from coursetools.files import write_atomically
from coursetools.grade.collect import QUESTION, number_of

NOT_RIGHT = re.compile(r"^(\w+): not (?:yet|attempted)", re.MULTILINE)


def solutions(number: str) -> dict[str, tuple[str, str]]:
    """Return {question: (variable, code)} of a notebook's module of exercises.

    Args:
        number: such as "05" or "14_own".
    """
    module = importlib.import_module(f"vae_helpers.exercises.nb{number}")
    from vae_helpers.exercises.question import questions

    return {one.name: (one.variable, one.solution_code) for one in questions(module)}


def replaced(source: str, variable: str, code: str) -> str | None:
    """Return a cell's source with another definition of a variable; None if it has none.

    Args:
        source: of the cell.
        variable: a name that a `def`, a `class` or an assignment at the top of the cell defines.
        code: takes the place of that definition.
    """
    span = _span(source, variable)
    lines = source.splitlines()
    return "\n".join([*lines[: span[0]], code, *lines[span[1] :]]) if span else None


def definition(source: str, variable: str) -> str | None:
    """Return the lines of a cell that define a variable, or None if it has none."""
    span = _span(source, variable)
    return "\n".join(source.splitlines()[slice(*span)]) if span else None


def _span(source, variable):
    """Return (first, last + 1) of the lines that define a variable."""
    try:
        nodes = ast.parse(source).body
    except SyntaxError:
        return None
    for node in nodes:
        if variable in _defined(node):
            decorators = [one.lineno for one in getattr(node, "decorator_list", [])]
            return min([node.lineno, *decorators]) - 1, node.end_lineno
    return None


def _defined(node):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()


def solve(notebook: nbformat.NotebookNode, number: str) -> tuple[nbformat.NotebookNode, list[str]]:
    """Return a notebook with the course's solutions, and the questions whose blank was not found.

    Args:
        notebook: the notebook, which is left alone.
        number: of its module of exercises.
    """
    notebook, missing = copy.deepcopy(notebook), []
    known = solutions(number)
    for cell in notebook.cells:
        if cell.cell_type != "code" or ".check(" not in cell.source:
            continue
        for digits, name in dict.fromkeys(QUESTION.findall(cell.source)):
            if digits == number and name in known:
                solved = replaced(cell.source, *known[name])
                if solved is None:
                    missing.append(name)
                else:
                    cell.source = solved
    return notebook, missing


def wrong_answers(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the questions of an executed notebook whose check did not say "right"."""
    texts = [
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream"
    ]
    return NOT_RIGHT.findall("\n".join(texts))


def write(path: Path, folder: Path, executed: bool = True, timeout: int = 1800) -> str:
    """Write a notebook's teacher's edition; return what went wrong, or "".

    Args:
        path: the notebook.
        folder: gets it, under its name in the course.
        executed: whether to execute it.
        timeout: seconds for one cell.
    """
    name = notebooks.name_of(path)
    file = folder / f"{name}.ipynb"
    notebook = notebooks.read(path)
    solved, missing = solve(notebook, number_of(path, notebook.cells))
    if missing:
        return f"no blank found for {', '.join(missing)}"
    write_atomically(file, nbformat.writes(solved) + "\n")
    if not executed:
        return ""
    solved, result = execute.execute(file, timeout)
    write_atomically(file, nbformat.writes(solved) + "\n")
    wrong = wrong_answers(solved)
    return result.error or (f"its own solutions are not right: {', '.join(wrong)}" if wrong else "")
