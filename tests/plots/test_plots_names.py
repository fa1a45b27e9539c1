"""The package of figures imports a name's module when the name is first asked for."""

import importlib

import pytest

from vae_helpers import plots


@pytest.mark.parametrize("name", plots.__all__)
def test_a_name_is_that_of_its_module(name):
    module = importlib.import_module(f"vae_helpers.plots.{plots._HOME[name]}")
    assert getattr(plots, name) is getattr(module, name)
    assert name in dir(plots)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'image_gird'"):
        plots.image_gird  # noqa: B018
