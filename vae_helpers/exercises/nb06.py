"""Exercises of notebook 06: one cure for each patient of the clinic.

A loss is judged on random batches against the negative ELBO, a sampler by the noise it draws, the
warm-up inside a graph, as `fit` runs it.
"""

import numpy as np

from vae_helpers.audit.terms import (
    cross_entropy,
    cross_entropy_of_probabilities,
    gaussian_kl,
    sigmoid,
)
from vae_helpers.exercises.question import Mistake, Question

# --------------------------------------------------------------------------- losses

ONE_NUMBER = "One number: nats per image, as a mean over images."
RULER = "In nats per image an ELBO adds up everything that one image is made of."


# The right loss three times, each with the part written out that the patient had wrong.
PIXELS_WRITTEN_OUT = """
from vae_helpers.elbo import gaussian_kl

def my_loss(images, logits, z_mean, z_log_var):
    per_pixel = tf.nn.sigmoid_cross_entropy_with_logits(images, logits)
    reconstruction = tf.reduce_sum(per_pixel, axis=[1, 2, 3])
    return tf.reduce_mean(reconstruction + gaussian_kl(z_mean, z_log_var))
"""

KL_WRITTEN_OUT = """
from vae_helpers.elbo import bernoulli_log_likelihood

def my_loss(images, logits, z_mean, z_log_var):
    reconstruction = -bernoulli_log_likelihood(images, logits)
    per_dimension = tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var
    kl = 0.5 * tf.reduce_sum(per_dimension, axis=1)
    return tf.reduce_mean(reconstruction + kl)
"""

FROM_THE_PACKAGE = """
from vae_helpers.elbo import bernoulli_log_likelihood, gaussian_kl

def my_loss(images, logits, z_mean, z_log_var):
    reconstruction = -bernoulli_log_likelihood(images, logits)
    return tf.reduce_mean(reconstruction + gaussian_kl(z_mean, z_log_var))
"""


def _batch(rng):
    """images, logits, z_mean, z_log_var; the sizes of all axes differ from each other."""
    n, height, width, latent_dim = rng.permutation([2, 3, 4, 5, 6, 7])[:4]
    images = rng.uniform(0.0, 1.0, size=(n, height, width, 1))
    logits = rng.normal(size=(n, height, width, 1)) * 2.0
    z_mean = rng.normal(size=(n, latent_dim)) * 1.3
    z_log_var = rng.uniform(-2.5, 1.5, size=(n, latent_dim))
    return tuple(array.astype("float32") for array in (images, logits, z_mean, z_log_var))


def _batch_with_large_logits(rng):
    images, logits, z_mean, z_log_var = _batch(rng)
    return images, 10.0 * logits.clip(-3.0, 3.0), z_mean, z_log_var


def _per_image(values):
    return values.reshape(len(values), -1).sum(axis=1)


def _kl(m, v):
    return _per_image(gaussian_kl(m, v))


def _elbo_loss(images, logits, z_mean, z_log_var):
    return np.mean(_per_image(cross_entropy(images, logits)) + _kl(z_mean, z_log_var))


def _with_kl(kl):
    """The right loss with another KL: a function of z_mean and z_log_var, any shape."""
    return lambda x, a, m, v: np.mean(_per_image(cross_entropy(x, a)) + kl(m, v))


def _with_pixels(per_pixel, kl_weight=1.0):
    """The right loss with another function of a pixel and its logit, and a weight of the KL."""
    return lambda x, a, m, v: np.mean(_per_image(per_pixel(x, a)) + kl_weight * _kl(m, v))


def _loss_question(name, task, draw=_batch, **rest):
    """A question whose answer is a loss: the negative ELBO, however it is written."""
    return Question(
        name,
        task,
        variable="my_loss",
        answer=_elbo_loss,
        draw=draw,
        outcome=ONE_NUMBER,
        **rest,
    )


def _pixels_in_a_mean(x, a, m, v):
    return np.mean(cross_entropy(x, a)) + np.mean(_kl(m, v))


