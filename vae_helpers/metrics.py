"""How good is a VAE? Numbers for a trained model, each with what it can and cannot say.

Nats per image throughout, on images the model has not seen. A number that was estimated comes
with its error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.stats
import tensorflow as tf

from vae_helpers.data import as_float, check_images
from vae_helpers.elbo import importance_weighted_bound

ACTIVE = 0.01  # variance of z_mean over images, Burda et al. (2015)
ROWS = 5_000  # decoded at a time: 16 MB of outputs


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


# --- bounds on log p(x) ----------------------------------------------------------------------


def log_weights(vae, images, samples, seed=0):
    """log p(x|z) + log p(z) - log q(z|x) for several z ~ q(z|x) of each image.

    The raw material of all bounds: their mean over samples is the ELBO (with its KL sampled),
    their log-mean-exp the importance-weighted bound.

    Args:
        vae: a `VAE`.
        images: (n, 28, 28[, 1]), uint8 or floats in [0, 1].
        samples: number of z for each image.
        seed: of the noise.

    Returns:
        Array (samples, n), nats per image.
    """
    return np.add(*_sampled_terms(vae, images, samples, seed))


def elbo_estimate(vae, images, samples=10, seed=0):
    """The ELBO of images, with its KL in closed form.

    Args:
        vae: a `VAE`.
        images: as `log_weights` takes them, unseen by the model.
        samples: z for each image.
        seed: of the noise.

    Returns:
        (elbo, reconstruction, kl): three `Estimate`s, elbo = -(reconstruction + kl).
    """
    log_likelihood, _ = _sampled_terms(vae, images, samples, seed)
    kl = vae.latent.kl(*vae.encode(images)).numpy()
    return _estimate(log_likelihood - kl), _estimate(-log_likelihood), _estimate(kl[None])


def _sampled_terms(vae, images, samples, seed):
    """log p(x|z) and log p(z) - log q(z|x), arrays (samples, n)."""
    _whole(samples, "samples")
    check_images(images)
    noise, rows = np.random.default_rng(seed), max(1, ROWS // samples)
    terms = tf.function(lambda *batch: _terms_of_batch(vae, *batch), reduce_retracing=True)
    parts = []
    for start in range(0, len(images), rows):
        batch = as_float(images[start : start + rows])
        epsilon = noise.standard_normal((samples, len(batch), vae.latent_dim), dtype=np.float32)
        parts.append([term.numpy() for term in terms(batch, epsilon)])
    return [np.concatenate(term, axis=1) for term in zip(*parts, strict=True)]


def _terms_of_batch(vae, images, epsilon):
    samples = tf.shape(epsilon)[0]
    z_mean, z_log_var = vae.latent(vae.encoder(images))
    z = z_mean + tf.exp(0.5 * z_log_var) * epsilon
    outputs = vae.decoder(tf.reshape(z, (-1, vae.latent_dim)))
    repeated = tf.tile(images, (samples, 1, 1, 1))
    log_likelihood = tf.cast(vae.likelihood.log_likelihood(repeated, outputs), tf.float32)
    # The constants of the two Gaussians cancel.
    log_ratio = 0.5 * tf.reduce_sum(z_log_var + tf.square(epsilon) - tf.square(z), axis=2)
    return tf.reshape(log_likelihood, (samples, -1)), log_ratio


def importance_weighted(weights, k):
    """The importance-weighted bound with k samples.

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
    return _estimate(np.stack(bounds))


def _estimate(values):
    """`Estimate` of (samples, n) values."""
    samples, n = values.shape
    per_image = values.mean(axis=0, dtype=np.float64)
    error = per_image.std(ddof=1) / math.sqrt(n) if n > 1 else math.nan
    sampling = math.nan
    if samples > 1:
        sampling = math.sqrt(values.var(axis=0, ddof=1, dtype=np.float64).sum() / samples) / n
    return Estimate(float(per_image.mean()), float(error), float(sampling))


# --- the code --------------------------------------------------------------------------------


def active_units(z_mean):
    """How many latent dimensions say something: variance of z_mean over images above 0.01.

    Args:
        z_mean: (n, latent_dim).

    Source: Burda, Grosse & Salakhutdinov (2015), arXiv:1509.00519, section 5.
    """
    return int(np.sum(np.var(z_mean, axis=0) > ACTIVE))


