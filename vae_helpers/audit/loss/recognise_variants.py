"""The KL as it is used on purpose: with a floor, with a capacity, sampled, to another prior."""

import math

import numpy as np

from vae_helpers.audit.loss import fit as fits
from vae_helpers.audit.loss.measure import FAR_MEANS, LOG_VARS, MEANS
from vae_helpers.audit.loss.part import Level, Part
from vae_helpers.audit.loss.tolerances import SAME
from vae_helpers.known_mistakes.losses import Term, gaussian_kl

GRID = tuple(np.meshgrid(MEANS, LOG_VARS, indexing="ij"))


def with_laws(measured, part):
    """Return a part with how its weight grows with the batch and with each axis of a code."""
    axes = ["batch", *(("codes", i) for i in range(len(measured.setting.latent_shape)))]
    return part.weighing(growths=tuple((axis, measured.growth(axis, "codes")) for axis in axes))


def _all_points(measured):
    """The KL of one dimension at every point of the table and far out, and the loss there."""
    kl = np.concatenate([gaussian_kl(*GRID).ravel(), gaussian_kl(FAR_MEANS, 0.9)])
    values = np.concatenate([measured.codes.ravel(), measured.far_codes])
    order = np.argsort(kl)
    use = np.isfinite(values[order])
    return kl[order][use], values[order][use]


def floors(measured, enough) -> list[Part]:
    """Free bits and capacities: the loss is two straight lines over the KL, or a parabola."""
    kl, values = _all_points(measured)
    found = []
    for cut in range(3, len(kl) - 2):
        low, high = np.polyfit(kl[:cut], values[:cut], 1), np.polyfit(kl[cut:], values[cut:], 1)
        left = np.concatenate(
            [np.polyval(low, kl[:cut]) - values[:cut], np.polyval(high, kl[cut:]) - values[cut:]]
        )
        if np.linalg.norm(left) < enough * np.linalg.norm(values - values.mean()):
            found.append((np.linalg.norm(left), low, high))
    if not found:
        return []
    _, low, high = min(found, key=lambda one: one[0])
    if not high[0] or math.isclose(low[0], high[0], rel_tol=SAME):
        return []
    corner = (low[1] - high[1]) / (high[0] - low[0])
    if abs(low[0]) < SAME * abs(high[0]):
        return _free_bits(measured, high[0], corner)
    if math.isclose(low[0], -high[0], rel_tol=SAME):
        return _capacities(measured, high[0], corner)
    return []


def _kl_term(kind, text):
    return Term(kind, kind, text, gaussian_kl)


def _free_bits(measured, scale, floor):
    latents = measured.setting.latents
    forms = {
        Level.ENTRY: ("free_bits_per_dimension", f"each dimension below {floor:.4g} nats"),
        Level.DIMENSION: (
            "free_bits_per_dimension",
            f"each dimension's mean over the batch below {floor:.4g} nats",
        ),
        Level.IMAGE: ("free_bits_per_image", f"each image below {floor * latents:.4g} nats"),
        Level.BATCH: (
            "free_bits_batch_mean",
            f"the mean over the batch below {floor * latents:.4g} nats",
        ),
    }
    parts = []
    for level, (variant, where) in forms.items():
        text = f"the KL of the Gaussian with a floor (free bits): {where} costs no less"
        parts.append(
            Part(
                latents,
                "free_bits",
                text,
                _kl_term("free_bits", text),
                scale,
                lambda kl, floor=floor: np.maximum(kl, floor),
                level,
                residual=0.0,
                variants=(variant,),
                notes=(f"Free bits: the KL of {where} has no gradient.",),
            )
        )
    return [_with_laws_of_far(measured, part) for part in parts]


def _with_laws_of_far(measured, part):
    """Free bits and capacities bend between the points of the laws: those of size say little."""
    growth = measured.growth("batch", "codes")
    return part.weighing(growths=(("batch", growth),) if growth.power == 1 else ())


def _capacities(measured, scale, centre):
    latents = measured.setting.latents
    text = f"a capacity: |KL - C| with C = {centre * latents:.4g} nats, of the Gaussian's KL"
    note = (
        f"The KL is drawn to {centre * latents:.4g} nats an image (a capacity); below, a larger "
        "KL is cheaper."
    )
    return [
        _with_laws_of_far(
            measured,
            Part(
                latents,
                "capacity",
                text,
                _kl_term("capacity", text),
                scale,
                lambda kl, centre=centre: np.abs(kl - centre),
                level,
                residual=0.0,
                variants=("capacity",),
                notes=(note,),
            ),
        )
        for level in (Level.BATCH, Level.IMAGE, Level.ENTRY)
    ]


def monte_carlo(measured, enough) -> list[Part]:
    """log q(z|x) - log p(z) at a random z; the noise multiplies z_mean exp(z_log_var / 2)."""
    if not measured.random:
        return []
    m, v = GRID
    columns = (m**2, np.exp(v), m * np.exp(v / 2), v)
    (square, variance, _, log_var), left = fits.combination(columns, measured.codes)
    if left > enough or not math.isclose(square, -log_var, rel_tol=SAME) or not variance > 0:
        return []
    text = "the KL at one random z, log q(z|x) - log p(z)"
    note = "The KL is random: sampled at one z. On average it is the KL of the Gaussian."
    part = Part(
        measured.setting.latents,
        "monte_carlo",
        text,
        _kl_term("monte_carlo", text),
        2 * square,
        residual=left,
        variants=("monte_carlo_kl",),
        notes=(note,),
        sampled=True,
    )
    return [_with_laws_of_far(measured, part)]


def other_prior(measured, enough) -> list[Part]:
    """A KL to N(centre, width^2)."""
    m, v = GRID
    (square, linear, variance, log_var), left = fits.combination(
        (m**2, m, np.exp(v), v), measured.codes
    )
    if left > enough or not square > 0 or not log_var < 0:
        return []
    if not math.isclose(square, variance, rel_tol=SAME):
        return []
    width, centre = math.sqrt(-log_var / square), -linear / (2 * square)
    if math.isclose(width, 1, rel_tol=SAME) and abs(centre) < SAME:
        return []

    def function(m, v):
        return 0.5 * (((m - centre) ** 2 + np.exp(v)) / width**2 - 1 - v) + math.log(width)

    around = "" if abs(centre) < SAME else f"{centre:.3g}"
    text = f"the KL of the Gaussian to a prior N({around or 0}, {width:.4g}^2)"
    part = Part(
        measured.setting.latents,
        "other_prior",
        text,
        Term("prior_width", "other_prior", text, function),
        -2 * log_var,
        residual=left,
        variants=("prior_width",),
        notes=(f"The prior is as wide as {width:.4g}: samples are drawn from that.",),
    )
    return [with_laws(measured, part)]
