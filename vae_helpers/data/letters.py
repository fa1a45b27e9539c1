"""Handwritten capital letters, from Kaggle's CSV file."""

import os
import string
from pathlib import Path

from vae_helpers.data.dataset import ImageDataset, dataset_from_files, split, stand_in
from vae_helpers.data.locate import Search, UnreachableError, find, find_together, parse_once

LETTERS = tuple(string.ascii_uppercase)
LETTERS_FILE = "A_Z Handwritten Data.csv"
LETTERS_ROWS = 372_451  # lines of Kaggle's file; no checksum of it has been published
LETTERS_HANDLE = "sachinpatel21/az-handwritten-alphabets-in-csv-format"
LETTERS_PROBE_URL = "https://www.kaggle.com/"


def load_letters(
    path: str | Path | None = None,
    allow_synthetic: bool = True,
    allow_drawn: bool | None = None,
) -> ImageDataset:
    """Load handwritten capital letters: Kaggle's *A-Z Handwritten Alphabets in .csv format*.

    The CSV is parsed once and kept in the cache. 15% of each letter are held out for the test
    part, and both parts are shuffled, with a fixed seed: the file itself is sorted by letter.

    Args:
        path: the CSV file itself, under any name (no header line; label 0-25, then 784 pixels),
            or a folder that holds `A_Z Handwritten Data.csv` at any depth; "synthetic" for the
            stand-in. Default: see `vae_helpers.data`.
        allow_synthetic: whether a synthetic stand-in may take the place of data that was not found.
        allow_drawn: the old name of `allow_synthetic`.

    Returns:
        An `ImageDataset`. The stand-in has 12,000 + 2,000 images and comes with a warning.

    Raises:
        FileNotFoundError: if `path` or VAE_DATA_DIR does not hold the data, or nothing does and
            `allow_synthetic` is False.
        ValueError: if the file is broken; the message names the line and the cure.

    Source: kaggle.com/datasets/sachinpatel21/az-handwritten-alphabets-in-csv-format.
    """
    search = Search(
        "A-Z letters",
        files=LETTERS_FILE,
        caches=[("kagglehub's cache", folder) for folder in _kagglehub_cache()],
        read=_read,
        download=_download,
        stand_in=_stand_in,
    )
    return find(search, path, allow_synthetic if allow_drawn is None else allow_drawn)


def _read(place, root):
    if root.is_file():
        file = root
    elif found := find_together(root, [LETTERS_FILE]):
        file = found[0][LETTERS_FILE]
    else:
        return None
    images, labels = parse_once(file, len(LETTERS), False)
    if len(images) == LETTERS_ROWS:
        origin = "as many as in Kaggle's file, of which no checksum is known"
    else:
        origin = f"not Kaggle's file, which has {LETTERS_ROWS:,}"
    source = f"{len(images):,} rows from '{file.name}' in {place}: {origin}"
    return dataset_from_files(split(images, labels), LETTERS, "A-Z letters", source)


def _stand_in():
    from vae_helpers.data.synthetic import synthetic_letters

    return stand_in("A-Z letters", synthetic_letters, LETTERS)


def _download():
    from vae_helpers.data.fetch import ask

    try:
        import kagglehub
    except ImportError as error:
        raise UnreachableError("kagglehub is not installed (pip install kagglehub)") from error
    ask(LETTERS_PROBE_URL)  # kagglehub itself waits long for a network that swallows packets
    try:
        folder = Path(kagglehub.dataset_download(LETTERS_HANDLE))
    except Exception as error:  # whatever it is, the reader needs the reason, not its type
        raise UnreachableError(f"kagglehub could not download it: {error}") from error
    return _read("kagglehub's download", folder)


def _kagglehub_cache():
    """Return the folders of kagglehub's complete downloads, the newest version first."""
    root = Path(os.environ.get("KAGGLEHUB_CACHE") or "~/.cache/kagglehub").expanduser()
    root = root / "datasets" / LETTERS_HANDLE
    # kagglehub marks a version as complete; one without the mark was interrupted.
    versions = [mark.stem for mark in root.glob("*.complete") if mark.stem.isdigit()]
    return [root / "versions" / version for version in sorted(versions, key=int, reverse=True)]
