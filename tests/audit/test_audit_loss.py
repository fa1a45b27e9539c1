"""The audit names what a loss computes: correct ones, planted mistakes, and what it cannot know."""

import math
import random
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import elbo
from vae_helpers.audit import MISTAKES, LossAudit, audit_loss
from vae_helpers.known_mistakes import losses as terms

cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits
PIXELS = (1, 2, 3)


def reconstruction(images, logits):
    """The right one, per image."""
    return tf.reduce_sum(cross_entropy(labels=images, logits=logits), axis=PIXELS)


def kl_per_dimension(m, v):
    return 0.5 * (tf.square(m) + tf.exp(v) - 1.0 - v)


def kl(m, v):
    """The right one, per image."""
    return tf.reduce_sum(kl_per_dimension(m, v), axis=-1)


def with_kl(wrong):
    """A loss whose reconstruction is right."""
    return lambda x, a, m, v: tf.reduce_mean(reconstruction(x, a)) + wrong(m, v)


def with_reconstruction(wrong):
    """A loss whose KL is right."""
    return lambda x, a, m, v: wrong(x, a) + tf.reduce_mean(kl(m, v))


def squares(x, a):
    return tf.reduce_sum(tf.square(x - tf.sigmoid(a)), axis=PIXELS)


# --------------------------------------------------------------------------- correct losses


def elbo_of_the_package(x, a, m, v):
    return -elbo.elbo(x, a, m, v)


def keras_example(x, a, m, v):
    per_row = keras.losses.binary_crossentropy(x, tf.sigmoid(a))
    kl_loss = -0.5 * (1 + v - tf.square(m) - tf.exp(v))
    return tf.reduce_mean(tf.reduce_sum(per_row, axis=(1, 2))) + tf.reduce_mean(
        tf.reduce_sum(kl_loss, axis=1)
    )


def mean_times_pixels(x, a, m, v):
    mean = keras.losses.BinaryCrossentropy(from_logits=True)(x, a)
    return 784 * mean + keras.ops.mean(keras.ops.sum(kl_per_dimension(m, v), axis=-1))


def sum_over_batch_size(x, a, m, v):
    total = keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum")(x, a)
    batch = tf.cast(tf.shape(x)[0], tf.float32)
    return total / batch + tf.reduce_sum(kl(m, v)) / batch


def half_squares(x, a, m, v):
    return tf.reduce_mean(0.5 * squares(x, a) + kl(m, v))


def mean_squared_error_with_its_factor(x, a, m, v):
    return 784 / 2 * keras.losses.MeanSquaredError()(x, tf.sigmoid(a)) + tf.reduce_mean(kl(m, v))


def gaussian_with_normaliser(x, a, m, v):
    log_likelihood = elbo.gaussian_log_likelihood(x, tf.sigmoid(a), tf.fill(tf.shape(a), -2.0))
    return tf.reduce_mean(kl(m, v) - log_likelihood)


def continuous_bernoulli(x, a, m, v):
    near = tf.abs(a) < 1e-2
    safe = tf.where(near, 1.0, a)
    log_c = tf.where(near, math.log(2.0) + a**2 / 12, tf.math.log(safe / tf.tanh(safe / 2)))
    return tf.reduce_mean(tf.reduce_sum(cross_entropy(x, a) - log_c, axis=PIXELS) + kl(m, v))


def numpy_like(x, a, m, v):
    x, a, m, v = (np.asarray(t, "float64") for t in (x, a, m, v))
    pixels = np.sum(np.logaddexp(0, a) - x * a, axis=PIXELS)
    return np.mean(pixels + 0.5 * np.sum(m**2 + np.exp(v) - 1 - v, axis=-1))


@tf.function
def already_compiled(x, a, m, v):
    return reconstruction(x, a) + kl(m, v)


def distributions(x, a, m, v):
    sigma = tf.exp(0.5 * v)
    divergence = -tf.math.log(sigma) + (tf.square(sigma) + tf.square(m)) / 2 - 0.5
    p = tf.clip_by_value(tf.sigmoid(a), 1e-6, 1 - 1e-6)
    likelihood = x * tf.math.log(p) + (1 - x) * tf.math.log(1 - p)
    return tf.reduce_mean(tf.reduce_sum(divergence, 1) - tf.reduce_sum(likelihood, PIXELS))


