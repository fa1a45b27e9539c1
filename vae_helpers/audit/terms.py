"""The dictionary of the audit: what people put into a VAE's loss, right and wrong.

A term is a function of one pixel (x, logit) or of one latent dimension (z_mean, z_log_var), in
plain NumPy float64. The audit compares the learner's loss with each of them, up to a factor and a
constant; `mistakes` are the codes that `LossAudit` reports when this term is the one that fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

KERAS_EPSILON = 1e-7  # Keras clips probabilities to [1e-7, 1 - 1e-7], and KLDivergence to [1e-7, 1]


@dataclass(frozen=True)
class Term:
    """One entry of the dictionary.

    Attributes:
        kind: value of `LossAudit.reconstruction` or `LossAudit.kl` where it fits.
        text: what it is, as the end of a sentence.
        function: of two arrays of one shape.
        mistakes: codes to report; empty when nothing is wrong with it.
        cure: what to write instead; empty where nothing is wrong.
        domain: None, or (low, high): the second argument's range in which the wording is this
            function. Outside, variants differ (NaN, a clip) and are not compared.
    """

    kind: str
    text: str
    function: Callable
    mistakes: tuple = ()
    cure: str = ""
    domain: tuple | None = None


def sigmoid(a):
    return np.exp(-np.logaddexp(0.0, -a))


def softplus(a):
    return np.logaddexp(0.0, a)


def cross_entropy(x, logits):
    """-[x log p + (1 - x) log(1 - p)] of one pixel, with p = sigmoid(logits)."""
    return softplus(logits) - x * logits


def cross_entropy_of_probabilities(x, p):
    with np.errstate(divide="ignore", invalid="ignore"):
        return -(x * np.log(p) + (1 - x) * np.log1p(-p))


def continuous_bernoulli(x, logits):
    """Cross-entropy minus the log normaliser of Loaiza-Ganem & Cunningham (2019).

    In logits the normaliser is l / tanh(l / 2), which is 2 at l = 0.
    """
    small = np.abs(logits) < 1e-3
    safe = np.where(small, 1.0, logits)
    log_normaliser = np.where(small, np.log(2.0) + logits**2 / 12, np.log(safe / np.tanh(safe / 2)))
    return cross_entropy(x, logits) - log_normaliser


def binary_entropy(x):
    """Entropy of one grey pixel read as a probability, in nats."""
    return cross_entropy_of_probabilities(x, x)


def _half_square(mean):
    return lambda x, logits: 0.5 * (x - mean(logits)) ** 2


def _twice(logits):
    return sigmoid(sigmoid(logits))


SIGMOID_TWICE = ("probabilities_as_logits", "double_sigmoid")
LOGITS_CURE = "pass the logits themselves, once: from_logits=True, and no sigmoid before it"

RECONSTRUCTIONS = (
    Term("bernoulli", "the Bernoulli cross-entropy", cross_entropy),
    Term("continuous_bernoulli", "the continuous Bernoulli", continuous_bernoulli),
    Term("squared_error", "half the squared error of sigmoid(logits)", _half_square(sigmoid)),
    Term(
        "squared_error",
        "half the squared error of the decoder's raw output",
        _half_square(lambda a: a),
    ),
    Term(
        "bernoulli",
        "the cross-entropy of a sigmoid applied twice (probabilities taken for logits)",
        lambda x, a: cross_entropy(x, sigmoid(a)),
        SIGMOID_TWICE,
        LOGITS_CURE,
    ),
    Term(
        "bernoulli",
        "the cross-entropy of a sigmoid applied three times",
        lambda x, a: cross_entropy(x, _twice(a)),
        SIGMOID_TWICE,
        LOGITS_CURE,
    ),
    Term(
        "squared_error",
        "half the squared error of a sigmoid applied twice",
        _half_square(_twice),
        SIGMOID_TWICE,
        "apply the sigmoid once",
    ),
    Term(
        "unknown",
        "a cross-entropy with its two arguments exchanged (the images stand in the logarithm)",
        lambda x, a: cross_entropy_of_probabilities(sigmoid(a), x),
        ("unknown",),
        "the images come first, then what the decoder says",
    ),
    Term(
        "unknown",
        "only the half x log p of the cross-entropy; (1 - x) log(1 - p) is missing",
        lambda x, a: x * softplus(-a),
        ("unknown",),
        "add the other half, (1 - x) log(1 - p)",
    ),
    Term(
        "unknown",
        "only the half (1 - x) log(1 - p) of the cross-entropy; x log p is missing",
        lambda x, a: (1 - x) * softplus(a),
        ("unknown",),
        "add the other half, x log p",
    ),
    Term(
        "unknown",
        "the absolute error of sigmoid(logits)",
        lambda x, a: np.abs(x - sigmoid(a)),
        ("unknown",),
        "it belongs to a Laplace decoder, which this audit does not weigh",
    ),
    Term(
        "unknown",
        "the absolute error of the decoder's raw output",
        lambda x, a: np.abs(x - a),
        ("unknown",),
        "it belongs to a Laplace decoder, which this audit does not weigh",
    ),
    Term(
        "bernoulli",
        "a cross-entropy that takes the logits for probabilities",
        cross_entropy_of_probabilities,
        ("logits_as_probabilities",),
        "say from_logits=True, or apply tf.sigmoid first",
        domain=(0.05, 0.95),
    ),
)


def _kl(mean_square, variance, log_variance):
    return 0.5 * (mean_square + variance - 1.0 - log_variance)


def gaussian_kl(m, v):
    """KL(N(m, exp(v)) || N(0, 1)) of one latent dimension."""
    return _kl(m**2, np.exp(v), v)


def _keras_kl(true, predicted):
    """One entry of keras.losses.KLDivergence, which clips both to [1e-7, 1]."""
    true, predicted = np.clip(true, KERAS_EPSILON, 1.0), np.clip(predicted, KERAS_EPSILON, 1.0)
    return true * np.log(true / predicted)


def _read_as(variance):
    """The KL with `variance(v)` for the variance, logarithm included."""

    def function(m, v):
        with np.errstate(divide="ignore", invalid="ignore"):
            return _kl(m**2, variance(v), np.log(variance(v)))

    return function


CORRECT_KL = "0.5 * (z_mean**2 + exp(z_log_var) - 1 - z_log_var)"
AS_VARIANCE = ("kl_log_var_as_variance",)
AS_STD = ("kl_log_var_as_std",)
CURE_KL = f"write {CORRECT_KL}, added over the latent dimensions"
CURE_AS = "the head returns log(variance): the variance is exp(z_log_var), its log is z_log_var"
KERAS_CURE = "keras.losses.KLDivergence compares probability vectors, not Gaussians: " + CURE_KL

KLS = (
    Term("gaussian", "the KL of the Gaussian", gaussian_kl),
    Term(
        "reversed",
        "the KL with its arguments exchanged, KL(prior || q)",
        lambda m, v: 0.5 * (np.exp(-v) * (1 + m**2) - 1 + v),
        ("kl_reversed",),
        "the encoder's Gaussian comes first, KL(q || prior): " + CURE_KL,
    ),
    Term(
        "log_var_as_std",
        "a KL that reads z_log_var as log(sigma), variance exp(2 z_log_var)",
        lambda m, v: _kl(m**2, np.exp(2 * v), 2 * v),
        AS_STD,
        CURE_AS,
    ),
    Term(
        "log_var_as_std",
        "a KL with exp(2 z_log_var) for the variance, as if z_log_var were log(sigma)",
        lambda m, v: _kl(m**2, np.exp(2 * v), v),
        AS_STD,
        CURE_AS,
    ),
    Term(
        "log_var_as_std",
        "a KL with 2 z_log_var for the log variance, as if z_log_var were log(sigma)",
        lambda m, v: _kl(m**2, np.exp(v), 2 * v),
        AS_STD,
        CURE_AS,
    ),
    Term(
        "log_var_as_std",
        "a KL that reads z_log_var as sigma, by its square",
        _read_as(np.square),
        AS_STD,
        CURE_AS,
    ),
    Term(
        "log_var_as_std",
        "a KL that reads softplus(z_log_var) as sigma",
        _read_as(lambda v: softplus(v) ** 2),
        AS_STD,
        CURE_AS,
    ),
    Term(
        "log_var_as_std",
        "a KL with z_log_var squared for the variance, as if it were sigma, beside z_log_var",
        lambda m, v: _kl(m**2, v**2, v),
        AS_STD,
        CURE_AS,
    ),
    Term(
        "log_var_as_variance",
        "a KL that reads the absolute value of z_log_var as the variance",
        _read_as(np.abs),
        AS_VARIANCE,
        CURE_AS,
    ),
    Term(
        "log_var_as_variance",
        "a KL that reads softplus(z_log_var) as the variance",
        _read_as(softplus),
        AS_VARIANCE,
        CURE_AS,
    ),
    Term(
        "unknown",
        "a KL with sigma = exp(z_log_var / 2) where the variance belongs",
        lambda m, v: _kl(m**2, np.exp(0.5 * v), v),
        ("unknown",),
        "the variance is exp(z_log_var), without the half",
    ),
    Term(
        "unknown",
        "a KL that reads z_log_var as twice the log variance",
        lambda m, v: _kl(m**2, np.exp(0.5 * v), 0.5 * v),
        ("unknown",),
        CURE_AS,
    ),
    Term(
        "gaussian",
        "a KL with the sign of z_mean**2 turned",
        lambda m, v: _kl(-(m**2), np.exp(v), v),
        ("kl_sign",),
        CURE_KL,
    ),
    Term(
        "gaussian",
        "a KL with the sign of exp(z_log_var) turned",
        lambda m, v: _kl(m**2, -np.exp(v), v),
        ("kl_sign",),
        CURE_KL,
    ),
    Term(
        "gaussian",
        "a KL with the sign of z_log_var turned",
        lambda m, v: _kl(m**2, np.exp(v), -v),
        ("kl_sign",),
        CURE_KL,
    ),
    Term(
        "unknown",
        "a KL without its term z_mean**2",
        lambda m, v: _kl(0 * m, np.exp(v), v),
        ("unknown",),
        CURE_KL,
    ),
    Term(
        "unknown",
        "a KL without its term exp(z_log_var)",
        lambda m, v: _kl(m**2, 0 * v, v),
        ("unknown",),
        CURE_KL,
    ),
    Term(
        "unknown",
        "a KL without its term z_log_var",
        lambda m, v: _kl(m**2, np.exp(v), 0 * v),
        ("unknown",),
        CURE_KL,
    ),
    Term(
        "unknown",
        "z_mean**2 alone: the KL's two terms of z_log_var are missing, or cancel",
        lambda m, v: 0.5 * m**2,
        ("unknown",),
        CURE_KL,
    ),
    *(
        Term(
            "keras_kl_divergence",
            f"keras.losses.KLDivergence of {first} and {second}",
            function,
            ("keras_kl_divergence",),
            KERAS_CURE,
        )
        for first, second, function in (
            ("z_mean", "z_log_var", lambda m, v: _keras_kl(m, v)),
            ("z_log_var", "z_mean", lambda m, v: _keras_kl(v, m)),
            ("z_mean", "exp(z_log_var)", lambda m, v: _keras_kl(m, np.exp(v))),
            ("exp(z_log_var)", "z_mean", lambda m, v: _keras_kl(np.exp(v), m)),
            ("z_mean", "exp(z_log_var / 2)", lambda m, v: _keras_kl(m, np.exp(0.5 * v))),
            ("exp(z_log_var / 2)", "z_mean", lambda m, v: _keras_kl(np.exp(0.5 * v), m)),
        )
    ),
    # Only for positive z_log_var do the wordings agree: bare, clipped, abs.
    Term(
        "log_var_as_variance",
        "a KL that reads z_log_var as the variance",
        _read_as(lambda v: v),
        AS_VARIANCE,
        CURE_AS,
        domain=(0.0, np.inf),
    ),
    Term(
        "log_var_as_std",
        "a KL that reads z_log_var as sigma",
        _read_as(np.square),
        AS_STD,
        CURE_AS,
        domain=(0.0, np.inf),
    ),
)
