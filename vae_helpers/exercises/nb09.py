"""Exercises of notebook 09: why pictures are blurry, and what a likelihood changes."""

import math

import numpy as np

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb09

    return nb09


def _neighbours(rng):
    """Some pictures and the density of one code z under the posterior of each."""
    n, height, width = int(rng.integers(6, 9)), int(rng.integers(2, 4)), int(rng.integers(4, 6))
    images = rng.uniform(size=(n, height, width))
    densities = rng.uniform(0.05, 3.0, size=n)
    return images.astype("float32"), densities.astype("float32")


def _weighted(images, weights):
    return np.tensordot(np.asarray(weights, "float64"), np.asarray(images, "float64"), axes=1)


def _softmax(values):
    powers = np.exp(np.asarray(values, "float64"))
    return powers / powers.sum()


best_picture = Question(
    "best_picture",
    "The best picture a decoder can give at a code z, from the training images and q(z|x_i).",
    variable="my_picture",
    answer=lambda images, densities: _weighted(images, densities / densities.sum()),
    inputs=_neighbours,
    outcome="One picture, shape (height, width).",
    mistakes=[
        Mistake(
            "Every image counts the same here. Those whose posterior is denser at z have more to "
            "say: weigh them.",
            wrong=lambda images, densities: images.mean(axis=0),
        ),
        Mistake(
            "The weights do not add up to 1: divide by their sum.",
            wrong=lambda images, densities: _weighted(images, densities),
        ),
        Mistake(
            "You divided by the number of images: divide by the sum of the weights.",
            wrong=lambda images, densities: _weighted(images, densities) / len(images),
        ),
        Mistake(
            "This is the most probable image alone. It is sharp, and on average further from the "
            "truth than the mean.",
            wrong=lambda images, densities: images[np.argmax(densities)],
        ),
        Mistake(
            "You took a softmax. It is meant for logarithms; these are the densities themselves.",
            wrong=lambda images, densities: _weighted(images, _softmax(densities)),
        ),
    ],
    hint="What is the probability that this z came from image i, when all images are equally "
    "frequent? Average with those probabilities.",
    solutions=solutions,
    remark="With the mean squared error or with Bernoulli pixels, no decoder can do better at "
    "this z.",
)


def _etas(rng):
    """Natural parameters, 0 and its neighbourhood and far ends among them."""
    some = rng.uniform(0.5, 30.0, size=int(rng.integers(2, 5))) * rng.choice([-1, 1])
    return (np.array([0.0, 1e-17, 1e-6, -1e-4, 1.9, *some, 200.0, 800.0, -800.0], "float32"),)


def _log_sinhc(u):
    u = np.abs(np.asarray(u, "float64"))
    safe = np.where(u < 1e-2, 1.0, u)
    far = safe + np.log1p(-np.exp(-2 * safe)) - np.log(2 * safe)
    return np.where(u < 1e-2, u**2 / 6, far)


def _guarded_at_zero(eta):
    """The textbook form, with its limit at exactly 0 and its large exponential taken out."""
    safe = np.where(eta == 0, 1.0, np.abs(eta))
    positive = safe + np.log((1 - np.exp(-safe)) / safe)
    return np.where(eta == 0, 0.0, np.where(eta > 0, positive, positive - safe))


def _is_finite(answer, eta):
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.asarray(answer(np.array([eta], "float32")))).all())


