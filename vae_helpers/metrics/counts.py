"""Shares of counts, and counts of confusions."""

import numpy as np
import scipy.stats


def wilson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval for a share: (low, high).

    Args:
        successes: whole number from 0 to `trials`.
        trials: whole number above 0.
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


def confusion(labels, predictions, classes: int) -> np.ndarray:
    """Return counts (classes, classes): row the true label, column the prediction."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (np.asarray(labels, int), np.asarray(predictions, int)), 1)
    return counts
