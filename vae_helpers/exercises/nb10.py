"""Exercises of notebook 10: the price of a nat, other objectives, disentanglement."""

import numpy as np

from vae_helpers.exercises import factors
from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb10

    return nb10


def _variances(rng):
    """Variances of some directions, and a price that some of them are worth and some are not."""
    beta = float(rng.uniform(0.5, 4.0))
    worth, others = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    dear = beta * rng.uniform(1.5, 9.0, size=worth)
    cheap = beta * rng.uniform(0.1, 0.8, size=others)
    return rng.permutation(np.concatenate([dear, cheap])).astype("float32"), beta


def _logs(variances, beta):
    return np.log(np.asarray(variances, "float64") / beta)


rate_of_a_price = Question(
    "rate_of_a_price",
    "The nats that the best linear VAE uses at a price beta, from the variances of the directions.",
    variable="my_rate",
    answer=lambda variances, beta: 0.5 * np.maximum(_logs(variances, beta), 0).sum(),
    inputs=_variances,
    outcome="One number, in nats per image.",
    mistakes=[
        Mistake(
            "Directions below the price gave you nats back. They are not used at all: their rate "
            "is 0, never less.",
            wrong=lambda variances, beta: 0.5 * _logs(variances, beta).sum(),
        ),
        Mistake(
            "Twice too much: it is log of the ratio of standard deviations, so half the log of the "
            "ratio of variances.",
            wrong=lambda variances, beta: np.maximum(_logs(variances, beta), 0).sum(),
        ),
        Mistake(
            "These are bits. The course's log is natural.",
            wrong=lambda variances, beta: (
                0.5 * np.maximum(_logs(variances, beta), 0).sum() / np.log(2)
            ),
        ),
        Mistake(
            "This is the largest direction alone. Every one above the price is used.",
            wrong=lambda variances, beta: 0.5 * max(_logs(variances, beta).max(), 0),
        ),
        Mistake(
            "You averaged over the directions. Nats of different directions add up.",
            wrong=lambda variances, beta: 0.5 * np.maximum(_logs(variances, beta), 0).mean(),
        ),
        Mistake(
            "log(1 + ratio) is never 0. It is the capacity of a channel with noise of variance "
            "beta; here a direction below the price is switched off.",
            wrong=lambda variances, beta: (
                0.5 * np.log1p(np.asarray(variances, "float64") / beta).sum()
            ),
        ),
        Mistake(
            "This counts the directions that are used. How many nats does each of them use?",
            wrong=lambda variances, beta: int((variances > beta).sum()),
        ),
        Mistake(
            "The price is missing: you took the log of the variances themselves.",
            wrong=lambda variances, beta: 0.5 * np.maximum(_logs(variances, 1.0), 0).sum(),
        ),
        Mistake(
            "Upside down: a direction is used where its variance is ABOVE the price.",
            wrong=lambda variances, beta: 0.5 * np.maximum(-_logs(variances, beta), 0).sum(),
        ),
    ],
    hint="The law of section 1. Which directions have a negative logarithm, and what do they cost?",
    solutions=solutions,
    remark="The largest variance is the critical beta: above it the sum is empty.",
)


def _curve(rng):
    """Points of a rate-distortion curve, from the lowest beta to the highest."""
    n = int(rng.integers(4, 7))
    betas = np.sort(np.exp(rng.uniform(-2, 4, size=n)))
    rates = np.cumsum(rng.uniform(0.5, 4.0, size=n))[::-1] + rng.uniform(0, 2)
    costs = 220 + np.concatenate([[0], np.cumsum(-np.diff(rates) * betas[1:])])
    return rates.astype("float32"), costs.astype("float32")


def _steps(rates, costs):
    return np.diff(np.asarray(rates, "float64")), np.diff(np.asarray(costs, "float64"))


exchange_rate = Question(
    "exchange_rate",
    "Nats of reconstruction that one nat of code saves, between neighbouring models of a curve.",
    variable="my_exchange_rate",
    answer=lambda rates, reconstructions: -np.divide(*_steps(rates, reconstructions)[::-1]),
    inputs=_curve,
    outcome="One number for each two neighbours, shape (n - 1,), without a unit.",
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "The sign: the curve falls, and what a nat SAVES is positive.",
            wrong=lambda rates, costs: np.divide(*_steps(rates, costs)[::-1]),
        ),
        Mistake(
            "Upside down: these are nats of code for one nat of reconstruction.",
            wrong=lambda rates, costs: -np.divide(*_steps(rates, costs)),
        ),
        Mistake(
            "This is what the models cost on the whole, not what the next nat saves: subtract "
            "neighbours first.",
            wrong=lambda rates, costs: (
                np.asarray(costs, "float64")[1:] / np.asarray(rates, "float64")[1:]
            ),
        ),
        Mistake(
            "This is how far the ELBO moves between neighbours. Ask how much of the one is given "
            "for the other.",
            wrong=lambda rates, costs: sum(_steps(rates, costs)),
        ),
        Mistake(
            "This is what is saved. For how many nats of code?",
            wrong=lambda rates, costs: -_steps(rates, costs)[1],
        ),
        Mistake(
            "np.gradient gives a slope at each point, of its two neighbours. The slope BETWEEN "
            "neighbours was asked for.",
            wrong=lambda rates, costs: (
                -np.gradient(np.asarray(costs, "float64"), np.asarray(rates, "float64"))
            ),
        ),
    ],
    hint="np.diff of both. Which is divided by which, and which sign makes a saving positive?",
    solutions=solutions,
    remark="If both models are the best of their beta, it lies between the two betas.",
)


