"""Exercises of notebook 04: parts that keep a contract, and a test that notices a broken one."""

import keras
import numpy as np
import tensorflow as tf

from vae_helpers import parts
from vae_helpers.exercises.examiners import (
    contract_test_fault,
    equal,
    instance,
    is_healthy,
    kl_is_right,
    latents_of,
    round_latent_fault,
)
from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb04

    return nb04


how_many = Question(
    "how_many",
    "Two encoders, three latent distributions, two decoders. How many different VAEs do they "
    "make, how many classes of parts are that, and how many would it be if each encoder drew z "
    "itself?",
    variable="my_counts",
    answer=(12, 7, 8),
    outcome="Three numbers: models, classes with the cut, classes without it.",
    mistakes=[
        Mistake(
            "Models are chosen part by part, so the numbers multiply: 2 x 3 x 2.",
            wrong=(7, 7, 8),
            when=lambda answer: float(answer[0]) != 12 and float(answer[1]) == 7,
        ),
        Mistake(
            "The first is right. Classes are written one by one, so with the cut they ADD: 2 + 3 "
            "+ 2.",
            wrong=(12, 12, 8),
            when=lambda answer: float(answer[0]) == 12 and float(answer[1]) != 7,
        ),
        Mistake(
            "The first two are right. Without the cut, an encoder exists once for each latent "
            "distribution; the decoders do not know of it and stay two.",
            wrong=(12, 7, 12),
        ),
        Mistake(
            "The first two are right. You counted the six encoders that draw z, and forgot the "
            "decoders.",
            wrong=(12, 7, 6),
        ),
        Mistake(
            "The first two are right. Without the cut it is more classes, not as many: each "
            "encoder has to be written with each of the three ways to draw z.",
            wrong=(12, 7, 7),
        ),
        Mistake(
            "The models and the classes are exchanged: what you combine multiplies, what you write "
            "adds.",
            wrong=(7, 12, 8),
            when=lambda answer: float(answer[0]) == 7 and float(answer[1]) == 12,
        ),
        Mistake(
            "The first two are right. For the third, count the encoders that have to be written, "
            "one for each way to draw z, and then the decoders.",
            wrong=(12, 7, 9),
            when=lambda answer: float(answer[0]) == 12 and float(answer[1]) == 7,
        ),
    ],
    hint="What you combine multiplies, what you write adds. Without the cut between encoder and "
    "latent distribution, the two are combined already when you write them.",
    solutions=solutions,
    remark="Twelve models of seven classes. One big class each would be twelve, and a thirteenth "
    "idea would have to be written several times.",
    tolerance=1e-6,
)


def _weights(sizes):
    sizes = np.asarray(sizes)
    return int(((sizes[:-1] + 1) * sizes[1:]).sum())


def _without_biases(sizes):
    return int((np.asarray(sizes)[:-1] * np.asarray(sizes)[1:]).sum())


dense_weights = Question(
    "dense_weights",
    "The number of weights in a stack of Dense layers with biases, from its widths, input first.",
    variable="my_count",
    answer=_weights,
    inputs=lambda rng: (tuple(int(n) for n in rng.integers(2, 300, size=int(rng.integers(3, 6)))),),
    outcome="One whole number.",
    mistakes=[
        Mistake(
            "The biases are missing: each layer has one for each of its outputs.",
            wrong=_without_biases,
        ),
        Mistake(
            "You gave a bias to the inputs too. Only what a Dense layer puts out has one.",
            wrong=lambda sizes: _without_biases(sizes) + sum(sizes),
        ),
        Mistake("The last layer has biases too.", wrong=lambda sizes: _weights(sizes) - sizes[-1]),
        Mistake(
            "You gave each layer one bias in all; it has one for each of its outputs.",
            wrong=lambda sizes: _without_biases(sizes) + len(sizes) - 1,
        ),
        Mistake(
            "You gave each layer a bias for each of its INPUTS; it has one for each output.",
            wrong=lambda sizes: _without_biases(sizes) + sum(sizes[:-1]),
        ),
        Mistake(
            "You multiplied all widths. A layer joins two neighbours only, and the layers add up.",
            wrong=lambda sizes: int(np.prod(sizes)),
        ),
        Mistake(
            "That is the number of units. Weights sit on the connections between them.",
            wrong=lambda sizes: sum(sizes[1:]),
        ),
    ],
    hint="One layer from a inputs to b outputs: a matrix and a vector. How many numbers each?",
    solutions=solutions,
    remark="Keras says the same: `count_params()` of a built layer.",
    tolerance=1e-9,
)


