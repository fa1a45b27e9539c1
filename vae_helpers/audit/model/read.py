"""`audit_model`: the audit of a loss that is inside a Keras model.

`audit_loss` wants a function of four arguments. Most losses are no such function: they sit in a
`train_step`, in a layer that calls `add_loss`, in a function of the model. Here the model runs its
own loss, while its encoder and decoder are replaced by stand-ins that return crafted numbers.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.audit.loss import LossAudit, audit_loss
from vae_helpers.audit.model import codes, instrument, objective, seams, stand_in, watch
from vae_helpers.conditional import ConditionalVAE
from vae_helpers.vae import VAE

WATCHED = 5  # images of the run that is watched: a number that no other axis is likely to have


@dataclass(frozen=True, eq=False)
class Reading:
    """How a model was read: its loss as a function of four arguments, and the notes on it."""

    loss_fn: Callable
    latent_dim: int
    takes_probabilities: bool
    notes: tuple


def audit_model(
    model, images, *, loss=None, inputs=None, head=None, takes_probabilities=None, batch_size=None
) -> LossAudit:
    """Find out what the loss of a Keras model computes; `audit_loss` for what has no function.

        print(audit_model(vae, x_train))                       # train_step, add_loss, compile
        print(audit_model(vae, x_train, loss=compute_loss))    # a function of (model, images)

    The model's own code runs: the loss is taken where `train_step` asks for its gradient, or from
    `compute_loss`, from `compile(loss=...)` and `add_loss`, or from a function that is given.
    Crafted numbers take the place of what encoder and decoder return. Nothing is trained: weights,
    metrics, optimizer and seeds stay as they were. A model that was never called is built.

    Args:
        model: a `keras.Model` with an encoder, a sampled code and a decoder, in whatever style;
            our own `VAE` and its subclasses as well.
        images: at least one image, as `fit` is given them; their range is checked.
        loss: None to find it in the model, or a function of (model, images), of (images, outputs),
            or of any of images, outputs, z_mean, z_log_var and z, told apart by their names; one
            that returns a dict or tuple is read by its total.
        inputs: None, or a function from images to what `fit` is given for them, such as
            `lambda x: (x, labels)`; its result must have as many rows as the images.
        head: what the encoder's second output means, "log_var", "log_std", "std" or "softplus";
            None to tell by its name and by the sampler.
        takes_probabilities: whether the decoder returns probabilities; None to tell by trying.
        batch_size: the number of images, where the model's code is written for one only.

    Returns:
        A `LossAudit`, whose first notes say how the model was read.

    Raises:
        ValueError: where the loss or the parts of the model are not found, or the loss fails;
            naming what was looked for and what to pass instead.
    """
    batch = _checked(model, images, batch_size)
    if head is not None and head not in codes.WIDTHS:
        raise ValueError(f"head is {head!r}, expected one of {', '.join(codes.WIDTHS)} or None")
    if inputs is None and isinstance(model, ConditionalVAE):
        inputs = _with_labels
    with instrument.unchanged(model), instrument.quiet():
        reading = _read(model, batch, loss, inputs, head, takes_probabilities)
        options = {} if batch_size is None else {"batch_size": batch_size}
        audit = audit_loss(
            reading.loss_fn,
            tuple(batch.shape[1:]),
            reading.latent_dim,
            takes_probabilities=reading.takes_probabilities,
            images=_as_fed(model, images),
            **options,
        )
    return replace(audit, notes=(*reading.notes, *audit.notes))


def _checked(model, images, batch_size):
    """A few images as a tensor."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"model is a {type(model).__name__}, expected a keras.Model; a loss that is a function "
            "of (images, logits, z_mean, z_log_var) is for audit_loss"
        )
    if batch_size is not None and "batch_size" not in inspect.signature(audit_loss).parameters:
        raise ValueError("batch_size is given, but audit_loss takes none")
    images = np.asarray(images)
    if images.ndim < 2 or len(images) == 0 or images.dtype.kind not in "uif":
        raise ValueError(
            f"images have shape {images.shape} and dtype {images.dtype}, expected a batch of "
            "numbers as fit is given them; of a tf.data.Dataset pass next(iter(dataset))"
        )
    count = batch_size or WATCHED
    few = images[np.arange(count) % len(images)]
    return tf.constant(few if few.dtype == np.uint8 else few.astype("float32"))


def _with_labels(images):
    return {"images": images, "labels": tf.zeros(tf.shape(images)[:1], tf.int32)}


def _as_fed(model, images):
    """The batch as the loss sees it: our own models bring uint8 to [0, 1]."""
    images = np.asarray(images)
    if isinstance(model, VAE) and images.dtype == np.uint8:
        return images / np.float32(255)
    return images


