"""`audit_loss`: what does a loss really compute?

The loss is a black box. It is measured once, with crafted inputs (`measure`): pixels and codes that
are all equal show the function of one pixel and of one latent dimension, which is looked up in the
known mistakes (`recognise`); other batch sizes, latent dimensions and image shapes show what is
added and what is averaged (`weigh`, `name`); large numbers show where it overflows (`verify`).
"""

import numbers
import random
from dataclasses import replace

import numpy as np

from vae_helpers.audit.loss.measure import measure, repeated, spots
from vae_helpers.audit.loss.name import name
from vae_helpers.audit.loss.probe import (
    HEADS,
    SIGNATURE,
    LossFailed,
    Probe,
    Setting,
    set_seeds,
    with_batch,
)
from vae_helpers.audit.loss.recognise import recognise
from vae_helpers.audit.loss.record import Measurements, is_one_number
from vae_helpers.audit.loss.report import NOT_SEEN, LossAudit, hopeless, report
from vae_helpers.audit.loss.tolerances import FLOAT32, REPEAT, SAME
from vae_helpers.audit.loss.verify import verify
from vae_helpers.audit.loss.weigh import weigh

SEED = 7  # of a loss that is random


def audit_loss(
    loss_fn,
    image_shape: tuple = (28, 28, 1),
    latent_dim: int | tuple = 2,
    *,
    takes_probabilities: bool = False,
    images=None,
    batch_size: int | None = None,
    head: str = "log_var",
) -> LossAudit:
    """Find out what a loss computes, name its mistakes and their cures.

        def my_loss(images, logits, z_mean, z_log_var):
            ...
        print(audit_loss(my_loss))

    The loss is probed eagerly and inside a `tf.function`, as `fit` would call it; where the two
    differ, both are reported. Several wordings may be one function: the audit sees the function
    and names the wordings. It does not see how z is sampled. Where a loss is random, the global
    seeds are set while it is measured.

    Args:
        loss_fn: `loss_fn(images, logits, z_mean, z_log_var)` with float32 tensors of shapes
            (batch, *image_shape) twice and (batch, latent_dim) twice, returning a scalar or one
            value for each image.
        image_shape: shape of one image, such as (28, 28, 1) or (784,).
        latent_dim: number of latent dimensions; or the shape of one code, such as (7, 7, 4).
        takes_probabilities: the second argument is sigmoid(logits) instead of the logits.
        images: None, or a real batch as it is fed to the loss, to have its range checked.
        batch_size: None, or the number of images in a batch, where the loss is written for one;
            weights that depend on it are then quoted at it.
        head: what the fourth argument is: "log_var", "log_std" (log sigma), "std" (sigma itself)
            or "softplus" (sigma is its softplus).

    Returns:
        A `LossAudit`: `print` it, or read `is_elbo`, `effective_beta`, `mistakes` and the rest.

    Raises:
        ValueError: if the loss raises at an ordinary input, returns no number, or an argument
            makes no sense.
    """
    if not callable(loss_fn):
        raise ValueError(f"loss_fn is {loss_fn!r:.80}, expected a function: {SIGNATURE}")
    if not isinstance(takes_probabilities, bool):
        raise ValueError(f"takes_probabilities is {takes_probabilities!r}, expected True or False")
    if head not in HEADS:
        raise ValueError(f"head is {head!r}, expected one of {', '.join(HEADS)}")
    setting = Setting(
        loss_fn,
        _shape(image_shape, "image_shape"),
        _shape(latent_dim if isinstance(latent_dim, tuple | list) else [latent_dim], "latent_dim"),
        takes_probabilities=takes_probabilities,
        head=head,
    )
    if batch_size is not None:
        batch = _whole_number(batch_size, "batch_size")
        setting = replace(setting, batch=batch, batch_given=True)
    setting = with_batch(setting)
    measured, graph, why = _measure_twice(setting)
    audit = examine(measured, images)
    if why:
        audit = replace(audit, notes=(*audit.notes, why))
    if graph is not None:
        audit = both_modes(audit, examine(graph, images))
    return replace(audit, notes=(*audit.notes, NOT_SEEN))


