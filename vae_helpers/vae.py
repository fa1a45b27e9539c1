"""`VAE`: an encoder, a latent distribution and a decoder, trained by Keras' own loop."""

import math
import numbers

import keras
import numpy as np
import tensorflow as tf

import vae_helpers.parts  # noqa: F401  registers the parts, so that load_model finds them
from vae_helpers.data import check_images
from vae_helpers.likelihoods import Bernoulli

PARTS = ("encoder", "latent", "decoder", "likelihood")


def unit_interval(images):
    """Images as float32 (batch, height, width, channels) in [0, 1]; uint8 is divided by 255."""
    images = tf.convert_to_tensor(images)
    scale = 255.0 if images.dtype == tf.uint8 else 1.0
    images = tf.cast(images, tf.float32) / scale
    if images.shape.rank is None:  # Keras shares one graph between (n, 28, 28) and (n, 28, 28, 1)
        return tf.reshape(images, (tf.shape(images)[0], 28, 28, 1))
    return images[..., tf.newaxis] if images.shape.rank == 3 else images


@keras.saving.register_keras_serializable(package="vae_helpers")
class VAE(keras.Model):
    """A variational autoencoder composed of three parts.

    Training minimises, as a mean over images, loss = reconstruction + beta * kl, with
    reconstruction = -log p(x|z) for one sample z ~ q(z|x). `fit` and `evaluate` report
    `loss`, `reconstruction`, `kl` and `elbo` = -(reconstruction + kl), all in nats per image;
    with beta = 1 the loss is minus the ELBO.

    Images may be uint8 0-255 or floats in [0, 1], of shape (n, 28, 28) or (n, 28, 28, 1), as
    arrays, as a `tf.data.Dataset` of batches or as a `keras.utils.PyDataset`; labels beside them
    are not used. Arrays are checked whole, datasets by their first batch.

    Args:
        encoder: images (batch, 28, 28, 1) -> features.
        latent: features -> (z_mean, z_log_var), with `sample` and `kl`.
        decoder: z -> logits (batch, 28, 28, 1); has `image_shape`, and `output_bias` for
            `start_at_mean_image`.
        beta: weight of the KL, 0 or more; it may be changed between two calls of `fit`.
        likelihood: what the decoder's outputs mean, one of `likelihoods`; `Bernoulli()` when None,
            and only then are the outputs logits in the strict sense.

    Source: Kingma & Welling (2014), arXiv:1312.6114; beta: Higgins et al. (2017).
    """

    def __init__(self, encoder, latent, decoder, beta=1.0, likelihood=None, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.latent = latent
        self.decoder = decoder
        self.likelihood = likelihood or Bernoulli()
        # A variable, so that a compiled training step sees a new value.
        self.beta_variable = self.add_weight(shape=(), trainable=False, name="beta")
        self.beta = beta
        self.trackers = {
            name: keras.metrics.Mean(name=name) for name in ("reconstruction", "kl", "elbo")
        }
        # All weights at once: a VAE is whole before it sees an image.
        self(self.example_input())

    # --- the model -------------------------------------------------------------------------

    def example_input(self):
        """What `call` takes, as Keras' placeholders."""
        return keras.Input(self.decoder.image_shape)

    def call(self, images):
        """Encode, draw one z for each image, decode: what the ELBO is estimated from."""
        z_mean, z_log_var = self.latent(self.encoder(unit_interval(images)))
        z = self.latent.sample(z_mean, z_log_var)
        return {"z_mean": z_mean, "z_log_var": z_log_var, "z": z, "logits": self.decoder(z)}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The loss of one batch, from the images `x` and what `call` returned for them."""
        if sample_weight is not None:
            raise ValueError("sample_weight is not used by this loss: leave it out")
        images, outputs = unit_interval(x), y_pred["logits"]
        reconstruction = -self.likelihood.log_likelihood(images, outputs)
        kl = self.latent.kl(y_pred["z_mean"], y_pred["z_log_var"])
        self.trackers["reconstruction"].update_state(reconstruction)
        self.trackers["kl"].update_state(kl)
        self.trackers["elbo"].update_state(-(reconstruction + kl))
        if training:
            self.likelihood.adapt(images, outputs)
        loss = tf.reduce_mean(reconstruction + self.beta_variable * kl)
        # tf.distribute ADDS the replicas' gradients. Keras divides its own losses for that,
        # but cannot know of a loss computed by hand.
        return loss / tf.distribute.get_strategy().num_replicas_in_sync

    @property
    def latent_dim(self):
        """Number of latent dimensions."""
        return self.latent.latent_dim

    @property
    def beta(self):
        """Weight of the KL in the loss."""
        return float(self.beta_variable.numpy())

    @beta.setter
    def beta(self, value):
        if not 0.0 <= float(value) < float("inf"):
            raise ValueError(f"beta is {value!r}, expected a finite number from 0 up")
        self.beta_variable.assign(float(value))

    # --- Keras' loop, with images checked and the fast settings chosen ----------------------

    def compile(self, optimizer="adam", jit_compile="auto", steps_per_execution="auto", **kwargs):
        """`keras.Model.compile` with the settings that are fast for these parts.

        Args:
            optimizer: as in Keras.
            jit_compile: "auto" compiles with XLA where that is faster: on a CPU for dense
                parts, not for convolutions.
            steps_per_execution: batches that run before Python is asked again; "auto" is 64, but
                1 under `tf.distribute`, where Keras fails with more.
            **kwargs: further arguments of `keras.Model.compile`, but no `loss`.
        """
        if kwargs.pop("loss", None) is not None:
            raise ValueError("loss was given, but a VAE computes its own: leave it out")
        self._asked = {"jit_compile": jit_compile, "steps_per_execution": steps_per_execution}
        if jit_compile == "auto":
            jit_compile = self._jit_is_faster()
        if steps_per_execution == "auto":
            steps_per_execution = 1 if self._is_distributed() else 64
        super().compile(
            optimizer=optimizer,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            **kwargs,
        )

    def get_compile_config(self):
        """What `compile` was asked for: "auto" is decided anew where the model is loaded."""
        config = super().get_compile_config()
        return {**config, **self._asked} if config else config

    def compile_from_config(self, config):
        """Compile as before saving; Keras leaves this to models with a `compile` of their own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, y=None, *, validation_data=None, **kwargs):
        """`keras.Model.fit` on images; see the class for the forms they may take.

        Arguments after `y` are given by name.
        """
        _check_input(x, "x")
        if validation_data is not None:
            images = validation_data[0] if isinstance(validation_data, tuple) else validation_data
            _check_input(images, "validation_data")
        if self.losses:
            raise ValueError(
                "a part adds a loss of its own (a regularizer?), which a VAE's loss leaves out: "
                "remove it from the part"
            )
        self._keep_to(kwargs.get("steps_per_epoch"), kwargs.get("validation_steps"))
        return super().fit(x, y, validation_data=validation_data, **kwargs)

    def evaluate(self, x=None, y=None, **kwargs):
        """`keras.Model.evaluate`: one sample of z for each image."""
        _check_input(x, "x")
        self._keep_to(kwargs.get("steps"))
        return super().evaluate(x, y, **kwargs)

    def predict(self, x, **kwargs):
        """Reconstructions in [0, 1], decoded from z_mean: the same at every call."""
        _check_input(x, "x")
        self._keep_to(kwargs.get("steps"))
        return super().predict(x, **kwargs)

    def predict_step(self, data):
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        z_mean, _ = self.latent(self.encoder(unit_interval(images)))
        return self.likelihood.mean(self.decoder(z_mean))

    def _keep_to(self, *steps):
        """Keras runs whole executions, even where fewer batches are asked for: take a divisor."""
        size = math.gcd(self.steps_per_execution, *(number for number in steps if number))
        if size != self.steps_per_execution:
            self.steps_per_execution = size
            self.train_function = self.test_function = self.predict_function = None

    def _is_distributed(self):
        return self.distribute_strategy.num_replicas_in_sync > 1

    def _jit_is_faster(self):
        if self._is_distributed():
            return False
        on_gpu = bool(tf.config.list_logical_devices("GPU"))
        return on_gpu or all(
            getattr(part, "prefers_jit_on_cpu", False) for part in (self.encoder, self.decoder)
        )

    # --- what a trained VAE is for ----------------------------------------------------------

    def start_at_mean_image(self, images):
        """Start the decoder at the mean image: its output bias becomes that image's outputs.

        Training then begins at the cost of the best constant picture instead of spending its
        first steps on finding it. Call it before `fit`.
        """
        check_images(images, "images")
        # Pixels that are always black would ask for a logit of minus infinity.
        mean = np.clip(_mean_image(images), 1e-3, 1 - 1e-3)
        self.decoder.output_bias.assign(self.likelihood.outputs_for(mean))

    def encode(self, images):
        """Parameters of q(z|x): z_mean and z_log_var, arrays of shape (n, latent_dim)."""
        check_images(images, "images")
        codes = [self.latent(self.encoder(unit_interval(batch))) for batch in batches(images)]
        z_mean, z_log_var = zip(*codes, strict=True)
        return np.concatenate(z_mean), np.concatenate(z_log_var)

    def decode(self, z):
        """Images in [0, 1] for the codes z of shape (n, latent_dim): array (n, 28, 28, 1).

        Each pixel is the mean of p(x|z), not a sample from it.
        """
        batches_of_z = batches(self._checked_codes(z))
        return np.concatenate([self.likelihood.mean(self.decoder(batch)) for batch in batches_of_z])

    def _checked_codes(self, z):
        z = np.asarray(z, dtype="float32")
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"z has shape {z.shape}, expected (n, {self.latent_dim})")
        return z

    def reconstruct(self, images):
        """Encode, take z_mean, decode: array (n, 28, 28, 1) in [0, 1]."""
        z_mean, _ = self.encode(images)
        return self.decode(z_mean)

    def generate(self, n, seed=None):
        """Draw n codes z ~ N(0, I) and decode them: array (n, 28, 28, 1) in [0, 1].

        Args:
            n: number of images, at least 1.
            seed: whole number; the same seed gives the same images.
        """
        if not isinstance(n, numbers.Integral) or isinstance(n, bool) or n < 1:
            raise ValueError(f"n is {n!r}, expected a whole number above 0")
        return self.decode(keras.random.normal((int(n), self.latent_dim), seed=seed))

    # --- saving -----------------------------------------------------------------------------

    def get_config(self):
        parts = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in PARTS}
        return {**super().get_config(), **parts, "beta": self.beta}

    @classmethod
    def from_config(cls, config):
        # A model saved before there was a choice of likelihoods names none: it is a Bernoulli.
        saved = [name for name in PARTS if name in config]
        parts = {name: keras.saving.deserialize_keras_object(config[name]) for name in saved}
        return cls(**{**config, **parts})


