"""Render notebooks for Kaggle with the helper package beside them, as one attached data set.

    KAGGLE_OWNER=your-name python -m coursetools render kaggle --attached [--only 02]

The single file of `render kaggle` carries a long cell of helpers. Here that cell is a few lines
that find the package among the notebook's inputs. `build/kaggle/attached/` gets the data set, with
the `dataset-metadata.json` that Kaggle asks for, and a folder a notebook.
"""

import hashlib
import json
import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

from coursetools import notebooks
from coursetools.excerpt import stored_results
from coursetools.files import write_atomically
from coursetools.render import kaggle

TITLE = "VAE course helpers"
# Kaggle takes folders as archives, and unpacks them at the top or into a folder of their name: with
# one folder more, the package keeps its own name either way.
INNER = "package"
STAMP = "VERSION.txt"

FINDER = """\
# @title The course's helper package, from the attached data set
import os
import sys
from pathlib import Path

inputs = Path(os.environ.get("VAE_KAGGLE_INPUT") or "/kaggle/input")
found = sorted(inputs.glob("**/{package}/{stamp}"))
if not found:
    raise FileNotFoundError(
        f"no {package} below {{inputs}}. Add Input: search for {handle}, and add it."
    )
sys.path.insert(0, str(found[0].parent.parent))
version = found[0].read_text(encoding="utf-8").strip()
if version != "{version}":
    print(f"The attached helpers are {{version}}; this notebook was made with {version}")
print(f"{package} {{version}} from {{found[0].parent}}")
del inputs, found, version
"""


def package_files(folder: Path) -> dict[str, bytes]:
    """Return {path below the package: content} of a package, what Python has compiled left out."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    return {name: content for name, content in files.items() if not name.startswith(".")}


def version_of(files: dict[str, bytes]) -> str:
    """Return a short hash of a package's files."""
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:12]


def handle(owner: str) -> str:
    """Return the data set's name on Kaggle."""
    return f"{owner}/{kaggle.slug(TITLE)}"


def dataset_metadata(owner: str, version: str) -> dict:
    """Return the content of `dataset-metadata.json`."""
    return {
        "title": TITLE,
        "id": handle(owner),
        "subtitle": "The package of a course on variational autoencoders",
        "description": f"`vae_helpers`, version {version}. Attach it to a notebook of the course.",
        "licenses": [{"name": "MIT"}],
        "keywords": [],
    }


def write_dataset(package_folder: Path, build: Path, owner: str) -> tuple[Path, str]:
    """Write the data set, whole or not at all; return its folder and the package's version."""
    root = package_folder.parent
    results = {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in stored_results(package_folder)
    }
    files = package_files(package_folder)
    version = version_of(files | results)
    folder, new = build / "helpers", build / ".helpers.part"
    shutil.rmtree(new, ignore_errors=True)
    inner = new / INNER / package_folder.name
    for name, content in {**files, STAMP: f"{version}\n".encode()}.items():
        write_atomically(inner / name, content)
    for name, content in results.items():  # where the package looks for them: beside it
        write_atomically(new / INNER / name, content)
    metadata = json.dumps(dataset_metadata(owner, version), indent=2) + "\n"
    write_atomically(new / "dataset-metadata.json", metadata)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    return folder, version


def render(notebook, package_folder: Path, owner: str, version: str):
    """Return a notebook whose helpers lie in the attached data set.

    Args:
        notebook: the notebook, which is left alone.
        package_folder: folder of the package; a notebook that uses nothing of it gets no cell.
        owner: the Kaggle user who has the data set.
        version: of `version_of`.
    """
    rendered = kaggle.render(notebook, package_folder)
    for at, cell in enumerate(rendered.cells):
        if cell.get("id") == "course-helpers":
            source = FINDER.format(
                package=package_folder.name, stamp=STAMP, handle=handle(owner), version=version
            )
            rendered.cells[at] = new_code_cell(
                source.rstrip("\n"), id="course-helpers", metadata=kaggle.FOLDED
            )
    return rendered


def write(path: Path, package_folder: Path, build: Path, owner: str, version: str, gpu=False):
    """Render one notebook into `build/<name>/`, and return that folder."""
    notebook = notebooks.read(path)
    name = notebooks.name_of(path)
    rendered = render(notebook, package_folder, owner, version)
    metadata = kaggle.kernel_metadata(notebook, name, owner, gpu)
    if any(cell.get("id") == "course-helpers" for cell in rendered.cells):
        metadata["dataset_sources"].append(handle(owner))
    folder = build / name
    write_atomically(folder / path.name, nbformat.writes(rendered) + "\n")
    write_atomically(folder / "kernel-metadata.json", json.dumps(metadata, indent=2) + "\n")
    return folder
