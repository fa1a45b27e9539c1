"""The health of a VAE: what it does on real images, judged by numbers whose right value is known.

`audit_loss` reads a loss; this looks at the model that came out of it. Here the model is measured;
`noise` judges its noise, `rules` the rest; `report` lists every finding.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.audit.health.noise import diagnose
from vae_helpers.audit.health.report import ACTIVE, ILLNESSES, NAN, REMARKS, HealthReport
from vae_helpers.audit.health.rules import judge_kl, remarks, symptoms
from vae_helpers.data import check_images
from vae_helpers.elbo import MAX_LOG_VAR, bernoulli_log_likelihood, gaussian_kl
from vae_helpers.likelihoods import Bernoulli
from vae_helpers.references import grey_entropy, mean_image_cost, pca_cost
from vae_helpers.vae import unit_interval

MIN_IMAGES, MAX_IMAGES = 50, 1000
CALLS, CALL_IMAGES = 16, 250  # how often, and on how many images, the noise is drawn
OUTPUTS = ("z_mean", "z_log_var", "z", "logits")


def health_report(vae, images) -> HealthReport:
    """Examine a VAE on images: is it well, and if not, what does it suffer from?

    It calls the model as training does (`vae(images)`), so whatever a subclass overrides is what
    is judged. It leaves the model as it was, the state of its noise included. It does not see how
    the loss is put together (`audit_loss` does).

    Args:
        vae: a `VAE` or a subclass; trained, or the report will say `untrained`.
        images: (n, 28, 28[, 1]) uint8 or floats in [0, 1], at least 50; of more than 1,000, every
            so-many-th is taken.

    Returns:
        A `HealthReport`. A share of the illnesses cannot be seen in a collapsed model: where every
        log variance is 0, exp(z_log_var) and exp(z_log_var / 2) are the same number.

    Raises:
        ValueError: if there are too few images, they are all the same, or not of a kind that can
            be judged; if `vae` does not return z_mean, z_log_var, z and logits, or has another
            likelihood than `Bernoulli`.

    Source: active units from Burda et al. (2015), arXiv:1509.00519, section 5.
    """
    likelihood = getattr(vae, "likelihood", None)
    if likelihood is not None and not isinstance(likelihood, Bernoulli):
        raise ValueError(
            f"vae has the likelihood {type(likelihood).__name__}, expected Bernoulli: the prices "
            "beside which this report puts the terms are those of Bernoulli pixels"
        )
    images = np.asarray(images)
    if images.ndim < 3:
        check_images(images)  # which says what is expected
    if 0 < len(images) < MIN_IMAGES:
        raise ValueError(
            f"images holds {len(images)} images, expected at least {MIN_IMAGES}: fewer tell too "
            "little about spreads; pass more of them"
        )
    if len(images) > MAX_IMAGES:
        images = images[np.linspace(0, len(images) - 1, MAX_IMAGES).astype(int)]
    out_of_range = _range_evidence(images)
    if out_of_range:
        return _report(vae, images, {"image_range": out_of_range}, {})
    check_images(images)
    if (images == images[0]).all():
        raise ValueError("images are all the same, expected images that vary: pass real ones")

    state = [(v, v.numpy()) for v in vae.variables if not v.trainable]
    try:
        out = _call(vae, images)
        few = images[:: -(-len(images) // CALL_IMAGES)]
        run = vae if getattr(vae, "run_eagerly", False) else tf.function(vae)
        calls = [_call(run, few) for _ in range(CALLS)]
        blocked = _blocked_gradient(vae, few[:64])
        sigma_blocked = _sigma_without_gradient(vae, out)
        out["kl"] = _own_kl(vae, out)
    finally:
        for variable, value in state:
            variable.assign(value)

    findings = _not_finite(vae, out, calls)
    sound = np.all([_finite_rows(value) for value in out.values()], axis=0)
    numbers = _prices(vae, images)
    if sound.sum() < MIN_IMAGES:
        return _report(vae, images, findings, {}, **numbers)
    images, out = images[sound], {name: value[sound] for name, value in out.items()}

    numbers |= _terms(images, out) | _code_numbers(out)
    numbers["noise_spread"], noise = _noise(calls)
    kl_findings, kl_remarks = judge_kl(numbers)
    findings |= symptoms(vae, numbers, out, calls) | noise | kl_findings
    if "no_noise" not in noise:  # where z_log_var has no part, as was said
        findings |= sigma_blocked
    findings |= blocked
    public = {name: value for name, value in numbers.items() if not name.startswith("_")}
    return _report(vae, images, findings, kl_remarks | remarks(vae, numbers), **public)


def _report(vae, images, findings, remarks, **numbers):
    # In the order of the lists, which hold every code there is.
    findings = {code: findings[code] for code in sorted(findings, key=list(ILLNESSES).index)}
    remarks = {code: remarks[code] for code in sorted(remarks, key=list(REMARKS).index)}
    return HealthReport(
        findings=tuple(findings),
        remarks=tuple(remarks),
        evidence=findings | remarks,
        n_images=len(images),
        latent_dim=int(vae.latent_dim),
        **numbers,
    )


def _range_evidence(images) -> str:
    """What is wrong with the range of float images; of uint8, that they hold 0 and 1 only."""
    if images.dtype != np.uint8 and images.dtype.kind != "f" or not images.size:
        return ""  # `check_images` names it
    low, high = float(images.min()), float(images.max())
    if not np.isfinite([low, high]).all() or high == low:
        return ""
    if images.dtype == np.uint8:
        dark = high <= 1
    else:
        if low < 0 or high > 1:
            cure = "divide by 255" if low >= 0 else "(images + 1) / 2 mends images on [-1, 1]"
            return f"images run from {low:.4g} to {high:.4g}, expected floats in [0, 1]: {cure}"
        dark = high <= 1.01 / 255
    if not dark:
        return ""
    cure = "uint8 means 0 to 255" if images.dtype == np.uint8 else "divide by 255 only once"
    return f"the brightest pixel is {high:.4g}, which is black: {cure}"


def _call(model, images):
    """What the model returns for images, as arrays; images in batches of one size."""
    out = model(unit_interval(images))
    missing = [name for name in OUTPUTS if not (isinstance(out, dict) and name in out)]
    if missing:
        raise ValueError(
            f"vae(images) returned no {', '.join(missing)}, expected a dict with "
            f"{', '.join(OUTPUTS)}: let `call` return them, as VAE.call does"
        )
    return {name: keras.ops.convert_to_numpy(out[name]) for name in OUTPUTS}


def _finite_rows(value):
    """For each image, whether all of its numbers are finite."""
    return np.isfinite(value).reshape(len(value), -1).all(axis=1)


def _noise(calls) -> tuple[float, dict[str, str]]:
    """`sampling.diagnose`, for the images that stay finite at every call."""
    z, z_mean, z_log_var = (
        np.stack([call[name] for call in calls]) for name in ("z", "z_mean", "z_log_var")
    )
    sound = np.all([_finite_rows(np.swapaxes(a, 0, 1)) for a in (z, z_mean, z_log_var)], axis=0)
    if not sound.any():
        return NAN, {}
    noise = z.astype("float64") - z_mean
    return diagnose(noise[:, sound], z_mean[0, sound], z_log_var[0, sound])


def _blocked_gradient(vae, images) -> dict[str, str]:
    """Does the reconstruction term move any weight of the encoder?"""
    weights = vae.encoder.trainable_variables + vae.latent.trainable_variables
    if not weights:
        return {}  # frozen on purpose
    images = unit_interval(images)
    with tf.GradientTape() as tape:
        logits = vae(images)["logits"]
        reconstruction = -tf.reduce_sum(bernoulli_log_likelihood(images, logits))
    weights = [w.value for w in weights]
    decoder = [w.value for w in vae.decoder.trainable_variables]
    gradients = tape.gradient(reconstruction, [*weights, *decoder])
    moves = [g is not None and bool(tf.reduce_any(g != 0)) for g in gradients]
    if any(moves[: len(weights)]) or not any(moves):
        return {}
    return {
        "gradient_blocked": "the reconstruction term has no gradient in any weight of the encoder: "
        "write the sample as z_mean + sigma * noise, in TensorFlow or Keras operations and without "
        "stop_gradient"
    }


def _sigma_without_gradient(vae, out) -> dict[str, str]:
    """Does the sample depend on z_log_var, as far as the gradient can tell?"""
    if not hasattr(vae.latent, "sample"):
        return {}
    z_mean, z_log_var = tf.constant(out["z_mean"]), tf.constant(out["z_log_var"])
    with tf.GradientTape() as tape:
        tape.watch(z_log_var)
        z = vae.latent.sample(z_mean, z_log_var)
    gradient = tape.gradient(z, z_log_var)
    if gradient is not None and bool(tf.reduce_any(gradient != 0)):
        return {}
    return {
        "gradient_blocked": "z has no gradient with respect to z_log_var, so only the KL moves it, "
        "to 0: multiply the noise by exp(z_log_var / 2), without stop_gradient"
    }


def _prices(vae, images) -> dict:
    """What to compare a reconstruction with."""
    pixels = int(np.prod(images.shape[1:]))
    return {
        "mean_image_cost": mean_image_cost(images),
        "pca_cost": pca_cost(images, min(int(vae.latent_dim), pixels)),
        "grey_entropy": grey_entropy(images),
    }


def _terms(images, out) -> dict:
    """The ELBO's terms, and how outputs and images vary."""
    floats = unit_interval(images)
    logits = tf.cast(tf.reshape(out["logits"], floats.shape), tf.float32)
    reconstruction = -float(tf.reduce_mean(bernoulli_log_likelihood(floats, logits)))
    kl = float(out["kl"].mean())
    outputs, floats = tf.sigmoid(logits).numpy(), floats.numpy()
    mean_image = floats.mean(axis=0)
    return {
        "reconstruction": reconstruction,
        "kl": kl,
        "elbo": -(reconstruction + kl),
        "output_std": float(outputs.std(axis=0).mean()),
        "image_std": float(floats.std(axis=0).mean()),
        "_own_kl": out["kl"],
        "_closed_kl": gaussian_kl(out["z_mean"], out["z_log_var"]).numpy(),
        "_output_range": (float(outputs.min()), float(outputs.max())),
        "_mean_range": (float(mean_image.min()), float(mean_image.max())),
    }


