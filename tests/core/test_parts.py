"""The contracts of the three parts, and that each can be swapped without touching the others."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_helpers.elbo import gaussian_kl
from vae_helpers.parts import (
    WIDEST_LOG_VAR,
    ConvDecoder,
    ConvEncoder,
    Decoder,
    Encoder,
    LatentDistribution,
    TransposedDecoder,
)
from vae_helpers.vae import VAE

STANDARD_ERRORS = 4.0

ENCODERS = {
    "dense": lambda: Encoder(hidden=(16, 8)),
    "convolutional": lambda: ConvEncoder(filters=(4, 6), units=8),
}
DECODERS = {
    "dense": lambda: Decoder(hidden=(8, 16)),
    "convolutional": lambda: ConvDecoder(filters=4, units=8),
    "transposed": lambda: TransposedDecoder(filters=(16, 16, 8), units=64),
}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(6, 28, 28, 1)).astype("float32")


class NoNoise(LatentDistribution):
    def sample(self, z_mean, z_log_var):
        return z_mean


# --- contracts -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENCODERS)
def test_encoder_turns_images_into_rows_of_features(kind, images):
    encoder = ENCODERS[kind]()
    features = encoder(images)
    assert features.shape == (6, 8)
    np.testing.assert_allclose(encoder(images[2:3]), features[2:3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", DECODERS)
def test_decoder_turns_codes_into_logits_of_images(kind):
    z = np.random.default_rng(0).normal(0, 300, (6, 2)).astype("float32")
    decoder = DECODERS[kind]()
    logits = decoder(z)
    assert logits.shape == (6, 28, 28, 1) == (6, *decoder.image_shape)
    assert np.min(logits) < 0 and np.max(logits) > 1, "probabilities instead of logits"
    np.testing.assert_allclose(decoder(z[2:3]), logits[2:3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", DECODERS)
def test_the_output_bias_is_an_image_of_logits(kind):
    decoder = DECODERS[kind]()
    z = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    before = decoder(z)
    bias = np.random.default_rng(1).normal(size=(28, 28, 1)).astype("float32")
    decoder.output_bias.assign(bias)
    np.testing.assert_allclose(decoder(z) - before, np.stack([bias] * 3), atol=1e-5)


def test_latent_reads_two_different_numbers_per_dimension_off_the_features():
    features = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")
    z_mean, z_log_var = LatentDistribution(3)(features)
    assert z_mean.shape == z_log_var.shape == (6, 3)
    assert not np.allclose(z_mean, z_log_var)
    assert np.min(z_log_var) < 0, "a log variance may be any real number"


def test_no_log_variance_of_the_head_can_overflow_a_square_in_adam():
    latent = LatentDistribution(2)
    latent.build((None, 8))
    latent.z_log_var.bias.assign([500.0, 3.0])
    _, z_log_var = latent(tf.zeros((1, 8)))
    np.testing.assert_allclose(z_log_var, [[WIDEST_LOG_VAR, 3.0]])
    gradient = 0.5 * np.exp(WIDEST_LOG_VAR) * 1e3  # of the KL, times a feature of a thousand
    assert np.isfinite(np.float32(gradient) ** 2 * 1e6)  # summed over a million weights


def test_one_image_thrown_out_costs_tens_of_nats_and_not_thousands():
    latent = LatentDistribution(1)
    latent.build((None, 8))
    latent.z_log_var.bias.assign([30.0])
    assert float(latent.kl(*latent(tf.zeros((1, 8))))[0]) < 25


def test_a_transposed_decoder_wants_three_numbers_of_channels():
    with pytest.raises(ValueError, match=r"filters is \(8, 8\), expected three numbers"):
        TransposedDecoder(filters=(8, 8))


@pytest.mark.parametrize("kind", ENCODERS)
def test_parts_work_in_a_graph_with_unknown_batch_size(kind, images):
    encoder, latent, decoder = ENCODERS[kind](), LatentDistribution(2), DECODERS[kind]()

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28, 1])])
    def graph(images):
        z_mean, z_log_var = latent(encoder(images))
        return decoder(latent.sample(z_mean, z_log_var)), latent.kl(z_mean, z_log_var)

    for n in (6, 2):
        logits, kl = graph(images[:n])
        assert logits.shape == (n, 28, 28, 1)
        assert kl.shape == (n,)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_any_encoder_works_with_any_decoder(encoder, decoder, images):
    vae = VAE(ENCODERS[encoder](), LatentDistribution(3), DECODERS[decoder]())
    assert vae.reconstruct(images).shape == (6, 28, 28, 1)
    with tf.GradientTape() as tape:
        loss = vae.compute_loss(images, y_pred=vae(images))
    gradients = tape.gradient(loss, vae.trainable_variables)
    for weight, gradient in zip(vae.trainable_variables, gradients, strict=True):
        assert gradient is not None and np.any(gradient), f"{weight.path} is never trained"


def test_latent_can_be_swapped_without_touching_encoder_and_decoder(images):
    encoder, decoder = ENCODERS["dense"](), DECODERS["dense"]()
    noisy, quiet = VAE(encoder, LatentDistribution(2), decoder), VAE(encoder, NoNoise(2), decoder)
    quiet.latent.set_weights(noisy.latent.get_weights()[:4])
    np.testing.assert_allclose(quiet.reconstruct(images), noisy.reconstruct(images), rtol=1e-6)
    np.testing.assert_array_equal(quiet(images)["z"], quiet(images)["z_mean"])
    assert not np.allclose(noisy(images)["z"], noisy(images)["z_mean"])


# --- the latent distribution -----------------------------------------------------------------


def test_samples_have_the_mean_and_variance_asked_for():
    n = 50_000
    mean, log_var = np.array([1.0, -2.0, 0.5]), np.array([0.0, 1.2, -3.0])
    z = LatentDistribution(3, seed=1).sample(
        tf.constant(np.tile(mean, (n, 1)), tf.float32),
        tf.constant(np.tile(log_var, (n, 1)), tf.float32),
    )
    standardised = (np.asarray(z, "float64") - mean) / np.exp(log_var / 2)
    assert np.all(np.abs(standardised.mean(axis=0)) < STANDARD_ERRORS / np.sqrt(n))
    # The variance of a sample variance of normal numbers is 2 / n.
    assert np.all(np.abs(standardised.var(axis=0) - 1) < STANDARD_ERRORS * np.sqrt(2 / n))
    correlation = np.corrcoef(standardised.T)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlation) < STANDARD_ERRORS / np.sqrt(n))
    assert stats.kstest(standardised.ravel(), "norm").pvalue > 1e-4


def test_noise_is_new_at_every_call_and_repeats_with_the_seed():
    zeros = tf.zeros((4, 2))
    first, again = LatentDistribution(2, seed=7), LatentDistribution(2, seed=7)
    draws = [np.array(first.sample(zeros, zeros)) for _ in range(2)]
    assert not np.allclose(draws[0], draws[1])
    assert len(np.unique(draws[0])) == 8, "images or dimensions share their noise"
    np.testing.assert_array_equal([np.array(again.sample(zeros, zeros)) for _ in range(2)], draws)


def test_noise_without_a_seed_follows_keras_global_seed():
    def draw():
        keras.utils.set_random_seed(3)
        return np.array(LatentDistribution(2).sample(tf.zeros((4, 2)), tf.zeros((4, 2))))

    np.testing.assert_array_equal(draw(), draw())


def test_gradients_flow_through_a_sample():
    z_mean, z_log_var = tf.zeros((4, 2)), tf.fill((4, 2), 0.6)
    with tf.GradientTape() as tape:
        tape.watch([z_mean, z_log_var])
        z = LatentDistribution(2, seed=1).sample(z_mean, z_log_var)
    by_mean, by_log_var = tape.gradient(z, [z_mean, z_log_var])
    np.testing.assert_allclose(by_mean, np.ones((4, 2)))
    # d/dv (m + exp(v / 2) e) = (z - m) / 2
    np.testing.assert_allclose(by_log_var, (z - z_mean) / 2, rtol=1e-5)


@pytest.mark.parametrize("log_var", [-200.0, 200.0])
def test_samples_of_extreme_log_variances_are_finite(log_var):
    z = LatentDistribution(2, seed=1).sample(tf.zeros((4, 2)), tf.fill((4, 2), log_var))
    assert np.all(np.isfinite(z))


def test_kl_is_that_of_the_elbo_module():
    z_mean, z_log_var = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    kl = LatentDistribution(3).kl(z_mean, z_log_var)
    np.testing.assert_array_equal(kl, gaussian_kl(z_mean, z_log_var))


@pytest.mark.parametrize("latent_dim", [0, -1, 2.5, "2"])
def test_an_impossible_latent_dim_is_refused(latent_dim):
    with pytest.raises(ValueError, match="latent_dim is .*whole number above 0"):
        LatentDistribution(latent_dim)


# --- building and saving ---------------------------------------------------------------------


def test_numpy_integers_are_accepted_as_widths(images):
    two, eight = np.int64(2), np.int32(8)
    vae = VAE(Encoder(hidden=[eight]), LatentDistribution(two), Decoder(hidden=np.array([8, 8])))
    assert vae.latent_dim == 2
    convolutional = VAE(ConvEncoder((eight,), eight), LatentDistribution(two), ConvDecoder(two, 8))
    assert convolutional.reconstruct(images).shape == images.shape


@pytest.mark.parametrize(
    "part, example",
    [
        (Encoder(hidden=np.array([16, 8])), (6, 28, 28, 1)),
        (ConvEncoder(filters=(4, 6), units=np.int64(8)), (6, 28, 28, 1)),
        (LatentDistribution(np.int64(3), seed=5), (6, 8)),
        (Decoder(hidden=(8, np.int32(16))), (6, 2)),
        (ConvDecoder(filters=np.int64(4), units=8), (6, 2)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, keras.Layer) else "",
)
def test_a_part_survives_being_written_down_as_json(part, example):
    inputs = np.random.default_rng(0).normal(size=example).astype("float32")
    expected = part(inputs)
    written = keras.saving.serialize_keras_object(part)
    assert written["registered_name"] == f"vae_helpers>{type(part).__name__}"

    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(written)))
    copy(inputs)
    copy.set_weights(part.get_weights())
    assert json.dumps(copy.get_config()) == json.dumps(part.get_config())
    for got, wanted in zip(tf.nest.flatten(copy(inputs)), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
