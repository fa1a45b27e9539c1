"""The health report: each planted illness is named, and healthy models have none.

Most patients are one trained VAE whose part is swapped: an illness is in what a model does, not in
how it was trained.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers.audit.health import health_report
from vae_helpers.audit.health.noise import diagnose
from vae_helpers.audit.health.report import ILLNESSES, REMARKS
from vae_helpers.drawn import draw_garments
from vae_helpers.elbo import gaussian_kl
from vae_helpers.parts import ConvDecoder, ConvEncoder, Decoder, Encoder, LatentDistribution
from vae_helpers.references import grey_entropy, mean_image_cost, pca_cost
from vae_helpers.vae import VAE


@pytest.fixture(scope="module")
def images():
    return draw_garments(1200, seed=0)[0]


def build(images, latent_dim=3, beta=1.0, latent=LatentDistribution, vae=VAE, seed=0):
    keras.utils.set_random_seed(seed)
    model = vae(Encoder(hidden=(64,)), latent(latent_dim), Decoder(hidden=(64,)), beta=beta)
    model.start_at_mean_image(images)
    # Without XLA a tiny model is ready sooner.
    model.compile(optimizer=keras.optimizers.Adam(3e-3), jit_compile=False)
    return model


@pytest.fixture(scope="module")
def trained(images):
    """A healthy VAE. Tests leave it as it is."""
    vae = build(images)
    vae.fit(images, batch_size=50, epochs=10, verbose=0)
    return vae


@pytest.fixture(scope="module")
def patient(images, trained):
    """Make a VAE with the trained weights, and parts of which one may be sick."""

    def make(latent=LatentDistribution, vae=VAE):
        sick = build(images, latent=latent, vae=vae)
        sick.set_weights(trained.get_weights())
        return sick

    return make


def latent_with(sample=None, kl=None):
    """LatentDistribution with another `sample` or `kl`."""
    methods = {name: f for name, f in (("sample", sample), ("kl", kl)) if f is not None}
    return type("Sick", (LatentDistribution,), methods)


# --- healthy -----------------------------------------------------------------------------------


def test_a_trained_vae_is_healthy(trained, images):
    report = health_report(trained, images)
    assert report.healthy and report.findings == ()
    assert report.n_images == 1000 and report.latent_dim == 3
    assert report.active_units == 3
    assert report.noise_spread == pytest.approx(1, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("latent_dim", [2, 8, 32])
@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_no_false_alarm(images, latent_dim, beta):
    vae = build(images, latent_dim, beta, seed=latent_dim)
    vae.fit(images, batch_size=50, epochs=10, verbose=0)
    assert health_report(vae, images).findings == ()


def test_no_false_alarm_on_few_images(trained, images):
    for start in (0, 300, 600, 900):
        assert health_report(trained, images[start : start + 50]).findings == ()


@pytest.mark.slow
def test_no_false_alarm_on_convolutions(images):
    keras.utils.set_random_seed(0)
    vae = VAE(ConvEncoder(filters=(8, 16)), LatentDistribution(4), ConvDecoder(filters=8))
    vae.start_at_mean_image(images)
    vae.compile(optimizer=keras.optimizers.Adam(5e-3))
    vae.fit(images, batch_size=50, epochs=4, verbose=0)
    assert health_report(vae, images).findings == ()


def test_numbers_are_those_of_the_model(trained, images):
    report = health_report(trained, images[:1000])
    evaluated = trained.evaluate(images[:1000], verbose=0, return_dict=True)
    assert report.kl == pytest.approx(evaluated["kl"], rel=1e-4)
    assert report.reconstruction == pytest.approx(evaluated["reconstruction"], rel=0.01)
    assert report.elbo == -(report.reconstruction + report.kl)
    assert report.mean_image_cost == mean_image_cost(images[:1000])
    assert report.pca_cost == pca_cost(images[:1000], 3)
    assert report.grey_entropy == grey_entropy(images[:1000])
    z_mean, z_log_var = trained.encode(images[:1000])
    np.testing.assert_allclose(report.unit_variances, z_mean.var(axis=0), rtol=1e-4)
    np.testing.assert_allclose(report.posterior_means, z_mean.mean(axis=0), atol=1e-4)
    variances = z_mean.var(axis=0) + np.exp(z_log_var).mean(axis=0)
    np.testing.assert_allclose(report.posterior_variances, variances, rtol=1e-4)


def test_floats_and_uint8_are_the_same_images(trained, images):
    floats = (images / 255).astype("float32")[..., np.newaxis]
    a, b = health_report(trained, images), health_report(trained, floats)
    assert b.kl == pytest.approx(a.kl, rel=1e-5)
    assert b.findings == ()


def test_it_leaves_the_model_as_it_was(trained, images):
    before = [v.numpy().copy() for v in trained.variables]
    first, second = health_report(trained, images), health_report(trained, images)
    for old, variable in zip(before, trained.variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())
    assert first.reconstruction == second.reconstruction


# --- the sampling ------------------------------------------------------------------------------

normal = keras.random.normal


def with_sigma(sigma):
    """A sampler whose noise has the given standard deviation, a function of z_log_var."""

    def sample(self, z_mean, z_log_var):
        return z_mean + sigma(z_log_var) * normal(tf.shape(z_mean), seed=self.noise)

    return sample


def with_noise(noise):
    """A sampler whose standard noise is noise(self, z_mean)."""

    def sample(self, z_mean, z_log_var):
        return z_mean + tf.exp(0.5 * z_log_var) * noise(self, z_mean)

    return sample


def uniform(low, high):
    return lambda self, m: keras.random.uniform(tf.shape(m), low, high, seed=self.noise)


FIXED = np.random.default_rng(0).normal(size=(2000, 3)).astype("float32")
SAMPLERS = {
    "no noise": (lambda self, z_mean, z_log_var: z_mean, {"no_noise"}),
    "one noise for the batch": (
        with_noise(lambda self, m: normal((1, 3), seed=self.noise)),
        {"noise_shared_by_batch"},
    ),
    "one noise for all dimensions": (
        with_noise(lambda self, m: normal((tf.shape(m)[0], 1), seed=self.noise)),
        {"noise_shared_by_dimensions"},
    ),
    "one number for everything": (
        with_noise(lambda self, m: normal((1, 1), seed=self.noise)),
        {"noise_shared_by_batch", "noise_shared_by_dimensions"},
    ),
    "a fixed seed": (with_noise(lambda self, m: normal(tf.shape(m), seed=7)), {"noise_repeated"}),
    "a table of noise": (
        with_noise(lambda self, m: tf.constant(FIXED)[: tf.shape(m)[0]]),
        {"noise_repeated"},
    ),
    "NumPy's noise, drawn once in a graph": (
        with_noise(lambda self, m: np.random.normal(size=(1, 3)).astype("float32")),
        {"noise_repeated", "noise_shared_by_batch"},
    ),
    "exp(log variance) for sigma": (with_sigma(tf.exp), {"sigma_from_log_var"}),
    "exp(log variance), and shared by the batch": (
        lambda self, m, v: m + tf.exp(v) * normal((1, 3), seed=self.noise),
        {"sigma_from_log_var", "noise_shared_by_batch"},
    ),
    "exp(log variance), the same noise for all dimensions": (
        lambda self, m, v: m + tf.exp(v) * normal((tf.shape(m)[0], 1), seed=self.noise),
        {"sigma_from_log_var", "noise_shared_by_dimensions"},
    ),
    "sigma 1": (with_sigma(tf.ones_like), {"unexpected_noise", "gradient_blocked"}),
    "sigma without gradient": (
        with_sigma(lambda v: tf.stop_gradient(tf.exp(0.5 * v))),
        {"gradient_blocked"},
    ),
    "the log variance for sigma": (with_sigma(lambda v: v), {"unexpected_noise"}),
    "half as wide": (with_sigma(lambda v: 0.5 * tf.exp(0.5 * v)), {"unexpected_noise"}),
    "uniform on [0, 1)": (with_noise(uniform(0, 1)), {"noise_shifted", "unexpected_noise"}),
    "uniform of variance 1": (with_noise(uniform(-(3**0.5), 3**0.5)), {"unexpected_noise"}),
    "truncated normal": (
        with_noise(lambda self, m: keras.random.truncated_normal(tf.shape(m), seed=self.noise)),
        {"unexpected_noise"},
    ),
    "noise around 1": (
        with_noise(lambda self, m: 1 + normal(tf.shape(m), seed=self.noise)),
        {"noise_shifted", "unexpected_noise"},
    ),
    "z_mean halved": (
        lambda self, m, v: 0.5 * m + tf.exp(0.5 * v) * normal(tf.shape(m), seed=self.noise),
        {"unexpected_noise"},
    ),
    "no gradient through the sample": (
        lambda self, m, v: tf.stop_gradient(LatentDistribution.sample(self, m, v)),
        {"gradient_blocked"},
    ),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sick_sampler_is_named(patient, images, name):
    sample, codes = SAMPLERS[name]
    report = health_report(patient(latent_with(sample)), images)
    # What the decoder makes of codes it was not trained on is another matter.
    consequences = {"worse_than_mean_image"}
    assert set(report.findings) - consequences == codes
    assert not report.healthy
    assert all(report.evidence[code] for code in codes)


def test_what_law_the_noise_follows_is_said(patient, images):
    report = health_report(patient(latent_with(with_sigma(tf.ones_like))), images)
    assert "standard deviation 1," in report.evidence["unexpected_noise"]


def test_sigma_1_is_seen_where_training_made_both_laws_agree(patient, images):
    vae = patient(latent_with(with_sigma(tf.ones_like)))
    vae.latent.z_log_var.kernel.assign(tf.zeros_like(vae.latent.z_log_var.kernel))
    vae.latent.z_log_var.bias.assign([0.0, 0.0, 0.0])  # where the KL alone leads it
    assert "gradient_blocked" in health_report(vae, images).findings


def test_where_both_laws_agree_nothing_is_claimed():
    noise = np.random.default_rng(0).normal(size=(16, 200, 2))
    spread, findings = diagnose(noise, np.zeros((200, 2)), np.zeros((200, 2)))
    assert findings == {} and spread == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("latent_dim", [1, 2, 32])
@pytest.mark.parametrize("n", [50, 250])
def test_right_noise_never_raises_an_alarm(latent_dim, n):
    rng = np.random.default_rng(latent_dim)
    for _ in range(40):
        log_var = rng.normal(-4, 2, size=(n, latent_dim)).astype("float32")
        noise = np.exp(log_var / 2) * rng.normal(size=(16, n, latent_dim))
        assert diagnose(noise, rng.normal(size=(n, latent_dim)), log_var)[1] == {}


def test_noise_below_rounding_is_not_judged():
    log_var = np.full((60, 2), -40.0)
    spread, findings = diagnose(np.zeros((16, 60, 2)), np.ones((60, 2)), log_var)
    assert np.isnan(spread) and findings == {}


# --- the code ----------------------------------------------------------------------------------


def test_a_collapsed_vae(images):
    vae = build(images, latent_dim=2, beta=784)
    vae.fit(images, batch_size=50, epochs=4, verbose=0)
    report = health_report(vae, images)
    assert report.findings == ("collapsed", "same_picture")
    assert report.active_units == 0
    assert report.reconstruction == pytest.approx(report.mean_image_cost, rel=0.02)


def test_without_a_kl_the_codes_stray(images):
    vae = build(images, latent_dim=4, beta=0)
    vae.fit(images, batch_size=50, epochs=10, verbose=0)
    assert "posterior_far_from_prior" in health_report(vae, images).findings


def test_an_untrained_vae(images):
    assert health_report(build(images), images).findings == ("untrained",)


def test_weights_from_elsewhere_are_not_untrained(trained, patient, images):
    assert health_report(patient(), images).findings == ()


def test_partly_inactive_is_a_remark(trained, images):
    vae = build(images, latent_dim=4)
    kept = {"z_mean": slice(0, 3), "z_log_var": slice(0, 3)}
    for old, new in zip(trained.weights, vae.weights, strict=True):
        value = np.zeros(new.shape, "float32")  # the fourth dimension: a code at the prior
        value[tuple(slice(0, n) for n in old.shape)] = old.numpy()
        new.assign(value)
    report = health_report(vae, images)
    assert kept and report.healthy
    assert "inactive_units" in report.remarks and "1 of 4" in report.evidence["inactive_units"]


def kl_times(factor):
    return lambda self, z_mean, z_log_var: factor * gaussian_kl(z_mean, z_log_var)


@pytest.mark.parametrize(
    ("kl", "codes"),
    [
        (kl_times(-1.0), ("kl_negative",)),
        (kl_times(2.0), ("kl_scaled",)),
        (kl_times(1 / 3), ("kl_scaled",)),
        (lambda self, m, v: tf.reduce_mean(gaussian_kl(m, v)) / 3, ("kl_scaled",)),
        (lambda self, m, v: tf.reduce_mean(gaussian_kl(m, v)), ()),
    ],
)
def test_a_wrong_kl_is_named(patient, images, kl, codes):
    assert health_report(patient(latent_with(kl=kl)), images).findings == codes


def test_a_prior_of_ones_own_is_a_remark(patient, images):
    latent = latent_with(kl=lambda self, m, v: gaussian_kl(m - 0.1, v))
    report = health_report(patient(latent), images)
    assert report.healthy and "kl_differs" in report.remarks


@pytest.mark.parametrize("shift", [-25.0, 25.0])
def test_saturated_log_variances(patient, images, shift):
    vae = patient()
    vae.latent.z_log_var.bias.assign_add([shift, 0, 0])
    report = health_report(vae, images)
    assert "log_var_saturated" in report.findings
    assert report.saturated == pytest.approx(1 / 3, abs=0.05)


def test_log_variances_at_a_clamp(trained, patient, images):
    limit = float(np.median(trained.encode(images)[1]))

    class Clamped(LatentDistribution):
        def call(self, features):
            z_mean, z_log_var = super().call(features)
            return z_mean, tf.maximum(z_log_var, limit)

    report = health_report(patient(Clamped), images)
    assert "log_var_saturated" in report.findings
    assert report.saturated == pytest.approx(0.5, abs=0.1)


# --- the output --------------------------------------------------------------------------------


def swap_decoder(vae, function):
    """The decoder's output becomes function(z, logits)."""
    decode = vae.decoder.call
    vae.decoder.call = lambda z: function(z, decode(z))
    return vae


