"""The VAE under Keras' own loop: its metrics, its inputs, its outputs, saving, and bad input."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import elbo
from vae_helpers.parts import ConvDecoder, ConvEncoder, Decoder, Encoder, LatentDistribution
from vae_helpers.references import mean_image_cost
from vae_helpers.vae import VAE

METRICS = {"loss", "reconstruction", "kl", "elbo"}


@keras.saving.register_keras_serializable(package="test_vae")
class NoNoise(LatentDistribution):
    """z is its mean: what is computed can be computed again."""

    def sample(self, z_mean, z_log_var):
        return z_mean


def small_vae(latent=LatentDistribution, beta=1.0, **compile_settings):
    keras.utils.set_random_seed(0)
    vae = VAE(Encoder(hidden=(16,)), latent(2), Decoder(hidden=(16,)), beta=beta)
    # Without XLA a tiny model is ready sooner.
    vae.compile(**{"optimizer": "sgd", "jit_compile": False, **compile_settings})
    return vae


def bars(n, seed):
    """Images of one bright bar each, at a random height: grey, and easy to learn."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 40, (n, 28, 28), dtype=np.uint8)
    for image, top in zip(images, rng.integers(0, 22, n), strict=True):
        image[top : top + 6] += 200
    return images


@pytest.fixture(scope="module")
def images():
    return bars(64, seed=0)


@pytest.fixture(scope="module")
def floats(images):
    return (images / 255).astype("float32")[..., np.newaxis]


@pytest.fixture(scope="module")
def trained(images):
    """A VAE after two epochs, and its history. Tests leave it as it is."""
    vae = small_vae(beta=0.5, optimizer=keras.optimizers.Adam(1e-2))
    history = vae.fit(
        images, batch_size=30, epochs=2, validation_data=bars(21, seed=1), verbose=0
    ).history
    return vae, history


@pytest.fixture(scope="module")
def quiet():
    """A VAE without sampling noise, whose metrics can be computed apart."""
    return small_vae(NoNoise, beta=2.0)


def terms(vae, floats):
    """Reconstruction and kl of each image, from the parts and the elbo module alone."""
    z_mean, z_log_var = vae.latent(vae.encoder(floats))
    logits = vae.decoder(z_mean)
    return -elbo.bernoulli_log_likelihood(floats, logits), elbo.gaussian_kl(z_mean, z_log_var)


# --- metrics ---------------------------------------------------------------------------------


def test_metrics_add_up_in_training_and_in_validation(trained):
    _, history = trained
    assert set(history) == METRICS | {f"val_{name}" for name in METRICS}
    for prefix in ("", "val_"):
        loss, reconstruction, kl, bound = (
            np.array(history[prefix + name]) for name in ("loss", "reconstruction", "kl", "elbo")
        )
        assert np.all(reconstruction >= 0) and np.all(kl >= 0)
        np.testing.assert_allclose(loss, reconstruction + 0.5 * kl, rtol=1e-5)
        np.testing.assert_allclose(bound, -(reconstruction + kl), rtol=1e-5)


@pytest.mark.parametrize("steps_per_execution", [1, 64])
def test_evaluate_is_the_mean_over_images_of_the_elbos_terms(steps_per_execution, images, floats):
    vae = small_vae(NoNoise, beta=2.0, steps_per_execution=steps_per_execution)
    # Images of very different cost, so that a mean of batch means would show: the last batch of
    # 30, 30 and 4 is all white.
    images, floats = images.copy(), floats.copy()
    images[60:], floats[60:] = 255, 1.0
    vae.start_at_mean_image(bars(64, seed=0))
    reconstruction, kl = (np.mean(term) for term in terms(vae, floats))
    expected = {
        "loss": reconstruction + 2.0 * kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "elbo": np.mean(elbo.elbo(floats, vae(floats)["logits"], *vae.encode(floats))),
    }
    got = vae.evaluate(images, batch_size=30, verbose=0, return_dict=True)
    assert got == pytest.approx(expected, rel=1e-5)


def test_fit_reports_what_evaluate_does(images):
    # With a learning rate of 0 each batch is seen by the same weights.
    vae = small_vae(NoNoise, optimizer=keras.optimizers.SGD(0.0))
    history = vae.fit(images, batch_size=30, validation_data=images, verbose=0).history
    evaluated = vae.evaluate(images, verbose=0, return_dict=True)
    for name in METRICS:
        assert history[name][0] == pytest.approx(evaluated[name], rel=1e-5)
        assert history[f"val_{name}"][0] == pytest.approx(evaluated[name], rel=1e-5)


