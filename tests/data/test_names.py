"""Public names of vae_helpers.data, and the old module names that live one edition."""

import ast
from pathlib import Path

import pytest

import vae_helpers.data as package


def declared_for_editors():
    """{module: names} imported under TYPE_CHECKING."""
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        node.module.rpartition(".")[2]: sorted(alias.name for alias in node.names)
        for node in block.body
    }


def test_editors_are_told_the_names_that_are_loaded():
    loaded = {module: sorted(names.split()) for module, names in package.MODULES.items()}
    assert loaded == declared_for_editors()


@pytest.mark.parametrize("name", " ".join(package.MODULES.values()).split())
def test_every_public_name_is_there(name):
    assert getattr(package, name) is not None
    assert name in dir(package)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'load_digits'"):
        _ = package.load_digits


def test_old_names_are_the_new_things():
    from vae_helpers import corruptions, damage, drawn
    from vae_helpers.data import synthetic

    assert damage.DAMAGES is corruptions.CORRUPTIONS
    assert drawn.draw_garments is synthetic.draw_garments
    assert drawn.FONTS is synthetic.FONTS
