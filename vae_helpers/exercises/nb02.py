"""Exercises of notebook 02: the ELBO and its terms, by hand and in code."""

import math

import numpy as np

from vae_helpers.exercises.losses import codes, kl_mistakes, kl_with
from vae_helpers.exercises.question import Mistake, Question
from vae_helpers.known_mistakes import losses


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb02

    return nb02


two_prices = Question(
    "two_prices",
    "In your head: KL(N(3, 1) || N(0, 1)), and the KL of ten independent latent variables, each "
    "with mean 0 and variance 0.01.",
    variable="my_prices",
    answer=(4.5, 5 * (0.01 - 1 + math.log(100))),
    outcome="Two numbers, in nats.",
    mistakes=[
        Mistake("Twice too large, both: the half in front is missing.", wrong=(9.0, 36.15)),
        Mistake(
            "The first is right. The second is the price of ONE latent variable, and there are "
            "ten: their KLs add.",
            wrong=(4.5, 1.81),
        ),
        Mistake(
            "The first is right. In the second you took 0.01 for the log variance; it is the "
            "variance, and its logarithm is -4.61.",
            wrong=(4.5, 5 * (math.exp(0.01) - 1 - 0.01)),
            when=lambda answer: _near(answer, 0, 4.5) and 1e-5 < abs(float(answer[1])) < 0.01,
        ),
        Mistake(
            "The first is right. The second is not free: its mean is the prior's, but its variance "
            "is not.",
            wrong=(4.5, 0.0),
        ),
        Mistake(
            "The first is right. In the second the -1 is missing.",
            wrong=(4.5, 5 * (0.01 + math.log(100))),
        ),
        Mistake(
            "Right, in the other order: the shift by 3 comes first.",
            wrong=(5 * (0.01 - 1 + math.log(100)), 4.5),
        ),
        Mistake(
            "The first is right. In the second you took 0.01 for the standard deviation; it is the "
            "variance.",
            wrong=(4.5, 5 * (1e-4 - 1 + math.log(1e4))),
        ),
        Mistake(
            "In the first you gave the shift itself. Its price is half of its square.",
            wrong=(3.0, 18.08),
            when=lambda answer: _near(answer, 0, 3.0),
        ),
        Mistake(
            "In the first, the mean has to be squared: a shift of 3 costs half of 9.",
            wrong=(1.5, 18.08),
            when=lambda answer: _near(answer, 0, 1.5),
        ),
    ],
    hint="For the first only the mean differs from the prior's. For the second, ask what one "
    "latent variable costs; ln 100 is 4.61.",
    solutions=solutions,
    remark="Half of 9 + 1 - 1 - 0 is 4.5. One of the ten costs half of 0.01 - 1 + 4.61, which is "
    "1.81. Being precise costs, even about nothing.",
    tolerance=0.01,
)


def _near(answer, part, value):
    return abs(float(answer[part]) - value) < 0.01


_each = losses.gaussian_kl
_kl = kl_with(_each)
_keras_kl = kl_with(losses.kl("keras_kl_of_heads").function)


