"""Other objectives than reconstruction + beta * kl, each a few lines on the `objective` hook.

    AnnealedVAE          beta rises from 0 while training goes on, once or in cycles
    FreeBitsVAE          the first nats of each latent dimension are free
    CapacityVAE          the KL is drawn to a number of nats
    BetaConditionedVAE   one model for all betas: it is told which

What they report as reconstruction, kl and elbo is the plain VAE's; only `loss` is what they
minimise. Whatever changes in training follows the optimizer's own count of steps: a callback would
see one batch in 64 (`steps_per_execution`), four epochs are too few to change anything per epoch,
and a counter inside the loss would also count the batches of `evaluate`. The count is saved with a
compiled model, and a model that was never compiled has no steps before it: its objective is the
one that training ends with.
"""

import math
import numbers

import keras
import tensorflow as tf

from vae_helpers.elbo import gaussian_kl_per_dimension
from vae_helpers.images import images_of, unit_interval
from vae_helpers.noise import ReplicaSeeds
from vae_helpers.priors import StandardNormal
from vae_helpers.vae import VAE


def steps_taken(vae) -> tf.Tensor | None:
    """Return the training steps behind a model as a float; None where it was never compiled."""
    if getattr(vae, "optimizer", None) is None:
        return None
    return tf.cast(tf.convert_to_tensor(vae.optimizer.iterations), tf.float32)


@keras.saving.register_keras_serializable(package="vae_helpers")
class AnnealedVAE(VAE):
    """A VAE whose beta is multiplied by a weight that rises from 0 to 1 in a straight line.

    With one cycle this is KL annealing, or warm-up: at first the code is free. With more, the
    weight drops back to 0 at the start of each. After `steps` it stays 1.

    Args:
        encoder, latent, decoder: as for `VAE`.
        steps: training steps that all cycles take together; a step is a batch.
        cycles: how often the weight rises.
        rise: share of a cycle in which it rises, above 0 and at most 1; 1.0 for the rest.
        **kwargs: beta, likelihood and prior, as for `VAE`.

    Raises:
        ValueError: if steps or cycles is no whole number above 0, or rise no such share.

    Source: Bowman et al. (2016), arXiv:1511.06349, and Sønderby et al. (2016), arXiv:1602.02282;
        cycles: Fu et al. (2019), arXiv:1903.10145, with 4 cycles and half of each rising.
    """

    def __init__(self, encoder, latent, decoder, steps, cycles=1, rise=0.5, **kwargs):
        self.steps = _whole_number(steps, "steps")
        self.cycles = _whole_number(cycles, "cycles")
        self.rise = float(rise)
        if not 0.0 < self.rise <= 1.0:
            raise ValueError(f"rise is {rise!r}, expected a share of a cycle above 0, at most 1")
        super().__init__(encoder, latent, decoder, **kwargs)

    def weight_at(self, step) -> tf.Tensor:
        """Return what beta is multiplied by after that many steps, a number from 0 to 1."""
        step = tf.cast(step, tf.float32)
        within = (step * self.cycles / self.steps) % 1.0  # share of the cycle that is over
        return tf.where(step < self.steps, tf.minimum(within / self.rise, 1.0), 1.0)

    def objective(self, reconstruction, kl, forward):
        """Return reconstruction + weight * beta * kl of each image, (batch,), in nats."""
        step = steps_taken(self)
        weight = 1.0 if step is None else self.weight_at(step)
        return super().objective(reconstruction, weight * kl, forward)

    def get_config(self):
        own = {"steps": self.steps, "cycles": self.cycles, "rise": self.rise}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="vae_helpers")