def a_loop_over_images(x, a, m, v):
    return [
        float(reconstruction(x[i : i + 1], a[i : i + 1])[0] + kl(m, v)[i]) for i in range(len(x))
    ]


def small_epsilons(x, a, m, v):
    p = tf.sigmoid(a)
    likelihood = x * tf.math.log(p + 1e-5) + (1 - x) * tf.math.log((1 - p) + 1e-5)
    return tf.reduce_mean(kl(m, v) - tf.reduce_sum(likelihood, PIXELS))


CORRECT = {
    elbo_of_the_package: "bernoulli",
    keras_example: "bernoulli",
    mean_times_pixels: "bernoulli",
    sum_over_batch_size: "bernoulli",
    half_squares: "squared_error",
    mean_squared_error_with_its_factor: "squared_error",
    gaussian_with_normaliser: "gaussian",
    continuous_bernoulli: "continuous_bernoulli",
    numpy_like: "bernoulli",
    already_compiled: "bernoulli",
    distributions: "bernoulli",
    a_loop_over_images: "bernoulli",
    small_epsilons: "bernoulli",
}


@pytest.mark.parametrize("latent_dim", [2, 5])
@pytest.mark.parametrize("loss", CORRECT, ids=lambda loss: getattr(loss, "__name__", "compiled"))
def test_a_correct_loss_raises_no_alarm(loss, latent_dim):
    audit = audit_loss(loss, latent_dim=latent_dim)
    assert audit.is_elbo, audit
    assert audit.mistakes == ()
    assert audit.reconstruction == CORRECT[loss]
    assert audit.kl_weight == pytest.approx(1, rel=1e-3)
    assert audit.residual < 1e-3
    if audit.reconstruction != "gaussian":
        assert audit.effective_beta == pytest.approx(1, rel=1e-3)


def test_flat_images_and_probabilities_are_audited_too():
    def loss(images, probabilities, m, v):
        per_image = 784 * keras.losses.binary_crossentropy(images, probabilities)
        return per_image + kl(m, v)

    audit = audit_loss(loss, image_shape=(784,), latent_dim=3, takes_probabilities=True)
    assert audit.is_elbo, audit
    assert audit.mistakes == ()


@pytest.mark.parametrize("beta", [0.5, 4.0, 10.0])
def test_a_chosen_beta_is_named_and_no_mistake(beta):
    audit = audit_loss(lambda x, a, m, v: tf.reduce_mean(reconstruction(x, a) + beta * kl(m, v)))
    assert audit.mistakes == ()
    assert not audit.is_elbo
    assert audit.effective_beta == pytest.approx(beta, rel=1e-3)
    assert f"{beta:.4g}" in str(audit)


def test_a_common_factor_is_named_by_its_unit():
    bits = 1 / (784 * math.log(2))
    audit = audit_loss(lambda x, a, m, v: bits * tf.reduce_mean(reconstruction(x, a) + kl(m, v)))
    assert audit.mistakes == () and not audit.is_elbo
    assert audit.effective_beta == pytest.approx(1, rel=1e-3)
    assert "bits per dimension" in str(audit)


def test_the_sigma_of_a_squared_error_is_named():
    audit = audit_loss(lambda x, a, m, v: tf.reduce_mean(2 * squares(x, a) + kl(m, v)))
    assert audit.reconstruction == "squared_error"
    assert audit.reconstruction_weight == pytest.approx(4, rel=1e-3)
    assert "sigma is 0.5" in str(audit) and "left out" in str(audit)


# --------------------------------------------------------------------------- planted mistakes

TWICE = ("probabilities_as_logits", "double_sigmoid")