pixels_summed = _loss_question(
    "pixels_summed",
    "The loss of patient 1, with the reconstruction in nats per image.",
    mistakes=[
        Mistake(
            "That is the patient: the cross-entropy is a mean over pixels, so the KL weighs as "
            "many times too much as an image has pixels.",
            wrong=_pixels_in_a_mean,
        ),
        Mistake(
            "You multiplied the mean by 784. That is right for 784 pixels and for no other number.",
            wrong=lambda x, a, m, v: 784.0 * np.mean(cross_entropy(x, a)) + np.mean(_kl(m, v)),
        ),
        Mistake(
            "You added up everything, the images included, and only the reconstruction: now it is "
            "the KL that weighs too little, by the size of the batch.",
            wrong=lambda x, a, m, v: np.sum(cross_entropy(x, a)) + np.mean(_kl(m, v)),
        ),
        Mistake(
            "You added up one axis of the image and averaged the other.",
            wrong=lambda x, a, m, v: np.mean(cross_entropy(x, a).sum(axis=1)) + np.mean(_kl(m, v)),
        ),
        Mistake(
            "You divided the KL by the number of pixels too. The balance is healed; the number is "
            "nats per pixel now, and every reference line of the course is per image.",
            wrong=lambda x, a, m, v: np.mean(cross_entropy(x, a)) + np.mean(_kl(m, v)) / x[0].size,
        ),
    ],
    hint="Which axes of per_pixel are one image, and which one counts the images?",
    solution=PIXELS_WRITTEN_OUT,
    remark=RULER,
)

kl_per_image = _loss_question(
    "kl_per_image",
    "The loss of patient 2, with one KL for each image.",
    mistakes=[
        Mistake(
            "That is the patient: without an axis the KL of the whole batch is added up, and every "
            "image pays for all of them.",
            wrong=_with_kl(lambda m, v: np.sum(_kl(m, v))),
        ),
        Mistake(
            "You averaged over images and over latent dimensions. The first is right; the second "
            "divides the KL by the number of dimensions.",
            wrong=_with_kl(lambda m, v: np.mean(_kl(m, v)) / m.shape[1]),
        ),
        Mistake(
            "You added up over images in both terms. The balance is right, but the loss and its "
            "gradient now grow with the size of the batch.",
            wrong=lambda x, a, m, v: np.sum(cross_entropy(x, a)) + np.sum(_kl(m, v)),
        ),
        Mistake(
            "You divided by the size of the latent space, and the sum runs over the images.",
            wrong=_with_kl(lambda m, v: np.sum(_kl(m, v)) / m.shape[1]),
        ),
    ],
    hint="tf.reduce_sum without an axis reduces all of them. Which one belongs to a single image?",
    solution=KL_WRITTEN_OUT,
    remark="A weight that depends on the batch size is a mistake that moves with the hardware.",
)

latents_summed = _loss_question(
    "latents_summed",
    "The loss of patient 3, with a KL that adds up the latent dimensions.",
    mistakes=[
        Mistake(
            "That is the patient: the KL is a mean over latent dimensions and weighs too little, "
            "the less the more dimensions there are.",
            wrong=_with_kl(lambda m, v: _kl(m, v) / m.shape[1]),
        ),
        Mistake(
            "You multiplied the mean by 8. That is right for 8 dimensions and for no other number.",
            wrong=_with_kl(lambda m, v: 8.0 * _kl(m, v) / m.shape[1]),
        ),
        Mistake(
            "You reduced over axis 0 first: that adds up the images and averages the dimensions.",
            wrong=_with_kl(lambda m, v: np.sum(_kl(m, v)) / m.shape[1]),
        ),
        Mistake(
            "You averaged the pixels as well. Two wrongs: the KL now weighs pixels / dimensions.",
            wrong=lambda x, a, m, v: np.mean(cross_entropy(x, a)) + np.mean(_kl(m, v)) / m.shape[1],
        ),
    ],
    hint="The KL of independent dimensions adds up. One word of the sick line has to change.",
    solution=KL_WRITTEN_OUT,
    remark="If a weaker KL is what you want, write it as a beta that a reader can see.",
)

