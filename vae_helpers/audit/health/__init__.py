"""The health of a VAE: what it does on real images, judged by numbers whose right value is known.

`audit_loss` reads a loss; this looks at the model that came out of it. First everything is
measured (`calls`, `measure`), then the measurements are judged (`rules`, `noise`), then `report`
shows what was found.
"""

import numpy as np

from vae_helpers.audit.health.calls import MIN_IMAGES, rows_of, unchanged
from vae_helpers.audit.health.measure import measure
from vae_helpers.audit.health.report import FINDINGS, REMARKS, HealthReport, report_of
from vae_helpers.audit.health.rules import findings, remarks
from vae_helpers.checks import fault_of_sampler
from vae_helpers.images import check_images, images_of, range_cure

__all__ = ["FINDINGS", "REMARKS", "HealthReport", "health_report"]

MAX_IMAGES = 1000


def health_report(vae, inputs) -> HealthReport:
    """Examine a VAE on images: is it well, and if not, what is wrong with it?

    It calls the model as training does (`vae(inputs)`), so whatever a subclass overrides is what
    is judged. It leaves the model as it was, the state of its noise included. It does not see how
    the loss is put together (`audit_loss` does).

    The pictures of a model with another likelihood than `Bernoulli` (its mean images) are judged as
    if they were the probabilities of Bernoulli pixels, so that the same reference costs apply; the
    ELBO is the model's own.

    Args:
        vae: a `VAE` or a subclass; trained, or the report will say `untrained`.
        inputs: what the model takes: images (n, height, width[, channels]) as uint8 or floats in
            [0, 1], or a dict with "images" and what a variant needs beside them, say "labels".
            At least 50; of more than 1,000, every so-many-th is taken.

    Returns:
        A `HealthReport`. A share of the mistakes cannot be seen in a collapsed model: where every
        log variance is 0, exp(z_log_var) and exp(z_log_var / 2) are the same number.

    Raises:
        ValueError: if there are too few images, they are all the same, or not of a kind that can
            be judged; if `vae` does not return z_mean, z_log_var, z and logits.

    Source: active units from Burda et al. (2015), arXiv:1509.00519, section 5.
    """
    inputs = _checked_rows(vae, inputs)
    images = images_of(inputs)
    latent_dim = int(vae.latent_dim)
    if out_of_range := _range_evidence(images):
        return report_of(len(images), latent_dim, {"image_range": out_of_range}, {})
    check_images(images, "images", vae.image_shape)
    if (images == images[0]).all():
        raise ValueError("images are all the same, expected images that vary: pass real ones")
    with unchanged(vae):
        if hasattr(vae.latent, "sample") and (fault := fault_of_sampler(vae.latent)):
            return report_of(len(images), latent_dim, {"fixed_batch_size": fault}, {})
        m = measure(vae, inputs)
    return report_of(len(images), latent_dim, findings(m), remarks(m), m)


def _checked_rows(vae, inputs):
    """The inputs as arrays, thinned out to what is looked at; their images may be out of range."""
    expected = vae.example_input() if hasattr(vae, "example_input") else None
    names = set(expected) if isinstance(expected, dict) else set()
    given = set(inputs) if isinstance(inputs, dict) else set()
    if names - given:
        raise ValueError(
            f"inputs hold no {', '.join(sorted(names - given))}, expected a dict with "
            f"{', '.join(sorted(names))}: {type(vae).__name__} takes all of them"
        )
    if isinstance(inputs, dict):
        inputs = {name: np.asarray(value) for name, value in inputs.items()}
    else:
        inputs = np.asarray(inputs)
    images = images_of(inputs)
    if images.ndim < 3:
        check_images(images)  # which says what is expected
    if 0 < len(images) < MIN_IMAGES:
        raise ValueError(
            f"images holds {len(images)} images, expected at least {MIN_IMAGES}: fewer tell too "
            "little about spreads; pass more of them"
        )
    if len(images) > MAX_IMAGES:
        inputs = rows_of(inputs, np.linspace(0, len(images) - 1, MAX_IMAGES).astype(int))
    return inputs


def _range_evidence(images) -> str:
    """What is wrong with the range of float images; of uint8, that they hold 0 and 1 only."""
    if images.dtype != np.uint8 and images.dtype.kind != "f" or not images.size:
        return ""  # `check_images` names it
    low, high = float(images.min()), float(images.max())
    if not np.isfinite([low, high]).all() or high == low:
        return ""
    if images.dtype == np.uint8:
        cure = "uint8 means 0 to 255; zeros and ones become images by images.astype('float32')"
        dark = high <= 1
    elif low < 0 or high > 1:
        cure, _ = range_cure(low, high)
        return f"images run from {low:.4g} to {high:.4g}, expected floats in [0, 1]: {cure}"
    else:
        cure = "divide by 255 only once; images * 255 undoes the second time"
        dark = high <= 1.01 / 255
    return f"the brightest pixel is {high:.4g}, which is black: {cure}" if dark else ""
