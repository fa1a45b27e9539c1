"""Further losses, in the idioms of other frameworks and at other shapes, with verdicts worked out
by hand before the audit saw them. See `public_losses` for the fields."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from public_losses import NAN, Case, _ce, _kl, _klsum

MORE = []


def case(name, **fields):
    """Add a loss to `MORE`."""

    def add(loss):
        MORE.append(Case(name, loss, "", **fields))
        return loss

    return add


def _all(t):
    return list(range(1, len(t.shape)))


@case("flat, L 16, sums over batch size", shape=(784,), L=16, elbo=True)
def _(x, a, m, v):
    n = tf.cast(tf.shape(x)[0], tf.float32)
    kld = -0.5 * tf.reduce_sum(1 + v - m**2 - tf.exp(v))
    return (tf.reduce_sum(_ce(x, a)) + kld) / n


@case(
    "both reductions mean, RGB, L 16",
    shape=(32, 32, 3),
    L=16,
    must={"pixels_averaged", "latents_averaged"},
    rec_w=1 / 3072,
    kl_w=1 / 16,
    want=("multiply the reconstruction by 3072",),
)
def _(x, a, m, v):
    return tf.reduce_mean(_ce(x, a)) + tf.reduce_mean(_kl(m, v))


@case("one image at a time, mapped", shape=(28, 28), elbo=True)
def _(x, a, m, v):
    def one(image):
        pixels, logits, mean, log_var = image
        log_p = tf.reduce_sum(pixels * logits - tf.nn.softplus(logits))
        return tf.reduce_sum(_kl(mean, log_var)) - log_p

    return tf.map_fn(one, (x, a, m, v), fn_output_signature=tf.float32)


@case("log sigma head, its own KL", head="log_std", elbo=True)
def _(x, a, m, s):
    kl = tf.reduce_sum(0.5 * (m**2 + tf.exp(2 * s) - 1) - s, axis=1)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + kl)


@case("sigma head, its own KL", head="std", shape=(784,), L=5, elbo=True)
def _(x, a, m, s):
    kl = tf.reduce_sum(0.5 * (m**2 + s**2 - 1) - tf.math.log(s), axis=1)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), 1) + kl)


@case("softplus head, its own KL", head="softplus", elbo=True)
def _(x, a, m, h):
    s = tf.nn.softplus(h)
    kl = tf.reduce_sum(0.5 * (m**2 + s**2 - 1) - tf.math.log(s), axis=1)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + kl)


@case(
    "log sigma head in the KL of a log variance",
    head="log_std",
    must={"kl_head_misread"},
    kl="head_as_log_var",
)
def _(x, a, m, s):
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + _klsum(m, s))


@case("log sigma head, KL reversed", head="log_std", must={"kl_reversed"}, kl="reversed")
def _(x, a, m, s):
    kl = tf.reduce_sum(0.5 * ((1 + m**2) * tf.exp(-2 * s) - 1) + s, axis=1)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + kl)


@case(
    "free bits per dimension",
    L=16,
    kl="free_bits",
    variants={"free_bits_per_dimension"},
    want=("0.1 nats",),
)
def _(x, a, m, v):
    kl = tf.reduce_sum(tf.maximum(_kl(m, v), 0.1), axis=1)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + kl)


@case(
    "free bits per dimension, mean over the batch first",
    L=4,
    kl="free_bits",
    variants={"free_bits_per_dimension"},
)
def _(x, a, m, v):
    kl = tf.reduce_sum(tf.maximum(tf.reduce_mean(_kl(m, v), axis=0), 0.25))
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x))) + kl


@case(
    "capacity of each image, gamma 30",
    L=16,
    kl="capacity",
    kl_w=30.0,
    variants={"capacity"},
    want=("C = 12 nats",),
)
def _(x, a, m, v):
    return tf.reduce_sum(_ce(x, a), _all(x)) + 30 * tf.abs(_klsum(m, v) - 12.0)


@case(
    "capacity of the batch, as 1000 |KL - 25|",
    kl="capacity",
    kl_w=1000.0,
    variants={"capacity"},
    want=("C = 25 nats",),
)
def _(x, a, m, v):
    kl = tf.abs(tf.reduce_mean(_klsum(m, v)) - 25.0)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x))) + 1000 * kl


@case("free bits of each image, 1 nat", kl="free_bits", variants={"free_bits_per_image"}, L=4)
def _(x, a, m, v):
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + tf.maximum(_klsum(m, v), 1.0))


@case("absolute error, RGB", shape=(32, 32, 3), probs=True, rec="laplace", variants={"laplace"})
def _(x, p, m, v):
    return tf.reduce_sum(tf.abs(x - p), _all(x)) + _klsum(m, v)


LOG_SIGMA = tf.Variable(-1.0, name="log_sigma")


@case(
    "sigma is a variable",
    probs=True,
    shape=(28, 28),
    rec="gaussian",
    rec_w=math.exp(2.0),
    elbo=True,
    variants={"learned_sigma"},
)
def _(x, p, m, v):
    z = (x - p) * tf.exp(-LOG_SIGMA)
    nll = 0.5 * tf.square(z) + LOG_SIGMA + 0.5 * math.log(2 * math.pi)
    return tf.reduce_mean(tf.reduce_sum(nll, _all(x)) + _klsum(m, v))


@case("pos_weight 3", rec="weighted_bernoulli", variants={"pos_weight"}, want=("pos_weight 3",))
def _(x, a, m, v):
    ce = tf.nn.weighted_cross_entropy_with_logits(x, a, 3.0)
    return tf.reduce_mean(tf.reduce_sum(ce, _all(x)) + _klsum(m, v))


@case("one-hot classes", shape=(8, 8, 4), rec="categorical", variants={"categorical"})
def _(x, a, m, v):
    ce = tf.nn.softmax_cross_entropy_with_logits(labels=x, logits=a)
    return tf.reduce_mean(tf.reduce_sum(ce, axis=[1, 2]) + _klsum(m, v))


@case("prior of width 2", L=16, kl="other_prior", variants={"prior_width"}, want=("2^2",))
def _(x, a, m, v):
    kl = math.log(2.0) - 0.5 * v + (tf.exp(v) + m**2) / 8 - 0.5
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + tf.reduce_sum(kl, 1))


BETA = keras.Variable(0.0, trainable=False, name="beta")


@case(
    "Keras variable at 0",
    must={"kl_missing"},
    kl="none",
    kl_w=0.0,
    variants={"kl_warm_up"},
    want=("is 0 now",),
)
def _(x, a, m, v):
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + BETA * _klsum(m, v))


@case(
    "labels and logits exchanged",
    must={"cross_entropy_exchanged"},
    rec="unknown",
    rec_w=NAN,
    want=("exchanged",),
)
def _(x, a, m, v):
    ce = tf.nn.sigmoid_cross_entropy_with_logits(labels=a, logits=x)
    return tf.reduce_mean(tf.reduce_sum(ce, _all(x)) + _klsum(m, v))


@case("log variance never below 0", must={"log_var_clipped"}, want=("0 from below",))
def _(x, a, m, v):
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + _klsum(m, tf.nn.relu(v)))


@case("log variance clipped to -1, 1", L=8, must={"log_var_clipped"})
def _(x, a, m, v):
    v = tf.clip_by_value(v, -1.0, 1.0)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + _klsum(m, v))


@case("log variance clipped far out", elbo=True)
def _(x, a, m, v):
    v = tf.clip_by_value(v, -30.0, 20.0)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + _klsum(m, v))


@case("softplus on the log variance", must={"log_var_squashed"}, kl="unknown", kl_w=NAN)
def _(x, a, m, v):
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + _klsum(m, tf.nn.softplus(v)))


@case("mean passed twice", must={"log_var_unused"}, kl="unknown", kl_w=NAN)
def _(x, a, m, v):
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + _klsum(m, m))


@case("mean not squared", L=16, must={"mean_not_squared"}, kl="unknown", kl_w=NAN)
def _(x, a, m, v):
    kl = -0.5 * tf.reduce_sum(1 + v - m - tf.exp(v), axis=1)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + kl)


@case(
    "root for each image",
    shape=(784,),
    probs=True,
    must={"root_of_squares"},
    rec="root_squared_error",
    rec_w=NAN,
)
def _(x, p, m, v):
    return tf.sqrt(tf.reduce_mean(tf.square(x - p), axis=1)) + _klsum(m, v)


@case("bfloat16 inside", must={"half_precision"}, want=("16 bits",))
def _(x, a, m, v):
    m, v = tf.cast(m, tf.bfloat16), tf.cast(v, tf.bfloat16)
    kl = tf.cast(tf.reduce_sum(_kl(m, v), 1), tf.float32)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + kl)


@case("latent with a picture's shape", shape=(32, 32, 3), L=(4, 4, 8), elbo=True)
def _(x, a, m, v):
    kl = tf.reduce_sum(_kl(m, v), axis=[1, 2, 3])
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + kl)


@case("positions of the latent averaged", L=(4, 4, 8), must={"latents_averaged"}, kl_w=1 / 16)
def _(x, a, m, v):
    kl = tf.reduce_sum(tf.reduce_mean(_kl(m, v), axis=[1, 2]), axis=-1)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x)) + kl)


@case("half squares, beta 4", rec="squared_error", kl_w=4.0, probs=True)
def _(x, p, m, v):
    return 0.5 * tf.reduce_sum(tf.square(x - p), _all(x)) + 4 * _klsum(m, v)


@case(
    "squares over 784, written out",
    rec="squared_error",
    rec_w=2 / 784,
    must={"pixels_averaged"},
    probs=True,
)
def _(x, p, m, v):
    return tf.reduce_sum(tf.square(x - p), _all(x)) / 784 + _klsum(m, v)


@case(
    "squares times 0.05",
    rec="squared_error",
    rec_w=0.1,
    must={"pixels_averaged"},
    probs=True,
    want=("sigma",),
)
def _(x, p, m, v):
    return 0.05 * tf.reduce_sum(tf.square(x - p), _all(x)) + _klsum(m, v)


@case("whole loss over 64", shape=(784,), may={"batch_summed"}, elbo=True, want=("64",))
def _(x, a, m, v):
    return (tf.reduce_sum(_ce(x, a)) + tf.reduce_sum(_kl(m, v))) / 64


@case("rows of 32 images", batch_size=32, elbo=True)
def _(x, a, m, v):
    return tf.reduce_sum(_ce(tf.reshape(x, (32, -1)), tf.reshape(a, (32, -1))), 1) + _klsum(m, v)


@case("values for each pixel beside values for each image", shape=(784,), raises="add up")
def _(x, a, m, v):
    return _ce(x, a) + _klsum(m, v)


@case("a dict", raises="dict")
def _(x, a, m, v):
    return {"loss": tf.reduce_mean(_klsum(m, v))}


@case("tanh output, images on -1 to 1 inside", rec="squared_error", rec_w=1.0, elbo=True)
def _(x, a, m, v):
    return 0.5 * tf.reduce_sum(tf.square(2 * x - 1 - tf.tanh(a)), _all(x)) + _klsum(m, v)


@case("everything over the pixels", rec_w=1 / 784, kl_w=1 / 784, want=("nats per pixel",))
def _(x, a, m, v):
    return ops.mean(ops.sum(_ce(x, a), axis=(1, 2, 3)) + ops.sum(_kl(m, v), axis=-1)) / 784


@case(
    "fresh NumPy noise",
    must={"unknown"},
    rec="unknown",
    kl="unknown",
    rec_w=NAN,
    kl_w=NAN,
    want=("random",),
)
def _(x, a, m, v):
    noise = np.random.default_rng().normal(size=a.shape).astype("float32")
    return tf.reduce_sum(_ce(x, a + noise), _all(x)) + _klsum(m, v)


@case("all pairs of images", elbo=True, want=("pairs",))
def _(x, a, m, v):
    return tf.reduce_sum(_ce(x, a), _all(x)) + _klsum(m, v)[:, None]


@case(
    "cross-entropy and squares",
    rec="unknown",
    rec_w=NAN,
    must={"unknown"},
    want=("likelihood of neither",),
)
def _(x, a, m, v):
    squares = tf.reduce_sum(tf.square(x - tf.sigmoid(a)), _all(x))
    return tf.reduce_sum(_ce(x, a), _all(x)) + squares + _klsum(m, v)


# ------------------------------------------------------------------ teaching material, re-worded
@case("Chollet, 2nd ed.", probs=True, must={"latents_averaged"}, kl_w=0.5)
def _(x, p, m, v):
    rec = tf.reduce_mean(tf.reduce_sum(keras.losses.binary_crossentropy(x, p), axis=(1, 2)))
    return rec + tf.reduce_mean(-0.5 * (1 + v - tf.square(m) - tf.exp(v)))


@case(
    "Foster, 2nd ed., 500 x mean",
    shape=(32, 32, 1),
    probs=True,
    may={"pixels_averaged"},
    rec_w=500 / 1024,
    want=("2.048",),
)
def _(x, p, m, v):
    rec = tf.reduce_mean(500 * keras.losses.binary_crossentropy(x, p), axis=(1, 2))
    return tf.reduce_mean(rec) + tf.reduce_mean(_klsum(m, v))


@case("TFP layers, KL registered twice", L=16, must={"kl_without_half"}, kl_w=2.0)
def _(x, a, m, v):
    regularizer = tf.reduce_mean(_klsum(m, v))
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), _all(x))) + regularizer + regularizer


@case(
    "pytorch/examples, sums",
    shape=(784,),
    L=20,
    probs=True,
    must={"batch_summed"},
    want=("balance",),
)
def _(x, p, m, v):
    rec = 784 * tf.reduce_sum(keras.losses.binary_crossentropy(x, p))
    return rec - 0.5 * tf.reduce_sum(1 + v - m**2 - tf.exp(v))


@case(
    "6.S191 lab 2, absolute error",
    shape=(64, 64, 3),
    L=32,
    may={"pixels_averaged"},
    rec="laplace",
    rec_w=1 / 12288,
    kl_w=5e-4,
    variants={"laplace"},
)
def _(x, a, m, v):
    rec = tf.reduce_mean(tf.abs(x - a), axis=(1, 2, 3))
    return tf.reduce_mean(5e-4 * 0.5 * tf.reduce_sum(tf.exp(v) + m**2 - 1 - v, axis=1) + rec)
