"""The three parts of a VAE: `Encoder`, `LatentDistribution`, `Decoder`.

Three layers that know nothing of each other; `vae.VAE` composes them. `ConvEncoder`, `ConvDecoder`
and `TransposedDecoder` keep the contracts of `Encoder` and `Decoder`, so each can be swapped alone:

    encoder   images (batch, *image_shape) in [0, 1]  ->  features (batch, n)
    latent    features (batch, n)                     ->  z_mean, z_log_var (batch, latent_dim)
    decoder   z (batch, latent_dim)                   ->  logits (batch, *image_shape)

`image_shape` is (height, width, channels): the decoder is told, the encoders see it. `training`
reaches every layer, so Dropout and BatchNormalization work inside a part.
"""

import keras
import tensorflow as tf

from vae_helpers.elbo import MAX_LOG_VAR, gaussian_kl
from vae_helpers.noise import ReplicaSeeds
from vae_helpers.precision import stack

# The widest posterior that the head gives has a variance of exp(4) = 55; the prior's is 1.
# Without a bound, at a high rate, the log variances of some images can leap to 100 within two or
# three steps; the square of the KL's gradient then overflows in Adam, and every weight becomes NaN.
# And a trained encoder can throw one image out to 30: cut at 4, its KL is 25 nats a dimension. Cut
# at 10 it would be 11,000, and move the mean of ten thousand images by a nat.
WIDEST_LOG_VAR = 4.0


@keras.saving.register_keras_serializable(package="vae_helpers")
class Encoder(keras.layers.Layer):
    """Images to features, by dense layers.

    Args:
        hidden: width of each dense layer.
    """

    prefers_jit_on_cpu = True  # XLA makes dense layers 1.2 to 1.8 times faster

    def __init__(self, hidden=(256, 128, 64, 32), **kwargs):
        super().__init__(**kwargs)
        self.hidden = tuple(int(units) for units in hidden)
        dense = [keras.layers.Dense(units, activation="silu") for units in self.hidden]
        self.network = stack(self, [keras.layers.Flatten(), *dense])

    def build(self, images_shape):
        self.network.build(images_shape)

    def call(self, images, training=False):
        """Return features (batch, hidden[-1]) of images (batch, *image_shape)."""
        return self.network(images, training=training)

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden}


@keras.saving.register_keras_serializable(package="vae_helpers")
class ConvEncoder(keras.layers.Layer):
    """Images to features, by strided convolutions.

    Args:
        filters: channels of each convolution; each halves height and width.
        units: width of the dense layer that ends it.
    """

    prefers_jit_on_cpu = False  # XLA makes convolutions slower on a CPU

    def __init__(self, filters=(32, 64), units=128, **kwargs):
        super().__init__(**kwargs)
        self.filters = tuple(int(channels) for channels in filters)
        self.units = int(units)
        convolutions = [
            keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="silu")
            for channels in self.filters
        ]
        self.network = stack(
            self,
            [
                *convolutions,
                keras.layers.Flatten(),
                keras.layers.Dense(self.units, activation="silu"),
            ],
        )

    def build(self, images_shape):
        self.network.build(images_shape)

    def call(self, images, training=False):
        """Return features (batch, units) of images (batch, *image_shape)."""
        return self.network(images, training=training)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "units": self.units}


@keras.saving.register_keras_serializable(package="vae_helpers")
class LatentDistribution(keras.layers.Layer):
    """The posterior q(z|x): a diagonal Gaussian whose parameters are read off the features.

    It estimates the log variance: any real number is a valid one, which cannot be said of a
    variance.

    Args:
        latent_dim: number of latent dimensions.
        seed: seed of the sampling noise; None follows `settings.seed_everything`.
    """

    def __init__(self, latent_dim, seed=None, **kwargs):
        super().__init__(**kwargs)
        if int(latent_dim) != latent_dim or latent_dim < 1:
            raise ValueError(f"latent_dim is {latent_dim!r}, expected a whole number above 0")
        self.latent_dim = int(latent_dim)
        self.seed = seed
        # float32 under mixed precision too: in float16, exp overflows at 11.
        self.z_mean = keras.layers.Dense(self.latent_dim, dtype="float32", name="z_mean")
        self.z_log_var = keras.layers.Dense(self.latent_dim, dtype="float32", name="z_log_var")
        self.noise = ReplicaSeeds(seed)

    def build(self, features_shape):
        self.z_mean.build(features_shape)
        self.z_log_var.build(features_shape)

    def call(self, features):
        """Return z_mean and z_log_var, each (batch, latent_dim), of features (batch, n).

        z_log_var is at most `WIDEST_LOG_VAR`.
        """
        return self.z_mean(features), tf.minimum(self.z_log_var(features), WIDEST_LOG_VAR)

    def sample(self, z_mean, z_log_var):
        """Return one z ~ q(z|x) for each image, shape (batch, latent_dim).

        Half the log variance is the log standard deviation. The noise does not depend on the
        weights, so gradients flow through `z_mean` and `z_log_var`.
        """
        noise = keras.random.normal(tf.shape(z_mean), seed=self.noise)
        z_log_var = tf.minimum(z_log_var, MAX_LOG_VAR)
        return z_mean + tf.exp(0.5 * z_log_var) * noise

    def kl(self, z_mean, z_log_var):
        """Return KL(q(z|x) || N(0, I)), shape (batch,), nats per image."""
        return gaussian_kl(z_mean, z_log_var)

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim, "seed": self.seed}


