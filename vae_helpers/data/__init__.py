"""The two data sets of the course, and where they come from.

`load_fashion_mnist()` and `load_letters()` look, in this order, in

1. the `path` they are given, or else the folder named by VAE_DATA_DIR (and then nowhere else),
2. the Kaggle inputs under /kaggle/input, by file name,
3. the caches: our own (VAE_CACHE_DIR, ~/.cache/vae_helpers), Keras' and kagglehub's,
4. the network, unless VAE_OFFLINE=1,

and if all of these fail they make a synthetic stand-in. `source` says which it was, how many rows
were read and whether they came from the original file. VAE_DATA_DIR=synthetic asks for the
stand-in. `load_folder` and `dataset_from_arrays` take images of your own, of any size.
"""

# ruff: noqa: F401  (what is imported here is re-exported)

import importlib
from typing import TYPE_CHECKING

from vae_helpers.images import as_float, as_uint8, check_images

if TYPE_CHECKING:  # for editors; `__getattr__` loads these names when they are asked for
    from vae_helpers.data.dataset import (
        DRAWN_TEST,
        DRAWN_TRAIN,
        SYNTHETIC_TEST,
        SYNTHETIC_TRAIN,
        TEST_FRACTION,
        ImageDataset,
        dataset_from_arrays,
    )
    from vae_helpers.data.fashion_mnist import FASHION_CSV, FASHION_SHA256, load_fashion_mnist
    from vae_helpers.data.formats import read_csv, read_idx
    from vae_helpers.data.letters import LETTERS, LETTERS_FILE, LETTERS_ROWS, load_letters
    from vae_helpers.data.locate import GIVEN
    from vae_helpers.data.synthetic import (
        GARMENTS,
        draw_garments,
        draw_letters,
        synthetic_garments,
        synthetic_letters,
    )

# Module -> names that are loaded from it when they are asked for: a model needs no loader.
MODULES = {
    "dataset": "ImageDataset dataset_from_arrays TEST_FRACTION "
    "SYNTHETIC_TRAIN SYNTHETIC_TEST DRAWN_TRAIN DRAWN_TEST",
    "fashion_mnist": "load_fashion_mnist FASHION_CSV FASHION_SHA256",
    "formats": "read_csv read_idx",
    "letters": "load_letters LETTERS LETTERS_FILE LETTERS_ROWS",
    "locate": "GIVEN",
    "synthetic": "GARMENTS synthetic_garments synthetic_letters draw_garments draw_letters",
}


def __getattr__(name):
    """Return a public name of one of the modules."""
    for module, names in MODULES.items():
        if name in names.split():
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *" ".join(MODULES.values()).split()])
