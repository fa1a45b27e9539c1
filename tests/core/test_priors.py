"""Learned priors: densities against an independent oracle, samples against the density, saving."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.mixture import GaussianMixture

from vae_helpers import metrics
from vae_helpers.learned_priors import MixturePrior, VampPrior
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.priors import StandardNormal
from vae_helpers.vae import VAE
from vae_helpers.vamp import VampVAE


def codes(n=600, seed=0):
    """Two clouds in three dimensions, one of them tilted."""
    rng = np.random.default_rng(seed)
    tilt = np.array([[1.0, 0.0, 0.0], [0.9, 0.3, 0.0], [0.0, 0.0, 0.2]])
    clouds = rng.standard_normal((n, 3)) @ tilt.T, 0.5 * rng.standard_normal((n, 3)) + 3
    return np.concatenate(clouds).astype("float32")


def images(n=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 8, 8), dtype=np.uint8)


def parts():
    return Encoder((16,)), LatentDistribution(3), Decoder((16,), (8, 8, 1))


@pytest.fixture(scope="module")
def mixture():
    return MixturePrior.fit(codes(), components=3)


def test_the_density_of_a_mixture_is_scikit_learns(mixture):
    found = GaussianMixture(3, random_state=0, reg_covar=1e-5).fit(codes())
    z = codes(50, seed=1)
    np.testing.assert_allclose(mixture.log_density(z), found.score_samples(z), rtol=1e-4, atol=1e-3)


def test_the_density_of_a_mixture_is_that_of_its_components():
    rng = np.random.default_rng(3)
    roots = rng.standard_normal((2, 3, 3)) + 2 * np.eye(3)
    covariances = roots @ roots.transpose(0, 2, 1)
    weights, means = [0.3, 0.7], rng.standard_normal((2, 3))
    prior = MixturePrior(3, 2)
    prior.set_mixture(weights, means, covariances)
    z = rng.standard_normal((20, 3)).astype("float32")
    expected = sum(
        weight * stats.multivariate_normal(mean, covariance).pdf(z)
        for weight, mean, covariance in zip(weights, means, covariances, strict=True)
    )
    np.testing.assert_allclose(np.exp(prior.log_density(z)), expected, rtol=1e-4)


def test_samples_of_a_mixture_are_distributed_as_it_says(mixture):
    """The mean log density of its samples is minus its entropy, as that of scikit-learn's."""
    z = mixture.sample(20_000, seed=1).numpy()
    np.testing.assert_allclose(z.mean(axis=0), codes().mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), np.cov(codes().T), atol=0.1)
    found = GaussianMixture(3, random_state=0, reg_covar=1e-5).fit(codes())
    theirs = found.score_samples(found.sample(20_000)[0])
    error = theirs.std() * np.sqrt(2 / 20_000)
    assert np.mean(mixture.log_density(z)) == pytest.approx(theirs.mean(), abs=4 * error)


