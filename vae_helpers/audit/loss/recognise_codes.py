"""The KL: a table over (z_mean, z_log_var), compared with the known terms."""

import math
from dataclasses import replace

import numpy as np

from vae_helpers.audit.loss import fit as fits
from vae_helpers.audit.loss.measure import LOG_VARS, MEANS
from vae_helpers.audit.loss.part import Part
from vae_helpers.audit.loss.probe import HEADS
from vae_helpers.audit.loss.recognise_variants import (
    GRID,
    floors,
    monte_carlo,
    other_prior,
    with_laws,
)
from vae_helpers.audit.loss.tolerances import FAR, FLAT, FLOAT32, SAME
from vae_helpers.known_mistakes.kls import FORMULAS, KERAS_KLS, READINGS
from vae_helpers.known_mistakes.losses import Term, gaussian_kl

HEAD_WORDS = {
    "log_var": "the log variance",
    "log_std": "log sigma",
    "std": "sigma",
    "softplus": "softplus^-1(sigma)",
}


def terms_for(head: str) -> tuple:
    """Return the known terms as functions of (z_mean, log variance) for what a head means.

    What a KL takes the head for is a mistake only where the head is something else.
    """
    to_head = HEADS[head]

    def of_head(term):
        function = term.function
        return replace(term, function=lambda m, v: function(m, to_head(v)))

    if head == "log_var":
        return FORMULAS + READINGS + KERAS_KLS
    cure = f"the head returns {HEAD_WORDS[head]}: turn it into the log variance first"
    right, *formulas = FORMULAS
    misread = replace(
        right,
        kind="head_as_log_var",
        text=f"a KL that reads {HEAD_WORDS[head]} as the log variance",
        mistakes=("kl_head_misread",),
        cure=cure,
    )
    others = [
        replace(of_head(term), mistakes=("kl_head_misread",), cure=cure)
        for term in READINGS
        if term.reading != head
    ]
    return (right, of_head(misread), *others, *formulas, *map(of_head, KERAS_KLS))


def candidates(measured) -> list[Part]:
    """Return what the part of z may be, the likeliest first; unknown where nothing fits."""
    table, entries = measured.codes, measured.setting.latents
    if fits.is_flat(table, measured.level):
        return _flat(measured)
    enough = fits.enough(measured, table, measured.coarse[1])
    one_row = [values.reshape(1, -1) for values in (*GRID, table)]
    fit, left = fits.best_fit(terms_for(measured.setting.head), *one_row, enough)
    found = [_of_fit(measured, fit)] if fit else []
    if fit and not found[0].known or not fit:
        found = [
            *floors(measured, enough),
            *monte_carlo(measured, enough),
            *other_prior(measured, enough),
            *_clipped(measured, enough),
            *found,
        ]
    if found:
        return found
    return [Part(entries, codes=("unknown",), notes=(_formula(table),), residual=left)]


def _flat(measured):
    entries = measured.setting.latents
    if measured.depends[1]:
        why = "It does depend on the z_mean and z_log_var, but not where all entries are equal."
        return [Part(entries).unknown(why)]
    notes, variants = (), ()
    zero = [v for v in measured.variables if v.value == 0 and abs(v.codes) > 1e-6]
    if zero:
        variants = ("kl_warm_up",)
        notes = (
            f"The KL is there, but the weight of the KL is 0 now: the variable {zero[0].name} "
            "multiplies it. With a warm-up that is how it starts; see that something raises it.",
        )
    part = Part(entries, "none", "none", codes=("kl_missing",), scale=0.0, residual=0.0)
    return [part.weighing(notes=notes, variants=variants)]


