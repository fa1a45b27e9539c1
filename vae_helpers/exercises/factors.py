"""Two questions of notebook 10 on disentanglement: a score, and what a rotation leaves alone."""

import numpy as np

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb10

    return nb10


def _information(rng):
    """A table of mutual informations with different rows and columns, and the entropies."""
    latents, factors = int(rng.integers(6, 9)), int(rng.integers(3, 6))
    entropies = rng.uniform(1.0, 3.0, size=factors)
    table = rng.uniform(0.02, 0.9, size=(latents, factors)) * entropies
    return table.astype("float32"), entropies.astype("float32")


def _best_two(table, axis=0):
    ordered = np.sort(np.asarray(table, "float64"), axis=axis)
    best, second = np.take(ordered, -1, axis=axis), np.take(ordered, -2, axis=axis)
    return best, second


def _gap(table):
    best, second = _best_two(table)
    return best - second


information_gap = Question(
    "information_gap",
    "MIG, from the mutual information of each latent with each factor and the factors' entropies.",
    variable="my_mig",
    answer=lambda table, entropies: np.mean(_gap(table) / entropies),
    inputs=_information,
    outcome="One number from 0 to 1.",
    mistakes=[
        Mistake(
            "You took the gap along the factors: how much better a LATENT tells its best factor. "
            "MIG asks each FACTOR which latents know most of it: sort over the latents.",
            wrong=lambda table, entropies: np.mean(
                np.subtract(*_best_two(table / entropies, axis=1))
            ),
        ),
        Mistake(
            "No gap here: this is the share that the best latent tells. A factor told twice would "
            "score as well as one told once. Subtract the second best.",
            wrong=lambda table, entropies: np.mean(_best_two(table)[0] / entropies),
        ),
        Mistake(
            "You subtracted the worst latent. Nearly every code has one latent that knows nothing: "
            "the runner-up is the second best.",
            wrong=lambda table, entropies: np.mean(np.ptp(table, axis=0) / entropies),
        ),
        Mistake(
            "The gaps are in nats still. Divide each by the entropy of its factor, what there is "
            "to be told.",
            wrong=lambda table, entropies: np.mean(_gap(table)),
        ),
        Mistake(
            "You divided the mean gap by the mean entropy, so factors with more entropy count "
            "more. Divide first, then average.",
            wrong=lambda table, entropies: np.mean(_gap(table)) / np.mean(entropies),
        ),
        Mistake(
            "You added the gaps. MIG is their mean over the factors, so that it ends at 1.",
            wrong=lambda table, entropies: np.sum(_gap(table) / entropies),
        ),
        Mistake(
            "You divided by what the best latent tells, not by what there is to tell: a factor "
            "that is hardly in the code at all could score 1.",
            wrong=lambda table, entropies: np.mean(_gap(table) / _best_two(table)[0]),
        ),
        Mistake(
            "You subtracted the mean of the other latents. One good runner-up is enough to spoil "
            "a factor: subtract the second best.",
            wrong=lambda table, entropies: np.mean(
                (_best_two(table)[0] - (table.sum(axis=0) - _best_two(table)[0]) / (len(table) - 1))
                / entropies
            ),
        ),
        Mistake(
            "The median over factors. MIG averages them.",
            wrong=lambda table, entropies: np.median(_gap(table) / entropies),
        ),
    ],
    hint="np.sort along the axis of the latents puts the best last and the second best before it. "
    "What is the most that a latent could tell of a factor?",
    solutions=solutions,
    remark="A latent may win two factors and MIG does not mind: that is what DCI's disentanglement "
    "looks at.",
)


def _posteriors_to_rotate(rng):
    """Posteriors, a rotation, and a linear decoder: rows are latents, columns are pixels."""
    n, d, pixels = int(rng.integers(6, 9)), int(rng.integers(2, 4)), int(rng.integers(4, 6))
    rotation, _ = np.linalg.qr(rng.normal(size=(d, d)))
    if np.linalg.det(rotation) < 0:
        rotation[:, 0] *= -1
    # Far from symmetric, so that R and its transpose are told apart.
    arrays = (
        rng.normal(size=(n, d)),
        rng.uniform(-3.0, 0.5, size=(n, d)),
        rng.normal(size=(d, pixels)),
        rotation,
    )
    return tuple(array.astype("float32") for array in arrays)


def _rotated(z_mean, z_log_var, weights, rotation, means="", covariance="", decoder=""):
    """Mean, covariance and decoder of R z; a word for each says what is done wrong."""
    z_mean, v, weights, r = (
        np.asarray(part, "float64") for part in (z_mean, z_log_var, weights, rotation)
    )
    spread = {"log": v, "deviation": np.exp(v / 2)}.get(covariance, np.exp(v))
    turn = r.T if covariance == "back" else r
    full = np.einsum("ik,nk,jk->nij", turn, spread, turn)
    if covariance == "diagonal":
        full = full * np.eye(len(r))
    if covariance == "kept":
        full = np.eye(len(r)) * spread[:, None, :]
    if covariance == "once":
        full = r * spread[:, None, :]
    new_means = {"back": z_mean @ r, "kept": z_mean}.get(means, z_mean @ r.T)
    new_weights = {"back": r.T @ weights, "kept": weights}.get(decoder, r @ weights)
    return new_means, full, new_weights


def _with(**wrong):
    return lambda m, v, w, r: _rotated(m, v, w, r, **wrong)


rotated_vae = Question(
    "rotated_vae",
    "Means, covariances and decoder of the code R z, so that no picture and no KL changes.",
    variable="my_rotated_vae",
    answer=_rotated,
    inputs=_posteriors_to_rotate,
    outcome="Three arrays: means (n, d), covariances (n, d, d), weights (d, pixels).",
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "The covariances are diagonal: you kept the variances and dropped what a rotation "
            "brings in. Such a posterior is another one, with another KL.",
            wrong=_with(covariance="diagonal"),
        ),
        Mistake(
            "The covariances have not been rotated: the uncertainty of R z lies along other axes.",
            wrong=_with(covariance="kept"),
        ),
        Mistake(
            "The covariances are built of log variances. Take their exponential first.",
            wrong=_with(covariance="log"),
        ),
        Mistake(
            "The covariances are built of standard deviations. A covariance is made of variances.",
            wrong=_with(covariance="deviation"),
        ),
        Mistake(
            "The covariances are rotated once. Cov(R z) = R Cov(z) R^T: from both sides.",
            wrong=_with(covariance="once"),
        ),
        Mistake(
            "The means are rotated, the covariances turned the other way: R^T V R is the "
            "covariance of R^T z.",
            wrong=_with(covariance="back"),
        ),
        Mistake(
            "The means are multiplied by R from the right, which is R^T z for every row z. Rows "
            "become R z with z_mean @ R^T.",
            wrong=_with(means="back"),
        ),
        Mistake(
            "Everything is turned the other way, by R^T. That is a rotation too, but not this one.",
            wrong=_with(means="back", covariance="back", decoder="back"),
        ),
        Mistake(
            "The decoder is still the old one: it takes R z for z and draws another picture. Undo "
            "the rotation inside it.",
            wrong=_with(decoder="kept"),
        ),
        Mistake(
            "The decoder is rotated once more instead of back: for a row, (R z) @ new weights "
            "must be z @ old weights.",
            wrong=_with(decoder="back"),
        ),
    ],
    hint="A code is a row here, so R z is z @ R.T. Var(R z) = R Var(z) R^T. And which weights W' "
    "make (z @ R.T) @ W' the same as z @ W?",
    solutions=solutions,
    remark="Same pictures, same KL, same ELBO, and every score of disentanglement is another.",
)
