"""The measurements of a trained VAE against models and pictures whose answer is known."""

import math
from functools import cached_property

import numpy as np
import pytest
import tensorflow as tf
from scipy import linalg, special, stats
from scipy.spatial.distance import cdist

from vae_helpers import metrics
from vae_helpers.elbo import gaussian_kl, gaussian_log_likelihood
from vae_helpers.images import unit_interval
from vae_helpers.priors import StandardNormal

# A Monte Carlo mean is allowed this many of its own standard errors.
STANDARD_ERRORS = 4.0


class LinearVAE:
    """Images are W z + noise around grey: log p(x) and the posterior are known.

    The columns of W are orthogonal, which makes the posterior diagonal. It has what the metrics
    ask of a VAE; q is the posterior, moved by `shift` and with the log variance raised by `widen`.
    """

    latent_dim = 2
    image_shape = (28, 28, 1)
    sigma = 0.2
    prior = StandardNormal(2)

    def __init__(self, shift=0.0, widen=0.0):
        rows = np.linspace(-1, 1, 28)
        columns = [np.outer(rows, np.ones(28)), np.outer(np.ones(28), rows)]
        self.weights = np.stack([0.05 * column.ravel() for column in columns], axis=1)
        precision = 1 + np.sum(self.weights**2, axis=0) / self.sigma**2
        self.variance = 1 / precision
        self.shift, self.widen = shift, widen
        self.latent = FakeLatent(np.log(self.variance) + widen)

    def encoder(self, images):
        flat = tf.reshape(tf.cast(images, tf.float32), (-1, 784)) - 0.5
        to_mean = self.weights / self.sigma**2 * self.variance
        return flat @ tf.constant(to_mean, tf.float32) + self.shift

    def outputs(self, z, inputs=None):
        flat = 0.5 + z @ tf.constant(self.weights.T, tf.float32)
        return tf.reshape(flat, (-1, 28, 28, 1))

    def encode(self, images):
        scale = 255 if images.dtype == np.uint8 else 1
        z_mean, z_log_var = self.latent(self.encoder(images / np.float32(scale)))
        return z_mean.numpy(), z_log_var.numpy()

    def terms(self, inputs, forward):
        images, outputs = unit_interval(inputs, self.image_shape), forward["logits"]
        log_var = tf.zeros_like(outputs) + 2 * math.log(self.sigma)
        kl = gaussian_kl(forward["z_mean"], forward["z_log_var"])
        return -gaussian_log_likelihood(images, outputs, log_var), kl

    def draw(self, n, seed=0):
        """Images of this model, but for the few pixels that had to be brought back to [0, 1]."""
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(n, 2))
        flat = 0.5 + z @ self.weights.T + self.sigma * rng.normal(size=(n, 784))
        return np.clip(flat, 0, 1).reshape(n, 28, 28).astype("float32")

    def log_evidence(self, images):
        flat = images.reshape(len(images), 784).astype("float64") - 0.5
        return self.evidence.logpdf(flat)

    @cached_property
    def evidence(self):
        covariance = self.weights @ self.weights.T + self.sigma**2 * np.eye(784)
        return stats.multivariate_normal(cov=covariance)

    def gap(self):
        """KL(q || posterior), the same for every image."""
        moved = self.shift**2 / self.variance
        return 0.5 * np.sum(moved + np.expm1(self.widen) - self.widen)


class FakeLatent:
    """Features are z_mean; the log variance is that of every image."""

    def __init__(self, z_log_var):
        self.z_log_var = tf.constant(z_log_var, tf.float32)

    def __call__(self, features):
        return features, tf.zeros_like(features) + self.z_log_var

    kl = staticmethod(gaussian_kl)


@pytest.fixture(scope="module")
def exact():
    """q is the posterior."""
    return LinearVAE()


@pytest.fixture(scope="module")
def loose():
    """q is beside the posterior and too wide."""
    return LinearVAE(shift=0.1, widen=0.7)


@pytest.fixture(scope="module")
def images(exact):
    return exact.draw(20)


# --- bounds ----------------------------------------------------------------------------------


