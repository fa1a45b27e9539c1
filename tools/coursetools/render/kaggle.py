"""Render each notebook as one file that runs on Kaggle: nothing installed, nothing fetched.

    KAGGLE_OWNER=your-name python -m coursetools render kaggle [--only 02] [--gpu 13] [--attached]

Kaggle takes one file for a notebook, so what a notebook uses of `vae_helpers` is written out in
one folded cell below its title: each module as a string of its own text, and at the end a loop
that writes the files. `build/kaggle/NN_name/` gets the notebook and the
`kernel-metadata.json` that Kaggle asks for. With `--attached` the package goes into a data set
beside the notebooks instead: see `attached`.
"""

import argparse
import ast
import functools
import json
import os
import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

from coursetools import notebooks
from coursetools.excerpt import Excerpt
from coursetools.files import write_atomically
from coursetools.package import Package

PACKAGE = "vae_helpers"
DATASETS = {
    "load_fashion_mnist": "zalando-research/fashionmnist",
    "load_letters": "sachinpatel21/az-handwritten-alphabets-in-csv-format",
}
FOLDED = {"_kg_hide-input": True, "jupyter": {"source_hidden": True}, "cellView": "form"}
HELPERS_BEGIN = """\
# @title The course's helper package, {lines} lines; open it to read
# What this notebook uses of vae_helpers, word for word, in {count} files, which the last lines of
# this cell write into the working folder. Nothing is installed and nothing is fetched.
files = {{}}
"""
HELPERS_END = """
import importlib
from pathlib import Path

for name, text in files.items():
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text[1:], encoding="utf-8")  # without the line break before it
importlib.invalidate_caches()  # so that Python sees the new folder
print(f"{len(files)} files of vae_helpers are written; open this cell to read them")
del files, name, text
"""


def needed_files(notebook, package_folder):
    """Return the files of the package that a notebook needs, each with the part that it needs.

    Args:
        notebook: the notebook.
        package_folder: folder of the package.

    Returns:
        {path relative to the package folder's parent: text}, each after those it needs itself;
        empty when the notebook imports nothing of it.
    """
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return Excerpt(Package(package_folder), sources).files()


def render(notebook, package_folder):
    """Return a notebook that needs only itself.

    One folded cell below the first cell, the title and the question, holds the helpers. Outputs
    are dropped, as Kaggle would.

    Args:
        notebook: the notebook, which is left alone.
        package_folder: folder of the package.
    """
    standalone = nbformat.from_dict(json.loads(json.dumps(notebook)))
    for cell in standalone.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif cell.cell_type == "markdown":  # the other notebooks are not beside this one
            link = r"\[([^\]]+)\]\((?:\.\./)?(?:deeper/)?\d\d_\w+\.ipynb[^)]*\)"
            cell.source = re.sub(link, r"\1", cell.source)
    files = needed_files(notebook, package_folder)
    if files:
        source = helper_source(files)
        start = 1 if standalone.cells[0].cell_type == "markdown" else 0
        cell = new_code_cell(source, id="course-helpers", metadata=FOLDED)
        standalone.cells.insert(start, cell)
    standalone.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.validate(standalone)
    return standalone


def helper_source(files):
    """Return the source of a cell that writes files: their texts, readable, and a loop.

    Args:
        files: {path: text}, in the order in which they shall stand there.
    """
    parts = []
    for path, text in files.items():
        heading = f"# ---- {path.as_posix()} ".ljust(100, "-")
        parts.append(f'\n{heading}\nfiles["{path.as_posix()}"] = {_quoted(text)}\n')
    body = "".join(parts)
    begin = HELPERS_BEGIN.format(lines=f"{body.count(chr(10)):,}", count=len(files))
    return f"{begin}{body}{HELPERS_END}".rstrip("\n")


def _quoted(text):
    """Return a raw string literal of a line break and a text, which stays as it is to the eye."""
    quotes = "'''"
    inner = text.replace(quotes, f'{quotes} "{quotes}" r{quotes}')  # strings side by side are one
    literal = f"r{quotes}\n{inner}{quotes}"
    # IPython takes a line that begins with >>> for a prompt, and strips it, in strings too.
    if ast.literal_eval(literal) != f"\n{text}" or re.search(r"^\s*>>>", text, re.MULTILINE):
        raise ValueError(f"this text cannot stand in a cell as it is: {text[:80]!r}...")
    return literal


