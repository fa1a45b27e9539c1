"""`BetaTC`: beta on the total correlation of the codes alone, not on the whole KL.

The total correlation is the KL of q(z), the mean of q(z|x) over the images, from the product of
its marginals: what makes latents depend on each other. Training estimates it within each batch.
"""

import keras
import tensorflow as tf

from vae_helpers.elbo import LOG_2_PI
from vae_helpers.vae import VAE


def batch_total_correlation(z, z_mean, z_log_var) -> tf.Tensor:
    """Return log q(z) - sum over j of log q(z_j) for each z, with q averaged over the batch.

    With few images q(z) is nearly the own posterior of each z alone: the value is far too large,
    by up to (latent_dim - 1) log n less what is known of the marginals. Its gradient is of use.
    The number N of training images, which the paper's estimate has, adds (latent_dim - 1) log N
    to it, which has no gradient and is left out.

    Args:
        z: one sample of q(z|x) for each image, (batch, latent_dim).
        z_mean: mean of q(z|x), same shape.
        z_log_var: its log variance, same shape.

    Returns:
        Shape (batch,), nats.

    Source: Chen, Li, Grosse & Duvenaud (2018), arXiv:1802.04942, sections 3.1 and 3.2.
    """
    # entry (i, k, j): log density of coordinate j of the z of image i under the posterior of k
    difference = z[:, None, :] - z_mean[None, :, :]
    log_var = z_log_var[None, :, :]
    log_density = -0.5 * (LOG_2_PI + log_var + difference**2 * tf.exp(-log_var))
    log_n = tf.math.log(tf.cast(tf.shape(z_mean)[0], log_density.dtype))
    log_joint = tf.reduce_logsumexp(tf.reduce_sum(log_density, axis=2), axis=1) - log_n
    log_marginals = tf.reduce_logsumexp(log_density, axis=1) - log_n
    return log_joint - tf.reduce_sum(log_marginals, axis=1)


@keras.saving.register_keras_serializable(package="vae_helpers")
class BetaTC(VAE):
    """A VAE that minimises reconstruction + KL + (beta - 1) * total correlation.

    With beta = 1 it is the plain VAE. Take batches of some hundred images: the total correlation
    is estimated within each.

    Source: Chen, Li, Grosse & Duvenaud (2018), arXiv:1802.04942.
    """

    def objective(self, reconstruction, kl, forward):
        parts = (forward[name] for name in ("z", "z_mean", "z_log_var"))
        return reconstruction + kl + (self.beta_variable - 1) * batch_total_correlation(*parts)