def test_every_weight_is_log_p_x_when_q_is_the_posterior(exact, images):
    weights = metrics.log_weights(exact, images, samples=3)
    assert weights.shape == (3, 20)
    expected = np.tile(exact.log_evidence(images), (3, 1))
    np.testing.assert_allclose(weights, expected, rtol=1e-5, atol=1e-3)
    for k in (1, 3):
        bound = metrics.importance_weighted(weights, k)
        assert bound.mean == pytest.approx(exact.log_evidence(images).mean(), abs=1e-3)


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_images_keep_their_order_however_few_are_decoded_at_a_time(
    rows, exact, images, monkeypatch
):
    monkeypatch.setattr("vae_helpers.metrics.bounds.DECODED_VALUES", rows * 784)
    weights = metrics.log_weights(exact, images, samples=2)
    expected = np.tile(exact.log_evidence(images), (2, 1))
    np.testing.assert_allclose(weights, expected, rtol=1e-5, atol=1e-3)


def test_the_elbo_is_log_p_x_minus_the_kl_to_the_posterior(loose, images):
    elbo, reconstruction, kl = metrics.elbo_estimate(loose, images, samples=200)
    expected = loose.log_evidence(images).mean() - loose.gap()
    assert abs(elbo.mean - expected) < STANDARD_ERRORS * elbo.sampling_error
    assert elbo.sampling_error < 0.05 < loose.gap(), "the test can tell"
    assert elbo.mean == pytest.approx(-(reconstruction.mean + kl.mean), rel=1e-6)


def test_the_kl_is_in_closed_form(loose, images):
    z_mean, z_log_var = (part.astype("float64") for part in loose.encode(images))
    per_image = 0.5 * np.sum(z_mean**2 + np.exp(z_log_var) - 1 - z_log_var, axis=1)
    _, _, kl = metrics.elbo_estimate(loose, images, samples=1)
    assert kl.mean == pytest.approx(per_image.mean(), rel=1e-5)
    assert kl.error == pytest.approx(stats.sem(per_image), rel=1e-4)


def test_one_sample_a_bound_is_the_elbo(loose, images):
    elbo, _, _ = metrics.elbo_estimate(loose, images, samples=200, seed=1)
    bound = metrics.importance_weighted(metrics.log_weights(loose, images, 200, seed=2), 1)
    error = math.hypot(elbo.sampling_error, bound.sampling_error)
    assert abs(elbo.mean - bound.mean) < STANDARD_ERRORS * error


def test_the_bound_rises_with_k_and_stays_below_log_p_x(loose, images):
    weights = metrics.log_weights(loose, images, 256)
    bounds = [metrics.importance_weighted(weights, k) for k in (1, 3, 64)]
    for fewer, more in zip(bounds, bounds[1:], strict=False):
        error = math.hypot(fewer.sampling_error, more.sampling_error)
        assert more.mean - fewer.mean > STANDARD_ERRORS * error
    log_evidence = loose.log_evidence(images).mean()
    assert bounds[-1].mean < log_evidence + STANDARD_ERRORS * bounds[-1].sampling_error
    assert log_evidence - bounds[-1].mean < 0.1 * loose.gap()


@pytest.mark.parametrize("k", [1, 3, 5, 10])
def test_all_groups_of_k_samples_that_fit_are_averaged(k):
    weights = np.random.default_rng(0).normal(-300, 5, (10, 6)).astype("float32")
    groups = [weights[i : i + k] for i in range(0, 10 - k + 1, k)]
    per_group = np.array([special.logsumexp(group, axis=0) - np.log(k) for group in groups])
    bound = metrics.importance_weighted(weights, k)
    assert bound.mean == pytest.approx(per_group.mean(), rel=1e-6)
    assert bound.error == pytest.approx(stats.sem(per_group.mean(axis=0)), rel=1e-3)
    if len(groups) == 1:
        assert math.isnan(bound.sampling_error)
    else:
        assert bound.sampling_error > 0


def test_tiny_weights_do_not_vanish():
    bound = metrics.importance_weighted(np.full((4, 3), -5000, "float32"), 4)
    assert bound.mean == pytest.approx(-5000)


