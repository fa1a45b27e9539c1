"""Examiners: what is wrong with a sampler, with a latent distribution, or with a test of these.

nb04 and nb06 ask for them. An examiner takes the learner's object and returns a sentence, or ""
when it is right. The mistakes stand in the one list, `known_mistakes`, which the audit reads too.
"""

from collections.abc import Callable
from itertools import combinations

import keras
import numpy as np
import tensorflow as tf

from vae_helpers import parts
from vae_helpers.elbo import gaussian_kl
from vae_helpers.exercises.blank import BlankLeft, is_blank
from vae_helpers.exercises.fault import Fault, examiner
from vae_helpers.exercises.losses import kl_with
from vae_helpers.known_mistakes import losses as known
from vae_helpers.known_mistakes.samplers import (
    RIGHT,
    RIGHT_SAMPLER,
    SAMPLERS,
    WIDTHS,
    Sampler,
    Width,
)

# --------------------------------------------------------------------------- samplers

LOW, HIGH = -3.0, 1.0  # two log variances; a law for sigma that fits both is the law


def sampler_fault(sample: Callable, latent_dim: int = 3) -> str:
    """Return what is wrong with a sampler of (z_mean, z_log_var), "" when nothing is."""
    if not callable(sample):
        return f"Expected a function, got {type(sample).__name__}. Hand over the function itself."
    return noise_fault(sample, latent_dim) or _under_fit(sample, latent_dim)


def noise_fault(sample: Callable, latent_dim: int = 3) -> str:
    """Return what is wrong with the z that a sampler gives when it is called directly."""
    rng = np.random.default_rng()
    z_mean = rng.normal(size=(4000, latent_dim)).astype("float32")
    z_log_var = rng.choice([LOW, HIGH], size=z_mean.shape).astype("float32")
    calls = [np.asarray(sample(tf.constant(z_mean), tf.constant(z_log_var))) for _ in range(2)]
    if calls[0].shape != z_mean.shape:
        return (
            f"Your z has shape {calls[0].shape}, expected that of z_mean, {z_mean.shape}: one "
            "code for each image."
        )
    if not np.isfinite(calls[0]).all():
        return f"Some of your z are NaN or infinite, for log variances of {LOW:.0f} and {HIGH:.0f}."
    noise = [z.astype("float64") - z_mean for z in calls]
    return (
        _repeated(noise, z_log_var)
        or _shared(noise[0], z_log_var)
        or _wrong_width(np.stack(noise), z_log_var)
    )


def _repeated(noise, z_log_var):
    if not np.allclose(noise[0], noise[1], atol=1e-5):
        return ""
    if np.allclose(noise[0], 0, atol=1e-5):
        return "z is z_mean: there is no noise in it, and the KL charges for a width nobody uses."
    if np.allclose(noise[0], np.exp(z_log_var / 2), rtol=1e-3):
        return (
            "z is z_mean + sigma at every call: sigma is added, and multiplied with nothing random."
        )
    return "Two calls give the same z: the noise has to be drawn anew inside the function."


def _shared(noise, z_log_var):
    if np.ptp(noise) < 1e-6:
        return "The whole batch gets one single number as its noise."
    low, dimensions = z_log_var == LOW, range(noise.shape[1])
    if all(np.ptp(noise[low[:, d], d]) < 1e-4 for d in dimensions):
        one = np.ptp([noise[low[:, d], d].mean() for d in dimensions]) < 1e-4
        whole = "One single number serves the whole batch" if one else "All images share one noise"
        return f"{whole}: draw one row for each image, tf.shape(z_mean)."
    pairs = list(combinations(dimensions, 2))
    shared = [pair for pair in pairs if _same_size(noise, low, *pair)]
    if shared:
        which = "{} and {}".format(*shared[0]) if len(shared) < len(pairs) else ""
        return (
            f"{f'Latent dimensions {which}' if which else 'All latent dimensions'} of an image "
            "share one number. The KL prices them as independent; a decoder can cancel what they "
            "share."
        )
    for first, second in pairs:
        found = np.corrcoef(noise[:, first], noise[:, second])[0, 1]
        if abs(found) > 0.12:  # chance alone stays below 0.08
            return (
                f"The noise of latent dimensions {first} and {second} of an image is correlated "
                f"({found:+.2f}): they share a part of it. The KL prices them as independent."
            )
    return ""


