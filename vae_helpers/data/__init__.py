"""The two data sets of the course, images of your own, and where they come from.

`load_fashion_mnist()` and `load_letters()` look, in this order, in

1. the `path` they are given, or else the folder named by VAE_DATA_DIR (and then nowhere else),
2. the Kaggle inputs under /kaggle/input, by file name,
3. the caches: our own (VAE_CACHE_DIR, ~/.cache/vae_helpers), Keras' and kagglehub's,
4. the network, unless VAE_OFFLINE=1,

and if all of these fail they make a synthetic stand-in. `source` says which it was, how many rows
were read and whether they came from the original file. VAE_DATA_DIR=synthetic asks for the
stand-in. `load_folder` and `dataset_from_arrays` take images of your own, of any size;
`write_shards` and `open_shards` those that do not fit into memory.

Names are looked up where they live when they are first asked for.
"""

import importlib

from vae_helpers.images import as_float, as_uint8, check_images  # noqa: F401  re-exported

_HOME = {  # name -> module of this package
    "DRAWN_TEST": "dataset",
    "DRAWN_TRAIN": "dataset",
    "FASHION_CSV": "fashion_mnist",
    "FASHION_SHA256": "fashion_mnist",
    "GARMENTS": "dataset",
    "GIVEN": "locate",
    "ImageDataset": "dataset",
    "LETTERS": "letters",
    "LETTERS_FILE": "letters",
    "LETTERS_ROWS": "letters",
    "PHOTOGRAPHS": "patches",
    "SYNTHETIC_TEST": "dataset",
    "SYNTHETIC_TRAIN": "dataset",
    "Shards": "shards",
    "TEST_FRACTION": "dataset",
    "colour_letters": "coloured",
    "dataset_from_arrays": "dataset",
    "draw_garments": "synthetic",
    "draw_letters": "synthetic",
    "hold_out": "patches",
    "load_fashion_mnist": "fashion_mnist",
    "load_folder": "folder",
    "load_letters": "letters",
    "open_shards": "shards",
    "read_csv": "formats",
    "read_idx": "formats",
    "shipped_photographs": "patches",
    "synthetic_garments": "synthetic",
    "synthetic_letters": "synthetic",
    "write_folder": "patches",
    "write_patches": "patches",
    "write_shards": "shard_writer",
}


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *_HOME})
