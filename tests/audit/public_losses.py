# ruff: noqa: E501
"""VAE losses as found in public code, re-worded, with the verdict worked out by hand before running.

Every case: name, loss, origin, how to call audit_loss, and what a correct audit must say.
Weights follow LossAudit: 1 = nats per image (half a sum of squares for squared errors); where one
term alone is summed over images its weight is quoted at a batch of 128.
`must`: codes that have to be there; `may`: codes that are acceptable besides; anything else is a false alarm.
`want`: a word that the printed text should contain for the verdict to be useful to the person;
`hate`: a sentence in it that is false, or misleads, for this loss.
D = 784 and L = 2 where nothing else is said.
A squared error beside a summed KL is the ELBO of a Gaussian of the sigma that its weight implies, up to sigma 1 (elbo=True; beyond, pixels in [0, 1] cannot mean it); that an average is behind its weight is a
note, or a code where `may` allows it: the verdict follows the function at the shape asked for, not its wording.
Where `rec`, `kl` or `may` says "unknown", the audit had no name when this was written: a true name (free bits, capacity, another prior, arguments
exchanged ...) is better, as a variant or as a new code.
"""

import math
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf
from keras import ops

NAN = float("nan")


@dataclass
class Case:
    name: str
    loss: object
    origin: str
    must: set = field(default_factory=set)
    may: set = field(default_factory=set)
    rec: str = "bernoulli"
    rec_w: float = 1.0
    kl: str = "gaussian"
    kl_w: float = 1.0
    elbo: bool = False
    shape: tuple = (28, 28, 1)
    L: int = 2
    probs: bool = False
    images: object = None
    want: tuple = ()
    raises: str = ""
    hand: str = ""
    hate: tuple = ()  # sentences that are false or misleading for this loss
    variants: set | None = None
    head: str = "log_var"
    batch_size: int | None = None


CASES = []
WARM_UP = tf.Variable(0.0)


def case(name, origin, **kw):
    def add(f):
        CASES.append(Case(name, f, origin, **kw))
        return f

    return add


def _kl(m, v):  # per dimension
    return 0.5 * (tf.square(m) + tf.exp(v) - 1.0 - v)


def _klsum(m, v):  # per image
    return tf.reduce_sum(_kl(m, v), axis=-1)


def _ce(x, a):
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=a)


def _flat(t):
    return tf.reshape(t, [-1])


def _rows(t):
    return tf.reshape(t, [tf.shape(t)[0], -1])


# ------------------------------------------------------------------ Keras
@case(
    "keras3 ops example",
    "keras.io/examples/generative/vae (Keras 3 wording); mynlpnotes/mynotes",
    probs=True,
    elbo=True,
    hand="sum over rows/cols of a 1-channel mean, KL summed: ELBO",
)
def _(x, p, m, v):
    rec = ops.mean(ops.sum(keras.losses.binary_crossentropy(x, p), axis=(1, 2)))
    kl = ops.mean(ops.sum(-0.5 * (1 + v - ops.square(m) - ops.exp(v)), axis=1))
    return rec + kl


@case(
    "keras-io 2020 example",
    "https://github.com/keras-team/keras-io/issues/270",
    probs=True,
    must={"latents_averaged"},
    kl_w=0.5,
    hand="784*mean = sum; KL a mean over 2 latents -> 1/2",
)
def _(x, p, m, v):
    rec = tf.reduce_mean(keras.losses.binary_crossentropy(x, p)) * 784
    kl = -0.5 * tf.reduce_mean(1 + v - tf.square(m) - tf.exp(v))
    return rec + kl


@case(
    "blog.keras.io 2016",
    "https://blog.keras.io/building-autoencoders-in-keras.html",
    shape=(784,),
    probs=True,
    must={"pixels_averaged", "latents_averaged"},
    rec_w=1 / 784,
    kl_w=0.5,
    hand="mean over 784 beside a mean over 2: beta 392",
)
def _(x, p, m, v):
    return keras.losses.binary_crossentropy(x, p) - 0.5 * tf.reduce_mean(
        1 + v - tf.square(m) - tf.exp(v), axis=-1
    )


