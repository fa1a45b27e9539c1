"""Examiners of notebook 04's refactoring: does a class keep the contract of its part?

Each examiner builds the learner's class in small sizes that nobody would write into it, and asks it
for what can be known beforehand. It returns a sentence, or "" when the contract is kept.
"""

import numpy as np
import tensorflow as tf

from vae_helpers.exercises.blank import Blank, BlankLeft, is_blank
from vae_helpers.exercises.examiners import instance, latents_of, sampler_fault
from vae_helpers.exercises.fault import Fault, examiner
from vae_helpers.exercises.losses import codes, kl_mistakes, kl_with
from vae_helpers.exercises.question import Mistake, Question
from vae_helpers.exercises.timing import describe
from vae_helpers.known_mistakes import losses as known

HIDDEN = (11, 7)
IMAGE_SHAPE = (5, 4, 3)
ACTIVATIONS = {"silu": lambda h: h / (1 + np.exp(-h)), "relu": lambda h: np.maximum(h, 0)}


def _called(part, values, what):
    """What a part gives for an array; a Fault in words where it fails."""
    uses = Blank.uses
    try:
        given = part(values)
    except Exception as error:
        if isinstance(error, BlankLeft) or Blank.uses > uses:
            raise BlankLeft("a ____ is left") from None
        if any(size in str(error) for size in ("784", "28")):
            raise Fault(
                f"It fails on {what}: is a size of our pictures, 784 or 28, written in? Other "
                "pictures have other sizes."
            ) from None
        raise Fault(f"It fails on {what}. {describe(error)}") from None
    if is_blank(given):
        raise BlankLeft("a ____ is left in `call`")
    if given is None:
        raise Fault("`call` gives None. Is a `return` missing?")
    return np.asarray(given)


def _fresh_weights(part):
    """Give every weight random values, so that each of them shows."""
    rng = np.random.default_rng()
    for weight in part.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) / np.sqrt(weight.shape[0]))


def _stack(weights, x, activation, last):
    """Dense layers by hand; the last one with an activation or without."""
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    for number, (kernel, bias) in enumerate(layers, start=1):
        x = x @ kernel + bias
        x = activation(x) if last or number < len(layers) else x
    return x


def _same_twice(part, values, given):
    if not np.allclose(part(values), given, atol=1e-5):
        raise Fault(
            "The same input gives another output the second time. Are layers made in `call`? They "
            "never learn: make them in `__init__`."
        )


# --------------------------------------------------------------------------- encoder


@examiner
def encoder_fault(cls) -> str:
    """Return what is wrong with a class of encoders, `cls(hidden)`."""
    encoder = instance(cls, "encoder", HIDDEN)
    images = np.random.default_rng().uniform(size=(6, *IMAGE_SHAPE)).astype("float32")
    features = _called(encoder, images, f"6 pictures of shape {IMAGE_SHAPE}")
    if features.ndim != 2:
        return (
            f"For 6 pictures of shape {IMAGE_SHAPE} the features have shape {features.shape}, "
            "expected (6, n): a picture has to become one row of numbers first (Flatten)."
        )
    if features.shape != (6, HIDDEN[-1]):
        return (
            f"With hidden={HIDDEN} the features have shape {features.shape}, expected "
            f"(6, {HIDDEN[-1]}): the last width of `hidden`. Is a width written in?"
        )
    _same_twice(encoder, images, features)
    return _layers_fault(encoder, images) or _config_fault(cls, encoder, images)


def _layers_fault(encoder, images):
    expected = [(60, 11), (11,), (11, 7), (7,)]
    found = [tuple(weight.shape) for weight in encoder.trainable_weights]
    if found != expected:
        return (
            f"With hidden={HIDDEN} its weights have the shapes {found}, expected {expected}: one "
            "Dense layer, with its bias, for each entry of `hidden`, in this order."
        )
    _fresh_weights(encoder)
    features = np.asarray(encoder(images))
    weights = [np.asarray(weight) for weight in encoder.trainable_weights]
    rows = images.reshape(6, -1)

    def like(name, last=True, scale=1.0):
        given = _stack(weights, rows * scale, ACTIVATIONS[name], last)
        return np.allclose(features, given, rtol=1e-3, atol=1e-4)

    if like("silu"):
        return ""
    if like("relu"):
        return (
            "Your layers end in relu, where the big class has silu: a refactoring changes nothing."
        )
    if like("silu", last=False):
        return "The last layer has no activation: in the big class, the heads start from silu's h."
    if like("silu", scale=1 / 255):
        return (
            "It divides by 255. The contract promises images in [0, 1]: they were scaled "
            "before, once."
        )
    return (
        "With known weights it gives other features than the big class does: flatten, then each "
        "Dense layer with silu, and nothing else."
    )


