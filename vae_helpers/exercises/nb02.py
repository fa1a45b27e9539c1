"""Exercises of notebook 02: the ELBO and its terms, by hand and in code."""

import math

import numpy as np

from vae_helpers.exercises import bounds
from vae_helpers.exercises.bounds import told
from vae_helpers.exercises.losses import codes, kl_mistakes, kl_with
from vae_helpers.exercises.question import Question
from vae_helpers.known_mistakes import losses


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb02

    return nb02


def _near(part, value):
    return lambda answer: abs(float(answer[part]) - value) < 0.01


two_prices = Question(
    "two_prices",
    "In your head: KL(N(3, 1) || N(0, 1)), and the KL of ten independent latent variables, each "
    "with mean 0 and variance 0.01.",
    variable="my_prices",
    answer=(4.5, 5 * (0.01 - 1 + math.log(100))),
    outcome="Two numbers, in nats.",
    mistakes=told(
        ("Twice too large, both: the half in front is missing.", (9.0, 36.15)),
        (
            "The first is right. The second is the price of ONE latent variable, and there are "
            "ten: their KLs add.",
            (4.5, 1.81),
        ),
        (
            "The first is right. In the second you took 0.01 for the log variance; it is the "
            "variance, and its logarithm is -4.61.",
            (4.5, 5 * (math.exp(0.01) - 1 - 0.01)),
            lambda answer: _near(0, 4.5)(answer) and 1e-5 < abs(float(answer[1])) < 0.01,
        ),
        (
            "The first is right. The second is not free: its mean is the prior's, but its variance "
            "is not.",
            (4.5, 0.0),
        ),
        ("The first is right. In the second the -1 is missing.", (4.5, 5 * (0.01 + 4.605))),
        (
            "The first is right. In the second the logarithm has the wrong sign: log 0.01 is "
            "-4.61, and it is subtracted. A KL is never negative.",
            (4.5, 5 * (0.01 - 1 - 4.605)),
        ),
        (
            "The first is right. In the second the logarithm is one to base 10; all of the "
            "course's are natural, and log 100 is 4.61.",
            (4.5, 5 * (0.01 - 1 + 2)),
        ),
        ("Right, in the other order: the shift by 3 comes first.", (18.08, 4.5)),
        (
            "The first is right. In the second you took 0.01 for the standard deviation; it is the "
            "variance.",
            (4.5, 5 * (1e-4 - 1 + math.log(1e4))),
        ),
        (
            "In the first you gave the shift itself. Its price is half of its square.",
            (3.0, 18.08),
            _near(0, 3.0),
        ),
        (
            "In the first, the mean has to be squared: a shift of 3 costs half of 9.",
            (1.5, 18.08),
            _near(0, 1.5),
        ),
        ("In the first the half in front is missing.", (9.0, 18.08), _near(0, 9.0)),
        ("In the first the -1 is missing.", (5.0, 18.08), _near(0, 5.0)),
    ),
    hint="For the first only the mean differs from the prior's. For the second, ask what one "
    "latent variable costs; log 100 is 4.61.",
    solutions=solutions,
    remark="Half of 9 + 1 - 1 - 0 is 4.5. One of the ten costs half of 0.01 - 1 + 4.61, which is "
    "1.81. Being precise costs, even about nothing.",
    tolerance=0.01,
)

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
        *told(
            (
                "With 2 latents it is exactly half, with 3 a third: you averaged over the latents, "
                "where the KL adds them.",
                kl_with(_each, np.mean),
            ),
            (
                "You averaged over images and latents at once. Add over the latents (axis 1), and "
                "leave the mean over images to the caller.",
                lambda m, v: _each(m, v).mean(),
            ),
            (
                "You took the mean over the images at the end. A loss does that later, once; here "
                "one number for each image is asked for.",
                lambda m, v: _kl(m, v).mean(),
            ),
            (
                "You added over the images as well. Only what one image is made of is added: "
                "axis 1.",
                lambda m, v: _kl(m, v).sum(),
            ),
            (
                "You added over axis 0, which counts the images. The latents are axis 1.",
                lambda m, v: _each(m, v).sum(axis=0),
            ),
            ("One value for each latent is right so far; now add them up, over axis 1.", _each),
            (
                "You exchanged the two: the mean is what is squared, the log variance what stands "
                "in exp.",
                lambda m, v: _kl(v, m),
            ),
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
            variance="You took the logarithm of z_log_var, which is a logarithm already: "
            "exp(z_log_var) is the variance.",
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
        *told(
            (
                "Keras' KLDivergence compares tables of probabilities, which a mean and a log "
                "variance are not: write the Gaussian formula out.",
                lambda m, v: _keras_kl(m, v).mean(),
            ),
            (
                "The exponential is missing: where the formula has the variance, write "
                "exp(z_log_var).",
                kl_with(lambda m, v: losses.kl("mean_square_alone").function(m, v) - 0.5),
            ),
            (
                "The -1 stands outside of the sum or of the half: it belongs to each latent, in "
                "the bracket.",
                lambda m, v: _kl(m, v) + 0.5 * m.shape[1] - 1,
            ),
        ),
    ],
    hint="Four terms in a bracket with a half before it (line 4). The variance is exp(z_log_var). "
    "Then line 5: what happens to the latents of one image?",
    solutions=solutions,
    remark="The package's gaussian_kl does the same, and clamps the log variance before exp.",
)


