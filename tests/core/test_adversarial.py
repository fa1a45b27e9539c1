"""`FeatureVAE` and `VAEGAN`: who follows which loss, what is reported, saving, bad arguments."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import metrics
from vae_helpers.adversarial import VAEGAN, Discriminator, FeatureVAE, feature_error
from vae_helpers.audit import health_report
from vae_helpers.classifier import Classifier
from vae_helpers.likelihoods import Gaussian
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.priors import StandardNormal

SHAPE = (8, 8, 1)
PARTS = ("encoder", "decoder", "discriminator")


@keras.saving.register_keras_serializable(package="test_adversarial")
class NoNoise(LatentDistribution):
    """z is its mean, so that a loss can be computed again."""

    def sample(self, z_mean, z_log_var):
        return z_mean


@keras.saving.register_keras_serializable(package="test_adversarial")
class AlwaysOne(StandardNormal):
    """Samples that are the same each time."""

    def sample(self, n, seed=None):
        return tf.ones((n, self.latent_dim))


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 60, (60, 8, 8), dtype=np.uint8)
    for picture, top in zip(pictures, rng.integers(0, 5, 60), strict=True):
        picture[top : top + 3] += 190
    return pictures


def gan(quiet=False, spectral=True, optimizer=None, second=None, eager=True, **arguments):
    """A tiny VAE-GAN; a few steps are done sooner than a graph is built."""
    keras.utils.set_random_seed(0)
    latent = NoNoise(2) if quiet else LatentDistribution(2, seed=1)
    if quiet:
        arguments["prior"] = AlwaysOne(2)
    parts = Encoder((16,)), latent, Decoder((16,), SHAPE), Discriminator((4, 6), 8, spectral)
    vae = VAEGAN(*parts, **arguments)
    optimizers = optimizer or keras.optimizers.Adam(1e-3), second or keras.optimizers.Adam(1e-3)
    vae.compile(*optimizers, jit_compile=False, run_eagerly=eager)
    return vae


def featured(**arguments):
    keras.utils.set_random_seed(0)
    extract = keras.Sequential([keras.layers.Conv2D(4, 3, activation="relu"), Half()])
    vae = FeatureVAE(
        Encoder((16,)), LatentDistribution(2), Decoder((16,), SHAPE), extract, **arguments
    )
    vae.compile(keras.optimizers.Adam(1e-2), jit_compile=False, run_eagerly=True)
    return vae


@keras.saving.register_keras_serializable(package="test_adversarial")
class Half(keras.layers.Dropout):
    def __init__(self, rate=0.5, **kwargs):
        super().__init__(rate, **kwargs)


def values(weights):
    return [weight.numpy().copy() for weight in weights]


def moved(before, weights):
    """Whether any of some weights is another one than before."""
    return any(np.any(old != new.numpy()) for old, new in zip(before, weights, strict=True))


# --- the error of features -------------------------------------------------------------------


def test_the_feature_error_is_a_gaussians_log_density_up_to_a_constant():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 5, 3, 2, 4)).astype("float32")
    expected = -tf.reduce_sum(-0.5 * (one - other) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(feature_error(one, other), expected, rtol=1e-6)
    assert feature_error(one, one).numpy().tolist() == [0.0] * 5
    by_hand = feature_error(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 4.0], [0.0, 3.0]]))
    assert by_hand.numpy().tolist() == [2.5, 4.5]


# --- VAEGAN: each loss moves its own part ----------------------------------------------------


@pytest.mark.parametrize("only", PARTS)
def test_one_step_of_one_loss_moves_its_own_part_and_no_other(only, images, monkeypatch):
    vae = gan(spectral=False, optimizer="sgd", second="sgd")
    every = vae.losses_of_parts
    monkeypatch.setattr(
        vae,
        "losses_of_parts",
        lambda x: {n: loss * float(n == only) for n, loss in every(x).items()},
    )
    before = {name: values(weights) for name, weights in vae.weights_of_parts().items()}
    vae.train_on_batch(images)
    after = vae.weights_of_parts()
    assert [name for name in PARTS if moved(before[name], after[name])] == [only]


def test_the_three_parts_share_no_weight_and_leave_none_out():
    vae = gan()
    parts = vae.weights_of_parts()
    ids = [id(weight) for weights in parts.values() for weight in weights]
    assert len(ids) == len(set(ids)) == len(vae.trainable_variables)


@pytest.mark.parametrize("part", PARTS)
def test_a_step_of_sgd_is_minus_the_rate_times_the_gradient_of_the_parts_own_loss(part, images):
    rate = 0.1
    sgd = keras.optimizers.SGD(rate), keras.optimizers.SGD(rate)
    vae = gan(quiet=True, spectral=False, optimizer=sgd[0], second=sgd[1], gamma=3.0)
    with tf.GradientTape() as tape:
        loss = vae.losses_of_parts(images)[part]
    weights = vae.weights_of_parts()[part]
    before, gradients = values(weights), tape.gradient(loss, weights)
    vae.train_on_batch(images)
    for old, gradient, new in zip(before, gradients, weights, strict=True):
        np.testing.assert_allclose(new, old - rate * gradient, rtol=1e-4, atol=1e-6)


def test_the_encoder_does_not_follow_the_discriminators_verdict(images):
    vae = gan(quiet=True, spectral=False)
    other = gan(quiet=True, spectral=False)
    other.discriminator.judge.layers[-1].kernel.assign_add(np.ones((8, 1)))  # another verdict
    for model in (vae, other):
        model.train_on_batch(images)
    for one, two in zip(vae.encoder.weights, other.encoder.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
    assert moved(values(vae.decoder.weights), other.decoder.weights)


def test_the_losses_are_those_of_the_formulas(images):
    vae = gan(True, False, feature_weight=2.0, pixel_weight=0.1, gamma=0.5, beta=3.0)
    forward = vae(images)
    x = (images / 255).astype("float32")[..., None]
    drawn = vae.likelihood.mean(vae.decoder(forward["z"]))
    new = vae.likelihood.mean(vae.decoder(tf.ones((60, 2))))
    of_real, real = vae.discriminator(x)
    of_drawn, redrawn = vae.discriminator(drawn)
    of_new, from_prior = vae.discriminator(new)
    error = 0.5 * np.sum(np.square(of_real - of_drawn), axis=(1, 2, 3))
    likeness = 2.0 * error - 0.1 * vae.likelihood.log_likelihood(x, forward["logits"])
    kl = vae.latent.kl(forward["z_mean"], forward["z_log_var"])
    probability = tf.sigmoid(np.concatenate([redrawn, from_prior])).numpy()
    losses = vae.losses_of_parts(images, training=False)
    assert float(losses["encoder"]) == pytest.approx(np.mean(likeness + 3.0 * kl), rel=1e-5)
    expected = np.mean(-np.log(probability)) + 0.5 * np.mean(likeness)
    assert float(losses["decoder"]) == pytest.approx(expected, rel=1e-5)
    expected = -np.mean(np.log(tf.sigmoid(real))) - np.mean(np.log(1 - probability))
    assert float(losses["discriminator"]) == pytest.approx(expected, rel=1e-5)
    assert of_new.shape == of_real.shape


def test_samples_of_the_prior_are_new_in_every_step(images):
    vae = gan(spectral=False)
    step = tf.function(lambda: vae(images[:4], training=True)["drawn_logits"][4:])
    assert np.abs(step() - step()).max() > 0


def test_spectral_normalisation_bounds_every_kernel_and_is_taken_away_by_a_switch(images):
    def largest(vae):
        layers = vae.discriminator.extract.layers + vae.discriminator.judge.layers[1:]
        kernels = [layer.kernel.numpy() for layer in layers]
        return [np.linalg.svd(k.reshape(-1, k.shape[-1]))[1][0] for k in kernels]

    bounded, free = gan(), gan(spectral=False)
    for vae in (bounded, free):
        for weight in vae.discriminator.trainable_variables:
            weight.assign(3 * weight)
    for _ in range(40):  # one power iteration a step
        bounded(images, training=True)
    np.testing.assert_allclose(largest(bounded), 1.0, rtol=0.02)
    assert min(largest(free)) > 1.5


# --- what is reported, and Keras' own loop ---------------------------------------------------


def test_what_is_reported_is_the_pixels_elbo_and_not_what_is_minimised(images):
    vae = gan(quiet=True, feature_weight=5.0, beta=2.0)
    result = vae.evaluate(images, batch_size=60, verbose=0, return_dict=True)
    elbo, reconstruction, kl = metrics.elbo_estimate(vae, images, samples=1)
    assert result["kl"] == pytest.approx(kl.mean, rel=1e-4)
    assert result["elbo"] == pytest.approx(-(result["reconstruction"] + result["kl"]), rel=1e-5)
    expected = 5.0 * result["feature_error"] + 2.0 * result["kl"]
    assert result["loss"] == pytest.approx(expected, rel=1e-4)
    assert 0 <= result["real_right"] <= 1 and 0 <= result["drawn_right"] <= 1
    assert elbo.mean < 0 < reconstruction.mean


def test_it_trains_under_fit_with_uint8_callbacks_and_a_dataset(images):
    vae = gan(second=keras.optimizers.Adam(1e-2), eager=False)
    stop = keras.callbacks.EarlyStopping("val_feature_error", patience=50, mode="min")
    history = vae.fit(
        images, epochs=20, batch_size=20, validation_data=images, verbose=0, callbacks=[stop]
    ).history
    assert history["discriminator_loss"][-1] < history["discriminator_loss"][0]
    assert {"loss", "decoder_loss", "val_drawn_right", "elbo", "kl"} <= set(history)
    assert "extra" not in history
    vae.fit(tf.data.Dataset.from_tensor_slices(images).batch(16), verbose=0)
    assert int(vae.optimizer.iterations) == int(vae.discriminator_optimizer.iterations) == 64


def test_a_trained_one_works_with_every_instrument(images):
    vae = gan()
    vae.train_on_batch(images)
    assert vae.generate(3, seed=0).shape == (3, *SHAPE)
    assert vae.reconstruct(images).shape == (60, *SHAPE)
    assert metrics.log_weights(vae, images, samples=2).shape == (2, 60)
    assert "2 latent dimensions" in str(health_report(vae, images))


@pytest.mark.slow
def test_xla_computes_the_same_step(images):
    losses = []
    for jit in (False, True):
        vae = gan(quiet=True, optimizer="sgd", second="sgd")
        vae.compile("sgd", "sgd", jit_compile=jit)
        losses.append(vae.train_on_batch(images, return_dict=True)["discriminator_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_auto_takes_no_xla_for_a_convolution_on_a_cpu():
    vae = gan()
    vae.compile()
    assert vae.jit_compile is False
    vae.discriminator.prefers_jit_on_cpu = True
    vae.compile()
    assert vae.jit_compile is True


def test_a_learned_sigma_follows_the_pixels(images):
    vae = gan(likelihood=Gaussian("learned"))
    before = float(vae.likelihood.log_var)
    vae.train_on_batch(images)
    assert float(vae.likelihood.log_var) != before


# --- saving ----------------------------------------------------------------------------------


def test_a_loaded_vae_gan_goes_on_as_if_it_had_never_been_saved(images, tmp_path):
    vae = gan(quiet=True, feature_weight=2.0, pixel_weight=0.1, gamma=0.3)
    vae.fit(images, batch_size=30, epochs=1, shuffle=False, verbose=0)
    vae.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert (loaded.feature_weight, loaded.pixel_weight, loaded.gamma) == (2.0, 0.1, 0.3)
    np.testing.assert_allclose(loaded.reconstruct(images), vae.reconstruct(images), atol=1e-6)
    assert int(loaded.discriminator_optimizer.iterations) == 2
    for model in (vae, loaded):
        model.fit(images, batch_size=60, shuffle=False, verbose=0)
    for name, weights in vae.weights_of_parts().items():
        for one, other in zip(weights, loaded.weights_of_parts()[name], strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), atol=2e-5, err_msg=name)


# --- FeatureVAE ------------------------------------------------------------------------------


def test_a_feature_vae_minimises_the_weighted_sum_and_reports_the_elbo(images):
    vae = featured(feature_weight=3.0, pixel_weight=0.5, beta=2.0)
    forward = vae(images)
    x = (images / 255).astype("float32")[..., None]
    redrawn = tf.sigmoid(forward["logits"])
    error = 0.5 * np.sum(np.square(vae.extract(x) - vae.extract(redrawn)), axis=(1, 2, 3))
    reconstruction, kl = vae.terms(images, forward)
    np.testing.assert_allclose(forward["feature_error"], error, rtol=1e-4)
    np.testing.assert_allclose(
        vae.objective(reconstruction, kl, forward), 0.5 * reconstruction + 3 * error + 2 * kl, 1e-4
    )
    result = vae.evaluate(images, verbose=0, return_dict=True)
    assert result["elbo"] == pytest.approx(-(result["reconstruction"] + result["kl"]), rel=1e-5)


def test_training_a_feature_vae_lowers_the_error_and_leaves_the_features_alone(images):
    vae = featured(feature_weight=30.0)
    before, error = values(vae.extract.weights), np.mean(vae(images)["feature_error"])
    vae.fit(images, batch_size=20, epochs=10, verbose=0)
    assert not moved(before, vae.extract.weights)
    assert np.mean(vae(images)["feature_error"]) < 0.7 * error


def test_dropout_in_the_features_stays_off_in_training(images):
    vae = featured()
    latent = NoNoise(2)
    latent.build((None, 16))
    vae.latent.sample = latent.sample
    one, two = (vae(images, training=True)["feature_error"] for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_a_feature_vae_with_a_classifiers_layers_is_saved_and_loaded(images, tmp_path):
    extract = keras.Sequential(Classifier(3, SHAPE).extract.layers[:2])
    parts = Encoder((16,)), LatentDistribution(2), Decoder((16,), SHAPE)
    vae = FeatureVAE(*parts, extract, feature_weight=0.7, pixel_weight=0.1)
    vae.compile(jit_compile=False)
    vae.fit(images, verbose=0)
    vae.save(tmp_path / "feature.keras")
    loaded = keras.models.load_model(tmp_path / "feature.keras")
    assert (loaded.feature_weight, loaded.pixel_weight) == (0.7, 0.1)
    assert not loaded.extract.trainable
    one, other = loaded(images)["feature_error"], vae(images)["feature_error"]
    assert np.mean(one) == pytest.approx(np.mean(other), rel=0.2)  # z is sampled
    np.testing.assert_allclose(
        loaded.extract(extract_input(images)), extract(extract_input(images))
    )


def extract_input(images):
    return (images / 255).astype("float32")[..., None]


# --- bad arguments ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["feature_weight", "pixel_weight", "gamma"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_weight_is_rejected_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*expected a finite number from 0 up"):
        gan(**{name: value})