log_normaliser = Question(
    "log_normaliser",
    "log of the integral of exp(eta x) over x from 0 to 1, for any eta.",
    variable="my_log_normaliser",
    answer=lambda eta: np.asarray(eta, "float64") / 2 + _log_sinhc(np.asarray(eta) / 2),
    inputs=_etas,
    outcome="One number for each eta.",
    mistakes=[
        Mistake(
            "That is the Bernoulli's: it ADDS exp(eta x) over x = 0 and x = 1. A grey pixel may be "
            "anything between: integrate.",
            wrong=lambda eta: np.logaddexp(0.0, eta),
        ),
        Mistake(
            "The part eta / 2 is missing: this is log(sinh(u) / u) with u = eta / 2, the "
            "normaliser of exp(eta (x - 1/2)).",
            wrong=lambda eta: _log_sinhc(np.asarray(eta) / 2),
        ),
        Mistake(
            "This is log(sinh(u) / u) at u = eta. It belongs at u = eta / 2.",
            wrong=lambda eta: np.asarray(eta) / 2 + _log_sinhc(eta),
        ),
        Mistake(
            "The sign: this is minus the logarithm asked for, what is ADDED to eta x in the log "
            "density.",
            wrong=lambda eta: -(np.asarray(eta, "float64") / 2 + _log_sinhc(np.asarray(eta) / 2)),
        ),
        Mistake(
            "Right in the middle, but not finite at eta = 0, where the quotient is 0 / 0. Its "
            "limit is 1: take a series there, and choose with np.where.",
            wrong=lambda eta: np.log(np.expm1(eta) / eta),
            when=lambda answer: not _is_finite(answer, 0.0),
        ),
        Mistake(
            "The first part is eta / 2, not |eta| / 2: for a negative eta it lowers the result.",
            wrong=lambda eta: np.abs(eta) / 2 + _log_sinhc(np.asarray(eta) / 2),
        ),
        Mistake(
            "Finite at 0, but not at eta = 1e-17: exp(eta) - 1 is 0 there, to the last digit. "
            "np.expm1 keeps the digits, or take the series for more than the one point.",
            wrong=lambda eta: _guarded_at_zero(np.asarray(eta, "float64")),
            when=lambda answer: _is_finite(answer, 0.0) and not _is_finite(answer, 1e-17),
        ),
        Mistake(
            "Finite at 0, but not at eta = 800, where exp overflows. Take the large exponential "
            "out before the logarithm.",
            wrong=lambda eta: np.log(
                np.where(eta == 0, 1.0, np.expm1(eta) / np.where(eta == 0, 1.0, eta))
            ),
            when=lambda answer: not _is_finite(answer, 800.0),
        ),
    ],
    hint="The integral is (exp(eta) - 1) / eta. Pull exp(eta / 2) out of it, and look at what is "
    "left for eta near 0 and for a large one.",
    solutions=solutions,
    remark="vae_helpers.likelihoods.log_sinhc does it for tensors, with gradients that stay finite "
    "at 0.",
)


def _errors(rng):
    """Images and their means, with errors that are not centred on 0."""
    n, height, width = int(rng.integers(6, 9)), int(rng.integers(2, 4)), int(rng.integers(4, 6))
    images = rng.uniform(size=(n, height, width))
    error = rng.normal(0.08, 0.1, size=images.shape) * rng.uniform(0.5, 2, size=(n, 1, 1))
    return images.astype("float32"), (images + error).astype("float32")


def _squares(images, means):
    return np.square(np.asarray(images, "float64") - np.asarray(means, "float64"))


learned_sigma = Question(
    "learned_sigma",
    "The one sigma that maximises the Gaussian log-likelihood of these images, the means given.",
    variable="my_sigma",
    answer=lambda images, means: np.sqrt(_squares(images, means).mean()),
    inputs=_errors,
    outcome="One number: a standard deviation, in grey (0 to 1).",
    mistakes=[
        Mistake(
            "This is the variance. Sigma is its square root.",
            wrong=lambda images, means: _squares(images, means).mean(),
        ),
        Mistake(
            "You summed the squares over the pixels: there the mean error of an IMAGE stands. One "
            "sigma is for one pixel.",
            wrong=lambda images, means: np.sqrt(_squares(images, means).sum(axis=(1, 2)).mean()),
        ),
        Mistake(
            "This is the deviation of the errors around THEIR mean. The Gaussian is centred on the "
            "decoder's mean, so square the errors as they are.",
            wrong=lambda images, means: np.std(np.asarray(images, "float64") - means),
        ),
        Mistake(
            "The mean absolute error is the best scale of a Laplace. A Gaussian squares.",
            wrong=lambda images, means: np.abs(np.asarray(images, "float64") - means).mean(),
        ),
        Mistake(
            "A root for each image, then the mean of the roots. One sigma for all: average the "
            "squares over everything first.",
            wrong=lambda images, means: np.sqrt(_squares(images, means).mean(axis=(1, 2))).mean(),
        ),
        Mistake(
            "A factor 2 too many: the 1/2 cancels when the derivative is set to zero.",
            wrong=lambda images, means: np.sqrt(_squares(images, means).mean() / 2),
        ),
    ],
    hint="Write the log-likelihood with its two terms that depend on sigma, differentiate by the "
    "variance, and set the result to zero.",
    solutions=solutions,
    remark="That is all the learning a shared sigma needs: no gradient, only a running mean.",
)