class FreeBitsVAE(VAE):
    """A VAE that pays for a latent dimension only what is above a floor.

    A dimension's KL, as a mean over the batch, costs no less than `floor` nats. Below that it
    has no gradient: emptying it saves nothing.

    Args:
        encoder, latent, decoder: as for `VAE`.
        floor: nats that each dimension may use for free, 0 or more; 0 is the plain VAE.
        **kwargs: beta and likelihood, as for `VAE`. The prior is N(0, I): the KL to another does
            not come apart into dimensions.

    Raises:
        ValueError: if floor is no such number, or the prior is another one.

    Source: Kingma et al. (2016), "Improving variational inference with inverse autoregressive
        flow", arXiv:1606.04934.
    """

    def __init__(self, encoder, latent, decoder, floor, **kwargs):
        self.floor = _nats(floor, "floor")
        if not isinstance(kwargs.get("prior") or StandardNormal(1), StandardNormal):
            raise ValueError(
                f"prior is a {type(kwargs['prior']).__name__}, expected StandardNormal: only its "
                "KL comes apart into dimensions"
            )
        super().__init__(encoder, latent, decoder, **kwargs)

    def objective(self, reconstruction, kl, forward):
        """Return reconstruction + beta * what is paid of the KL, (batch,), in nats."""
        each = gaussian_kl_per_dimension(forward["z_mean"], forward["z_log_var"])
        paid = tf.maximum(tf.reduce_mean(each, axis=0), self.floor)
        return super().objective(reconstruction, tf.reduce_sum(paid), forward)

    def get_config(self):
        return {**super().get_config(), "floor": self.floor}


@keras.saving.register_keras_serializable(package="vae_helpers")
class CapacityVAE(VAE):
    """A VAE that minimises reconstruction + beta * |KL - capacity|, the KL a mean over the batch.

    Args:
        encoder, latent, decoder: as for `VAE`.
        capacity: nats per image that the code shall use, 0 or more.
        beta: how much a nat of distance from it costs; gamma in the paper.
        steps: training steps in which the capacity rises from 0 in a straight line; at once with 0.
        **kwargs: likelihood and prior, as for `VAE`.

    Raises:
        ValueError: if capacity or steps is no such number.

    Source: Burgess et al. (2018), "Understanding disentangling in beta-VAE", arXiv:1804.03599.
    """

    def __init__(self, encoder, latent, decoder, capacity, beta=10.0, steps=0, **kwargs):
        self.capacity = _nats(capacity, "capacity")
        self.steps = _whole_number(steps, "steps", lowest=0)
        super().__init__(encoder, latent, decoder, beta=beta, **kwargs)

    def objective(self, reconstruction, kl, forward):
        """Return reconstruction + beta * |mean KL - capacity now|, (batch,), in nats."""
        step, capacity = steps_taken(self), self.capacity
        if self.steps and step is not None:
            capacity *= tf.minimum(step / self.steps, 1.0)
        distance = tf.abs(tf.reduce_mean(kl) - capacity)
        return super().objective(reconstruction, distance, forward)

    def get_config(self):
        return {**super().get_config(), "capacity": self.capacity, "steps": self.steps}