def test_each_image_gets_its_own_noise_anew(images):
    vae = small_vae()
    same = np.repeat(images[:1], 8, axis=0)
    first, second = (np.asarray(vae(same)["z"]) for _ in range(2))
    assert len(np.unique(first)) == 16
    assert not np.allclose(first, second)
    losses = {vae.evaluate(images, verbose=0, return_dict=True)["loss"] for _ in range(2)}
    assert len(losses) == 2


def test_more_steps_an_execution_than_steps_changes_nothing(images):
    weights, losses = [], []
    for steps_per_execution in (1, 1000):
        vae = small_vae(NoNoise, steps_per_execution=steps_per_execution)
        vae.optimizer.learning_rate = 1e-3
        history = vae.fit(images, batch_size=30, epochs=2, shuffle=False, verbose=0).history
        losses.append(history["loss"])
        weights.append(vae.get_weights())
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    for one, many in zip(*weights, strict=True):
        np.testing.assert_allclose(one, many, rtol=1e-4, atol=1e-6)


# --- beta ------------------------------------------------------------------------------------


def test_beta_can_be_changed_between_fits_without_compiling_again(images):
    vae = small_vae(NoNoise, optimizer=keras.optimizers.SGD(0.0))
    for beta in (1.0, 7.0):
        vae.beta = beta
        history = {key: value[0] for key, value in vae.fit(images, verbose=0).history.items()}
        expected = history["reconstruction"] + beta * history["kl"]
        assert history["loss"] == pytest.approx(expected, rel=1e-5)
        assert vae.beta == beta


def test_beta_weighs_the_gradient_and_not_just_the_report(images):
    kl = {}
    for beta in (0.0, 200.0):
        vae = small_vae(beta=beta, optimizer=keras.optimizers.Adam(1e-2))
        kl[beta] = vae.fit(images, epochs=15, verbose=0).history["kl"][-1]
    assert kl[200.0] < 0.1 < 1.0 < kl[0.0]


@pytest.mark.parametrize("beta", [-0.1, float("nan"), float("inf")])
def test_an_impossible_beta_is_refused(beta, quiet):
    with pytest.raises(ValueError, match="beta is"):
        small_vae(beta=beta)
    with pytest.raises(ValueError, match="beta is"):
        quiet.beta = beta
    assert quiet.beta == 2.0


# --- what goes in ----------------------------------------------------------------------------


def test_uint8_and_floats_with_and_without_channel_are_the_same_images(images, floats, quiet):
    forms = [images, images[..., np.newaxis], floats, floats[..., 0], floats.astype("float64")]
    results = [quiet.evaluate(form, verbose=0, return_dict=True) for form in forms]
    for form, result in zip(forms[1:], results[1:], strict=True):
        assert result == pytest.approx(results[0], rel=1e-5)
        np.testing.assert_allclose(quiet.reconstruct(form), quiet.reconstruct(images), atol=1e-5)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # so does any without a length
def test_arrays_and_datasets_with_and_without_labels_give_the_same(images, quiet):
    labels = np.arange(64) % 10
    expected = quiet.evaluate(images, verbose=0, return_dict=True)
    alone = tf.data.Dataset.from_tensor_slices(images).batch(30)
    labelled = tf.data.Dataset.from_tensor_slices((images, labels)).batch(30)
    unknown = alone.filter(lambda _: True)  # it does not know how long it is
    for arguments in ((images, labels), (alone,), (labelled,), (unknown,), (tf.constant(images),)):
        result = quiet.evaluate(*arguments, verbose=0, return_dict=True)
        assert result == pytest.approx(expected, rel=1e-5)
    for x in (alone, labelled):
        np.testing.assert_allclose(
            quiet.predict(x, verbose=0), quiet.reconstruct(images), atol=1e-6
        )


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")  # Keras' default, ignored
def test_fit_takes_every_form_with_validation_data_in_every_form(images):
    vae = small_vae(NoNoise, optimizer=keras.optimizers.SGD(0.0))
    labels = np.zeros(64)
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(32)
    labelled = tf.data.Dataset.from_tensor_slices((images, labels)).batch(32)
    histories = [
        vae.fit(images, validation_data=images, verbose=0).history,
        vae.fit(images, labels, validation_data=(images, labels), verbose=0).history,
        vae.fit(dataset, validation_data=dataset, verbose=0).history,
        vae.fit(labelled, validation_data=labelled, verbose=0).history,
    ]
    for history in histories[1:]:
        for name, values in history.items():
            assert values == pytest.approx(histories[0][name], rel=1e-5), name


