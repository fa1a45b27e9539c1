"""The mistakes of losses: the terms people write, right and wrong, and what is wrong with each.

`RECONSTRUCTIONS`, `KLS` and `KL_SLIPS` hold the terms; `MISTAKES` says what each code means and
how to cure it; `VARIANTS` names what is chosen on purpose and is no mistake.
"""

from vae_helpers.known_mistakes.kls import (
    CORRECT_KL,
    FORMULAS,
    KERAS_EPSILON,
    KL_SLIPS,
    KLS,
    READINGS,
    gaussian_kl,
)
from vae_helpers.known_mistakes.reconstructions import RECONSTRUCTIONS
from vae_helpers.known_mistakes.term import (
    Term,
    binary_entropy,
    continuous_bernoulli,
    cross_entropy,
    cross_entropy_of_probabilities,
    sigmoid,
    softplus,
)

__all__ = [
    "CORRECT_KL",
    "FORMULAS",
    "KERAS_EPSILON",
    "KLS",
    "KL_SLIPS",
    "MISTAKES",
    "READINGS",
    "RECONSTRUCTIONS",
    "VARIANTS",
    "Term",
    "binary_entropy",
    "continuous_bernoulli",
    "cross_entropy",
    "cross_entropy_of_probabilities",
    "gaussian_kl",
    "kl",
    "reconstruction",
    "sigmoid",
    "softplus",
]

# Every code that `LossAudit.mistakes` may hold: what is wrong, and the cure. Stable.
MISTAKES = {
    "pixels_averaged": (
        "the reconstruction is a mean over pixels, where the ELBO adds them",
        "tf.reduce_sum over everything one image is made of",
    ),
    "latents_averaged": (
        "the KL is a mean over the latent dimensions, where the ELBO adds them",
        "tf.reduce_sum over the latent dimensions",
    ),
    "partly_averaged": (
        "some axes of the image are averaged and the others added up "
        "(Keras' cross-entropy averages the last axis, even with reduction='none')",
        "tf.reduce_sum over ALL axes of the image",
    ),
    "batch_summed": (
        "images are added up, so the size of a step depends on the batch size",
        "tf.reduce_mean over images, in both terms",
    ),
    "kl_sign": (
        "the KL, or a part of it, has the wrong sign: making it larger is rewarded",
        "loss = reconstruction + kl",
    ),
    "kl_without_half": (
        "the KL counts twice: its half is missing, or it is added twice, or beta is meant to be 2",
        "write the factor 0.5, count it once; if beta = 2 is meant, leave it and say so",
    ),
    "kl_log_var_as_variance": (
        "the KL takes the log variance for the variance",
        "the variance is exp(z_log_var), its logarithm z_log_var",
    ),
    "kl_log_var_as_std": (
        "the KL takes the log variance for the standard deviation, or for its logarithm",
        "the variance is exp(z_log_var), its logarithm z_log_var",
    ),
    "kl_reversed": (
        "the KL has its arguments exchanged, KL(prior || q)",
        "KL(q || prior): 0.5 * (z_mean**2 + exp(z_log_var) - 1 - z_log_var)",
    ),
    "kl_missing": (
        "the loss does not depend on z_mean and z_log_var: there is no KL",
        "add the KL, summed over latent dimensions",
    ),
    "keras_kl_divergence": (
        "keras.losses.KLDivergence compares probability vectors; "
        "fed with means and log variances its number means nothing",
        "write the KL of the Gaussian: "
        "0.5 * (z_mean**2 + exp(z_log_var) - 1 - z_log_var), summed over latent dimensions",
    ),
    "reconstruction_missing": (
        "the loss does not depend on what the decoder says",
        "add minus the log-likelihood of the images, summed over pixels",
    ),
    "reconstruction_sign": (
        "the reconstruction has the wrong sign: a worse picture is rewarded",
        "loss = minus the log-likelihood + kl",
    ),
    "probabilities_as_logits": (
        "probabilities are taken for logits (the same function as a sigmoid applied twice)",
        "from_logits=True with the logits, or from_logits=False with the probabilities",
    ),
    "logits_as_probabilities": (
        "logits are taken for probabilities: the logarithm of a number that is none",
        "from_logits=True, or tf.sigmoid first",
    ),
    "double_sigmoid": (
        "the sigmoid is applied twice (the same function as probabilities taken for logits), "
        "so no pixel gets darker than 0.5 or brighter than 0.73",
        "apply it once, or work from logits",
    ),
    "constant_offset": (
        "a constant is added or missing: harmless to the gradient, but the number is not the ELBO",
        "add or remove what the note names before you compare numbers",
    ),
    "image_range": (
        "the Bernoulli is given pixels that are not those of the image on [0, 1]",
        "uint8 / 255 once, nothing else",
    ),
    "not_finite": (
        "the loss is NaN or infinite where a VAE may well go",
        "compute from logits and log variances, in float32: no logarithm of a probability",
    ),
    "kl_head_misread": (
        "the KL reads the encoder's second output as something else than `head` says it is",
        "turn it into the log variance first: 2 log sigma",
    ),
    "kl_std_as_variance": (
        "the KL takes the standard deviation for the variance",
        "the variance is exp(z_log_var), without a half",
    ),
    "kl_term_missing": (
        "one of the terms z_mean**2, exp(z_log_var), z_log_var of the KL is missing",
        "0.5 * (z_mean**2 + exp(z_log_var) - 1 - z_log_var)",
    ),
    "kl_half_misplaced": (
        "the half of the KL does not reach all of its terms",
        "0.5 * (z_mean**2 + exp(z_log_var) - 1 - z_log_var), the half before the bracket",
    ),
    "mean_not_squared": (
        "the KL has z_mean where it should have its square",
        "0.5 * (z_mean**2 + exp(z_log_var) - 1 - z_log_var)",
    ),
    "mean_unused": (
        "the KL never reads z_mean",
        "0.5 * (z_mean**2 + exp(z_log_var) - 1 - z_log_var)",
    ),
    "log_var_unused": (
        "the KL never reads z_log_var, or its terms of it cancel",
        "0.5 * (z_mean**2 + exp(z_log_var) - 1 - z_log_var), with the encoder's second output",
    ),
    "log_var_squashed": (
        "the log variance goes through a function that bounds it, so that q cannot be as narrow, "
        "or as wide, as it should",
        "the encoder's second output as it is: a Dense layer without activation",
    ),
    "log_var_clipped": (
        "the log variance is clipped inside the range that a VAE needs: beyond the bound the KL "
        "is flat and has no gradient",
        "no clip, or one far out such as [-20, 20]",
    ),
    "cross_entropy_exchanged": (
        "the two arguments of the cross-entropy are exchanged",
        "the images first (labels), then what the decoder says",
    ),
    "cross_entropy_half": (
        "only one half of the cross-entropy is there, so that one extreme of every pixel is free",
        "-(x * log(p) + (1 - x) * log(1 - p)), or the cross-entropy from logits",
    ),
    "root_of_squares": (
        "a root is taken of the squared errors (RMSE): no sum over pixels is under the loss, and "
        "its slope changes with the error",
        "the sum of squares over pixels, without a root",
    ),
    "half_precision": (
        "a part is computed in 16 bits, to about three digits, even if 32 bits come out",
        "cast images, outputs, z_mean and z_log_var to float32 before the loss",
    ),
    "weight_changes": (
        "the same input gives another number from call to call, as with a counter in the loss: "
        "under fit the loss is traced once, and it freezes at the first value",
        "a tf.Variable for the weight, assigned by a callback",
    ),
    "shapes_broadcast": (
        "values for each image meet values for each image in another shape, so that every image "
        "is paired with every other",
        "bring both terms to shape (batch,) before they are added",
    ),
    "unknown": (
        "a part of the loss is none of the functions this audit knows",
        "compare with vae_helpers.elbo.elbo, term by term",
    ),
}

