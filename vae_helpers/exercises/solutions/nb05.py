"""Solutions of notebook 05."""

import numpy as np
import tensorflow as tf


def collapsed_cost(images):
    p = np.clip(np.mean(images, axis=0), 1e-7, 1 - 1e-7)
    return -np.sum(p * np.log(p) + (1 - p) * np.log(1 - p))


def effective_beta(image_shape, latent_dim):
    return np.prod(image_shape) / latent_dim


def cure(images, logits, z_mean, z_log_var):
    per_pixel = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    per_latent = 0.5 * (tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var)
    reconstruction = tf.reduce_sum(per_pixel, axis=list(range(1, per_pixel.shape.rank)))
    return tf.reduce_mean(reconstruction + tf.reduce_sum(per_latent, axis=1))


def bits_per_dimension(nats_per_image, image_shape):
    return nats_per_image / np.prod(image_shape) / np.log(2)


def survivors(eigenvalues, pixels, latent_dim):
    beta = pixels / latent_dim
    return int(np.sum(eigenvalues > beta))


def critical_value(images):
    flat = np.reshape(images, (len(images), -1)).astype("float64")
    p = flat.mean(axis=0)
    varies = flat.std(axis=0) > 0
    scaled = (flat - p)[:, varies] / np.sqrt(p * (1 - p))[varies]
    return np.linalg.eigvalsh(scaled.T @ scaled / len(flat))[-1]
