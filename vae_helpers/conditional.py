"""`ConditionalVAE`: the same three parts, and the label goes to the encoder and to the decoder.

The label says WHAT is drawn. So the code need not, and is free to say HOW: the style.
"""

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.images import images_of, unit_interval
from vae_helpers.vae import VAE


@keras.saving.register_keras_serializable(package="vae_helpers")
class ConditionalVAE(VAE):
    """A VAE of p(x|label): a label, as a row of one 1 and zeros, stands beside features and code.

    `fit` and `evaluate` take {"images": ..., "labels": ...}; the ELBO they report is that of the
    images given their labels.

    Args:
        encoder: as for `VAE`; no part knows of labels.
        latent: as for `VAE`.
        decoder: as for `VAE`.
        classes: number of classes.
        **kwargs: beta, likelihood and prior, as for `VAE`.

    Source: Sohn, Lee & Yan (2015), "Learning structured output representation using deep
        conditional generative models", NIPS 2015; Kingma et al. (2014), arXiv:1406.5298.
    """

    def __init__(self, encoder, latent, decoder, classes, **kwargs):
        self.classes = int(classes)
        super().__init__(encoder, latent, decoder, **kwargs)

    def example_input(self):
        return {"images": keras.Input(self.image_shape), "labels": keras.Input((), dtype="int32")}

    # --- the two hooks that make it conditional ------------------------------------------------

    def posterior(self, inputs, training: bool = False) -> tuple:
        """Return z_mean and z_log_var of q(z|x, label)."""
        images = unit_interval(images_of(inputs), self.image_shape)
        features = self.encoder(images, training=training)
        beside = tf.concat([features, self.one_hot(inputs["labels"], features.dtype)], axis=1)
        return self.latent(beside, training=training)

    def outputs(self, z, inputs=None, training: bool = False) -> tf.Tensor:
        """Return what the decoder gives for codes z and the labels beside them."""
        beside = tf.concat([z, self.one_hot(inputs["labels"])], axis=1)
        return self.decoder(beside, training=training)

    def one_hot(self, labels, dtype=tf.float32) -> tf.Tensor:
        """Return labels as rows of one 1 and zeros, (batch, classes); features may have 16 bits."""
        return tf.one_hot(tf.cast(labels, tf.int32), self.classes, dtype=dtype)

    # --- labels checked where they enter -------------------------------------------------------

    def fit(self, x=None, y=None, **kwargs):
        """`VAE.fit` on {"images": ..., "labels": ...}; arrays of labels are checked."""
        self._check_labels_of(x)
        validation = kwargs.get("validation_data")
        if validation is not None:
            self._check_labels_of(validation[0] if isinstance(validation, tuple) else validation)
        return super().fit(x, y, **kwargs)

    def evaluate(self, x=None, y=None, **kwargs):
        """`VAE.evaluate` on {"images": ..., "labels": ...}; arrays of labels are checked."""
        self._check_labels_of(x)
        return super().evaluate(x, y, **kwargs)

    def _check_labels_of(self, x):
        if isinstance(x, np.ndarray | tf.Tensor):
            raise ValueError(
                f"x is an array of shape {tuple(x.shape)}, expected both inputs by name: "
                '{"images": images, "labels": labels}'
            )
        if isinstance(x, dict):
            if missing := {"images", "labels"} - set(x):
                raise ValueError(f"x has no {' and no '.join(sorted(missing))}: {sorted(x)}")
            self._checked(x["labels"], len(x["images"]))

    # --- what a trained one is for -----------------------------------------------------------

    def encode(self, images, labels=None) -> tuple:
        """Return z_mean and z_log_var, arrays (n, latent_dim).

        Args:
            images: images, or {"images": ..., "labels": ...}.
            labels: their labels (n,), when the first argument holds images alone.
        """
        return super().encode(self._with_labels(images, labels))

    def decode(self, z, labels) -> np.ndarray:
        """Return images (n, *image_shape) in [0, 1] for codes (n, latent_dim) and labels (n,)."""
        z = self._checked_codes(z)
        return self._mean_images({"z": z, "labels": self._checked(labels, len(z))})

    def reconstruct(self, images, labels=None) -> np.ndarray:
        """Encode, take z_mean, decode with the same labels."""
        inputs = self._with_labels(images, labels)
        return self.decode(super().encode(inputs)[0], inputs["labels"])

    def generate(self, labels, seed: int | None = None) -> np.ndarray:
        """Return one new image for each label, z ~ p(z)."""
        return self.decode(self.prior.sample(len(labels), seed=seed), labels)

    def _with_labels(self, images, labels):
        inputs = images if isinstance(images, dict) else {"images": images, "labels": labels}
        labels = self._checked(inputs["labels"], len(inputs["images"]))
        return {"images": inputs["images"], "labels": labels}

    def _checked(self, labels, count):
        labels = np.asarray(labels)
        if labels.shape != (count,) or labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels are {labels.dtype} of shape {labels.shape}, expected {count} whole "
                "numbers: one label for each image or code"
            )
        if count and not 0 <= labels.min() <= labels.max() < self.classes:
            raise ValueError(
                f"labels run from {labels.min()} to {labels.max()}, expected 0 to "
                f"{self.classes - 1}"
            )
        return labels

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}
