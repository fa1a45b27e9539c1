"""Notebook 04 writes the classes out; they are the package's, method for method."""

import ast
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "04_three_classes.ipynb"


def classes(source):
    """Class name -> {method or attribute name: its code without docstring, comments, decorators
    of the class}."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            bodies = {"(bases)": ", ".join(ast.unparse(base) for base in node.bases)}
            for item in node.body:
                if isinstance(item, ast.FunctionDef):
                    if ast.get_docstring(item) is not None:
                        item.body = item.body[1:]
                    for argument in (item, *item.args.args, *item.args.kwonlyargs):
                        argument.returns = argument.annotation = None  # a notebook needs no types
                    decorators = [ast.unparse(decorator) for decorator in item.decorator_list]
                    bodies[" ".join([*decorators, item.name])] = ast.unparse(item)
                elif isinstance(item, ast.Assign):
                    bodies[ast.unparse(item.targets[0])] = ast.unparse(item)
            found[node.name] = bodies
    return found


@pytest.fixture(scope="module")
def written_out():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    return classes("\n".join(cell.source for cell in cells if cell.cell_type == "code"))


@pytest.fixture(scope="module")
def package():
    modules = [ROOT / "vae_helpers" / name for name in ("parts.py", "vae.py")]
    return classes("\n".join(path.read_text(encoding="utf-8") for path in modules))


@pytest.mark.parametrize("name", ["Encoder", "LatentDistribution", "Decoder"])
def test_notebook_04_writes_out_the_whole_part(written_out, package, name):
    assert written_out[name] == package[name]


def test_notebook_04_writes_out_the_heart_of_the_vae(written_out, package):
    shown = written_out["VAE"]
    assert {"__init__", "call", "compute_loss"} <= set(shown)
    assert shown == {name: package["VAE"].get(name) for name in shown}
