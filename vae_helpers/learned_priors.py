"""Priors that are learned: a mixture fitted to the codes of a VAE, and one trained with it.

Both keep what `priors` asks of a prior. `MixturePrior` is fitted to the codes of a trained VAE;
`VampPrior` is trained with the VAE (see `vamp.VampVAE`). A third, `FlowPrior`, is in
`flow_matching`. Import this module before `keras.models.load_model` loads a VAE that has one.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.elbo import LOG_2_PI
from vae_helpers.priors import Prior


@keras.saving.register_keras_serializable(package="vae_helpers")
class MixturePrior(Prior):
    """A mixture of Gaussians with full covariances; `fit` makes one from the codes of a VAE.

    Args:
        latent_dim: number of latent dimensions.
        components: number of Gaussians.
    """

    def __init__(self, latent_dim, components, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim, self.components = int(latent_dim), int(components)
        k, d = self.components, self.latent_dim
        self.log_weights = self.add_weight(shape=(k,), trainable=False, name="log_weights")
        self.means = self.add_weight(shape=(k, d), trainable=False, name="means")
        # Lower triangular: each covariance is root @ root.T.
        self.roots = self.add_weight(shape=(k, d, d), trainable=False, name="roots")
        self.set_mixture(np.full(k, 1 / k), np.zeros((k, d)), np.tile(np.eye(d), (k, 1, 1)))

    @classmethod
    def fit(cls, codes, components: int = 50, seed: int = 0, **settings):
        """Return the mixture that scikit-learn's `GaussianMixture` fits to codes.

        Args:
            codes: samples of q(z|x), one or more of each image, (n, latent_dim); means alone would
                leave out how wide the posteriors are.
            components: number of Gaussians.
            seed: of the fit's start.
            **settings: more arguments of `GaussianMixture`.

        Raises:
            ValueError: if the codes are no finite matrix, or fewer than the components.
        """
        from sklearn.mixture import GaussianMixture

        codes = checked_codes(codes)
        if len(codes) < components:
            raise ValueError(
                f"components is {components}, expected at most one for each of the {len(codes)} "
                "codes: pass more codes, or ask for fewer components"
            )
        settings = {"reg_covar": 1e-5, **settings}
        found = GaussianMixture(components, random_state=seed, **settings).fit(codes)
        prior = cls(codes.shape[1], components)
        prior.set_mixture(found.weights_, found.means_, found.covariances_)
        return prior

    def set_mixture(self, weights, means, covariances) -> None:
        """Take over a mixture: weights (k,), means (k, latent_dim), covariances (k, d, d)."""
        self.log_weights.assign(np.log(np.maximum(weights, 1e-30)))
        self.means.assign(means)
        self.roots.assign(np.linalg.cholesky(covariances))

    def sample(self, n: int, seed: int | None = None) -> tf.Tensor:
        """Return n codes, shape (n, latent_dim)."""
        first, second = seeds_from(seed, 2)
        which = keras.random.categorical(self.log_weights[None], int(n), seed=first)[0]
        noise = keras.random.normal((int(n), self.latent_dim), seed=second)
        roots = tf.gather(tf.convert_to_tensor(self.roots), which)
        return tf.gather(tf.convert_to_tensor(self.means), which) + tf.linalg.matvec(roots, noise)

    def log_density(self, z) -> tf.Tensor:
        """Return log p(z), shape (batch,), nats."""
        roots = tf.convert_to_tensor(self.roots)
        identity = tf.eye(self.latent_dim, batch_shape=[self.components])
        whiten = tf.linalg.triangular_solve(roots, identity)
        whitened = tf.einsum("kij,bkj->bki", whiten, z[:, None] - self.means)
        log_determinants = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(roots)), axis=1)
        squares = tf.reduce_sum(tf.square(whitened), axis=2)
        each = -0.5 * (squares + self.latent_dim * LOG_2_PI) - log_determinants
        return tf.reduce_logsumexp(self.log_weights + each, axis=1)

    def get_config(self):
        own = {"latent_dim": self.latent_dim, "components": self.components}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="vae_helpers")
class VampPrior(Prior):
    """The mean of the posteriors of some learned images, the pseudo-inputs: q(z|u) over all u.

    It is the aggregated posterior of images that exist only to be encoded, and it moves with the
    encoder, so it is trained with the VAE. The encoder is the VAE's: `attach` says where it is, and
    `vamp.VampVAE` calls that when it is built or loaded. So the pseudo-inputs are saved with the
    prior, the encoder once, with the VAE.

    Args:
        latent_dim: number of latent dimensions.
        image_shape: height, width and channels of a pseudo-input.
        components: number of pseudo-inputs.

    Source: Tomczak & Welling (2018), "VAE with a VampPrior", arXiv:1705.07120.
    """

    def __init__(self, latent_dim, image_shape, components=100, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim, self.components = int(latent_dim), int(components)
        self.image_shape = tuple(int(size) for size in image_shape)
        self.pseudo_logits = self.add_weight(
            shape=(self.components, *self.image_shape), initializer="zeros", name="pseudo_logits"
        )
        self._posterior = None

    def attach(self, posterior) -> None:
        """Tell the prior the VAE's `posterior`, a function of images in [0, 1]."""
        self._posterior = posterior

    def start_at(self, images) -> None:
        """Start the pseudo-inputs at images in [0, 1], (components, *image_shape)."""
        pixels = np.clip(images, 0.02, 0.98)  # so that no gradient is lost at the ends
        self.pseudo_logits.assign(np.log(pixels) - np.log1p(-pixels))

    def pseudo_inputs(self) -> tf.Tensor:
        """Return the pseudo-inputs, images in [0, 1] of shape (components, *image_shape)."""
        return tf.sigmoid(tf.convert_to_tensor(self.pseudo_logits))

    def posteriors(self) -> tuple:
        """Return z_mean and z_log_var of the pseudo-inputs, each (components, latent_dim).

        Raises:
            RuntimeError: if no VAE has attached its posterior.
        """
        if self._posterior is None:
            raise RuntimeError(
                "this VampPrior has no encoder, expected that of a VAE: build the model with "
                "vamp.VampVAE, or call attach(vae.posterior)"
            )
        return self._posterior(self.pseudo_inputs())

    def sample(self, n: int, seed: int | None = None) -> tf.Tensor:
        """Return n codes, each of a pseudo-input chosen at random: (n, latent_dim)."""
        first, second = seeds_from(seed, 2)
        which = keras.random.randint((int(n),), 0, self.components, seed=first)
        z_mean, z_log_var = (tf.gather(part, which) for part in self.posteriors())
        noise = keras.random.normal((int(n), self.latent_dim), seed=second)
        return z_mean + tf.exp(0.5 * z_log_var) * noise

    def log_density(self, z) -> tf.Tensor:
        """Return the log of the mean of q(z|u) over the pseudo-inputs u, (batch,), nats."""
        z_mean, z_log_var = self.posteriors()
        squares = tf.square(z[:, None] - z_mean) * tf.exp(-z_log_var)
        each = -0.5 * tf.reduce_sum(LOG_2_PI + z_log_var + squares, axis=2)
        return tf.reduce_logsumexp(each, axis=1) - math.log(self.components)

    def get_config(self):
        own = {"latent_dim": self.latent_dim, "components": self.components}
        return {**super().get_config(), **own, "image_shape": self.image_shape}


def checked_codes(codes) -> np.ndarray:
    """Return codes as float32 (n, latent_dim).

    Raises:
        ValueError: if they are no finite matrix.
    """
    codes = np.asarray(codes, np.float32)
    if codes.ndim != 2:
        raise ValueError(f"codes have shape {codes.shape}, expected (n, latent_dim)")
    if not np.isfinite(codes).all():
        raise ValueError("codes hold NaN or infinity, expected finite numbers: is the VAE trained?")
    return codes


def seeds_from(seed: int | None, n: int) -> list:
    """Return n seeds that follow from one; None stays None, which follows the global seed."""
    if seed is None:
        return [None] * n
    return [int(state) % 2**31 for state in np.random.SeedSequence(seed).generate_state(n)]
