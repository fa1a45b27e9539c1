"""The strongest mode: against `critical_beta`, the law of collapse, and a loss by brute force."""

import numpy as np
import pytest

from vae_helpers.audit import critical_beta, strongest_mode


@pytest.fixture(scope="module")
def images():
    """300 grey images of 4 x 5 pixels that share a brightness; the first column stays black."""
    rng = np.random.default_rng(3)
    brightness = rng.uniform(0.05, 0.95, size=(300, 1, 1))
    grey = np.clip(brightness + rng.normal(scale=0.1, size=(300, 4, 5)), 0, 1)
    grey[:, :, 0] = 0
    return grey.astype("float32")


@pytest.fixture(scope="module")
def mode(images):
    return strongest_mode(images)


def test_its_eigenvalue_is_the_critical_beta_and_the_variance_of_the_scores(images, mode):
    assert mode.eigenvalue == pytest.approx(critical_beta(images).value, rel=1e-5)
    assert mode.scores.var() == pytest.approx(mode.eigenvalue, rel=1e-4)
    assert mode.scores.mean() == pytest.approx(0, abs=1e-4)
    assert mode.mean.shape == mode.direction.shape == (4, 5)
    assert not mode.direction[:, 0].any()


@pytest.mark.parametrize("multiple", [0.5, 0.9, 1.1, 4.0])
def test_small_strengths_follow_the_law(mode, multiple):
    s = np.array([0.05, 0.1])
    change = mode.loss_change(s, [multiple * mode.eigenvalue])[0]
    law = 0.5 * s**2 * (1 - 1 / multiple)
    np.testing.assert_allclose(change, law, rtol=0.02, atol=1e-5)


def brute_force(images, mode, s, beta):
    """The loss pixel by pixel, the best encoder by a plain search over slope and width."""
    x = images.reshape(len(images), -1)[:, mode.direction.ravel() != 0].astype("float64")
    p, w = (part.ravel()[mode.direction.ravel() != 0] for part in (mode.mean, mode.direction))
    logits, score = np.log(p / (1 - p)), (x - p) @ w
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)

    def cost(z_mean, sigma):
        parts = []
        for node in nodes:
            a = logits + s * w * (z_mean + sigma * node)[:, None]
            parts.append(np.mean(np.sum(np.logaddexp(0, a) - x * a, axis=1)))
        kl = 0.5 * (np.mean(z_mean**2) + sigma**2 - 1 - 2 * np.log(sigma))
        return np.dot(weights / weights.sum(), parts) + beta * kl

    spread = score.std()
    tried = [
        cost(m * score / spread, v) for m in np.linspace(0, 2, 41) for v in np.linspace(0.2, 1, 33)
    ]
    return min(tried) - np.mean(np.sum(np.logaddexp(0, logits) - x * logits, axis=1))


@pytest.mark.parametrize(("s", "multiple"), [(1.0, 0.3), (2.0, 0.7), (1.5, 1.5)])
def test_large_strengths_agree_with_brute_force(images, mode, s, multiple):
    beta = multiple * mode.eigenvalue
    change = mode.loss_change([s], [beta])[0, 0]
    assert change == pytest.approx(brute_force(images, mode, s, beta), abs=0.03)


def test_collapse_is_the_minimum_exactly_above_the_critical_beta(mode):
    s = np.linspace(0, 4, 41)
    below, above = mode.loss_change(s, [0.6 * mode.eigenvalue, 1.2 * mode.eigenvalue])
    assert below.min() < -0.1 and below.argmin() > 0
    assert above.argmin() == 0 and above[0] == pytest.approx(0, abs=1e-9)


def test_pictures_move_away_from_the_mean_image(mode):
    np.testing.assert_allclose(mode.picture(0), mode.mean)
    assert mode.picture(3).mean() > mode.mean.mean() > mode.picture(-3).mean()
    assert not mode.picture(3)[:, 0].any()  # what is always black stays black


def test_bytes_and_colours_are_taken_and_equal_images_rejected(images):
    bytes_ = np.round(images * 255).astype(np.uint8)
    assert strongest_mode(bytes_).eigenvalue == pytest.approx(critical_beta(bytes_).value, rel=1e-4)
    colours = np.stack([images, images**2, 1 - images], axis=-1)
    assert strongest_mode(colours).direction.shape == (4, 5, 3)
    with pytest.raises(ValueError, match="all the same"):
        strongest_mode(np.full((3, 4, 4), 0.5, "float32"))
