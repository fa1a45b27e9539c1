"""Every part, likelihood, prior and variant works in 16 bits, and reports its terms in 32."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import likelihoods, precision
from vae_helpers.adversarial import VAEGAN, Discriminator, FeatureVAE
from vae_helpers.attention import AttentiveConvEncoder, PatchDecoder, PatchEncoder
from vae_helpers.conditional import ConditionalVAE
from vae_helpers.flow_matching import FlowPrior
from vae_helpers.learned_priors import MixturePrior
from vae_helpers.objectives import AnnealedVAE, BetaConditionedVAE, CapacityVAE, FreeBitsVAE
from vae_helpers.parts import (
    ConvDecoder,
    ConvEncoder,
    Decoder,
    Encoder,
    LatentDistribution,
    TransposedDecoder,
)
from vae_helpers.total_correlation import BetaTC
from vae_helpers.vae import VAE
from vae_helpers.vamp import VampVAE

SHAPE = (8, 8, 1)
POLICIES = {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}


@pytest.fixture(autouse=True)
def float32_afterwards():
    yield
    keras.config.set_dtype_policy("float32")


def dense():
    return Encoder((8,)), LatentDistribution(2), Decoder((8,), SHAPE)


def convolutions(encoder=None, decoder=None):
    """Convolutional parts, or one of them in place of these."""
    encoder = encoder or ConvEncoder((4, 4), 8)
    return encoder, LatentDistribution(2), decoder or ConvDecoder(4, 8, SHAPE)


def patches(rows):
    encoder = PatchEncoder(4, 8, 2, summaries=rows, units=8)
    return encoder, LatentDistribution(2), PatchDecoder(4, 8, 2, 1, rows, 8, SHAPE)


def features():
    return keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(3, 3)])


def gan(**arguments):
    return VAEGAN(*dense(), Discriminator((3, 4), 4), pixel_weight=1.0, **arguments)


MODELS = {
    "Bernoulli": lambda: VAE(*dense(), likelihood=likelihoods.Bernoulli()),
    "ContinuousBernoulli": lambda: VAE(*dense(), likelihood=likelihoods.ContinuousBernoulli()),
    "Gaussian": lambda: VAE(*dense(), likelihood=likelihoods.Gaussian(0.3)),
    "learned Gaussian": lambda: VAE(*dense(), likelihood=likelihoods.Gaussian("learned")),
    "DiscretisedLogistic": lambda: VAE(*dense(), likelihood=likelihoods.DiscretisedLogistic()),
    "convolutions": lambda: VAE(*convolutions()),
    "transposed": lambda: VAE(*convolutions(decoder=TransposedDecoder((4, 4, 2), 8, SHAPE))),
    "patches": lambda: VAE(*patches(0)),
    "patches with queries": lambda: VAE(*patches(2)),
    "attentive": lambda: VAE(*convolutions(AttentiveConvEncoder((4, 4), 8, heads=2))),
    "conditional": lambda: ConditionalVAE(*dense(), classes=3),
    "annealed": lambda: AnnealedVAE(*dense(), steps=4),
    "free bits": lambda: FreeBitsVAE(*dense(), floor=0.5),
    "capacity": lambda: CapacityVAE(*dense(), capacity=2.0, steps=3),
    "conditioned on beta": lambda: BetaConditionedVAE(*dense()),
    "total correlation": lambda: BetaTC(*dense(), beta=4.0),
    "features": lambda: FeatureVAE(*dense(), features()),
    "VAE-GAN": lambda: gan(likelihood=likelihoods.Gaussian("learned")),
    "VAE-GAN, logistic": lambda: gan(likelihood=likelihoods.DiscretisedLogistic()),
    "mixture": lambda: VAE(*dense(), prior=MixturePrior(2, 3)),
    "flow": lambda: VAE(*dense(), prior=FlowPrior(2, units=8, steps=2)),
    "VampPrior": lambda: VampVAE(*dense(), components=3),
}


def inputs_for(vae, n=12):
    images = np.random.default_rng(0).integers(0, 256, (n, 8, 8), dtype=np.uint8)
    if isinstance(vae, ConditionalVAE):
        return {"images": images, "labels": np.arange(n) % 3}
    return images


def built(name, **compiling):
    keras.utils.set_random_seed(0)
    vae = MODELS[name]()
    inputs = inputs_for(vae)
    vae.start_at_mean_image(inputs["images"] if isinstance(inputs, dict) else inputs)
    compiling = {"run_eagerly": True, **compiling}
    vae.compile(keras.optimizers.SGD(1e-3), jit_compile=False, **compiling)
    return vae, inputs


def decoded(vae, inputs):
    """Codes and pictures, from all that a user calls."""
    beside = [inputs["labels"]] if isinstance(inputs, dict) else []
    z_mean, z_log_var = vae.encode(inputs)
    new = vae.generate(beside[0] if beside else 3, seed=0)
    return [z_mean, z_log_var, vae.decode(z_mean, *beside), vae.reconstruct(inputs), new]


def computed_in(part):
    """The precisions that the layers inside a part compute in."""
    inside = part.network.layers if hasattr(part, "network") else part._layers
    return {layer.compute_dtype for layer in inside}


def all_of_it(name, tmp_path, **compiling):
    vae, inputs = built(name, **compiling)
    before = vae.get_weights()
    history = vae.fit(inputs, batch_size=4, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert any((old != new).any() for old, new in zip(before, vae.get_weights(), strict=True))
    score = vae.evaluate(inputs, batch_size=12, verbose=0, return_dict=True)
    assert score["elbo"] == pytest.approx(-(score["reconstruction"] + score["kl"]), rel=1e-5)
    results = [*decoded(vae, inputs), vae.predict(inputs, verbose=0)]
    forward = vae(inputs, training=False)
    terms = [*vae.terms(inputs, forward), vae.objective(*vae.terms(inputs, forward), forward)]
    assert {str(np.asarray(value).dtype) for value in (*results, *terms)} == {"float32"}
    assert all(np.isfinite(value).all() for value in (*results, *terms))
    vae.save(tmp_path / "vae.keras")
    return vae, inputs


QUICK = {"ContinuousBernoulli", "learned Gaussian", "DiscretisedLogistic", "conditional"}
CASES = [
    pytest.param(
        name,
        policy,
        marks=() if name in QUICK and policy == "mixed_bfloat16" else pytest.mark.slow,
    )
    for name in MODELS
    for policy in POLICIES
]


@pytest.mark.parametrize(("name", "policy"), CASES)
def test_a_model_in_16_bits_trains_and_all_it_reports_has_32(name, policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    vae, inputs = all_of_it(name, tmp_path)
    assert computed_in(vae.encoder) == computed_in(vae.decoder) == {POLICIES[policy]}
    # What it computes in goes with the file, whatever is the policy where it is loaded.
    keras.config.set_dtype_policy("float32")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert computed_in(loaded.encoder) == computed_in(loaded.decoder) == {POLICIES[policy]}
    for old, new in zip(decoded(vae, inputs), decoded(loaded, inputs), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-5)
    assert isinstance(loaded.optimizer, type(vae.optimizer))
    loaded.fit(inputs, batch_size=4, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["learned Gaussian", "VAE-GAN", "conditioned on beta"])
def test_it_does_so_inside_a_compiled_step_too(name, policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    all_of_it(name, tmp_path, run_eagerly=False, steps_per_execution=1)


@pytest.mark.slow
def test_the_instruments_take_a_model_in_16_bits():
    from vae_helpers import metrics
    from vae_helpers.audit import health_report

    keras.config.set_dtype_policy("mixed_bfloat16")
    vae, _ = built("Bernoulli")
    images = inputs_for(vae, 60)
    assert str(health_report(vae, images))
    estimate, *_ = metrics.elbo_estimate(vae, images)
    assert np.isfinite(estimate.mean)


# --- likelihoods: a decoder of your own may give 16 bits -----------------------------------------

LIKELIHOODS = {
    "Bernoulli": likelihoods.Bernoulli(),
    "ContinuousBernoulli": likelihoods.ContinuousBernoulli(),
    "Gaussian": likelihoods.Gaussian(0.3),
    "DiscretisedLogistic": likelihoods.DiscretisedLogistic(),
}


@pytest.mark.parametrize("bits", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_outputs_of_16_bits_give_what_they_give_in_32(name, bits):
    likelihood = LIKELIHOODS[name]
    rng = np.random.default_rng(0)
    images = tf.constant(rng.integers(0, 256, (3, 28, 28, 1)) / 255, tf.float32)
    outputs = tf.cast(rng.normal(0, 2, images.shape), bits)
    wide = tf.cast(outputs, tf.float32)
    for method in ("log_likelihood", "mean", "sample"):
        arguments = (images,) if method == "log_likelihood" else ()
        seed = {"seed": 1} if method == "sample" else {}
        found = getattr(likelihood, method)(*arguments, outputs, **seed)
        expected = getattr(likelihood, method)(*arguments, wide, **seed)
        assert found.dtype == tf.float32, method
        np.testing.assert_array_equal(found, expected, err_msg=method)
    assert likelihood(wide).dtype == tf.float32


def test_a_likelihood_and_a_prior_do_not_follow_the_policy():
    keras.config.set_dtype_policy("mixed_float16")
    for layer in (likelihoods.Gaussian(), MixturePrior(2, 3), FlowPrior(2, units=4)):
        assert layer.compute_dtype == "float32"
    assert FlowPrior(2, units=4).first.compute_dtype == "float32"


# --- the layers inside, the loss -----------------------------------------------------------------


def test_a_part_is_told_its_precision_and_tells_its_layers():
    assert computed_in(Encoder((8,), dtype="mixed_float16")) == {"float16"}
    encoder = ConvEncoder((4, 4), 8, dtype="mixed_bfloat16")
    assert computed_in(encoder) == {"bfloat16"}
    keras.config.set_dtype_policy("mixed_float16")
    assert computed_in(ConvEncoder.from_config(encoder.get_config())) == {"bfloat16"}
    assert computed_in(Decoder((8,), SHAPE, dtype="float32")) == {"float32"}


def test_only_float16_scales_the_loss_and_never_twice():
    optimizers = {}
    for policy in ("float32", *POLICIES):
        keras.config.set_dtype_policy(policy)
        optimizers[policy] = precision.with_scaled_loss("adam", *dense())
    assert type(optimizers["float32"]) is type(optimizers["mixed_bfloat16"])
    assert isinstance(optimizers["float32"], keras.optimizers.Adam)
    scaled = optimizers["mixed_float16"]
    assert isinstance(scaled, keras.optimizers.LossScaleOptimizer)
    assert precision.with_scaled_loss(scaled, *dense()) is scaled
    vae = VAE(*dense())
    vae.compile("adam", jit_compile=False, auto_scale_loss=False)
    assert isinstance(vae.optimizer, keras.optimizers.Adam)


def test_a_scaled_loss_does_not_change_the_step_of_a_vae_gan():
    """Adam divides any factor out again; plain SGD shows one."""
    steps = []
    for scale in (None, 256.0):
        keras.utils.set_random_seed(0)
        vae = gan()
        two = (keras.optimizers.SGD(1e-4, loss_scale_factor=scale) for _ in range(2))
        vae.compile(*two, run_eagerly=True, jit_compile=False)
        before = vae.get_weights()
        vae.fit(inputs_for(vae), batch_size=12, verbose=0)
        pairs = zip(before, vae.get_weights(), strict=True)
        steps.append(np.concatenate([np.ravel(new - old) for old, new in pairs]))
    assert np.abs(steps[0]).max() > 1e-5
    np.testing.assert_allclose(steps[0], steps[1], rtol=1e-3, atol=1e-7)