# --- what comes out --------------------------------------------------------------------------


def test_predict_is_reconstruct_and_always_the_same(trained, images, floats):
    vae, _ = trained
    reconstructed = vae.reconstruct(images)
    assert reconstructed.shape == (64, 28, 28, 1)
    assert isinstance(reconstructed, np.ndarray) and reconstructed.dtype == "float32"
    assert reconstructed.min() >= 0 and reconstructed.max() <= 1
    z_mean, _ = vae.latent(vae.encoder(floats))
    np.testing.assert_allclose(reconstructed, tf.sigmoid(vae.decoder(z_mean)), atol=1e-5)
    for _ in range(2):
        np.testing.assert_allclose(vae.predict(images, verbose=0), reconstructed, atol=1e-5)


def test_encode_gives_the_parameters_of_q(trained, images, floats):
    vae, _ = trained
    z_mean, z_log_var = vae.encode(images)
    assert z_mean.shape == z_log_var.shape == (64, vae.latent_dim) == (64, 2)
    expected = vae.latent(vae.encoder(floats))
    np.testing.assert_allclose((z_mean, z_log_var), expected, atol=1e-5)


def test_generate_repeats_with_its_seed(trained):
    vae, _ = trained
    state = vae.latent.noise.state.numpy()
    first = vae.generate(9, seed=3)
    assert first.shape == (9, 28, 28, 1)
    assert first.min() >= 0 and first.max() <= 1
    np.testing.assert_array_equal(vae.generate(np.int64(9), seed=3), first)
    assert not np.allclose(vae.generate(9, seed=4), first)
    assert not np.allclose(vae.generate(9), vae.generate(9))
    assert np.array_equal(vae.latent.noise.state.numpy(), state), "it disturbed the training noise"


def test_generate_decodes_draws_from_the_prior(trained, monkeypatch):
    vae, _ = trained
    codes = []
    monkeypatch.setattr(VAE, "decode", lambda self, z: codes.append(np.array(z)))
    vae.generate(20_000, seed=0)
    (z,) = codes
    assert np.all(np.abs(z.mean(axis=0)) < 4 / np.sqrt(20_000))
    assert np.all(np.abs(z.var(axis=0) - 1) < 4 * np.sqrt(2 / 20_000))


def test_many_images_go_through_in_slices(trained, monkeypatch):
    vae, _ = trained
    sizes = []

    def spied(call):
        def spy(batch, *args, **kwargs):
            sizes.append(len(batch))
            return call(batch, *args, **kwargs)

        return spy

    for part in (vae.encoder, vae.decoder):
        monkeypatch.setattr(part, "call", spied(part.call))
    many = np.tile(bars(50, seed=2), (101, 1, 1))
    z_mean, z_log_var = vae.encode(many)
    decoded = vae.decode(z_mean)
    assert len(z_mean) == len(z_log_var) == len(decoded) == 5050
    assert max(sizes) <= 4096, "60,000 images at once would need gigabytes"
    np.testing.assert_allclose(z_mean[5000:], vae.encode(many[:50])[0], atol=1e-5)
    np.testing.assert_allclose(decoded[5000:], vae.decode(z_mean[:50]), atol=1e-5)


def test_starting_at_the_mean_image_costs_what_the_mean_image_costs(images, floats):
    mean = np.clip(floats.mean(axis=0, dtype="float64"), 1e-3, 1 - 1e-3)
    cost = -np.mean(np.sum(floats * np.log(mean) + (1 - floats) * np.log(1 - mean), axis=(1, 2, 3)))
    for form in (images, floats):
        vae = small_vae()
        cold = vae.evaluate(images, verbose=0, return_dict=True)["reconstruction"]
        vae.start_at_mean_image(form)
        warm = vae.evaluate(images, verbose=0, return_dict=True)["reconstruction"]
        assert warm == pytest.approx(cost, rel=0.05)
        assert abs(warm - cost) < 0.2 * abs(cold - cost)
        np.testing.assert_allclose(vae.decode(np.zeros((1, 2)))[0], mean, atol=1e-4)


