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

from methods import adversarial, attention, objectives, priors
from methods.method import Method, plain
from vae_helpers.benchmark import PLAIN

METHODS = [
    Method(PLAIN, "small MLP", plain()),
    *objectives.METHODS,
    *adversarial.METHODS,
    *attention.METHODS,
    *priors.METHODS,
]