def kernel_title(name):
    """Return the title on Kaggle of a notebook's name, 5 to 50 letters that make a plain slug.

    It is made from the name because Kaggle ties a notebook's address to its title: a heading may
    be reworded without the address changing.

    Raises:
        SystemExit: when it has more letters than Kaggle takes.
    """
    folder, _, file = name.rpartition("/")
    number, _, words = file.partition("_")
    title = " ".join(filter(None, ["VAE course", number, folder, *words.split("_")]))
    if len(title) > 50:
        raise SystemExit(f"{name}: the title {title!r} has {len(title)} letters, Kaggle takes 50.")
    return title


def slug(title):
    """Return what Kaggle makes of a title: lower case, dashes for all but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def kernel_metadata(notebook, name, owner, gpu=False):
    """Return the content of `kernel-metadata.json`, every key written.

    Args:
        notebook: the notebook; the data sets are those whose loaders its cells call.
        name: its name in the course.
        owner: the Kaggle user.
        gpu: whether to ask for one. Two CPU cores run each notebook in minutes, and a GPU counts
            against the week's hours, so nobody gets one unasked.
    """
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    title = kernel_title(name)
    return {
        "id": f"{owner}/{slug(title)}",
        "title": title,
        "code_file": f"{name.rpartition('/')[2]}.ipynb",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": bool(gpu),
        "enable_tpu": False,
        "enable_internet": False,
        "dataset_sources": [
            source for loader, source in DATASETS.items() if re.search(rf"\b{loader}\s*\(", code)
        ],
        "competition_sources": [],
        "kernel_sources": [],
        "model_sources": [],
    }


def owner_from_environment():
    """Return KAGGLE_OWNER.

    Raises:
        SystemExit: saying what to set, when it is missing or no user name.
    """
    owner = os.environ.get("KAGGLE_OWNER", "").strip()
    if not owner:
        raise SystemExit(
            "KAGGLE_OWNER is not set. It is the name in the address of your Kaggle profile "
            "(kaggle.com/<name>): KAGGLE_OWNER=<name> make kaggle"
        )
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", owner):
        raise SystemExit(
            f"KAGGLE_OWNER is {owner!r}, expected the name in the address of your Kaggle profile: "
            "lower-case letters, digits and dashes."
        )
    return owner


def write(path, package_folder, build, owner, gpu=False):
    """Render one notebook into `build/<name>/`, and return that folder."""
    notebook = notebooks.read(path)
    rendered = nbformat.writes(render(notebook, package_folder)) + "\n"
    name = notebooks.name_of(path)
    metadata = json.dumps(kernel_metadata(notebook, name, owner, gpu), indent=2) + "\n"
    folder = build / name
    write_atomically(folder / path.name, rendered)
    write_atomically(folder / "kernel-metadata.json", metadata)
    return folder


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(prog, description=__doc__.splitlines()[0])
    notebooks.add_choice(parser)
    parser.add_argument("--build", type=Path, default=notebooks.BUILD / "kaggle")
    parser.add_argument("--gpu", nargs="*", default=[], help="beginnings of names that get a GPU")
    parser.add_argument("--attached", action="store_true", help="the helpers as one data set")
    options = parser.parse_args(arguments)
    owner, package = owner_from_environment(), notebooks.ROOT / PACKAGE
    with_gpu = set(notebooks.find_notebooks(options.notebooks, options.gpu) if options.gpu else ())
    paths = notebooks.find_notebooks(options.notebooks, options.only)
    one, build = write, options.build
    if options.attached:
        from coursetools.render import attached  # which builds on this module

        build = options.build / "attached"
        data, version = attached.write_dataset(package, build, owner)
        print(f"{data}: kaggle datasets create --dir-mode zip -p {os.path.relpath(data)}")
        one = functools.partial(attached.write, version=version)
    for path in paths:
        folder = one(path, package, build, owner, gpu=path in with_gpu)
        print(f"{folder}: kaggle kernels push -p {os.path.relpath(folder)}")
    return 0
