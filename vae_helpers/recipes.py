"""The default models: settings that were measured, in one place.

`benchmarks/choose.py` chose them on 5,000 held-out training images of Fashion-MNIST, over three
seeds; `benchmarks/speed.py` measures them on the test images.
"""

from dataclasses import dataclass

import keras

from vae_helpers.data import check_images
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE


@dataclass(frozen=True)
class Recipe:
    """How a default VAE is built and trained.

    Attributes:
        latent_dim: number of latent dimensions.
        hidden: widths of the encoder's layers; the decoder has them in reverse.
        epochs: passes over the training images.
        learning_rate: Adam's at the start; it falls along a cosine to zero.
        batch_size: images in a batch; 250 divides 60,000, so XLA compiles one shape only.
    """

    latent_dim: int
    hidden: tuple
    epochs: int
    learning_rate: float
    batch_size: int = 250


TWO_DIMENSIONS = Recipe(latent_dim=2, hidden=(256, 128, 64), epochs=7, learning_rate=4e-3)
SIXTEEN_DIMENSIONS = Recipe(latent_dim=16, hidden=(384, 256), epochs=17, learning_rate=3e-3)


def build(recipe, images, beta=1.0):
    """A compiled VAE for `images`, started at their mean image, not yet trained.

    Args:
        recipe: a `Recipe`; `dataclasses.replace` makes one with other settings.
        images: training images, as `VAE` takes them.
        beta: weight of the KL.
    """
    check_images(images)
    vae = VAE(
        Encoder(recipe.hidden),
        LatentDistribution(recipe.latent_dim),
        Decoder(recipe.hidden[::-1]),
        beta=beta,
    )
    vae.start_at_mean_image(images)
    steps = recipe.epochs * -(-len(images) // recipe.batch_size)
    learning_rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    vae.compile(optimizer=keras.optimizers.Adam(learning_rate))
    return vae


def train(recipe, images, beta=1.0, **fit_arguments):
    """Build a VAE and train it.

    Args:
        recipe, images, beta: as for `build`.
        **fit_arguments: for `VAE.fit`, such as `callbacks` or `validation_data`.

    Returns:
        The trained VAE and what `fit` returned.
    """
    vae = build(recipe, images, beta)
    arguments = {"epochs": recipe.epochs, "batch_size": recipe.batch_size, "verbose": 0}
    history = vae.fit(images, **{**arguments, **fit_arguments})
    return vae, history