@case(
    "DLwP 8.4, -5e-4",
    "fchollet/deep-learning-with-python-notebooks 8.4",
    probs=True,
    may={"pixels_averaged", "latents_averaged"},
    rec_w=1 / 784,
    kl_w=5e-4,
    want=("0.392",),
    hate=("KL weighs as many times more",),
    hand="mean over pixels; -5e-4*mean over 2 = 1e-3 * KL / 2; the balance is beta 0.392, i.e. nearly the ELBO's",
)
def _(x, p, m, v):
    rec = keras.losses.binary_crossentropy(_flat(x), _flat(p))
    return tf.reduce_mean(rec + -5e-4 * tf.reduce_mean(1 + v - tf.square(m) - tf.exp(v), axis=-1))


@case(
    "GDL 1st ed., factor 1000",
    "davidADSP/GDL_code 03 VAE",
    probs=True,
    elbo=True,
    may={"pixels_averaged"},
    rec="squared_error",
    rec_w=2000 / 784,
    hate=("KL weighs as many times more", "multiplied by 2000"),
    hand="1000*mean of squares = 2.551 half-sums: sigma 0.626; beta 0.392",
)
def _(x, p, m, v):
    rec = 1000 * tf.reduce_mean(tf.square(x - p), axis=[1, 2, 3])
    return rec - 0.5 * tf.reduce_sum(1 + v - tf.square(m) - tf.exp(v), axis=1)


@case(
    "flatten, mse*H*W RGB, -5e-4 sum",
    "",
    shape=(32, 32, 3),
    probs=True,
    must=set(),
    may={"pixels_averaged", "partly_averaged"},
    rec="squared_error",
    rec_w=2 / 3,
    kl_w=1e-3,
    hate=("KL weighs as many times more", "multiplied by 2048"),
    hand="mean over 3072 times 1024 = 2/3 half-sums (channels averaged); KL 1e-3. One averaging code must be there",
)
def _(x, p, m, v):
    rec = keras.losses.mean_squared_error(_flat(x), _flat(p)) * 32 * 32
    return tf.reduce_mean(rec - 5e-4 * tf.reduce_sum(1 + v - tf.square(m) - tf.exp(v), axis=-1))


@case(
    "unreduced mse + scalar KL",
    "",
    probs=True,
    must={"pixels_averaged"},
    rec="squared_error",
    rec_w=2 / 784,
    want=("returns shape",),
    hand="returns (n,28,28): the KL stands beside every pixel; balance of a mean",
)
def _(x, p, m, v):
    kl = tf.reduce_mean(tf.reduce_sum(-0.5 * (1 + v - tf.square(m) - tf.exp(v)), axis=1))
    return keras.losses.mean_squared_error(x, p) + kl


@case(
    "keras KLDivergence",
    "",
    probs=True,
    must={"keras_kl_divergence", "pixels_averaged"},
    rec_w=1 / 784,
    kl="keras_kl_divergence",
    kl_w=NAN,
    hand="both defaults, KLDivergence of raw heads",
)
def _(x, p, m, v):
    return keras.losses.BinaryCrossentropy()(x, p) + keras.losses.KLDivergence()(m, v)


@case(
    "KL overwritten",
    "",
    shape=(784,),
    probs=True,
    must={"kl_missing"},
    may={"pixels_averaged"},
    rec_w=2 / 784,
    kl="none",
    kl_w=0.0,
    hand="kl_loss is computed and then overwritten by the mean cross-entropy: no KL, reconstruction twice",
)
def _(x, p, m, v):
    xent = keras.losses.binary_crossentropy(x, p)
    kl = tf.maximum(-0.5 * tf.reduce_mean(1 + v - tf.square(m) - tf.exp(v), axis=-1), 0)
    kl = tf.reduce_mean(xent)
    return xent + kl