LOG_RATIO = math.log(0.2)  # of the posterior's variance over that of q


def _gap(x, log=LOG_RATIO, miss=0.16, var=0.2, one=1):
    """KL(N(0, 1) || N(0.4 x, 0.2)), with parts that may be wrong."""
    return 0.5 * (log + (1 + miss * x**2) / var - one)


prior_gap = Question(
    "prior_gap",
    "In the small model (posterior N(0.4 x, 0.2)) an encoder answers every x with the prior: how "
    "far below log p(x) is its bound?",
    variable="my_gap",
    answer=lambda x: _gap(x),
    inputs=lambda rng: (np.append(0.0, rng.uniform(-4, 4, size=int(rng.integers(3, 7)))),),
    outcome="One number for each x, in nats, never negative.",
    mistakes=told(
        (
            "The two arguments are swapped: this is KL(posterior || q). The gap of the ELBO has q "
            "first.",
            lambda x: 0.5 * (0.2 + 0.16 * x**2 - 1 - math.log(0.2)),
        ),
        (
            "That is the gap at x = 0 for every x: the posterior's mean, 0.4 x, is missing.",
            lambda x: _gap(0 * x),
        ),
        (
            "You divided by the standard deviation of the posterior, 0.45; its variance is 0.2.",
            lambda x: _gap(x, var=math.sqrt(0.2)),
        ),
        ("The half in front is missing.", lambda x: 2 * _gap(x)),
        (
            "The posterior's mean has to be squared: (0.4 x)^2 = 0.16 x^2.",
            lambda x: 0.5 * (math.log(0.2) + (1 + 0.4 * x) / 0.2 - 1),
        ),
        ("The square belongs to all of 0.4 x.", lambda x: _gap(x, miss=0.4)),
        (
            "You squared 0.2, which is the posterior's variance already.",
            lambda x: _gap(x, math.log(0.04), var=0.04),
        ),
        (
            "The posterior's own variance is forgotten in the logarithm: log 0.2 belongs in front.",
            lambda x: _gap(x, 0.0),
        ),
        (
            "Too large by log 5 = 1.61 everywhere: log 0.2 is added, not subtracted. It is the log "
            "of the posterior's variance over q's.",
            lambda x: _gap(x, -math.log(0.2)),
        ),
        (
            "q's variance, 1, is missing beside the squared mean: q's samples scatter around 0.",
            lambda x: _gap(x) - 2.5,
        ),
        (
            "The -1 is missing: for q equal to the posterior the gap has to be 0.",
            lambda x: _gap(x, one=0),
        ),
        (
            "That is the bound itself. The gap is log p(x) minus the bound.",
            lambda x: -0.5 * (math.log(2 * math.pi * 5) + x**2 / 5) - _gap(x),
        ),
        (
            "The sign is wrong: a gap is log p(x) minus the bound, a KL, and never negative.",
            lambda x: -_gap(x),
        ),
    ),
    hint="The gap is a KL between two Gaussians, q first. For N(m, v) and N(m0, v0) it is half of "
    "log(v0 / v) + (v + (m - m0)^2) / v0 - 1. Or sample from q, 20,000 times.",
    solutions=solutions,
    remark="It is smallest at x = 0, half of 4 - log 5, which is 1.20 nats. The bound is never "
    "tight, because the posterior is narrower than the prior whatever x is.",
    tolerance=0.06,  # 20,000 samples are off by less
)

