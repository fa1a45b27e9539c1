"""A benchmark table of five tiny rows: for a test, and as the preload of a Dask worker.

TINY_MODELS names the folder of models. A worker for which TINY_HANG names a file writes it when it
is given its second row, and then trains no more: time enough to kill it.
"""

import os
import time
from pathlib import Path

import table
from methods import Method

from vae_helpers.data import dataset_from_arrays, synthetic_garments
from vae_helpers.recipes import Recipe, build

TINY = Recipe(2, (8,), epochs=1, learning_rate=1e-3, batch_size=20)
trainings = []


def data(name=table.FASHION):
    """Forty training images and twenty to test with."""
    images, labels, _ = synthetic_garments(60, seed=0)
    names = tuple("abcdefghij")
    return dataset_from_arrays(images[:40], labels[:40], names, name, images[40:], labels[40:])


def train_tiny(data):
    trainings.append(data.name)
    if (hang := os.environ.get("TINY_HANG")) and len(trainings) == 2:
        Path(hang).touch()
        time.sleep(600)
    vae = build(TINY, data.train_images)
    vae.compile("sgd", jit_compile=False)  # XLA takes seconds
    return vae, vae.fit(data.train_images, batch_size=20, verbose=0)


def train_broken(data):
    raise ValueError("this one never trains")


def settings(models):
    """What stands in the place of the real table's."""
    return {
        "METHODS": [
            Method("broken", "tiny", train_broken, (0,)),
            Method("toy", "tiny", train_tiny, (0, 1, 2, 3, 4)),
        ],
        "BENCHMARK": {},
        "load_data": data,
        "IWAE_SAMPLES": 5,
        "IWAE_IMAGES": 12,
        "PICTURES": 100,
        "MODELS": Path(models),
    }


def dask_setup(worker):
    for name, value in settings(os.environ["TINY_MODELS"]).items():
        setattr(table, name, value)