@case(
    "Geron TF2, mse",
    "ageron/handson-ml3 ch. 17",
    shape=(28, 28),
    rec="squared_error",
    rec_w=2 / 784,
    kl_w=1 / 784,
    hand="mean of squares (raw output) + KL/784: sigma 0.707, balance right",
)
def _(x, a, m, v):
    kl = -0.5 * tf.reduce_sum(1 + v - tf.exp(v) - tf.square(m), axis=-1)
    return keras.losses.MeanSquaredError()(x, a) + tf.reduce_mean(kl) / 784.0


@case(
    "arguments exchanged",
    "https://github.com/keras-team/keras/issues/7404 (K.binary_crossentropy(y_pred, y_true) after Keras 2)",
    shape=(784,),
    probs=True,
    may={"unknown", "not_finite"},
    rec="unknown",
    rec_w=NAN,
    want=("exchanged",),
    hand="the images stand in the logarithm",
)
def _(x, p, m, v):
    rec = ops.sum(ops.binary_crossentropy(p, x), axis=1)
    return rec + 0.5 * tf.reduce_sum(tf.exp(v) + tf.square(m) - 1.0 - v, axis=1)


@case(
    "time series SSE, KL 0.01",
    "",
    shape=(50, 1),
    rec="squared_error",
    rec_w=2.0,
    kl_w=0.01,
    hand="sum over time, one channel, KL weight 0.01: beta 0.005, a choice",
)
def _(x, a, m, v):
    sse = _flat(tf.reduce_sum(tf.square(x - a), axis=1))
    return sse + 0.01 * -0.5 * tf.reduce_sum(1 + v - tf.square(m) - tf.exp(v), axis=-1)


@case(
    "L1 * D",
    "alecGraves/BVAE-tf ('mae'); astroNN-style shape*loss",
    shape=(784,),
    probs=True,
    may={"unknown"},
    rec="unknown",
    rec_w=NAN,
    want=("absolute error",),
    hand="Laplace decoder, scale 1",
)
def _(x, p, m, v):
    return 784 * keras.losses.mean_absolute_error(x, p) + _klsum(m, v)


@case(
    "1 - SSIM",
    "find: vae + tf.image.ssim classes SSIMLoss",
    probs=True,
    may={"unknown"},
    rec="unknown",
    rec_w=NAN,
    hand="SSIM is no likelihood of pixels",
)
def _(x, p, m, v):
    return 1 - tf.reduce_mean(tf.image.ssim(x, p, 1.0)) + tf.reduce_mean(_klsum(m, v))


@case(
    "uint8 images, output*255",
    "",
    probs=True,
    may={"pixels_averaged"},
    rec="squared_error",
    rec_w=2 * 255 * 255 / 784,
    images=np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1)).astype("uint8"),
    hate=("KL weighs as many times more",),
    hand="mean of (X - 255 p)^2 = 65025*mean (X/255 - p)^2: right range for uint8; averaged, weight 165.9",
)
def _(x, p, m, v):
    rec = tf.reduce_mean(tf.square(x - p * 255.0), (1, 2, 3))
    return tf.reduce_mean(rec - 0.5 * tf.reduce_sum(1.0 + v - tf.square(m) - tf.exp(v), 1))


# ------------------------------------------------------------------ TensorFlow 1 and 2
@case(
    "Metzen, 0.2 on reconstruction",
    "",
    shape=(784,),
    probs=True,
    must={"not_finite"},
    rec_w=0.2,
    hand="a weight of 0.2 (beta 5), and the same log(0)",
)
def _(x, p, m, v):
    rec = -tf.reduce_sum(x * tf.math.log(1e-10 + p) + (1 - x) * tf.math.log(1e-10 + 1 - p), 1)
    return tf.reduce_mean(0.2 * rec - 0.5 * tf.reduce_sum(1 + v - tf.square(m) - tf.exp(v), 1))


@case(
    "Mohr, log sigma head",
    "",
    must={"kl_log_var_as_std"},
    kl="log_var_as_std",
    rec="squared_error",
    rec_w=2.0,
    probs=True,
    hand="KL in log sigma: right where the head is log sigma",
)
def _(x, p, m, sd):
    img = tf.reduce_sum(tf.math.squared_difference(_rows(p), _rows(x)), 1)
    kl = -0.5 * tf.reduce_sum(1.0 + 2.0 * sd - tf.square(m) - tf.exp(2.0 * sd), 1)
    return tf.reduce_mean(img + kl)


