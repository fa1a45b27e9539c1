"""Notebook 04 prints the package's classes; what it prints is the package, method for method."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "04_three_classes.ipynb"
# What a reader has to see. More may stand there, and has to be the package's too.
SHOWN = {
    "Encoder": {"__init__", "build", "call", "get_config"},
    "ConvEncoder": {"__init__"},
    "LatentDistribution": {"call", "sample", "kl"},
    "Decoder": {"__init__", "build", "call", "get_config"},
    "VAE": {"posterior", "outputs", "call", "terms", "objective", "compute_loss"},
    "gaussian_kl": {"(itself)"},
    "bernoulli_log_likelihood": {"(itself)"},
    "sum_over_event": {"(itself)"},
}


def plain(function):
    """The code of a function without its docstring, types and comments."""
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:]
    for argument in (function, *function.args.args, *function.args.kwonlyargs):
        argument.returns = argument.annotation = None
    return ast.unparse(function)


def definitions(source):
    """Name of a class or function -> {name of a method or attribute: its code}."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = {"(itself)": plain(node)}
        if isinstance(node, ast.ClassDef):
            bodies = {"(bases)": ", ".join(ast.unparse(base) for base in node.bases)}
            for item in node.body:
                if isinstance(item, ast.FunctionDef):
                    decorators = [ast.unparse(decorator) for decorator in item.decorator_list]
                    bodies[" ".join([*decorators, item.name])] = plain(item)
                elif isinstance(item, ast.Assign):
                    bodies[ast.unparse(item.targets[0])] = ast.unparse(item)
            found[node.name] = bodies
    return found


@pytest.fixture(scope="module")
def printed():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return definitions("\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.M)))


@pytest.fixture(scope="module")
def package():
    modules = [ROOT / "vae_helpers" / name for name in ("parts.py", "vae.py", "elbo.py")]
    return definitions("\n".join(path.read_text(encoding="utf-8") for path in modules))


def test_notebook_04_prints_what_a_reader_has_to_see(printed):
    assert set(printed) == set(SHOWN)
    assert not {
        name: SHOWN[name] - set(printed[name]) for name in SHOWN if SHOWN[name] - set(printed[name])
    }


@pytest.mark.parametrize("name", SHOWN)
def test_what_notebook_04_prints_is_the_package_line_for_line(printed, package, name):
    assert printed[name] == {method: package[name].get(method) for method in printed[name]}
