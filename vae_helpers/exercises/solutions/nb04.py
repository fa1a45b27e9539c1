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
    shape, sample = (20_000, latent.latent_dim), tf.function(latent.sample)  # a graph, as in fit
    for sigma in (0.5, 2.0):  # one log variance below 0, one above
        z_mean, z_log_var = tf.fill(shape, 3.0), tf.fill(shape, float(2 * np.log(sigma)))
        with tf.GradientTape() as tape:
            tape.watch([z_mean, z_log_var])
            z = sample(z_mean, z_log_var)
        if any(gradient is None for gradient in tape.gradient(z, [z_mean, z_log_var])):
            return False
        noise = (np.hstack([z, sample(z_mean, z_log_var)]) - 3.0) / sigma
        centred = np.all(abs(noise.mean(axis=0)) < 0.04)  # five standard errors and more
        wide = np.all(abs(noise.std(axis=0) - 1.0) < 0.03)
        if not (centred and wide and abs(np.mean(abs(noise) > 2) - 0.0455) < 0.01):
            return False
        related = np.corrcoef(noise.T) - np.eye(noise.shape[1])
        if np.max(abs(related)) > 0.04:  # dimensions or calls share their noise
            return False
        price = latent.latent_dim * 0.5 * (9.0 + sigma**2 - 1.0 - 2 * np.log(sigma))
        kl = np.array(latent.kl(z_mean, z_log_var))
        if kl.shape != (20_000,) or not np.allclose(kl, price, rtol=1e-3):
            return False
    return True