best_weight = Question(
    "best_weight",
    "The weight theta >= 0 of the small model's decoder that the ELBO prefers when the variance of "
    "q is stuck at v, its mean is the posterior's, and the data have variance 5.",
    variable="my_weight",
    answer=lambda v: np.sqrt(np.sqrt(5 / v) - 1),
    inputs=lambda rng: (rng.uniform(0.15, 3.0, size=int(rng.integers(4, 8))),),
    outcome="One weight for each v.",
    mistakes=told(
        (
            "That is where log p(x) is highest, whatever the encoder does. The ELBO has the gap in "
            "it too, and only with v = 0.2 is it lost at 2.",
            lambda v: 2 + 0 * v,
        ),
        (
            "There the gap is 0, but log p(x) has its say too: the best of the sum lies between.",
            lambda v: np.sqrt(1 / v - 1),
        ),
        ("That is theta^2 + 1, the variance of x under the model.", lambda v: np.sqrt(5 / v)),
        ("That is theta^2: take the root.", lambda v: np.sqrt(5 / v) - 1),
        (
            "A root is missing: the best theta^2 + 1 is the ROOT of 5 / v.",
            lambda v: np.sqrt(5 / v - 1),
        ),
        (
            "The noise is forgotten: the root of 5 / v is theta^2 + 1, and the 1 is the noise.",
            lambda v: (5 / v) ** 0.25,
        ),
        (
            "5 and v are exchanged in places: a wide q, with a large v, wants a SMALL weight.",
            lambda v: np.sqrt(np.sqrt(5 * v) - 1),
        ),
        (
            "v is the variance of q already; you squared it.",
            lambda v: np.sqrt(np.sqrt(5) / v - 1),
        ),
        (
            "v is the variance of q; you took its root, or took v for the standard deviation's "
            "square twice.",
            lambda v: np.sqrt(np.sqrt(5 / np.sqrt(v)) - 1),
        ),
        (
            "The data's variance is 5, and their standard deviation the root of it: use 5.",
            lambda v: np.sqrt(np.sqrt(np.sqrt(5) / v) - 1),
        ),
        (
            "That weight does as well as its negative, which is asked for: take theta >= 0.",
            lambda v: -np.sqrt(np.sqrt(5 / v) - 1),
        ),
    ),
    hint="Write the ELBO as log p(x) minus the gap, in terms of t = theta^2 + 1. log t cancels, "
    "and 5 / t + v t is left: where is it smallest? Or try 4,000 weights for each v.",
    solutions=solutions,
    remark="5 / t + v t is smallest at t = root of 5 / v. With v = 0.2 that is 5, the data's own "
    "weight 2. A wider q pulls the weight down, and from v = 5 on it is 0: the code is not used.",
    tolerance=0.01,  # a grid of weights will do
)


honest_logs = Question(
    "honest_logs",
    "Which of these logs of Bernoulli VAEs are possible?",
    variable="my_test",
    answer=lambda reconstruction, kl, elbo: bounds.possible(reconstruction, kl, elbo),
    inputs=bounds.logs,
    outcome="True or False for each log, shape (n,).",
    mistakes=bounds.LOG_MISTAKES,
    hint="Three conditions: what the three numbers owe each other, and one for each of the two "
    "costs. Join them with & for arrays.",
    solutions=solutions,
    remark="So a Bernoulli VAE that reports a test ELBO of +5 is wrong, whatever its code.",
)


k_sample_bound = Question(
    "k_sample_bound",
    "The bound with k samples, log of the mean of p(x|z) p(z) / q(z), from log densities of shape "
    "(k, batch) near -900.",
    variable="my_bound",
    answer=lambda log_likelihood, log_prior, log_posterior: bounds.bound(
        log_likelihood + log_prior - log_posterior
    ),
    inputs=bounds.log_weights,
    outcome="One number for each image, shape (batch,), in nats.",
    mistakes=bounds.BOUND_MISTAKES,
    hint="Add and subtract the log densities first: those are k log weights for each image. Then "
    "a log of a mean of exponentials, done so that exp(-900) does not vanish.",
    solutions=solutions,
    remark="With k = 1 this is the one-sample ELBO; with growing k its mean rises towards log "
    "p(x).",
    tolerance=1e-6,
)
