"""Pictures compared by features instead of pixels: `FeatureVAE`, and the adversarial `VAEGAN`.

Both measure how far a reconstruction is from its image in the features of a second network. That
of `FeatureVAE` was trained beforehand and stays as it is; that of `VAEGAN` is trained along, to
tell real images from drawn ones. What they report as reconstruction, kl and elbo is what every
`VAE` reports, of pixels; but training minimises something else, which bounds no log p(x).
"""

import keras
import tensorflow as tf

from vae_helpers.images import images_of, unit_interval
from vae_helpers.noise import ReplicaSeeds
from vae_helpers.precision import at_least_float32, stack, with_scaled_loss
from vae_helpers.vae import VAE


def feature_error(features, other) -> tf.Tensor:
    """Return half the sum of squared differences of each image's features, shape (batch,).

    It is minus the log of a Gaussian density of `features` around `other` with a sigma of 1, up to
    a constant. A weight w before it stands for a sigma of 1 / sqrt(w).

    Args:
        features: (batch, ...), any number of axes.
        other: the same shape.
    """
    squares = tf.square(at_least_float32(features) - at_least_float32(other))
    return 0.5 * tf.reduce_sum(squares, axis=tuple(range(1, squares.shape.rank)))


@keras.saving.register_keras_serializable(package="vae_helpers")
class FeatureVAE(VAE):
    """A VAE whose pictures are compared by the features of a network that was trained before.

    Training minimises pixel_weight * reconstruction + feature_weight * feature_error + beta * kl;
    the error is that between the features of an image and those of its reconstruction.

    Args:
        encoder: as for `VAE`.
        latent: as for `VAE`.
        decoder: as for `VAE`.
        extract: a layer or model, images (batch, *image_shape) in [0, 1] -> features (batch, ...).
            It is frozen, and saved with the model.
        feature_weight: weight of the feature error, 0 or more.
        pixel_weight: weight of the reconstruction of pixels, 0 or more.
        **kwargs: beta, likelihood and prior, as for `VAE`.

    Source: Hou, Shen, Sun & Qiu (2017), "Deep Feature Consistent Variational Autoencoder", WACV
        2017, arXiv:1610.00291.
    """

    def __init__(
        self, encoder, latent, decoder, extract, feature_weight=1.0, pixel_weight=0.0, **kwargs
    ):
        self.extract = extract
        self.extract.trainable = False
        self.feature_weight = _checked(feature_weight, "feature_weight")
        self.pixel_weight = _checked(pixel_weight, "pixel_weight")
        super().__init__(encoder, latent, decoder, **kwargs)

    def call(self, inputs, training: bool = False) -> dict:
        """Return what `VAE.call` does, and the `feature_error` of each image, (batch,)."""
        forward = super().call(inputs, training)
        images = unit_interval(images_of(inputs), self.image_shape)
        redrawn = self.likelihood.mean(forward["logits"])
        # Said, since Keras would hand down this call's own: Dropout would compare the two images
        # through two different masks.
        features = [self.extract(pictures, training=False) for pictures in (images, redrawn)]
        return {**forward, "feature_error": feature_error(*features)}

    def objective(self, reconstruction, kl, forward: dict) -> tf.Tensor:
        """Return the weighted sum of pixels, features and KL, (batch,)."""
        similarity = self.feature_weight * forward["feature_error"]
        return self.pixel_weight * reconstruction + similarity + self.beta_variable * kl

    def _jit_is_faster(self):
        return super()._jit_is_faster() and _is_faster_with_jit(self.extract)

    def get_config(self):
        own = {"feature_weight": self.feature_weight, "pixel_weight": self.pixel_weight}
        extract = keras.saving.serialize_keras_object(self.extract)
        return {**super().get_config(), **own, "extract": extract}

    @classmethod
    def from_config(cls, config):
        extract = keras.saving.deserialize_keras_object(config["extract"])
        return super().from_config({**config, "extract": extract})


@keras.saving.register_keras_serializable(package="vae_helpers")
class Discriminator(keras.layers.Layer):
    """Images to features, and to one logit: is this a real image?

    Strided convolutions, whose outputs are the features, then two dense layers.

    Args:
        filters: channels of each convolution; each halves height and width.
        units: width of the dense layer before the logit.
        spectral: whether each training step divides each kernel by its largest singular value, as
            one power iteration estimates it; that bounds how steeply the logit rises from one image
            to another.

    Source: Miyato, Kataoka, Koyama & Yoshida (2018), "Spectral Normalization for Generative
        Adversarial Networks", ICLR 2018, arXiv:1802.05957.
    """

    prefers_jit_on_cpu = False

    def __init__(self, filters=(24, 48), units=64, spectral=True, **kwargs):
        super().__init__(**kwargs)
        self.filters = tuple(int(channels) for channels in filters)
        self.units = int(units)
        self.spectral = bool(spectral)
        shape = {"kernel_size": 4, "strides": 2, "padding": "same", "activation": "leaky_relu"}
        convolutions = [keras.layers.Conv2D(channels, **shape) for channels in self.filters]
        dense = [keras.layers.Dense(self.units, activation="leaky_relu"), keras.layers.Dense(1)]
        self.extract = stack(self, [self._bounded(layer) for layer in convolutions])
        flat = keras.layers.Flatten()
        self.judge = stack(self, [flat, *(self._bounded(layer) for layer in dense)])

    def _bounded(self, layer):
        layer.dtype_policy = self.dtype_policy  # also inside the wrapper
        return keras.layers.SpectralNormalization(layer) if self.spectral else layer

    def build(self, images_shape):
        self.extract.build(images_shape)
        self.judge.build(self.extract.compute_output_shape(images_shape))

    def call(self, images, training=False):
        """Return features (batch, ...) and logits (batch,), above 0 for what it holds for real."""
        features = self.extract(images, training=training)
        return features, self.judge(features, training=training)[:, 0]

    def get_config(self):
        own = {"filters": self.filters, "units": self.units, "spectral": self.spectral}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="vae_helpers")
