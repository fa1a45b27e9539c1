"""Solutions of notebook 03."""

import numpy as np
import tensorflow as tf


def sample(z_mean, z_log_var, noise):
    return z_mean + tf.exp(0.5 * z_log_var) * noise


def relu_head():
    def kl(r):
        variance = tf.nn.relu(r)
        return 0.5 * (variance - 1.0 - tf.math.log(variance))

    def slope(r):
        with tf.GradientTape() as tape:
            tape.watch(r)
            value = kl(r)
        return tape.gradient(value, r)

    r = tf.constant(-0.5)
    under_xla = tf.function(slope, jit_compile=True)
    return float(kl(r)), float(slope(r)), float(under_xla(r))


def log_std_kl(z_mean, z_log_std):
    per_dimension = 0.5 * (tf.square(z_mean) + tf.exp(2.0 * z_log_std) - 1.0) - z_log_std
    return tf.reduce_sum(per_dimension, axis=1)


def log_std_slope(z_log_std):
    return np.exp(2 * z_log_std) - 1


def quiet_noise(z_mean, z_log_var, scale):
    z_log_var = z_log_var + 2 * tf.math.log(scale)
    per_dimension = 0.5 * (tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var)
    return tf.reduce_sum(per_dimension, axis=1)


def adam_limit(largest):
    return np.log(2 * np.sqrt(largest))
