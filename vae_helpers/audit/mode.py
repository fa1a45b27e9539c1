"""The direction in which images vary together most, and what a code along it earns and costs.

One latent dimension z, a decoder that moves the logits of the mean image p along one direction w,

    logits = logit(p) + s w z        w = V^(-1/2) u,  V = diag(p (1 - p)),

with u the first eigenvector of V^(-1/2) C V^(-1/2), and an encoder that answers image x with a
multiple of its score w . (x - p) and with one standard deviation for all images. The strength s is
what grows when a model leaves collapse; s = 0 is collapse. All that the loss needs of an image is
its score, and all that it needs of the pixels is one function of the shift s z. So the loss is
computed without sampling and without training.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.interpolate import RectBivariateSpline

from vae_helpers.references import covariance, flat_images, mean_pixels, slices

QUANTILES = 200  # of the scores stand for all images
NODES = 9  # of the average over the noise
# The encoder is sought among these: standard deviations of its means, and its own width.
MEANS = 3 * np.linspace(0, 1, 150) ** 2
WIDTHS = (1 - 0.9 * np.linspace(0, 1, 60) ** 2)[::-1]


@dataclass(frozen=True, eq=False)
class Mode:
    """One direction of pixel space, and how the images lie along it.

    Attributes:
        mean: the mean image, float64 of shape image_shape, in [0, 1].
        direction: w, how the logits move, float64 of shape image_shape; 0 at pixels that never
            vary. Its sign is chosen so that it brightens the picture.
        scores: w . (x - p) of each image, float64 (n,). Their variance is the eigenvalue.
        eigenvalue: the critical beta of the images under a Bernoulli decoder.
    """

    mean: np.ndarray
    direction: np.ndarray
    scores: np.ndarray
    eigenvalue: float

    def picture(self, shift: float) -> np.ndarray:
        """Return the image that the decoder gives where s z = `shift`, in [0, 1]."""
        with np.errstate(divide="ignore"):  # pixels that are always black
            logits = np.log(self.mean) - np.log1p(-self.mean)
        return 1 / (1 + np.exp(-logits - shift * self.direction))

    def loss_change(self, strengths, betas) -> np.ndarray:
        """Return loss minus that of collapse, with the best encoder for each strength and beta.

        Args:
            strengths: (m,) values of s from 0 up.
            betas: (k,) weights of the KL.

        Returns:
            float64 (k, m), nats per image. Near 0 it is s^2 (1 - eigenvalue / beta) / 2.
        """
        strengths, betas = np.asarray(strengths, float), np.asarray(betas, float)
        spread = np.sqrt(self.eigenvalue)
        reach = max(strengths.max(), 1e-3)
        reconstruction = self._reconstruction(reach * MEANS[-1] / spread, reach)
        kl = 0.5 * (MEANS[:, None] ** 2 + WIDTHS**2 - 1 - 2 * np.log(WIDTHS))
        changes = np.empty((len(betas), len(strengths)))
        for column, s in enumerate(strengths):
            cost = reconstruction(s * MEANS / spread, s * WIDTHS)
            changes[:, column] = [(cost + beta * kl).min() for beta in betas]
        return changes

    def _reconstruction(self, slope, width):
        """How the reconstruction changes, as a function of the slope and the width of s z."""
        scores = np.quantile(self.scores, (np.arange(QUANTILES) + 0.5) / QUANTILES)
        scores = (scores - scores.mean()) * np.sqrt(self.eigenvalue) / scores.std()
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        slopes = slope * np.linspace(0, 1, 60) ** 2
        widths = width * np.linspace(0, 1, 40)
        shift = slopes[:, None, None, None] * scores[:, None]
        shift = shift + widths[:, None, None] * nodes
        edge = 1.01 * np.abs(shift).max()
        shifts = np.linspace(-edge, edge, 6001)
        p, w = (part[self.direction != 0] for part in (self.mean, self.direction))
        logits = np.log(p) - np.log1p(-p)
        cost = np.array([np.logaddexp(0, logits + y * w).sum() for y in shifts])
        cost -= np.logaddexp(0, logits).sum() + shifts * (p @ w)
        mean_cost = (np.interp(shift, shifts, cost) @ (weights / weights.sum())).mean(axis=-1)
        gained = slopes[:, None] * np.mean(scores**2)
        return RectBivariateSpline(slopes, widths, mean_cost - gained)


def strongest_mode(images) -> Mode:
    """Return the direction in which the pixels of these images vary together most.

    Args:
        images: (n, height, width[, channels]) uint8 or floats in [0, 1], that vary. The covariance
            of all pixels is decomposed: up to about 64 x 64.

    Returns:
        A `Mode`, the first eigenvector of what `critical_beta` decomposes.

    Raises:
        ValueError: see `images.check_images`; and if all images are the same.
    """
    flat = flat_images(images, "images")
    mean = mean_pixels(flat)
    varies = (flat.min(axis=0) != flat.max(axis=0)) & (mean > 0) & (mean < 1)
    if not varies.any():
        raise ValueError("images are all the same, expected images that vary")
    widths = np.sqrt(mean * (1 - mean))[varies]
    matrix = covariance(flat, mean[varies], varies) / np.outer(widths, widths)
    last = len(widths) - 1
    values, vectors = scipy.linalg.eigh(matrix, subset_by_index=(last, last))
    direction = np.zeros_like(mean)
    direction[varies] = vectors[:, 0] / widths
    direction *= np.sign(direction.sum()) or 1.0
    scores = np.concatenate([(part - mean) @ direction for part in slices(flat)])
    shape = np.shape(images)[1:]
    return Mode(mean.reshape(shape), direction.reshape(shape), scores, float(values[0]))
