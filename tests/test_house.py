"""The house keeps its rules: floors, sizes, and every name that a text uses exists."""

import ast
import re

import pytest
from coursetools import notebooks
from coursetools.package import Package, Use

ROOT = notebooks.ROOT
PACKAGE = Package(ROOT / "vae_helpers")

# A module imports only from floors below it, and on its own floor only what is named before it. An
# import inside a function counts like one at the top: what it needs may be late, but not from
# above. Within a folder, such as plots/, modules may import each other.
FLOORS = [
    ["settings", "files", "workers"],
    ["images", "elbo", "precision", "noise"],
    ["priors", "learned_priors", "likelihoods", "parts", "attention", "checks"],
    ["vae"],
    [
        "conditional",
        "objectives",
        "total_correlation",
        "adversarial",
        "flow_matching",
        "vamp",
        "recipes",
        "classifier",
        "references",
        "corruptions",
        "data",
        "known_mistakes",
        "distributed",
    ],
    ["metrics", "rotation", "disentanglement", "benchmark", "cost", "plots", "audit"],
    ["widgets"],
    ["exercises"],
]
ORDER = [unit for floor in FLOORS for unit in floor]
# These need less than their floor allows.
ONLY = {
    "references": {"images"},
    "data": {"settings", "files", "images"},
    "known_mistakes": {"elbo"},
}
OLD_NAMES = {"damage": {"corruptions"}, "drawn": {"data"}}  # aliases, for one edition

MODULE_LINES, EXERCISE_LINES, FUNCTION_LINES = 350, 400, 50
# What may be longer, and why. Whoever shortens one takes its line out; a test says so.
LONGER_MODULES = {
    "vae_helpers/exercises/nb02.py": (484, "six questions, one of which knows 26 mistakes"),
    "tools/doctor.py": (370, "one file, which runs by itself where nothing is installed"),
}
LONGER_FUNCTIONS = {}


def units(module):
    """Return the units of the package that a module imports: `plots` for `plots.style`."""
    found = set()
    for node in ast.walk(ast.parse(PACKAGE.file(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively: write the package's name out"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if re.match(r"vae_helpers\.", name)}
    return found


@pytest.mark.parametrize("module", [name for name in PACKAGE.modules() if name])
def test_a_module_imports_only_from_floors_below(module):
    unit = module.split(".")[0]
    below = ONLY.get(unit) or OLD_NAMES.get(unit)
    if below is None:
        assert unit in ORDER, f"{unit} has no floor yet: give it one in FLOORS"
        below = set(ORDER[: ORDER.index(unit)])
    assert units(module) - {unit} <= below


def test_the_package_itself_imports_none_of_its_modules():
    assert not units("")


def code_files():
    """Return the Python files that have a limit, as paths relative to the root."""
    folders = ("vae_helpers", "tools", "benchmarks")
    return [
        p.relative_to(ROOT) for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))
    ]


def function_lengths(path):
    """Yield (name, lines without the docstring) of a file's functions and methods."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            text = node.body[0] if ast.get_docstring(node) is not None else None
            docstring = text.end_lineno - text.lineno + 1 if text else 0
            yield node.name, node.end_lineno - node.lineno + 1 - docstring


@pytest.mark.parametrize("path", code_files(), ids=str)
def test_a_module_and_its_functions_are_short_enough_to_be_read(path):
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    is_exercise = re.fullmatch(
        r"vae_helpers/exercises/(solutions/)?nb\d\d(_[a-z]+)?\.py", path.as_posix()
    )
    limit = EXERCISE_LINES if is_exercise else MODULE_LINES
    assert lines <= LONGER_MODULES.get(path.as_posix(), (limit,))[0]
    for name, length in function_lengths(path):
        limit = LONGER_FUNCTIONS.get(f"{path.as_posix()}:{name}", (FUNCTION_LINES,))[0]
        assert length <= limit, f"{name} has {length} lines"


def test_the_exceptions_are_still_needed():
    lengths = {
        f"{path.as_posix()}:{name}": length
        for path in code_files()
        for name, length in function_lengths(path)
    }
    for name in LONGER_FUNCTIONS:
        assert lengths[name] > FUNCTION_LINES
    for name in LONGER_MODULES:
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) > MODULE_LINES


TEXTS = [*notebooks.find_notebooks(), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))]
TEXTS += sorted((ROOT / "docs").glob("*.md"))


def code_and_text(path):
    """Return a notebook's cells of code, and all that it says; a page's text."""
    if path.suffix == ".md":
        return [], path.read_text(encoding="utf-8")
    cells = notebooks.read(path).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    return code, "\n".join(cell.source for cell in cells)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_what_a_text_names_of_the_package_exists(path):
    code, text = code_and_text(path)
    missing = [str(use) for use in PACKAGE.uses(code) if not PACKAGE.has(use)]
    for dotted in re.findall(r"\bvae_helpers((?:\.\w+)+)\b(?!/)", text):
        parts = dotted[1:].split(".")
        while parts[1:] and PACKAGE.file(".".join(parts[:2])):
            parts[:2] = [".".join(parts[:2])]
        if not PACKAGE.has(Use(*parts[:2])):
            missing.append(dotted)
    assert not missing


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_the_files_that_a_text_names_exist(path):
    _, text = code_and_text(path)
    named = set(re.findall(r"\b(?:vae_helpers|tools|tests|benchmarks|docs)/[\w./-]*[\w/]", text))
    missing = [name for name in sorted(named) if "NN" not in name and not (ROOT / name).exists()]
    assert [name for name in missing if "NAME" not in name] == []


def test_the_readme_leads_to_every_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [notebooks.name_of(path) for path in notebooks.find_notebooks()]
    assert [name for name in names if f"(notebooks/{name}.ipynb)" not in readme] == []
