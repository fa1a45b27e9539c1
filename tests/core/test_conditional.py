"""`ConditionalVAE`: its terms, what the label does, its inputs, saving, and bad labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import elbo
from vae_helpers.conditional import ConditionalVAE
from vae_helpers.likelihoods import Bernoulli, ContinuousBernoulli, DiscretisedLogistic, Gaussian
from vae_helpers.parts import ConvDecoder, ConvEncoder, Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE


@keras.saving.register_keras_serializable(package="test_conditional")
class NoNoise(LatentDistribution):
    """z is its mean: what is computed can be computed again."""

    def sample(self, z_mean, z_log_var):
        return z_mean


def small(latent=LatentDistribution, optimizer="sgd", likelihood=None, beta=1.0):
    keras.utils.set_random_seed(0)
    parts = Encoder((16,)), latent(2), Decoder((16,))
    vae = ConditionalVAE(*parts, classes=3, likelihood=likelihood, beta=beta)
    # Without XLA a tiny model is ready sooner.
    vae.compile(optimizer=optimizer, jit_compile=False)
    return vae


def bars(n, seed):
    """Label k: a bright bar in the k-th third. Its brightness is the style."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    images = np.zeros((n, 28, 28), np.uint8)
    for image, label, grey in zip(images, labels, rng.integers(100, 256, n), strict=True):
        image[9 * label + 2 : 9 * label + 8] = grey
    return images, labels


@pytest.fixture(scope="module")
def data():
    return bars(300, seed=0)


@pytest.fixture(scope="module")
def trained(data):
    """Tests leave it as it is."""
    images, labels = data
    # A dear KL, so that the code does not say what the label says already.
    vae = small(optimizer=keras.optimizers.Adam(2e-2), beta=4.0)
    vae.start_at_mean_image(images)
    vae.fit({"images": images, "labels": labels}, batch_size=30, epochs=40, verbose=0)
    return vae


@pytest.fixture(scope="module")
def quiet():
    """Without sampling noise. Tests leave it as it is."""
    return small(NoNoise, beta=2.0)


def by_hand(vae, images, labels):
    """z_mean, z_log_var and outputs, from the parts alone."""
    one_hot = np.eye(3, dtype="float32")[labels]
    features = vae.encoder(tf.constant(images[..., None] / 255, tf.float32))
    z_mean, z_log_var = vae.latent(tf.concat([features, one_hot], axis=1))
    return z_mean, z_log_var, vae.decoder(tf.concat([z_mean, one_hot], axis=1))


# --- terms -----------------------------------------------------------------------------------


def test_the_metrics_are_the_elbos_terms_given_the_labels(quiet, data):
    images, labels = data
    z_mean, z_log_var, outputs = by_hand(quiet, images, labels)
    floats = (images[..., None] / 255).astype("float32")
    reconstruction = -np.mean(elbo.bernoulli_log_likelihood(floats, outputs))
    kl = np.mean(elbo.gaussian_kl(z_mean, z_log_var))
    got = quiet.evaluate({"images": images, "labels": labels}, verbose=0, return_dict=True)
    expected = {
        "loss": reconstruction + 2 * kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "elbo": -(reconstruction + kl),
    }
    assert got == pytest.approx(expected, rel=1e-5)


def test_encode_decode_reconstruct_and_predict_agree_with_the_parts(quiet, data):
    images, labels = data
    z_mean, z_log_var, outputs = by_hand(quiet, images, labels)
    np.testing.assert_allclose(quiet.encode(images, labels), (z_mean, z_log_var), atol=1e-5)
    expected = tf.sigmoid(outputs)
    np.testing.assert_allclose(quiet.decode(z_mean, labels), expected, atol=1e-5)
    np.testing.assert_allclose(quiet.reconstruct(images, labels), expected, atol=1e-5)
    predicted = quiet.predict({"images": images, "labels": labels}, verbose=0)
    np.testing.assert_allclose(predicted, expected, atol=1e-5)


