"""What the tools share: finding notebooks, paths of a machine, writing a file whole."""

import os
import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"

# A path of somebody's machine. Kaggle's and Colab's own folders are the same for everyone.
MACHINE_PATH = re.compile(
    r"(?:(?<![\w./])/(?:home|root|Users|work|mnt|media|private|var/folders|tmp)/[^\s'\"<>)]*"
    r"|\b[A-Za-z]:\\\\?(?:Users|Documents and Settings)\\[^\s'\"<>)]*)"
)


def is_fast():
    """True in fast mode; the same words count as in vae_helpers.settings, without TensorFlow."""
    return os.environ.get("VAE_FAST", "").strip().lower() in {"1", "true", "yes", "on"}


def find_notebooks(folder=NOTEBOOKS, only=()):
    """Return the course's notebooks in order.

    Args:
        folder: where they are.
        only: beginnings of names, such as ``["02", "04_three"]``; none means all.

    Raises:
        SystemExit: when there is no notebook, or one asked for does not exist.
    """
    found = sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise SystemExit(f"No notebook named like 01_name.ipynb in {folder}.")
    for start in only:
        if not any(path.name.startswith(start) for path in found):
            names = ", ".join(path.stem for path in found)
            raise SystemExit(f"No notebook begins with {start!r}. There are: {names}.")
    return [path for path in found if not only or path.name.startswith(tuple(only))]


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


def write_whole(path, content):
    """Write a file, of text or of bytes, so that no reader ever sees half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if isinstance(content, bytes):
            part.write_bytes(content)
        else:
            part.write_text(content, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
