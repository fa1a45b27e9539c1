"""The two data sets of the course, and where they come from.

`load_fashion_mnist()` and `load_letters()` look, in this order, in

1. the `path` they are given, or else the folder named by VAE_DATA_DIR (and then nowhere else),
2. the Kaggle inputs under /kaggle/input, by file name,
3. the caches: our own (VAE_CACHE_DIR, ~/.cache/vae_helpers), Keras' and kagglehub's,
4. the network, unless VAE_OFFLINE=1,

and if all of these fail they draw a stand-in (`drawn`). `source` says which it was, how many
rows were read and whether they came from the original file. VAE_DATA_DIR=drawn asks for the
stand-in.
"""

import contextlib
import hashlib
import os
import string
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_helpers import sources
from vae_helpers.drawn import GARMENTS, draw_garments, draw_letters
from vae_helpers.images import as_float, as_uint8, check_images  # noqa: F401  re-exported
from vae_helpers.parsing import read_csv, read_idx

LETTERS = tuple(string.ascii_uppercase)
LETTERS_FILE = "A_Z Handwritten Data.csv"
LETTERS_ROWS = 372_451  # lines of Kaggle's file; no checksum of it has been published

FASHION_CSV = ("fashion-mnist_train.csv", "fashion-mnist_test.csv")
# SHA-256 of the unpacked content of the files that Zalando published.
FASHION_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}

TEST_FRACTION = 0.15
DRAWN_TRAIN, DRAWN_TEST = 12_000, 2_000
GIVEN = "the given path"


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


def load_fashion_mnist(path=None, allow_drawn=True):
    """Load Fashion-MNIST: 60,000 training and 10,000 test images of ten kinds of garment.

    Args:
        path: a folder that holds the four IDX files (gzipped or not) or Kaggle's two CSV files,
            at any depth; "drawn" for the stand-in. Default: see the top of this module.
        allow_drawn: whether a drawn stand-in may take the place of data that was not found.

    Returns:
        An `ImageDataset`. The stand-in has 12,000 + 2,000 images and comes with a warning.

    Raises:
        FileNotFoundError: if `path` or VAE_DATA_DIR does not hold the data, or nothing does and
            `allow_drawn` is False.
        ValueError: if a file is broken; the message names it and the cure.

    Source: Xiao, Rasul & Vollgraf (2017), arXiv:1708.07747; MIT licence.
    """
    return _first_found(
        "Fashion-MNIST",
        path,
        allow_drawn,
        files=f"{', '.join(FASHION_SHA256)} (or .gz; MNIST's digits have the same names, so other "
        "files than the original ones count only from a folder with 'fashion' in its name), or "
        f"{' and '.join(FASHION_CSV)}",
        caches=[
            ("the cache", sources.cache_dir() / "fashion-mnist"),
            ("Keras' cache", sources.keras_cache() / "fashion-mnist"),
        ],
        read=_read_fashion,
        download=_download_fashion,
        draw=draw_garments,
        class_names=GARMENTS,
    )


