"""Does each latent stand for one factor of variation? Scores of codes whose factors are known.

`codes` are samples of q(z|x), (n, latent_dim), and not its means: the mean of a collapsed latent
still moves by a thousandth with the image, and no score here looks at a code's scale. `factors`
are what the images were made with, {name: (n,)} or (n, n_factors), numbers whose order means
something. Every score is 1 for one latent a factor, and 0 for codes that tell nothing.

Such a score does not come from the ELBO: a rotated code has the same ELBO and another score
(Locatello et al. 2019, arXiv:1811.12359); `rotation.py` shows it.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_helpers.data.synthetic import FONTS, LETTERS, synthetic_letters
from vae_helpers.recipes import Recipe

STORE = Path(__file__).with_name("disentanglement.csv")
BINS = 20  # as in Locatello et al. (2019)
LETTER = "E"
FACTORS = {"slant": (-0.3, 0.3), "shift_x": (-2.0, 2.0), "shift_y": (-2.0, 2.0)}
FIXED = {"weight": 0.4, "scale": 1.0, "noise": 0.0}
# What the comparison trains on `letters_with_factors`.
RECIPE = Recipe(latent_dim=6, hidden=(256, 128), epochs=12, learning_rate=4e-3, batch_size=100)
CHANCE = 4.0  # standard errors of a correlation that is zero: what DCI's penalty takes away


# --- images whose factors are known ----------------------------------------------------------


def letters_with_factors(n: int, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return images of one letter in one font that differ in three factors only.

    Args:
        n: how many images.
        seed: the same seed gives the same images.

    Returns:
        images uint8 (n, 28, 28) and factors {name: (n,)}, sampled evenly and independently from
        the intervals `FACTORS`.
    """
    rng = np.random.default_rng([seed, 1])
    factors = {name: rng.uniform(*ends, size=n) for name, ends in FACTORS.items()}
    label, font = LETTERS.index(LETTER), FONTS.index("DejaVuSans")
    images, _, _ = synthetic_letters(n, seed, labels=label, font=font, **{**FIXED, **factors})
    return images, factors


def all_scores(codes, factors) -> dict[str, float]:
    """Return "MIG", "SAP", and DCI's three: "disentanglement", "completeness", "informativeness".

    Args:
        codes: (n, latent_dim).
        factors: as for `information_table`.
    """
    found = dci(codes, factors)
    return {
        "MIG": mig(codes, factors),
        "SAP": sap(codes, factors),
        "disentanglement": found.disentanglement,
        "completeness": found.completeness,
        "informativeness": found.informativeness,
    }


# --- mutual information: MIG -----------------------------------------------------------------


def information_table(codes, factors, bins: int = BINS) -> tuple[np.ndarray, np.ndarray]:
    """Return the mutual information of each latent and each factor, and the factors' entropies.

    Both are cut into bins that hold equally many values (a factor of few values keeps them), so
    that no unit and no monotone function changes the result. Counting makes it larger than it is,
    for independent ones by about (bins - 1)^2 / 2n.

    Args:
        codes: (n, latent_dim).
        factors: {name: (n,)} or (n, n_factors).
        bins: of each latent and each factor.

    Returns:
        Array (latent_dim, n_factors) and array (n_factors,), nats.
    """
    codes, factors = _checked(codes, factors)
    if bins < 2 or int(bins) != bins:
        raise ValueError(f"bins is {bins!r}, expected a whole number of at least 2")
    latents = [_binned(column, int(bins)) for column in codes.T]
    truths = [_binned(column, int(bins)) for column in factors.T]
    entropies = np.array([_entropy(truth) for truth in truths])
    table = np.array(
        [
            [
                _entropy(latent) + _entropy(truth) - _entropy(latent * bins + truth)
                for truth in truths
            ]
            for latent in latents
        ]
    )
    return np.maximum(table, 0.0), entropies


def mig(codes, factors, bins: int = BINS) -> float:
    """Return the mutual information gap, 0 to 1.

    For each factor: the information of the latent that knows most of it, less that of the second,
    as a share of the factor's entropy; then the mean over factors. A latent may win several
    factors: the gap looks at factors only.

    Args:
        codes: (n, latent_dim), two latents or more.
        factors: as for `information_table`.
        bins: as for `information_table`.

    Source: Chen, Li, Grosse & Duvenaud (2018), arXiv:1802.04942, section 4.1.
    """
    table, entropies = information_table(codes, factors, bins)
    return float(np.mean(_gaps(table) / entropies))


# --- squared correlations: SAP ---------------------------------------------------------------


def sap(codes, factors) -> float:
    """Return the separated attribute predictability, 0 to 1.

    For each factor: the share of its variance that a straight line explains from the best latent,
    less that from the second best; then the mean over factors.

    Args:
        codes: (n, latent_dim), two latents or more.
        factors: as for `information_table`.

    Source: Kumar, Sattigeri & Balakrishnan (2018), arXiv:1711.00848, section 3. For factors that
        are categories they take a classifier instead, which is not here.
    """
    codes, factors = (_standardised(part) for part in _checked(codes, factors))
    explained = np.square(codes.T @ factors / len(codes))
    return float(np.mean(_gaps(explained)))


# --- a regression from all latents: DCI ------------------------------------------------------


