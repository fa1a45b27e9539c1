"""Two questions of notebook 05: when a VAE must collapse, and what survives."""

import numpy as np

from vae_helpers.exercises.question import Mistake, Question

FASHION = 784  # pixels of Fashion-MNIST, which people type


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb05

    return nb05


def pictures(rng):
    """Grey images that share something, so that their pixels covary; no pixel is always black."""
    height, width = (int(size) for size in rng.choice([2, 3, 4], 2, replace=False))
    n = int(rng.integers(20, 40))
    brightness = rng.uniform(0.1, 0.9, size=(n, 1, 1))
    noise = rng.uniform(-0.1, 0.1, size=(n, height, width))
    images = np.clip(brightness * rng.uniform(0.3, 1.0, size=(height, width)) + noise, 0, 1)
    return (images.astype("float32"),)


def _spectrum(rng):
    """Eigenvalues, pixels and latent_dim, chosen so that each mistake gives another count.

    Fewer eigenvalues exceed beta than there are latents, so min(count, latent_dim) is right too.
    """
    latent_dim = int(rng.integers(6, 12))
    pixels = int(rng.integers(24, 40)) * latent_dim + int(rng.integers(3, latent_dim - 1))
    beta = pixels / latent_dim
    top = rng.uniform(1.05, 1.5, size=rng.integers(1, 3)) * pixels
    middle = rng.uniform(1.05, latent_dim * 0.9, size=rng.integers(0, latent_dim - 4)) * beta
    typed = FASHION / latent_dim  # the beta of who types 784: one of these two lies above it
    between = [1.3 * beta, np.sqrt(typed * pixels)]
    below = rng.uniform(0.1, 0.95, size=rng.integers(12, 20)) * beta
    edge = [np.floor(beta) + 0.5 * (beta % 1)]  # below beta, and above what // makes of it
    eigenvalues = np.sort(np.concatenate([top, middle, between, edge, below]))[::-1]
    return eigenvalues.astype("float32"), pixels, latent_dim


def _above(eigenvalues, beta):
    return int(np.sum(np.asarray(eigenvalues) > beta))