def test_bytes_and_floats_and_either_shape_are_the_same_images(loose):
    whole = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    forms = (whole, whole[..., None], (whole / 255).astype("float32"))
    first, *others = (metrics.log_weights(loose, form, 2) for form in forms)
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-5)


def test_a_seed_repeats_the_noise(loose, images):
    first, again, other = (metrics.log_weights(loose, images, 2, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(again, first)
    assert np.all(other != first)
    assert np.all(first[0] != first[1])


# --- errors ----------------------------------------------------------------------------------


def test_the_error_is_the_spread_over_other_test_images():
    """Images differ by 3 and samples of one image by 2: 5,000 test sets of 50 images."""
    rng = np.random.default_rng(0)
    sets = rng.normal(0, 3, (5000, 1, 50)) + rng.normal(0, 2, (5000, 4, 50))
    spread = sets.mean(axis=(1, 2)).std()
    errors = [metrics.importance_weighted(one, 1).error for one in sets[:40]]
    assert np.mean(errors) == pytest.approx(spread, rel=0.05)


def test_the_sampling_error_is_the_spread_over_other_samples_of_z():
    rng = np.random.default_rng(0)
    image_effect = rng.normal(0, 30, 50)
    sets = image_effect + rng.normal(0, np.linspace(1, 3, 50), (5000, 4, 50))
    spread = sets.mean(axis=(1, 2)).std()
    errors = [metrics.importance_weighted(one, 1).sampling_error for one in sets[:40]]
    assert np.mean(errors) == pytest.approx(spread, rel=0.05)


def test_the_sampling_error_of_a_models_elbo_is_its_spread_over_seeds(loose, images):
    estimates = [metrics.elbo_estimate(loose, images[:5], 10, seed)[0] for seed in range(30)]
    spread = np.std([estimate.mean for estimate in estimates], ddof=1)
    # The spread of 30 numbers is known to 1 part in 8.
    mean_error = np.mean([estimate.sampling_error for estimate in estimates])
    assert mean_error == pytest.approx(spread, rel=0.4)


def test_one_image_has_no_error_over_images(loose, images):
    elbo, _, _ = metrics.elbo_estimate(loose, images[:1], samples=3)
    assert math.isnan(elbo.error) and elbo.sampling_error > 0


def test_an_estimate_shows_its_error():
    assert str(metrics.Estimate(-238.126, 0.914)) == "-238.13 ± 0.91"


# --- the code --------------------------------------------------------------------------------


def test_units_whose_mean_moves_are_active():
    rng = np.random.default_rng(0)
    z_mean = rng.normal(size=(1000, 5))
    z_mean = (z_mean - z_mean.mean(axis=0)) / z_mean.std(axis=0)
    z_mean = 7 + z_mean * np.sqrt([0.0099, 0.0101, 1.0, 0.0, 4.0])
    assert metrics.active_units(z_mean) == 3
    assert isinstance(metrics.active_units(z_mean), int)


@pytest.mark.parametrize("points", [1, 499, 1203])
def test_the_aggregated_posterior_is_the_mean_of_scipys_gaussians(points):
    rng = np.random.default_rng(0)
    z_mean, z_log_var = rng.normal(size=(20, 3)), rng.uniform(-8, 1, (20, 3))
    z = rng.normal(size=(points, 3))
    each = stats.norm.logpdf(z[:, None], z_mean, np.exp(z_log_var / 2)).sum(axis=2)
    expected = special.logsumexp(each, axis=1) - np.log(20)
    got = metrics.aggregated_posterior(z_mean, z_log_var, z)
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def gaussian_codes(n, sigma_squared, seed=7, dimensions=1):
    """Posteriors whose mixture is the prior: z_mean takes up what the noise leaves."""
    z_mean = np.random.default_rng(seed).normal(size=(n, dimensions))
    z_log_var = np.full_like(z_mean, np.log(sigma_squared))
    return np.sqrt(1 - sigma_squared) * z_mean, z_log_var


def test_the_parts_of_the_rate_add_up():
    rng = np.random.default_rng(0)
    split = metrics.rate_split(rng.normal(2, 1, (300, 4)), rng.uniform(-3, 0, (300, 4)))
    rate, mutual_information, to_prior = (estimate.mean for estimate in split.values())
    assert list(split) == ["rate", "mutual information", "KL(q(z) || p(z))"]
    assert rate == pytest.approx(mutual_information + to_prior, rel=1e-9)


def test_the_rate_is_the_kl_within_its_error():
    rng = np.random.default_rng(0)
    z_mean, z_log_var = rng.normal(size=(4000, 3)), rng.uniform(-3, 0, (4000, 3))
    kl = np.asarray(gaussian_kl(z_mean, z_log_var))
    rate = metrics.rate_split(z_mean, z_log_var, seed=1)["rate"]
    assert abs(rate.mean - kl.mean()) < STANDARD_ERRORS * rate.error
    per_image_error = stats.sem(kl)
    assert rate.error > per_image_error, "the noise of z comes on top"


def test_the_mutual_information_of_a_gaussian_channel():
    """sigma^2 = 1/4 leaves one dimension log 2 nats; the mixture is the prior."""
    split = metrics.rate_split(*gaussian_codes(4000, 0.25))
    information, to_prior = split["mutual information"], split["KL(q(z) || p(z))"]
    assert abs(information.mean - np.log(2)) < STANDARD_ERRORS * information.error
    assert abs(to_prior.mean) < 0.01


def test_a_mixture_beside_the_prior_pays_for_it():
    z_mean, z_log_var = gaussian_codes(4000, 0.25)
    to_prior = metrics.rate_split(z_mean + 3.0, z_log_var)["KL(q(z) || p(z))"]
    assert to_prior.mean == pytest.approx(4.5, abs=STANDARD_ERRORS * to_prior.error)


def test_the_mutual_information_cannot_exceed_the_log_of_the_number_of_images():
    for n in (2, 50):
        z_mean = 100.0 * np.arange(n)[:, None]
        information = metrics.rate_split(z_mean, np.full((n, 1), -2.0))["mutual information"]
        assert information.mean == pytest.approx(np.log(n), rel=1e-9)
    # 100 nats would be said by these codes, of which 300 images can show log 300 = 5.7.
    information = metrics.rate_split(*gaussian_codes(300, np.exp(-4), dimensions=50))
    assert information["mutual information"].mean <= np.log(300) + 1e-9


def test_a_collapsed_code_says_nothing():
    for estimate in metrics.rate_split(np.zeros((100, 3)), np.zeros((100, 3))).values():
        assert estimate.mean == pytest.approx(0, abs=1e-12)


# --- pictures --------------------------------------------------------------------------------


def test_sharpness_of_pictures_drawn_by_hand():
    pictures = np.zeros((5, 28, 28), "float32")
    pictures[0] = 0.7  # flat
    pictures[1, 10, 10] = 1  # a dot: -4, and 1 at its four neighbours
    pictures[2, :, 14:] = 1  # an edge: 1 on one side and -1 on the other
    pictures[3, 0, 0] = 1  # a dot in the corner, which the border repeats: -2, 1, 1
    pictures[4] = np.indices((28, 28)).sum(axis=0) % 2  # a chessboard
    inside, border, corner = 26 * 26 * 16, 4 * 26 * 9, 4 * 4
    expected = [0, 20 / 784, 56 / 784, 6 / 784, (inside + border + corner) / 784]
    np.testing.assert_allclose(metrics.sharpness(pictures), expected, rtol=1e-5, atol=1e-10)
    whole = (255 * pictures[1:]).astype(np.uint8)[..., None]
    np.testing.assert_allclose(metrics.sharpness(whole), expected[1:], rtol=1e-5)


def cloud(n, mean, covariance, seed=0):
    """n points whose sample mean and sample covariance are exactly these."""
    points = np.random.default_rng(seed).normal(size=(n, len(mean)))
    points -= points.mean(axis=0)
    points = np.linalg.solve(np.linalg.cholesky(np.cov(points, rowvar=False)), points.T).T
    return mean + points @ np.linalg.cholesky(covariance).T


def test_the_frechet_distance_of_two_known_gaussians():
    """With diagonal covariances: |m1 - m2|^2 + sum of (s1 - s2)^2."""
    first = cloud(200, np.array([0.0, 1.0, 2.0]), np.diag([1.0, 4.0, 9.0]), seed=0)
    other = cloud(90, np.array([1.0, 1.0, -1.0]), np.diag([4.0, 4.0, 0.25]), seed=1)
    expected = (1 + 0 + 9) + (1 + 0 + 2.5**2)
    assert metrics.frechet_distance(first, other) == pytest.approx(expected, rel=1e-9)
    assert metrics.frechet_distance(other, first) == pytest.approx(expected, rel=1e-9)


def test_the_frechet_distance_is_the_formula_with_scipys_matrix_root():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(300, 12)) @ rng.normal(size=(12, 12))
    other = 0.5 + rng.normal(size=(200, 12)) @ rng.normal(size=(12, 12))
    one, two = np.cov(first, rowvar=False), np.cov(other, rowvar=False)
    difference = first.mean(axis=0) - other.mean(axis=0)
    root = linalg.sqrtm(one @ two).real
    expected = difference @ difference + np.trace(one + two - 2 * root)
    assert metrics.frechet_distance(first, other) == pytest.approx(expected, rel=1e-8)
    single = metrics.frechet_distance(first.astype("float32"), other.astype("float32"))
    assert single == pytest.approx(expected, rel=1e-4)


def test_the_frechet_distance_of_a_cloud_to_itself_is_zero():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(50, 8)) * [1, 1, 1, 1, 0, 0, 0, 0]  # some features never fire
    for points in (rng.normal(size=(50, 8)), rng.normal(size=(50, 1)), flat):
        assert metrics.frechet_distance(points, points) == pytest.approx(0, abs=1e-6)


