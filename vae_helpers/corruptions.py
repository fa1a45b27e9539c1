"""Damage done to pictures on purpose, so that the clean original stays known.

Each function takes images and a strength and returns damaged copies. Light ink on a dark ground.
"""

import numpy as np
import scipy.ndimage

from vae_helpers.images import as_float


def speckle(images, strength, seed=0):
    """Single pixels turn black or white.

    Args:
        images: (n, 28, 28[, 1]), uint8 or floats in [0, 1].
        strength: share of the pixels that are hit, 0 to 1; half of them turn white.
        seed: whole number.

    Returns:
        float32 (n, 28, 28, 1) in [0, 1].
    """
    _between(strength, 0, 1, "a share of the pixels, 0 to 1")
    rng = np.random.default_rng(seed)
    images = as_float(images)
    hit = rng.random(images.shape) < strength
    return np.where(hit, rng.integers(0, 2, images.shape), images).astype(np.float32)


def break_strokes(images, strength, seed=0):
    """Dark straight bars, two pixels wide, cut through the picture and leave gaps in its strokes.

    Args:
        images, seed: as for `speckle`.
        strength: number of bars, a whole number.

    Returns:
        float32 (n, 28, 28, 1) in [0, 1].
    """
    _between(strength, 0, 28, "a number of bars, 0 to 28")
    rng = np.random.default_rng(seed)
    images = as_float(images)
    rows, columns = np.mgrid[:28, :28] - 13.5
    for _ in range(int(strength)):
        angle = rng.uniform(0, np.pi, (len(images), 1, 1))
        offset = rng.uniform(-7, 7, (len(images), 1, 1))  # the ink is in the middle
        distance = np.abs(np.cos(angle) * columns + np.sin(angle) * rows - offset)
        images[distance < 1] = 0.0
    return images


def blot(images, strength, seed=0):
    """Round blots of ink, three pixels in radius.

    Args:
        images, seed: as for `speckle`.
        strength: number of blots, a whole number.

    Returns:
        float32 (n, 28, 28, 1) in [0, 1].
    """
    _between(strength, 0, 28, "a number of blots, 0 to 28")
    rng = np.random.default_rng(seed)
    images = as_float(images)
    rows, columns = np.mgrid[:28, :28]
    for _ in range(int(strength)):
        row, column = rng.uniform(4, 24, (2, len(images), 1, 1))
        images[(rows - row) ** 2 + (columns - column) ** 2 < 9] = 1.0
    return images


def blur(images, strength, seed=0):
    """Out of focus: a Gaussian filter.

    Args:
        images: as for `speckle`.
        strength: the filter's standard deviation, in pixels.
        seed: not used; here so that all four are called alike.

    Returns:
        float32 (n, 28, 28, 1) in [0, 1].
    """
    _between(strength, 0, 14, "a standard deviation in pixels, 0 to 14")
    filtered = scipy.ndimage.gaussian_filter(as_float(images), (0, strength, strength, 0))
    return np.clip(filtered, 0.0, 1.0)


# name -> (function, weak, medium and strong)
CORRUPTIONS = {
    "speckle": (speckle, (0.05, 0.15, 0.30)),
    "broken strokes": (break_strokes, (1, 3, 5)),
    "blots": (blot, (1, 2, 4)),
    "blur": (blur, (0.8, 1.5, 2.5)),
}


def _between(value, low, high, what):
    if not low <= value <= high:
        raise ValueError(f"strength is {value!r}, expected {what}")