def _config_fault(cls, encoder, images):
    config = encoder.get_config()
    if is_blank(config):
        raise BlankLeft("a ____ is left in `get_config`")
    try:
        shape = np.shape(cls.from_config(config)(images))
    except Exception as error:
        return f"It cannot be built again from what `get_config` gives. {describe(error)}"
    if shape != (6, HIDDEN[-1]):
        return (
            f"Built again from its own `get_config`, it has other widths ({shape[-1]} features, "
            f"where there were {HIDDEN[-1]}): a loaded model would not fit its weights."
        )
    return ""


# --------------------------------------------------------------------------- latent distribution

_EACH = known.gaussian_kl
# The KL that `latent.kl` has to give, and the mistakes that are known: a part of a question.
KL = Question(
    "kl",
    "The KL of N(z_mean, exp(z_log_var)) from N(0, I), one number for each image.",
    variable="kl",
    answer=lambda z_mean, z_log_var: kl_with(_EACH)(z_mean, z_log_var),
    inputs=codes,
    outcome="One number for each image, shape (batch,).",
    mistakes=[
        Mistake(
            "It averages over the latent dimensions, as the big class does, where a KL adds them: "
            "you have moved the mistake along.",
            wrong=kl_with(_EACH, np.mean),
        ),
        Mistake(
            "It takes the mean over the images as well. The loss does that, once; here one number "
            "for each image is asked for.",
            wrong=lambda m, v: kl_with(_EACH)(m, v).mean(),
        ),
        Mistake(
            "It adds over axis 0, which counts the images. The latent dimensions are axis 1.",
            wrong=lambda m, v: _EACH(m, v).sum(axis=0),
        ),
        Mistake(
            "One value for each latent dimension is right so far; add them up, over axis 1.",
            wrong=_EACH,
        ),
        *kl_mistakes(
            without_half="It is exactly twice too large: the half in front is missing.",
            negative="The sign is wrong: a KL is never negative.",
            without_minus_one="The -1 is missing: a code that equals the prior must cost nothing.",
            no_log_var="The log variance at the end is missing.",
            log_var_sign="The log variance at the end is added, where it is subtracted.",
            sigma_for_variance="In exp you halved z_log_var. That is the standard deviation; the "
            "KL has the variance.",
            mean_not_squared="The mean has to be squared.",
        ),
    ],
    hint="",
)


@examiner
def latent_fault(cls) -> str:
    """Return what is wrong with a class of latent distributions, `cls(latent_dim)`."""
    for latent_dim in (3, 5):
        latent, z_mean, z_log_var = latents_of(cls, latent_dim)
        for name, values in (("z_mean", z_mean), ("z_log_var", z_log_var)):
            if values.shape != (7, latent_dim):
                return (
                    f"For 7 images and latent_dim={latent_dim}, {name} has shape {values.shape}, "
                    f"expected (7, {latent_dim})."
                )
        words = _heads_fault(latent)
        if words:
            return words
    words = _method(latent, "sample", lambda sample: sampler_fault(sample, 5))
    return words or _method(latent, "kl", KL._fault) or _method(latent, "kl", _no_gradient)


def _heads_fault(latent):
    # Half a standard deviation: no log variance comes near the bound of the course's own class.
    features = 0.5 * np.random.default_rng().normal(size=(7, 5)).astype("float32")
    outputs = [np.asarray(part) for part in latent(features)]
    _same_twice(lambda values: latent(values)[0], features, outputs[0])
    if np.allclose(*outputs):
        return "z_mean and z_log_var are the same numbers: each has a Dense layer of its own."
    heads = [getattr(latent, name, None) for name in ("z_mean", "z_log_var")]
    if all(callable(head) for head in heads):
        right = [np.asarray(head(features)) for head in heads]
        if np.allclose(outputs[0], right[1]) and np.allclose(outputs[1], right[0]):
            return "`call` returns the two in the wrong order: z_mean first, then z_log_var."
    for name, place in (("z_mean", 0), ("z_log_var", 1)):
        minus, zero, plus = (np.asarray(latent(features * t)[place]) for t in (-1, 0, 1))
        if not np.allclose(plus - zero, zero - minus, atol=1e-3):
            return (
                f"{name} does not follow the features in proportion: is there an activation, a "
                "clip or an exp? It may be any number, negative ones included."
            )
    return ""


def _method(latent, name, fault):
    method = getattr(latent, name, None)
    if not callable(method):
        return f"`{name}` is missing."
    given = method(tf.zeros((20, 5)), tf.zeros((20, 5)))
    if is_blank(given):
        raise BlankLeft(f"a ____ is left in `{name}`")
    words = fault(method)
    return words and f"`{name}`: {words}"


