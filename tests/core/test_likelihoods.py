"""Each likelihood against SciPy: densities, integrals, levels, gradients, samples, and in a VAE."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats

from vae_helpers.audit.health import health_report
from vae_helpers.elbo import bernoulli_log_likelihood
from vae_helpers.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretisedLogistic,
    Gaussian,
    log_sinhc,
)
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE

# A Monte Carlo mean is allowed this many of its own standard errors.
STANDARD_ERRORS = 4.0

LIKELIHOODS = {
    "Bernoulli": Bernoulli,
    "continuous Bernoulli": ContinuousBernoulli,
    "Gaussian": lambda: Gaussian(0.3),
    "Gaussian, learned": lambda: Gaussian("learned"),
    "discretised logistic": DiscretisedLogistic,
}
WITH_LEVELS = [name for name in LIKELIHOODS if name != "Bernoulli"]
# Around 0, around 0.6, where series and formula change places, and where sigmoid has saturated.
SIDE = (1e-8, 1e-3, 0.29, 0.31, 0.599, 0.601, 3.0, 80.0)
OUTPUTS = (0.0, *SIDE, *(-output for output in SIDE))
LEVELS = np.arange(256) / 255


def log_density(name, x, output):
    """SciPy's answer for one pixel, in float64; sigma is 0.3 and the scale exp(-2.5) at first."""
    mean = special.expit(output)
    if name == "Bernoulli":
        return x * special.log_expit(output) + (1 - x) * special.log_expit(-output)
    if name == "continuous Bernoulli":
        tallest = max(output, 0.0)  # keeps exp() from overflowing
        edge = np.clip(8 / max(abs(output), 1.0), 0, 1)
        normaliser, _ = integrate.quad(
            lambda t: np.exp(output * t - tallest), 0, 1, points=[edge, 1 - edge], epsabs=0
        )
        return output * x - tallest - np.log(normaliser)
    if name.startswith("Gaussian"):
        return stats.norm.logpdf(x, mean, 0.3)
    return np.log(bin_probability(stats.logistic(mean, np.exp(-2.5)), x))


def bin_probability(distribution, x):
    """Probability of the bin around the grey level x; black and white take the tails."""
    low = -np.inf if x == 0 else x - 0.5 / 255
    high = np.inf if x == 1 else x + 0.5 / 255
    if low > distribution.mean():  # 1 - cdf, where the cdf is too near 1 to tell
        return distribution.sf(low) - distribution.sf(high)
    return distribution.cdf(high) - distribution.cdf(low)


def pixels(values, dtype="float32"):
    """Each value as an image of one pixel."""
    return tf.constant(np.reshape(values, (-1, 1, 1, 1)), dtype)


def grid(values):
    """Every pair (x, output) as two columns of one-pixel images, and as numbers."""
    pairs = np.array([(x, output) for x in values for output in OUTPUTS])
    return pixels(pairs[:, 0]), pixels(pairs[:, 1]), pairs


# --- densities -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_one_pixel_has_scipys_log_density(name):
    levels = [0, 255] if name == "Bernoulli" else [0, 1, 77, 200, 255]
    images, outputs, pairs = grid(LEVELS[levels])
    expected = [log_density(name, x, output) for x, output in pairs]
    got = LIKELIHOODS[name]().log_likelihood(images, outputs)
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_an_image_is_the_sum_of_its_pixels(name):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 5, 4, 1)) / 255
    outputs = rng.normal(0, 3, images.shape)
    pair = [tf.constant(part, "float32") for part in (images, outputs)]
    whole = LIKELIHOODS[name]().log_likelihood(*pair)
    expected = [
        sum(log_density(name, *pixel) for pixel in zip(x.flat, output.flat, strict=True))
        for x, output in zip(images, outputs, strict=True)
    ]
    assert whole.shape == (3,)
    np.testing.assert_allclose(whole, expected, rtol=1e-5)


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_continuous_bernoulli_is_exact_in_double_precision(output):
    """Both sides of the change from series to formula, and 0 itself."""
    likelihood, x = ContinuousBernoulli(), np.array([0.0, 0.3, 1.0])
    got = likelihood.log_likelihood(pixels(x, "float64"), pixels(np.full(3, output), "float64"))
    expected = [log_density("continuous Bernoulli", value, output) for value in x]
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)


