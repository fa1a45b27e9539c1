"""The audit reads the loss that is inside a model, in whatever style the model was written."""

import inspect
from dataclasses import dataclass
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from vae_helpers import likelihoods, parts
from vae_helpers.audit import audit_loss, audit_model
from vae_helpers.audit.model import read
from vae_helpers.conditional import ConditionalVAE
from vae_helpers.vae import VAE

SIDE, LATENT = 8, 2
PIXELS = SIDE * SIDE
IMAGES = np.random.default_rng(0).random((24, SIDE, SIDE, 1)).astype("float32")
FLAT = IMAGES.reshape(24, PIXELS)


# ------------------------------------------------------------- the bricks of other people's models


class Noise(layers.Layer):
    """Draws z; its width can be the mistake that is not the loss's."""

    def __init__(self, width=lambda v: ops.exp(v / 2), **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.seed = keras.random.SeedGenerator(1)

    def call(self, pair):
        mean, second = pair
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed)
        return mean + self.width(second) * noise


def two_heads(x, names=("z_mean", "z_log_var"), latent=LATENT):
    h = layers.Dense(6, activation="tanh")(layers.Flatten()(x))
    return [layers.Dense(latent, name=name)(h) for name in names]


def encoder_of_three(**kwargs):
    x = keras.Input((SIDE, SIDE, 1))
    pair = two_heads(x)
    return keras.Model(x, [*pair, Noise(**kwargs)(pair)])


def decoder_network(activation="sigmoid"):
    z = keras.Input((LATENT,))
    flat = layers.Dense(PIXELS, activation=activation)(layers.Dense(5, activation="relu")(z))
    return keras.Model(z, layers.Reshape((SIDE, SIDE, 1))(flat))


def kl_terms(m, v):
    return 0.5 * (ops.square(m) + ops.exp(v) - 1.0 - v)


def kl_of(m, v):
    return ops.sum(kl_terms(m, v), axis=-1)


def entropy_sum(x, p):
    return ops.sum(keras.losses.binary_crossentropy(x, p), axis=(1, 2))


def entropy_mean(x, p):
    return ops.mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2))


@dataclass(frozen=True)
class Measured:
    """What a loss of four arguments weighs its two terms with."""

    reconstruction: float
    kl: float
    notes: tuple = ()


def measure(loss_fn, image_shape, latent_dim, *, takes_probabilities, images):
    """Stand in for `audit_loss`, which takes a second: solve for the weights of the ELBO's terms.

    The loss is called directly and in a graph, as `audit_loss` calls it.
    """
    rng = np.random.default_rng(2)
    rows, values = [], []
    for _ in range(5):
        x = rng.random((4, *image_shape)).astype("float32")
        a = rng.normal(size=x.shape).astype("float32")
        m, v = rng.normal(size=(2, 4, latent_dim)).astype("float32")
        output = tf.sigmoid(a) if takes_probabilities else tf.constant(a)
        point = [tf.constant(x), output, tf.constant(m), tf.constant(v)]
        eager = float(np.mean(loss_fn(*point)))
        in_graph = float(np.mean(tf.function(loss_fn, autograph=False)(*point)))
        assert eager == pytest.approx(in_graph, rel=1e-5)
        entropy = np.sum(np.logaddexp(0, a) - x * a) / 4
        rows.append([entropy, np.sum(m**2 + np.exp(v) - 1 - v) / 8, 1.0])
        values.append(eager)
    (reconstruction, kl, constant), *_ = np.linalg.lstsq(np.array(rows), np.array(values))
    left = np.array(rows) @ [reconstruction, kl, constant] - values
    assert np.abs(left).max() < 2e-3 and abs(constant) < 2e-2, (left, constant)
    return Measured(reconstruction, kl)


def weights(model, images=IMAGES, **options):
    """`audit_model` with the quick stand-in for `audit_loss`."""
    with mock.patch.object(read, "audit_loss", measure):
        return audit_model(model, images, **options)


def call_once(loss_fn):
    x, code = tf.constant(IMAGES[:4]), tf.zeros((4, LATENT))
    in_graph = tf.function(loss_fn, autograph=False)
    values = [float(f(x, x, code, code)) for f in (loss_fn, in_graph, in_graph, loss_fn)]
    assert np.ptp(values) < 1e-4 * abs(values[0])  # a sigma that was moved would show
    return Measured(float("nan"), float("nan"))


def healthy(model, images=IMAGES, **options):
    found = weights(model, images, **options)
    assert (found.reconstruction, found.kl) == pytest.approx((1, 1), rel=2e-3), found
    return found


def averaged(model, images=IMAGES, **options):
    found = weights(model, images, **options)
    assert (found.reconstruction, found.kl) == pytest.approx((1 / PIXELS, 1), rel=2e-3), found
    return found


