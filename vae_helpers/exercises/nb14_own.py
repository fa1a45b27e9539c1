"""Exercises of the deeper page 14_own_images: pictures of your own, and what to compare with."""

import math

import numpy as np

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb14_own

    return nb14_own


def _groups(rng):
    """Which photograph each patch was cut from, and two of them to hold out."""
    count = int(rng.integers(5, 7))
    groups = np.concatenate([np.arange(count), rng.integers(0, count, int(rng.integers(9, 14)))])
    held = rng.choice(count, 2, replace=False)
    # One held patch stands first and one kept patch last, so that no cut by position is right.
    kept = int(np.setdiff1d(np.arange(count), held)[0])
    return np.concatenate([held[:1], rng.permutation(groups), [kept]]), held


def _last_rows(groups, held):
    count = np.isin(groups, held).sum()
    return np.arange(len(groups)) >= len(groups) - count


held_out_rows = Question(
    "held_out_rows",
    "Which patches belong to the test part, when whole photographs are held out?",
    variable="my_test_rows",
    answer=lambda groups, held: np.isin(groups, held),
    inputs=_groups,
    outcome="One truth value for each patch, True where it is held out.",
    mistakes=[
        Mistake(
            "These are the patches to train on. True should mean held out.",
            wrong=lambda groups, held: ~np.isin(groups, held),
        ),
        Mistake(
            "That is one of the photographs that are held out. There are several: each of them "
            "belongs to the test part.",
            wrong=lambda groups, held: groups == held[0],
        ),
        Mistake(
            "The right number of patches, taken by their position: then a photograph is on both "
            "sides. Ask each patch which photograph it is from.",
            wrong=_last_rows,
        ),
        Mistake(
            "These are row numbers. A truth value for each patch was asked for: then ~ of it is "
            "the training part.",
            wrong=lambda groups, held: np.flatnonzero(np.isin(groups, held)),
        ),
        Mistake(
            "You asked of each held-out photograph whether it has patches. Ask of each patch "
            "whether its photograph is held out.",
            wrong=lambda groups, held: np.isin(held, groups),
        ),
    ],
    hint="NumPy has a function that says for each element of one array whether it is in another.",
    solutions=solutions,
    remark="vae_helpers.data.hold_out does it for a data set whose subfolders are the groups.",
)


def _colours(rng):
    shape = (int(rng.integers(4, 7)), int(rng.integers(2, 4)), int(rng.integers(4, 6)), 3)
    return (rng.uniform(0.05, 0.95, size=shape).astype("float32"),)


def _entropy(x):
    x = np.asarray(x, "float64")
    return -(x * np.log(x) + (1 - x) * np.log1p(-x))


colour_floor = Question(
    "colour_floor",
    "The least that Bernoulli values cost for colour images, nats per image.",
    variable="my_floor",
    answer=lambda images: _entropy(images).sum(axis=(1, 2, 3)).mean(),
    inputs=_colours,
    outcome="One number: nats per image, the mean over the images.",
    mistakes=[
        Mistake(
            "These are nats per value. An image's cost adds up its values.",
            wrong=lambda images: _entropy(images).mean(),
        ),
        Mistake(
            "You added up all images. Add over the values of one image, and average over images.",
            wrong=lambda images: _entropy(images).sum(),
        ),
        Mistake(
            "You averaged over the channels. Red, green and blue are three values, and each costs.",
            wrong=lambda images: _entropy(images).mean(axis=3).sum(axis=(1, 2)).mean(),
        ),
        Mistake(
            "You made the images grey first. The decoder answers each channel by itself, so take "
            "the entropy of each, and then add.",
            wrong=lambda images: _entropy(images.mean(axis=3)).sum(axis=(1, 2)).mean(),
        ),
        Mistake(
            "Only half of the cost: a value x pays -x log p for being white and -(1 - x) "
            "log(1 - p) for being black.",
            wrong=lambda images: -(images * np.log(images)).sum(axis=(1, 2, 3)).mean(),
        ),
        Mistake(
            "One number in all was asked for, the mean over the images.",
            wrong=lambda images: _entropy(images).sum(axis=(1, 2, 3)),
        ),
    ],
    hint="The cost of a value x is least where the decoder answers p = x. Put that in, then ask "
    "which axes make one image.",
    solutions=solutions,
    remark="vae_helpers.references.grey_entropy counts it so, in colour too. It is a floor of the "
    "Bernoulli alone: a density or a probability of levels has another one.",
)


