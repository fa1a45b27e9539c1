"""Three reference costs of a data set, in nats per image, to compare a reconstruction term with.

A reconstruction of 265 nats says little by itself. Beside what the mean image costs, what PCA with
as many numbers per image costs, and what no Bernoulli decoder can get below, it says a good deal.
Plain NumPy, in slices of the data: 60,000 images of 28 x 28 take about two seconds and little
memory. Colour images are pixels with three values each.
"""

import numpy as np
from scipy.sparse.linalg import eigsh

from vae_helpers.images import check_images

SLICE = 8192
COLUMNS = 4096
# A probability of exactly 0 or 1 would make one wrong pixel cost infinitely much.
MEAN_MARGIN = 1e-5  # the mean image is hardly ever wrong by much: a tiny margin is enough
# PCA overshoots at every edge; its cost is flat and lowest between 0.003 and 0.01.
PCA_MARGIN = 5e-3


def flat_images(images, name: str) -> np.ndarray:
    """Return images as (n, values) without a copy.

    Raises:
        ValueError: see `images.check_images`.
    """
    images = np.asarray(images)
    check_images(images, name)
    return images.reshape(len(images), -1)


def slices(flat: np.ndarray):
    """Yield slices of a (n, pixels) array as float32 in [0, 1]."""
    for start in range(0, len(flat), SLICE):
        yield flat[start : start + SLICE].astype(np.float32) * _scale(flat)


def _scale(flat):
    return np.float32(1 / 255) if flat.dtype == np.uint8 else np.float32(1)


def mean_pixels(flat: np.ndarray) -> np.ndarray:
    """Return the mean over images, float64 of shape (pixels,)."""
    return sum(part.sum(axis=0, dtype=np.float64) for part in slices(flat)) / len(flat)


def covariance(flat: np.ndarray, mean: np.ndarray, pixels=slice(None)) -> np.ndarray:
    """Return the covariance of pixels over these images, float64, divided by their number.

    Args:
        flat: (n, values), uint8 or floats in [0, 1].
        mean: that of the pixels asked for.
        pixels: which pixels, all or a mask.
    """
    total = np.zeros((len(mean), len(mean)))
    centre = mean.astype(np.float32)
    for part in slices(flat):
        centred = part[:, pixels] - centre
        total += centred.T @ centred
    return total / len(flat)


def products_of_images(flat: np.ndarray, mean: np.ndarray, widths=None) -> np.ndarray:
    """Return the products of each two centred images, float64 (n, n), divided by n.

    It has the eigenvalues of the covariance apart from zeros, and is the smaller of the two where
    there are more pixels than images.

    Args:
        flat: (n, values), uint8 or floats in [0, 1].
        mean: mean over images, (values,).
        widths: what each pixel is divided by, (values,); nothing when None.
    """
    total = np.zeros((len(flat), len(flat)))
    for columns in _blocks_of_columns(flat):
        centred = _centred(flat, mean, columns)
        if widths is not None:
            centred /= widths[columns].astype(np.float32)
        total += centred @ centred.T
    return total / len(flat)


def _blocks_of_columns(flat):
    starts = range(0, flat.shape[1], COLUMNS)
    return [slice(start, start + COLUMNS) for start in starts]


def _centred(flat, mean, columns):
    return flat[:, columns].astype(np.float32) * _scale(flat) - mean[columns].astype(np.float32)


def _largest(matrix, count):
    """The largest eigenvalues of a symmetric matrix, ascending, and their vectors as columns."""
    if 0 < count < len(matrix) // 8 and matrix.any():
        start = np.random.default_rng(0).standard_normal(len(matrix))
        return eigsh(matrix, count, v0=start)
    values, vectors = np.linalg.eigh(matrix)
    return values[len(matrix) - count :], vectors[:, len(matrix) - count :]


def _principal_directions(flat, mean, components):
    """Orthonormal columns (pixels, at most `components`) of the largest variance."""
    n, pixels = flat.shape
    if n >= pixels:
        return _largest(covariance(flat, mean), components)[1].astype(np.float32)
    values, weights = _largest(products_of_images(flat, mean), min(components, n))
    varies = values > 1e-9 * values.max(initial=0.0)
    weights = (weights[:, varies] / np.sqrt(n * values[varies])).astype(np.float32)
    blocks = [_centred(flat, mean, columns).T @ weights for columns in _blocks_of_columns(flat)]
    return np.concatenate(blocks)


def _bernoulli_cost(x: np.ndarray, p: np.ndarray, times=1) -> float:
    """Return the sum of -[x log p + (1 - x) log(1 - p)], each entry counted `times`; 0 < p < 1."""
    return -float(np.sum(times * (x * np.log(p) + (1 - x) * np.log1p(-p)), dtype=np.float64))


def mean_image_cost(images, test_images=None) -> float:
    """Return what it costs to answer every image with the mean image: a collapsed model's loss.

    Args:
        images: (n, height, width[, channels]) uint8 or floats in [0, 1]; the mean is taken over
            these.
        test_images: images whose cost is meant; `images` themselves when None.

    Returns:
        The Bernoulli cost in nats per image. (Fashion-MNIST: 384.3 on train, 385.0 on test.)
    """
    flat = flat_images(images, "images")
    mean = mean_pixels(flat)
    average = mean if test_images is None else mean_pixels(flat_images(test_images, "test_images"))
    # The cost is linear in the pixels: that of the average image is the average cost.
    return _bernoulli_cost(average, np.clip(mean, MEAN_MARGIN, 1 - MEAN_MARGIN))


def pca_cost(images, components: int, test_images=None) -> float:
    """Return the cost of a linear code of the same size: PCA, its output read as probabilities.

    PCA is fitted to squares, not to nats, and its output is clipped. The cost of its code is not
    counted, as it is not counted in the reconstruction term of a VAE either.

    Args:
        images: (n, height, width[, channels]) uint8 or floats in [0, 1]; PCA is fitted to these.
        components: principal components kept, from 0 to the number of pixels.
        test_images: images whose cost is meant; `images` themselves when None.

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
    basis = _principal_directions(flat, mean, components)

    measured = flat if test_images is None else flat_images(test_images, "test_images")
    total = 0.0
    for part in slices(measured):
        output = (part - mean) @ basis @ basis.T + mean
        total += _bernoulli_cost(part, np.clip(output, PCA_MARGIN, 1 - PCA_MARGIN))
    return total / len(measured)


def grey_entropy(images) -> float:
    """Return the floor: what the grey pixels cost when each is answered with its own value.

    A Bernoulli decoder pays -[x log p + (1 - x) log(1 - p)] for a pixel x. That is least at p = x,
    and for a grey x even then not nothing. No reconstruction term gets below it, however good the
    model. It is zero for black-and-white images.

    Args:
        images: (n, height, width[, channels]) uint8 or floats in [0, 1].

    Returns:
        Nats per image. (Fashion-MNIST: 188.3 on train.)
    """
    flat = flat_images(images, "images")
    if flat.dtype == np.uint8:
        # 256 possible values: count them instead of taking 47 million logarithms.
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
    """Return the lines to draw beside a reconstruction curve, highest first.

    Args:
        images: (n, height, width[, channels]) uint8 or floats in [0, 1], the training images.
        latent_dim: latent dimension of the VAE to be judged; PCA gets as many components.
        test_images: images whose cost is meant, if the curve to be judged is one on test images;
            `images` themselves when None.

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
