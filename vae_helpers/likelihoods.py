"""What the decoder's outputs mean: five likelihoods p(x|z) for one and the same network.

A likelihood is a small layer between a decoder's outputs, any real numbers, and an image. It has

    log_likelihood(images, outputs)       log p(x|z), what training maximises, shape (batch,)
    mean(outputs)                         the mean of p(x|z), an image in [0, 1]
    sample(outputs)                       one x ~ p(x|z), an image in [0, 1]
    level_log_likelihood(images, outputs) log probability of the image's grey levels, (batch,)
    outputs_for(mean)                     the outputs whose mean is a given image
    adapt(images, outputs)                called by each training step; most do nothing

Values are in nats per image. A density and a probability are different things, and so their
logarithms cannot be compared. `level_log_likelihood` makes them comparable: each density is
integrated over the bin of the observed grey level, one of 256, so that the levels' probabilities
add up to 1. The `Bernoulli` has none: it knows black and white only.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.elbo import bernoulli_log_likelihood, gaussian_log_likelihood, sum_over_event
from vae_helpers.precision import at_least_float32

LEVELS = 256
# Grey levels are k / 255; the bins of black and white are half as wide as the others.
HALF_BIN = 0.5 / (LEVELS - 1)


class Likelihood(keras.layers.Layer):
    """What all likelihoods share.

    A subclass gives `log_likelihood`, `mean`, `sample` and, if it can, `level_log_likelihood`. All
    of them compute in float32, also where a decoder's outputs have 16 bits.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.built = True  # weights do not depend on the input shape

    def call(self, outputs):
        """Return the mean image, so that a likelihood can end a Keras model."""
        return self.mean(outputs)

    def outputs_for(self, mean):
        """Return the outputs whose mean is the image `mean` (NumPy, in (0, 1)): its logits."""
        return np.log(mean / (1 - mean))

    def adapt(self, images, outputs):
        """Move what is not trained by gradients towards its optimum. Nothing to move here."""

    def level_log_likelihood(self, images, outputs):
        """Return the log probability of the grey levels of `images` (k / 255), (batch,), in nats.

        Raises:
            ValueError: where p(x|z) gives grey levels no probability.
        """
        raise ValueError(
            f"{type(self).__name__} gives grey levels no probability, so its value cannot be "
            "compared with that of a density: take ContinuousBernoulli for grey pixels in [0, 1]"
        )


@keras.saving.register_keras_serializable(package="vae_helpers")
class Bernoulli(Likelihood):
    """Each pixel is black or white; the outputs are logits.

    On grey pixels the value is a cross-entropy, not the logarithm of a probability.
    """

    def log_likelihood(self, images, outputs):
        return bernoulli_log_likelihood(images, outputs)

    def mean(self, outputs):
        return _sigmoid(outputs)

    def sample(self, outputs, seed=None):
        uniform = keras.random.uniform(tf.shape(outputs), seed=seed)
        return tf.cast(uniform < _sigmoid(outputs), tf.float32)


