"""The clinic of notebook 06: its own sick code fails its checks, and each cure passes."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from coursetools import notebooks

from vae_helpers.audit import audit_loss
from vae_helpers.elbo import bernoulli_log_likelihood, elbo, gaussian_kl
from vae_helpers.exercises import nb06, timing
from vae_helpers.exercises.question import questions
from vae_helpers.exercises.solutions import nb06 as solutions

NOTEBOOK = notebooks.read(notebooks.NOTEBOOKS / "06_clinic.ipynb")
SAMPLERS = ("fresh_noise", "noise_for_each", "half_the_log")

# What the check says of each sick version: words that no other patient's verdict has.
DIAGNOSES = {
    "pixels_summed": "a mean over pixels",
    "kl_per_image": "pays for all of them",
    "latents_summed": "a mean over latent dimensions",
    "log_sign": "rewards ever smaller variances",
    "log_variance": "taken for sigma and squared",
    "counted_once": "stands in there twice",
    "one_sigmoid": "has been through one already",
    "image_range": "a pixel of -1",
    "finite_everywhere": "tanh below 0 has no logarithm",
    "fresh_noise": "multiplied with nothing random",
    "noise_for_each": "share one number",
    "half_the_log": "the half is missing",
    "warm_up": "read once, while the graph is built",
    "night_shift": "as it came in",
}


def patients():
    """Question name -> the sick function or class, from the notebook's cells tagged `patient`."""
    names = {
        "tf": tf,
        "np": np,
        "keras": keras,
        "gaussian_kl": gaussian_kl,
        "bernoulli_log_likelihood": bernoulli_log_likelihood,
        "__name__": "clinic",
    }
    sick = []
    for cell in NOTEBOOK.cells:
        if "patient" in cell.metadata.get("tags", []):
            known = set(names)
            exec(cell.source, names)
            (new,) = (name for name in names if name not in known and name != "__builtins__")
            sick.append(names[new])
    return dict(zip((q.name for q in questions(nb06)), sick, strict=True))


SICK = patients()
LOSSES = [name for name in SICK if name not in (*SAMPLERS, "warm_up")]


def random_batch(seed=0):
    rng = np.random.default_rng(seed)
    arrays = (
        rng.uniform(size=(5, 28, 28, 1)),
        rng.normal(size=(5, 28, 28, 1)),
        rng.normal(size=(5, 8)),
        rng.uniform(-2, 1, size=(5, 8)),
    )
    return [tf.constant(array, tf.float32) for array in arrays]


def healthy_loss(*batch):
    return -tf.reduce_mean(elbo(*batch))


def sections():
    """Text of each patient's section, by number."""
    text = "\n".join(cell.source for cell in NOTEBOOK.cells if cell.cell_type == "markdown")
    parts = re.split(r"^### Patient (\d+)", text, flags=re.MULTILINE)[1:]
    return dict(zip(map(int, parts[::2]), parts[1::2], strict=True))


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine has time for TensorFlow's first call."""
    monkeypatch.setattr(timing, "LIMIT", 10.0)


@pytest.mark.parametrize("name", SICK)
def test_the_sick_version_is_told_its_own_mistake(name):
    verdict = getattr(nb06, name).judge(SICK[name])
    assert verdict.status == "wrong"
    fits = [other for other, words in DIAGNOSES.items() if words in verdict.message]
    assert fits == [name], verdict.message


@pytest.mark.parametrize("name", SICK)
def test_the_cure_passes(name):
    question = getattr(nb06, name)
    for cure in (question.answer, getattr(solutions, name)):
        verdict = question.judge(cure)
        assert verdict, verdict.message


@pytest.mark.parametrize("name", LOSSES)
def test_a_sick_loss_is_sick_in_the_graph_of_fit(name):
    batch = random_batch()
    in_graph = float(tf.function(SICK[name])(*batch))
    assert not np.isclose(in_graph, healthy_loss(*batch), rtol=1e-4)
    assert np.isclose(in_graph, SICK[name](*batch), rtol=1e-4, equal_nan=True)


@pytest.mark.parametrize("name", LOSSES)
def test_the_cured_loss_is_the_healthy_one(name):
    batch = random_batch(1)
    cured = getattr(solutions, name)
    assert np.isclose(float(tf.function(cured)(*batch)), healthy_loss(*batch), rtol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_the_audit_finds_fault_with_each_sick_loss(name):
    audit = audit_loss(SICK[name], latent_dim=8)
    assert audit.mistakes and not audit.is_elbo
    assert audit.in_graph is None  # the same under fit as in eager code


def test_the_warm_up_is_sick_under_fit_only():
    loss, batch = SICK["warm_up"](), random_batch()
    in_graph = tf.function(loss)
    first = float(in_graph(*batch))
    loss.set(1.0)
    assert np.isclose(loss(*batch), healthy_loss(*batch), rtol=1e-4)
    assert float(in_graph(*batch)) == first < healthy_loss(*batch)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sick_sampler_draws_another_width_or_dependence(name):
    z_mean = tf.zeros((4000, 8))
    z_log_var = tf.fill(z_mean.shape, -2.0)
    noise = (tf.function(SICK[name])(z_mean, z_log_var) / np.exp(-1.0)).numpy()
    covariance = np.cov(noise.T)
    assert not np.allclose(covariance, np.eye(8), atol=0.2)


def test_there_are_twelve_patients_or_more_each_with_a_source():
    assert len(sections()) >= 12
    reading = next(
        cell.source for cell in reversed(NOTEBOOK.cells) if "Further reading" in cell.source
    )
    for number, text in sections().items():
        cited = re.search(r"\*([\w.-]+/[\w.-]+), (?:issue|pull request) \d+", text)
        assert cited, f"patient {number} cites no issue"
        assert cited[1] in reading, f"{cited[1]} is missing from the further reading"


def test_every_patient_is_trained_examined_and_has_a_guess():
    code = "\n".join(cell.source for cell in NOTEBOOK.cells if cell.cell_type == "code")
    for name, sick in SICK.items():
        admission = rf"admit\w*\((?:draw=)?{sick.__name__}(?:\(\))?\)"
        assert re.search(admission, code), f"{sick.__name__} is never admitted"
        assert f"nb06.{name}" in code
    text = "\n".join(cell.source for cell in NOTEBOOK.cells if cell.cell_type == "markdown")
    assert text.count("> **Your guess.**") >= 12


def test_two_or_more_are_sick_in_the_sampling():
    assert len(SAMPLERS) >= 2 and set(SAMPLERS) < set(SICK)
