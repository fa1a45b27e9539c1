"""What the codes of a trained VAE say about its images."""

import math

import numpy as np

from vae_helpers.elbo import LOG_2_PI
from vae_helpers.metrics.bounds import Estimate, estimate_of

ACTIVE = 0.01  # variance of z_mean over images, Burda et al. (2015)


def active_units(z_mean) -> int:
    """Return how many latent dimensions are used: variance of z_mean over images above 0.01.

    Args:
        z_mean: (n, latent_dim).

    Source: Burda, Grosse & Salakhutdinov (2015), arXiv:1509.00519, section 5.
    """
    return int(np.sum(np.var(z_mean, axis=0) > ACTIVE))


def aggregated_posterior(z_mean, z_log_var, z) -> np.ndarray:
    """Return log q(z), where q(z) is the mean of q(z|x) over the given images.

    Args:
        z_mean: (n, latent_dim), means of the images' posteriors.
        z_log_var: (n, latent_dim), their log variances.
        z: (m, latent_dim), points.

    Returns:
        Array (m,), nats.
    """
    z_mean, z_log_var, z = (np.asarray(part, np.float64) for part in (z_mean, z_log_var, z))
    precision = np.exp(-z_log_var)
    constant = np.sum(z_log_var + z_mean**2 * precision + LOG_2_PI, axis=1)
    parts = []
    for points in np.array_split(z, max(1, len(z) // 500)):
        # sum of (z - mean)^2 / variance, as three matrix products
        squares = points**2 @ precision.T - 2 * points @ (z_mean * precision).T + constant
        parts.append(np.logaddexp.reduce(-0.5 * squares, axis=1) - math.log(len(z_mean)))
    return np.concatenate(parts)


def rate_split(z_mean, z_log_var, seed: int = 0, prior=None) -> dict[str, Estimate]:
    """Split the mean KL of the images into what tells images apart and what does not.

    rate = E KL(q(z|x) || p(z)) = mutual information + KL(q(z) || p(z)), with q(z) the mean of
    q(z|x) over these n images. One z is drawn for each image. The mutual information is that
    between a z and WHICH of the n images it came from: it cannot exceed log n, so with few images
    or many informative dimensions it says "at least so much" only.

    Args:
        z_mean: (n, latent_dim).
        z_log_var: (n, latent_dim).
        seed: of the noise.
        prior: the model's, such as `vae.prior`; the standard normal when None.

    Returns:
        dict of `Estimate`s: "rate", "mutual information", "KL(q(z) || p(z))".

    Source: Hoffman & Johnson (2016), "ELBO surgery: yet another way to carve up the variational
        evidence lower bound", NIPS workshop on Advances in Approximate Bayesian Inference.
    """
    epsilon = np.random.default_rng(seed).standard_normal(z_mean.shape)
    z = z_mean + np.exp(0.5 * z_log_var) * epsilon
    log_posterior = -0.5 * np.sum(LOG_2_PI + z_log_var + epsilon**2, axis=1)
    if prior is None:
        log_prior = -0.5 * np.sum(LOG_2_PI + z**2, axis=1)
    else:
        log_prior = np.asarray(prior.log_density(z.astype(np.float32)), np.float64)
    log_aggregated = aggregated_posterior(z_mean, z_log_var, z)
    return {
        "rate": estimate_of((log_posterior - log_prior)[None]),
        "mutual information": estimate_of((log_posterior - log_aggregated)[None]),
        "KL(q(z) || p(z))": estimate_of((log_aggregated - log_prior)[None]),
    }