def _same_size(noise, low, first, second):
    """True when two dimensions have the same noise up to the sign, where they are equally wide."""
    both = low[:, first] & low[:, second]
    return np.allclose(abs(noise[both, first]), abs(noise[both, second]), atol=1e-4)


def _wrong_width(noise, z_log_var):
    levels = np.array([LOW, HIGH], "float32")
    found = np.array([np.std(noise[:, z_log_var == level]) for level in levels])
    right = RIGHT.sigma(levels)
    for width in WIDTHS.values():
        if width is not RIGHT and np.allclose(found, width.sigma(levels), rtol=0.06):
            return f"The noise has the standard deviation {width.code}, {width.text}."
    times = found / right
    if np.allclose(times, times.mean(), rtol=0.04) and abs(times.mean() - 1) > 0.04:
        return (
            f"The noise is {times.mean():.2g} times as wide as {RIGHT.code}, whatever z_log_var is."
        )
    scaled = noise / np.exp(z_log_var / 2)
    if abs(scaled.mean()) > 0.1 + 5 * scaled.std() / np.sqrt(scaled.size):
        return f"The noise is not centred: its mean is {scaled.mean():.2f}, expected 0."
    if not np.allclose(found, right, rtol=0.04):
        return (
            f"At log variances of {LOW:.0f} and {HIGH:.0f} your z has standard deviations "
            f"{found[0]:.3g} and {found[1]:.3g}, expected {right[0]:.3g} and {right[1]:.3g}."
        )
    kurtosis = np.mean((scaled - scaled.mean()) ** 4) / np.var(scaled) ** 2
    if abs(kurtosis - 3) > 0.6:
        return "The width is right, but the noise is not normal (is it uniform?)."
    return ""


def _under_fit(sample, latent_dim):
    """What goes wrong in training only: with gradients, and while a graph is built."""
    m, v = tf.zeros((20, latent_dim)), tf.zeros((20, latent_dim))
    with tf.GradientTape() as tape:
        tape.watch([m, v])
        z = sample(m, v)
    for name, gradient in zip(("z_mean", "z_log_var"), tape.gradient(z, [m, v]), strict=True):
        if gradient is None or not np.any(gradient):
            return (
                f"Called directly it is right. But no gradient reaches {name}: is there a "
                "stop_gradient, or a function of NumPy, on its way?"
            )
    in_graph = tf.function(sample)
    if np.allclose(in_graph(m, v), in_graph(m, v), atol=1e-5):
        return (
            "Called directly it is right. Under fit it is not: a number drawn by NumPy or Python "
            "is drawn once, while the graph is built. Draw with tf.random or keras.random."
        )
    spec = tf.TensorSpec((None, latent_dim), m.dtype)  # as under fit
    try:
        tf.function(sample, input_signature=(spec, spec))(m, v)
    except Exception:
        return (
            "Called directly it is right. Under fit it fails: while the graph is built the size of "
            "the batch is not known, and z_mean.shape says None. Ask tf.shape(z_mean)."
        )
    return ""


# --------------------------------------------------------------------------- latent distributions


def latent_with(
    sampler: Sampler = RIGHT_SAMPLER, width: Width = RIGHT, kl: Callable | None = None
) -> type:
    """Return a class like `parts.LatentDistribution`, with another sampler, width or KL.

    Args:
        sampler: like those of `known_mistakes.samplers`.
        width: like those of `known_mistakes.samplers`.
        kl: function of z_mean and z_log_var, as tensors.
    """

    class Latent(parts.LatentDistribution):
        def sample(self, z_mean, z_log_var):
            return sampler.sample(z_mean, z_log_var, self.noise, width=width)

        def kl(self, z_mean, z_log_var):
            return (kl or gaussian_kl)(z_mean, z_log_var)

    return Latent


