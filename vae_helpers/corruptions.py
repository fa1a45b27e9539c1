"""Corruptions of images whose clean originals are known.

Each function takes images of any size and a strength, and returns corrupted copies. It is made for
light strokes on a dark ground. Widths and radii are those of an image whose shorter side has 28
pixels; they grow with the image.
"""

import numpy as np
import scipy.ndimage

from vae_helpers.images import as_float


def speckle(images, strength: float, seed: int = 0) -> np.ndarray:
    """Turn single pixels black or white.

    Args:
        images: (n, height, width[, channels]), uint8 or floats in [0, 1].
        strength: share of the pixels that are hit, 0 to 1; half of them turn white.
        seed: whole number.

    Returns:
        float32 (n, height, width, channels) in [0, 1].

    Raises:
        ValueError: if `strength` is out of range; see also `images.check_images`.
    """
    _between(strength, 0, 1, "a share of the pixels, 0 to 1")
    rng = np.random.default_rng(seed)
    images = as_float(images)
    pixels = (*images.shape[:3], 1)  # all channels of a pixel alike
    hit = rng.random(pixels) < strength
    return np.where(hit, rng.integers(0, 2, pixels), images).astype(np.float32)


def break_strokes(images, strength: int, seed: int = 0) -> np.ndarray:
    """Cut through the strokes with dark straight bars, two pixels wide.

    Args:
        images: as for `speckle`.
        strength: number of bars, a whole number.
        seed: whole number.

    Returns:
        float32 (n, height, width, channels) in [0, 1].

    Raises:
        ValueError: if `strength` is out of range; see also `images.check_images`.
    """
    _between(strength, 0, 28, "a number of bars, 0 to 28")
    rng = np.random.default_rng(seed)
    images = as_float(images)
    _, height, width, _ = images.shape
    unit = min(height, width) / 28
    rows, columns = np.mgrid[:height, :width]
    rows, columns = rows - (height - 1) / 2, columns - (width - 1) / 2
    for _ in range(int(strength)):
        angle = rng.uniform(0, np.pi, (len(images), 1, 1))
        offset = rng.uniform(-7, 7, (len(images), 1, 1)) * unit  # the ink is in the middle
        distance = np.abs(np.cos(angle) * columns + np.sin(angle) * rows - offset)
        images[distance < unit] = 0.0
    return images


def blot(images, strength: int, seed: int = 0) -> np.ndarray:
    """Add round blots of ink, three pixels in radius.

    Args:
        images: as for `speckle`.
        strength: number of blots, a whole number.
        seed: whole number.

    Returns:
        float32 (n, height, width, channels) in [0, 1].

    Raises:
        ValueError: if `strength` is out of range; see also `images.check_images`.
    """
    _between(strength, 0, 28, "a number of blots, 0 to 28")
    rng = np.random.default_rng(seed)
    images = as_float(images)
    _, height, width, _ = images.shape
    unit = min(height, width) / 28
    rows, columns = np.mgrid[:height, :width]
    for _ in range(int(strength)):
        row = rng.uniform(4 * unit, height - 4 * unit, (len(images), 1, 1))
        column = rng.uniform(4 * unit, width - 4 * unit, (len(images), 1, 1))
        images[(rows - row) ** 2 + (columns - column) ** 2 < (3 * unit) ** 2] = 1.0
    return images


def blur(images, strength: float, seed: int = 0) -> np.ndarray:
    """Blur with a Gaussian filter.

    Args:
        images: as for `speckle`.
        strength: the filter's standard deviation, in pixels of the image.
        seed: not used; here so that all four are called alike.

    Returns:
        float32 (n, height, width, channels) in [0, 1].

    Raises:
        ValueError: if `strength` is out of range; see also `images.check_images`.
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
