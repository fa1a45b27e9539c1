"""Is z really drawn from q(z|x) = N(z_mean, exp(z_log_var))? Asked of the samples alone.

The same images are sent through the model many times. What is left of z after taking off z_mean is
the noise, an array of shape (calls, images, latent dimensions). In a sampler that works, all its
entries are independent, centred, Gaussian, and as wide as z_log_var says. `report` lists the codes.
"""

from __future__ import annotations

import numpy as np

# The mean of log|e| for a standard normal e: -(log 2 + Euler's constant) / 2.
LOG_ABS_NORMAL = -0.635
SPREAD_OF_LOG_ABS = 1.11  # and the standard deviation of log|e|
BINS = 10

RIGHT = "exp(z_log_var / 2)"
# Standard deviations that are seen in other people's code; the first that fits is named.
LAWS = {
    RIGHT: lambda log_var: log_var / 2,
    "exp(z_log_var)": lambda log_var: log_var,
    "1": lambda log_var: np.zeros_like(log_var),
    "z_log_var": lambda log_var: np.log(np.abs(log_var) + 1e-12),
    "softplus(z_log_var)": lambda log_var: np.log(np.logaddexp(0, log_var)),
    "sqrt(softplus(z_log_var))": lambda log_var: 0.5 * np.log(np.logaddexp(0, log_var)),
    "sqrt(|z_log_var|)": lambda log_var: 0.5 * np.log(np.abs(log_var) + 1e-12),
    "exp(z_log_var / 4)": lambda log_var: log_var / 4,
    "exp(2 z_log_var)": lambda log_var: 2 * log_var,
    "exp(-z_log_var / 2)": lambda log_var: -log_var / 2,
}


def diagnose(noise, z_mean, z_log_var) -> tuple[float, dict[str, str]]:
    """What is wrong with the noise in z.

    Args:
        noise: z - z_mean for the same images, shape (calls, n, latent_dim), at least 8 calls.
        z_mean, z_log_var: parameters of q(z|x), shape (n, latent_dim).

    Returns:
        The spread of the noise in units of exp(z_log_var / 2), 1.0 when it is right and NaN when
        the noise is too small to be seen, and a dict from code to evidence, empty when all is well.
    """
    noise, z_mean, z_log_var = (np.asarray(a, np.float64) for a in (noise, z_mean, z_log_var))
    sigma = np.exp(np.clip(z_log_var, -80, 80) / 2)
    rounding = 4e-6 * (1 + np.abs(z_mean))  # of float32, generously
    visible = sigma > 25 * rounding
    dimensions = visible.mean(axis=0) > 0.1
    if not dimensions.any():
        return float("nan"), {}
    noise, z_log_var, sigma = noise[..., dimensions], z_log_var[:, dimensions], sigma[:, dimensions]
    rounding, visible = rounding[:, dimensions], visible[:, dimensions]
    noise = np.where(visible, noise, np.nan)
    with np.errstate(invalid="ignore"):
        spread = float(np.sqrt(np.nanmean((noise / sigma) ** 2)))
        if _nearly_all(np.abs(noise) <= rounding, visible):
            return spread, {
                "no_noise": "z equals z_mean at every call: the decoder never learns from samples. "
                "Add exp(z_log_var / 2) times fresh noise"
            }
        repeated = _nearly_all(np.abs(noise - noise[0]) <= rounding, visible)
    findings = {}
    if repeated:
        findings["noise_repeated"] = (
            f"the noise was the same at all {len(noise)} calls, inside a graph as `fit` runs it: a "
            "fixed seed, or NumPy's noise, drawn only once when the graph is made"
        )
    calls = (noise / sigma)[:1] if repeated else _per_entry(noise)
    independent = float(visible.sum()) * len(calls)  # draws that are left, for error bars

    batch_means = np.nanmean(calls, axis=1)
    shared_by_batch = np.nanmean(batch_means**2) / np.nanmean(calls**2)
    if shared_by_batch > 0.3:
        findings["noise_shared_by_batch"] = (
            "all images of a batch get the same noise (correlation between images "
            f"{shared_by_batch:.2f}): draw it in the shape of z_mean"
        )
        independent /= visible.sum(axis=0).mean()
    shared_by_dimensions = _correlation_between_dimensions(calls)
    draws = len(calls) * (1 if "noise_shared_by_batch" in findings else len(z_mean))
    if shared_by_dimensions > min(0.9, 0.3 + 3 / np.sqrt(draws)):  # few draws correlate by chance
        findings["noise_shared_by_dimensions"] = (
            "all latent dimensions of an image get the same noise (correlation between them "
            f"{shared_by_dimensions:.2f}): draw it in the shape of z_mean"
        )
        independent /= visible.sum(axis=1).mean()

    off_centre = {} if repeated else _off_centre(noise, independent)
    wrong = {}
    if independent >= 30:  # fewer different values tell too little
        shared = "noise_shared_by_batch" in findings
        wrong = _wrong_width(noise, sigma, z_log_var, spread, independent, shared)
        if not wrong and not repeated and independent > 500:
            wrong = _not_gaussian(calls)
    return spread, findings | wrong | off_centre


