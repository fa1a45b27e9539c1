"""The student's edition: blanks, no outputs, no folded answers, and a package without solutions."""

import copy
import re
import shutil
from pathlib import Path

import nbformat

from coursetools import notebooks
from coursetools.excerpt import stored_results
from coursetools.files import write_atomically

# A fold that explains stays; every other one answers a question, and a student's edition is
# without. `answer_folds` is what a test compares these beginnings with.
EXPLAINS = (
    "A refresher",
    "The same ",
    "The two limits",
    "Where does the interval come from",
    "Where that comes from",
    "Why ",
)
FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>.*?</details>\s*", re.DOTALL)
SOLUTION_CALL = re.compile(r"^# *\w+\.solution\(\).*\n?", re.MULTILINE)
# What the text promises of both.
PROMISED = re.compile(
    r", with folded answers"
    r"|,(?: and from)? `q\.solution\(\)` (?:tells|for (?:our|an)(?: own)? answer)"
)
SOLUTIONS = "exercises/solutions"  # below the package
FILES = ("requirements.txt", "pyproject.toml", "LICENSE")
README = """# Variational autoencoders: the course

```
python -m venv .venv
.venv/bin/pip install -r requirements.txt -e .        # on Windows .venv\\Scripts\\pip
.venv/bin/jupyter lab notebooks                       # on Windows .venv\\Scripts\\jupyter
```

Replace each `____` by your own code and run the cell: the check says "right", or which mistake it
is. What you have solved is kept in `vae_progress.json` beside the notebook. Hand in the notebook,
under any name.
"""


def explains(summary: str) -> bool:
    """Return whether a fold explains something, and does not answer a question."""
    return summary.strip().startswith(EXPLAINS)


def without_answers(text: str) -> str:
    """Return Markdown without the folds that answer a question, and without what promises them."""
    text = PROMISED.sub("", text)
    return FOLD.sub(lambda fold: fold[0] if explains(fold[1]) else "", text).rstrip()


def student_notebook(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook as a student gets it; the given one is left alone."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.source = SOLUTION_CALL.sub("", cell.source).rstrip("\n")
        elif cell.cell_type == "markdown":
            cell.source = without_answers(cell.source)
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    return notebook


def copy_package(package: Path, folder: Path) -> None:
    """Copy the package without its solutions and without what Python compiled.

    Args:
        package: the folder `vae_helpers`.
        folder: where the copy shall be; an old copy is replaced.
    """

    def left_out(where, names):
        below = Path(where).relative_to(package)
        solutions = {name for name in names if (below / name).as_posix() == SOLUTIONS}
        return solutions | {name for name in names if name == "__pycache__"}

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(package, folder, ignore=left_out)


def write(paths: list[Path], folder: Path, root: Path = notebooks.ROOT) -> Path:
    """Write the student's edition, and the same as a zip file beside it.

    Args:
        paths: the notebooks.
        folder: gets `notebooks/`, `vae_helpers/`, stored results that the package reads, what
            installs them, and a README.
        root: the course's folder.

    Returns:
        the zip file.
    """
    shutil.rmtree(folder / "notebooks", ignore_errors=True)
    for path in paths:
        text = nbformat.writes(student_notebook(notebooks.read(path)))
        write_atomically(folder / "notebooks" / f"{notebooks.name_of(path)}.ipynb", text + "\n")
    copy_package(root / "vae_helpers", folder / "vae_helpers")
    for file in stored_results(root / "vae_helpers"):  # which notebooks show
        copy = folder / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    for name in FILES:
        if (root / name).exists():
            shutil.copyfile(root / name, folder / name)
    write_atomically(folder / "README.md", README)
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))
