"""Exercises of notebook 11: features for pixels, a discriminator, and what is lost."""

import numpy as np

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb11

    return nb11


def _features(rng):
    """Features of images and of their reconstructions, on a grid, and a weight."""
    shape = int(rng.integers(7, 10)), int(rng.integers(2, 4)), int(rng.integers(4, 6)), 7
    one, other = rng.normal(size=(2, *shape)).astype("float32")
    return one, other, float(rng.uniform(2.0, 5.0))


def _squares(one, other):
    return np.square(np.asarray(one, "float64") - np.asarray(other, "float64"))


similarity = Question(
    "similarity",
    "weight * feature error of each image: half the squared distance of its features.",
    variable="my_similarity",
    answer=lambda features, other, weight: (
        0.5 * weight * _squares(features, other).sum(axis=(1, 2, 3))
    ),
    inputs=_features,
    outcome="One number for each image, shape (batch,).",
    mistakes=[
        Mistake(
            "You averaged over the features, where the Gaussian's log density adds them: the KL "
            "beside it would weigh as many times more as there are features.",
            wrong=lambda f, g, w: 0.5 * w * _squares(f, g).mean(axis=(1, 2, 3)),
        ),
        Mistake(
            "The half is missing. It comes from the exponent of the Gaussian.",
            wrong=lambda f, g, w: w * _squares(f, g).sum(axis=(1, 2, 3)),
        ),
        Mistake(
            "This is the distance itself. The Gaussian's exponent has its square.",
            wrong=lambda f, g, w: 0.5 * w * np.sqrt(_squares(f, g).sum(axis=(1, 2, 3))),
        ),
        Mistake(
            "You squared the weight: it stands for 1 / sigma squared already.",
            wrong=lambda f, g, w: 0.5 * w**2 * _squares(f, g).sum(axis=(1, 2, 3)),
        ),
        Mistake(
            "You divided by the weight. A larger weight makes the same error dearer.",
            wrong=lambda f, g, w: 0.5 * _squares(f, g).sum(axis=(1, 2, 3)) / w,
        ),
        Mistake(
            "You added over the channels alone. An image has features at every place of the grid.",
            wrong=lambda f, g, w: 0.5 * w * _squares(f, g).sum(axis=-1),
        ),
        Mistake(
            "The weight is missing.",
            wrong=lambda f, g, w: 0.5 * _squares(f, g).sum(axis=(1, 2, 3)),
        ),
    ],
    hint="Write minus the log of a Gaussian density with the variance 1 / weight, and drop what "
    "does not depend on the features. Which axes belong to one image?",
    solutions=solutions,
    remark="So feature_weight = 4 says: a feature may be off by half a unit.",
)


def _densities(rng):
    """Densities of some images under the data and under the model."""
    n = int(rng.integers(5, 9))
    return tuple(np.exp(rng.normal(0.0, 1.5, size=(2, n))).astype("float32"))


best_logit = Question(
    "best_logit",
    "The logit of the best possible discriminator, from the densities of an image.",
    variable="my_logit",
    answer=lambda p_real, p_drawn: np.log(np.asarray(p_real, "float64") / p_drawn),
    inputs=_densities,
    outcome="One logit for each image; 0 means: cannot tell.",
    mistakes=[
        Mistake(
            "This is the probability of being real. Its logit is log(p / (1 - p)).",
            wrong=lambda p, q: p / (p + q),
        ),
        Mistake(
            "The sign: it has to rise where REAL images are denser.",
            wrong=lambda p, q: np.log(q / p),
        ),
        Mistake(
            "These are the odds. The logit is their logarithm.",
            wrong=lambda p, q: p / q,
        ),
        Mistake(
            "This is the logarithm of the probability. The logit is log(p / (1 - p)).",
            wrong=lambda p, q: np.log(p / (p + q)),
        ),
        Mistake(
            "This is a difference of densities. Odds are a ratio.",
            wrong=lambda p, q: p - q,
        ),
        Mistake(
            "This is the odds' share of drawn images. Which of the two is meant by real?",
            wrong=lambda p, q: q / (p + q),
        ),
    ],
    hint="Half of the images shown are real. Bayes: how probable is it that this one is? Then take "
    "the logit, and see what cancels.",
    solutions=solutions,
    remark="A discriminator estimates a ratio of two densities without knowing either of them.",
)