def test_the_continuous_bernoulli_is_the_bernoulli_plus_a_constant_of_the_output():
    """At an output of 0 the density is 1 everywhere, and the Bernoulli's formula says 1/2."""
    x, flat = pixels(LEVELS), pixels(np.zeros(256))
    np.testing.assert_array_equal(ContinuousBernoulli().log_likelihood(x, flat), np.zeros(256))
    outputs = pixels(np.full(256, 1.7))
    difference = ContinuousBernoulli().log_likelihood(x, outputs) - Bernoulli().log_likelihood(
        x, outputs
    )
    np.testing.assert_allclose(difference, difference[0], atol=1e-6)
    assert difference[0] > 0, "the constant is log of at least 2"


def test_log_sinhc_near_zero_and_far_away():
    u = np.array([0.0, 1e-8, 0.05, 0.2999, 0.3001, 2.0, 40.0, 600.0])
    expected = np.log(np.divide(np.sinh(u), u, out=np.ones_like(u), where=u > 0))
    for sign in (1, -1):
        got = log_sinhc(tf.constant(sign * u))
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("log_scale", [-6.0, -4.0, 0.0])
def test_the_discretised_logistic_is_scipys_for_any_scale(log_scale):
    likelihood = DiscretisedLogistic()
    likelihood.log_scale.assign(log_scale)
    levels, outputs = LEVELS[[0, 1, 100, 254, 255]], (-6.0, -0.4, 0.0, 2.0)
    pairs = np.array([(x, output) for x in levels for output in outputs])
    expected = []
    for x, output in pairs:
        logistic = stats.logistic(special.expit(output), np.exp(log_scale))
        expected.append(np.log(bin_probability(logistic, x)))
    got = likelihood.log_likelihood(pixels(pairs[:, 0]), pixels(pairs[:, 1]))
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(got, expected, rtol=2e-4, atol=1e-4)


# --- means -----------------------------------------------------------------------------------


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_continuous_bernoullis_mean_is_the_integral(output):
    def integrand(x):
        return x * np.exp(log_density("continuous Bernoulli", x, output))

    edge = np.clip(8 / max(abs(output), 1.0), 0, 1)
    expected, _ = integrate.quad(integrand, 0, 1, points=[edge, 1 - edge])
    mean = ContinuousBernoulli().mean
    np.testing.assert_allclose(mean(tf.constant([output], tf.float64)), [expected], atol=1e-7)
    np.testing.assert_allclose(mean(tf.constant([output], tf.float32)), [expected], atol=2e-6)


