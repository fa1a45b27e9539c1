"""Three reference costs of a set of images, in nats per image, to judge a reconstruction term by.

A reconstruction of 265 nats says little by itself. Beside what the mean image costs, what PCA with
as many numbers per image costs, and what no Bernoulli decoder can get below, it says a good deal.
Plain NumPy, in slices of the data: 60,000 images of 28 x 28 take about two seconds and little
memory. Images may have any size; in colour, each channel of a pixel counts as a pixel.
"""

from collections.abc import Iterator

import numpy as np
import scipy.linalg

from vae_helpers.images import batches, check_images

SLICE_VALUES = 8192 * 784  # pixels in one slice: 26 MB of float32
# A probability of exactly 0 or 1 would make one wrong pixel cost infinitely much.
MEAN_MARGIN = 1e-5  # the mean image is hardly ever far off: a tiny margin is enough
PCA_MARGIN = 5e-3  # PCA overshoots at every edge; its cost is lowest between 0.003 and 0.01

EXACT_PIXELS = 1024  # a covariance of more pixels than this takes too much memory and time
EXTRA_DIRECTIONS, ITERATIONS = 10, 8  # of the subspace iteration that replaces it


def flat_images(images, name: str = "images") -> np.ndarray:
    """Return images as (n, pixels), without a copy where NumPy can.

    Raises:
        ValueError: see `images.check_images`.
    """
    check_images(images, name)
    images = np.asarray(images)
    return images.reshape(len(images), -1)


def slices(flat: np.ndarray) -> Iterator[np.ndarray]:
    """Yield slices of a (n, pixels) array as float32 in [0, 1]."""
    scale = np.float32(1 / 255) if flat.dtype == np.uint8 else np.float32(1)
    for part in _parts(flat):
        yield part.astype(np.float32) * scale


def mean_pixels(flat: np.ndarray) -> np.ndarray:
    """Return the mean of each pixel over the images, float64 (pixels,) in [0, 1]."""
    return sum(part.sum(axis=0, dtype=np.float64) for part in slices(flat)) / len(flat)


def covariance(flat: np.ndarray, mean: np.ndarray, pixels=slice(None)) -> np.ndarray:
    """Return the covariance of pixels over images, divided by the number of images.

    Args:
        flat: (n, pixels).
        mean: of the pixels asked for.
        pixels: which of them, all or a mask.

    Returns:
        float64 (pixels, pixels).
    """
    total = np.zeros((len(mean), len(mean)))
    centre = mean.astype(np.float32)
    for part in slices(flat):
        centred = part[:, pixels] - centre
        total += centred.T @ centred
    return total / len(flat)


def mean_image_cost(images, test_images=None) -> float:
    """Return the loss of a collapsed model: every image is answered with the mean image.

    Args:
        images: (n, height, width[, channels]) uint8 or floats in [0, 1]; gives the mean.
        test_images: images whose cost is computed; `images` themselves when None.

    Returns:
        The Bernoulli cost in nats per image. (Fashion-MNIST: 384.3 on train, 385.0 on test.)

    Raises:
        ValueError: see `images.check_images`.
    """
    mean = mean_pixels(flat_images(images))
    target = mean if test_images is None else mean_pixels(flat_images(test_images, "test_images"))
    # The cost is linear in the pixels, so that of the average image is the average of all.
    return _bernoulli_cost(target, np.clip(mean, MEAN_MARGIN, 1 - MEAN_MARGIN))


def pca_cost(images, components: int, test_images=None) -> float:
    """Return the cost of a linear code of the same size: PCA's output read as probabilities.

    PCA is fitted to squares, not to nats. The cost of its code is not counted, as it is not counted
    in the reconstruction term of a VAE either.

    Args:
        images: (n, height, width[, channels]) uint8 or floats in [0, 1]; PCA is fitted to these.
        components: principal components kept, from 0 to the number of pixels.
        test_images: images whose cost is computed; `images` themselves when None.

    Returns:
        The Bernoulli cost in nats per image, output clipped to [0.005, 0.995].

    Raises:
        ValueError: if `components` is out of range; see also `images.check_images`.
    """
    total, count = 0.0, 0
    for part, output in _redrawn(images, components, test_images):
        total += _bernoulli_cost(part, np.clip(output, PCA_MARGIN, 1 - PCA_MARGIN))
        count += len(part)
    return total / count