def _sigma_and_error(rng):
    return float(rng.uniform(0.3, 2.0)), float(rng.uniform(0.004, 0.03))


effective_beta = Question(
    "effective_beta",
    "The beta that a fixed sigma amounts to, beside the sigma that fits.",
    variable="my_beta",
    answer=lambda sigma, mean_squared_error: sigma**2 / mean_squared_error,
    inputs=_sigma_and_error,
    outcome="One number without a unit.",
    mistakes=[
        Mistake(
            "Upside down. A sigma that is too large makes errors cheap, so the KL weighs MORE.",
            wrong=lambda sigma, mean_squared_error: mean_squared_error / sigma**2,
        ),
        Mistake(
            "This is a ratio of standard deviations. The squared error is divided by the variance.",
            wrong=lambda sigma, mean_squared_error: sigma / math.sqrt(mean_squared_error),
        ),
        Mistake(
            "You divided sigma by a variance: square it first.",
            wrong=lambda sigma, mean_squared_error: sigma / mean_squared_error,
        ),
        Mistake(
            "That holds for sigma = 1 only. How does the weight change with sigma?",
            wrong=lambda sigma, mean_squared_error: 1 / mean_squared_error,
        ),
        Mistake(
            "This is the precision of the fixed Gaussian. Compare it with the one that fits.",
            wrong=lambda sigma, mean_squared_error: 1 / sigma**2,
        ),
        Mistake(
            "This is the variance that fits. Which multiple of it is the fixed one?",
            wrong=lambda sigma, mean_squared_error: mean_squared_error,
        ),
        Mistake(
            "Both log-likelihoods have the 1/2 before the squares, so it cancels.",
            wrong=lambda sigma, mean_squared_error: sigma**2 / (2 * mean_squared_error),
        ),
    ],
    hint="Multiply the loss with the fixed sigma until its squared errors weigh what they weigh "
    "for the fitting one. What stands before the KL now?",
    solutions=solutions,
    remark="With sigma = 1 and a mean squared error of 0.01 the KL weighs a hundred times what it "
    "should.",
)


def _levels(rng):
    """Grey levels, black and white among them, means not far from them, and a narrow scale."""
    scale = float(rng.uniform(0.003, 0.008))  # the bin is 0.0039 wide: a density would not do
    level = np.concatenate([[0, 255], rng.integers(30, 225, size=int(rng.integers(3, 6)))])
    mean = level / 255 + rng.uniform(-3, 3, size=len(level)) * scale
    return level.astype("float32"), mean.astype("float32"), scale


def _logistic_bin(level, mean, scale, low=-0.5, high=0.5, ends="open", levels=255):
    level, mean = np.asarray(level, "float64"), np.asarray(mean, "float64")
    below, above = (level + low) / levels, (level + high) / levels
    if ends == "open":
        below = np.where(level == 0, -np.inf, below)
        above = np.where(level == 255, np.inf, above)
    with np.errstate(over="ignore"):
        cdf = [1 / (1 + np.exp(-(edge - mean) / scale)) for edge in (below, above)]
    return cdf[1] - cdf[0]


def _logistic_density(level, mean, scale):
    half = (np.asarray(level, "float64") / 255 - mean) / scale / 2
    return 1 / (4 * scale * np.cosh(half) ** 2)


