"""Exercises of notebook 08: errors, bounds, gaps, and yardsticks for a trained VAE."""

import math

import numpy as np

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb08

    return nb08


def _values(rng):
    """ELBO values (samples, images): images differ by much more than samples do."""
    samples, n = int(rng.integers(3, 6)), int(rng.integers(8, 15))
    images = rng.normal(-240, 40, size=n)
    return ((images + rng.normal(0, 4, size=(samples, n))).astype("float32"),)


def _std(values, axis=None, ddof=1):
    return np.std(np.asarray(values, "float64"), axis=axis, ddof=ddof)


def _per_image(values):
    return np.asarray(values, "float64").mean(axis=0)


error_over_images = Question(
    "error_over_images",
    "The standard error, over images, of the mean ELBO.",
    variable="my_error",
    answer=lambda values: _std(_per_image(values)) / math.sqrt(values.shape[1]),
    inputs=_values,
    outcome="One number, in nats per image.",
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "You took every value for an image of its own. The codes of one image share that "
            "image, so they are no new evidence about images: average them first.",
            wrong=lambda x: _std(x) / math.sqrt(x.size),
        ),
        Mistake(
            "This is the scatter of single images. The mean of n of them is steadier, by the "
            "square root of n.",
            wrong=lambda x: _std(_per_image(x)),
        ),
        Mistake(
            "You divided by n. Errors add in squares, so the mean of n images is steadier by the "
            "square root of n only.",
            wrong=lambda x: _std(_per_image(x)) / x.shape[1],
        ),
        Mistake(
            "You divided by the square root of the number of samples. What you average here are "
            "images: count those, axis 1.",
            wrong=lambda x: _std(_per_image(x)) / math.sqrt(x.shape[0]),
        ),
        Mistake(
            "This is the other error, over codes: how far another seed would move the score of "
            "these same images.",
            wrong=lambda x: math.sqrt(np.sum(_std(x, 0) ** 2 / x.shape[0])) / x.shape[1],
        ),
        Mistake(
            "You averaged over axis 1, which counts the images. Each image's mean is over its "
            "samples, axis 0.",
            wrong=lambda x: _std(np.asarray(x, "float64").mean(axis=1)) / math.sqrt(x.shape[0]),
        ),
        Mistake(
            "np.std divides by n unless it is told otherwise. The mean was estimated from the same "
            "images, so divide by n - 1: ddof=1.",
            wrong=lambda x: _std(_per_image(x), ddof=0) / math.sqrt(x.shape[1]),
        ),
    ],
    hint="First one number for each image. Then: how much do those scatter, and how many are "
    "there?",
    solutions=solutions,
    remark="metrics.Estimate carries it as `error`, and the one over codes as `sampling_error`.",
)


def _log_weights(rng):
    k, n = int(rng.integers(6, 12)), int(rng.integers(3, 6))
    middle = rng.normal(-900, 20, size=n)
    return ((middle + rng.normal(0, 2, size=(k, n))).astype("float32"),)


def _log_mean_exp(values, axis):
    values = np.asarray(values, "float64")
    total = np.logaddexp.reduce(values, axis=axis)
    count = values.size if axis is None else values.shape[axis]
    return total - math.log(count)


def _underflows(answer):
    """True when an answer is right for weights near 1 and not finite for those of images."""
    small = np.log(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 3.0]]))
    near = np.mean(np.asarray(answer(small), "float64"))
    right = np.isclose(near, np.mean(np.log([3.0, 3.0])), rtol=1e-4)
    return bool(right) and not np.isfinite(answer(small - 900)).all()


