"""Solutions of notebook 04."""

import keras
import numpy as np
import tensorflow as tf

from vae_helpers import parts


class MyEncoder(keras.layers.Layer):
    def __init__(self, hidden=(256, 128, 64, 32), **kwargs):
        super().__init__(**kwargs)
        self.hidden = tuple(hidden)
        dense = [keras.layers.Dense(units, activation="silu") for units in self.hidden]
        self.network = keras.Sequential([keras.layers.Flatten(), *dense])

    def build(self, images_shape):
        self.network.build(images_shape)

    def call(self, images, training=False):
        return self.network(images, training=training)

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden}


encoder = MyEncoder


class MyLatent(keras.layers.Layer):
    def __init__(self, latent_dim, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.z_mean = keras.layers.Dense(latent_dim)
        self.z_log_var = keras.layers.Dense(latent_dim)

    def call(self, features):
        return self.z_mean(features), self.z_log_var(features)

    def sample(self, z_mean, z_log_var):
        return z_mean + tf.exp(0.5 * z_log_var) * tf.random.normal(tf.shape(z_mean))

    def kl(self, z_mean, z_log_var):
        each = 0.5 * (tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var)
        return tf.reduce_sum(each, axis=1)


latent = MyLatent


class MyDecoder(keras.layers.Layer):
    def __init__(self, hidden=(32, 64, 128, 256), image_shape=(28, 28, 1), **kwargs):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        dense = [keras.layers.Dense(units, activation="silu") for units in hidden]
        pixels = keras.layers.Dense(int(np.prod(image_shape)), use_bias=False)
        self.network = keras.Sequential([*dense, pixels, keras.layers.Reshape(image_shape)])

    def build(self, z_shape):
        self.network.build(z_shape)
        self.output_bias = self.add_weight(shape=self.image_shape, initializer="zeros")

    def call(self, z, training=False):
        return self.network(z, training=training) + self.output_bias


decoder = MyDecoder


class MyVAE(keras.Model):
    def __init__(self, encoder, latent, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.latent, self.decoder = encoder, latent, decoder
        self(keras.Input(decoder.image_shape))

    def call(self, images, training=False):
        z_mean, z_log_var = self.latent(self.encoder(images, training=training))
        z = self.latent.sample(z_mean, z_log_var)
        logits = self.decoder(z, training=training)
        return {"z_mean": z_mean, "z_log_var": z_log_var, "z": z, "logits": logits}

    def terms(self, images, forward):
        each = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=forward["logits"])
        reconstruction = tf.reduce_sum(each, axis=[1, 2, 3])
        return reconstruction, self.latent.kl(forward["z_mean"], forward["z_log_var"])

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        reconstruction, kl = self.terms(x, y_pred)
        return tf.reduce_mean(reconstruction + kl)


vae = MyVAE


def how_many():
    # What you combine multiplies, what you write adds; without the cut, an encoder is written
    # once for each latent distribution.
    return 4 * 3 * 5, 4 + 3 + 5, 4 * 3 + 5


class RoundLatent(parts.LatentDistribution):
    def call(self, features):
        z_mean, z_log_var = super().call(features)
        shared = tf.reduce_mean(z_log_var, axis=1, keepdims=True)
        return z_mean, tf.repeat(shared, self.latent_dim, axis=1)


round_latent = RoundLatent


def contract_test(latent):
    # Half of the codes are narrower than the prior, half are wider.
    z_mean = tf.fill((20_000, latent.latent_dim), 3.0)
    z_log_var = tf.repeat(tf.math.log([0.25, 4.0]), 10_000)[:, None] + 0.0 * z_mean
    in_graph = tf.function(latent.sample)  # as in fit
    z = np.hstack([in_graph(z_mean, z_log_var) for _ in range(2)])
    noise = ((z - 3.0) / np.repeat([0.5, 2.0], 10_000)[:, None]).reshape(2, 10_000, -1)
    centred = np.all(abs(noise.mean(axis=1)) < 0.06)  # six standard errors
    wide = np.all(abs(noise.std(axis=1) - 1.0) < 0.04)
    normal = abs(np.mean(abs(noise) > 2.0) - 0.0455) < 0.01
    if not (centred and wide and normal):
        return False
    noise = noise.reshape(20_000, -1)
    related = np.corrcoef(noise.T) - np.eye(noise.shape[1])
    if np.max(abs(related)) > 0.05:  # dimensions or calls share their noise
        return False
    with tf.GradientTape() as tape:
        tape.watch([few := z_mean[:5], widths := z_log_var[:5]])
        value = latent.sample(few, widths)
    if any(gradient is None for gradient in tape.gradient(value, [few, widths])):
        return False
    kl = np.array(latent.kl(z_mean, z_log_var))
    price = latent.latent_dim * 0.5 * (9.0 + np.array([0.25, 4.0]) - 1.0 - np.log([0.25, 4.0]))
    return kl.shape == (20_000,) and np.allclose(kl, np.repeat(price, 10_000), rtol=1e-3)
