"""What a VAE does on real images, measured before anything is judged.

`measure` calls the model and returns one frozen record; `rules` judges that record alone.
"""

import math
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.audit.health.calls import MIN_IMAGES, all_images, gradients, repeated_calls
from vae_helpers.audit.health.noise import Noise, visible_noise
from vae_helpers.elbo import MAX_LOG_VAR, bernoulli_log_likelihood
from vae_helpers.images import images_of, mean_image, unit_interval
from vae_helpers.likelihoods import Bernoulli
from vae_helpers.parts import WIDEST_LOG_VAR
from vae_helpers.priors import StandardNormal
from vae_helpers.references import MEAN_MARGIN, grey_entropy, mean_image_cost, pca_cost

NAN = float("nan")
PRIOR_SAMPLES = 20_000
ACTIVE = 0.01  # variance of z_mean over images, Burda et al. (2015)
NARROWEST_LOG_VAR = -20.0
BEYOND = f"below {NARROWEST_LOG_VAR:g}, from {WIDEST_LOG_VAR:g} up"  # where no healthy cloud is


@dataclass(frozen=True, eq=False)
class Measurements:
    """Everything that was measured on a VAE and a set of images.

    Arrays and numbers after `grey_entropy` are of the images for which all outputs are finite, and
    empty or NaN where these are fewer than 50. Terms and costs are in nats per image.

    Attributes:
        n_images, latent_dim: what was looked at.
        untouched: the encoder is as it was initialised.
        not_finite: the places where NaN or infinity were seen.
        mean_image_cost, pca_cost, grey_entropy: see `references`.
        enough: at least 50 images have finite outputs.
        encoder_gradient: the reconstruction moves some weight of the encoder.
        mean_gradient, log_var_gradient: z depends on z_mean, on z_log_var, for the gradient.
        noise: z - z_mean at several calls in a graph; None where rounding hides it.
        z_change, output_change: largest change from one call to the next, same images.
        z_mean, z_log_var: of every image, (n, latent_dim).
        own_kl: the model's own `kl`, (n,); one value, repeated, if it gives one for a batch.
        standard_prior: the prior is N(0, I), of which the KL is known in closed form.
        prior_mean, prior_variance: moments of the prior, (latent_dim,).
        unit_kl: KL to a Gaussian with these moments in closed form, (n, latent_dim).
        likelihood: the name of the model's likelihood.
        reconstruction: -log p(x|z) of Bernoulli pixels with the model's mean images as their
            probabilities, mean over images; with `Bernoulli` this is the model's own.
        own_reconstruction: -log p(x|z) of the model's own likelihood, mean over images.
        output_std, image_std: standard deviation of a pixel, from output to output and from
            image to image; mean over pixels.
        output_range, mean_range: lowest and highest value of the outputs and of the mean image.
    """

    n_images: int
    latent_dim: int
    untouched: bool
    not_finite: tuple
    mean_image_cost: float
    pca_cost: float
    grey_entropy: float
    enough: bool = False
    encoder_gradient: bool = True
    mean_gradient: bool = True
    log_var_gradient: bool = True
    noise: Noise | None = None
    z_change: float = NAN
    output_change: float = NAN
    z_mean: np.ndarray | None = None
    z_log_var: np.ndarray | None = None
    own_kl: np.ndarray | None = None
    standard_prior: bool = True
    prior_mean: np.ndarray | None = None
    prior_variance: np.ndarray | None = None
    unit_kl: np.ndarray | None = None
    likelihood: str = ""
    reconstruction: float = NAN
    own_reconstruction: float = NAN
    output_std: float = NAN
    image_std: float = NAN
    output_range: tuple = (NAN, NAN)
    mean_range: tuple = (NAN, NAN)

    @property
    def kl(self) -> float:
        """The model's own `kl`, mean over images."""
        return float(self.own_kl.mean())

    @property
    def unit_variances(self) -> np.ndarray:
        """Variance of z_mean over images, (latent_dim,)."""
        return self.z_mean.var(axis=0)

    @property
    def noise_variances(self) -> np.ndarray:
        """Mean over images of exp(z_log_var), (latent_dim,)."""
        return np.exp(np.clip(self.z_log_var, -MAX_LOG_VAR, MAX_LOG_VAR)).mean(axis=0)

    @property
    def posterior_means(self) -> np.ndarray:
        """Mean of z over all images, (latent_dim,)."""
        return self.z_mean.mean(axis=0)

    @property
    def posterior_variances(self) -> np.ndarray:
        """Variance of z over all images, (latent_dim,)."""
        return self.unit_variances + self.noise_variances

    @property
    def used(self) -> np.ndarray:
        """Whether a dimension differs from image to image, (latent_dim,)."""
        # A unit may be narrow and still say a lot, if its noise is narrower yet.
        variances = self.unit_variances
        return (variances > ACTIVE) | (variances > 0.05 * self.noise_variances)

    @property
    def saturated(self) -> float:
        """Share of log variances below -20, at the course's widest, or at a limit of others."""
        beyond = (self.z_log_var <= NARROWEST_LOG_VAR) | (self.z_log_var >= WIDEST_LOG_VAR)
        varies = self.z_log_var.std(axis=0) > 0.01
        for limit in (self.z_log_var.min(axis=0), self.z_log_var.max(axis=0)):
            at_limit = self.z_log_var == limit
            # Numbers that were computed freely hardly ever agree in all their digits.
            beyond |= at_limit & varies & (at_limit.mean(axis=0) > 0.05)
        return float(beyond.mean())


