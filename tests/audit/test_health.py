"""The health report: each planted illness is named, and healthy models have none.

Most patients are one trained VAE whose part is swapped: an illness is in what a model does, not in
how it was trained.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers.audit.health import health_report
from vae_helpers.audit.health.noise import noise_findings, visible_noise
from vae_helpers.audit.health.report import FINDINGS, REMARKS
from vae_helpers.conditional import ConditionalVAE
from vae_helpers.drawn import draw_garments
from vae_helpers.elbo import gaussian_kl, gaussian_log_density
from vae_helpers.images import image_shape_of
from vae_helpers.known_mistakes.samplers import HEADS, SAMPLERS, WIDTHS
from vae_helpers.parts import ConvDecoder, ConvEncoder, Decoder, Encoder, LatentDistribution
from vae_helpers.priors import Prior
from vae_helpers.references import grey_entropy, mean_image_cost, pca_cost
from vae_helpers.vae import VAE


@pytest.fixture(scope="module")
def images():
    return draw_garments(1200, seed=0)[0]


@pytest.fixture(scope="module")
def few(images):
    """Enough of them to judge noise, and quicker."""
    return images[:300]


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

# What is found of each known mistake in a trained model.
SHARED = "noise_shared_by_dimensions"
FOUND = {
    "no_noise": {"no_noise"},
    "sigma_added": {"noise_repeated", "noise_shared_by_batch", SHARED},
    "fixed_seed": {"noise_repeated"},
    "table": {"noise_repeated"},
    "numpy_noise": {"noise_repeated", "noise_shared_by_batch"},
    "one_for_images": {"noise_shared_by_batch"},
    "one_for_dimensions": {SHARED},
    "one_for_all": {"noise_shared_by_batch", SHARED},
    "one_for_two": {SHARED},
    "one_for_two_flipped": {SHARED},
    "half_as_wide": {"unexpected_noise"},
    "almost_none": {"unexpected_noise"},
    "uniform": {"noise_shifted", "unexpected_noise"},
    "uniform_centred": {"unexpected_noise"},
    "truncated": {"unexpected_noise"},
    "noise_around_1": {"noise_shifted", "unexpected_noise"},
    "mean_halved": {"unexpected_noise"},
    "no_gradient": {"gradient_blocked"},
    "no_gradient_to_mean": {"gradient_blocked"},
    "no_gradient_to_sigma": {"gradient_blocked"},
    "batch_written_in": {"fixed_batch_size"},
}
# Sharing and a wrong width do not hide each other.
BOTH = {
    "one_for_images": {"sigma_from_log_var", "noise_shared_by_batch"},
    "one_for_dimensions": {"sigma_from_log_var", SHARED},
    "one_for_two_flipped": {"sigma_from_log_var", SHARED},
}


def planted(record, **options):
    """LatentDistribution with the sampler of a record of `known_mistakes.samplers`."""

    def sample(self, z_mean, z_log_var):
        return record.sample(z_mean, z_log_var, self.noise, **options)

    return latent_with(sample)


def found_in(vae, images):
    """Findings without what a decoder makes of codes it was not trained on."""
    return set(health_report(vae, images).findings) - {"worse_than_mean_image"}


def test_every_known_sampler_is_planted():
    # With static_shape no model can be built.
    assert set(FOUND) == set(SAMPLERS) - {"static_shape"}


@pytest.mark.parametrize("code", FOUND)
def test_a_wrong_sampler_is_named(patient, few, code):
    vae = patient(planted(SAMPLERS[code]))
    report = health_report(vae, few)
    assert set(report.findings) - {"worse_than_mean_image"} == FOUND[code]
    assert all(report.evidence[finding] for finding in FOUND[code])


@pytest.mark.parametrize("code", WIDTHS)
def test_a_wrong_width_is_named(patient, few, code):
    report = health_report(patient(planted(WIDTHS[code])), few)
    # The codes of this model are so narrow that its log variances make the second one right.
    if code in ("exp(z_log_var / 2)", "sqrt(softplus(z_log_var))"):
        assert report.healthy
        return
    finding = "sigma_from_log_var" if code == "exp(z_log_var)" else "unexpected_noise"
    expected = {finding} | ({"gradient_blocked"} if code == "1" else set())
    assert set(report.findings) - {"worse_than_mean_image"} == expected
    assert f"standard deviation {code}," in report.evidence[finding]


@pytest.mark.parametrize("code", BOTH)
def test_a_wrong_width_is_named_beside_shared_noise(patient, few, code):
    vae = patient(planted(SAMPLERS[code], width=WIDTHS["exp(z_log_var)"]))
    assert found_in(vae, few) == BOTH[code]


def test_which_dimensions_share_their_noise_is_reported(patient, few):
    report = health_report(patient(planted(SAMPLERS["one_for_two"])), few)
    assert "some latent dimensions" in report.evidence[SHARED]
    assert "0 and 2 (correlation +1.00)" in report.evidence[SHARED]
    report = health_report(patient(planted(SAMPLERS["one_for_two_flipped"])), few)
    assert "0 and 2 (correlation -1.00)" in report.evidence[SHARED]
    report = health_report(patient(planted(SAMPLERS["one_for_dimensions"])), few)
    assert "all latent dimensions" in report.evidence[SHARED]


def test_a_missing_gradient_names_what_it_is_missing_for(patient, few):
    report = health_report(patient(planted(SAMPLERS["no_gradient_to_mean"])), few)
    assert "with respect to z_mean," in report.evidence["gradient_blocked"]
    report = health_report(patient(planted(SAMPLERS["no_gradient_to_sigma"])), few)
    assert "with respect to z_log_var," in report.evidence["gradient_blocked"]


def test_a_batch_size_in_the_sampler_is_named(patient, few):
    report = health_report(patient(planted(SAMPLERS["batch_written_in"])), few)
    assert report.findings == ("fixed_batch_size",)
    assert "(128, 3) for 1 image," in str(report) and "nan" not in str(report)


def test_sigma_1_is_seen_where_training_made_both_laws_agree(patient, few):
    vae = patient(planted(WIDTHS["1"]))
    vae.latent.z_log_var.kernel.assign(tf.zeros_like(vae.latent.z_log_var.kernel))
    vae.latent.z_log_var.bias.assign([0.0, 0.0, 0.0])  # where the KL alone leads it
    assert "gradient_blocked" in health_report(vae, few).findings


@pytest.mark.parametrize("code", WIDTHS)
def test_every_known_width_is_told_from_its_noise(code):
    rng = np.random.default_rng(0)
    log_var = rng.normal(-0.5, 1.5, size=(250, 3))
    noise = WIDTHS[code].sigma(log_var) * rng.normal(size=(16, 250, 3))
    findings = diagnose(noise, np.zeros((250, 3)), log_var)[1]
    if code == "exp(z_log_var / 2)":
        assert findings == {}
    else:
        assert len(findings) == 1
        assert f"standard deviation {code}," in str(findings)


def diagnose(noise, z_mean, z_log_var):
    """Spread and findings of noise alone."""
    seen = visible_noise(noise, z_mean, z_log_var)
    return seen.spread if seen else np.nan, noise_findings(seen)


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


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("groups", [[(0, 4)], [(0, 3, 7), (1, 5)], [(2, 31)]])
def test_dimensions_that_share_are_named_and_no_others(sign, groups):
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(16, 60, 32))
    for first, *others in groups:
        noise[..., others] = sign * noise[..., [first]]
    _, findings = diagnose(noise, np.zeros((60, 32)), np.zeros((60, 32)))
    assert list(findings) == [SHARED]
    for first, *others, last in groups:
        named = f"{', '.join(map(str, [first, *others]))} and {last} (correlation {sign:+.2f})"
        assert named in findings[SHARED]
    assert findings[SHARED].count("correlation") == len(groups)


def test_noise_that_is_shared_in_part_is_named():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(16, 250, 4))
    noise[..., 3] = 0.8 * noise[..., 1] + 0.6 * noise[..., 3]
    _, findings = diagnose(noise, np.zeros((250, 4)), np.zeros((250, 4)))
    assert "1 and 3 (correlation +0." in findings[SHARED]


def test_dimensions_are_numbered_as_in_the_model():
    noise = np.random.default_rng(3).normal(size=(16, 60, 4))
    noise[..., 3] = noise[..., 1]
    log_var = np.zeros((60, 4))
    log_var[:, 0] = -40.0  # too narrow to be judged
    _, findings = diagnose(noise, np.zeros((60, 4)), log_var)
    assert "1 and 3 (correlation +1.00)" in findings[SHARED]


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


def test_the_kl_of_each_unit_is_printed(trained, images):
    report = health_report(trained, images[:1000])
    assert sum(report.unit_kl) == pytest.approx(report.kl, rel=1e-4)
    shown = " ".join(f"{kl:.1f}" for kl in report.unit_kl)
    assert f"3 of 3   at least 0.1 nats: {shown}\n" in str(report)
    assert "kl of each unit" in report._repr_html_()


def test_units_that_are_asleep_are_not_counted_as_awake(patient, images):
    vae = patient()
    # The third unit still moves by more than an active unit must, and says next to nothing.
    for layer, factor in ((vae.latent.z_mean, 0.1), (vae.latent.z_log_var, 0.0)):
        layer.kernel.assign(layer.kernel * [1, 1, factor])
        layer.bias.assign(layer.bias * [1, 1, 0])
    report = health_report(vae, images)
    assert report.unit_variances[2] > 0.01 and report.unit_kl[2] < 0.1
    assert (report.active_units, report.awake_units) == (3, 2)
    assert f"2 (KL {report.unit_kl[2]:.2f})" in report.evidence["inactive_units"]


def with_head(code):
    """LatentDistribution whose outputs are those of a record of `known_mistakes.samplers`."""

    class Sick(LatentDistribution):
        def call(self, features):
            return HEADS[code].parameters(*super().call(features))

    return Sick


HEAD_FOUND = {
    "log_var_is_mean": "log_var_is_mean",
    "softplus": "log_var_never_negative",
    "clipped_at_0": "log_var_never_negative",
}


@pytest.mark.parametrize("code", HEADS)
def test_a_wrong_log_variance_is_named_in_a_trained_model(images, code):
    vae = build(images, latent=with_head(code))
    vae.fit(images, batch_size=50, epochs=10, verbose=0)
    report = health_report(vae, images)
    assert report.findings == (HEAD_FOUND[code],)
    assert "Give z_log_var" in str(report) or "eave out the activation" in str(report)


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_short_training_is_no_wrong_log_variance(images, epochs):
    vae = build(images, seed=epochs)
    vae.fit(images, batch_size=50, epochs=epochs, verbose=0)
    assert not set(HEAD_FOUND.values()) & set(health_report(vae, images).findings)


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
    vae.decoder.call = lambda z, training=False: function(z, decode(z))
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
    ("change", "cure"),
    [
        (lambda x: x / 127.5 - 1, lambda x: (x + 1) / 2),
        (lambda x: x.astype("float32"), lambda x: x / 255),
        (lambda x: x / 50, lambda x: (x - x.min()) / (x.max() - x.min())),
        (lambda x: (x - x.mean()) / x.std(), lambda x: (x - x.min()) / (x.max() - x.min())),
        (lambda x: x / 255 / 255, lambda x: x * 255),
        (lambda x: (x > 127).astype("uint8"), lambda x: x.astype("float32")),
    ],
)
def test_the_cure_of_a_wrong_range_works(trained, few, change, cure):
    wrong = change(few)
    evidence = health_report(trained, wrong).evidence["image_range"]
    formula = {
        "(images + 1) / 2",
        "(images / 255)",
        "(images - images.min()) / (images.max() - images.min())",
        "images * 255",
        "images.astype('float32')",
    }
    (found,) = [text for text in formula if text in evidence]
    np.testing.assert_array_equal(eval(found, {"images": wrong}), cure(wrong))
    assert "image_range" not in health_report(trained, cure(wrong)).findings
    assert np.ptp(cure(wrong)) > 0.9  # and the contrast is kept


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


# --- variants ----------------------------------------------------------------------------------


def colour_pictures(n, size, seed=0):
    """One soft blob an image: place and colour vary. With a label: whether it is red."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*2 * [np.arange(size)], indexing="ij"), axis=-1)
    centres = rng.uniform(0.3, 0.7, (n, 1, 1, 2)) * size
    blob = np.exp(-((grid - centres) ** 2).sum(axis=-1) / (0.03 * size**2))
    labels = rng.integers(0, 2, n)
    colours = np.array([[0.1, 0.3, 0.9], [0.9, 0.3, 0.1]])[labels]
    return np.uint8(255 * blob[..., None] * colours[:, None, None]), labels


