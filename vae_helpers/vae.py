"""`VAE`: an encoder, a latent distribution and a decoder, trained by Keras' own loop.

A variant overrides hooks and inherits the rest: `posterior` and `outputs` say how a code and a
picture are reached, `objective` what training minimises, `prior` where codes come from. What is
reported as reconstruction, kl and elbo comes from `terms` and never changes its meaning.
"""

import contextlib
import math
import numbers

import keras
import numpy as np
import tensorflow as tf

import vae_helpers.parts  # noqa: F401  registers the parts, so that load_model finds them
from vae_helpers.checks import check_input, fault_of_sampler, warn_if_unregistered
from vae_helpers.images import (
    batches,
    check_images,
    images_of,
    mean_image,
    rows_in_batch,
    unit_interval,
)
from vae_helpers.likelihoods import Bernoulli
from vae_helpers.precision import with_scaled_loss
from vae_helpers.priors import StandardNormal

PARTS = ("encoder", "latent", "decoder", "likelihood", "prior")
REPORTED = ("reconstruction", "kl", "elbo", "extra")


@keras.saving.register_keras_serializable(package="vae_helpers")
class VAE(keras.Model):
    """A variational autoencoder composed of three parts.

    Training minimises, as a mean over images, `objective` = reconstruction + beta * kl, with
    reconstruction = -log p(x|z) for one sample z ~ q(z|x). `fit` and `evaluate` report
    `loss`, `reconstruction`, `kl` and `elbo` = -(reconstruction + kl), all in nats per image;
    with beta = 1 the loss is minus the ELBO. Losses that parts add (regularisers) are added to
    `loss` and reported as `extra`; they are no part of the ELBO.

    Images may be uint8 0-255 or floats in [0, 1], of shape (n, height, width) or
    (n, height, width, channels), as arrays, as a `tf.data.Dataset` of batches or as a
    `keras.utils.PyDataset`; labels beside them are not used. Arrays are checked whole, datasets by
    their first batch.

    Args:
        encoder: images (batch, *image_shape) -> features.
        latent: features -> (z_mean, z_log_var), with `sample` and `kl`.
        decoder: z -> logits (batch, *image_shape); has `image_shape`, and `output_bias` for
            `start_at_mean_image`.
        beta: weight of the KL, 0 or more; it may be changed between two calls of `fit`.
        likelihood: what the decoder's outputs mean, one of `likelihoods`; `Bernoulli()` when None,
            and only then are the outputs logits in the strict sense.
        prior: where codes come from, one of `priors`; `StandardNormal` when None.

    Source: Kingma & Welling (2014), arXiv:1312.6114; beta: Higgins et al. (2017).
    """

    def __init__(self, encoder, latent, decoder, beta=1.0, likelihood=None, prior=None, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})  # the parts may compute in 16 bits
        self.encoder = encoder
        self.latent = latent
        self.decoder = decoder
        self.likelihood = likelihood or Bernoulli()
        self.prior = prior or StandardNormal(latent.latent_dim)
        # A variable, so that a compiled training step sees a new value.
        self.beta_variable = self.add_weight(shape=(), trainable=False, name="beta")
        self.beta = beta
        self.trackers = {name: keras.metrics.Mean(name=name) for name in REPORTED}
        self.adds_losses = False  # whether a part adds a loss of its own: seen in training
        # Build all weights now, so that the model can be saved before it is trained.
        self(self.example_input())

    # --- the model: what variants override ----------------------------------------------------

    def example_input(self):
        """Return what `call` takes, as Keras' placeholders."""
        return keras.Input(self.image_shape)

    def posterior(self, inputs, training: bool = False) -> tuple:
        """Return z_mean and z_log_var of q(z|x), each (batch, latent_dim)."""
        images = unit_interval(images_of(inputs), self.image_shape)
        return self.latent(self.encoder(images, training=training), training=training)

    def outputs(self, z, inputs=None, training: bool = False) -> tf.Tensor:
        """Return what the decoder gives for codes z: the outputs of the likelihood."""
        return self.decoder(z, training=training)

    def call(self, inputs, training: bool = False) -> dict:
        """Encode, draw one z for each image, decode: what the ELBO is estimated from."""
        z_mean, z_log_var = self.posterior(inputs, training)
        z = self.latent.sample(z_mean, z_log_var)
        logits = self.outputs(z, inputs, training)
        return {"z_mean": z_mean, "z_log_var": z_log_var, "z": z, "logits": logits}

    def terms(self, inputs, forward: dict) -> tuple:
        """Return reconstruction and KL of each image, both (batch,), in nats: always the ELBO's.

        Args:
            inputs: what `call` was given.
            forward: what `call` returned for it.
        """
        images = unit_interval(images_of(inputs), self.image_shape)
        reconstruction = -self.likelihood.log_likelihood(images, forward["logits"])
        kl = self.prior.kl(self.latent, forward["z_mean"], forward["z_log_var"], forward["z"])
        return reconstruction, kl

    def objective(self, reconstruction, kl, forward: dict) -> tf.Tensor:
        """Return what training minimises, for each image or as one number.

        Args:
            reconstruction: -log p(x|z) of each image, (batch,), in nats.
            kl: the KL of each image, (batch,), in nats.
            forward: what `call` returned, for objectives that need the code itself.
        """
        return reconstruction + self.beta_variable * kl

    # --- the loss -----------------------------------------------------------------------------

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the loss of one batch, from the inputs `x` and what `call` returned for them."""
        if sample_weight is not None:
            raise ValueError("sample_weight is not used by this loss: leave it out")
        reconstruction, kl = self.terms(x, y_pred)
        # What parts added, regularisers for one; half precision included.
        added = self.losses  # asked once: Keras computes the regularisers at each look
        extra = sum(tf.cast(loss, tf.float32) for loss in added)
        self.adds_losses = len(added) > 0
        self.trackers["reconstruction"].update_state(reconstruction)
        self.trackers["kl"].update_state(kl)
        self.trackers["elbo"].update_state(-(reconstruction + kl))
        self.trackers["extra"].update_state(extra)
        if training:
            images = unit_interval(images_of(x), self.image_shape)
            self.likelihood.adapt(images, y_pred["logits"])
        loss = tf.reduce_mean(self.objective(reconstruction, kl, y_pred)) + extra
        # tf.distribute ADDS the replicas' gradients. Keras divides its own losses for that,
        # but cannot know of a loss computed by hand.
        return loss / tf.distribute.get_strategy().num_replicas_in_sync

    def get_metrics_result(self):
        """Return what `fit` and `evaluate` report; `extra` only where a part adds a loss."""
        result = super().get_metrics_result()
        return {name: result[name] for name in result if name != "extra" or self.adds_losses}

    @property
    def image_shape(self) -> tuple:
        """Height, width and channels of an image."""
        return tuple(self.decoder.image_shape)

    @property
    def latent_dim(self) -> int:
        """Number of latent dimensions."""
        return self.latent.latent_dim

    @property
    def beta(self) -> float:
        """Weight of the KL in the loss."""
        return float(self.beta_variable.numpy())

    @beta.setter
    def beta(self, value):
        if not 0.0 <= float(value) < float("inf"):
            raise ValueError(f"beta is {value!r}, expected a finite number from 0 up")
        self.beta_variable.assign(float(value))

    # --- Keras' loop, with images checked and the fast settings chosen ----------------------

    def compile(
        self, optimizer="adam", *, jit_compile="auto", steps_per_execution="auto", **kwargs
    ):
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
        if kwargs.get("auto_scale_loss", True):
            optimizer = with_scaled_loss(optimizer, self.encoder, self.decoder)
        chosen = {"jit_compile": jit_compile, "steps_per_execution": steps_per_execution}
        super().compile(optimizer=optimizer, **chosen, **kwargs)

    def get_compile_config(self):
        """What `compile` was asked for: "auto" is decided anew where the model is loaded."""
        config = super().get_compile_config()
        return {**config, **self._asked} if config else config

    def compile_from_config(self, config):
        """Compile as before saving; Keras leaves this to models with a `compile` of their own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.build_optimizers()

    def build_optimizers(self):
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, y=None, *, validation_data=None, **kwargs):
        """`keras.Model.fit` on images; see the class for the forms they may take.

        Arguments after `y` are given by name.
        """
        check_input(x, "x", self.image_shape)
        if validation_data is not None:
            inputs = validation_data[0] if isinstance(validation_data, tuple) else validation_data
            check_input(inputs, "validation_data", self.image_shape)
        self._keep_to(kwargs.get("steps_per_epoch"), kwargs.get("validation_steps"))
        with self._explained():
            return super().fit(x, y, validation_data=validation_data, **kwargs)

    def evaluate(self, x=None, y=None, **kwargs):
        """`keras.Model.evaluate`: one sample of z for each image."""
        check_input(x, "x", self.image_shape)
        self._keep_to(kwargs.get("steps"))
        with self._explained():
            return super().evaluate(x, y, **kwargs)

    def predict(self, x, **kwargs):
        """Return reconstructions in [0, 1], decoded from z_mean: the same at every call."""
        check_input(x, "x", self.image_shape)
        self._keep_to(kwargs.get("steps"))
        return super().predict(x, **kwargs)

    def predict_step(self, data):
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        z_mean, _ = self.posterior(inputs)
        return self.likelihood.mean(self.outputs(z_mean, inputs))

    def __call__(self, *args, **kwargs):
        with self._explained():
            return super().__call__(*args, **kwargs)

    @contextlib.contextmanager
    def _explained(self):
        """Say in plain words when it is the sampler that fails: TensorFlow names two shapes."""
        try:
            yield
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            if fault := fault_of_sampler(self.latent):
                raise ValueError(fault) from error
            raise

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

    def start_at_mean_image(self, images) -> None:
        """Start the decoder at the mean image: its output bias becomes that image's outputs.

        Training then begins at the cost of the best constant picture instead of spending its
        first steps on finding it. Call it before `fit`.
        """
        check_images(images, "images", self.image_shape)
        # Pixels that are always black would ask for a logit of minus infinity.
        mean = np.clip(mean_image(images), 1e-3, 1 - 1e-3)
        self.decoder.output_bias.assign(self.likelihood.outputs_for(mean))

    def encode(self, images) -> tuple:
        """Return z_mean and z_log_var of q(z|x), arrays of shape (n, latent_dim)."""
        check_images(images_of(images), "images", self.image_shape)
        codes = [self.posterior(batch) for batch in batches(images)]
        z_mean, z_log_var = zip(*codes, strict=True)
        return np.concatenate(z_mean), np.concatenate(z_log_var)

    def decode(self, z) -> np.ndarray:
        """Return images in [0, 1] for codes z of shape (n, latent_dim): (n, *image_shape).

        Each pixel is the mean of p(x|z), not a sample from it.
        """
        return self._mean_images({"z": self._checked_codes(z)})

    def _mean_images(self, inputs):
        """Decode codes z and what a variant's decoder needs beside them, in batches."""
        rows = rows_in_batch(math.prod(self.image_shape))
        parts = [self.outputs(batch["z"], batch) for batch in batches(inputs, rows)]
        return np.concatenate([self.likelihood.mean(part) for part in parts])

    def _checked_codes(self, z):
        z = np.asarray(z, dtype="float32")
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"z has shape {z.shape}, expected (n, {self.latent_dim})")
        return z

    def reconstruct(self, images) -> np.ndarray:
        """Encode, take z_mean, decode: array (n, *image_shape) in [0, 1]."""
        z_mean, _ = self.encode(images)
        return self.decode(z_mean)

    def generate(self, n: int, seed: int | None = None, prior=None) -> np.ndarray:
        """Draw n codes z ~ p(z) and decode them: array (n, *image_shape) in [0, 1].

        Args:
            n: number of images, at least 1.
            seed: whole number; the same seed gives the same images.
            prior: where the codes come from, one of `priors`; the model's own when None.
        """
        if not isinstance(n, numbers.Integral) or isinstance(n, bool) or n < 1:
            raise ValueError(f"n is {n!r}, expected a whole number above 0")
        return self.decode((prior or self.prior).sample(int(n), seed=seed))

    # --- saving -----------------------------------------------------------------------------

    def save(self, *args, **kwargs):
        """`keras.Model.save`; it warns of classes that Keras could not find when loading."""
        for part in (self, *(getattr(self, name) for name in PARTS)):
            warn_if_unregistered(type(part))
        super().save(*args, **kwargs)

    def get_config(self):
        parts = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in PARTS}
        return {**super().get_config(), **parts, "beta": self.beta}

    @classmethod
    def from_config(cls, config):
        # An older file names no likelihood and no prior: it has the default ones.
        saved = [name for name in PARTS if name in config]
        parts = {name: keras.saving.deserialize_keras_object(config[name]) for name in saved}
        return cls(**{**config, **parts})
