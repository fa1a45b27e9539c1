"""Which known function is it? Measurements of a loss, compared with the dictionary of `terms`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from vae_helpers.known_mistakes import losses as terms
from vae_helpers.audit.loss.probe import BATCH, measure

X = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
LOGITS = np.array([-4, -2.5, -1.5, -0.7, -0.2, 0.15, 0.3, 0.5, 0.75, 0.9, 1.6, 2.5, 4])
MEANS = np.array([-2, -0.8, 0.3, 0.6, 1.5])
LOG_VARS = np.array([-3, -1.5, -0.7, -0.3, 0.2, 0.4, 0.7, 0.9, 1.8, 3])

TOLERANCE = 3e-4  # of a fit on the grid; float32 and a small epsilon in a logarithm stay below
HALF_TOLERANCE = 1e-2  # where the loss computes in 16 bits
FLOAT32 = 1.2e-7
UNKNOWN = "nothing that this audit knows"


@dataclass
class Part:
    """What is known of one of the two terms.

    `weight` multiplies the sum over what one image is made of, in the mean over images at
    `BATCH` images. `laws` say how it scales: name of a size -> power, None where the loss takes no
    other size.
    """

    kind: str = "unknown"
    text: str = UNKNOWN
    term: object = None
    weight: float = math.nan
    residual: float = math.nan
    partly: bool = False
    mistakes: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    laws: dict = field(default_factory=dict)
    divisor: int = 1  # of the averages that were named
    x_scale: tuple = (1.0, 0.0)  # the images enter as x_scale[0] * x + x_scale[1]

    @property
    def known(self):
        return self.term is not None

    def summed(self):
        return self.batch_power() >= 1

    def batch_power(self):
        """How the weight grows with the number of images: 0 for a mean, 1 for a sum."""
        law = self.laws.get("batch") or 0
        return law if abs(law) <= 2 else 0

    @classmethod
    def recognised(cls, fit, entries, name):
        """The part that a fit describes, its weight for one of the `entries` of an image."""
        term = fit.term
        part = cls(term.kind, term.text, term, fit.weight / entries, fit.residual, fit.partly)
        part.add(*term.mistakes)
        if term.cure:
            part.notes.append(f"{name}: {term.cure}.")
        return part

    def forget(self, why, share):
        """Turn a term that was recognised by chance into an unknown one."""
        self.kind, self.text, self.term = "unknown", UNKNOWN, None
        self.weight, self.laws, self.residual = math.nan, {}, min(1.0, share)
        self.mistakes, self.notes = ["unknown"], [why]

    def add(self, *codes):
        self.mistakes.extend(code for code in codes if code not in self.mistakes)


@dataclass(frozen=True)
class Fit:
    """How well a term explains measurements: measured = weight * term + constant.

    Attributes:
        term: the entry of the dictionary.
        weight: its factor.
        residual: what is left, relative to the spread of what was measured.
        partly: compared on the term's domain only, or on a part of the grid.
    """

    term: object
    weight: float
    residual: float
    partly: bool = False


def fit_term(term, first, second, measured, domain=None) -> Fit | None:
    """Fit one term to a table of measurements, up to a constant for each row.

    Args:
        term: a `terms.Term`.
        first: (rows, columns) of the term's first argument.
        second: (rows, columns) of its second argument.
        measured: (rows, columns) what the loss returned; entries that are not finite are left out.
        domain: (low, high) of `second`, the term's own when None.

    Returns:
        None where fewer than six entries can be compared.
    """
    domain = domain or term.domain
    with np.errstate(all="ignore"):
        expected = term.function(first, second)
    use = np.isfinite(expected) & np.isfinite(measured)
    if not domain and np.any(np.isfinite(expected) & ~np.isfinite(measured)):
        return None
    if domain:
        use &= (second > domain[0]) & (second < domain[1])
    if use.sum() < 6:
        return None
    x, y = (np.where(use, values, 0.0) for values in (expected, measured))
    x, y = _centred(x, use), _centred(y, use)
    if not np.sum(x * x) > 0:
        return None
    weight = float(np.sum(x * y) / np.sum(x * x))
    spread = math.sqrt(float(np.sum(y * y)))
    left = math.sqrt(float(np.sum((y - weight * x) ** 2)))
    return Fit(term, weight, left / spread if spread else math.inf, bool(domain))


def _centred(values, use):
    """Subtract each row's mean over the entries in use: what depends on the row alone drops out."""
    count = np.maximum(use.sum(axis=1, keepdims=True), 1)
    return np.where(use, values - values.sum(axis=1, keepdims=True) / count, 0.0)