def test_another_label_gives_another_code_and_another_picture(quiet, data):
    images, labels = data
    other = (labels + 1) % 3
    assert not np.allclose(quiet.encode(images, labels)[0], quiet.encode(images, other)[0])
    z = np.zeros((300, 2))
    assert not np.allclose(quiet.decode(z, labels), quiet.decode(z, other))


def test_images_do_not_influence_each_other(quiet, data):
    images, labels = data
    whole, alone = quiet.encode(images, labels), quiet.encode(images[7:8], labels[7:8])
    for one, other in zip(alone, whole, strict=True):
        np.testing.assert_allclose(one[0], other[7], atol=1e-5)


# --- what the label is for -------------------------------------------------------------------


def test_the_label_says_where_the_bar_is_and_any_code_agrees(trained):
    labels = np.repeat([0, 1, 2], 20)
    images = trained.generate(labels, seed=0)
    assert images.shape == (60, 28, 28, 1)
    thirds = images[:, :27].reshape(60, 3, 9 * 28).mean(axis=2)
    np.testing.assert_array_equal(thirds.argmax(axis=1), labels)


def test_generate_repeats_with_a_seed(trained):
    labels = np.array([0, 1, 2, 2])
    first = trained.generate(labels, seed=3)
    np.testing.assert_array_equal(trained.generate(labels, seed=3), first)
    assert not np.allclose(trained.generate(labels, seed=4), first)


# --- training --------------------------------------------------------------------------------


def test_starting_at_the_mean_image_starts_there(data):
    vae = small()
    vae.start_at_mean_image(data[0])
    mean = np.clip(data[0].mean(axis=0) / 255, 1e-3, 1 - 1e-3)
    bias = np.asarray(vae.decoder.output_bias)[..., 0]
    np.testing.assert_allclose(1 / (1 + np.exp(-bias)), mean, atol=1e-5)


def test_forms_of_images_and_labels_that_mean_the_same_cost_the_same(quiet, data):
    images, labels = data
    forms = {
        "bytes": {"images": images, "labels": labels},
        "floats": {"images": (images / 255).astype("float32")[..., None], "labels": labels},
        "small labels": {"images": images, "labels": labels.astype("uint8")},
    }
    forms["dataset"] = tf.data.Dataset.from_tensor_slices(forms["bytes"]).batch(32)
    results = [quiet.evaluate(form, verbose=0, return_dict=True) for form in forms.values()]
    for result in results[1:]:
        assert result == pytest.approx(results[0], rel=1e-5)


def test_validation_data_is_priced_too(data):
    images, labels = data
    inputs = {"images": images, "labels": labels}
    vae = small(NoNoise, keras.optimizers.SGD(0.0))
    history = vae.fit(inputs, validation_data=inputs, verbose=0).history
    assert history["val_elbo"] == pytest.approx(history["elbo"], rel=1e-4)


def test_a_learned_sigma_is_moved_by_fit_and_left_alone_by_evaluate(data):
    inputs = {"images": data[0], "labels": data[1]}
    vae = small(likelihood=Gaussian("learned"))
    start = float(vae.likelihood.log_var.numpy())
    vae.evaluate(inputs, verbose=0)
    assert float(vae.likelihood.log_var.numpy()) == start
    vae.fit(inputs, verbose=0)
    assert float(vae.likelihood.log_var.numpy()) != start


@pytest.mark.parametrize("likelihood", [ContinuousBernoulli, Gaussian, DiscretisedLogistic])
def test_it_takes_any_likelihood(likelihood, data):
    images, labels = data
    vae = small(NoNoise, likelihood=likelihood())
    _, _, outputs = by_hand(vae, images, labels)
    floats = tf.constant(images[..., None] / 255, tf.float32)
    expected = -np.mean(likelihood().log_likelihood(floats, outputs))
    got = vae.evaluate({"images": images, "labels": labels}, verbose=0, return_dict=True)
    assert got["reconstruction"] == pytest.approx(expected, rel=1e-4)
    mean = likelihood().mean(outputs)
    np.testing.assert_allclose(vae.reconstruct(images, labels), mean, atol=1e-5)


