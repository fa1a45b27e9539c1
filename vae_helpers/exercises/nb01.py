"""Exercises of notebook 01: reading the numbers and the pictures of a trained VAE."""

import functools
import math

import numpy as np

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb01

    return nb01


PIXELS = 784


log_line = Question(
    "log_line",
    "A log says reconstruction 250.0 and kl 6.5. Which elbo stands beside them?",
    variable="my_elbo",
    answer=-256.5,
    mistakes=[
        Mistake(
            "That is the loss. The ELBO is what is made large, so it is minus that sum.",
            wrong=256.5,
        ),
        Mistake(
            "You took the KL for a reward. Both terms are costs: a dearer code makes the loss "
            "larger and the ELBO smaller.",
            wrong=-243.5,
        ),
        Mistake("That is the difference. The terms are added: both are costs.", wrong=243.5),
        Mistake("The KL is missing: the code has to be paid for too.", wrong=-250.0),
        Mistake("The reconstruction is missing: it is the larger part of the loss.", wrong=-6.5),
        Mistake(
            "You divided by the 784 pixels. Both numbers of the log are nats per IMAGE already: "
            "add them as they are.",
            wrong=-256.5 / PIXELS,
            when=lambda answer: any(
                abs(abs(float(answer)) - right) < 0.01
                for right in (256.5 / PIXELS, 250.0 / PIXELS + 6.5)
            ),
        ),
        Mistake(
            "Nearly: add the two numbers of the log to their last digit.",
            wrong=-256.0,
            when=lambda answer: 1e-3 < abs(float(answer) + 256.5) < 1.5,
        ),
    ],
    hint="Both terms are costs, and the ELBO is to be made large.",
    solutions=solutions,
    remark="With beta = 1 the loss is minus this number, 256.5 nats per image.",
    tolerance=1e-5,
)


def _bits(nats):
    return nats / math.log(2) / PIXELS


def _rounded_log(answer):
    """Whether an answer is right but for a log 2, or its inverse, of two digits or fewer."""
    nats = np.array([150.0, 300.0, 600.0])
    ratios = np.asarray(answer(nats), float) / _bits(nats)
    typed = [0.69, 0.7, 1 / 1.44, 1 / 1.4]
    return any(np.allclose(ratios, math.log(2) / value, rtol=1e-4) for value in typed)


bits_per_pixel = Question(
    "bits_per_pixel",
    "Convert nats per image (28 by 28 pixels) to bits per pixel.",
    variable="my_bits",
    answer=_bits,
    inputs=lambda rng: (rng.uniform(150.0, 600.0, size=int(rng.integers(2, 6))),),
    outcome="One number for each one given, in bits per pixel.",
    mistakes=[
        Mistake(
            "That is in bits per image: share it among the 784 pixels.",
            wrong=lambda nats: nats / math.log(2),
        ),
        Mistake(
            "That is in nats per pixel: convert nats to bits as well.",
            wrong=lambda nats: nats / PIXELS,
        ),
        Mistake(
            "You multiplied by log 2. A bit is the smaller unit, log 2 = 0.693 nats, so a sum has "
            "MORE bits than nats: divide.",
            wrong=lambda nats: nats * math.log(2) / PIXELS,
        ),
        Mistake(
            "You divided by 28, which is one row of pixels.",
            wrong=lambda nats: nats / math.log(2) / 28,
        ),
        Mistake(
            "The steps are right, but log 2 was rounded to two digits or fewer, which is off by up "
            "to a percent. Let NumPy compute it, np.log(2).",
            wrong=lambda nats: nats / 0.69 / PIXELS,
            when=_rounded_log,
        ),
        Mistake(
            "You took the logarithm to base 10. The course's logarithm is the natural one: "
            "np.log or math.log.",
            wrong=lambda nats: nats / math.log10(2) / PIXELS,
        ),
        Mistake(
            "You took a logarithm of the nats. They are logarithms already: to change the unit, "
            "divide by the size of a bit.",
            wrong=lambda nats: np.log2(nats) / PIXELS,
        ),
    ],
    hint="One bit is log 2 nats. Is a bit more or less than a nat? And how many pixels share the "
    "sum?",
    solutions=solutions,
    remark="To say 0.5 everywhere costs exactly 1 bit per pixel, which is easy to remember.",
    tolerance=1e-3,  # 0.693 will do: the notebook prints it so
)


