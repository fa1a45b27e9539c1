"""The examiners of the exercises find each mistake of the one list, and let what is right pass."""

import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import parts
from vae_helpers.elbo import elbo
from vae_helpers.exercises import examiners, losses, nb06
from vae_helpers.known_mistakes import losses as known
from vae_helpers.known_mistakes.samplers import RIGHT, RIGHT_SAMPLER, SAMPLERS, WIDTHS

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