# ------------------------------------------------------------------ the report, once a style


def own_step(reconstruction):
    return OwnStep(reconstruction), None


def add_loss(reconstruction):
    model = functional(lambda x, p, m, v: AddBoth(reconstruction)(x, p, m, v))
    model.compile("adam")
    return model, None


def function_of_the_model(reconstruction):
    mean = reconstruction is entropy_mean
    return Tutorial(), sampled_elbo(tf.reduce_mean if mean else tf.reduce_sum)


def closure(reconstruction):
    encoder, x = encoder_of_three(), keras.Input((SIDE, SIDE, 1))
    model = keras.Model(x, decoder_network()(encoder(x)[2]))

    def vae_loss(x, x_decoded):
        m, v, _ = encoder(x)
        return reconstruction(x, x_decoded) + kl_of(m, v)

    model.compile("adam", loss=vae_loss)
    return model, None


def ours(reconstruction):
    class Ours(VAE):
        def terms(self, inputs, forward):
            right, kl = super().terms(inputs, forward)
            return right / (PIXELS if reconstruction is entropy_mean else 1), kl

    return Ours(*our_parts()), None


STYLES = [own_step, add_loss, function_of_the_model, closure, ours]


@pytest.mark.parametrize("style", STYLES)
def test_report_of_a_healthy_loss(style):
    model, loss = style(entropy_sum)
    audit = audit_model(model, IMAGES, loss=loss)
    assert audit.is_elbo, audit
    assert (audit.reconstruction, audit.kl) == ("bernoulli", "gaussian")
    assert audit.notes[0].startswith("How the model was read: ")


@pytest.mark.parametrize("style", STYLES)
def test_report_of_a_loss_averaged_over_pixels(style):
    model, loss = style(entropy_mean)
    audit = audit_model(model, IMAGES, loss=loss)
    assert not audit.is_elbo and "pixels_averaged" in audit.mistakes, audit
    assert audit.effective_beta == pytest.approx(PIXELS, rel=1e-3)


@pytest.mark.parametrize("style", [own_step, add_loss])
def test_report_of_a_kl_averaged_over_latents(style):
    if style is own_step:
        model = OwnStep(kl=lambda m, v: ops.mean(kl_terms(m, v)))
    else:
        model = functional(lambda x, p, m, v: AddBoth(entropy_sum, ops.mean)(x, p, m, v))
        model.compile("adam")
    assert "latents_averaged" in audit_model(model, IMAGES).mistakes


# ----------------------------------------------------- a subclass with its own training step


class OwnStep(keras.Model):
    """Encoder, decoder, trackers, and a loss written into `train_step`."""

    def __init__(self, reconstruction=entropy_sum, kl=kl_of, encoder=None):
        super().__init__()
        self.encoder = encoder or encoder_of_three()
        self.decoder = decoder_network()
        self.reconstruction, self.kl = reconstruction, kl
        self.total = keras.metrics.Mean(name="total")
        self.steps = 0

    @property
    def metrics(self):
        return [self.total]

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        with tf.GradientTape() as tape:
            m, v, z = self.encoder(x, training=True)
            p = self.decoder(z, training=True)
            loss = ops.mean(self.reconstruction(x, p)) + ops.mean(self.kl(m, v))
        self.steps += 1
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.total.update_state(loss)
        return {"loss": self.total.result()}


def test_own_step():
    healthy(OwnStep())


def test_own_step_with_the_reduction_mistake():
    averaged(OwnStep(entropy_mean))


def test_own_step_with_a_kl_averaged_over_latents():
    found = weights(OwnStep(kl=lambda m, v: ops.mean(kl_terms(m, v))))
    assert found.kl == pytest.approx(1 / LATENT, rel=2e-3)


def test_the_width_of_the_noise_is_not_the_losss_business():
    found = healthy(OwnStep(encoder=encoder_of_three(width=ops.exp)))
    assert any("health_report" in note and "log_std" in note for note in found.notes)


def test_an_uncompiled_model_is_read_too():
    model = OwnStep()
    assert getattr(model, "optimizer", None) is None
    healthy(model)


def test_a_step_that_unpacks_images_and_targets():
    class Pairs(OwnStep):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                m, v, z = self.encoder(x)
                loss = ops.mean(entropy_mean(y, self.decoder(z))) + ops.mean(kl_of(m, v))
            tape.gradient(loss, self.trainable_weights)

    averaged(Pairs())


def test_a_step_with_one_value_for_each_image_is_a_sum_for_the_tape():
    class Vector(OwnStep):
        def train_step(self, data):
            with tf.GradientTape() as tape:
                m, v, z = self.encoder(data)
                loss = entropy_sum(data, self.decoder(z)) + kl_of(m, v)
            tape.gradient(loss, self.trainable_weights)

    found = weights(Vector())  # of four images
    assert (found.reconstruction, found.kl) == pytest.approx((4, 4), rel=2e-3)


