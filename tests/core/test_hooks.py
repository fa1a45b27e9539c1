"""The hooks of `VAE`: training reaches every part, variants of ten lines work everywhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers.conditional import ConditionalVAE
from vae_helpers.elbo import gaussian_kl, gaussian_log_density
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.priors import Prior
from vae_helpers.vae import VAE

MODELS = {"VAE": VAE, "ConditionalVAE": ConditionalVAE}


def small(kind="VAE", encoder=None, latent=None, decoder=None, **arguments):
    keras.utils.set_random_seed(0)
    if kind == "ConditionalVAE":
        arguments["classes"] = 3
    parts = encoder or Encoder((16,)), latent or LatentDistribution(2), decoder or Decoder((16,))
    vae = MODELS[kind](*parts, **arguments)
    vae.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
    return vae


def inputs_for(kind, n=64):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (n, 28, 28), dtype=np.uint8)
    for image, top in zip(images, rng.integers(0, 22, n), strict=True):
        image[top : top + 6] += 200
    if kind == "VAE":
        return images
    return {"images": images, "labels": rng.integers(0, 3, n)}


EACH_MODEL = pytest.mark.parametrize("kind", MODELS)

# --- `training` reaches the parts ------------------------------------------------------------


@keras.saving.register_keras_serializable(package="test_hooks")
class Spy(keras.layers.Layer):
    """Counts, in weights, how often it runs in training and how often not."""

    def build(self, shape):
        self.counts = self.add_weight(shape=(2,), trainable=False, initializer="zeros")

    def call(self, values, training=False):
        self.counts.assign_add([1.0, 0.0] if training else [0.0, 1.0])
        return values


def with_inside(part, layer):
    """A part whose network ends with one more layer."""
    part.network.add(layer)
    return part


@EACH_MODEL
@pytest.mark.parametrize("where", ["encoder", "decoder"])
def test_fit_trains_every_part_and_everything_else_does_not(kind, where):
    spy = Spy()
    part = Encoder((16,)) if where == "encoder" else Decoder((16,))
    vae, inputs = small(kind, **{where: with_inside(part, spy)}), inputs_for(kind)
    spy.counts.assign([0.0, 0.0])
    vae.fit(inputs, batch_size=32, verbose=0)
    assert spy.counts.numpy().tolist() == [2, 0]
    vae.evaluate(inputs, batch_size=32, verbose=0)
    vae.predict(inputs, batch_size=32, verbose=0)
    vae.reconstruct(inputs)
    trained, not_trained = spy.counts.numpy()
    assert trained == 2 and not_trained >= 5


class Zeros(keras.layers.Layer):
    """Keeps what share of its input is exactly 0."""

    def build(self, shape):
        self.share = self.add_weight(shape=(), trainable=False, initializer="zeros")

    def call(self, values):
        self.share.assign(tf.reduce_mean(tf.cast(values == 0, tf.float32)))
        return values


@EACH_MODEL
def test_dropout_in_a_part_drops_under_fit_and_nowhere_else(kind):
    zeros = Zeros()
    encoder = with_inside(Encoder((64,)), keras.layers.Dropout(0.9))
    vae, inputs = small(kind, encoder=with_inside(encoder, zeros)), inputs_for(kind)
    vae.fit(inputs, batch_size=64, verbose=0)
    assert zeros.share.numpy() == pytest.approx(0.9, abs=0.03)
    vae.evaluate(inputs, batch_size=64, verbose=0)
    assert zeros.share.numpy() < 0.1


@EACH_MODEL
def test_batch_normalisation_in_a_part_moves_its_mean_under_fit_only(kind):
    norm = keras.layers.BatchNormalization()
    vae, inputs = small(kind, encoder=with_inside(Encoder((16,)), norm)), inputs_for(kind)
    vae.evaluate(inputs, verbose=0)
    assert not norm.moving_mean.numpy().any()
    vae.fit(inputs, batch_size=32, verbose=0)
    moved = norm.moving_mean.numpy().copy()
    assert moved.any()
    vae.encode(inputs)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), moved)


@EACH_MODEL
def test_a_part_whose_call_names_no_training_still_works(kind):
    encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(8)])
    vae = small(kind, encoder=encoder)
    vae.fit(inputs_for(kind), verbose=0)


# --- losses that parts add -------------------------------------------------------------------


@EACH_MODEL
def test_a_regulariser_is_added_to_the_loss_and_reported_apart_from_the_elbo(kind):
    encoder = Encoder((16,))
    encoder.network.layers[-1].kernel_regularizer = keras.regularizers.L2(0.1)
    vae, inputs = small(kind, encoder=encoder), inputs_for(kind)
    expected = 0.1 * float(tf.reduce_sum(vae.encoder.network.layers[-1].kernel ** 2))
    result = vae.evaluate(inputs, batch_size=64, verbose=0, return_dict=True)
    assert result["extra"] == pytest.approx(expected, rel=1e-5)
    assert result["elbo"] == pytest.approx(-(result["reconstruction"] + result["kl"]), rel=1e-5)
    assert result["loss"] == pytest.approx(result["extra"] - result["elbo"], rel=1e-5)
    history = vae.fit(inputs, batch_size=32, epochs=30, validation_data=inputs, verbose=0).history
    assert {"extra", "val_extra"} <= set(history)
    assert history["extra"][-1] < 0.9 * expected  # it pulls at the weights


@EACH_MODEL
def test_without_such_losses_nothing_extra_is_reported(kind):
    history = small(kind).fit(inputs_for(kind), verbose=0).history
    assert set(history) == {"loss", "reconstruction", "kl", "elbo"}


class Activity(keras.layers.Layer):
    def call(self, values):
        self.add_loss(3.0 * tf.reduce_mean(tf.abs(values)))
        return values


def test_a_loss_added_inside_a_call_counts_too():
    vae, images = small(encoder=with_inside(Encoder((16,)), Activity())), inputs_for("VAE")
    history = vae.fit(images, batch_size=64, verbose=0).history
    assert history["extra"][0] > 0
    assert history["loss"][0] == pytest.approx(history["extra"][0] - history["elbo"][0], rel=1e-4)


# --- variants of a few lines -----------------------------------------------------------------


@keras.saving.register_keras_serializable(package="test_hooks")
class FreeBitsVAE(VAE):
    """At least half a nat of each latent dimension is free (Kingma et al. 2016, 1606.04934)."""

    def objective(self, reconstruction, kl, forward):
        z_mean, z_log_var = forward["z_mean"], forward["z_log_var"]
        per_dimension = 0.5 * (tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var)
        floor = tf.maximum(tf.reduce_mean(per_dimension, axis=0), 0.5)
        return reconstruction + self.beta_variable * tf.reduce_sum(floor)


@keras.saving.register_keras_serializable(package="test_hooks")
class DropoutEncoder(Encoder):
    """An encoder that does not see every pixel while it trains."""

    def __init__(self, hidden=(256, 128, 64), rate=0.2, **kwargs):
        super().__init__(hidden, **kwargs)
        self.rate = rate
        self.drop = keras.layers.Dropout(rate)

    def call(self, images, training=False):
        return super().call(self.drop(images, training=training), training=training)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


def free_bits():
    return FreeBitsVAE(Encoder((16,)), LatentDistribution(2), Decoder((16,)))


def dropout():
    return VAE(DropoutEncoder((16,)), LatentDistribution(2), Decoder((16,)))


@pytest.mark.parametrize("variant", [free_bits, dropout])
def test_a_variant_of_ten_lines_goes_everywhere(variant, tmp_path):
    from vae_helpers import metrics, plots
    from vae_helpers.audit import health_report

    keras.utils.set_random_seed(0)
    images = inputs_for("VAE", 200)
    vae = variant()
    vae.start_at_mean_image(images)
    vae.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
    history = vae.fit(images, batch_size=50, epochs=30, validation_data=images, verbose=0).history
    assert history["elbo"][-1] > history["elbo"][0] + 10
    assert history["elbo"][-1] == pytest.approx(
        -(history["reconstruction"][-1] + history["kl"][-1]), rel=1e-5
    )
    vae.save(tmp_path / "variant.keras")
    loaded = keras.models.load_model(tmp_path / "variant.keras")
    assert type(loaded) is type(vae)
    np.testing.assert_allclose(loaded.reconstruct(images), vae.reconstruct(images), atol=1e-6)
    estimate, _, kl = metrics.elbo_estimate(loaded, images)
    assert estimate.mean == pytest.approx(history["val_elbo"][-1], abs=5)
    assert kl.mean == pytest.approx(np.mean(gaussian_kl(*loaded.encode(images))), rel=1e-4)
    assert health_report(loaded, images).healthy
    assert plots.manifold(loaded.decode, n=4).axes
    assert loaded.generate(2, seed=0).shape == (2, 28, 28, 1)


def test_an_objective_changes_the_loss_and_no_reported_term():
    images = inputs_for("VAE")
    vae = small()
    plain = vae.evaluate(images, batch_size=64, verbose=0, return_dict=True)
    assert plain["loss"] == pytest.approx(-plain["elbo"], rel=1e-5)
    keras.utils.set_random_seed(0)
    free = free_bits()
    free.compile(optimizer="sgd", jit_compile=False)
    free.set_weights(vae.get_weights())
    result = free.evaluate(images, batch_size=64, verbose=0, return_dict=True)
    assert result["kl"] == pytest.approx(plain["kl"], rel=1e-5)
    assert result["kl"] < 1.0  # before training, so the floor of 2 * 0.5 holds
    assert result["loss"] == pytest.approx(result["reconstruction"] + 1.0, rel=1e-4)


# --- the prior -------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="test_hooks")
class WideNormal(Prior):
    """N(0, 4 I), with no closed form: the KL is estimated."""

    def sample(self, n, seed=None):
        return 2.0 * keras.random.normal((n, 2), seed=seed)

    def log_density(self, z):
        return gaussian_log_density(z, tf.zeros_like(z), tf.fill(tf.shape(z), np.log(4.0)))


def test_another_prior_is_used_by_the_kl_and_by_generate(tmp_path):
    vae, images = small(prior=WideNormal()), inputs_for("VAE", 500)
    z_mean, z_log_var = (tf.constant(part) for part in vae.encode(images))
    sampled = [
        vae.terms(images, {**vae(images), "z": vae.latent.sample(z_mean, z_log_var)})[1].numpy()
        for _ in range(40)
    ]
    variance = np.exp(z_log_var)
    closed = 0.5 * ((z_mean**2 + variance) / 4 - 1 - z_log_var + np.log(4.0))
    error = np.std(sampled) / np.sqrt(np.size(sampled))
    assert np.mean(sampled) == pytest.approx(float(np.sum(closed, axis=1).mean()), abs=4 * error)
    codes = []
    vae.decode = lambda z: codes.append(np.array(z))
    vae.generate(5000, seed=0)
    assert codes[0].std() == pytest.approx(2.0, rel=0.05)
    del vae.decode
    vae.save(tmp_path / "wide.keras")
    assert isinstance(keras.models.load_model(tmp_path / "wide.keras").prior, WideNormal)


# --- said at once ----------------------------------------------------------------------------


class Unregistered(VAE):
    pass


class UnregisteredEncoder(Encoder):
    pass


def test_saving_a_class_that_keras_would_not_find_warns_in_two_lines(tmp_path):
    vae = Unregistered(UnregisteredEncoder((8,)), LatentDistribution(2), Decoder((8,)))
    with pytest.warns(UserWarning, match="is not registered") as caught:
        vae.save(tmp_path / "vae.keras")
    texts = [str(one.message) for one in caught if one.category is UserWarning]
    assert [text.split()[0] for text in texts] == ["Unregistered", "UnregisteredEncoder"]
    assert all(text.count("\n") == 1 and "custom_objects" in text for text in texts)


@pytest.mark.filterwarnings("error::UserWarning")
def test_saving_registered_classes_warns_of_nothing(tmp_path):
    dropout().save(tmp_path / "vae.keras")


class BatchWrittenIn(LatentDistribution):
    def sample(self, z_mean, z_log_var):
        return z_mean + tf.exp(0.5 * z_log_var) * tf.random.normal((32, 2))


@EACH_MODEL
@pytest.mark.parametrize("batch_size", [32, 50])
def test_a_batch_size_written_into_the_sampler_is_named(kind, batch_size):
    vae, inputs = small(kind, latent=BatchWrittenIn(2)), inputs_for(kind, 70)
    for run in (
        lambda: vae.fit(inputs, batch_size=batch_size, verbose=0),
        lambda: vae.evaluate(inputs, batch_size=batch_size, verbose=0),
    ):
        with pytest.raises(ValueError, match="batch size written into it"):
            run()


# --- images of any size ----------------------------------------------------------------------


@pytest.mark.parametrize("image_shape", [(8, 8, 1), (12, 20, 3), (64, 64, 3), (128, 128, 3)])
@pytest.mark.parametrize("filters", [(), (4, 8)], ids=["dense", "convolution"])
def test_images_of_any_size_train_save_and_load(image_shape, filters, tmp_path):
    from vae_helpers.recipes import Recipe, build

    images = np.random.default_rng(0).integers(0, 256, (20, *image_shape), dtype=np.uint8)
    recipe = Recipe(2, (8,), epochs=1, learning_rate=1e-3, batch_size=10, filters=filters)
    vae = build(recipe, images)
    vae.jit_compile = False
    history = vae.fit(images, batch_size=10, validation_data=images / 255, verbose=0).history
    assert np.isfinite(history["val_loss"][0])
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert loaded.image_shape == image_shape
    np.testing.assert_allclose(loaded.reconstruct(images), vae.reconstruct(images), atol=1e-5)
    assert loaded.generate(3, seed=0).shape == (3, *image_shape)
    with pytest.raises(ValueError, match="image_shape that they have"):
        vae.encode(np.zeros((2, 9, 9), np.uint8))


@pytest.mark.parametrize(
    ("image_shape", "nearest"), [((30, 28, 1), "28 or 32"), ((28, 3, 1), "3 are 4")]
)
def test_a_size_that_the_grid_cannot_make_is_rejected_with_the_nearest(image_shape, nearest):
    from vae_helpers.parts import ConvDecoder

    with pytest.raises(ValueError, match=f"multiples of 4.*{nearest}"):
        ConvDecoder(image_shape=image_shape)


def test_a_conditional_vae_says_what_it_takes_and_checks_the_labels_of_validation():
    vae, inputs = small("ConditionalVAE"), inputs_for("ConditionalVAE")
    with pytest.raises(ValueError, match="expected both inputs by name"):
        vae.fit(inputs["images"], inputs["labels"], verbose=0)
    with pytest.raises(ValueError, match="x has no labels"):
        vae.fit({"images": inputs["images"]}, verbose=0)
    with pytest.raises(ValueError, match="labels run from 1 to 3"):
        vae.fit(inputs, validation_data={**inputs, "labels": inputs["labels"] + 1}, verbose=0)


def test_a_loss_given_by_position_is_rejected():
    with pytest.raises(TypeError, match="positional"):
        small().compile("adam", "mse")
