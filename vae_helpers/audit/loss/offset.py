"""What is left of a loss once its two terms are taken away: a constant, and what it is."""

import math
from dataclasses import dataclass

import numpy as np

from vae_helpers.audit.loss import tolerances
from vae_helpers.audit.loss.measure import LOGITS, X
from vae_helpers.audit.loss.part import Level
from vae_helpers.audit.loss.weigh import Weighed
from vae_helpers.known_mistakes.losses import binary_entropy


@dataclass(frozen=True)
class Offset:
    """A name for what is left.

    Attributes:
        notes: sentences.
        wrong: it does not belong there.
        normalised: the text of a Gaussian whose normaliser it is, "" otherwise.
    """

    notes: tuple = ()
    wrong: bool = False
    normalised: str = ""


def offset_of(weighed: Weighed) -> Offset:
    """Return what is left of a loss once both of its terms are taken away."""
    pixels, codes = weighed.pixels, weighed.codes
    known = weighed.recognised.known and "unknown" not in (pixels.kind, codes.kind)
    whole = (pixels.level, codes.level) == (Level.ENTRY, Level.ENTRY) and not codes.sampled
    if not known or not whole or not pixels.plain_images or pixels.by_x is None:
        return Offset()
    quiet = weighed.recognised.measured.quiet
    by_x = np.array(pixels.by_x) - codes.at(*quiet[2:])
    if not np.all(np.isfinite(by_x)) or codes.kind == "free_bits":
        return Offset()
    tolerance = _tolerance(weighed)
    if np.ptp(by_x) > 3 * tolerance:
        entropy = -pixels.scale * binary_entropy(X)
        if np.allclose(by_x, entropy, atol=5 * tolerance):
            text = "The entropy of the grey pixels is subtracted: the reconstruction is a "
            return Offset((text + "divergence, lower by a constant of the data.",), True)
        return Offset(("A function of the images alone is added; no gradient sees it.",), True)
    offset = float(np.mean(by_x))
    if pixels.kind == "squared_error":
        return _normaliser(weighed, offset, tolerance)
    if pixels.kind == "laplace" or abs(offset) <= tolerance:
        return Offset()
    if math.isclose(offset, codes.scale / 2, rel_tol=tolerances.OFFSET_LAW):
        why = _missing_one(codes)
    else:
        why = "a constant"
    offset /= weighed.recognised.measured.setting.batch ** pixels.growth("batch").power
    return Offset((f"The loss is {offset:+.4g} off: {why}.",), True)


def _missing_one(codes):
    return f"the KL's -1 is missing, {codes.entries} times {abs(codes.weight) / 2:.3g}"


def _tolerance(weighed):
    pixels, codes = weighed.pixels, weighed.codes
    # What a small epsilon in a logarithm leaves of a fit, it also shifts its weight by.
    epsilons = (1e-5 + pixels.residual) * abs(pixels.scale)
    epsilons += (1e-4 + codes.residual) * abs(codes.scale)
    low, high = pixels.domain or (-1, 1)
    columns = [i for i, logit in enumerate(LOGITS) if low < logit < high][:3]
    level = float(np.nanmax(np.abs(weighed.recognised.measured.pixels[:, columns])))
    return 1e-7 + epsilons + tolerances.FLAT * tolerances.FLOAT32 * level


def _normaliser(weighed, offset, tolerance):
    """A squared error is a Gaussian's; which constant of it is there?"""
    pixels, codes = weighed.pixels, weighed.codes
    size, batch = pixels.entries, weighed.recognised.measured.setting.batch
    # Sums over images, averages over pixels and a common factor scale the constant as the weight.
    divisors = [1.0, float(weighed.pixel_average.entries)]
    divisors += [1 / weighed.common] if weighed.common else []
    for divisor in dict.fromkeys(divisors):
        scale = batch ** pixels.growth("batch").power / divisor
        sigma = (abs(pixels.weight) / scale) ** -0.5
        constant, width = 0.5 * size * math.log(2 * math.pi), size * math.log(sigma)
        about = f"Read as a Gaussian{'' if scale == 1 else ', once summed'}, sigma is {sigma:.4g}"
        text = "minus the log density of a Gaussian, "
        if abs(offset) <= tolerance:
            continue
        if math.isclose(offset / scale, constant + width, rel_tol=tolerances.NORMALISER):
            return Offset((f"{about}.",), normalised=text + "normaliser included")
        if math.isclose(offset / scale, width, rel_tol=tolerances.NORMALISER):
            note = f"{about}; the log(2 pi) / 2 of each pixel is left out."
            return Offset((note,), normalised=text + "with a part of its normaliser")
    about = _read_as_gaussian(weighed)
    if abs(offset) <= tolerance:
        return Offset((about + ".",) if about else ())
    why = "a constant that is not the normaliser of a Gaussian"
    if math.isclose(offset, codes.scale / 2, rel_tol=tolerances.OFFSET_LAW):
        why = _missing_one(codes)
    off = offset / batch ** pixels.growth("batch").power
    return Offset(((f"{about}. " if about else "") + f"The loss is {off:+.4g} off: {why}.",), True)


def _read_as_gaussian(weighed):
    """The sigma that the weight means, and the normaliser that is left out."""
    sigma, size = weighed.sigma, weighed.pixels.entries
    if not math.isfinite(sigma):
        return ""
    missing = size * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
    text = f"Read as a Gaussian beside this KL, sigma is {sigma:.4g}"
    if sigma > tolerances.WIDEST_SIGMA * (1 + tolerances.SAME):
        return text + ", wider than the whole range of a pixel on [0, 1]"
    return (
        f"{text}; the normaliser, {missing:.4g} nats, {size} (log sigma + log(2 pi) / 2), is left "
        "out"
    )