def _round(change):
    """A class whose `call` gives what `change` makes of z_mean, z_log_var and latent_dim."""

    class RoundLatent(parts.LatentDistribution):
        def call(self, features):
            return change(*super().call(features), self.latent_dim)

    return RoundLatent


def _mean(values, axis=1):
    return tf.reduce_mean(values, axis=axis, keepdims=True)


def _averages_over_the_batch(cls):
    _, _, z_log_var = latents_of(cls)
    return z_log_var.shape == (7, 3) and equal(z_log_var, 0) and not equal(z_log_var, 1)


round_latent = Question(
    "round_latent",
    "A LatentDistribution with ONE log variance for all dimensions of an image.",
    variable="RoundLatent",
    answer=_round(lambda m, v, n: (m, tf.repeat(_mean(v), n, axis=1))),
    examine=round_latent_fault,
    mistakes=[
        Mistake(
            "z_log_var has one column where the contract asks for latent_dim of them: repeat it. "
            "(It would broadcast in `sample`; `kl` refuses it.)",
            wrong=_round(lambda m, v, n: (m, _mean(v))),
            when=lambda cls: (
                latents_of(cls)[1].shape == (7, 3) and latents_of(cls)[2].shape == (7, 1)
            ),
        ),
        Mistake(
            "You averaged over axis 0, the images: now all images share one oval. Average over "
            "axis 1.",
            wrong=_round(lambda m, v, n: (m, tf.zeros_like(m) + _mean(v, 0))),
            when=_averages_over_the_batch,
        ),
        Mistake(None, wrong=_round(lambda m, v, n: (m, v))),
        Mistake(None, wrong=_round(lambda m, v, n: (m, tf.repeat(_mean(v), 3, axis=1)))),
        Mistake(None, wrong=_round(lambda m, v, n: (m, tf.zeros_like(m) + tf.reduce_mean(v)))),
        Mistake(None, wrong=_round(lambda m, v, n: (_mean(m) + 0 * m, _mean(v) + 0 * v))),
        Mistake(None, wrong=_round(lambda m, v, n: (m[:, :1], v[:, :1]))),
    ],
    hint="Which of the three duties, give, draw, price, changes? Write that method alone, call "
    "super() in it, and keep the shapes.",
    solutions=solutions,
    remark="Only `call` is new: a round Gaussian is a Gaussian, so `sample` and `kl` stay as they "
    "are. (An average is right here: it makes one number out of several outputs of a head. It is "
    "no term of the ELBO.)",
)


def _many(latent, log_var=1.5):
    shape = (4000, latent.latent_dim)
    return tf.fill(shape, 3.0), tf.fill(shape, log_var)


def _only_shapes(latent):
    mean, log_var = _many(latent)
    return latent.sample(mean, log_var).shape == mean.shape and latent.kl(mean, log_var).ndim == 1


def _only_the_width(latent):
    z = np.asarray(latent.sample(*_many(latent)))
    return abs(z.std() / np.exp(0.75) - 1) < 0.1


def _at_the_comfortable_point(latent):
    mean, log_var = _many(latent, 0.0)
    kl = np.allclose(latent.kl(mean, log_var), 4.5 * latent.latent_dim, rtol=1e-4)
    return kl and abs(np.std(latent.sample(mean, log_var)) - 1) < 0.1