def pca_reconstruct(images, components: int, test_images=None) -> np.ndarray:
    """Return the pictures of a linear code: what PCA with so many components redraws.

    Args:
        images: (n, height, width[, channels]) uint8 or floats in [0, 1]; PCA is fitted to these.
        components: principal components kept, from 0 (the mean image) to the number of pixels.
        test_images: images to redraw; `images` themselves when None.

    Returns:
        float32 of the redrawn images' shape, clipped to [0, 1].

    Raises:
        ValueError: if `components` is out of range; see also `images.check_images`.
    """
    shape = np.shape(images if test_images is None else test_images)
    outputs = [output for _, output in _redrawn(images, components, test_images)]
    return np.clip(np.concatenate(outputs), 0, 1).reshape(shape)


def grey_entropy(images) -> float:
    """Return the floor: the cost of the grey pixels when each is answered with its own value.

    A Bernoulli decoder pays -[x log p + (1 - x) log(1 - p)] for a pixel x. That is least at p = x,
    and for a grey x even then not nothing. No reconstruction term gets below it, however good the
    model. It is zero for black-and-white images.

    Args:
        images: (n, height, width[, channels]) uint8 or floats in [0, 1].

    Returns:
        Nats per image. (Fashion-MNIST: 188.3 on train.)

    Raises:
        ValueError: see `images.check_images`.
    """
    flat = flat_images(images)
    if flat.dtype == np.uint8:  # count 256 values instead of taking 47 million logarithms
        counts = sum(np.bincount(part.ravel(), minlength=256) for part in _parts(flat))
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
        test_images: images whose cost is computed, if the curve is one on test images; `images`
            themselves when None.

    Returns:
        dict from label to nats per image, with the labels "mean image", "PCA, 2 components" (for a
        latent_dim of 2) and "grey-pixel entropy".

    Raises:
        ValueError: see `images.check_images` and `pca_cost`.
    """
    plural = "" if latent_dim == 1 else "s"
    return {
        "mean image": mean_image_cost(images, test_images),
        f"PCA, {latent_dim} component{plural}": pca_cost(images, latent_dim, test_images),
        "grey-pixel entropy": grey_entropy(images if test_images is None else test_images),
    }


def _parts(flat):
    return batches(flat, max(1, SLICE_VALUES // flat.shape[1]))


def _redrawn(images, components, test_images):
    """Yield slices (of what is redrawn, of PCA's output), both (rows, pixels)."""
    flat = flat_images(images)
    pixels = flat.shape[1]
    if not 0 <= components <= pixels:
        raise ValueError(
            f"components is {components}; expected a number from 0 to {pixels}, "
            "the pixels of one image."
        )
    mean = mean_pixels(flat).astype(np.float32)
    basis = _principal_directions(flat, mean, components)
    target = flat if test_images is None else flat_images(test_images, "test_images")
    for part in slices(target):
        yield part, (part - mean) @ basis @ basis.T + mean


def _bernoulli_cost(x, p, times=1):
    """Sum of -[x log p + (1 - x) log(1 - p)] over all entries, each counted `times`; 0 < p < 1."""
    return -float(np.sum(times * (x * np.log(p) + (1 - x) * np.log1p(-p)), dtype=np.float64))


def _principal_directions(flat, mean, components):
    """Return the orthonormal directions of largest variance, float32 (pixels, components)."""
    pixels = flat.shape[1]
    if components == 0:
        return np.zeros((pixels, 0), np.float32)
    size = components + EXTRA_DIRECTIONS
    if pixels <= EXACT_PIXELS or size > pixels:
        largest = [pixels - components, pixels - 1]  # eigenvalues come in ascending order
        _, directions = scipy.linalg.eigh(covariance(flat, mean), subset_by_index=largest)
        return directions.astype(np.float32)
    # Subspace iteration: multiply by the covariance without writing it down, orthogonalise, repeat.
    basis = np.random.default_rng(0).standard_normal((pixels, size)).astype(np.float32)
    for _ in range(ITERATIONS):
        basis, _ = np.linalg.qr(_covariance_times(flat, mean, basis))
    _, turn = np.linalg.eigh(basis.T @ _covariance_times(flat, mean, basis))
    return (basis @ turn[:, size - components :]).astype(np.float32)


def _covariance_times(flat, mean, basis):
    total = np.zeros(basis.shape, np.float32)
    for part in slices(flat):
        centred = part - mean
        total += centred.T @ (centred @ basis)
    return total / len(flat)