def _costs(rng):
    shape = int(rng.integers(3, 8))
    floor = rng.uniform(100.0, 250.0, shape)
    mean_image = floor + rng.uniform(100.0, 250.0, shape)
    cost = floor + (mean_image - floor) * rng.uniform(0.15, 0.45, shape)
    return tuple(part.astype("float32") for part in (cost, mean_image, floor))


share_gained = Question(
    "share_gained",
    "The share of the way from the cost of the mean image down to the floor that is gained.",
    variable="my_share",
    answer=lambda cost, mean_image, floor: (mean_image - cost) / (mean_image - floor),
    inputs=_costs,
    outcome="One number for each cost: 0 at the mean image, 1 at the floor.",
    mistakes=[
        Mistake(
            "That is the share which is LEFT: 1 at the mean image, 0 at the floor. Take the rest.",
            wrong=lambda cost, mean_image, floor: (cost - floor) / (mean_image - floor),
        ),
        Mistake(
            "You divided by the cost of the mean image, as if a perfect drawing cost nothing. The "
            "way ends at the floor: divide by mean_image - floor.",
            wrong=lambda cost, mean_image, floor: (mean_image - cost) / mean_image,
        ),
        Mistake(
            "You divided by the floor. The whole way is as long as mean_image - floor.",
            wrong=lambda cost, mean_image, floor: (mean_image - cost) / floor,
        ),
        Mistake(
            "You compare the cost with the mean image alone. What is gained is a difference, "
            "mean_image - cost.",
            wrong=lambda cost, mean_image, floor: cost / mean_image,
        ),
        Mistake(
            "You divided what is gained by what is left. Divide by the whole way, "
            "mean_image - floor.",
            wrong=lambda cost, mean_image, floor: (mean_image - cost) / (cost - floor),
        ),
        Mistake(
            "That is upside down, the whole way over what is gained; or cost and floor stand in "
            "each other's place: the order is cost, mean_image, floor.",
            wrong=lambda cost, mean_image, floor: (mean_image - floor) / (mean_image - cost),
        ),
        Mistake(
            "You averaged over the classes. Give one share for each of them.",
            wrong=lambda cost, mean_image, floor: np.mean(
                (mean_image - cost) / (mean_image - floor)
            ),
        ),
        Mistake(
            "That is the number of nats gained. A share of them is asked: divide by the whole way.",
            wrong=lambda cost, mean_image, floor: mean_image - cost,
        ),
    ],
    hint="How long is the whole way, in nats? And how much of it lies behind you?",
    solutions=solutions,
    remark="Two anchors make a number readable: what the useless model gets, and what the perfect "
    "one would.",
)


def _samples(rng):
    draws, images, pixels = int(rng.integers(9, 12)), int(rng.integers(4, 8)), 16
    garments = rng.normal(size=(1, images, pixels)) * rng.uniform(0.5, 2.0)
    return ((garments + 0.2 * rng.normal(size=(draws, images, pixels))).astype("float32"),)


