"""Metrics through the hooks: every variant of the VAE, images of any size, any prior."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_helpers import metrics
from vae_helpers.conditional import ConditionalVAE
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.priors import Prior
from vae_helpers.vae import VAE

GREY, COLOUR = (8, 10, 1), (16, 16, 3)


class Shifted(Prior):
    """N(1, I / 4), without a closed form of the KL."""

    def sample(self, n, seed=None):
        return 1 + 0.5 * keras.random.normal((n, 2), seed=seed)

    def log_density(self, z):
        each = -0.5 * tf.math.log(2 * np.pi / 4) - 2 * tf.square(z - 1)
        return tf.reduce_sum(each, axis=1)


def parts(image_shape):
    keras.utils.set_random_seed(0)
    encoder = Encoder((16,))
    decoder = Decoder((16,), image_shape=image_shape)
    return encoder, LatentDistribution(2), decoder


def pictures(image_shape, n=7):
    return np.random.default_rng(1).integers(0, 256, (n, *image_shape), dtype=np.uint8)


def by_hand(vae, inputs, samples, decode):
    """log p(x|z), log p(z) and log q(z|x) in NumPy, from what the model's public methods give."""
    z_mean, z_log_var = vae.encode(inputs)
    images = (inputs["images"] if isinstance(inputs, dict) else inputs) / 255
    shape = (samples, *z_mean.shape)
    epsilon = np.random.default_rng(3).standard_normal(shape, dtype=np.float32)
    z = z_mean + np.exp(z_log_var / 2) * epsilon
    log_q = stats.norm.logpdf(z, z_mean, np.exp(z_log_var / 2)).sum(axis=2)
    log_prior = stats.norm.logpdf(z).sum(axis=2)
    means = np.stack([decode(codes) for codes in z]).astype("float64")
    log_likelihood = images * np.log(means) + (1 - images) * np.log1p(-means)
    return log_likelihood.sum(axis=(2, 3, 4)), log_prior, log_q, z


@pytest.mark.parametrize("image_shape", [GREY, COLOUR])
def test_weights_of_images_of_any_size_are_those_of_the_formula(image_shape):
    vae, images = VAE(*parts(image_shape)), pictures(image_shape)
    log_likelihood, log_prior, log_q, _ = by_hand(vae, images, 4, vae.decode)
    weights = metrics.log_weights(vae, images, 4, seed=3)
    np.testing.assert_allclose(weights, log_likelihood + log_prior - log_q, rtol=1e-4)
    elbo, reconstruction, kl = metrics.elbo_estimate(vae, images, 4, seed=3)
    assert reconstruction.mean == pytest.approx(-log_likelihood.mean(), rel=1e-4)
    assert elbo.mean == pytest.approx(-(reconstruction.mean + kl.mean), rel=1e-6)


def test_a_conditional_vae_is_measured_with_the_labels_of_its_images():
    vae = ConditionalVAE(*parts(GREY), classes=3)
    inputs = {"images": pictures(GREY), "labels": np.array([0, 1, 2, 2, 1, 0, 1])}
    decode = lambda z: vae.decode(z, inputs["labels"])  # noqa: E731
    log_likelihood, log_prior, log_q, _ = by_hand(vae, inputs, 4, decode)
    weights = metrics.log_weights(vae, inputs, 4, seed=3)
    np.testing.assert_allclose(weights, log_likelihood + log_prior - log_q, rtol=1e-4)
    _, reconstruction, _ = metrics.elbo_estimate(vae, inputs, 4, seed=3)
    assert reconstruction.mean == pytest.approx(-log_likelihood.mean(), rel=1e-4)
    others = {**inputs, "labels": (inputs["labels"] + 1) % 3}
    assert not np.allclose(metrics.log_weights(vae, others, 4, seed=3), weights)
    with pytest.raises(ValueError, match="0 to 2"):
        metrics.log_weights(vae, {**inputs, "labels": inputs["labels"] + 1}, 4)


def test_another_prior_takes_the_place_of_the_standard_normal():
    vae, images = VAE(*parts(GREY), prior=Shifted()), pictures(GREY)
    log_likelihood, _, log_q, z = by_hand(vae, images, 50, vae.decode)
    log_prior = stats.norm.logpdf(z, 1, 0.5).sum(axis=2)
    weights = metrics.log_weights(vae, images, 50, seed=3)
    np.testing.assert_allclose(weights, log_likelihood + log_prior - log_q, rtol=1e-4)
    elbo, _, kl = metrics.elbo_estimate(vae, images, 50, seed=3)
    assert kl.mean == pytest.approx((log_q - log_prior).mean(), rel=1e-3)
    assert kl.sampling_error > 0, "it has no closed form"
    assert elbo.mean == pytest.approx(weights.mean(), rel=1e-5)


