"""What a run amounts to: a status in words, and points by question; kept, to be resumed."""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from coursetools import notebooks
from coursetools.files import write_atomically
from coursetools.grade.collect import Submission
from coursetools.grade.execute import Limits
from coursetools.grade.kernel import BLANK, MISSING, RIGHT, WRONG

POINTS = {RIGHT: 1, WRONG: 0, BLANK: 0}
STATES = (RIGHT, WRONG, BLANK, MISSING)
NUMBER = re.compile(r"-?\d[\d.,]*(e[+-]?\d+)?")


@dataclass
class Graded:
    """One submission with its verdicts.

    Attributes:
        learner: whose it is.
        notebook: name of the course's notebook, "" where it is not known.
        files: names of what was handed in.
        status: "ok", or all that the teacher should know, in words.
        seconds: from start to end of its run.
        answers: {question: {"state", "message", "variable", "task", "notes"}}; empty when nothing
            could be judged, which is not the same as no points.
        questions: names of the notebook's questions.
        warning: a limit that was not in force.
        number: of the module of its questions, "05" or "14_own".
    """

    learner: str
    notebook: str
    files: list[str]
    status: str
    seconds: float = 0.0
    answers: dict = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    warning: str = ""
    number: str = ""

    @property
    def is_graded(self) -> bool:
        """Whether there are points, be they none; otherwise the teacher has to look."""
        return bool(self.answers)

    def points(self, question: str) -> int | None:
        """Return 1 or 0, or None where there is no answer to judge."""
        return POINTS.get(self.answers.get(question, {}).get("state"))

    @property
    def total(self) -> int | None:
        """Points of all questions, or None when nothing could be judged."""
        return sum(self.points(name) or 0 for name in self.questions) if self.answers else None


def grade(submission: Submission, result: dict | None) -> Graded:
    """Return what a run's result says of a submission.

    Args:
        submission: what was handed in.
        result: what `execute.run` returned; None for what cannot be run.
    """
    files = [f"{path.parent.name}/{path.name}" for path in submission.files]
    one = submission.assignment
    name, number, questions = (one.name, one.number, list(one.questions)) if one else ("", "", [])
    about = {"questions": questions, "number": number}
    if result is None:
        return Graded(submission.learner, name, files, submission.problem, **about)
    words = list(result["events"])
    for answer in result["answers"].values():
        words += answer["notes"]
        if answer["state"] == MISSING:
            words.append(f"missing: {answer['variable']}")
    words += [f"the notebook replaced {name} of the course" for name in result["altered"]]
    if not result["answers"] and not words:
        words = ["crash: it left no verdicts"]
    return Graded(
        submission.learner,
        name,
        files,
        "; ".join(words) or "ok",
        result["seconds"],
        result["answers"],
        warning=result.get("warning", ""),
        **about,
    )


def fingerprint(folder: Path = notebooks.ROOT) -> str:
    """Return a hash of what judges: the package and the grader."""
    total = hashlib.sha256()
    for part in ("vae_helpers", "tools/coursetools/grade"):
        for path in sorted((folder / part).rglob("*.py")):
            total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


class Kept:
    """Verdicts of earlier runs, each known by the notebook's bytes, the course's and the limits.

    Args:
        folder: where they are kept.
        limits: of this run; with others, a submission is run again.
    """

    def __init__(self, folder: Path, limits: Limits):
        self.folder = folder
        self.how = f"{fingerprint()} {limits}"

    def _path(self, submission):
        content = submission.files[0].read_bytes()
        what = f"{self.how} {submission.assignment}".encode() + content
        start = re.sub(r"\W+", "-", submission.learner)[:40]
        whose = hashlib.sha256(submission.learner.encode()).hexdigest()[:8]
        return self.folder / f"{start}-{whose}-{hashlib.sha256(what).hexdigest()[:16]}.json"

    def get(self, submission: Submission) -> Graded | None:
        """Return what is kept of a submission; None when it is new, or the file is damaged."""
        try:
            return Graded(**json.loads(self._path(submission).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def put(self, submission: Submission, graded: Graded) -> None:
        """Keep what came of a submission."""
        write_atomically(self._path(submission), json.dumps(asdict(graded), indent=1))


def table(graded: Iterable[Graded]) -> str:
    """Return the CSV: one row a learner, points by question, minutes and status.

    A cell is empty where there was no answer to judge. `points` and `of` count what was handed in.
    """
    graded = list(graded)
    columns = dict.fromkeys(f"nb{one.number}.{name}" for one in graded for name in one.questions)
    learners = {}
    for one in graded:
        learners.setdefault(one.learner.casefold(), []).append(one)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["learner", "notebook", "status", "minutes", "points", "of", *columns, "file"])
    for own in learners.values():
        points = [one.total for one in own if one.is_graded]
        cells = {
            f"nb{one.number}.{name}": one.points(name) for one in own for name in one.questions
        }
        status = [f"{one.number}: {one.status}" if len(own) > 1 else one.status for one in own]
        writer.writerow(
            [
                harmless(own[0].learner),
                " ".join(one.notebook for one in own),
                harmless("; ".join(status)),
                f"{sum(one.seconds for one in own) / 60:.1f}",
                sum(points) if points else "",
                sum(len(one.questions) for one in own) or "",
                *(cells.get(name) for name in columns),
                harmless(" ".join(file for one in own for file in one.files)),
            ]
        )
    return text.getvalue()


def harmless(text):
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


@dataclass(frozen=True)
class Tally:
    """One question in a class.

    Attributes:
        question: its name.
        task: what it asks.
        states: {state: number of learners}.
        mistakes: (message, learners who made it), the most frequent first.
    """

    question: str
    task: str
    states: dict[str, int]
    mistakes: list[tuple[str, list[str]]]


def tally(graded: Iterable[Graded]) -> list[Tally]:
    """Count, question by question, how many made which mistake.

    Diagnoses that differ in their numbers only ("off by up to 0.3") count as one.

    Args:
        graded: the submissions of one notebook.
    """
    graded = [one for one in graded if one.is_graded]
    found = []
    for question in dict.fromkeys(name for one in graded for name in one.questions):
        answers = [(one.learner, one.answers[question]) for one in graded]
        states = Counter(answer["state"] for _, answer in answers)
        groups = {}
        for learner, answer in answers:
            if answer["state"] == WRONG:
                words = answer["message"].removeprefix("not yet. ")
                groups.setdefault(NUMBER.sub("#", words), (words, []))[1].append(learner)
        mistakes = sorted(groups.values(), key=lambda group: -len(group[1]))
        counts = {state: states.get(state, 0) for state in STATES}
        found.append(Tally(question, answers[0][1].get("task", ""), counts, mistakes))
    return found
