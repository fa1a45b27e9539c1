"""The mistakes of samplers: z ~ N(z_mean, exp(z_log_var)) drawn in a wrong way. Each known once.

Three dicts from code to a frozen record. `WIDTHS`: what is taken for the standard deviation.
`SAMPLERS`: how the noise is drawn and used. `HEADS`: what reaches the sampler as z_mean and
z_log_var. A record's `text` ends a sentence ("it draws ..."); its `cure` says what to write.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import ops

TINY = 1e-12  # the log of a width of 0 stays finite
TABLE = np.random.default_rng(0).normal(size=(4096, 64)).astype("float32")
BATCH = 128  # written into a sampler


@dataclass(frozen=True)
class Width:
    """What a sampler takes for the standard deviation of q(z|x).

    Attributes:
        code: the standard deviation as it is written in code.
        log_sigma: its log, a function of z_log_var; of arrays and tensors.
        text: what that width is.
        cure: what to write instead.
    """

    code: str
    log_sigma: Callable
    text: str
    cure: str = "multiply the noise by exp(z_log_var / 2)"

    def sigma(self, z_log_var):
        """Return this standard deviation for z_log_var, as an array (NumPy)."""
        return np.exp(np.asarray(self.log_sigma(np.asarray(z_log_var))))

    def sample(self, z_mean, z_log_var, seed=None):
        """Return one z of this width for each image; see `Sampler.sample`."""
        return RIGHT_SAMPLER.sample(z_mean, z_log_var, seed, width=self)


@dataclass(frozen=True)
class Sampler:
    """How a sampler draws its noise and what it does with it.

    Attributes:
        code: a stable name.
        formula: function of z_mean, sigma (each (batch, latent_dim)) and a Keras seed to z.
        text: what it does, after "a sampler that".
        cure: what to do instead.
    """

    code: str
    formula: Callable
    text: str
    cure: str

    def sample(self, z_mean, z_log_var, seed=None, width=None):
        """Return one z for each image, as this sampler draws it.

        Args:
            z_mean: (batch, latent_dim).
            z_log_var: (batch, latent_dim).
            seed: whole number, `keras.random.SeedGenerator`, or None for Keras' own.
            width: a `Width`; exp(z_log_var / 2) when None.

        Returns:
            Tensor (batch, latent_dim).
        """
        z_mean, z_log_var = tf.convert_to_tensor(z_mean), tf.convert_to_tensor(z_log_var)
        sigma = tf.exp((width or RIGHT).log_sigma(z_log_var))
        return self.formula(z_mean, sigma, seed)


@dataclass(frozen=True)
class Head:
    """What reaches sampler and KL in place of the two outputs of the encoder.

    Attributes:
        code: a stable name.
        parameters: function of the two outputs to (z_mean, z_log_var), each (batch, latent_dim).
        text: what is wrong with them.
        cure: what to do instead.
    """

    code: str
    parameters: Callable
    text: str
    cure: str


RIGHT = Width("exp(z_log_var / 2)", lambda v: v / 2, "the standard deviation", cure="")

# The first that fits is named, so the right one comes first.
WIDTHS = {
    width.code: width
    for width in (
        RIGHT,
        Width("exp(z_log_var)", lambda v: v, "which is the variance: the half is missing"),
        Width(
            "1",
            lambda v: 0 * v,
            "the prior's, whatever z_log_var says: the noise is not scaled",
        ),
        Width(
            "z_log_var",
            lambda v: ops.log(ops.abs(v) + TINY),
            "which is a log: exp is missing",
        ),
        Width(
            "z_log_var / 2",
            lambda v: ops.log(ops.abs(v) / 2 + TINY),
            "which is the LOG of the standard deviation: exp is missing",
        ),
        Width(
            "softplus(z_log_var)",
            lambda v: ops.log(ops.softplus(v)),
            "which makes a standard deviation of another kind of output: z_log_var wants exp",
        ),
        Width(
            "sqrt(softplus(z_log_var))",
            lambda v: ops.log(ops.softplus(v)) / 2,
            "which makes it of another kind of output: z_log_var wants exp",
        ),
        Width(
            "sqrt(|z_log_var|)",
            lambda v: ops.log(ops.abs(v) + TINY) / 2,
            "where a log variance was taken for a variance",
        ),
        Width(
            "exp(z_log_var / 4)",
            lambda v: v / 4,
            "the root of the standard deviation: it is halved once too often",
        ),
        Width(
            "exp(z_log_var) / 2",
            lambda v: v - math.log(2),
            "half of the variance: the half belongs inside exp",
        ),
        Width("exp(2 z_log_var)", lambda v: 2 * v, "doubled where it should be halved"),
        Width(
            "exp(-z_log_var / 2)",
            lambda v: -v / 2,
            "with the wrong sign in exp: a large log variance means wide",
        ),
    )
}


def normal(shape, seed):
    """Return standard normal noise, fresh at every call."""
    return keras.random.normal(shape, seed=seed)


def _with(noise):
    """Return the formula z_mean + sigma * noise(z_mean, seed)."""
    return lambda z_mean, sigma, seed: z_mean + sigma * noise(z_mean, seed)


def _fresh(z_mean, seed):
    return normal(tf.shape(z_mean), seed)


def _uniform(low, high):
    return lambda z_mean, seed: keras.random.uniform(tf.shape(z_mean), low, high, seed=seed)


def _two_halves(sign):
    """Return noise of which the second half of the dimensions repeats the first, times `sign`."""

    def noise(z_mean, seed):
        dimensions = z_mean.shape[-1]
        half = normal((tf.shape(z_mean)[0], (dimensions + 1) // 2), seed)
        return tf.concat([half, sign * half], axis=1)[:, :dimensions]

    return noise


def _table(z_mean, seed):
    return tf.constant(TABLE)[: tf.shape(z_mean)[0], : z_mean.shape[-1]]


RIGHT_SAMPLER = Sampler("right", _with(_fresh), "draws z_mean + exp(z_log_var / 2) * noise", "")

_SHAPE = "draw it in the shape of z_mean, keras.random.normal(tf.shape(z_mean))"
_NORMAL = "draw it from a normal distribution around 0 with standard deviation 1"
_FRESH = "draw it inside the function, with keras.random or tf.random, without a fixed seed"

SAMPLERS = {
    sampler.code: sampler
    for sampler in (
        # --- no noise, or the same again ---
        Sampler(
            "no_noise",
            lambda z_mean, sigma, seed: z_mean,
            "draws no noise",
            "add exp(z_log_var / 2) times fresh noise",
        ),
        Sampler(
            "sigma_added",
            lambda z_mean, sigma, seed: z_mean + sigma,
            "adds sigma itself, multiplied with nothing random",
            "multiply sigma by fresh noise",
        ),
        Sampler(
            "fixed_seed",
            _with(lambda z_mean, seed: normal(tf.shape(z_mean), 7)),
            "draws the same noise at every call",
            _FRESH,
        ),
        Sampler("table", _with(_table), "takes its noise from a table", _FRESH),
        Sampler(
            "numpy_noise",
            _with(lambda z_mean, seed: np.random.normal(size=(1, z_mean.shape[-1]))),
            "takes NumPy's noise, which a graph draws only once",
            _FRESH,
        ),
        # --- shared ---
        Sampler(
            "one_for_images",
            _with(lambda z_mean, seed: normal((1, z_mean.shape[-1]), seed)),
            "draws one noise for the whole batch",
            _SHAPE,
        ),
        Sampler(
            "one_for_dimensions",
            _with(lambda z_mean, seed: normal((tf.shape(z_mean)[0], 1), seed)),
            "draws one number for all dimensions of an image",
            _SHAPE,
        ),
        Sampler(
            "one_for_all",
            _with(lambda z_mean, seed: normal((1, 1), seed)),
            "draws one single number for the whole batch",
            _SHAPE,
        ),
        Sampler(
            "one_for_two",
            _with(_two_halves(1)),
            "gives the second half of the dimensions the noise of the first half",
            _SHAPE,
        ),
        Sampler(
            "one_for_two_flipped",
            _with(_two_halves(-1)),
            "gives the second half of the dimensions minus the noise of the first half",
            _SHAPE,
        ),
        # --- another distribution ---
        Sampler(
            "half_as_wide",
            _with(lambda z_mean, seed: 0.5 * _fresh(z_mean, seed)),
            "draws noise of standard deviation 0.5",
            _NORMAL,
        ),
        Sampler(
            "almost_none",
            _with(lambda z_mean, seed: 0.01 * _fresh(z_mean, seed)),
            "draws noise of standard deviation 0.01",
            _NORMAL,
        ),
        Sampler("uniform", _with(_uniform(0, 1)), "draws noise that is uniform on [0, 1)", _NORMAL),
        Sampler(
            "uniform_centred",
            _with(_uniform(-(3**0.5), 3**0.5)),
            "draws uniform noise of the right width",
            _NORMAL,
        ),
        Sampler(
            "truncated",
            _with(lambda m, seed: keras.random.truncated_normal(tf.shape(m), seed=seed)),
            "draws normal noise that is cut off at 2 standard deviations",
            _NORMAL,
        ),
        Sampler(
            "noise_around_1",
            _with(lambda z_mean, seed: 1 + _fresh(z_mean, seed)),
            "draws noise around 1",
            _NORMAL,
        ),
        Sampler(
            "mean_halved",
            lambda z_mean, sigma, seed: 0.5 * z_mean + sigma * _fresh(z_mean, seed),
            "scales z_mean",
            "add the noise to z_mean as it is",
        ),
        # --- no gradient ---
        Sampler(
            "no_gradient",
            lambda m, sigma, seed: tf.stop_gradient(m + sigma * _fresh(m, seed)),
            "lets no gradient through",
            "leave out stop_gradient, and compute in TensorFlow or Keras operations",
        ),
        Sampler(
            "no_gradient_to_mean",
            lambda m, sigma, seed: tf.stop_gradient(m) + sigma * _fresh(m, seed),
            "lets no gradient through to z_mean",
            "add z_mean itself, without stop_gradient",
        ),
        Sampler(
            "no_gradient_to_sigma",
            lambda m, sigma, seed: m + tf.stop_gradient(sigma) * _fresh(m, seed),
            "lets no gradient through to z_log_var",
            "multiply the noise by exp(z_log_var / 2), without stop_gradient",
        ),
        # --- the size of the batch ---
        Sampler(
            "batch_written_in",
            _with(lambda z_mean, seed: normal((BATCH, z_mean.shape[-1]), seed)),
            f"draws noise for a batch of {BATCH}, whatever the batch is",
            _SHAPE,
        ),
        Sampler(
            "static_shape",
            _with(lambda z_mean, seed: normal(z_mean.shape, seed)),
            "asks z_mean.shape for the size of the batch, which is None inside a graph",
            _SHAPE,
        ),
    )
}

HEADS = {
    head.code: head
    for head in (
        Head(
            "log_var_is_mean",
            lambda z_mean, z_log_var: (z_mean, z_mean),
            "z_log_var is z_mean: both come from one output of the encoder",
            "give z_log_var a layer of its own, and read that one",
        ),
        Head(
            "softplus",
            lambda z_mean, z_log_var: (z_mean, tf.nn.softplus(z_log_var)),
            "z_log_var went through softplus, so that no code is narrower than the prior",
            "leave out the activation: a log variance may be any number",
        ),
        Head(
            "clipped_at_0",
            lambda z_mean, z_log_var: (z_mean, tf.maximum(z_log_var, 0.0)),
            "z_log_var is clipped at 0, so that no code is narrower than the prior",
            "leave out the clip and the activation: a log variance may be any number",
        ),
    )
}
