"""From what was measured on a VAE to what is wrong with it: the thresholds, each with its reason.

Every rule is a pure function of `Measurements` that returns a dict from code to evidence, a
sentence with numbers and the cure; `report` lists the codes.
"""

import numpy as np

from vae_helpers.audit.health.measure import BEYOND, Measurements
from vae_helpers.audit.health.noise import noise_findings
from vae_helpers.known_mistakes.samplers import HEADS, SAMPLERS

# What the crowd of codes may stray from the prior, in nats. Healthy models of 2 to 32 dimensions
# stay below 1; with a KL weighed 1/10 they exceed 5.
FAR = 3.0
# A unit whose KL is below this tells a tenth of a nat about the image at most.
ASLEEP = 0.1
# A unit whose z_mean varies more than this wants codes narrower than the prior, log variances of
# about log(1 - 0.2) = -0.2 or less.
LOUD = 0.2
UNITS_SHOWN = 8


def findings(m: Measurements) -> dict[str, str]:
    """Return what is wrong: a dict from code of `report.FINDINGS` to evidence."""
    found = _not_finite(m)
    if not m.enough:
        return found
    noise = noise_findings(m.noise)
    if _is_untrained(m):
        found |= _untrained(m)
    else:
        causes = _heads(m, noise)
        found |= _collapse(m) | causes | _worse_than_mean_image(m) | _squeezed_output(m)
        if not causes:  # which are why the codes are where they are
            found |= _far_from_prior(m) | _saturated(m)
    return found | noise | _own_kl(m)[0] | _gradients(m, noise)


def remarks(m: Measurements) -> dict[str, str]:
    """Return what is worth knowing about a model that may well be healthy."""
    if not m.enough:
        return {}
    return _own_kl(m)[1] | _asleep(m) | _worse_than_pca(m)


def awake(m: Measurements) -> np.ndarray:
    """Return whether a latent dimension says something about the image, (latent_dim,)."""
    return m.used & (m.unit_kl.mean(axis=0) >= ASLEEP)


def _not_finite(m) -> dict[str, str]:
    if not m.not_finite:
        return {}
    shown = "; ".join(m.not_finite[:4]) + ("; ..." if len(m.not_finite) > 4 else "")
    return {
        "not_finite": f"NaN or infinity in {shown}. Compute from logits, keep exp() below 88, and "
        "train again from fresh weights"
    }


# --- what the pictures and the codes look like -----------------------------------------------


def _is_untrained(m) -> bool:
    return m.untouched and m.reconstruction > 0.98 * m.mean_image_cost


def _untrained(m) -> dict[str, str]:
    return {
        "untrained": "the encoder's biases are all still 0 and the reconstruction costs "
        f"{m.reconstruction:.1f} nats (mean image {m.mean_image_cost:.1f}): call `fit` first"
    }


def _collapse(m) -> dict[str, str]:
    """Do the codes differ from image to image, and do the outputs?"""
    found = {}
    informative = m.used.any()
    same = m.output_std < 0.1 * m.image_std
    if not informative:
        found["collapsed"] = (
            f"no latent dimension says anything about the image (kl {m.kl:.3f} nats, variance "
            f"of z_mean at most {m.unit_variances.max():.2g}): the KL weighs too much; ask "
            "audit_loss for the effective beta, and critical_beta for the limit"
        )
    if same:
        found["same_picture"] = (
            f"a pixel varies by {m.output_std:.4f} from output to output, and by "
            f"{m.image_std:.3f} from image to image: every answer is the same picture"
        )
    bypassed = m.z_change > 1e-3 and m.output_change < 1e-6
    if informative and (same or bypassed):
        found["decoder_ignores_z"] = (
            "the code differs from image to image, but the output does not follow the sampled z: "
            "is it z that is decoded?"
        )
    return found


def _far_from_prior(m) -> dict[str, str]:
    divergence = _strays(m)
    if divergence.sum() < FAR:
        return {}
    worst = int(np.argmax(divergence))
    prior = f"{m.prior_mean[worst]:.3g} and {m.prior_variance[worst]:.3g}"
    return {
        "posterior_far_from_prior": f"z over all images strays {divergence.sum():.1f} nats from "
        f"the prior (in its furthest dimension mean {m.posterior_means[worst]:+.2f} and variance "
        f"{m.posterior_variances[worst]:.3g}, where the prior has {prior}): samples from the prior "
        "miss the codes the decoder knows. The KL weighs too little or is wrong"
    }


def _strays(m) -> np.ndarray:
    """KL from a Gaussian with the moments of z over images to the prior, (latent_dim,)."""
    # Where no code differs, the mean alone could stray, and the decoder does not care.
    distance = (m.posterior_means - m.prior_mean) ** 2 / m.prior_variance
    ratio = m.posterior_variances / m.prior_variance
    return np.where(m.used, 0.5 * (distance + ratio - 1 - np.log(ratio)), 0.0)


def _heads(m, noise) -> dict[str, str]:
    """Is z_log_var something else than a log variance of its own?"""
    if _same_numbers(m.z_mean, m.z_log_var):
        head = HEADS["log_var_is_mean"]
        return {"log_var_is_mean": f"{head.text}. {_strays_text(m)}{_capital(head.cure)}"}
    # Where the noise has another width than z_log_var says, that number may mean anything.
    loud = m.unit_variances > LOUD
    other_width = {"unexpected_noise", "sigma_from_log_var", "no_noise"} & noise.keys()
    if not m.standard_prior or not loud.any() or other_width:
        return {}
    log_var = m.z_log_var[:, loud]
    if log_var.min() < 0:
        return {}
    head = HEADS["softplus"]
    return {
        "log_var_never_negative": "no log variance is below 0 (they run from "
        f"{log_var.min():.2g} to {log_var.max():.2g}), as after softplus, ReLU or a clip: no code "
        f"is narrower than the prior. {_strays_text(m)}{_capital(head.cure)}"
    }