class VAEGAN(VAE):
    """A VAE and a discriminator, trained against each other.

    The discriminator sees real images and drawn ones: their reconstructions, and as many images
    that were decoded from z ~ p(z). Each part has a loss of its own, and only its own weights
    follow that loss:

        encoder        objective = likeness + beta * kl
        decoder        gamma * likeness + how surely its images are found out
        discriminator  cross-entropy of telling real from drawn

    with likeness = feature_weight * feature_error + pixel_weight * reconstruction; the features are
    the discriminator's.

    `fit` and `evaluate` report them as `loss`, `decoder_loss` and `discriminator_loss`, with
    `feature_error` and how often the discriminator is right, `real_right` and `drawn_right`; and
    reconstruction, kl and elbo of pixels, although nothing minimises their sum. Losses that parts
    add (regularisers) count for the encoder alone.

    Args:
        encoder: as for `VAE`.
        latent: as for `VAE`; it follows the encoder's loss, as a prior with weights does.
        decoder: as for `VAE`.
        discriminator: images (batch, *image_shape) in [0, 1] -> features (batch, ...) and logits
            (batch,), as `Discriminator` gives them.
        feature_weight: weight of the feature error, 0 or more.
        pixel_weight: weight of the reconstruction of pixels, 0 or more; 0 in the paper.
        gamma: weight of the likeness against the discriminator's verdict, for the decoder.
        **kwargs: beta, likelihood and prior, as for `VAE`.

    Source: Larsen, Sønderby, Larochelle & Winther (2016), "Autoencoding beyond pixels using a
        learned similarity metric", ICML 2016, arXiv:1512.09300.
    """

    def __init__(
        self,
        encoder,
        latent,
        decoder,
        discriminator,
        feature_weight=1.0,
        pixel_weight=0.0,
        gamma=1.0,
        **kwargs,
    ):
        self.discriminator = discriminator
        self.feature_weight = _checked(feature_weight, "feature_weight")
        self.pixel_weight = _checked(pixel_weight, "pixel_weight")
        self.gamma = _checked(gamma, "gamma")
        self.noise = ReplicaSeeds(latent.seed)
        names = "feature_error", "decoder_loss", "discriminator_loss", "real_right", "drawn_right"
        self.more_trackers = {name: keras.metrics.Mean(name=name) for name in names}
        super().__init__(encoder, latent, decoder, **kwargs)

    # --- three losses --------------------------------------------------------------------------

    def call(self, inputs, training: bool = False) -> dict:
        """Return what `VAE.call` does, and what the discriminator says.

        Beside it stand `feature_error` and `likeness` (batch,), and the logits of the real images
        `real_logits` (batch,) and of the drawn ones `drawn_logits` (2 * batch,).
        """
        forward = super().call(inputs, training)
        images = unit_interval(images_of(inputs), self.image_shape)
        z = self.prior.sample(tf.shape(images)[0], seed=self.noise)
        outputs = tf.concat([forward["logits"], self.outputs(z, inputs, training)], axis=0)
        # All at once: each call in training would move the spectral normalisation.
        seen = tf.concat([images, self.likelihood.mean(outputs)], axis=0)
        features, logits = map(at_least_float32, self.discriminator(seen, training=training))
        of_real, of_redrawn, _ = tf.split(features, 3)
        real, redrawn, new = tf.split(logits, 3)
        verdict = {"real_logits": real, "drawn_logits": tf.concat([redrawn, new], axis=0)}
        error = feature_error(of_real, of_redrawn)
        reconstruction, _ = self.terms(inputs, forward)
        likeness = self.feature_weight * error + self.pixel_weight * reconstruction
        return {**forward, **verdict, "feature_error": error, "likeness": likeness}

    def objective(self, reconstruction, kl, forward: dict) -> tf.Tensor:
        """Return the encoder's loss of each image, (batch,)."""
        return forward["likeness"] + self.beta_variable * kl

    def decoder_loss(self, forward: dict) -> tf.Tensor:
        """Return the decoder's loss, a number.

        Beside the likeness it is the mean of -log of the probability of being real that the
        discriminator gives to a drawn image: the gradient is largest where it is found out.
        """
        found_out = tf.reduce_mean(tf.nn.softplus(-forward["drawn_logits"]))
        return self.gamma * tf.reduce_mean(forward["likeness"]) + found_out

    def discriminator_loss(self, forward: dict) -> tf.Tensor:
        """Return the discriminator's loss, a number: 2 log 2 = 1.39 where it can only guess."""
        real = tf.reduce_mean(tf.nn.softplus(-forward["real_logits"]))
        return real + tf.reduce_mean(tf.nn.softplus(forward["drawn_logits"]))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the encoder's loss of one batch, and keep what is reported beside it."""
        values = {
            "feature_error": y_pred["feature_error"],
            "decoder_loss": self.decoder_loss(y_pred),
            "discriminator_loss": self.discriminator_loss(y_pred),
            "real_right": tf.cast(y_pred["real_logits"] > 0, tf.float32),
            "drawn_right": tf.cast(y_pred["drawn_logits"] < 0, tf.float32),
        }
        for name, value in values.items():
            self.more_trackers[name].update_state(value)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    # --- one step: each loss moves its own part ------------------------------------------------

    def weights_of_parts(self) -> dict:
        """Return the weights that follow each loss: a list for each of the three names."""
        encoder = self.encoder, self.latent, self.prior
        return {
            "encoder": [weight for part in encoder for weight in part.trainable_variables],
            "decoder": self.decoder.trainable_variables,
            "discriminator": self.discriminator.trainable_variables,
        }

    def losses_of_parts(self, inputs, training: bool = True) -> dict:
        """Return the three losses of one batch, a number each, under the names of the parts."""
        forward = self(inputs, training=training)
        encoder = self.compute_loss(inputs, y_pred=forward, training=training)
        losses = {"decoder": self.decoder_loss(forward)}
        losses["discriminator"] = self.discriminator_loss(forward)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return {"encoder": encoder} | {name: loss / replicas for name, loss in losses.items()}

    def train_step(self, data):
        """Take one step of each part along its own loss, all from the same batch."""
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        optimizers = {"encoder": self.optimizer, "decoder": self.optimizer}
        optimizers["discriminator"] = self.discriminator_optimizer
        with tf.GradientTape(persistent=True) as tape:
            losses = self.losses_of_parts(inputs)
            # For float16 an optimiser wants gradients of a larger loss, and divides them again.
            scaled = {name: optimizers[name].scale_loss(losses[name]) for name in optimizers}
        weights = self.weights_of_parts()
        gradients = {name: tape.gradient(scaled[name], weights[name]) for name in weights}
        del tape
        self.optimizer.apply(
            gradients["encoder"] + gradients["decoder"], weights["encoder"] + weights["decoder"]
        )
        self.discriminator_optimizer.apply(gradients["discriminator"], weights["discriminator"])
        next(m for m in self.metrics if m.name == "loss").update_state(losses["encoder"])
        return self.get_metrics_result()

    def compile(self, optimizer="adam", discriminator_optimizer="adam", **kwargs):
        """`VAE.compile` with a second optimiser.

        Args:
            optimizer: of encoder and decoder.
            discriminator_optimizer: of the discriminator; callbacks that change a rate change that
                of the first only.
            **kwargs: as for `VAE.compile`.
        """
        super().compile(optimizer, **kwargs)
        self.discriminator_optimizer = keras.optimizers.get(discriminator_optimizer)
        if kwargs.get("auto_scale_loss", True):
            self.discriminator_optimizer = with_scaled_loss(
                discriminator_optimizer, self.discriminator
            )

    def _jit_is_faster(self):
        return super()._jit_is_faster() and _is_faster_with_jit(self.discriminator)

    # --- saving: both optimisers go on where they were ------------------------------------------

    def get_compile_config(self):
        config = super().get_compile_config()
        if not config:  # not compiled
            return config
        second = keras.saving.serialize_keras_object(self.discriminator_optimizer)
        return {**config, "discriminator_optimizer": second}

    def build_optimizers(self):
        """Make the variables of both optimisers, each for the weights that follow its losses."""
        weights = self.weights_of_parts()
        self.optimizer.build(weights["encoder"] + weights["decoder"])
        self.discriminator_optimizer.build(weights["discriminator"])

    def get_config(self):
        names = "feature_weight", "pixel_weight", "gamma"
        own = {name: getattr(self, name) for name in names}
        discriminator = keras.saving.serialize_keras_object(self.discriminator)
        return {**super().get_config(), **own, "discriminator": discriminator}

    @classmethod
    def from_config(cls, config):
        discriminator = keras.saving.deserialize_keras_object(config["discriminator"])
        return super().from_config({**config, "discriminator": discriminator})


def _is_faster_with_jit(part):
    on_gpu = bool(tf.config.list_logical_devices("GPU"))
    return on_gpu or getattr(part, "prefers_jit_on_cpu", False)


def _checked(weight, name):
    if not 0.0 <= float(weight) < float("inf"):
        raise ValueError(f"{name} is {weight!r}, expected a finite number from 0 up")
    return float(weight)
