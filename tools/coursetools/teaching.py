"""Keep in the teacher's guide what the notebooks say of themselves: goals, minutes, what they need.

    python -m coursetools teaching

For each notebook docs/teaching.md has a place between two comments; what stands outside of them,
the misconceptions and the plans, is written by hand.
"""

import argparse
import re
from pathlib import Path

from coursetools import notebooks
from coursetools.files import between, write_atomically

PAGE = notebooks.ROOT / "docs" / "teaching.md"
QUESTION = re.compile(r"\bnb(\d\d)\.([a-z_]\w*)")


def main_line() -> list[Path]:
    """Return the main line's notebooks, which a class goes through."""
    return [p for p in notebooks.find_notebooks() if p.parent.name != notebooks.DEEPER]


def facts(path: Path) -> str:
    """Return what a notebook's first cells say of it, as Markdown for a page in docs/.

    Args:
        path: the notebook.

    Raises:
        ValueError: naming what the notebook does not say.
    """
    cells = notebooks.read(path).cells
    head = "\n\n".join(cell.source for cell in cells[:3] if cell.cell_type == "markdown")
    question = _find(path, "question", r"\*\*The question\.\*\* (.+?)\n\n", head)
    run = _find(path, "time to run", r"\*\*Time:?\*\*:? about (.+?) to run", head)
    study = _find(path, "time to study", r"(\d+) minutes to study", head)
    needs = _find(
        path, "assumptions", r"\*\*(?:What it|It) assumes\.?\*\*:? *(.+?)(?:\n\n|\Z)", head
    )
    goals = re.findall(r"^\d\. (.+)$", head, re.MULTILINE)
    if not goals:
        raise ValueError(f"{path.name} says no goals")
    lines = [
        f"*{_flat(question)}*",
        "",
        *(f"{number}. {_flat(goal)}" for number, goal in enumerate(goals, start=1)),
        "",
        f"**Minutes:** {run} to run on two CPU cores, {study} to study. "
        f"**Before it:** {_from_docs(_flat(needs))}",
    ]
    return "\n".join(lines)


def _find(path, what, pattern, text):
    match = re.search(pattern, text, re.DOTALL)
    if not match:
        raise ValueError(f"{path.name} does not say its {what}")
    return match[1]


def _flat(text):
    return " ".join(text.split())


def _from_docs(text):
    """Lead links between notebooks from docs/ to them."""
    return re.sub(r"\]\((?!\w+:)([\w/]+\.ipynb)", r"](../notebooks/\1", text)


def places(number: str) -> tuple[str, str]:
    """Return the comments between which the facts of a notebook stand."""
    return f"<!-- {number}: read from the notebook -->", f"<!-- /{number} -->"


def with_facts(page: str, paths: list[Path]) -> str:
    """Return the guide with the facts of these notebooks.

    Raises:
        ValueError: when the guide has no place for one, or a notebook does not say all of them.
    """
    for path in paths:
        page = between(page, *places(path.name[:2]), facts(path))
    return page


def asked() -> dict[str, list[str]]:
    """Return {number: names of the questions that its notebook and deeper pages ask, in order}."""
    found = {}
    for path in notebooks.find_notebooks():
        code = [cell.source for cell in notebooks.read(path).cells if cell.cell_type == "code"]
        for number, name in QUESTION.findall("\n".join(code)):
            names = found.setdefault(number, [])
            if name not in names:
                names.append(name)
    return found


def main(arguments=None, prog=None):
    argparse.ArgumentParser(prog, description=__doc__.splitlines()[0]).parse_args(arguments)
    page = with_facts(PAGE.read_text(encoding="utf-8"), main_line())
    write_atomically(PAGE, page)
    print(f"{PAGE.relative_to(notebooks.ROOT)}: the facts of {len(main_line())} notebooks")
    return 0
