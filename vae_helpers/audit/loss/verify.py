"""Is the description right? What it leaves of the loss; large numbers; and a real batch."""

import math
from dataclasses import dataclass

import numpy as np

from vae_helpers.audit.loss.name import Named
from vae_helpers.audit.loss.tolerances import DEPARTS, RANGE
from vae_helpers.audit.loss.weigh import GAUSSIAN


@dataclass(frozen=True)
class Verified:
    """A named loss, and what its large numbers and a real batch say.

    Attributes:
        named: the loss.
        residual: share of its variation that the description leaves.
        broken: places ("reconstruction", "KL") where it is NaN or infinite though a VAE may go
            there.
        range_codes: mistakes of the images given.
        forgiven: the loss rescales its images, and those given need it.
        notes: sentences.
    """

    named: Named
    residual: float
    broken: tuple
    range_codes: tuple
    forgiven: bool
    notes: tuple

    @property
    def mistakes(self) -> tuple:
        """All codes, in their order."""
        named = self.named.mistakes
        if self.forgiven:
            named = tuple(code for code in named if code not in ("image_range", "unknown"))
        finite = () if not self.broken else ("not_finite",)
        coarse = any(self.named.weighed.recognised.measured.coarse)
        sixteen = ("half_precision",) if coarse and not self.broken else ()
        return tuple(dict.fromkeys((*named, *finite, *sixteen, *self.range_codes)))


def verify(named: Named, images=None) -> Verified:
    """Return a named loss with its large numbers looked at, and a real batch's range.

    Raises:
        ValueError: if the images are no batch of the loss's image shape.
    """
    recognised = named.weighed.recognised
    parts = recognised.pixels, recognised.codes
    residuals = [part.residual for part in parts if math.isfinite(part.residual)]
    broken, notes = _large_numbers(recognised.measured)
    notes += _departures(recognised)
    if any(recognised.measured.coarse):
        notes.append(
            "A part of it is computed in 16 bits, which keep three digits and overflow at 65504: "
            "cast to float32 first."
        )
    range_codes, forgiven, range_notes = range_of(images, recognised)
    return Verified(
        named,
        max(residuals, default=0.0),
        broken,
        range_codes,
        forgiven,
        (*notes, *range_notes),
    )


def _large_numbers(measured):
    """Where the loss is not finite though a VAE may go there; notes on where it is not."""
    bad = [corner for corner in measured.corners if corner.name and math.isnan(corner.value)]
    needed = [corner for corner in bad if corner.needed]
    if needed:
        names = {"pixels": "reconstruction", "codes": "KL"}
        places = tuple(dict.fromkeys(names[corner.place] for corner in needed))
        return places, [f"NaN or infinite at {'; '.join(corner.name for corner in needed)}."]
    if bad:
        far = "; ".join(corner.name for corner in bad)
        return (), [
            f"NaN or infinite far out, at {far}; a clamp such as that of vae_helpers.elbo avoids "
            "it."
        ]
    return (), []


def _departures(recognised):
    """Notes on where a known term stops being itself: a clip, or rounded probabilities."""
    notes = []
    pixels, codes, measured = recognised.pixels, recognised.codes, recognised.measured
    at = {(c.place, c.at): c.value for c in measured.corners}
    if pixels.known and not pixels.domain and pixels.kind != "categorical":
        middle = at["pixels", (0.5, 0.5)]
        for logit in (12.0, 20.0, 28.0):
            change = at["pixels", (0.5, logit)] + at["pixels", (0.5, -logit)] - 2 * middle
            expected = pixels.at(0.5, logit) + pixels.at(0.5, -logit) - 2 * pixels.at(0.5, 0.5)
            if math.isfinite(change) and not math.isclose(change, expected, rel_tol=DEPARTS):
                notes.append(
                    f"At logits of {logit:.0f} the reconstruction departs from its formula: "
                    "probabilities are clipped or rounded there, and the gradient is lost."
                )
                break
    if codes.known and not codes.domain and not codes.sampled:
        mean = measured.quiet[2]
        for log_var in (6.0, 12.0, -8.0, -16.0):
            change = at["codes", (mean, log_var)] - at["codes", (mean, 0.4)]
            expected = codes.at(mean, log_var) - codes.at(mean, 0.4)
            if math.isfinite(change) and not math.isclose(change, expected, rel_tol=DEPARTS):
                notes.append(
                    f"At a z_log_var of {log_var:.0f} the KL departs from its formula: a "
                    "clip, perhaps."
                )
                break
    return notes


def range_of(images, recognised) -> tuple[tuple, bool, list]:
    """Return codes for a real batch that is not on [0, 1] where the loss puts it, and notes.

    Where the loss rescales its images, the batch is looked at as it is after that, and a
    rescaling that brings it to [0, 1] is forgiven.
    """
    if images is None:
        return (), False, []
    part, image_shape = recognised.pixels, recognised.measured.setting.image_shape
    images = np.asarray(images)
    if images.size == 0 or images.dtype.kind not in "uif":
        raise ValueError(
            f"images have shape {images.shape} and dtype {images.dtype}, expected one batch of "
            "numbers; of a tf.data.Dataset pass next(iter(dataset))"
        )
    if images.shape[1:] != image_shape:
        raise ValueError(f"images have shape {images.shape}, expected (batch, *{image_shape})")
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        return ("not_finite",), False, ["The images given hold NaN or infinity."]
    low, high = sorted(part.image_slope * end + part.image_shift for end in (low, high))
    if low >= -RANGE and 0.02 < high <= 1 + RANGE:
        if part.plain_images:
            return (), False, []
        note = "The loss brings the images given to [0, 1] by itself: right for these."
        return (), True, [note]
    found = f"The images given lie between {low:.4g} and {high:.4g}"
    if part.kind in GAUSSIAN:
        note = f"{found}; a Gaussian takes that, if the decoder's mean reaches there."
        return (), False, [note]
    return ("image_range",), False, [f"{found}: {_story(low, high)}."]


def _story(low, high):
    if -1.01 < low < -0.01 and high < 1.01:
        return "[-1, 1] instead of [0, 1]"
    if low >= 0 and 1.5 < high <= 255:
        return "0-255 instead of [0, 1]"
    if low >= 0 and high <= 0.02:
        return "divided by 255 twice, or an empty batch"
    return "expected [0, 1]"