@keras.saving.register_keras_serializable(package="vae_helpers")
class ContinuousBernoulli(Likelihood):
    """A density on [0, 1] with the Bernoulli's formula and the constant that it lacks there.

    For an output (logit) eta, p(x) = exp(eta x) / integral of exp(eta t) over t from 0 to 1.

    Source: Loaiza-Ganem & Cunningham (2019), arXiv:1907.06845. Written in eta rather than in
    lambda = sigmoid(eta), the normaliser is eta / (exp(eta) - 1).
    """

    def log_likelihood(self, images, outputs):
        outputs = at_least_float32(outputs)
        # exp(eta x) eta / (exp(eta) - 1) = exp(eta (x - 1/2)) (eta / 2) / sinh(eta / 2)
        return sum_over_event((images - 0.5) * outputs - log_sinhc(outputs / 2))

    def mean(self, outputs):
        """Return 1/2 + (coth(u) - 1/u) / 2 with u = eta / 2: closer to grey than sigmoid(eta)."""
        u = at_least_float32(outputs) / 2
        small = tf.abs(u) < 0.3
        safe = tf.where(small, tf.ones_like(u), u)
        series = u / 3 - u**3 / 45 + 2 * u**5 / 945
        return 0.5 + 0.5 * tf.where(small, series, 1 / tf.tanh(safe) - 1 / safe)

    def sample(self, outputs, seed=None):
        outputs = at_least_float32(outputs)
        # The inverse of the distribution function, for -|eta|; x -> 1 - x mirrors the rest.
        uniform = keras.random.uniform(tf.shape(outputs), seed=seed)
        eta = -tf.abs(outputs)
        small = eta > -1e-3
        safe = tf.where(small, -tf.ones_like(eta), eta)
        x = tf.where(small, uniform, tf.math.log1p(uniform * tf.math.expm1(safe)) / safe)
        return tf.clip_by_value(tf.where(outputs > 0, 1 - x, x), 0.0, 1.0)

    def outputs_for(self, mean):
        low, high = np.full_like(mean, -1e4), np.full_like(mean, 1e4)
        for _ in range(60):  # bisection: the mean grows with the output
            middle = (low + high) / 2
            too_low = self.mean(tf.constant(middle)).numpy() < mean
            low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
        return (low + high) / 2

    def level_log_likelihood(self, images, outputs):
        below, above = _bins(images)
        eta = tf.cast(outputs, tf.float64)
        width = above - below
        # The density at the bin's middle, times the width, times sinhc of the half exponent.
        per_pixel = ((below + above) / 2 - 0.5) * eta - log_sinhc(eta / 2)
        return sum_over_event(per_pixel + tf.math.log(width) + log_sinhc(eta * width / 2))


@keras.saving.register_keras_serializable(package="vae_helpers")
class Gaussian(Likelihood):
    """Each pixel is Gaussian, with mean sigmoid(output) and one sigma for all pixels and images.

    A sigma of 1 is what half the sum of squared errors stands for, without saying so.

    Args:
        sigma: the standard deviation, a fixed number; or "learned", and then the variance follows
            its optimum while training: the mean squared error of the latest batches.

    Attributes:
        log_var: log of the variance, a weight that is saved with the model.

    Source: Rybkin, Daniilidis & Levine (2021), "Simple and Effective VAE Training with Calibrated
        Decoders", arXiv:2006.13202: for given means the best variance is the mean squared error.
    """

    MEMORY = 0.95  # of the running variance: about twenty batches

    def __init__(self, sigma=1.0, **kwargs):
        super().__init__(**kwargs)
        if sigma != "learned" and not (isinstance(sigma, int | float) and 0 < sigma < math.inf):
            raise ValueError(f"sigma is {sigma!r}, expected a number above 0 or 'learned'")
        self.sigma = sigma
        start = 2 * math.log(0.3 if sigma == "learned" else sigma)
        self.log_var = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(start),
            trainable=False,
            aggregation="mean",
            name="log_var",
        )

    def log_likelihood(self, images, outputs):
        mean = self.mean(outputs)
        return gaussian_log_likelihood(images, mean, tf.zeros_like(mean) + self.log_var)

    def mean(self, outputs):
        return _sigmoid(outputs)

    def sample(self, outputs, seed=None):
        """Return mean plus noise, clipped to [0, 1], which the Gaussian itself does not respect."""
        noise = keras.random.normal(tf.shape(outputs), seed=seed)
        return tf.clip_by_value(self.mean(outputs) + tf.exp(0.5 * self.log_var) * noise, 0.0, 1.0)

    def adapt(self, images, outputs):
        if self.sigma == "learned":
            batch = tf.reduce_mean(tf.square(images - self.mean(outputs)))
            variance = self.MEMORY * tf.exp(self.log_var) + (1 - self.MEMORY) * batch
            self.log_var.assign(tf.math.log(tf.maximum(variance, 1e-8)))

    def level_log_likelihood(self, images, outputs):
        """Black and white take what lies beyond them, so that the levels add up to 1."""
        below, above = _bins(images, open_ends=True)
        mean = tf.sigmoid(tf.cast(outputs, tf.float64))
        scale = tf.sqrt(2.0 * tf.exp(tf.cast(self.log_var, tf.float64)))
        a, b = (below - mean) / scale, (above - mean) / scale
        a, b = tf.where(a > 0, -b, a), tf.where(a > 0, -a, b)  # the tail that does not cancel
        probability = 0.5 * (tf.math.erfc(-b) - tf.math.erfc(-a))
        return sum_over_event(tf.math.log(tf.maximum(probability, 1e-300)))

    def get_config(self):
        return {**super().get_config(), "sigma": self.sigma}


