"""Exercises of notebook 05: what reductions do to a loss, and when a VAE must collapse."""

import math

import numpy as np

from vae_helpers.exercises.losses import loss_inputs, loss_with
from vae_helpers.exercises.question import Mistake, Question
from vae_helpers.known_mistakes.losses import binary_entropy


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb05

    return nb05


def _clip(p):
    return np.clip(np.asarray(p, "float64"), 1e-7, 1 - 1e-7)


def _entropy(p):
    return binary_entropy(_clip(p))


def _pictures(rng):
    """Grey images that share something, so that their pixels covary; no pixel is always black."""
    height, width = (int(size) for size in rng.integers(2, 5, size=2))
    n = int(rng.integers(20, 40))
    brightness = rng.uniform(0.1, 0.9, size=(n, 1, 1))
    noise = rng.uniform(-0.1, 0.1, size=(n, height, width))
    images = np.clip(brightness * rng.uniform(0.3, 1.0, size=(height, width)) + noise, 0, 1)
    return (images.astype("float32"),)


collapsed_cost = Question(
    "collapsed_cost",
    "What a collapsed VAE pays on these images, in nats per image.",
    variable="my_cost",
    answer=lambda images: _entropy(images.mean(axis=0)).sum(),
    inputs=_pictures,
    outcome="One number, in nats per image.",
    mistakes=[
        Mistake(
            "This is per PIXEL, as the default loss reports it. Add over the pixels of an image.",
            wrong=lambda images: _entropy(images.mean(axis=0)).mean(),
        ),
        Mistake(
            "You took the entropy of the grey pixels themselves: that is the floor of a perfect "
            "decoder. A collapsed one answers with the MEAN image: average first.",
            wrong=lambda images: _entropy(images).sum(axis=(1, 2)).mean(),
        ),
        Mistake(
            "You averaged over pixels as well as images, so all pixels were given one grey. Take "
            "the mean over axis 0 only: one mean for each pixel.",
            wrong=lambda images: images[0].size * _entropy(images.mean()),
        ),
        Mistake(
            "You took the mean of each image instead of the mean image: axis 0 counts the images.",
            wrong=lambda images: _entropy(images.mean(axis=(1, 2))).sum(),
        ),
        Mistake(
            "These are bits: you took log2. The unit asked for is nats.",
            wrong=lambda images: _entropy(images.mean(axis=0)).sum() / math.log(2),
        ),
        Mistake(
            "Only half of the entropy: the term (1 - p) log(1 - p) is missing. A dark pixel that "
            "comes out dark has its price too.",
            wrong=lambda images: (
                -np.sum(_clip(images.mean(axis=0)) * np.log(_clip(images.mean(axis=0))))
            ),
        ),
        Mistake(
            "The sign: log p is negative, so an entropy needs the minus in front.",
            wrong=lambda images: -_entropy(images.mean(axis=0)).sum(),
        ),
    ],
    hint="Which single picture is the best answer to all images? What does one of its pixels cost, "
    "on average, and how many of them has an image?",
    solutions=solutions,
    remark="vae_helpers.references.mean_image_cost computes it for 60,000 images in a second.",
)


def _shape_and_latents(rng):
    height, width = (int(size) for size in rng.integers(8, 65, size=2))
    channels = int(rng.choice([2, 4]))
    return (height, width + (width == height), channels), int(rng.integers(5, 40))


effective_beta = Question(
    "effective_beta",
    "The effective beta of a loss that averages over pixels and channels, and over latents.",
    variable="my_beta",
    answer=lambda image_shape, latent_dim: math.prod(image_shape) / latent_dim,
    inputs=_shape_and_latents,
    outcome="One number: the weight of the KL relative to the ELBO's.",
    mistakes=[
        Mistake(
            "That is right for a SUMMED KL. Here the KL has been averaged too: how much smaller "
            "has that made it?",
            wrong=lambda image_shape, latent_dim: math.prod(image_shape),
        ),
        Mistake(
            "Upside down: this is the weight of the reconstruction, relative to the KL's.",
            wrong=lambda image_shape, latent_dim: latent_dim / math.prod(image_shape),
        ),
        Mistake(
            "The channels are averaged as well: a colour image is made of height x width x "
            "channels numbers.",
            wrong=lambda image_shape, latent_dim: image_shape[0] * image_shape[1] / latent_dim,
        ),
        Mistake(
            "The average over latents makes the KL SMALLER, so it divides the effective beta.",
            wrong=lambda image_shape, latent_dim: math.prod(image_shape) * latent_dim,
        ),
        Mistake(
            "That is the weight of the opposite mistake, where the reconstruction is a sum.",
            wrong=lambda image_shape, latent_dim: 1 / latent_dim,
        ),
    ],
    hint="By which number has each of the two terms been divided? Multiply the whole loss until "
    "the reconstruction is whole again, and look at the KL.",
    solutions=solutions,
    remark="Multiplying a loss moves no minimum, so only the ratio of the two factors counts.",
)


