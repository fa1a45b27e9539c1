"""Bounds and logs of bounds as answers: inputs to try them on, the right ones, the wrong ones.

What `losses` is for one loss, this is for what a log of a VAE may say, and for bounds with k
samples.
"""

import math

import numpy as np

from vae_helpers.exercises.question import Mistake


def told(*pairs: tuple) -> list[Mistake]:
    """Return mistakes from (what to say, an answer with it[, how to recognise it])."""
    return [Mistake(*pair) for pair in pairs]


# --------------------------------------------------------------------------- logs of Bernoulli VAEs


def logs(rng: np.random.Generator) -> tuple:
    """Return logs of twelve kinds in random order: reconstruction, kl, elbo, to four decimals."""
    n = 4
    r, k = rng.uniform(200, 400, (12, n)), rng.uniform(1.5, 30, (12, n))
    r[1] *= -1  # kinds 1 to 6 are impossible
    r[2] = -rng.uniform(0.5, 1.4, n)  # too small to turn the ELBO positive
    k[3] *= -1
    k[7] = 0.0  # and kinds from 7 on are possible: collapsed
    r[8] = rng.uniform(20, 95, n)  # small images
    r[9] = rng.uniform(0.1, 1.4, n)  # less reconstruction than KL
    r, k = r.round(4), k.round(4)
    elbo = -(r + k)
    elbo[4] = k[4] - r[4]  # the KL's sign
    elbo[5] *= -1
    misses = [rng.uniform(0.05, 0.2), *rng.uniform(0.5, 15, n - 1)]  # one is small every time
    elbo[6] += rng.choice([-1, 1], n) * misses  # does not add up
    elbo[10:] += rng.choice([-1, 1], (2, n)) * 1e-4  # the three are rounded each
    order = rng.permutation(r.size)
    return tuple(column.ravel()[order] for column in (r, k, elbo))


def possible(r, k, e, within=2e-3):
    """Return whether a Bernoulli VAE can log these: they add up, and no cost is negative."""
    return (np.abs(r + k + e) < within) & (k >= 0) & (r >= 0)


def _says(wanted, *log):
    """Recognise a test that says `wanted` of one log, among others that it may judge rightly."""
    return lambda test: bool(np.all(test(*np.array(log)[:, None]))) is wanted


LOG_MISTAKES = told(
    (
        "You test that the three numbers add up, and nothing else. A negative KL, or a "
        "negative Bernoulli reconstruction, can add up too.",
        lambda r, k, e: np.abs(r + k + e) < 2e-3,
    ),
    (
        "You expect elbo = reconstruction + kl. Those are costs, and the ELBO is minus their sum.",
        lambda r, k, e: possible(r, k, -e),
    ),
    (
        "You expect elbo = -(reconstruction - kl): that is the very slip to be found.",
        lambda r, k, e: (np.abs(r - k + e) < 2e-3) & (k >= 0) & (r >= 0),
    ),
    (
        "True and False are swapped: say True for a log that is possible.",
        lambda r, k, e: ~possible(r, k, e),
    ),
    (
        "Yours says False for every log, and some of them are possible.",
        lambda r, k, e: np.zeros(len(r), bool),
    ),
    (
        "You test signs only. A log in which the KL entered with the wrong sign passes.",
        lambda r, k, e: (k >= 0) & (r >= 0) & (e <= 0),
        _says(True, 262.0, 26.5, -235.5),
    ),
    (
        "Your tolerance is too wide: 262 + 6.5 beside an ELBO of -268.45 passes, and such "
        "numbers are rounded to four decimals. Use np.isclose as it is.",
        lambda r, k, e: possible(r, k, e, 5),
        _says(True, 262.0, 6.5, -268.45),
    ),
    (
        "You compare floats with ==, or with a tiny tolerance. Three rounded numbers hardly "
        "ever add up to the last digit: use np.isclose.",
        lambda r, k, e: (e == -(r + k)) & (k >= 0) & (r >= 0),
        _says(False, 256.0001, 8.0001, -264.0003),
    ),
    (
        "You say that a KL of exactly 0 is impossible. It is a collapse, and can be.",
        lambda r, k, e: possible(r, k, e) & (k > 0),
        _says(False, 385.8, 0.0, -385.8),
    ),
    (
        "You say that 60 + 5 and an ELBO of -65 are impossible. How many nats an image "
        "costs depends on its size: no other bound holds than 0.",
        lambda r, k, e: possible(r, k, e) & (r > 100),
        _says(False, 60.0, 5.0, -65.0),
    ),
    (
        "You say that a KL above the reconstruction is impossible. Nothing forbids it.",
        lambda r, k, e: possible(r, k, e) & (r >= k),
        _says(False, 3.0, 8.0, -11.0),
    ),
    (
        "You test the sign of the ELBO instead of the reconstruction's. A reconstruction of -3 "
        "beside a KL of 6 makes a negative ELBO too.",
        lambda r, k, e: (np.abs(r + k + e) < 2e-3) & (k >= 0) & (e <= 0),
    ),
    (
        "You let a negative reconstruction pass. A Bernoulli log-likelihood is the logarithm "
        "of numbers up to 1, so its negative is never below 0.",
        lambda r, k, e: (np.abs(r + k + e) < 2e-3) & (k >= 0),
    ),
    (
        "You let a negative KL pass. No KL is negative.",
        lambda r, k, e: (np.abs(r + k + e) < 2e-3) & (r >= 0),
    ),
)

