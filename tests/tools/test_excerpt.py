"""What of the package a notebook needs: each name is followed to where it is defined."""

from pathlib import Path

import pytest
from coursetools.excerpt import Excerpt
from coursetools.package import Package
from coursetools.render import kaggle
from support import notebook_of


def excerpt(package, *sources):
    """Return {module: text} of what notebook cells need."""
    files = Excerpt(Package(package), sources).files()
    return {path.relative_to("vae_helpers").as_posix(): text for path, text in files.items()}


def names(files):
    return [path.stem for path in files]


@pytest.mark.parametrize(
    "source",
    [
        "from vae_helpers import top\ntop.THREE",
        "import vae_helpers.top as t\nprint(t)",
        "from vae_helpers.top import THREE",
        "%matplotlib inline\ndef later():\n    from vae_helpers import top\n    return top.THREE",
    ],
)
def test_needed_modules_come_in_the_order_of_need_however_they_are_imported(package, source):
    files = kaggle.needed_files(notebook_of(source), package)
    assert names(files) == ["__init__", "ground", "middle", "top"]


def test_a_notebook_that_needs_no_helper_gets_none(package):
    notebook = notebook_of("import numpy as np")
    assert kaggle.needed_files(notebook, package) == {}
    assert len(kaggle.render(notebook, package).cells) == 2


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        ("from vae_helpers import plots", ["__init__"]),
        ("from vae_helpers import plots\nplots.show(1)", ["__init__", "style"]),
        ("from vae_helpers import plots as p\np.show.x\np.rows", ["__init__", "style", "images"]),
        ("from vae_helpers.plots import row as r", ["__init__", "images"]),
        ("import vae_helpers.plots\nvae_helpers.plots.show()", ["__init__", "style"]),
        ("import vae_helpers\nvae_helpers.plots.images.row", ["__init__", "images"]),
        ("from vae_helpers.plots import *", ["__init__", "style", "images"]),
        ("from vae_helpers import plots\nhelp(plots)", ["__init__", "style", "images"]),
        ("from vae_helpers.plots.pen import INK", ["__init__", "pen"]),
        ("from vae_helpers.plots import pen", ["__init__", "pen"]),
    ],
)
def test_a_name_of_a_lazy_package_brings_the_submodule_that_has_it(lazy, source, needed):
    files = kaggle.needed_files(notebook_of(source), lazy)
    inside = [path.parts[2:] for path in files if "plots" in path.parts]
    assert [parts[0].removesuffix(".py") for parts in inside] == needed
    assert (Path("vae_helpers/ground.py") in files) == ("images" in needed)


def test_what_is_asked_for_in_another_cell_counts_too(lazy):
    files = kaggle.needed_files(notebook_of("from vae_helpers import plots", "plots.rows"), lazy)
    assert "images" in names(files)


def test_what_only_a_type_checker_imports_stays_out(lazy):
    source = (
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from vae_helpers import top\n"
    )
    (lazy / "plots" / "style.py").write_text(f"{source}\nshow = print\n")
    assert "top" not in names(
        kaggle.needed_files(notebook_of("from vae_helpers.plots import show"), lazy)
    )


def test_names_that_do_not_exist_are_found_out(lazy):
    package = Package(lazy)
    sources = ["from vae_helpers import plots, nothing", "from vae_helpers.ground import SKY"]
    sources += ["plots.show(plots.colour)", "import vae_helpers.clouds"]
    missing = [str(use) for use in package.uses(sources) if not package.has(use)]
    assert missing == ["nothing", "ground.SKY", "clouds", "plots.colour"]


def test_a_name_that_is_also_assigned_may_be_something_else(lazy):
    source = "from vae_helpers import plots\ndef f(plots):\n    return plots.width, plots.show"
    package = Package(lazy)
    assert [str(use) for use in package.uses([source])] == ["plots", "plots.show"]


MODULE = '''"""What the module is for."""

import os
import re as expressions
from vae_helpers.ground import GROUND as floor, SKY

__all__ = ["wanted"]
__all__ += ["not_wanted"]
LIMIT, REST = 1, 2
os.environ.setdefault("KEY", "1")


# What it does.
@staticmethod
def wanted(x: "Unknown" = LIMIT):
    """Return it."""

    def inner():
        return expressions.escape(x) + table()

    return inner


def table():
    return "table.csv"


def not_wanted():
    return SKY
'''
KEPT = '''"""What the module is for."""

import os
import re as expressions

LIMIT, REST = 1, 2
os.environ.setdefault("KEY", "1")

# What it does.
@staticmethod
def wanted(x: "Unknown" = LIMIT):
    """Return it."""

    def inner():
        return expressions.escape(x) + table()

    return inner

def table():
    return "table.csv"
'''


def test_what_is_not_reached_is_left_out_and_the_rest_stays_word_for_word(package):
    (package / "ground.py").write_text("GROUND = SKY = 1\n")
    (package / "long.py").write_text(MODULE)
    (package / "table.csv").write_text("a\n")
    files = excerpt(package, "from vae_helpers import long\nlong.wanted(1)")
    assert files == {"__init__.py": '"""The package."""\n', "table.csv": "a\n", "long.py": KEPT}


def test_of_an_import_what_is_needed_stays(package):
    (package / "ground.py").write_text("GROUND = 1\n\n\nSKY = 2\n")
    (package / "long.py").write_text(MODULE)
    files = excerpt(package, "from vae_helpers.long import not_wanted")
    assert "\nfrom vae_helpers.ground import SKY\n" in files["long.py"]
    assert files["ground.py"] == "SKY = 2\n" and "table.csv" not in files


def test_a_star_brings_what_is_asked_of_it(package):
    (package / "ground.py").write_text("GROUND = 1\n\n\nSKY = 2\n")
    (package / "old.py").write_text("from vae_helpers.ground import *  # noqa: F403\n")
    files = excerpt(package, "from vae_helpers.old import SKY")
    assert files["old.py"] == "from vae_helpers.ground import *  # noqa: F403\n"
    assert files["ground.py"] == "SKY = 2\n"


def test_what_a_lazy_folder_says_to_type_checkers_tells_where_its_names_are(package):
    (package / "data").mkdir()
    init = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
    init += (
        "    from vae_helpers.data.letters import load\n\n\ndef __getattr__(name):\n    return 1\n"
    )
    (package / "data" / "__init__.py").write_text(init)
    (package / "data" / "letters.py").write_text("load = 1\n")
    files = excerpt(package, "from vae_helpers.data import load")
    assert files["data/letters.py"] == "load = 1\n"
    assert "TYPE_CHECKING" not in files["data/__init__.py"]


def test_a_module_of_exercises_brings_its_solutions(package):
    (package / "exercises" / "solutions").mkdir(parents=True)
    for name in ("__init__", "nb01", "solutions/__init__", "solutions/nb01", "solutions/nb02"):
        (package / "exercises" / f"{name}.py").write_text("A = 1\n")
    files = excerpt(package, "from vae_helpers.exercises import nb01")
    inside = [name.removeprefix("exercises/") for name in files if "exercises" in name]
    assert sorted(inside) == [
        "__init__.py",
        "nb01.py",
        "solutions/__init__.py",
        "solutions/nb01.py",
    ]
    assert files["exercises/nb01.py"] == "A = 1\n"
