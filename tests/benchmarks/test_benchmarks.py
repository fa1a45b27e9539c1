"""The README shows what the benchmark measured, and nothing else."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def speed():
    spec = importlib.util.spec_from_file_location("speed", ROOT / "benchmarks" / "speed.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_holds_the_table_of_the_stored_results(speed):
    stored = json.loads((ROOT / "benchmarks" / "speed.json").read_text())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert speed.into_readme(readme, speed.table(stored)) == readme
    assert set(speed.SECTIONS) <= set(stored)


def test_notebook_01_trains_with_the_default_recipe():
    """It writes the settings out, so that a reader sees them; they are the measured ones."""
    from vae_helpers.recipes import TWO_DIMENSIONS as recipe

    source = (ROOT / "notebooks" / "01_whole_game.ipynb").read_text(encoding="utf-8")
    assert f"epochs = settings.pick({recipe.epochs}," in source
    assert f"batch_size = settings.pick({recipe.batch_size}," in source
    assert float(re.search(r"CosineDecay\(([^,]+),", source)[1]) == recipe.learning_rate


def test_a_timed_fit_starts_from_the_weights_it_was_given(speed):
    from vae_helpers import recipes

    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28)).astype(np.uint8)
    vae = recipes.build(recipes.Recipe(2, (8,), 1, 0.0, batch_size=25), images)
    before = vae.get_weights()
    speed.timed_fit(vae, images, epochs=2, batch_size=25)
    # With a learning rate of zero nothing may move; the optimizer has counted only the timed steps.
    for old, new in zip(before, vae.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(vae.optimizer.iterations) == 6


def test_the_reference_prices_an_image_as_the_elbo_does(speed):
    from vae_helpers.elbo import gaussian_kl

    vae = speed.reference_vae()
    images = np.random.default_rng(0).random((5, 28, 28, 1)).astype(np.float32)
    reconstruction, kl = vae.terms(images)
    features = vae.encoder(images)
    expected = gaussian_kl(vae.z_mean(features), vae.z_log_var(features))
    np.testing.assert_allclose(kl, np.mean(expected), rtol=1e-4)
    assert 500 < float(reconstruction) < 590  # an untrained decoder shrugs: 784 ln 2 = 543