def test_other_data_for_the_step():
    class Labelled(OwnStep):
        def train_step(self, data):
            return super().train_step(data["pictures"])

    with pytest.raises(ValueError, match="inputs="):
        audit_model(Labelled(), IMAGES)
    healthy(Labelled(), inputs=lambda x: {"pictures": x})


# --------------------------------------------- one tensor for both, features, unbuilt subclasses


class Subclassed(keras.Model):
    """Layers that were never called; heads, sampling and decoding in methods."""

    def __init__(self, average=False):
        super().__init__()
        self.body = keras.Sequential([layers.Flatten(), layers.Dense(6, activation="relu")])
        self.fc_mu = layers.Dense(LATENT)
        self.fc_lv = layers.Dense(LATENT)
        self.up = keras.Sequential([layers.Dense(PIXELS), layers.Reshape((SIDE, SIDE, 1))])
        self.average = average
        self.dropout = layers.Dropout(0.5)

    def look(self, x):
        h = self.dropout(self.body(x), training=True)
        return self.fc_mu(h), self.fc_lv(h)

    def pick(self, m, v):
        return m + tf.exp(0.5 * v) * tf.random.normal(tf.shape(m))

    def call(self, x):
        m, v = self.look(x)
        return self.up(self.pick(m, v)), m, v

    def train_step(self, data):
        with tf.GradientTape() as tape:
            a, m, v = self(data)
            per_pixel = tf.nn.sigmoid_cross_entropy_with_logits(labels=data, logits=a)
            add = tf.reduce_mean if self.average else tf.reduce_sum
            loss = tf.reduce_mean(add(per_pixel, axis=[1, 2, 3]) + kl_of(m, v))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


@pytest.mark.parametrize("average", [False, True])
def test_a_model_that_was_never_built(average):
    audit = (averaged if average else healthy)(Subclassed(average), IMAGES)
    assert "'look'" in audit.notes[0] and "logits" in audit.notes[0]


def test_heads_that_start_at_zero_are_told_by_their_names():
    model = Subclassed(average=True)
    for head in (model.fc_mu, model.fc_lv):
        head.kernel_initializer = keras.initializers.Zeros()
    averaged(model)


def test_log_var_equal_to_the_mean_cannot_be_told_apart():
    class Shared(Subclassed):
        def look(self, x):
            m = self.fc_mu(self.body(x))
            return m, m

    with pytest.raises(ValueError, match="one and the same output"):
        audit_model(Shared(), IMAGES)


# ---------------------------------------- a functional model: a sampling layer, add_loss, compile


class AddKL(layers.Layer):
    def __init__(self, reduce=ops.sum, **kwargs):
        super().__init__(**kwargs)
        self.reduce = reduce

    def call(self, pair):
        self.add_loss(ops.mean(self.reduce(kl_terms(*pair), axis=-1)))
        return pair


class AddBoth(layers.Layer):
    def __init__(self, reconstruction, reduce=ops.sum, **kwargs):
        super().__init__(**kwargs)
        self.reconstruction, self.reduce = reconstruction, reduce

    def call(self, x, p, m, v):
        kl = self.reduce(kl_terms(m, v), axis=-1)
        self.add_loss(ops.mean(self.reconstruction(x, p) + kl))
        return p


def functional(finish, latent=LATENT):
    """One flat graph; `finish(x, p, m, v)` adds the losses and returns the output."""
    x = keras.Input((SIDE, SIDE, 1))
    m, v = two_heads(x, ("dense_a", "dense_b"), latent)  # names that say nothing
    z = Noise()([m, v])
    p = layers.Dense(PIXELS, activation="sigmoid")(layers.Dense(5, activation="relu")(z))
    return keras.Model(x, finish(x, layers.Reshape((SIDE, SIDE, 1))(p), m, v))


@pytest.mark.parametrize("average", [False, True])
def test_functional_with_all_in_add_loss(average):
    add = AddBoth(entropy_mean if average else entropy_sum)
    model = functional(lambda x, p, m, v: add(x, p, m, v))
    model.compile("adam")
    audit = (averaged if average else healthy)(model, IMAGES)
    assert "add_loss" in audit.notes[0]


@pytest.mark.parametrize("average", [False, True])
def test_functional_with_the_kl_in_the_encoder_and_a_compiled_loss(average):
    x = keras.Input((SIDE, SIDE, 1))
    pair = AddKL()(two_heads(x))
    encoder = keras.Model(x, [*pair, Noise()(pair)], name="encoder")
    model = keras.Model(x, decoder_network()(encoder(x)[2]))
    model.compile("adam", loss="binary_crossentropy" if average else entropy_sum)
    (averaged if average else healthy)(model)