def _logits(rng):
    """Logits of real images, and of twice as many drawn ones; some of them are sure, and wrong."""
    n = int(rng.integers(5, 9))
    real, drawn = rng.normal(1.0, 2.0, size=n), rng.normal(-1.0, 2.0, size=2 * n)
    real[0], drawn[0] = -rng.uniform(150, 900), rng.uniform(150, 900)
    return real.astype("float32"), drawn.astype("float32")


def _softplus(values):
    return np.logaddexp(0.0, np.asarray(values, "float64"))


def _loss(answer, real, drawn):
    with np.errstate(all="ignore"):
        given = answer(np.array([real], "float32"), np.array([drawn, drawn], "float32"))
    return float(np.squeeze(np.asarray(given)))


def _overflows(answer):
    """Right where logits are small, and no number where they are large."""
    right = np.isclose(_loss(answer, 0.5, -1.0), _softplus(-0.5) + _softplus(-1.0), rtol=1e-3)
    return right and not np.isfinite(_loss(answer, -400.0, 400.0))


discriminator_loss = Question(
    "discriminator_loss",
    "The discriminator's loss: two means of -log of the probability of the right verdict, added.",
    variable="my_loss",
    answer=lambda real, drawn: _softplus(-real).mean() + _softplus(drawn).mean(),
    inputs=_logits,
    outcome="One number.",
    mistakes=[
        Mistake(
            "The verdicts are exchanged: this loss is small when real images are called drawn.",
            wrong=lambda real, drawn: _softplus(real).mean() + _softplus(-drawn).mean(),
        ),
        Mistake(
            "One mean over all logits: the drawn ones are twice as many and would count double. "
            "Take a mean of each kind, and add.",
            wrong=lambda real, drawn: np.concatenate([_softplus(-real), _softplus(drawn)]).mean(),
        ),
        Mistake(
            "The sum, where a mean was asked for: the loss would grow with the batch.",
            wrong=lambda real, drawn: _softplus(-real).sum() + _softplus(drawn).sum(),
        ),
        Mistake(
            "Both are called real here: that is what the decoder wants of the drawn ones.",
            wrong=lambda real, drawn: _softplus(-real).mean() + _softplus(-drawn).mean(),
        ),
        Mistake(
            "The half makes it a mean of the two kinds. Here they are added.",
            wrong=lambda real, drawn: (_softplus(-real).mean() + _softplus(drawn).mean()) / 2,
        ),
        Mistake(
            "This is the part of the real images alone.",
            wrong=lambda real, drawn: _softplus(-real).mean(),
        ),
        Mistake(
            "This is the part of the drawn images alone.",
            wrong=lambda real, drawn: _softplus(drawn).mean(),
        ),
        Mistake(
            "Right for small logits. A logit of 400 on the wrong side makes the probability 0 to "
            "the last digit, and its logarithm infinite: -log sigmoid(t) is log(1 + exp(-t)), "
            "which np.logaddexp(0, -t) computes.",
            wrong=lambda real, drawn: (
                -np.log(1 / (1 + np.exp(-real))).mean()
                - np.log(1 - 1 / (1 + np.exp(-drawn))).mean()
            ),
            when=_overflows,
        ),
    ],
    hint="A logit t gives the probability sigmoid(t) of being real. -log of it is "
    "log(1 + exp(-t)); and of the opposite?",
    solutions=solutions,
    remark="Whoever can only guess answers 0 everywhere and pays 2 log 2 = 1.386.",
)


def _drawn(rng):
    """Logits of drawn images: most are found out."""
    return (rng.normal(-2.0, 2.5, size=int(rng.integers(5, 9))).astype("float32"),)


def _sigmoid(values):
    return 1 / (1 + np.exp(-np.asarray(values, "float64")))


