"""`VampVAE`: a VAE whose prior is made of the posteriors of learned images, trained with it."""

import keras
import numpy as np

from vae_helpers.images import as_float, check_images
from vae_helpers.learned_priors import VampPrior
from vae_helpers.vae import VAE


@keras.saving.register_keras_serializable(package="vae_helpers")
class VampVAE(VAE):
    """A VAE with a `VampPrior`; everything else is as in `VAE`.

    The prior has no encoder of its own. It borrows this model's `posterior`, so gradients of the KL
    reach the pseudo-inputs and, through both of its ends, the encoder. What is saved has no cycle:
    the file holds the pseudo-inputs and the parts, and loading attaches them again. Dropout and
    batch normalisation of the encoder do not act on the pseudo-inputs.

    Args:
        encoder: as for `VAE`.
        latent: as for `VAE`.
        decoder: as for `VAE`.
        components: number of pseudo-inputs, where no prior is given.
        prior: a `VampPrior`; a new one when None.
        **kwargs: beta and likelihood, as for `VAE`.

    Source: Tomczak & Welling (2018), "VAE with a VampPrior", arXiv:1705.07120.
    """

    def __init__(self, encoder, latent, decoder, components=100, prior=None, **kwargs):
        prior = prior or VampPrior(latent.latent_dim, decoder.image_shape, components)
        prior.attach(self.posterior)
        super().__init__(encoder, latent, decoder, prior=prior, **kwargs)

    def start_at_images(self, images, seed: int = 0) -> None:
        """Start the pseudo-inputs at images chosen at random. Call it before `fit`.

        Args:
            images: training images, at least as many as there are pseudo-inputs.
            seed: of the choice.
        """
        check_images(images, "images", self.image_shape)
        chosen = np.random.default_rng(seed).choice(
            len(images), self.prior.components, replace=False
        )
        self.prior.start_at(as_float(np.asarray(images)[np.sort(chosen)]))