def kl_is_right(latent: parts.LatentDistribution) -> bool:
    """Return True when `latent.kl` gives the Gaussian KL from the standard normal."""
    m, v = np.random.default_rng().normal(size=(2, 7, latent.latent_dim)).astype("float32")
    right, given = (
        kl_with(known.gaussian_kl)(m, v),
        np.asarray(latent.kl(*map(tf.constant, (m, v)))),
    )
    return given.shape == right.shape and np.allclose(given, right, 1e-4)


def is_healthy(latent: parts.LatentDistribution) -> bool:
    """Return True when `sample` draws from q(z|x), and `kl` gives its KL."""
    return not sampler_fault(latent.sample, latent.latent_dim) and kl_is_right(latent)


FROZEN = Sampler(
    "numpy",
    lambda m, sigma, seed: m + sigma * np.random.normal(size=m.shape).astype("float32"),
    "draws by NumPy: fresh in a direct call, frozen in fit",
    "",
)
ALWAYS_WIDE = Width("exp(|z_log_var| / 2)", lambda v: abs(v) / 2, "right only above 0")

CODES = ("no_noise", "one_for_all", "one_for_dimensions", "fixed_seed", "uniform_centred")
SICK_SAMPLERS = [*(SAMPLERS[code] for code in (*CODES, "no_gradient")), FROZEN]

# What each of the sick ones does, and the latent distribution that does it.
SICK_LATENTS = {
    **{sampler.text: latent_with(sampler) for sampler in SICK_SAMPLERS},
    **{
        f"draws with {width.code}, {width.text}": latent_with(width=width)
        for width in (WIDTHS["exp(z_log_var)"], ALWAYS_WIDE)
    },
    "has a `kl` that averages over the latent dimensions": latent_with(
        kl=lambda m, v: gaussian_kl(m, v) / m.shape[1]
    ),
    "has a `kl` that is the mean over the images": latent_with(
        kl=lambda m, v: tf.reduce_mean(gaussian_kl(m, v))
    ),
    "has a `kl` without its part for the variance": latent_with(
        kl=lambda m, v: 0.5 * tf.reduce_sum(tf.square(m), axis=1)
    ),
}
Healthy = latent_with()  # and not the class itself
# `sample` gives one number for each image.
WrongShape = type("WrongShape", (parts.LatentDistribution,), {"sample": lambda self, m, v: m[:, 0]})


def _passes(test, latent):
    """What a test says of a latent distribution; an assertion that fails says False."""
    level = (logger := tf.get_logger()).level
    logger.setLevel("ERROR")  # many graphs of one name are no fault here
    try:
        return test(latent)
    except AssertionError:
        return False
    finally:
        logger.setLevel(level)


def contract_test_fault(test: Callable) -> str:
    """Return which of these a learner's test of latent distributions tells wrongly, or ""."""
    if not callable(test) or isinstance(test, type):
        return "Expected a function of one latent distribution that returns True or False."
    for dimensions in (2, 3):
        verdict = _passes(test, parts.LatentDistribution(dimensions))
        if isinstance(verdict, str) or verdict is None:
            return f"It returned {verdict!r}, expected True or False. Is a `return` missing?"
        if not bool(verdict):
            return (
                f"It says False for a healthy LatentDistribution({dimensions}). Are the numbers "
                "that it expects right? Does it allow for chance (4 standard errors or more), and "
                "for any number of latent dimensions?"
            )
    if not bool(_passes(test, Healthy(2))):
        return (
            "It says False for a healthy class with another name. Judge what `sample` and `kl` "
            "give, and not where they come from."
        )
    passed = [text for text, sick in SICK_LATENTS.items() if bool(_passes(test, sick(2)))]
    if not passed:
        return ""
    if len(passed) >= len(SICK_LATENTS) - 1 and not bool(_passes(test, WrongShape(2))):
        return "It tests shapes, which nearly all sick ones have right: ask for known numbers."
    if len(passed) == len(SICK_LATENTS):
        return "It passes the healthy ones, and every sick one as well."
    n = len(SICK_LATENTS)
    return f"It catches {n - len(passed)} of {n} sick ones, and passes one that {passed[0]}."


