"""Exercises of notebook 06 and its deeper page: one cure for each patient of the clinic."""

from functools import partial

import numpy as np

from vae_helpers.exercises.clinic import right_sample
from vae_helpers.exercises.examiners import sampler_fault
from vae_helpers.exercises.losses import (
    LossQuestion,
    kl_mistakes,
    latent_loss,
    loss_inputs,
    loss_with,
    pixel_mistakes,
    warm_up_fault,
    warm_up_with,
)
from vae_helpers.exercises.patients import healthy_loss
from vae_helpers.exercises.question import Mistake, Question
from vae_helpers.known_mistakes.losses import cross_entropy, reconstruction
from vae_helpers.known_mistakes.samplers import SAMPLERS, WIDTHS


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb06

    return nb06


elbo_loss = loss_with()


def _grey(rng):
    """One channel: Keras' own losses average over the last axis, and may be right."""
    return loss_inputs(rng, channels=1)


# A question whose answer is a loss: the negative ELBO, however it is written. Several channels, so
# that a sum that leaves them out shows.
_loss_question = partial(
    LossQuestion,
    variable="my_loss",
    answer=healthy_loss,
    inputs=loss_inputs,
    outcome="One number: nats per image, as a mean over images.",
    solutions=solutions,
)


def _sampler_question(name, task, noises, widths=(), **rest):
    """A question whose answer is a sampler; examples are mistakes of the list, by their codes."""
    wrong = [SAMPLERS[noise].sample for noise in noises] + [WIDTHS[code].sample for code in widths]
    return Question(
        name,
        task,
        variable="my_sample",
        answer=right_sample,
        examine=sampler_fault,
        mistakes=[Mistake(None, wrong=sample) for sample in wrong],
        solutions=solutions,
        **rest,
    )


pixels_summed = _loss_question(
    "pixels_summed",
    "The loss of patient 1, with the reconstruction in nats per image.",
    mistakes=[
        Mistake(
            "That is the patient: the cross-entropy is a mean over pixels, so the KL weighs as "
            "many times too much as an image has pixels.",
            wrong=loss_with(pixels=np.mean),
        ),
        Mistake(
            "You multiplied the mean by 784. That is right for 784 pixels and for no other number.",
            wrong=loss_with(pixels=lambda cost, axis: 784.0 * cost.mean(axis=axis)),
        ),
        Mistake(
            "You added up everything, the images included, and only the reconstruction: now it is "
            "the KL that weighs too little, by the size of the batch.",
            wrong=loss_with(pixels=lambda cost, axis: cost.sum()),
        ),
        Mistake(
            "The channels are averaged, as Keras' own losses do: right for one channel only.",
            wrong=loss_with(pixels=lambda cost, axis: cost.sum(axis=(1, 2)).mean(axis=1)),
        ),
        Mistake(
            "You divided the KL by the number of pixels too. The balance is healed; the number is "
            "nats per pixel now, and every reference line of the course is per image.",
            wrong=lambda x, a, m, v: elbo_loss(x, a, m, v) / x[0].size,
        ),
    ],
    hint="Which axes of per_pixel are one image, and which one counts the images? The last one "
    "counts the channels.",
    remark="In nats per image an ELBO adds up everything that one image is made of.",
)

kl_per_image = _loss_question(
    "kl_per_image",
    "The loss of patient 2, with one KL for each image.",
    mistakes=[
        Mistake(
            "That is the patient: without an axis the KL of the whole batch is added up, and every "
            "image pays for all of them.",
            wrong=loss_with(latents=lambda kl, axis: kl.sum()),
        ),
        Mistake(
            "You averaged over images and over latent dimensions. The first is right; the second "
            "divides the KL by the number of dimensions.",
            wrong=loss_with(latents=np.mean),
        ),
        Mistake(
            "You added up over images in both terms. The balance is right, but the loss and its "
            "gradient now grow with the size of the batch.",
            wrong=loss_with(over_images=np.sum),
        ),
    ],
    hint="tf.reduce_sum without an axis reduces all of them. Which one belongs to a single image?",
    remark="A weight that depends on the batch size is a mistake that moves with the hardware.",
)