gaussian_kl = Question(
    "gaussian_kl",
    "KL(N(z_mean, exp(z_log_var)) || N(0, I)), in nats per image.",
    variable="my_kl",
    answer=_kl,
    inputs=codes,
    outcome="One number for each image, shape (batch,), in nats.",
    mistakes=[
        Mistake(
            "With 2 latents it is exactly half, with 3 a third: you averaged over the latents, "
            "where the KL adds them.",
            wrong=kl_with(_each, np.mean),
        ),
        Mistake(
            "You averaged over images and latents at once. Add over the latents (axis 1), and "
            "leave the mean over images to the caller.",
            wrong=lambda m, v: _each(m, v).mean(),
        ),
        Mistake(
            "You took the mean over the images at the end. A loss does that later, once; here one "
            "number for each image is asked for.",
            wrong=lambda m, v: _kl(m, v).mean(),
        ),
        Mistake(
            "You added over the images as well. Only what one image is made of is added: axis 1.",
            wrong=lambda m, v: _kl(m, v).sum(),
        ),
        Mistake(
            "You added over axis 0, which counts the images. The latents are axis 1.",
            wrong=lambda m, v: _each(m, v).sum(axis=0),
        ),
        Mistake(
            "One value for each latent is right so far; now add them up, over axis 1.", wrong=_each
        ),
        *kl_mistakes(
            without_half="Exactly twice too large: the half in front is missing.",
            negative="The sign is wrong: this is -KL, the form that is added to an ELBO. A KL is "
            "never negative.",
            log_var_sign_twice="The sign of the log variance is wrong in both of its places.",
            plus_one="The 1 is added, where it is subtracted.",
            without_minus_one="The -1 is missing: a code that equals the prior must cost nothing.",
            mean_not_squared="The mean has to be squared.",
            half_on_mean_only="The half stands before the squared mean only; it belongs to all "
            "four terms.",
            log_std="You took z_log_var for the log of the STANDARD DEVIATION. It is the log "
            "variance: exp(z_log_var) is the variance already.",
            variance="You took z_log_var for the variance itself: exp(z_log_var) is the variance.",
            std="You took z_log_var for the standard deviation itself. It is the log variance: "
            "exp(z_log_var) is the variance.",
            log_var_sign="The log variance at the end is added, where it is subtracted.",
            no_log_var="The log variance at the end is missing: without it, nothing keeps a cloud "
            "from shrinking.",
            log_std_in_exp="In exp you doubled z_log_var. exp(z_log_var) is the variance already.",
            sigma_for_variance="In exp you halved z_log_var. That gives the standard deviation, "
            "and the KL has the variance.",
            mean_sign="The squared mean is subtracted: a code far from the centre must cost more, "
            "not less.",
            no_mean="The mean's part is missing: moving the cloud costs too.",
            reversed="That is the KL the other way round, from the prior to q. In a VAE q comes "
            "first.",
        ),
        Mistake(
            "Keras' KLDivergence compares tables of probabilities, which a mean and a log "
            "variance are not: write the Gaussian formula out.",
            wrong=lambda m, v: _keras_kl(m, v).mean(),
        ),
        Mistake(
            "The exponential is missing: where the formula has the variance, write exp(z_log_var).",
            wrong=kl_with(lambda m, v: losses.kl("mean_square_alone").function(m, v) - 0.5),
        ),
        Mistake(
            "The -1 stands outside of the sum or of the half: it belongs to each latent, in the "
            "bracket.",
            wrong=lambda m, v: _kl(m, v) + 0.5 * m.shape[1] - 1,
        ),
    ],
    hint="Four terms in a bracket with a half before it (line 5). The variance is exp(z_log_var). "
    "Then line 6: what happens to the latents of one image?",
    solutions=solutions,
    remark="The package's gaussian_kl does the same, and clamps the log variance before exp.",
)


def _gap(x):
    return 0.5 * (math.log(0.2) + (1 + 0.16 * x**2) / 0.2 - 1)


prior_gap = Question(
    "prior_gap",
    "In the small model (posterior N(0.4 x, 0.2)) an encoder answers every x with the prior: how "
    "far below log p(x) is its bound?",
    variable="my_gap",
    answer=_gap,
    inputs=lambda rng: (rng.normal(size=int(rng.integers(3, 7))) * 3,),
    outcome="One number for each x, in nats, never negative.",
    mistakes=[
        Mistake(
            "The two arguments are swapped: this is KL(posterior || q). The gap of the ELBO has q "
            "first.",
            wrong=lambda x: 0.5 * (0.2 + 0.16 * x**2 - 1 - math.log(0.2)),
        ),
        Mistake(
            "That is the gap at x = 0 for every x: the posterior's mean, 0.4 x, is missing.",
            wrong=lambda x: _gap(0 * x),
        ),
        Mistake(
            "You divided by the standard deviation of the posterior, 0.45; its variance is 0.2.",
            wrong=lambda x: 0.5 * (math.log(0.2) + (1 + 0.16 * x**2) / math.sqrt(0.2) - 1),
        ),
        Mistake("The half in front is missing.", wrong=lambda x: 2 * _gap(x)),
        Mistake(
            "The posterior's mean has to be squared: (0.4 x)^2 = 0.16 x^2.",
            wrong=lambda x: 0.5 * (math.log(0.2) + (1 + 0.4 * x) / 0.2 - 1),
        ),
        Mistake(
            "The square belongs to all of 0.4 x.",
            wrong=lambda x: 0.5 * (math.log(0.2) + (1 + 0.4 * x**2) / 0.2 - 1),
        ),
        Mistake(
            "You squared 0.2, which is the posterior's variance already.",
            wrong=lambda x: 0.5 * (math.log(0.04) + (1 + 0.16 * x**2) / 0.04 - 1),
        ),
        Mistake(
            "The posterior's own variance is forgotten in the logarithm: log 0.2 belongs in front.",
            wrong=lambda x: 0.5 * ((1 + 0.16 * x**2) / 0.2 - 1),
        ),
        Mistake(
            "The -1 is missing: for q equal to the posterior the gap has to be 0.",
            wrong=lambda x: 0.5 * (math.log(0.2) + (1 + 0.16 * x**2) / 0.2),
        ),
        Mistake(
            "That is the bound itself. The gap is log p(x) minus the bound.",
            wrong=lambda x: -0.5 * (math.log(2 * math.pi * 5) + x**2 / 5) - _gap(x),
        ),
    ],
    hint="The gap is a KL between two Gaussians, q first. For N(m, v) and N(m0, v0) it is half of "
    "log(v0 / v) + (v + (m - m0)^2) / v0 - 1. Or use the grid.",
    solutions=solutions,
    remark="It is smallest at x = 0, half of 4 - log 5, which is 1.20 nats. The bound is never "
    "tight, because the posterior is narrower than the prior whatever x is.",
)


