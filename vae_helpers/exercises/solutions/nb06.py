"""Solutions of notebook 06."""

import tensorflow as tf

from vae_helpers.elbo import bernoulli_log_likelihood, gaussian_kl


def pixels_summed(images, logits, z_mean, z_log_var):
    per_pixel = tf.nn.sigmoid_cross_entropy_with_logits(images, logits)
    reconstruction = tf.reduce_sum(per_pixel, axis=[1, 2, 3])
    return tf.reduce_mean(reconstruction + gaussian_kl(z_mean, z_log_var))


def kl_per_image(images, logits, z_mean, z_log_var):
    reconstruction = -bernoulli_log_likelihood(images, logits)
    per_dimension = tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var
    kl = 0.5 * tf.reduce_sum(per_dimension, axis=1)
    return tf.reduce_mean(reconstruction + kl)


latents_summed = kl_per_image


log_sign = kl_per_image


def log_variance(images, logits, z_mean, z_log_var):
    reconstruction = -bernoulli_log_likelihood(images, logits)
    variance = tf.exp(z_log_var)
    per_dimension = tf.square(z_mean) + variance - 1.0 - z_log_var
    kl = 0.5 * tf.reduce_sum(per_dimension, axis=1)
    return tf.reduce_mean(reconstruction + kl)


def counted_once(images, logits, z_mean, z_log_var):
    reconstruction = -bernoulli_log_likelihood(images, logits)
    return tf.reduce_mean(reconstruction + gaussian_kl(z_mean, z_log_var))


one_sigmoid = pixels_summed


image_range = counted_once


finite_everywhere = pixels_summed


def fresh_noise(z_mean, z_log_var):
    noise = tf.random.normal(tf.shape(z_mean))
    return z_mean + tf.exp(0.5 * z_log_var) * noise


noise_for_each = fresh_noise


half_the_log = fresh_noise


class MyWarmUp:
    def __init__(self):
        self.weight = tf.Variable(0.0)

    def set(self, weight):
        self.weight.assign(weight)

    def __call__(self, images, logits, z_mean, z_log_var):
        reconstruction = -bernoulli_log_likelihood(images, logits)
        kl = gaussian_kl(z_mean, z_log_var)
        return tf.reduce_mean(reconstruction + self.weight * kl)


warm_up = MyWarmUp


def night_shift(images, logits, z_mean, z_log_var):
    per_pixel = tf.nn.sigmoid_cross_entropy_with_logits(images, logits)
    reconstruction = tf.reduce_sum(per_pixel, axis=[1, 2, 3])
    per_dimension = tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var
    kl = 0.5 * tf.reduce_sum(per_dimension, axis=1)
    return tf.reduce_mean(reconstruction + kl)