wobble = Question(
    "wobble",
    "By how much a pixel changes between samples of the same image: its standard deviation over "
    "the samples, averaged over pixels and images.",
    variable="my_wobble",
    answer=lambda samples: samples.std(axis=0).mean(),
    inputs=_samples,
    outcome="One number.",
    mistakes=[
        Mistake(
            "You took the deviation over the images. That says how much the garments differ from "
            "one another, and not how much the samples of one garment do.",
            wrong=lambda samples: samples.std(axis=1).mean(),
        ),
        Mistake(
            "You took the deviation of everything at once: it mixes the samples' noise with the "
            "difference between garments and between pixels.",
            wrong=lambda samples: samples.std(),
        ),
        Mistake(
            "That is the variance. Take its root for each pixel, before you average.",
            wrong=lambda samples: samples.var(axis=0).mean(),
        ),
        Mistake(
            "You averaged the variances and took the root last. Take it for each pixel, before you "
            "average.",
            wrong=lambda samples: np.sqrt(samples.var(axis=0).mean()),
        ),
        Mistake(
            "You divide by the number of samples minus 1 (ddof=1). That is a good estimate too; "
            "here np.std as it comes is meant, which divides by their number.",
            wrong=lambda samples: samples.std(axis=0, ddof=1).mean(),
        ),
        Mistake(
            "You took the deviation over the pixels of an image. The samples are axis 0.",
            wrong=lambda samples: samples.std(axis=2).mean(),
        ),
        Mistake(
            "You averaged over the samples first, and the wobble is gone: the deviation comes "
            "first, over axis 0, and the mean after it.",
            wrong=lambda samples: samples.mean(axis=0).std(),
        ),
        Mistake(
            "The deviation over the samples is right. What is left is to average it.",
            wrong=lambda samples: samples.std(axis=0),
        ),
    ],
    hint="Which axis counts the samples of one image? The deviation is taken over that one alone.",
    solutions=solutions,
    remark="The clouds are narrow: a typical standard deviation of a code is around 0.05, where "
    "the prior's is 1.",
    tolerance=1e-3,
)


def _beyond(sigma):
    return np.exp(-4.5 / sigma**2)


def _erfc(x):
    return np.vectorize(math.erfc)(x)


def _counted_few(sigma):
    codes = sigma * np.random.default_rng().standard_normal((20, 2))
    return np.mean(np.linalg.norm(codes, axis=1) > 3)


@functools.lru_cache(maxsize=4)
def _shares(answer):
    """What an answer gives for sigma = 2.5 and 4: asked once, since it may sample many codes."""
    return float(answer(2.5)), float(answer(4.0))


def _is_about(wrong):
    """Return a test whether an answer gives the shares of `wrong`, counted or computed."""
    return lambda answer: np.allclose(_shares(answer), (wrong(2.5), wrong(4.0)), rtol=0, atol=0.012)


def _right_on_average(answer):
    """Few calls where many codes are sampled; many, and a sharp mean, where it scatters a lot."""
    shares = [float(answer(2.0)) for _ in range(12)]
    if 0.05 < np.ptp(shares) < 1:
        shares += [float(answer(2.0)) for _ in range(48)]
    return abs(np.mean(shares) - _beyond(2.0)) < 0.05 and np.ptp(shares) > 0.01


def _one(sigma):
    """The share of a single coordinate beyond 3, on one side."""
    return _erfc(3 / (sigma * math.sqrt(2))) / 2


def _without_axis(sigma):
    codes = sigma * np.random.default_rng().standard_normal((20_000, 2))
    return np.mean(np.linalg.norm(codes) > 3)


def _counts(sigma):
    codes = sigma * np.random.default_rng().standard_normal((20_000, 2))
    return np.sum(np.linalg.norm(codes, axis=1) > 3)


def _sum_of_sizes(sigma):
    codes = sigma * np.random.default_rng(0).standard_normal((20_000, 2))
    return np.mean(np.abs(codes).sum(axis=1) > 3)


def _in_three_dimensions(sigma):
    r = 3 / sigma
    return _erfc(r / math.sqrt(2)) + math.sqrt(2 / math.pi) * r * math.exp(-(r**2) / 2)


