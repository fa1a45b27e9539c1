"""The flow prior: its field against a known one, its density against a Gaussian's, guidance."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_helpers.flow_matching import FlowPrior
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE

MEAN, STD = np.array([1.0, -2.0], "float32"), np.array([0.5, 2.0], "float32")


def gaussian_codes(n=4_000, seed=0):
    return MEAN + STD * np.random.default_rng(seed).standard_normal((n, 2)).astype("float32")


def random_flow(latent_dim=5, classes=3, **settings):
    """A flow with random weights, none of which is zero."""
    keras.utils.set_random_seed(0)
    flow = FlowPrior(latent_dim, classes, units=16, **settings)
    for weight in flow.trainable_weights:
        weight.assign(0.6 * np.random.default_rng(1).standard_normal(weight.shape))
    return flow


def points(n=7, d=5, seed=2):
    return tf.constant(np.random.default_rng(seed).standard_normal((n, d)), tf.float32)


class Known(FlowPrior):
    """The field from N(0, I) to N(m, s^2): x_t is Gaussian, so the mean velocity is linear in x."""

    def velocity(self, x, t, labels=None, guidance=1.0):
        variance = (1 - t) ** 2 + (t * STD) ** 2
        return MEAN + (t * STD**2 - (1 - t)) / variance * (x - t * MEAN)

    def divergence(self, x, t, labels=None):
        variance = (1 - t) ** 2 + (t * STD) ** 2
        total = tf.reduce_sum((t * STD**2 - (1 - t)) / variance)
        return self.velocity(x, t), tf.fill([len(x)], tf.cast(total, tf.float32))


@pytest.fixture(scope="module")
def fitted():
    return FlowPrior.fit(gaussian_codes(), units=32, updates=600, batch_size=250)


# --- the divergence and the density ------------------------------------------------------------


@pytest.mark.parametrize("labels", [None, [0, 1, 2, 0, 1, 2, -1]])
def test_the_divergence_is_the_trace_of_the_jacobian(labels):
    """One forward-mode derivative for each dimension gives the diagonal."""
    flow, x, trace = random_flow(), points(), 0.0
    for i in range(5):
        direction = tf.one_hot([i] * 7, 5)
        with tf.autodiff.ForwardAccumulator(x, direction) as forward:
            velocity = flow.velocity(x, 0.3, labels)
        trace += forward.jvp(velocity)[:, i].numpy()
    also, divergence = flow.divergence(x, 0.3, labels)
    np.testing.assert_allclose(divergence, trace, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(also, velocity, rtol=1e-5)


def test_the_density_of_a_known_field_is_the_gaussians():
    z = gaussian_codes(50, seed=3)
    expected = stats.norm(MEAN, STD).logpdf(z).sum(axis=1)
    errors = [np.abs(Known(2, steps=n).log_density(z) - expected).max() for n in (10, 20, 40)]
    assert errors[-1] < 0.01
    assert errors[0] / errors[1] > 3 and errors[1] / errors[2] > 3  # second order: a quarter each


def test_a_fresh_flow_is_the_standard_normal():
    flow, z = FlowPrior(3, steps=40), points(20, 3)
    expected = stats.norm.logpdf(z).sum(axis=1)
    np.testing.assert_allclose(flow.log_density(z), expected, atol=0.01)
    noise = points(6, 3)
    np.testing.assert_allclose(flow.path(noise)[-1], noise, rtol=0.01)


def test_samples_of_a_known_field_are_the_gaussians():
    z = Known(2, steps=40).sample(20_000, seed=0).numpy()
    np.testing.assert_allclose(z.mean(axis=0), MEAN, atol=0.05)
    np.testing.assert_allclose(z.std(axis=0), STD, rtol=0.02)


def test_a_learned_density_adds_up_to_one_and_is_near_the_gaussians(fitted):
    x, y = np.meshgrid(np.linspace(-2, 4, 121), np.linspace(-12, 8, 201))
    grid = np.stack([x.ravel(), y.ravel()], axis=1).astype("float32")
    area = np.exp(fitted.log_density(grid)).sum() * (6 / 120) * (20 / 200)
    assert area == pytest.approx(1, abs=0.01)
    z = gaussian_codes(500, seed=4)
    expected = stats.norm(MEAN, STD).logpdf(z).sum(axis=1)
    assert abs(np.mean(expected - fitted.log_density(z))) < 0.05  # a KL, in nats, estimated


def test_a_fitted_flow_gives_samples_like_the_codes(fitted):
    z = fitted.sample(5_000, seed=0).numpy()
    np.testing.assert_allclose(z.mean(axis=0), MEAN, atol=0.25)
    np.testing.assert_allclose(z.std(axis=0), STD, rtol=0.12)


# --- paths, labels, guidance -------------------------------------------------------------------


def test_a_path_begins_at_the_noise_and_ends_at_the_sample(fitted):
    noise = points(6, 2)
    path = fitted.path(noise, steps=8)
    assert len(path) == 9
    np.testing.assert_allclose(path[0], fitted.shift + fitted.scale * noise, rtol=1e-5)
    np.testing.assert_allclose(path[-1], fitted.path(noise, steps=8)[-1])


def test_guidance_0_forgets_the_label_and_1_is_the_label_alone():
    flow, x, labels = random_flow(), points(), [0, 1, 2, 0, 1, 2, 0]
    without, told = flow.velocity(x, 0.4), flow.velocity(x, 0.4, labels)
    assert np.abs(told - without).max() > 0.01
    for guidance in (0.0, 1.0, 2.5):
        expected = without + guidance * (told - without)
        np.testing.assert_allclose(flow.velocity(x, 0.4, labels, guidance), expected, rtol=1e-4)


def test_a_conditional_flow_puts_each_label_where_its_codes_are():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 4_000)
    codes = (6 * labels[:, None] - 3 + rng.standard_normal((4_000, 2))).astype("float32")
    flow = FlowPrior.fit(codes, labels, 2, units=32, updates=500, batch_size=250)
    for label, centre in ((0, -3), (1, 3)):
        z = flow.sample(500, seed=0, labels=np.full(500, label)).numpy()
        assert np.mean(np.sign(z[:, 0]) == np.sign(centre)) > 0.95
        np.testing.assert_allclose(z.mean(axis=0), centre, atol=0.5)
    both = flow.sample(2_000, seed=0).numpy()[:, 0]
    assert 0.35 < np.mean(both > 0) < 0.65


def test_one_seed_gives_one_noise_whatever_the_guidance():
    flow = random_flow()
    first, again, other = (flow.sample(4, seed=seed).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    labels = np.zeros(4, int)
    np.testing.assert_allclose(flow.sample(4, 1, labels, guidance=0.0), first, atol=1e-4)


def test_the_same_seed_trains_the_same_flow():
    one, two = (
        FlowPrior.fit(gaussian_codes(500), units=8, updates=10, seed=3).sample(3, seed=0)
        for _ in range(2)
    )
    np.testing.assert_allclose(one, two, atol=1e-5)


# --- in a VAE ----------------------------------------------------------------------------------


def test_a_vae_with_a_flow_is_saved_and_loaded(tmp_path):
    flow = random_flow(steps=4)
    vae = VAE(Encoder((8,)), LatentDistribution(5), Decoder((8,), (8, 8, 1)), prior=flow)
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    forward = vae(images)
    kl = vae.terms(images, forward)[1]
    assert kl.shape == (20,) and np.isfinite(kl).all()
    vae.save(tmp_path / "flow.keras")
    loaded = keras.models.load_model(tmp_path / "flow.keras")
    np.testing.assert_allclose(loaded.prior.log_density(points()), flow.log_density(points()))
    np.testing.assert_allclose(loaded.generate(3, seed=1), vae.generate(3, seed=1), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"codes": np.zeros(5)}, "codes have shape"),
        ({"codes": np.zeros((5, 2)), "classes": 3}, "classes is 3 and labels are missing"),
        ({"codes": np.zeros((5, 2)), "labels": np.zeros(5, int)}, "classes is 0 and labels are gi"),
        (
            {"codes": np.zeros((5, 2)), "labels": np.full(5, 3), "classes": 3},
            "expected 5 whole numbers from 0 to 2",
        ),
        (
            {"codes": np.zeros((5, 2)), "labels": np.zeros(4, int), "classes": 3},
            r"of shape \(4,\), expected 5 whole",
        ),
    ],
)
def test_what_no_flow_can_be_fitted_to_is_rejected(arguments, message):
    with pytest.raises(ValueError, match=message):
        FlowPrior.fit(**arguments)


def test_a_flow_without_classes_takes_no_labels():
    with pytest.raises(ValueError, match="this flow knows none: fit it with labels and classes"):
        FlowPrior(2).sample(3, labels=[0, 1, 2])