log_sign = _loss_question(
    "log_sign",
    "The loss of patient 3, with the terms of the KL as they should be.",
    mistakes=[
        *kl_mistakes(
            latent_loss,
            log_var_sign="That is the patient: + z_log_var rewards ever smaller variances, without "
            "end.",
            no_log_var="The logarithm is gone altogether: nothing keeps the variances from going "
            "to 0.",
            log_std_in_log="The sign is right, and a 2 too many: that belongs to a head that gives "
            "log sigma.",
            negative="You turned the sign of the whole KL: now it is rewarded for growing.",
            without_minus_one="Only the -1 is missing: harmless for the gradient, but the number "
            "is not the KL.",
        )
    ],
    hint="A KL is smallest, and 0, at z_mean = 0 and z_log_var = 0. Which sign makes its slope "
    "vanish there?",
    remark="No divergence is negative: a closed KL below 0 is a mistake, every time.",
)

image_range = _loss_question(
    "image_range",
    "The loss of patient 4, with pixels where a Bernoulli lives.",
    mistakes=[
        Mistake(
            "That is the patient: on [-1, 1] a pixel of -1 pays a reward for every logit.",
            wrong=loss_with(lambda x, a: cross_entropy(2 * x - 1, a)),
        ),
        Mistake(
            "Divided by 255 a second time every image is black, and black is easy to draw.",
            wrong=loss_with(lambda x, a: cross_entropy(x / 255, a)),
        ),
        Mistake(
            "Half of (x + 1) undoes a scaling that was not done: black has become grey.",
            wrong=loss_with(lambda x, a: cross_entropy((x + 1) / 2, a)),
        ),
        Mistake(
            "That rounds the greys to black and white: another data set, with other nats.",
            wrong=loss_with(lambda x, a: cross_entropy((x > 0.5).astype("float64"), a)),
        ),
        Mistake(
            "You scaled to [-1, 1] and cut off below 0: the loss is finite, the darker half of "
            "every image is lost.",
            wrong=loss_with(lambda x, a: cross_entropy(np.clip(2 * x - 1, 0, 1), a)),
        ),
    ],
    hint="The model hands the loss images on [0, 1]. What is left to do to them?",
    remark="A cross-entropy below 0 says that something given as a probability is none.",
)

latents_summed = _loss_question(
    "latents_summed",
    "The loss of patient 5, with a KL that adds up the latent dimensions.",
    mistakes=[
        Mistake(
            "That is the patient: the KL is a mean over latent dimensions and weighs too little, "
            "the less the more dimensions there are.",
            wrong=loss_with(latents=np.mean),
        ),
        Mistake(
            "You multiplied the mean by 8. That is right for 8 dimensions and for no other number.",
            wrong=loss_with(latents=np.mean, kl_weight=8.0),
        ),
        Mistake(
            "You averaged the pixels as well. Two wrongs: the KL now weighs pixels / dimensions.",
            wrong=loss_with(pixels=np.mean, latents=np.mean),
        ),
    ],
    hint="The KL of independent dimensions adds up. One word of the sick line has to change.",
    remark="If a weaker KL is what you want, write it as a beta that a reader can see.",
)

fresh_noise = _sampler_question(
    "fresh_noise",
    "The sampler of patient 6, with noise that is drawn and used.",
    ["sigma_added", "no_noise", "fixed_seed", "uniform"],
    ["exp(z_log_var)"],
    hint="One variable of the patient is computed and never read. Where should it stand?",
    remark="The decoder now sees the whole cloud that the KL has paid for.",
)