def _logs(rng):
    """Logs of six kinds in random order: sound ones, and ones with each kind of fault."""
    kinds = rng.permutation(np.repeat(np.arange(6), 4))
    n = len(kinds)
    reconstruction, kl = rng.uniform(200, 400, n), rng.uniform(7.0, 30, n)
    reconstruction[kinds == 3] *= -1
    small = np.flatnonzero(kinds == 3)[::2]  # too small to turn the ELBO positive
    reconstruction[small] = -rng.uniform(0.5, 5.0, len(small))
    kl[kinds == 4] *= -1
    elbo = -(reconstruction + kl)
    elbo[kinds == 2] = -(reconstruction - kl)[kinds == 2]  # the KL's sign
    elbo[kinds == 5] *= -1
    logs = [np.round(column, 4) for column in (reconstruction, kl, elbo)]  # as a log prints them
    logs[2][small] = -(logs[0] + logs[1])[small]
    return tuple(logs)


def _adds_up(reconstruction, kl, elbo):
    return np.isclose(elbo, -(reconstruction + kl), atol=1e-3)


def _too_strict(test):
    """True when rounding in the last digit makes a test say False."""
    exact = np.array([[256.0], [8.0], [-264.0]])
    rounded = np.array([[256.0001], [8.0001], [-264.0003]])
    return bool(np.all(test(*exact))) and not np.any(test(*rounded))


honest_logs = Question(
    "honest_logs",
    "Which of these logs of Bernoulli VAEs are possible?",
    variable="my_test",
    answer=lambda reconstruction, kl, elbo: (
        _adds_up(reconstruction, kl, elbo) & (kl >= 0) & (reconstruction >= 0)
    ),
    inputs=_logs,
    outcome="True or False for each log, shape (n,).",
    mistakes=[
        Mistake(
            "You test that the three numbers add up, and nothing else. A negative KL, or a "
            "negative Bernoulli reconstruction, can add up too.",
            wrong=_adds_up,
        ),
        Mistake(
            "You let a negative reconstruction pass. A Bernoulli log-likelihood is the logarithm "
            "of numbers up to 1, so its negative is never below 0.",
            wrong=lambda r, k, e: _adds_up(r, k, e) & (k >= 0),
        ),
        Mistake(
            "You let a negative KL pass. No KL is negative.",
            wrong=lambda r, k, e: _adds_up(r, k, e) & (r >= 0),
        ),
        Mistake(
            "You test signs only. A log in which the KL entered with the wrong sign passes.",
            wrong=lambda r, k, e: (k >= 0) & (r >= 0) & (e <= 0),
        ),
        Mistake(
            "You expect elbo = reconstruction + kl. Those are costs, and the ELBO is minus their "
            "sum.",
            wrong=lambda r, k, e: np.isclose(e, r + k) & (k >= 0) & (r >= 0),
        ),
        Mistake(
            "You expect elbo = -(reconstruction - kl): that is the very slip to be found. "
            "Minimising reconstruction - kl rewards a large KL, and nothing bounds a KL from "
            "above.",
            wrong=lambda r, k, e: np.isclose(e, -(r - k)) & (k >= 0) & (r >= 0),
        ),
        Mistake(
            "True and False are swapped: say True for a log that is possible.",
            wrong=lambda r, k, e: ~(_adds_up(r, k, e) & (k >= 0) & (r >= 0)),
        ),
        Mistake(
            "You compare floats with ==, or with a tiny tolerance. Rounded numbers in a log "
            "hardly ever add up to the last digit: use np.isclose.",
            wrong=lambda r, k, e: (e == -(r + k)) & (k >= 0) & (r >= 0),
            when=_too_strict,
        ),
        Mistake(
            "You test the sign of the ELBO instead of the reconstruction's. A reconstruction of -3 "
            "beside a KL of 6 makes a negative ELBO too.",
            wrong=lambda r, k, e: _adds_up(r, k, e) & (k >= 0) & (e <= 0),
        ),
        Mistake(
            "Yours says False for every log, and some of them are possible.",
            wrong=lambda r, k, e: np.zeros(len(r), bool),
        ),
    ],
    hint="Three conditions: what the three numbers owe each other, and one for each of the two "
    "costs. Join them with & for arrays.",
    solutions=solutions,
    remark="So a Bernoulli VAE that reports a test ELBO of +5 is wrong, whatever its code. This "
    "notebook's own ELBOs were positive because its pixels were Gaussian: with a noise variance "
    "of 0.019 a pixel's density reaches 2.9, which is up to 1.06 nats for each of 784 pixels.",
)


