"""Exercises of notebook 04: one big class refactored in four steps, and parts that are swapped."""

import keras
import numpy as np
import tensorflow as tf

from vae_helpers import parts
from vae_helpers.exercises.composition import vae_fault
from vae_helpers.exercises.contracts import decoder_fault, encoder_fault, latent_fault
from vae_helpers.exercises.examiners import (
    contract_test_fault,
    equal,
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


# --------------------------------------------------------------------------- four steps


def _encoder(layers=lambda dense: [keras.layers.Flatten(), *dense], activation="silu", told=True):
    """A class of encoders: the right one, or one with other layers or without its settings."""

    class MyEncoder(keras.layers.Layer):
        def __init__(self, hidden=(256, 128, 64, 32), **kwargs):
            super().__init__(**kwargs)
            self.hidden = tuple(hidden)
            dense = [keras.layers.Dense(units, activation=activation) for units in self.hidden]
            self.network = keras.Sequential(layers(dense))

        def build(self, images_shape):
            self.network.build(images_shape)

        def call(self, images, training=False):
            return self.network(images, training=training)

        def get_config(self):
            return {**super().get_config(), **({"hidden": self.hidden} if told else {})}

    return MyEncoder


encoder = Question(
    "encoder",
    "The encoder of the big class as a layer of its own: images to features.",
    variable="MyEncoder",
    answer=parts.Encoder,
    examine=encoder_fault,
    mistakes=[
        Mistake(None, wrong=_encoder(lambda dense: dense)),
        Mistake(None, wrong=_encoder(lambda dense: [keras.layers.Flatten(), dense[-1]])),
        Mistake(None, wrong=_encoder(lambda dense: [keras.layers.Flatten(), *dense[::-1]])),
        Mistake(None, wrong=_encoder(activation="relu")),
        Mistake(
            None,
            wrong=_encoder(lambda d: [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), *d]),
        ),
        Mistake(None, wrong=_encoder(told=False)),
    ],
    hint="A picture has to become one row before a Dense layer sees it. `dense` holds the rest; "
    "`get_config` names what `__init__` was given.",
    solutions=solutions,
    remark="It knows nothing of codes: convolutions can take its place.",
)


def _latent(call=None, sample=None, kl=None):
    """A class of latent distributions, with other methods where they are given."""
    given = {"call": call, "sample": sample, "kl": kl}
    methods = {name: method for name, method in given.items() if method}
    return type("MyLatent", (parts.LatentDistribution,), methods)


def _kl_by(reduce):
    def kl(self, m, v):
        return reduce(0.5 * (tf.square(m) + tf.exp(v) - 1.0 - v))

    return kl


def _wide(width):
    def sample(self, m, v):
        return m + width(v) * keras.random.normal(tf.shape(m), seed=self.noise)

    return sample


latent = Question(
    "latent",
    "The latent distribution of the big class as a layer of its own: parameters, sample and KL.",
    variable="MyLatent",
    answer=parts.LatentDistribution,
    examine=latent_fault,
    mistakes=[
        Mistake(None, wrong=_latent(kl=_kl_by(lambda each: tf.reduce_mean(each, axis=1)))),
        Mistake(None, wrong=_latent(kl=_kl_by(tf.reduce_mean))),
        Mistake(None, wrong=_latent(kl=_kl_by(lambda each: each))),
        Mistake(None, wrong=_latent(kl=_kl_by(lambda each: tf.reduce_sum(each, axis=0)))),
        Mistake(None, wrong=_latent(call=lambda self, f: (self.z_log_var(f), self.z_mean(f)))),
        Mistake(None, wrong=_latent(call=lambda self, f: (self.z_mean(f), self.z_mean(f)))),
        Mistake(
            None,
            wrong=_latent(call=lambda self, f: (self.z_mean(f), tf.nn.relu(self.z_log_var(f)))),
        ),
        Mistake(None, wrong=_latent(sample=_wide(tf.exp))),
        Mistake(None, wrong=_latent(sample=_wide(lambda v: tf.stop_gradient(tf.exp(0.5 * v))))),
    ],
    hint="Three lines of the big class move here, and one of them is wrong there: what makes up "
    "the KL of ONE image? The noise has the shape of z_mean, and is new at every call.",
    solutions=solutions,
    remark="The mistake of the big class would have been noticed here at once.",
)


