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


def kl_parts(z_mean, z_log_var, seed: int = 0, points: int | None = None) -> dict[str, Estimate]:
    """Split the mean KL to N(0, I) in three: what a beta-TC-VAE weighs apart.

    rate = mutual information + total correlation + dimension-wise KL. With q(z) the mean of
    q(z|x) over these n images and q(z_j) its marginals, they are the mean KL of q(z|x) from q(z),
    the KL of q(z) from the product of the q(z_j), and the KLs of the q(z_j) from N(0, 1), summed.
    The first cannot exceed log n, and what is missing there is too much in the second: with few
    images or many informative dimensions read the total correlation as "at most so much".
    `rate_split` gives the last two as one.

    Args:
        z_mean: (n, latent_dim).
        z_log_var: (n, latent_dim).
        seed: of the noise.
        points: how many of the images give a z at which the densities are compared; all when
            None. All of them make up q(z).

    Returns:
        dict of `Estimate`s: "rate", "mutual information", "total correlation",
        "dimension-wise KL", nats per image.

    Source: Chen, Li, Grosse & Duvenaud (2018), arXiv:1802.04942, section 3; here q(z) is the sum
        over all images, where they estimate it from a minibatch.
    """
    z_mean, z_log_var = (np.asarray(part, np.float64) for part in (z_mean, z_log_var))
    rng = np.random.default_rng(seed)
    rows = slice(None) if points is None else rng.permutation(len(z_mean))[:points]
    epsilon = rng.standard_normal(z_mean[rows].shape)
    z = z_mean[rows] + np.exp(0.5 * z_log_var[rows]) * epsilon
    log_posterior = -0.5 * np.sum(LOG_2_PI + z_log_var[rows] + epsilon**2, axis=1)
    log_prior = -0.5 * np.sum(LOG_2_PI + z**2, axis=1)
    log_joint = aggregated_posterior(z_mean, z_log_var, z)
    columns = np.split(np.arange(z.shape[1]), z.shape[1])  # [0], [1], ...
    log_marginals = sum(
        aggregated_posterior(z_mean[:, j], z_log_var[:, j], z[:, j]) for j in columns
    )
    return {
        "rate": estimate_of((log_posterior - log_prior)[None]),
        "mutual information": estimate_of((log_posterior - log_joint)[None]),
        "total correlation": estimate_of((log_joint - log_marginals)[None]),
        "dimension-wise KL": estimate_of((log_marginals - log_prior)[None]),
    }


def gaussian_total_correlation(z) -> float:
    """Return the total correlation of a Gaussian with the correlations of these codes, nats.

    It is -1/2 log det of their correlation matrix: 0 for uncorrelated latents, however they depend
    on each other otherwise. Latents that never change are left out.

    Args:
        z: (n, latent_dim).
    """
    z = np.asarray(z, np.float64)
    moving = z[:, np.ptp(z, axis=0) > 0]
    if moving.shape[1] < 2:
        return 0.0
    _, log_det = np.linalg.slogdet(np.corrcoef(moving, rowvar=False))
    return float(max(0.0, -0.5 * log_det))