def small(images, cls=VAE, hidden=(64,), latent=LatentDistribution, **options):
    keras.utils.set_random_seed(0)
    shape = image_shape_of(images)
    model = cls(Encoder(hidden), latent(2), Decoder(hidden, image_shape=shape), **options)
    model.start_at_mean_image(images)
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    return model


def test_colour_images(few):
    images, _ = colour_pictures(400, 16)
    vae = small(images)
    vae.fit(images, batch_size=20, epochs=8, verbose=0)
    report = health_report(vae, images)
    assert report.healthy
    assert report.mean_image_cost == mean_image_cost(images)
    with pytest.raises(ValueError, match=r"shape \(300, 28, 28\), expected \(n, 16, 16, 3\)"):
        health_report(vae, few)


def test_large_images_fit_in_memory():
    images, _ = colour_pictures(60, 128)
    report = health_report(small(images, hidden=(8,)), images)
    assert report.findings == ("untrained",)


def test_a_sampler_is_judged_on_colour_images():
    images, _ = colour_pictures(60, 128)
    vae = small(images, hidden=(8,), latent=planted(SAMPLERS["one_for_images"]))
    assert "noise_shared_by_batch" in health_report(vae, images).findings


def test_a_conditional_vae():
    images, labels = colour_pictures(400, 16)
    vae, inputs = small(images, ConditionalVAE, classes=2), {"images": images, "labels": labels}
    vae.fit(inputs, batch_size=20, epochs=8, verbose=0)
    report = health_report(vae, inputs)
    assert report.healthy
    evaluated = vae.evaluate(inputs, verbose=0, return_dict=True)
    assert report.kl == pytest.approx(evaluated["kl"], rel=1e-4)
    assert report.reconstruction == pytest.approx(evaluated["reconstruction"], rel=0.02)
    with pytest.raises(ValueError, match="inputs hold no images, labels, expected a dict with"):
        health_report(vae, images)