bin_probability = Question(
    "bin_probability",
    "The log probability of grey levels under a discretised logistic.",
    variable="my_log_probability",
    answer=lambda level, mean, scale: np.log(_logistic_bin(level, mean, scale)),
    inputs=_levels,
    outcome="One number in nats for each grey level.",
    tolerance=2e-3,
    mistakes=[
        Mistake(
            "This is the probability itself. The logarithm was asked for.",
            wrong=lambda level, mean, scale: _logistic_bin(level, mean, scale),
        ),
        Mistake(
            "Inside it is right. Black and white must take what lies beyond them too, or the 256 "
            "probabilities do not add up to 1.",
            wrong=lambda x, m, s: np.log(_logistic_bin(x, m, s, ends="closed")),
        ),
        Mistake(
            "This is the log density at the grey level, not the probability of its bin: it can be "
            "above 0.",
            wrong=lambda level, mean, scale: np.log(_logistic_density(level, mean, scale)),
        ),
        Mistake(
            "Density times width is right only while the density hardly changes within a bin. "
            "Here the scale is about as small as the bin: take the difference of the distribution "
            "function at its edges.",
            wrong=lambda level, mean, scale: np.log(_logistic_density(level, mean, scale) / 255),
        ),
        Mistake(
            "The bin reaches from the level to the next. It should reach half a step to either "
            "side.",
            wrong=lambda level, mean, scale: np.log(_logistic_bin(level, mean, scale, 0.0, 1.0)),
        ),
        Mistake(
            "The bin is twice too wide: half a step to either side, not a whole one.",
            wrong=lambda level, mean, scale: np.log(_logistic_bin(level, mean, scale, -1.0, 1.0)),
        ),
        Mistake(
            "You divided by 256. There are 256 levels and 255 steps between them: white is "
            "255 / 255.",
            wrong=lambda level, mean, scale: np.log(_logistic_bin(level, mean, scale, levels=256)),
        ),
    ],
    hint="The distribution function of a logistic is a sigmoid. Where are the edges of the bin "
    "around k / 255, and which two levels have one edge only?",
    solutions=solutions,
    remark="Far from the mean the difference cancels to 0; DiscretisedLogistic writes it as a "
    "product, which does not.",
)


LOG_2 = math.log(2)


def _density_of_an_image(rng):
    return (
        float(rng.uniform(200, 2000)) * float(rng.choice([-1, 1])),
        int(rng.integers(300, 900)),
        int(rng.choice([16, 64, 128])),
    )


bits_per_dimension = Question(
    "bits_per_dimension",
    "Bits per dimension from a log DENSITY, for pixels of so many grey levels on [0, 1].",
    variable="my_bits",
    answer=lambda log_density, pixels, levels: math.log2(levels) - log_density / pixels / LOG_2,
    inputs=_density_of_an_image,
    outcome="One number, in bits per dimension.",
    mistakes=[
        Mistake(
            "The width of a bin, 1 / levels, is missing: it makes a density a probability.",
            wrong=lambda d, n, k: -d / n / math.log(2),
        ),
        Mistake(
            "The bin's width has the wrong sign: 1 / levels makes the probability smaller, so it "
            "costs MORE bits.",
            wrong=lambda d, n, k: -d / n / math.log(2) - math.log2(k),
        ),
        Mistake(
            "These are nats per dimension. Divide by ln 2.",
            wrong=lambda d, n, k: math.log(k) - d / n,
        ),
        Mistake(
            "These are bits per IMAGE: divide by the number of pixels.",
            wrong=lambda d, n, k: n * math.log2(k) - d / math.log(2),
        ),
        Mistake(
            "The sign of the log density: a denser image costs fewer bits.",
            wrong=lambda d, n, k: math.log2(k) + d / n / math.log(2),
        ),
        Mistake(
            "One bin's width for the whole image. Every pixel has a bin of its own.",
            wrong=lambda d, n, k: (math.log(k) - d) / n / math.log(2),
        ),
        Mistake(
            "Equal bins were asked for, one for each level: their width is 1 / levels.",
            wrong=lambda d, n, k: math.log2(k - 1) - d / n / math.log(2),
        ),
        Mistake(
            "The 8 is that of 256 levels. How many bits is a bin of 1 / levels?",
            wrong=lambda d, n, k: 8 - d / n / math.log(2),
        ),
        Mistake(
            "You mixed the units: the width is in nats, the density in bits already.",
            wrong=lambda d, n, k: math.log(k) - d / n / math.log(2),
        ),
    ],
    hint="From a density to a probability, from an image to a pixel, from nats to bits, and a "
    "minus. Which of them acts on each pixel?",
    solutions=solutions,
    remark="With 256 levels this adds 8 bits, which is why a density of 1 on [0, 1] costs exactly "
    "8 bits per dimension.",
)