@dataclass(frozen=True)
class DCI:
    """Three answers about codes, each 0 to 1, and the table that they were read from.

    Attributes:
        disentanglement: 1 when each latent matters for one factor only.
        completeness: 1 when each factor is told by one latent only.
        informativeness: share of the factors' variance that the latents explain together, on
            images the regression has not seen.
        importances: (latent_dim, n_factors), how much each latent matters for each factor.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importances: np.ndarray


def dci(codes, factors, penalty: float | None = None) -> DCI:
    """Return disentanglement, completeness and informativeness.

    A lasso predicts each factor from all latents, both standardised; the importance of a latent
    is the size of its weight. It is linear: what a latent says of a factor along a curve that
    goes up and down is not seen.

    Args:
        codes: (n, latent_dim), two latents or more.
        factors: as for `information_table`, two or more.
        penalty: of the lasso; 4 / sqrt(number of rows) when None, which leaves nothing of what
            chance can make of unrelated numbers. (Without it, noise has "importances" too, and
            shares of noise.)

    Source: Eastwood & Williams (2018), "A framework for the quantitative evaluation of
        disentangled representations", ICLR 2018; theirs is a lasso too, besides a random forest.
    """
    codes, factors = _checked(codes, factors)
    if factors.shape[1] < 2:
        raise ValueError("there is one factor, expected two or more: DCI compares factors")
    half = len(codes) // 2
    order = np.random.default_rng(0).permutation(len(codes))  # images may come sorted
    codes, factors = (_standardised(part[order], rows=half) for part in (codes, factors))
    if penalty is None:
        penalty = CHANCE / math.sqrt(half)
    weights = _lasso(codes[:half], factors[:half], penalty)
    errors = np.mean(np.square(factors[half:] - codes[half:] @ weights), axis=0)
    variances = np.mean(np.square(factors[half:]), axis=0)  # 0: a rare value that half lacks
    explained = 1 - errors / np.where(variances > 0, variances, np.inf)
    explained = np.where(variances > 0, explained, 0.0)
    importances = np.abs(weights)
    return DCI(
        disentanglement=_concentration(importances),
        completeness=_concentration(importances.T),
        informativeness=float(np.mean(np.maximum(explained, 0.0))),
        importances=importances,
    )


def _concentration(importances):
    """How far the rows lie on one entry each: 1 - entropy / log(width), weighed by the rows' sums.

    Zero where no row has any importance.
    """
    sums = importances.sum(axis=1, keepdims=True)
    if not sums.any():
        return 0.0
    shares = importances / np.where(sums > 0, sums, 1.0)
    entropies = -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=1)
    concentrated = 1 - entropies / math.log(importances.shape[1])
    return float(np.average(concentrated, weights=sums[:, 0]))


def _lasso(x, y, penalty, rounds=5000, tolerance=1e-9):
    """Minimise |y - x w|^2 / 2n + penalty |w| by coordinate descent, for every column of y."""
    covariance, target = x.T @ x / len(x), x.T @ y / len(x)
    weights = np.zeros_like(target)
    used = np.flatnonzero(np.diag(covariance) > 0)
    for _ in range(rounds):
        before = weights.copy()
        for j in used:
            rest = target[j] - covariance[j] @ weights + covariance[j, j] * weights[j]
            shrunk = np.sign(rest) * np.maximum(np.abs(rest) - penalty, 0.0)
            weights[j] = shrunk / covariance[j, j]
        if np.max(np.abs(weights - before)) < tolerance:
            break
    return weights


# --- what was measured -----------------------------------------------------------------------


def load_scores():
    """Return what `benchmarks/disentangle.py` measured: a pandas DataFrame, a row a model."""
    import pandas as pd

    return pd.read_csv(STORE)


# --- shared ----------------------------------------------------------------------------------


def _gaps(table):
    """The largest of each column less the second largest."""
    if len(table) < 2:
        raise ValueError("there is one latent, expected two or more: a gap compares two")
    second, first = np.sort(table, axis=0)[-2:]
    return first - second


def _binned(values, bins):
    """The number of each value's bin, 0 to bins - 1, by rank; equal values share one."""
    different, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(different) <= bins:
        return where
    middle = np.cumsum(counts) - counts / 2  # of the ranks that equal values share
    return (middle * bins // len(values)).astype(int)[where]


def _entropy(numbers):
    shares = np.unique(numbers, return_counts=True)[1] / len(numbers)
    return float(-np.sum(shares * np.log(shares)))


def _standardised(values, rows=None):
    """Mean 0 and deviation 1 in the first `rows`; a column that does not change there is 0."""
    seen = values[:rows]
    mean, deviation = seen.mean(axis=0), seen.std(axis=0)
    moves = deviation > 1e-12 * np.abs(seen).max(axis=0)  # more than rounding
    return np.where(moves, (values - mean) / np.where(moves, deviation, 1.0), 0.0)


def _checked(codes, factors):
    codes = _checked_codes(codes)
    if not isinstance(factors, dict):
        table = np.asarray(factors)
        if table.ndim != 2:
            raise ValueError(f"factors have shape {table.shape}, expected (n, n_factors)")
        factors = dict(enumerate(table.T))
    columns = [_checked_factor(name, column, len(codes)) for name, column in factors.items()]
    return codes, np.stack(columns, axis=1)


def _checked_factor(name, column, n):
    column = np.asarray(column)
    if column.shape != (n,):
        raise ValueError(f"factor {name!r} has shape {column.shape}, expected ({n},): one a code")
    if column.dtype.kind not in "biuf":
        raise ValueError(f"factor {name!r} holds {column.dtype}, expected numbers")
    column = column.astype(np.float64)
    if not np.isfinite(column).all():
        raise ValueError(f"factor {name!r} has values that are not finite")
    if column.min() == column.max():
        raise ValueError(
            f"factor {name!r} is {column[0]:g} for all images, so no code can tell it: leave it out"
        )
    return column


def _checked_codes(codes):
    codes = np.asarray(codes, np.float64)
    if codes.ndim != 2 or len(codes) < 2:
        raise ValueError(f"codes have shape {codes.shape}, expected (n, latent_dim), n at least 2")
    if not np.isfinite(codes).all():
        raise ValueError("codes have values that are not finite")
    return codes
