"""A small classifier: it scores reconstructions and samples, and extracts features from images.

It is trained on the training images alone. What it says of a picture is its opinion: compare it
with what it says of the untouched test images, where the truth is known.
"""

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.images import batches, check_images, image_shape_of, unit_interval

FEATURES = 64


@keras.saving.register_keras_serializable(package="vae_helpers")
class Classifier(keras.Model):
    """Two strided convolutions, 64 features, one logit for each class.

    Args:
        classes: number of classes.
        image_shape: (height, width, channels) of the images.
    """

    def __init__(
        self, classes: int, image_shape: tuple[int, int, int] = (28, 28, 1), **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.classes = int(classes)
        self.image_shape = tuple(int(side) for side in image_shape)
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
        self(keras.Input(self.image_shape))

    def call(self, images, training: bool = False) -> tf.Tensor:
        """Return logits (batch, classes) for images (batch, height, width[, channels])."""
        features = self.extract(unit_interval(images, self.image_shape), training=training)
        return self.logits(features, training=training)

    def classify(self, images) -> np.ndarray:
        """Return the most probable class of each image, (n,)."""
        return self.probabilities(images).argmax(axis=1)

    def probabilities(self, images) -> np.ndarray:
        """Return the probability of each class, (n, classes); each row adds up to 1."""
        check_images(images, image_shape=self.image_shape)
        return np.concatenate([tf.nn.softmax(self(batch)) for batch in batches(images)])

    def features(self, images) -> np.ndarray:
        """Return what the last layer sees of each image, (n, 64)."""
        check_images(images, image_shape=self.image_shape)
        return np.concatenate([self.extract(unit_interval(batch)) for batch in batches(images)])

    def get_config(self):
        # A model saved before images could have any size names no image_shape: it is 28 x 28 x 1.
        config = {"classes": self.classes, "image_shape": self.image_shape}
        return {**super().get_config(), **config}


def train_classifier(
    images,
    labels,
    classes: int,
    epochs: int = 3,
    batch_size: int = 100,
    seed: int = 0,
    image_shape: tuple[int, int, int] | None = None,
) -> Classifier:
    """Return a `Classifier` trained on images and their labels.

    Args:
        images: (n, height, width[, channels]), uint8 or floats in [0, 1].
        labels: (n,) whole numbers below `classes`.
        classes: number of classes.
        epochs: passes over the images; 3 suffice for 60,000, a few thousand want 25.
        batch_size: images in a batch.
        seed: of its weights and of the order of the images.
        image_shape: (height, width, channels) that the images must have; theirs when None.

    Raises:
        ValueError: see `vae_helpers.images.check_images`.
    """
    check_images(images, image_shape=image_shape)
    images = np.asarray(images)
    image_shape = image_shape_of(images)
    keras.utils.set_random_seed(seed)
    classifier = Classifier(classes, image_shape)
    steps = epochs * -(-len(images) // batch_size)
    classifier.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=16,
    )
    images = images.reshape(-1, *image_shape)
    classifier.fit(images, labels, epochs=epochs, batch_size=batch_size, verbose=0)
    return classifier