@keras.saving.register_keras_serializable(package="vae_helpers")
class DiscretisedLogistic(Likelihood):
    """The probability that a logistic variable falls into the bin of the pixel's grey level.

    Its mean is sigmoid(output); one scale for all pixels and images is trained by gradients. Black
    and white take what lies beyond them. Images are read to the nearest of 256 levels.

    Attributes:
        log_scale: log of the scale, a trainable weight.

    Source: Kingma et al. (2016), arXiv:1606.04934, and Salimans et al. (2017), arXiv:1701.05517.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.log_scale = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(-2.5), name="log_scale"
        )

    def log_likelihood(self, images, outputs):
        # F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)) for the logistic F: nothing cancels.
        mean, scale = self.mean(outputs), tf.exp(self.log_scale)
        below, above = _bins(images, open_ends=True, dtype=mean.dtype)
        log_upper = tf.math.log_sigmoid((above - mean) / scale)
        log_lower = tf.math.log_sigmoid((mean - below) / scale)
        width = tf.math.log(-tf.math.expm1(-2 * HALF_BIN / scale))
        is_inside = (below > -1) & (above < 2)
        return sum_over_event(log_upper + log_lower + tf.where(is_inside, width, 0.0))

    def mean(self, outputs):
        return _sigmoid(outputs)

    def sample(self, outputs, seed=None):
        uniform = keras.random.uniform(tf.shape(outputs), 1e-6, 1 - 1e-6, seed=seed)
        noise = tf.math.log(uniform) - tf.math.log1p(-uniform)
        grey = tf.clip_by_value(self.mean(outputs) + tf.exp(self.log_scale) * noise, 0.0, 1.0)
        return tf.round(grey * (LEVELS - 1)) / (LEVELS - 1)

    def level_log_likelihood(self, images, outputs):
        """Return `log_likelihood`: it is the probability of the grey levels already."""
        return self.log_likelihood(images, outputs)


def _sigmoid(outputs):
    return tf.sigmoid(at_least_float32(outputs))


def log_sinhc(u):
    """Return log(sinh(u) / u), by its series near 0, where the quotient is 0/0."""
    small = tf.abs(u) < 0.3
    safe = tf.where(small, tf.ones_like(u), tf.abs(u))
    far = safe + tf.math.log1p(-tf.exp(-2 * safe)) - tf.math.log(2 * safe)
    near = u**2 / 6 - u**4 / 180 + u**6 / 2835
    return tf.where(small, near, far)


def _bins(images, open_ends=False, dtype=tf.float64):
    """Lower and upper edge of each pixel's grey level.

    Args:
        images: pixels in [0, 1], rounded to k / 255.
        open_ends: whether black and white reach to (nearly) infinity; else to 0 and 1.
        dtype: of the edges.
    """
    # Far enough for any scale, and still finite: infinity minus infinity would be NaN.
    low, high = (-1e6, 1e6) if open_ends else (0.0, 1.0)
    level = tf.round(tf.cast(images, dtype) * (LEVELS - 1))
    below, above = level / (LEVELS - 1) - HALF_BIN, level / (LEVELS - 1) + HALF_BIN
    below = tf.where(level == 0, tf.constant(low, dtype), below)
    above = tf.where(level == LEVELS - 1, tf.constant(high, dtype), above)
    return below, above