iwae_bound = Question(
    "iwae_bound",
    "The importance-weighted bound of k log weights an image, as a mean over images.",
    variable="my_bound",
    answer=lambda log_weights: _log_mean_exp(log_weights, 0).mean(),
    inputs=_log_weights,
    outcome="One number, in nats per image.",
    tolerance=1e-6,
    mistakes=[
        Mistake(
            "The formula is right, and exp(-900) is 0 on every computer. Take log-sum-exp: "
            "subtract the largest log weight of each image first, and add it again at the end.",
            when=_underflows,
            wrong=lambda w: np.log(np.mean(np.exp(np.asarray(w, "float64")), axis=0)).mean(),
        ),
        Mistake(
            "This is the mean of the LOG weights: the ELBO, k = 1. The bound averages the weights "
            "and takes the logarithm afterwards.",
            wrong=lambda w: np.mean(w, dtype="float64"),
        ),
        Mistake(
            "You added the weights up instead of averaging them: subtract log k. Without it the "
            "number grows with k for ever and bounds nothing.",
            wrong=lambda w: _log_mean_exp(w, 0).mean() + math.log(len(w)),
        ),
        Mistake(
            "You averaged the weights of all images together. Each image has a log p(x) of its "
            "own: log-mean-exp over axis 0, then the mean over images.",
            wrong=lambda w: _log_mean_exp(w, None),
        ),
        Mistake(
            "The two axes are mixed up: the k codes stand along axis 0.",
            wrong=lambda w: _log_mean_exp(w, 1).mean(),
        ),
        Mistake(
            "You took the best of the k weights. It is above log(mean) by up to log k, and no "
            "lower bound.",
            wrong=lambda w: np.asarray(w, "float64").max(axis=0).mean(),
        ),
        Mistake(
            "You subtracted log k twice, or divided before and after.",
            wrong=lambda w: _log_mean_exp(w, 0).mean() - math.log(len(w)),
        ),
    ],
    hint="Three steps, each over the right axis: weights averaged over codes (safely), a "
    "logarithm, a mean over images. Which function adds exponentials without computing them?",
    solutions=solutions,
    remark="The single image's value may lie above its log p(x); the mean over seeds does not.",
)


def _three_bounds(rng):
    n = int(rng.integers(5, 12))
    log_p = rng.normal(-240, 40, size=n)
    best = log_p - rng.uniform(0.2, 1.0, size=n)
    elbo = best - rng.uniform(1.5, 3.0, size=n)
    return elbo, best, log_p


def _gap(low, high):
    return float(np.mean(high - low))


two_gaps = Question(
    "two_gaps",
    "The mean amortisation gap and the mean approximation gap, in this order.",
    variable="my_gaps",
    answer=lambda elbo, best_elbo, log_p: (_gap(elbo, best_elbo), _gap(best_elbo, log_p)),
    inputs=_three_bounds,
    outcome="Two numbers, in nats per image: amortisation, approximation.",
    mistakes=[
        Mistake(
            "The two are swapped. The amortisation gap is what a q of its own would win back for "
            "each image; the approximation gap is what no q of the family can.",
            wrong=lambda elbo, best, log_p: (_gap(best, log_p), _gap(elbo, best)),
        ),
        Mistake(
            "The first number is the whole gap, log p(x) - ELBO. The part that the encoder is to "
            "blame for ends at the best q of the family.",
            wrong=lambda elbo, best, log_p: (_gap(elbo, log_p), _gap(best, log_p)),
        ),
        Mistake(
            "The second number is the whole gap, log p(x) - ELBO. The part that the family is to "
            "blame for begins at its best q.",
            wrong=lambda elbo, best, log_p: (_gap(elbo, best), _gap(elbo, log_p)),
        ),
        Mistake(
            "Both come out negative: you subtracted the higher bound from the lower one. A gap is "
            "what is missing.",
            wrong=lambda elbo, best, log_p: (_gap(best, elbo), _gap(log_p, best)),
        ),
        Mistake(
            "One value for each image is right so far. Now the mean over images.",
            wrong=lambda elbo, best, log_p: (best - elbo, log_p - best),
        ),
        Mistake(
            "You added over images. The unit is nats PER image: take the mean.",
            wrong=lambda elbo, best, log_p: (np.sum(best - elbo), np.sum(log_p - best)),
        ),
    ],
    hint="Put the three numbers on a ladder, lowest first. Which step could a better encoder "
    "climb, and which one needs another family?",
    solutions=solutions,
    remark="With IWAE in the place of log p(x), the second number is 'at least so much'.",
)