def _schedule(rng):
    """Some steps of a training, its ends and the corners among them."""
    cycles, length = int(rng.integers(2, 5)), int(rng.integers(2, 6)) * 20
    rise = float(rng.choice([0.25, 0.4, 0.75]))
    steps = cycles * length
    some = rng.integers(0, steps, size=12)
    corners = [0, int(length * rise) - 1, length - 1, length, steps - 1, steps, steps + length // 8]
    return np.concatenate([some, corners]).astype("float32"), steps, cycles, rise


def _weight(step, steps, cycles, rise, ends=True, hold=True):
    within = np.asarray(step, "float64") * cycles / steps % 1.0
    weight = np.minimum(within / rise, 1.0) if hold else within / rise
    return np.where(np.asarray(step) < steps, weight, 1.0) if ends else weight


annealing_weight = Question(
    "annealing_weight",
    "What beta is multiplied by at each step of cyclical annealing.",
    variable="my_weight",
    answer=lambda step, steps, cycles, rise: _weight(step, steps, cycles, rise),
    inputs=_schedule,
    outcome="One number from 0 to 1 for each step.",
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "Right until the end. After the last cycle the weight stays 1; yours starts again.",
            wrong=lambda step, steps, cycles, rise: _weight(step, steps, cycles, rise, ends=False),
        ),
        Mistake(
            "One rise for the whole training: that is annealing without cycles.",
            wrong=lambda step, steps, cycles, rise: _weight(step, steps, 1, rise),
        ),
        Mistake(
            "The weight rises during the whole cycle. It should be 1 from `rise` of the cycle on.",
            wrong=lambda step, steps, cycles, rise: _weight(step, steps, cycles, 1.0),
        ),
        Mistake(
            "The weight goes on rising above 1: hold it there.",
            wrong=lambda step, steps, cycles, rise: _weight(step, steps, cycles, rise, hold=False),
        ),
        Mistake(
            "You rise for the share 1 - rise of a cycle.",
            wrong=lambda step, steps, cycles, rise: _weight(step, steps, cycles, 1 - rise),
        ),
        Mistake(
            "The weight falls within a cycle. It starts at 0, where the code is free.",
            wrong=lambda step, steps, cycles, rise: np.where(
                np.asarray(step) < steps, 1 - _weight(step, steps, cycles, rise), 1.0
            ),
        ),
    ],
    hint="step * cycles / steps counts cycles; its part after the point says how far the present "
    "one is. Divide by rise, stop at 1, and think of what comes after the last step.",
    solutions=solutions,
    remark="AnnealedVAE.weight_at does it with the optimizer's count of steps.",
)


def _kl_table(rng):
    """The KL of each image and dimension: two dimensions above the floor on average, two below."""
    n, floor = int(rng.integers(6, 9)), float(rng.uniform(0.3, 0.8))
    means = floor * np.concatenate([rng.uniform(1.3, 4, size=2), rng.uniform(0.2, 0.7, size=2)])
    shares = rng.uniform(0.1, 1.9, size=(n, 4))
    shares[0], shares[1] = 0.05, 3.5
    return (means * shares / shares.mean(axis=0)).astype("float32"), floor


paid_nats = Question(
    "paid_nats",
    "What free bits make a batch pay: a floor under the mean KL of each latent dimension.",
    variable="my_paid_nats",
    answer=lambda kl, floor: np.maximum(kl.mean(axis=0), floor).sum(),
    inputs=_kl_table,
    outcome="One number, in nats per image.",
    mistakes=[
        Mistake(
            "The floor is under each image's KL here. Take the mean over the batch first: an image "
            "may need less, if others need more.",
            wrong=lambda kl, floor: np.maximum(kl, floor).sum(axis=1).mean(),
        ),
        Mistake(
            "A minimum lets nobody pay MORE than the floor. It is a floor: the larger of the two.",
            wrong=lambda kl, floor: np.minimum(kl.mean(axis=0), floor).sum(),
        ),
        Mistake(
            "You took the floor off what is paid. Its gradient is the same, its value is lower by "
            "the floor of each dimension.",
            wrong=lambda kl, floor: np.maximum(kl.mean(axis=0) - floor, 0).sum(),
        ),
        Mistake(
            "You averaged over the dimensions. What they pay adds up.",
            wrong=lambda kl, floor: np.maximum(kl.mean(axis=0), floor).mean(),
        ),
        Mistake(
            "You averaged over the dimensions of each image and added up images: axis 0 is the "
            "batch.",
            wrong=lambda kl, floor: np.maximum(kl.mean(axis=1), floor).sum(),
        ),
        Mistake(
            "The batch is added up, so the floor is for all images together. Take their mean.",
            wrong=lambda kl, floor: np.maximum(kl.sum(axis=0), floor).sum(),
        ),
        Mistake(
            "This is the plain KL. Is there no floor, or one under the whole of it? A busy "
            "dimension then pays for all, and the others may be emptied.",
            wrong=lambda kl, floor: kl.sum(axis=1).mean(),
        ),
    ],
    hint="Mean, maximum, sum: in this order, and over which axis each?",
    solutions=solutions,
    remark="Below the floor the gradient is 0: such a dimension is neither emptied nor filled.",
)


information_gap, rotated_vae = factors.information_gap, factors.rotated_vae
