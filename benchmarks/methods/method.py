"""What one variant of the benchmark table is, and the plain VAE that all are compared with."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from vae_helpers.recipes import SMALL, train


@dataclass(frozen=True)
class Method:
    """One variant of the table.

    Attributes:
        name: the method: `PLAIN`, "beta 4", "free bits", ...
        network: what the table calls the network; "small MLP" is that of `recipes.SMALL`.
        train: function of an `ImageDataset` that returns (vae, history).
        seeds: one training each.
        iwae: samples and images of its importance-weighted bound, fewer where the prior's density
            takes long; None for those of the table.
    """

    name: str
    network: str
    train: Callable
    seeds: tuple = (0, 1, 2)
    iwae: tuple | None = None


def plain(**settings):
    """Train the plain VAE of the recipe SMALL, with other settings if any are given."""
    recipe = dataclasses.replace(SMALL, **settings)
    return lambda data: train(recipe, data.train_images)
