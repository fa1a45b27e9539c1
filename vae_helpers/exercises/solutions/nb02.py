"""Solutions of notebook 02."""

import numpy as np
import tensorflow as tf


def two_prices():
    # Half of (mean^2 + variance - 1 - ln variance); independent variables add up.
    one_latent = 0.5 * (0.0**2 + 0.01 - 1 - np.log(0.01))
    return 4.5, 10 * one_latent


def gaussian_kl(z_mean, z_log_var):
    per_dimension = 0.5 * (tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var)
    return tf.reduce_sum(per_dimension, axis=1)


def prior_gap(x):
    return 0.5 * (np.log(0.2) + (1 + (0.4 * x) ** 2) / 0.2 - 1)


def best_weight(v):
    # log p(x) - gap = -(5 / t + v t) / 2 + a constant, with t = theta^2 + 1.
    t = np.sqrt(5 / v)
    return np.sqrt(t - 1)


def honest_logs(reconstruction, kl, elbo):
    adds_up = np.isclose(elbo, -(reconstruction + kl))
    return adds_up & (kl >= 0) & (reconstruction >= 0)


def k_sample_bound(log_likelihood, log_prior, log_posterior):
    log_weights = log_likelihood + log_prior - log_posterior
    largest = np.max(log_weights, axis=0)
    return largest + np.log(np.mean(np.exp(log_weights - largest), axis=0))