log_sign = _loss_question(
    "log_sign",
    "The loss of patient 4, with the terms of the KL as they should be.",
    mistakes=[
        Mistake(
            "That is the patient: + z_log_var rewards ever smaller variances, without end.",
            wrong=_with_kl(lambda m, v: _per_image(0.5 * (m**2 + np.exp(v) - 1 + v))),
        ),
        Mistake(
            "You turned the sign of the whole KL: now it is rewarded for growing.",
            wrong=_with_kl(lambda m, v: -_kl(m, v)),
        ),
        Mistake(
            "The logarithm is gone altogether: nothing keeps the variances from going to 0.",
            wrong=_with_kl(lambda m, v: _per_image(0.5 * (m**2 + np.exp(v) - 1))),
        ),
        Mistake(
            "The sign is right, and a 2 too many: that belongs to a head that gives log sigma.",
            wrong=_with_kl(lambda m, v: _per_image(0.5 * (m**2 + np.exp(v) - 1 - 2 * v))),
        ),
        Mistake(
            "Only the -1 is missing: harmless for the gradient, but the number is not the KL.",
            wrong=_with_kl(lambda m, v: _per_image(0.5 * (m**2 + np.exp(v) - v))),
        ),
    ],
    hint="A KL is smallest, and 0, at z_mean = 0 and z_log_var = 0. Which sign makes its slope "
    "vanish there?",
    solution=KL_WRITTEN_OUT,
    remark="No divergence is negative: a closed KL below 0 is a mistake, every time.",
)

log_variance = _loss_question(
    "log_variance",
    "The loss of patient 5, in which z_log_var is read as what it is.",
    mistakes=[
        Mistake(
            "That is the patient: the log variance is taken for sigma and squared.",
            wrong=_with_kl(lambda m, v: _per_image(0.5 * (m**2 + v**2 - 1 - np.log(v**2)))),
        ),
        Mistake(
            "You took it for the variance itself: the logarithm of a negative output is NaN.",
            wrong=_with_kl(lambda m, v: _per_image(0.5 * (m**2 + v - 1 - np.log(v)))),
        ),
        Mistake(
            "You took it for the logarithm of sigma: then the sampler would have to use exp(v), "
            "and it uses exp(v / 2).",
            wrong=_with_kl(lambda m, v: _per_image(0.5 * (m**2 + np.exp(2 * v) - 1 - 2 * v))),
        ),
        Mistake(
            "exp(v / 2) is the standard deviation; the KL wants its square.",
            wrong=_with_kl(lambda m, v: _per_image(0.5 * (m**2 + np.exp(v / 2) - 1 - v))),
        ),
        Mistake(
            "An absolute value makes the logarithm run; it is still not the variance.",
            wrong=_with_kl(lambda m, v: _per_image(0.5 * (m**2 + abs(v) - 1 - np.log(abs(v))))),
        ),
    ],
    hint="Which function turns a log variance into a variance? And what is then its logarithm?",
    solution="""
        from vae_helpers.elbo import bernoulli_log_likelihood

        def my_loss(images, logits, z_mean, z_log_var):
            reconstruction = -bernoulli_log_likelihood(images, logits)
            variance = tf.exp(z_log_var)
            per_dimension = tf.square(z_mean) + variance - 1.0 - z_log_var
            kl = 0.5 * tf.reduce_sum(per_dimension, axis=1)
            return tf.reduce_mean(reconstruction + kl)
    """,
    remark="A name that says what a number is, z_log_var and not sigma, would have prevented it.",
)

counted_once = _loss_question(
    "counted_once",
    "The loss of patient 6, with the KL counted once.",
    mistakes=[
        Mistake(
            "That is the patient: the KL stands in there twice.",
            wrong=_with_kl(lambda m, v: 2 * _kl(m, v)),
        ),
        Mistake(
            "Now the KL is gone from both places: an autoencoder with noise is left.",
            wrong=_with_kl(lambda m, v: 0 * _kl(m, v)),
        ),
        Mistake(
            "You halved it in one place and forgot the other: it counts one and a half times.",
            wrong=_with_kl(lambda m, v: 1.5 * _kl(m, v)),
        ),
        Mistake(
            "You took away one KL too many: half of one is left.",
            wrong=_with_kl(lambda m, v: 0.5 * _kl(m, v)),
        ),
    ],
    hint="Two lines of the patient know the KL. One of them is enough.",
    solution=FROM_THE_PACKAGE,
    remark="A weight of 0.5 in both places would also be right, and would puzzle every reader.",
)

