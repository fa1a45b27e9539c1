"""`HealthReport`: what the examination of a VAE found, to be read by people and by programs."""

import html
import math
from dataclasses import dataclass

import numpy as np

from vae_helpers.audit.health.measure import ACTIVE, BEYOND, NAN, Measurements
from vae_helpers.audit.health.rules import ASLEEP, awake

# Every code that `HealthReport.findings` may hold, in their order, and what was seen. Stable.
FINDINGS = {
    "not_finite": "NaN or infinity in the weights, the code, the output or a term of the ELBO",
    "image_range": "floats outside [0, 1], or so dark that they were divided by 255 twice",
    "fixed_batch_size": "the sampler has the size of the batch written in",
    "untrained": "the encoder is as it was initialised, and the mean image is not beaten",
    "collapsed": "no latent dimension says anything about the image",
    "same_picture": "every image is answered with the same picture",
    "decoder_ignores_z": "the code is informative, but the output does not depend on the sampled z",
    "gradient_blocked": "the reconstruction term cannot reach the encoder, z_mean or z_log_var "
    "through z",
    "no_noise": "z equals z_mean",
    "noise_repeated": "the same noise at every call, in a graph as `fit` runs it",
    "noise_shared_by_batch": "all images of a batch get the same noise",
    "noise_shared_by_dimensions": "latent dimensions of an image, all or some, get the same noise",
    "noise_shifted": "the noise is not centred at 0",
    "sigma_from_log_var": "the noise is as wide as exp(z_log_var), which is the variance",
    "unexpected_noise": "noise of another width or shape than z_log_var says",
    "log_var_is_mean": "z_log_var and z_mean are the same numbers",
    "log_var_never_negative": "no log variance is below 0, as after softplus or ReLU",
    "posterior_far_from_prior": "the codes of all images together are not where the prior is",
    "kl_negative": "the model's own `kl` is below 0, which no divergence is",
    "kl_scaled": "the model's own `kl` is a fixed multiple of the KL",
    "log_var_saturated": f"log variances {BEYOND}, or piled up at a clamp",
    "worse_than_mean_image": "the reconstruction costs more than the same mean image for all",
    "squeezed_output": "outputs do not even span the range of the mean image",
}

# Every code that `HealthReport.remarks` may hold: worth knowing, and no illness.
REMARKS = {
    "kl_differs": "the model's own `kl` is not the KL to N(0, I) and no multiple of it: a prior of "
    "your own, or a mistake",
    "inactive_units": "some latent dimensions say next to nothing about the image",
    "worse_than_pca": "a linear code of the same size redraws better, as happens with many "
    "dimensions, a large beta or little training",
}

UNITS_SHOWN = 8  # in a row of the printed report


