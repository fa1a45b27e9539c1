"""Exercises of notebook 03: three maps from a real number to a variance, and where each fails."""

import functools
import math

import numpy as np
import tensorflow as tf

from vae_helpers.exercises.blank import BlankLeft
from vae_helpers.exercises.losses import codes, gaussian_kl, kl_mistakes, kl_with
from vae_helpers.exercises.question import Mistake, Question
from vae_helpers.known_mistakes.samplers import WIDTHS


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb03

    return nb03


def _in_training(**arguments):
    """Return a `Question` on a function that is judged by its values, and then by its gradients.

    What gives an array for tensors is judged by its values alone: it has no gradient to look at.
    """
    by_values = functools.cache(lambda: Question(**arguments))

    def fault(answer):
        words = by_values()._fault(answer)
        if words is None:
            raise BlankLeft("a ____ is left")
        return words or _gradient_fault(answer, arguments["answer"], arguments["inputs"])

    return Question(**arguments, examine=fault)


def _gradient_fault(answer, reference, inputs):
    tensors = [tf.constant(value) for value in inputs(np.random.default_rng())]
    names = reference.__code__.co_varnames
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tensors)
        given, right = answer(*tensors), reference(*tensors)
    if not tf.is_tensor(given):
        return ""
    ours, theirs = (tape.gradient(value, tensors) for value in (right, given))
    for name, one, other in zip(names, theirs, ours, strict=False):
        if one is None or not np.allclose(one, other, rtol=1e-3, atol=1e-3):
            return (
                f"The numbers are right, but training needs gradients too, and the one that "
                f"reaches {name} is {'missing' if one is None else 'wrong'}: is there a "
                "stop_gradient or a function of NumPy on its way?"
            )
    return ""


def _codes_and_noise(rng):
    z_mean, z_log_var = codes(rng)
    return z_mean, z_log_var, rng.normal(size=z_mean.shape).astype("float32")


def _is_random(answer):
    zeros = np.zeros((4, 3), "float32")
    return not np.allclose(answer(zeros, zeros, zeros), answer(zeros, zeros, zeros))


def _with_width(code):
    """A sampler that scales its noise by a width of the list."""
    return lambda m, v, noise: m + WIDTHS[code].sigma(v) * noise


sample = _in_training(
    name="sample",
    task="A code z from N(z_mean, exp(z_log_var)), made of standard normal noise.",
    variable="my_sample",
    answer=lambda z_mean, z_log_var, noise: z_mean + tf.exp(0.5 * z_log_var) * noise,
    inputs=_codes_and_noise,
    outcome="The shape of z_mean, (batch, latent_dim).",
    mistakes=[
        Mistake(
            "The half is missing: exp(z_log_var) is the variance, and the noise is scaled by the "
            "standard deviation.",
            wrong=_with_width("exp(z_log_var)"),
        ),
        Mistake(
            "You took z_log_var for the variance: its root is NaN wherever the output is negative.",
            wrong=lambda m, v, noise: m + np.sqrt(v) * noise,
        ),
        Mistake(
            "You multiplied the noise by the log variance itself: exp is missing.",
            wrong=lambda m, v, noise: m + v * noise,
        ),
        Mistake(
            "The half stands outside of exp. Half a variance is no standard deviation: its root "
            "is, and a root halves the logarithm.",
            wrong=lambda m, v, noise: m + 0.5 * np.exp(v) * noise,
        ),
        Mistake(
            "The noise is added unscaled: every cloud has the width of the prior.",
            wrong=_with_width("1"),
        ),
        Mistake(
            "You drew noise of your own. Use the noise that is handed over.",
            wrong=lambda m, v, noise: (
                m + np.exp(0.5 * v) * np.random.default_rng().normal(size=m.shape)
            ),
            when=_is_random,
        ),
        Mistake(
            "A bracket too many: the noise is multiplied by the standard deviation, not by the "
            "mean as well.",
            wrong=lambda m, v, noise: (m + np.exp(0.5 * v)) * noise,
        ),
        Mistake("You left the mean out.", wrong=lambda m, v, noise: np.exp(0.5 * v) * noise),
        Mistake(
            "The sign in exp is wrong: a large log variance must give a wide cloud.",
            wrong=_with_width("exp(-z_log_var / 2)"),
        ),
    ],
    hint="The noise has standard deviation 1 and needs that of q. What is log sigma, if "
    "log sigma^2 is z_log_var?",
    solutions=solutions,
    remark="Without the half a model trains, and reports an ELBO that is too good (section 7).",
)

