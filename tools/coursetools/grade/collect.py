"""Find what was handed in: which file is whose, and of which notebook of the course.

Nothing here relies on a file's name or on the metadata of its cells. A notebook is known by the
questions that its code asks, `nb05.cure` and its like, since Colab, Kaggle, mail and a learner
rename files and drop metadata.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coursetools import notebooks
from coursetools.render.kaggle import HELPERS_BEGIN

QUESTION = re.compile(r"\bnb(\d\d(?:_[a-z]+)?)\.([a-z]\w*)")
COPY = re.compile(r"(?i)[ _-]*(\(\d+\)|copy ?\d*|-checkpoint)$")  # what a second download adds
HELPERS = HELPERS_BEGIN.partition("{")[0]  # how the folded cell of a Kaggle rendering begins


@dataclass(frozen=True)
class Assignment:
    """A notebook of the course that asks questions.

    Attributes:
        name: its name in the course, such as ``05_reduction_pitfall``.
        number: of the module of its questions, ``05`` or ``14_own``.
        questions: names of the questions, in the order in which they are asked.
    """

    name: str
    number: str
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Submission:
    """One file that was handed in, or what stands in its place.

    Attributes:
        learner: whose it is.
        files: the file; several where a learner handed in the same notebook twice; none for an
            empty folder.
        assignment: the notebook, None where that could not be told.
        problem: why it cannot be graded, "" where it can.
    """

    learner: str
    files: tuple[Path, ...]
    assignment: Assignment | None = None
    problem: str = ""


def is_helpers(source: str) -> bool:
    """Return whether a cell is the one with the package that a Kaggle rendering carries."""
    return source.startswith(HELPERS)


def asked(cells: Iterable) -> dict[tuple[str, str], list[int]]:
    """Return {(number, question): positions of the code cells that name it}."""
    found = {}
    for position, cell in enumerate(cells):
        if cell.cell_type == "code" and not is_helpers(cell.source):
            for key in dict.fromkeys(QUESTION.findall(cell.source)):
                found.setdefault(key, []).append(position)
    return found


def number_of(path: Path, cells: Iterable) -> str:
    """Return the number of the module whose questions a notebook of the course checks.

    It is the notebook's own, ``05``, also on most deeper pages; one with a module of its own has
    a word more, ``14_own``.
    """
    number = path.name[:2]
    checked = Counter(
        found
        for cell in cells
        if cell.cell_type == "code" and ".check(" in cell.source
        for found, _ in QUESTION.findall(cell.source)
        if found[:2] == number
    )
    return checked.most_common(1)[0][0] if checked else number


def assignments(folder: Path = notebooks.NOTEBOOKS) -> list[Assignment]:
    """Return the course's notebooks that ask questions, in their order."""
    found = []
    for path in notebooks.find_notebooks(folder):
        cells = notebooks.read(path).cells
        code = [cell.source for cell in cells if cell.cell_type == "code"]
        number = number_of(path, cells)
        # `log_line` is a function beside the questions: a question is checked somewhere.
        named = dict.fromkeys(
            name
            for source in code
            if ".check(" in source
            for digits, name in QUESTION.findall(source)
            if digits == number
        )
        if named:
            found.append(Assignment(notebooks.name_of(path), number, tuple(named)))
    return found


def recognise(cells: Iterable, course: Iterable[Assignment]) -> Assignment | None:
    """Return the notebook of the course that asks most of what these cells ask."""
    names = set(asked(cells))
    scores = Counter(
        {one: len(names & {(one.number, name) for name in one.questions}) for one in course}
    )
    best, score = max(scores.items(), key=lambda item: item[1], default=(None, 0))
    return best if score else None


def collect(folder: Path, course: list[Assignment]) -> list[Submission]:
    """Return what a folder holds: `ada.ipynb`, or `ada/any_name.ipynb`, in any mixture.

    Args:
        folder: what was handed in; hidden files and folders are left out.
        course: the notebooks that may be handed in.

    Returns:
        One submission for each learner and notebook, sorted by the learner's name.
    """
    titles = {one.name.rpartition("/")[2].lower() for one in course}
    found = []
    for entry in _visible(folder):
        if not entry.is_dir():
            found.append(_one(_learner(entry.stem, titles), entry, course))
            continue
        files = [
            path for path in sorted(entry.rglob("*")) if path.is_file() and _shown(path, entry)
        ]
        submitted = [path for path in files if path.suffix == ".ipynb"] or files
        found += [_one(entry.name, path, course) for path in submitted]
        if not files:
            found.append(Submission(entry.name, (), problem="empty folder"))
    return _twice(sorted(found, key=lambda one: (one.learner.casefold(), str(one.files))))


def _visible(folder):
    return [path for path in sorted(folder.iterdir()) if not _hidden(path.name)]


def _shown(path, folder):
    return not any(_hidden(part) for part in path.relative_to(folder).parts)


def _hidden(name):
    return name.startswith((".", "__MACOSX"))


def _learner(stem, titles):
    """Return a learner's name: a file's, without the notebook's and without "(1)"."""
    name = COPY.sub("", stem)
    for title in titles:
        position = name.lower().find(title)
        if position >= 0:
            rest = name[:position] + name[position + len(title) :]
            name = COPY.sub("", rest).strip(" _-.") or name
    return name


def _one(learner, path, course):
    if path.suffix != ".ipynb":
        return Submission(learner, (path,), problem=f"unreadable: {path.name} is no .ipynb file")
    try:
        with warnings.catch_warnings():  # of cells with one id, as copies have
            warnings.simplefilter("ignore")
            cells = notebooks.read(path).cells
    except Exception as error:  # whatever nbformat, JSON, Unicode or the disk say of it
        words = str(error).strip().splitlines() or [""]
        what = f"unreadable: {type(error).__name__}: {words[0][:120]}"
        return Submission(learner, (path,), problem=what)
    assignment = recognise(cells, course)
    problem = "" if assignment else "unknown: it asks no question of the course"
    return Submission(learner, (path,), assignment, problem)


def _twice(found):
    """Join what one learner handed in twice; which of them counts is the teacher's to say."""
    groups = {}
    for one in found:
        name = one.assignment.name if one.assignment else str(one.files)
        groups.setdefault((one.learner.casefold(), name), []).append(one)
    joined = []
    for group in groups.values():
        if len(group) == 1:
            joined += group
            continue
        files = tuple(path for one in group for path in one.files)
        names = ", ".join(f"{path.parent.name}/{path.name}" for path in files)
        problem = f"handed in twice: {names}; leave one of them there"
        joined.append(Submission(group[0].learner, files, group[0].assignment, problem))
    return joined