def test_it_takes_convolutions_and_xla(data):
    images, labels = data
    dense = ConditionalVAE(Encoder((8,)), LatentDistribution(2), Decoder((8,)), classes=3)
    dense.compile(optimizer="sgd", jit_compile=True, steps_per_execution=1)
    history = dense.fit({"images": images, "labels": labels}, batch_size=100, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    parts = ConvEncoder((2,), 8), LatentDistribution(2), ConvDecoder(2, 8)
    convolutional = ConditionalVAE(*parts, classes=3)
    assert convolutional.reconstruct(images[:4], labels[:4]).shape == (4, 28, 28, 1)


def test_it_is_a_vae_and_a_bernoulli_unless_told_otherwise(quiet):
    assert isinstance(quiet, VAE) and isinstance(quiet.likelihood, Bernoulli)
    assert quiet.beta == 2.0 and quiet.latent_dim == 2


# --- saving ----------------------------------------------------------------------------------


def test_a_saved_one_is_the_same_after_loading(trained, data, tmp_path):
    images, labels = data
    trained.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    assert isinstance(loaded, ConditionalVAE) and loaded.classes == 3
    np.testing.assert_array_equal(
        loaded.reconstruct(images, labels), trained.reconstruct(images, labels)
    )
    np.testing.assert_array_equal(loaded.generate(labels, seed=1), trained.generate(labels, seed=1))
    loaded.fit({"images": images, "labels": labels}, verbose=0)


# --- bad input -------------------------------------------------------------------------------

BAD_LABELS = {
    "too few": (np.zeros(7, int), r"shape \(7,\), expected 8 whole numbers"),
    "one hot": (np.eye(8, 3, dtype=int), r"shape \(8, 3\), expected 8 whole numbers"),
    "floats": (np.zeros(8), "float64 of shape"),
    "letters": (list("abcabcab"), "<U1 of shape"),
    "too high": (np.arange(8), "run from 0 to 7, expected 0 to 2"),
    "negative": (np.arange(8) - 6, "run from -6 to 1, expected 0 to 2"),
}


@pytest.mark.parametrize("bad", BAD_LABELS)
def test_bad_labels_are_refused_wherever_they_enter(bad, quiet, data):
    wrong, message = BAD_LABELS[bad]
    images = data[0][:8]
    entrances = {
        "encode": lambda: quiet.encode(images, wrong),
        "decode": lambda: quiet.decode(np.zeros((8, 2)), wrong),
        "reconstruct": lambda: quiet.reconstruct(images, wrong),
    }
    if bad != "too few":
        entrances["generate"] = lambda: quiet.generate(wrong)
    for name, enter in entrances.items():
        with pytest.raises(ValueError, match=message):
            enter()
            pytest.fail(f"{name} took labels that are {bad}")


def test_bad_images_and_codes_are_refused(quiet):
    labels, images = np.zeros(4, int), np.full((4, 28, 28), 200.0, "float32")
    inputs = {"images": images, "labels": labels}
    entrances = {
        "encode": lambda: quiet.encode(images, labels),
        "fit": lambda: quiet.fit(inputs, verbose=0),
        "validation": lambda: quiet.fit(
            {**inputs, "images": images / 255}, validation_data=inputs, verbose=0
        ),
        "evaluate": lambda: quiet.evaluate(inputs, verbose=0),
        "predict": lambda: quiet.predict(inputs, verbose=0),
        "dataset": lambda: quiet.fit(
            tf.data.Dataset.from_tensor_slices(inputs).batch(2), verbose=0
        ),
    }
    for name, enter in entrances.items():
        with pytest.raises(ValueError, match="divide by 255"):
            enter()
            pytest.fail(f"{name} took them")
    for shape in ((4, 3), (4,), (4, 2, 1)):
        with pytest.raises(ValueError, match=r"z has shape .*expected \(n, 2\)"):
            quiet.decode(np.zeros(shape), labels)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_labels_from_one_up_are_refused_before_they_train_as_no_label(method, quiet, data):
    images, labels = data
    with pytest.raises(ValueError, match="labels run from 1 to 3, expected 0 to 2"):
        getattr(quiet, method)({"images": images, "labels": labels + 1}, verbose=0)
