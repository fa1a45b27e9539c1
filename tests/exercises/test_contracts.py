"""The four steps of notebook 04: wrong lines are refused with a reason, equivalent ones pass."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import parts
from vae_helpers.exercises import nb04, timing

NOISE = "tf.random.normal(tf.shape(z_mean))"
LOSS = "tf.reduce_mean(reconstruction + kl)"
KL_OF_CODE = 'self.latent.kl(forward["z_mean"], forward["z_log_var"])'
LOGITS = "return self.network(z, training=training) + self.output_bias"

# (question, a piece of its solution, what a learner writes instead, words that the check must say)
WRONG = [
    ("encoder", "keras.layers.Flatten(), ", "", "one row of numbers"),
    ("encoder", '"silu"', '"relu"', "relu"),
    ("encoder", '"silu"', "None", "other features"),
    ("encoder", "*dense]", "*dense[:-1]]", "expected (6, 7)"),
    ("encoder", "*dense]", "dense[-1]]", "one Dense layer"),
    ("encoder", "*dense]", "*reversed(dense)]", "expected (6, 7)"),
    ("encoder", "*dense]", "*dense[:-1], keras.layers.Dense(hidden[-1])]", "no activation"),
    ("encoder", "in self.hidden]", "in (256, 128, 64)]", "Is a width written in?"),
    ("encoder", "self.network(images,", "self.network(images / 255,", "divides by 255"),
    ("encoder", '"hidden": self.hidden', '"hidden": (64,)', "other widths"),
    ("encoder", '"hidden": self.hidden', '"hidden": self.hidden[-1]', "cannot be built again"),
    ("encoder", '"hidden": self.hidden', '"widths": self.hidden', "cannot be built again"),
    (
        "latent",
        "self.z_mean(features), self.z_log_var(features)",
        "2 * [self.z_mean(features)]",
        "same",
    ),
    (
        "latent",
        "return self.z_mean(features), self",
        "return self.z_mean(features) + 0 * self",
        "two",
    ),
    ("latent", "self.z_log_var(features)", "tf.exp(self.z_log_var(features))", "activation"),
    ("latent", "self.z_log_var(features)", "tf.nn.relu(self.z_log_var(features))", "activation"),
    ("latent", "Dense(latent_dim)", "Dense(2)", "expected (7, 3)"),
    ("latent", "0.5 * z_log_var)", "z_log_var)", "the half is missing"),
    ("latent", "0.5 * z_log_var)", "-0.5 * z_log_var)", "wrong sign"),
    ("latent", "z_mean + tf", "-z_mean + tf", "`sample`"),
    ("latent", NOISE, "1.0", "nothing random"),
    ("latent", NOISE, "tf.random.uniform(tf.shape(z_mean))", "centred"),
    ("latent", NOISE, "tf.random.normal((1, 5))", "share one noise"),
    ("latent", "tf.shape(z_mean))", "z_mean.shape)", "Under fit"),
    ("latent", NOISE, "np.random.normal(size=z_mean.shape)", "NumPy"),
    ("latent", "tf.exp(0.5", "tf.stop_gradient(0.5", "`sample`"),
    ("latent", "tf.reduce_sum(each, axis=1)", "tf.reduce_mean(each, axis=1)", "moved the mistake"),
    ("latent", "tf.reduce_sum(each, axis=1)", "tf.reduce_sum(each, axis=0)", "axis 0"),
    ("latent", "tf.reduce_sum(each, axis=1)", "tf.reduce_sum(each)", "`kl`"),
    ("latent", "axis=1)", "axis=1, keepdims=True)", "axis too many"),
    ("latent", "each = 0.5 *", "each =", "twice too large"),
    ("latent", "- 1.0 - z_log_var", "- z_log_var", "-1 is missing"),
    ("latent", "- 1.0 - z_log_var", "- 1.0 + z_log_var", "added, where"),
    ("latent", "tf.exp(z_log_var) -", "tf.exp(0.5 * z_log_var) -", "standard deviation"),
    ("latent", "tf.square(z_mean)", "z_mean", "squared"),
    ("latent", "return tf.reduce_sum(each, axis=1)", "return np.sum(each, axis=1)", "no gradient"),
    ("decoder", ", keras.layers.Reshape(image_shape)", "", "(6, 60)"),
    ("decoder", "int(np.prod(image_shape))", "784", "784"),
    ("decoder", "[*dense, ", "[", "dense layers of `hidden`"),
    ("decoder", "use_bias=False", 'activation="relu"', "do not grow in proportion"),
    (
        "decoder",
        LOGITS,
        "return tf.sigmoid(self.network(z, training=training) + self.output_bias)",
        "sigmoid",
    ),
    (
        "decoder",
        LOGITS,
        "return tf.tanh(self.network(z, training=training) + self.output_bias)",
        "tanh",
    ),
    ("decoder", " + self.output_bias", "", "not added"),
    ("decoder", " + self.output_bias", " - self.output_bias", "by just that change"),
    ("decoder", " + self.output_bias", " + tf.stop_gradient(self.output_bias)", "gradient"),
    ("decoder", "self.network(z,", "self.network(0 * z,", "z is not used"),
    ("decoder", "shape=self.image_shape", "shape=(1,)", "`output_bias` has shape"),
    ("vae", "self.decoder(z,", "self.decoder(z_mean,", "given z_mean"),
    ("vae", "self.decoder(z,", "self.decoder(tf.stop_gradient(z),", "gradient"),
    ("vae", "self.latent.sample(z_mean, z_log_var)", "z_mean", "never"),
    ("vae", "sample(z_mean, z_log_var)", "sample(z_log_var, z_mean)", ""),
    ("vae", "z_mean, z_log_var = self.latent", "z_log_var, z_mean = self.latent", "exchanged"),
    ("vae", "self.encoder(images, training=training)", "images[:, 0, :, 0]", ""),
    (
        "vae",
        "self.encoder(images, training=training)",
        "self.encoder(images, training=False)",
        "Dropout",
    ),
    (
        "vae",
        'labels=images, logits=forward["logits"]',
        'labels=forward["logits"], logits=images',
        "exchanged",
    ),
    ("vae", 'logits=forward["logits"]', 'logits=tf.sigmoid(forward["logits"])', "once too often"),
    (
        "vae",
        "tf.reduce_sum(each, axis=[1, 2, 3])",
        "tf.reduce_mean(each, axis=[1, 2, 3])",
        "averaged",
    ),
    ("vae", "axis=[1, 2, 3]", "axis=[1, 2]", "shape"),
    ("vae", "axis=[1, 2, 3]", "axis=1", "shape"),
    ("vae", "axis=[1, 2, 3]", "axis=[0, 1, 2, 3]", "shape"),
    ("vae", "reconstruction = tf", "reconstruction = -tf", "wrong sign"),
    ("vae", "reconstruction = tf", "reconstruction = 2 * tf", "twice"),
    (
        "vae",
        "return reconstruction, " + KL_OF_CODE,
        "return " + KL_OF_CODE + ", reconstruction",
        "wrong order",
    ),
    (
        "vae",
        'kl(forward["z_mean"], forward["z_log_var"])',
        'kl(forward["z_log_var"], forward["z_mean"])',
        "",
    ),
    ("vae", KL_OF_CODE, 'self.latent.kl(forward["z"], forward["z_log_var"])', ""),
    ("vae", LOSS, "reconstruction + kl", "each image"),
    ("vae", LOSS, "tf.reduce_sum(reconstruction + kl)", "size of the batch"),
    ("vae", LOSS, "tf.reduce_mean(reconstruction - kl)", "subtracts"),
    ("vae", LOSS, "-" + LOSS, "minus the ELBO"),
    ("vae", LOSS, "tf.reduce_mean(reconstruction)", "KL is missing"),
    ("vae", LOSS, "tf.reduce_mean(reconstruction + 0.5 * kl)", ""),
    ("vae", LOSS, "np.mean(reconstruction + kl)", "no tensor"),
    ("vae", "self.terms(x, y_pred)", "self.terms(x, self(x))", "again"),
    ("vae", LOSS, "tf.reduce_mean(reconstruction + tf.stop_gradient(kl))", "gradient"),
    ("vae", LOSS, "tf.reduce_sum(reconstruction + kl) / 6", "mean over the images"),
]

RIGHT = [
    ("encoder", "keras.layers.Flatten()", "keras.layers.Reshape((-1,))"),
    ("encoder", '"hidden": self.hidden', '"hidden": list(self.hidden)'),
    ("latent", NOISE, "keras.random.normal(keras.ops.shape(z_mean))"),
    ("latent", "tf.exp(0.5 * z_log_var)", "tf.sqrt(tf.exp(z_log_var))"),
    ("latent", "tf.square(z_mean)", "z_mean**2"),
    ("latent", "tf.reduce_sum(each, axis=1)", "keras.ops.sum(each, axis=-1)"),
    ("latent", "tf.reduce_sum(each, axis=1)", 'tf.einsum("nd->n", each)'),
    ("decoder", "use_bias=False", "use_bias=True"),
    ("decoder", "keras.layers.Reshape(image_shape)", "keras.layers.Reshape(self.image_shape)"),
    (
        "decoder",
        "self.network(z, training=training) + self.output_bias",
        "keras.ops.add(self.output_bias, self.network(z))",
    ),
    ("vae", "self.encoder(images, training=training)", "self.encoder(images)"),
    ("vae", "axis=[1, 2, 3]", "axis=(-1, -2, -3)"),
    (
        "vae",
        "tf.reduce_sum(each, axis=[1, 2, 3])",
        "tf.reduce_sum(keras.layers.Flatten()(each), axis=1)",
    ),
    ("vae", LOSS, "tf.reduce_mean(reconstruction) + tf.reduce_mean(kl)"),
    ("vae", LOSS, "keras.ops.mean(reconstruction + kl)"),
]


@pytest.fixture(autouse=True)
def time_enough(monkeypatch):
    monkeypatch.setattr(timing, "LIMIT", 20.0)


def judged(name, old, new):
    question = getattr(nb04, name)
    code = question.solution_code
    assert old in code, f"the solution of {name} no longer holds {old!r}"
    names = {"np": np, "tf": tf, "keras": keras}
    exec(code.replace(old, new), names)
    return question.judge(names[question.variable])


@pytest.mark.parametrize(("name", "old", "new", "words"), WRONG)
def test_a_wrong_line_is_refused_with_its_reason(name, old, new, words):
    verdict = judged(name, old, new)
    assert verdict.status == "wrong"
    assert words in verdict.message, verdict.message
    assert "Error" not in verdict.message or "built again" in verdict.message or not words


@pytest.mark.parametrize(("name", "old", "new"), RIGHT)
def test_an_equivalent_line_passes(name, old, new):
    verdict = judged(name, old, new)
    assert verdict.status == "right", verdict.message


@pytest.mark.parametrize("cls", [parts.Decoder], ids=["Decoder"])
def test_the_package_keeps_the_contract_that_it_checks(cls):
    assert nb04.decoder.judge(cls).status == "right"


class DenseMadeInCall(parts.LatentDistribution):
    def call(self, features):
        z_mean, _ = super().call(features)
        return z_mean, tf.repeat(keras.layers.Dense(1)(features), self.latent_dim, axis=1)


class Exchanged(nb04.round_latent.answer):
    def call(self, features):
        return super().call(features)[::-1]


@pytest.mark.parametrize(
    ("cls", "words"), [(DenseMadeInCall, "never learns"), (Exchanged, "order")]
)
def test_a_round_cloud_with_a_hidden_mistake_is_told(cls, words):
    verdict = nb04.round_latent.judge(cls)
    assert verdict.status == "wrong" and words in verdict.message
