"""The KL: a table over (z_mean, z_log_var), compared with the known terms."""

import math
from dataclasses import replace

import numpy as np

from vae_helpers.audit.loss import fit as fits
from vae_helpers.audit.loss.measure import FAR_MEANS, LOG_VARS, MEANS
from vae_helpers.audit.loss.part import Level, Part
from vae_helpers.audit.loss.probe import HEADS
from vae_helpers.audit.loss.tolerances import FAR, FLAT, FLOAT32, SAME
from vae_helpers.known_mistakes.kls import FORMULAS, KERAS_KLS, READINGS
from vae_helpers.known_mistakes.losses import Term, gaussian_kl

GRID = tuple(np.meshgrid(MEANS, LOG_VARS, indexing="ij"))
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
            *_floors(measured, enough),
            *_monte_carlo(measured, enough),
            *_other_prior(measured, enough),
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


def _with_laws(measured, part):
    axes = ["batch", *(("codes", i) for i in range(len(measured.setting.latent_shape)))]
    return part.weighing(growths=tuple((axis, measured.growth(axis, "codes")) for axis in axes))


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
    return _with_laws(measured, part)


def _all_points(measured):
    """The KL of one dimension at every point of the table and far out, and the loss there."""
    kl = np.concatenate([gaussian_kl(*GRID).ravel(), gaussian_kl(FAR_MEANS, 0.9)])
    values = np.concatenate([measured.codes.ravel(), measured.far_codes])
    order = np.argsort(kl)
    use = np.isfinite(values[order])
    return kl[order][use], values[order][use]


def _floors(measured, enough) -> list[Part]:
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


def _monte_carlo(measured, enough) -> list[Part]:
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


def _other_prior(measured, enough) -> list[Part]:
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
    return [_with_laws(measured, part)]


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
    return _with_laws(measured, part)


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
