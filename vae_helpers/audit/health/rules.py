"""From what was measured on a VAE to what it suffers from: the thresholds, each with its reason.

Every function returns a dict from code to evidence, a sentence with numbers and the cure;
`report` lists the codes.
"""

from __future__ import annotations

import numpy as np

# What the crowd of codes may stray from the prior, in nats. Healthy models of 2 to 32 dimensions
# stay below 1; with a KL weighed 1/10 they exceed 5.
FAR = 3.0


def symptoms(vae, numbers, out, calls) -> dict[str, str]:
    """What the pictures and the codes look like."""
    n = numbers
    mean_cost, reconstruction = n["mean_image_cost"], n["reconstruction"]
    if _as_initialised(vae) and reconstruction > 0.98 * mean_cost:
        return {
            "untrained": "the encoder's biases are all still 0 and the reconstruction costs "
            f"{reconstruction:.1f} nats (mean image {mean_cost:.1f}): call `fit` first"
        }
    findings = {}
    informative = n["_informative"].any()
    same = n["output_std"] < 0.1 * n["image_std"]
    if not informative:
        findings["collapsed"] = (
            f"no latent dimension says anything about the image (kl {n['kl']:.3f} nats, variance "
            f"of z_mean at most {max(n['unit_variances']):.2g}): the KL weighs too much; ask "
            "audit_loss for the effective beta, and critical_beta for the limit"
        )
    if same:
        findings["same_picture"] = (
            f"a pixel varies by {n['output_std']:.4f} from output to output, and by "
            f"{n['image_std']:.3f} from image to image: every answer is the same picture"
        )
    if informative and (same or _z_is_bypassed(calls)):
        findings["decoder_ignores_z"] = (
            "the code differs from image to image, but the output does not follow the sampled z: "
            "is it z that is decoded?"
        )
    if informative:
        findings |= _far_from_prior(n)
    if n["saturated"] > 0.01:
        low, high = out["z_log_var"].min(), out["z_log_var"].max()
        findings["log_var_saturated"] = (
            f"{n['saturated']:.0%} of the log variances are beyond 20 either way or at a clamp "
            f"(they run from {low:.1f} to {high:.1f}): there the gradient is gone; is the KL's "
            "term -z_log_var missing, or a clamp too tight?"
        )
    if reconstruction > 1.02 * mean_cost:
        findings["worse_than_mean_image"] = (
            f"the reconstruction costs {reconstruction:.1f} nats, the mean image for every image "
            f"{mean_cost:.1f}"
        )
    low, high = n["_output_range"]
    mean_low, mean_high = n["_mean_range"]
    if low > mean_low + 0.1 or high < mean_high - 0.1:
        twice = " (sigmoid twice?)" if low > 0.49 and high < 0.74 else ""
        findings["squeezed_output"] = (
            f"outputs run from {low:.2f} to {high:.2f}{twice}, where even the mean image runs from "
            f"{mean_low:.2f} to {mean_high:.2f}: the decoder must return logits, without "
            "an activation"
        )
    return findings


def _as_initialised(vae) -> bool:
    """True when no step was taken and every bias of the encoder is still exactly 0."""
    optimizer = getattr(vae, "optimizer", None)
    if optimizer is not None and int(optimizer.iterations) > 0:
        return False
    variables = vae.encoder.trainable_variables + vae.latent.trainable_variables
    biases = [v for v in variables if v.path.endswith("bias")]
    return all(not v.numpy().any() for v in biases) and bool(biases or optimizer is not None)


def _z_is_bypassed(calls) -> bool:
    """True when z changes from call to call and the output does not."""
    first, second = calls[:2]
    if not all(
        np.isfinite(call[name]).all() for call in (first, second) for name in ("z", "logits")
    ):
        return False  # `not_finite` says so
    z_moves = np.abs(first["z"] - second["z"]).max() > 1e-3
    return bool(z_moves and np.abs(first["logits"] - second["logits"]).max() < 1e-6)


def _far_from_prior(numbers) -> dict[str, str]:
    """Compare mean and variance of z over all images with the prior's, in informative units."""
    units = numbers["_informative"]
    mean = np.array(numbers["posterior_means"])[units]
    variance = np.array(numbers["posterior_variances"])[units]
    # KL from a Gaussian with these moments to the prior: what the crowd of codes strays, in nats.
    divergence = 0.5 * (mean**2 + variance - 1 - np.log(variance))
    if divergence.sum() < FAR:
        return {}
    worst = int(np.argmax(divergence))
    return {
        "posterior_far_from_prior": f"z over all images strays {divergence.sum():.1f} nats from "
        f"the prior (in its furthest dimension mean {mean[worst]:+.2f} and variance "
        f"{variance[worst]:.3g}, where the prior has 0 and 1): samples from the prior miss the "
        "codes the decoder knows. The KL weighs too little or is wrong"
    }


def judge_kl(numbers) -> tuple[dict[str, str], dict[str, str]]:
    """The model's own `kl` against the closed form for N(0, I)."""
    own, closed = numbers["_own_kl"], numbers["_closed_kl"]
    if own.std() == 0:  # one number for the batch
        own, closed = own[:1], closed.mean(keepdims=True)
    if own.mean() < -0.01:
        return {
            "kl_negative": f"the model's own kl is {own.mean():.2f} nats, and no divergence is "
            "negative: check its sign and its terms"
        }, {}
    if closed.mean() < 0.01:
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


def remarks(vae, numbers) -> dict[str, str]:
    """What is worth knowing about a model that may well be healthy."""
    found = {}
    unused = int(np.sum(~numbers["_informative"]))
    if 0 < unused < len(numbers["_informative"]):
        found["inactive_units"] = (
            f"{unused} of {len(numbers['_informative'])} latent dimensions are not used: they cost "
            "nothing and say nothing"
        )
    if numbers["pca_cost"] < numbers["reconstruction"] <= 0.98 * numbers["mean_image_cost"]:
        found["worse_than_pca"] = (
            f"PCA with {int(vae.latent_dim)} numbers an image costs {numbers['pca_cost']:.1f} nats "
            f"to redraw, this model {numbers['reconstruction']:.1f}"
        )
    return found