one_sigmoid = _loss_question(
    "one_sigmoid",
    "The loss of patient 7, with a single sigmoid between the logit and the probability.",
    mistakes=[
        Mistake(
            "That is the patient: the cross-entropy applies a sigmoid of its own to what has been "
            "through one already.",
            wrong=_with_pixels(lambda x, a: cross_entropy(x, sigmoid(a))),
        ),
        Mistake(
            "Now the images went through the sigmoid, which leaves them between 0.5 and 0.73.",
            wrong=_with_pixels(lambda x, a: cross_entropy(sigmoid(x), a)),
        ),
        Mistake(
            "One sigmoid, but the two arguments are exchanged: the images come first.",
            wrong=_with_pixels(lambda x, a: cross_entropy(sigmoid(a), x)),
        ),
        Mistake(
            "One sigmoid, and another likelihood: half the squared error is a Gaussian's.",
            wrong=_with_pixels(lambda x, a: 0.5 * (x - sigmoid(a)) ** 2),
        ),
        Mistake(
            "One sigmoid, and a squared error instead of the cross-entropy.",
            wrong=_with_pixels(lambda x, a: (x - sigmoid(a)) ** 2),
        ),
    ],
    hint="Read the name of the TensorFlow function to its end: what does it want to be given?",
    solution=PIXELS_WRITTEN_OUT,
    remark="Logits go into the loss, probabilities onto the screen.",
)

image_range = _loss_question(
    "image_range",
    "The loss of patient 8, with pixels where a Bernoulli lives.",
    mistakes=[
        Mistake(
            "That is the patient: on [-1, 1] a pixel of -1 pays a reward for every logit.",
            wrong=_with_pixels(lambda x, a: cross_entropy(2 * x - 1, a)),
        ),
        Mistake(
            "The images arrive on [0, 1] already; times 255 makes it worse.",
            wrong=_with_pixels(lambda x, a: cross_entropy(255 * x, a)),
        ),
        Mistake(
            "Divided by 255 a second time every image is black, and black is easy to draw.",
            wrong=_with_pixels(lambda x, a: cross_entropy(x / 255, a)),
        ),
        Mistake(
            "Half of (x + 1) undoes a scaling that was not done: black has become grey.",
            wrong=_with_pixels(lambda x, a: cross_entropy((x + 1) / 2, a)),
        ),
        Mistake(
            "You scaled to [-1, 1] and cut off below 0: the loss is finite, the darker half of "
            "every image is lost.",
            wrong=_with_pixels(lambda x, a: cross_entropy(np.clip(2 * x - 1, 0, 1), a)),
        ),
    ],
    hint="The model hands the loss images on [0, 1]. What is left to do to them?",
    solution=FROM_THE_PACKAGE,
    remark="A cross-entropy below 0 says that something given as a probability is none.",
)


def _finite_where_small(answer):
    """True when the loss is right for small logits, and not for large ones."""
    rng = np.random.default_rng()
    small = _batch(rng)
    small = (small[0], 0.4 * small[1], *small[2:])
    return abs(float(answer(*small)) - _elbo_loss(*small)) < 1e-3 * _elbo_loss(*small)


def _is_infinite_where_large(answer):
    large = _batch_with_large_logits(np.random.default_rng())
    return _finite_where_small(answer) and not np.isfinite(float(answer(*large)))


def _is_capped_where_large(answer):
    large = _batch_with_large_logits(np.random.default_rng())
    return _finite_where_small(answer) and np.isfinite(float(answer(*large)))


def _float32_sigmoid(a):
    return (1 / (1 + np.exp(-a.astype("float32")))).astype("float32")


def _epsilon(x, a):
    p = _float32_sigmoid(a)
    return -(x * np.log(p + 1e-7) + (1 - x) * np.log(1 - p + 1e-7))


finite_everywhere = _loss_question(
    "finite_everywhere",
    "The loss of patient 9, finite for logits up to 30 on either side.",
    draw=_batch_with_large_logits,
    mistakes=[
        Mistake(
            "A sigmoid cures the negative probabilities. But in float32 it rounds to exactly 1 for "
            "logits above about 17, and log(1 - p) is then the logarithm of 0.",
            wrong=_with_pixels(lambda x, a: cross_entropy_of_probabilities(x, _float32_sigmoid(a))),
            when=_is_infinite_where_large,
        ),
        Mistake(
            "It is finite, but an epsilon or a clip caps what a confident mistake costs, and where "
            "it does, the gradient is gone.",
            wrong=_with_pixels(_epsilon),
            when=_is_capped_where_large,
        ),
        Mistake(
            "(1 + tanh(a)) / 2 is a probability, namely sigmoid(2a): every logit counts double.",
            wrong=_with_pixels(lambda x, a: cross_entropy(x, 2 * a)),
        ),
        Mistake(
            "That is the patient: a tanh below 0 has no logarithm, and one NaN spoils the mean.",
            wrong=_with_pixels(lambda x, a: cross_entropy_of_probabilities(x, np.tanh(a))),
        ),
    ],
    hint="Do not compute the probability at all. Notebook 02 has a function that starts from the "
    "logits.",
    solution=PIXELS_WRITTEN_OUT,
    remark="A logit of 30 costs 30 nats when it is wrong, and no logarithm of 0 was taken.",
)

