"""Run a model's loss while its encoder and decoder are replaced by crafted numbers."""

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.audit.model import instrument, objective, symbols


def run_once(model, goal, found) -> Callable:
    """Return the model's loss as a function of images, output, z_mean, z_log_var and noise."""

    def once(images, output, z_mean, z_log_var, noise):
        batch = tf.shape(z_mean)[0]
        if len(found.code_shape) > 1 and z_mean.shape[1] == np.prod(found.code_shape):
            shape = tf.concat([[batch], tf.constant(found.code_shape, tf.int32)], axis=0)
            z_mean, z_log_var = tf.reshape(z_mean, shape), tf.reshape(z_log_var, shape)
        if tuple(output.shape[1:]) != found.output_shape and np.prod(output.shape[1:]) == np.prod(
            found.output_shape
        ):
            output = tf.reshape(output, (-1, *found.output_shape))
        second = _second_output(found.head, z_log_var)
        z = z_mean + tf.exp(z_log_var / 2) * noise
        crafted = objective.Crafted(output, z_mean, second, z)

        def handler(source, proceed, args, kwargs):
            stub = found.roles.get(source if isinstance(source, str) else id(source))
            return proceed() if stub is None else _stand_in(*stub, crafted, batch)

        values = [
            _in_place_of(symbol, name, found, crafted, images) for _, name, symbol in goal.symbols
        ]
        with (
            instrument.known_noise(noise),
            instrument.metrics_idle(),
            instrument.intercepted(model, handler),
            symbols.filled(goal.symbols, values),
        ):
            return goal.run(images, crafted)

    return once


def run_leanest(model, goal, found, point) -> Callable:
    """Return `run_once` without the calls that nothing needs, if the loss at `point` agrees.

    Such calls take time, and bind the loss to the image shape of the model. But code between the
    layers is not seen, and may use what they return.
    """
    lean = run_once(model, goal, found)
    needed = {key: stub for key, stub in found.roles.items() if key not in found.unused}
    whole = run_once(model, goal, replace(found, roles=needed))
    if not found.unused:
        return lean
    values = []
    for once in (whole, lean):
        try:
            with instrument.unchanged(model):
                returned = keras.tree.flatten(once(*point, 1.0))
                values.append([np.asarray(each) for each in returned])
        except Exception:  # the author's code may raise anything
            return whole
    close = [np.allclose(a, b, rtol=1e-5, equal_nan=True) for a, b in zip(*values, strict=True)]
    return lean if all(close) else whole


def _second_output(head, z_log_var):
    """What the encoder would return for a log variance."""
    if head == "log_std":
        return z_log_var / 2
    if head == "std":
        return tf.exp(z_log_var / 2)
    if head == "softplus":
        return tf.math.log(tf.math.expm1(tf.exp(z_log_var / 2)))
    return z_log_var


def _stand_in(call, roles, crafted, batch):
    """What a replaced call returns: crafted numbers in the structure that was recorded."""
    remaining = iter(zip(call.leaves, roles, strict=True))

    def fill(leaf):
        if not tf.is_tensor(leaf):
            return leaf
        tensor, role = next(remaining)
        if role is None:
            value = tf.zeros((batch, *tensor.shape[1:]))
        elif role == "both":
            value = tf.concat([crafted.z_mean, crafted.z_log_var], axis=-1)
        elif role == "both_swapped":
            value = tf.concat([crafted.z_log_var, crafted.z_mean], axis=-1)
        else:
            value = getattr(crafted, role)
        return tf.cast(value, tensor.dtype)

    return keras.tree.map_structure(fill, call.outputs)


def _in_place_of(symbol, name, found, crafted, images):
    """The number that a symbol read from outside stands for, by its layer or by its name."""
    history = symbol._keras_history
    _, roles = found.roles.get(id(history.operation), (None, ()))
    kind = roles[history.tensor_index] if history.tensor_index < len(roles) else None
    kind = kind or objective.kind_of(name)
    if kind in ("z_mean", "z_log_var", "z", "output"):
        return getattr(crafted, kind)
    if kind == "images":
        return images
    raise ValueError(
        f"the loss reads the symbol {name!r} from outside, which is none of z_mean, z_log_var, z, "
        f"the output or the images by its layer or name: {objective.INSTEAD}"
    )


def gives_probabilities(model, goal, found, batch) -> bool:
    """Return whether the output stays in [0, 1] for any code, however large."""
    code_roles = {"z_mean", "z_log_var", "z", "both", "both_swapped"}
    z_mean = 30 * np.random.default_rng(0).normal(size=(len(batch), *found.code_shape))
    z_mean = tf.constant(z_mean, tf.float32)
    z_log_var = tf.zeros_like(z_mean)
    crafted = objective.Crafted(None, z_mean, _second_output(found.head, z_log_var), z_mean)
    values = [found.output.values[0]]

    def handler(source, proceed, args, kwargs):
        key = source if isinstance(source, str) else id(source)
        call, roles = found.roles.get(key, (None, ()))
        if code_roles & set(roles):
            return _stand_in(call, roles, crafted, len(batch))
        returned = proceed()
        if key == found.output.key:
            values.append(np.asarray(returned, "float64"))
        return returned

    with instrument.known_noise(1.0), instrument.intercepted(model, handler):
        goal.rehearse(batch)
    values = np.concatenate([value.ravel() for value in values])
    if np.ptp(values) < 1e-6:  # an output that starts constant, at a sigmoid of 0 perhaps
        return bool(np.allclose(values, 0.5))
    return bool(values.min() >= 0 and values.max() <= 1)