def best_fit(dictionary, first, second, measured, enough):
    """The term that explains the measurements best.

    Whole-domain terms come first: a term that is only compared on a part is taken where no other
    explains everything. The positive part of such a domain may be cut once more, by a clip at 1.

    Returns:
        The `Fit`, None where none leaves less than `enough`; and the smallest share left by a
        whole-domain term.
    """
    whole = [fit_term(term, first, second, measured) for term in dictionary if not term.domain]
    part = [term for term in dictionary if term.domain]
    cut = [fit_term(term, first, second, measured, (0.0, 1.0)) for term in part]
    for fits in (whole, [fit_term(term, first, second, measured) for term in part], cut):
        fits = [fit for fit in fits if fit and fit.residual < enough]
        if fits:
            best = min(fits, key=lambda fit: fit.residual)
            return best, best.residual
    return None, min([1.0, *(fit.residual for fit in whole if fit)])


def exponent(change: float, size: float) -> int | None:
    """The power of `size` that `change` is.

    Returns:
        -2 to 2; None where the loss took no other size (NaN), 99 where it is no such power.
    """
    if not math.isfinite(change):
        return None
    for power in (0, -1, 1, -2, 2):
        if math.isclose(change, size**power, rel_tol=0.01):
            return power
    return 99


def _flat(table, level):
    """True where a table of measurements does not vary beyond the noise of float32."""
    finite = table[np.isfinite(table)]
    return finite.size > 0 and np.ptp(finite) <= 20 * FLOAT32 * max(level, np.abs(finite).max())


def _enough(probe, table, level):
    """The residual that rounding may leave of a table around `level`."""
    least = HALF_TOLERANCE if probe.returned_dtype in ("float16", "bfloat16") else TOLERANCE
    finite = table[np.isfinite(table)]
    spread = np.std(finite) if finite.size else 0.0
    return max(least, 5 * FLOAT32 * level / spread) if spread else least


def _depends_on(probe, which):
    """True where the loss changes with logits, or with codes, that differ from entry to entry."""
    rng = np.random.default_rng(1)
    pixels, codes = (BATCH, *probe.image_shape), (BATCH, probe.latent_dim)
    for _ in range(3):
        x, logits = rng.uniform(0.1, 0.9, pixels), rng.uniform(-3, 3, pixels)
        m, v = rng.normal(size=codes), rng.uniform(0.1, 1.5, codes)
        if which == "logits":
            other = measure(probe, x, rng.uniform(-3, 3, pixels), m, v)
        else:
            other = measure(probe, x, logits, rng.normal(size=codes), rng.uniform(0.1, 1.5, codes))
        here = measure(probe, x, logits, m, v)
        if abs(other - here) > 1e-5 * max(abs(here), 1e-3):
            return True
    return False


def _unknown_or_none(probe, which, code):
    """The part that a table without variation stands for."""
    if not _depends_on(probe, which):
        return Part("none", "none", mistakes=[code], weight=0.0, residual=0.0)
    note = f"It does depend on the {which}, but not where all entries are equal."
    return Part(mistakes=["unknown"], notes=[note], residual=1.0)


