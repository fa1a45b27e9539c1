"""How the audit looks at a loss: it calls it with crafted inputs and measures what comes back.

Nothing here knows what is right. A loss is a black box that is called at a point (x, logit,
z_mean, z_log_var), each one number for all entries or a whole array; `match`
compares what it returned with the dictionary.
"""

from __future__ import annotations

import math
import re
import warnings

import numpy as np
import tensorflow as tf

BATCH = 4  # images in a probe; the laws of scale use another number as well
QUIET_PIXELS = ((0.0, -8.0), (0.0, -3.0), (0.5, 0.0), (0.5, 0.5), (0.3, 0.9))
QUIET_CODES = ((0.0, 0.0), (0.0, 0.9), (0.5, 0.5))


class LossFailed(ValueError):
    """The loss raised, or returned something that is not a number."""


class Probe:
    """A loss to be called at a point, eagerly or inside a `tf.function` as under `fit`.

    Args:
        loss_fn: the learner's code.
        image_shape: shape of one image.
        latent_dim: number of latent dimensions.
        takes_probabilities: the loss is given sigmoid(logits).
        in_graph: trace the loss. The sigmoid is then traced with it, as a decoder's own would be.
    """

    def __init__(self, loss_fn, image_shape, latent_dim, takes_probabilities, in_graph):
        self.loss_fn = loss_fn
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.takes_probabilities = takes_probabilities
        # Keras does not rewrite Python code under fit either: no AutoGraph.
        graph = tf.function(self._eager, autograph=False)
        self._call = graph if in_graph else self._eager
        self.returned_shape = self.returned_dtype = None

    def _eager(self, images, logits, z_mean, z_log_var):
        output = tf.sigmoid(logits) if self.takes_probabilities else logits
        return self.loss_fn(images, output, z_mean, z_log_var)

    def __call__(self, x, logits, m, v, batch=BATCH, image_shape=None, latent_dim=None) -> float:
        """The loss at a point, its mean where it returned one value for each image.

        Raises:
            LossFailed: if the loss raises or returns no number.
        """
        pixels = (batch, *(image_shape or self.image_shape))
        codes = (batch, latent_dim or self.latent_dim)
        point = [
            tf.constant(np.broadcast_to(np.asarray(value, "float32"), shape))
            for value, shape in ((x, pixels), (logits, pixels), (m, codes), (v, codes))
        ]
        try:
            # Extreme inputs are meant to overflow: the audit reports it, warnings need not.
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                returned = self._call(*point)
        except Exception as error:  # the learner's code may raise anything
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = re.sub(r"\{\{.*?\}\}\s*", "", lines[-1] if lines else "no message")[:300]
            raise LossFailed(
                f"loss_fn(images, logits, z_mean, z_log_var) raised {type(error).__name__}: "
                f"{reason} (images {pixels}, z_mean and z_log_var {codes})"
            ) from error
        returned = self._as_array(returned, batch)
        self.returned_shape, self.returned_dtype = returned.shape, returned.dtype.name
        with np.errstate(invalid="ignore", over="ignore"):
            return float(np.mean(returned.astype("float64")))

    @staticmethod
    def _as_array(returned, batch):
        expected = "expected a scalar or one value for each image"
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


def measure(probe, *point, **sizes):
    """The loss at a point, NaN where it is not finite or fails."""
    try:
        value = probe(*point, **sizes)
    except LossFailed:
        return math.nan
    return value if math.isfinite(value) else math.nan


def quiet_point(probe):
    """The ordinary point where the loss is smallest: differences are most exact there."""
    points = [(*pixel, *code) for pixel in QUIET_PIXELS for code in QUIET_CODES]
    values = {}
    for point in points:
        value = probe(*point)
        if math.isfinite(value):
            values[point] = abs(value)
    return min(values, key=values.get) if values else None