def _log_weights(rng):
    k, batch = int(rng.integers(5, 9)), int(rng.integers(2, 5))
    log_likelihood = rng.normal(-900.0, 2.0, size=(k, batch))
    log_prior = rng.normal(-4.0, 1.0, size=(k, batch))
    log_posterior = rng.normal(2.0, 1.0, size=(k, batch))
    return log_likelihood, log_prior, log_posterior


_log_sum = np.logaddexp.reduce  # over axis 0, if nothing is said


k_sample_bound = Question(
    "k_sample_bound",
    "The bound with k samples, log of the mean of p(x|z) p(z) / q(z), from log densities of shape "
    "(k, batch) near -900.",
    variable="my_bound",
    answer=lambda log_likelihood, log_prior, log_posterior: (
        _log_sum(log_likelihood + log_prior - log_posterior) - math.log(len(log_prior))
    ),
    inputs=_log_weights,
    outcome="One number for each image, shape (batch,), in nats.",
    mistakes=[
        Mistake(
            "You averaged the logarithms: that is the ELBO, the lowest rung of the ladder. "
            "Average the weights, then take the logarithm.",
            wrong=lambda a, b, c: (a + b - c).mean(axis=0),
        ),
        Mistake(
            "It is minus infinity: exp(-900) is 0 in floats. Subtract the largest log weight "
            "before exp and add it after the logarithm, or use tf.reduce_logsumexp.",
            wrong=lambda a, b, c: np.log(np.exp(a + b - c).mean(axis=0)),
        ),
        Mistake(
            "Too large by log k: a mean was asked for, and you took the sum of the weights.",
            wrong=lambda a, b, c: _log_sum(a + b - c),
        ),
        Mistake(
            "You averaged over axis 1, which counts the images. The samples are axis 0.",
            wrong=lambda a, b, c: _log_sum(a + b - c, axis=1) - math.log(a.shape[1]),
        ),
        Mistake(
            "You multiplied by q(z) where the weight divides by it: subtract log_posterior.",
            wrong=lambda a, b, c: _log_sum(a + b + c) - math.log(len(a)),
        ),
        Mistake(
            "q(z) is missing from the weights.",
            wrong=lambda a, b, c: _log_sum(a + b) - math.log(len(a)),
        ),
        Mistake(
            "The prior is missing from the weights.",
            wrong=lambda a, b, c: _log_sum(a - c) - math.log(len(a)),
        ),
        Mistake(
            "The prior and q(z) are both missing from the weights.",
            wrong=lambda a, b, c: _log_sum(a) - math.log(len(a)),
        ),
        Mistake(
            "You divided by the prior where the weight is multiplied by it: add log_prior.",
            wrong=lambda a, b, c: _log_sum(a - b - c) - math.log(len(a)),
        ),
        Mistake(
            "log k has the wrong sign: a mean is the sum divided by k.",
            wrong=lambda a, b, c: _log_sum(a + b - c) + math.log(len(a)),
        ),
        Mistake(
            "You divided by the number of images; the mean is over the k samples, axis 0.",
            wrong=lambda a, b, c: _log_sum(a + b - c) - math.log(a.shape[1]),
        ),
        Mistake(
            "You subtracted the largest log weight before exp, and did not add it back.",
            wrong=lambda a, b, c: _log_sum(a + b - c) - math.log(len(a)) - (a + b - c).max(axis=0),
        ),
        Mistake(
            "You kept the best of the k weights only; the mean of the others counts too.",
            wrong=lambda a, b, c: (a + b - c).max(axis=0),
        ),
    ],
    hint="Add and subtract the log densities first: those are k log weights for each image. Then "
    "a log of a mean of exponentials, done so that exp(-900) does not vanish.",
    solutions=solutions,
    remark="With k = 1 this is the one-sample ELBO; with growing k its mean rises towards log "
    "p(x).",
    tolerance=1e-6,
)


