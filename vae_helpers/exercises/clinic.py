"""The clinic of notebook 06: how its patients are trained, and the instruments they are seen with.

The patients' own code is in `patients`.
"""

import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from vae_helpers import settings
from vae_helpers.audit import audit_loss, health_report
from vae_helpers.exercises.patients import PATIENTS, healthy_loss
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE, unit_interval

LATENTS = 8
STEPS = 10  # batches between two entries of a log


def probes() -> tuple:
    """Return 16 random images, logits, z_mean and z_log_var to try a loss on; always the same."""
    rng = np.random.default_rng(6)
    arrays = (
        rng.uniform(size=(16, 28, 28, 1)),
        rng.normal(scale=2.0, size=(16, 28, 28, 1)),
        rng.normal(size=(16, LATENTS)),
        rng.uniform(-4, 1, size=(16, LATENTS)),
    )
    return tuple(array.astype("float32") for array in arrays)


def right_sample(z_mean, z_log_var):
    """Return z ~ N(z_mean, exp(z_log_var)), as the course's own sampler does."""
    return z_mean + tf.exp(0.5 * z_log_var) * tf.random.normal(tf.shape(z_mean))


def mistakes(loss: Callable) -> tuple:
    """Return the mistakes that the audit finds in a loss."""
    return audit_loss(loss, latent_dim=LATENTS).mistakes


class Sampler(LatentDistribution):
    """The course's q(z|x), sampled from by a function of our choice."""

    def __init__(self, sample):
        super().__init__(LATENTS)
        self.sample_with = sample

    def sample(self, z_mean, z_log_var):
        return self.sample_with(z_mean, z_log_var)


class Patient(VAE):
    """The course's VAE, trained with whatever loss and sampler it is given.

    Its log holds that loss, the true terms of its own z, and what `honest` says of it.

    Args:
        loss: function of images, logits, z_mean and z_log_var.
        sample: function of z_mean and z_log_var; None for the course's own.
        honest: function of images, z_mean, z_log_var and the decoder.
    """

    def __init__(self, loss: Callable, sample: Callable | None, honest: Callable):
        latent = Sampler(sample) if sample else LatentDistribution(LATENTS)
        super().__init__(Encoder((256, 128)), latent, Decoder((128, 256)))
        self.loss_fn, self.honest = loss, honest
        self.log = {"batch": []}

    def example_input(self):
        if "honest" not in self.trackers:  # asked while it is built: later Keras takes no more
            self.trackers["honest"] = keras.metrics.Mean(name="honest")
        return super().example_input()

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        super().compute_loss(x, y, y_pred)  # keeps reconstruction, kl and elbo as they are
        images, codes = unit_interval(x), (y_pred["z_mean"], y_pred["z_log_var"])
        self.trackers["honest"].update_state(self.honest(images, *codes, self.decoder))
        return tf.reduce_mean(self.loss_fn(images, y_pred["logits"], *codes))

    def write(self, logs) -> None:
        """Add an entry to the log, and begin the next."""
        self.log["batch"].append(STEPS * len(self.log["batch"]))
        for name, value in logs.items():
            self.log.setdefault(name, []).append(float(value))
        self.reset_metrics()

    def last(self, name: str) -> float:
        """Return the last entry of the log, a mean over ten batches."""
        return self.log[name][-1]


class Book(keras.callbacks.Callback):
    """Writes the log, from before the first step on."""

    def __init__(self, images):
        super().__init__()
        self.images = images

    def on_train_begin(self, logs=None):
        vae = self.model
        loss = vae.compute_loss(self.images, y_pred=vae(self.images))
        vae.write({**vae.get_metrics_result(), "loss": loss})

    def on_train_batch_end(self, batch, logs=None):
        if (batch + 1) % STEPS == 0:
            self.model.write(logs)


