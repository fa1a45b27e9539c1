"""Images with their labels, in a training and a test part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vae_helpers.images import as_uint8, check_images
from vae_helpers.settings import add_to_titles

GARMENTS = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

TEST_FRACTION = 0.15
SYNTHETIC_TRAIN, SYNTHETIC_TEST = 12_000, 2_000
DRAWN_TRAIN, DRAWN_TEST = SYNTHETIC_TRAIN, SYNTHETIC_TEST  # the old names, for one edition


@dataclass(frozen=True, repr=False, eq=False)
class ImageDataset:
    """Images with their labels, split into a training and a test part.

    Attributes:
        train_images, test_images: uint8 of shape (n, height, width) if grey, (n, height, width, 3)
            in colour; both parts have images of one size.
        train_labels, test_labels: uint8 of shape (n,), an index into `class_names`.
        class_names: tuple of str.
        name: the name of the data set.
        source: where it came from, the rows read, and whether that is the original.
        is_real: False for a synthetic stand-in.

    Raises:
        ValueError: if a part has the wrong shape or dtype, is empty, or its labels do not match.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    name: str
    source: str
    is_real: bool

    def __post_init__(self):
        for part in ("train", "test"):
            images = getattr(self, f"{part}_images")
            labels = getattr(self, f"{part}_labels")
            in_colour = images.ndim == 4 and images.shape[-1] == 3
            if images.dtype != np.uint8 or not (images.ndim == 3 or in_colour):
                raise ValueError(
                    f"{part}_images is {images.dtype} of shape {images.shape}, expected uint8 "
                    "(n, height, width) or (n, height, width, 3): dataset_from_arrays converts "
                    "other forms"
                )
            check_images(images, f"{part}_images")
            _check_labels(labels, len(images), len(self.class_names), f"{part}_labels")
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise ValueError(
                f"test_images has shape {self.test_images.shape} beside train_images "
                f"{self.train_images.shape}, expected images of one size: resize one part"
            )

    @property
    def title_note(self) -> str:
        """Return what a figure's title has to add: nothing for real images."""
        return "" if self.is_real else " (synthetic stand-in)"

    def __repr__(self):
        return (
            f"{self.name}{self.title_note}: {len(self.train_images):,} training and "
            f"{len(self.test_images):,} test images, {len(self.class_names)} classes; {self.source}"
        )


def dataset_from_arrays(
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    name: str = "my images",
    test_images: np.ndarray | None = None,
    test_labels: np.ndarray | None = None,
) -> ImageDataset:
    """Return an `ImageDataset` of arrays of your own.

    Args:
        images: uint8 0-255 or float in [0, 1], shape (n, height, width) or
            (n, height, width, channels) with 1 or 3 channels.
        labels: whole numbers from 0, shape (n,).
        class_names: one name a label.
        name: stands in figure titles.
        test_images: the images of the test part. Without it, 15% of each class are held out, and
            both parts are shuffled, with a fixed seed.
        test_labels: the labels of the test part.

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


def split_rows(
    labels: np.ndarray, test_fraction: float = TEST_FRACTION
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the training and of the test part, each shuffled with a fixed seed.

    Args:
        labels: shape (n,).
        test_fraction: share of each class that is held out; of two images or more at least one.
    """
    rng = np.random.default_rng(0)
    train, test = [], []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        held_out = max(round(test_fraction * len(rows)), 1)
        held_out = min(held_out, len(rows) - 1)
        test.append(rows[:held_out])
        train.append(rows[held_out:])
    train, test = (rng.permutation(np.concatenate(part)) for part in (train, test))
    return train, test


def split(images, labels):
    """Return (train_images, train_labels, test_images, test_labels), see `split_rows`."""
    train, test = split_rows(labels)
    return images[train], labels[train], images[test], labels[test]


def stand_in(name: str, make: Callable, class_names: Sequence[str]) -> ImageDataset:
    """Return a synthetic data set under the name of a real one; figures' titles will say so.

    Args:
        name: the real data set.
        make: function of (n, seed) that returns images, labels and factors.
        class_names: one name a label.
    """
    images, labels, _ = make(SYNTHETIC_TRAIN + SYNTHETIC_TEST, seed=0)
    source = f"synthetic stand-in: {len(images):,} images made by code, not the real {name}"
    train, test = slice(SYNTHETIC_TRAIN), slice(SYNTHETIC_TRAIN, None)
    dataset = ImageDataset(
        images[train], labels[train], images[test], labels[test], class_names, name, source, False
    )
    add_to_titles(dataset.title_note)
    return dataset


def dataset_from_files(arrays, class_names, name, source):
    """Return an `ImageDataset` of what files held.

    Raises:
        ValueError: if the files do not fit together; the message says which they are.
    """
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
