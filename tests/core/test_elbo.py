"""Each term of the ELBO against an independent reference: SciPy's densities, integrals, samples."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats

from vae_helpers import elbo

# A Monte Carlo mean is allowed this many of its own standard errors.
STANDARD_ERRORS = 4.0


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def a_call(name, rng, batch=5, dtype="float64"):
    """Valid arguments for the function `name`, as a dictionary of arrays."""
    images = rng.uniform(0.05, 0.95, (batch, 4, 3, 1))
    codes = [rng.normal(size=(batch, 3)) for _ in range(3)]
    arguments = {
        "bernoulli_log_likelihood": {"images": images, "logits": rng.normal(size=images.shape)},
        "gaussian_log_likelihood": {
            "images": images,
            "mean": rng.normal(size=images.shape),
            "log_var": rng.normal(size=images.shape),
        },
        "gaussian_log_density": dict(zip(("z", "mean", "log_var"), codes, strict=True)),
        "gaussian_kl": dict(zip(("z_mean", "z_log_var"), codes[:2], strict=True)),
        "elbo": {
            "images": images,
            "logits": rng.normal(size=images.shape),
            "z_mean": codes[0],
            "z_log_var": codes[1],
        },
        "importance_weighted_bound": {
            key: rng.normal(size=(7, batch))
            for key in ("log_likelihood", "log_prior", "log_posterior")
        },
    }[name]
    return {key: value.astype(dtype) for key, value in arguments.items()}


FUNCTIONS = (
    "bernoulli_log_likelihood",
    "gaussian_log_likelihood",
    "gaussian_log_density",
    "gaussian_kl",
    "elbo",
    "importance_weighted_bound",
)


# --- the formulas ----------------------------------------------------------------------------


def test_bernoulli_log_likelihood_of_binary_images_is_the_sum_of_scipys(rng):
    images = rng.integers(0, 2, (6, 28, 28, 1)).astype("float64")
    logits = rng.normal(0, 3, images.shape)
    expected = stats.bernoulli.logpmf(images, special.expit(logits)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(elbo.bernoulli_log_likelihood(images, logits), expected, rtol=1e-10)


def test_bernoulli_log_likelihood_of_grey_pixels_is_at_most_minus_their_entropy(rng):
    images = rng.uniform(0.01, 0.99, (6, 28, 28))
    ceiling = -stats.bernoulli.entropy(images).sum(axis=(1, 2))
    best = elbo.bernoulli_log_likelihood(images, special.logit(images))
    np.testing.assert_allclose(best, ceiling, rtol=1e-10)
    other = elbo.bernoulli_log_likelihood(images, rng.normal(0, 3, images.shape))
    assert np.all(other < ceiling)


@pytest.mark.parametrize("function", [elbo.gaussian_log_density, elbo.gaussian_log_likelihood])
def test_gaussian_densities_are_the_sum_of_scipys(function, rng):
    x, mean, log_var = rng.normal(size=(3, 6, 5, 4))
    expected = stats.norm.logpdf(x, mean, np.exp(log_var / 2)).sum(axis=(1, 2))
    np.testing.assert_allclose(function(x, mean, log_var), expected, rtol=1e-10)


@pytest.mark.parametrize("mean, log_var", [(0.0, 0.0), (1.3, -0.7), (-2.0, 1.5), (0.4, -4.0)])
def test_gaussian_kl_is_the_integral_that_defines_it(mean, log_var):
    q, p = stats.norm(mean, np.exp(log_var / 2)), stats.norm()
    low, high = q.ppf([1e-15, 1 - 1e-15])
    expected, _ = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high)
    kl = elbo.gaussian_kl(np.array([[mean]]), np.array([[log_var]]))
    np.testing.assert_allclose(kl, [expected], rtol=1e-9, atol=1e-12)


def test_gaussian_kl_agrees_with_monte_carlo(rng):
    mean, log_var = np.array([0.5, -1.0, 2.0]), np.array([0.3, -1.2, 0.8])
    q = stats.norm(mean, np.exp(log_var / 2))
    z = q.rvs(size=(100_000, 3), random_state=rng)
    samples = (q.logpdf(z) - stats.norm.logpdf(z)).sum(axis=1)
    kl = float(elbo.gaussian_kl(mean[None], log_var[None])[0])
    assert abs(samples.mean() - kl) < STANDARD_ERRORS * stats.sem(samples)


def test_gaussian_kl_is_zero_at_the_prior():
    np.testing.assert_array_equal(elbo.gaussian_kl(np.zeros((3, 2)), np.zeros((3, 2))), 0.0)


def test_elbo_is_the_log_likelihood_minus_the_kl(rng):
    call = a_call("elbo", rng)
    images, logits = call["images"], call["logits"]
    p = special.expit(logits)
    log_likelihood = (images * np.log(p) + (1 - images) * np.log(1 - p)).sum(axis=(1, 2, 3))
    variance = np.exp(call["z_log_var"])
    kl = (call["z_mean"] ** 2 + variance - np.log(variance) - 1).sum(axis=1) / 2
    np.testing.assert_allclose(elbo.elbo(**call), log_likelihood - kl, rtol=1e-10)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_agree_with_finite_differences(name, rng):
    call = {key: tf.constant(value) for key, value in a_call(name, rng, batch=2).items()}
    function = getattr(elbo, name)
    with tf.GradientTape() as tape:
        tape.watch(call)
        total = tf.reduce_sum(function(**call))
    gradients = tape.gradient(total, call)

    step = 1e-6
    for key, value in call.items():
        numeric = np.zeros(value.shape)
        for index in np.ndindex(*value.shape):
            nudge = np.zeros(value.shape)
            nudge[index] = step
            above, below = (function(**{**call, key: value + s * nudge}) for s in (1, -1))
            numeric[index] = np.sum(above - below) / (2 * step)
        np.testing.assert_allclose(gradients[key], numeric, rtol=1e-6, atol=1e-7, err_msg=key)


# --- the importance-weighted bound -----------------------------------------------------------


class LinearGaussian:
    """x = W z + noise: log p(x) and the posterior are known.

    The columns of W are orthogonal, which makes the posterior diagonal.
    """

    weights = np.array([[1.0, 1.0], [1.0, -1.0], [0.5, 1.0], [0.5, -1.0]])
    variance = 0.5

    def __init__(self, x):
        self.x = x  # (batch, 4)
        precision = 1 + np.sum(self.weights**2, axis=0) / self.variance
        self.posterior_mean = x @ self.weights / self.variance / precision
        self.posterior_log_var = np.broadcast_to(-np.log(precision), self.posterior_mean.shape)
        covariance = self.weights @ self.weights.T + self.variance * np.eye(4)
        self.log_evidence = stats.multivariate_normal(cov=covariance).logpdf(x)

    def log_terms(self, k, q_mean, q_log_var, rng):
        """log p(x|z), log p(z), log q(z|x) for k samples of q, each (k, batch)."""
        terms = []
        log_var = np.full(self.x.shape, np.log(self.variance))
        for noise in rng.normal(size=(k, *q_mean.shape)):
            z = q_mean + np.exp(q_log_var / 2) * noise
            terms.append(
                (
                    elbo.gaussian_log_likelihood(self.x, z @ self.weights.T, log_var),
                    elbo.gaussian_log_density(z, np.zeros_like(z), np.zeros_like(z)),
                    elbo.gaussian_log_density(z, q_mean, q_log_var),
                )
            )
        return np.moveaxis(np.array(terms), 1, 0)


@pytest.fixture(scope="module")
def model():
    return LinearGaussian(np.random.default_rng(1).normal(size=(3, 4)))


def test_the_bound_is_log_p_x_when_q_is_the_posterior(model, rng):
    for k in (1, 4):
        terms = model.log_terms(k, model.posterior_mean, model.posterior_log_var, rng)
        bound = elbo.importance_weighted_bound(*terms)
        np.testing.assert_allclose(bound, model.log_evidence, rtol=1e-10)


def test_one_sample_gives_the_elbos_estimate(model, rng):
    # One image many times over: each column is one sample of the same ELBO.
    once = LinearGaussian(np.repeat(model.x[:1], 20_000, axis=0))
    q_mean, q_log_var = once.posterior_mean + 0.3, once.posterior_log_var + 0.5
    log_likelihood, log_prior, log_q = once.log_terms(1, q_mean, q_log_var, rng)
    bound = elbo.importance_weighted_bound(log_likelihood, log_prior, log_q)
    np.testing.assert_allclose(bound, (log_likelihood + log_prior - log_q)[0], rtol=1e-12)

    # In the mean it is the ELBO with the analytic KL, and that is log p(x) - KL(q || posterior).
    analytic = log_likelihood[0] - elbo.gaussian_kl(q_mean, q_log_var)
    difference = np.asarray(bound - analytic)
    assert abs(difference.mean()) < STANDARD_ERRORS * stats.sem(difference)
    gap = 0.5 * np.sum(0.3**2 / np.exp(once.posterior_log_var[0]) + np.expm1(0.5) - 0.5)
    error = np.mean(analytic) - (once.log_evidence[0] - gap)
    assert abs(error) < STANDARD_ERRORS * stats.sem(analytic)


def test_the_bound_rises_with_k_and_stays_below_log_p_x(model, rng):
    once = LinearGaussian(np.repeat(model.x[:1], 2_000, axis=0))
    q_mean, q_log_var = once.posterior_mean + 0.3, once.posterior_log_var + 0.5
    terms = once.log_terms(32, q_mean, q_log_var, rng)
    bounds = [np.asarray(elbo.importance_weighted_bound(*terms[:, :k])) for k in (1, 4, 32)]
    for fewer, more in zip(bounds, bounds[1:], strict=False):
        gain = more - fewer
        assert gain.mean() > STANDARD_ERRORS * stats.sem(gain)
    assert bounds[-1].mean() < once.log_evidence[0] + STANDARD_ERRORS * stats.sem(bounds[-1])


def test_the_bound_does_not_underflow():
    shape = (5, 2)
    bound = elbo.importance_weighted_bound(
        np.full(shape, -900, "float32"), np.full(shape, -3, "float32"), np.zeros(shape, "float32")
    )
    np.testing.assert_allclose(bound, [-903, -903], rtol=1e-6)


# --- extremes --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_extreme_logits_give_finite_values_and_gradients(logit, dtype):
    images = tf.constant(np.eye(2).reshape(2, 2, 1), dtype)
    logits = tf.fill(images.shape, tf.constant(logit, dtype))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = elbo.bernoulli_log_likelihood(images, logits)
    np.testing.assert_allclose(value, [-1e4, -1e4])  # one of two pixels is wrong by 10,000 nats
    assert np.all(np.isfinite(tape.gradient(value, logits)))


def test_a_certain_and_right_pixel_costs_nothing():
    images = np.array([[0.0, 1.0]], "float32")
    logits = np.array([[-1e4, 1e4]], "float32")
    np.testing.assert_array_equal(elbo.bernoulli_log_likelihood(images, logits), [0.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("log_var", [-200.0, 200.0])
def test_extreme_log_variances_give_finite_values_and_gradients(log_var, dtype):
    x = tf.constant(np.linspace(0, 1, 1568).reshape(2, 784), dtype)
    log_vars = tf.fill(x.shape, tf.constant(log_var, dtype))
    with tf.GradientTape() as tape:
        tape.watch(log_vars)
        values = (
            elbo.gaussian_kl(x, log_vars),
            elbo.gaussian_log_density(x, tf.zeros_like(x), log_vars),
            elbo.gaussian_log_likelihood(x, tf.zeros_like(x), log_vars),
        )
    assert np.all(np.isfinite(values))
    assert np.all(np.isfinite(tape.gradient(values, log_vars)))


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_kl_is_never_negative(jit, dtype, rng):
    """exp(v) - 1 - v is tiny beside its terms when v is: rounding must not push it below zero."""
    sizes = 10.0 ** rng.uniform(-12, 0.5, (200_000, 1))
    z_log_var = (sizes * rng.choice([-1, 1], sizes.shape)).astype(dtype)
    kl = tf.function(elbo.gaussian_kl, jit_compile=jit)(np.zeros_like(z_log_var), z_log_var)
    assert np.min(kl) >= 0.0


# --- what every function keeps ---------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("convert", [np.asarray, tf.constant])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_value_per_image_in_the_precision_given(name, convert, dtype, rng):
    call = {key: convert(value) for key, value in a_call(name, rng, dtype=dtype).items()}
    value = getattr(elbo, name)(**call)
    assert value.shape == (5,)
    assert value.dtype == dtype


def test_mixed_precisions_take_that_of_the_first_argument(rng):
    call = a_call("gaussian_kl", rng)
    for first, second in (("float32", "float64"), ("float64", "float32")):
        kl = elbo.gaussian_kl(call["z_mean"].astype(first), call["z_log_var"].astype(second))
        assert kl.dtype == first


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "importance" not in name])
def test_images_do_not_influence_each_other(name, rng):
    call, function = a_call(name, rng), getattr(elbo, name)
    alone = function(**{key: value[2:3] for key, value in call.items()})
    np.testing.assert_allclose(alone, function(**call)[2:3], rtol=1e-12)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_work_in_a_graph_with_unknown_batch_size(name, jit, rng):
    call, function = a_call(name, rng), getattr(elbo, name)
    batch_axis = 1 if name == "importance_weighted_bound" else 0
    signature = {}
    for key, value in call.items():
        shape = [None if axis == batch_axis else size for axis, size in enumerate(value.shape)]
        signature[key] = tf.TensorSpec(shape, tf.float64)

    @tf.function(input_signature=[signature], jit_compile=jit)
    def graph(arguments):
        return function(**arguments)

    np.testing.assert_allclose(graph(call), function(**call), rtol=1e-10)


# --- bad input -------------------------------------------------------------------------------


def zeros(*shape):
    return np.zeros(shape, "float32")


@pytest.mark.parametrize(
    "name, shapes, named",
    [
        ("bernoulli_log_likelihood", [(2, 784), (2, 28, 28, 1)], ["images", "logits"]),
        ("bernoulli_log_likelihood", [(2, 28, 28), (2, 28, 28, 1)], ["images", "logits"]),
        ("bernoulli_log_likelihood", [(2, 4), (1, 4)], ["images", "logits"]),
        ("bernoulli_log_likelihood", [(2, 4), ()], ["images", "logits"]),
        ("gaussian_log_likelihood", [(2, 4), (2, 4), (2, 1)], ["images", "log_var"]),
        ("gaussian_log_likelihood", [(2, 4), (2, 4), ()], ["images", "log_var"]),
        ("gaussian_log_density", [(2, 3), (3,), (2, 3)], ["z", "mean"]),
        ("gaussian_log_density", [(7, 2, 3), (2, 3), (2, 3)], ["z", "mean"]),
        ("gaussian_kl", [(5, 1), (5, 2)], ["z_mean", "z_log_var"]),
        ("gaussian_kl", [(5, 2), (1, 2)], ["z_mean", "z_log_var"]),
        ("gaussian_kl", [(5, 2), ()], ["z_mean", "z_log_var"]),
        ("gaussian_kl", [(), ()], ["z_mean"]),
        ("elbo", [(5, 4), (5, 4), (5, 2), (5, 1)], ["z_mean", "z_log_var"]),
        ("elbo", [(5, 4), (5, 4), (1, 2), (1, 2)], ["images", "z_mean"]),
        ("importance_weighted_bound", [(5, 2), (1, 2), (5, 2)], ["log_likelihood", "log_prior"]),
        ("importance_weighted_bound", [(2,), (2,), (2,)], ["log_likelihood", "(k, batch)"]),
    ],
)
def test_shapes_that_differ_are_refused_by_name(name, shapes, named):
    with pytest.raises(ValueError) as error:
        getattr(elbo, name)(*(zeros(*shape) for shape in shapes))
    for word in named:
        assert word in str(error.value)


def test_shapes_are_refused_in_a_graph_of_unknown_batch_size_too():
    @tf.function(input_signature=[tf.TensorSpec([None, 2]), tf.TensorSpec([None, 1])])
    def graph(z_mean, z_log_var):
        return elbo.gaussian_kl(z_mean, z_log_var)

    with pytest.raises(ValueError, match="z_mean has shape .* z_log_var"):
        graph(zeros(5, 2), zeros(5, 1))


def test_whole_number_images_are_refused_with_the_cure():
    with pytest.raises(ValueError, match="images has dtype uint8.*as_float"):
        elbo.bernoulli_log_likelihood(np.zeros((2, 784), "uint8"), zeros(2, 784))
