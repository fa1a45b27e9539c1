"""A latent space rotated: other codes, the same pictures, the same ELBO.

Turn the posterior by a rotation R, and undo it in front of the decoder: every picture stays, and so
does every KL to N(0, I), which looks the same from all sides. Only the covariance of q(z|x), which
was diagonal, is so no longer. Codes are rows: R z is `z @ R.T`, and its way back `z @ R`.

Source: Locatello et al. (2019), arXiv:1811.12359, theorem 1, whose proof uses such a rotation.
"""

import numpy as np
import tensorflow as tf

from vae_helpers.images import unit_interval


def random_rotation(latent_dim: int, seed: int = 0) -> np.ndarray:
    """Return a rotation, evenly over all of them: (latent_dim, latent_dim), orthogonal, det 1."""
    gaussian = np.random.default_rng(seed).standard_normal((latent_dim, latent_dim))
    q, r = np.linalg.qr(gaussian)
    rotation = q * np.sign(np.diag(r))  # the signs make it even over the group
    if np.linalg.det(rotation) < 0:
        rotation[:, 0] *= -1
    return rotation


def rotate_posterior(z_mean, z_log_var, rotation) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of R z, where z ~ q(z|x) has a diagonal covariance.

    Args:
        z_mean: (n, latent_dim).
        z_log_var: (n, latent_dim).
        rotation: R, (latent_dim, latent_dim), orthogonal.

    Returns:
        Means R m, (n, latent_dim), and covariances R diag(v) R^T, (n, latent_dim, latent_dim).
    """
    z_mean, z_log_var = (np.asarray(part, np.float64) for part in (z_mean, z_log_var))
    rotation = _checked_rotation(rotation, z_mean.shape[1])
    means = z_mean @ rotation.T
    covariances = (rotation * np.exp(z_log_var)[:, None, :]) @ rotation.T
    return means, covariances


def full_covariance_kl(means, covariances) -> np.ndarray:
    """Return KL(N(mean, covariance) || N(0, I)) of each image, (n,), nats.

    Args:
        means: (n, latent_dim).
        covariances: (n, latent_dim, latent_dim).
    """
    means, covariances = np.asarray(means, np.float64), np.asarray(covariances, np.float64)
    _, log_det = np.linalg.slogdet(covariances)
    trace = np.trace(covariances, axis1=1, axis2=2)
    return 0.5 * (trace + np.sum(means**2, axis=1) - means.shape[1] - log_det)


def sample_full_covariance(means, covariances, seed: int = 0) -> np.ndarray:
    """Return one sample of each N(mean, covariance), (n, latent_dim)."""
    noise = np.random.default_rng(seed).standard_normal(np.shape(means))
    return means + np.einsum("...ij,...j->...i", np.linalg.cholesky(covariances), noise)


def rotated_elbo(
    vae, images, rotation, seed: int = 0, diagonal: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return a code of each image and its ELBO, posterior and decoder of a VAE rotated together.

    Nothing of the model is changed: the rotation is undone in front of its decoder. One code is
    drawn for each image, with noise of its own and not by rotating one of the model's.

    Args:
        vae: a `VAE` with the prior N(0, I).
        images: as `encode` takes them; they are decoded all at once.
        rotation: R, (latent_dim, latent_dim), orthogonal.
        seed: of the noise.
        diagonal: whether the rotated posterior is replaced by the diagonal Gaussian that is
            closest to it, in the sense of KL(diagonal || rotated): the best that an encoder
            with two outputs a latent could say.

    Returns:
        Codes R z, (n, latent_dim), and ELBOs, (n,), nats per image.
    """
    means, covariances = rotate_posterior(*vae.encode(images), rotation)
    if diagonal:
        precisions = np.diagonal(np.linalg.inv(covariances), axis1=1, axis2=2)
        covariances = np.eye(len(rotation)) / precisions[:, None, :]
    codes = sample_full_covariance(means, covariances, seed)
    outputs = vae.outputs(tf.constant(codes @ rotation, tf.float32))
    pixels = unit_interval(images, vae.image_shape)
    log_likelihood = vae.likelihood.log_likelihood(pixels, outputs).numpy()
    return codes, log_likelihood - full_covariance_kl(means, covariances)


def _checked_rotation(rotation, latent_dim):
    rotation = np.asarray(rotation, np.float64)
    if rotation.shape != (latent_dim, latent_dim):
        expected = (latent_dim, latent_dim)
        raise ValueError(f"rotation has shape {rotation.shape}, expected {expected}")
    if not np.allclose(rotation @ rotation.T, np.eye(latent_dim), atol=1e-6):
        raise ValueError("rotation is not orthogonal: R R^T is not the identity")
    return rotation
