"""A term compared with a table of measurements, up to a factor and a constant."""

import math
from dataclasses import dataclass

import numpy as np

from vae_helpers.audit.loss import tolerances
from vae_helpers.known_mistakes.losses import Term


@dataclass(frozen=True)
class Fit:
    """How well a term explains measurements: measured = scale * term + constant.

    Attributes:
        term: the term.
        scale: its factor.
        residual: what is left, relative to the spread of what was measured.
        domain: where it was compared; None for everywhere.
    """

    term: Term
    scale: float
    residual: float
    domain: tuple | None = None


def fit_term(term, first, second, measured, domain=None) -> Fit | None:
    """Fit one term to a table of measurements, up to a constant for each row.

    Args:
        term: the `Term`.
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
    x, y = (_centred(np.where(use, values, 0.0), use) for values in (expected, measured))
    if not np.sum(x * x) > 0:
        return None
    scale = float(np.sum(x * y) / np.sum(x * x))
    spread = math.sqrt(float(np.sum(y * y)))
    left = math.sqrt(float(np.sum((y - scale * x) ** 2)))
    return Fit(term, scale, left / spread if spread else math.inf, domain)


def _centred(values, use):
    """Subtract each row's mean over the entries in use: what depends on the row alone drops out."""
    count = np.maximum(use.sum(axis=1, keepdims=True), 1)
    return np.where(use, values - values.sum(axis=1, keepdims=True) / count, 0.0)


def best_fit(terms, first, second, measured, enough) -> tuple[Fit | None, float]:
    """Return the fit of the term that explains the measurements best, and the share it leaves.

    Whole-domain terms come first: a term that is only compared on a part is taken where no other
    explains everything. The positive part of such a domain may be cut once more, by a clip at 1.
    The fit is None where none leaves less than `enough`.
    """
    whole = [fit_term(term, first, second, measured) for term in terms if not term.domain]
    part = [term for term in terms if term.domain]
    cut = [fit_term(term, first, second, measured, (0.0, 1.0)) for term in part]
    for fits in (whole, [fit_term(term, first, second, measured) for term in part], cut):
        fits = [fit for fit in fits if fit and fit.residual < enough]
        if fits:
            best = min(fits, key=lambda fit: fit.residual)
            return best, best.residual
    return None, min([1.0, *(fit.residual for fit in whole if fit)])


def combination(columns, measured) -> tuple[np.ndarray, float]:
    """Return the factors of columns that explain a table best, and the share they leave.

    Args:
        columns: arrays of the table's shape; a constant is added.
        measured: the table; entries that are not finite are left out.
    """
    use = np.isfinite(measured)
    matrix = np.stack([column[use] for column in (*columns, np.ones_like(measured))], axis=1)
    target = measured[use]
    solution, *_ = np.linalg.lstsq(matrix, target, rcond=None)
    spread = np.linalg.norm(target - target.mean())
    left = np.linalg.norm(matrix @ solution - target)
    return solution[:-1], float(left / spread) if spread else math.inf


def is_flat(table, level) -> bool:
    """Return whether a table does not vary beyond the noise of float32."""
    finite = table[np.isfinite(table)]
    noise = tolerances.FLAT * tolerances.FLOAT32
    return finite.size > 0 and np.ptp(finite) <= noise * max(level, np.abs(finite).max())


def enough(measurements, table, coarse: bool) -> float:
    """Return the residual that rounding may leave of a table."""
    sixteen = coarse or measurements.dtype in ("float16", "bfloat16")
    least = tolerances.FIT_16_BITS if sixteen else tolerances.FIT
    finite = table[np.isfinite(table)]
    spread = np.std(finite) if finite.size else 0.0
    if not spread:
        return least
    return max(least, tolerances.FIT_ROUNDING * tolerances.FLOAT32 * measurements.level / spread)