warm_up = Question(
    "warm_up",
    "The loss of patient 7, with a weight that a compiled step sees change.",
    variable="MyWarmUp",
    answer=warm_up_with(),
    examine=warm_up_fault,
    mistakes=[
        Mistake(None, wrong=warm_up_with(kind=float, renew=True)),
        Mistake(None, wrong=warm_up_with(renew=True)),
        Mistake(None, wrong=warm_up_with(start=1.0)),
        Mistake(None, wrong=warm_up_with(total=lambda w, r, kl: w * (r + kl))),
        Mistake(None, wrong=warm_up_with(total=lambda w, r, kl: w * r + kl)),
        Mistake(None, wrong=warm_up_with(total=lambda w, r, kl: r + kl)),
    ],
    hint="What is TensorFlow's name for a number that a graph reads anew at every step? It has a "
    "method that writes into it.",
    solutions=solutions,
    remark="The course's VAE keeps its beta in such a variable: vae.beta may change between fits.",
)

one_sigmoid = _loss_question(
    "one_sigmoid",
    "The loss of patient 8, with a single sigmoid between the logit and the probability.",
    mistakes=[
        *pixel_mistakes(
            sigmoid_twice="That is the patient: the cross-entropy applies a sigmoid of its own to "
            "what has been through one already.",
            sigmoid_of_images="Now the images went through the sigmoid, which leaves them between "
            "0.5 and 0.73.",
            exchanged_logits_of_sigmoid="One sigmoid, but the two arguments are exchanged: the "
            "images come first.",
            squares="One sigmoid, and another likelihood: half the squared error is a Gaussian's.",
        ),
        Mistake(
            "One sigmoid, and a squared error instead of the cross-entropy.",
            wrong=loss_with(lambda x, a: 2 * reconstruction("squares").function(x, a)),
        ),
    ],
    hint="Read the name of the TensorFlow function to its end: what does it want to be given?",
    remark="Logits go into the loss, probabilities onto the screen.",
)

log_variance = _loss_question(
    "log_variance",
    "The loss of patient 9, in which z_log_var is read as what it is.",
    mistakes=kl_mistakes(
        latent_loss,
        std="That is the patient: the log variance is taken for sigma and squared.",
        variance="You took it for the variance itself: the logarithm of a negative output is NaN.",
        log_std="You took it for the logarithm of sigma: then the sampler would have to use "
        "exp(v), and it uses exp(v / 2).",
        sigma_for_variance="exp(v / 2) is the standard deviation; the KL wants its square.",
        abs_variance="An absolute value makes the logarithm run; it is still not the variance.",
    ),
    hint="Which function turns a log variance into a variance? And what is then its logarithm?",
    remark="A name that says what a number is, z_log_var and not sigma, would have prevented it.",
)

counted_once = _loss_question(
    "counted_once",
    "The loss of patient 10, with the KL counted once.",
    mistakes=[
        Mistake(words, wrong=loss_with(kl_weight=weight))
        for weight, words in (
            (2.0, "That is the patient: the KL stands in there twice."),
            (0.0, "Now the KL is gone from both places: an autoencoder with noise is left."),
            (
                1.5,
                "You halved it in one place and forgot the other: it counts one and a half times.",
            ),
            (0.5, "You took away one KL too many: half of one is left."),
        )
    ],
    hint="Two lines of the patient know the KL. One of them is enough.",
    remark="A weight of 0.5 in both places would also be right, and would puzzle every reader.",
)


def _with_large_logits(rng):
    images, logits, *codes = loss_inputs(rng)
    return images, 10.0 * logits.clip(-3.0, 3.0), *codes


def _for_large_logits(answer):
    """What a loss is for large logits, "finite" or "infinite"; "" if it is wrong for small ones."""
    rng = np.random.default_rng()
    images, logits, *codes = loss_inputs(rng)
    small = images, 0.4 * logits, *codes
    if not np.isclose(float(answer(*small)), elbo_loss(*small), rtol=1e-3):
        return ""
    return "finite" if np.isfinite(float(answer(*_with_large_logits(rng)))) else "infinite"