# Every code that `LossAudit.variants` may hold: what was chosen. No mistake, and not the plain
# ELBO. Stable.
VARIANTS = {
    "free_bits_per_dimension": "free bits: a floor under the KL of each latent dimension",
    "free_bits_per_image": "free bits: a floor under the KL of each image",
    "free_bits_batch_mean": "free bits: a floor under the KL's mean over the batch",
    "capacity": "a capacity: the KL is drawn to a target, |KL - C|",
    "prior_width": "a prior of another width or centre than N(0, 1)",
    "laplace": "the absolute error, which is a Laplace decoder's",
    "learned_sigma": "a sigma of the decoder that is a variable and learned",
    "optimal_sigma": "the sigma of the decoder is the batch's own root mean square error",
    "pos_weight": "bright pixels weigh more or less than dark ones in the cross-entropy",
    "monte_carlo_kl": "the KL is sampled, log q(z|x) - log p(z) at one z: right on average",
    "categorical": "a categorical cross-entropy: the last axis holds the classes of a softmax",
    "kl_warm_up": "the weight of the KL is a variable, which is 0 now",
}


def reconstruction(name: str) -> Term:
    """Return the entry of `RECONSTRUCTIONS` with this name."""
    return _named(name, RECONSTRUCTIONS)


def kl(name: str) -> Term:
    """Return the entry of `KLS` or `KL_SLIPS` with this name."""
    return _named(name, KLS + KL_SLIPS)


def _named(name, terms):
    for term in terms:
        if term.name == name:
            return term
    raise ValueError(f"no term is called {name!r}, expected one of {[t.name for t in terms]}")
