"""Solutions of notebook 13."""

import numpy as np


def interpolant(noise, code, t):
    t = t[:, np.newaxis]
    return (1 - t) * noise + t * code, code - noise


def gaussian_velocity(x, t, mean, std):
    variance = (1 - t) ** 2 + (t * std) ** 2
    covariance = t * std**2 - (1 - t)
    return mean + covariance / variance * (x - t * mean)


def guided(without, told, guidance):
    return without + guidance * (told - without)


def flow_log_density(log_noise, divergences, scale):
    steps = len(divergences)
    along_the_path = np.sum(divergences, axis=0) / steps
    return log_noise - along_the_path - np.sum(np.log(scale))


def mixture_log_density(z, weights, means, stds):
    squares = np.sum(np.square(z[:, np.newaxis] - means), axis=2) / stds**2
    constant = z.shape[1] * np.log(stds * np.sqrt(2 * np.pi))
    return np.logaddexp.reduce(np.log(weights) - constant - 0.5 * squares, axis=1)


def share_of_gap(prior, learned, reconstructions):
    return (prior - learned) / (prior - reconstructions)
