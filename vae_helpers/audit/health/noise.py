"""Is z really drawn from q(z|x) = N(z_mean, exp(z_log_var))? Judged from samples alone.

The same images are sent through the model many times. What is left of z after taking off z_mean is
the noise, an array of shape (calls, images, latent dimensions). In a sampler that works, all its
entries are independent, centred, Gaussian, and as wide as z_log_var says. `report` lists the codes.
"""

from dataclasses import dataclass

import numpy as np

from vae_helpers.known_mistakes.samplers import RIGHT, WIDTHS

# The mean of log|e| for a standard normal e: -(log 2 + Euler's constant) / 2.
LOG_ABS_NORMAL = -0.635
SPREAD_OF_LOG_ABS = 1.11  # and the standard deviation of log|e|
BINS = 10
FEW_DRAWS = 8  # below so many, a correlation of two dimensions says nothing
GROUPS_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Noise:
    """The noise of several calls on the same images, where it stands out from rounding.

    Attributes:
        values: z - z_mean, shape (calls, n, d); NaN where it is too small to be seen.
        sigma: exp(z_log_var / 2), shape (n, d).
        z_log_var: shape (n, d).
        rounding: what rounding alone may add, shape (n, d).
        dimensions: the latent dimensions that are left, (d,).
    """

    values: np.ndarray
    sigma: np.ndarray
    z_log_var: np.ndarray
    rounding: np.ndarray
    dimensions: np.ndarray

    @property
    def visible(self) -> np.ndarray:
        """Where there is something to judge, shape (n, d)."""
        return np.isfinite(self.values[0])

    @property
    def spread(self) -> float:
        """Width of the noise in units of exp(z_log_var / 2): 1 is right."""
        return float(np.sqrt(np.nanmean((self.values / self.sigma) ** 2)))

    def holds(self, condition) -> bool:
        """Return whether 99% of the entries that can be seen fulfil a condition."""
        return bool(condition[:, self.visible].mean() > 0.99)


def visible_noise(noise, z_mean, z_log_var) -> Noise | None:
    """Return the noise that can be judged, None when there is none.

    Args:
        noise: z - z_mean for the same images, shape (calls, n, latent_dim), at least 8 calls.
        z_mean: shape (n, latent_dim).
        z_log_var: shape (n, latent_dim).
    """
    noise, z_mean, z_log_var = (np.asarray(a, np.float64) for a in (noise, z_mean, z_log_var))
    sigma = np.exp(np.clip(z_log_var, -80, 80) / 2)
    rounding = 4e-6 * (1 + np.abs(z_mean))  # of float32, generously
    visible = sigma > 25 * rounding
    seen = visible.mean(axis=0) > 0.1 if len(visible) else np.zeros(visible.shape[1], bool)
    if not seen.any():
        return None
    values = np.where(visible, noise, np.nan)[..., seen]
    return Noise(
        values, sigma[:, seen], z_log_var[:, seen], rounding[:, seen], np.flatnonzero(seen)
    )


def noise_findings(noise: Noise | None) -> dict[str, str]:
    """Return what is wrong with the noise: a dict from code to evidence, empty if all is well."""
    if noise is None:
        return {}
    with np.errstate(invalid="ignore"):
        if noise.holds(np.abs(noise.values) <= noise.rounding):
            return {
                "no_noise": "z equals z_mean at every call: the decoder never learns from samples. "
                "Add exp(z_log_var / 2) times fresh noise"
            }
        repeated = noise.holds(np.abs(noise.values - noise.values[0]) <= noise.rounding)
    findings = {}
    if repeated:
        findings["noise_repeated"] = (
            f"the noise was the same at all {len(noise.values)} calls, inside a graph as `fit` "
            "runs it: a fixed seed, or NumPy's noise, drawn only once when the graph is made"
        )
    calls = (noise.values / noise.sigma)[:1] if repeated else _per_entry(noise.values)
    independent = float(noise.visible.sum()) * len(calls)  # draws that are left, for error bars

    by_images = _shared_by_images(calls, repeated)
    findings |= by_images
    images_per_draw = noise.visible.sum(axis=0).mean() if by_images else 1.0
    groups, by_dimensions = _shared_by_dimensions(calls, noise.dimensions, images_per_draw)
    findings |= by_dimensions
    independent *= groups / len(noise.dimensions) / images_per_draw

    off_centre = {} if repeated else _off_centre(noise.values, independent)
    wrong = {}
    if independent >= 30:  # fewer different values tell too little
        wrong = _wrong_width(noise, independent, bool(by_images))
        if not wrong and not repeated and independent > 500:
            wrong = _not_gaussian(calls)
    return findings | wrong | off_centre


