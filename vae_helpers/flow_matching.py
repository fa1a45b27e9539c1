"""`FlowPrior`: a velocity field that carries noise to codes, learned by flow matching.

On the straight line x_t = (1 - t) noise + t code stands, for each pair, the velocity code - noise.
The field is the mean of these velocities over all pairs that pass through a point at time t. It is
learned as any mean is, by squared errors. Following it from t = 0 to 1 carries N(0, I) to the
distribution of the codes.

Source: Lipman et al. (2023), "Flow matching for generative modeling", arXiv:2210.02747; Liu, Gong &
    Liu (2023), "Flow straight and fast", arXiv:2209.03003.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.elbo import gaussian_log_density
from vae_helpers.learned_priors import checked_codes, seeds_from
from vae_helpers.noise import ReplicaSeeds
from vae_helpers.priors import Prior

FREQUENCIES = 4  # of the sines and cosines that tell the network the time


@keras.saving.register_keras_serializable(package="vae_helpers")
class FlowPrior(Prior):
    """A prior that carries N(0, I) along a learned velocity field; `fit` makes one from codes.

    Codes are shifted and scaled to mean 0 and deviation 1. Were they Gaussian, the field would be
    known: a multiple of x. A network of two hidden layers adds what is missing, at first nothing.
    With two layers, its divergence is a bilinear form in the slopes of the activations and costs
    as much as the field itself, in any dimension; so the density is exact but for the steps of the
    integration.

    With classes, the field may be told a label, and `guidance` exaggerates what the label changes:
    v = v(no label) + guidance * (v(label) - v(no label)). 1 is the field of that label, 0 that of
    no label. (In the notation of Ho & Salimans, guidance is 1 + w.)

    Args:
        latent_dim: number of latent dimensions.
        classes: number of classes; 0 for a field that knows no labels.
        units: width of both hidden layers.
        steps: steps from noise to code, each by Heun's method: two looks at the field.

    Source: see the module; guidance: Ho & Salimans (2022), arXiv:2207.12598; the density: Chen et
        al. (2018), "Neural ordinary differential equations", arXiv:1806.07366.
    """

    def __init__(self, latent_dim, classes=0, units=256, steps=20, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim, self.classes = int(latent_dim), int(classes)
        self.units, self.steps = int(units), int(steps)
        context = 1 + 2 * FREQUENCIES + self.classes
        self.first, self.second = (self._dense(self.units) for _ in range(2))
        self.last = self._dense(self.latent_dim, kernel_initializer="zeros")
        self.first.build((None, self.latent_dim + context))
        self.second.build((None, self.units + context))
        self.last.build((None, self.units))
        # The field lives where codes have mean 0 and deviation 1 in each dimension.
        fixed = {"shape": (self.latent_dim,), "trainable": False}
        self.shift = self.add_weight(**fixed, initializer="zeros", name="shift")
        self.scale = self.add_weight(**fixed, initializer="ones", name="scale")

    def _dense(self, units, **arguments):
        return keras.layers.Dense(units, dtype=self.dtype_policy, **arguments)

    @classmethod
    def fit(
        cls,
        codes,
        labels=None,
        classes: int = 0,
        *,
        updates: int = 5_000,
        batch_size: int = 500,
        learning_rate: float = 2e-3,
        unlabelled: float = 0.2,
        seed: int = 0,
        **settings,
    ):
        """Return a flow trained to carry N(0, I) to the distribution of the codes.

        Args:
            codes: samples of q(z|x), one or more of each image, (n, latent_dim).
            labels: their classes, (n,) whole numbers below `classes`; None for a flow without.
            classes: number of classes.
            updates: steps of Adam, its rate falling along a cosine to zero.
            batch_size: codes in a step.
            learning_rate: Adam's at the start.
            unlabelled: the share of codes whose label is withheld in a step, so that one network
                learns the field with a label and without.
            seed: of its weights and of everything random in training.
            **settings: `units` and `steps` of the flow.

        Raises:
            ValueError: if the codes are no finite matrix, or the labels do not fit.
        """
        codes = checked_codes(codes)
        labels = _checked_labels(labels, classes, len(codes))
        keras.utils.set_random_seed(seed)
        prior = cls(codes.shape[1], classes, **settings)
        prior.shift.assign(codes.mean(axis=0))
        prior.scale.assign(np.maximum(codes.std(axis=0), 1e-6))
        batch_size = min(batch_size, len(codes))
        batches = len(codes) // batch_size
        epochs = math.ceil(updates / batches)
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * batches)
        matching = FlowMatching(prior, unlabelled if classes else 1.0, seed)
        matching.compile(keras.optimizers.Adam(schedule), steps_per_execution=math.gcd(batches, 60))
        # Whole batches only, so that one shape is compiled.
        chosen = np.random.default_rng(seed).permutation(len(codes))[: batches * batch_size]
        pairs = {"codes": codes[chosen], "labels": labels[chosen]}
        matching.fit(pairs, batch_size=batch_size, epochs=epochs, verbose=0)
        return prior

    # --- the field ------------------------------------------------------------------------------

    def velocity(self, x, t, labels=None, guidance: float = 1.0) -> tf.Tensor:
        """Return the velocity at points x and times t, (batch, latent_dim), in standard units.

        Args:
            x: points on the way, (batch, latent_dim), where codes have mean 0 and deviation 1.
            t: times from 0 (noise) to 1 (codes), one number or (batch, 1).
            labels: (batch,) whole numbers, -1 where there is none; None for no labels.
            guidance: how much of what the label changes is used; see the class.
        """
        velocity = self._field(x, t, labels)[0]
        if labels is None or guidance == 1.0:
            return velocity
        without = self._field(x, t, None)[0]
        return without + guidance * (velocity - without)

    def _context(self, x, t, labels):
        """Time and label as the network sees them, (batch, 1 + 2 FREQUENCIES + classes)."""
        time = tf.zeros_like(x[:, :1]) + tf.cast(t, x.dtype)
        angles = math.pi * time * tf.range(1, FREQUENCIES + 1, dtype=x.dtype)
        if labels is None:
            labels = tf.fill([tf.shape(x)[0]], -1)
        label = tf.one_hot(tf.cast(labels, tf.int32), self.classes, dtype=x.dtype)
        return tf.concat([time, tf.sin(angles), tf.cos(angles), label], axis=1)

    def _field(self, x, t, labels):
        """The velocity, and the inputs of both activations."""
        context = self._context(x, t, labels)
        one = self.first(tf.concat([x, context], axis=1))
        two = self.second(tf.concat([tf.nn.silu(one), context], axis=1))
        return _gaussian_factor(t) * x + self.last(tf.nn.silu(two)), one, two

    def divergence(self, x, t, labels=None) -> tuple:
        """Return the velocity and its divergence, (batch, latent_dim) and (batch,).

        The network's Jacobian is W3 S2 W2 S1 W1, with the diagonal slopes S of the activations. Its
        trace is s1' M s2 with M = W2 * (W3 W1), entry by entry: no loop over dimensions. `t` is one
        number here.
        """
        velocity, one, two = self._field(x, t, labels)
        w1 = tf.convert_to_tensor(self.first.kernel)[: self.latent_dim]
        w2 = tf.convert_to_tensor(self.second.kernel)[: self.units]
        m = w2 * tf.transpose(tf.convert_to_tensor(self.last.kernel) @ w1)
        trace = tf.reduce_sum((_slope(one) @ m) * _slope(two), axis=1)
        return velocity, trace + self.latent_dim * _gaussian_factor(t)

    # --- the prior ------------------------------------------------------------------------------

    def path(self, noise, labels=None, guidance: float = 1.0, steps: int | None = None) -> list:
        """Return where noise is after each step: `steps` + 1 tensors (n, latent_dim) of codes.

        Args:
            noise: samples of N(0, I), (n, latent_dim).
            labels: (n,) whole numbers; None for no labels.
            guidance: see the class.
            steps: of equal length; the flow's own number when None.
        """
        steps = steps or self.steps
        labels = self._labels(labels)
        x = tf.convert_to_tensor(noise, tf.float32)
        places, dt = [x], 1 / steps
        for step in range(steps):
            t = step * dt
            first = self.velocity(x, t, labels, guidance)
            second = self.velocity(x + dt * first, t + dt, labels, guidance)
            x = x + 0.5 * dt * (first + second)
            places.append(x)
        return [self.shift + self.scale * place for place in places]

    def sample(self, n: int, seed: int | None = None, labels=None, guidance=1.0) -> tf.Tensor:
        """Return n codes, shape (n, latent_dim).

        Args:
            n: number of codes.
            seed: whole number; the same seed gives the same noise, whatever the labels.
            labels: (n,) whole numbers; None for no labels.
            guidance: see the class.
        """
        noise = keras.random.normal((int(n), self.latent_dim), seed=seeds_from(seed, 1)[0])
        return self.path(noise, labels, guidance)[-1]

    def log_density(self, z, labels=None) -> tf.Tensor:
        """Return log p(z), shape (batch,), nats, following the field back to its noise.

        Along a path, log p changes by minus the divergence of the field. Exact but for the length
        of the steps: compare with another number of `steps`.

        Args:
            z: codes, (batch, latent_dim).
            labels: (batch,) whole numbers for log p(z|label); None for no labels.
        """
        labels = self._labels(labels)
        x = (tf.cast(z, tf.float32) - self.shift) / self.scale
        log_volume, dt = tf.zeros_like(x[:, 0]), 1 / self.steps
        for step in range(self.steps, 0, -1):
            t = step * dt
            first, first_divergence = self.divergence(x, t, labels)
            second, second_divergence = self.divergence(x - dt * first, t - dt, labels)
            x = x - 0.5 * dt * (first + second)
            log_volume += 0.5 * dt * (first_divergence + second_divergence)
        log_noise = gaussian_log_density(x, tf.zeros_like(x), tf.zeros_like(x))
        return log_noise - log_volume - tf.reduce_sum(tf.math.log(self.scale))

    def _labels(self, labels):
        if labels is not None and not self.classes:
            raise ValueError(
                "labels were given, but this flow knows none: fit it with labels and classes"
            )
        return labels

    def get_config(self):
        own = {"latent_dim": self.latent_dim, "classes": self.classes}
        return {**super().get_config(), **own, "units": self.units, "steps": self.steps}


class FlowMatching(keras.Model):
    """What trains a `FlowPrior`: its `call` returns the squared error of each code's pair.

    Args:
        prior: the `FlowPrior`.
        unlabelled: the share of labels that are withheld.
        seed: of noise, times and what is withheld.
    """

    def __init__(self, prior, unlabelled=0.2, seed=0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})  # as its prior
        self.prior, self.unlabelled = prior, float(unlabelled)
        self.seeds = ReplicaSeeds(seed)

    def call(self, inputs):
        """Return |v(x_t, t) - (code - noise)|^2, (batch,), with fresh noise and times."""
        codes = (inputs["codes"] - self.prior.shift) / self.prior.scale
        noise = keras.random.normal(tf.shape(codes), seed=self.seeds)
        rows = (tf.shape(codes)[0], 1)
        t, dice = (keras.random.uniform(rows, seed=self.seeds) for _ in range(2))
        labels = tf.where(dice[:, 0] < self.unlabelled, -1, tf.cast(inputs["labels"], tf.int32))
        velocity = self.prior.velocity((1 - t) * noise + t * codes, t, labels)
        return tf.reduce_sum(tf.square(velocity - (codes - noise)), axis=1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return tf.reduce_mean(y_pred)


def _gaussian_factor(t):
    """The field of codes that are N(0, I) themselves is this times x: Cov(v, x_t) / Var(x_t)."""
    return (2 * t - 1) / (t**2 + (1 - t) ** 2)


def _slope(x):
    """The derivative of silu."""
    gate = tf.sigmoid(x)
    return gate * (1 + x * (1 - gate))


def _checked_labels(labels, classes, count):
    """Labels as whole numbers (count,), -1 for none."""
    if (labels is None) != (classes == 0):
        raise ValueError(
            f"classes is {classes} and labels are {'missing' if labels is None else 'given'}, "
            "expected both or neither"
        )
    if labels is None:
        return np.full(count, -1, np.int32)
    labels = np.asarray(labels)
    fits = labels.shape == (count,) and labels.dtype.kind in "iu"
    if not fits or not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}, expected {count} whole numbers "
            f"from 0 to {classes - 1}, one for each code"
        )
    return labels.astype(np.int32)