def pixel_part(probe, quiet) -> Part:
    """The reconstruction: a table over (x, logit), looked up in the dictionary."""
    x, logits = np.meshgrid(X, LOGITS, indexing="ij")
    table = np.array(
        [[measure(probe, a, b, *quiet[2:]) for b in LOGITS] for a in X], dtype="float64"
    )
    level = abs(probe(*quiet))
    if _flat(table - np.nanmean(table, axis=1, keepdims=True), np.nanmax(np.abs(table))):
        return _unknown_or_none(probe, "logits", "reconstruction_missing")
    size = math.prod(probe.image_shape)
    enough = _enough(probe, table, level)
    fit, left = best_fit(terms.RECONSTRUCTIONS, x, logits, table, enough)
    part = Part(mistakes=["unknown"], residual=left)
    if fit:
        part = Part.recognised(fit, size, "reconstruction")
    elif scaled := _scaled_images(x, logits, table, enough):
        part = scaled
        part.weight /= size
    if part.known:
        low, high = part.term.domain or (-np.inf, np.inf)
        inside = [b for b in LOGITS if low < b < high]
        ends = ((0.9, inside[0], *quiet[2:]), (0.9, inside[-1], *quiet[2:]))
        part.laws = _laws(probe, ends, "pixels")
        if part.kind == "squared_error" and "raw" in part.text:
            part.notes.append("The decoder's raw output is the mean of a pixel: no sigmoid.")
    return part


def _scaled_images(x, logits, table, enough) -> Part | None:
    """A known term of images that were rescaled to a x + b inside the loss, or None."""
    if not np.all(np.isfinite(table)):
        return None
    forms = (
        ("bernoulli", "the Bernoulli cross-entropy", None),
        ("squared_error", "half the squared error of sigmoid(logits)", terms.sigmoid),
        ("squared_error", "half the squared error of the decoder's raw output", lambda a: a),
    )
    fits = [(*form, *_fit_scaled(form[-1], x, logits, table)) for form in forms]
    kind, text, mean, (weight, slope, shift), left = min(fits, key=lambda fit: fit[-1])
    plausible = 1e-3 < abs(slope / weight) < 1e5 and abs(shift / weight) < 1e5 if weight else False
    if left > enough or not plausible:
        return None
    a, b = slope / weight, shift / weight

    def function(x, logits):
        if mean is None:
            return terms.softplus(logits) - (a * x + b) * logits
        return 0.5 * (a * x + b - mean(logits)) ** 2

    part = Part(
        kind,
        f"{text}, with the images taken as {_line(a, b)}",
        terms.Term("scaled", kind, text, function),
        weight,
        left,
        x_scale=(a, b),
    )
    inside = min(b, a + b) >= -0.01 and max(b, a + b) <= 1.01
    part.add("unknown" if inside and abs(a) > 0.02 else "image_range")
    part.notes.append(f"The images enter as {_line(a, b)}, not as x: {_range_story(a, b)}.")
    return part


def _fit_scaled(mean, x, logits, table):
    """Weight, slope and shift of a term of slope * x + shift, and the share they leave.

    Opened up, the term is own(logits) - image * product(logits), up to a function of x.
    """
    own = 0.5 * mean(logits) ** 2 if mean else terms.softplus(logits)
    product = mean(logits) if mean else logits
    columns = [own, -x * product, -product, table]
    *columns, target = [(c - c.mean(axis=1, keepdims=True)).ravel() for c in columns]
    matrix = np.stack(columns, axis=1)
    solution, *_ = np.linalg.lstsq(matrix, target, rcond=None)
    return solution, np.linalg.norm(matrix @ solution - target) / np.linalg.norm(target)


def _line(a, b):
    shift = round(b, 3)
    return f"{a:.3g} x" + (f" {'+' if shift > 0 else '-'} {abs(shift):.3g}" if shift else "")


def _range_story(a, b):
    for (slope, shift), story in {
        (255, 0): "they are put on 0-255",
        (2, -1): "they are put on [-1, 1]",
        (1 / 255, 0): "they are divided by 255 a second time",
        (-1, 1): "black and white are exchanged",
    }.items():
        if math.isclose(a, slope, rel_tol=0.02) and abs(b - shift) < 0.02:
            return story
    if 0 < a < 1 and math.isclose(a + 2 * b, 1, abs_tol=0.01):
        return f"label smoothing of {1 - a:.3g}"
    return "a Bernoulli takes x itself, on [0, 1]"