def _decoder(rng):
    latents = int(rng.integers(2, 6))
    return rng.normal(size=(int(rng.integers(8, 15)), latents)), float(rng.uniform(0.05, 0.5))


def _precision(weights, noise_var):
    return weights.T @ weights + noise_var * np.eye(weights.shape[1])


def _excess(matrix):
    return 0.5 * (np.log(np.diag(matrix)).sum() - np.linalg.slogdet(matrix)[1])


def _gap_of_marginals(weights, noise_var):
    M = _precision(weights, noise_var)
    inverse = np.linalg.inv(M)
    log_ratio = -np.linalg.slogdet(M)[1] - np.log(np.diag(inverse)).sum()
    return 0.5 * ((np.diag(M) * np.diag(inverse)).sum() - len(M) + log_ratio)


diagonal_gap = Question(
    "diagonal_gap",
    "The gap that the best diagonal Gaussian encoder leaves in a linear model, from its weights "
    "(pixels, latent_dim) and noise variance.",
    variable="my_diagonal_gap",
    answer=lambda weights, noise_var: _excess(_precision(weights, noise_var)),
    inputs=_decoder,
    outcome="One number, in nats; it is the same for every image.",
    mistakes=[
        Mistake(
            "You put in the posterior's covariance. The best diagonal q does not have the "
            "posterior's own variances: it has s^2 / M_jj, from the diagonal of M and not of its "
            "inverse.",
            wrong=lambda w, s: _excess(s * np.linalg.inv(_precision(w, s))),
        ),
        Mistake(
            "That is the gap of a q with the posterior's own variances, the diagonal of the "
            "inverse. A narrower q is closer: find the variances that make the KL smallest.",
            wrong=_gap_of_marginals,
        ),
        Mistake(
            "You squared noise_var, which is s^2 already.",
            wrong=lambda w, s: _excess(_precision(w, s**2)),
        ),
        Mistake("The half in front is missing.", wrong=lambda w, s: 2 * _excess(_precision(w, s))),
        Mistake(
            "The sign is wrong: the product of the diagonal is at least the determinant "
            "(Hadamard), and a gap is never negative.",
            wrong=lambda w, s: -_excess(_precision(w, s)),
        ),
        Mistake(
            "The noise is missing: M is W'W plus s^2 on the diagonal.",
            wrong=lambda w, s: _excess(_precision(w, 0.0)),
        ),
        Mistake(
            "You added the noise's standard deviation to the diagonal; it is its variance.",
            wrong=lambda w, s: _excess(_precision(w, math.sqrt(s))),
        ),
        Mistake(
            "That is the sum of log M_jj alone: take log det M away from it.",
            wrong=lambda w, s: 0.5 * np.log(np.diag(_precision(w, s))).sum(),
        ),
        Mistake(
            "That uses W W', a matrix over the pixels. The latent variables' is W'W.",
            wrong=lambda w, s: _excess(w @ w.T + s * np.eye(len(w))),
        ),
    ],
    hint="Write KL(q || posterior) for a diagonal q with the posterior's mean, in terms of "
    "M = W'W + s^2 I. Which variance makes it smallest? What is left has only M in it.",
    solutions=solutions,
    remark="Rotating W to W R leaves W W', and so log p(x), as it was. But the latent variables "
    "become correlated, and no diagonal q can say so. The ELBO with a diagonal encoder, unlike "
    "log p(x), prefers axes that line up with the principal components.",
)
