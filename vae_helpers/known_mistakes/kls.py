"""What people put into a VAE's loss for the KL, right and wrong.

Functions of one latent dimension, (z_mean, z_log_var). Those of `KLS` differ by more than a factor
and a constant; `KL_SLIPS` are wrong by no more than that.
"""

import numpy as np

from vae_helpers.known_mistakes.term import Term, sigmoid, softplus

KERAS_EPSILON = 1e-7  # Keras' KLDivergence clips both of its arguments to [1e-7, 1]

CORRECT_KL = "0.5 * (z_mean**2 + exp(z_log_var) - 1 - z_log_var)"
AS_VARIANCE = ("kl_log_var_as_variance",)
AS_STD = ("kl_log_var_as_std",)
CURE_KL = f"write {CORRECT_KL}, added over the latent dimensions"
CURE_AS = "the head returns log(variance): the variance is exp(z_log_var), its log is z_log_var"
KERAS_CURE = "keras.losses.KLDivergence compares probability vectors, not Gaussians: " + CURE_KL


def _kl(mean_square, variance, log_variance):
    return 0.5 * (mean_square + variance - 1.0 - log_variance)


def gaussian_kl(m, v):
    """Return KL(N(m, exp(v)) || N(0, 1)) of one latent dimension."""
    return _kl(m**2, np.exp(v), v)


def _keras_kl(true, predicted):
    """Return one entry of keras.losses.KLDivergence."""
    true, predicted = np.clip(true, KERAS_EPSILON, 1.0), np.clip(predicted, KERAS_EPSILON, 1.0)
    return true * np.log(true / predicted)


def _read_as(variance):
    """Return the KL with `variance(v)` for the variance, logarithm included."""

    def function(m, v):
        with np.errstate(divide="ignore", invalid="ignore"):
            return _kl(m**2, variance(v), np.log(variance(v)))

    return function


def _wrong(name, code, text, function, cure=CURE_KL, kind="unknown", **more):
    return Term(name, kind, text, function, (code,), cure, **more)


def _as_std(name, text, function, **more):
    return Term(name, "log_var_as_std", text, function, AS_STD, CURE_AS, **more)


def _as_variance(name, text, function, **more):
    return Term(name, "log_var_as_variance", text, function, AS_VARIANCE, CURE_AS, **more)


# What is wrong in the formula itself, whatever the encoder's second output means.
FORMULAS = (
    Term("gaussian", "gaussian", "the KL of the Gaussian", gaussian_kl, reading="log_var"),
    Term(
        "reversed",
        "reversed",
        "the KL with its arguments exchanged, KL(prior || q)",
        lambda m, v: 0.5 * (np.exp(-v) * (1 + m**2) - 1 + v),
        ("kl_reversed",),
        "the encoder's Gaussian comes first, KL(q || prior): " + CURE_KL,
    ),
    _wrong(
        "mean_sign",
        "kl_sign",
        "a KL with the sign of z_mean**2 turned",
        lambda m, v: _kl(-(m**2), np.exp(v), v),
        kind="gaussian",
    ),
    _wrong(
        "variance_sign",
        "kl_sign",
        "a KL with the sign of exp(z_log_var) turned",
        lambda m, v: _kl(m**2, -np.exp(v), v),
        kind="gaussian",
    ),
    _wrong(
        "log_var_sign",
        "kl_sign",
        "a KL with the sign of z_log_var turned",
        lambda m, v: _kl(m**2, np.exp(v), -v),
        kind="gaussian",
    ),
    _wrong(
        "log_var_sign_twice",
        "kl_sign",
        "a KL with the sign of z_log_var turned in both of its places",
        lambda m, v: _kl(m**2, np.exp(-v), -v),
        kind="gaussian",
    ),
    _wrong(
        "no_mean",
        "kl_term_missing",
        "a KL without its term z_mean**2",
        lambda m, v: _kl(0 * m, np.exp(v), v),
    ),
    _wrong(
        "no_variance",
        "kl_term_missing",
        "a KL without its term exp(z_log_var)",
        lambda m, v: _kl(m**2, 0 * v, v),
    ),
    _wrong(
        "no_log_var",
        "kl_term_missing",
        "a KL without its term z_log_var",
        lambda m, v: _kl(m**2, np.exp(v), 0 * v),
    ),
    _wrong(
        "mean_not_squared",
        "mean_not_squared",
        "a KL with z_mean instead of z_mean**2",
        lambda m, v: _kl(m, np.exp(v), v),
    ),
    _wrong(
        "mean_absolute",
        "mean_not_squared",
        "a KL with the absolute value of z_mean instead of z_mean**2",
        lambda m, v: _kl(np.abs(m), np.exp(v), v),
    ),
    _wrong(
        "half_on_mean_only",
        "kl_half_misplaced",
        "a KL whose half stands before z_mean**2 only",
        lambda m, v: 0.5 * m**2 + np.exp(v) - 1 - v,
    ),
    _wrong(
        "half_not_on_mean",
        "kl_half_misplaced",
        "a KL whose half does not reach z_mean**2",
        lambda m, v: m**2 + 0.5 * (np.exp(v) - 1 - v),
    ),
    _wrong(
        "half_not_on_log_var",
        "kl_half_misplaced",
        "a KL whose half does not reach exp(z_log_var)",
        lambda m, v: _kl(m**2, 2 * np.exp(v), v),
    ),
    _wrong(
        "mean_square_alone",
        "log_var_unused",
        "z_mean**2 alone: the KL's two terms of z_log_var are missing, or cancel",
        lambda m, v: 0.5 * m**2,
    ),
    _wrong(
        "mean_for_log_var",
        "log_var_unused",
        "a KL that takes z_mean for the log variance as well; z_log_var is never read",
        lambda m, v: _kl(m**2, np.exp(m), m),
    ),
    _wrong(
        "log_var_for_mean",
        "mean_unused",
        "a KL that takes z_log_var for the mean as well; z_mean is never read",
        lambda m, v: _kl(v**2, np.exp(v), v),
    ),
    _wrong(
        "softplus_of_log_var",
        "log_var_squashed",
        "the KL of a log variance that went through softplus, so that it is never below 0",
        lambda m, v: _kl(m**2, np.exp(softplus(v)), softplus(v)),
    ),
    _wrong(
        "tanh_of_log_var",
        "log_var_squashed",
        "the KL of a log variance that went through tanh, so that it stays between -1 and 1",
        lambda m, v: _kl(m**2, np.exp(np.tanh(v)), np.tanh(v)),
    ),
    _wrong(
        "sigmoid_of_log_var",
        "log_var_squashed",
        "the KL of a log variance that went through a sigmoid, so that it stays above 0",
        lambda m, v: _kl(m**2, np.exp(sigmoid(v)), sigmoid(v)),
    ),
)

