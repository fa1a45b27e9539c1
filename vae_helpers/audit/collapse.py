"""When a VAE must stop using its code: the critical beta of a data set.

A collapsed model answers every image with the mean image p and leaves every code at the prior.
Move away from that a little: let the logits be logit(p) + w z for one latent dimension z, and let
the encoder send image x to the mean a . (x - p). To second order the loss, as a mean over images,
changes by

    w'Vw / 2  -  w'Ca  +  beta a'Ca / 2      V = diag(p (1 - p)), C the pixels' covariance.

The best encoder for a given w is a = w / beta, which leaves w'Vw / 2 - w'Cw / (2 beta). Some w
makes that negative exactly when beta is below the largest eigenvalue of V^(-1/2) C V^(-1/2): the
critical beta. For a Gaussian decoder of standard deviation 1 (half the sum of squares) V is the
identity.

What it does not say. The law is local: above the critical beta nothing pulls a collapsed model
away, but a better model may exist far from it. Close to the critical beta training is slow, since
hardly anything pulls. Far below it the count is that of a linear model: a nonlinear one may use
fewer units, one bent direction doing the work of several straight ones, or, early in training,
more, several sharing a direction. No model uses more than it has.
"""

import math
import numbers
from dataclasses import dataclass

import numpy as np

from vae_helpers.references import covariance, flat_images, mean_pixels, slices

LIKELIHOODS = ("bernoulli", "gaussian")
SHOWN = 4  # eigenvalues in the printed line
COLUMNS = 4096  # pixels in one block


@dataclass(frozen=True, eq=False)
class CriticalBeta:
    """The beta above which collapse is stable, and the eigenvalues that say so.

    Attributes:
        eigenvalues: array of shape (varying pixels,), descending, never negative. Without unit.
        likelihood: "bernoulli" or "gaussian".
        n_images: images they were computed from.

    `print` shows a summary of three lines.
    """

    eigenvalues: np.ndarray
    likelihood: str
    n_images: int

    @property
    def value(self) -> float:
        """The critical beta: the largest eigenvalue."""
        return float(self.eigenvalues[0])

    def predicted_active_units(self, beta) -> int:
        """Number of eigenvalues above `beta`: directions that are worth their price.

        Args:
            beta: weight of the KL relative to the ELBO's, a finite number from 0 up.

        Returns:
            A count that knows nothing of the model: one with fewer latent dimensions uses fewer,
            and far below the critical beta a nonlinear one uses another number.

        Raises:
            ValueError: if `beta` is not such a number.
        """
        is_number = isinstance(beta, numbers.Real) and not isinstance(beta, bool)
        if not is_number or not math.isfinite(beta) or beta < 0:
            raise ValueError(f"beta is {beta!r}, expected a finite number from 0 up")
        return int(np.sum(self.eigenvalues > beta))

    def _largest(self) -> str:
        shown = ", ".join(_short(value) for value in self.eigenvalues[:SHOWN])
        return shown + (", ..." if len(self.eigenvalues) > SHOWN else "")

    def __repr__(self):
        return (
            f"CriticalBeta(value={_short(self.value)}, likelihood={self.likelihood!r}, "
            f"eigenvalues=[{self._largest()}], n_images={self.n_images})"
        )

    def __str__(self):
        return (
            f"critical beta {_short(self.value)} ({self.likelihood} pixels, "
            f"{self.n_images:,} images, {len(self.eigenvalues)} pixels that vary)\n"
            f"largest eigenvalues {self._largest()}\n"
            "above the critical beta a collapsed model stays collapsed; below it, it can learn"
        )


def critical_beta(images, likelihood="bernoulli") -> CriticalBeta:
    """Return the weight of the KL above which a collapsed VAE stays collapsed on these images.

    Args:
        images: (n, height, width[, channels]) uint8 or floats in [0, 1], at least 2 of them. A
            matrix with as many rows as there are images or pixels, whichever is less, is
            decomposed: of large pictures take a few thousand.
        likelihood: "bernoulli" (cross-entropy from logits), or "gaussian" with standard deviation
            1 (half the sum of squares). For a standard deviation s divide the value by s squared.

    Returns:
        A `CriticalBeta`. Pixels that never vary are left out: their eigenvalue is 0. A pixel of
        three colours counts as three.
        (Fashion-MNIST train: 90.7, 64.3, 23.5, 19.7, ...)

    Raises:
        ValueError: if there are fewer than 2 images, if all are the same, if values are out of
            range, or if the likelihood is unknown.

    Source: for the linear Gaussian case Lucas et al. (2019), "Don't Blame the ELBO!",
        arXiv:1911.02469; the Bernoulli case is derived above.
    """
    if likelihood not in LIKELIHOODS:
        expected = " or ".join(f'"{name}"' for name in LIKELIHOODS)
        raise ValueError(f"likelihood is {likelihood!r}, expected {expected}")
    flat = flat_images(images, "images")
    if len(flat) < 2:
        raise ValueError("images holds 1 image, expected at least 2: a single one does not vary")
    varies = flat.min(axis=0) != flat.max(axis=0)
    if not varies.any():
        raise ValueError(
            f"images holds {len(flat)} images that are all the same, expected images that vary: "
            "there is nothing to encode"
        )
    mean = mean_pixels(flat)
    varies &= (mean > 0) & (mean < 1)  # a float64 pixel may vary by less than float32 can hold
    eigenvalues = np.maximum(_eigenvalues(flat, mean, varies, likelihood), 0)  # rounding: -1e-7
    eigenvalues.flags.writeable = False
    return CriticalBeta(eigenvalues, likelihood, len(flat))


def _eigenvalues(flat, mean, varies, likelihood) -> np.ndarray:
    """Eigenvalues of the scaled covariance of the pixels that vary, descending."""
    mean = mean[varies]
    widths = np.sqrt(mean * (1 - mean)) if likelihood == "bernoulli" else np.ones_like(mean)
    if len(flat) >= len(mean):
        matrix = covariance(flat, mean, varies) / np.outer(widths, widths)
    else:
        matrix = _products_of_images(flat[:, varies], mean, widths)
    eigenvalues = np.linalg.eigvalsh(matrix)[::-1]
    return np.pad(eigenvalues, (0, len(mean) - len(eigenvalues)))  # the others are 0


def _products_of_images(flat, mean, widths) -> np.ndarray:
    """Products of each two images, centred and scaled, float64 (n, n), divided by n.

    It has the eigenvalues of the covariance apart from zeros, and is the smaller of the two where
    there are more pixels than images.
    """
    total = np.zeros((len(flat), len(flat)))
    for start in range(0, flat.shape[1], COLUMNS):
        block = slice(start, start + COLUMNS)
        scaled = np.concatenate(list(slices(flat[:, block]))) - mean[block].astype(np.float32)
        scaled /= widths[block].astype(np.float32)
        total += scaled @ scaled.T
    return total / len(flat)


def _short(value) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.3g}"