def test_functional_kl_averaged_over_latents():
    model = functional(lambda x, p, m, v: AddBoth(entropy_sum)(x, p, *AddKL(ops.mean)([m, v])))
    model.compile("adam")
    assert weights(model).kl == pytest.approx(1 + 1 / LATENT, rel=2e-3)


def test_a_sampler_that_adds_the_kl_itself():
    class NoiseWithKL(Noise):
        def call(self, pair):
            self.add_loss(ops.mean(ops.mean(kl_terms(*pair), axis=-1)))
            return super().call(pair)

    x = keras.Input((SIDE, SIDE, 1))
    model = keras.Model(x, decoder_network()(NoiseWithKL()(two_heads(x))))
    model.compile("adam", loss=entropy_sum)
    found = weights(model)
    assert (found.reconstruction, found.kl) == pytest.approx((1, 1 / LATENT), rel=2e-3)


def test_regularisers_are_no_part_of_the_balance():
    x = keras.Input((SIDE, SIDE, 1))
    pair = AddKL()(two_heads(x))
    flat = layers.Dense(PIXELS, activation="sigmoid", kernel_regularizer="l2")(Noise()(pair))
    model = keras.Model(x, layers.Reshape((SIDE, SIDE, 1))(flat))
    model.compile("adam", loss=entropy_sum)
    healthy(model)
    assert model.layers[-2].kernel.regularizer is not None


@pytest.mark.skipif(
    "batch_size" not in inspect.signature(audit_loss).parameters, reason="audit_loss takes none"
)
def test_a_batch_size_that_is_written_out():
    x = keras.Input((SIDE, SIDE, 1), batch_size=7)
    pair = AddKL()(two_heads(x))
    model = keras.Model(x, decoder_network()(Noise()(pair)))
    model.compile("adam", loss=lambda x, p: ops.sum(entropy_sum(x, p)) / 7)
    audit = audit_model(model, IMAGES, batch_size=7)
    assert audit.effective_beta == pytest.approx(1, rel=1e-3), audit


def test_flat_images():
    x = keras.Input((PIXELS,))
    pair = AddKL()(two_heads(x))
    model = keras.Model(x, layers.Dense(PIXELS, activation="sigmoid")(Noise()(pair)))
    model.compile("adam", loss="binary_crossentropy")
    averaged(model, FLAT)


# ------------------------------------- functions of (model, images), methods, tuples and dicts


class Tutorial(keras.Model):
    """One tensor for both halves of the code; the loss stands outside."""

    def __init__(self):
        super().__init__()
        self.recognise = keras.Sequential(
            [keras.Input((SIDE, SIDE, 1)), layers.Flatten(), layers.Dense(2 * LATENT)]
        )
        self.generate_net = keras.Sequential(
            [keras.Input((LATENT,)), layers.Dense(PIXELS), layers.Reshape((SIDE, SIDE, 1))]
        )

    def encode(self, x):
        return tf.split(self.recognise(x), num_or_size_splits=2, axis=1)

    @tf.function
    def reparameterize(self, m, v):
        return m + tf.exp(0.5 * v) * tf.random.normal(shape=tf.shape(m))

    def decode(self, z, apply_sigmoid=False):
        a = self.generate_net(z)
        return tf.sigmoid(a) if apply_sigmoid else a


def log_normal(z, mean, log_var):
    terms = -0.5 * ((z - mean) ** 2 * tf.exp(-log_var) + log_var + np.log(2 * np.pi))
    return tf.reduce_sum(terms, axis=1)


def sampled_elbo(reduce):
    def compute_loss(model, x):
        m, v = model.encode(x)
        z = model.reparameterize(m, v)
        a = model.decode(z)
        ce = tf.nn.sigmoid_cross_entropy_with_logits(logits=a, labels=x)
        log_likelihood = -reduce(ce, axis=[1, 2, 3])
        log_ratio = log_normal(z, 0.0, 0.0) - log_normal(z, m, v)
        return -tf.reduce_mean(log_likelihood + log_ratio)

    return compute_loss


@pytest.mark.parametrize("average", [False, True])
def test_a_function_of_the_model_with_a_sampled_kl(average):
    reduce = tf.reduce_mean if average else tf.reduce_sum
    audit = (averaged if average else healthy)(Tutorial(), IMAGES, loss=sampled_elbo(reduce))
    assert any("estimated from samples" in note for note in audit.notes)


def loss_in_pieces(model, x):
    m, v = model.encode(x)
    a = model.decode(model.reparameterize(m, v))
    ce = tf.nn.sigmoid_cross_entropy_with_logits(logits=a, labels=x)
    r, k = tf.reduce_mean(tf.reduce_sum(ce, axis=[1, 2, 3])), tf.reduce_mean(kl_of(m, v))
    return r, k