survivors = Question(
    "survivors",
    "How many directions the local law predicts, for the loss with a mean over pixels and latents.",
    variable="my_survivors",
    answer=lambda eigenvalues, pixels, latent_dim: _above(eigenvalues, pixels / latent_dim),
    inputs=_spectrum,
    outcome="A whole number.",
    mistakes=[
        Mistake(
            "You compared with the number of pixels, the beta of a SUMMED KL. Here the KL is "
            "averaged too.",
            wrong=lambda eigenvalues, pixels, latent_dim: _above(eigenvalues, pixels),
        ),
        Mistake(
            "You counted the eigenvalues BELOW beta. Those are the directions not worth their "
            "price.",
            wrong=lambda eigenvalues, pixels, latent_dim: (
                len(eigenvalues) - _above(eigenvalues, pixels / latent_dim)
            ),
        ),
        Mistake(
            "You counted all of them: your beta is too small. That of the opposite mistake is "
            "1 / latent_dim; here the pixels are averaged as well.",
            wrong=lambda eigenvalues, pixels, latent_dim: _above(eigenvalues, 1 / latent_dim),
        ),
        Mistake(
            "You ADDED UP the eigenvalues above beta. The law counts them.",
            wrong=lambda eigenvalues, pixels, latent_dim: float(
                eigenvalues[eigenvalues > pixels / latent_dim].sum()
            ),
        ),
        Mistake(
            "// drops what is left over from the division, and one eigenvalue lies between: divide "
            "with /.",
            wrong=lambda eigenvalues, pixels, latent_dim: _above(eigenvalues, pixels // latent_dim),
        ),
        Mistake(
            "784 belongs to Fashion-MNIST. The number of pixels is `pixels`.",
            wrong=lambda eigenvalues, pixels, latent_dim: _above(eigenvalues, FASHION / latent_dim),
        ),
        Mistake(
            "You returned the eigenvalues above beta. Asked is how many they are.",
            when=lambda answer: np.ndim(answer(np.array([9.0, 8.0, 1.0]), 10, 5)) == 1,
        ),
        Mistake(
            "None: your beta is too large. An average over latents makes the KL smaller, so it "
            "divides beta.",
            wrong=lambda eigenvalues, pixels, latent_dim: _above(eigenvalues, pixels * latent_dim),
        ),
    ],
    hint="First the effective beta of this loss, then a comparison for each eigenvalue.",
    solutions=solutions,
    remark="For Fashion-MNIST: none at L = 2, two at L = 16, six at L = 64, if the parts are "
    "linear.",
)


def _varying(images):
    flat = np.asarray(images, "float64").reshape(len(images), -1)
    mean = flat.mean(axis=0)
    varies = flat.std(axis=0) > 0
    return flat[:, varies], mean[varies]


def _largest(images, scale=lambda p, flat: p * (1 - p), pick=-1):
    flat, p = _varying(images)
    scaled = (flat - p) / np.sqrt(scale(p, flat))
    return float(np.linalg.eigvalsh(scaled.T @ scaled / len(flat))[pick])


def _uncentred(flat, p):
    scaled = flat / np.sqrt(p * (1 - p))
    return float(np.linalg.eigvalsh(scaled.T @ scaled / len(flat))[-1])


def _pictures_with_a_border(rng):
    (images,) = pictures(rng)
    return (np.pad(images, ((0, 0), (0, 1), (1, 0))),)  # black pixels that never vary


_RNG = np.random.default_rng(0)

critical_value = Question(
    "critical_value",
    "The critical beta of a data set under a Bernoulli decoder.",
    variable="my_critical_beta",
    answer=_largest,
    inputs=_pictures_with_a_border,
    outcome="One number without a unit.",
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "This is the largest eigenvalue of the covariance itself: right for a Gaussian decoder "
            "of standard deviation 1. For Bernoulli pixels scale with p (1 - p) first.",
            wrong=lambda images: _largest(images, lambda p, flat: np.ones_like(p)),
        ),
        Mistake(
            "This is the largest eigenvalue of the CORRELATIONS: you divided by the pixels' own "
            "variance. What counts is the variance of a Bernoulli pixel, p (1 - p), which is "
            "larger for grey images.",
            wrong=lambda images: _largest(images, lambda p, flat: flat.var(axis=0)),
        ),
        Mistake(
            "You divided the deviations by p (1 - p) instead of its square root, so V enters "
            "twice.",
            wrong=lambda images: _largest(images, lambda p, flat: (p * (1 - p)) ** 2),
        ),
        Mistake(
            "You multiplied by the standard deviation of a Bernoulli pixel. Divide by it: V enters "
            "with the power -1/2.",
            wrong=lambda images: _largest(images, lambda p, flat: 1 / (p * (1 - p))),
        ),
        Mistake(
            "You scaled with p instead of p (1 - p).",
            wrong=lambda images: _largest(images, lambda p, flat: p),
        ),
        Mistake(
            "This is the root of it: a singular value of the scaled images. The eigenvalue is its "
            "square.",
            wrong=lambda images: np.sqrt(_largest(images)),
        ),
        Mistake(
            "The product of the scaled images is not divided by their number: a covariance is a "
            "mean over images.",
            wrong=lambda images: _largest(images) * len(images),
        ),
        Mistake(
            "It is NaN: a pixel that never varies was divided by 0. Leave those out first.",
            when=lambda answer: np.isnan(answer(_pictures_with_a_border(_RNG)[0])),
        ),
        Mistake(
            "This is the SMALLEST eigenvalue; numpy's eigvalsh sorts them upwards.",
            wrong=lambda images: _largest(images, pick=0),
        ),
        Mistake(
            "These are the eigenvalues' sum, the trace. One direction decides: take the largest.",
            wrong=lambda images: (lambda flat, p: np.sum(flat.var(axis=0) / (p * (1 - p))))(
                *_varying(images)
            ),
        ),
        Mistake(
            "You divided by n - 1. The loss is a mean over these images, so divide by n.",
            wrong=lambda images: _largest(images) * len(images) / (len(images) - 1),
        ),
        Mistake(
            "The mean image is not subtracted: what all images share is no news, and earns "
            "nothing.",
            wrong=lambda images: _uncentred(*_varying(images)),
        ),
    ],
    hint="Flatten, subtract the mean image, divide each pixel by the standard deviation of a coin "
    "with its mean. Of what are the eigenvalues taken then?",
    solutions=solutions,
    remark="vae_helpers.audit.critical_beta does the same in slices, for any number of images.",
)
