"""Images of any size: checked, scaled, cut into batches and averaged in one place.

A set of images is an array (n, height, width) or (n, height, width, channels) with 1 channel (grey)
or 3 (colour), of uint8 from 0 to 255 or floats in [0, 1]. Every other module takes images in any
of these forms and leaves the questions of form to this one.
"""

import numpy as np
import tensorflow as tf

CHANNELS = (1, 3)
# Values (not images) in one batch of inference: 2,048 images of 28 x 28, 32 of 128 x 128 x 3.
BATCH_VALUES = 2048 * 784


def check_images(images, name: str = "images", image_shape: tuple | None = None) -> None:
    """Reject what is not a set of images, before it spoils a training.

    Args:
        images: good ones are uint8 0-255 or float in [0, 1], not empty, of shape
            (n, height, width) or (n, height, width, channels).
        name: what the error calls them.
        image_shape: (height, width, channels) that they must have; None takes any size.

    Raises:
        ValueError: naming the fault (dtype, shape, empty, NaN, range) and a cure that works on
            these very images.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(
            f"{name} has dtype {images.dtype}, expected uint8 (0 to 255) or float (0 to 1): "
            f"{_dtype_cure(images, name)}"
        )
    if not _has_image_shape(images.shape, image_shape):
        raise ValueError(
            f"{name} has shape {images.shape}, expected {_expected_shape(image_shape)}: "
            f"{_shape_cure(images, name, image_shape)}"
        )
    if len(images) == 0:
        raise ValueError(f"{name} is empty (shape {images.shape}), expected at least one image")
    if images.dtype == np.uint8:
        return
    low, high = images.min(), images.max()  # both are NaN if one pixel is
    if not np.isfinite([low, high]).all():
        broken = ~np.isfinite(images).reshape(len(images), -1).all(axis=1)
        raise ValueError(
            f"{name} contains NaN or infinity, first in image {broken.argmax()}: leave such images "
            "out, or find the division that made them"
        )
    if low < 0 or high > 1:
        words, _ = range_cure(float(low), float(high), name)
        raise ValueError(f"{name} is float from {low:.4g} to {high:.4g}, expected 0 to 1: {words}")


def range_cure(low: float, high: float, name: str = "images") -> tuple:
    """Return how to bring finite floats from `low` to `high` into [0, 1] with their contrast.

    The ways are tried on the two numbers, the usual ones first, and the first that works is
    returned: dividing values up to 5.1 by 255, for one, would give black pictures.

    Args:
        low: smallest value.
        high: largest value; not both are within [0, 1].
        name: what the words call the images.

    Returns:
        (words, function): the cure as the end of a sentence, and as a function of an array.
    """
    if low >= -0.01 and high <= 1.01:
        return f"round-off is cut by np.clip({name}, 0, 1)", lambda x: np.clip(x, 0, 1)
    if low >= 0 and 64 <= high <= 255:
        return (
            f"divide by 255 ({name} / 255), or pass the whole numbers as uint8",
            lambda x: x / 255,
        )
    if -1 <= low < 0 and high <= 1 and (high - low >= 1 or high == low):
        return f"images scaled to [-1, 1] become so by ({name} + 1) / 2", lambda x: (x + 1) / 2
    if low == high:
        return f"every value is {low:.4g}, so look for what made them", lambda x: np.clip(x, 0, 1)
    return (
        f"({name} - {name}.min()) / ({name}.max() - {name}.min()) brings them there; undo a "
        "standardisation by its own mean and deviation if you know them",
        lambda x: (x - x.min()) / (x.max() - x.min()),
    )


def image_shape_of(images) -> tuple[int, int, int]:
    """Return (height, width, channels) of a set of images."""
    shape = tuple(images.shape[1:])
    return shape if len(shape) == 3 else (*shape, 1)


def as_float(images, name: str = "images") -> np.ndarray:
    """Return images as networks and formulas take them.

    Args:
        images: uint8 0-255 or float in [0, 1], shape (n, height, width[, channels]).
        name: what an error calls them.

    Returns:
        float32 of shape (n, height, width, channels) in [0, 1]; always a new array.

    Raises:
        ValueError: see `check_images`.
    """
    check_images(images, name)
    images = np.asarray(images)
    floats = images.astype(np.float32)
    if images.dtype == np.uint8:
        floats /= 255
    return floats.reshape(len(images), *image_shape_of(images))


def as_uint8(images, name: str = "images") -> np.ndarray:
    """Return images as they are stored: uint8, (n, height, width) if grey, else with channels.

    Raises:
        ValueError: see `check_images`.
    """
    check_images(images, name)
    images = np.asarray(images)
    if images.dtype != np.uint8:
        images = np.round(images * 255).astype(np.uint8)
    return images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images


def unit_interval(images, image_shape: tuple | None = None) -> tf.Tensor:
    """Return a tensor of images as float32 (batch, height, width, channels) in [0, 1].

    uint8 is divided by 255. Nothing is checked: inside a graph the values are not known.

    Args:
        images: array or tensor.
        image_shape: (height, width, channels), needed where a graph does not know the rank: Keras
            shares one graph between (n, 28, 28) and (n, 28, 28, 1).
    """
    images = tf.convert_to_tensor(images)
    scale = 255.0 if images.dtype == tf.uint8 else 1.0
    images = tf.cast(images, tf.float32) / scale
    if images.shape.rank is None:
        return tf.reshape(images, (tf.shape(images)[0], *image_shape))
    return images[..., tf.newaxis] if images.shape.rank == 3 else images


def images_of(inputs):
    """Return the images of a model's inputs: the inputs themselves, or those named "images"."""
    return inputs["images"] if isinstance(inputs, dict) else inputs