@keras.saving.register_keras_serializable(package="vae_helpers")
class Modulation(keras.layers.Layer):
    """Scale and shift values by functions of one number a row (FiLM).

    Args:
        units: width of the hidden layer that reads the number.

    Source: Perez et al. (2018), "FiLM: Visual reasoning with a general conditioning layer",
        arXiv:1709.07871.
    """

    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = int(units)
        self.hidden = self._dense(self.units, activation="silu")

    def _dense(self, units, **arguments):
        return keras.layers.Dense(units, dtype=self.dtype_policy, **arguments)

    def build(self, values_shape):
        self.hidden.build((None, 1))
        self.both = self._dense(2 * values_shape[-1], kernel_initializer="zeros")
        self.both.build((None, self.units))

    def call(self, values, number):
        """Return values (batch, n), scaled and shifted as `number` (batch,) asks; same shape."""
        scale, shift = tf.split(self.both(self.hidden(number[:, None])), 2, axis=1)
        return values * (1.0 + scale) + shift

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="vae_helpers")
class BetaConditionedVAE(VAE):
    """One VAE for all betas from `lowest` to `highest`: the encoder and the decoder are told beta.

    In training each image gets its own beta, log-uniform between the two. Outside of it the model
    is the VAE of the beta that `vae.beta` holds: set it, then encode, decode or evaluate.

    Args:
        encoder, latent, decoder: as for `VAE`; no part knows of beta.
        lowest, highest: the betas of training, both above 0.
        **kwargs: beta (that of use), likelihood and prior, as for `VAE`.

    Raises:
        ValueError: if lowest and highest are no two numbers above 0, the lower one first.

    Source: after Bae et al. (2023), "Multi-rate VAE: train once, get the full rate-distortion
        curve", ICLR 2023, arXiv:2212.03905, who scale every layer of both networks; here it is
        two places.
    """

    def __init__(self, encoder, latent, decoder, lowest=0.1, highest=100.0, **kwargs):
        self.lowest, self.highest = float(lowest), float(highest)
        if not 0.0 < self.lowest < self.highest < math.inf:
            raise ValueError(
                f"lowest is {lowest!r} and highest {highest!r}, expected two finite betas above 0, "
                "the lower one first"
            )
        policies = encoder.dtype_policy, decoder.dtype_policy
        self.of_features, self.of_codes = (Modulation(dtype=policy) for policy in policies)
        self.betas_noise = ReplicaSeeds()
        super().__init__(encoder, latent, decoder, **kwargs)

    def call(self, inputs, training=False):
        """Do what `VAE.call` does, at betas that are drawn anew in training; they are returned."""
        n = tf.shape(images_of(inputs))[0]
        betas = self.draw_betas(n) if training else self.betas_of(inputs, n)
        forward = super().call({"images": images_of(inputs), "betas": betas}, training)
        return {**forward, "betas": betas}

    def posterior(self, inputs, training=False) -> tuple:
        """Return z_mean and z_log_var of q(z|x, beta), each (batch, latent_dim)."""
        images = unit_interval(images_of(inputs), self.image_shape)
        features = self.encoder(images, training=training)
        told = self.of_features(features, self._where(inputs, tf.shape(features)[0]))
        return self.latent(told, training=training)

    def outputs(self, z, inputs=None, training=False) -> tf.Tensor:
        """Return what the decoder gives for codes z, told the beta that they come from."""
        told = self.of_codes(z, self._where(inputs, tf.shape(z)[0]))
        return self.decoder(told, training=training)

    def objective(self, reconstruction, kl, forward):
        """Return (reconstruction + beta * kl) / sqrt(max(beta, 1)), each image at its own beta.

        Undivided, an image at a beta of 100 would pull on the shared weights so hard that those
        at low betas were hardly heard. The best model of any one beta is the same.
        """
        betas = forward["betas"]
        return (reconstruction + betas * kl) / tf.sqrt(tf.maximum(betas, 1.0))

    def draw_betas(self, n) -> tf.Tensor:
        """Return n betas, log-uniform from `lowest` to `highest`, shape (n,)."""
        low, high = math.log(self.lowest), math.log(self.highest)
        return tf.exp(keras.random.uniform((n,), low, high, seed=self.betas_noise))

    def betas_of(self, inputs, n) -> tf.Tensor:
        """Return the betas (n,) that inputs hold beside the images; n times `beta` where none."""
        if isinstance(inputs, dict) and "betas" in inputs:
            return inputs["betas"]
        return tf.fill((n,), tf.convert_to_tensor(self.beta_variable))

    def _where(self, inputs, n):
        """Where the logarithm of beta lies: -1 at the lowest, 1 at the highest."""
        low, high = math.log(self.lowest), math.log(self.highest)
        return 2.0 * (tf.math.log(self.betas_of(inputs, n)) - low) / (high - low) - 1.0

    @VAE.beta.setter
    def beta(self, value):
        """Ask for the VAE of this beta, within the betas of training."""
        if not self.lowest <= float(value) <= self.highest:
            raise ValueError(
                f"beta is {value!r}, expected one from {self.lowest:g} to {self.highest:g}: the "
                "model was trained for those"
            )
        VAE.beta.fset(self, value)

    def get_config(self):
        return {**super().get_config(), "lowest": self.lowest, "highest": self.highest}


def _whole_number(value, name, lowest=1) -> int:
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < lowest:
        raise ValueError(f"{name} is {value!r}, expected a whole number from {lowest} up")
    return int(value)


def _nats(value, name) -> float:
    if not 0.0 <= float(value) < math.inf:
        raise ValueError(f"{name} is {value!r}, expected a finite number of nats from 0 up")
    return float(value)
