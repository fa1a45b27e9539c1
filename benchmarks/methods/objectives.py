"""Notebook 10: other weights of the KL, and objectives that change in training."""

from methods.method import Method, from_small, of_recipe
from vae_helpers.objectives import AnnealedVAE, BetaConditionedVAE, CapacityVAE, FreeBitsVAE
from vae_helpers.recipes import SMALL


def with_objective(cls, **objective):
    """Train the VAE of the recipe SMALL with the objective of a subclass of `VAE`."""
    return from_small(
        lambda encoder, latent, decoder, _: cls(encoder, latent, decoder, **objective)
    )


# Objectives: as in notebook 10, chosen on held-out training images. All 60,000 images, 4 passes.
STEPS = 4_000
FREE_BITS, CAPACITY = {"floor": 0.25}, {"capacity": 20.0}
PITFALL = 784.0  # the beta of a mean over the pixels

METHODS = [
    *(
        Method(f"beta {beta:g}", "small MLP", of_recipe(SMALL, beta))
        for beta in (0.1, 0.5, 2.0, 4.0, 16.0, 64.0, PITFALL)
    ),
    Method("annealing", "small MLP", with_objective(AnnealedVAE, steps=STEPS)),
    Method("cyclical annealing", "small MLP", with_objective(AnnealedVAE, steps=STEPS, cycles=4)),
    Method("free bits", "small MLP", with_objective(FreeBitsVAE, **FREE_BITS)),
    Method("capacity", "small MLP", with_objective(CapacityVAE, beta=2.0, **CAPACITY)),
    Method(
        "annealing, beta 784", "small MLP", with_objective(AnnealedVAE, beta=PITFALL, steps=STEPS)
    ),
    Method(
        "free bits, beta 784", "small MLP", with_objective(FreeBitsVAE, beta=PITFALL, **FREE_BITS)
    ),
    Method(
        "capacity, beta 784", "small MLP", with_objective(CapacityVAE, beta=PITFALL, **CAPACITY)
    ),
    Method("conditioned on beta", "small MLP", with_objective(BetaConditionedVAE)),
]
