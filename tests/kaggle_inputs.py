"""Kaggle's input folders in imitation, for the tests of the loaders and of the renderings."""

import gzip
import os
import sysconfig

import numpy as np
from coursetools.render.kaggle import DATASETS

from vae_helpers.data import draw_garments, draw_letters

FASHION, LETTERS = DATASETS["load_fashion_mnist"], DATASETS["load_letters"]
# The folders under /kaggle/input that Kaggle has used, one after the other.
LAYOUTS = {
    "slug": lambda handle: handle.split("/")[1],
    "owner-slug": lambda handle: handle,
    "datasets-owner-slug": lambda handle: f"datasets/{handle}",
}


def garments(n, seed):
    images, labels, _ = draw_garments(n, seed=seed)
    return images, labels


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


def write_fashion_idx(folder, train, test, compressed=False):
    for name, (images, labels) in {"train": train, "t10k": test}.items():
        for kind, array in {"images-idx3": images, "labels-idx1": labels}.items():
            content = idx(array)
            ending = ".gz" if compressed else ""
            content = gzip.compress(content, 1) if compressed else content
            (folder / f"{name}-{kind}-ubyte{ending}").write_bytes(content)


def write_csv(path, images, labels, header):
    table = np.column_stack([labels, images.reshape(len(images), -1)])
    names = ",".join(["label", *(f"pixel{i}" for i in range(1, 785))]) if header else ""
    np.savetxt(path, table, fmt="%d", delimiter=",", header=names, comments="")


def write_fashion_csv(folder, train, test):
    write_csv(folder / "fashion-mnist_train.csv", *train, header=True)
    write_csv(folder / "fashion-mnist_test.csv", *test, header=True)


FORMS = {"csv": write_fashion_csv, "idx": write_fashion_idx}


def clothes():
    """Return drawn garments to train on and to test on."""
    return garments(2000, seed=1), garments(600, seed=2)


def kaggle_inputs(root, layout, form, clothes):
    """Make Kaggle's input folder with Fashion-MNIST in one layout and form; return its path."""
    folder = root / "input" / LAYOUTS[layout](FASHION)
    folder.mkdir(parents=True)
    FORMS[form](folder, *clothes)
    return root / "input"


def add_letters(inputs, layout, count):
    """Put the letters' CSV, sorted by label as Kaggle's, into the input folder."""
    images, labels, _ = draw_letters(count, seed=1)
    order = np.argsort(labels, kind="stable")
    folder = inputs / LAYOUTS[layout](LETTERS)
    folder.mkdir(parents=True)
    write_csv(folder / "A_Z Handwritten Data.csv", images[order], labels[order], header=False)


def kaggle_environment(inputs, root):
    """The environment variables of a kernel that has these inputs and nothing else."""
    site_packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return {
        # Folders on PYTHONPATH are searched, but the links in them that make an editable install
        # are not followed: with the bare interpreter, vae_helpers is out of reach.
        "PYTHONPATH": os.pathsep.join(site_packages),
        "VIRTUAL_ENV": "",
        "VAE_FAST": "1",
        "VAE_DATA_DIR": "",
        "VAE_KAGGLE_INPUT": str(inputs),
        "VAE_CACHE_DIR": str(root / "cache"),
        "KERAS_HOME": str(root / "keras"),
        "KAGGLEHUB_CACHE": str(root / "kagglehub"),
    }
