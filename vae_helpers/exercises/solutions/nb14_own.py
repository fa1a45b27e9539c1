"""Solutions of the deeper page 14_own_images."""

import numpy as np


def held_out_rows(groups, held):
    return np.isin(groups, held)


def colour_floor(images):
    entropy = -images * np.log(images) - (1 - images) * np.log(1 - images)
    return np.mean(np.sum(entropy, axis=(1, 2, 3)))


def file_bytes(reconstruction, kl):
    bits = (reconstruction + kl) / np.log(2)
    return bits / 8


def kept_variance(eigenvalues, k):
    largest = np.sort(eigenvalues)[::-1][:k]
    return np.sum(largest) / np.sum(eigenvalues)
