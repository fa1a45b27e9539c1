"""Exercises of notebook 01: reading the numbers and the pictures of a trained VAE."""

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
            "You gave the KL as a reward. Both terms are costs: a dearer code makes the bill "
            "longer.",
            wrong=-243.5,
        ),
        Mistake(
            "That is the difference of the two terms. They are added: both are costs.", wrong=243.5
        ),
        Mistake("The KL is missing: the code has to be paid for too.", wrong=-250.0),
    ],
    hint="Both terms are costs, and the ELBO is to be made large.",
    solutions=solutions,
    remark="With beta = 1 the loss is minus this number, 256.5 nats per image.",
    tolerance=1e-5,
)


def _bits(nats):
    return nats / math.log(2) / PIXELS


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
            "You multiplied by ln 2. A bit is the smaller unit, ln 2 = 0.69 nats, so a sum has "
            "MORE bits than nats: divide.",
            wrong=lambda nats: nats * math.log(2) / PIXELS,
        ),
        Mistake(
            "You divided by 28, which is one row of pixels.",
            wrong=lambda nats: nats / math.log(2) / 28,
        ),
    ],
    hint="One bit is ln 2 nats. Is a bit more or less than a nat? And how many pixels share the "
    "sum?",
    solutions=solutions,
    remark="A shrug costs exactly 1 bit per pixel, which makes this unit a good one for the head.",
)


def _pictures(rng):
    shape = (int(rng.integers(5, 9)), int(rng.integers(10, 13)), int(rng.integers(14, 17)), 1)
    return ((rng.random(shape) ** rng.uniform(0.5, 3.0, size=(shape[0], 1, 1, 1))).astype("f4"),)


brightness = Question(
    "brightness",
    "The mean grey value of each image.",
    variable="my_brightness",
    answer=lambda images: images.mean(axis=(1, 2, 3)),
    inputs=_pictures,
    outcome="One number for each image, shape (n,), between 0 and 1.",
    mistakes=[
        Mistake(
            "That is one number for all images together. Leave axis 0, which counts the images, "
            "out of the mean.",
            wrong=lambda images: images.mean(),
        ),
        Mistake(
            "You averaged over the images: that is the mean image, one number for each pixel.",
            wrong=lambda images: images.mean(axis=0),
        ),
        Mistake(
            "You added the pixels up. The KL and the reconstruction are sums, but a brightness is "
            "a mean: divide by the number of pixels.",
            wrong=lambda images: images.sum(axis=(1, 2, 3)),
        ),
        Mistake(
            "You divided by 784, which is right for 28 by 28 pixels only. The images here have "
            "other sizes: let a mean do the counting.",
            wrong=lambda images: images.sum(axis=(1, 2, 3)) / PIXELS,
        ),
        Mistake(
            "An axis of length 1 is left, the colour channel: average over it too.",
            wrong=lambda images: images.mean(axis=(1, 2)),
        ),
    ],
    hint="Four axes: images, rows, columns, channel. Which of them make up one image?",
    solutions=solutions,
    remark="A mean over all axes but the first. The two terms of the loss are SUMS over those "
    "axes.",
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
    "the prior's is 1. Narrower would cost more KL, wider would blur the drawing.",
    tolerance=1e-3,
)


def _beyond(sigma):
    return np.exp(-4.5 / sigma**2)


def _erfc(x):
    return np.vectorize(math.erfc)(x)


def _counted_few(sigma):
    codes = sigma * np.random.default_rng().standard_normal((60, 2))
    return np.mean(np.linalg.norm(codes, axis=1) > 3)


def _right_on_average(answer):
    shares = {sigma: [answer(sigma) for _ in range(40)] for sigma in (2.0, 3.0)}
    return all(
        abs(np.mean(values) - _beyond(sigma)) < 0.06 and np.ptp(values) > 0
        for sigma, values in shares.items()
    )


far_codes = Question(
    "far_codes",
    "The share of codes from N(0, sigma^2 I) on the plane that lie further than 3 from the centre.",
    variable="my_share",
    answer=_beyond,
    inputs=lambda rng: (float(rng.uniform(1.5, 4.0)),),
    outcome="A share between 0 and 1.",
    mistakes=[
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
            wrong=lambda sigma: _erfc(3 / (sigma * math.sqrt(2))),
        ),
        Mistake(
            "That asks whether either coordinate exceeds 3, which is a square and not a circle.",
            wrong=lambda sigma: 1 - (1 - _erfc(3 / (sigma * math.sqrt(2)))) ** 2,
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
        Mistake(
            "On average it is right, and from one draw to the next it scatters by more than 4%: "
            "count more codes.",
            wrong=_counted_few,
            when=_right_on_average,
        ),
    ],
    hint="You need no formula: draw 200,000 codes, measure their lengths, count. (With one: the "
    "squared length of a standard Gaussian code of two numbers is exponential, with mean 2.)",
    solutions=solutions,
    remark="Exactly, it is exp(-4.5 / sigma^2): one in ninety codes of the prior, six of ten with "
    "sigma = 3. Out there the decoder has hardly practised. It goes on in the direction it knows, "
    "and a few kinds of garment come again and again.",
    tolerance=0.04,
)
