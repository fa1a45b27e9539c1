"""Solutions of notebook 01."""

import numpy as np


def log_line():
    # Both terms are costs, and the ELBO is minus their sum.
    return -(250.0 + 6.5)


def bits_per_pixel(nats):
    return nats / np.log(2) / 784


def share_gained(cost, mean_image, floor):
    # The nats that lie behind, over the whole way.
    return (mean_image - cost) / (mean_image - floor)


def wobble(samples):
    return np.mean(np.std(samples, axis=0))


def far_codes(sigma):
    codes = sigma * np.random.default_rng(0).standard_normal((200_000, 2))
    return np.mean(np.linalg.norm(codes, axis=1) > 3)
