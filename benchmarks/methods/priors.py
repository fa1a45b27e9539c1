"""Notebook 13: better priors on the codes of the small VAE."""

from methods.method import Method, from_small
from vae_helpers.flow_matching import FlowPrior
from vae_helpers.learned_priors import MixturePrior
from vae_helpers.recipes import SMALL, train
from vae_helpers.vae import VAE
from vae_helpers.vamp import VampVAE

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


def with_vamp_prior(encoder, latent, decoder, images):
    """Make a VAE with a VampPrior, its pseudo-inputs started at training images."""
    vae = VampVAE(encoder, latent, decoder, PSEUDO_INPUTS)
    vae.start_at_images(images)
    return vae


def mixture(codes):
    """Fit a mixture of Gaussians to some of the codes."""
    return MixturePrior.fit(codes[:FITTED], COMPONENTS)


FEWER = (100, 500)  # the density of a flow takes forty looks at its field

METHODS = [
    Method("mixture prior", "small MLP", then_prior(mixture), iwae=FEWER),
    Method("VampPrior", "small MLP", from_small(with_vamp_prior), iwae=FEWER),
    Method(
        "flow prior",
        "small MLP",
        then_prior(lambda codes: FlowPrior.fit(codes, **FLOW)),
        iwae=FEWER,
    ),
]
