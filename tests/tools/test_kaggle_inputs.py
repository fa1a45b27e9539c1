"""The loaders find the data in every layout that Kaggle's input folder has used."""

import numpy as np
import pytest
from kaggle_inputs import FORMS, LAYOUTS, add_letters, garments, kaggle_environment, kaggle_inputs


@pytest.fixture
def only_kaggle(monkeypatch, tmp_path):
    """This process sees Kaggle's inputs and no other source of data."""
    for name, value in kaggle_environment(tmp_path / "input", tmp_path).items():
        if name.startswith(("VAE_", "KERAS_", "KAGGLEHUB_")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("VAE_OFFLINE", "1")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_fashion_mnist_is_found_in_every_layout_and_form(only_kaggle, tmp_path, layout, form):
    from vae_helpers import data

    train, test = garments(60, seed=1), garments(60, seed=2)
    kaggle_inputs(tmp_path, layout, form, (train, test))
    found = data.load_fashion_mnist(allow_drawn=False)
    assert found.is_real
    np.testing.assert_array_equal(found.train_images, train[0])
    np.testing.assert_array_equal(found.test_labels, test[1])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_letters_are_found_in_every_layout(only_kaggle, tmp_path, layout):
    from vae_helpers import data

    add_letters(tmp_path / "input", layout, 260)
    found = data.load_letters(allow_drawn=False)
    assert found.is_real
    assert len(found.train_images) + len(found.test_images) == 260
