"""The classifier learns, scores without dropout, takes any size, and is the same after loading."""

import keras
import numpy as np
import pytest

from vae_helpers.classifier import FEATURES, Classifier, train_classifier
from vae_helpers.drawn import draw_garments


def few_kinds(n, seed):
    """Drawn garments of the first three kinds."""
    images, labels, _ = draw_garments(n, seed=seed)
    return images[labels < 3], labels[labels < 3]


@pytest.fixture(scope="module")
def data():
    return few_kinds(1500, seed=0)


@pytest.fixture(scope="module")
def trained(data):
    """Tests leave it as it is."""
    return train_classifier(*data, classes=3, epochs=8, batch_size=50)


def test_it_names_images_it_has_not_seen(trained):
    images, labels = few_kinds(700, seed=1)
    assert np.mean(trained.classify(images) == labels) > 0.9


def test_probabilities_add_up_to_one_and_the_highest_is_the_class(trained, data):
    images = data[0][:50]
    probabilities = trained.probabilities(images)
    assert probabilities.shape == (50, 3)
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(trained.classify(images), probabilities.argmax(axis=1))


def test_features_are_what_the_logits_are_made_from(trained, data):
    images = data[0][:50]
    features = trained.features(images)
    assert features.shape == (50, FEATURES)
    weights, bias = trained.logits.get_weights()
    logits = features @ weights + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(trained.probabilities(images), expected, atol=1e-5)
    assert np.linalg.matrix_rank(np.cov(features.astype("float64"), rowvar=False)) > 3


def test_dropout_acts_in_training_and_not_when_it_judges(trained, data):
    images = data[0][:20]
    np.testing.assert_array_equal(trained.probabilities(images), trained.probabilities(images))
    np.testing.assert_array_equal(trained.features(images), trained.features(images))
    passes = [np.asarray(trained(images, training=True)) for _ in range(2)]
    assert not np.allclose(*passes)


def test_bytes_and_floats_and_either_shape_are_judged_alike(trained, data):
    images = data[0][:20]
    expected = trained.probabilities(images)
    for form in (images[..., None], (images / 255).astype("float32"), images / 255):
        np.testing.assert_allclose(trained.probabilities(form), expected, atol=1e-5)


def test_many_images_go_through_in_slices(trained, data):
    images = np.tile(data[0][:41], (100, 1, 1))
    few = trained.features(images[:41])
    np.testing.assert_allclose(trained.features(images)[-41:], few, atol=1e-4)
    assert len(trained.classify(images)) == 4100


def test_a_seed_repeats_the_training(data):
    def first_layer(seed):
        model = train_classifier(data[0][:100], data[1][:100], 3, epochs=1, seed=seed)
        return model.get_weights()[0]

    np.testing.assert_allclose(first_layer(3), first_layer(3), atol=1e-5)


def test_a_saved_classifier_judges_the_same(trained, data, tmp_path):
    trained.save(tmp_path / "classifier.keras")
    loaded = keras.saving.load_model(tmp_path / "classifier.keras")
    assert isinstance(loaded, Classifier) and loaded.classes == 3
    images = data[0][:20]
    np.testing.assert_array_equal(loaded.probabilities(images), trained.probabilities(images))
    np.testing.assert_array_equal(loaded.features(images), trained.features(images))


@pytest.mark.parametrize(
    "bad, message",
    [
        (np.full((3, 28, 28), 200.0), "divide by 255"),
        (np.zeros((3, 784), "uint8"), "reshape"),
        (np.zeros((0, 28, 28), "uint8"), "empty"),
    ],
)
def test_bad_images_are_rejected_wherever_they_enter(bad, message, trained):
    entrances = {
        "classify": lambda: trained.classify(bad),
        "probabilities": lambda: trained.probabilities(bad),
        "features": lambda: trained.features(bad),
        "train_classifier": lambda: train_classifier(bad, np.zeros(len(bad)), 3),
    }
    for name, enter in entrances.items():
        with pytest.raises(ValueError, match=message):
            enter()
            pytest.fail(f"{name} took them")


# --- images of any size ------------------------------------------------------------------------


@pytest.mark.parametrize("image_shape", [(8, 8, 1), (13, 20, 3), (64, 64, 3)])
def test_images_of_any_size_are_learned_saved_and_loaded(image_shape, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    images = rng.integers(0, 100, (40, *image_shape), dtype=np.uint8)
    images[labels == 1, : image_shape[0] // 2] += 150
    model = train_classifier(images, labels, 2, epochs=10, batch_size=10)
    assert model.image_shape == image_shape
    assert np.mean(model.classify(images) == labels) > 0.9
    assert model.features(images).shape == (40, FEATURES)
    model.save(tmp_path / "classifier.keras")
    loaded = keras.saving.load_model(tmp_path / "classifier.keras")
    assert loaded.image_shape == image_shape
    np.testing.assert_array_equal(loaded.probabilities(images), model.probabilities(images))


def test_images_of_another_size_are_rejected(trained):
    with pytest.raises(ValueError, match=r"expected \(n, 28, 28\)"):
        trained.classify(np.zeros((3, 32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match=r"expected \(n, 32, 32, 3\)"):
        train_classifier(np.zeros((3, 28, 28), np.uint8), np.zeros(3), 2, image_shape=(32, 32, 3))


def test_a_classifier_saved_before_there_were_sizes_takes_28_by_28(trained):
    config = trained.get_config()
    del config["image_shape"]
    assert Classifier.from_config(config).image_shape == (28, 28, 1)