def instance(cls, of: str, *arguments):
    """Return a part made of the class that a learner hands over; a sentence when it is no class."""
    if isinstance(cls, keras.layers.Layer):
        raise Fault(f"Hand over the class itself, without brackets, and not a {of} made of it.")
    if not isinstance(cls, type):
        raise Fault(f"Expected a class, got {type(cls).__name__}.")
    return cls(*arguments)


def latents_of(cls, latent_dim: int = 3) -> tuple:
    """Return a latent distribution of this class, and its z_mean and z_log_var of 7 images."""
    latent = instance(cls, "latent distribution", latent_dim)
    both = latent(np.random.default_rng().normal(size=(7, 5)).astype("float32"))
    if is_blank(both):
        raise BlankLeft("a ____ is left in `call`")
    if not isinstance(both, tuple | list) or len(both) != 2:
        raise Fault("`call` returns two tensors, z_mean and z_log_var: return both of them.")
    z_mean, z_log_var = both
    return latent, np.asarray(z_mean), np.asarray(z_log_var)


def equal(values, axis: int) -> bool:
    """Return True when the values do not differ along an axis."""
    return np.ptp(values, axis=axis).max() < 1e-6


@examiner
def round_latent_fault(cls) -> str:
    """Return what is wrong with a class that gives one log variance for all dimensions."""
    if hasattr(cls, "____"):
        raise BlankLeft("a method is still called ____")
    latent, z_mean, z_log_var = latents_of(cls)
    for name, values in (("z_mean", z_mean), ("z_log_var", z_log_var)):
        if values.shape != (7, 3):
            return (
                f"For 7 images and 3 latent dimensions, {name} has shape {values.shape}, expected "
                "(7, 3): the contract is two tensors of that shape."
            )
    if equal(z_mean, 1) and not equal(z_log_var, 1):
        return (
            "z_mean is the same in all dimensions, and z_log_var is not. If you made the log "
            "variances one, then they are returned in the wrong order: z_mean first."
        )
    if not equal(z_log_var, 1):
        return (
            "The log variances of one image still differ from dimension to dimension: the cloud is "
            "oval."
        )
    if equal(z_mean, 1):
        return "The means are equal too: every code lies on a diagonal. Share the variance only."
    if equal(z_log_var, 0):
        return "All images have the same log variance: it no longer depends on the features."
    features = np.ones((7, 5), "float32")
    if not np.allclose(latent(features)[1], latent(features)[1], atol=1e-6):
        return (
            "The same features give another z_log_var the second time: a layer that is made in "
            "`call` never learns. Make it in `__init__`."
        )
    if not all(hasattr(latent, name) for name in ("sample", "kl", "latent_dim")):
        return "`sample`, `kl` or `latent_dim` is missing: build on parts.LatentDistribution."
    if not kl_is_right(latent):
        return "`kl` gives something else than the Gaussian KL; there was no need to change it."
    words = noise_fault(latent.sample)
    if words:
        return f"`sample` is no longer right; there was no need to change it. {words}"
    _, _, z_log_var = latents_of(cls, 2)
    if z_log_var.shape != (7, 2):
        return (
            f"With 2 latent dimensions, z_log_var has shape {z_log_var.shape}, expected (7, 2): is "
            "there a number where self.latent_dim belongs?"
        )
    return ""