def _decoder(layers=None, picture=lambda logits, bias: logits + bias):
    """A class of decoders, with other layers or another last step."""

    class MyDecoder(parts.Decoder):
        def __init__(self, hidden=(32, 64, 128, 256), image_shape=(28, 28, 1), **kwargs):
            super().__init__(hidden, image_shape, **kwargs)
            if layers:
                self.network = keras.Sequential(layers(self.hidden, self.image_shape))

        def call(self, z, training=False):
            return picture(self.network(z, training=training), self.output_bias)

    return MyDecoder


def _in_one_row(hidden, image_shape):
    return [keras.layers.Dense(n, activation="silu") for n in (*hidden, int(np.prod(image_shape)))]


def _for_our_pictures(hidden, image_shape):
    return [*_in_one_row(hidden, (28, 28)), keras.layers.Reshape((28, 28, 1))]


def _with_relu(hidden, image_shape):
    dense = _in_one_row(hidden, image_shape)
    dense[-1] = keras.layers.Dense(dense[-1].units, activation="relu")
    return [*dense, keras.layers.Reshape(image_shape)]


decoder = Question(
    "decoder",
    "The decoder of the big class as a layer of its own: codes to logits in the shape of an image.",
    variable="MyDecoder",
    answer=parts.Decoder,
    examine=decoder_fault,
    mistakes=[
        Mistake(None, wrong=_decoder(_in_one_row, lambda logits, bias: logits)),
        Mistake(None, wrong=_decoder(_for_our_pictures)),
        Mistake(None, wrong=_decoder(_with_relu)),
        Mistake(None, wrong=_decoder(picture=lambda logits, bias: tf.sigmoid(logits + bias))),
        Mistake(None, wrong=_decoder(picture=lambda logits, bias: logits)),
        Mistake(None, wrong=_decoder(picture=lambda logits, bias: logits - bias)),
    ],
    hint="After the dense layers of `hidden`: one Dense with as many outputs as a picture has "
    "numbers, and no activation; then keras.layers.Reshape. The bias is added last.",
    solutions=solutions,
    remark="Logits out: what they mean is decided where the loss is computed, in one place.",
)


def _cost(images, logits):
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    return tf.reduce_sum(each, axis=[1, 2, 3])


def _vae(
    drawn=lambda self, m, v: self.latent.sample(m, v),
    decoded=lambda z_mean, z: z,
    cost=_cost,
    kl=lambda self, m, v: self.latent.kl(m, v),
    loss=lambda reconstruction, kl: tf.reduce_mean(reconstruction + kl),
):
    """A class of VAEs: the right one, or one with another step."""

    class MyVAE(keras.Model):
        def __init__(self, encoder, latent, decoder, **kwargs):
            super().__init__(**kwargs)
            self.encoder, self.latent, self.decoder = encoder, latent, decoder
            self(keras.Input(decoder.image_shape))

        def call(self, images, training=False):
            z_mean, z_log_var = self.latent(self.encoder(images, training=training))
            z = drawn(self, z_mean, z_log_var)
            logits = self.decoder(decoded(z_mean, z), training=training)
            return {"z_mean": z_mean, "z_log_var": z_log_var, "z": z, "logits": logits}

        def terms(self, images, forward):
            z_mean, z_log_var = forward["z_mean"], forward["z_log_var"]
            return cost(images, forward["logits"]), kl(self, z_mean, z_log_var)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return loss(*self.terms(x, y_pred))

    return MyVAE


def _mean_cost(images, logits):
    return tf.reduce_mean(keras.losses.binary_crossentropy(images, logits, True), axis=[1, 2])