def test_sigmoid_twice(patient, images):
    report = health_report(swap_decoder(patient(), lambda z, logits: tf.sigmoid(logits)), images)
    assert set(report.findings) == {"worse_than_mean_image", "squeezed_output"}
    assert "sigmoid twice?" in report.evidence["squeezed_output"]


def test_outputs_that_cannot_be_dark(patient, images):
    report = health_report(swap_decoder(patient(), lambda z, logits: tf.nn.relu(logits)), images)
    assert "squeezed_output" in report.findings


def test_a_decoder_that_ignores_its_code(patient, images):
    def mean_only(z, logits):
        return 0 * logits + tf.reduce_mean(logits, axis=0)

    report = health_report(swap_decoder(patient(), mean_only), images)
    assert {"same_picture", "decoder_ignores_z"} <= set(report.findings)
    assert "collapsed" not in report.findings


def test_a_decoder_that_is_given_z_mean(patient, images):
    class Bypass(VAE):
        def call(self, images):
            out = super().call(images)
            return {**out, "logits": self.decoder(out["z_mean"])}

    assert health_report(patient(vae=Bypass), images).findings == ("decoder_ignores_z",)


# --- numbers that are none ---------------------------------------------------------------------


def test_a_broken_weight_is_named(patient, images):
    vae = patient()
    vae.latent.z_mean.bias.assign([np.nan, 0, 0])
    report = health_report(vae, images)
    assert report.findings == ("not_finite",)
    assert "z_mean/bias" in report.evidence["not_finite"]
    assert "z_mean of 1000 of 1000 images" in report.evidence["not_finite"]
    assert report.mean_image_cost == pytest.approx(mean_image_cost(images), rel=0.01)
    assert "not_finite" in str(report)