decoder_gradient = Question(
    "decoder_gradient",
    "The derivative of the decoder's adversarial loss log(1 + exp(-t)) by the logit t of an image.",
    variable="my_gradient",
    answer=lambda drawn: -_sigmoid(-drawn),
    inputs=_drawn,
    outcome="One derivative for each logit: how hard this image pulls.",
    mistakes=[
        Mistake(
            "The sign: a larger logit makes the loss smaller, so the derivative is negative.",
            wrong=lambda t: _sigmoid(-t),
        ),
        Mistake(
            "This is the derivative of log(1 - D), the form that saturates: it vanishes exactly "
            "where an image is found out, and the decoder would have most to learn.",
            wrong=lambda t: -_sigmoid(t),
        ),
        Mistake(
            "This is the discriminator's own derivative for a drawn image: it pushes the logit "
            "DOWN. The decoder wants it up.",
            wrong=lambda t: _sigmoid(t),
        ),
        Mistake(
            "This is the loss, not its derivative.",
            wrong=lambda t: _softplus(-t),
        ),
        Mistake(
            "This is the derivative of a sigmoid. The loss has a logarithm around it, which "
            "cancels one factor.",
            wrong=lambda t: -_sigmoid(t) * _sigmoid(-t),
        ),
        Mistake(
            "exp(-t) is the inner derivative alone. Divide by what stands in the logarithm.",
            wrong=lambda t: -np.exp(-np.asarray(t, "float64")),
        ),
    ],
    hint="Chain rule: the logarithm gives 1 / (1 + exp(-t)), what stands inside gives -exp(-t).",
    solutions=solutions,
    remark="At t = -6 it is -0.998: an image that is found out pulls with nearly full force. The "
    "form log(1 - D) would pull with 0.002.",
)


def _kernel(rng):
    """A kernel of a convolution, (height, width, channels in, channels out)."""
    shape = int(rng.integers(2, 4)), int(rng.integers(4, 6)), int(rng.integers(2, 4)), 7
    return (rng.normal(size=shape).astype("float32"),)


def _singular(matrix):
    return np.linalg.svd(np.asarray(matrix, "float64"), compute_uv=False)


spectral_norm = Question(
    "spectral_norm",
    "The number by which spectral normalisation divides the kernel of a convolution.",
    variable="my_norm",
    answer=lambda kernel: _singular(kernel.reshape(-1, kernel.shape[-1])).max(),
    inputs=_kernel,
    outcome="One number: the largest singular value of the kernel as a matrix with one column for "
    "each output channel.",
    mistakes=[
        Mistake(
            "This is the root of the sum of all squares (Frobenius). It bounds the largest "
            "singular value, and is larger.",
            wrong=lambda kernel: np.linalg.norm(kernel.ravel()),
        ),
        Mistake(
            "np.linalg takes the last two axes for a matrix and gives singular values for each "
            "place of the kernel. Make one matrix first: reshape(-1, channels out).",
            wrong=lambda kernel: _singular(kernel).max(),
        ),
        Mistake(
            "The kernel was flattened the other way: rows are what goes in (height, width and "
            "channels in), columns what comes out.",
            wrong=lambda kernel: _singular(kernel.reshape(kernel.shape[0], -1)).max(),
        ),
        Mistake(
            "This is the smallest singular value.",
            wrong=lambda kernel: _singular(kernel.reshape(-1, kernel.shape[-1])).min(),
        ),
        Mistake(
            "This is the square of it, an eigenvalue of W^T W. Take the root.",
            wrong=lambda kernel: _singular(kernel.reshape(-1, kernel.shape[-1])).max() ** 2,
        ),
        Mistake(
            "This is the largest entry. A matrix can stretch a vector by more than that.",
            wrong=lambda kernel: np.abs(kernel).max(),
        ),
        Mistake(
            "All singular values were added. Only the largest says how far a vector is stretched.",
            wrong=lambda kernel: _singular(kernel.reshape(-1, kernel.shape[-1])).sum(),
        ),
    ],
    hint="The largest factor by which the matrix can lengthen a vector. np.linalg.svd with "
    "compute_uv=False, after a reshape.",
    solutions=solutions,
    remark="Keras' SpectralNormalization estimates it by one power iteration a step: cheap, and "
    "close, since kernels change little from step to step.",
)