PLANTED = {
    "default reductions": (
        lambda x, a, m, v: (
            keras.losses.BinaryCrossentropy()(x, tf.sigmoid(a))
            + tf.reduce_mean(kl_per_dimension(m, v))
        ),
        ("pixels_averaged", "latents_averaged"),
    ),
    "mean over pixels beside a summed KL": (
        with_reconstruction(keras.losses.BinaryCrossentropy(from_logits=True)),
        ("pixels_averaged",),
    ),
    "mean squared error": (
        with_reconstruction(lambda x, a: tf.reduce_mean(tf.square(x - tf.sigmoid(a)))),
        ("pixels_averaged",),
    ),
    "mean times a factor of its own": (
        with_reconstruction(
            lambda x, a: 500 * tf.reduce_mean(keras.losses.binary_crossentropy(x, tf.sigmoid(a)))
        ),
        ("pixels_averaged",),
    ),
    "pixels divided by a written number": (
        with_reconstruction(lambda x, a: tf.reduce_mean(reconstruction(x, a)) / 784),
        ("pixels_averaged",),
    ),
    "the KL added to every pixel": (
        lambda x, a, m, v: tf.reduce_mean(
            tf.reduce_sum(cross_entropy(x, a) + kl(m, v)[:, None, None, None], axis=PIXELS)
        ),
        ("pixels_averaged",),
    ),
    "KL averaged over latents": (
        with_kl(lambda m, v: tf.reduce_mean(kl_per_dimension(m, v))),
        ("latents_averaged",),
    ),
    "reduction none on rows": (
        with_reconstruction(
            lambda x, a: tf.reduce_mean(
                tf.reduce_sum(
                    keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")(
                        x[..., 0], a[..., 0]
                    ),
                    axis=1,
                )
            )
        ),
        ("partly_averaged",),
    ),
    "both terms summed over images": (
        lambda x, a, m, v: tf.reduce_sum(reconstruction(x, a) + kl(m, v)),
        ("batch_summed",),
    ),
    "only the reconstruction summed over images": (
        with_reconstruction(lambda x, a: tf.reduce_sum(reconstruction(x, a))),
        ("batch_summed",),
    ),
    "only the KL summed over images": (
        with_kl(lambda m, v: tf.reduce_sum(kl(m, v))),
        ("batch_summed",),
    ),
    "KL subtracted": (with_kl(lambda m, v: -tf.reduce_mean(kl(m, v))), ("kl_sign",)),
    "one sign inside the KL": (
        with_kl(
            lambda m, v: tf.reduce_mean(tf.reduce_sum(0.5 * (-(m**2) + tf.exp(v) - 1 - v), -1))
        ),
        ("kl_sign",),
    ),
    "KL without its half": (
        with_kl(lambda m, v: tf.reduce_mean(tf.reduce_sum(m**2 + tf.exp(v) - 1 - v, -1))),
        ("kl_without_half",),
    ),
    "log variance for the variance, raw": (
        with_kl(
            lambda m, v: tf.reduce_mean(tf.reduce_sum(0.5 * (m**2 + v - 1 - tf.math.log(v)), -1))
        ),
        ("kl_log_var_as_variance", "not_finite"),
    ),
    "log variance for the variance, through softplus": (
        with_kl(
            lambda m, v: tf.reduce_mean(
                tf.reduce_sum(
                    0.5 * (m**2 + tf.nn.softplus(v) - 1 - tf.math.log(tf.nn.softplus(v) + 1e-8)),
                    -1,
                )
            )
        ),
        ("kl_log_var_as_variance",),
    ),
    "log variance for the variance, clipped": (
        with_kl(
            lambda m, v: tf.reduce_mean(
                tf.reduce_sum(
                    0.5 * (m**2 + tf.maximum(v, 1e-6) - 1 - tf.math.log(tf.maximum(v, 1e-6))), -1
                )
            )
        ),
        ("kl_log_var_as_variance",),
    ),
    "log variance for the variance, absolute": (
        with_kl(
            lambda m, v: tf.reduce_mean(
                tf.reduce_sum(0.5 * (m**2 + tf.abs(v) - 1 - tf.math.log(tf.abs(v) + 1e-7)), -1)
            )
        ),
        ("kl_log_var_as_variance",),
    ),
    "log variance for sigma": (
        with_kl(
            lambda m, v: tf.reduce_mean(
                tf.reduce_sum(0.5 * (m**2 + v**2 - 1 - tf.math.log(v**2 + 1e-8)), -1)
            )
        ),
        ("kl_log_var_as_std",),
    ),
    "log variance for log sigma": (
        with_kl(
            lambda m, v: tf.reduce_mean(tf.reduce_sum(0.5 * (m**2 + tf.exp(2 * v) - 1) - v, -1))
        ),
        ("kl_log_var_as_std",),
    ),
    "KL the other way round": (
        with_kl(
            lambda m, v: tf.reduce_mean(
                tf.reduce_sum(0.5 * ((1 + m**2) * tf.exp(-v) - 1 + v), axis=-1)
            )
        ),
        ("kl_reversed",),
    ),
    "no KL": (lambda x, a, m, v: reconstruction(x, a), ("kl_missing",)),
    "Keras' KLDivergence": (with_kl(keras.losses.KLDivergence()), ("keras_kl_divergence",)),
    "Keras' KLDivergence, exchanged": (
        with_kl(lambda m, v: keras.losses.KLDivergence()(v, m)),
        ("keras_kl_divergence",),
    ),
    "no reconstruction": (lambda x, a, m, v: kl(m, v), ("reconstruction_missing",)),
    "log likelihood instead of minus it": (
        with_reconstruction(lambda x, a: -tf.reduce_mean(reconstruction(x, a))),
        ("reconstruction_sign",),
    ),
    "the ELBO instead of minus it": (elbo.elbo, ("reconstruction_sign", "kl_sign")),
    "probabilities for logits": (
        with_reconstruction(lambda x, a: tf.reduce_mean(reconstruction(x, tf.sigmoid(a)))),
        TWICE,
    ),
    "squares of a double sigmoid": (
        with_reconstruction(lambda x, a: tf.reduce_mean(0.5 * squares(x, tf.sigmoid(a)))),
        TWICE,
    ),
    "logits for probabilities": (
        with_reconstruction(
            lambda x, a: tf.reduce_mean(
                tf.reduce_sum(keras.losses.binary_crossentropy(x, a), axis=(1, 2))
            )
        ),
        ("logits_as_probabilities",),
    ),
    "KL without its -1": (
        with_kl(lambda m, v: tf.reduce_mean(0.5 * tf.reduce_sum(m**2 + tf.exp(v) - v, -1))),
        ("constant_offset",),
    ),
    "the images' entropy subtracted": (
        with_reconstruction(
            lambda x, a: tf.reduce_mean(
                reconstruction(x, a)
                - reconstruction(x, tf.math.log(x + 1e-7) - tf.math.log(1 - x + 1e-7))
            )
        ),
        ("constant_offset",),
    ),
    "images on 0-255": (
        with_reconstruction(lambda x, a: tf.reduce_mean(reconstruction(255 * x, a))),
        ("image_range",),
    ),
    "images on -1 to 1": (
        with_reconstruction(lambda x, a: tf.reduce_mean(reconstruction(2 * x - 1, a))),
        ("image_range",),
    ),
    "images divided by 255 twice": (
        with_reconstruction(lambda x, a: tf.reduce_mean(reconstruction(x / 255, a))),
        ("image_range",),
    ),
    "logarithm of 0": (
        with_reconstruction(
            lambda x, a: tf.reduce_mean(
                -tf.reduce_sum(
                    x * tf.math.log(tf.sigmoid(a)) + (1 - x) * tf.math.log(1 - tf.sigmoid(a)),
                    axis=PIXELS,
                )
            )
        ),
        ("not_finite",),
    ),
    "root of the squares": (
        with_reconstruction(lambda x, a: tf.reduce_mean(tf.sqrt(squares(x, a)))),
        ("root_of_squares",),
    ),
    "only the middle of the image": (
        with_reconstruction(
            lambda x, a: tf.reduce_mean(reconstruction(x[:, 4:24, 4:24], a[:, 4:24, 4:24]))
        ),
        ("unknown",),
    ),
    "only the first latent dimension": (
        with_kl(lambda m, v: tf.reduce_mean(kl_per_dimension(m[:, 0], v[:, 0]))),
        ("unknown",),
    ),
    # two at once, one in each term
    "mean over pixels and KL without half": (
        lambda x, a, m, v: (
            keras.losses.MeanSquaredError()(x, tf.sigmoid(a))
            + tf.reduce_mean(tf.reduce_sum(m**2 + tf.exp(v) - 1 - v, -1))
        ),
        ("pixels_averaged", "kl_without_half"),
    ),
    "double sigmoid and mean over latents": (
        lambda x, a, m, v: (
            tf.reduce_mean(reconstruction(x, tf.sigmoid(a)))
            + tf.reduce_mean(kl_per_dimension(m, v))
        ),
        (*TWICE, "latents_averaged"),
    ),
    "images on 0-255 and KL reversed": (
        lambda x, a, m, v: (
            tf.reduce_mean(reconstruction(255 * x, a))
            + tf.reduce_mean(tf.reduce_sum(0.5 * ((1 + m**2) * tf.exp(-v) - 1 + v), axis=-1))
        ),
        ("image_range", "kl_reversed"),
    ),
    "logits for probabilities and log sigma": (
        lambda x, a, m, v: (
            tf.reduce_mean(tf.reduce_sum(keras.losses.binary_crossentropy(x, a), axis=(1, 2)))
            + tf.reduce_mean(tf.reduce_sum(0.5 * (m**2 + tf.exp(2 * v) - 1) - v, -1))
        ),
        ("logits_as_probabilities", "kl_log_var_as_std"),
    ),
    "mean over pixels and KL sign": (
        lambda x, a, m, v: (
            keras.losses.BinaryCrossentropy(from_logits=True)(x, a) - tf.reduce_mean(kl(m, v))
        ),
        ("pixels_averaged", "kl_sign"),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_named(name):
    loss, codes = PLANTED[name]
    audit = audit_loss(loss, latent_dim=4)
    assert set(audit.mistakes) == set(codes), audit
    assert audit.is_elbo == (codes == ("constant_offset",))
    text = str(audit)
    assert all(MISTAKES[code][1] in text for code in codes)


@pytest.mark.parametrize("name", ["default reductions", "KL without its half", "no KL"])
def test_a_mistake_is_named_at_two_latent_dimensions_too(name):
    loss, codes = PLANTED[name]
    assert set(audit_loss(loss, latent_dim=2).mistakes) == set(codes)


def test_the_weights_of_the_default_reductions():
    audit = audit_loss(PLANTED["default reductions"][0], latent_dim=2)
    assert audit.reconstruction_weight == pytest.approx(1 / 784, rel=1e-3)
    assert audit.kl_weight == pytest.approx(1 / 2, rel=1e-3)
    assert audit.effective_beta == pytest.approx(392, rel=1e-3)


def test_a_sum_over_flat_images_adds_means():
    def loss(x, a, m, v):
        summed = keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum")(x, a)
        return summed + tf.reduce_sum(kl(m, v))

    audit = audit_loss(loss, image_shape=(784,))
    assert set(audit.mistakes) == {"batch_summed", "pixels_averaged"}
    assert audit.effective_beta == pytest.approx(784, rel=1e-3)


def test_three_channels_show_that_none_averages_the_last_axis():
    def loss(x, a, m, v):
        per_pixel = keras.losses.binary_crossentropy(x, a, from_logits=True)
        return tf.reduce_mean(tf.reduce_sum(per_pixel, axis=(1, 2)) + kl(m, v))

    coloured = audit_loss(loss, image_shape=(16, 16, 3))
    assert coloured.mistakes == ("partly_averaged",)
    assert coloured.reconstruction_weight == pytest.approx(1 / 3, rel=1e-3)
    grey = audit_loss(loss)
    assert grey.mistakes == () and "three channels" in str(grey)


def test_a_loss_that_changes_inside_a_graph_is_reported_for_both():
    def loss(x, a, m, v):
        per_pixel = keras.losses.binary_crossentropy(x, tf.sigmoid(a), from_logits=True)
        return tf.reduce_mean(tf.reduce_sum(per_pixel, axis=(1, 2)) + kl(m, v))

    audit = audit_loss(loss)
    assert set(audit.mistakes) == set(TWICE) and not audit.is_elbo
    assert audit.in_graph.is_elbo and audit.in_graph.mistakes == ()
    assert "tf.function" in str(audit) and "finds the logits" in str(audit)


def test_the_same_holds_where_the_loss_takes_probabilities():
    def loss(x, probabilities, m, v):
        per_pixel = keras.losses.binary_crossentropy(x, probabilities, from_logits=True)
        return tf.reduce_mean(tf.reduce_sum(per_pixel, axis=(1, 2)) + kl(m, v))

    audit = audit_loss(loss, takes_probabilities=True)
    assert set(audit.mistakes) == set(TWICE) and audit.in_graph.is_elbo


def test_a_loss_that_runs_only_eagerly_says_so():
    def loss(x, a, m, v):
        pixels = np.logaddexp(0, a.numpy()) - x.numpy() * a.numpy()
        return pixels.sum(axis=PIXELS).mean() + float(tf.reduce_mean(kl(m, v)))

    audit = audit_loss(loss)
    assert audit.is_elbo and "does not run" in str(audit)


def test_the_input_that_breaks_a_loss_is_named():
    audit = audit_loss(PLANTED["logarithm of 0"][0])
    assert "logits of +30" in str(audit)


def test_an_overflow_far_out_is_a_note():
    audit = audit_loss(lambda x, a, m, v: reconstruction(x, a) + kl(m, v))
    assert audit.mistakes == ()
    assert any("z_log_var of +100" in note for note in audit.notes)


def test_clipped_probabilities_are_a_note():
    assert any("gradient is lost" in note for note in audit_loss(distributions).notes)


def test_a_random_loss_is_not_guessed_at():
    def loss(x, a, m, v):
        return reconstruction(x, a + tf.random.normal(tf.shape(a))) + kl(m, v)

    audit = audit_loss(loss)
    assert audit.mistakes == ("unknown",) and math.isnan(audit.effective_beta)
    assert "random" in str(audit)


NEAR_MISSES = {
    "softmax over pixels": with_reconstruction(
        lambda x, a: tf.reduce_mean(
            tf.nn.softmax_cross_entropy_with_logits(
                tf.reshape(x, (-1, 784)), tf.reshape(a, (-1, 784))
            )
        )
    ),
    "label smoothing of a hundredth": with_reconstruction(
        lambda x, a: (
            784 * keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.01)(x, a)
        )
    ),
    "cross-entropy and a little squared error": with_reconstruction(
        lambda x, a: tf.reduce_mean(reconstruction(x, a) + 0.05 * squares(x, a))
    ),
    "images forgotten": with_reconstruction(
        lambda x, a: tf.reduce_mean(tf.reduce_sum(a**2, axis=PIXELS))
    ),
    "KL between softmaxes": with_kl(
        lambda m, v: keras.losses.KLDivergence()(tf.nn.softmax(m), tf.nn.softmax(v))
    ),
    "a product of the terms": lambda x, a, m, v: (
        tf.reduce_mean(reconstruction(x, a)) * tf.reduce_mean(kl(m, v))
    ),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_what_is_only_nearly_known_is_unknown_and_nothing_else(name):
    audit = audit_loss(NEAR_MISSES[name])
    assert audit.mistakes == ("unknown",), audit
    assert not audit.is_elbo and 0 < audit.residual <= 1


def test_a_matrix_of_all_pairs_of_images_is_no_sum():
    audit = audit_loss(lambda x, a, m, v: tf.reduce_sum(reconstruction(x, a) + kl(m, v)[:, None]))
    assert {"batch_summed", "unknown"} <= set(audit.mistakes)


def test_a_loss_that_rescales_its_images_is_right_for_images_that_need_it():
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1)).astype("uint8")

    def loss(x, a, m, v):
        return reconstruction(x / 255, a) + kl(m, v)

    assert audit_loss(loss, images=images).is_elbo
    assert "image_range" in audit_loss(loss, images=images / 255).mistakes