def _check_input(x, name):
    """Check what Keras' loop is given: an array whole, a dataset by its first batch."""
    if isinstance(x, tuple | list):
        raise ValueError(f"{name} is a {type(x).__name__}: pass images and labels as two arguments")
    if isinstance(x, keras.utils.PyDataset):
        batch = x[0]
        check_images(np.asarray(_images_of(batch)), f"the first batch of {name}")
    elif isinstance(x, tf.data.Dataset):
        batch = next(iter(x.take(1)), None)
        if batch is None:
            raise ValueError(f"{name} is an empty dataset, expected batches of images")
        check_images(np.asarray(_images_of(batch)), f"the first batch of {name}")
    elif isinstance(x, np.ndarray | tf.Tensor):
        check_images(np.asarray(x), name)
    elif isinstance(x, dict) and "images" in x:
        check_images(np.asarray(x["images"]), name)


def _images_of(batch):
    """The images of a batch: alone, before their labels, or by name beside them."""
    if isinstance(batch, tuple):
        batch = batch[0]
    return batch["images"] if isinstance(batch, dict) else batch


def batches(array, size=2048):
    """Slices of `size` rows, so that 60,000 images fit in memory."""
    array = np.asarray(array)
    return (array[start : start + size] for start in range(0, len(array), size))


def _mean_image(images):
    """Mean over images, float64 of shape (height, width, 1) in [0, 1]."""
    images = np.asarray(images)
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    mean = images.mean(axis=0, dtype="float64") / scale
    return mean[..., np.newaxis] if mean.ndim == 2 else mean
