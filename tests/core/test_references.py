"""The reference lines, against sums written out pixel by pixel and against the real data."""

import gzip
import math
import os
from pathlib import Path

import numpy as np
import pytest

from vae_helpers import references
from vae_helpers.references import (
    grey_entropy,
    mean_image_cost,
    pca_cost,
    pca_reconstruct,
    reference_lines,
)


def bernoulli_cost(images, outputs):
    """Mean over images of the Bernoulli cost, one pixel after the other."""
    total = 0.0
    for x, p in zip(images.ravel(), outputs.ravel(), strict=True):
        total -= x * math.log(p) if x > 0 else 0.0
        total -= (1 - x) * math.log(1 - p) if x < 1 else 0.0
    return total / len(images)


@pytest.fixture
def tiny():
    return np.random.default_rng(0).integers(0, 256, (6, 3, 4), dtype=np.uint8)


def test_mean_image_cost_by_hand():
    # Two pixels. The first is 1 in half of the images, so its mean costs ln 2 in each.
    images = np.array([[[0.0, 1.0]], [[1.0, 1.0]]], np.float32)
    assert mean_image_cost(images) == pytest.approx(math.log(2), abs=1e-4)


def test_mean_image_cost_equals_the_sum_over_pixels(tiny):
    x = tiny / 255
    mean = np.broadcast_to(x.mean(axis=0), x.shape)
    assert mean_image_cost(tiny) == pytest.approx(bernoulli_cost(x, mean), rel=1e-6)


def test_mean_image_of_train_prices_test_images(tiny):
    x = tiny / 255
    mean = np.broadcast_to(x[:4].mean(axis=0), x[4:].shape).clip(1e-5, 1 - 1e-5)
    cost = mean_image_cost(tiny[:4], tiny[4:])
    assert cost == pytest.approx(bernoulli_cost(x[4:], mean), rel=1e-5)


@pytest.mark.parametrize("components", [1, 3])
def test_pca_cost_equals_a_reconstruction_by_svd(tiny, components):
    x = (tiny / 255).reshape(len(tiny), -1)
    mean = x.mean(axis=0)
    _, _, directions = np.linalg.svd(x - mean, full_matrices=False)
    basis = directions[:components]
    output = np.clip((x - mean) @ basis.T @ basis + mean, 0.005, 0.995)
    assert pca_cost(tiny, components) == pytest.approx(bernoulli_cost(x, output), rel=1e-5)


def test_what_pca_redraws_is_what_its_cost_is_of(tiny):
    x = (tiny / 255).reshape(len(tiny), -1)
    mean = x[:4].mean(axis=0)
    _, _, directions = np.linalg.svd(x[:4] - mean, full_matrices=False)
    expected = (x[4:] - mean) @ directions[:2].T @ directions[:2] + mean
    redrawn = pca_reconstruct(tiny[:4], 2, tiny[4:])
    assert redrawn.shape == (2, 3, 4)
    np.testing.assert_allclose(redrawn.reshape(2, -1), expected.clip(0, 1), atol=1e-5)
    cost = bernoulli_cost(x[4:], redrawn.reshape(2, -1).clip(0.005, 0.995))
    assert pca_cost(tiny[:4], 2, tiny[4:]) == pytest.approx(cost, rel=1e-5)
    assert pca_reconstruct(tiny, 0).shape == tiny.shape
    with pytest.raises(ValueError, match="components is 13; expected a number from 0 to 12"):
        pca_reconstruct(tiny, 13)


def test_pca_without_components_is_the_mean_image(tiny):
    assert pca_cost(tiny, 0) == pytest.approx(mean_image_cost(tiny), rel=1e-4)


def test_more_components_never_squared_away_below_the_floor(tiny):
    costs = [pca_cost(tiny, d) for d in (0, 1, 2, 5)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] >= grey_entropy(tiny)


def test_grey_entropy_by_hand():
    # One grey pixel at one half costs ln 2; black and white pixels cost nothing.
    images = np.array([[[0.0, 0.5, 1.0]], [[0.0, 0.0, 1.0]]], np.float32)
    assert grey_entropy(images) == pytest.approx(math.log(2) / 2)
    assert grey_entropy(np.array([[[0, 255]]], np.uint8)) == 0


