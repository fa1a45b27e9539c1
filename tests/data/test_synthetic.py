"""The synthetic stand-ins: known factors, repeatable by seed, and good enough to teach on."""

import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import elbo as elbo_functions
from vae_helpers.data import as_float
from vae_helpers.data.synthetic import (
    FONTS,
    GARMENT_FACTORS,
    GARMENTS,
    LETTER_FACTORS,
    synthetic_garments,
    synthetic_letters,
)
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE

BOTH = pytest.mark.parametrize("draw", [synthetic_letters, synthetic_garments])


@BOTH
def test_form_of_what_is_returned(draw):
    images, labels, factors = draw(130)
    classes = 26 if draw is synthetic_letters else 10
    assert images.shape == (130, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (130,) and labels.dtype == np.uint8
    assert (np.bincount(labels) == 130 / classes).all()
    assert all(values.shape == (130,) for values in factors.values())
    intervals = LETTER_FACTORS if draw is synthetic_letters else GARMENT_FACTORS
    for name, (low, high) in intervals.items():
        assert low <= factors[name].min() < factors[name].max() <= high


@BOTH
def test_white_on_black_and_away_from_the_border(draw):
    images, _, _ = draw(260)
    assert (images.reshape(260, -1).max(axis=1) > 80).all()
    assert (images == 0).mean() > 0.4
    assert (images[:, :, 0] == 0).mean() > 0.9


@BOTH
def test_same_seed_same_images(draw):
    one, again, other = draw(60, seed=3), draw(60, seed=3), draw(60, seed=4)
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert not np.array_equal(one[0], other[0])


@BOTH
def test_ten_thousand_images_in_a_few_seconds(draw):
    start = time.process_time()
    draw(10_000)
    assert time.process_time() - start < 10


@BOTH
def test_a_fixed_factor_is_kept_and_changes_no_other(draw):
    _, labels, free = draw(50, seed=1)
    _, same_labels, fixed = draw(50, seed=1, shift_x=0.5, noise=np.zeros(50))
    assert (fixed["shift_x"] == 0.5).all() and (fixed["noise"] == 0).all()
    np.testing.assert_array_equal(labels, same_labels)
    np.testing.assert_array_equal(free["shift_y"], fixed["shift_y"])


@BOTH
def test_position_moves_the_image(draw):
    still = {name: 0 for name in ("noise", "shift_x", "shift_y")}
    here, _, _ = draw(20, **still)
    right, _, _ = draw(20, **still | {"shift_x": 1})
    np.testing.assert_allclose(here[:, :, 4:-4].astype(int), right[:, :, 5:-3].astype(int), atol=2)


def centre(images):
    """Mean column of the ink in the upper and in the lower half of each image."""
    columns = np.arange(28)
    halves = images[:, :14].astype(float), images[:, 14:].astype(float)
    return [(half * columns).sum((1, 2)) / half.sum((1, 2)) for half in halves]


def test_each_letter_factor_does_what_its_name_says():
    plain = dict(labels=8, font=0, slant=0, weight=0, scale=1, shift_x=0, shift_y=0, noise=0)

    def letter(**factors):
        return synthetic_letters(1, **plain | factors)[0]

    upper, lower = centre(letter(slant=0.3))
    assert upper > lower + 1  # the top of the I leans to the right
    assert letter(weight=0.5).sum() > letter().sum() * 1.2
    assert letter(scale=1.1).sum() > letter().sum() * 1.1
    assert (letter(font=1) != letter()).any()
    assert (letter(noise=0.1) != letter()).any()


def test_each_garment_factor_does_what_its_name_says():
    plain = dict(width=1, length=1, detail=0.5, flare=0.5, shade=0.7, stripes=0, noise=0)

    def garments(**factors):
        return synthetic_garments(
            10, labels=np.arange(10), shift_x=0, shift_y=0, **plain | factors
        )[0]

    def columns(images):
        return (images > 0).any(axis=1).sum(axis=1)

    def rows(images):
        return (images > 0).any(axis=2).sum(axis=1)

    assert (columns(garments(width=1.1)) >= columns(garments(width=0.85))).all()
    assert (rows(garments(length=1.1)) >= rows(garments(length=0.85))).all()
    assert (garments(shade=0.9).sum((1, 2)) > garments(shade=0.5).sum((1, 2))).all()
    assert (garments(stripes=0.3).sum((1, 2)) < garments(stripes=0).sum((1, 2))).all()
    for factor in ("detail", "flare"):
        low, high = garments(**{factor: 0.0}), garments(**{factor: 1.0})
        assert (low != high).any(axis=(1, 2)).all(), f"{factor} leaves some garment as it was"


def test_names_of_the_garments_are_those_of_fashion_mnist():
    assert ", ".join(GARMENTS) == (
        "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    )


def test_the_garments_look_different():
    images, labels, _ = synthetic_garments(1000)
    means = np.stack([images[labels == label].mean(axis=0).ravel() for label in range(10)])
    distances = np.linalg.norm(means[:, None] - means, axis=2) + 1e9 * np.eye(10)
    assert distances.min() > 100


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"n": 2.5}, "n is 2.5"),
        ({"n": 3, "colour": 1}, "unknown factor 'colour'.*shift_x"),
        ({"n": 3, "shift_x": [1, 2]}, r"shift_x has shape \(2,\), expected .*\(3,\)"),
        ({"n": 3, "labels": 26}, "labels are 26 to 26, expected 0 to"),
    ],
)
@BOTH
def test_wrong_arguments_are_named(draw, wrong, message):
    with pytest.raises(ValueError, match=message):
        draw(**wrong)


