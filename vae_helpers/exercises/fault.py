"""What an examiner raises where it finds a fault deep inside: the sentence, and no error's name."""

import functools
from collections.abc import Callable


class Fault(Exception):
    """A sentence for the learner, on its way out of an examiner."""


def examiner(function: Callable) -> Callable:
    """Return the examiner with a `Fault` that it raises as its answer, and "" for None."""

    @functools.wraps(function)
    def examine(answer):
        try:
            return function(answer) or ""
        except Fault as fault:
            return str(fault)

    return examine
