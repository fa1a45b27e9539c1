"""The patients of notebook 06: losses and samplers with a mistake, as somebody wrote it.

The notebook shows a patient's symptoms first and its code later, so the code stands here. Each
function is word for word what a cell of the notebook, or of its deeper page, shows.
"""

import keras
import tensorflow as tf

from vae_helpers.elbo import bernoulli_log_likelihood, gaussian_kl


def healthy_loss(images, logits, z_mean, z_log_var):
    reconstruction = -bernoulli_log_likelihood(images, logits)
    return tf.reduce_mean(reconstruction + gaussian_kl(z_mean, z_log_var))


# --- ward A: the same picture for everything --------------------------------------------------


def averaged_pixels(images, logits, z_mean, z_log_var):
    per_pixel = tf.nn.sigmoid_cross_entropy_with_logits(images, logits)
    reconstruction = tf.reduce_mean(per_pixel, axis=[1, 2, 3])
    return tf.reduce_mean(reconstruction + gaussian_kl(z_mean, z_log_var))


def kl_of_the_batch(images, logits, z_mean, z_log_var):
    reconstruction = -bernoulli_log_likelihood(images, logits)
    kl = 0.5 * tf.reduce_sum(tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var)
    return tf.reduce_mean(reconstruction + kl)


# --- ward B: a loss below zero ----------------------------------------------------------------


def turned_sign(images, logits, z_mean, z_log_var):
    reconstruction = -bernoulli_log_likelihood(images, logits)
    per_dimension = tf.square(z_mean) + tf.exp(z_log_var) - 1.0 + z_log_var
    kl = 0.5 * tf.reduce_sum(per_dimension, axis=1)
    return tf.reduce_mean(reconstruction + kl)


def images_from_minus_one(images, logits, z_mean, z_log_var):
    images = 2.0 * images - 1.0  # "normalised", as for a GAN
    reconstruction = -bernoulli_log_likelihood(images, logits)
    return tf.reduce_mean(reconstruction + gaussian_kl(z_mean, z_log_var))


# --- ward C: better than the healthy model ----------------------------------------------------


def averaged_latents(images, logits, z_mean, z_log_var):
    reconstruction = -bernoulli_log_likelihood(images, logits)
    per_dimension = tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var
    kl = 0.5 * tf.reduce_mean(per_dimension, axis=1)
    return tf.reduce_mean(reconstruction + kl)


def unused_noise(z_mean, z_log_var):
    epsilon_std = 1.0
    epsilon = tf.random.normal(tf.shape(z_mean), stddev=epsilon_std)  # noqa: F841
    return z_mean + tf.exp(0.5 * z_log_var) * epsilon_std


class WarmUp:
    """The healthy loss, with a weight of the KL that a callback sets."""

    def __init__(self):
        self.weight = 0.0

    def set(self, weight):
        self.weight = weight

    def __call__(self, images, logits, z_mean, z_log_var):
        reconstruction = -bernoulli_log_likelihood(images, logits)
        kl = gaussian_kl(z_mean, z_log_var)
        return tf.reduce_mean(reconstruction + self.weight * kl)


# --- ward D: it trains, and it is worse -------------------------------------------------------


def two_sigmoids(images, logits, z_mean, z_log_var):
    pixels = tf.sigmoid(logits)  # "the decoder should end in a sigmoid"
    per_pixel = tf.nn.sigmoid_cross_entropy_with_logits(images, pixels)
    reconstruction = tf.reduce_sum(per_pixel, axis=[1, 2, 3])
    return tf.reduce_mean(reconstruction + gaussian_kl(z_mean, z_log_var))


# --- the rarer ones, on the deeper page -------------------------------------------------------


def log_variance_as_sigma(images, logits, z_mean, z_log_var):
    reconstruction = -bernoulli_log_likelihood(images, logits)
    variance = tf.square(z_log_var)
    per_dimension = tf.square(z_mean) + variance - 1.0 - tf.math.log(variance)
    kl = 0.5 * tf.reduce_sum(per_dimension, axis=1)
    return tf.reduce_mean(reconstruction + kl)


def counted_twice(images, logits, z_mean, z_log_var):
    kl = gaussian_kl(z_mean, z_log_var)
    regulariser = tf.reduce_mean(kl)
    reconstruction = -bernoulli_log_likelihood(images, logits)
    return tf.reduce_mean(reconstruction + kl) + regulariser


def tanh_pixels(images, logits, z_mean, z_log_var):
    y = tf.tanh(logits)
    per_pixel = images * tf.math.log(y) + (1.0 - images) * tf.math.log(1.0 - y)
    reconstruction = -tf.reduce_sum(per_pixel, axis=[1, 2, 3])
    return tf.reduce_mean(reconstruction + gaussian_kl(z_mean, z_log_var))


def shared_noise(z_mean, z_log_var):
    noise = tf.random.normal((tf.shape(z_mean)[0], 1))
    return z_mean + tf.exp(0.5 * z_log_var) * noise


def variance_as_sigma(z_mean, z_log_var):
    noise = tf.random.normal(tf.shape(z_mean))
    return z_mean + tf.exp(z_log_var) * noise


# --- the exercises' own -----------------------------------------------------------------------


def unknown_patient(images, logits, z_mean, z_log_var):
    per_row = keras.losses.binary_crossentropy(images, logits)
    reconstruction = tf.reduce_sum(per_row, axis=[1, 2])
    kl = tf.reduce_sum(tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var, axis=1)
    return tf.reduce_mean(reconstruction + kl)


PATIENTS = {
    1: averaged_pixels,
    2: kl_of_the_batch,
    3: turned_sign,
    4: images_from_minus_one,
    5: averaged_latents,
    6: unused_noise,
    7: WarmUp,
    8: two_sigmoids,
    9: log_variance_as_sigma,
    10: counted_twice,
    11: tanh_pixels,
    12: shared_noise,
    13: variance_as_sigma,
    "unknown": unknown_patient,
}