def test_an_unknown_font_is_rejected():
    with pytest.raises(ValueError, match=f"0 to {len(FONTS) - 1}"):
        synthetic_letters(3, font=len(FONTS))


# --- good enough to teach on ---------------------------------------------------------------


def entropy(p):
    """Entropy of Bernoulli variables in nats, summed over the last axis."""
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=-1)


@BOTH
def test_at_least_five_directions_are_worth_a_latent_dimension(draw):
    pixels = draw(4000)[0].reshape(4000, -1) / 255
    pixels = pixels[:, pixels.std(axis=0) > 0]
    mean = pixels.mean(axis=0)
    deviation = np.sqrt(mean * (1 - mean))
    whitened = np.cov(pixels.T) / np.outer(deviation, deviation)
    assert (np.linalg.eigvalsh(whitened) > 1).sum() >= 5


class DefaultReductions(VAE):
    """The loss that many a first VAE has: Keras' cross-entropy as it comes, plus the KL."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        reconstruction = keras.losses.BinaryCrossentropy(from_logits=True)(x, y_pred["logits"])
        kl = self.latent.kl(y_pred["z_mean"], y_pred["z_log_var"])
        return reconstruction + tf.reduce_mean(kl)


def small(model, images):
    keras.utils.set_random_seed(0)
    vae = model(Encoder((128, 64)), LatentDistribution(2), Decoder((64, 128)))
    vae.start_at_mean_image(images)
    return vae


@pytest.mark.slow
@BOTH
def test_default_reductions_collapse(draw):
    images = as_float(draw(3000)[0])
    vae = small(DefaultReductions, images)
    vae.compile(optimizer=keras.optimizers.Adam(2e-3), jit_compile=False)
    vae.fit(images, batch_size=128, epochs=5, verbose=0)
    assert vae.reconstruct(images[:500]).std(axis=0).max() < 0.05
    z_mean, z_log_var = vae.encode(images[:500])
    assert np.mean(elbo_functions.gaussian_kl(z_mean, z_log_var)) < 0.05


@pytest.mark.slow
@BOTH
def test_two_latent_dimensions_gain_a_quarter_of_the_way(draw):
    images = draw(7000)[0]
    train, test = images[:6000], images[6000:]
    epochs = 16 if draw is synthetic_letters else 5
    vae = small(VAE, train)
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, epochs * 47)
    vae.compile(optimizer=keras.optimizers.Adam(schedule), jit_compile=False)
    vae.fit(train, batch_size=128, epochs=epochs, verbose=0)

    truth = test.reshape(len(test), -1) / 255
    mean = np.clip(train.reshape(len(train), -1).mean(axis=0) / 255, 1e-6, 1 - 1e-6)
    mean_image = -(truth * np.log(mean) + (1 - truth) * np.log(1 - mean)).sum(axis=1).mean()
    floor = entropy(truth).mean()
    cost = -vae.evaluate(test, verbose=0, return_dict=True)["elbo"]
    assert floor < cost < mean_image - (mean_image - floor) / 4