cure = Question(
    "cure",
    "Minus the ELBO, in nats per image, as a mean over images.",
    variable="my_loss",
    answer=loss_with(),
    inputs=loss_inputs,
    outcome="One number: the mean over images of reconstruction + KL, each added up per image.",
    mistakes=[
        Mistake(
            "Both means are still there: this is the loss of the story, with an effective beta of "
            "pixels / latents.",
            wrong=loss_with(pixels=np.mean, latents=np.mean),
        ),
        Mistake(
            "The KL is right. The reconstruction is still a mean over pixels, so the effective "
            "beta is the number of pixels.",
            wrong=loss_with(pixels=np.mean),
        ),
        Mistake(
            "The reconstruction is right. The KL is still a mean over latents: the opposite "
            "mistake, whose pictures look so good.",
            wrong=loss_with(latents=np.mean),
        ),
        Mistake(
            "This adds over images as well, so the learning rate depends on the batch size. "
            "Average over images.",
            wrong=loss_with(over_images=np.sum),
        ),
        Mistake(
            "The pixels are added over one axis only, the last. An image is made of all axes but "
            "the first: here axes 1, 2 and 3.",
            wrong=loss_with(pixels=lambda cost, axis: cost.sum(axis=3).mean(axis=(1, 2))),
        ),
        Mistake(
            "The channels are not added: axes 1 and 2 are not all of an image. It has axis 3 too.",
            wrong=loss_with(pixels=lambda cost, axis: cost.sum(axis=(1, 2)).mean(axis=1)),
        ),
        Mistake(
            "The KL has the wrong sign. `per_latent` is a cost already: add it.",
            wrong=loss_with(kl_weight=-1.0),
        ),
        Mistake(
            "The sign: an ELBO is maximised, and a loss is MINUS the ELBO. Both terms are costs.",
            wrong=loss_with(over_images=lambda loss: -np.mean(loss)),
        ),
        Mistake(
            "One value for each image is right so far. Now the mean over images.",
            wrong=loss_with(over_images=np.asarray),
        ),
        Mistake("The KL is missing.", wrong=loss_with(kl_weight=0.0)),
    ],
    hint="What is one image made of, and what is one code made of? Add over those axes, and "
    "average over what is left.",
    solutions=solutions,
    remark="Two sums and one mean, each with its axes written out, and no reduction argument.",
)


def _bill(rng):
    size = int(rng.integers(10, 60))
    return float(rng.uniform(100, 900)), (size, size + 1, int(rng.choice([2, 4])))


bits_per_dimension = Question(
    "bits_per_dimension",
    "Nats per image as bits per dimension.",
    variable="my_bits",
    answer=lambda nats_per_image, image_shape: (
        nats_per_image / math.prod(image_shape) / math.log(2)
    ),
    inputs=_bill,
    outcome="One number, in bits per dimension.",
    mistakes=[
        Mistake(
            "These are NATS per dimension. A bit is ln 2 = 0.693 nats, so there are more bits than "
            "nats.",
            wrong=lambda nats_per_image, image_shape: nats_per_image / math.prod(image_shape),
        ),
        Mistake(
            "You multiplied by ln 2. A bit is the smaller coin: the number gets larger.",
            wrong=lambda nats_per_image, image_shape: (
                nats_per_image / math.prod(image_shape) * math.log(2)
            ),
        ),
        Mistake(
            "These are bits per IMAGE. Divide by the number of dimensions.",
            wrong=lambda nats_per_image, image_shape: nats_per_image / math.log(2),
        ),
        Mistake(
            "A dimension is one number of the image, not one pixel: count the channels too.",
            wrong=lambda nats_per_image, image_shape: (
                nats_per_image / (image_shape[0] * image_shape[1]) / math.log(2)
            ),
        ),
        Mistake(
            "log 2 to base 10 is 0.301. A nat belongs to the natural logarithm: ln 2 = 0.693.",
            wrong=lambda nats_per_image, image_shape: (
                nats_per_image / math.prod(image_shape) / math.log10(2)
            ),
        ),
    ],
    hint="Two steps: from an image to one of its numbers, and from nats to bits. In which of the "
    "two does the number grow?",
    solutions=solutions,
    remark="384.3 nats for 784 grey pixels are 0.707 bits per dimension.",
)


def _spectrum(rng):
    """Eigenvalues, pixels and latent_dim, drawn so that each mistake gives another count.

    Fewer eigenvalues exceed beta than there are latents, so min(count, latent_dim) is right too.
    """
    latent_dim = int(rng.integers(6, 12))
    pixels = int(rng.integers(100, 500))
    beta = pixels / latent_dim
    top = rng.uniform(1.05, 1.5, size=rng.integers(1, 3)) * pixels
    middle = rng.uniform(1.05, latent_dim * 0.9, size=rng.integers(2, latent_dim - 2)) * beta
    below = rng.uniform(0.1, 0.95, size=rng.integers(12, 20)) * beta
    eigenvalues = np.sort(np.concatenate([top, middle, below]))[::-1]
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
    (images,) = _pictures(rng)
    return (np.pad(images, ((0, 0), (0, 1), (1, 0))),)  # black pixels that never vary


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
