"""Losses and KLs as answers: inputs to try them on, the right ones, and those that are wrong.

The formulas stand in the one list, `known_mistakes.losses`, which the audit reads too. An exercise
takes them from here by name, and adds the words in which it speaks to a learner.
"""

import re
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from vae_helpers import elbo
from vae_helpers.exercises.question import Mistake, Question
from vae_helpers.known_mistakes.losses import cross_entropy, gaussian_kl, kl, reconstruction

# --------------------------------------------------------------------------- inputs


def codes(rng: np.random.Generator) -> tuple:
    """Return z_mean and z_log_var of some images, shape (batch, latent_dim), both sizes random.

    The batch is never as large as the latent space, so that axes mixed up show.
    """
    latent_dim = int(rng.integers(3, 6))  # not 2, where a lost half and a mean cancel
    batch = int(rng.integers(latent_dim + 1, 8))
    z_mean = rng.normal(size=(batch, latent_dim)) * 1.5
    z_log_var = rng.uniform(-3.0, 1.5, size=(batch, latent_dim))
    return z_mean.astype("float32"), z_log_var.astype("float32")


def loss_inputs(rng: np.random.Generator, channels: int | None = None) -> tuple:
    """Return images, logits, z_mean, z_log_var; the sizes of all axes differ from each other.

    Args:
        rng: NumPy generator.
        channels: size of the images' last axis; random, and above 1, when None.
    """
    # Never 8, which people write for latent_dim; nor 2, where a half and a mean are the same.
    sizes = rng.permutation([3, 4, 5, 6, 7, 9])
    n, latent_dim, height, width = sizes[:4]
    images = rng.uniform(size=(n, height, width, channels or sizes[4]))
    logits = rng.normal(size=images.shape) * 2.0
    z_mean = rng.normal(size=(n, latent_dim)) * 1.4
    z_log_var = rng.uniform(-2.5, 1.5, size=z_mean.shape)
    return tuple(array.astype("float32") for array in (images, logits, z_mean, z_log_var))


# --------------------------------------------------------------------------- losses and KLs


def kl_with(latent: Callable, latents: Callable = np.sum) -> Callable:
    """Return a KL of z_mean and z_log_var, made of that of one latent dimension."""
    return lambda z_mean, z_log_var: latents(latent(z_mean, z_log_var), axis=1)


def loss_with(
    pixel: Callable = cross_entropy,
    latent: Callable = gaussian_kl,
    *,
    pixels: Callable = np.sum,
    latents: Callable = np.sum,
    over_images: Callable = np.mean,
    kl_weight: float = 1.0,
) -> Callable:
    """Return a loss of (images, logits, z_mean, z_log_var): minus the ELBO, if nothing is given.

    Args:
        pixel: cost of a pixel, a function of (image, logit).
        latent: KL of a latent dimension, a function of (z_mean, z_log_var).
        pixels: reduces the costs of each image; called with `axis=(1, 2, 3)`.
        latents: reduces the KLs of each image; called with `axis=1`.
        over_images: reduces the batch.
        kl_weight: factor on the KL.
    """

    def loss(images, logits, z_mean, z_log_var):
        inputs = (images, logits, z_mean, z_log_var)
        x, a, m, v = (np.asarray(part, "float64") for part in inputs)
        reconstruction = pixels(pixel(x, a), axis=(1, 2, 3))
        return over_images(reconstruction + kl_weight * latents(latent(m, v), axis=1))

    return loss


def latent_loss(latent: Callable) -> Callable:
    """Return minus the ELBO with another KL of one latent dimension."""
    return loss_with(latent=latent)


# --------------------------------------------------------------------------- mistakes


def kl_mistakes(make: Callable = kl_with, **words: str) -> list[Mistake]:
    """Return a `Mistake` for each wrong KL that is named.

    Args:
        make: function of the KL of one latent dimension that returns the wrong answer.
        words: name in `known_mistakes.losses` -> what to say to the learner.
    """
    return [Mistake(message, wrong=make(kl(name).function)) for name, message in words.items()]


def pixel_mistakes(**words: str) -> list[Mistake]:
    """Return a `Mistake` for each loss with a wrong reconstruction that is named.

    Args:
        words: name in `known_mistakes.losses` -> what to say to the learner.
    """
    return [
        Mistake(message, wrong=loss_with(reconstruction(name).function))
        for name, message in words.items()
    ]