@keras.saving.register_keras_serializable(package="vae_helpers")
class Decoder(keras.layers.Layer):
    """A code z to the logits of an image, by dense layers.

    Args:
        hidden: width of each dense layer.
        image_shape: height, width and channels of the image.
    """

    prefers_jit_on_cpu = True

    def __init__(self, hidden=(32, 64, 128, 256), image_shape=(28, 28, 1), **kwargs):
        super().__init__(**kwargs)
        self.hidden = tuple(int(units) for units in hidden)
        self.image_shape = tuple(int(size) for size in image_shape)
        dense = [keras.layers.Dense(units, activation="silu") for units in self.hidden]
        pixels = self.image_shape[0] * self.image_shape[1] * self.image_shape[2]
        self.network = stack(
            self,
            [
                *dense,
                keras.layers.Dense(pixels, use_bias=False),
                keras.layers.Reshape(self.image_shape),
            ],
        )

    def build(self, z_shape):
        self.network.build(z_shape)
        self.output_bias = self.add_weight(
            shape=self.image_shape, initializer="zeros", name="output_bias"
        )

    def call(self, z, training=False):
        """Return logits (batch, *image_shape) of codes z (batch, latent_dim)."""
        return self.network(z, training=training) + self.output_bias

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden, "image_shape": self.image_shape}


@keras.saving.register_keras_serializable(package="vae_helpers")
class ConvDecoder(keras.layers.Layer):
    """A code z to the logits of an image, by convolutions on a grid of a quarter of its size.

    It is built for speed, and not what a convolutional decoder usually is (`TransposedDecoder`):
    the last convolution gives each cell of the grid 16 numbers a channel, which `depth_to_space`
    lays out as 4 x 4 pixels, in a third of the time of transposed convolutions on a CPU.

    Args:
        filters: channels on the grid.
        units: width of the dense layer that starts it.
        image_shape: height, width and channels of the image; both sides are multiples of 4.

    Raises:
        ValueError: if a side is no multiple of 4.
    """

    prefers_jit_on_cpu = False

    def __init__(self, filters=64, units=128, image_shape=(28, 28, 1), **kwargs):
        super().__init__(**kwargs)
        self.filters = int(filters)
        self.units = int(units)
        self.image_shape = tuple(int(size) for size in image_shape)
        height, width, channels = self.image_shape
        rows, columns = (_quarter(side, self.image_shape) for side in (height, width))
        self.network = stack(
            self,
            [
                keras.layers.Dense(self.units, activation="silu"),
                keras.layers.Dense(rows * columns * self.filters, activation="silu"),
                keras.layers.Reshape((rows, columns, self.filters)),
                keras.layers.Conv2D(self.filters, 7, padding="same", activation="silu"),
                keras.layers.Conv2D(16 * channels, 1, use_bias=False),
            ],
        )

    def build(self, z_shape):
        self.network.build(z_shape)
        self.output_bias = self.add_weight(
            shape=self.image_shape, initializer="zeros", name="output_bias"
        )

    def call(self, z, training=False):
        """Return logits (batch, *image_shape) of codes z (batch, latent_dim)."""
        cells = self.network(z, training=training)
        return tf.nn.depth_to_space(cells, 4) + self.output_bias

    def get_config(self):
        own = {"filters": self.filters, "units": self.units, "image_shape": self.image_shape}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="vae_helpers")
class TransposedDecoder(keras.layers.Layer):
    """A code z to the logits of an image, by strided transposed convolutions: the usual way.

    Two of them double a grid of a quarter of the image's size twice, as `ConvEncoder` halves it. It
    has fewer weights than `ConvDecoder` and takes more time.

    Args:
        filters: channels on the grid, and after each transposed convolution.
        units: width of the dense layer that starts it.
        image_shape: height, width and channels of the image; both sides are multiples of 4.

    Raises:
        ValueError: if there are not three numbers of channels, or a side is no multiple of 4.
    """

    prefers_jit_on_cpu = False

    def __init__(self, filters=(32, 32, 16), units=128, image_shape=(28, 28, 1), **kwargs):
        super().__init__(**kwargs)
        self.filters = tuple(int(channels) for channels in filters)
        if len(self.filters) != 3:
            raise ValueError(
                f"filters is {self.filters}, expected three numbers: the channels on the grid, and "
                "after each of the two transposed convolutions"
            )
        self.units = int(units)
        self.image_shape = tuple(int(size) for size in image_shape)
        height, width, channels = self.image_shape
        rows, columns = (_quarter(side, self.image_shape) for side in (height, width))
        grid, *doubled = self.filters
        self.network = stack(
            self,
            [
                keras.layers.Dense(self.units, activation="silu"),
                keras.layers.Dense(rows * columns * grid, activation="silu"),
                keras.layers.Reshape((rows, columns, grid)),
                *(
                    keras.layers.Conv2DTranspose(n, 3, strides=2, padding="same", activation="silu")
                    for n in doubled
                ),
                keras.layers.Conv2D(channels, 3, padding="same", use_bias=False),
            ],
        )

    def build(self, z_shape):
        self.network.build(z_shape)
        self.output_bias = self.add_weight(
            shape=self.image_shape, initializer="zeros", name="output_bias"
        )

    def call(self, z, training=False):
        """Return logits (batch, *image_shape) of codes z (batch, latent_dim)."""
        return self.network(z, training=training) + self.output_bias

    def get_config(self):
        own = {"filters": self.filters, "units": self.units, "image_shape": self.image_shape}
        return {**super().get_config(), **own}


def _quarter(side, image_shape):
    if side % 4:
        below, above = side // 4 * 4, (side // 4 + 1) * 4
        nearest = f"{below} or {above}" if below else f"{above}"
        raise ValueError(
            f"image_shape is {image_shape}, expected sides that are multiples of 4, since each "
            f"cell of the decoder's grid is 4 x 4 pixels: the nearest to {side} are {nearest}"
        )
    return side // 4