@case(
    "hwalsuklee, softplus stddev",
    "hwalsuklee/tensorflow-mnist-VAE; kitlomer/VAEsample encoder.py",
    shape=(784,),
    probs=True,
    must={"kl_log_var_as_std", "not_finite"},
    kl="log_var_as_std",
    hand="sigma = 1e-6 + softplus(head); 1 - 1e-8 is 1 in float32: log(0)",
)
def _(x, p, m, h):
    s = 1e-6 + tf.nn.softplus(h)
    y = tf.clip_by_value(p, 1e-8, 1 - 1e-8)
    like = tf.reduce_sum(x * tf.math.log(y) + (1 - x) * tf.math.log(1 - y), 1)
    kl = 0.5 * tf.reduce_sum(tf.square(m) + tf.square(s) - tf.math.log(1e-8 + tf.square(s)) - 1, 1)
    return -(tf.reduce_mean(like) - tf.reduce_mean(kl))


@case(
    "Geron TF1, gamma",
    "fangkun119/MLPracticeNotes 16_code_13",
    shape=(784,),
    must={"batch_summed"},
    want=("balance",),
    hand="both terms summed over everything",
)
def _(x, a, m, g):
    return tf.reduce_sum(_ce(x, a)) + 0.5 * tf.reduce_sum(tf.exp(g) + tf.square(m) - 1 - g)


@case(
    "TF tutorial CVAE, Monte Carlo KL",
    "tensorflow.org/tutorials/generative/cvae; avramandrei/OpenNIG src/util/losses.py",
    may={"unknown"},
    rec="unknown",
    kl="unknown",
    rec_w=NAN,
    kl_w=NAN,
    want=("random",),
    hand="z is drawn inside: log p(z) - log q(z|x) at one sample; right on average",
)
def _(x, a, m, v):
    z = m + tf.exp(0.5 * v) * tf.random.normal(tf.shape(m))

    def logn(z, m, v):
        return tf.reduce_sum(-0.5 * ((z - m) ** 2 * tf.exp(-v) + v + math.log(2 * math.pi)), axis=1)

    return -tf.reduce_mean(-tf.reduce_sum(_ce(x, a), [1, 2, 3]) + logn(z, 0.0, 0.0) - logn(z, m, v))


@case(
    "hardmaru, kl_tolerance",
    "hardmaru/WorldModelsExperiments carracing/vae",
    probs=True,
    may={"unknown"},
    rec="squared_error",
    rec_w=2.0,
    kl="unknown",
    kl_w=NAN,
    want=("floor", "free bits", "free nats"),
    hand="per-image KL with a floor of 0.5*L nats (free bits): a choice with a name",
)
def _(x, p, m, v):
    rec = tf.reduce_mean(tf.reduce_sum(tf.square(x - p), [1, 2, 3]))
    kl = -0.5 * tf.reduce_sum(1 + v - tf.square(m) - tf.exp(v), 1)
    return rec + tf.reduce_mean(tf.maximum(kl, 0.5 * 2))


@case(
    "sketch-rnn floor on batch mean",
    "magenta sketch_rnn; stuartfong1/improving-badly-drawn-bunnies",
    may={"unknown"},
    kl="unknown",
    kl_w=NAN,
    want=("floor", "free bits", "free nats"),
    hand="max(mean KL, 0.2)*0.5",
)
def _(x, a, m, v):
    kl = -0.5 * tf.reduce_mean(1 + v - tf.square(m) - tf.exp(v))
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), [1, 2, 3])) + 0.5 * tf.maximum(kl, 0.2)


@case(
    "l2_loss and summed KL",
    "TF1 code with tf.nn.l2_loss for reconstructions",
    must={"batch_summed"},
    rec="squared_error",
    rec_w=1.0,
    want=("balance",),
    hand="half sums over everything, KL summed over everything",
)
def _(x, a, m, v):
    return tf.nn.l2_loss(x - a) - 0.5 * tf.reduce_sum(1 + v - tf.square(m) - tf.exp(v))