# --------------------------------------------------------------------------- under fit


class LossQuestion(Question):
    """A question whose answer is a loss for `fit`: right values, right gradients, in a graph."""

    def _fault_of_function(self, answer):
        words = super()._fault_of_function(answer)
        if words == "":
            return under_fit_fault(answer, self.answer, self.inputs)
        return words and (_axes_words(words) or words)

    def _known(self, answer, results):
        return super()._known(answer, results) or _weights_words(results)


def _weights_words(results):
    """Say how often each term counts, if a loss is a sum of the two with other weights; or ""."""
    terms, given = [], []
    for found, _, inputs in results:
        reconstruction = loss_with(kl_weight=0.0)(*inputs.values())
        terms.append((reconstruction, loss_with()(*inputs.values()) - reconstruction))
        given.append(np.asarray(found, float))
    if not given or np.shape(given) != (len(results),) or not np.isfinite(given).all():
        return ""
    weights = np.linalg.lstsq(np.array(terms), np.array(given), rcond=None)[0]
    if not np.allclose(np.array(terms) @ weights, given, rtol=1e-4):
        return ""
    times = [f"{weight:.3g}" if abs(weight) > 1e-4 else "0" for weight in weights]
    return (
        f"Your loss is {times[0]} times the reconstruction plus {times[1]} times the KL. The ELBO "
        "counts both once."
    )


def under_fit_fault(loss: Callable, right: Callable, inputs: Callable) -> str:
    """Return why `fit` could not minimise a loss whose values are right, "" when it could.

    Args:
        loss: the learner's, of images, logits, z_mean and z_log_var.
        right: the right one, in TensorFlow.
        inputs: function of a NumPy Generator that returns these four.
    """
    tensors = [tf.constant(array) for array in inputs(np.random.default_rng())]
    specs = [tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in tensors]
    try:
        in_graph = tf.function(  # without autograph, as Keras builds the graph of `fit`
            lambda *given: tf.reduce_mean(loss(*given)), input_signature=specs, autograph=False
        )
        found = _gradients(in_graph, tensors)
        half = in_graph(*tensors).dtype.size < 4
    except Exception:
        return (
            "Called directly it is right. Under fit it fails: a graph holds tensors without "
            "numbers, and something here needs numbers (NumPy, float(), or a size that is None)."
        )
    if half:
        return "Its value is right up to rounding: keep it in float32, not in half precision."
    names = ("logits", "z_mean", "z_log_var")
    for name, given, expected in zip(names, found, _gradients(right, tensors), strict=True):
        if given is None or not np.any(given):
            return (
                f"Its value is right, but no gradient reaches {name}: is there a stop_gradient, or "
                "a function of NumPy, on its way?"
            )
        if not np.allclose(given, expected, rtol=1e-2, atol=1e-3 * np.abs(expected).max()):
            return (
                f"Its value is right, but its gradient with respect to {name} is not that of the "
                "ELBO: is a part of it stopped or clipped?"
            )
    return ""


def _gradients(loss, tensors):
    with tf.GradientTape() as tape:
        tape.watch(tensors[1:])
        value = loss(*tensors)
    return tape.gradient(value, tensors[1:])


def _axes_words(words):
    """Say in terms of images and latent dimensions which axes do not fit, or do not exist."""
    if none := re.search(r"Invalid reduction dimension \(?(-?\d+) for input with (\d+)", words):
        return f"There is no axis {none[1]}: what you reduce has {none[2]} axes, counted from 0."
    fit = re.search(r"do not fit together: \(([\d, ]*)\) and \(([\d, ]*)\)", words)
    codes_shape = re.search(r"z_mean of shape \((\d+), (\d+)\)", words)
    if not fit or not codes_shape:
        return ""
    images, latents = map(int, codes_shape.groups())
    meaning = {(images,): "one number for each image", (latents,): "one for each latent dimension"}
    told = []
    for text in fit.groups():
        shape = tuple(int(size) for size in text.split(","))
        told.append(f"{shape}, {meaning.get(shape, 'in which axes of an image are left')}")
    return (
        f"It adds two terms that do not fit together: one has shape {told[0]}; the other "
        f"{told[1]}. Each term needs one number for each image."
    )


# --------------------------------------------------------------------------- a weight that moves