def _per_entry(noise):
    """Noise of each image and dimension, centred and scaled by its own values over the calls."""
    centred = noise - noise.mean(axis=0)
    scale = np.sqrt((centred**2).mean(axis=0))
    return centred / np.where(scale > 0, scale, np.nan)


# --- one number in several places ------------------------------------------------------------


def _shared_by_images(calls, repeated) -> dict[str, str]:
    """Do all images of a batch get the same noise?"""
    shared = np.nanmean(np.nanmean(calls, axis=1) ** 2) / np.nanmean(calls**2)
    # In one call alone, noise of its own for each image but around 1 looks half shared.
    if shared <= (0.98 if repeated else 0.3):
        return {}
    return {
        "noise_shared_by_batch": "all images of a batch get the same noise (correlation between "
        f"images {shared:.2f}): draw it in the shape of z_mean"
    }


def _shared_by_dimensions(calls, dimensions, images_per_draw) -> tuple[int, dict[str, str]]:
    """Do latent dimensions of an image share their noise: all of them, or some?

    Returns:
        How many different noises there are, and the finding.
    """
    draws = calls.shape[0] * calls.shape[1] / images_per_draw
    if draws < FEW_DRAWS:  # a single noise for everything: the same number, or not
        correlation = _mean_correlation(calls)
        return (1, _all_share(correlation)) if correlation > 0.999 else (len(dimensions), {})
    correlation, counts = _correlations(calls)
    # Few draws correlate by chance: 5 standard errors beyond 0.3.
    draws_of_pairs = np.maximum(counts / images_per_draw, 1)
    limit = np.minimum(0.95, 0.3 + 5 / np.sqrt(draws_of_pairs))
    linked = (np.abs(correlation) > limit) & (draws_of_pairs >= FEW_DRAWS)
    groups = _connected(linked)
    shared = [group for group in groups if len(group) > 1]
    if not shared:
        return len(groups), {}
    together = correlation[np.ix_(shared[0], shared[0])]
    if len(groups) == 1 and together.min() > 0.9:
        return 1, _all_share(together.mean())
    return len(groups), _some_share(shared, correlation, dimensions)


def _correlations(calls):
    """Correlation of the noise of each two dimensions, and how many entries show both."""
    calls = calls - np.nanmean(calls, axis=(0, 1))
    seen = np.isfinite(calls).reshape(-1, calls.shape[2]).astype(float)
    flat = np.nan_to_num(calls).reshape(seen.shape)
    scale = np.sqrt((flat**2).T @ seen) * np.sqrt(seen.T @ flat**2)
    products = flat.T @ flat
    return np.divide(products, scale, out=np.zeros_like(scale), where=scale > 0), seen.T @ seen


def _mean_correlation(calls) -> float:
    """Mean correlation of two dimensions, within images."""
    seen = np.isfinite(calls).sum(axis=2)
    several = seen >= 2
    if not several.any():
        return 0.0
    n = seen[several]
    mean_square = np.nanmean(calls[several] ** 2)
    square_of_mean = (np.nansum(calls[several], axis=1) / n) ** 2
    return float(np.mean((square_of_mean / mean_square - 1 / n) / (1 - 1 / n)))


def _connected(linked) -> list[list[int]]:
    """Groups of dimensions that are linked, directly or by others; the lowest first."""
    groups, left = [], set(range(len(linked)))
    while left:
        group, border = set(), {min(left)}
        while border:
            group |= border
            border = {int(j) for i in border for j in np.flatnonzero(linked[i])} - group
        groups.append(sorted(group))
        left -= group
    return groups


def _all_share(correlation) -> dict[str, str]:
    return {
        "noise_shared_by_dimensions": "all latent dimensions of an image get the same noise "
        f"(correlation between them {correlation:.2f}): draw it in the shape of z_mean"
    }


def _some_share(groups, correlation, dimensions) -> dict[str, str]:
    shown = []
    for group in groups[:GROUPS_SHOWN]:
        *others, last = (str(dimensions[i]) for i in group)
        first = correlation[group[0], group[1:]]
        strongest = first[np.argmax(np.abs(first))]
        shown.append(f"{', '.join(others)} and {last} (correlation {strongest:+.2f})")
    left = len(groups) - GROUPS_SHOWN
    more = f"; and {left} more group{'s' if left > 1 else ''}" if left > 0 else ""
    return {
        "noise_shared_by_dimensions": "some latent dimensions of an image share their noise: "
        f"{'; '.join(shown)}{more}. The KL counts them as independent: draw the noise in the "
        "shape of z_mean"
    }


