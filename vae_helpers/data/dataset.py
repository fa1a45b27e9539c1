"""Images with their labels, in a training and a test part."""

from dataclasses import dataclass

import numpy as np

from vae_helpers.images import as_uint8, check_images

TEST_FRACTION = 0.15
DRAWN_TRAIN, DRAWN_TEST = 12_000, 2_000


@dataclass(frozen=True, repr=False, eq=False)
class ImageDataset:
    """Images with their labels, split into a training and a test part.

    Attributes:
        train_images, test_images: uint8 of shape (n, 28, 28), white on black.
        train_labels, test_labels: uint8 of shape (n,), an index into `class_names`.
        class_names: tuple of str.
        name: the name of the data set.
        source: where it came from, the rows read, and whether that is the original.
        is_real: False for a stand-in drawn by code.

    Raises:
        ValueError: if a part has the wrong shape or dtype, is empty, or its labels do not match.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple
    name: str
    source: str
    is_real: bool

    def __post_init__(self):
        for part in ("train", "test"):
            images = getattr(self, f"{part}_images")
            labels = getattr(self, f"{part}_labels")
            if images.dtype != np.uint8 or images.ndim != 3:
                raise ValueError(
                    f"{part}_images is {images.dtype} of shape {images.shape}, expected uint8 "
                    "(n, 28, 28): dataset_from_arrays converts other forms"
                )
            check_images(images, f"{part}_images")
            _check_labels(labels, len(images), len(self.class_names), f"{part}_labels")

    @property
    def title_note(self):
        """What a figure's title has to add: nothing for real images."""
        return "" if self.is_real else " (drawn stand-in)"

    def __repr__(self):
        return (
            f"{self.name}{self.title_note}: {len(self.train_images):,} training and "
            f"{len(self.test_images):,} test images, {len(self.class_names)} classes; {self.source}"
        )


def dataset_from_arrays(
    images, labels, class_names, name="my images", test_images=None, test_labels=None
):
    """Make an `ImageDataset` of arrays of your own.

    Args:
        images: uint8 0-255 or float in [0, 1], shape (n, 28, 28) or (n, 28, 28, 1).
        labels: whole numbers from 0, shape (n,).
        class_names: one name a label.
        name: stands in figure titles.
        test_images, test_labels: the test part. Without it, 15% of each class are held out, and
            both parts are shuffled, with a fixed seed.

    Raises:
        ValueError: naming what does not fit, and the cure.
    """
    if (test_images is None) != (test_labels is None):
        raise ValueError("test_images and test_labels belong together: give both or neither")
    images = as_uint8(images, "images")
    labels = _as_labels(labels, len(images), len(class_names), "labels")
    if test_images is None:
        parts = split(images, labels)
    else:
        test_images = as_uint8(test_images, "test_images")
        test_labels = _as_labels(test_labels, len(test_images), len(class_names), "test_labels")
        parts = images, labels, test_images, test_labels
    rows = len(parts[0]) + len(parts[2])
    return ImageDataset(*parts, tuple(class_names), name, f"{rows:,} images given as arrays", True)


def stand_in(name, draw, class_names):
    images, labels, _ = draw(DRAWN_TRAIN + DRAWN_TEST, seed=0)
    source = f"drawn stand-in: {len(images):,} images drawn by code, not the real {name}"
    train, test = slice(DRAWN_TRAIN), slice(DRAWN_TRAIN, None)
    return ImageDataset(
        images[train], labels[train], images[test], labels[test], class_names, name, source, False
    )


def checked(arrays, class_names, name, source):
    try:
        return ImageDataset(*arrays, class_names, name, source, True)
    except ValueError as error:
        raise ValueError(f"{source}, but they do not fit: {error}. Fetch them again.") from error


def _check_labels(labels, count, classes, name):
    if labels.shape != (count,):
        raise ValueError(
            f"{name} has shape {labels.shape} for {count:,} images, expected ({count},): "
            "one label an image"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{name} has dtype {labels.dtype}, expected whole numbers: use astype")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"{name} run from {low} to {high}, expected 0 to {classes - 1} for {classes} classes: "
            "shift them, or name all classes"
        )


def _as_labels(labels, count, classes, name):
    labels = np.asarray(labels)
    _check_labels(labels, count, classes, name)
    if classes > 256:
        raise ValueError(f"{classes} classes, expected at most 256: labels are kept as uint8")
    return labels.astype(np.uint8)


def split(images, labels):
    """Hold out 15% of each class (at least one image of two) and shuffle both parts."""
    rng = np.random.default_rng(0)
    train, test = [], []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        held_out = max(round(TEST_FRACTION * len(rows)), int(len(rows) > 1))
        test.append(rows[:held_out])
        train.append(rows[held_out:])
    train, test = (rng.permutation(np.concatenate(part)) for part in (train, test))
    return images[train], labels[train], images[test], labels[test]