relu_head = Question(
    "relu_head",
    "A head writes tf.nn.relu(r) for the variance. For r = -0.5 and a mean of 0: the KL, its "
    "gradient with respect to r as TensorFlow computes it one operation at a time, and under XLA?",
    variable="my_three",
    answer=(np.inf, np.nan, 0.0),
    outcome="Three floats: np.inf and np.nan are floats too.",
    mistakes=[
        Mistake(
            "The KL is right, and so is the gradient under XLA. One operation at a time it is "
            "another: the KL's own slope is infinite at a variance of 0, and TensorFlow multiplies "
            "it by ReLU's slope, 0.",
            wrong=(np.inf, 0.0, 0.0),
        ),
        Mistake(
            "The KL is right, and the gradients are in the wrong order.", (np.inf, 0.0, np.nan)
        ),
        Mistake(
            "The KL and the first gradient are right. XLA does not multiply by ReLU's slope: it "
            "selects, the slope from above where r > 0, and a plain number elsewhere. Which?",
            wrong=(np.inf, np.nan, np.nan),
            when=lambda answer: float(answer[0]) == np.inf and np.isnan(float(answer[1])),
        ),
        Mistake(
            "The KL is right. For the gradients you left out ReLU's own slope, 0 at -0.5. What is "
            "0 times infinity?",
            wrong=(np.inf, -np.inf, -np.inf),
        ),
        Mistake(
            "The KL is right. For the gradient, multiply two slopes: the KL's, at a variance of 0, "
            "and ReLU's, at -0.5.",
            wrong=(np.inf, 0.5, 0.5),
            when=lambda answer: float(answer[0]) == np.inf,
        ),
        Mistake(
            "The KL is not NaN. Did you put the variance -0.5 into it? ReLU makes it 0 first, and "
            "the logarithm of 0 is a definite value.",
            wrong=(np.nan, 1.5, 1.5),
            when=lambda answer: np.isnan(float(answer[0])) and float(answer[1]) == 1.5,
        ),
        Mistake(
            "The KL is not NaN: the logarithm of 0 is minus infinity, which is a definite value.",
            wrong=(np.nan, np.nan, 0.0),
            when=lambda answer: np.isnan(float(answer[0])),
        ),
        Mistake(
            "The sign of the infinity is wrong: the KL subtracts the logarithm of the variance.",
            wrong=(-np.inf, np.nan, 0.0),
            when=lambda answer: float(answer[0]) == -np.inf,
        ),
        Mistake(
            "A variance of 0 is not free. ReLU gives 0 here, and -log 0 is in the KL.",
            wrong=(0.0, 0.0, 0.0),
            when=lambda answer: np.isfinite(float(answer[0])),
        ),
    ],
    hint="What is ReLU(-0.5), and its logarithm? For the gradient: chain rule, one factor at a "
    "time. For XLA, let `gradient(..., xla=True)` of section 3 compute it.",
    solutions=solutions,
    remark="0 times infinity is NaN. XLA never multiplies: it selects 0, and so the loss stays "
    "infinite while nothing turns NaN. One mistake, loud in one mode and silent in the other.",
)


def _mean_and_log_std(rng):
    z_mean, z_log_var = codes(rng)
    return z_mean, (0.5 * z_log_var).astype("float32")


_kl = kl_with(gaussian_kl)


def _tf_kl(z_mean, z_log_var):
    return tf.reduce_sum(0.5 * (tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var), axis=1)