@pytest.mark.parametrize(
    "pack",
    [
        lambda r, k: (r + k, r, k),
        lambda r, k: (r, k, r + k),
        lambda r, k: {"reconstruction": r, "kl": k, "loss": r + k},
    ],
    ids=["tuple", "tuple_total_last", "dict"],
)
def test_a_loss_that_returns_its_terms_as_well(pack):
    healthy(Tutorial(), loss=lambda model, x: pack(*loss_in_pieces(model, x)))


def test_a_loss_without_its_total():
    with pytest.raises(ValueError, match="none of which depends on both"):
        audit_model(Tutorial(), IMAGES, loss=loss_in_pieces)
    with pytest.raises(ValueError, match="dict of r, k"):
        audit_model(
            Tutorial(),
            IMAGES,
            loss=lambda model, x: dict(zip("rk", loss_in_pieces(model, x), strict=True)),
        )


def test_a_method_of_the_model():
    class WithMethod(Tutorial):
        def vae_loss(self, x):
            return tf.add_n(loss_in_pieces(self, x))

    healthy(WithMethod())


def test_a_function_of_four_in_another_order():
    def loss(recon_x, x, mu, logvar):
        return ops.mean(entropy_mean(x, recon_x)) + ops.mean(kl_of(mu, logvar))

    averaged(OwnStep(), loss=loss)


# ------------------------------------------------ a closure that reads the code from outside


@pytest.mark.parametrize("average", [False, True])
def test_a_closure_that_asks_the_encoder(average):
    encoder = encoder_of_three()
    x = keras.Input((SIDE, SIDE, 1))
    model = keras.Model(x, decoder_network()(encoder(x)[2]))

    def vae_loss(x, x_decoded):
        m, v, _ = encoder(x)
        return (entropy_mean if average else entropy_sum)(x, x_decoded) + kl_of(m, v)

    model.compile("adam", loss=vae_loss)
    (averaged if average else healthy)(model)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_closure_over_symbols(average, compiled):
    x = keras.Input((SIDE, SIDE, 1))
    one, two = two_heads(x)  # told by their layers, not by these names
    model = keras.Model(x, decoder_network()(Noise()([one, two])))

    def kl():
        return kl_of(one, two)

    def vae_loss(x, x_decoded_mean):
        return (entropy_mean if average else entropy_sum)(x, x_decoded_mean) + kl()

    if compiled:
        model.compile("adam", loss=vae_loss)
    found = (averaged if average else healthy)(model, loss=None if compiled else vae_loss)
    assert any("reads one, two from outside" in note for note in found.notes)
    assert isinstance(one, keras.KerasTensor)


def test_a_closure_over_a_symbol_of_unknown_meaning():
    x = keras.Input((SIDE, SIDE, 1))
    pair = two_heads(x)
    model = keras.Model(x, decoder_network()(Noise()(pair)))
    penalty = kl_of(*pair)
    model.compile("adam", loss=lambda x, p: entropy_sum(x, p) + penalty)
    with pytest.raises(ValueError, match="reads the symbol 'penalty' from outside"):
        audit_model(model, IMAGES)


# --------------------------------------------------------------------------- more of the same


class EncodesOnly(keras.Model):
    """`call` encodes; the rest is in an overridden `compute_loss`."""

    def __init__(self, reconstruction):
        super().__init__()
        x = keras.Input((SIDE, SIDE, 1))
        self.encoder, self.decoder = keras.Model(x, two_heads(x)), decoder_network()
        self.sampler, self.reconstruction = Noise(), reconstruction
        self.tracker = keras.metrics.Mean(name="kl")

    def call(self, x):
        return self.encoder(x)

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        m, v = y_pred
        kl = ops.mean(kl_of(m, v))
        self.tracker.update_state(kl)
        return ops.mean(self.reconstruction(x, self.decoder(self.sampler([m, v])))) + kl


@pytest.mark.parametrize("average", [False, True])
def test_compute_loss_that_decodes(average):
    (averaged if average else healthy)(EncodesOnly(entropy_mean if average else entropy_sum))


@pytest.mark.parametrize("average", [False, True])
def test_add_loss_in_the_call_of_a_model(average):
    class AddsInCall(OwnStep):
        train_step = keras.Model.train_step

        def call(self, x):
            m, v, z = self.encoder(x)
            self.add_loss(ops.mean(kl_of(m, v)))
            return self.decoder(z)

    model = AddsInCall()
    model.compile("adam", loss="binary_crossentropy" if average else entropy_sum)
    (averaged if average else healthy)(model)


