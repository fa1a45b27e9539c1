"""Render each notebook as one file that runs on Kaggle: nothing installed, nothing fetched.

    KAGGLE_OWNER=your-name python -m coursetools render kaggle [--only 02]

Kaggle takes one file for a notebook, so the parts of `vae_helpers` that a notebook uses are written
out in folded cells at its top, each as `%%writefile vae_helpers/<module>.py` and the module's own
text; a table that a module reads from beside itself comes with it. `build/kaggle/NN_name/` gets the
notebook and the `kernel-metadata.json` that Kaggle asks for.
"""

import argparse
import ast
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

from coursetools import notebooks

PACKAGE = "vae_helpers"
DATASETS = {
    "load_fashion_mnist": "zalando-research/fashionmnist",
    "load_letters": "sachinpatel21/az-handwritten-alphabets-in-csv-format",
}
FOLDED = {"_kg_hide-input": True, "jupyter": {"source_hidden": True}, "cellView": "form"}
INTRODUCTION = """\
**The helpers of this course, written out.** The folded cells below write the part of `vae_helpers`
that this notebook uses into the working folder: {modules}. Unfold any of them to read it. Nothing
is installed and nothing is fetched."""


def imported_modules(source, package_folder):
    """Return the modules of the package that Python source imports, anywhere in it.

    Args:
        source: Python source; lines of IPython's own (magics) are skipped.
        package_folder: folder of the package.

    Returns:
        names as in ``elbo`` or ``exercises.one``, in the order met.
    """
    if re.match(r"%%writefile \S+\.(?!py\b)", source):  # a table is no Python
        return []
    plain = re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE)
    found = []
    for node in ast.walk(ast.parse(plain)):
        if isinstance(node, ast.Import):
            dotted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            dotted = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in dotted:
            inner = name.removeprefix(f"{PACKAGE}.")
            if inner != name and _module_file(package_folder, inner) and inner not in found:
                found.append(inner)
    return found


def data_files(source, path):
    """Return the files of data beside a module that its source names: `with_name("table.csv")`."""
    named = re.findall(r"""with_name\(["']([\w-]+\.(?:csv|json))["']\)""", source)
    return [path.with_name(name) for name in named if path.with_name(name).is_file()]


def _module_file(package_folder, name):
    base = Path(package_folder, *name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def needed_files(notebook, package_folder):
    """Return the package's files that a notebook needs, each after those it needs itself.

    Args:
        notebook: the notebook.
        package_folder: folder of the package.

    Returns:
        paths relative to the package folder's parent; none when the notebook imports nothing of it.
    """
    package_folder = Path(package_folder)
    ordered, entered = [], set()

    def enter(name):
        path = _module_file(package_folder, name)
        if path in entered:
            return
        entered.add(path)
        for parent in reversed(path.relative_to(package_folder).parents[:-1]):
            init = package_folder / parent / "__init__.py"
            if init.is_file() and init not in entered:
                enter(".".join(parent.parts))
        source = path.read_text(encoding="utf-8")
        for other in imported_modules(source, package_folder):
            enter(other)
        ordered.extend([*data_files(source, path), path])

    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for source in cells:
        for name in imported_modules(source, package_folder):
            enter(name)
    if ordered or any(re.search(rf"\bimport {PACKAGE}\b", source) for source in cells):
        init = package_folder / "__init__.py"
        ordered = [init, *(path for path in ordered if path != init)]
    return [path.relative_to(package_folder.parent) for path in ordered]


def render(notebook, package_folder):
    """Return a notebook that needs only itself.

    The helper cells stand before the first cell of code. Outputs are dropped, as Kaggle would.
    """
    standalone = nbformat.from_dict(json.loads(json.dumps(notebook)))
    for cell in standalone.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif cell.cell_type == "markdown":  # the other notebooks are not beside this one
            cell.source = re.sub(r"\[([^\]]+)\]\(\d\d_\w+\.ipynb[^)]*\)", r"\1", cell.source)
    files = needed_files(notebook, package_folder)
    if files:
        helpers = _helper_cells(files, Path(package_folder).parent)
        kinds = [cell.cell_type for cell in standalone.cells]
        start = kinds.index("code")
        standalone.cells[start:start] = helpers
    standalone.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.validate(standalone)
    return standalone


def _helper_cells(files, parent):
    names = ", ".join(f"`{path.relative_to(PACKAGE).as_posix()}`" for path in files)
    folders = sorted({path.parent.as_posix() for path in files})
    make = [
        "import importlib",
        "from pathlib import Path",
        "",
        f"for folder in {json.dumps(folders)}:",
        "    Path(folder).mkdir(exist_ok=True)",
        "importlib.invalidate_caches()  # so that Python sees the new folder",
    ]
    cells = [
        new_markdown_cell(INTRODUCTION.format(modules=names), id="helpers-introduction"),
        new_code_cell("\n".join(make), id="helpers-folder", metadata=FOLDED),
    ]
    for path in files:
        text = (parent / path).read_text(encoding="utf-8").rstrip("\n")
        name = re.sub(r"\W+", "-", path.as_posix().removesuffix(".py")).strip("-")
        source = f"%%writefile {path.as_posix()}\n{text}"
        cells.append(new_code_cell(source, id=f"helpers-{name}"[:64], metadata=FOLDED))
    return cells


def kernel_title(name):
    """Return the title on Kaggle of a notebook's file name, 5 to 50 letters that make a plain slug.

    It is made from the file name because Kaggle ties a notebook's address to its title: a heading
    may be reworded without the address changing.
    """
    number, _, words = name.partition("_")
    title = f"VAE course {number} {words.replace('_', ' ')}"
    if len(title) > 50:
        raise SystemExit(f"{name}: the title {title!r} has {len(title)} letters, Kaggle takes 50.")
    return title


def slug(title):
    """Return what Kaggle makes of a title: lower case, dashes for all but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def kernel_metadata(notebook, name, owner):
    """Return the content of `kernel-metadata.json`, every key written.

    Args:
        notebook: the notebook; the data sets are those whose loaders its cells call.
        name: its file name without ending.
        owner: the Kaggle user.
    """
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    title = kernel_title(name)
    return {
        "id": f"{owner}/{slug(title)}",
        "title": title,
        "code_file": f"{name}.ipynb",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": False,
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


def write(path, package_folder, build, owner):
    """Render one notebook into `build/<name>/`, all of it or nothing, and return that folder."""
    build.mkdir(parents=True, exist_ok=True)
    notebook = notebooks.read(path)
    rendered = nbformat.writes(render(notebook, package_folder)) + "\n"
    metadata = json.dumps(kernel_metadata(notebook, path.stem, owner), indent=2) + "\n"
    folder = build / path.stem
    part = Path(tempfile.mkdtemp(prefix=f".{path.stem}.", dir=build))
    try:
        (part / path.name).write_text(rendered, encoding="utf-8")
        (part / "kernel-metadata.json").write_text(metadata, encoding="utf-8")
        part.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(prog, description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="beginnings of names, such as 02")
    parser.add_argument("--notebooks", type=Path, default=notebooks.NOTEBOOKS)
    parser.add_argument("--build", type=Path, default=notebooks.BUILD / "kaggle")
    options = parser.parse_args(arguments)
    owner = owner_from_environment()
    for path in notebooks.find_notebooks(options.notebooks, options.only):
        folder = write(path, notebooks.ROOT / PACKAGE, options.build, owner)
        print(f"{folder}: kaggle kernels push -p {os.path.relpath(folder)}")
    return 0