def aggregated_posterior(z_mean, z_log_var, z):
    """log q(z), where q(z) is the mean of q(z|x) over the given images.

    Args:
        z_mean, z_log_var: (n, latent_dim), the images' posteriors.
        z: (m, latent_dim), points.

    Returns:
        Array (m,), nats.
    """
    z_mean, z_log_var, z = (np.asarray(part, np.float64) for part in (z_mean, z_log_var, z))
    precision = np.exp(-z_log_var)
    constant = np.sum(z_log_var + z_mean**2 * precision + math.log(2 * math.pi), axis=1)
    parts = []
    for points in np.array_split(z, max(1, len(z) // 500)):
        # sum of (z - mean)^2 / variance, as three matrix products
        squares = points**2 @ precision.T - 2 * points @ (z_mean * precision).T + constant
        parts.append(np.logaddexp.reduce(-0.5 * squares, axis=1) - math.log(len(z_mean)))
    return np.concatenate(parts)


def rate_split(z_mean, z_log_var, seed=0):
    """The mean KL of the images, split into what is worth knowing and what is waste.

    rate = E KL(q(z|x) || p(z)) = mutual information + KL(q(z) || p(z)), with q(z) the mean of
    q(z|x) over these n images. One z is drawn for each image. The mutual information is that
    between a z and WHICH of the n images it came from: it cannot exceed log n, so with few images
    or many informative dimensions it says "at least so much" only.

    Args:
        z_mean, z_log_var: (n, latent_dim).
        seed: of the noise.

    Returns:
        dict of `Estimate`s: "rate", "mutual information", "KL(q(z) || p(z))".

    Source: Hoffman & Johnson (2016), "ELBO surgery: yet another way to carve up the variational
        evidence lower bound", NIPS workshop on Advances in Approximate Bayesian Inference.
    """
    epsilon = np.random.default_rng(seed).standard_normal(z_mean.shape)
    z = z_mean + np.exp(0.5 * z_log_var) * epsilon
    log_2_pi = math.log(2 * math.pi)
    log_posterior = -0.5 * np.sum(log_2_pi + z_log_var + epsilon**2, axis=1)
    log_prior = -0.5 * np.sum(log_2_pi + z**2, axis=1)
    log_aggregated = aggregated_posterior(z_mean, z_log_var, z)
    return {
        "rate": _estimate((log_posterior - log_prior)[None]),
        "mutual information": _estimate((log_posterior - log_aggregated)[None]),
        "KL(q(z) || p(z))": _estimate((log_aggregated - log_prior)[None]),
    }


# --- the pictures ----------------------------------------------------------------------------


def sharpness(images):
    """Variance of the Laplacian of each image: high where grey values change abruptly.

    It knows nothing of what is drawn: noise is sharpest of all. Compare it with the data's own.

    Args:
        images: (n, 28, 28[, 1]), uint8 or floats in [0, 1].

    Returns:
        Array (n,).

    Source: Pech-Pacheco et al. (2000), "Diatom autofocusing in brightfield microscopy: a
        comparative study", ICPR 2000.
    """
    kernel = np.array([[[0, 1, 0], [1, -4, 1], [0, 1, 0]]], np.float32)
    laplacian = scipy.ndimage.convolve(as_float(images)[..., 0], kernel, mode="nearest")
    return laplacian.var(axis=(1, 2))


def frechet_distance(features, other):
    """Squared Fréchet distance between two clouds of features, each taken for a Gaussian.

    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)). On features of a classifier of our own this is
    NOT the published FID, which takes an Inception network: compare it within this course only,
    at one number of images. Two samples of one distribution do not give 0: take it of two halves
    of the data for a floor.

    Args:
        features, other: (n, d) and (m, d), with n and m well above d.

    Source: Dowson & Landau (1982), "The Fréchet distance between multivariate normal
        distributions"; the idea to use it so: Heusel et al. (2017), arXiv:1706.08500.
    """
    features, other = np.asarray(features, np.float64), np.asarray(other, np.float64)
    if features.ndim != 2 or other.ndim != 2 or features.shape[1] != other.shape[1]:
        raise ValueError(
            f"features have shapes {features.shape} and {other.shape}, expected (n, d) and (m, d)"
        )
    difference = features.mean(axis=0) - other.mean(axis=0)
    first, second = np.cov(features, rowvar=False), np.cov(other, rowvar=False)
    values, vectors = np.linalg.eigh(np.atleast_2d(first))
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    # (C1 C2)^(1/2) has the trace of (C1^(1/2) C2 C1^(1/2))^(1/2), which is symmetric.
    cross = np.linalg.eigvalsh(root @ np.atleast_2d(second) @ root)
    traces = np.trace(np.atleast_2d(first)) + np.trace(np.atleast_2d(second))
    return float(difference @ difference + traces - 2 * np.sqrt(np.maximum(cross, 0)).sum())


def frechet_with_error(features, other, draws=20, seed=0):
    """`frechet_distance` with its sampling error: the spread over bootstrap resamples of both.

    Returns:
        An `Estimate`. Resampling repeats rows, which makes each resampled distance larger, so
        only its spread is used and the mean is that of the samples as given.
    """
    rng = np.random.default_rng(seed)
    distances = [
        frechet_distance(
            features[rng.integers(0, len(features), len(features))],
            other[rng.integers(0, len(other), len(other))],
        )
        for _ in range(draws)
    ]
    return Estimate(frechet_distance(features, other), float(np.std(distances, ddof=1)))


def nearest(images, among, chunk=500):
    """For each image the nearest one of others, by Euclidean distance of pixels.

    Args:
        images: (n, 28, 28[, 1]).
        among: (m, 28, 28[, 1]).

    Returns:
        (indices into `among`, distances), each (n,).
    """
    flat, others = (as_float(part).reshape(len(part), -1) for part in (images, among))
    norms = np.square(others).sum(axis=1)
    indices, distances = [], []
    for rows in np.array_split(flat, max(1, -(-len(flat) // chunk))):
        squares = norms - 2 * rows @ others.T
        indices.append(squares.argmin(axis=1))
        distances.append(squares.min(axis=1) + np.square(rows).sum(axis=1))
    return np.concatenate(indices), np.sqrt(np.maximum(np.concatenate(distances), 0))


# --- counting --------------------------------------------------------------------------------


def wilson(successes, trials, level=0.95):
    """Wilson's interval for a share: (low, high).

    Args:
        successes, trials: whole numbers, 0 <= successes <= trials.
        level: how often such intervals hold the true share.

    Raises:
        ValueError: if the counts make no sense.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} successes in {trials} trials, expected 0 to {trials}")
    test = scipy.stats.binomtest(int(successes), int(trials))
    interval = test.proportion_ci(confidence_level=level, method="wilson")
    return float(interval.low), float(interval.high)


def confusion(labels, predictions, classes):
    """Counts (classes, classes): row the true label, column the prediction."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (np.asarray(labels, int), np.asarray(predictions, int)), 1)
    return counts


def _whole(value, name):
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name} is {value!r}, expected a whole number above 0")