def test_the_frechet_distance_of_single_features():
    first, other = np.array([[0.0], [2.0]]), np.array([[5.0], [5.0], [8.0]])
    expected = (1 - 6) ** 2 + (np.sqrt(2) - np.sqrt(3)) ** 2
    assert metrics.frechet_distance(first, other) == pytest.approx(expected)


@pytest.mark.parametrize("shapes", [((9, 3), (9, 4)), ((9,), (9,)), ((9, 3), (3,))])
def test_features_that_do_not_fit_are_rejected(shapes):
    with pytest.raises(ValueError, match=r"features have shapes .* expected \(n, d\) and \(m, d\)"):
        metrics.frechet_distance(*map(np.zeros, shapes))


def test_the_frechet_distances_error_is_the_spread_over_other_samples():
    def clouds(seed):
        rng = np.random.default_rng(seed)
        return rng.normal(size=(400, 4)), rng.normal(1, 1.5, (400, 4))

    spread = np.std([metrics.frechet_distance(*clouds(seed)) for seed in range(300)])
    errors = []
    for seed in range(5):
        estimate = metrics.frechet_with_error(*clouds(seed), draws=50, seed=seed)
        assert estimate.mean == metrics.frechet_distance(*clouds(seed))
        errors.append(estimate.error)
    assert np.mean(errors) == pytest.approx(spread, rel=0.25)


