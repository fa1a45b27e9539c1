"""The terms of the ELBO as pure functions on tensors.

Every function returns one value for each image, shape (batch,), in nats; only
`gaussian_kl_per_dimension` keeps the latent dimensions apart. Everything an image is made of
(pixels, latent dimensions) is added up with an explicit `tf.reduce_sum`; the mean over images is
left to the caller. Arguments may be NumPy arrays or tensors; floats keep their precision.
"""

import math

import tensorflow as tf

LOG_2_PI = math.log(2.0 * math.pi)

# exp() overflows float32 at 88.7. Log variances are clamped here, well before.
MAX_LOG_VAR = 80.0


def bernoulli_log_likelihood(images, logits) -> tf.Tensor:
    """Return log p(x|z) when each pixel is a Bernoulli variable with the given logit.

    Computed from logits, so that no probability is rounded to 0 or 1 before its logarithm is
    taken. Grey pixels between 0 and 1 are allowed, as in most VAE code: the value is then a
    cross-entropy rather than the logarithm of a probability, and its maximum is minus the
    entropy of the grey pixels, not 0.

    Args:
        images: pixels in [0, 1], shape (batch, ...).
        logits: log(p / (1 - p)) of each pixel, same shape.

    Returns:
        Shape (batch,), nats per image, never positive.

    Raises:
        ValueError: if the shapes differ or `images` are not floats.
    """
    images, logits = _same_shape(images=images, logits=logits)
    per_pixel = -tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    return sum_over_event(per_pixel)


def gaussian_log_density(z, mean, log_var) -> tf.Tensor:
    """Return the log density of a diagonal Gaussian N(mean, exp(log_var)) at z.

    `log_var` is clamped to [-80, 80] before `exp`, which overflows float32 at 88.

    Args:
        z: points, shape (batch, ...).
        mean: mean of the Gaussian, same shape.
        log_var: log variance, same shape.

    Returns:
        Shape (batch,), nats per image. A density may exceed 1, so this may be positive.

    Raises:
        ValueError: if the shapes differ.
    """
    z, mean, log_var = _same_shape(z=z, mean=mean, log_var=log_var)
    log_var = tf.clip_by_value(log_var, -MAX_LOG_VAR, MAX_LOG_VAR)
    per_dimension = -0.5 * (LOG_2_PI + log_var + tf.square(z - mean) * tf.exp(-log_var))
    return sum_over_event(per_dimension)


def gaussian_log_likelihood(images, mean, log_var) -> tf.Tensor:
    """Return log p(x|z) when each pixel is Gaussian with its own mean and log variance.

    The same function as `gaussian_log_density`, under the name it has when x is an image:
    `log_var` is clamped to [-80, 80] there.

    Args:
        images: pixels, shape (batch, ...).
        mean: the decoder's mean, same shape.
        log_var: the decoder's log variance, same shape.

    Returns:
        Shape (batch,), nats per image; it may be positive.

    Raises:
        ValueError: if the shapes differ.
    """
    images, mean, log_var = _same_shape(images=images, mean=mean, log_var=log_var)
    return gaussian_log_density(images, mean, log_var)


def gaussian_kl(z_mean, z_log_var) -> tf.Tensor:
    """Return the KL divergence from a diagonal Gaussian q(z|x) to the prior N(0, I).

    `z_log_var` is clamped to at most 80 before `exp`, which overflows float32 at 88.

    Args:
        z_mean: mean of q(z|x), shape (batch, latent_dim).
        z_log_var: log variance of q(z|x), same shape.

    Returns:
        Shape (batch,), nats per image, never negative.

    Raises:
        ValueError: if the two shapes differ.

    Source: Kingma & Welling (2014), appendix B.
    """
    z_mean, z_log_var = _same_shape(z_mean=z_mean, z_log_var=z_log_var)
    z_log_var = tf.minimum(z_log_var, MAX_LOG_VAR)
    # expm1 keeps exp(z_log_var) - 1 - z_log_var from rounding below zero.
    per_dimension = 0.5 * (tf.square(z_mean) + tf.math.expm1(z_log_var) - z_log_var)
    return sum_over_event(per_dimension)