def load_letters(path=None, allow_drawn=True):
    """Load handwritten capital letters: Kaggle's *A-Z Handwritten Alphabets in .csv format*.

    The CSV is parsed once and kept in the cache. 15% of each letter are held out for the test
    part, and both parts are shuffled, with a fixed seed: the file itself is sorted by letter.

    Args:
        path: the CSV file itself, under any name (no header line; label 0-25, then 784 pixels),
            or a folder that holds `A_Z Handwritten Data.csv` at any depth; "drawn" for the
            stand-in. Default: see the top of this module.
        allow_drawn: whether a drawn stand-in may take the place of data that was not found.

    Returns:
        An `ImageDataset`. The stand-in has 12,000 + 2,000 images and comes with a warning.

    Raises:
        FileNotFoundError: if `path` or VAE_DATA_DIR does not hold the data, or nothing does and
            `allow_drawn` is False.
        ValueError: if the file is broken; the message names the line and the cure.

    Source: kaggle.com/datasets/sachinpatel21/az-handwritten-alphabets-in-csv-format.
    """
    return _first_found(
        "A-Z letters",
        path,
        allow_drawn,
        files=LETTERS_FILE,
        caches=[("kagglehub's cache", folder) for folder in sources.kagglehub_cache()],
        read=_read_letters,
        download=lambda: _read_letters("kagglehub's download", sources.fetch_letters()),
        draw=draw_letters,
        class_names=LETTERS,
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
        parts = _split(images, labels)
    else:
        test_images = as_uint8(test_images, "test_images")
        test_labels = _as_labels(test_labels, len(test_images), len(class_names), "test_labels")
        parts = images, labels, test_images, test_labels
    rows = len(parts[0]) + len(parts[2])
    return ImageDataset(*parts, tuple(class_names), name, f"{rows:,} images given as arrays", True)


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


def _split(images, labels):
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


# --- from the places to a data set ---------------------------------------------------------


def _first_found(name, path, allow_drawn, files, caches, read, download, draw, class_names):
    chosen = path or os.environ.get("VAE_DATA_DIR")
    if chosen and str(chosen) == "drawn":
        return _draw(name, draw, class_names)
    if chosen:
        return _read_chosen(name, path, chosen, files, read)

    places = [("the Kaggle inputs", sources.kaggle_input()), *caches]
    for place, root in places:
        if os.path.exists(root) and (dataset := read(place, root)):
            return dataset
    tried = [f"{place} ({root})" for place, root in places]
    if sources.is_offline():
        tried.append("not the network (VAE_OFFLINE is set)")
    else:
        try:
            if dataset := download():
                return dataset
            tried.append("the network (the download lacks the file)")
        except sources.UnreachableError as error:
            tried.append(f"the network ({error})")

    cure = f"set VAE_DATA_DIR to a folder that holds {files}. Tried: {'; '.join(tried)}"
    if not allow_drawn:
        raise FileNotFoundError(f"no {name} found. To cure it, {cure}.")
    warnings.warn(
        f"no {name} found, so a drawn stand-in takes its place. For the real images, {cure}.",
        stacklevel=3,
    )
    return _draw(name, draw, class_names)


def _read_chosen(name, path, chosen, files, read):
    """Read from the place a person named: what is not there is an error, not looked for
    elsewhere.
    """
    place, root = GIVEN if path else "VAE_DATA_DIR", Path(chosen).expanduser()
    if not os.path.exists(root):
        raise FileNotFoundError(
            f"{place} is {str(chosen)!r}, which does not exist (seen from {Path.cwd()}). "
            "Name an existing folder" + ("." if path else ", or unset VAE_DATA_DIR.")
        )
    if dataset := read(place, root):
        return dataset
    raise FileNotFoundError(
        f"{place} ({root}) does not hold {name}. Looked in it and its subfolders for {files}. "
        "Put the data there" + ("." if path else ", or unset VAE_DATA_DIR to look elsewhere.")
    )


def _draw(name, draw, class_names):
    images, labels, _ = draw(DRAWN_TRAIN + DRAWN_TEST, seed=0)
    source = f"drawn stand-in: {len(images):,} images drawn by code, not the real {name}"
    train, test = slice(DRAWN_TRAIN), slice(DRAWN_TRAIN, None)
    return ImageDataset(
        images[train], labels[train], images[test], labels[test], class_names, name, source, False
    )


def _read_fashion(place, root):
    """Fashion-MNIST from under `root`, or None. MNIST's digits come in files of the same names:
    an original set wins, and others count only if their folder or a person says what they are.
    """
    others = []
    for files in sources.find_together(root, FASHION_SHA256, endings=("", ".gz")):
        dataset, is_original = _read_fashion_idx(place, root, files)
        if is_original:
            return dataset
        if place == GIVEN or "fashion" in f"{root.name}/{_below(root, files)}".lower():
            others.append(dataset)
    if others:
        return others[0]
    for files in sources.find_together(root, FASHION_CSV):
        return _read_fashion_csv(place, root, files)
    return None


def _read_fashion_idx(place, root, files):
    """Returns (dataset, whether all four files are the original ones)."""
    arrays, digests = zip(*(read_idx(files[name]) for name in FASHION_SHA256), strict=True)
    is_original = digests == tuple(FASHION_SHA256.values())
    origin = "the original files" if is_original else "not the original files"
    rows = len(arrays[0]) + len(arrays[2])
    source = f"{rows:,} rows from 4 IDX files in {place}{_below(root, files)}: "
    source += f"{origin}, by their SHA-256"
    return _checked(arrays, GARMENTS, "Fashion-MNIST", source), is_original


def _read_fashion_csv(place, root, files):
    parts = [array for name in FASHION_CSV for array in _parse_once(files[name], 10, True)]
    rows = len(parts[0]), len(parts[2])
    if rows == (60_000, 10_000):
        origin = "as many as in Kaggle's files, of which no checksum is known"
    else:
        origin = "not Kaggle's files, which have 60,000 + 10,000"
    source = f"{sum(rows):,} rows from 2 CSV files in {place}{_below(root, files)}: {origin}"
    return _checked(parts, GARMENTS, "Fashion-MNIST", source)


def _read_letters(place, root):
    if root.is_file():
        file = root
    elif found := sources.find_together(root, [LETTERS_FILE]):
        file = found[0][LETTERS_FILE]
    else:
        return None
    images, labels = _parse_once(file, len(LETTERS), False)
    if len(images) == LETTERS_ROWS:
        origin = "as many as in Kaggle's file, of which no checksum is known"
    else:
        origin = f"not Kaggle's file, which has {LETTERS_ROWS:,}"
    source = f"{len(images):,} rows from '{file.name}' in {place}: {origin}"
    return _checked(_split(images, labels), LETTERS, "A-Z letters", source)


def _download_fashion():
    arrays = []
    for name, sha256 in FASHION_SHA256.items():
        url = f"{sources.FASHION_URL}{name}.gz"
        content = sources.fetch(url)
        array, digest = read_idx(url, content)
        if digest != sha256:
            raise ValueError(
                f"{url} is not the file that Zalando published (SHA-256 {digest}). Nothing of it "
                "was kept: run again, or set VAE_OFFLINE=1 to go on with the drawn stand-in."
            )
        folder = sources.cache_dir() / "fashion-mnist"
        sources.keep(folder / f"{name}.gz", lambda file, content=content: file.write(content))
        arrays.append(array)
    rows = len(arrays[0]) + len(arrays[2])
    source = f"{rows:,} rows from 4 IDX files, downloaded: the original files, by their SHA-256"
    return _checked(arrays, GARMENTS, "Fashion-MNIST", source)


def _parse_once(file, classes, has_header):
    """Parse a CSV, or take what an earlier run parsed: the cache knows the file by its path,
    size and time of change, so that a changed file is parsed anew.
    """
    stat = file.stat()
    which = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:16]
    folder = sources.cache_dir() / "parsed"
    parsed = folder / f"{which}-{stat.st_size}-{stat.st_mtime_ns}.npz"
    if os.path.exists(parsed):
        try:
            with np.load(parsed, allow_pickle=False) as arrays:
                return arrays["images"], arrays["labels"]
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
            pass  # damaged on the disk: it is ours, so it is made again
    images, labels = read_csv(file, classes, has_header)
    sources.keep(parsed, lambda out: np.savez(out, images=images, labels=labels))
    for old in folder.glob(f"{which}-*.npz"):
        if old != parsed:
            with contextlib.suppress(OSError):
                old.unlink()
    return images, labels


def _checked(arrays, class_names, name, source):
    try:
        return ImageDataset(*arrays, class_names, name, source, True)
    except ValueError as error:
        raise ValueError(f"{source}, but they do not fit: {error}. Fetch them again.") from error


def _below(root, files):
    """The folder of `files` as it stands below `root`, such as '/fashion-mnist'."""
    folder = next(iter(files.values())).parent.relative_to(root)
    return "" if folder == Path() else f"/{folder.as_posix()}"