def test_an_unknown_part_of_z_is_described_and_not_guessed():
    audit = audit_loss(with_kl(lambda m, v: tf.reduce_mean(tf.reduce_sum(m**2 + 0.2 * v, -1))))
    assert audit.mistakes == ("unknown",)
    assert math.isnan(audit.kl_weight) and audit.reconstruction_weight == pytest.approx(1)
    assert "z_mean**2" in str(audit)


def test_it_says_that_it_did_not_see_the_sampling():
    assert "sampled" in str(audit_loss(elbo_of_the_package))


@pytest.mark.parametrize(
    ("images", "alarm"),
    [
        (np.random.default_rng(0).uniform(0, 1, (4, 28, 28, 1)), False),
        (np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1)).astype("uint8"), True),
        (np.random.default_rng(0).uniform(-1, 1, (4, 28, 28, 1)), True),
        (np.random.default_rng(0).uniform(0, 1 / 255, (4, 28, 28, 1)), True),
        (np.random.default_rng(0).uniform(0, 1 + 1e-6, (4, 28, 28, 1)), False),
    ],
)
def test_a_real_batch_has_its_range_checked(images, alarm):
    audit = audit_loss(elbo_of_the_package, images=images)
    assert ("image_range" in audit.mistakes) == alarm


def test_the_report_is_a_table_in_a_notebook():
    audit = audit_loss(PLANTED["default reductions"][0])
    page = audit._repr_html_()
    assert page.startswith("<table>") and "pixels_averaged" in page and "<script" not in page