def test_uint8_and_float_images_cost_the_same(tiny):
    as_float = (tiny / 255).astype(np.float32)[..., None]
    for name, value in reference_lines(tiny, 2).items():
        assert reference_lines(as_float, 2)[name] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("shape", [(8, 8), (9, 5, 1), (16, 12, 3)])
def test_images_of_any_size_and_colour_cost_the_sum_over_their_values(shape):
    images = np.random.default_rng(1).integers(0, 256, (6, *shape), dtype=np.uint8)
    x = images / 255
    mean = np.broadcast_to(x.mean(axis=0), x.shape)
    assert mean_image_cost(images) == pytest.approx(bernoulli_cost(x, mean), rel=1e-6)
    assert grey_entropy(images) == pytest.approx(
        bernoulli_cost(x, x.clip(1e-9, 1 - 1e-9)), rel=1e-6
    )
    costs = list(reference_lines(images, 2, images[:3]).values())
    assert np.isfinite(costs).all() and costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("components", [0, 2, 5])
def test_pca_of_large_images_agrees_with_the_exact_one(monkeypatch, components):
    rng = np.random.default_rng(2)
    codes = rng.standard_normal((300, 5)) * [9, 6, 4, 2, 1]
    logits = codes @ rng.standard_normal((5, 14 * 14)) + rng.standard_normal((300, 14 * 14)) / 4
    images = (1 / (1 + np.exp(-logits / 9))).reshape(300, 14, 14).astype("float32")
    exact = pca_cost(images, components)
    monkeypatch.setattr(references, "EXACT_PIXELS", 10)
    monkeypatch.setattr(references, "covariance", None)  # it is not needed
    assert pca_cost(images, components) == pytest.approx(exact, rel=1e-5)


def test_slices_of_large_images_stay_small():
    flat = np.zeros((30, 128 * 128 * 3), np.uint8)
    for part in references.slices(np.broadcast_to(flat[:1], (300, flat.shape[1]))):
        assert part.nbytes <= 4 * references.SLICE_VALUES


def test_labels_name_the_dimension(tiny):
    assert list(reference_lines(tiny, 2)) == [
        "mean image",
        "PCA, 2 components",
        "grey-pixel entropy",
    ]
    assert "PCA, 1 component" in reference_lines(tiny, 1)


@pytest.mark.parametrize(
    ("images", "complaint"),
    [
        (np.full((2, 3, 3), 200.0), "divide by 255"),
        (np.full((2, 3, 3), np.nan), "NaN"),
        (np.zeros((0, 3, 3), np.uint8), "at least one"),
        (np.zeros(9, np.uint8), "expected"),
        (np.zeros((2, 784), np.uint8), r"reshape\(-1, 28, 28\)"),
        (np.zeros((2, 9, 9, 4), np.uint8), "transparency"),
    ],
)
def test_bad_images_are_named_with_the_cure(images, complaint):
    with pytest.raises(ValueError, match=complaint):
        reference_lines(images, 2)


def test_too_many_components_are_rejected(tiny):
    with pytest.raises(ValueError, match="components is 13"):
        pca_cost(tiny, 13)


def _fashion(name):
    path = Path(os.environ.get("VAE_DATA_DIR", ""), "fashion-mnist", name)
    if not os.environ.get("VAE_DATA_DIR") or not path.exists():
        pytest.skip("needs the original Fashion-MNIST below VAE_DATA_DIR")
    return np.frombuffer(gzip.open(path).read(), np.uint8, offset=16).reshape(-1, 28, 28)


def test_the_lines_of_fashion_mnist():
    train = _fashion("train-images-idx3-ubyte.gz")
    test = _fashion("t10k-images-idx3-ubyte.gz")
    lines = reference_lines(train, 2)
    assert lines["mean image"] == pytest.approx(384.3, abs=0.05)
    assert lines["PCA, 2 components"] == pytest.approx(300.5, abs=0.1)
    assert lines["grey-pixel entropy"] == pytest.approx(188.3, abs=0.05)
    assert mean_image_cost(train, test) == pytest.approx(385.0, abs=0.05)
