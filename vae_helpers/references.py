"""Three prices of a data set, in nats per image, to judge a reconstruction term by.

A reconstruction of 265 nats says little by itself. Beside what the mean image costs, what PCA with
as many numbers per image costs, and what no Bernoulli decoder can get below, it says a good deal.
Plain NumPy, in slices of the data: 60,000 images take about two seconds and little memory.
"""

from __future__ import annotations

import numpy as np

SLICE = 8192
# A probability of exactly 0 or 1 would make one wrong pixel cost infinitely much.
MEAN_MARGIN = 1e-5  # the mean image is hardly ever wrong by much: a hair suffices
PCA_MARGIN = (
    5e-3  # PCA overshoots at every edge; its cost is flat and lowest between 0.003 and 0.01
)


def flat_images(images, name: str) -> np.ndarray:
    """(n, ...) -> (n, pixels) without a copy; refuses what is not a set of grey images."""
    images = np.asarray(images)
    if images.ndim < 2 or images.shape[0] == 0:
        raise ValueError(
            f"{name} has shape {images.shape}; expected (n, 28, 28) or (n, 28, 28, 1) with n of at "
            "least 1. For a single image pass image[None]."
        )
    if images.dtype != np.uint8:
        low, high = images.min(), images.max()
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"{name} is {images.dtype} with values {low} to {high}; expected uint8 on "
                "0-255 or floats in [0, 1]. Divide by 255, or pass the uint8 array as loaded."
            )
    return images.reshape(len(images), -1)


def slices(flat: np.ndarray):
    """Slices of a (n, pixels) array as float32 in [0, 1]."""
    scale = np.float32(1 / 255) if flat.dtype == np.uint8 else np.float32(1)
    for start in range(0, len(flat), SLICE):
        yield flat[start : start + SLICE].astype(np.float32) * scale


def mean_pixels(flat: np.ndarray) -> np.ndarray:
    return sum(part.sum(axis=0, dtype=np.float64) for part in slices(flat)) / len(flat)


def covariance(flat: np.ndarray, mean: np.ndarray, pixels=slice(None)) -> np.ndarray:
    """Covariance of `pixels` (all, or a mask) over these images, float64, divided by their number.

    `mean` is that of the pixels asked for.
    """
    total = np.zeros((len(mean), len(mean)))
    centre = mean.astype(np.float32)
    for part in slices(flat):
        centred = part[:, pixels] - centre
        total += centred.T @ centred
    return total / len(flat)


def _bernoulli_cost(x: np.ndarray, p: np.ndarray, times=1) -> float:
    """Sum of -[x log p + (1 - x) log(1 - p)] over all entries, each counted `times`; 0 < p < 1."""
    return -float(np.sum(times * (x * np.log(p) + (1 - x) * np.log1p(-p)), dtype=np.float64))


def mean_image_cost(images, test_images=None) -> float:
    """What it costs to answer every image with the mean image: the bill of a collapsed model.

    Args:
        images: (n, height, width[, 1]) uint8 or floats in [0, 1]; the mean is taken over these.
        test_images: images to be priced; `images` themselves when None.

    Returns:
        The Bernoulli cost in nats per image. (Fashion-MNIST: 384.3 on train, 385.0 on test.)
    """
    flat = flat_images(images, "images")
    mean = mean_pixels(flat)
    priced = mean if test_images is None else mean_pixels(flat_images(test_images, "test_images"))
    # The cost is linear in the pixels, so pricing the average of all images prices them all.
    return _bernoulli_cost(priced, np.clip(mean, MEAN_MARGIN, 1 - MEAN_MARGIN))


def pca_cost(images, components: int, test_images=None) -> float:
    """What a linear code of the same size costs: PCA, its output clipped and read as probabilities.

    PCA is fitted to squares, not to nats. The cost of its code is not counted, as it is not counted
    in the reconstruction term of a VAE either.

    Args:
        images: (n, height, width[, 1]) uint8 or floats in [0, 1]; PCA is fitted to these.
        components: principal components kept, from 0 to the number of pixels.
        test_images: images to be priced; `images` themselves when None.

    Returns:
        The Bernoulli cost in nats per image, output clipped to [0.005, 0.995].
    """
    flat = flat_images(images, "images")
    pixels = flat.shape[1]
    if not 0 <= components <= pixels:
        raise ValueError(
            f"components is {components}; expected a number from 0 to {pixels}, "
            "the pixels of one image."
        )
    mean = mean_pixels(flat).astype(np.float32)
    _, directions = np.linalg.eigh(covariance(flat, mean))  # in ascending order of variance
    basis = directions[:, pixels - components :].astype(np.float32)

    priced = flat if test_images is None else flat_images(test_images, "test_images")
    total = 0.0
    for part in slices(priced):
        output = (part - mean) @ basis @ basis.T + mean
        total += _bernoulli_cost(part, np.clip(output, PCA_MARGIN, 1 - PCA_MARGIN))
    return total / len(priced)


def grey_entropy(images) -> float:
    """The floor: what the grey pixels cost when each is answered with its own value.

    A Bernoulli decoder pays -[x log p + (1 - x) log(1 - p)] for a pixel x. That is least at p = x,
    and for a grey x even then not nothing. No reconstruction term gets below it, however good the
    model. It is zero for black-and-white images.

    Args:
        images: (n, height, width[, 1]) uint8 or floats in [0, 1].

    Returns:
        Nats per image. (Fashion-MNIST: 188.3 on train.)
    """
    flat = flat_images(images, "images")
    if (
        flat.dtype == np.uint8
    ):  # 256 possible values: count them instead of taking 47 million logarithms
        counts = sum(
            np.bincount(flat[start : start + SLICE].ravel(), minlength=256)
            for start in range(0, len(flat), SLICE)
        )
        values = np.arange(1, 255) / 255
        return _bernoulli_cost(values, values, counts[1:255]) / len(flat)
    total = 0.0
    for part in slices(flat):
        grey = part[(part > 0) & (part < 1)].astype(np.float64)
        total += _bernoulli_cost(grey, grey)
    return total / len(flat)


def reference_lines(images, latent_dim: int, test_images=None) -> dict[str, float]:
    """The lines to draw beside a reconstruction curve, highest first.

    Args:
        images: (n, height, width[, 1]) uint8 or floats in [0, 1], the training images.
        latent_dim: latent dimension of the VAE to be judged; PCA gets as many components.
        test_images: images to be priced, if the curve to be judged is one on test images; `images`
            themselves when None.

    Returns:
        dict from label to nats per image, with the labels "mean image", "PCA, 2 components" (for a
        latent_dim of 2) and "grey-pixel entropy".
    """
    plural = "" if latent_dim == 1 else "s"
    return {
        "mean image": mean_image_cost(images, test_images),
        f"PCA, {latent_dim} component{plural}": pca_cost(images, latent_dim, test_images),
        "grey-pixel entropy": grey_entropy(images if test_images is None else test_images),
    }