far_codes = Question(
    "far_codes",
    "The share of codes from N(0, sigma^2 I) on the plane that lie further than 3 from the centre.",
    variable="my_far_share",
    answer=_beyond,
    inputs=lambda rng: (float(rng.uniform(1.5, 4.0)),),
    outcome="A share between 0 and 1.",
    mistakes=[
        Mistake(
            "On average it is right, but from one call to the next it scatters by more than 4%: "
            "count more codes.",
            wrong=_counted_few,
            when=_right_on_average,
        ),
        Mistake(
            "That is the share WITHIN a distance of 3: take the rest.",
            wrong=lambda sigma: 1 - _beyond(sigma),
        ),
        Mistake(
            "Yours does not depend on sigma: it is the prior's share. Scale the codes by sigma, "
            "and leave the 3 as it is.",
            wrong=lambda sigma: _beyond(1.0),
            when=lambda answer: all(abs(answer(s) - _beyond(1.0)) < 0.003 for s in (1.5, 4.0)),
        ),
        Mistake(
            "You took sigma for the variance: codes with standard deviation sigma are sigma times "
            "as far out, and not its root.",
            wrong=lambda sigma: np.exp(-4.5 / sigma),
        ),
        Mistake(
            "That is for one coordinate alone. A code has two, and the distance is the root of the "
            "sum of their squares.",
            wrong=lambda sigma: 2 * _one(sigma),
            when=_is_about(lambda sigma: 2 * _one(sigma)),
        ),
        Mistake(
            "That asks whether either coordinate exceeds 3, which is a square and not a circle.",
            wrong=lambda sigma: 1 - (1 - 2 * _one(sigma)) ** 2,
            when=_is_about(lambda sigma: 1 - (1 - 2 * _one(sigma)) ** 2),
        ),
        Mistake(
            "That asks whether BOTH coordinates are beyond 3. A code is further than 3 from the "
            "centre when the root of the sum of their squares is.",
            wrong=lambda sigma: 4 * _one(sigma) ** 2,
            when=_is_about(lambda sigma: 4 * _one(sigma) ** 2),
        ),
        Mistake(
            "That counts coordinates above +3 only, on one side. Measure the length of a code: the "
            "root of the sum of the squares of both.",
            wrong=_one,
            when=_is_about(_one),
        ),
        Mistake(
            "You added the absolute values of the coordinates. The distance is the root of the sum "
            "of their squares.",
            wrong=_sum_of_sizes,
            when=_is_about(_sum_of_sizes),
        ),
        Mistake(
            "That is for codes of three numbers. On the plane a code has two: shape (n, 2).",
            wrong=_in_three_dimensions,
            when=_is_about(_in_three_dimensions),
        ),
        Mistake(
            "It is 1 whatever sigma is. Did you take the length of ALL codes together? "
            "np.linalg.norm needs axis=1 to give one length for each code.",
            wrong=_without_axis,
            when=lambda answer: _shares(answer) == (1, 1),
        ),
        Mistake(
            "That is larger than 1: a count, or a percentage. A share lies between 0 and 1: divide "
            "by how many codes there are.",
            wrong=_counts,
            when=lambda answer: _shares(answer)[0] > 1,
        ),
        Mistake(
            "Your exponent is twice too large: the share beyond r falls as "
            "exp(-r^2 / (2 sigma^2)).",
            wrong=lambda sigma: np.exp(-9 / sigma**2),
        ),
        Mistake(
            "You compared the SQUARED length with 3: take its root, or compare it with 9.",
            wrong=lambda sigma: np.exp(-1.5 / sigma**2),
        ),
        Mistake(
            "You scaled the codes by sigma^2, the variance. Sigma is the standard deviation: scale "
            "them by that.",
            wrong=lambda sigma: _beyond(sigma**2),
        ),
    ],
    hint="You need no formula: sample 200,000 codes, measure their lengths, count. (With one: the "
    "squared length of a standard Gaussian code of two numbers is exponential, with mean 2.)",
    solutions=solutions,
    remark="Exactly, it is exp(-4.5 / sigma^2): one in ninety codes of the prior, six of ten with "
    "sigma = 3.",
    tolerance=0.04,
)
