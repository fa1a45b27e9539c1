"""What the questions about errors, bounds, gaps and codes ask with, and what they compute.

Inputs first (each takes a NumPy Generator and returns the arguments), made so that every known
mistake gives another number than the right answer; then the quantities themselves, which the right
and the wrong answers of `nb08` are made of.
"""

import math

import numpy as np


def values(rng):
    """ELBO values (samples, images), with enough noise over samples to tell the errors apart."""
    samples, n = int(rng.integers(3, 6)), int(rng.integers(8, 15))
    images = rng.normal(-240, 40, size=n)
    return ((images + rng.normal(0, 25, size=(samples, n))).astype("float32"),)


def std(values, axis=None, ddof=1):
    return np.std(np.asarray(values, "float64"), axis=axis, ddof=ddof)


def per_image(values):
    return np.asarray(values, "float64").mean(axis=0)


def error(values, ddof=1):
    return std(per_image(values), ddof=ddof) / math.sqrt(values.shape[1])


def over_codes(values):
    return math.sqrt(np.sum(std(values, 0) ** 2 / values.shape[0])) / values.shape[1]


def log_weights(rng):
    """Log weights (k, images) of a cheap image, a dear one, and some between: 850 nats apart."""
    k, n = int(rng.integers(6, 12)), int(rng.integers(3, 6))
    middle = rng.permutation(np.append(rng.uniform(-900, -150, size=n - 2), [-950.0, -100.0]))
    return ((middle + rng.normal(0, 2, size=(k, n))).astype("float32"),)


def log_mean_exp(values, axis):
    values = np.asarray(values, "float64")
    total = np.logaddexp.reduce(values, axis=axis)
    count = values.size if axis is None else values.shape[axis]
    return total - math.log(count)


def bound(log_weights):
    return log_mean_exp(log_weights, 0).mean()


SMALL = np.log(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 3.0]]))  # both images: log 3


def right_at(answer, shift):
    given = np.asarray(answer(SMALL + shift), "float64")
    return given.shape == () and np.isclose(given, bound(SMALL + shift), rtol=1e-4)


def underflows(answer):
    """True when an answer is right for weights near 1 and not finite for those of images."""
    return right_at(answer, 0) and not np.isfinite(answer(SMALL - 900)).all()


def one_shift_for_all(answer):
    """True when an answer is right for images of one size, and not finite for very unlike ones."""
    right = right_at(answer, 0) and right_at(answer, -900)
    return right and not np.isfinite(answer(SMALL + np.array([-950.0, -100.0]))).all()


def taken_off(answer):
    """What an answer takes off the log-sum-exp for 3, 7 and 10 codes, if that is all it does."""
    for shift in (-2.0, -700.0):
        gap = float(answer(SMALL + shift)) - float(bound(SMALL + shift))
        if abs(gap - float(answer(SMALL)) + float(bound(SMALL))) > 1e-3:
            return []
    return [math.log(k) - float(answer(np.zeros((k, k + 2)))) for k in (3, 7, 10)]


def constant_taken_off(answer):
    """True when an answer takes off the same number whatever k is."""
    off = taken_off(answer)
    return bool(off) and off[0] > 0.1 and np.allclose(off, off[0])


def other_number_taken_off(answer):
    """True when an answer takes off something else than log k, and more than nothing."""
    off = taken_off(answer)
    return bool(off) and off[0] > 0.1 and not np.allclose(off, np.log([3, 7, 10]), atol=1e-3)


def three_bounds(rng):
    """Estimates: for one image in each list the order is upset by their noise."""
    n = int(rng.integers(5, 12))
    log_p = rng.normal(-240, 40, size=n)
    best = log_p - np.append(rng.uniform(0.2, 1.0, size=n - 1), -0.1)
    elbo = best - np.append(-0.2, rng.uniform(1.5, 3.0, size=n - 1))
    return elbo, best, log_p


def gap(low, high):
    return float(np.mean(high - low))


def gaps(each):
    """Wrong answers that treat the differences of each image in some way before the mean."""
    return lambda elbo, best, log_p: (
        float(np.mean(each(best - elbo))),
        float(np.mean(each(log_p - best))),
    )


def encodings(rng):
    """Codes of which each wrong criterion counts another number."""
    n = int(rng.integers(200, 300))
    groups = [  # spread of z_mean from, to; log variance; how many
        (0.6, 1.2, -6.0, int(rng.integers(2, 6))),  # active
        (0.105, 0.135, -0.05, 1),  # active, just
        (0.085, 0.095, -0.05, 3),  # not, just
        (0.011, 0.013, -6.0, int(rng.integers(6, 8))),  # narrow, but the same for every image
        (0.03, 0.06, -0.05, int(rng.integers(10, 12))),  # std above 0.01, range above 0.1
        (1e-4, 1e-3, -0.05, int(rng.integers(14, 16))),  # dead by any criterion
    ]
    spread = np.concatenate([rng.uniform(low, high, size) for low, high, _, size in groups])
    level = np.repeat([level for _, _, level, _ in groups], [size for *_, size in groups])
    pattern = rng.normal(size=(n, len(spread)))
    pattern = (pattern - pattern.mean(axis=0)) / pattern.std(axis=0)
    offset = np.zeros(len(spread))
    offset[-2:] = 0.7  # a dead code may sit away from 0
    z_mean = offset + spread * pattern
    z_log_var = level + 0.01 * rng.normal(size=z_mean.shape)
    order = rng.permutation(len(spread))
    return z_mean[:, order].astype("float32"), z_log_var[:, order].astype("float32")


def count(condition):
    return int(np.sum(condition))


def log_densities(rng):
    n, latent_dim = int(rng.integers(16, 24)), int(rng.integers(2, 4))
    z_mean = rng.normal(size=(n, latent_dim)) * 1.5
    deviation = rng.uniform(0.3, 1.2, size=(n, latent_dim))
    z = z_mean + deviation * rng.normal(size=(n, latent_dim))
    parts = ((z[:, None] - z_mean) / deviation) ** 2 + 2 * np.log(deviation)
    log_q = -0.5 * np.sum(parts + math.log(2 * math.pi), axis=2)
    return (log_q.astype("float32"),)


def information(log_q, aggregate):
    log_q = np.asarray(log_q, "float64")
    return float(np.mean(np.diag(log_q) - aggregate(log_q)))


def right_information(log_q):
    return information(log_q, lambda values: log_mean_exp(values, 1))


def without_own(log_q):
    others = np.where(np.eye(len(log_q), dtype=bool), -np.inf, log_q)
    return np.logaddexp.reduce(others, axis=1) - math.log(len(log_q) - 1)


def lines(rng):
    """So many that dividing by n or by n - 1 is the same to four digits."""
    sizes = rng.integers(6_000, 8_000), rng.integers(9_000, 11_000)
    first = rng.normal(rng.uniform(-2, -1), rng.uniform(0.5, 1.0), size=int(sizes[0]))
    other = rng.normal(rng.uniform(2, 3), rng.uniform(2.5, 3.5), size=int(sizes[1]))
    return first.astype("float32"), other.astype("float32")


def distance(first, second, spread=np.std, power=2):
    first, second = np.asarray(first, "float64"), np.asarray(second, "float64")
    gap = (first.mean() - second.mean()) ** 2
    return float(gap + abs(spread(first) - spread(second)) ** power)
