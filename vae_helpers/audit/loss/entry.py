"""`audit_loss`: what does a loss really compute?

The loss is a black box. It is called with crafted inputs: pixels and codes that are all equal show
the function of one pixel and of one latent dimension, which is looked up in the dictionary of
`terms`; other batch sizes, latent dimensions and image shapes show what is added and what is
averaged; random inputs test the description; large numbers show where it overflows.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import replace

import numpy as np

from vae_helpers.audit.loss.recognise import code_part, pixel_part
from vae_helpers.audit.loss.offset import Offset
from vae_helpers.audit.loss.probe import LossFailed, Probe, quiet_point
from vae_helpers.audit.loss.report import NOT_SEEN, LossAudit
from vae_helpers.audit.loss.verify import departures, large_numbers, range_of, validate
from vae_helpers.audit.loss.weigh import SAME, name_weights


def audit_loss(
    loss_fn, image_shape=(28, 28, 1), latent_dim=2, *, takes_probabilities=False, images=None
) -> LossAudit:
    """Find out what a loss computes, name its mistakes and their cures.

        def my_loss(images, logits, z_mean, z_log_var):
            ...
        print(audit_loss(my_loss))

    The loss is probed eagerly and inside a `tf.function`, as `fit` would call it; where the two
    differ, both are reported. Several wordings may be one function: the audit sees the function
    and names the wordings. It does not see how z is sampled.

    Args:
        loss_fn: `loss_fn(images, logits, z_mean, z_log_var)` with float32 tensors of shapes
            (batch, *image_shape) twice and (batch, latent_dim) twice, returning a scalar or one
            value for each image.
        image_shape: shape of one image, such as (28, 28, 1) or (784,).
        latent_dim: number of latent dimensions.
        takes_probabilities: the second argument is sigmoid(logits) instead of the logits.
        images: None, or a real batch as it is fed to the loss, to have its range checked.

    Returns:
        A `LossAudit`: `print` it, or read `is_elbo`, `effective_beta`, `mistakes` and the rest.

    Raises:
        ValueError: if the loss raises at an ordinary input, returns no number, or an argument
            makes no sense.
    """
    if not callable(loss_fn):
        raise ValueError(
            f"loss_fn is {loss_fn!r:.80}, expected a function of "
            "(images, logits, z_mean, z_log_var)"
        )
    image_shape = tuple(_whole_number(size, "image_shape") for size in image_shape)
    latent_dim = _whole_number(latent_dim, "latent_dim")
    if not image_shape:
        raise ValueError("image_shape is empty, expected such as (28, 28, 1) or (784,)")
    if not isinstance(takes_probabilities, bool):
        raise ValueError(f"takes_probabilities is {takes_probabilities!r}, expected True or False")
    probe = Probe(loss_fn, image_shape, latent_dim, takes_probabilities, in_graph=False)
    audit = _examine(probe, images)
    try:
        graph = _examine(
            Probe(loss_fn, image_shape, latent_dim, takes_probabilities, in_graph=True), images
        )
    except LossFailed as error:
        note = f"Inside a tf.function, as under fit, it does not run: {error}."
        return replace(audit, notes=(*audit.notes, note, NOT_SEEN))
    if _same(audit, graph):
        return replace(audit, notes=(*audit.notes, NOT_SEEN))
    both = dict.fromkeys((*audit.mistakes, *graph.mistakes))
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
        mistakes=tuple(both),
        notes=(*audit.notes, note, NOT_SEEN),
        in_graph=graph,
    )


def _whole_number(value, name):
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} holds {value!r}, expected a whole number above 0")
    return int(value)


def _same(one, other):
    weights = ("reconstruction_weight", "kl_weight")
    return (
        set(one.mistakes) == set(other.mistakes)
        and (one.reconstruction, one.kl, one.images)
        == (other.reconstruction, other.kl, other.images)
        and all(
            np.isclose(getattr(one, name), getattr(other, name), rtol=SAME, equal_nan=True)
            for name in weights
        )
    )


def _examine(probe, images) -> LossAudit:
    """The audit of one mode, eager or graph."""
    quiet = quiet_point(probe)
    if quiet is None:
        return _hopeless("The loss is NaN or infinite at every ordinary input.", ("not_finite",))
    again = [probe(0.37, 0.6, 0.4, 0.7) for _ in range(3)]
    if max(again) - min(again) > 1e-6 * max(map(abs, again)):
        return _hopeless(
            f"The same input gave {again[0]:.6g}, {again[1]:.6g} and {again[2]:.6g}: something "
            "random is inside the loss. Sample z in the model, and pass its logits.",
            ("unknown",),
        )
    pixels = pixel_part(probe, quiet)
    codes = code_part(probe, quiet)
    offset = Offset(probe, pixels, codes)
    residual = validate(probe, pixels, codes, offset, quiet)
    notes = []
    finite, about_large = large_numbers(probe, quiet)
    about_large += departures(probe, pixels, codes, quiet)
    range_codes, about_range = range_of(images, pixels, probe.image_shape)
    mistakes = name_weights(probe, pixels, codes, notes)
    mistakes += [*pixels.mistakes, *codes.mistakes]
    if pixels.known and codes.known:
        offset_notes, is_offset = offset.name()
        notes += offset_notes
        if is_offset:
            mistakes.append("constant_offset")
    if not finite:
        mistakes.append("not_finite")
    mistakes += range_codes
    notes += [*pixels.notes, *codes.notes, *about_large, *about_range]
    if len(probe.returned_shape) > 1:
        notes.append(
            f"It returns shape {probe.returned_shape}, neither a scalar nor one value for each "
            "image; its mean was taken, as Keras would."
        )
    mistakes = tuple(dict.fromkeys(mistakes))
    for part in (pixels, codes):
        if part.kind == "unknown":
            part.weight = math.nan
    return LossAudit(
        is_elbo=_is_elbo(pixels, codes, mistakes),
        reconstruction=pixels.kind,
        kl=codes.kind,
        reconstruction_weight=pixels.weight,
        kl_weight=codes.weight,
        effective_beta=_ratio(codes.weight, pixels.weight),
        images="sum" if pixels.summed() or codes.summed() else "mean",
        mistakes=mistakes,
        notes=tuple(dict.fromkeys(notes)),
        residual=residual,
        reconstruction_text=pixels.text,
        kl_text=codes.text,
    )


def _hopeless(note, mistakes):
    return LossAudit(
        is_elbo=False,
        reconstruction="unknown",
        kl="unknown",
        reconstruction_weight=math.nan,
        kl_weight=math.nan,
        effective_beta=math.nan,
        images="mean",
        mistakes=mistakes,
        notes=(note,),
        residual=1.0,
        reconstruction_text="unknown",
        kl_text="unknown",
    )


def _ratio(kl_weight, reconstruction_weight):
    if reconstruction_weight:
        return kl_weight / reconstruction_weight
    return math.nan if not kl_weight else math.copysign(math.inf, kl_weight)


def _is_elbo(pixels, codes, mistakes):
    right = pixels.known and codes.known and pixels.kind not in ("none", "unknown")
    right = right and codes.kind == "gaussian" and set(mistakes) <= {"constant_offset"}
    if not right or not math.isclose(codes.weight, 1.0, rel_tol=SAME):
        return False
    if pixels.kind in ("gaussian", "squared_error"):
        return pixels.weight > 0  # some sigma makes it a Gaussian's
    return math.isclose(pixels.weight, 1.0, rel_tol=SAME)
