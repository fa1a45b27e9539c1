"""Exercises of notebook 13: better priors, flow matching, guidance."""

import numpy as np

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb13

    return nb13


def _double(*values):
    return [np.asarray(value, "float64") for value in values]


def _pairs(rng):
    """Noise, codes and times; no two axes have one size."""
    n, d = int(rng.integers(5, 8)), int(rng.integers(2, 5))
    noise, code = rng.standard_normal((2, n, d)) + np.array([0.0, 2.0])[:, None, None]
    return *(part.astype("float32") for part in (noise, code)), rng.random(n).astype("float32")


def _line(noise, code, t):
    noise, code, t = _double(noise, code, t)
    return (1 - t[:, None]) * noise + t[:, None] * code


interpolant = Question(
    "interpolant",
    "What one pair teaches the field: the point x_t at time t, and the velocity there.",
    variable="my_pair",
    answer=lambda noise, code, t: (_line(noise, code, t), np.subtract(code, noise, dtype="f8")),
    inputs=_pairs,
    outcome="Two arrays, x_t and the velocity, each (n, latent_dim).",
    mistakes=[
        Mistake(
            "Your x_t is at the code when t = 0. Here time runs from the noise, t = 0, to the "
            "code, t = 1.",
            wrong=lambda noise, code, t: (_line(code, noise, t), np.subtract(code, noise)),
        ),
        Mistake(
            "Both are those of a clock that runs from the code to the noise. A consistent "
            "convention, used elsewhere; here t = 0 is the noise.",
            wrong=lambda noise, code, t: (_line(code, noise, t), np.subtract(noise, code)),
        ),
        Mistake(
            "The point is right. The velocity points from the code back to the noise: follow the "
            "line the other way.",
            wrong=lambda noise, code, t: (_line(noise, code, t), np.subtract(noise, code)),
        ),
        Mistake(
            "Your second array is the way that is left, code - x_t. The velocity is the derivative "
            "of x_t by t: the same all along the line.",
            wrong=lambda noise, code, t: (_line(noise, code, t), code - _line(noise, code, t)),
        ),
        Mistake(
            "Your second array is the code itself, where the line ends. What is the derivative of "
            "x_t by t?",
            wrong=lambda noise, code, t: (_line(noise, code, t), code),
        ),
        Mistake(
            "You multiplied the velocity by t: that is how far the point has come.",
            wrong=lambda noise, code, t: (_line(noise, code, t), t[:, None] * (code - noise)),
        ),
        Mistake(
            "These roots keep the variance at 1 and make the path a curve. The straight line has "
            "the weights 1 - t and t.",
            wrong=lambda noise, code, t: (
                np.sqrt(1 - t[:, None]) * noise + np.sqrt(t[:, None]) * code,
                code - noise,
            ),
        ),
    ],
    hint="A straight line from noise to code, walked in one unit of time. t has shape (n,) and "
    "needs a second axis.",
    solutions=solutions,
    remark="The velocity does not depend on t. Only its mean over all pairs that meet at one point "
    "does.",
)


def _gaussian(rng):
    """Points, one time away from both ends, and the mean and deviation of the codes."""
    n, d = int(rng.integers(5, 8)), int(rng.integers(2, 5))
    x = (2 * rng.standard_normal((n, d))).astype("float32")
    mean = (rng.choice([-1, 1], d) * rng.uniform(0.5, 3, d)).astype("float32")
    return x, float(rng.uniform(0.2, 0.8)), mean, float(rng.choice([0.3, 0.6, 1.7, 2.5]))


def _velocity(x, t, mean, std, covariance=None, variance=None, centre=None):
    x, mean = _double(x, mean)
    covariance = t * std**2 - (1 - t) if covariance is None else covariance
    variance = (1 - t) ** 2 + (t * std) ** 2 if variance is None else variance
    return mean + covariance / variance * (x - (t * mean if centre is None else centre))