def warm_up_fault(answer, inputs: Callable = loss_inputs) -> str:
    """Return what is wrong with a loss whose KL weight `set` changes, "" when nothing is."""
    if not callable(answer):
        return f"Expected a class, got {type(answer).__name__}. Hand over the class itself."
    loss = answer() if isinstance(answer, type) else answer
    if not callable(getattr(loss, "set", None)) or not callable(loss):
        return "Expected an object with set(weight), to be called with images, logits and codes."
    arrays = inputs(np.random.default_rng())
    reconstruction = loss_with(kl_weight=0.0)(*arrays)
    kl = loss_with()(*arrays) - reconstruction
    tensors = [tf.constant(array) for array in arrays]
    in_graph = tf.function(lambda *inputs: tf.reduce_mean(loss(*inputs)))
    weights, values = (None, 0.25, 1.0, 0.0), []
    try:
        for weight in weights:
            if weight is not None:
                loss.set(weight)
            values.append(float(in_graph(*tensors)))
    except Exception:
        if words := _wrong_kind(loss):
            return words
        raise
    right = [reconstruction + (weight or 0.0) * kl for weight in weights]
    if np.allclose(values, right, rtol=1e-4):
        return ""
    if np.ptp(values) < 1e-6 * abs(values[0]):
        return _stuck(loss, tensors, values[0], reconstruction + kl)
    if np.allclose(values[1:], right[1:], rtol=1e-4):
        return "Before the first set() the weight is not 0: a warm-up starts without the KL."
    if np.allclose(values[1:], [w * (reconstruction + kl) for w in weights[1:]], rtol=1e-4):
        return "The weight multiplies the whole loss. It belongs to the KL alone."
    if np.allclose(values[1:], [w * reconstruction + kl for w in weights[1:]], rtol=1e-4):
        return "The weight multiplies the reconstruction. It belongs to the KL."
    return (
        f"With weights of 0.25 and 1 the graph's loss is {values[1]:.4g} and {values[2]:.4g}, "
        f"expected {right[1]:.4g} and {right[2]:.4g}."
    )


def _variables(loss):
    return [part for part in vars(loss).values() if isinstance(part, tf.Variable | keras.Variable)]


def _wrong_kind(loss):
    """What is kept instead of a variable for a number with a point, "" if it is one."""
    if any(tf.as_dtype(part.dtype).is_integer for part in _variables(loss)):
        return "The variable holds whole numbers only, as tf.Variable(0) does. Start it at 0.0."
    if any(isinstance(part, tf.Tensor) for part in vars(loss).values()):
        return "The weight is a tensor, and a tensor never changes. A variable does."
    return ""


def _stuck(loss, tensors, value, whole):
    """Why the graph's loss does not follow the weight."""
    outside = []
    for weight in (0.0, 1.0):
        loss.set(weight)
        outside.append(float(tf.reduce_mean(loss(*tensors))))
    if np.ptp(outside) < 1e-6 * abs(outside[0]):
        if np.isclose(value, whole, rtol=1e-4):
            return "The weight is 1 whatever set() is told: there is no warm-up left."
        return "set() has no effect, inside a graph or outside."
    if _variables(loss):
        return (
            "set() makes a new variable, and the graph keeps looking at the first. Keep one, and "
            "use its assign."
        )
    return (
        "Called directly the loss follows set(). Inside a graph, as under fit, it does not: a "
        "Python number is read once, while the graph is built, and is a constant ever after."
    )


def warm_up_with(
    start: float = 0.0,
    kind: Callable = tf.Variable,
    renew: bool = False,
    total: Callable = lambda weight, reconstruction, kl: reconstruction + weight * kl,
) -> type:
    """Return a class for `warm_up_fault`.

    Args:
        start: the weight before `set` is called.
        kind: what the weight is made with, `tf.Variable` or `float`.
        renew: whether `set` makes a new weight; it assigns to the first otherwise.
        total: function of weight, reconstruction and KL that returns the loss of each image.
    """

    class MyWarmUp:
        def __init__(self):
            self.weight = kind(start)

        def set(self, weight):
            if renew:
                self.weight = kind(weight)
            else:
                self.weight.assign(weight)

        def __call__(self, images, logits, z_mean, z_log_var):
            reconstruction = -elbo.bernoulli_log_likelihood(images, logits)
            return tf.reduce_mean(
                total(self.weight, reconstruction, elbo.gaussian_kl(z_mean, z_log_var))
            )

    return MyWarmUp