class Dropped(Encoder):
    def call(self, images, training=False):
        features = super().call(images)
        return keras.ops.where(training, 0.0 * features, features)


def test_parts_are_examined_as_they_infer(trained, few):
    vae = VAE(Dropped(hidden=(64,)), LatentDistribution(3), Decoder(hidden=(64,)))
    vae.set_weights(trained.get_weights())
    report = health_report(vae, few)
    assert report.healthy and report.active_units == 3


class Wide(Prior):
    """N(2, 9) in each dimension."""

    def sample(self, n, seed=None):
        return 2 + 3 * keras.random.normal((n, 2), seed=seed)

    def log_density(self, z):
        return gaussian_log_density(z, 2 * tf.ones_like(z), tf.fill(tf.shape(z), np.log(9.0)))


def test_a_prior_of_another_place_and_width(few):
    images, _ = colour_pictures(400, 16)
    vae = small(images, prior=Wide())
    vae.fit(images, batch_size=20, epochs=12, verbose=0)
    report = health_report(vae, images)
    assert report.healthy and "kl_differs" not in report.remarks
    assert max(report.posterior_variances) > 3
    # Beside N(0, I) these codes are not at home.
    other = small(images)
    for part in ("encoder", "latent", "decoder"):
        getattr(other, part).set_weights(getattr(vae, part).get_weights())
    assert "posterior_far_from_prior" in health_report(other, images).findings


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
    report = health_report(patient(planted(WIDTHS["exp(z_log_var)"])), images)
    assert str(report).startswith("ill: ") and "! sigma_from_log_var: " in str(report)
    page = report._repr_html_()
    assert page.startswith("<table") and "sigma_from_log_var" in page


def test_a_report_without_numbers_still_says_why(trained, images):
    text = str(health_report(trained, images.astype("float32")))
    assert "! image_range: " in text and "nan" not in text


def test_codes_and_evidence_belong_together(patient, images):
    report = health_report(patient(planted(SAMPLERS["one_for_all"])), images)
    assert set(report.evidence) == {*report.findings, *report.remarks}
    assert list(report.findings) == [code for code in FINDINGS if code in report.findings]
    assert set(report.remarks) <= set(REMARKS)