def batches(inputs, size: int | None = None):
    """Yield slices of `size` rows, so that 60,000 images fit in memory.

    Args:
        inputs: an array, or a dict of arrays with as many rows each.
        size: rows in a slice; as many as keep a slice below `BATCH_VALUES` values when None.
    """
    if isinstance(inputs, dict):
        arrays = {name: np.asarray(array) for name, array in inputs.items()}
        size = size or min(rows_in_batch(array[:1].size) for array in arrays.values())
        for start in range(0, len(next(iter(arrays.values()))), size):
            yield {name: array[start : start + size] for name, array in arrays.items()}
        return
    inputs = np.asarray(inputs)
    size = size or rows_in_batch(inputs[:1].size)
    for start in range(0, len(inputs), size):
        yield inputs[start : start + size]


def rows_in_batch(values: int) -> int:
    """Return how many rows of `values` numbers each make one batch of inference, 1 to 2,048."""
    return int(np.clip(BATCH_VALUES // max(1, values), 1, 2048))


def mean_image(images) -> np.ndarray:
    """Return the mean over images: float64 of shape (height, width, channels), in [0, 1]."""
    images = np.asarray(images)
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    return (images.mean(axis=0, dtype="float64") / scale).reshape(image_shape_of(images))


def _has_image_shape(shape, image_shape):
    if image_shape is not None:
        height, width, channels = image_shape
        forms = [(height, width, channels)] + [(height, width)] * (channels == 1)
        return tuple(shape[1:]) in forms
    if len(shape) == 3:
        return min(shape[1:]) > 0 and not _is_one_image(shape)
    return len(shape) == 4 and shape[-1] in CHANNELS and min(shape[1:]) > 0


def _is_one_image(shape):
    """A height of 8 or more beside a width of up to 4 is one image with its channels."""
    return len(shape) == 3 and min(shape[:2]) >= 8 and shape[2] <= 4


def _expected_shape(image_shape):
    if image_shape is None:
        return "(n, height, width) or (n, height, width, channels) with 1 or 3 channels"
    height, width, channels = image_shape
    if channels == 1:
        return f"(n, {height}, {width}) or (n, {height}, {width}, 1)"
    return f"(n, {height}, {width}, {channels})"


def _shape_cure(images, name, image_shape):
    shape = images.shape
    height, width, channels = image_shape or (0, 0, 0)
    values = height * width * channels
    if len(shape) == 2 and shape[1] == values:
        sizes = (height, width) if channels == 1 else (height, width, channels)
        return f"use {name}.reshape(-1, {', '.join(map(str, sizes))})"
    if len(shape) == 2 and image_shape is None and _is_square(shape[1]) and shape[0] != shape[1]:
        side = round(shape[1] ** 0.5)
        return f"use {name}.reshape(-1, {side}, {side})"
    if len(shape) == 2 and image_shape is None and max(shape) > 4 * min(shape):
        if shape[1] % 3 == 0 and _is_square(shape[1] // 3):
            side = round((shape[1] // 3) ** 0.5)
            return f"use {name}.reshape(-1, {side}, {side}, 3), if the channels come last"
        return f"flat rows become images by {name}.reshape(-1, height, width)"
    if channels == 3 and shape[1:] in ((height, width), (height, width, 1)):
        grey = f"{name}.reshape(-1, {height}, {width}, 1)"
        return f"grey images become so by np.repeat({grey}, 3, axis=-1)"
    one = shape in ((height, width), (height, width, channels))
    if one or (image_shape is None and (len(shape) == 2 or _is_one_image(shape))):
        return f"a single image becomes a batch of one by {name}[None]"
    if len(shape) == 4 and shape[1] in CHANNELS and shape[-1] not in CHANNELS:
        return f"put the channels last by np.moveaxis({name}, 1, -1)"
    if len(shape) == 4 and shape[-1] == 4:
        return f"leave the transparency out by {name}[..., :3]"
    if len(shape) == 4 and shape[-1] == 3 and channels == 1:
        resize = "" if shape[1:3] == (height, width) else f", and the size {height} x {width}"
        scale = " / 255" if images.dtype == np.uint8 else ""
        return f"make colours grey by {name}.mean(axis=-1, dtype='float32'){scale}{resize}"
    if image_shape is None:
        return "one row of pixels an image, two axes of pixels each"
    return (
        f"crop or resize each image to {height} x {width}, or build the model with the "
        "image_shape that they have"
    )


def _is_square(number):
    return number >= 64 and round(number**0.5) ** 2 == number


def _dtype_cure(images, name):
    if images.dtype.kind == "b":
        return f"black and white become so by {name}.astype('float32')"
    if images.dtype.kind not in "iu" or images.size == 0:
        return "load the pixels as numbers"
    low, high = int(images.min()), int(images.max())
    if low >= 0 and high == 1:
        return f"zeros and ones become so by {name}.astype('float32')"
    if low >= 0 and high <= 255:
        return f"whole numbers up to 255 become so by {name}.astype('uint8')"
    if images.dtype == np.uint16 and high > 255:
        return f"16-bit images become so by {name} / 65535"
    if low == high:
        return f"every value is {low}, so look for what made them"
    # Written with np.interp, since a difference of small integers may overflow.
    return f"np.interp({name}, ({name}.min(), {name}.max()), (0, 1)) brings them there"