@dataclass(frozen=True, repr=False, eq=False)
class HealthReport:
    """What `health_report` found; `print` shows it, a notebook shows a table.

    Terms and prices are in nats per image, means over the same images.

    Attributes:
        findings: tuple of codes of `FINDINGS`; empty when healthy.
        remarks: tuple of codes of `REMARKS`.
        evidence: dict from each of these codes to a sentence with numbers and the cure.
        n_images, latent_dim: what was looked at.
        reconstruction: -log p(x|z), one sample of z for each image, with the mean images as
            probabilities of Bernoulli pixels, whatever the likelihood.
        kl: what the model's own `kl` says.
        likelihood: the name of the model's likelihood.
        elbo: of the model's own likelihood; with Bernoulli -(reconstruction + kl).
        mean_image_cost: price of answering every image with their mean; of a collapsed model.
        pca_cost: price of PCA with as many numbers an image, fitted to these images.
        grey_entropy: floor of the reconstruction term.
        unit_kl: KL of each dimension to the prior, mean over images.
        awake_units: dimensions whose KL is at least 0.1 nats and differs from image to image.
        active_units: dimensions whose z_mean has a variance above 0.01 over images.
        unit_variances: that variance, for each dimension.
        posterior_means, posterior_variances: of z over all images, for each dimension; the prior
            N(0, I) has 0 and 1.
        noise_spread: width of the sampling noise relative to exp(z_log_var / 2); 1 is right.
        saturated: share of the log variances at either end of what is sane, or at a clamp.
        output_std, image_std: how much a pixel varies from output to output, and from image to
            image: the standard deviation, a mean over pixels.
    """

    findings: tuple
    remarks: tuple
    evidence: dict
    n_images: int
    latent_dim: int
    likelihood: str = "Bernoulli"
    reconstruction: float = NAN
    kl: float = NAN
    elbo: float = NAN
    mean_image_cost: float = NAN
    pca_cost: float = NAN
    grey_entropy: float = NAN
    unit_kl: tuple = ()
    awake_units: int = 0
    active_units: int = 0
    unit_variances: tuple = ()
    posterior_means: tuple = ()
    posterior_variances: tuple = ()
    noise_spread: float = NAN
    saturated: float = NAN
    output_std: float = NAN
    image_std: float = NAN

    @property
    def healthy(self) -> bool:
        """True when there is no finding; remarks do not count."""
        return not self.findings

    @property
    def verdict(self) -> str:
        """One line: healthy, or ill and the findings."""
        if self.healthy:
            return "healthy: nothing was found"
        count = len(self.findings)
        return f"ill: {', '.join(self.findings)} ({count} finding{'s' if count > 1 else ''})"

    def _rows(self) -> list[tuple[str, str, str]]:
        """Name, value and what to compare it with; nothing where nothing could be measured."""
        if math.isnan(self.reconstruction):
            return []
        is_bernoulli = self.likelihood == "Bernoulli"
        name, read = ("reconstruction", "") if is_bernoulli else ("pictures", "as probabilities: ")
        rows = [
            (
                name,
                f"{self.reconstruction:.1f}",
                f"{read}mean image {self.mean_image_cost:.1f}, PCA with {self.latent_dim} "
                f"{self.pca_cost:.1f}, grey-pixel entropy {self.grey_entropy:.1f}",
            ),
            ("kl", f"{self.kl:.2f}", "the model's own; 0 when collapsed"),
            (
                "elbo",
                f"{self.elbo:.1f}",
                "minus the sum of the two" if is_bernoulli else f"that of its {self.likelihood}",
            ),
            (
                "active units",
                f"{self.active_units} of {self.latent_dim}",
                f"variance of z_mean over images above {ACTIVE}",
            ),
            ("kl of each unit", f"{self.awake_units} of {self.latent_dim}", self._unit_kl_text()),
            ("spread of z", f"{self.noise_spread:.2f}", "times exp(z_log_var / 2); 1 is right"),
        ]
        if self.posterior_means:
            furthest = max(self.posterior_means, key=abs)
            low, high = min(self.posterior_variances), max(self.posterior_variances)
            rows.append(
                (
                    "z over images",
                    f"mean up to {furthest:+.2f}",
                    f"variance {low:.2f} to {high:.2f}; N(0, I) has 0 and 1",
                )
            )
        rows += [
            ("log variances", f"{self.saturated:.1%}", f"{BEYOND}, or at a clamp"),
            (
                "outputs vary by",
                f"{self.output_std:.3f}",
                f"a pixel, from output to output; the images by {self.image_std:.3f}",
            ),
        ]
        return rows

    def _unit_kl_text(self) -> str:
        shown = (f"{kl:.1f}" if kl >= 0.95 else f"{kl:.2f}" for kl in self.unit_kl[:UNITS_SHOWN])
        more = " ..." if len(self.unit_kl) > UNITS_SHOWN else ""
        return f"at least {ASLEEP} nats: {' '.join(shown)}{more}"

    def __str__(self):
        lines = [
            self.verdict,
            f"{self.n_images:,} images, {self.latent_dim} latent dimension"
            f"{'' if self.latent_dim == 1 else 's'}; nats per image",
        ]
        lines += [f"  {name:<16} {value:>14}   {beside}" for name, value, beside in self._rows()]
        lines += [f"! {code}: {self.evidence[code]}" for code in self.findings]
        lines += [f"- {code}: {self.evidence[code]}" for code in self.remarks]
        return "\n".join(lines)

    def __repr__(self):
        return (
            f"HealthReport(healthy={self.healthy}, findings={self.findings}, "
            f"remarks={self.remarks}, elbo={self.elbo:.1f})"
        )

    def _repr_html_(self):
        def row(*cells):
            return f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"

        rows = [row(*cells) for cells in self._rows()]
        rows += [row("illness", code, self.evidence[code]) for code in self.findings]
        rows += [row("remark", code, self.evidence[code]) for code in self.remarks]
        caption = f"{self.verdict} · {self.n_images:,} images, nats per image"
        return f"<table><caption>{html.escape(caption)}</caption>{''.join(rows)}</table>"


def report_of(n_images, latent_dim, findings, remarks, m: Measurements | None = None):
    """Return the `HealthReport` of what was found, with numbers as far as they were measured.

    Args:
        n_images: images that were looked at.
        latent_dim: latent dimensions of the model.
        findings: dict from code of `FINDINGS` to evidence.
        remarks: dict from code of `REMARKS` to evidence.
        m: the measurements, None when the model was not called.
    """
    # In the order of the lists, which hold every code there is.
    findings = {code: findings[code] for code in sorted(findings, key=list(FINDINGS).index)}
    remarks = {code: remarks[code] for code in sorted(remarks, key=list(REMARKS).index)}
    return HealthReport(
        findings=tuple(findings),
        remarks=tuple(remarks),
        evidence=findings | remarks,
        n_images=n_images,
        latent_dim=latent_dim,
        **(_numbers(m) if m else {}),
    )


def _numbers(m) -> dict:
    costs = ("mean_image_cost", "pca_cost", "grey_entropy")
    numbers = {name: getattr(m, name) for name in costs}
    if not m.enough:
        return numbers
    pictures = ("likelihood", "reconstruction", "kl", "saturated", "output_std", "image_std")
    codes = ("unit_variances", "posterior_means", "posterior_variances")
    return {
        **numbers,
        **{name: getattr(m, name) for name in pictures},
        **{name: tuple(map(float, getattr(m, name))) for name in codes},
        "elbo": -(m.own_reconstruction + m.kl),
        "unit_kl": tuple(map(float, m.unit_kl.mean(axis=0))),
        "awake_units": int(awake(m).sum()),
        "active_units": int(np.sum(m.unit_variances > ACTIVE)),
        "noise_spread": m.noise.spread if m.noise else NAN,
    }
