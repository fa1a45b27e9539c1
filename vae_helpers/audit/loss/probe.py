"""How the audit calls a loss: at a point (x, logit, z_mean, z_log_var), eagerly or in a graph.

Nothing here knows what is right. Each of the four is one number for all entries, or an array.
"""

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

SIGNATURE = "loss_fn(images, logits, z_mean, z_log_var)"
MAX_BATCH = 4096  # a fixed batch size beyond this is not tried


class LossFailed(ValueError):
    """The loss raised, or returned something that is not a number."""


@dataclass(frozen=True)
class Setting:
    """How a loss is called.

    Attributes:
        loss_fn: the learner's code.
        image_shape: shape of one image.
        latent_shape: shape of one code.
        batch: images in a call.
        takes_probabilities: the loss is given sigmoid(logits).
        head: what the fourth argument is: "log_var", "log_std", "std" or "softplus".
        batch_given: the caller named the batch size.
    """

    loss_fn: Callable
    image_shape: tuple
    latent_shape: tuple
    batch: int = 4
    takes_probabilities: bool = False
    head: str = "log_var"
    batch_given: bool = False

    @property
    def pixels(self) -> int:
        """Entries of one image."""
        return math.prod(self.image_shape)

    @property
    def latents(self) -> int:
        """Entries of one code."""
        return math.prod(self.latent_shape)


# What the encoder's second output is for a log variance v: the loss is given that.
HEADS = {
    "log_var": lambda v: v,
    "log_std": lambda v: v / 2,
    "std": lambda v: np.exp(v / 2),
    "softplus": lambda v: np.exp(v / 2) + np.log(-np.expm1(-np.exp(v / 2))),
}


class Probe:
    """A loss to be called at points.

    Args:
        setting: how it is called.
        in_graph: trace the loss, as under `fit`. The sigmoid is then traced with it, as a
            decoder's own would be.
        seed: None, or a seed that is set before each call, for a loss that is random.
    """

    def __init__(self, setting, in_graph=False, seed=None):
        self.setting, self.seed = setting, seed
        # Keras does not rewrite Python code under fit either: no AutoGraph.
        self._graph = tf.function(self._eager, autograph=False)
        self._call = self._graph if in_graph else self._eager

    def _eager(self, images, logits, z_mean, head):
        output = tf.sigmoid(logits) if self.setting.takes_probabilities else logits
        return self.setting.loss_fn(images, output, z_mean, head)

    def tensors(self, x, logits, m, v, batch=None, image_shape=None, latent_shape=None):
        """Return the four tensors of a point, at the sizes asked for."""
        setting = self.setting
        pixels = (batch or setting.batch, *(image_shape or setting.image_shape))
        codes = (batch or setting.batch, *(latent_shape or setting.latent_shape))
        with np.errstate(all="ignore"):
            head = HEADS[setting.head](np.asarray(v, "float64"))
        pairs = ((x, pixels), (logits, pixels), (m, codes), (head, codes))
        return [tf.constant(np.broadcast_to(np.asarray(a, "float32"), s)) for a, s in pairs]

    def returned(self, *point, **sizes) -> np.ndarray:
        """Return what the loss returns at a point, as an array.

        Raises:
            LossFailed: if the loss raises or returns no number.
        """
        tensors = self.tensors(*point, **sizes)
        if self.seed is not None:
            set_seeds(self.seed)
        try:
            # Extreme inputs are meant to overflow: the audit reports it, warnings need not.
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = self._call(*tensors)
        except Exception as error:  # the learner's code may raise anything
            raise LossFailed(_why(error, tensors)) from error
        return _as_array(value, len(tensors[0]))

    def __call__(self, *point, **sizes) -> float:
        """Return the loss at a point: the mean where it gave one value for each image."""
        with np.errstate(invalid="ignore", over="ignore"):
            return float(np.mean(self.returned(*point, **sizes).astype("float64")))

    def measured(self, *point, **sizes) -> float:
        """Return the loss at a point, NaN where it is not finite or fails."""
        try:
            value = self(*point, **sizes)
        except LossFailed:
            return math.nan
        return value if math.isfinite(value) else math.nan

    def variables(self) -> tuple:
        """Return the float variables and counters that the loss reads, () where it has no graph.

        A counter is a single whole number, such as the optimizer's count of steps.
        """
        try:
            traced = self._graph.get_concrete_function(*self.tensors(0.5, 0.5, 0.3, 0.4))
        except Exception:  # it may run eagerly all the same
            return ()
        found = {id(v): v for v in traced.graph.variables if v.dtype.is_floating or _counts(v)}
        return tuple(found.values())

    def slope(self, variable, *point) -> float:
        """Return the loss's derivative by a variable (summed over its entries) at a point.

        By a counter it is the change when that goes one on.
        """
        if _counts(variable):
            return self._change(variable, *point)
        tensors = self.tensors(*point)
        try:
            with tf.GradientTape() as tape:
                tape.watch(variable)
                value = tf.reduce_mean(self._eager(*tensors))
            slope = tape.gradient(value, variable)
            return 0.0 if slope is None else float(tf.reduce_sum(slope))
        except Exception:  # a loss in NumPy has no slope
            return math.nan

    def _change(self, counter, *point) -> float:
        here, count = self.measured(*point), counter.numpy()
        try:
            counter.assign(count + 1)
            return self.measured(*point) - here
        finally:
            counter.assign(count)