@case(
    "StackGAN KL",
    "tushar-mahalya/Text-to-Image-Synthesis loss_function.py (repaired slice); ranarag/ZSCRGAN misc/kl_div.py",
    probs=True,
    must={"kl_log_var_as_std", "pixels_averaged"},
    may={"latents_averaged"},
    rec_w=1 / 784,
    kl="log_var_as_std",
    kl_w=1.0,
    hand="mean of a log-sigma KL, weight 2: 2/2 = 1 at L = 2",
)
def _(x, p, m, ls):
    kl = tf.reduce_mean(-ls + 0.5 * (-1 + tf.exp(2.0 * ls) + tf.square(m)))
    return tf.reduce_mean(keras.losses.binary_crossentropy(x, p)) + 2.0 * kl


@case(
    "book text: exp forgotten",
    "",
    must={"pixels_averaged", "kl_log_var_as_std"},
    may=set(),
    rec="squared_error",
    rec_w=2 / 784,
    kl="log_var_as_std",
    hand="1 + v - m^2 - v^2: z_log_var squared for the variance",
)
def _(x, a, m, v):
    return tf.reduce_mean(tf.square(x - a)) - 0.5 * tf.reduce_sum(
        1 + v - tf.square(m) - tf.square(v), axis=1
    )


@case(
    "PR 6500: xent - kl",
    "https://github.com/keras-team/keras/pull/6500",
    shape=(784,),
    probs=True,
    must={"kl_sign"},
    kl_w=-1.0,
    hand="kl_loss = -0.5*sum(...) is +KL, and it is subtracted",
)
def _(x, p, m, v):
    kl = -0.5 * tf.reduce_sum(1 + v - tf.square(m) - tf.exp(v), axis=-1)
    return 784 * keras.losses.binary_crossentropy(x, p) - kl


@case(
    "prior of its own width",
    "jamesborg46/vae --z-std-prior; options prior_mu/log_prior_sigma",
    may={"unknown"},
    kl="unknown",
    kl_w=NAN,
    want=("prior",),
    hand="KL to N(0, 0.5^2): 2 m^2 + 2 exp(v) - v/2 per dimension: a legitimate choice",
)
def _(x, a, m, v):
    s0 = 0.5
    kl = 0.5 * (2 * math.log(s0) - v - 1 + (tf.exp(v) + tf.square(m)) / s0**2)
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), [1, 2, 3]) + tf.reduce_sum(kl, 1))


@case(
    "warm-up weight, still 0",
    "keras-team/keras issue 13826-like, CompVis/vunet issue 5 (starts at nearly 0)",
    must={"kl_missing"},
    kl="none",
    kl_w=0.0,
    want=("weight of the KL is 0", "weight is 0"),
    hand="a variable weight that is 0 at the start: the KL is there, its weight is 0 now",
)
def _(x, a, m, v):
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), [1, 2, 3]) + WARM_UP * _klsum(m, v))