# --------------------------------------------------------------------------- samplers

LOW, HIGH = -3.0, 1.0  # two log variances; a law for sigma that fits both is the law
WIDTHS = {
    "exp(v)": (np.exp, "The half is missing: exp(z_log_var) is the variance, not sigma."),
    "1": (
        lambda v: 1.0 + 0 * v,
        "The noise is not scaled: every code is as wide as the prior, whatever z_log_var says.",
    ),
    "|v|": (np.abs, "The noise is scaled by z_log_var itself: exp is missing."),
    "|v| / 2": (lambda v: abs(v) / 2, "Half of z_log_var is the LOG of sigma: exp is missing."),
    "exp(v / 4)": (lambda v: np.exp(v / 4), "One half too many: that is the root of sigma."),
    "exp(2v)": (lambda v: np.exp(2 * v), "You doubled where you should halve."),
    "exp(-v / 2)": (lambda v: np.exp(-v / 2), "The sign in exp is wrong: large means wide."),
    "softplus(v)": (
        lambda v: np.logaddexp(0, v),
        "softplus makes a variance of some other kind of output; z_log_var wants exp.",
    ),
}


def _sampler_fault(answer):
    """What is wrong with the noise that a sampler draws, "" when nothing is."""
    import tensorflow as tf

    if not callable(answer):
        return f"Expected a function, got {type(answer).__name__}. Hand over the function itself."
    rng = np.random.default_rng()
    z_mean = rng.normal(size=(1500, 3)).astype("float32")
    z_log_var = rng.choice([LOW, HIGH], size=z_mean.shape).astype("float32")
    m, v = tf.constant(z_mean), tf.constant(z_log_var)
    direct = [np.asarray(answer(m, v)) for _ in range(2)]
    if direct[0].shape != z_mean.shape:
        return (
            f"Your z has shape {direct[0].shape}, expected that of z_mean, {z_mean.shape}: one "
            "code for each image."
        )
    if not np.isfinite(direct[0]).all():
        return "Some of your z are NaN or infinite, for log variances of -3 and 1."
    noise = [z.astype("float64") - z_mean for z in direct]
    return (
        _repeated(noise, z_log_var)
        or _shared(noise[0], z_log_var)
        or _wrong_width(np.stack(noise), z_log_var)
        or _frozen(tf.function(answer), m, v)
        or _needs_the_batch_size(answer, m, v)
    )


def _repeated(noise, z_log_var):
    if not np.allclose(noise[0], noise[1], atol=1e-5):
        return ""
    if np.allclose(noise[0], 0, atol=1e-5):
        return "z is z_mean: there is no noise in it, and the KL charges for a width nobody uses."
    if np.allclose(noise[0], np.exp(z_log_var / 2), rtol=1e-3):
        return (
            "z is z_mean + sigma at every call: sigma is added, and multiplied with nothing random."
        )
    return "Two calls give the same z: the noise has to be drawn anew inside the function."


def _shared(noise, z_log_var):
    if np.ptp(noise) < 1e-6:
        return "The whole batch gets one single number as its noise."
    low = z_log_var == LOW
    if all(np.ptp(noise[low[:, d], d]) < 1e-4 for d in range(noise.shape[1])):
        one = np.ptp([noise[low[:, d], d].mean() for d in range(noise.shape[1])]) < 1e-4
        whole = "One single number serves the whole batch" if one else "All images share one noise"
        return f"{whole}: draw one row for each image, tf.shape(z_mean)."
    both = low[:, 0] & low[:, 1]
    if np.allclose(noise[both, 0], noise[both, 1], atol=1e-4):
        return (
            "All latent dimensions of an image share one number. The KL prices them as "
            "independent; a decoder can cancel what they share."
        )
    return ""