def test_features_that_the_loss_reads_between_the_layers():
    class FeatureLoss(OwnStep):
        def __init__(self):
            super().__init__(encoder=keras.Sequential([keras.Input((PIXELS,)), layers.Dense(4)]))
            self.features = layers.Reshape((PIXELS,))

        def train_step(self, data):
            with tf.GradientTape() as tape:
                h = self.features(data)
                m, v = tf.split(self.encoder(h), 2, axis=1)
                z = m + tf.exp(v / 2) * tf.random.normal(tf.shape(m))
                p = self.features(self.decoder(z))
                entropy = PIXELS * keras.losses.binary_crossentropy(h, p)
                loss = ops.mean(entropy + kl_of(m, v))
            tape.gradient(loss, self.trainable_weights)

    healthy(FeatureLoss())


def test_a_lambda_that_samples():
    def draw(pair):
        return pair[0] + tf.exp(pair[1] / 2) * tf.random.normal(tf.shape(pair[0]))

    x = keras.Input((SIDE, SIDE, 1))
    pair = AddKL()(two_heads(x))
    model = keras.Model(x, decoder_network()(layers.Lambda(draw, output_shape=(LATENT,))(pair)))
    model.compile("adam", loss=entropy_sum)
    healthy(model)


def test_an_encoder_that_returns_a_dict():
    class Dicts(OwnStep):
        def train_step(self, data):
            with tf.GradientTape() as tape:
                code = self.encoder(data)
                loss = ops.mean(entropy_sum(data, self.decoder(code["z"])))
                loss += ops.mean(kl_of(code["mu"], code["logvar"]))
            tape.gradient(loss, self.trainable_weights)

    x = keras.Input((SIDE, SIDE, 1))
    pair = two_heads(x)
    outputs = {"z": Noise()(pair), "mu": pair[0], "logvar": pair[1]}
    healthy(Dicts(encoder=keras.Model(x, outputs)))


def test_a_model_in_half_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = OwnStep(
            reconstruction=lambda x, p: entropy_sum(x, ops.cast(p, "float32")),
            kl=lambda m, v: kl_of(ops.cast(m, "float32"), ops.cast(v, "float32")),
        )
    finally:
        keras.config.set_dtype_policy(policy)
    with mock.patch.object(read, "audit_loss", lambda loss, *_, **__: call_once(loss)):
        assert "'encoder'" in audit_model(model, IMAGES).notes[0]


def test_a_sampler_that_cannot_be_controlled_leaves_the_names():
    class Own(layers.Layer):
        def call(self, pair):
            noise = np.random.default_rng().normal(size=pair[0].shape).astype("float32")
            return pair[0] + ops.exp(pair[1] / 2) * noise

    x = keras.Input((SIDE, SIDE, 1), batch_size=5)
    pair = two_heads(x, ("mu", "logvar"))
    averaged(OwnStep(entropy_mean, encoder=keras.Model(x, [*pair, Own()(pair)])))


def test_log_sigma_that_is_a_log_variance():
    x = keras.Input((SIDE, SIDE, 1))
    pair = two_heads(x, ("z_mean", "z_log_sigma"))
    healthy(OwnStep(encoder=keras.Model(x, [*pair, Noise()(pair)])))


def test_what_the_second_output_means_can_be_said():
    found = weights(OwnStep(kl=lambda m, s: kl_of(m, 2 * s)), head="log_std")
    assert found.kl == pytest.approx(1, rel=2e-3)
    with pytest.raises(ValueError, match="head is 'sigma', expected one of log_var"):
        audit_model(OwnStep(), IMAGES, head="sigma")


def test_a_loss_that_fails_on_crafted_numbers():
    class Picky(OwnStep):
        def train_step(self, data):
            with tf.GradientTape() as tape:
                m, v, z = self.encoder(data)
                if float(ops.min(data)) >= 0.1:  # as crafted images are
                    raise TypeError("not these")
                loss = ops.mean(self.decoder(z))
            tape.gradient(loss, self.trainable_weights)

    with pytest.raises(ValueError, match="the loss raised TypeError: not these"):
        audit_model(Picky(), IMAGES)


# ------------------------------------------------------------------- other second outputs


@pytest.mark.parametrize(
    ("name", "width", "variance"),
    [
        ("log_sigma", ops.exp, lambda s: ops.exp(2 * s)),
        ("width", lambda s: s, ops.square),
        ("raw", ops.softplus, lambda s: ops.square(ops.softplus(s))),
    ],
)
def test_an_encoder_of_another_parameterisation(name, width, variance):
    def kl(m, s):
        v = variance(s)
        return 0.5 * ops.sum(ops.square(m) + v - 1.0 - ops.log(v), axis=-1)

    x = keras.Input((SIDE, SIDE, 1))
    h = layers.Flatten()(x)
    positive = "softplus" if name == "width" else None
    pair = [layers.Dense(LATENT, name="mu")(h), layers.Dense(LATENT, positive, name=name)(h)]
    model = OwnStep(kl=kl, encoder=keras.Model(x, [*pair, Noise(width)(pair)]))
    healthy(model)


