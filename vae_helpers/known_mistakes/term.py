"""A term of a loss, as the lists of known mistakes hold it, and the functions it is made of."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Term:
    """One entry of the list.

    Attributes:
        name: what it is looked up by, see `reconstruction` and `kl`.
        kind: value of `LossAudit.reconstruction` or `LossAudit.kl` where it fits.
        text: what it is, as the end of a sentence.
        function: of two arrays of one shape.
        mistakes: codes of `MISTAKES`; empty when nothing is wrong with it.
        cure: what to write instead; empty where nothing is wrong.
        domain: None, or (low, high): the second argument's range in which the wording is this
            function. Outside, variants differ (NaN, a clip) and are not compared.
        variant: code of a deliberate choice that this term is, or "".
        reading: what the term takes the encoder's second output for ("log_var", "log_std", "std",
            "softplus" or another), or "" where that is not the point.
    """

    name: str
    kind: str
    text: str
    function: Callable
    mistakes: tuple = ()
    cure: str = ""
    domain: tuple | None = None
    variant: str = ""
    reading: str = ""


def sigmoid(a):
    """Return 1 / (1 + exp(-a))."""
    return np.exp(-np.logaddexp(0.0, -a))


def softplus(a):
    """Return log(1 + exp(a))."""
    return np.logaddexp(0.0, a)


def cross_entropy(x, logits):
    """Return -[x log p + (1 - x) log(1 - p)] of one pixel, with p = sigmoid(logits)."""
    return softplus(logits) - x * logits


def cross_entropy_of_probabilities(x, p):
    """Return -[x log p + (1 - x) log(1 - p)] of one pixel."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return -(x * np.log(p) + (1 - x) * np.log1p(-p))


def continuous_bernoulli(x, logits):
    """Return the cross-entropy minus the log normaliser of Loaiza-Ganem & Cunningham (2019).

    In logits the normaliser is l / tanh(l / 2), which is 2 at l = 0.
    """
    small = np.abs(logits) < 1e-3
    safe = np.where(small, 1.0, logits)
    log_normaliser = np.where(small, np.log(2.0) + logits**2 / 12, np.log(safe / np.tanh(safe / 2)))
    return cross_entropy(x, logits) - log_normaliser


def binary_entropy(x):
    """Return the entropy of one grey pixel read as a probability, in nats."""
    return cross_entropy_of_probabilities(x, x)
