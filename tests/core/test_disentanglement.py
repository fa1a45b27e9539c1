"""Scores of disentanglement, on codes whose score is known."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, stats

from vae_helpers import disentanglement as scores
from vae_helpers import metrics
from vae_helpers import rotation as rotations
from vae_helpers.elbo import gaussian_kl
from vae_helpers.likelihoods import Bernoulli
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.total_correlation import BetaTC, batch_total_correlation
from vae_helpers.vae import VAE

N = 8_000
NAMES = ("slant", "weight", "shift")
STANDARD_ERRORS = 4.0
# What counting adds to the information of independent columns, as a share of a factor's entropy.
BIAS = (scores.BINS - 1) ** 2 / (2 * N) / math.log(scores.BINS)


def known_factors(n=N, seed=0):
    return {name: np.random.default_rng([seed, i]).uniform(size=n) for i, name in enumerate(NAMES)}


def noise(columns, n=N, seed=9):
    return np.random.default_rng(seed).standard_normal((n, columns))


def aligned(factors, extra=0):
    """One latent a factor, in other units, one of them backwards; then latents of noise."""
    slant, weight, shift = factors.values()
    return np.column_stack([5 - 3 * shift, 100 * slant, 1e-3 * weight, noise(extra, len(shift))])


def turned(codes, degrees):
    """The first two latents rotated in their plane."""
    angle = np.deg2rad(degrees)
    rotation = np.eye(codes.shape[1])
    rotation[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return codes @ rotation.T


# --- codes whose score is known --------------------------------------------------------------


@pytest.mark.parametrize("extra", [0, 4])
def test_one_latent_a_factor_scores_one_whatever_its_unit_and_sign(extra):
    factors = known_factors()
    for name, value in scores.all_scores(aligned(factors, extra), factors).items():
        assert value == pytest.approx(1.0, abs=2 * BIAS), name


def test_noise_scores_zero():
    found = scores.all_scores(noise(5), known_factors())
    assert found.pop("MIG") < 2 * BIAS
    assert found.pop("SAP") < 0.01
    assert set(found.values()) == {0.0}  # the lasso finds no importance at all


def test_factors_of_other_images_are_told_no_better_than_chance():
    factors = known_factors()
    order = np.random.default_rng(1).permutation(N)
    found = scores.all_scores(aligned(factors), {name: v[order] for name, v in factors.items()})
    assert found["MIG"] < 2 * BIAS and found["SAP"] < 0.01
    assert found["informativeness"] < 0.01


def test_images_that_come_in_order_score_as_in_any_order():
    factors = known_factors(2_000)
    order = np.argsort(factors["slant"])
    in_order = {name: values[order] for name, values in factors.items()}
    for name, value in scores.all_scores(aligned(in_order), in_order).items():
        assert value == pytest.approx(1.0, abs=0.05), name


def test_a_factor_told_by_two_latents_alike_has_no_gap():
    factors = {"one": known_factors()["slant"], "two": known_factors()["shift"]}
    doubled = np.column_stack([factors["one"], -2 * factors["one"], factors["two"]])
    assert scores.mig(doubled, factors) == pytest.approx(0.5, abs=2 * BIAS)
    assert scores.sap(doubled, factors) == pytest.approx(0.5, abs=0.01)
    # Shares of the sum of two noisy halves: each tells 1/2, the importances are equal.
    rng = np.random.default_rng(3)
    first, second = rng.standard_normal((2, N))
    halves = {"sum": first + second, "other": rng.standard_normal(N)}
    found = scores.dci(np.column_stack([first, second, halves["other"]]), halves)
    assert found.disentanglement == pytest.approx(1.0)  # each latent matters for one factor
    # "sum" lies on two of three latents evenly: 1 - log 2 / log 3; "other" on one.
    spread, sharp = found.importances[:2, 0].sum(), found.importances[2, 1]
    by_hand = (spread * (1 - math.log(2) / math.log(3)) + sharp) / (spread + sharp)
    assert found.completeness == pytest.approx(by_hand, abs=0.01)


def test_two_factors_turned_by_45_degrees_lose_their_gap():
    rng = np.random.default_rng(4)
    factors = {"one": rng.standard_normal(N), "two": rng.standard_normal(N)}
    straight = scores.all_scores(np.column_stack(list(factors.values())), factors)
    found = scores.all_scores(turned(np.column_stack(list(factors.values())), 45), factors)
    assert found["MIG"] < 0.02 and found["SAP"] < 0.03
    assert found["disentanglement"] < 0.01 and found["completeness"] < 0.01
    assert found["informativeness"] > 0.98  # both together still tell everything
    assert all(value == pytest.approx(1.0, abs=2 * BIAS) for value in straight.values())


def test_turning_in_between_scores_in_between_as_the_formula_says():
    rng = np.random.default_rng(5)
    factors = {"one": rng.standard_normal(N), "two": rng.standard_normal(N)}
    codes = np.column_stack(list(factors.values()))
    for degrees in (10, 30):
        cosine = np.cos(np.deg2rad(degrees))
        expected = cosine**2 - (1 - cosine**2)  # squared correlations, best less second
        assert scores.sap(turned(codes, degrees), factors) == pytest.approx(expected, abs=0.04)
        # Gaussians: information -1/2 log(1 - correlation^2) in nats, before it is cut into bins.
        table, _ = scores.information_table(turned(codes, degrees), factors)
        assert table[1, 0] == pytest.approx(-math.log(cosine), abs=0.04)
    values = [scores.mig(turned(codes, degrees), factors) for degrees in (0, 10, 20, 30, 45)]
    assert values == sorted(values, reverse=True)


def test_a_latent_that_tells_two_factors_is_not_seen_by_the_gaps_but_by_dci():
    rng = np.random.default_rng(6)
    factors = {"one": rng.standard_normal(N), "two": rng.standard_normal(N)}
    both = factors["one"] + factors["two"]
    codes = np.column_stack([both, noise(1)])
    assert scores.sap(codes, factors) == pytest.approx(0.5, abs=0.04)
    found = scores.dci(codes, factors)
    assert found.disentanglement < 0.01
    assert found.completeness == pytest.approx(1.0)


# --- what the scores must not depend on ------------------------------------------------------


def test_latents_that_never_change_change_nothing():
    factors = known_factors()
    codes = aligned(factors, extra=1)
    with_constant = np.column_stack([np.full(N, 7.3), codes, np.zeros(N)])
    before, after = scores.all_scores(codes, factors), scores.all_scores(with_constant, factors)
    for name in ("MIG", "SAP", "disentanglement", "informativeness"):
        assert after[name] == pytest.approx(before[name], abs=1e-12), name
    assert set(scores.all_scores(np.full((N, 3), 0.1), factors).values()) == {0.0}


def test_the_information_is_that_of_ranks():
    factors = known_factors(2_000)
    codes = np.column_stack([factors["slant"], noise(1, 2_000)[:, 0]])
    bent = np.column_stack([np.exp(9 * codes[:, 0]), codes[:, 1] ** 3])
    table, entropies = scores.information_table(codes, factors)
    again, _ = scores.information_table(bent, {k: 1000 * v - 4 for k, v in factors.items()})
    np.testing.assert_allclose(again, table, atol=1e-12)
    np.testing.assert_allclose(entropies, math.log(scores.BINS), atol=1e-6)


def test_order_of_latents_and_form_of_factors_do_not_matter():
    factors = known_factors()
    codes = turned(np.column_stack([*factors.values(), noise(2)]), 20)
    as_array = np.column_stack(list(factors.values()))[:, ::-1]
    before, after = scores.all_scores(codes, factors), scores.all_scores(codes[:, ::-1], as_array)
    for name in before:
        assert after[name] == pytest.approx(before[name], abs=1e-5), name


@pytest.mark.parametrize("values", [2, 5])
def test_a_factor_of_few_values_keeps_them(values):
    rng = np.random.default_rng(7)
    factors = {"kind": rng.integers(values, size=N), "slant": rng.uniform(size=N)}
    codes = np.column_stack([factors["slant"], factors["kind"] + 0.01 * rng.standard_normal(N)])
    table, entropies = scores.information_table(codes, factors)
    assert entropies[0] == pytest.approx(stats.entropy(np.bincount(factors["kind"])), abs=1e-12)
    # A bin may hold the last of one value and the first of the next.
    assert 0.9 < table[1, 0] / entropies[0] <= 1 + 1e-12
    found = scores.all_scores(codes, factors)
    assert found["MIG"] > 0.9 and found["SAP"] > 0.98 and found["disentanglement"] > 0.99


def test_rare_values_of_few_are_not_put_together():
    kind = np.repeat([0, 1, 2, 3], [970, 10, 10, 10])
    table, entropies = scores.information_table(kind[:, None], {"kind": kind})
    assert entropies[0] == pytest.approx(stats.entropy([0.97, 0.01, 0.01, 0.01]))
    assert table[0, 0] == pytest.approx(entropies[0])


@pytest.mark.parametrize("usual", [0.0, 3.0])
def test_a_value_that_most_share_keeps_a_bin_of_its_own(usual):
    rng = np.random.default_rng(8)
    is_rare = rng.uniform(size=N) < 0.1
    rare = np.where(is_rare, rng.uniform(1, 2, size=N), usual)
    table, entropies = scores.information_table(noise(1), {"rare": rare})
    two_bins = stats.entropy([0.9, 0.05, 0.05])  # what is rare fills two of the twenty
    assert entropies[0] == pytest.approx(two_bins, abs=0.03)
    assert table[0, 0] < 0.01


def test_the_lasso_minimises_what_it_says():
    rng = np.random.default_rng(10)
    x = rng.standard_normal((200, 4)) @ rng.standard_normal((4, 4))
    y = rng.standard_normal((200, 1)) + x[:, :1] - 0.3 * x[:, 2:3]
    found = scores._lasso(x, y, penalty=0.1)[:, 0]

    def loss(halves):  # w = positive part - negative part, both bounded: smooth
        w = halves[:4] - halves[4:]
        return np.mean((y[:, 0] - x @ w) ** 2) / 2 + 0.1 * halves.sum()

    best = optimize.minimize(loss, np.zeros(8), bounds=[(0, None)] * 8, tol=1e-12).fun
    assert loss(np.concatenate([np.maximum(found, 0), np.maximum(-found, 0)])) <= best + 1e-6


# --- what is rejected ------------------------------------------------------------------------


@pytest.mark.parametrize("score", [scores.mig, scores.sap, scores.dci])
def test_what_cannot_be_scored_is_rejected_in_plain_words(score):
    factors = known_factors(50)
    codes = noise(3, 50)
    with pytest.raises(ValueError, match="'font' is 0 for all images.*leave it out"):
        score(codes, factors | {"font": np.zeros(50)})
    with pytest.raises(ValueError, match="factor 'slant' has values that are not finite"):
        score(codes, factors | {"slant": np.full(50, np.nan)})
    with pytest.raises(ValueError, match="codes have values that are not finite"):
        score(np.where(codes == codes[3, 1], np.nan, codes), factors)
    with pytest.raises(
        ValueError, match=r"'slant' has shape \(50,\), expected \(49,\): one a code"
    ):
        score(codes[:49], factors)
    with pytest.raises(ValueError, match=r"factors have shape \(50,\), expected \(n, n_factors\)"):
        score(codes, factors["slant"])
    with pytest.raises(ValueError, match="'kind' holds <U4, expected numbers"):
        score(codes, factors | {"kind": np.array(["wide"] * 50)})
    with pytest.raises(ValueError, match=r"codes have shape \(50,\), expected \(n, latent_dim\)"):
        score(codes[:, 0], factors)
    with pytest.raises(ValueError, match="there is one latent|there is one factor"):
        score(codes[:, :1], factors) if score is not scores.dci else score(codes, codes[:, :1])


def test_odd_codes_give_finite_scores_from_zero_to_one():
    rng = np.random.default_rng(0)
    one = rng.standard_normal(300)
    rare = np.zeros(300)
    rare[7] = 1.0
    factors = {"tiny": 1e-30 * one, "far": 1e9 + rng.standard_normal(300), "rare": rare}
    factors |= {"bool": one > 0, "whole": rng.integers(-3, 3, 300), "single": one.astype("float32")}
    for codes in (
        np.column_stack([one, one, -one]),  # copies
        np.column_stack([1e20 * one, 1e-20 * one, np.full(300, 1e9)]),
        np.column_stack([one, rare, 1e9 + 1e-3 * one]).astype("float32"),
        rng.integers(0, 2, (300, 3)),
    ):
        for name, value in scores.all_scores(codes, factors).items():
            assert 0 <= value <= 1, name
    assert all(0 <= v <= 1 for v in scores.all_scores(noise(2, 4), known_factors(4)).values())
    assert scores.sap(np.column_stack([one, rare]), {"tiny": 1e-30 * one}) > 0.9
    two = {"a": [0, 1], "b": [1, 0]}
    assert all(0 <= v <= 1 for v in scores.all_scores(np.eye(2), two).values())


def test_bins_are_a_whole_number_above_one():
    with pytest.raises(ValueError, match="bins is 1, expected a whole number of at least 2"):
        scores.mig(noise(2), known_factors(), bins=1)


# --- the KL in three parts -------------------------------------------------------------------


def correlated(correlation, variance=0.3, n=2_000):
    """Posteriors whose aggregate is a Gaussian with unit variances and that correlation."""
    covariance = np.array([[1.0, correlation], [correlation, 1.0]]) - variance * np.eye(2)
    means = np.random.default_rng(11).multivariate_normal([0, 0], covariance, size=n)
    return means, np.full((n, 2), math.log(variance))


@pytest.mark.parametrize("correlation", [0.0, 0.5, -0.65])
def test_the_total_correlation_of_a_gaussian_is_its_closed_form(correlation):
    z_mean, z_log_var = correlated(correlation)
    expected = -0.5 * math.log(1 - correlation**2)
    parts = metrics.kl_parts(z_mean, z_log_var)
    found = parts["total correlation"]
    # Few posteriors near a z make q(z) too large there: 0.005 nats with 4,000 of them.
    assert abs(found.mean - expected) < STANDARD_ERRORS * found.error + 0.01
    z = z_mean + math.sqrt(0.3) * noise(2, len(z_mean))
    assert metrics.gaussian_total_correlation(z) == pytest.approx(expected, abs=0.03)
    assert abs(parts["dimension-wise KL"].mean) < 0.01  # the marginals are N(0, 1)


def test_the_parts_add_up_to_the_rate_and_agree_with_rate_split():
    rng = np.random.default_rng(1)
    z_mean, z_log_var = 1.5 * rng.standard_normal((500, 3)), rng.uniform(-3, 0, (500, 3))
    parts = metrics.kl_parts(z_mean, z_log_var, seed=3)
    total = sum(part.mean for name, part in parts.items() if name != "rate")
    assert total == pytest.approx(parts["rate"].mean, abs=1e-9)
    split = metrics.rate_split(z_mean, z_log_var, seed=3)
    assert parts["mutual information"].mean == pytest.approx(split["mutual information"].mean)
    both = parts["total correlation"].mean + parts["dimension-wise KL"].mean
    assert both == pytest.approx(split["KL(q(z) || p(z))"].mean)
    exact = np.mean(gaussian_kl(z_mean, z_log_var))
    assert abs(parts["rate"].mean - exact) < STANDARD_ERRORS * parts["rate"].error


def test_some_points_estimate_what_all_of_them_do():
    z_mean, z_log_var = correlated(0.6, n=1_000)
    some = metrics.kl_parts(z_mean, z_log_var, points=400)["total correlation"]
    every = metrics.kl_parts(z_mean, z_log_var)["total correlation"]
    assert abs(some.mean - every.mean) < STANDARD_ERRORS * some.error
    assert some.error > every.error


def test_a_latent_copied_has_the_total_correlation_of_all_that_it_tells():
    """Two latents that copy one bit: q(z) has log 2 nats less entropy than its marginals."""
    bit = np.tile([-5.0, 5.0], 500)
    parts = metrics.kl_parts(np.column_stack([bit, bit]), np.full((1_000, 2), -2.0))
    assert parts["total correlation"].mean == pytest.approx(math.log(2), abs=0.01)
    assert parts["mutual information"].mean == pytest.approx(math.log(2), abs=1e-3)


def test_the_gaussian_total_correlation_leaves_constant_latents_out():
    z = noise(3)
    z = np.column_stack([z[:, 0], 0.6 * z[:, 0] + 0.8 * z[:, 1], np.full(N, 0.25)])
    expected = -0.5 * math.log(1 - 0.36)
    assert metrics.gaussian_total_correlation(z) == pytest.approx(expected, abs=0.02)


# --- a rotated latent space ------------------------------------------------------------------


def test_a_random_rotation_is_one():
    for latent_dim in (2, 5):
        rotation = rotations.random_rotation(latent_dim, seed=latent_dim)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(latent_dim), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
    firsts = [rotations.random_rotation(3, seed)[0, 0] for seed in range(600)]
    # A coordinate of a point on the sphere is uniform between -1 and 1.
    assert stats.kstest(firsts, stats.uniform(-1, 2).cdf).pvalue > 0.001


def test_the_rotated_posterior_is_that_of_the_rotated_codes():
    rng = np.random.default_rng(0)
    z_mean, z_log_var = rng.standard_normal((4, 3)), rng.uniform(-2, 1, (4, 3))
    rotation = rotations.random_rotation(3, seed=1)
    means, covariances = rotations.rotate_posterior(z_mean, z_log_var, rotation)
    z = z_mean + np.exp(0.5 * z_log_var) * rng.standard_normal((50_000, 4, 3))
    z = z @ rotation.T
    np.testing.assert_allclose(z.mean(axis=0), means, atol=0.03)
    np.testing.assert_allclose(np.cov(z[:, 2].T), covariances[2], atol=0.06)
    drawn = rotations.sample_full_covariance(np.tile(means[2], (50_000, 1)), covariances[2])
    np.testing.assert_allclose(np.cov(drawn.T), covariances[2], atol=0.06)
    np.testing.assert_allclose(drawn.mean(axis=0), means[2], atol=0.03)


def test_the_kl_of_a_full_covariance():
    rng = np.random.default_rng(0)
    mean, root = rng.standard_normal(3), rng.standard_normal((3, 3))
    covariance = root @ root.T
    z = rng.multivariate_normal(mean, covariance, size=100_000)
    log_ratio = stats.multivariate_normal(mean, covariance).logpdf(z)
    log_ratio -= stats.multivariate_normal(np.zeros(3)).logpdf(z)
    found = rotations.full_covariance_kl(mean[None], covariance[None])[0]
    error = log_ratio.std() / math.sqrt(len(z))
    assert abs(found - log_ratio.mean()) < STANDARD_ERRORS * error
    # A diagonal one costs what the course's closed form says, and so does any rotation of it.
    z_mean, z_log_var = rng.standard_normal((4, 3)), rng.uniform(-2, 1, (4, 3))
    rotated = rotations.rotate_posterior(z_mean, z_log_var, rotations.random_rotation(3))
    np.testing.assert_allclose(
        rotations.full_covariance_kl(*rotated), gaussian_kl(z_mean, z_log_var), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("rotation", "words"),
    [
        (np.ones((3, 3)), "not orthogonal"),
        (np.eye(2), r"shape \(2, 2\), expected \(3, 3\)"),
    ],
)
def test_what_is_no_rotation_is_rejected(rotation, words):
    with pytest.raises(ValueError, match=words):
        rotations.rotate_posterior(np.zeros((4, 3)), np.zeros((4, 3)), rotation)


class LinearModel:
    """Images are sigmoids of z W; the posteriors are given, and have unlike variances."""

    image_shape = (3, 4, 1)
    likelihood = Bernoulli()

    def __init__(self, n=3_000):
        rng = np.random.default_rng(0)
        self.weights = 3 * rng.standard_normal((3, 12))
        self.z_mean = rng.standard_normal((n, 3))
        self.z_log_var = np.log([0.01, 0.1, 0.9]) + 0.1 * rng.standard_normal((n, 3))

    def encode(self, images):
        return self.z_mean, self.z_log_var

    def outputs(self, z, inputs=None):
        logits = tf.matmul(z, tf.constant(self.weights, tf.float32))
        return tf.reshape(logits, (-1, *self.image_shape))


def test_a_rotated_model_has_the_same_elbo_and_other_codes():
    model = LinearModel()
    logits = (model.z_mean @ model.weights).reshape(-1, 3, 4, 1)
    images = (1 / (1 + np.exp(-logits))).astype("float32")  # of the codes, so that these matter
    rotation = rotations.random_rotation(3, seed=2)
    straight, elbo = rotations.rotated_elbo(model, images, np.eye(3))
    z = model.z_mean + np.exp(0.5 * model.z_log_var) * np.random.default_rng(0).standard_normal(
        (3_000, 3)
    )
    np.testing.assert_allclose(straight, z, atol=1e-9)
    outputs = model.outputs(tf.constant(z, tf.float32))
    reconstruction = -Bernoulli().log_likelihood(images, outputs).numpy()
    kl = np.asarray(gaussian_kl(model.z_mean, model.z_log_var))
    np.testing.assert_allclose(elbo, -(reconstruction + kl), rtol=1e-4)
    codes, rotated = rotations.rotated_elbo(model, images, rotation, seed=1)
    error = (rotated - elbo).std() / math.sqrt(len(elbo))
    assert abs((rotated - elbo).mean()) < STANDARD_ERRORS * error
    factors = {str(j): model.z_mean[:, j] for j in range(3)}
    assert scores.mig(codes, factors) < 0.6 * scores.mig(straight, factors)
    np.testing.assert_allclose(rotation.T @ np.cov(codes.T) @ rotation, np.cov(z.T), atol=0.1)


def test_a_diagonal_posterior_pays_for_the_rotation_and_for_nothing_else():
    model = LinearModel()
    images = np.zeros((3_000, 3, 4), np.uint8)
    rotation = rotations.random_rotation(3, seed=2)
    _, full = rotations.rotated_elbo(model, images, np.eye(3))
    _, same = rotations.rotated_elbo(model, images, np.eye(3), diagonal=True)
    np.testing.assert_allclose(same, full, rtol=1e-6)
    # KL of the diagonal one from N(0, I), by hand; its samples are narrower than the full one's.
    means, covariances = rotations.rotate_posterior(model.z_mean, model.z_log_var, rotation)
    log_var = -np.log(np.stack([np.diag(np.linalg.inv(part)) for part in covariances]))
    codes, elbo = rotations.rotated_elbo(model, images, rotation, diagonal=True, seed=3)
    noise_of = np.random.default_rng(3).standard_normal(means.shape)
    np.testing.assert_allclose(codes, means + np.exp(0.5 * log_var) * noise_of, atol=1e-6)
    outputs = model.outputs(tf.constant(codes @ rotation, tf.float32))
    black = np.zeros((3_000, 3, 4, 1), "float32")
    reconstruction = -Bernoulli().log_likelihood(black, outputs).numpy()
    kl = np.asarray(gaussian_kl(means, log_var))
    np.testing.assert_allclose(elbo, -(reconstruction + kl), rtol=1e-4)


# --- training with beta on the total correlation ---------------------------------------------


def test_the_batch_total_correlation_is_that_of_the_batch():
    rng = np.random.default_rng(0)
    z, z_mean, z_log_var = rng.standard_normal((3, 30, 4)).astype("float32")
    found = batch_total_correlation(z, z_mean, z_log_var).numpy()
    joint = metrics.aggregated_posterior(z_mean, z_log_var, z)
    marginals = [
        metrics.aggregated_posterior(z_mean[:, [j]], z_log_var[:, [j]], z[:, [j]]) for j in range(4)
    ]
    np.testing.assert_allclose(found, joint - np.sum(marginals, axis=0), rtol=1e-4, atol=1e-4)


def small(kind, beta):
    keras.utils.set_random_seed(0)
    vae = kind(Encoder((16,)), LatentDistribution(2), Decoder((16,)), beta=beta)
    vae.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
    return vae


def test_the_weight_acts_on_the_total_correlation_alone():
    rng = np.random.default_rng(0)
    z, z_mean, z_log_var = rng.standard_normal((3, 6, 2)).astype("float32")
    forward = {"z": z, "z_mean": z_mean, "z_log_var": z_log_var}
    reconstruction, kl = tf.constant(rng.uniform(size=(2, 6)).astype("float32"))
    plain, weighted = (
        small(BetaTC, beta).objective(reconstruction, kl, forward) for beta in (1.0, 5.0)
    )
    np.testing.assert_allclose(plain, reconstruction + kl, rtol=1e-6)
    total = batch_total_correlation(z, z_mean, z_log_var)
    np.testing.assert_allclose(weighted - plain, 4 * total, rtol=1e-4, atol=1e-5)


def test_it_trains_saves_and_reports_the_honest_terms(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (64, 28, 28)).astype(np.uint8)
    vae = small(BetaTC, beta=6.0)
    history = vae.fit(images, batch_size=32, epochs=1, verbose=0).history
    terms = history["reconstruction"][0] + history["kl"][0]
    assert history["elbo"][0] == pytest.approx(-terms, rel=1e-5)
    vae.save(tmp_path / "vae.keras")
    again = keras.models.load_model(tmp_path / "vae.keras")
    assert isinstance(again, BetaTC) and again.beta == 6.0
    np.testing.assert_array_equal(again.encode(images)[0], vae.encode(images)[0])
    assert isinstance(small(BetaTC, 1.0), VAE)
