"""Exercises of notebook 05: what reductions do to a loss, and when a VAE must collapse."""

import math

import numpy as np
import tensorflow as tf

from vae_helpers import elbo
from vae_helpers.exercises import collapse
from vae_helpers.exercises.collapse import FASHION, pictures, solutions
from vae_helpers.exercises.losses import LossQuestion, loss_inputs, loss_with
from vae_helpers.exercises.question import Mistake, Question
from vae_helpers.known_mistakes.losses import binary_entropy


def _clip(p):
    return np.clip(np.asarray(p, "float64"), 1e-7, 1 - 1e-7)


def _entropy(p):
    return binary_entropy(_clip(p))


collapsed_cost = Question(
    "collapsed_cost",
    "What a collapsed VAE pays on these images, in nats per image.",
    variable="my_cost",
    answer=lambda images: _entropy(images.mean(axis=0)).sum(),
    inputs=pictures,
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
            "784 is the number of pixels of Fashion-MNIST's images. These have another size: add "
            "over the pixels instead of multiplying their mean.",
            wrong=lambda images: FASHION * _entropy(images.mean(axis=0)).mean(),
        ),
        Mistake(
            "You added over the rows of the picture and averaged over its columns. Add them all.",
            wrong=lambda images: _entropy(images.mean(axis=0)).sum(axis=0).mean(),
        ),
        Mistake(
            "You added over the columns of the picture and averaged over its rows. Add them all.",
            wrong=lambda images: _entropy(images.mean(axis=0)).sum(axis=1).mean(),
        ),
        Mistake(
            "This is the cost of the whole set of images. Asked is that of one: do not multiply by "
            "their number.",
            wrong=lambda images: len(images) * _entropy(images.mean(axis=0)).sum(),
        ),
        Mistake(
            "Only half of the entropy: the term (1 - p) log(1 - p) is missing. A dark pixel that "
            "comes out dark has its price too.",
            wrong=lambda images: (
                -np.sum(_clip(images.mean(axis=0)) * np.log(_clip(images.mean(axis=0))))
            ),
        ),
        Mistake(
            "Only half of the entropy: the term p log p is missing. A bright pixel that comes out "
            "bright has its price too.",
            wrong=lambda images: (
                -np.sum(_clip(1 - images.mean(axis=0)) * np.log(_clip(1 - images.mean(axis=0))))
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
    image_shape = height, width + (width == height), int(rng.choice([2, 4]))
    # Where something above a half is left over, rounding and // differ.
    left = [n for n in range(5, 40) if math.prod(image_shape) % n > 0.5 * n]
    return image_shape, int(rng.choice(left))


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
        Mistake(
            "// drops what is left over from the division. A weight need not be a whole number: "
            "divide with /.",
            wrong=lambda image_shape, latent_dim: math.prod(image_shape) // latent_dim,
        ),
        Mistake(
            "You rounded. A weight need not be a whole number: leave it as it is.",
            wrong=lambda image_shape, latent_dim: round(math.prod(image_shape) / latent_dim),
        ),
        Mistake(
            "784 belongs to Fashion-MNIST's images. Here the size is `image_shape`: multiply its "
            "numbers.",
            wrong=lambda image_shape, latent_dim: FASHION / latent_dim,
        ),
        Mistake(
            "You added the sides. Height x width x channels numbers make an image: multiply them.",
            wrong=lambda image_shape, latent_dim: sum(image_shape) / latent_dim,
        ),
        Mistake(
            "Neither the channels nor the latents are in it: both means divide their term.",
            wrong=lambda image_shape, latent_dim: image_shape[0] * image_shape[1],
        ),
    ],
    hint="By which number has each of the two terms been divided? Multiply the whole loss until "
    "the reconstruction is whole again, and look at the KL.",
    solutions=solutions,
    remark="Multiplying a loss moves no minimum, so only the ratio of the two factors counts.",
)


def _times(number):
    """A reduction: so many times the mean."""
    return lambda cost, axis: number * cost.mean(axis=axis)


def _reconstruction(images, logits):
    return loss_with(kl_weight=0.0)(images, logits, *2 * [np.zeros((len(images), 1))])


def _kl(z_mean, z_log_var):
    nothing = np.zeros((len(z_mean), 1, 1, 1))
    return loss_with(pixels=lambda cost, axis: 0.0)(nothing, nothing, z_mean, z_log_var)


def _minus_elbo(images, logits, z_mean, z_log_var):
    reconstruction = -elbo.bernoulli_log_likelihood(images, logits)
    return tf.reduce_mean(reconstruction + elbo.gaussian_kl(z_mean, z_log_var))