@pytest.mark.parametrize(
    ("loss", "arguments", "words"),
    [
        ("0.41", {}, "function"),
        (lambda x, a, m, v: None, {}, "scalar"),
        (lambda x, a, m, v: (kl(m, v), kl(m, v)), {}, "tuple of 2"),
        (lambda x, a, m, v: x @ undefined, {}, "NameError"),  # noqa: F821
        (lambda x, a: x, {}, "TypeError"),
        (elbo_of_the_package, {"latent_dim": 0}, "latent_dim"),
        (elbo_of_the_package, {"image_shape": (28, "a")}, "image_shape"),
        (elbo_of_the_package, {"takes_probabilities": "no"}, "takes_probabilities"),
        (elbo_of_the_package, {"images": np.zeros((28, 28))}, "expected \\(batch"),
    ],
)
def test_what_is_no_loss_is_refused_with_a_reason(loss, arguments, words):
    with pytest.raises(ValueError, match=words):
        audit_loss(loss, **arguments)


def test_no_two_entries_of_the_dictionary_are_one_function():
    from vae_helpers.audit.loss.fit import fit_term
    from vae_helpers.audit.loss.measure import LOG_VARS, LOGITS, MEANS, X
    from vae_helpers.audit.loss.tolerances import FIT

    m, v = (grid.reshape(1, -1) for grid in np.meshgrid(MEANS, LOG_VARS, indexing="ij"))
    tables = [(terms.KLS, m, v), (terms.RECONSTRUCTIONS, *np.meshgrid(X, LOGITS, indexing="ij"))]
    for dictionary, first, second in tables:
        whole = [term for term in dictionary if not term.domain]
        for term in whole:
            with np.errstate(all="ignore"):
                measured = term.function(first, second)
            fits = [fit_term(other, first, second, measured) for other in whole if other != term]
            assert min(fit.residual for fit in fits if fit) > 2 * FIT, term.text