def test_a_few_broken_images_do_not_hide_the_rest(patient, images):
    def overflow(self, z_mean, z_log_var):
        z = LatentDistribution.sample(self, z_mean, z_log_var)
        return tf.where(z_mean > 1.5, np.inf, z)

    report = health_report(patient(latent_with(overflow)), images)
    assert report.findings[0] == "not_finite"
    assert np.isfinite(report.elbo) and report.active_units == 3


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda x: x / 127.5 - 1, "(images + 1) / 2"),
        (lambda x: x.astype("float32"), "divide by 255"),
        (lambda x: x / 255 / 255, "only once"),
        (lambda x: (x > 127).astype("uint8"), "uint8 means 0 to 255"),
    ],
)
def test_images_out_of_range_are_a_finding(trained, images, change, complaint):
    report = health_report(trained, change(images))
    assert report.findings == ("image_range",)
    assert complaint in report.evidence["image_range"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda x: x[:49], "49 images, expected at least 50"),
        (lambda x: x[:0], "empty"),
        (lambda x: x[:, :20], "expected"),
        (lambda x: x.astype("int32"), "dtype int32"),
        (lambda x: np.where(x > 250, np.nan, x / 255), "NaN"),
        (lambda x: np.repeat(x[:1], 60, axis=0), "all the same"),
        (lambda x: x[0, 0, 0], "expected"),
    ],
)
def test_what_cannot_be_judged_is_named(trained, images, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        health_report(trained, change(images))


def test_a_model_that_returns_something_else_is_named(patient, images):
    class Other(VAE):
        def call(self, images):
            out = super().call(images)
            return {"z": out["z"], "logits": out["logits"]}

    with pytest.raises(ValueError, match="returned no z_mean, z_log_var, expected a dict"):
        health_report(patient(vae=Other), images)


# --- reading it --------------------------------------------------------------------------------


def test_it_can_be_read(trained, images, capsys):
    report = health_report(trained, images)
    assert capsys.readouterr().out == ""
    assert str(report).startswith("healthy")
    for word in ("reconstruction", "mean image", "PCA with 3", "active units", "nats per image"):
        assert word in str(report)
    assert repr(report).startswith("HealthReport(healthy=True")
    assert max(map(len, str(report).splitlines()[:10])) <= 110


def test_an_illness_is_said_in_print_and_in_html(patient, images):
    report = health_report(patient(latent_with(with_sigma(tf.exp))), images)
    assert str(report).startswith("ill: ") and "! sigma_from_log_var: " in str(report)
    page = report._repr_html_()
    assert page.startswith("<table") and "sigma_from_log_var" in page


def test_a_report_without_numbers_still_says_why(trained, images):
    text = str(health_report(trained, images.astype("float32")))
    assert "! image_range: " in text and "nan" not in text


def test_codes_and_evidence_belong_together(patient, images):
    report = health_report(patient(latent_with(SAMPLERS["one number for everything"][0])), images)
    assert set(report.evidence) == {*report.findings, *report.remarks}
    assert list(report.findings) == [code for code in ILLNESSES if code in report.findings]
    assert set(report.remarks) <= set(REMARKS)