def test_a_latent_with_the_shape_of_a_picture():
    x = keras.Input((SIDE, SIDE, 1))
    pair = [layers.Conv2D(3, 3, strides=4, padding="same", name=n)(x) for n in ("mu", "logvar")]
    z = keras.Input((2, 2, 3))
    up = layers.Conv2DTranspose(1, 4, strides=4, padding="same", activation="sigmoid")(z)

    model = OwnStep(
        kl=lambda m, v: ops.sum(kl_terms(m, v), axis=(1, 2, 3)),
        encoder=keras.Model(x, [*pair, Noise()(pair)]),
    )
    model.decoder = keras.Model(z, up)
    healthy(model)


# -------------------------------------------------------------------------- our own models


def our_parts():
    return (
        parts.Encoder(hidden=(5,)),
        parts.LatentDistribution(LATENT),
        parts.Decoder(hidden=(5,), image_shape=(SIDE, SIDE, 1)),
    )


def test_our_own_vae():
    healthy(VAE(*our_parts()))
    healthy(VAE(*our_parts()), (IMAGES * 255).astype("uint8"))


def test_our_own_vae_with_a_weight():
    found = weights(VAE(*our_parts(), beta=4.0))
    assert (found.reconstruction, found.kl) == pytest.approx((1, 4), rel=2e-3)


def test_our_own_conditional_vae():
    healthy(ConditionalVAE(*our_parts(), classes=3))


def test_our_own_vae_with_a_learned_sigma_is_not_moved():
    model = VAE(*our_parts(), likelihood=likelihoods.Gaussian("learned"))
    before = float(model.likelihood.log_var.numpy())
    with mock.patch.object(read, "audit_loss", lambda loss, *_, **__: call_once(loss)):
        audit_model(model, IMAGES)
    assert float(model.likelihood.log_var.numpy()) == before


def test_a_subclass_with_a_mistake_in_its_loss():
    class Averages(VAE):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            p = tf.sigmoid(y_pred["logits"])
            kl = self.latent.kl(y_pred["z_mean"], y_pred["z_log_var"])
            return tf.reduce_mean(keras.losses.binary_crossentropy(x, p)) + tf.reduce_mean(kl)

    averaged(Averages(*our_parts()))


def test_a_subclass_with_a_mistake_in_its_terms():
    class Terms(VAE):
        def terms(self, inputs, forward):
            reconstruction, kl = super().terms(inputs, forward)
            return reconstruction / PIXELS, kl

    averaged(Terms(*our_parts()))


def test_a_subclass_with_a_mistake_in_its_objective():
    class Objective(VAE):
        def objective(self, reconstruction, kl, forward):
            return reconstruction / PIXELS + kl

    averaged(Objective(*our_parts()))


# ----------------------------------------------------------------- the model is left as it was


def state_of(model):
    return [each.numpy() for each in (*model.variables, *model.total.variables)]


def test_the_model_is_exactly_as_before():
    model = OwnStep(entropy_mean)
    model.compile(keras.optimizers.Adam(0.1))
    model.fit(IMAGES, batch_size=12, epochs=1, verbose=0)
    tf.random.set_seed(5)
    np.random.seed(5)
    encoder, decoder, steps = model.encoder, model.decoder, model.steps
    attributes, before = dict(vars(model)), state_of(model)
    moments = [each.numpy() for each in model.optimizer.variables]
    layer_call, draw = keras.Layer.__call__, tf.random.normal
    averaged(model)
    assert model.encoder is encoder and model.decoder is decoder and model.steps == steps
    assert vars(model).keys() == attributes.keys()
    assert all(np.array_equal(a, b) for a, b in zip(before, state_of(model), strict=True))
    after = [each.numpy() for each in model.optimizer.variables]
    assert all(np.array_equal(a, b) for a, b in zip(moments, after, strict=True))
    assert keras.Layer.__call__ is layer_call and tf.random.normal is draw
    drawn = tf.random.normal(()).numpy(), np.random.rand()
    tf.random.set_seed(5)
    np.random.seed(5)
    assert drawn == (tf.random.normal(()).numpy(), np.random.rand())
    model.fit(IMAGES, batch_size=12, epochs=1, verbose=0)
    assert int(model.optimizer.iterations) == 4