def test_a_mixture_with_one_standard_component_is_the_standard_normal():
    z = codes(20)
    fresh = MixturePrior(3, 1)
    np.testing.assert_allclose(
        fresh.log_density(z), StandardNormal(3).log_density(z), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("kind", ["mixture", "vamp"])
def test_one_seed_gives_the_same_codes_and_another_others(kind, mixture):
    prior = mixture if kind == "mixture" else VampVAE(*parts(), components=4).prior
    first, again, other = (prior.sample(5, seed=seed).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    assert first.shape == (5, 3)


@pytest.mark.slow
def test_a_vae_with_a_mixture_is_saved_and_loaded_where_there_is_no_scikit_learn(mixture, tmp_path):
    vae = VAE(*parts(), prior=mixture)
    vae.save(tmp_path / "vae.keras")
    np.savez(tmp_path / "z.npz", z=codes(20), log_density=vae.prior.log_density(codes(20)))
    script = f"""
import sys
sys.modules["sklearn"] = None
import keras, numpy as np
import vae_helpers.learned_priors, vae_helpers.vae  # registered, so that load_model finds them
vae = keras.models.load_model({str(tmp_path / "vae.keras")!r})
stored = np.load({str(tmp_path / "z.npz")!r})
np.testing.assert_allclose(vae.prior.log_density(stored["z"]), stored["log_density"], rtol=1e-5)
assert vae.generate(2, seed=0).shape == (2, 8, 8, 1)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_a_saved_mixture_has_the_same_density(mixture, tmp_path):
    VAE(*parts(), prior=mixture).save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras").prior
    np.testing.assert_allclose(loaded.log_density(codes(9)), mixture.log_density(codes(9)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros(5), r"codes have shape \(5,\), expected \(n, latent_dim\)"),
        (np.full((5, 2), np.nan), "codes hold NaN"),
        (np.zeros((2, 2)), "components is 3, expected at most one for each of the 2 codes"),
    ],
)
def test_codes_that_no_mixture_fits_are_rejected(wrong, message):
    with pytest.raises(ValueError, match=message):
        MixturePrior.fit(wrong, components=3)


# --- the prior that `generate` is given ------------------------------------------------------


def test_generate_takes_another_prior(mixture):
    vae = VAE(*parts())
    expected = vae.decode(mixture.sample(4, seed=1))
    np.testing.assert_array_equal(vae.generate(4, seed=1, prior=mixture), expected)
    assert np.abs(vae.generate(4, seed=1) - expected).max() > 1e-4


# --- VampPrior -------------------------------------------------------------------------------


def vamp_vae(components=6):
    keras.utils.set_random_seed(0)
    vae = VampVAE(*parts(), components=components)
    vae.start_at_images(images())
    vae.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return vae


def test_a_vamp_priors_density_is_the_aggregated_posterior_of_its_pseudo_inputs():
    vae = vamp_vae()
    z_mean, z_log_var = vae.encode(vae.prior.pseudo_inputs().numpy())
    expected = metrics.aggregated_posterior(z_mean, z_log_var, codes(10))
    np.testing.assert_allclose(vae.prior.log_density(codes(10)), expected, rtol=1e-4)


def test_its_samples_have_that_density():
    prior = vamp_vae().prior
    z_mean, z_log_var = (part.numpy() for part in prior.posteriors())
    z = prior.sample(20_000, seed=0).numpy()
    deviation = np.sqrt(z_mean.var(axis=0) + np.exp(z_log_var).mean(axis=0))
    np.testing.assert_allclose(z.mean(axis=0), z_mean.mean(axis=0), atol=0.04)
    np.testing.assert_allclose(z.std(axis=0), deviation, rtol=0.03)


def test_pseudo_inputs_start_at_training_images():
    vae = vamp_vae()
    flat = vae.prior.pseudo_inputs().numpy().reshape(6, -1)
    nearest = np.abs(flat[:, None] - images().reshape(1, 64, -1) / 255).max(axis=2).min(axis=1)
    assert nearest.max() < 0.021


def test_the_kl_trains_the_pseudo_inputs_and_the_encoder_through_both_of_its_ends():
    vae = vamp_vae()
    z = tf.zeros((5, 3))  # no dependence on the encoder but through the prior
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(vae.prior.log_density(z))
    weights = [vae.prior.pseudo_logits.value, *(w.value for w in vae.encoder.trainable_weights)]
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(loss, weights))


def test_fit_moves_the_pseudo_inputs_and_lowers_the_loss():
    vae = vamp_vae()
    before = vae.prior.pseudo_inputs().numpy()
    losses = vae.fit(images(), epochs=8, batch_size=32, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert np.abs(vae.prior.pseudo_inputs().numpy() - before).max() > 0.005


def test_a_vamp_vae_is_saved_without_a_cycle_and_loaded_with_its_encoder(tmp_path):
    vae = vamp_vae()
    vae.save(tmp_path / "vamp.keras")
    loaded = keras.models.load_model(tmp_path / "vamp.keras")
    assert isinstance(loaded, VampVAE)
    assert loaded.count_params() == vae.count_params()
    np.testing.assert_allclose(
        loaded.prior.log_density(codes(9)), vae.prior.log_density(codes(9)), rtol=1e-5
    )
    np.testing.assert_allclose(loaded.generate(2, seed=0), vae.generate(2, seed=0), atol=1e-6)


def test_a_vamp_prior_without_a_vae_says_what_it_lacks():
    with pytest.raises(RuntimeError, match="no encoder, expected that of a VAE"):
        VampPrior(3, (8, 8, 1)).log_density(codes(2))