# --- centre, width, shape --------------------------------------------------------------------


def _off_centre(noise, independent) -> dict[str, str]:
    """Is the noise centred at zero: over all images, and for each of them?"""
    calls, _, latent_dim = noise.shape
    deviation = noise.std(axis=0, ddof=1)
    t = noise.mean(axis=0) / np.where(deviation > 0, deviation, np.nan) * np.sqrt(calls)
    means = np.nanmean(t, axis=0)
    # Student's t with `calls` values has a variance just above 1; that grows with a common shift.
    if np.nanmean(np.nanvar(t, axis=0) - 0.15 * means**2) > 3:
        return {
            "unexpected_noise": "averaged over many calls, z is not z_mean: something else than "
            "centred noise is added to it, or z_mean is scaled"
        }
    shift = means[np.argmax(np.abs(means))] / np.sqrt(calls)
    if abs(shift) > 0.15 + 4 * np.sqrt(latent_dim / independent):
        return {
            "noise_shifted": f"the mean of the noise is {shift:+.2f} of its standard deviations, "
            "where it should be 0: draw it from a normal distribution around 0"
        }
    return {}


def _wrong_width(noise, independent, shared) -> dict[str, str]:
    """Is the noise as wide as z_log_var says, and if not, which law does it follow?"""
    misfit = _misfits(noise, independent, shared)
    tolerance = 0.15
    if not shared:
        tolerance += 2.5 * SPREAD_OF_LOG_ABS * np.sqrt(BINS / independent)
    if misfit[RIGHT.code] > tolerance:
        law = min(misfit, key=misfit.get)
        if misfit[law] > tolerance:
            return {
                "unexpected_noise": f"the noise is {noise.spread:.2g} times as wide as "
                f"{RIGHT.code} on the whole, and follows no law known here"
            }
        if law == "exp(z_log_var)":
            return {
                "sigma_from_log_var": f"the noise has the standard deviation {law}, "
                f"{WIDTHS[law].text}. It should be {RIGHT.code}"
            }
        return {
            "unexpected_noise": f"the noise has the standard deviation {law}, "
            f"{WIDTHS[law].text}. z_log_var asks for {RIGHT.code}"
        }
    if abs(noise.spread - 1) > 0.06 + 4 / np.sqrt(2 * independent):
        return {
            "unexpected_noise": f"the noise is {noise.spread:.2f} times as wide as {RIGHT.code}: "
            "is it standard normal?"
        }
    return {}


def _not_gaussian(calls) -> dict[str, str]:
    """The fourth moment is 3 for a Gaussian; scaled by 16 calls of its own, about 2.65."""
    kurtosis = np.nanmean(calls**4) / np.nanmean(calls**2) ** 2
    if 2.2 < kurtosis < 3.6:
        return {}
    return {
        "unexpected_noise": f"the noise is as wide as {RIGHT.code} but not Gaussian (fourth moment "
        f"{kurtosis:.1f}, where a Gaussian has about 2.7 here)"
    }


def _misfits(noise, independent, shared) -> dict[str, float]:
    """For each law, how far log|noise| is from it: root mean square over bins of z_log_var."""
    seen = np.isfinite(noise.values)
    order = np.argsort(np.broadcast_to(noise.z_log_var, seen.shape)[seen], kind="stable")
    size = np.log(np.maximum(np.abs(noise.values), 1e-9 * noise.sigma))
    error = 3 * SPREAD_OF_LOG_ABS / np.sqrt(independent)
    misfits = {}
    for code, width in WIDTHS.items():
        difference = size - np.asarray(width.log_sigma(noise.z_log_var)) - LOG_ABS_NORMAL
        offset = 0.0
        if shared:
            # Images with one noise between them are compared with each other: exactly.
            offset = max(0.0, abs(np.nanmean(difference)) - error)
            difference = difference - np.nanmean(difference, axis=1, keepdims=True)
        bins = np.array_split(difference[seen][order], BINS)
        misfits[code] = float(np.sqrt(np.mean([part.mean() ** 2 for part in bins]) + offset**2))
    return misfits