# --------------------------------------------------------------------------- bounds with k samples


def log_weights(rng: np.random.Generator) -> tuple:
    """Return log p(x|z), log p(z) and log q(z) of k samples for some images, (k, batch) each."""
    k, batch = int(rng.integers(5, 9)), int(rng.integers(2, 5))
    log_likelihood = rng.normal(-900.0, 2.0, size=(k, batch))
    log_prior = rng.normal(-4.0, 1.0, size=(k, batch))
    log_posterior = rng.normal(2.0, 1.0, size=(k, batch))
    return log_likelihood, log_prior, log_posterior


def bound(log_w, axis=0):
    """Return the log of the mean of the weights, in a way that exp(-900) survives."""
    return np.logaddexp.reduce(log_w, axis) - math.log(np.shape(log_w)[axis])


def _few_nats_off(answer):
    """Recognise finite numbers of the right shape, a few nats from the bound of -900."""
    a, b, c = log_weights(np.random.default_rng(0))
    given, right = np.asarray(answer(a, b, c)), bound(a + b - c)
    return given.shape == right.shape and float(np.abs(given - right).max()) < 8


BOUND_MISTAKES = told(
    (
        "You averaged the logarithms: that is the ELBO, the lowest rung of the ladder. "
        "Average the weights, then take the logarithm.",
        lambda a, b, c: (a + b - c).mean(axis=0),
    ),
    (
        "It is minus infinity: exp(-900) is 0 in floats. Subtract the largest log weight "
        "before exp and add it after the logarithm, or use tf.reduce_logsumexp.",
        lambda a, b, c: np.log(np.exp(a + b - c).mean(axis=0)),
    ),
    (
        "Too large by log k: a mean was asked for, and you took the sum of the weights.",
        lambda a, b, c: bound(a + b - c) + math.log(len(a)),
    ),
    (
        "You averaged over axis 1, which counts the images. The samples are axis 0.",
        lambda a, b, c: bound(a + b - c, axis=1),
    ),
    (
        "You multiplied by q(z) where the weight divides by it: subtract log_posterior.",
        lambda a, b, c: bound(a + b + c),
    ),
    ("q(z) is missing from the weights.", lambda a, b, c: bound(a + b)),
    ("The prior is missing from the weights.", lambda a, b, c: bound(a - c)),
    (
        "The prior and q(z) are both missing from the weights.",
        lambda a, b, c: bound(a),
    ),
    (
        "You divided by the prior where the weight is multiplied by it: add log_prior.",
        lambda a, b, c: bound(a - b - c),
    ),
    (
        "log k has the wrong sign: a mean is the sum divided by k.",
        lambda a, b, c: bound(a + b - c) + 2 * math.log(len(a)),
    ),
    (
        "You divided by the number of images; the mean is over the k samples, axis 0.",
        lambda a, b, c: bound(a + b - c) + math.log(len(a) / a.shape[1]),
    ),
    (
        "You subtracted the largest log weight before exp, and did not add it back.",
        lambda a, b, c: bound(a + b - c) - (a + b - c).max(axis=0),
    ),
    (
        "You kept the best of the k weights only; the mean of the others counts too.",
        lambda a, b, c: (a + b - c).max(axis=0),
    ),
    (
        "You took the median of the weights, which forgets how large the largest are.",
        lambda a, b, c: np.median(a + b - c, axis=0),
    ),
    (
        "A logarithm to base 2 is not the natural one that log densities are made with.",
        lambda a, b, c: (
            (a + b - c).max(axis=0)
            + np.log2(np.exp(a + b - c - (a + b - c).max(axis=0)).mean(axis=0))
        ),
    ),
    (
        "You averaged log q(z), or log p(z), over the samples before the weights were made: "
        "each weight has its own.",
        lambda a, b, c: bound(a + b - c.mean(axis=0)),
    ),
    (
        "It is a few nats off, which beside -900 is no rounding: one nat in a log weight is a "
        "factor of 2.7 in the weight. Compare with one image and k = 2, term by term.",
        lambda a, b, c: bound(a + b - c) + 0.1 * (a - a.mean(axis=0)).std(axis=0),
        _few_nats_off,
    ),
)