log_std_kl = _in_training(
    name="log_std_kl",
    task="The KL of a head that returns s = log sigma, the log standard deviation.",
    variable="my_kl",
    answer=lambda z_mean, z_log_std: _tf_kl(z_mean, 2 * z_log_std),
    inputs=_mean_and_log_std,
    outcome="One number for each image, shape (batch,), in nats.",
    mistakes=[
        Mistake(
            "That is the KL of a log VARIANCE: two parts of the model now mean different things "
            "by one output, as in section 7. The variance is exp(2 s).",
            wrong=_kl,
        ),
        *kl_mistakes(
            log_std_in_exp="exp is right, the logarithm is not: log sigma^2 is 2 s, and half of it "
            "is s.",
            log_std_in_log="The logarithm is right, exp is not: the variance is exp(2 s), and "
            "exp(s) is sigma.",
            half_log_var="You halved s, where it has to be doubled: log sigma^2 = 2 log sigma.",
            std="You took s for the standard deviation itself. It is its logarithm: sigma = "
            "exp(s).",
        ),
        Mistake(
            "The log variance, 2 s, belongs inside the bracket that is halved: outside of it, it "
            "counts twice.",
            wrong=lambda m, s: _kl(m, 2 * s) - np.sum(s, axis=1),
        ),
        Mistake(
            "Mean and log standard deviation have changed places.",
            wrong=lambda m, s: _kl(s, 2 * m),
        ),
        Mistake(
            "It is twice too large: the half is missing. (It does not cancel the 2 in exp(2 s).)",
            wrong=lambda m, s: 2 * _kl(m, 2 * s),
        ),
        Mistake(
            "You averaged over the latent dimensions, where a KL adds them.",
            wrong=lambda m, s: _kl(m, 2 * s) / m.shape[1],
        ),
    ],
    hint="Write the log variance in terms of s, and put that into the KL you know.",
    solutions=solutions,
    remark="As good a choice as the log variance; only do not mix the two.",
)

log_std_slope = Question(
    "log_std_slope",
    "The gradient of that KL with respect to s, in one latent dimension.",
    variable="my_slope",
    answer=lambda z_log_std: np.exp(2 * z_log_std) - 1,
    inputs=lambda rng: (rng.uniform(-2.0, 1.0, size=int(rng.integers(3, 8))).astype("float32"),),
    outcome="One number for each s.",
    mistakes=[
        Mistake(
            "That is the gradient for a log VARIANCE of s, from the table in section 3.",
            wrong=lambda s: 0.5 * (np.exp(s) - 1),
        ),
        Mistake(
            "That is the gradient with respect to the log variance, at the right width. One "
            "factor of the chain rule is missing: the log variance is 2 s.",
            wrong=lambda s: 0.5 * (np.exp(2 * s) - 1),
        ),
        Mistake(
            "That is the gradient of the term with exp alone: what does the -s give?",
            wrong=lambda s: np.exp(2 * s),
        ),
        Mistake(
            "exp(s) is the standard deviation, and the KL has the variance, exp(2 s).",
            wrong=lambda s: np.exp(s) - 1,
        ),
        Mistake(
            "exp has a half before it in the KL, which the factor 2 of the chain rule cancels.",
            wrong=lambda s: 2 * np.exp(2 * s) - 1,
        ),
        Mistake(
            "That is the KL, and not its gradient.", wrong=lambda s: 0.5 * (np.exp(2 * s) - 1) - s
        ),
        Mistake(
            "The sign is wrong: a wide cloud, s > 0, costs more when it widens.",
            wrong=lambda s: 1 - np.exp(2 * s),
        ),
    ],
    hint="Differentiate the previous answer term by term. Or let a tape do it, and read the law "
    "off.",
    solutions=solutions,
    remark="It is bounded below by -1, twice the bound of the log variance: the same change of the "
    "output moves log sigma^2 twice as far.",
)


def _codes_and_scale(rng):
    return (*codes(rng), np.float32(rng.uniform(0.01, 0.5)))