def _wrong_width(noise, z_log_var):
    levels = np.array([LOW, HIGH])
    found = np.array([np.std(noise[:, z_log_var == level]) for level in levels])
    right = np.exp(levels / 2)
    for law, words in WIDTHS.values():
        if np.allclose(found, law(levels), rtol=0.06):
            return words
    scaled = noise / np.exp(z_log_var / 2)
    if abs(scaled.mean()) > 0.1:
        return f"The noise is not centred: its mean is {scaled.mean():.2f}, expected 0."
    if not np.allclose(found, right, rtol=0.08):
        return (
            f"At log variances of {LOW:.0f} and {HIGH:.0f} your z has standard deviations "
            f"{found[0]:.3g} and {found[1]:.3g}, expected {right[0]:.3g} and {right[1]:.3g}."
        )
    kurtosis = np.mean((scaled - scaled.mean()) ** 4) / np.var(scaled) ** 2
    if abs(kurtosis - 3) > 0.6:
        return "The width is right, but the noise is not normal (is it uniform?)."
    return ""


def _frozen(sampler, m, v):
    first, second = (np.asarray(sampler(m, v)) for _ in range(2))
    if np.allclose(first, second, atol=1e-5):
        return (
            "Called directly it is right. Under fit it is not: a number drawn by NumPy or Python "
            "is drawn once, while the graph is built. Draw with tf.random or keras.random."
        )
    return ""


def _needs_the_batch_size(answer, m, v):
    """What goes wrong where the size of the batch is not known yet, as under fit."""
    import tensorflow as tf

    spec = tf.TensorSpec((None, m.shape[1]), m.dtype)
    try:
        tf.function(answer, input_signature=(spec, spec))(m, v)
    except Exception:
        return (
            "Called directly it is right. Under fit it fails: while the graph is built the size of "
            "the batch is not known, and z_mean.shape says None. Ask tf.shape(z_mean)."
        )
    return ""


def _sampler(noise, width=None):
    """A wrong sampler, from its noise (a function of z_mean) and its width."""

    def sample(z_mean, z_log_var):
        import tensorflow as tf

        z_mean, z_log_var = tf.convert_to_tensor(z_mean), tf.convert_to_tensor(z_log_var)
        sigma = tf.exp(0.5 * z_log_var) if width is None else width(z_log_var)
        return z_mean + sigma * noise(z_mean)

    return sample


def _normal(z_mean):
    import tensorflow as tf

    return tf.random.normal(tf.shape(z_mean))


def _one_for_dimensions(z_mean):
    return _normal(z_mean[:, :1])


def _one_for_images(z_mean):
    return _normal(z_mean[0])


def _one_for_all(z_mean):
    return _normal(z_mean[0, 0])


def _by_numpy(z_mean):
    return np.random.default_rng().normal(size=z_mean.shape).astype("float32")


def _of_static_shape(z_mean):
    import tensorflow as tf

    return tf.random.normal(z_mean.shape)


def _uniform(z_mean):
    import tensorflow as tf

    return tf.random.uniform(tf.shape(z_mean))


def _exp_of(factor):
    def width(z_log_var):
        import tensorflow as tf

        return tf.exp(factor * z_log_var)

    return width


# One function for all three questions, so that a notebook trains one cured model for them.
_right_sampler = _sampler(_normal)
DRAW_Z = """
    def my_sample(z_mean, z_log_var):
        noise = tf.random.normal(tf.shape(z_mean))
        return z_mean + tf.exp(0.5 * z_log_var) * noise
"""

fresh_noise = Question(
    "fresh_noise",
    "The sampler of patient 10, with noise that is drawn and used.",
    variable="my_sample",
    answer=_right_sampler,
    examine=_sampler_fault,
    mistakes=[
        Mistake(None, wrong=_sampler(lambda z_mean: 1.0)),
        Mistake(None, wrong=lambda z_mean, z_log_var: z_mean),
        Mistake(None, wrong=_sampler(_by_numpy)),
        Mistake(None, wrong=_sampler(_uniform)),
        Mistake(None, wrong=_sampler(_normal, _exp_of(1.0))),
    ],
    hint="One variable of the patient is computed and never read. Where should it stand?",
    solution=DRAW_Z,
    remark="The decoder now sees the whole cloud that the KL has paid for.",
)

