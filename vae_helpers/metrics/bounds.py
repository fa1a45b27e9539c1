"""Bounds on log p(x) of a trained VAE, each with its error.

Every variant of `VAE` is measured through its hooks, with images of any size.
"""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from vae_helpers.elbo import LOG_2_PI, importance_weighted_bound
from vae_helpers.images import batches, check_images, images_of

DECODED_VALUES = 5_000 * 784  # pixels decoded at a time: 16 MB of outputs


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error.

    Attributes:
        mean: the estimate.
        error: its standard error over images: how far another sample of as many test images would
            typically be off.
        sampling_error: its standard error over the samples of z, for these same images; NaN with
            one sample an image.
    """

    mean: float
    error: float
    sampling_error: float = math.nan

    def __str__(self):
        return f"{self.mean:.2f} \N{PLUS-MINUS SIGN} {self.error:.2f}"


def estimate_of(values: np.ndarray) -> Estimate:
    """Return the `Estimate` of values (samples, n), one column an image."""
    samples, n = values.shape
    per_image = values.mean(axis=0, dtype=np.float64)
    error = per_image.std(ddof=1) / math.sqrt(n) if n > 1 else math.nan
    sampling = math.nan
    if samples > 1:
        sampling = math.sqrt(values.var(axis=0, ddof=1, dtype=np.float64).sum() / samples) / n
    return Estimate(float(per_image.mean()), float(error), float(sampling))


def log_weights(vae, inputs, samples: int, seed: int = 0) -> np.ndarray:
    """Return log p(x|z) + log p(z) - log q(z|x) for several z ~ q(z|x) of each image.

    The raw material of all bounds: their mean over samples is the ELBO (with its KL sampled),
    their log-mean-exp the importance-weighted bound.

    Args:
        vae: a `VAE` or a variant of it, with any likelihood and any prior.
        inputs: what the model takes, unseen by it: images (n, height, width[, channels]), uint8 or
            floats in [0, 1]; for a `ConditionalVAE` {"images": ..., "labels": ...}.
        samples: number of z for each image.
        seed: of the noise.

    Returns:
        Array (samples, n), nats per image.

    Raises:
        ValueError: if the model does not take such inputs, or `samples` is no whole number above 0.
    """
    reconstruction, _, log_ratio = _sampled_terms(vae, inputs, samples, seed)
    return log_ratio - reconstruction


def elbo_estimate(vae, inputs, samples: int = 10, seed: int = 0) -> tuple:
    """Return the ELBO of images, with its KL in closed form where the prior has one.

    Args:
        vae: a `VAE` or a variant of it.
        inputs: as `log_weights` takes them.
        samples: z for each image.
        seed: of the noise.

    Returns:
        (elbo, reconstruction, kl): three `Estimate`s, elbo = -(reconstruction + kl). A KL in closed
        form has a sampling error of 0.

    Raises:
        ValueError: as `log_weights`.
    """
    reconstruction, kl, _ = _sampled_terms(vae, inputs, samples, seed)
    return estimate_of(-(reconstruction + kl)), estimate_of(reconstruction), estimate_of(kl)


def _sampled_terms(vae, inputs, samples, seed):
    """Reconstruction, KL and log p(z) - log q(z|x), arrays (samples, n)."""
    _whole(samples, "samples")
    check_images(images_of(inputs), image_shape=vae.image_shape)
    noise, pixels = np.random.default_rng(seed), math.prod(vae.image_shape)
    rows = max(1, DECODED_VALUES // (samples * pixels))
    at_a_time = max(1, DECODED_VALUES // (rows * pixels))  # fewer than `samples` of large images
    terms = tf.function(lambda *batch: _terms_of_batch(vae, *batch), reduce_retracing=True)
    parts, codes = [], zip(*(batches(part, rows) for part in vae.encode(inputs)), strict=True)
    for batch, (z_mean, z_log_var) in zip(batches(inputs, rows), codes, strict=True):
        epsilon = noise.standard_normal((samples, *z_mean.shape), dtype=np.float32)
        chunks = [terms(batch, z_mean, z_log_var, some) for some in batches(epsilon, at_a_time)]
        parts.append([np.concatenate(term) for term in zip(*chunks, strict=True)])
    return [np.concatenate(term, axis=1) for term in zip(*parts, strict=True)]


def _terms_of_batch(vae, inputs, z_mean, z_log_var, epsilon):
    samples, rows = tf.shape(epsilon)[0], tf.shape(epsilon)[1]

    def repeated(x):
        return tf.tile(x, [samples, *[1] * (x.shape.rank - 1)])

    inputs = tf.nest.map_structure(repeated, inputs)
    z_mean, z_log_var = repeated(z_mean), repeated(z_log_var)
    epsilon = tf.reshape(epsilon, tf.shape(z_mean))
    z = z_mean + tf.exp(0.5 * z_log_var) * epsilon
    forward = {"z_mean": z_mean, "z_log_var": z_log_var, "z": z}
    reconstruction, kl = vae.terms(inputs, {**forward, "logits": vae.outputs(z, inputs)})
    # Through epsilon: z - z_mean would lose digits where q(z|x) is narrow.
    log_q = -0.5 * tf.reduce_sum(LOG_2_PI + z_log_var + tf.square(epsilon), axis=1)
    log_ratio = vae.prior.log_density(z) - log_q
    each = (tf.cast(term, tf.float32) for term in (reconstruction, kl, log_ratio))
    return [tf.reshape(term, (samples, rows)) for term in each]


def importance_weighted(weights, k: int) -> Estimate:
    """Return the importance-weighted bound with k samples.

    Args:
        weights: what `log_weights` returned, (samples, n).
        k: samples in one bound; all that fit into `samples` are averaged for each image.

    Returns:
        An `Estimate`. It rises with k towards log p(x), and k = 1 is the ELBO.

    Source: Burda, Grosse & Salakhutdinov (2015), arXiv:1509.00519.
    """
    _whole(k, "k")
    groups = len(weights) // k
    if groups == 0:
        raise ValueError(
            f"k is {k}, but there are {len(weights)} samples: call log_weights(samples={k})"
        )
    zeros = np.zeros((k, weights.shape[1]), np.float32)
    bounds = [
        importance_weighted_bound(weights[i * k : (i + 1) * k], zeros, zeros).numpy()
        for i in range(groups)
    ]
    return estimate_of(np.stack(bounds))


def _whole(value, name):
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name} is {value!r}, expected a whole number above 0")
