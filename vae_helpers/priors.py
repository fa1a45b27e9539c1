"""The prior p(z): where a code lies before its image has been seen.

A prior is a small layer with

    sample(n, seed)                        n codes z ~ p(z), shape (n, latent_dim); in a training
                                           step n is a tensor, and seed a SeedGenerator
    log_density(z)                         log p(z), shape (batch,)
    kl(latent, z_mean, z_log_var, z)       KL(q(z|x) || p(z)), shape (batch,)

`VAE` uses the last one in its loss and the first in `generate`; bounds on log p(x) use the second.
Values are in nats per image. Priors that are learned are in `learned_priors` and `flow_matching`.
"""

import keras
import tensorflow as tf

from vae_helpers.elbo import gaussian_log_density


class Prior(keras.layers.Layer):
    """What all priors share, float32 for one. A subclass gives `sample` and `log_density`."""

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.built = True  # weights do not depend on the input shape

    def kl(self, latent, z_mean, z_log_var, z) -> tf.Tensor:
        """Return an unbiased estimate of KL(q(z|x) || p(z)) from one sample of each image.

        Args:
            latent: the `LatentDistribution` that z_mean and z_log_var come from.
            z_mean: mean of q(z|x), shape (batch, latent_dim).
            z_log_var: log variance of q(z|x), same shape.
            z: one sample of q(z|x) for each image, same shape.

        Returns:
            Shape (batch,), nats per image: log q(z|x) - log p(z), negative now and then.
        """
        return gaussian_log_density(z, z_mean, z_log_var) - self.log_density(z)


@keras.saving.register_keras_serializable(package="vae_helpers")
class StandardNormal(Prior):
    """N(0, I), the prior of every VAE that names no other.

    Args:
        latent_dim: number of latent dimensions.
    """

    def __init__(self, latent_dim, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = int(latent_dim)

    def sample(self, n: int, seed: int | None = None) -> tf.Tensor:
        """Return n codes z ~ N(0, I), shape (n, latent_dim)."""
        n = n if tf.is_tensor(n) else int(n)  # a batch's size is a tensor inside a graph
        return keras.random.normal((n, self.latent_dim), seed=seed)

    def log_density(self, z) -> tf.Tensor:
        """Return log N(z; 0, I), shape (batch,), nats."""
        return gaussian_log_density(z, tf.zeros_like(z), tf.zeros_like(z))

    def kl(self, latent, z_mean, z_log_var, z) -> tf.Tensor:
        """Return the closed form that the latent distribution knows; z is not needed."""
        return latent.kl(z_mean, z_log_var)

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim}