def test_precision_and_recall_are_those_of_a_search_through_all_pairs():
    rng = np.random.default_rng(0)
    samples, real = rng.normal(0.3, 0.8, (150, 4)), rng.normal(0, 1, (170, 4))

    def share(points, centres):
        radius = np.sort(cdist(centres, centres), axis=1)[:, 3]
        return np.mean([(np.linalg.norm(centres - p, axis=1) <= radius).any() for p in points])

    precision, recall = metrics.precision_recall(samples, real, k=3)
    assert precision == pytest.approx(share(samples, real))
    assert recall == pytest.approx(share(real, samples))
    assert metrics.precision_recall(real, samples) == (recall, precision)


def test_samples_of_half_the_classes_are_precise_and_do_not_cover():
    rng = np.random.default_rng(1)
    near, far = rng.normal(0, 1, (600, 3)), rng.normal(30, 1, (300, 3))
    real = np.concatenate([near[:300], far])
    precision, recall = metrics.precision_recall(near[300:], real)
    assert precision > 0.85
    assert 0.4 < recall < 0.5, "the far half of the real images is not covered"


def test_samples_far_from_all_real_images_are_neither():
    points = np.random.default_rng(2).normal(size=(40, 2))
    assert metrics.precision_recall(points + 50, points) == (0.0, 0.0)


