"""Which known functions is a loss made of? Its measurements, compared with the known terms."""

import math
from dataclasses import dataclass

import numpy as np

from vae_helpers.audit.loss import recognise_codes, recognise_pixels, tolerances
from vae_helpers.audit.loss.measure import CODE_DOMAINS, PIXEL_DOMAINS, X
from vae_helpers.audit.loss.part import Part, unexplained
from vae_helpers.audit.loss.record import Measurements


@dataclass(frozen=True)
class Recognised:
    """The two terms of a loss, as far as they are known."""

    measured: Measurements
    pixels: Part
    codes: Part

    @property
    def known(self) -> bool:
        """Both terms are known."""
        return self.pixels.known and self.codes.known


def recognise(measured: Measurements) -> Recognised:
    """Return what the two terms of a loss are."""
    pixels = _best_that_holds(measured, recognise_pixels.candidates(measured), "pixels")
    codes = _best_that_holds(measured, recognise_codes.candidates(measured), "codes")
    if pixels.known and codes.known and not _added(measured):
        why = "The two terms are not added: each changes with the other's input."
        pixels, codes = pixels.unknown(why), codes.unknown(why)
    return Recognised(measured, pixels, codes)


def _best_that_holds(measured, candidates, which):
    """The candidate that random inputs agree with best; unknown where they agree with none."""
    held, refuted = [], None
    for part in candidates:
        if not part.known or part.sampled:
            held.append((math.inf, part))
            continue
        share, allowed = share_left(measured, part, which)
        if share < allowed:
            held.append((share, part.weighing(residual=max(part.residual, share))))
        elif refuted is None:
            what = "reconstruction" if which == "pixels" else "part of z"
            refuted = part.unknown(
                f"The {what} looked like {part.text} where all entries are equal, but random "
                f"inputs leave {100 * min(share, 1):.3g}% of its variation unexplained: its "
                "entries are not treated alike, or not simply added.",
                share,
            )
    known = [one for one in held if one[1].known]
    if known:
        return min(known, key=lambda one: one[0])[1]
    return refuted or held[0][1]


def share_left(measured: Measurements, part: Part, which: str) -> tuple[float, float]:
    """Return the share of the variation on random inputs that a part leaves, and may leave."""
    samples = _samples(measured, part, which)
    expected = [part.of(sample) for sample in samples]
    if part.by_x is not None:
        known = part.by_x
        expected = [
            value + float(np.mean(np.interp(sample.first, X, known)))
            for value, sample in zip(expected, samples, strict=True)
        ]
    share, rounding = unexplained([sample.value for sample in samples], expected)
    coarse = measured.coarse[which == "codes"] or measured.dtype in ("float16", "bfloat16")
    least = tolerances.SAMPLES_16_BITS if coarse else tolerances.SAMPLES
    return share, least + rounding


def _samples(measured, part, which):
    samples = measured.pixel_samples if which == "pixels" else measured.code_samples
    domains = PIXEL_DOMAINS if which == "pixels" else CODE_DOMAINS
    domain = domains[0]
    if part.domain and which == "pixels":
        inside = [d for d in domains if d[0] >= part.domain[0] and d[1] <= part.domain[1]]
        domain = inside[0] if inside else domains[-1]
    elif part.domain:
        domain = domains[1]
    return [sample for sample in samples if sample.domain == domain]


def _added(measured):
    """True where the loss is a function of the pixels plus a function of the codes."""
    values = [sign * value for value, sign in measured.crossed]
    change = abs(values[0]) + abs(values[3])
    least = tolerances.SAMPLES_16_BITS if any(measured.coarse) else tolerances.SAMPLES
    total = sum(values)
    return not math.isfinite(total) or not abs(total) > least * change