def test_always_black_and_always_white_pixels_have_a_finite_bias():
    vae = small_vae()
    black_and_white = np.zeros((3, 28, 28), "uint8")
    black_and_white[:, 14:] = 255
    vae.start_at_mean_image(black_and_white)
    assert np.all(np.isfinite(vae.decoder.output_bias))
    reconstructed = vae.reconstruct(black_and_white)
    assert reconstructed[:, :14].max() < 0.02 and reconstructed[:, 14:].min() > 0.98


def test_training_beats_the_mean_image_by_far():
    train, test = bars(1000, seed=3), bars(200, seed=4)
    keras.utils.set_random_seed(0)
    vae = VAE(Encoder(hidden=(32,)), LatentDistribution(2), Decoder(hidden=(32,)))
    vae.start_at_mean_image(train)
    vae.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    history = vae.fit(train, batch_size=50, epochs=15, validation_data=test, verbose=0).history
    after = history["val_elbo"][-1]
    assert after > -mean_image_cost(train, test) + 30
    # A code that says where the bar is puts the bar there.
    top = np.argmax(vae.reconstruct(test)[..., 0].mean(axis=2), axis=1)
    assert np.mean([image[row].mean() > 150 for image, row in zip(test, top, strict=True)]) > 0.8


# --- the fast settings -----------------------------------------------------------------------


def test_xla_is_chosen_for_dense_parts_and_not_for_convolutions_on_a_cpu():
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    encoders = {"dense": Encoder((8,)), "convolutional": ConvEncoder((2,), 8)}
    decoders = {"dense": Decoder((8,)), "convolutional": ConvDecoder(2, 8)}
    for encoder in encoders:
        for decoder in decoders:
            vae = VAE(encoders[encoder], LatentDistribution(2), decoders[decoder])
            vae.compile()
            assert vae.jit_compile == (encoder == decoder == "dense")
            vae.compile(jit_compile=not vae.jit_compile)
            assert vae.jit_compile != (encoder == decoder == "dense"), "a choice is respected"


@pytest.mark.slow
def test_xla_computes_the_same(images):
    losses, weights = [], []
    for jit_compile in (False, True):
        vae = small_vae(NoNoise, jit_compile=jit_compile, steps_per_execution=1)
        vae.optimizer.learning_rate = 1e-3
        history = vae.fit(images, batch_size=32, epochs=2, shuffle=False, verbose=0).history
        losses.append(history["loss"])
        weights.append(vae.get_weights())
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for plain, xla in zip(*weights, strict=True):
        np.testing.assert_allclose(plain, xla, rtol=1e-4, atol=1e-6)


# --- saving ----------------------------------------------------------------------------------


