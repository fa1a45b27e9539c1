"""Variants of the VAE that the benchmark table compares, each a function that trains one.

`table.py` trains them on Fashion-MNIST at 16 latent dimensions with three seeds, beside the plain
VAE of the same network and of the same training time. A function gets the data set, with the seed
already set, and returns the trained VAE and what `fit` returned. To add a variant, add a `Method`.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from vae_helpers.benchmark import PLAIN
from vae_helpers.recipes import SMALL, train


@dataclass(frozen=True)
class Method:
    """One variant of the table.

    Attributes:
        name: the method: `PLAIN`, "beta 4", "free bits", ...
        network: what the table calls the network; "small MLP" is that of `recipes.SMALL`.
        train: function of an `ImageDataset` that returns (vae, history).
        seeds: one training each.
    """

    name: str
    network: str
    train: Callable
    seeds: tuple = (0, 1, 2)


def plain(**settings):
    """Train the plain VAE of the recipe SMALL, with other settings if any are given."""
    recipe = dataclasses.replace(SMALL, **settings)
    return lambda data: train(recipe, data.train_images)


METHODS = [
    Method(PLAIN, "small MLP", plain()),
]
