"""The critical beta: against plain NumPy, and against losses that know nothing of eigenvalues."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from vae_helpers.audit.collapse import critical_beta


@pytest.fixture
def tiny():
    """40 images of 3 x 4 pixels that vary together."""
    rng = np.random.default_rng(0)
    brightness = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 12))
    noise = rng.normal(scale=0.5, size=(40, 12))
    return (255 / (1 + np.exp(-brightness - noise))).astype(np.uint8).reshape(40, 3, 4)


def eigenvalues(images, likelihood):
    """The definition, written with np.cov."""
    x = (images / 255).reshape(len(images), -1)
    p = x.mean(axis=0)
    v = p * (1 - p) if likelihood == "bernoulli" else np.ones_like(p)
    matrix = np.cov(x.T, bias=True) / np.sqrt(v) / np.sqrt(v)[:, None]
    return np.sort(np.linalg.eigvalsh(matrix))[::-1]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_eigenvalues_equal_the_definition(tiny, likelihood):
    result = critical_beta(tiny, likelihood)
    np.testing.assert_allclose(result.eigenvalues, eigenvalues(tiny, likelihood), rtol=1e-4)
    assert result.value == result.eigenvalues[0]
    assert (result.likelihood, result.n_images) == (likelihood, 40)


def test_slices_of_the_data_add_up(monkeypatch, tiny):
    whole = critical_beta(tiny).eigenvalues
    monkeypatch.setattr("vae_helpers.references.SLICE_VALUES", 7 * tiny[0].size)
    np.testing.assert_allclose(critical_beta(tiny).eigenvalues, whole, rtol=1e-5)


def test_by_hand():
    # Two black-and-white pixels that always agree are one: each explains the other, 1 + 1 = 2.
    images = np.array([[[0, 0]], [[255, 255]], [[0, 0]], [[255, 255]]], np.uint8)
    np.testing.assert_allclose(critical_beta(images).eigenvalues, [2, 0], atol=1e-6)
    # Each has the variance 1/4.
    np.testing.assert_allclose(critical_beta(images, "gaussian").eigenvalues, [0.5, 0], atol=1e-6)


def expected_loss(images, w, a, beta, likelihood):
    """Mean loss of the VAE q(z|x) = N(a . (x - p), 1), output moved by w z; by quadrature."""
    x = (images / 255).reshape(len(images), -1)
    p = x.mean(axis=0)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    z_mean = (x - p) @ a
    z = z_mean[:, None] + nodes
    if likelihood == "bernoulli":
        logits = np.log(p / (1 - p)) + z[..., None] * w
        cost = np.logaddexp(0, logits) - x[:, None] * logits
    else:
        cost = 0.5 * (x[:, None] - p - z[..., None] * w) ** 2
    reconstruction = cost.sum(axis=-1) @ (weights / weights.sum())
    return np.mean(reconstruction + beta * 0.5 * z_mean**2)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_collapse_is_a_minimum_above_the_value_and_a_saddle_below(tiny, likelihood):
    value = critical_beta(tiny, likelihood).value
    x = (tiny / 255).reshape(40, -1)
    p = x.mean(axis=0)
    v = p * (1 - p) if likelihood == "bernoulli" else np.ones(12)
    _, vectors = np.linalg.eigh(np.cov(x.T, bias=True) / np.sqrt(np.outer(v, v)))
    rng = np.random.default_rng(1)
    directions = [vectors[:, -1], *rng.normal(size=(200, 12))]

    def changes(beta):
        collapsed = expected_loss(tiny, np.zeros(12), np.zeros(12), beta, likelihood)
        for u in directions:
            w = 1e-3 * u / np.linalg.norm(u) / np.sqrt(v)
            yield expected_loss(tiny, w, w / beta, beta, likelihood) - collapsed

    assert min(changes(1.02 * value)) > 0
    assert next(changes(0.98 * value)) < 0  # along the first eigenvector


@pytest.mark.parametrize(("share", "survives"), [(0.7, True), (1.4, False)])
def test_a_trained_vae_collapses_above_the_value_only(tiny, share, survives):
    """One latent dimension, linear both ways, the integral over z by quadrature, Adam."""
    beta = share * critical_beta(tiny).value
    x = tf.constant((tiny / 255).reshape(40, 12))
    p = tf.reduce_mean(x, axis=0)
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = tf.constant(weights / weights.sum())
    rng = np.random.default_rng(2)
    w, a = (tf.Variable(0.3 * rng.normal(size=12)) for _ in range(2))
    log_var = tf.Variable(0.0, dtype=tf.float64)
    optimizer = tf.keras.optimizers.Adam(0.03)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            z_mean = tf.linalg.matvec(x - p, a)
            z = z_mean[:, None] + tf.exp(0.5 * log_var) * nodes
            logits = tf.math.log(p / (1 - p)) + z[..., None] * w
            cost = tf.math.softplus(logits) - x[:, None] * logits
            kl = 0.5 * tf.reduce_mean(z_mean**2 + tf.exp(log_var) - log_var - 1)
            loss = tf.reduce_mean(tf.linalg.matvec(tf.reduce_sum(cost, -1), weights)) + beta * kl
        optimizer.apply_gradients(
            zip(tape.gradient(loss, (w, a, log_var)), (w, a, log_var), strict=True)
        )
        return kl

    for _ in range(500):
        kl = step()
    assert (kl > 0.05) if survives else (kl < 1e-3)


def test_predicted_units_are_the_eigenvalues_above_beta(tiny):
    result = critical_beta(tiny)
    first, second = result.eigenvalues[:2]
    assert result.predicted_active_units(1.01 * first) == 0
    assert result.predicted_active_units(first) == 0  # at the value nothing is gained
    assert result.predicted_active_units(0.99 * first) == 1
    assert result.predicted_active_units(0.99 * second) == 2
    assert isinstance(result.predicted_active_units(1), int)


@pytest.mark.parametrize("beta", [-1, float("nan"), float("inf"), "4", None, True])
def test_a_bad_beta_is_named(tiny, beta):
    with pytest.raises(ValueError, match="beta is .* expected a finite number"):
        critical_beta(tiny).predicted_active_units(beta)


def test_pixels_that_never_vary_are_left_out(tiny):
    padded = np.pad(tiny, ((0, 0), (1, 0), (0, 0)))
    padded[:, 0, 0], padded[:, 0, 1] = 255, 100
    for likelihood in ("bernoulli", "gaussian"):
        result = critical_beta(padded, likelihood)
        np.testing.assert_allclose(
            result.eigenvalues, critical_beta(tiny, likelihood).eigenvalues, rtol=1e-5
        )


def test_fewer_images_than_pixels_give_no_negative_eigenvalue(tiny):
    result = critical_beta(tiny[:3])
    assert (result.eigenvalues >= 0).all()
    assert (result.eigenvalues[2:] < 1e-4).all()  # three images span two directions


def test_floats_with_a_channel_axis_are_the_same_images(tiny):
    floats = (tiny / 255).astype("float32")[..., None]
    np.testing.assert_allclose(
        critical_beta(floats).eigenvalues, critical_beta(tiny).eigenvalues, rtol=1e-3, atol=1e-6
    )


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_colour_images_with_more_pixels_than_images(monkeypatch, likelihood):
    monkeypatch.setattr("vae_helpers.audit.collapse.COLUMNS", 50)  # blocks add up
    images = np.random.default_rng(3).integers(1, 255, (30, 8, 9, 3), dtype=np.uint8)
    images[:, 0, 0] = 7  # three values that never vary
    result = critical_beta(images, likelihood)
    expected = eigenvalues(images.reshape(30, 1, -1)[..., 3:], likelihood)
    np.testing.assert_allclose(result.eigenvalues, expected, rtol=1e-4, atol=1e-4)


def test_variation_too_small_for_float32_is_none():
    images = np.ones((4, 1, 2))
    images[0] -= [1e-12, 0.5]
    assert len(critical_beta(images).eigenvalues) == 1


def test_it_can_be_read(tiny):
    result = critical_beta(tiny)
    assert f"critical beta {result.value:.1f} (bernoulli pixels, 40 images" in str(result)
    assert repr(result).startswith(f"CriticalBeta(value={result.value:.1f}, likelihood='bernoulli'")


@pytest.mark.parametrize(
    ("images", "likelihood", "complaint"),
    [
        (np.zeros((1, 3, 3), np.uint8), "bernoulli", "1 image, expected at least 2"),
        (np.full((5, 3, 3), 7, np.uint8), "bernoulli", "all the same"),
        (np.zeros((5, 3, 3)), "gaussian", "all the same"),
        (np.full((2, 3, 3), 200.0), "bernoulli", "divide by 255"),
        (np.full((2, 3, 3), -1.0), "bernoulli", "expected 0 to 1"),
        (np.full((2, 3, 3), np.nan), "bernoulli", "contains NaN"),
        (np.zeros((2, 3, 3), np.uint8), "laplace", "likelihood is 'laplace', expected"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_cure(images, likelihood, complaint):
    with pytest.raises(ValueError, match=complaint):
        critical_beta(images, likelihood)


def test_the_value_of_fashion_mnist():
    path = Path(os.environ.get("VAE_DATA_DIR", ""), "fashion-mnist/train-images-idx3-ubyte.gz")
    if not os.environ.get("VAE_DATA_DIR") or not path.exists():
        pytest.skip("needs the original Fashion-MNIST below VAE_DATA_DIR")
    train = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16)
    train = train.reshape(-1, 28, 28)
    result = critical_beta(train)
    np.testing.assert_allclose(result.eigenvalues[:4], [90.7, 64.3, 23.5, 19.7], atol=0.06)
    assert result.predicted_active_units(50) == 2