def _of_fit(measured, fit):
    term = fit.term
    part = Part(
        measured.setting.latents,
        term.kind,
        term.text,
        term,
        fit.scale,
        residual=fit.residual,
        domain=fit.domain,
        codes=term.mistakes,
        notes=(f"KL: {term.cure}.",) if term.cure else (),
    )
    # A term that bends away where the KL is still of a usual size is another term.
    at = {corner.at: corner.value for corner in measured.corners if corner.place == "codes"}
    change = at[6.0, 0.9] - at[0.3, 0.4]
    expected = part.at(6.0, 0.9) - part.at(0.3, 0.4)
    noise = FLAT * FLOAT32 * measured.level
    if not math.isclose(change, expected, rel_tol=FAR, abs_tol=noise):
        return part.unknown(f"For small arguments it is {term.text}; at a z_mean of 6 no longer.")
    return with_laws(measured, part)


def _clipped(measured, enough) -> list[Part]:
    """The KL of a log variance that is clipped inside the table."""
    table = measured.codes
    if not np.all(np.isfinite(table)):
        return []
    of_mean = table.mean(axis=1)
    scale, left = fits.combination((0.5 * MEANS**2,), of_mean)
    scale = float(scale[0])
    if left > enough or not scale > 0:
        return []
    of_log_var = (table - 0.5 * scale * MEANS[:, None] ** 2).mean(axis=0)
    formula = 0.5 * scale * (np.exp(LOG_VARS) - LOG_VARS)
    noise = enough * np.ptp(table)
    for low, high in ((i, j) for j in range(10, 4, -1) for i in range(j - 4)):
        if (low, high) == (0, 10):
            continue
        shift = np.mean(of_log_var[low:high] - formula[low:high])
        inside = np.abs(of_log_var[low:high] - formula[low:high] - shift).max() < noise
        below, above = of_log_var[:low], of_log_var[high:]
        if inside and all(np.ptp(side) < noise for side in (below, above) if side.size):
            bounds = [
                _bound(side, shift, scale, ends)
                for side, ends in (
                    (below, LOG_VARS[low - 1 : low + 1]),
                    (above, LOG_VARS[high - 1 : high + 1]),
                )
            ]
            if None in bounds:
                continue
            return [_clip_part(measured, scale, *bounds)]
    return []


def _bound(side, shift, scale, ends):
    """Where between two log variances a flat stretch of the table begins; infinite where none."""
    if not side.size:
        return math.inf
    values = np.linspace(ends[0], ends[1], 2001)
    curve = 0.5 * scale * (np.exp(values) - values) + shift
    nearest = int(np.argmin(np.abs(curve - side.mean())))
    if abs(curve[nearest] - side.mean()) > SAME * scale:
        return None
    return float(values[nearest])


def _clip_part(measured, scale, low, high):
    low = -low if low == math.inf else low
    bounds = " and ".join(
        [f"at {low:.3g} from below"] * (low > -math.inf)
        + [f"at {high:.3g} from above"] * (high < math.inf)
    )
    text = f"the KL of the Gaussian with its log variance clipped {bounds}"

    def function(m, v):
        return gaussian_kl(m, np.clip(v, low, high))

    part = Part(
        measured.setting.latents,
        "gaussian",
        text,
        Term("clipped", "gaussian", text, function),
        scale,
        residual=0.0,
        codes=("log_var_clipped",),
        notes=("KL: a clip of the log variance far out, such as [-20, 20], is harmless.",),
    )
    return with_laws(measured, part)


def _formula(table):
    """What the part of z looks like, in the words z_mean**2, exp(z_log_var), z_log_var."""
    m, v = GRID
    (a, b, c), share = fits.combination((m**2, np.exp(v), v), table)
    if share < 0.01:
        words = f"{a:+.3g} z_mean**2 {b:+.3g} exp(z_log_var) {c:+.3g} z_log_var"
        return f"The part of z, for all latent dimensions together, is {words} + a constant."
    return (
        f"The part of z is no known KL; even free weights of z_mean**2, exp(z_log_var) and "
        f"z_log_var leave {100 * share:.2g}% of its variation."
    )