def test_the_rate_is_split_with_the_models_prior():
    rng = np.random.default_rng(0)
    z_mean = 1 + np.sqrt(0.2) * rng.normal(size=(4000, 2))
    z_log_var = np.full((4000, 2), np.log(0.05))  # together the prior N(1, 1/4)
    to_prior = metrics.rate_split(z_mean, z_log_var, prior=Shifted())["KL(q(z) || p(z))"]
    assert abs(to_prior.mean) < 0.03
    assert metrics.rate_split(z_mean, z_log_var)["KL(q(z) || p(z))"].mean > 1


class Halved(VAE):
    """A variant with a reconstruction of its own."""

    def terms(self, inputs, forward):
        reconstruction, kl = super().terms(inputs, forward)
        return reconstruction / 2, kl


def test_a_variants_own_terms_are_measured():
    images, own, usual = pictures(GREY), Halved(*parts(GREY)), VAE(*parts(GREY))
    _, half, kl = metrics.elbo_estimate(own, images, 3)
    _, whole, other = metrics.elbo_estimate(usual, images, 3)
    assert half.mean == pytest.approx(whole.mean / 2, rel=1e-5)
    assert kl.mean == pytest.approx(other.mean, rel=1e-5)


@pytest.mark.parametrize("values", [1, 3 * 768, 100 * 768])
def test_no_more_is_decoded_at_a_time_than_memory_allows(values, monkeypatch):
    """Large images with many samples are decoded a few samples at a time, with the same noise."""
    vae, images = VAE(*parts(COLOUR)), pictures(COLOUR)
    log_likelihood, log_prior, log_q, _ = by_hand(vae, images[:1], 9, vae.decode)
    decoded = []

    class Watched(Decoder):
        def call(self, z):
            tf.py_function(lambda z: decoded.append(len(z)), [z], [])
            return super().call(z)

    watched = VAE(vae.encoder, vae.latent, Watched((16,), image_shape=COLOUR))
    watched.decoder.set_weights(vae.decoder.get_weights())
    monkeypatch.setattr("vae_helpers.metrics.bounds.DECODED_VALUES", values)
    decoded.clear()
    weights = metrics.log_weights(watched, images, 9, seed=3)
    assert max(decoded) <= max(1, values // 768) and sum(decoded) == 9 * 7
    if values == 1:  # image by image: the first image has the first of the noise
        expected = (log_likelihood + log_prior - log_q)[:, 0]
        np.testing.assert_allclose(weights[:, 0], expected, rtol=1e-4)


def test_images_of_another_size_are_rejected():
    vae = VAE(*parts(GREY))
    with pytest.raises(ValueError, match=r"expected \(n, 8, 10\)"):
        metrics.log_weights(vae, pictures(COLOUR), 2)


# --- pictures --------------------------------------------------------------------------------


def test_sharpness_in_colour_is_the_mean_over_the_channels():
    grey = np.random.default_rng(0).random((4, 9, 12, 1), "float32")
    same = np.repeat(grey, 3, axis=-1)
    np.testing.assert_allclose(metrics.sharpness(same), metrics.sharpness(grey), rtol=1e-5)
    red = same * [1, 0, 0]
    np.testing.assert_allclose(metrics.sharpness(red), metrics.sharpness(grey) / 3, rtol=1e-5)
    edge = np.zeros((1, 8, 8, 3))
    edge[:, :, :4, 0], edge[:, :, 4:, 1] = 1, 1  # from red to green of the same brightness
    assert metrics.sharpness(edge)[0] > 0.05


def test_the_nearest_in_colour_are_found_in_many_batches(monkeypatch):
    monkeypatch.setattr("vae_helpers.images.BATCH_VALUES", 5 * 768)
    among = pictures(COLOUR, 23)
    queries = among[[3, 21, 8, 8, 0, 22, 14]].copy()
    queries[:, 0, 0, 2] ^= 1
    indices, distances = metrics.nearest(queries, among)
    np.testing.assert_array_equal(indices, [3, 21, 8, 8, 0, 22, 14])
    np.testing.assert_allclose(distances, 1 / 255, atol=0.02)
    with pytest.raises(ValueError, match="among has shape"):
        metrics.nearest(queries, pictures(GREY))