def _own_kl(vae, out):
    """The model's own `kl` for each image; its mean, repeated, where it is one number only."""
    own = vae.latent.kl(tf.constant(out["z_mean"]), tf.constant(out["z_log_var"]))
    own = keras.ops.convert_to_numpy(own).astype("float64")
    return own if own.shape == (len(out["z"]),) else np.full(len(out["z"]), own.mean())


def _code_numbers(out):
    """What the codes of all images together look like."""
    z_mean, z_log_var = (out[name].astype("float64") for name in ("z_mean", "z_log_var"))
    variances = z_mean.var(axis=0)
    sigma_squared = np.exp(np.clip(z_log_var, -MAX_LOG_VAR, MAX_LOG_VAR)).mean(axis=0)
    return {
        "active_units": int(np.sum(variances > ACTIVE)),
        "unit_variances": tuple(map(float, variances)),
        "posterior_means": tuple(map(float, z_mean.mean(axis=0))),
        "posterior_variances": tuple(map(float, variances + sigma_squared)),
        "saturated": _saturated(z_log_var),
        # A unit may be narrow and still say a lot, if its noise is narrower yet.
        "_informative": (variances > ACTIVE) | (variances > 0.05 * sigma_squared),
    }


def _saturated(z_log_var) -> float:
    """Share of log variances beyond 20 either way, or equal to a limit that others reach too."""
    beyond = np.abs(z_log_var) >= 20
    varies = z_log_var.std(axis=0) > 0.01
    for limit in (z_log_var.min(axis=0), z_log_var.max(axis=0)):
        at_limit = z_log_var == limit
        # Numbers that were computed freely hardly ever agree in all their digits.
        beyond |= at_limit & varies & (at_limit.mean(axis=0) > 0.05)
    return float(beyond.mean())


def _not_finite(vae, out, calls) -> dict[str, str]:
    places = [
        f"weight {weight.path}"
        for weight in vae.weights
        if weight.dtype.startswith(("float", "bfloat")) and not np.isfinite(weight.numpy()).all()
    ]
    for name, value in out.items():
        broken = int(np.sum(~_finite_rows(value)))
        if broken:
            places.append(f"{name} of {broken} of {len(value)} images")
    if not places and not all(np.isfinite(call["z"]).all() for call in calls):
        places.append("z at some of the calls")
    if not places:
        return {}
    shown = "; ".join(places[:4]) + ("; ..." if len(places) > 4 else "")
    return {
        "not_finite": f"NaN or infinity in {shown}. Compute from logits, keep exp() below 88, and "
        "train again from fresh weights"
    }
