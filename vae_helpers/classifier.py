"""A small classifier: the judge of reconstructions and samples, and the maker of features.

It is trained on the training images alone. What it says of a picture is its opinion: compare it
with what it says of the untouched test images, where the truth is known.
"""

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.images import batches, check_images, unit_interval

FEATURES = 64


@keras.saving.register_keras_serializable(package="vae_helpers")
class Classifier(keras.Model):
    """Two strided convolutions, 64 features, one logit for each class.

    Args:
        classes: number of classes.
    """

    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        self.classes = int(classes)
        relu = {"activation": "relu", "padding": "same", "strides": 2}
        self.extract = keras.Sequential(
            [
                keras.layers.Conv2D(24, 5, **relu),
                keras.layers.Conv2D(48, 3, **relu),
                keras.layers.Flatten(),
                keras.layers.Dropout(0.3),
                keras.layers.Dense(FEATURES, activation="relu"),
            ]
        )
        self.logits = keras.Sequential([keras.layers.Dropout(0.3), keras.layers.Dense(classes)])
        self(keras.Input((28, 28, 1)))

    def call(self, images, training=False):
        """Images (batch, 28, 28, 1) to logits (batch, classes)."""
        features = self.extract(unit_interval(images), training=training)
        return self.logits(features, training=training)

    def classify(self, images):
        """The most probable class of each image: array (n,)."""
        return self.probabilities(images).argmax(axis=1)

    def probabilities(self, images):
        """Array (n, classes), each row adds up to 1."""
        check_images(images)
        return np.concatenate([tf.nn.softmax(self(batch)) for batch in batches(images)])

    def features(self, images):
        """What the last layer sees of each image: array (n, 64)."""
        check_images(images)
        return np.concatenate([self.extract(unit_interval(batch)) for batch in batches(images)])

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


def train_classifier(images, labels, classes, epochs=3, batch_size=100, seed=0):
    """A `Classifier` trained on images and their labels.

    Args:
        images: (n, 28, 28[, 1]), uint8 or floats in [0, 1].
        labels: (n,) whole numbers below `classes`.
        classes: number of classes.
        epochs: passes over the images; 3 suffice for 60,000, a few thousand want 25.
        batch_size: images in a batch.
        seed: of its weights and of the order of the images.
    """
    check_images(images)
    keras.utils.set_random_seed(seed)
    classifier = Classifier(classes)
    steps = epochs * -(-len(images) // batch_size)
    classifier.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=16,
    )
    images = np.asarray(images).reshape(-1, 28, 28, 1)
    classifier.fit(images, labels, epochs=epochs, batch_size=batch_size, verbose=0)
    return classifier