def _encodings(rng):
    """Codes of which each wrong criterion counts another number."""
    n = int(rng.integers(200, 300))
    spreads = [
        rng.uniform(0.6, 1.2, size=int(rng.integers(2, 4))),  # active
        rng.uniform(0.02, 0.06, size=int(rng.integers(4, 6))),  # std above 0.01, variance not
        rng.uniform(1e-4, 1e-3, size=int(rng.integers(9, 12))),  # dead by any criterion
    ]
    spread = np.concatenate(spreads)
    pattern = rng.normal(size=(n, len(spread)))
    pattern = (pattern - pattern.mean(axis=0)) / pattern.std(axis=0)
    offset = np.zeros(len(spread))
    offset[-1] = 0.7  # a dead code may sit away from 0
    z_mean = offset + spread * pattern
    z_log_var = np.where(spread > 0.01, -6.0, -0.05) + 0.01 * rng.normal(size=z_mean.shape)
    order = rng.permutation(len(spread))
    return z_mean[:, order].astype("float32"), z_log_var[:, order].astype("float32")


def _count(condition):
    return int(np.sum(condition))


active_latents = Question(
    "active_latents",
    "How many latent dimensions have a variance of z_mean over images above 0.01.",
    variable="my_active",
    answer=lambda z_mean, z_log_var: _count(np.var(z_mean, axis=0) > 0.01),
    inputs=_encodings,
    outcome="A whole number.",
    mistakes=[
        Mistake(
            "You compared the standard deviation with 0.01. The criterion is about the variance, "
            "so the deviation's limit is 0.1.",
            wrong=lambda m, v: _count(np.std(m, axis=0) > 0.01),
        ),
        Mistake(
            "You looked at the variance of the noise, exp(z_log_var). That is large for a dead "
            "code: its cloud is the prior's, for every image.",
            wrong=lambda m, v: _count(np.exp(v).mean(axis=0) > 0.01),
        ),
        Mistake(
            "You counted images, not dimensions: the variance is to be taken over axis 0.",
            wrong=lambda m, v: _count(np.var(m, axis=1) > 0.01),
        ),
        Mistake("You counted the dead ones.", wrong=lambda m, v: _count(np.var(m, axis=0) <= 0.01)),
        Mistake(
            "You averaged z_mean squared without subtracting its mean. A code that is 0.7 for "
            "every image says nothing about any.",
            wrong=lambda m, v: _count(np.mean(m**2, axis=0) > 0.01),
        ),
        Mistake("These are all latent dimensions, active or not.", wrong=lambda m, v: m.shape[1]),
        Mistake(
            "This is the sum of the variances. Compare each with 0.01, and count.",
            wrong=lambda m, v: float(np.var(m, axis=0).sum()),
        ),
    ],
    hint="A dimension is active when it says different things of different images. Which of the "
    "two arrays holds what it says, and along which axis do the images stand?",
    solutions=solutions,
    remark="The limit 0.01 is a convention; look at the variances, they usually leave a wide gap.",
)


def _log_densities(rng):
    n, latent_dim = int(rng.integers(6, 12)), int(rng.integers(2, 4))
    z_mean = rng.normal(size=(n, latent_dim)) * 1.5
    deviation = rng.uniform(0.3, 1.2, size=(n, latent_dim))
    z = z_mean + deviation * rng.normal(size=(n, latent_dim))
    parts = ((z[:, None] - z_mean) / deviation) ** 2 + 2 * np.log(deviation)
    log_q = -0.5 * np.sum(parts + math.log(2 * math.pi), axis=2)
    return (log_q.astype("float32"),)


def _information(log_q, aggregate):
    log_q = np.asarray(log_q, "float64")
    return float(np.mean(np.diag(log_q) - aggregate(log_q)))


def _right_information(log_q):
    return _information(log_q, lambda values: _log_mean_exp(values, 1))


def _without_own(log_q):
    others = np.where(np.eye(len(log_q), dtype=bool), -np.inf, log_q)
    return np.logaddexp.reduce(others, axis=1) - math.log(len(log_q) - 1)


