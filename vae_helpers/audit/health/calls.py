"""Call a VAE as often as its measurements need, and leave it as it was."""

import contextlib
import math

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.elbo import bernoulli_log_likelihood
from vae_helpers.images import batches, images_of, rows_in_batch, unit_interval

MIN_IMAGES = 50
CALLS, CALL_IMAGES = 16, 250  # how often, and on how many images, the noise is drawn
OUTPUTS = ("z_mean", "z_log_var", "z", "logits")


@contextlib.contextmanager
def unchanged(vae):
    """Leave the variables that no optimiser moves, the state of the noise, as they were."""
    state = [(v, v.numpy()) for v in vae.variables if not v.trainable]
    try:
        yield
    finally:
        for variable, value in state:
            variable.assign(value)


def rows_of(inputs, rows):
    """Return some rows of a model's inputs: an array, or a dict of arrays."""
    if isinstance(inputs, dict):
        return {name: value[rows] for name, value in inputs.items()}
    return inputs[rows]


def _forward(model, inputs) -> dict:
    """What the model returns, checked to be what is needed."""
    if isinstance(inputs, dict):
        inputs = {name: tf.convert_to_tensor(value) for name, value in inputs.items()}
        inputs["images"] = unit_interval(inputs["images"])
    else:
        inputs = unit_interval(inputs)
    out = model(inputs)
    missing = [name for name in OUTPUTS if not (isinstance(out, dict) and name in out)]
    if missing:
        raise ValueError(
            f"vae(images) returned no {', '.join(missing)}, expected a dict with "
            f"{', '.join(OUTPUTS)}: let `call` return them, as VAE.call does"
        )
    return out


def _arrays(out, names) -> dict[str, np.ndarray]:
    return {name: keras.ops.convert_to_numpy(out[name]) for name in names}


def all_images(vae, inputs) -> dict[str, np.ndarray]:
    """Outputs and the model's own kl for every image, in batches of what memory holds."""
    parts = []
    for batch in batches(inputs):
        out = _forward(vae, batch)
        part = _arrays(out, OUTPUTS)
        part["kl"] = keras.ops.convert_to_numpy(vae.terms(batch, out)[1]).astype("float64")
        parts.append(part)
    n = len(images_of(inputs))
    whole = {name: np.concatenate([part[name] for part in parts]) for name in OUTPUTS}
    if all(part["kl"].shape == (len(part["z"]),) for part in parts):
        return {**whole, "kl": np.concatenate([part["kl"] for part in parts])}
    weights = [len(part["z"]) for part in parts]
    kl = np.average([part["kl"].mean() for part in parts], weights=weights)
    return {**whole, "kl": np.full(n, kl)}


def _step(images) -> int:
    """Every so-many-th image is used for repeated calls: as many as one batch may hold."""
    size = rows_in_batch(math.prod(images.shape[1:]))
    return -(-len(images) // max(MIN_IMAGES, min(CALL_IMAGES, size)))


def repeated_calls(vae, inputs) -> list[dict[str, np.ndarray]]:
    """Call the model many times on some of the images, in a graph as `fit` does."""
    few = rows_of(inputs, slice(None, None, _step(images_of(inputs))))
    run = vae if getattr(vae, "run_eagerly", False) else tf.function(vae, autograph=False)
    codes = ("z_mean", "z_log_var", "z")
    return [
        # Two outputs are enough to see whether they change; sixteen would fill the memory.
        _arrays(_forward(run, few), OUTPUTS if call < 2 else codes)
        for call in range(CALLS)
    ]


def gradients(vae, inputs, out) -> dict[str, bool]:
    """Does the reconstruction term move the encoder, and z follow z_mean and z_log_var?

    Args:
        vae: a `VAE`.
        inputs: what it takes.
        out: arrays z_mean and z_log_var that it gives for them.
    """
    found = {"encoder_gradient": _encoder_gradient(vae, rows_of(inputs, slice(64)))}
    if hasattr(vae.latent, "sample"):
        z_mean, z_log_var = tf.constant(out["z_mean"]), tf.constant(out["z_log_var"])
        with tf.GradientTape() as tape:
            tape.watch([z_mean, z_log_var])
            z = vae.latent.sample(z_mean, z_log_var)
        moves = [_moves(gradient) for gradient in tape.gradient(z, [z_mean, z_log_var])]
        found["mean_gradient"], found["log_var_gradient"] = moves
    return found


def _encoder_gradient(vae, inputs) -> bool:
    weights = vae.encoder.trainable_variables + vae.latent.trainable_variables
    if not weights:
        return True  # frozen on purpose
    images = unit_interval(images_of(inputs))
    with tf.GradientTape() as tape:
        logits = _forward(vae, inputs)["logits"]
        reconstruction = -tf.reduce_sum(bernoulli_log_likelihood(images, logits))
    weights = [w.value for w in weights]
    decoder = [w.value for w in vae.decoder.trainable_variables]
    moves = [_moves(g) for g in tape.gradient(reconstruction, [*weights, *decoder])]
    return any(moves[: len(weights)]) or not any(moves)


def _moves(gradient) -> bool:
    return gradient is not None and bool(tf.reduce_any(gradient != 0))