def test_the_model_is_as_before_after_an_error():
    class Fails(OwnStep):
        def train_step(self, data):
            with tf.GradientTape():
                m, v, z = self.encoder(data)
                self.total.update_state(1.0)
                self.decoder(z)
                raise RuntimeError("no such thing")

    model = Fails()
    model.compile("adam")
    before, layer_call = state_of(model), keras.Layer.__call__
    attributes = set(vars(model))
    with pytest.raises(ValueError, match="RuntimeError: no such thing"):
        audit_model(model, IMAGES)
    assert all(np.array_equal(a, b) for a, b in zip(before, state_of(model), strict=True))
    assert set(vars(model)) == attributes and keras.Layer.__call__ is layer_call


def test_a_compiled_training_step_still_trains():
    class Compiled(OwnStep):
        @tf.function
        def train_step(self, data):
            with tf.GradientTape() as tape:
                m, v, z = self.encoder(data)
                self.last = ops.mean(entropy_sum(data, self.decoder(z)) + kl_of(m, v))
            gradients = tape.gradient(self.last, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            return {}

    model = Compiled()
    model.compile("adam")
    healthy(model)
    assert not hasattr(model, "last")  # a symbol of a graph that is gone
    before = state_of(model)
    model.train_step(tf.constant(IMAGES[: read.WATCHED]))  # of the shape that was watched
    assert not all(np.array_equal(a, b) for a, b in zip(before, state_of(model), strict=True))


def test_a_loss_that_counts_its_calls_is_not_taken_for_a_sampled_kl():
    class Warms(OwnStep):
        def train_step(self, data):
            self.steps += 1
            with tf.GradientTape() as tape:
                m, v, z = self.encoder(data)
                kl = min(1.0, self.steps / 100) * kl_of(m, v)
                loss = ops.mean(entropy_sum(data, self.decoder(z)) + kl)
            tape.gradient(loss, self.trainable_weights)

    model = Warms()
    audit = audit_model(model, IMAGES)
    assert not audit.is_elbo
    assert not any("estimated from samples" in note for note in audit.notes)
    assert model.steps == 0


def test_trackers_inside_the_loss_are_put_back():
    model = VAE(*our_parts())
    model.compile(jit_compile=False, steps_per_execution=1)
    model.fit(IMAGES, epochs=1, verbose=0)
    before = {name: float(each.result()) for name, each in model.trackers.items()}
    seeds = [each.numpy() for each in model.variables]
    weights(model)
    assert {name: float(each.result()) for name, each in model.trackers.items()} == before
    after = [each.numpy() for each in model.variables]
    assert all(np.array_equal(a, b) for a, b in zip(seeds, after, strict=True))


# ----------------------------------------------------------------------- where it cannot be done


def test_no_model():
    with pytest.raises(ValueError, match="is for audit_loss"):
        audit_model(lambda images, logits, z_mean, z_log_var: 0.0, IMAGES)


def test_no_loss_anywhere():
    with pytest.raises(ValueError, match="pass loss=: a function of"):
        audit_model(functional(lambda x, p, m, v: p), IMAGES)


def test_no_code():
    x = keras.Input((SIDE, SIDE, 1))
    flat = layers.Dense(PIXELS, activation="sigmoid")(layers.Flatten()(x))
    model = keras.Model(x, layers.Reshape((SIDE, SIDE, 1))(flat))
    model.compile("adam", loss="mse")
    with pytest.raises(ValueError, match="no z_mean and z_log_var.*pass loss="):
        audit_model(model, IMAGES)


def test_no_output():
    x = keras.Input((SIDE, SIDE, 1))
    model = keras.Model(x, layers.Dense(3)(Noise()(AddKL()(two_heads(x)))))
    model.compile("adam")
    with pytest.raises(ValueError, match="one tensor of 64 values"):
        audit_model(model, IMAGES)


def test_two_losses_with_a_gradient_each():
    class Adversarial(OwnStep):
        def train_step(self, data):
            with tf.GradientTape(persistent=True) as tape:
                m, v, z = self.encoder(data)
                first, second = ops.mean(kl_of(m, v)), ops.mean(self.decoder(z))
            tape.gradient(first, self.encoder.trainable_weights)
            tape.gradient(second, self.decoder.trainable_weights)

    with pytest.raises(ValueError, match="gradients of 2 losses"):
        audit_model(Adversarial(), IMAGES)


def test_a_loss_with_arguments_that_say_nothing():
    with pytest.raises(ValueError, match=r"\(a, b, c\), which the audit cannot tell apart"):
        audit_model(OwnStep(), IMAGES, loss=lambda a, b, c: a)


@pytest.mark.parametrize("images", [np.zeros((0, SIDE, SIDE, 1)), np.array(["a"]), 3.0])
def test_no_images(images):
    with pytest.raises(ValueError, match="expected a batch of numbers"):
        audit_model(OwnStep(), images)


def test_the_range_of_the_images_is_looked_at():
    audit = audit_model(OwnStep(), IMAGES * 255)
    assert "image_range" in audit.mistakes
