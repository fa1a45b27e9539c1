"""Reconstructions and samples beside real images: sharpness, distance of features, neighbours."""

import numpy as np
import scipy.ndimage

from vae_helpers.images import as_float, batches, check_images, image_shape_of
from vae_helpers.metrics.bounds import Estimate


def sharpness(images) -> np.ndarray:
    """Return the variance of the Laplacian of each image: high where values change abruptly.

    It knows nothing of what the picture shows: noise is sharpest of all. Compare it with the data's
    own. Of a colour image it is the mean over the channels.

    Args:
        images: (n, height, width[, channels]), uint8 or floats in [0, 1].

    Returns:
        Array (n,).

    Source: Pech-Pacheco et al. (2000), "Diatom autofocusing in brightfield microscopy: a
        comparative study", ICPR 2000.
    """
    check_images(images)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)[np.newaxis, ..., np.newaxis]
    parts = []
    for batch in batches(images):
        laplacian = scipy.ndimage.convolve(as_float(batch), kernel, mode="nearest")
        parts.append(laplacian.var(axis=(1, 2)).mean(axis=-1))
    return np.concatenate(parts)


def frechet_distance(features, other) -> float:
    """Return the squared Fréchet distance between two clouds of features, taken for Gaussians.

    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)). On features of a classifier of our own this is
    NOT the published FID, which takes an Inception network: compare it within this course only,
    at one number of images. Two samples of one distribution do not give 0: take it of two halves
    of the data for a floor.

    Args:
        features: (n, d), with n well above d.
        other: (m, d), with m well above d.

    Raises:
        ValueError: if the shapes do not fit.

    Source: Dowson & Landau (1982), "The Fréchet distance between multivariate normal
        distributions"; the idea to use it so: Heusel et al. (2017), arXiv:1706.08500.
    """
    features, other = _two_clouds(features, other)
    difference = features.mean(axis=0) - other.mean(axis=0)
    first, second = np.cov(features, rowvar=False), np.cov(other, rowvar=False)
    values, vectors = np.linalg.eigh(np.atleast_2d(first))
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    # (C1 C2)^(1/2) has the trace of (C1^(1/2) C2 C1^(1/2))^(1/2), which is symmetric.
    cross = np.linalg.eigvalsh(root @ np.atleast_2d(second) @ root)
    traces = np.trace(np.atleast_2d(first)) + np.trace(np.atleast_2d(second))
    return float(difference @ difference + traces - 2 * np.sqrt(np.maximum(cross, 0)).sum())


def frechet_with_error(features, other, draws: int = 20, seed: int = 0) -> Estimate:
    """Return `frechet_distance` with its error: the spread over bootstrap resamples of both.

    Args:
        features: as for `frechet_distance`.
        other: as for `frechet_distance`.
        draws: number of resamples.
        seed: of the resampling.

    Returns:
        An `Estimate`. Resampling repeats rows, which makes each resampled distance larger, so
        only its spread is used and the mean is that of the samples as given.
    """
    rng = np.random.default_rng(seed)
    distances = [
        frechet_distance(
            features[rng.integers(0, len(features), len(features))],
            other[rng.integers(0, len(other), len(other))],
        )
        for _ in range(draws)
    ]
    return Estimate(frechet_distance(features, other), float(np.std(distances, ddof=1)))


def precision_recall(features, references, k: int = 3) -> tuple[float, float]:
    """Return how many samples look real, and how much of the real images the samples cover.

    Around each reference stands a ball that reaches to its k-th nearest other reference; precision
    is the share of samples inside one of these balls. Recall is the same with the roles exchanged:
    the share of references inside the balls around the samples. A model that has forgotten half
    of the classes can have a high precision, but not a high recall. Two samples of one distribution
    do not give 1: take it of two halves of the data for what can be reached.

    Args:
        features: of the samples, (n, d).
        references: features of real images, (m, d); m like n, since a smaller set has larger balls.
        k: which neighbour sets the radius.

    Raises:
        ValueError: if the shapes do not fit, or one of them has no k-th neighbour.

    Source: Kynkäänniemi et al. (2019), "Improved precision and recall metric for assessing
        generative models", arXiv:1904.06991.
    """
    features, references = _two_clouds(features, references)
    fewest = min(len(features), len(references))
    if not 1 <= k < fewest:
        raise ValueError(f"k is {k}, expected 1 to {fewest - 1}: there are {fewest} rows")
    return _share_inside(features, references, k), _share_inside(references, features, k)


def _two_clouds(features, other):
    """Both as float64, (n, d) and (m, d)."""
    features, other = np.asarray(features, np.float64), np.asarray(other, np.float64)
    if features.ndim != 2 or other.ndim != 2 or features.shape[1] != other.shape[1]:
        raise ValueError(
            f"features have shapes {features.shape} and {other.shape}, expected (n, d) and (m, d)"
        )
    return features, other


def _share_inside(points, centres, k):
    """The share of points within the radius of at least one centre; distances are squared."""
    # The nearest centre is the centre itself, at no distance.
    parts = [np.partition(_squares(rows, centres), k)[:, k] for rows in _thousands(centres)]
    radius = np.concatenate(parts) * (1 + 1e-9)  # a point on the sphere is inside, rounded or not
    inside = [np.any(_squares(rows, centres) <= radius, axis=1) for rows in _thousands(points)]
    return float(np.mean(np.concatenate(inside)))


def _squares(rows, others):
    """Squared distances (n, m), by a matrix product: a hundred times as fast as pair by pair."""
    lengths = np.square(rows).sum(axis=1)[:, np.newaxis] + np.square(others).sum(axis=1)
    return lengths - 2 * rows @ others.T


def _thousands(rows):
    return np.array_split(rows, -(-len(rows) // 1_000))


def nearest(images, among, chunk: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Return for each image the nearest one of others, by Euclidean distance of pixels.

    Args:
        images: (n, height, width[, channels]), uint8 or floats in [0, 1].
        among: (m, height, width[, channels]), of the same size.
        chunk: at most so many images are compared at a time.

    Returns:
        (indices into `among`, distances), each (n,).

    Raises:
        ValueError: if they are no images, or of two sizes.
    """
    check_images(images)
    check_images(among, "among", image_shape_of(np.asarray(images)))
    found = [_nearest(rows, among) for part in batches(images) for rows in batches(part, chunk)]
    indices, distances = zip(*found, strict=True)
    return np.concatenate(indices), np.concatenate(distances)


def _nearest(images, among):
    """`nearest` for so few images that they fit in memory as floats; `among` passes in batches."""
    flat = _flat(images)
    best, where, start = np.full(len(flat), np.inf, np.float32), np.zeros(len(flat), int), 0
    for batch in batches(among):
        squares = _squares(flat, _flat(batch))
        nearer = squares.min(axis=1) < best
        where[nearer] = start + squares.argmin(axis=1)[nearer]
        best = np.minimum(best, squares.min(axis=1))
        start += len(batch)
    return where, np.sqrt(np.maximum(best, 0))


def _flat(images):
    return as_float(images).reshape(len(images), -1)