@pytest.mark.parametrize("name", [name for name in LIKELIHOODS if name != "continuous Bernoulli"])
def test_the_others_mean_is_the_sigmoid(name):
    mean = LIKELIHOODS[name]().mean(pixels(OUTPUTS))
    np.testing.assert_allclose(np.ravel(mean), special.expit(OUTPUTS), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_outputs_for_inverts_the_mean(name, dtype):
    likelihood = LIKELIHOODS[name]()
    mean = np.array([[1e-3, 0.01, 0.2, 0.4999, 0.5, 0.5001, 0.7, 0.99, 0.999]], dtype)
    outputs = likelihood.outputs_for(mean)
    assert outputs.shape == mean.shape
    np.testing.assert_allclose(likelihood.mean(tf.constant(outputs)), mean, atol=2e-6)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_called_as_a_layer_it_is_its_mean(name):
    likelihood = LIKELIHOODS[name]()
    outputs = pixels(OUTPUTS)
    np.testing.assert_array_equal(likelihood(outputs), likelihood.mean(outputs))


# --- gradients -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_gradients_agree_with_finite_differences(name):
    images, outputs, pairs = grid([0.0, 128 / 255, 1.0])
    step = 1e-4
    expected = [
        (log_density(name, x, output + step) - log_density(name, x, output - step)) / (2 * step)
        for x, output in pairs
    ]
    likelihood = LIKELIHOODS[name]()
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = likelihood.log_likelihood(images, outputs)
    np.testing.assert_allclose(
        np.ravel(tape.gradient(value, outputs)), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("output", [0.0, 1e-30, 1e-4, 0.6, 100.0, 1e4])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_values_and_gradients_are_finite_at_any_output(name, output):
    likelihood = LIKELIHOODS[name]()
    images = pixels([0.0, 0.5, 1.0] * 2)
    outputs = pixels([output] * 3 + [-output] * 3)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(outputs)
        value, mean = likelihood.log_likelihood(images, outputs), likelihood.mean(outputs)
    assert np.isfinite(value).all() and np.isfinite(mean).all()
    for target in (value, mean):
        assert np.isfinite(tape.gradient(target, outputs)).all()
    for weight in likelihood.trainable_variables:
        assert np.isfinite(tape.gradient(value, weight.value)).all()


def test_the_scales_gradient_agrees_with_finite_differences():
    likelihood, step = DiscretisedLogistic(), 1e-4
    values = LEVELS[[0, 30, 128, 255]]
    images, outputs = pixels(values), pixels([0.4] * 4)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(likelihood.log_likelihood(images, outputs))
    gradient = tape.gradient(total, likelihood.log_scale.value)

    def at(log_scale):
        logistic = stats.logistic(special.expit(0.4), np.exp(log_scale))
        return sum(np.log(bin_probability(logistic, x)) for x in values)

    expected = (at(-2.5 + step) - at(-2.5 - step)) / (2 * step)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_it_works_in_a_graph_with_and_without_xla(name, jit):
    images, outputs, _ = grid(LEVELS[[0, 99, 255]])
    likelihood = LIKELIHOODS[name]()

    def value_and_mean(images, outputs):
        return likelihood.log_likelihood(images, outputs), likelihood.mean(outputs)

    compiled = tf.function(value_and_mean, jit_compile=jit)(images, outputs)
    for one, other in zip(compiled, value_and_mean(images, outputs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


# --- grey levels -----------------------------------------------------------------------------


@pytest.mark.parametrize("output", [-30.0, -2.0, 0.0, 1e-8, 0.6, 5.0])
@pytest.mark.parametrize("name", [*WITH_LEVELS, "Gaussian, narrow", "Gaussian, wide"])
def test_the_probabilities_of_all_levels_add_up_to_one(name, output):
    widths = {"Gaussian, narrow": 0.02, "Gaussian, wide": 3.0}
    likelihood = Gaussian(widths[name]) if name in widths else LIKELIHOODS[name]()
    log_probability = likelihood.level_log_likelihood(pixels(LEVELS), pixels([output] * 256))
    assert log_probability.shape == (256,)
    assert np.exp(np.asarray(log_probability, "float64")).sum() == pytest.approx(1, abs=2e-5)


@pytest.mark.parametrize("output", [-30.0, -0.7, 0.0, 1e-8, 0.6, 5.0])
def test_a_level_of_the_continuous_bernoulli_is_the_integral_over_its_bin(output):
    for level in (0, 1, 128, 255):
        low, high = max(0, (level - 0.5) / 255), min(1, (level + 0.5) / 255)
        expected, _ = integrate.quad(
            lambda x: np.exp(log_density("continuous Bernoulli", x, output)), low, high
        )
        got = ContinuousBernoulli().level_log_likelihood(pixels([level / 255]), pixels([output]))
        np.testing.assert_allclose(got, [np.log(expected)], rtol=1e-6)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("output", [-4.0, -0.7, 0.0, 5.0])
def test_a_level_of_the_gaussian_is_scipys_difference_of_two_cdfs(output, sigma):
    distribution = stats.norm(special.expit(output), sigma)
    expected = [np.log(bin_probability(distribution, x)) for x in LEVELS]
    got = Gaussian(sigma).level_log_likelihood(pixels(LEVELS), pixels([output] * 256))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_the_discretised_logistics_value_is_a_probability_of_levels_already():
    images, outputs = pixels(LEVELS), pixels([0.3] * 256)
    likelihood = DiscretisedLogistic()
    np.testing.assert_array_equal(
        likelihood.level_log_likelihood(images, outputs), likelihood.log_likelihood(images, outputs)
    )


@pytest.mark.parametrize("name", WITH_LEVELS)
def test_a_pixel_between_two_levels_counts_as_the_nearer_one(name):
    likelihood, outputs = LIKELIHOODS[name](), pixels([0.3])
    exact = likelihood.level_log_likelihood(pixels([100 / 255]), outputs)
    near = likelihood.level_log_likelihood(pixels([100.4 / 255]), outputs)
    np.testing.assert_allclose(near, exact, rtol=1e-6)


def test_the_bernoulli_gives_grey_levels_no_probability():
    with pytest.raises(ValueError, match="Bernoulli gives grey levels no probability"):
        Bernoulli().level_log_likelihood(pixels([0.5]), pixels([0.0]))


# --- samples ---------------------------------------------------------------------------------

SAMPLES = 40_000


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_samples_are_images_and_a_seed_repeats_them(name):
    likelihood, outputs = LIKELIHOODS[name](), pixels(np.linspace(-9, 9, 500))
    samples = likelihood.sample(outputs, seed=1)
    assert samples.shape == outputs.shape and samples.dtype == tf.float32
    assert np.min(samples) >= 0 and np.max(samples) <= 1
    np.testing.assert_array_equal(likelihood.sample(outputs, seed=1), samples)
    assert np.any(likelihood.sample(outputs, seed=2) != samples)


@pytest.mark.parametrize("output", [-80.0, -3.0, -0.5, 0.0, 1e-4, 0.5, 3.0, 80.0])
def test_samples_of_the_continuous_bernoulli_follow_its_distribution(output):
    likelihood, outputs = ContinuousBernoulli(), pixels(np.full(SAMPLES, output))
    x = np.ravel(likelihood.sample(outputs, seed=0)).astype("float64")
    mean = float(likelihood.mean(outputs[:1])[0, 0, 0, 0])
    assert abs(x.mean() - mean) < STANDARD_ERRORS * stats.sem(x)
    second, _ = integrate.quad(
        lambda t: (t - mean) ** 2 * np.exp(log_density("continuous Bernoulli", t, output)), 0, 1
    )
    squares = (x - mean) ** 2
    assert abs(squares.mean() - second) < STANDARD_ERRORS * stats.sem(squares)

    def cdf(t):
        return np.expm1(output * t) / np.expm1(output) if output else t

    assert stats.kstest(x, cdf).pvalue > 1e-3


def test_samples_of_the_bernoulli_are_black_or_white_and_white_as_often_as_the_mean_says():
    for output in (-3.0, 0.0, 1.0):
        x = np.ravel(Bernoulli().sample(pixels(np.full(SAMPLES, output)), seed=0))
        assert set(np.unique(x)) == {0.0, 1.0}
        assert stats.binomtest(int(x.sum()), SAMPLES, special.expit(output)).pvalue > 1e-3


def test_samples_of_the_gaussian_have_its_mean_and_its_sigma():
    x = np.ravel(Gaussian(0.05).sample(pixels(np.full(SAMPLES, 0.3)), seed=0)).astype("float64")
    assert abs(x.mean() - special.expit(0.3)) < STANDARD_ERRORS * stats.sem(x)
    assert stats.kstest(x, stats.norm(special.expit(0.3), 0.05).cdf).pvalue > 1e-3


@pytest.mark.parametrize("output", [-4.0, 0.2, 6.0])
def test_samples_of_the_discretised_logistic_are_levels_as_often_as_it_says(output):
    likelihood = DiscretisedLogistic()
    x = np.ravel(likelihood.sample(pixels(np.full(SAMPLES, output)), seed=0))
    levels = np.rint(255 * x).astype(int)
    np.testing.assert_allclose(x, levels / 255, atol=1e-7)
    log_probability = likelihood.level_log_likelihood(pixels(LEVELS), pixels([output] * 256))
    expected = SAMPLES * np.exp(np.asarray(log_probability, "float64"))
    counted = np.bincount(levels, minlength=256)
    often = expected > 10  # what the chi-square test asks for
    pairs = [np.append(part[often], part[~often].sum() + 1e-9) for part in (counted, expected)]
    statistic = np.sum((pairs[0] - pairs[1]) ** 2 / pairs[1])
    assert stats.chi2.sf(statistic, often.sum()) > 1e-3


# --- sigma -----------------------------------------------------------------------------------


def test_a_learned_sigma_converges_to_the_root_of_the_mean_squared_error():
    rng = np.random.default_rng(0)
    images = tf.constant(rng.random((20, 6, 6, 1)), "float32")
    outputs = tf.constant(rng.normal(size=images.shape), "float32")
    error = np.mean((images - special.expit(outputs)) ** 2)
    likelihood = Gaussian("learned")
    gaps = []
    for _ in range(300):
        likelihood.adapt(images, outputs)
        gaps.append(abs(float(np.exp(likelihood.log_var)) - error))
    assert np.all(np.diff(gaps[:50]) < 0), "each step goes towards the error"
    assert np.exp(likelihood.log_var) == pytest.approx(error, rel=1e-4)
    # And there the likelihood is highest.
    best = float(tf.reduce_mean(likelihood.log_likelihood(images, outputs)))
    for factor in (0.9, 1.1):
        other = Gaussian(factor * float(np.sqrt(error)))
        assert float(tf.reduce_mean(other.log_likelihood(images, outputs))) < best


def test_a_perfect_reconstruction_leaves_sigma_finite():
    likelihood, outputs = Gaussian("learned"), pixels([0.0])
    for _ in range(1000):
        likelihood.adapt(pixels([0.5]), outputs)
    assert np.exp(likelihood.log_var) == pytest.approx(1e-8, rel=1e-4)
    assert np.isfinite(likelihood.log_likelihood(pixels([0.0]), outputs)).all()


@pytest.mark.parametrize("sigma", [0.1, 1, 2.5, np.float64(0.3)])
def test_a_fixed_sigma_is_what_was_asked_for(sigma):
    likelihood = Gaussian(sigma)
    assert np.exp(likelihood.log_var / 2) == pytest.approx(float(sigma), rel=1e-6)
    likelihood.adapt(pixels([1.0]), pixels([-5.0]))
    assert np.exp(likelihood.log_var / 2) == pytest.approx(float(sigma), rel=1e-6)
    assert likelihood.trainable_variables == []


@pytest.mark.parametrize("sigma", [0, -1.0, np.nan, np.inf, None, "learn", "1", [0.3]])
def test_a_bad_sigma_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma is .* expected a number above 0 or 'learned'"):
        Gaussian(sigma)


def test_the_default_sigma_is_half_the_squared_error():
    """What a loss of half the sum of squared errors stands for."""
    images, outputs = pixels([0.2, 0.9]), pixels([1.0, -2.0])
    constant = 0.5 * np.log(2 * np.pi)
    expected = -0.5 * (np.ravel(images) - special.expit(np.ravel(outputs))) ** 2 - constant
    np.testing.assert_allclose(Gaussian().log_likelihood(images, outputs), expected, rtol=1e-5)


# --- in a VAE --------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="test_likelihoods")
class NoNoise(LatentDistribution):
    """z is its mean: what is computed can be computed again."""

    def sample(self, z_mean, z_log_var):
        return z_mean


def small_vae(likelihood=None, vae=VAE, latent=NoNoise, optimizer=None, **compile_settings):
    keras.utils.set_random_seed(0)
    model = vae(Encoder((16,)), latent(2), Decoder((16,)), likelihood=likelihood)
    optimizer = optimizer or keras.optimizers.Adam(1e-2)
    # Without XLA a tiny model is ready sooner.
    model.compile(**{"optimizer": optimizer, "jit_compile": False, **compile_settings})
    return model


@pytest.fixture(scope="module")
def images():
    """A grey ground and one bright bar each, at a random height."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (60, 28, 28), dtype=np.uint8)
    for image, top in zip(images, rng.integers(0, 22, 60), strict=True):
        image[top : top + 6] += 200
    return images


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_evaluate_reports_the_likelihood_it_was_given(name, images):
    vae = small_vae(LIKELIHOODS[name]())
    vae.start_at_mean_image(images)
    floats = tf.constant(images[..., None] / 255, tf.float32)
    outputs = vae.decoder(vae.encode(images)[0])
    expected = -np.mean(vae.likelihood.log_likelihood(floats, outputs))
    result = vae.evaluate(images, batch_size=25, verbose=0, return_dict=True)
    assert result["reconstruction"] == pytest.approx(expected, rel=1e-4)
    assert result["elbo"] == pytest.approx(-result["reconstruction"] - result["kl"], rel=1e-5)
    assert result["loss"] == pytest.approx(-result["elbo"], rel=1e-5)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_starting_at_the_mean_image_starts_there(name, images):
    vae = small_vae(LIKELIHOODS[name]())
    vae.start_at_mean_image(images)
    mean = images.mean(axis=0)[..., None] / 255
    np.testing.assert_allclose(vae.decode(np.zeros((1, 2)))[0], mean, atol=1e-4)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_pictures_are_the_likelihoods_means(name, images):
    vae = small_vae(LIKELIHOODS[name]())
    z = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    expected = vae.likelihood.mean(vae.decoder(z))
    np.testing.assert_allclose(vae.decode(z), expected, atol=1e-6)
    np.testing.assert_allclose(vae.predict(images, verbose=0), vae.reconstruct(images), atol=1e-5)


@pytest.mark.parametrize(
    "name, jit_compile",
    [
        ("continuous Bernoulli", False),
        ("Gaussian, learned", True),
    ],
)
def test_training_raises_the_elbo_with_and_without_xla(name, jit_compile, images):
    settings = {"jit_compile": jit_compile, "steps_per_execution": 1}
    vae = small_vae(LIKELIHOODS[name](), latent=LatentDistribution, **settings)
    vae.start_at_mean_image(images)
    bound = vae.fit(images, batch_size=20, epochs=15, verbose=0).history["elbo"]
    assert np.isfinite(bound).all()
    assert bound[-1] > bound[0] + 10


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_saved_vae_keeps_its_likelihood(name, images, tmp_path):
    likelihood = LIKELIHOODS[name]()
    vae = VAE(Encoder((16,)), LatentDistribution(2), Decoder((16,)), likelihood=likelihood)
    for weight in vae.likelihood.weights:
        weight.assign(-1.25)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    assert type(loaded.likelihood) is type(vae.likelihood)
    assert loaded.likelihood.get_config() == vae.likelihood.get_config()
    assert getattr(loaded.likelihood, "sigma", None) == getattr(vae.likelihood, "sigma", None)
    assert [float(weight.numpy()) for weight in loaded.likelihood.weights] == [-1.25] * len(
        vae.likelihood.weights
    )
    for one, other in zip(loaded.get_weights(), vae.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.reconstruct(images), vae.reconstruct(images))


def test_sigma_is_learned_by_fit_and_left_alone_by_evaluate_and_predict(images):
    # Weights that stand still have one mean squared error.
    vae = small_vae(Gaussian("learned"), optimizer=keras.optimizers.SGD(0.0))
    start = float(vae.likelihood.log_var.numpy())
    vae.evaluate(images, verbose=0)
    vae.predict(images, verbose=0)
    vae.reconstruct(images)
    assert float(vae.likelihood.log_var.numpy()) == start
    # 150 batches are several memories long.
    vae.fit(images, batch_size=4, epochs=10, verbose=0)
    error = np.mean((images[..., None] / 255 - vae.reconstruct(images)) ** 2)
    assert np.exp(vae.likelihood.log_var) == pytest.approx(error, rel=0.05)


@pytest.mark.parametrize("name, learns", [("Gaussian", False), ("discretised logistic", True)])
def test_fit_moves_a_scale_that_is_learned_and_no_other(name, learns, images):
    vae = small_vae(LIKELIHOODS[name]())
    (scale,) = vae.likelihood.weights
    before = scale.numpy()
    vae.fit(images, batch_size=20, verbose=0)
    assert (scale.numpy() != before) == learns


def test_two_vaes_share_no_likelihood():
    assert small_vae().likelihood is not small_vae().likelihood


def test_the_health_report_judges_the_pictures_of_any_likelihood_by_one_ruler(images):
    for name in WITH_LEVELS:
        vae = small_vae(LIKELIHOODS[name]())
        vae.start_at_mean_image(images)
        report = health_report(vae, images)
        assert report.n_images == 60 and report.likelihood == type(vae.likelihood).__name__
        assert f"that of its {report.likelihood}" in str(report)
        # An untrained decoder answers with nearly the same picture: about the mean image's cost.
        assert report.reconstruction == pytest.approx(report.mean_image_cost, rel=0.05)
        floats = tf.constant(images[..., None] / 255, tf.float32)
        own = np.mean(vae.likelihood.log_likelihood(floats, vae(floats)["logits"]))
        assert report.elbo + report.kl == pytest.approx(float(own), rel=0.02)
    bernoulli = health_report(small_vae(Bernoulli()), images)
    assert bernoulli.elbo == pytest.approx(-(bernoulli.reconstruction + bernoulli.kl))
    assert "minus the sum of the two" in str(bernoulli)


# --- without a choice, all is as before -------------------------------------------------------


class Before(VAE):
    """The loss as it was when a VAE knew the Bernoulli alone."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        floats = tf.cast(x, tf.float32)[..., None] / 255
        reconstruction = -bernoulli_log_likelihood(floats, y_pred["logits"])
        kl = self.latent.kl(y_pred["z_mean"], y_pred["z_log_var"])
        self.trackers["reconstruction"].update_state(reconstruction)
        self.trackers["kl"].update_state(kl)
        self.trackers["elbo"].update_state(-(reconstruction + kl))
        return tf.reduce_mean(reconstruction + self.beta_variable * kl)


def test_without_a_likelihood_a_vae_trains_as_one_that_knows_the_bernoulli_alone(images):
    weights = []
    for vae in (VAE, Before):
        model = small_vae(vae=vae, latent=LatentDistribution)
        model.fit(images, batch_size=20, epochs=3, verbose=0)
        weights.append(model.get_weights())
        assert isinstance(model.likelihood, Bernoulli) and model.likelihood.weights == []
        z = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
        np.testing.assert_array_equal(model.decode(z), tf.sigmoid(model.decoder(z)))
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_a_file_from_before_there_was_a_choice_is_a_bernoulli(images, tmp_path):
    vae = small_vae()
    vae.fit(images, batch_size=20, verbose=0)
    vae.save(tmp_path / "new.keras")
    with (
        zipfile.ZipFile(tmp_path / "new.keras") as new,
        zipfile.ZipFile(tmp_path / "old.keras", "w") as old,
    ):
        config = json.loads(new.read("config.json"))
        del config["config"]["likelihood"]
        weights = io.BytesIO(new.read("model.weights.h5"))
        with h5py.File(weights, "r+") as file:
            del file["layers"]  # all that it held is the likelihood's place
        old.writestr("config.json", json.dumps(config))
        old.writestr("metadata.json", new.read("metadata.json"))
        old.writestr("model.weights.h5", weights.getvalue())
    loaded = keras.saving.load_model(tmp_path / "old.keras")
    assert isinstance(loaded.likelihood, Bernoulli)
    np.testing.assert_array_equal(loaded.reconstruct(images), vae.reconstruct(images))