contract_test = Question(
    "contract_test",
    "A function that says True for a healthy latent distribution and False for one whose `sample` "
    "or `kl` breaks the contract.",
    variable="my_test",
    answer=is_healthy,
    examine=contract_test_fault,
    mistakes=[
        Mistake(None, wrong=lambda latent: True),
        Mistake(None, wrong=lambda latent: False),
        Mistake(None, wrong=_only_shapes),
        Mistake(None, wrong=lambda latent: type(latent) is parts.LatentDistribution),
        Mistake(None, wrong=_only_the_width),
        Mistake(None, wrong=kl_is_right),
        Mistake(None, wrong=_at_the_comfortable_point),
    ],
    hint="Draw 20,000 codes of one known mean and log variance, neither of them 0. Their standard "
    "deviation, a second call, and the KL of one code that you price by hand: what must each be?",
    solutions=solutions,
    remark="A test is worth what it lets through. Try yours on something broken before you trust "
    "it.",
)


def _decoded(cls):
    decoder = instance(cls, "decoder")
    z = np.random.default_rng().normal(size=(6, 2)).astype("float32")
    return decoder, z, np.asarray(decoder(z))


def _rank(logits):
    values = np.linalg.svd(logits[..., 0], compute_uv=False)
    return int((values > 1e-4 * values[:, :1]).sum(axis=1).max())


def _examine_outer(cls):
    decoder, z, logits = _decoded(cls)
    if logits.shape != (6, 28, 28, 1):
        return f"For 6 codes the logits have shape {logits.shape}, expected (6, 28, 28, 1)."
    if tuple(getattr(decoder, "image_shape", None) or ()) != (28, 28, 1):
        return "`image_shape`, (28, 28, 1), is missing: a VAE builds itself from it."
    if not np.allclose(decoder(z), logits, atol=1e-5):
        return (
            "The same codes give another picture the second time. Are layers made in `call`? Make "
            "them once, in `__init__`, or they never learn."
        )
    if np.ptp(logits, axis=0).max() < 1e-7:
        return "All six codes give the same picture: z is not used."
    if logits.min() >= 0:
        return (
            "No logit is negative: is there a sigmoid, a softplus or a ReLU at the end, or in both "
            "heads?"
        )
    return _fault_of_bias(decoder, z) or _fault_of_product(np.asarray(decoder(z)))


def _fault_of_bias(decoder, z):
    """What is wrong with the decoder's output bias; it is 0 afterwards."""
    bias = getattr(decoder, "output_bias", None)
    if bias is None:
        return "`output_bias` is missing, a weight in the shape of the image, (28, 28, 1)."
    if tuple(np.shape(bias)) != (28, 28, 1):
        return f"`output_bias` has shape {tuple(np.shape(bias))}, expected (28, 28, 1)."
    if getattr(bias, "path", None) not in {weight.path for weight in decoder.trainable_weights}:
        return "`output_bias` is not among the trainable weights: make it with self.add_weight."
    picture = np.random.default_rng().normal(size=(28, 28, 1)).astype("float32")
    bias.assign(picture)
    moved = np.asarray(decoder(z))
    bias.assign(0 * picture)
    moved = moved - np.asarray(decoder(z))
    if np.abs(moved).max() < 1e-6:
        return "`output_bias` exists, but it is not added to the logits."
    if not np.allclose(moved, picture, atol=1e-4):
        return "A change of `output_bias` has to move the logits by just that change: add it last."
    return ""


def _fault_of_product(logits):
    for axis, pattern in ((1, "row"), (2, "column")):
        if np.ptp(logits, axis=axis).max() < 1e-7:
            return (
                f"Without the bias, all {pattern}s of a picture are equal: the {pattern} pattern "
                f"does not vary along axis {axis}. Which shapes have the two patterns?"
            )
    if _rank(logits) > 1:
        return (
            f"The picture without its bias has rank {_rank(logits)}, expected 1: each pixel is to "
            "be the product of one number for its row and one for its column."
        )
    if np.allclose(logits, np.swapaxes(logits, 1, 2)):
        return "Every picture is its own mirror image about the diagonal: use TWO heads."
    return ""


