"""Solutions of notebook 07."""

import numpy as np
from scipy.stats import binom


def smallest_named(n, share, level):
    counts = np.arange(n + 1)
    tail = binom.sf(counts - 1, n, share)  # k or more: sf(k) would leave k itself out
    return counts[tail < level][0]


def share_nearer(clean, damaged, repaired):
    before = np.mean(np.square(damaged - clean), axis=(1, 2))
    after = np.mean(np.square(repaired - clean), axis=(1, 2))
    return np.mean(after < before)


def beside_the_code(z, labels, classes):
    return np.concatenate([z, np.eye(classes)[labels]], axis=1)


def lucky_pairs():
    # 26 x 25 pairs; an interval misses in 5% of the cases, and too high in half of them.
    return 26 * 25, 26 * 25 * 0.05 / 2


def share_passed(clean, damaged, redrawn_clean, redrawn_damaged):
    passed = np.mean(np.square(redrawn_damaged - redrawn_clean))
    return passed / np.mean(np.square(damaged - clean))
