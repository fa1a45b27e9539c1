"""The two data sets of the course, and where they come from.

`load_fashion_mnist()` and `load_letters()` look, in this order, in

1. the `path` they are given, or else the folder named by VAE_DATA_DIR (and then nowhere else),
2. the Kaggle inputs under /kaggle/input, by file name,
3. the caches: our own (VAE_CACHE_DIR, ~/.cache/vae_helpers), Keras' and kagglehub's,
4. the network, unless VAE_OFFLINE=1,

and if all of these fail they draw a stand-in (`synthetic`). `source` says which it was, how many
rows were read and whether they came from the original file. VAE_DATA_DIR=drawn asks for the
stand-in.
"""

import importlib
from typing import TYPE_CHECKING

from vae_helpers.images import as_float, as_uint8, check_images  # noqa: F401

if TYPE_CHECKING:  # what `__getattr__` loads when it is asked for, in the eyes of editors
    from vae_helpers.data.dataset import (  # noqa: F401
        DRAWN_TEST,
        DRAWN_TRAIN,
        TEST_FRACTION,
        ImageDataset,
        dataset_from_arrays,
    )
    from vae_helpers.data.fashion_mnist import (  # noqa: F401
        FASHION_CSV,
        FASHION_SHA256,
        load_fashion_mnist,
    )
    from vae_helpers.data.formats import read_csv, read_idx  # noqa: F401
    from vae_helpers.data.letters import (  # noqa: F401
        LETTERS,
        LETTERS_FILE,
        LETTERS_ROWS,
        load_letters,
    )
    from vae_helpers.data.locate import GIVEN  # noqa: F401
    from vae_helpers.data.synthetic import GARMENTS, draw_garments, draw_letters  # noqa: F401

MODULES = {
    "dataset": "ImageDataset dataset_from_arrays TEST_FRACTION DRAWN_TRAIN DRAWN_TEST",
    "fashion_mnist": "load_fashion_mnist FASHION_CSV FASHION_SHA256",
    "letters": "load_letters LETTERS LETTERS_FILE LETTERS_ROWS",
    "formats": "read_csv read_idx",
    "locate": "GIVEN",
    "synthetic": "GARMENTS draw_garments draw_letters",
}


def __getattr__(name):
    """Load a public name from its module when it is asked for."""
    for module, names in MODULES.items():
        if name in names.split():
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *" ".join(MODULES.values()).split()])