def _terms(rng):
    return float(rng.uniform(20_000, 60_000)), float(rng.uniform(5_000, 9_000))


file_bytes = Question(
    "file_bytes",
    "How many bytes an image takes, if a VAE with a likelihood of levels were used as a file "
    "format: both terms in nats per image.",
    variable="my_bytes",
    answer=lambda reconstruction, kl: (reconstruction + kl) / math.log(2) / 8,
    inputs=_terms,
    outcome="One number: bytes per image.",
    mistakes=[
        Mistake(
            "The code itself has to be sent too: add the KL.",
            wrong=lambda reconstruction, kl: reconstruction / math.log(2) / 8,
        ),
        Mistake(
            "Both terms are costs: they add up.",
            wrong=lambda reconstruction, kl: (reconstruction - kl) / math.log(2) / 8,
        ),
        Mistake(
            "These are bits. A byte has 8.",
            wrong=lambda reconstruction, kl: (reconstruction + kl) / math.log(2),
        ),
        Mistake(
            "Nats divided by 8. A nat is 1 / ln 2 = 1.44 bits: change the unit first.",
            wrong=lambda reconstruction, kl: (reconstruction + kl) / 8,
        ),
        Mistake(
            "The wrong way round: one nat is MORE than one bit, so the number must grow when you "
            "change from nats to bits.",
            wrong=lambda reconstruction, kl: (reconstruction + kl) * math.log(2) / 8,
        ),
        Mistake(
            "That is minus the number of bytes: these terms are costs already, not log "
            "probabilities.",
            wrong=lambda reconstruction, kl: -(reconstruction + kl) / math.log(2) / 8,
        ),
    ],
    hint="What does the ELBO consist of, in which unit is it, and how many of the unit asked for "
    "is one of that?",
    solutions=solutions,
    remark="Bits-back coding (Frey and Hinton, 1997; Townsend, Bird and Barber, 2019) really "
    "reaches this length, for many images in a row.",
)


def _spectrum(rng):
    """Eigenvalues in any order, the largest of them last, and how many components are kept."""
    count, k = int(rng.integers(7, 10)), int(rng.integers(2, 4))
    values = np.exp(rng.uniform(0, 3, size=count))
    values[-1] = values.max() * 1.5
    return values.astype("float32"), k


def _share(values, k, power=1.0):
    values = np.sort(np.asarray(values, "float64"))[::-1] ** power
    return values[:k].sum() / values.sum()


kept_variance = Question(
    "kept_variance",
    "The share of the variance that k numbers an image can keep, at best, if they are linear.",
    variable="my_share",
    answer=_share,
    inputs=_spectrum,
    outcome="One number from 0 to 1.",
    mistakes=[
        Mistake(
            "The first k as they stand. They are in no order: the best k are the largest.",
            wrong=lambda values, k: values[:k].sum() / values.sum(),
        ),
        Mistake(
            "These are the k smallest: np.sort goes upwards.",
            wrong=lambda values, k: np.sort(values)[:k].sum() / values.sum(),
        ),
        Mistake(
            "This is the share that is lost.",
            wrong=lambda values, k: 1 - _share(values, k),
        ),
        Mistake(
            "You took roots. The eigenvalues of a covariance are variances already, and variances "
            "add up, standard deviations do not.",
            wrong=lambda values, k: _share(values, k, 0.5),
        ),
        Mistake(
            "You squared them. Singular values have to be squared; the eigenvalues of a "
            "covariance are variances already.",
            wrong=lambda values, k: _share(values, k, 2.0),
        ),
        Mistake(
            "This is the share of the k-th alone: add up the first k.",
            wrong=lambda values, k: np.sort(values)[::-1][k - 1] / values.sum(),
        ),
        Mistake(
            "A variance, not a share: divide by the sum of all eigenvalues.",
            wrong=lambda values, k: np.sort(values)[::-1][:k].sum(),
        ),
    ],
    hint="Each eigenvalue of the covariance is the variance along one direction. Which k would you "
    "keep, and of what is that a share?",
    solutions=solutions,
    remark="The mean squared error of PCA is the rest, spread over the pixels.",
)
