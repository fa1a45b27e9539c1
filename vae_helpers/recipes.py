"""The default models: settings that were measured, in one place.

`benchmarks/choose.py` chose all of them on held-out training images; `benchmarks/speed.py` and
`benchmarks/table.py` measure them on the test images. `BENCHMARK` holds the networks of the
benchmark table: one search for each network and data set, reused for every latent dimension.
"""

from dataclasses import dataclass

import keras

from vae_helpers.images import check_images, image_shape_of
from vae_helpers.parts import (
    ConvDecoder,
    ConvEncoder,
    Decoder,
    Encoder,
    LatentDistribution,
    TransposedDecoder,
)
from vae_helpers.vae import VAE


@dataclass(frozen=True)
class Recipe:
    """How a default VAE is built and trained.

    Attributes:
        latent_dim: number of latent dimensions.
        hidden: widths of the encoder's layers; the decoder has them in reverse.
        epochs: passes over the training images.
        learning_rate: Adam's at the start; it falls along a cosine to zero.
        batch_size: images in a batch; 60 divides 60,000, so XLA compiles one shape only.
        filters: channels of the encoder's strided convolutions; () for dense layers alone. With
            filters, `hidden` is the width of the one dense layer beside the code, and the decoder
            convolves with filters[0] channels.
        transposed: with filters, whether the decoder is the usual `TransposedDecoder` instead of
            the faster `ConvDecoder`.
    """

    latent_dim: int
    hidden: tuple
    epochs: int
    learning_rate: float
    batch_size: int = 60
    filters: tuple = ()
    transposed: bool = False

    def encoder(self):
        """Return a fresh encoder."""
        if self.filters:
            return ConvEncoder(self.filters, *self.hidden)
        return Encoder(self.hidden)

    def decoder(self, image_shape=(28, 28, 1)):
        """Return a fresh decoder of images of that shape."""
        if self.filters and self.transposed:
            grid = self.filters[0]
            return TransposedDecoder((grid, grid, grid // 2), *self.hidden, image_shape=image_shape)
        if self.filters:
            return ConvDecoder(self.filters[0], *self.hidden, image_shape=image_shape)
        return Decoder(self.hidden[::-1], image_shape)


TWO_DIMENSIONS = Recipe(latent_dim=2, hidden=(128, 128, 64, 32), epochs=4, learning_rate=6e-3)
SIXTEEN_DIMENSIONS = Recipe(latent_dim=16, hidden=(384, 256), epochs=8, learning_rate=2e-3)
# Half the time of the first, for a first look: the pictures are nearly as good.
QUICK = Recipe(latent_dim=2, hidden=(128, 128, 64, 32), epochs=2, learning_rate=7e-3)
# What variants are compared with and built on: small enough to train a dozen times in a class.
SMALL = Recipe(latent_dim=16, hidden=(256, 128), epochs=4, learning_rate=4e-3)


# (data set, network) -> recipe; the latent dimension is the table's other axis.
BENCHMARK = {
    ("Fashion-MNIST", "MLP"): Recipe(16, (384, 256), epochs=8, learning_rate=2e-3),
    ("Fashion-MNIST", "convolution"): Recipe(
        16, (128,), epochs=3, learning_rate=4e-3, filters=(32, 64)
    ),
    ("Fashion-MNIST", "transposed convolution"): Recipe(
        16, (128,), epochs=3, learning_rate=4e-3, filters=(32, 64), transposed=True
    ),
    ("A-Z letters", "MLP"): Recipe(16, (384, 256), epochs=40, learning_rate=2e-3),
    ("A-Z letters", "convolution"): Recipe(
        16, (128,), epochs=20, learning_rate=4e-3, filters=(32, 64)
    ),
    ("A-Z letters", "transposed convolution"): Recipe(
        16, (128,), epochs=20, learning_rate=4e-3, filters=(32, 64), transposed=True
    ),
}


def build(recipe: Recipe, images, beta: float = 1.0, likelihood=None) -> VAE:
    """Return a compiled VAE for `images`, started at their mean image, not yet trained.

    Args:
        recipe: a `Recipe`; `dataclasses.replace` makes one with other settings.
        images: training images, as `VAE` takes them.
        beta: weight of the KL.
        likelihood: one of `likelihoods`; `Bernoulli()` when None.
    """
    check_images(images)
    latent = LatentDistribution(recipe.latent_dim)
    encoder, decoder = recipe.encoder(), recipe.decoder(image_shape_of(images))
    vae = VAE(encoder, latent, decoder, beta, likelihood)
    vae.start_at_mean_image(images)
    steps = recipe.epochs * -(-len(images) // recipe.batch_size)
    learning_rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    vae.compile(optimizer=keras.optimizers.Adam(learning_rate))
    return vae


def train(recipe: Recipe, images, beta: float = 1.0, likelihood=None, **fit_arguments) -> tuple:
    """Build a VAE and train it.

    Args:
        recipe: as for `build`.
        images: as for `build`.
        beta: as for `build`.
        likelihood: as for `build`.
        **fit_arguments: for `VAE.fit`, such as `callbacks` or `validation_data`.

    Returns:
        The trained VAE and what `fit` returned.
    """
    vae = build(recipe, images, beta, likelihood)
    arguments = {"epochs": recipe.epochs, "batch_size": recipe.batch_size, "verbose": 0}
    history = vae.fit(images, **{**arguments, **fit_arguments})
    return vae, history
