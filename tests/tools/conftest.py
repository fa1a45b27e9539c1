"""A small package, whole and with a lazy folder, for the tests of what reads packages."""

import pytest

# A lazy package, as `vae_helpers.plots` is: asked for a name, it loads the submodule that has it.
LAZY = """
_HOME = {"show": "style", "row": "images", "rows": "images"}


def __getattr__(name):
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
"""


@pytest.fixture
def package(tmp_path):
    """A package of four modules, of which `top` needs `middle`, and `middle` needs `ground`."""
    folder = tmp_path / "vae_helpers"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""The package."""\n')
    (folder / "ground.py").write_text("GROUND = 1\n")
    lazy = "def two():\n    from vae_helpers.ground import GROUND\n\n    return GROUND + 1\n"
    (folder / "middle.py").write_text(lazy)
    (folder / "top.py").write_text("from vae_helpers import middle\n\nTHREE = middle.two() + 1\n")
    (folder / "alone.py").write_text("ALONE = True\n")
    return folder


@pytest.fixture
def lazy(package):
    plots = package / "plots"
    (plots / "pen").mkdir(parents=True)
    (plots / "__init__.py").write_text(LAZY)
    (plots / "style.py").write_text("show = print\n")
    (plots / "images.py").write_text(
        "from vae_helpers import ground\n\nrow = rows = ground.GROUND\n"
    )
    (plots / "pen" / "__init__.py").write_text("INK = 1\n")
    return package