def code_part(probe, quiet) -> Part:
    """The KL: a table over (z_mean, z_log_var), looked up in the dictionary."""
    m, v = np.meshgrid(MEANS, LOG_VARS, indexing="ij")
    table = np.array(
        [[measure(probe, *quiet[:2], a, b) for b in LOG_VARS] for a in MEANS], dtype="float64"
    )
    level = abs(probe(*quiet))
    if _flat(table, level):
        return _unknown_or_none(probe, "z_mean and z_log_var", "kl_missing")
    one_row = [values.reshape(1, -1) for values in (m, v, table)]
    fit, left = best_fit(terms.KLS, *one_row, _enough(probe, table, level))
    if not fit:
        note = _formula(m, v, table, probe.latent_dim)
        return Part(mistakes=["unknown"], notes=[note], residual=left)
    part = Part.recognised(fit, probe.latent_dim, "KL")
    ends = ((*quiet[:2], 0.3, 0.9), (*quiet[:2], 1.5, 0.2))
    part.laws = _laws(probe, ends, "codes")
    # A term that bends away where the KL is still of a usual size is another term.
    far, near = (6.0, 0.9), (0.3, 0.4)
    change = measure(probe, *quiet[:2], *far) - measure(probe, *quiet[:2], *near)
    with np.errstate(all="ignore"):
        values = part.term.function(*np.array([far, near]).T)
    expected = part.weight * probe.latent_dim * (values[0] - values[1])
    if not math.isclose(change, expected, rel_tol=0.01, abs_tol=20 * FLOAT32 * level):
        part.forget(f"For small arguments it is {part.text}; at a z_mean of 6 no longer.", 1.0)
    return part


def _formula(m, v, table, latent_dim):
    """What the part of z looks like, in the words z_mean**2, exp(z_log_var), z_log_var."""
    use = np.isfinite(table)
    columns = [m**2, np.exp(v), v, np.ones_like(v)]
    matrix = np.stack([column[use] for column in columns], axis=1)
    target = table[use]
    solution, *_ = np.linalg.lstsq(matrix, target, rcond=None)
    share = np.linalg.norm(matrix @ solution - target) / np.linalg.norm(target - target.mean())
    if share < 0.01:
        a, b, c, _ = solution
        words = f"{a:+.3g} z_mean**2 {b:+.3g} exp(z_log_var) {c:+.3g} z_log_var"
        return f"The part of z, for all latent dimensions together, is {words} + a constant."
    return (
        f"The part of z is no known KL; even free weights of z_mean**2, exp(z_log_var) and "
        f"z_log_var leave {100 * share:.2g}% of its variation."
    )


def _laws(probe, ends, which):
    """How a term's weight scales with batch size, latent dimension and each axis of the image.

    Two points that differ in this term alone are measured at one size and at another.
    """

    def difference(**sizes):
        values = [measure(probe, *point, **sizes) for point in ends]
        entries = (
            math.prod(sizes.get("image_shape", probe.image_shape))
            if which == "pixels"
            else sizes.get("latent_dim", probe.latent_dim)
        )
        return (values[0] - values[1]) / entries

    here = difference() or math.nan
    more = probe.latent_dim + max(3, probe.latent_dim // 2)
    laws = {
        "batch": exponent(difference(batch=BATCH + 2) / here, (BATCH + 2) / BATCH),
        "latents": exponent(difference(latent_dim=more) / here, more / probe.latent_dim),
    }
    for axis, size in enumerate(probe.image_shape):
        other = 3 if size == 1 else size + size // 4 + 1  # no multiple: a hard-wired reshape fails
        shape = (*probe.image_shape[:axis], other, *probe.image_shape[axis + 1 :])
        laws[axis] = exponent(difference(image_shape=shape) / here, other / size)
    return laws