@pytest.mark.parametrize(
    "shapes, k, words",
    [
        (((9, 2), (9, 3)), 3, "expected .n, d. and .m, d."),
        (((9, 2), (3, 2)), 3, "k is 3, expected 1 to 2"),
        (((9, 2), (9, 2)), 0, "k is 0"),
    ],
)
def test_features_without_enough_neighbours_are_rejected(shapes, k, words):
    with pytest.raises(ValueError, match=words):
        metrics.precision_recall(*map(np.zeros, shapes), k=k)


@pytest.mark.parametrize("chunk", [1, 7, 500])
def test_the_nearest_image_is_that_of_a_search_through_all(chunk):
    rng = np.random.default_rng(0)
    images, among = rng.random((23, 28, 28)), rng.random((40, 28, 28, 1))
    distances = cdist(images.reshape(23, -1), among.reshape(40, -1))
    index, distance = metrics.nearest(images, among, chunk=chunk)
    np.testing.assert_array_equal(index, distances.argmin(axis=1))
    np.testing.assert_allclose(distance, distances.min(axis=1), rtol=1e-4)


def test_a_copy_is_found_at_no_distance_to_speak_of():
    among = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    index, distance = metrics.nearest(among[[4, 17]], among)
    np.testing.assert_array_equal(index, [4, 17])
    np.testing.assert_allclose(distance, 0, atol=0.03)


# --- counting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "successes, trials, low, high",
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_that_of_newcombes_table(successes, trials, low, high):
    """Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I."""
    assert metrics.wilson(successes, trials) == pytest.approx((low, high), abs=5.1e-5)
    mirrored = metrics.wilson(trials - successes, trials)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=5.1e-5)


def test_wilsons_interval_is_its_formula_at_another_level():
    z, share, n = stats.norm.ppf(0.95), 0.3, 40
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    got = metrics.wilson(12, 40, level=0.9)
    assert got == pytest.approx((centre - half, centre + half), rel=1e-9)
    assert all(type(bound) is float for bound in got)


@pytest.mark.parametrize("successes, trials", [(-1, 10), (11, 10), (0, 0), (1, 0)])
def test_counts_that_make_no_sense_are_rejected(successes, trials):
    with pytest.raises(ValueError, match=f"{successes} successes in {trials} trials"):
        metrics.wilson(successes, trials)


def test_confusion_counts_truth_in_rows():
    counts = metrics.confusion([0, 0, 0, 2, 2], np.array([0, 1, 1, 2, 0], "uint8"), classes=4)
    expected = [[1, 2, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(counts, expected)


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, -2, 2.5, True])
def test_an_impossible_number_of_samples_is_rejected(number, loose, images):
    for measure in (metrics.log_weights, metrics.elbo_estimate):
        with pytest.raises(ValueError, match="samples is .* expected a whole number above 0"):
            measure(loose, images, number)
    with pytest.raises(ValueError, match="k is .* expected a whole number above 0"):
        metrics.importance_weighted(np.zeros((4, 2), "float32"), number)


def test_more_samples_a_bound_than_there_are_is_rejected_with_the_cure():
    with pytest.raises(ValueError, match=r"k is 5, but there are 4 .*log_weights\(samples=5\)"):
        metrics.importance_weighted(np.zeros((4, 2), "float32"), 5)


@pytest.mark.parametrize(
    "bad, message",
    [
        (np.full((3, 28, 28), 255.0), "divide by 255"),
        (np.zeros((3, 784)), "reshape"),
        (np.zeros((0, 28, 28)), "empty"),
    ],
)
def test_bad_images_are_rejected_wherever_they_enter(bad, message, loose, images):
    entrances = {
        "log_weights": lambda: metrics.log_weights(loose, bad, 2),
        "elbo_estimate": lambda: metrics.elbo_estimate(loose, bad, 2),
        "sharpness": lambda: metrics.sharpness(bad),
        "nearest": lambda: metrics.nearest(bad, images),
        "nearest among": lambda: metrics.nearest(images, bad),
    }
    for name, enter in entrances.items():
        with pytest.raises(ValueError, match=message):
            enter()
            pytest.fail(f"{name} took them")
