"""Solutions of notebook 07."""

import numpy as np


def letter_rates(kl, labels, classes):
    return np.array([np.mean(kl[labels == label]) for label in range(classes)])


def share_nearer(clean, damaged, repaired):
    before = np.mean(np.square(damaged - clean), axis=(1, 2))
    after = np.mean(np.square(repaired - clean), axis=(1, 2))
    return np.mean(after < before)


def spherical(start, end, t):
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    cosine = np.sum(start * end, axis=1) / lengths
    omega = np.arccos(np.clip(cosine, -1, 1))[:, np.newaxis]
    return (np.sin((1 - t) * omega) * start + np.sin(t * omega) * end) / np.sin(omega)


def beside_the_code(z, labels, classes):
    return np.concatenate([z, np.eye(classes)[labels]], axis=1)


def lucky_pairs():
    # 26 x 25 pairs; an interval misses in 5% of the cases, and too high in half of them.
    return 26 * 25 * 0.05 / 2
