"""Handwritten capital letters, from Kaggle's CSV file."""

import string

from vae_helpers.data import locate
from vae_helpers.data.dataset import checked, split
from vae_helpers.data.locate import find_together, first_found, parse_once
from vae_helpers.data.synthetic import draw_letters

LETTERS = tuple(string.ascii_uppercase)
LETTERS_FILE = "A_Z Handwritten Data.csv"
LETTERS_ROWS = 372_451  # lines of Kaggle's file; no checksum of it has been published


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
    return first_found(
        "A-Z letters",
        path,
        allow_drawn,
        files=LETTERS_FILE,
        caches=[("kagglehub's cache", folder) for folder in locate.kagglehub_cache()],
        read=_read_letters,
        download=lambda: _read_letters("kagglehub's download", locate.fetch_letters()),
        draw=draw_letters,
        class_names=LETTERS,
    )


def _read_letters(place, root):
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
    return checked(split(images, labels), LETTERS, "A-Z letters", source)
