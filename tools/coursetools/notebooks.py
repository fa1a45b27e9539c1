"""What the tools share: finding and reading notebooks, and paths of somebody's machine."""

import os
import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
DEEPER = "deeper"  # the folder below of what only some want
PATTERN = "[0-9][0-9]_*.ipynb"

# A path of somebody's machine. Kaggle's and Colab's own folders are the same for everyone.
MACHINE_PATH = re.compile(
    r"(?:(?<![\w./])/(?:home|root|Users|work|mnt|media|private|var/folders|tmp)/[^\s'\"<>)]*"
    r"|\b[A-Za-z]:\\\\?(?:Users|Documents and Settings)\\[^\s'\"<>)]*)"
)


def is_fast():
    """True in fast mode; the same words count as in vae_helpers.settings, without TensorFlow."""
    return os.environ.get("VAE_FAST", "").strip().lower() in {"1", "true", "yes", "on"}


def find_notebooks(folder=NOTEBOOKS, only=()):
    """Return the files of the course's notebooks in order, each followed by its deeper pages.

    Args:
        folder: where the main line is; the deeper pages are in `deeper/` below it.
        only: beginnings of names; none means all. ``"06"`` means the notebook and its deeper
            pages, ``"06_clinic"`` this one, ``"deeper/06"`` the deeper pages of 06, ``"deeper/"``
            all of them.

    Raises:
        SystemExit: when there is no notebook, or one asked for does not exist.
    """
    folder = Path(folder)
    found = [*folder.glob(PATTERN), *folder.glob(f"{DEEPER}/{PATTERN}")]
    found.sort(key=lambda path: (path.name[:2], path.parent != folder, path.name))
    if not found:
        raise SystemExit(f"No notebook named like 01_name.ipynb in {folder}.")
    for start in only:
        if not any(_begins(path, start) for path in found):
            names = ", ".join(map(name_of, found))
            raise SystemExit(f"No notebook begins with {start!r}. There are: {names}.")
    return [path for path in found if not only or any(_begins(path, start) for start in only)]


def name_of(path):
    """Return a notebook's name in the course, ``06_clinic`` or ``deeper/06_shared_noise``."""
    return f"{DEEPER}/{path.stem}" if path.parent.name == DEEPER else path.stem


def _begins(path, start):
    return path.name.startswith(start) or name_of(path).startswith(start)


def add_choice(parser):
    """Give a command the options that say which notebooks it is for: --only and --notebooks."""
    what = "beginnings of names, such as 02 (its deeper pages too) or deeper/02"
    parser.add_argument("--only", nargs="*", default=[], help=what)
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS, help="another folder")


def read(path):
    """Read a notebook in format 4."""
    return nbformat.read(path, as_version=4)


def title(notebook, default=""):
    """Return the text of the first heading of level one."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            match = re.search(r"^# +(.+?) *$", cell.source, flags=re.MULTILINE)
            if match:
                return match[1]
    return default


def machine_paths(text):
    """Return the paths of somebody's machine that a text holds, this clone's own among them."""
    found = [match[0] for match in MACHINE_PATH.finditer(text)]
    if str(ROOT) in text and not any(str(ROOT) in path for path in found):
        found.append(str(ROOT))
    return found


def output_text(output):
    """Return everything textual in one output (stream, data of a text type, or error)."""
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return "\n".join([output.ename, output.evalue, *output.traceback])
    data = output.get("data", {})
    return "\n".join(str(data[kind]) for kind in data if kind.startswith(("text/", "application/")))
