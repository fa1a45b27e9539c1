"""What stays in 32 bits while layers compute in 16.

Under Keras' policies "mixed_float16" and "mixed_bfloat16" weights are kept in float32, and each
layer is handed its inputs and weights in 16 bits. That pays in the layers of encoder and decoder,
where the time goes. Where little time goes and much can be lost, everything stays in float32:

    z_mean, z_log_var   exp overflows float16 above 11.1; in bfloat16, which has 8 significant bits,
                        rounding a log variance of 6 changes the variance by up to 1.6%
    the sample          the noise times exp(z_log_var / 2)
    likelihoods         exp, logarithms; and a picture's grey levels are 1/255 apart, while bfloat16
                        has steps of 1/256 below 1
    terms of the ELBO   above 256 nats, neighbours are 0.25 apart in float16, 2 in bfloat16
    priors              log densities, too, are differences of large sums

float16 also loses small gradients, below 6e-8; therefore the loss is multiplied by a large number
before they are taken, and they are divided by it afterwards. bfloat16 reaches as far down as
float32 and needs no such scale.

Source: Micikevicius et al. (2018), "Mixed precision training", arXiv:1710.03740.
"""

import keras
import tensorflow as tf


def at_least_float32(values) -> tf.Tensor:
    """Return floats of 16 bits as float32, and wider ones as they are."""
    values = tf.convert_to_tensor(values)
    return tf.cast(values, tf.float32) if values.dtype.size < 4 else values


def stack(part, layers) -> keras.Sequential:
    """Return layers one after the other that compute as the part does which they belong to.

    Left alone, they would take the policy that holds where they are made; and that may be another
    one than the part's, where a saved model is loaded.
    """
    network = keras.Sequential(layers)
    for layer in (network, *network.layers):
        layer.dtype_policy = part.dtype_policy
    return network


def with_scaled_loss(optimizer, *parts):
    """Return an optimiser for parts, one of which may compute in float16: then it scales the loss.

    Args:
        optimizer: a Keras optimiser, or its name.
        *parts: layers or models that are trained.
    """
    optimizer = keras.optimizers.get(optimizer)
    in_float16 = any(part.dtype_policy.name == "mixed_float16" for part in parts)
    if in_float16 and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
