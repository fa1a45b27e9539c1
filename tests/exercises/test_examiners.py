"""The examiners of the exercises find each mistake of the one list, and let what is right pass."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import parts
from vae_helpers.elbo import bernoulli_log_likelihood, elbo, gaussian_kl
from vae_helpers.exercises import examiners, losses, nb06, timing
from vae_helpers.known_mistakes import losses as known
from vae_helpers.known_mistakes.samplers import RIGHT, RIGHT_SAMPLER, SAMPLERS, WIDTHS


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine has time for TensorFlow's first call."""
    monkeypatch.setattr(timing, "LIMIT", 10.0)


WRONG_WIDTHS = [width for width in WIDTHS.values() if width is not RIGHT]


def code(mistake):
    return mistake.code


@pytest.mark.parametrize("mistake", [*SAMPLERS.values(), *WRONG_WIDTHS], ids=code)
def test_each_sampler_of_the_list_is_found_wrong(mistake):
    assert nb06.fresh_noise.judge(mistake.sample).status == "wrong"


@pytest.mark.parametrize("width", WRONG_WIDTHS, ids=code)
def test_a_wrong_width_is_named_in_the_words_of_the_list(width):
    fault = examiners.noise_fault(width.sample)
    assert fault == f"The noise has the standard deviation {width.code}, {width.text}."


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_right_samplers_pass_for_any_number_of_dimensions(latent_dim):
    for sample in (RIGHT_SAMPLER.sample, parts.LatentDistribution(latent_dim).sample):
        assert examiners.sampler_fault(sample, latent_dim) == ""


def test_dimensions_that_share_their_noise_are_told_one_by_one():
    words = examiners.noise_fault(SAMPLERS["one_for_two_flipped"].sample)
    assert "Latent dimensions 0 and 2 of an image share one number" in words


@pytest.mark.parametrize("share", [0.3, -0.5, 0.71])
def test_dimensions_that_share_a_part_of_their_noise_are_found(share):
    def sample(z_mean, z_log_var):
        first, *others = tf.unstack(tf.random.normal(tf.shape(z_mean)), axis=1)
        others[-1] = share * first + (1 - share**2) ** 0.5 * others[-1]
        return z_mean + tf.exp(z_log_var / 2) * tf.stack([first, *others], axis=1)

    assert "dimensions 0 and 2 of an image is correlated" in examiners.noise_fault(sample)


@pytest.mark.parametrize("times", [0.5, 0.9, 1.1, 2.0])
def test_noise_of_another_width_everywhere_is_told_how_much(times):
    def sample(z_mean, z_log_var):
        return z_mean + times * tf.exp(z_log_var / 2) * tf.random.normal(tf.shape(z_mean))

    assert f"The noise is {times:.2g} times as wide" in examiners.noise_fault(sample).replace(
        "0.89", "0.9"
    ).replace("0.91", "0.9")


def test_a_sampler_that_blocks_a_gradient_is_told_which():
    words = examiners.sampler_fault(SAMPLERS["no_gradient_to_mean"].sample)
    assert "no gradient reaches z_mean" in words


def test_only_the_healthy_latent_distributions_are_healthy():
    assert examiners.is_healthy(parts.LatentDistribution(2))
    assert examiners.is_healthy(examiners.Healthy(3))
    assert not any(examiners.is_healthy(sick(2)) for sick in examiners.SICK_LATENTS.values())


def test_the_right_loss_is_minus_the_elbo_and_no_wrong_term_of_the_list_makes_it():
    batch = losses.loss_inputs(np.random.default_rng(0))
    right = -float(tf.reduce_mean(elbo(*map(tf.constant, batch))))
    assert np.isclose(losses.loss_with()(*batch), right, rtol=1e-5)
    for term in (*known.KLS, *known.KL_SLIPS):
        is_right = np.isclose(losses.loss_with(latent=term.function)(*batch), right, rtol=1e-3)
        assert is_right == (term.name == "gaussian"), term.name
    for term in known.RECONSTRUCTIONS:
        is_right = np.isclose(losses.loss_with(term.function)(*batch), right, rtol=1e-3)
        assert is_right == (term.name == "bernoulli"), term.name


def test_a_right_loss_in_other_words_passes_and_one_that_fit_cannot_minimise_does_not():
    def in_numpy(images, logits, z_mean, z_log_var):
        return losses.loss_with()(images, logits, z_mean, z_log_var)

    def stopped(images, logits, z_mean, z_log_var):
        kl = tf.stop_gradient(gaussian_kl(z_mean, z_log_var))
        return tf.reduce_mean(kl - bernoulli_log_likelihood(images, logits))

    def kept_axis(images, logits, z_mean, z_log_var):
        per_dimension = tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var
        kl = 0.5 * tf.reduce_sum(per_dimension, axis=0)
        return tf.reduce_mean(kl - bernoulli_log_likelihood(images, logits))

    def no_axis(images, logits, z_mean, z_log_var):
        return tf.reduce_mean(tf.reduce_sum(z_mean, axis=2))

    def two_axes(images, logits, z_mean, z_log_var):
        per_pixel = tf.nn.sigmoid_cross_entropy_with_logits(images, logits)
        kl = gaussian_kl(z_mean, z_log_var)
        return tf.reduce_mean(tf.reduce_sum(per_pixel, axis=[1, 2]) + kl)

    def said(answer):
        return nb06.pixels_summed.judge(answer).message

    assert said(lambda *batch: -tf.reduce_mean(elbo(*batch))).startswith("right.")
    assert "Under fit it fails" in said(in_numpy)
    assert "no gradient reaches z_mean" in said(stopped)
    assert "one number for each image" in said(kept_axis)
    assert "one for each latent dimension" in said(kept_axis)
    assert "There is no axis 2" in said(no_axis)
    assert "axes of an image are left" in said(two_axes)


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (lambda: tf.Variable(0), "whole numbers only"),
        (lambda: tf.constant(0.0), "a tensor never changes"),
        (lambda: keras.Variable(0.0), ""),
    ],
)
def test_what_a_warm_up_keeps_its_weight_in_is_told(weight, words):
    class WarmUp(losses.warm_up_with()):
        def __init__(self):
            self.weight = weight()

    fault = losses.warm_up_fault(WarmUp)
    assert words in fault if words else fault == ""