def _counts(variable) -> bool:
    return variable.dtype in (tf.int32, tf.int64) and variable.shape.rank == 0


def set_seeds(seed):
    """Set every global seed that a loss may draw from."""
    import keras

    keras.utils.set_random_seed(seed)


def with_batch(setting: Setting) -> Setting:
    """Return the setting with a batch size that the loss takes.

    A loss that was written for one batch size says so in its error: numbers in it that may be
    that size are tried.

    Raises:
        LossFailed: if none works.
    """
    point = (0.5, 0.5, 0.3, 0.4)
    try:
        Probe(setting).returned(*point)
    except LossFailed as error:
        if setting.batch_given:
            raise
        for batch in _batch_sizes(str(error), setting):
            other = Setting(**{**vars(setting), "batch": batch})
            try:
                Probe(other).returned(*point)
            except LossFailed:
                continue
            return other
        raise
    return setting


def _batch_sizes(text, setting):
    """Batch sizes that an error may speak of: its numbers, whole images of them, whole codes."""
    numbers = [int(word) for word in re.findall(r"\d+", text.split(" (images ")[0])]
    sizes = [
        n // entries
        for entries in (setting.pixels, setting.latents, 1)
        for n in numbers
        if n % entries == 0
    ]
    # At a batch size that is a size of the image, a value for each image would broadcast.
    taken = {setting.batch, setting.pixels, setting.latents, *setting.image_shape}
    return [n for n in dict.fromkeys(sizes) if 1 < n <= MAX_BATCH and n not in taken][:12]


def _why(error, tensors):
    images, codes = tuple(tensors[0].shape), tuple(tensors[2].shape)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = re.sub(r"\{\{.*?\}\}\s*", "", lines[-1] if lines else "no message")[:300]
    text = f"{SIGNATURE} raised {type(error).__name__}: {reason} (images {images}, z_mean and "
    text += f"z_log_var {codes})"
    if isinstance(error, TypeError) and "argument" in reason:
        text += (
            f"; expected a function of four arguments, {SIGNATURE}, which returns one number or "
            "one for each image. A loss of (images, output) that takes z_mean and z_log_var from "
            "outside is given them as arguments instead"
        )
    shapes = re.search(r"[Ii]ncompatible shapes: (\[[\d,]*\]) vs\. (\[[\d,]*\])", reason)
    if shapes:
        sizes = [[int(n) for n in re.findall(r"\d+", shape)] for shape in shapes.groups()]
        short = min(sizes, key=len)
        if short in ([images[0]], [images[0], 1]) and sizes[0] != sizes[1]:
            text += (
                "; a term with a value for each pixel (or latent dimension) meets one with a value "
                "for each image: add up the first over everything that one image is made of, "
                "tf.reduce_sum(..., axis=1) or axis=[1, 2, 3], before the two are added"
            )
    return text


def _as_array(returned, batch):
    expected = (
        "expected a scalar or one value for each image. If those are the total and its terms, "
        f"return the total alone: {SIGNATURE} -> total"
    )
    numbers = isinstance(returned, list) and len(returned) == batch
    if numbers and all(np.ndim(value) == 0 for value in returned):
        returned = [float(value) for value in returned]
    elif returned is None or isinstance(returned, tuple | list | dict):
        size = f" of {len(returned)}" if returned is not None else ""
        raise LossFailed(f"the loss returned a {type(returned).__name__}{size}, {expected}")
    array = np.asarray(returned)
    if array.size == 0 or (array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16"):
        raise LossFailed(f"the loss returned {array!r:.80}, {expected}")
    return array
