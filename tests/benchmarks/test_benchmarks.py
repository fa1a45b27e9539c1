"""The page of benchmarks shows what was measured, and nothing else."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import speed
import store


def test_the_page_holds_the_table_of_the_stored_results():
    stored = store.load("speed")
    page = store.PAGE.read_text(encoding="utf-8")
    assert store.between(page, "speed", speed.table(stored)) == page
    assert set(speed.SECTIONS) <= set(stored)


def test_results_are_kept_and_what_is_not_there_is_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "RESULTS", tmp_path / "results")
    assert store.load("speed") == {}
    store.save("speed", {"vae2": [1.5]})
    assert store.load("speed") == {"vae2": [1.5]}


def executed(seconds, **options):
    return lambda path: ("notebook", SimpleNamespace(seconds=seconds, **options))


def test_a_notebook_is_clocked_by_the_executor_of_the_course(tmp_path):
    done = {"ok": True, "peak_bytes": 1.75e9, "first_picture": lambda notebook, text: 17.04}
    first = speed.run_notebook(tmp_path / "01_a.ipynb", executed(28.4, **done))
    assert first == {"seconds": 28, "peak_mb": 1750, "first_picture_seconds": 17.0}
    assert "first_picture_seconds" not in speed.run_notebook(
        tmp_path / "02_b.ipynb", executed(9.2, **done)
    )
    with pytest.raises(SystemExit, match="01_a.ipynb: cell 3: no"):
        speed.run_notebook(tmp_path / "01_a.ipynb", executed(1, ok=False, error="cell 3: no"))


def test_notebook_01_trains_with_the_quick_recipe_that_was_measured():
    source = (store.ROOT / "notebooks" / "01_whole_game.ipynb").read_text(encoding="utf-8")
    assert "recipe = recipes.QUICK" in source
    assert "CosineDecay(recipe.learning_rate" in source
    assert speed.RECIPES["quick"][0] == "QUICK"


def test_a_timed_fit_starts_from_the_weights_it_was_given():
    from vae_helpers import recipes

    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28)).astype(np.uint8)
    vae = recipes.build(recipes.Recipe(2, (8,), 1, 0.0, batch_size=25), images)
    vae.compile(
        keras.optimizers.SGD(0.0), jit_compile=False
    )  # XLA takes seconds, and changes nothing
    before = vae.get_weights()
    store.timed_fit(vae, images, epochs=2, batch_size=25)
    # With a learning rate of zero nothing may move; the optimizer has counted only the timed steps.
    for old, new in zip(before, vae.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(vae.optimizer.iterations) == 6


def test_the_reference_prices_an_image_as_the_elbo_does():
    from vae_helpers.elbo import gaussian_kl

    vae = speed.reference_vae()
    images = np.random.default_rng(0).random((5, 28, 28, 1)).astype(np.float32)
    reconstruction, kl = vae.terms(images)
    features = vae.encoder(images)
    expected = gaussian_kl(vae.z_mean(features), vae.z_log_var(features))
    np.testing.assert_allclose(kl, np.mean(expected), rtol=1e-4)
    assert 500 < float(reconstruction) < 590  # an untrained decoder shrugs: 784 ln 2 = 543
