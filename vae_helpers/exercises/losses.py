"""Losses and KLs as answers: inputs to try them on, the right ones, and those that are wrong.

The formulas stand in the one list, `known_mistakes.losses`, which the audit reads too. An exercise
takes them from here by name, and adds the words in which it speaks to a learner.
"""

from collections.abc import Callable

import numpy as np

from vae_helpers.exercises.question import Mistake
from vae_helpers.known_mistakes.losses import cross_entropy, gaussian_kl, kl, reconstruction

# --------------------------------------------------------------------------- inputs


def codes(rng: np.random.Generator) -> tuple:
    """Return z_mean and z_log_var of some images, shape (batch, latent_dim), both sizes random.

    The batch is never as large as the latent space, so that axes mixed up show.
    """
    latent_dim = int(rng.integers(3, 6))  # not 2, where a lost half and a mean cancel
    batch = int(rng.integers(latent_dim + 1, 8))
    z_mean = rng.normal(size=(batch, latent_dim)) * 1.5
    z_log_var = rng.uniform(-3.0, 1.5, size=(batch, latent_dim))
    return z_mean.astype("float32"), z_log_var.astype("float32")


def loss_inputs(rng: np.random.Generator, channels: int | None = None) -> tuple:
    """Return images, logits, z_mean, z_log_var; the sizes of all axes differ from each other.

    Args:
        rng: NumPy generator.
        channels: size of the images' last axis; random, and above 1, when None.
    """
    sizes = rng.permutation([2, 3, 4, 5, 6, 7])  # never 8, which people write for latent_dim
    n, latent_dim, height, width = sizes[:4]
    images = rng.uniform(size=(n, height, width, channels or sizes[4]))
    logits = rng.normal(size=images.shape) * 2.0
    z_mean = rng.normal(size=(n, latent_dim)) * 1.4
    z_log_var = rng.uniform(-2.5, 1.5, size=z_mean.shape)
    return tuple(array.astype("float32") for array in (images, logits, z_mean, z_log_var))


# --------------------------------------------------------------------------- losses and KLs


def kl_with(latent: Callable, latents: Callable = np.sum) -> Callable:
    """Return a KL of z_mean and z_log_var, made of that of one latent dimension."""
    return lambda z_mean, z_log_var: latents(latent(z_mean, z_log_var), axis=1)


def loss_with(
    pixel: Callable = cross_entropy,
    latent: Callable = gaussian_kl,
    *,
    pixels: Callable = np.sum,
    latents: Callable = np.sum,
    over_images: Callable = np.mean,
    kl_weight: float = 1.0,
) -> Callable:
    """Return a loss of (images, logits, z_mean, z_log_var): minus the ELBO, if nothing is given.

    Args:
        pixel: cost of a pixel, a function of (image, logit).
        latent: KL of a latent dimension, a function of (z_mean, z_log_var).
        pixels: reduces the costs of each image; called with `axis=(1, 2, 3)`.
        latents: reduces the KLs of each image; called with `axis=1`.
        over_images: reduces the batch.
        kl_weight: factor on the KL.
    """

    def loss(images, logits, z_mean, z_log_var):
        inputs = (images, logits, z_mean, z_log_var)
        x, a, m, v = (np.asarray(part, "float64") for part in inputs)
        reconstruction = pixels(pixel(x, a), axis=(1, 2, 3))
        return over_images(reconstruction + kl_weight * latents(latent(m, v), axis=1))

    return loss


# --------------------------------------------------------------------------- mistakes


def kl_mistakes(make: Callable = kl_with, **words: str) -> list[Mistake]:
    """Return a `Mistake` for each wrong KL that is named.

    Args:
        make: function of the KL of one latent dimension that returns the wrong answer.
        words: name in `known_mistakes.losses` -> what to say to the learner.
    """
    return [Mistake(message, wrong=make(kl(name).function)) for name, message in words.items()]


def pixel_mistakes(**words: str) -> list[Mistake]:
    """Return a `Mistake` for each loss with a wrong reconstruction that is named.

    Args:
        words: name in `known_mistakes.losses` -> what to say to the learner.
    """
    return [
        Mistake(message, wrong=loss_with(reconstruction(name).function))
        for name, message in words.items()
    ]