gaussian_velocity = Question(
    "gaussian_velocity",
    "The mean of code - noise over all pairs at (x, t), when the codes are N(mean, std^2).",
    variable="my_velocity",
    answer=_velocity,
    inputs=_gaussian,
    outcome="A velocity for each point, shape (n, latent_dim).",
    mistakes=[
        Mistake(
            "This is the mean velocity over ALL pairs, the same everywhere. Those that pass "
            "through x are not average: use x.",
            wrong=lambda x, t, mean, std: np.zeros_like(x) + mean,
        ),
        Mistake(
            "This heads for the mean of the codes and arrives there on time: right if std were 0. "
            "Wide codes pull less.",
            wrong=lambda x, t, mean, std: (mean - x) / (1 - t),
        ),
        Mistake(
            "The sign of the noise's part: noise enters x_t with 1 - t and the velocity with -1, "
            "so their covariance is -(1 - t).",
            wrong=lambda x, t, mean, std: _velocity(x, t, mean, std, t * std**2 + (1 - t)),
        ),
        Mistake(
            "The covariance needs the variance of the codes, std squared.",
            wrong=lambda x, t, mean, std: _velocity(x, t, mean, std, t * std - (1 - t)),
        ),
        Mistake(
            "The variance of x_t is (1 - t)^2 + t^2 std^2: weights are squared.",
            wrong=lambda x, t, mean, std: _velocity(x, t, mean, std, variance=(1 - t) + t * std**2),
        ),
        Mistake(
            "Divide the covariance by the variance of x_t, not by its square root.",
            wrong=lambda x, t, mean, std: _velocity(
                x, t, mean, std, variance=np.sqrt((1 - t) ** 2 + (t * std) ** 2)
            ),
        ),
        Mistake(
            "The covariance was not divided by the variance of x_t.",
            wrong=lambda x, t, mean, std: _velocity(x, t, mean, std, variance=1.0),
        ),
        Mistake(
            "The mean of x_t at time t is t mean, not mean: compare x with that.",
            wrong=lambda x, t, mean, std: _velocity(x, t, mean, std, centre=mean),
        ),
        Mistake(
            "You compared x with 0. The mean of x_t at time t is t mean.",
            wrong=lambda x, t, mean, std: _velocity(x, t, mean, std, centre=0.0),
        ),
        Mistake(
            "The first summand is missing: the mean of code - noise over all pairs.",
            wrong=lambda x, t, mean, std: _velocity(x, t, mean, std) - np.asarray(mean, "f8"),
        ),
    ],
    hint="x_t and code - noise are jointly Gaussian, dimension by dimension. Then E[v | x] is "
    "E[v] + Cov(v, x_t) / Var(x_t) (x - E[x_t]). Fill in the three.",
    solutions=solutions,
    remark="For a mixture, weigh the velocity of each Gaussian by its probability at (x, t): that "
    "is the known field of section 4.",
)


def _fields(rng):
    n, d = int(rng.integers(5, 8)), int(rng.integers(2, 5))
    without, told = rng.standard_normal((2, n, d)).astype("float32")
    return without, told, float(rng.choice([0.3, 0.7, 1.6, 2.3, 3.1, 5.2]))


guided = Question(
    "guided",
    "The guided velocity: 0 is the field without a label, 1 the one with it, more exaggerates.",
    variable="my_guided",
    answer=lambda without, told, guidance: without + guidance * (told - without),
    inputs=_fields,
    outcome="A velocity for each point, shape (n, latent_dim).",
    mistakes=[
        Mistake(
            "At guidance 0 this is the field WITH the label: you used the paper's w. Here guidance "
            "is 1 + w.",
            wrong=lambda without, told, guidance: told + guidance * (told - without),
        ),
        Mistake(
            "The two fields are exchanged: at guidance 1 this forgets the label.",
            wrong=lambda without, told, guidance: told + guidance * (without - told),
        ),
        Mistake(
            "This points away from the label: the difference is the wrong way round.",
            wrong=lambda without, told, guidance: without + guidance * (without - told),
        ),
        Mistake(
            "Only the difference is left. At guidance 0 the field without a label must remain.",
            wrong=lambda without, told, guidance: guidance * (told - without),
        ),
        Mistake(
            "You added the whole field of the label. At guidance 1 the other one must be gone.",
            wrong=lambda without, told, guidance: without + guidance * told,
        ),
    ],
    hint="Start at the field without a label and go in the direction in which the label moves it: "
    "all the way at 1, beyond at 2.",
    solutions=solutions,
    remark="Below 1 it is a mean of two fields, above 1 an extrapolation that no training has "
    "seen.",
)