mutual_information = Question(
    "mutual_information",
    "The mutual information between a code and which of the n images it is of.",
    variable="my_information",
    answer=_right_information,
    inputs=_log_densities,
    outcome="One number, in nats.",
    mistakes=[
        Mistake(
            "q(z) is the MEAN of the n posteriors, and you took their sum: log n is missing. The "
            "result should be at most log n, and yours is at most 0.",
            wrong=lambda q: _information(q, lambda values: np.logaddexp.reduce(values, axis=1)),
        ),
        Mistake(
            "You averaged over z instead of over images: the images x_j stand along axis 1.",
            wrong=lambda q: _information(q, lambda values: _log_mean_exp(values, 0)),
        ),
        Mistake(
            "You averaged the LOG densities. q(z) is the mean of the densities; the logarithm "
            "comes afterwards.",
            wrong=lambda q: _information(q, lambda values: values.mean(axis=1)),
        ),
        Mistake(
            "You left out each code's own image. The aggregated posterior holds all n images; "
            "without the own one the ceiling log n is lost.",
            wrong=lambda q: _information(q, _without_own),
        ),
        Mistake(
            "The sign: it is log q(z|x) minus log q(z), and cannot be negative on average.",
            wrong=lambda q: -_right_information(q),
        ),
        Mistake(
            "This is the mean log q(z|x) alone, minus the entropy of the codes. What does q(z) say "
            "of the same codes?",
            wrong=lambda q: _information(q, lambda values: 0.0),
        ),
        Mistake(
            "You added over images: take the mean of the n differences.",
            wrong=lambda q: len(q) * _right_information(q),
        ),
    ],
    hint="For each code: how much more probable is it under its own image than under all images "
    "together? The own image stands on the diagonal.",
    solutions=solutions,
    remark="metrics.rate_split does it for thousands of images, and gives the error.",
)


def _lines(rng):
    first = rng.normal(rng.uniform(-2, 0), rng.uniform(0.5, 1.0), size=int(rng.integers(30, 50)))
    other = rng.normal(rng.uniform(1, 3), rng.uniform(2.0, 3.0), size=int(rng.integers(60, 90)))
    return first.astype("float32"), other.astype("float32")


def _distance(first, second, spread=np.std, power=2):
    first, second = np.asarray(first, "float64"), np.asarray(second, "float64")
    gap = (first.mean() - second.mean()) ** 2
    return float(gap + abs(spread(first) - spread(second)) ** power)


frechet_of_lines = Question(
    "frechet_of_lines",
    "The squared Fréchet distance of two samples of one feature, each taken for a Gaussian.",
    variable="my_frechet",
    answer=_distance,
    inputs=_lines,
    outcome="One number, in squared units of the feature.",
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "You compared the variances. In one dimension the formula's last part is the squared "
            "difference of the STANDARD DEVIATIONS.",
            wrong=lambda a, b: _distance(a, b, np.var),
        ),
        Mistake(
            "The difference of the deviations is not squared.",
            wrong=lambda a, b: _distance(a, b, power=1),
        ),
        Mistake(
            "Only the means are compared. Clouds of one centre may still have different widths.",
            wrong=lambda a, b: _distance(a, b, lambda values: 0.0),
        ),
        Mistake(
            "Only the widths are compared. Where are the clouds?",
            wrong=lambda a, b: float((np.std(a) - np.std(b)) ** 2),
        ),
        Mistake(
            "You took the root. The squared distance is what is customary, and what is asked for.",
            wrong=lambda a, b: math.sqrt(_distance(a, b)),
        ),
        Mistake(
            "You added the variances and forgot the cross term, - 2 times the product of the "
            "deviations: two equal clouds would not be at 0.",
            wrong=lambda a, b: (a.mean() - b.mean()) ** 2 + a.var() + b.var(),
        ),
    ],
    hint="Write the general formula with two variances in the place of C. What is the root of "
    "their product, and which square is hidden there?",
    solutions=solutions,
    remark="v1 + v2 - 2 sqrt(v1 v2) = (s1 - s2)^2: that is where the square was hidden.",
)
