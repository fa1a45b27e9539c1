"""What people put into a VAE's loss for the reconstruction, right and wrong.

Functions of one pixel, (x, logit), that differ by more than a factor and a function of x.
"""

import numpy as np

from vae_helpers.known_mistakes.term import (
    Term,
    continuous_bernoulli,
    cross_entropy,
    cross_entropy_of_probabilities,
    sigmoid,
    softplus,
)


def _half_square(mean):
    return lambda x, logits: 0.5 * (x - mean(logits)) ** 2


def _twice(logits):
    return sigmoid(sigmoid(logits))


SIGMOID_TWICE = ("probabilities_as_logits", "double_sigmoid")
EXCHANGED = ("cross_entropy_exchanged",)
HALF = ("cross_entropy_half",)
LOGITS_CURE = "pass the logits themselves, once: from_logits=True, and no sigmoid before it"
IMAGES_FIRST = "the images come first, then what the decoder says"

RECONSTRUCTIONS = (
    Term("bernoulli", "bernoulli", "the Bernoulli cross-entropy", cross_entropy),
    Term(
        "continuous_bernoulli",
        "continuous_bernoulli",
        "the continuous Bernoulli",
        continuous_bernoulli,
    ),
    Term(
        "squares",
        "squared_error",
        "half the squared error of sigmoid(logits)",
        _half_square(sigmoid),
    ),
    Term(
        "squares_of_raw_output",
        "squared_error",
        "half the squared error of the decoder's raw output",
        _half_square(lambda a: a),
    ),
    Term(
        "squares_of_tanh",
        "squared_error",
        "half the squared error of tanh(logits)",
        _half_square(np.tanh),
    ),
    Term(
        "sigmoid_twice",
        "bernoulli",
        "the cross-entropy of a sigmoid applied twice (probabilities taken for logits)",
        lambda x, a: cross_entropy(x, sigmoid(a)),
        SIGMOID_TWICE,
        LOGITS_CURE,
    ),
    Term(
        "sigmoid_three_times",
        "bernoulli",
        "the cross-entropy of a sigmoid applied three times",
        lambda x, a: cross_entropy(x, _twice(a)),
        SIGMOID_TWICE,
        LOGITS_CURE,
    ),
    Term(
        "squares_of_sigmoid_twice",
        "squared_error",
        "half the squared error of a sigmoid applied twice",
        _half_square(_twice),
        SIGMOID_TWICE,
        "apply the sigmoid once",
    ),
    Term(
        "exchanged",
        "unknown",
        "a cross-entropy with its two arguments exchanged (the images stand in the logarithm)",
        lambda x, a: cross_entropy_of_probabilities(sigmoid(a), x),
        EXCHANGED,
        IMAGES_FIRST,
    ),
    Term(
        "exchanged_logits",
        "unknown",
        "a cross-entropy with its two arguments exchanged (the images are taken for logits)",
        lambda x, a: softplus(x) - x * a,
        EXCHANGED,
        IMAGES_FIRST,
    ),
    Term(
        "exchanged_logits_of_sigmoid",
        "unknown",
        "a cross-entropy with its two arguments exchanged (the images are taken for logits, "
        "sigmoid(logits) for the images)",
        lambda x, a: softplus(x) - x * sigmoid(a),
        EXCHANGED,
        IMAGES_FIRST,
    ),
    Term(
        "only_log_p",
        "unknown",
        "only the half x log p of the cross-entropy; (1 - x) log(1 - p) is missing",
        lambda x, a: x * softplus(-a),
        HALF,
        "add the other half, (1 - x) log(1 - p)",
    ),
    Term(
        "only_log_1_minus_p",
        "unknown",
        "only the half (1 - x) log(1 - p) of the cross-entropy; x log p is missing",
        lambda x, a: (1 - x) * softplus(a),
        HALF,
        "add the other half, x log p",
    ),
    Term(
        "sigmoid_of_images",
        "bernoulli",
        "a cross-entropy whose images went through a sigmoid",
        lambda x, a: cross_entropy(sigmoid(x), a),
        ("image_range",),
        "the images as they are, on [0, 1]",
    ),
    Term(
        "logits_doubled",
        "unknown",
        "the cross-entropy of p = (1 + tanh(logits)) / 2, which is sigmoid(2 logits)",
        lambda x, a: cross_entropy(x, 2 * a),
        ("unknown",),
        "p = sigmoid(logits), or read the decoder's output as half a logit everywhere",
    ),
    Term(
        "absolute_error",
        "laplace",
        "the absolute error of sigmoid(logits)",
        lambda x, a: np.abs(x - sigmoid(a)),
        variant="laplace",
    ),
    Term(
        "absolute_error_of_raw_output",
        "laplace",
        "the absolute error of the decoder's raw output",
        lambda x, a: np.abs(x - a),
        variant="laplace",
    ),
    Term(
        "logits_as_probabilities",
        "bernoulli",
        "a cross-entropy that takes the logits for probabilities",
        cross_entropy_of_probabilities,
        ("logits_as_probabilities",),
        "say from_logits=True, or apply tf.sigmoid first",
        domain=(0.05, 0.95),
    ),
    Term(
        "tanh_as_probability",
        "bernoulli",
        "a cross-entropy that takes tanh(logits) for the probability",
        lambda x, a: cross_entropy_of_probabilities(x, np.tanh(a)),
        ("logits_as_probabilities",),
        "apply tf.sigmoid, not tanh, or work from logits",
        domain=(0.1, 3.0),
    ),
)
