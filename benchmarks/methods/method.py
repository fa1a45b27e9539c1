"""What one variant of the benchmark table is, and the plain VAE that all are compared with."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from vae_helpers.recipes import SMALL, build, train


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


def of_recipe(recipe, beta=1.0):
    """Train the VAE of a recipe."""
    return lambda data: train(recipe, data.train_images, beta)


def plain(**settings):
    """Train the plain VAE of the recipe SMALL, with other settings if any are given."""
    return of_recipe(dataclasses.replace(SMALL, **settings))


def from_small(make):
    """Train another VAE from the start of the recipe SMALL, for as many passes.

    Args:
        make: function of encoder, latent, decoder and the training images that returns the VAE.
    """

    def trained(data):
        images = data.train_images
        start = build(SMALL, images)
        vae = make(start.encoder, start.latent, start.decoder, images)
        vae.compile(start.optimizer)
        return vae, vae.fit(images, epochs=SMALL.epochs, batch_size=SMALL.batch_size, verbose=0)

    return trained