def _read(model, batch, loss, inputs, head, takes_probabilities) -> Reading:
    goal = objective.find_objective(model, loss, inputs)
    # A model that was never called is built here, with its own random numbers.
    with instrument.intercepted(model, lambda source, proceed, args, kwargs: proceed()):
        goal.rehearse(batch)
    found = _seams(model, goal, batch)
    if head is not None:
        found = replace(found, head=head)
    if takes_probabilities is None:
        takes_probabilities = stand_in.gives_probabilities(model, goal, found, batch)
    latent_dim = int(np.prod(found.code_shape))
    points = _points(batch, latent_dim, takes_probabilities)
    once = stand_in.run_leanest(model, goal, found, points[0])
    symbols = ", ".join(name for _, name, _ in goal.symbols)
    moved, signs, pick = _trial(model, once, found, points)

    def loss_fn(images, output, z_mean, z_log_var):
        values = [pick(once(images, output, z_mean, z_log_var, sign)) for sign in signs]
        for variable, value in moved:  # a training step may count and average on the way
            variable.assign(value)
        return values[0] if len(values) == 1 else (values[0] + values[1]) / 2

    output = "probabilities" if takes_probabilities else "logits or the image itself"
    notes = [f"How the model was read: the loss is {goal.text}; {found.text} ({output})."]
    if symbols:
        notes.append(
            f"The loss reads {symbols} from outside, where they are symbols: Keras 3 refuses that "
            "under fit. Here numbers took their place. Give the loss what it needs, or call "
            "add_loss inside a layer."
        )
    if len(signs) == 2:
        notes.append(
            "The loss depends on the noise of z (a KL estimated from samples, perhaps). It was "
            "averaged over noise of +1 and -1 everywhere, which gives that KL exactly."
        )
    if head is None and found.sampler_width not in ("", found.head):
        notes.append(
            f"The second output of the encoder is read as {found.head}, while the sampler takes "
            f"it for {found.sampler_width}. If that is meant, pass head={found.sampler_width!r}; "
            "if not, the sampler is wrong, which is for health_report."
        )
    return Reading(loss_fn, latent_dim, takes_probabilities, tuple(notes))


def _seams(model, goal, batch):
    plus, minus = (
        watch.record(model, lambda: goal.rehearse(batch), noise) for noise in (1.0, -1.0)
    )
    try:
        return seams.find(plus, minus, tuple(batch.shape[1:]), len(batch))
    except codes.NotFound as error:
        raise ValueError(
            f"{error}. Looked among {len(plus)} calls of layers and methods in {goal.text}. "
            f"Instead {objective.INSTEAD}"
        ) from error


def _points(batch, latent_dim, takes_probabilities):
    """Points at which the loss is tried: one, another in z_mean, another in the output."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.uniform(0.1, 0.9, batch.shape), tf.float32)
    outputs = [tf.constant(rng.normal(size=batch.shape), tf.float32) for _ in range(2)]
    if takes_probabilities:
        outputs = [tf.sigmoid(output) for output in outputs]
    shape = (len(batch), latent_dim)
    m, v, other = (tf.constant(rng.uniform(0.2, 1, shape), tf.float32) for _ in range(3))
    return (x, outputs[0], m, v), (x, outputs[0], other, v), (x, outputs[1], m, v)


def _trial(model, once, found, points):
    """Run the loss at a few points to learn how to call it.

    Returns:
        (moved, signs, pick): variables that a run assigns, with their values; the noises to
        average over; what picks the number out of what the loss returns.
    """
    before = [(variable, variable.numpy()) for variable in instrument.variables_of(model)]
    try:
        base = once(*points[0], 1.0)
    except Exception as error:  # the author's code may raise anything
        if isinstance(error, ValueError) and objective.INSTEAD in str(error):
            raise
        raise ValueError(
            f"the loss raised {type(error).__name__}: {objective.first_line(error)}, when it was "
            f"run with crafted codes and outputs ({found.text}): {objective.INSTEAD}"
        ) from error
    moved = [(v, value) for v, value in before if not np.array_equal(v.numpy(), value)]
    for variable, value in moved:
        variable.assign(value)
    pick = _picker(base, *(once(*point, 1.0) for point in points[1:]))
    # A loss that changes from call to call anyway is left to audit_loss.
    same = []
    for noise in (1.0, -1.0):
        for variable, value in moved:
            variable.assign(value)
        again = once(*points[0], noise)
        same.append(np.allclose(pick(base), pick(again), rtol=1e-6, equal_nan=True))
    for variable, value in moved:
        variable.assign(value)
    return moved, (1.0, -1.0) if same == [True, False] else (1.0,), pick


def _picker(base, other_code, other_output):
    """What takes the number to minimise out of a dict or tuple of losses."""
    if hasattr(base, "_asdict") and set(objective.TOTALS) & set(base._fields):
        by_name = _picker(base._asdict(), None, None)
        return lambda returned: by_name(returned._asdict())
    if isinstance(base, dict):
        key = next((name for name in objective.TOTALS if name in base), None)
        if key is None:
            raise ValueError(
                f"the loss returned a dict of {', '.join(map(str, base))}, expected one of "
                f"{', '.join(objective.TOTALS)}: pass loss= a function that returns the number "
                "to minimise"
            )
        return lambda returned: returned[key]
    if isinstance(base, tuple):
        for i, entry in enumerate(base):
            changed = [np.any(np.asarray(entry) != o[i]) for o in (other_code, other_output)]
            if all(changed):
                return lambda returned: returned[i]
        raise ValueError(
            f"the loss returned a tuple of {len(base)}, none of which depends on both z_mean and "
            "the output: pass loss= a function that returns the number to minimise, such as their "
            "sum"
        )
    return lambda returned: returned