def test_a_saved_vae_is_the_same_in_a_fresh_process(trained, images, tmp_path):
    vae, _ = trained
    vae.save(tmp_path / "vae.keras")
    np.save(tmp_path / "images.npy", images)
    script = """
import sys, numpy as np, keras
import vae_helpers.vae
folder = sys.argv[1]
vae = keras.saving.load_model(f"{folder}/vae.keras")
images = np.load(f"{folder}/images.npy")
z_mean, z_log_var = vae.encode(images)
np.savez(f"{folder}/out.npz", z_mean=z_mean, z_log_var=z_log_var, beta=vae.beta,
         reconstructed=vae.reconstruct(images), predicted=vae.predict(images, verbose=0),
         generated=vae.generate(5, seed=1), rate=vae.optimizer.learning_rate.numpy(),
         iterations=vae.optimizer.iterations.numpy())
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=300)
    with np.load(tmp_path / "out.npz") as out:
        np.testing.assert_array_equal((out["z_mean"], out["z_log_var"]), vae.encode(images))
        np.testing.assert_array_equal(out["reconstructed"], vae.reconstruct(images))
        np.testing.assert_array_equal(out["generated"], vae.generate(5, seed=1))
        np.testing.assert_allclose(out["predicted"], out["reconstructed"], atol=1e-5)
        assert out["beta"] == vae.beta == 0.5
        assert out["rate"] == pytest.approx(1e-2)
        assert out["iterations"] == vae.optimizer.iterations.numpy() > 0


def test_training_goes_on_after_loading_as_if_it_had_never_stopped(images, tmp_path):
    def continued(vae):
        return vae.fit(images, epochs=2, shuffle=False, verbose=0).history["loss"]

    # Adam remembers past gradients: only with its memory restored do the paths agree.
    vae = small_vae(NoNoise, optimizer=keras.optimizers.Adam(1e-2), steps_per_execution=3)
    vae.fit(images, epochs=2, shuffle=False, verbose=0)
    vae.beta = 3.0
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    assert loaded.beta == 3.0
    assert isinstance(loaded.latent, NoNoise)
    assert loaded.jit_compile is False
    assert int(loaded.steps_per_execution) == 3
    np.testing.assert_allclose(continued(loaded), continued(vae), rtol=1e-5)
    for one, other in zip(loaded.get_weights(), vae.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # never stepped
def test_weights_alone_can_be_saved_and_loaded(trained, images, tmp_path):
    vae, _ = trained
    vae.save_weights(tmp_path / "vae.weights.h5")
    other = small_vae(optimizer=keras.optimizers.Adam())
    other.load_weights(tmp_path / "vae.weights.h5")
    np.testing.assert_array_equal(other.reconstruct(images), vae.reconstruct(images))


def test_a_vae_that_was_never_compiled_can_be_saved(images, tmp_path):
    vae = VAE(ConvEncoder((2,), 8), LatentDistribution(3), ConvDecoder(2, 8), name="mine")
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    assert loaded.name == "mine"
    np.testing.assert_array_equal(loaded.reconstruct(images), vae.reconstruct(images))


# --- bad input -------------------------------------------------------------------------------

GOOD = bars(8, seed=5)
WITH_NAN = (GOOD / 255).astype("float32")
WITH_NAN[3, 14, 14] = np.nan
BAD_IMAGES = {
    "floats on 0-255": (GOOD.astype("float32"), "expected 0 to 1"),
    "floats on -1 to 1": (GOOD / 127.5 - 1, "expected 0 to 1"),
    "wrong size": (np.zeros((8, 32, 32), "uint8"), r"shape \(8, 32, 32\), expected"),
    "flattened": (np.zeros((8, 784), "uint8"), r"shape \(8, 784\).*reshape\(-1, 28, 28\)"),
    "colours": (np.zeros((8, 28, 28, 3), "uint8"), r"shape \(8, 28, 28, 3\), expected"),
    "one image": (np.zeros((28, 28), "uint8"), r"shape \(28, 28\), expected"),
    "NaN": (WITH_NAN, "NaN"),
    "empty": (GOOD[:0], "empty"),
    "whole numbers": (GOOD.astype("int64"), "dtype int64"),
    "truth values": (GOOD > 100, "dtype bool"),
}


@pytest.mark.parametrize("bad", BAD_IMAGES)
def test_bad_images_are_refused_wherever_they_enter(bad, quiet):
    wrong, message = BAD_IMAGES[bad]
    entrances = {
        "fit": lambda: quiet.fit(wrong, verbose=0),
        "fit with labels": lambda: quiet.fit(wrong, np.zeros(len(wrong)), verbose=0),
        "fit, tensor": lambda: quiet.fit(tf.constant(wrong), verbose=0),
        "validation": lambda: quiet.fit(GOOD, validation_data=wrong, verbose=0),
        "validation pair": lambda: quiet.fit(
            GOOD, validation_data=(wrong, np.zeros(len(wrong))), verbose=0
        ),
        "evaluate": lambda: quiet.evaluate(wrong, verbose=0),
        "predict": lambda: quiet.predict(wrong, verbose=0),
        "encode": lambda: quiet.encode(wrong),
        "reconstruct": lambda: quiet.reconstruct(wrong),
        "start_at_mean_image": lambda: quiet.start_at_mean_image(wrong),
    }
    before = quiet.get_weights()
    for name, enter in entrances.items():
        with pytest.raises(ValueError, match=message):
            enter()
            pytest.fail(f"{name} took {bad}")
    for one, other in zip(quiet.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("bad", [bad for bad in BAD_IMAGES if bad != "one image"])
def test_bad_images_in_a_dataset_are_refused(bad, quiet):
    wrong, message = BAD_IMAGES[bad]
    alone = tf.data.Dataset.from_tensor_slices(wrong).batch(30)
    labelled = tf.data.Dataset.from_tensor_slices((wrong, np.zeros(len(wrong)))).batch(30)
    good = tf.data.Dataset.from_tensor_slices(GOOD).batch(4)
    for dataset in (alone, labelled):
        with pytest.raises(ValueError, match=message):
            quiet.fit(dataset, verbose=0)
        with pytest.raises(ValueError, match=message):
            quiet.fit(good, validation_data=dataset, verbose=0)
        with pytest.raises(ValueError, match=message):
            quiet.evaluate(dataset, verbose=0)


def test_a_dataset_that_was_not_batched_is_refused(quiet):
    with pytest.raises(ValueError, match=r"shape \(28, 28\)"):
        quiet.fit(tf.data.Dataset.from_tensor_slices(GOOD), verbose=0)


def test_labels_that_do_not_match_are_refused(quiet):
    with pytest.raises(ValueError, match="8.*5|5.*8|cardinality"):
        quiet.fit(GOOD, np.zeros(5), verbose=0)


def test_a_loss_is_refused(quiet):
    with pytest.raises(ValueError, match="loss .* leave it out"):
        VAE(Encoder((8,)), LatentDistribution(2), Decoder((8,))).compile(loss="mse")


def test_sample_weights_are_refused(images):
    vae = small_vae()
    weights = np.ones(64)
    with pytest.raises(ValueError, match="sample_weight .* leave it out"):
        vae.fit(images, np.zeros(64), sample_weight=weights, verbose=0)
    dataset = tf.data.Dataset.from_tensor_slices((images, np.zeros(64), weights)).batch(32)
    with pytest.raises(ValueError, match="sample_weight .* leave it out"):
        vae.evaluate(dataset, verbose=0)


@pytest.mark.parametrize("shape", [(4, 3), (4, 1), (2,), (), (4, 2, 1)])
def test_codes_of_another_width_are_refused(shape, trained):
    with pytest.raises(ValueError, match=r"z has shape .*expected \(n, 2\)"):
        trained[0].decode(np.zeros(shape))


@pytest.mark.parametrize("n", [0, -3, 2.5, True])
def test_an_impossible_number_of_images_is_refused(n, trained):
    with pytest.raises(ValueError, match="n is .*whole number above 0"):
        trained[0].generate(n)


# --- what was asked of Keras' loop is kept ------------------------------------------------------


def test_the_number_of_steps_asked_for_is_kept(images):
    vae = small_vae()
    batches = tf.data.Dataset.from_tensor_slices(images).batch(8).repeat()
    vae.fit(batches, steps_per_epoch=10, epochs=2, verbose=0)
    assert int(vae.optimizer.iterations) == 20
    vae.evaluate(batches, steps=3, verbose=0)
    assert int(vae.trackers["kl"].count) == 3 * 8


class InBatches(keras.utils.PyDataset):
    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return len(self.images) // 8

    def __getitem__(self, index):
        return (self.images[8 * index : 8 * index + 8],)


def test_a_py_dataset_trains_and_its_floats_up_to_255_are_refused(images):
    vae = small_vae()
    history = vae.fit(InBatches(images), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    with pytest.raises(ValueError, match="divide by 255"):
        vae.fit(InBatches(images.astype("float32")), verbose=0)


def test_images_and_labels_in_one_tuple_are_refused_with_the_cure(images):
    vae = small_vae()
    with pytest.raises(ValueError, match="two arguments"):
        vae.fit((images, np.zeros(len(images))), verbose=0)


def test_auto_settings_are_saved_as_auto(tmp_path):
    vae = small_vae(jit_compile="auto")
    assert vae.get_compile_config()["jit_compile"] == "auto"
    assert vae.get_compile_config()["steps_per_execution"] == "auto"
    vae.compile(jit_compile=False, steps_per_execution=2)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert loaded.jit_compile is False and loaded.steps_per_execution == 2


def test_a_vae_under_mixed_precision_trains_with_finite_terms(images):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        vae = small_vae()
        score = vae.fit(images, verbose=0).history
        z_mean, z_log_var = vae.encode(images)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert z_mean.dtype == z_log_var.dtype == np.float32
    assert all(np.isfinite(values).all() for values in score.values())