def _distances(rng):
    """Distances of real images (rows) to samples (columns), and the radius of each sample."""
    real, samples = int(rng.integers(20, 26)), int(rng.integers(9, 14))
    while True:
        distances = rng.uniform(1.0, 6.0, size=(real, samples)).astype("float32")
        radius = rng.uniform(0.9, 1.9, size=samples).astype("float32")
        inside, one_for_all = (np.any(distances <= r, axis=1) for r in (radius, radius.mean()))
        if inside.sum() != one_for_all.sum():  # else the balls' own radii make no difference
            return distances, radius


recall = Question(
    "recall",
    "Recall: the share of real images that lie inside the ball of at least one sample.",
    variable="my_recall",
    answer=lambda distances, radius: np.any(distances <= radius, axis=1).mean(),
    inputs=_distances,
    outcome="One number from 0 to 1.",
    mistakes=[
        Mistake(
            "This is the share of SAMPLES whose ball holds a real image. Recall asks of each real "
            "image: a model that repeats ten good pictures would have all of its balls full.",
            wrong=lambda d, r: np.any(d <= r, axis=0).mean(),
        ),
        Mistake(
            "One ball suffices. You asked for all of them.",
            wrong=lambda d, r: np.all(d <= r, axis=1).mean(),
        ),
        Mistake(
            "This is the share of all pairs. A real image counts once, in however many balls.",
            wrong=lambda d, r: np.mean(d <= r),
        ),
        Mistake(
            "This is how many balls hold an image, on average.",
            wrong=lambda d, r: np.sum(d <= r, axis=1).mean(),
        ),
        Mistake(
            "This is the share that NO ball holds.",
            wrong=lambda d, r: np.all(d > r, axis=1).mean(),
        ),
        Mistake(
            "You counted. Divide by the number of real images.",
            wrong=lambda d, r: np.any(d <= r, axis=1).sum(),
        ),
        Mistake(
            "Each ball has a radius of its own; you took one for all.",
            wrong=lambda d, r: np.any(d <= r.mean(), axis=1).mean(),
        ),
    ],
    hint="Start with the table distances <= radius. Rows are real images: what must hold in one?",
    solutions=solutions,
    remark="metrics.precision_recall does this with the distance to the third neighbour as radius.",
)


_FOLLOWS = {"kl": "encoder", "verdict on drawn images": "decoder", "real or drawn": "discriminator"}

who_follows = Question(
    "who_follows",
    "Which ONE part of a VAE-GAN follows each of these three terms?",
    variable="my_parts",
    answer=_FOLLOWS,
    outcome="A dict: for each term 'encoder', 'decoder' or 'discriminator'.",
    mistakes=[
        Mistake(
            "The discriminator wants drawn images found out; the wish that they pass for real is "
            "the decoder's. Here the two are exchanged.",
            wrong={
                "kl": "encoder",
                "verdict on drawn images": "discriminator",
                "real or drawn": "decoder",
            },
        ),
        Mistake(
            "The KL does not depend on the decoder's weights: nothing there could follow it.",
            wrong={**_FOLLOWS, "kl": "decoder"},
        ),
        Mistake(
            "There is a way from the verdict back to the encoder, but VAE-GAN cuts it: a code "
            "should say what the image IS, not what passes for real.",
            wrong={**_FOLLOWS, "verdict on drawn images": "encoder"},
        ),
        Mistake(
            "If the discriminator followed the wish that drawn images pass for real, it would "
            "stop telling them apart, which is the easiest way to fulfil it.",
            wrong={**_FOLLOWS, "verdict on drawn images": "discriminator"},
        ),
    ],
    hint="Ask of each term: whose weights can change it, and whose wish is it?",
    solutions=solutions,
    remark="The feature error is the fourth term, and the only one that two parts follow.",
)
