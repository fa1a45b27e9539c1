"""Solutions of notebook 09."""

import numpy as np


def best_picture(images, densities):
    weights = densities / np.sum(densities)
    return np.tensordot(weights, images, axes=1)


def log_normaliser(eta):
    u = np.abs(np.asarray(eta, "float64")) / 2
    small = u < 1e-2
    safe = np.where(small, 1.0, u)
    far = safe + np.log1p(-np.exp(-2 * safe)) - np.log(2 * safe)
    return np.asarray(eta) / 2 + np.where(small, u**2 / 6, far)


def learned_sigma(images, means):
    return np.sqrt(np.mean(np.square(images - means)))


def effective_beta(sigma, mean_squared_error):
    return sigma**2 / mean_squared_error


def bin_probability(level, mean, scale):
    below = np.where(level == 0, -np.inf, (level - 0.5) / 255)
    above = np.where(level == 255, np.inf, (level + 0.5) / 255)
    cdf = [1 / (1 + np.exp(-(edge - mean) / scale)) for edge in (below, above)]
    return np.log(cdf[1] - cdf[0])


def bits_per_dimension(log_density, pixels, levels):
    log_probability = log_density / pixels - np.log(levels)
    return -log_probability / np.log(2)
