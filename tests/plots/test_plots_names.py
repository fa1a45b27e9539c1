"""Figures and widgets: a name's module is imported when the name is first asked for."""

import importlib

import pytest

from vae_helpers import metrics, plots, widgets

PACKAGES = (metrics, plots, widgets)
NAMES = [(package, name) for package in PACKAGES for name in package.__all__]


@pytest.mark.parametrize(("package", "name"), NAMES, ids=[name for _, name in NAMES])
def test_a_name_is_that_of_its_module(package, name):
    module = importlib.import_module(f"{package.__name__}.{package._HOME[name]}")
    assert getattr(package, name) is getattr(module, name)
    assert name in dir(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="no attribute 'image_gird'"):
        package.image_gird  # noqa: B018