vae = Question(
    "vae",
    "The VAE that composes the three parts, and the loss.",
    variable="MyVAE",
    answer=_vae(),
    examine=vae_fault,
    mistakes=[
        Mistake(None, wrong=_vae(decoded=lambda z_mean, z: z_mean)),
        Mistake(None, wrong=_vae(drawn=lambda self, m, v: m)),
        Mistake(None, wrong=_vae(cost=_mean_cost)),
        Mistake(None, wrong=_vae(cost=lambda x, a: _cost(x, tf.sigmoid(a)))),
        Mistake(None, wrong=_vae(cost=lambda x, a: _cost(a, x))),
        Mistake(None, wrong=_vae(cost=lambda x, a: -_cost(x, a))),
        Mistake(None, wrong=_vae(kl=_kl_by(lambda each: tf.reduce_sum(each, axis=1)))),
        Mistake(None, wrong=_vae(loss=lambda reconstruction, kl: reconstruction + kl)),
        Mistake(None, wrong=_vae(loss=lambda r, kl: tf.reduce_mean(r - kl))),
        Mistake(None, wrong=_vae(loss=lambda r, kl: -tf.reduce_mean(r + kl))),
        Mistake(None, wrong=_vae(loss=lambda r, kl: tf.reduce_sum(r + kl))),
    ],
    hint="`call`: encoder, latent, latent.sample, decoder. `terms`: what all pixels of an image "
    "cost, added over axes 1, 2 and 3; and what latent.kl says. The one mean comes last.",
    solutions=solutions,
    remark="The only mean is the one over images. The parts have kept the rest.",
)

# --------------------------------------------------------------------------- exercises

how_many = Question(
    "how_many",
    "Four encoders, three latent distributions, five decoders. How many different VAEs do they "
    "make, how many classes of parts are that, and how many would it be if each encoder drew z "
    "itself?",
    variable="my_counts",
    answer=(60, 12, 17),
    outcome="Three numbers: models, classes with the cut, classes without it.",
    mistakes=[
        Mistake(
            "The models and the classes are exchanged: what you combine multiplies, what you write "
            "adds.",
            wrong=(12, 60, 17),
            when=lambda answer: float(answer[0]) == 12 and float(answer[1]) == 60,
        ),
        Mistake(
            "Models are chosen part by part, so the numbers multiply: 4 x 3 x 5.",
            wrong=(12, 12, 17),
            when=lambda answer: float(answer[0]) != 60 and float(answer[1]) == 12,
        ),
        Mistake(
            "The first is right. Classes are written one by one, so with the cut they ADD: 4 + 3 "
            "+ 5.",
            wrong=(60, 60, 17),
            when=lambda answer: float(answer[0]) == 60 and float(answer[1]) != 12,
        ),
        Mistake(
            "The first two are right. Those are the models again. Without the cut, an encoder "
            "exists once for each latent distribution; the decoders do not know of it.",
            wrong=(60, 12, 60),
        ),
        Mistake(
            "The first two are right. You counted the twelve encoders that draw z, and forgot the "
            "decoders.",
            wrong=(60, 12, 12),
        ),
        Mistake(
            "The first two are right. For the third, count the encoders that have to be written, "
            "one for each way to draw z, and then the decoders.",
            wrong=(60, 12, 9),
            when=lambda answer: float(answer[0]) == 60 and float(answer[1]) == 12,
        ),
    ],
    hint="What you combine multiplies, what you write adds. Without the cut between encoder and "
    "latent distribution, the two are combined already when you write them.",
    solutions=solutions,
    remark="Sixty models of twelve classes. With the cut, a fourth way to draw z is one class "
    "more, without it four.",
    tolerance=1e-6,
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


def _width_and_independence(latent):
    z = np.asarray(latent.sample(*_many(latent)))
    related = np.corrcoef(z.T)[0, 1]
    return abs(z.std() / np.exp(0.75) - 1) < 0.1 and abs(related) < 0.2


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
        Mistake(None, wrong=_width_and_independence),
        Mistake(None, wrong=kl_is_right),
        Mistake(None, wrong=_at_the_comfortable_point),
    ],
    hint="Draw 20,000 codes of one known mean, at one log variance below 0 and one above. What "
    "must their spread be, in each dimension, together and in a second call? Which numbers must "
    "`kl` give, and in which shape? And what would only training notice?",
    solutions=solutions,
    seconds=8.0,  # fifteen latent distributions, each asked in a graph
    remark="A test is worth what it lets through. Try yours on something broken before you trust "
    "it.",
)