def gaussian_kl_per_dimension(z_mean, z_log_var) -> tf.Tensor:
    """Return the KL divergence of each latent dimension: what `gaussian_kl` adds up.

    Args:
        z_mean: as for `gaussian_kl`.
        z_log_var: as for `gaussian_kl`.

    Returns:
        Shape (batch, latent_dim), nats, never negative.

    Raises:
        ValueError: as for `gaussian_kl`.
    """
    z_mean, z_log_var = _same_shape(z_mean=z_mean, z_log_var=z_log_var)
    # Each entry as the only latent of an image of its own: there is one formula, above.
    each = gaussian_kl(tf.reshape(z_mean, (-1, 1)), tf.reshape(z_log_var, (-1, 1)))
    return tf.reshape(each, tf.shape(z_mean))


def elbo(images, logits, z_mean, z_log_var) -> tf.Tensor:
    """Return a one-sample estimate of the evidence lower bound: log p(x|z) - KL(q(z|x) || p(z)).

    Args:
        images: pixels in [0, 1], shape (batch, ...).
        logits: the decoder's output for ONE sample z ~ q(z|x), same shape as `images`.
        z_mean: mean of q(z|x), shape (batch, latent_dim).
        z_log_var: log variance of q(z|x), same shape as `z_mean`.

    Returns:
        Shape (batch,), nats per image, never positive for a Bernoulli decoder.

    Raises:
        ValueError: if shapes or batch sizes differ.

    Source: Kingma & Welling (2014), arXiv:1312.6114, equation 10.
    """
    reconstruction = -bernoulli_log_likelihood(images, logits)
    kl = gaussian_kl(z_mean, z_log_var)
    if not reconstruction.shape.is_compatible_with(kl.shape):
        raise ValueError(
            f"images are a batch of {reconstruction.shape[0]} and z_mean one of {kl.shape[0]}: "
            "pass the codes of the same images"
        )
    return -(reconstruction + kl)


def importance_weighted_bound(log_likelihood, log_prior, log_posterior) -> tf.Tensor:
    """Return the log of the mean of p(x|z) p(z) / q(z|x) over k samples z ~ q(z|x).

    With k = 1 it is the ELBO's estimate with the KL sampled as well; with growing k its mean
    rises towards log p(x). It is computed by log-sum-exp, so weights of exp(-900) do not
    vanish.

    Args:
        log_likelihood: log p(x|z_i), shape (k, batch).
        log_prior: log p(z_i), shape (k, batch).
        log_posterior: log q(z_i|x), shape (k, batch).

    Returns:
        Shape (batch,), nats per image.

    Raises:
        ValueError: if the shapes differ or are not (k, batch).

    Source: Burda, Grosse & Salakhutdinov (2015), arXiv:1509.00519.
    """
    log_likelihood, log_prior, log_posterior = _same_shape(
        log_likelihood=log_likelihood, log_prior=log_prior, log_posterior=log_posterior
    )
    if log_likelihood.shape.rank != 2:
        raise ValueError(
            f"log_likelihood has shape {tuple(log_likelihood.shape)}, expected (k, batch): "
            "k samples of z for each image"
        )
    log_weights = log_likelihood + log_prior - log_posterior
    k = tf.cast(tf.shape(log_weights)[0], log_weights.dtype)
    return tf.reduce_logsumexp(log_weights, axis=0) - tf.math.log(k)


def sum_over_event(values) -> tf.Tensor:
    """Add up all axes but the first: an image is one event, however it is shaped."""
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))


def _same_shape(**tensors):
    """Convert to float tensors of one dtype; reject shapes that would broadcast."""
    converted = {name: tf.convert_to_tensor(value) for name, value in tensors.items()}
    (first_name, first), *others = converted.items()
    for name, tensor in converted.items():
        if not tensor.dtype.is_floating:
            raise ValueError(
                f"{name} has dtype {tensor.dtype.name}, expected floats; "
                "vae_helpers.images.as_float turns uint8 images into floats in [0, 1]"
            )
    if first.shape.rank == 0:
        raise ValueError(f"{first_name} is a single number, expected one row for each image")
    for name, tensor in others:
        # Ranks first: an unknown rank would be compatible with everything.
        if tensor.shape.rank != first.shape.rank or not tensor.shape.is_compatible_with(
            first.shape
        ):
            raise ValueError(
                f"{first_name} has shape {tuple(first.shape)} and {name} {tuple(tensor.shape)}: "
                "they must be equal, nothing is broadcast"
            )
        if tensor.dtype != first.dtype:
            converted[name] = tf.cast(tensor, first.dtype)
    return list(converted.values())
