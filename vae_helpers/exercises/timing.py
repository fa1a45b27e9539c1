"""Run a learner's answer for a limited time, so that an endless loop does not hang the notebook.

The answer runs in a thread. A process could be killed more cleanly, but it cannot be handed the
lambdas and classes of a notebook, and it would have to load TensorFlow first. A signal reaches the
main thread only, does not exist on Windows, and may interrupt the kernel itself.
"""

import ctypes
import queue
import re
import threading
import time
import warnings
from collections.abc import Callable
from contextvars import copy_context

import numpy as np

from vae_helpers.exercises.blank import BlankLeft

LIMIT = 1.8  # seconds; what comes after them keeps a check below 2


def in_time(fault: Callable, seconds: float = 0.0) -> str | None:
    """Return what `fault()` returns, or a sentence if it raises or takes longer than LIMIT.

    Args:
        fault: function without arguments that returns a sentence, "" or None.
        seconds: how long it may take, where that is more than LIMIT.

    Returns:
        That, without a warning printed; None when a ____ was left in what it called.
    """
    found = queue.SimpleQueue()

    def run():
        try:
            with np.errstate(all="ignore"):
                found.put(fault())
        except BlankLeft:
            found.put(None)
        except BaseException as error:
            found.put(describe(error))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # With the context, so that a notebook knows which cell a print in there belongs to.
        thread = threading.Thread(target=copy_context().run, args=(run,), daemon=True)
        thread.start()
        try:
            return found.get(timeout=max(LIMIT, seconds))
        except queue.Empty:
            _stop(thread)
            return (
                "The check, which calls it several times, was stopped after "
                f"{max(LIMIT, seconds):.0f} seconds: is there a loop that does not end, or are "
                "there more samples than the task needs?"
            )


def describe(error: BaseException) -> str:
    """Return an exception as a sentence, without colours and TensorFlow's own marks."""
    text = re.sub(r"\x1b\[[\d;]*m|\{\{[^}]*\}\}|\[Op:\w+\].*", "", str(error))
    text = " ".join(text.split())
    shapes = re.search(r"Incompatible shapes: \[([\d,]*)\] vs\.? \[([\d,]*)\]", text)
    if shapes:  # TensorFlow's words for it are a page long
        first, second = (f"({shape.replace(',', ', ')})" for shape in shapes.groups())
        return f"It combines shapes that do not fit together: {first} and {second}."
    if "truth value of an array" in text:  # NumPy's advice, all(), would make one verdict of many
        return (
            "It joins arrays with and, or, not or if, which take single values: use &, | and ~, "
            "with brackets around each condition."
        )
    if len(text) > 200:
        text = text[:197] + "..."
    return f"It raised {type(error).__name__}: {text}".rstrip(": ").rstrip(".") + "."


def _stop(thread):
    """Ask a thread to end, so that an endless loop does not go on in the background.

    Python has no call that ends a thread. PyThreadState_SetAsyncExc is what CPython offers: the
    thread raises SystemExit before its next bytecode. A loop may swallow it once (`except:`), so it
    is sent again. What hangs inside compiled code is not reached; the thread is a daemon, and ends
    with the session.
    """
    end = time.monotonic() + 0.1
    while thread.is_alive() and time.monotonic() < end:
        ident = ctypes.c_ulong(thread.ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
        thread.join(0.02)
