"""Keep what is solved beside the notebook, so that a kernel that restarts forgets nothing.

After each cell of a notebook, what has changed is written into `vae_progress.json` in the working
folder. `progress()` reads it back. In a folder that cannot be written nothing is kept, and nothing
fails. VAE_PROGRESS=0 turns it off; so do VAE_FAST=1 and the course's own runs of its notebooks.

    from vae_helpers.exercises import record

    record.export("Ada")    # progress-Ada.json, to hand in
    record.forget()         # start again

A Kaggle rendering goes without this module: there a kernel forgets.
"""

import contextlib
import datetime
import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType

from vae_helpers import settings
from vae_helpers.exercises import progress
from vae_helpers.exercises.question import NOT_ATTEMPTED, RIGHT, WRONG, questions
from vae_helpers.files import write_atomically

FILE = "vae_progress.json"
_written = {}  # what this session wrote last


def is_on() -> bool:
    """Return whether progress is kept: in full mode, unless VAE_PROGRESS says 0, false, no, off."""
    word = os.environ.get("VAE_PROGRESS", "").strip().lower()
    return not settings.FAST and word not in {"0", "false", "no", "off"}


def keep(module: ModuleType) -> None:
    """Restore the questions of a module from the file, and write what changes after each cell.

    Nothing happens outside of a notebook.

    Args:
        module: such as `exercises.nb05`.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if not is_on() or not hasattr(shell, "kernel"):
        return
    restore(module, read())
    with contextlib.suppress(ValueError):  # not registered yet
        shell.events.unregister("post_run_cell", write)
    shell.events.register("post_run_cell", write)


def read() -> dict:
    """Return {notebook: {question: {"state", "tries"}}}; empty without a file, or a damaged one."""
    try:
        kept = json.loads(Path(FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def restore(module: ModuleType, kept: dict) -> None:
    """Give the questions of a module the states that a file has; what it does not know stays."""
    own = kept.get(module.__name__.rpartition(".")[2])
    for question in questions(module):
        entry = own.get(question.name) if isinstance(own, dict) else None
        if not isinstance(entry, dict) or question.state == RIGHT:
            continue
        state, tries = entry.get("state"), entry.get("tries")
        if state in (RIGHT, WRONG, NOT_ATTEMPTED) and isinstance(tries, int):
            question.state, question.tries = state, max(tries, question.tries)


def write(_: object = None) -> None:
    """Write what has changed since the last call; never raise.

    Other notebooks in the folder have their own entries, which are left as they are.
    """
    now = _tried()
    if now == _written:
        return
    with contextlib.suppress(OSError):
        write_atomically(FILE, json.dumps(read() | now, indent=1) + "\n")
        _written.clear()
        _written.update(now)


def _tried():
    found = {}
    for notebook, name, state, tries in progress().rows:
        if tries:
            found.setdefault(notebook, {})[name] = {"state": state, "tries": tries}
    return found


def forget() -> None:
    """Remove the file, and set all questions that are loaded back to "not attempted"."""
    for name, module in list(sys.modules.items()):
        if re.fullmatch(r"vae_helpers\.exercises\.nb\d\d(_[a-z]+)?", name):
            for question in questions(module):
                question.state, question.tries = NOT_ATTEMPTED, 0
    _written.clear()
    with contextlib.suppress(OSError):
        Path(FILE).unlink()


def export(learner: str, path: str | Path | None = None) -> Path:
    """Write what is done into a file to hand in, and return its path.

    Args:
        learner: a name, as the teacher knows it.
        path: the file; `progress-<learner>.json` in the working folder when not given.

    Raises:
        ValueError: if `learner` is empty.
        OSError: if the file cannot be written.
    """
    if not str(learner).strip():
        raise ValueError(f"learner is {learner!r}, expected a name: record.export('Ada')")
    name = re.sub(r"[^\w.-]+", "-", str(learner)).strip("-.") or "learner"
    path = Path(path or f"progress-{name}.json")
    content = {
        "learner": str(learner).strip(),
        "when": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "notebooks": read() | _tried(),
    }
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path
