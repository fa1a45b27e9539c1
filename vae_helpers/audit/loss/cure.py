"""What to do to a loss so that it is the ELBO: in numbers, and in a sentence."""

import math
from dataclasses import dataclass

from vae_helpers.audit.loss.tolerances import SAME, WIDEST_SIGMA
from vae_helpers.audit.loss.verify import Verified
from vae_helpers.audit.loss.weigh import GAUSSIAN, equal, natural

OF_WEIGHT = {  # codes that factors cure; all others ask for another term
    "pixels_averaged",
    "latents_averaged",
    "partly_averaged",
    "kl_without_half",
    "constant_offset",
    "batch_summed",
}
LIKELIHOODS = ("bernoulli", "continuous_bernoulli", *GAUSSIAN)


@dataclass(frozen=True)
class Cure:
    """What makes a loss the negative ELBO, in nats per image.

    Attributes:
        reconstruction_factor, kl_factor: what to multiply each term by; 1.0 for a term that is
            written anew.
        divide_by_batch: the terms ("reconstruction", "kl") to divide by the number of images.
        replace: the terms to write anew.
        words: the same in a sentence, "" where there is nothing to say.
    """

    reconstruction_factor: float = 1.0
    kl_factor: float = 1.0
    divide_by_batch: tuple = ()
    replace: tuple = ()
    words: str = ""


def cure_of(verified: Verified) -> Cure:
    """Return what makes a verified loss the negative ELBO."""
    named, weighed = verified.named, verified.named.weighed
    pixels, codes = weighed.pixels, weighed.codes
    replace = []
    structural = set(named.pixel_codes) - OF_WEIGHT - {"reconstruction_sign"}
    if verified.forgiven:
        structural -= {"image_range", "unknown"}
    if structural or "reconstruction" in verified.broken or named.pixel_kind not in LIKELIHOODS:
        replace.append("reconstruction")
    coarse = weighed.recognised.measured.coarse
    if coarse[0] and "reconstruction" not in replace:
        replace.append("reconstruction")
    of_codes = coarse[1] or set(codes.codes) or codes.kind != "gaussian" or "KL" in verified.broken
    if of_codes or weighed.batch.odd:
        replace.append("kl")
    if weighed.batch.odd and "reconstruction" not in replace:
        replace.append("reconstruction")
    sums = weighed.batch.summed if weighed.batch.is_sum else ()
    divide = tuple(
        term
        for term, label in (("reconstruction", "reconstruction"), ("kl", "KL"))
        if label in sums and term not in replace
    )
    at = weighed.batch.quoted_at or 1
    pixel_weight = weighed.pixel_weight / (at if "reconstruction" in divide else 1)
    code_weight = weighed.code_weight / (at if "kl" in divide else 1)
    kl_factor = 1.0 if "kl" in replace else 1 / code_weight
    beside = 1.0 if "kl" in replace else code_weight
    factor = 1.0
    if "reconstruction" not in replace:
        factor = _factor(named, pixels, pixel_weight, beside, weighed.pixel_average)
    cure = Cure(_round(factor), _round(kl_factor), divide, tuple(sorted(replace, reverse=True)))
    return Cure(**{**vars(cure), "words": _words(verified, cure)})


def _round(factor):
    """A factor that is a whole number, up to rounding, as one; to six digits otherwise."""
    whole = round(factor)
    if whole and math.isclose(factor, whole, rel_tol=SAME / 2):
        return float(whole)
    return float(f"{factor:.6g}")


def _factor(named, pixels, weight, beside, average):
    """What to multiply the reconstruction by, beside a KL that weighs `beside` so far."""
    if named.pixel_kind not in GAUSSIAN:
        return 1 / weight
    averaged = {"pixels_averaged", "partly_averaged"} & set(named.pixel_codes)
    if named.pixel_kind == "gaussian":
        return (average.entries if averaged else 1.0) / abs(beside) * math.copysign(1, weight)
    narrow = abs(beside / weight) <= (WIDEST_SIGMA * (1 + SAME)) ** 2
    if narrow and not averaged:
        return math.copysign(1 / abs(beside), weight)
    if averaged and equal(weight * average.entries, *natural(pixels)):
        return math.copysign(average.entries, weight)
    return 1 / weight


def _words(verified, cure):
    """The cure of a balance that is wrong, in a sentence; other cures stand beside their code."""
    weighed, codes = verified.named.weighed, set(verified.mistakes)
    balance = {"pixels_averaged", "partly_averaged", "latents_averaged", "batch_summed"} & codes
    balance |= {"kl_without_half", "kl_sign", "reconstruction_sign"} & codes
    if not balance:
        return ""
    steps = []
    if "reconstruction" not in cure.replace and not equal(cure.reconstruction_factor, 1):
        step = f"multiply the reconstruction by {cure.reconstruction_factor:.6g}"
        if {"pixels_averaged", "partly_averaged"} & balance:
            step += ", or use tf.reduce_sum over all of its axes and drop the factor"
        steps.append(step)
    if "kl" not in cure.replace and not equal(cure.kl_factor, 1):
        step = f"multiply the KL by {cure.kl_factor:.6g}"
        if "latents_averaged" in balance:
            step += ", or use tf.reduce_sum over the latent dimensions and drop the factor"
        steps.append(step)
    if cure.divide_by_batch:
        terms = " and ".join({"kl": "the KL"}.get(t, f"the {t}") for t in cure.divide_by_batch)
        steps.append(f"divide {terms} by the number of images, as tf.reduce_mean does")
    if not steps:
        return ""
    judged = weighed.codes.kind == "gaussian" and not weighed.codes.variants
    judged = judged and not weighed.common and math.isfinite(weighed.beta)
    judged = judged and not {"reconstruction_sign", "kl_sign"} & codes
    text = ""
    if judged and weighed.pixels.kind in LIKELIHOODS:
        text = f"the KL weighs {weighed.beta:.4g} times what the ELBO gives it; "
        if weighed.pixels.kind in GAUSSIAN:
            text = f"the KL weighs {weighed.beta:.4g} times what the ELBO of sigma 1 gives it; "
    return text + "; ".join(steps)