# What the encoder's second output is taken for: mistakes where the head means something else.
READINGS = (
    _as_std(
        "log_std",
        "a KL that reads z_log_var as log(sigma), variance exp(2 z_log_var)",
        lambda m, v: _kl(m**2, np.exp(2 * v), 2 * v),
        reading="log_std",
    ),
    _as_std(
        "log_std_in_exp",
        "a KL with exp(2 z_log_var) for the variance, as if z_log_var were log(sigma)",
        lambda m, v: _kl(m**2, np.exp(2 * v), v),
    ),
    _as_std(
        "log_std_in_log",
        "a KL with 2 z_log_var for the log variance, as if z_log_var were log(sigma)",
        lambda m, v: _kl(m**2, np.exp(v), 2 * v),
    ),
    _as_std(
        "std",
        "a KL that reads z_log_var as sigma, by its square",
        _read_as(np.square),
        reading="std",
    ),
    _as_std(
        "softplus",
        "a KL that reads softplus(z_log_var) as sigma",
        _read_as(lambda v: softplus(v) ** 2),
        reading="softplus",
    ),
    _as_std(
        "std_beside_log_var",
        "a KL with z_log_var squared for the variance, as if it were sigma, beside z_log_var",
        lambda m, v: _kl(m**2, v**2, v),
    ),
    _as_variance(
        "abs_variance",
        "a KL that reads the absolute value of z_log_var as the variance",
        _read_as(np.abs),
        reading="abs_variance",
    ),
    _as_variance(
        "softplus_variance",
        "a KL that reads softplus(z_log_var) as the variance",
        _read_as(softplus),
        reading="softplus_variance",
    ),
    _wrong(
        "sigma_for_variance",
        "kl_std_as_variance",
        "a KL with sigma = exp(z_log_var / 2) where the variance belongs",
        lambda m, v: _kl(m**2, np.exp(0.5 * v), v),
        "the variance is exp(z_log_var), without the half",
    ),
    _wrong(
        "half_log_var",
        "kl_std_as_variance",
        "a KL that reads z_log_var as twice the log variance",
        lambda m, v: _kl(m**2, np.exp(0.5 * v), 0.5 * v),
        CURE_AS,
    ),
    # Only for positive z_log_var do the wordings agree: bare, clipped, abs.
    _as_variance(
        "variance",
        "a KL that reads z_log_var as the variance",
        _read_as(lambda v: v),
        domain=(0.0, np.inf),
        reading="variance",
    ),
    _as_std(
        "positive_std",
        "a KL that reads z_log_var as sigma",
        _read_as(np.square),
        domain=(0.0, np.inf),
        reading="std",
    ),
)

KERAS_KLS = tuple(
    Term(
        f"keras_kl_of_{name}",
        "keras_kl_divergence",
        f"keras.losses.KLDivergence of {first} and {second}",
        function,
        ("keras_kl_divergence",),
        KERAS_CURE,
    )
    for name, first, second, function in (
        ("heads", "z_mean", "z_log_var", lambda m, v: _keras_kl(m, v)),
        ("exchanged_heads", "z_log_var", "z_mean", lambda m, v: _keras_kl(v, m)),
        ("variance", "z_mean", "exp(z_log_var)", lambda m, v: _keras_kl(m, np.exp(v))),
        ("exchanged_variance", "exp(z_log_var)", "z_mean", lambda m, v: _keras_kl(np.exp(v), m)),
        ("std", "z_mean", "exp(z_log_var / 2)", lambda m, v: _keras_kl(m, np.exp(0.5 * v))),
        ("exchanged_std", "exp(z_log_var / 2)", "z_mean", lambda m, v: _keras_kl(np.exp(v / 2), m)),
    )
)

KLS = FORMULAS + READINGS + KERAS_KLS

KL_SLIPS = (
    _wrong(
        "without_half",
        "kl_without_half",
        "a KL without its half",
        lambda m, v: 2 * gaussian_kl(m, v),
    ),
    _wrong("negative", "kl_sign", "minus the KL", lambda m, v: -gaussian_kl(m, v)),
    _wrong(
        "without_minus_one",
        "constant_offset",
        "a KL without its -1",
        lambda m, v: gaussian_kl(m, v) + 0.5,
    ),
    _wrong(
        "plus_one",
        "constant_offset",
        "a KL with + 1 for its - 1",
        lambda m, v: gaussian_kl(m, v) + 1.0,
    ),
)