def test_the_continuous_bernoulli_integrates_to_one():
    x = (np.arange(20000) + 0.5) / 20000
    for logit in (-6.0, -1.0, 0.0, 0.3, 4.0):
        density = np.exp(-terms.continuous_bernoulli(x, np.full_like(x, logit)))
        assert np.mean(density) == pytest.approx(1, rel=1e-6)


def test_every_code_has_a_meaning_and_a_cure():
    assert all(what and cure for what, cure in MISTAKES.values())
    assert isinstance(audit_loss(elbo_of_the_package), LossAudit)


def test_a_single_name_does_not_import_the_audit_of_losses():
    code = (
        "import sys; from vae_helpers.audit import critical_beta; "
        "print(any(name.startswith('vae_helpers.audit.loss') for name in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]


def test_every_code_of_a_term_is_in_the_one_list():
    every = (*terms.RECONSTRUCTIONS, *terms.KLS, *terms.KL_SLIPS)
    assert {code for term in every for code in term.mistakes} <= set(terms.MISTAKES)
    assert {term.variant for term in every if term.variant} <= set(terms.VARIANTS)
    names = [term.name for term in (*terms.KLS, *terms.KL_SLIPS)]
    assert len(set(names)) == len(names) and terms.kl("reversed").kind == "reversed"
    with pytest.raises(ValueError, match="'nonsense', expected one of"):
        terms.reconstruction("nonsense")


def test_a_head_that_is_not_known_is_rejected():
    with pytest.raises(ValueError, match="head is 'sigma', expected one of log_var, log_std"):
        audit_loss(elbo_of_the_package, head="sigma")


def test_the_seeds_of_numpy_and_python_survive_a_random_loss():
    np.random.seed(3)
    random.seed(3)
    before = np.random.get_state()[1].copy(), random.getstate()
    audit_loss(lambda x, a, m, v: reconstruction(x, a + tf.random.normal(a.shape)) + kl(m, v))
    assert np.array_equal(before[0], np.random.get_state()[1]) and before[1] == random.getstate()


def test_a_loss_that_is_nan_at_ordinary_logits_is_not_finite_and_not_random():
    def through_tanh(x, a, m, v):
        y = tf.tanh(a)
        per_pixel = x * tf.math.log(y) + (1.0 - x) * tf.math.log(1.0 - y)
        return -tf.reduce_mean(tf.reduce_sum(per_pixel, axis=[1, 2, 3])) + kl(m, v)

    audit = audit_loss(through_tanh)
    assert audit.mistakes == ("logits_as_probabilities", "not_finite")
    assert not any("random" in note for note in audit.notes)