cure = LossQuestion(
    "cure",
    "Minus the ELBO, in nats per image, as a mean over images.",
    variable="my_loss",
    answer=_minus_elbo,
    inputs=loss_inputs,
    outcome="One number: the mean over images of reconstruction + KL, each added up per image.",
    mistakes=[
        Mistake(
            "Both means are still there: this is the loss of the story, with an effective beta of "
            "pixels / latents.",
            wrong=loss_with(pixels=np.mean, latents=np.mean),
        ),
        Mistake(
            "Both means are still there; 784 times both moves no minimum. Add over pixels, and add "
            "over latents.",
            wrong=loss_with(
                pixels=np.mean, latents=np.mean, over_images=lambda loss: FASHION * np.mean(loss)
            ),
        ),
        Mistake(
            "784 and 2 are the numbers of pixels and latents of the story. These images have "
            "another size: add with tf.reduce_sum, and no number needs to be typed.",
            wrong=loss_with(pixels=_times(FASHION), latents=_times(2)),
        ),
        Mistake(
            "784 is the number of pixels of the story's images. These have another size: add over "
            "their axes instead of multiplying the mean.",
            wrong=loss_with(pixels=_times(FASHION)),
        ),
        Mistake(
            "784 times the mean is right for the story's images only, and the KL is still a mean "
            "over latents: add over both.",
            wrong=loss_with(pixels=_times(FASHION), latents=np.mean),
        ),
        Mistake(
            "The reconstruction is right. The KL is added over the images too, so it grows with "
            "the batch: add over axis 1, then average over images.",
            wrong=lambda x, a, m, v: _reconstruction(x, a) + len(m) * _kl(m, v),
        ),
        Mistake(
            "The KL is right. The reconstruction is added over the images too, so it grows with "
            "the batch: add over axes 1, 2 and 3, then average over images.",
            wrong=lambda x, a, m, v: len(m) * _reconstruction(x, a) + _kl(m, v),
        ),
        Mistake(
            "The KL counts twice: `per_latent` has its factor 1/2 already.",
            wrong=loss_with(kl_weight=2.0),
        ),
        Mistake(
            "The KL counts half: `per_latent` has its factor 1/2 already.",
            wrong=loss_with(kl_weight=0.5),
        ),
        Mistake("The reconstruction is missing.", wrong=lambda x, a, m, v: _kl(m, v)),
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


def _nats_of_an_image(rng):
    size = int(rng.integers(10, 60))
    return float(rng.uniform(100, 900)), (size, size + 1, int(rng.choice([2, 4])))


bits_per_dimension = Question(
    "bits_per_dimension",
    "Nats per image as bits per dimension.",
    variable="my_bits",
    answer=lambda nats_per_image, image_shape: (
        nats_per_image / math.prod(image_shape) / math.log(2)
    ),
    inputs=_nats_of_an_image,
    outcome="One number, in bits per dimension.",
    tolerance=1e-3,  # 0.693 for ln 2, as the notebook prints it, will do
    mistakes=[
        Mistake(
            "These are NATS per dimension. A bit is ln 2 = 0.693 nats, so there are more bits than "
            "nats.",
            wrong=lambda nats_per_image, image_shape: nats_per_image / math.prod(image_shape),
        ),
        Mistake(
            "You multiplied by ln 2. A bit is the smaller unit, 0.693 nats, so the number grows: "
            "divide.",
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
            "784 belongs to Fashion-MNIST's images. Here the size is `image_shape`: multiply its "
            "numbers.",
            wrong=lambda nats_per_image, image_shape: nats_per_image / FASHION / math.log(2),
        ),
        Mistake(
            "You added the sides. Height x width x channels numbers make an image: multiply them.",
            wrong=lambda nats_per_image, image_shape: (
                nats_per_image / sum(image_shape) / math.log(2)
            ),
        ),
        Mistake(
            "You multiplied by the number of dimensions. What is spread over many leaves less for "
            "each: divide.",
            wrong=lambda nats_per_image, image_shape: (
                nats_per_image * math.prod(image_shape) / math.log(2)
            ),
        ),
        Mistake(
            "You divided by 2. A bit is ln 2 = 0.693 nats.",
            wrong=lambda nats_per_image, image_shape: nats_per_image / math.prod(image_shape) / 2,
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


# Of when a VAE must collapse, in a module of their own.
survivors, critical_value = collapse.survivors, collapse.critical_value
