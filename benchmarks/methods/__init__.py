"""Variants of the VAE that the benchmark table compares, each a function that trains one.

`table.py` trains them on Fashion-MNIST at 16 latent dimensions with three seeds, beside the plain
VAE of the same network and of the same training time. A function gets the data set, with the seed
already set, and returns the trained VAE and what `fit` returned. To add a variant, add a `Method`
to the module of its notebook:

objectives    notebook 10: beta, annealing, free bits, capacity
adversarial   notebook 11: a feature loss, the VAE-GAN
attention     notebook 12: patches, convolutions that attend
priors        notebook 13: a mixture, a VampPrior, a flow
"""

import dataclasses

from methods import adversarial, attention, objectives, priors
from methods.method import Method, plain
from vae_helpers.benchmark import PLAIN

# How many of the three seeds have been trained so far, where it is not all of them. Take an entry
# away, and `make benchmark` trains the rest.
SO_FAR = {
    **{(method.name, method.network): 2 for method in objectives.METHODS},
    ("VAE, 20 passes", "small MLP"): 1,
    ("discretised logistic", "small MLP"): 1,
    ("VAE-GAN", "small MLP"): 2,
    ("VAE-GAN, not bounded", "small MLP"): 0,
    ("VAE, 12 passes", "small MLP"): 2,
    (PLAIN, "MLP 96-64"): 2,
    (PLAIN, "convolution and attention"): 1,
}

METHODS = [
    dataclasses.replace(
        method, seeds=method.seeds[: SO_FAR.get((method.name, method.network), len(method.seeds))]
    )
    for method in (
        Method(PLAIN, "small MLP", plain()),
        *objectives.METHODS,
        *adversarial.METHODS,
        *attention.METHODS,
        *priors.METHODS,
    )
]