noise_for_each = Question(
    "noise_for_each",
    "The sampler of patient 11, with noise of its own for every image and dimension.",
    variable="my_sample",
    answer=_right_sampler,
    examine=_sampler_fault,
    mistakes=[
        Mistake(None, wrong=_sampler(_one_for_dimensions)),
        Mistake(None, wrong=_sampler(_one_for_images)),
        Mistake(None, wrong=_sampler(_one_for_all)),
        Mistake(None, wrong=_sampler(_by_numpy)),
        Mistake(None, wrong=_sampler(_of_static_shape)),
        Mistake(None, wrong=_sampler(_normal, _exp_of(0.0))),
    ],
    hint="How many numbers does z_mean hold? The noise needs as many.",
    solution=DRAW_Z,
    remark="The KL adds up over dimensions because they are independent; so must be the noise.",
)

half_the_log = Question(
    "half_the_log",
    "The sampler of patient 12, as wide as the KL says.",
    variable="my_sample",
    answer=_right_sampler,
    examine=_sampler_fault,
    mistakes=[
        Mistake(None, wrong=_sampler(_normal, _exp_of(1.0))),
        Mistake(None, wrong=_sampler(_normal, _exp_of(2.0))),
        Mistake(None, wrong=_sampler(_normal, _exp_of(0.25))),
        Mistake(None, wrong=_sampler(_normal, lambda z_log_var: z_log_var)),
        Mistake(None, wrong=_sampler(_normal, lambda z_log_var: 0.5 * z_log_var)),
        Mistake(None, wrong=_sampler(_normal, _exp_of(-0.5))),
    ],
    hint="The noise is scaled by sigma. If v is ln(sigma^2), what is ln(sigma)?",
    solution=DRAW_Z,
    remark="Sampler and KL read one number; they have to read it in the same way.",
)

# --------------------------------------------------------------------------- a weight that moves


def _warm_up_fault(answer):
    """What is wrong with a loss object whose KL weight `set` changes, "" when nothing is."""
    import tensorflow as tf

    if not callable(answer):
        return f"Expected a class, got {type(answer).__name__}. Hand over the class itself."
    loss = answer() if isinstance(answer, type) else answer
    if not callable(getattr(loss, "set", None)) or not callable(loss):
        return "Expected an object with set(weight), to be called with images, logits and codes."
    arrays = _batch(np.random.default_rng())
    x, a, m, v = arrays
    reconstruction, kl = np.mean(_per_image(cross_entropy(x, a))), np.mean(_kl(m, v))
    tensors = [tf.constant(array) for array in arrays]
    in_graph = tf.function(lambda *inputs: tf.reduce_mean(loss(*inputs)))
    weights, values = (None, 0.25, 1.0, 0.0), []
    for weight in weights:
        if weight is not None:
            loss.set(weight)
        values.append(float(in_graph(*tensors)))
    right = [reconstruction + (weight or 0.0) * kl for weight in weights]
    if np.allclose(values, right, rtol=1e-4):
        return ""
    if np.ptp(values) < 1e-6 * abs(values[0]):
        return _stuck(loss, tensors, values[0], (reconstruction, kl))
    if np.allclose(values[1:], right[1:], rtol=1e-4):
        return "Before the first set() the weight is not 0: a warm-up starts without the KL."
    if np.allclose(values[1:], [w * (reconstruction + kl) for w in weights[1:]], rtol=1e-4):
        return "The weight multiplies the whole loss. It belongs to the KL alone."
    if np.allclose(values[1:], [w * reconstruction + kl for w in weights[1:]], rtol=1e-4):
        return "The weight multiplies the reconstruction. It belongs to the KL."
    return (
        f"With weights of 0.25 and 1 the graph's loss is {values[1]:.4g} and {values[2]:.4g}, "
        + (f"expected {right[1]:.4g} and {right[2]:.4g}.")
    )


def _stuck(loss, tensors, value, terms):
    """Why the graph's loss does not follow the weight."""
    import tensorflow as tf

    outside = []
    for weight in (0.0, 1.0):
        loss.set(weight)
        outside.append(float(tf.reduce_mean(loss(*tensors))))
    if np.ptp(outside) < 1e-6 * abs(outside[0]):
        if np.isclose(value, sum(terms), rtol=1e-4):
            return "The weight is 1 whatever set() is told: there is no warm-up left."
        return "set() has no effect, inside a graph or outside."
    if any(isinstance(part, tf.Variable) for part in vars(loss).values()):
        return (
            "set() makes a new variable, and the graph keeps looking at the first. Keep one, and "
            "use its assign."
        )
    return (
        "Called directly the loss follows set(). Inside a graph, as under fit, it does not: a "
        "Python number is read once, while the graph is built, and is a constant ever after."
    )