def _heads(self, z):
    h = self.body(z)
    return self.rows(h)[:, :, None, None], self.columns(h)[:, None, :, None]


def _outer(patterns=_heads, logits=lambda rows, columns, bias: rows * columns + bias, bias=True):
    """A decoder: the right one, or one with other patterns, other logits, or no bias."""

    class OuterDecoder(keras.layers.Layer):
        image_shape = (28, 28, 1)

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.body = keras.layers.Dense(64, activation="silu")
            self.rows, self.columns = keras.layers.Dense(28), keras.layers.Dense(28)

        def build(self, z_shape):
            self.body.build(z_shape)
            self.rows.build((None, 64))
            self.columns.build((None, 64))
            if bias:
                self.output_bias = self.add_weight(shape=self.image_shape, initializer="zeros")

        def call(self, z):
            return logits(*patterns(self, z), self.output_bias if bias else 0.0)

    return OuterDecoder


def _rows_twice(self, z):
    h = self.rows(self.body(z))
    return h[:, :, None, None], h[:, None, :, None]


def _layers_in_call(self, z):
    rows, columns = keras.layers.Dense(28)(z), keras.layers.Dense(28)(z)
    return rows[:, :, None, None], columns[:, None, :, None]


def _rows_only(self, z):
    h = self.body(z)
    return self.rows(h)[:, :, None, None], self.columns(h)[:, :, None, None]


outer_decoder = Question(
    "outer_decoder",
    "A decoder that draws each picture as the product of a row pattern and a column pattern.",
    variable="OuterDecoder",
    answer=_outer(),
    examine=_examine_outer,
    mistakes=[
        Mistake(
            "You added the two patterns. A sum has rank two and can draw crosses; the product was "
            "asked for.",
            wrong=_outer(logits=lambda rows, columns, bias: rows + columns + bias),
            when=lambda cls: _decoded(cls)[2].shape == (6, 28, 28, 1) and _adds_patterns(cls),
        ),
        Mistake(
            "All between 0 and 1: these look like probabilities, and the contract asks for logits, "
            "of either sign. Is there a sigmoid or a softmax, at the end or in the heads?",
            wrong=_outer(logits=lambda r, c, bias: tf.sigmoid(r * c + bias)),
            when=lambda cls: _decoded(cls)[2].min() > 0 and _decoded(cls)[2].max() < 1,
        ),
        Mistake(
            "The last axis, the colour channel of length 1, is missing: (batch, 28, 28, 1).",
            wrong=_outer(logits=lambda r, c, bias: (r * c + bias)[..., 0]),
            when=lambda cls: _decoded(cls)[2].shape == (6, 28, 28),
        ),
        Mistake(None, wrong=_outer(_layers_in_call)),
        Mistake(None, wrong=_outer(_rows_only)),
        Mistake(None, wrong=_outer(bias=False)),
        Mistake(None, wrong=_outer(logits=lambda rows, columns, bias: rows * columns)),
        Mistake(None, wrong=_outer(_rows_twice)),
    ],
    hint="Two Dense heads of 28 numbers on one hidden layer. Give one the shape (batch, 28, 1, 1) "
    "and the other (batch, 1, 28, 1), and let them broadcast. Then the contract's two names.",
    solutions=solutions,
    remark="It inherits nothing from Decoder: to keep the contract is enough. The two heads need "
    "3,640 weights where the dense output layer needs 200,704. Beside the bias picture, such "
    "logits form a matrix of rank one: bars and boxes, but no diagonal.",
)


def _adds_patterns(cls):
    """True when a pixel's logit is a term for its row plus a term for its column."""
    decoder, z, logits = _decoded(cls)
    mixed = logits - logits.mean(axis=1, keepdims=True) - logits.mean(axis=2, keepdims=True)
    return _rank(logits) == 2 and np.ptp(mixed[..., 0], axis=(1, 2)).max() < 1e-4