def _in_float32(x, a, epsilon=0.0):
    """The cross-entropy of a sigmoid as float32 rounds it, for logits that may be large."""
    p = (1 / (1 + np.exp(-a.astype("float32")))).astype("float32")
    return -(x * np.log(p + epsilon) + (1 - x) * np.log(1 - p + epsilon))


finite_everywhere = _loss_question(
    "finite_everywhere",
    "The loss of patient 11, finite for logits up to 30 on either side.",
    inputs=_with_large_logits,
    mistakes=[
        Mistake(
            "A sigmoid cures the negative probabilities. But in float32 it rounds to exactly 1 for "
            "logits above about 17, and log(1 - p) is then the logarithm of 0.",
            wrong=loss_with(_in_float32),
            when=lambda loss: _for_large_logits(loss) == "infinite",
        ),
        Mistake(
            "It is finite, but an epsilon or a clip caps what a confident mistake costs, and where "
            "it does, the gradient is gone.",
            wrong=loss_with(lambda x, a: _in_float32(x, a, 1e-7)),
            when=lambda loss: _for_large_logits(loss) == "finite",
        ),
        *pixel_mistakes(
            logits_doubled="(1 + tanh(a)) / 2 is a probability, namely sigmoid(2a): every logit "
            "counts double.",
            tanh_as_probability="That is the patient: a tanh below 0 has no logarithm, and one "
            "NaN spoils the mean.",
        ),
    ],
    hint="Do not compute the probability at all. Notebook 02 has a function that starts from the "
    "logits.",
    remark="A logit of 30 costs 30 nats when it is wrong, and no logarithm of 0 was taken.",
)

noise_for_each = _sampler_question(
    "noise_for_each",
    "The sampler of patient 12, with noise of its own for every image and dimension.",
    ["one_for_dimensions", "one_for_two", "one_for_images", "one_for_all", "static_shape"],
    ["1"],
    hint="How many numbers does z_mean hold? The noise needs as many.",
    remark="The KL adds up over dimensions because they are independent; so must be the noise.",
)

half_the_log = _sampler_question(
    "half_the_log",
    "The sampler of patient 13, as wide as the KL says.",
    ["no_gradient_to_sigma"],
    ["exp(z_log_var)", "exp(z_log_var) / 2", "exp(2 z_log_var)", "exp(z_log_var / 4)"]
    + ["z_log_var", "z_log_var / 2", "exp(-z_log_var / 2)"],
    hint="The noise is scaled by sigma. If v is ln(sigma^2), what is ln(sigma)?",
    remark="Sampler and KL read one number; they have to read it in the same way.",
)


def _keras_on_logits(x, a):
    """Keras' cross-entropy of logits taken for probabilities, which it clips in float32."""
    p = np.clip(a.astype("float32"), 1e-7, 1 - 1e-7)
    return reconstruction("logits_as_probabilities").function(x, p)


night_shift = _loss_question(
    "night_shift",
    "The loss of the unknown patient, with both mistakes cured.",
    inputs=_grey,
    mistakes=[
        Mistake(
            "That is the patient, as it came in.", wrong=loss_with(_keras_on_logits, kl_weight=2.0)
        ),
        Mistake(
            "The reconstruction is cured. The KL still weighs 2: look for the half.",
            wrong=loss_with(kl_weight=2.0),
        ),
        Mistake(
            "The KL is cured. The reconstruction still takes logits for probabilities.",
            wrong=loss_with(_keras_on_logits),
        ),
        Mistake(
            "The KL is cured. The reconstruction has two sigmoids now: from_logits=True wants the "
            "logits, not the probabilities.",
            wrong=loss_with(reconstruction("sigmoid_twice").function),
        ),
        Mistake(
            "The reconstruction is cured. The KL weighs a half now: the factor 0.5 is needed once.",
            wrong=loss_with(kl_weight=0.5),
        ),
    ],
    tolerance=1e-3,  # Keras clips probabilities to 1e-7
    hint="The audit has named two codes. Cure one, ask the audit again, cure the other.",
    remark="One at a time, with the audit in between: that is how two mistakes are found.",
)
