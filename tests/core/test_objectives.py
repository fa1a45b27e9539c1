"""`objectives`: what each minimises, by hand; what it reports; its name in the audit; saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import elbo
from vae_helpers.audit import audit_model
from vae_helpers.objectives import (
    AnnealedVAE,
    BetaConditionedVAE,
    CapacityVAE,
    FreeBitsVAE,
    steps_taken,
)
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.priors import Prior
from vae_helpers.vae import VAE

IMAGES = np.random.default_rng(0).integers(0, 256, (120, 28, 28), dtype=np.uint8)
TINY = IMAGES[:, :6, :5, None]  # the audit probes a loss more than a hundred times
VARIANTS = {
    "annealed": (AnnealedVAE, {"steps": 10, "cycles": 2, "rise": 0.4}),
    "free bits": (FreeBitsVAE, {"floor": 0.3}),
    "capacity": (CapacityVAE, {"capacity": 3.0, "steps": 10}),
    "conditioned": (BetaConditionedVAE, {"lowest": 0.5, "highest": 8.0}),
}
EACH = pytest.mark.parametrize("name", VARIANTS)


def small(cls, latent_dim=3, image_shape=(28, 28, 1), **settings):
    keras.utils.set_random_seed(0)
    decoder = Decoder((16,), image_shape)
    return cls(Encoder((16,)), LatentDistribution(latent_dim), decoder, **settings)


def compiled(cls, **settings):
    vae = small(cls, **settings)
    vae.compile(optimizer="sgd", jit_compile=False, steps_per_execution=1)
    return vae


def variant(name):
    cls, settings = VARIANTS[name]
    return compiled(cls, **settings)


def test_the_kl_of_each_dimension_is_that_of_a_code_of_one():
    rng = np.random.default_rng(1)
    z_mean, z_log_var = rng.normal(size=(2, 5, 3))
    each = elbo.gaussian_kl_per_dimension(z_mean, z_log_var)
    alone = [elbo.gaussian_kl(z_mean[:, [d]], z_log_var[:, [d]]) for d in range(3)]
    np.testing.assert_allclose(each, np.stack(alone, axis=1))
    np.testing.assert_allclose(tf.reduce_sum(each, axis=1), elbo.gaussian_kl(z_mean, z_log_var))


# --- what is minimised ---------------------------------------------------------------------------


def test_the_weight_rises_holds_and_starts_again():
    vae = small(AnnealedVAE, steps=100, cycles=2, rise=0.5)
    weights = [float(vae.weight_at(step)) for step in (0, 10, 25, 49, 50, 60, 99, 100, 5_000)]
    np.testing.assert_allclose(weights, [0, 0.4, 1, 1, 0, 0.4, 1, 1, 1], atol=1e-5)
    once = small(AnnealedVAE, steps=100, rise=1.0)
    assert [float(once.weight_at(step)) for step in (0, 50, 100)] == pytest.approx([0, 0.5, 1])


def test_the_weight_follows_the_optimizer_also_within_an_execution():
    vae = small(AnnealedVAE, steps=12, rise=1.0, beta=2.0)
    still = keras.optimizers.SGD(0.0)  # so that the KL is the same at each step
    vae.compile(optimizer=still, jit_compile=False, steps_per_execution=6)
    one, kl = tf.zeros(1), tf.ones(1)
    assert float(vae.objective(one, kl, {})[0]) == 0
    history = vae.fit(IMAGES, batch_size=20, epochs=1, verbose=0, shuffle=False).history
    assert float(steps_taken(vae)) == 6
    assert float(vae.objective(one, kl, {})[0]) == pytest.approx(2 * 6 / 12)
    # Each of the six steps of one execution paid its own weight.
    paid = (history["loss"][0] - history["reconstruction"][0]) / history["kl"][0]
    assert paid == pytest.approx(2 * np.mean(np.arange(6) / 12), rel=0.05)
    vae.evaluate(IMAGES, verbose=0)
    assert float(steps_taken(vae)) == 6


def test_a_model_that_was_never_compiled_has_the_objective_of_the_end():
    assert steps_taken(small(AnnealedVAE, steps=5)) is None
    assert float(small(AnnealedVAE, steps=5).objective(tf.zeros(1), tf.ones(1), {})[0]) == 1
    grown = small(CapacityVAE, capacity=3.0, steps=5)
    assert float(grown.objective(tf.zeros(1), tf.ones(1), {})[0]) == 10 * 2


def test_free_bits_pay_for_what_is_above_the_floor_of_the_batch():
    vae = small(FreeBitsVAE, latent_dim=2, floor=0.5, beta=3.0)
    # Means of 2 and 0 in the first dimension: 2 nats and none, 1 on average; the second is empty.
    z_mean = tf.constant([[2.0, 0.0], [0.0, 0.0]])
    forward = {"z_mean": z_mean, "z_log_var": tf.zeros((2, 2))}
    minimised = vae.objective(tf.constant([10.0, 20.0]), tf.constant([2.0, 0.0]), forward)
    np.testing.assert_allclose(minimised, [10 + 3 * (1 + 0.5), 20 + 3 * (1 + 0.5)])


def test_free_bits_of_no_floor_are_the_plain_vae():
    plain, free = compiled(VAE), compiled(FreeBitsVAE, floor=0.0)
    losses = [vae.evaluate(IMAGES, verbose=0, return_dict=True)["loss"] for vae in (plain, free)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize(("kl", "paid"), [(1.0, 20.0), (3.0, 0.0), (4.0, 10.0)])
def test_a_capacity_pays_for_the_distance_on_both_sides(kl, paid):
    vae = small(CapacityVAE, capacity=3.0)
    kls = tf.constant([kl - 1, kl + 1])  # the mean counts, not each image
    np.testing.assert_allclose(vae.objective(tf.zeros(2), kls, {}), [paid, paid])


def test_a_capacity_grows_with_the_steps():
    vae = compiled(CapacityVAE, capacity=3.0, steps=12)
    assert float(vae.objective(tf.zeros(1), tf.ones(1), {})[0]) == pytest.approx(10 * 1)
    vae.fit(IMAGES, batch_size=20, verbose=0)
    assert float(vae.objective(tf.zeros(1), tf.ones(1), {})[0]) == pytest.approx(10 * 0.5)


# --- one model for all betas ---------------------------------------------------------------------


def test_each_image_pays_its_own_beta():
    vae = variant("conditioned")
    betas = tf.constant([0.5, 4.0])
    minimised = vae.objective(tf.ones(2), tf.ones(2), {"betas": betas})
    np.testing.assert_allclose(minimised, [1 + 0.5, (1 + 4) / 2])


def test_betas_are_drawn_in_training_only_and_log_uniform():
    vae = variant("conditioned")
    vae.beta = 2.0
    np.testing.assert_allclose(vae(IMAGES)["betas"], 2.0)
    logs = np.log(vae(np.repeat(IMAGES, 20, axis=0), training=True)["betas"])
    assert logs.min() >= np.log(0.5) - 1e-5 and logs.max() <= np.log(8.0) + 1e-5
    error = np.log(16) / np.sqrt(12 * len(logs))
    assert logs.mean() == pytest.approx(np.log(2.0), abs=4 * error)
    assert not np.allclose(vae(IMAGES, training=True)["betas"], vae(IMAGES, training=True)["betas"])


def test_both_networks_hear_of_beta():
    vae = variant("conditioned")
    vae.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
    vae.fit(IMAGES, batch_size=20, epochs=3, verbose=0)
    z = np.random.default_rng(0).normal(size=(4, 3))
    answers = []
    for beta in (0.5, 8.0):
        vae.beta = beta
        answers.append((vae.encode(IMAGES[:4])[1], vae.decode(z), vae.predict(IMAGES[:4])))
    for one, other in zip(*answers, strict=True):
        assert np.abs(one - other).max() > 1e-3


def test_a_beta_outside_of_training_is_rejected():
    vae = variant("conditioned")
    with pytest.raises(ValueError, match=r"beta is 9\.0, expected one from 0\.5 to 8"):
        vae.beta = 9.0
    assert vae.beta == 1.0


# --- what all of them keep -----------------------------------------------------------------------


@EACH
def test_what_is_reported_is_the_plain_vaes(name):
    vae = variant(name)
    result = vae.evaluate(IMAGES, verbose=0, return_dict=True)
    kl = np.mean(elbo.gaussian_kl(*vae.encode(IMAGES)))
    assert result["kl"] == pytest.approx(kl, rel=1e-4)
    assert result["elbo"] == pytest.approx(-result["reconstruction"] - result["kl"], rel=1e-5)


@EACH
def test_it_trains_saves_and_goes_on_where_it_was(name, tmp_path):
    vae = variant(name)
    before = vae.evaluate(IMAGES, verbose=0, return_dict=True)["elbo"]
    vae.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
    vae.fit(IMAGES, batch_size=20, epochs=2, verbose=0)
    assert vae.evaluate(IMAGES, verbose=0, return_dict=True)["elbo"] > before
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert type(loaded) is type(vae)
    for own in VARIANTS[name][1]:
        assert getattr(loaded, own) == getattr(vae, own)
    assert float(steps_taken(loaded)) == 12
    np.testing.assert_allclose(loaded.reconstruct(IMAGES), vae.reconstruct(IMAGES), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        ("annealed", ("kl_warm_up",)),
        ("free bits", ("free_bits_per_dimension",)),
        ("capacity", ("capacity",)),
    ],
)
def test_the_audit_knows_it_by_name(name, variants):
    cls, settings = VARIANTS[name]
    vae = small(cls, image_shape=TINY.shape[1:], **settings)
    if name == "annealed":
        vae.compile(optimizer="sgd", jit_compile=False)  # at step 0 the weight is 0
    audit = audit_model(vae, TINY)
    assert audit.variants == variants
    assert not audit.is_elbo


def test_the_audit_finds_the_counter_that_a_weight_follows_and_leaves_it_alone():
    vae = compiled(AnnealedVAE, steps=100, image_shape=TINY.shape[1:])
    vae.fit(TINY, batch_size=20, verbose=0)
    audit = audit_model(vae, TINY)
    assert audit.kl_weight == pytest.approx(6 / 100 / 0.5, rel=1e-3)
    assert any("KL's weight follows the variable" in note for note in audit.notes)
    assert float(steps_taken(vae)) == 6


# --- what is rejected ----------------------------------------------------------------------------


class Elsewhere(Prior):
    """A prior with no closed form."""


@pytest.mark.parametrize(
    ("cls", "settings", "words"),
    [
        (AnnealedVAE, {"steps": 0}, "steps is 0, expected a whole number from 1 up"),
        (AnnealedVAE, {"steps": 9, "cycles": 2.5}, "cycles is 2.5"),
        (AnnealedVAE, {"steps": 9, "rise": 0}, "rise is 0, expected a share"),
        (FreeBitsVAE, {"floor": -1}, "floor is -1, expected a finite number of nats"),
        (FreeBitsVAE, {"floor": 1, "prior": Elsewhere()}, "prior is a Elsewhere"),
        (CapacityVAE, {"capacity": float("inf")}, "capacity is inf"),
        (CapacityVAE, {"capacity": 1, "steps": -1}, "steps is -1"),
        (BetaConditionedVAE, {"lowest": 2, "highest": 1}, "lowest is 2 and highest 1"),
    ],
)
def test_wrong_settings_are_rejected_by_name(cls, settings, words):
    with pytest.raises(ValueError, match=words):
        small(cls, **settings)