def measure(vae, inputs) -> Measurements:
    """Return what a VAE does on these inputs.

    Args:
        vae: a `VAE` or a subclass.
        inputs: what `vae` takes, images already checked.

    Raises:
        ValueError: if calling `vae` does not return z_mean, z_log_var, z and logits.
    """
    images = images_of(inputs)
    out = all_images(vae, inputs)
    calls = repeated_calls(vae, inputs)
    follows = gradients(vae, inputs, out)
    measured = {
        "n_images": len(images),
        "latent_dim": int(vae.latent_dim),
        "untouched": _as_initialised(vae),
        "not_finite": _not_finite(vae, out, calls),
        "mean_image_cost": mean_image_cost(images),
        "pca_cost": pca_cost(images, min(int(vae.latent_dim), math.prod(images.shape[1:]))),
        "grey_entropy": grey_entropy(images),
    }
    sound = np.all([_finite_rows(value) for value in out.values()], axis=0)
    if sound.sum() < MIN_IMAGES:
        return Measurements(**measured)
    out = {name: value[sound] for name, value in out.items()}
    measured |= (
        follows
        | _changes(calls)
        | _pictures(
            images[sound], out.pop("logits"), getattr(vae, "likelihood", None) or Bernoulli()
        )
    )
    return Measurements(**measured, enough=True, noise=_noise(calls), **_codes(out, vae.prior))


# --- from outputs to numbers -----------------------------------------------------------------


def _finite_rows(value):
    """For each image, whether all of its numbers are finite."""
    return np.isfinite(value).reshape(len(value), -1).all(axis=1)


def _not_finite(vae, out, calls) -> tuple:
    """The places where NaN or infinity were seen."""
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
    return tuple(places)


def _as_initialised(vae) -> bool:
    """True when no step was taken and every bias of the encoder is still exactly 0."""
    optimizer = getattr(vae, "optimizer", None)
    if optimizer is not None and int(optimizer.iterations) > 0:
        return False
    variables = vae.encoder.trainable_variables + vae.latent.trainable_variables
    biases = [v for v in variables if v.path.endswith("bias")]
    return all(not v.numpy().any() for v in biases) and bool(biases or optimizer is not None)


def _noise(calls) -> Noise | None:
    """The noise of the images that stay finite at every call."""
    z, z_mean, z_log_var = (
        np.stack([call[name] for call in calls]) for name in ("z", "z_mean", "z_log_var")
    )
    sound = np.all([_finite_rows(np.swapaxes(a, 0, 1)) for a in (z, z_mean, z_log_var)], axis=0)
    noise = z.astype("float64") - z_mean
    return visible_noise(noise[:, sound], z_mean[0, sound], z_log_var[0, sound])


def _changes(calls) -> dict[str, float]:
    """Largest change of z and of the outputs between two calls; NaN if they are not finite."""
    first, second = calls[:2]
    changes = {}
    for name, key in (("z", "z_change"), ("logits", "output_change")):
        with np.errstate(invalid="ignore"):
            change = np.abs(first[name].astype("float64") - second[name]).max()
        changes[key] = float(change) if np.isfinite(change) else NAN
    return changes


def _pictures(images, logits, likelihood) -> dict:
    """The reconstruction term, twice, and how outputs and images vary."""
    floats = unit_interval(images)
    logits = tf.cast(tf.reshape(logits, floats.shape), tf.float32)
    own = -float(tf.reduce_mean(likelihood.log_likelihood(floats, logits)))
    outputs, average = np.asarray(likelihood.mean(logits)), mean_image(images)
    return {
        "likelihood": type(likelihood).__name__,
        "reconstruction": own
        if isinstance(likelihood, Bernoulli)
        else _as_bernoulli(floats, outputs),
        "own_reconstruction": own,
        "output_std": float(outputs.std(axis=0).mean()),
        "image_std": float(floats.numpy().std(axis=0).mean()),
        "output_range": (float(outputs.min()), float(outputs.max())),
        "mean_range": (float(average.min()), float(average.max())),
    }


def _as_bernoulli(images, pictures) -> float:
    """What images cost, nats each, if pictures are the probabilities of Bernoulli pixels."""
    p = np.clip(pictures.astype("float64"), MEAN_MARGIN, 1 - MEAN_MARGIN)
    logits = tf.constant(np.log(p / (1 - p)), tf.float32)
    return -float(tf.reduce_mean(bernoulli_log_likelihood(images, logits)))


def _codes(out, prior) -> dict:
    """Codes, their KL, and the prior's moments, which are sampled unless it is N(0, I)."""
    z_mean, z_log_var = (out[name].astype("float64") for name in ("z_mean", "z_log_var"))
    standard = isinstance(prior, StandardNormal)
    mean, variance = np.zeros(z_mean.shape[1]), np.ones(z_mean.shape[1])
    if not standard:
        z = keras.ops.convert_to_numpy(prior.sample(PRIOR_SAMPLES, seed=0)).astype("float64")
        mean, variance = z.mean(axis=0), z.var(axis=0)
    log_ratio = np.minimum(z_log_var, MAX_LOG_VAR) - np.log(variance)
    ratio = np.exp(np.maximum(log_ratio, -MAX_LOG_VAR))
    return {
        "z_mean": z_mean,
        "z_log_var": z_log_var,
        "own_kl": out["kl"],
        "standard_prior": standard,
        "prior_mean": mean,
        "prior_variance": variance,
        "unit_kl": 0.5 * ((z_mean - mean) ** 2 / variance + ratio - 1 - log_ratio),
    }