class _Counting:
    """A schedule that counts its own calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x, a, m, v):
        self.calls += 1
        w = min(1.0, self.calls / 10000)
        return tf.reduce_mean(tf.reduce_sum(_ce(x, a), [1, 2, 3]) + w * _klsum(m, v))


case(
    "annealing by call count",
    "AntixK/PyTorch-VAE beta_vae.py/dip_vae.py num_iter += 1",
    may={"unknown", "kl_missing"},
    rec="unknown",
    rec_w=NAN,
    kl="unknown",
    kl_w=NAN,
    want=("from call to call", "counter", "changes its mind"),
    hand="the weight of the KL is a Python counter: deterministic, not random; under fit it freezes at the first",
)(_Counting())


@case(
    "float16 sums",
    "chainer/chainer PR 7362, NVIDIA/apex issue 812",
    must={"not_finite"},
    hand="right function, computed in 16 bits: exp(20) overflows",
)
def _(x, a, m, v):
    x, a, m, v = (tf.cast(t, tf.float16) for t in (x, a, m, v))
    return tf.reduce_mean(tf.reduce_sum(tf.cast(_ce(x, a), tf.float32), [1, 2, 3])) + tf.cast(
        tf.reduce_mean(tf.reduce_sum(_kl(m, v), 1)), tf.float32
    )


# ------------------------------------------------------------------ PyTorch, transliterated
@case(
    "pytorch example 2017, KLD /= 128*784",
    "pytorch/examples vae/main.py before PR 226",
    shape=(784,),
    probs=True,
    must=set(),
    may={"batch_summed"},
    rec_w=1 / 784,
    kl_w=1 / 784,
    hand="BCE mean; KLD summed and divided by args.batch_size*784 = 128*784: at that batch size exactly ELBO/784, beta 1",
)
def _(x, p, m, v):
    kld = -0.5 * tf.reduce_sum(1 + v - m**2 - tf.exp(v)) / (128 * 784)
    return tf.reduce_mean(keras.losses.binary_crossentropy(x, p)) + kld


@case(
    "BCE sum + KLD mean",
    "NCAR/holodec-ml holodecml/vae/losses.py",
    probs=True,
    must={"batch_summed", "latents_averaged"},
    rec_w=128.0,
    kl_w=0.5,
    hand="sum over everything beside a mean over everything",
)
def _(x, p, m, v):
    return tf.reduce_sum(keras.losses.binary_crossentropy(x, p)) - 0.5 * tf.reduce_mean(
        1 + v - m**2 - tf.exp(v)
    )


@case(
    "KL /L, summed over batch",
    "stuartfong1/improving-badly-drawn-bunnies python/KL_loss.py",
    must={"batch_summed", "latents_averaged"},
    kl_w=64.0,
    hand="-0.5/L * sum over everything",
)
def _(x, a, m, s):
    kl = (-0.5 / m.shape[1]) * tf.reduce_sum(1 + s - tf.square(m) - tf.exp(s))
    return tf.reduce_mean(tf.reduce_sum(_ce(x, a), [1, 2, 3])) + kl


@case(
    "alpha mix, mse sums",
    "stored code VAELoss(alpha=0.5)",
    rec="squared_error",
    rec_w=1.0,
    kl_w=0.5,
    hand="(0.5 sum squares + 0.5 KL)/batch: half of (sum squares + KL): sigma 0.707, balance a choice, no mistake",
)
def _(x, a, m, v):
    n = tf.cast(tf.shape(x)[0], tf.float32)
    return (
        0.5 * tf.reduce_sum(tf.square(x - a)) + 0.5 * -0.5 * tf.reduce_sum(1 + v - m**2 - tf.exp(v))
    ) / n


@case(
    "PyTorch-VAE vanilla, RGB",
    "AntixK/PyTorch-VAE models/vanilla_vae.py; ZhonghuaYi/AutoEncoder",
    shape=(32, 32, 3),
    may={"pixels_averaged"},
    rec="squared_error",
    rec_w=2 / 3072,
    kl_w=0.00025,
    want=("0.384",),
    hate=("KL weighs as many times more",),
    hand="mse mean beside 0.00025 KL: beta 0.384 at 32x32x3",
)
def _(x, a, m, v):
    kld = tf.reduce_mean(-0.5 * tf.reduce_sum(1 + v - m**2 - tf.exp(v), 1), 0)
    return tf.reduce_mean(tf.square(a - x)) + 0.00025 * kld


@case(
    "capacity, gamma",
    "AntixK/PyTorch-VAE beta_vae.py loss_type B",
    may={"unknown", "pixels_averaged"},
    rec="squared_error",
    rec_w=2 / 784,
    kl="unknown",
    kl_w=NAN,
    want=("capacity",),
    hand="1000*0.00025*|KL - 5|: a choice with a name (capacity)",
)
def _(x, a, m, v):
    kld = tf.reduce_mean(-0.5 * tf.reduce_sum(1 + v - m**2 - tf.exp(v), 1), 0)
    return tf.reduce_mean(tf.square(a - x)) + 1000 * 0.00025 * tf.abs(kld - 5.0)


@case(
    "sigma-VAE, optimal sigma",
    "orybkin/sigma-vae-pytorch model.py",
    may={"unknown"},
    rec="unknown",
    rec_w=NAN,
    hand="sigma is the batch's own RMSE: log of a sum over the batch, not pixel-wise",
)
def _(x, a, m, v):
    log_s = 0.5 * tf.math.log(tf.reduce_mean(tf.square(x - a)))
    log_s = -6 + tf.nn.softplus(log_s + 6)
    rec = 0.5 * tf.square((x - a) / tf.exp(log_s)) + log_s + 0.5 * math.log(2 * math.pi)
    return tf.reduce_mean(tf.reduce_sum(rec, [1, 2, 3]) + _klsum(m, v))


@case(
    "RMSE",
    "find: sqrt of F.mse_loss in VAE code",
    may={"unknown"},
    rec="unknown",
    rec_w=NAN,
    want=("root",),
    hand="a root over the whole batch",
)
def _(x, a, m, v):
    return tf.sqrt(tf.reduce_mean(tf.square(x - a))) + tf.reduce_mean(_klsum(m, v))


@case(
    "linear output on [-1, 1]",
    "/ 8020531973 (images (x-0.5)/0.5)",
    must={"batch_summed"},
    rec="squared_error",
    rec_w=2.0,
    images=np.random.default_rng(0).uniform(-1, 1, (4, 28, 28, 1)).astype("float32"),
    want=("balance",),
    hand="MSE sums of a linear/tanh output, images on [-1, 1]: allowed for a Gaussian",
)
def _(x, a, m, v):
    return tf.reduce_sum(tf.square(a - x)) - 0.5 * tf.reduce_sum(1 + v - m**2 - tf.exp(v))


@case(
    "returns (total, bce, kld)",
    "NCAR/holodec-ml; stored code LossOut/mse_kld",
    raises="tuple",
    hand="three values: to be refused with a sentence that says what to return",
)
def _(x, a, m, v):
    r, k = tf.reduce_mean(tf.reduce_sum(_ce(x, a), [1, 2, 3])), tf.reduce_mean(_klsum(m, v))
    return r + k, r, k


@case(
    "closure of two arguments",
    "every Keras 1/2 vae_loss(x, x_decoded_mean)",
    raises="TypeError",
    hand="z_mean and z_log_var from outside: to be refused with a sentence that shows the signature",
)
def _(x, x_decoded_mean):
    return keras.losses.binary_crossentropy(x, x_decoded_mean)


@case(
    "batch size written out",
    "keras-team/keras issues 2910, 6375; TF1 code with a fixed batch",
    raises="",
    must=set(),
    may=set(),
    elbo=True,
    hand="right loss for batches of 100 (tf.reshape(x, (100, 784))): ELBO; needs to be probed with 100 images",
)
def _(x, a, m, v):
    return tf.reduce_mean(
        tf.reduce_sum(_ce(tf.reshape(x, (100, 784)), tf.reshape(a, (100, 784))), 1) + _klsum(m, v)
    )


@case(
    "normalised beta, L/D written out",
    "beta-VAE paper's beta_norm (openreview Sy2fzU9gl); stored code VAELoss 'Beta-norm'",
    probs=True,
    rec_w=1 / 784,
    kl_w=1 / 784,
    must=set(),
    want=("balance",),
    hand="mean over pixels + (2/784)*mean over 2 latents = ELBO/784: no mistake at this shape",
)
def _(x, p, m, v):
    rec = tf.reduce_mean(keras.losses.binary_crossentropy(x, p))
    return rec + (2 / 784) * tf.reduce_mean(-0.5 * (1 + v - tf.square(m) - tf.exp(v)))


@case(
    "same function as GDL 1, written as a sum",
    "control for 'GDL 1st ed.'",
    probs=True,
    must=set(),
    rec="squared_error",
    rec_w=2000 / 784,
    elbo=True,
    hand="(1000/784)*sum of squares: number for number the loss of 'GDL 1st ed.'",
)
def _(x, p, m, v):
    return (1000 / 784) * tf.reduce_sum(tf.square(x - p), axis=[1, 2, 3]) + _klsum(m, v)