def _loss_object(weight_of, store, call):
    """A class with a weight, for examples: how it starts, how it is stored, how it is used."""

    class Example:
        def __init__(self):
            self.weight = weight_of()

        def set(self, weight):
            store(self, weight)

        def __call__(self, images, logits, z_mean, z_log_var):
            from vae_helpers.elbo import bernoulli_log_likelihood, gaussian_kl

            reconstruction = -bernoulli_log_likelihood(images, logits)
            return call(self.weight, reconstruction, gaussian_kl(z_mean, z_log_var))

    return Example


def _variable(start=0.0):
    def make():
        import tensorflow as tf

        return tf.Variable(start)

    return make


def _assign(self, weight):
    self.weight.assign(weight)


def _replace(self, weight):
    self.weight = weight


def _renew(self, weight):
    self.weight = _variable(weight)()


def _plain(weight, reconstruction, kl):
    return reconstruction + weight * kl


warm_up = Question(
    "warm_up",
    "The loss of patient 13, with a weight that a compiled step sees change.",
    variable="MyWarmUp",
    examine=_warm_up_fault,
    mistakes=[
        Mistake(None, wrong=_loss_object(float, _replace, _plain)),
        Mistake(None, wrong=_loss_object(_variable(), _renew, _plain)),
        Mistake(None, wrong=_loss_object(_variable(1.0), _assign, _plain)),
        Mistake(None, wrong=_loss_object(_variable(), _assign, lambda w, r, kl: w * (r + kl))),
        Mistake(None, wrong=_loss_object(_variable(), _assign, lambda w, r, kl: w * r + kl)),
        Mistake(None, wrong=_loss_object(float, _replace, lambda w, r, kl: r + kl)),
    ],
    hint="What is TensorFlow's name for a number that a graph reads anew at every step? It has a "
    "method that writes into it.",
    solution="""
        from vae_helpers.elbo import bernoulli_log_likelihood, gaussian_kl

        class MyWarmUp:
            def __init__(self):
                self.weight = tf.Variable(0.0)

            def set(self, weight):
                self.weight.assign(weight)

            def __call__(self, images, logits, z_mean, z_log_var):
                reconstruction = -bernoulli_log_likelihood(images, logits)
                kl = gaussian_kl(z_mean, z_log_var)
                return tf.reduce_mean(reconstruction + self.weight * kl)
    """,
    remark="The course's VAE keeps its beta in such a variable: vae.beta may change between fits.",
)

# --------------------------------------------------------------------------- two at once


def _keras_on_logits(x, a):
    return cross_entropy_of_probabilities(x, np.clip(a, 1e-7, 1 - 1e-7))


night_shift = _loss_question(
    "night_shift",
    "The loss of the unknown patient, with both mistakes cured.",
    mistakes=[
        Mistake(
            "That is the patient, as it came in.",
            wrong=_with_pixels(_keras_on_logits, 2.0),
        ),
        Mistake(
            "The reconstruction is cured. The KL still weighs 2: look for the half.",
            wrong=_with_pixels(cross_entropy, 2.0),
        ),
        Mistake(
            "The KL is cured. The reconstruction still takes logits for probabilities.",
            wrong=_with_pixels(_keras_on_logits, 1.0),
        ),
        Mistake(
            "The KL is cured. The reconstruction has two sigmoids now: from_logits=True wants the "
            "logits, not the probabilities.",
            wrong=_with_pixels(lambda x, a: cross_entropy(x, sigmoid(a)), 1.0),
        ),
        Mistake(
            "The reconstruction is cured. The KL weighs a half now: the factor 0.5 is needed once.",
            wrong=_with_pixels(cross_entropy, 0.5),
        ),
    ],
    tolerance=1e-3,  # Keras clips probabilities to 1e-7
    hint="The audit has named two codes. Cure one, ask the audit again, cure the other.",
    solution="""
        def my_loss(images, logits, z_mean, z_log_var):
            per_pixel = tf.nn.sigmoid_cross_entropy_with_logits(images, logits)
            reconstruction = tf.reduce_sum(per_pixel, axis=[1, 2, 3])
            per_dimension = tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var
            kl = 0.5 * tf.reduce_sum(per_dimension, axis=1)
            return tf.reduce_mean(reconstruction + kl)
    """,
    remark="One at a time, with the audit in between: that is how two mistakes are found.",
)
