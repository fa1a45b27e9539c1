"""Fashion-MNIST, from its four IDX files or Kaggle's two CSV files."""

import functools
from pathlib import Path

from vae_helpers.data.dataset import GARMENTS, ImageDataset, dataset_from_files, stand_in
from vae_helpers.data.formats import read_idx
from vae_helpers.data.locate import (
    GIVEN,
    Search,
    below,
    cache_dir,
    find,
    find_together,
    keras_cache,
    parse_once,
)

# The storage that keras.datasets.fashion_mnist reads, too.
FASHION_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
FASHION_CSV = ("fashion-mnist_train.csv", "fashion-mnist_test.csv")
# SHA-256 of the unpacked content of the files that Zalando published.
FASHION_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def load_fashion_mnist(
    path: str | Path | None = None,
    allow_synthetic: bool = True,
    allow_drawn: bool | None = None,
) -> ImageDataset:
    """Load Fashion-MNIST: 60,000 training and 10,000 test images of ten kinds of garment.

    Args:
        path: a folder that holds the four IDX files (gzipped or not) or Kaggle's two CSV files,
            at any depth; "synthetic" for the stand-in. Default: see `vae_helpers.data`.
        allow_synthetic: whether a synthetic stand-in may take the place of data that was not found.
        allow_drawn: the old name of `allow_synthetic`.

    Returns:
        An `ImageDataset`. The stand-in has 12,000 + 2,000 images and comes with a warning.

    Raises:
        FileNotFoundError: if `path` or VAE_DATA_DIR does not hold the data, or nothing does and
            `allow_synthetic` is False.
        ValueError: if a file is broken; the message names it and the cure.

    Source: Xiao, Rasul & Vollgraf (2017), arXiv:1708.07747; MIT licence.
    """
    search = Search(
        "Fashion-MNIST",
        files=f"{', '.join(FASHION_SHA256)} (or .gz; MNIST's digits have the same names, so other "
        "files than the original ones count only from a folder with 'fashion' in its name), or "
        f"{' and '.join(FASHION_CSV)}",
        caches=[
            ("the cache", cache_dir() / "fashion-mnist"),
            ("Keras' cache", keras_cache() / "fashion-mnist"),
        ],
        read=_read,
        download=_download,
        stand_in=_stand_in,
    )
    return find(search, path, allow_synthetic if allow_drawn is None else allow_drawn)


def _read(place, root):
    """Return Fashion-MNIST from under `root`, or None.

    MNIST's digits come in files of the same names: an original set wins, and others count only if
    their folder or the user says so.
    """
    others = []
    for files in find_together(root, FASHION_SHA256, endings=("", ".gz")):
        dataset, is_original = _read_idx_files(files, f" in {place}{below(root, files)}")
        if is_original:
            return dataset
        if place == GIVEN or "fashion" in f"{root.name}/{below(root, files)}".lower():
            others.append(dataset)
    if others:
        return others[0]
    for files in find_together(root, FASHION_CSV):
        return _read_csv_files(files, f" in {place}{below(root, files)}")
    return None


def _read_idx_files(files, where):
    """Return (dataset, whether all four files are the original ones)."""
    arrays, digests = zip(*(read_idx(files[name]) for name in FASHION_SHA256), strict=True)
    is_original = digests == tuple(FASHION_SHA256.values())
    origin = "the original files" if is_original else "not the original files"
    rows = len(arrays[0]) + len(arrays[2])
    source = f"{rows:,} rows from 4 IDX files{where}: {origin}, by their SHA-256"
    return dataset_from_files(arrays, GARMENTS, "Fashion-MNIST", source), is_original


def _read_csv_files(files, where):
    parts = [array for name in FASHION_CSV for array in parse_once(files[name], 10, True)]
    rows = len(parts[0]), len(parts[2])
    if rows == (60_000, 10_000):
        origin = "as many as in Kaggle's files, of which no checksum is known"
    else:
        origin = "not Kaggle's files, which have 60,000 + 10,000"
    source = f"{sum(rows):,} rows from 2 CSV files{where}: {origin}"
    return dataset_from_files(parts, GARMENTS, "Fashion-MNIST", source)


def _stand_in():
    from vae_helpers.data.synthetic import synthetic_garments

    return stand_in("Fashion-MNIST", synthetic_garments, GARMENTS)


def _download():
    from vae_helpers.data.fetch import ask, download, writable_cache

    ask(f"{FASHION_URL}{next(iter(FASHION_SHA256))}.gz")
    with writable_cache(cache_dir() / "fashion-mnist") as folder:
        files = {}
        for name, sha256 in FASHION_SHA256.items():
            url = f"{FASHION_URL}{name}.gz"
            files[name] = download(url, folder, functools.partial(_check, url, sha256))
        return _read_idx_files(files, ", downloaded")[0]


def _check(url, sha256, path):
    """Raise ValueError if the file that was just downloaded is not the original one."""
    _, digest = read_idx(url, path.read_bytes())
    if digest != sha256:
        raise ValueError(
            f"{url} is not the file that Zalando published (SHA-256 {digest}). Nothing of it was "
            "kept: run again, or set VAE_OFFLINE=1 to go on with the synthetic stand-in."
        )