def train(images, epochs, honest, code=healthy_loss, learning_rate=2e-3, batch_size=100) -> Patient:
    """Return a VAE trained with a loss or a sampler: same seed, images and optimiser for all.

    Args:
        images: training images.
        epochs: passes over them.
        honest: see `Patient`.
        code: a loss; a class of losses whose `set` takes the weight of the KL, which then rises
            from 0 to 1 over the first half of the epochs; or a sampler.
        learning_rate: Adam's.
        batch_size: images in a batch.
    """
    settings.seed_everything(6)
    callbacks = [Book(images[:1000])]
    is_sampler = getattr(code, "__code__", None) is not None and code.__code__.co_argcount == 2
    loss = healthy_loss if is_sampler else code() if isinstance(code, type) else code
    if hasattr(loss, "set"):
        rise = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: loss.set(min(1.0, 2.0 * epoch / epochs))
        )
        callbacks.insert(0, rise)
    vae = Patient(loss, code if is_sampler else None, honest)
    vae.start_at_mean_image(images)
    # Clipped at 100, so that nobody dies before we have had a look.
    adam = keras.optimizers.Adam(learning_rate, global_clipnorm=100.0)
    vae.compile(adam, jit_compile=False, steps_per_execution=1)
    vae.fit(images, epochs=epochs, batch_size=batch_size, verbose=0, callbacks=callbacks)
    vae.train_function = None  # its graph would stay in memory with the model
    return vae


class Clinic:
    """Admits patients, trains each once, and asks instruments about them.

    Args:
        images: training images.
        test_images: for the health report.
        epochs: passes over the training images.
        honest: function of images, z_mean, z_log_var and the decoder: nats, one for each image.
        learning_rate: Adam's, where `admit` names no other.

    Attributes:
        models: name -> trained VAE.
        health: function of a name, the `HealthReport` of that model.
        audit: function of a name, the audit of the loss that this model was trained with.
    """

    def __init__(self, images, test_images, epochs: int, honest: Callable, learning_rate=2e-3):
        self.test_images = test_images
        self.train = functools.partial(train, images, epochs, honest, learning_rate=learning_rate)
        self.models = {}
        self.health = functools.cache(lambda name: health_report(self.models[name], test_images))
        self.audit = functools.cache(
            lambda name: audit_loss(self.models[name].loss_fn, latent_dim=LATENTS)
        )

    def admit(self, name, code: Callable | None = None, **changes) -> Patient:
        """Return the model of this name, trained when it is first asked for.

        Args:
            name: number of a patient, or a name for a training of your own.
            code: a loss, a class of losses or a sampler; the patient's of this number when None.
            **changes: `learning_rate` or `batch_size`.
        """
        if name not in self.models:
            code = PATIENTS[name] if code is None else code
            self.models[name] = self.train(code, **changes)
        return self.models[name]

    def order(self, instrument: str, *names) -> None:
        """Print what an instrument says of patients.

        Args:
            instrument: "books", "log", "audit" or "health".
            *names: of admitted models.
        """
        if instrument not in INSTRUMENTS:
            raise ValueError(f"no {instrument!r} here, expected one of {', '.join(INSTRUMENTS)}")
        for name in names:
            label = f"patient {name}" if isinstance(name, int) else name
            print(f"{label:13s} {INSTRUMENTS[instrument](self, name)}")


def _books(clinic, name):
    reported, honest = (clinic.models[name].last(entry) for entry in ("loss", "honest"))
    return f"reported {_number(reported)} - honest {_number(honest)} = {_number(reported - honest)}"


def _log(clinic, name):
    log = {key: np.array(values) for key, values in clinic.models[name].log.items()}
    with np.errstate(all="ignore"):
        weight = np.median((log["loss"] - log["reconstruction"]) / log["kl"])
    return f"(loss - reconstruction) / KL = {weight:.4g}"


def _audit(clinic, name):
    return ", ".join(clinic.audit(name).mistakes) or "no mistake in the loss"


def _health(clinic, name):
    return ", ".join(clinic.health(name).findings) or "no finding in the model"


def _number(value):
    return f"{value:,.1f}" if abs(value) < 1e6 else f"{value:.1e}"


INSTRUMENTS = {"books": _books, "log": _log, "audit": _audit, "health": _health}
