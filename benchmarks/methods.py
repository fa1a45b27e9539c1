"""Variants of the VAE that the benchmark table compares, each a function that trains one.

`table.py` trains them on Fashion-MNIST at 16 latent dimensions with three seeds, beside the plain
VAE of the same network and of the same training time. A function gets the data set, with the seed
already set, and returns the trained VAE and what `fit` returned. To add a variant, add a `Method`.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from vae_helpers.benchmark import PLAIN
from vae_helpers.flow_matching import FlowPrior
from vae_helpers.priors import MixturePrior
from vae_helpers.recipes import SMALL, build, train
from vae_helpers.vae import VAE
from vae_helpers.vamp import VampVAE


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


# Priors: those of notebook 13, with more pseudo-inputs and more updates.
COMPONENTS, FITTED, PSEUDO_INPUTS = 30, 20_000, 100
FLOW = {"units": 128, "updates": 12_000, "batch_size": 250}


def then_prior(fit):
    """Train the plain VAE, then give it a prior: a function of samples of its posteriors."""

    def trained(data):
        vae, history = train(SMALL, data.train_images)
        codes = vae.latent.sample(*vae.encode(data.train_images)).numpy()
        return VAE(vae.encoder, vae.latent, vae.decoder, prior=fit(codes)), history

    return trained


def vamp(data):
    """Train the small VAE with a VampPrior, from the same start and for as many passes."""
    start = build(SMALL, data.train_images)
    vae = VampVAE(start.encoder, start.latent, start.decoder, PSEUDO_INPUTS)
    vae.start_at_images(data.train_images)
    vae.compile(start.optimizer)
    batches = {"epochs": SMALL.epochs, "batch_size": SMALL.batch_size}
    return vae, vae.fit(data.train_images, verbose=0, **batches)


def mixture(codes):
    """Fit a mixture of Gaussians to some of the codes."""
    return MixturePrior.fit(codes[:FITTED], COMPONENTS)


METHODS = [
    Method(PLAIN, "small MLP", plain()),
    Method("mixture prior", "small MLP", then_prior(mixture)),
    Method("VampPrior", "small MLP", vamp),
    Method("flow prior", "small MLP", then_prior(lambda codes: FlowPrior.fit(codes, **FLOW))),
]
