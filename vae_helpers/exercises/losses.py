"""Losses and KLs as answers: inputs to try them on, the right ones, and those that are wrong.

The formulas stand in the one list, `known_mistakes.losses`, which the audit reads too. An exercise
takes them from here by name, and adds the words in which it speaks to a learner.
"""

from collections.abc import Callable

import numpy as np

from vae_helpers.audit.terms import KLS, RECONSTRUCTIONS, cross_entropy, gaussian_kl
from vae_helpers.exercises.question import Mistake

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


# --------------------------------------------------------------------------- the list, by name


def _listed(terms, names):
    by_text = {term.text: term.function for term in terms}
    return {name: by_text[text] for name, text in names.items()}


# Wrong KLs of one latent dimension, functions of z_mean and z_log_var.
KL_NAMES = {
    "log_std": "a KL that reads z_log_var as log(sigma), variance exp(2 z_log_var)",
    "variance": "a KL that reads z_log_var as the variance",
    "absolute_variance": "a KL that reads the absolute value of z_log_var as the variance",
    "std": "a KL that reads z_log_var as sigma",
    "exp_doubled": "a KL with exp(2 z_log_var) for the variance, as if z_log_var were log(sigma)",
    "log_doubled": "a KL with 2 z_log_var for the log variance, as if z_log_var were log(sigma)",
    "exp_halved": "a KL with sigma = exp(z_log_var / 2) where the variance belongs",
    "both_halved": "a KL that reads z_log_var as twice the log variance",
    "log_sign": "a KL with the sign of z_log_var turned",
    "mean_sign": "a KL with the sign of z_mean**2 turned",
    "no_log": "a KL without its term z_log_var",
    "no_mean": "a KL without its term z_mean**2",
    "mean_alone": "z_mean**2 alone: the KL's two terms of z_log_var are missing, or cancel",
    "reversed": "the KL with its arguments exchanged, KL(prior || q)",
    "keras": "keras.losses.KLDivergence of z_mean and z_log_var",
}
# Other costs of one pixel, functions of it and its logit.
PIXEL_NAMES = {
    "sigmoid_twice": "the cross-entropy of a sigmoid applied twice "
    "(probabilities taken for logits)",
    "logits_as_probabilities": "a cross-entropy that takes the logits for probabilities",
    "half_squared": "half the squared error of sigmoid(logits)",
}
KL = _listed(KLS, KL_NAMES)
PIXEL = _listed(RECONSTRUCTIONS, PIXEL_NAMES)

# --------------------------------------------------------------------------- losses and KLs


def kl_with(latent: Callable, latents: Callable = np.sum) -> Callable:
    """Return a KL of z_mean and z_log_var, made of that of one latent dimension."""
    return lambda z_mean, z_log_var: latents(latent(z_mean, z_log_var), axis=1)


def kl_mistakes(make: Callable = kl_with, **words: str) -> list[Mistake]:
    """Return a `Mistake` for each wrong KL that is named.

    Args:
        make: function of the KL of one latent dimension that returns the wrong answer.
        words: name in `KL` -> what to say to the learner.
    """
    return [Mistake(message, wrong=make(KL[name])) for name, message in words.items()]


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