def examine(measured: Measurements, images=None) -> LossAudit:
    """Return the audit of one record of measurements."""
    if measured.quiet is None:
        why = "The loss is NaN or infinite at every ordinary input."
        return hopeless(why, ("not_finite",))
    if not measured.repeatable:
        return _not_repeatable(measured)
    return report(verify(name(weigh(recognise(measured))), images))


def _not_repeatable(measured):
    repeats = next(values for values in measured.repeats if not is_one_number(values))
    first, second, *_, last = repeats
    values = f"{first:.6g}, {second:.6g}, ... {last:.6g}"
    steps = np.diff(repeats)
    if np.all(steps > 0) or np.all(steps < 0):
        return hopeless(
            f"The same input gave {values}, further with every call: something in the loss, a "
            "counter perhaps, changes from call to call. Under fit the loss is traced once, and "
            "a Python counter freezes there.",
            ("weight_changes",),
        )
    return hopeless(
        f"The same input gave {values}: something random is inside the loss. Sample z in the "
        "model, and pass its logits.",
        ("unknown",),
    )


def _measure_twice(setting):
    """The loss measured eagerly; in a graph where that is another function; and why not."""
    eager, traced = Probe(setting), Probe(setting, in_graph=True)
    if not all(map(is_one_number, repeated(eager))):
        return _measure_random(setting), None, ""
    try:
        there = spots(traced)
    except LossFailed as error:
        why = f"Inside a tf.function, as under fit, it does not run: {error}."
        return measure(eager), None, why
    measured = measure(eager, variables=traced.variables())
    here = spots(eager)
    close = np.isclose(here, there, rtol=REPEAT, atol=20 * FLOAT32, equal_nan=True)
    return measured, None if np.all(close) else measure(traced), ""


def _measure_random(setting):
    """The loss measured with the same seeds at every call; those of Python and NumPy put back."""
    python, array = random.getstate(), np.random.get_state()
    try:
        return measure(Probe(setting, seed=SEED), random=True)
    finally:
        random.setstate(python)
        np.random.set_state(array)
        fresh = int(np.random.RandomState(array[1][:8]).randint(2**31))
        set_seeds(fresh)
        random.setstate(python)
        np.random.set_state(array)


def both_modes(audit: LossAudit, graph: LossAudit) -> LossAudit:
    """Return the audit of a loss that is another function inside a graph, or the first alone."""
    if _same(audit, graph):
        return audit
    note = (
        f"Inside a tf.function, as under fit, it is another function than when called directly. "
        f"There: {graph.verdict} Reconstruction: {graph.reconstruction_text}, weight "
        f"{graph.reconstruction_weight:.4g}; KL: {graph.kl_text}, weight {graph.kl_weight:.4g}."
    )
    note = " ".join([note, *(other for other in graph.notes if other not in audit.notes)])
    if "probabilities_as_logits" in set(audit.mistakes) ^ set(graph.mistakes):
        note += " Keras' cross-entropy finds the logits behind a tf.sigmoid of the same graph."
    return replace(
        audit,
        is_elbo=audit.is_elbo and graph.is_elbo,
        mistakes=tuple(dict.fromkeys((*audit.mistakes, *graph.mistakes))),
        notes=(*audit.notes, note),
        in_graph=graph,
    )


def _same(one, other):
    kinds = ("reconstruction", "kl", "images", "variants")
    weights = ("reconstruction_weight", "kl_weight")
    return (
        set(one.mistakes) == set(other.mistakes)
        and all(getattr(one, name) == getattr(other, name) for name in kinds)
        and all(
            np.isclose(getattr(one, name), getattr(other, name), rtol=SAME, equal_nan=True)
            for name in weights
        )
    )


def _shape(sizes, name):
    shape = tuple(_whole_number(size, name) for size in sizes)
    if not shape:
        raise ValueError(f"{name} is empty, expected such as (28, 28, 1) or (784,)")
    return shape


def _whole_number(value, name):
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} holds {value!r}, expected a whole number above 0")
    return int(value)