def _no_gradient(kl):
    m, v = tf.ones((4, 5)), tf.ones((4, 5))
    with tf.GradientTape() as tape:
        tape.watch([m, v])
        value = kl(m, v)
    if not isinstance(value, tf.Tensor) or any(
        gradient is None for gradient in tape.gradient(value, [m, v])
    ):
        return (
            "The numbers are right, but no gradient comes back through them: write it in tf, not "
            "in NumPy."
        )
    return ""


# --------------------------------------------------------------------------- decoder


@examiner
def decoder_fault(cls) -> str:
    """Return what is wrong with a class of decoders, `cls(hidden, image_shape)`."""
    decoder = instance(cls, "decoder", HIDDEN, IMAGE_SHAPE)
    z = np.random.default_rng().normal(size=(6, 2)).astype("float32")
    logits = _called(decoder, z, f"6 codes, with image_shape={IMAGE_SHAPE}")
    if logits.shape != (6, *IMAGE_SHAPE):
        also = " The picture is still one row: give it its shape." if logits.ndim == 2 else ""
        return (
            f"For 6 codes and image_shape={IMAGE_SHAPE} the logits have shape {logits.shape}, "
            f"expected {(6, *IMAGE_SHAPE)}.{also}"
        )
    if tuple(getattr(decoder, "image_shape", None) or ()) != IMAGE_SHAPE:
        return "`image_shape` is missing, or not the one it was given: a VAE builds itself from it."
    _same_twice(decoder, z, logits)
    if np.ptp(logits, axis=0).max() < 1e-7:
        return "All six codes give the same picture: z is not used."
    return (
        _range_fault(decoder, z)
        or _bias_fault(decoder, z)
        or _widths_fault(decoder, z)
        or _untrained(decoder, z)
    )


def _untrained(decoder, z):
    with tf.GradientTape() as tape:
        logits = decoder(z)
    weights = decoder.trainable_weights
    gradients = tape.gradient(logits, weights) if isinstance(logits, tf.Tensor) else [None]
    if any(gradient is None for gradient in gradients):
        return "Not every weight gets a gradient: is there a stop_gradient, or NumPy, in `call`?"
    return ""


def _range_fault(decoder, z):
    """A squashing function at the end shows when the weights are large."""
    for weight in decoder.trainable_weights:
        weight.assign(np.random.default_rng().normal(size=weight.shape) * 3)
    logits = np.asarray(decoder(z))
    if logits.min() >= 0 and logits.max() <= 1:
        return (
            "All outputs lie between 0 and 1, like probabilities. The contract asks for logits, of "
            "either sign: is there a sigmoid at the end?"
        )
    if logits.min() >= 0:
        return "No logit is negative: is there a relu or a softplus at the end?"
    if np.abs(logits).max() <= 1:
        return "No output is beyond -1 or 1: is there a tanh at the end? A logit may be any number."
    return ""


def _bias_fault(decoder, z):
    bias = getattr(decoder, "output_bias", None)
    if bias is None:
        return "`output_bias` is missing, a weight in the shape of the image."
    if tuple(np.shape(bias)) != IMAGE_SHAPE:
        return f"`output_bias` has shape {tuple(np.shape(bias))}, expected {IMAGE_SHAPE}."
    if getattr(bias, "path", None) not in {weight.path for weight in decoder.trainable_weights}:
        return "`output_bias` is not among the trainable weights: make it with self.add_weight."
    picture = np.random.default_rng().normal(size=IMAGE_SHAPE).astype("float32")
    bias.assign(picture)
    moved = np.asarray(decoder(z))
    bias.assign(0 * picture)
    moved = moved - np.asarray(decoder(z))
    if np.abs(moved).max() < 1e-6:
        return "`output_bias` exists, but it is not added to the logits."
    if not np.allclose(moved, picture, atol=1e-3):
        return "A change of `output_bias` has to move the logits by just that change: add it last."
    return ""


def _widths_fault(decoder, z):
    kernels = [w for w in decoder.trainable_weights if len(w.shape) == 2]
    found = [tuple(kernel.shape) for kernel in kernels]
    expected = [(2, 11), (11, 7), (7, 60)]
    if found != expected:
        return (
            f"With hidden={HIDDEN} its kernels have the shapes {found}, expected {expected}: the "
            "dense layers of `hidden`, then one more that gives the pixels."
        )
    _fresh_weights(decoder)
    outputs = []
    for times in (1, -1, 0):  # the last kernel as it is, reversed, and 0
        kernels[-1].assign(times * kernels[-1])
        outputs.append(np.asarray(decoder(z)))
    plus, minus, zero = outputs
    if not np.allclose(plus - zero, zero - minus, atol=1e-3):
        return (
            "The outputs do not grow in proportion to the last kernel: the layer that gives the "
            "pixels has an activation, and logits may be any number."
        )
    return ""