def _nearly_all(condition, visible) -> bool:
    """True when 99% of the entries that can be seen fulfil the condition."""
    return bool(condition[:, visible].mean() > 0.99)


def _per_entry(noise):
    """Noise of each image and dimension, centred and scaled by its own values over the calls."""
    centred = noise - noise.mean(axis=0)
    scale = np.sqrt((centred**2).mean(axis=0))
    return centred / np.where(scale > 0, scale, np.nan)


def _correlation_between_dimensions(calls) -> float:
    seen = np.isfinite(calls).sum(axis=2)
    several = seen >= 2
    if not several.any():
        return 0.0
    n = seen[several]
    mean_square = np.nanmean(calls[several] ** 2)
    square_of_mean = (np.nansum(calls[several], axis=1) / n) ** 2
    return float(np.mean((square_of_mean / mean_square - 1 / n) / (1 - 1 / n)))


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


def _wrong_width(noise, sigma, z_log_var, spread, independent, shared) -> dict[str, str]:
    """Is the noise as wide as z_log_var says, and if not, which law does it follow?"""
    misfit = _misfits(noise, sigma, z_log_var, independent, shared)
    tolerance = 0.15
    if not shared:
        tolerance += 2.5 * SPREAD_OF_LOG_ABS * np.sqrt(BINS / independent)
    if misfit[RIGHT] > tolerance:
        law = min(misfit, key=misfit.get)
        if misfit[law] > tolerance:
            return {
                "unexpected_noise": f"the noise is {spread:.2g} times as wide as {RIGHT} on the "
                "whole, and follows no law known here"
            }
        if law == "exp(z_log_var)":
            return {
                "sigma_from_log_var": "the noise has the standard deviation exp(z_log_var), which "
                f"is the variance: it should be {RIGHT}"
            }
        return {
            "unexpected_noise": f"the noise has the standard deviation {law}, where z_log_var asks "
            f"for {RIGHT}"
        }
    if abs(spread - 1) > 0.06 + 4 / np.sqrt(2 * independent):
        return {
            "unexpected_noise": f"the noise is {spread:.2f} times as wide as {RIGHT}: is it "
            "standard normal?"
        }
    return {}


def _not_gaussian(calls) -> dict[str, str]:
    """The fourth moment is 3 for a Gaussian; scaled by 16 calls of its own, about 2.65."""
    kurtosis = np.nanmean(calls**4) / np.nanmean(calls**2) ** 2
    if 2.2 < kurtosis < 3.6:
        return {}
    return {
        "unexpected_noise": f"the noise is as wide as {RIGHT} but not Gaussian (fourth moment "
        f"{kurtosis:.1f}, where a Gaussian has about 2.7 here)"
    }


def _misfits(noise, sigma, z_log_var, independent, shared) -> dict[str, float]:
    """For each law, how far log|noise| is from it: root mean square over bins of z_log_var."""
    seen = np.isfinite(noise)
    log_var = np.broadcast_to(z_log_var, noise.shape)
    order = np.argsort(log_var[seen], kind="stable")
    size = np.log(np.maximum(np.abs(noise), 1e-9 * sigma))
    error = 3 * SPREAD_OF_LOG_ABS / np.sqrt(independent)
    misfits = {}
    for name, log_sigma in LAWS.items():
        difference = size - log_sigma(log_var) - LOG_ABS_NORMAL
        offset = 0.0
        if shared:
            # Images with one noise between them are compared with each other: exactly.
            offset = max(0.0, abs(np.nanmean(difference)) - error)
            difference = difference - np.nanmean(difference, axis=1, keepdims=True)
        bins = np.array_split(difference[seen][order], BINS)
        misfits[name] = float(np.sqrt(np.mean([part.mean() ** 2 for part in bins]) + offset**2))
    return misfits