def _same_numbers(z_mean, z_log_var) -> bool:
    return bool(z_mean.std() > 1e-3 and np.allclose(z_mean, z_log_var, rtol=1e-4, atol=1e-6))


def _strays_text(m) -> str:
    strays = _strays(m).sum()
    return f"z over all images strays {strays:.1f} nats from the prior. " if strays >= FAR else ""


def _capital(text) -> str:
    return text[0].upper() + text[1:]


def _saturated(m) -> dict[str, str]:
    if m.saturated <= 0.01:
        return {}
    return {
        "log_var_saturated": f"{m.saturated:.0%} of the log variances are {BEYOND}, "
        f"or at a clamp (they run from {m.z_log_var.min():.1f} to {m.z_log_var.max():.1f}): there "
        "the gradient is gone; is the KL's term -z_log_var missing, or a clamp too tight?"
    }


def _worse_than_mean_image(m) -> dict[str, str]:
    if m.reconstruction <= 1.02 * m.mean_image_cost:
        return {}
    return {
        "worse_than_mean_image": f"the reconstruction costs {m.reconstruction:.1f} nats, the mean "
        f"image for every image {m.mean_image_cost:.1f}"
    }


def _squeezed_output(m) -> dict[str, str]:
    low, high = m.output_range
    mean_low, mean_high = m.mean_range
    if low <= mean_low + 0.1 and high >= mean_high - 0.1:
        return {}
    twice = " (sigmoid twice?)" if low > 0.49 and high < 0.74 else ""
    return {
        "squeezed_output": f"outputs run from {low:.2f} to {high:.2f}{twice}, where even the mean "
        f"image runs from {mean_low:.2f} to {mean_high:.2f}: the decoder must return logits, "
        "without an activation"
    }


# --- gradients and the model's own kl --------------------------------------------------------


def _gradients(m, noise) -> dict[str, str]:
    """Which way from the reconstruction back to the encoder is blocked?"""
    if not m.encoder_gradient:
        return {
            "gradient_blocked": "the reconstruction term has no gradient in any weight of the "
            "encoder: write the sample as z_mean + sigma * noise, in TensorFlow or Keras "
            "operations and without stop_gradient"
        }
    blocked = []
    if not m.mean_gradient:
        blocked.append(("z_mean", SAMPLERS["no_gradient_to_mean"].cure))
    if not m.log_var_gradient and "no_noise" not in noise:  # in which z_log_var has no part
        blocked.append(("z_log_var", SAMPLERS["no_gradient_to_sigma"].cure))
    if not blocked:
        return {}
    names = " and ".join(name for name, _ in blocked)
    return {
        "gradient_blocked": f"z has no gradient with respect to {names}, so only the KL moves it, "
        f"to 0: {'; '.join(cure for _, cure in blocked)}"
    }


def _own_kl(m) -> tuple[dict[str, str], dict[str, str]]:
    """The model's own `kl` against the closed form for N(0, I): findings and remarks."""
    own, closed = m.own_kl, m.unit_kl.sum(axis=1)
    if own.std() == 0:  # one number for the batch
        own, closed = own[:1], closed.mean(keepdims=True)
    if own.mean() < -0.01:
        return {
            "kl_negative": f"the model's own kl is {own.mean():.2f} nats, and no divergence is "
            "negative: check its sign and its terms"
        }, {}
    if closed.mean() < 0.01 or not m.standard_prior:
        return {}, {}
    ratio = own.sum() / closed.sum()
    if np.abs(own - ratio * closed).mean() < 1e-3 * own.mean():
        if abs(ratio - 1) < 0.01:
            return {}, {}
        return {
            "kl_scaled": f"the model's own kl is {ratio:.3g} times the KL: a sum over latent "
            "dimensions with the factor 1/2 is right, and a weight belongs in `beta`"
        }, {}
    return {}, {
        "kl_differs": f"the model's own kl is {own.mean():.2f} nats and the KL to N(0, I) "
        f"{closed.mean():.2f}: a prior of your own, or a mistake (audit_loss can tell)"
    }


# --- remarks ---------------------------------------------------------------------------------


def _asleep(m) -> dict[str, str]:
    kl = m.unit_kl.mean(axis=0)
    asleep = np.flatnonzero(~awake(m))
    if not m.used.any() or not len(asleep):
        return {}
    shown = ", ".join(f"{unit} (KL {kl[unit]:.2f})" for unit in asleep[:UNITS_SHOWN])
    shown += ", ..." if len(asleep) > UNITS_SHOWN else ""
    return {
        "inactive_units": f"{len(asleep)} of {m.latent_dim} latent dimensions say next to nothing "
        f"about the image: dimension {shown}"
    }


def _worse_than_pca(m) -> dict[str, str]:
    if not m.pca_cost < m.reconstruction <= 0.98 * m.mean_image_cost:
        return {}
    return {
        "worse_than_pca": f"PCA with {m.latent_dim} numbers an image costs {m.pca_cost:.1f} nats "
        f"to redraw, this model {m.reconstruction:.1f}"
    }
