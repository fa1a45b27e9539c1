"""`ConditionalVAE`: the same three parts, and the label goes to the encoder and to the decoder.

The label says WHAT is drawn. So the code need not, and is free to say HOW: the style.
"""

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.data import check_images
from vae_helpers.vae import VAE, unit_interval


@keras.saving.register_keras_serializable(package="vae_helpers")
class ConditionalVAE(VAE):
    """A VAE of p(x|label): a label, as a row of one 1 and zeros, stands beside features and code.

    `fit` and `evaluate` take {"images": ..., "labels": ...}; the ELBO they report is that of the
    images given their labels.

    Args:
        encoder, latent, decoder, beta, likelihood: as for `VAE`; none of them knows of labels.
        classes: number of classes.

    Source: Sohn, Lee & Yan (2015), "Learning structured output representation using deep
        conditional generative models", NIPS 2015; Kingma et al. (2014), arXiv:1406.5298.
    """

    def __init__(self, encoder, latent, decoder, classes, **kwargs):
        self.classes = int(classes)
        super().__init__(encoder, latent, decoder, **kwargs)

    def example_input(self):
        labels = keras.Input((), dtype="int32")
        return {"images": keras.Input(self.decoder.image_shape), "labels": labels}

    def posterior(self, images, labels):
        """z_mean and z_log_var of q(z|x, label)."""
        features = self.encoder(unit_interval(images))
        return self.latent(tf.concat([features, self.one_hot(labels)], axis=1))

    def draw(self, z, labels):
        """The decoder's outputs for codes and labels."""
        return self.decoder(tf.concat([z, self.one_hot(labels)], axis=1))

    def one_hot(self, labels):
        return tf.one_hot(tf.cast(labels, tf.int32), self.classes)

    def call(self, inputs):
        z_mean, z_log_var = self.posterior(inputs["images"], inputs["labels"])
        z = self.latent.sample(z_mean, z_log_var)
        logits = self.draw(z, inputs["labels"])
        return {"z_mean": z_mean, "z_log_var": z_log_var, "z": z, "logits": logits}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        # Written out, since Keras says whether it trains only to a signature that asks for it.
        return super().compute_loss(x["images"], y, y_pred, sample_weight, training)

    def predict_step(self, data):
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        z_mean, _ = self.posterior(inputs["images"], inputs["labels"])
        return self.likelihood.mean(self.draw(z_mean, inputs["labels"]))

    def fit(self, x=None, y=None, **kwargs):
        """`VAE.fit` on {"images": ..., "labels": ...}; arrays of labels are checked."""
        self._check_labels_of(x)
        return super().fit(x, y, **kwargs)

    def evaluate(self, x=None, y=None, **kwargs):
        """`VAE.evaluate` on {"images": ..., "labels": ...}; arrays of labels are checked."""
        self._check_labels_of(x)
        return super().evaluate(x, y, **kwargs)

    def _check_labels_of(self, x):
        if isinstance(x, dict) and {"images", "labels"} <= set(x):
            self._checked(x["labels"], len(x["images"]))

    # --- what a trained one is for ------------------------------------------------------------

    def encode(self, images, labels):
        """z_mean and z_log_var of images and their labels: arrays (n, latent_dim)."""
        check_images(images)
        labels = self._checked(labels, len(images))
        return tuple(part.numpy() for part in self.posterior(images, labels))

    def decode(self, z, labels):
        """Images (n, 28, 28, 1) in [0, 1] for codes (n, latent_dim) and labels (n,)."""
        z = self._checked_codes(z)
        return self.likelihood.mean(self.draw(z, self._checked(labels, len(z)))).numpy()

    def reconstruct(self, images, labels):
        """Encode, take z_mean, decode with the same labels."""
        return self.decode(self.encode(images, labels)[0], labels)

    def generate(self, labels, seed=None):
        """One new image for each label, z ~ N(0, I)."""
        z = keras.random.normal((len(labels), self.latent_dim), seed=seed)
        return self.decode(z, labels)

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
