"""Checked exercises: one module a notebook, with questions that know your mistake.

    from vae_helpers.exercises import ____, nb02

    q = nb02.gaussian_kl
    q.check(my_kl)      # right, not attempted yet, or which mistake it is
    q.hint()
    q.solution()

`progress()` shows what is done; `record` keeps it beside the notebook. `question` says how to write
a question.
"""

import contextlib
import importlib
import re
import sys

from vae_helpers.exercises.blank import ____

__all__ = ["____", "progress"]


def __getattr__(name):
    """Load `nb02` and its like when they are asked for, so that this import stays light.

    A deeper page that has questions of its own adds a word: `nb14_own`.
    """
    if re.fullmatch(r"nb\d\d(_[a-z]+)?", name):
        try:
            module = importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
        else:
            with contextlib.suppress(ModuleNotFoundError):  # a Kaggle rendering goes without
                importlib.import_module(f"{__name__}.record").keep(module)
            return module
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Progress:
    """What is done: (notebook, question, state, number of tries), printed as a table."""

    def __init__(self, rows):
        self.rows = rows

    def __str__(self):
        if not self.rows:
            return "No exercises are loaded yet: from vae_helpers.exercises import nb02"
        width = max(len(name) for _, name, _, _ in self.rows)
        lines = []
        for notebook, name, state, tries in self.rows:
            times = f" ({tries} {'try' if tries == 1 else 'tries'})" if tries else ""
            lines.append(f"{notebook}  {name:{width}}  {state}{times}")
        done = sum(state == "right" for _, _, state, _ in self.rows)
        return "\n".join([*lines, f"{done} of {len(self.rows)} right"])

    __repr__ = __str__


def progress() -> Progress:
    """Return what is done, for the questions of the modules that this session has loaded."""
    from vae_helpers.exercises.question import questions

    pattern = rf"{__name__}\.nb\d\d(_[a-z]+)?"
    names = sorted(name for name in sys.modules if re.fullmatch(pattern, name))
    return Progress(
        [
            (name.rpartition(".")[2], question.name, question.state, question.tries)
            for name in names
            for question in questions(sys.modules[name])
        ]
    )