quiet_noise = _in_training(
    name="quiet_noise",
    task="Somebody multiplies the noise by `scale` to get sharper pictures. The KL of the Gaussian "
    "that is really drawn from?",
    variable="my_honest_kl",
    answer=lambda z_mean, z_log_var, scale: _tf_kl(z_mean, z_log_var + 2 * tf.math.log(scale)),
    inputs=_codes_and_scale,
    outcome="One number for each image, shape (batch,), in nats.",
    mistakes=[
        Mistake(
            "That is the KL which the model reports, as if nothing had been scaled.",
            wrong=lambda m, v, scale: _kl(m, v),
        ),
        Mistake(
            "You scaled the variance by `scale`. The STANDARD DEVIATION is scaled by it, so the "
            "variance is scaled by its square.",
            wrong=lambda m, v, scale: _kl(m, v + math.log(scale)),
        ),
        Mistake(
            "You multiplied the log variance by `scale`. A factor on the noise ADDS to its "
            "logarithm.",
            wrong=lambda m, v, scale: _kl(m, v * scale),
        ),
        Mistake(
            "You scaled the KL. It is the width inside that changes.",
            wrong=lambda m, v, scale: scale * _kl(m, v),
        ),
        Mistake(
            "You scaled the mean as well. Only the noise is multiplied.",
            wrong=lambda m, v, scale: _kl(m * scale, v + 2 * math.log(scale)),
        ),
        Mistake(
            "The sign is wrong: quieter noise has a smaller variance, and log(scale) is negative.",
            wrong=lambda m, v, scale: _kl(m, v - 2 * math.log(scale)),
        ),
        Mistake(
            "The width is right in the logarithm and not in exp: both read the new log variance.",
            wrong=lambda m, v, scale: _kl(m, v) - math.log(scale) * m.shape[1],
        ),
        Mistake(
            "The logarithm is right. In exp the square is missing: the variance is scaled by "
            "scale^2.",
            wrong=lambda m, v, scale: (
                _kl(m, v + math.log(scale)) - 0.5 * math.log(scale) * m.shape[1]
            ),
        ),
        Mistake(
            "exp is right. In the logarithm the square is missing: log(scale^2) is 2 log(scale).",
            wrong=lambda m, v, scale: (
                _kl(m, v + 2 * math.log(scale)) + 0.5 * math.log(scale) * m.shape[1]
            ),
        ),
        Mistake(
            "The width is right in exp and not in the logarithm: both read the new log variance.",
            wrong=lambda m, v, scale: (
                _kl(m, v + 2 * math.log(scale)) + math.log(scale) * m.shape[1]
            ),
        ),
    ],
    hint="What standard deviation do the samples have? Then the log variance that belongs to it.",
    solutions=solutions,
    remark="For sigma^2 = 0.01 and a scale of 0.01 it is 6.41 nats instead of 1.81, in every "
    "dimension: the sampler and the KL spoke of two different Gaussians. (Keras' example did so "
    "for a while: pull request 4211, 2016.)",
)

adam_limit = Question(
    "adam_limit",
    "For a float type with the largest number M: from which log variance on does the SQUARE of "
    "the KL's gradient, about exp(z_log_var) / 2, overflow?",
    variable="my_limit",
    answer=lambda largest: math.log(2) + 0.5 * math.log(largest),
    inputs=lambda rng: (float(10.0 ** rng.uniform(6.0, 37.0)),),
    outcome="One number, a log variance.",
    mistakes=[
        Mistake(
            "That is where exp itself overflows. Adam keeps the square of the gradient.",
            wrong=math.log,
        ),
        Mistake(
            "The gradient is HALF of exp(z_log_var), so the limit is log 2 larger than that.",
            wrong=lambda largest: 0.5 * math.log(largest),
        ),
        Mistake(
            "You put the half on the wrong side: exp(l) / 2 = sqrt(M) gives exp(l) = 2 sqrt(M).",
            wrong=lambda largest: 0.5 * math.log(largest) - math.log(2),
        ),
        Mistake(
            "That is where the gradient overflows, and not its square.",
            wrong=lambda largest: math.log(largest) + math.log(2),
        ),
        Mistake(
            "You squared exp(l) and not the half: (exp(l) / 2)^2 is exp(2 l) / 4.",
            wrong=lambda largest: 0.5 * math.log(2 * largest),
        ),
        Mistake(
            "That is the number 2 sqrt(M) itself; the log variance is its logarithm.",
            wrong=lambda largest: 2 * math.sqrt(largest),
        ),
    ],
    hint="Set (exp(l) / 2)^2 equal to M and solve for the log variance l.",
    solutions=solutions,
    remark="45.05 for float32: half way to 88.7, where exp itself ends.",
    tolerance=1e-3,  # log 2 may be written as 0.69
)