def _followed_back(rng):
    """Log densities of the noise, divergences on the way, and the scales of the codes."""
    n, steps, d = int(rng.integers(5, 8)), int(rng.integers(9, 14)), int(rng.integers(2, 5))
    log_noise = rng.uniform(-12, -3, n)
    divergences = 3 * rng.standard_normal((steps, n)) - 2
    scale = rng.choice([0.2, 0.4, 2.0, 3.0], d) * rng.uniform(0.9, 1.1, d)
    return tuple(part.astype("float32") for part in (log_noise, divergences, scale))


def _followed(log_noise, divergences, scale, along=-1.0, by_scale=-1.0):
    log_noise, divergences, scale = _double(log_noise, divergences, scale)
    return log_noise + along * divergences.mean(axis=0) + by_scale * np.log(scale).sum()


flow_log_density = Question(
    "flow_log_density",
    "log p(z) of codes from the log density of their noise, the divergences, and the scale.",
    variable="my_log_density",
    answer=_followed,
    inputs=_followed_back,
    outcome="One number in nats for each code, shape (n,).",
    mistakes=[
        Mistake(
            "The sign of the divergence: where the field spreads points apart, they get THINNER.",
            wrong=lambda n, d, s: _followed(n, d, s, along=1.0),
        ),
        Mistake(
            "Each divergence holds for one step, 1 / steps of the time. Multiply by that.",
            wrong=lambda n, d, s: _followed(n, d, s, along=-len(d)),
        ),
        Mistake(
            "The scale is missing: codes = shift + scale * x stretches space once more.",
            wrong=lambda n, d, s: _followed(n, d, s, by_scale=0.0),
        ),
        Mistake(
            "The sign of the scale: a larger scale spreads the codes, so the density falls.",
            wrong=lambda n, d, s: _followed(n, d, s, by_scale=1.0),
        ),
        Mistake(
            "You averaged log scale over the dimensions. Volumes multiply: add the logarithms.",
            wrong=lambda n, d, s: _followed(n, d, s, by_scale=-1 / len(s)),
        ),
        Mistake(
            "You subtracted the scales themselves. In a log density their logarithms count.",
            wrong=lambda n, d, s: _followed(n, d, s, by_scale=0.0) - np.sum(s, dtype="f8"),
        ),
        Mistake(
            "This is only the change of the volume. Start from the log density of the noise.",
            wrong=lambda n, d, s: _followed(n, d, s) - n,
        ),
    ],
    hint="Along a path, the derivative of log p by t is minus the divergence. Add that up in steps "
    "of 1 / steps, then stretch by the scale.",
    solutions=solutions,
    remark="FlowPrior.log_density does this backwards, from the code to its noise, with Heun's "
    "steps.",
)


def _mixture(rng):
    """A mixture of round Gaussians, and points, one of them far from all."""
    n, k, d = int(rng.integers(6, 8)), int(rng.integers(3, 5)), 2
    weights = rng.dirichlet(np.full(k, 2.0)) + 0.02
    z = 2 * rng.standard_normal((n, d))
    z[0] = 60.0  # exp underflows there
    stds = rng.choice([0.4, 0.7, 1.6], k) * rng.uniform(0.9, 1.1, k)
    parts = z, weights / weights.sum(), 2 * rng.standard_normal((k, d)), stds
    return tuple(part.astype("float32") for part in parts)


def _each(z, means, stds, dimensions=None, square=True):
    z, means, stds = _double(z, means, stds)
    squares = np.square(z[:, None] - means).sum(axis=2) / (stds**2 if square else stds)
    d = z.shape[1] if dimensions is None else dimensions
    return -d * np.log(stds) - z.shape[1] / 2 * np.log(2 * np.pi) - 0.5 * squares


def _log_sum(each, weights):
    return np.logaddexp.reduce(np.log(np.asarray(weights, "float64")) + each, axis=1)


def _underflows(answer):
    """Right near the components, and not finite far away."""
    rng = np.random.default_rng(0)
    z, weights, means, stds = _mixture(rng)
    with np.errstate(all="ignore"):
        values = np.asarray(answer(z, weights, means, stds), "float64")
    expected = _log_sum(_each(z, means, stds), weights)
    return np.allclose(values[1:], expected[1:], atol=1e-3) and not np.isfinite(values[0])


mixture_log_density = Question(
    "mixture_log_density",
    "log p(z) of a mixture of round Gaussians, also far from all of them.",
    variable="my_mixture",
    answer=lambda z, weights, means, stds: _log_sum(_each(z, means, stds), weights),
    inputs=_mixture,
    outcome="One number in nats for each code, shape (n,).",
    mistakes=[
        Mistake(
            "This is the mean of the log densities. A mixture adds the densities, and takes the "
            "logarithm of the sum.",
            wrong=lambda z, w, m, s: (_each(z, m, s) * w).sum(axis=1),
        ),
        Mistake(
            "The weights are missing: each density counts by its component's weight.",
            wrong=lambda z, w, m, s: np.logaddexp.reduce(_each(z, m, s), axis=1),
        ),
        Mistake(
            "This is the largest summand alone. Close to it when one component rules; add the "
            "others.",
            wrong=lambda z, w, m, s: (np.log(np.asarray(w, "f8")) + _each(z, m, s)).max(axis=1),
        ),
        Mistake(
            "log std counts once for each dimension of z: a volume, not a length.",
            wrong=lambda z, w, m, s: _log_sum(_each(z, m, s, dimensions=1), w),
        ),
        Mistake(
            "The term -log std is missing, so these are no densities: wide components count too "
            "much.",
            wrong=lambda z, w, m, s: _log_sum(_each(z, m, s, dimensions=0), w),
        ),
        Mistake(
            "Divide the squared distance by the variance, std squared.",
            wrong=lambda z, w, m, s: _log_sum(_each(z, m, s, square=False), w),
        ),
        Mistake(
            "This is the density. Its logarithm was asked for.",
            wrong=lambda z, w, m, s: np.exp(_log_sum(_each(z, m, s), w)),
        ),
        Mistake(
            "The sign: this is minus the log density.",
            wrong=lambda z, w, m, s: -_log_sum(_each(z, m, s), w),
        ),
        Mistake(
            "Right near the components, but far away every exp is 0 and its logarithm minus "
            "infinity. Add in the logarithm: np.logaddexp.reduce, or take the largest exponent "
            "out first.",
            wrong=lambda z, w, m, s: np.log((w * np.exp(_each(z, m, s))).sum(axis=1)),
            when=_underflows,
        ),
    ],
    hint="Log weight plus log density for each component, (n, k); then the log of the sum of their "
    "exponentials over k.",
    solutions=solutions,
    remark="With the posteriors of pseudo-inputs for components and equal weights, this is a "
    "VampPrior.",
)


def _distances(rng):
    bound = float(rng.uniform(4, 9))
    prior = bound + float(rng.uniform(6, 12))
    return prior, bound + float(rng.uniform(0.1, 0.9)) * (prior - bound), bound


share_of_gap = Question(
    "share_of_gap",
    "Which share of the gap between samples of N(0, I) and reconstructions has a prior closed?",
    variable="my_share",
    answer=lambda prior, learned, reconstructions: (prior - learned) / (prior - reconstructions),
    inputs=_distances,
    outcome="One number: 0 for no gain, 1 when samples are as near as reconstructions.",
    mistakes=[
        Mistake(
            "This is the share that is LEFT. The share closed is 1 minus that.",
            wrong=lambda prior, learned, bound: (learned - bound) / (prior - bound),
        ),
        Mistake(
            "You compared with a distance of 0. The gap ends at the reconstructions: what this "
            "decoder makes of the codes of real images.",
            wrong=lambda prior, learned, bound: (prior - learned) / prior,
        ),
        Mistake(
            "This is a ratio of two distances. Subtract the bound's from both first.",
            wrong=lambda prior, learned, bound: learned / prior,
        ),
        Mistake(
            "Upside down: the whole gap is the denominator.",
            wrong=lambda prior, learned, bound: (prior - bound) / (prior - learned),
        ),
        Mistake(
            "These are points of Fréchet distance. Divide by the whole gap.",
            wrong=lambda prior, learned, bound: prior - learned,
        ),
        Mistake(
            "The sign: a smaller distance is a gain.",
            wrong=lambda prior, learned, bound: (learned - prior) / (prior - bound),
        ),
    ],
    hint="How far did you come, over how far there was to go?",
    solutions=solutions,
    remark="A learned prior only moves the samples towards what the decoder can do; to move the "
    "bound itself takes another decoder or another loss.",
)
