"""The clinic of notebook 06: its own sick code fails its checks, and each cure passes."""

import ast
import inspect
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from coursetools import notebooks

from vae_helpers.audit import audit_loss
from vae_helpers.elbo import bernoulli_log_likelihood, elbo, gaussian_kl
from vae_helpers.exercises import clinic, nb06, patients, timing
from vae_helpers.exercises.question import questions
from vae_helpers.exercises.solutions import nb06 as solutions

MAIN = notebooks.read(notebooks.NOTEBOOKS / "06_clinic.ipynb")
RARER = notebooks.read(notebooks.NOTEBOOKS / "deeper" / "06_rarer_patients.ipynb")
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


def sick_code():
    """Question name -> the sick function or class, from the notebooks' cells tagged `patient`."""
    names = {
        "tf": tf,
        "np": np,
        "keras": keras,
        "gaussian_kl": gaussian_kl,
        "bernoulli_log_likelihood": bernoulli_log_likelihood,
        "__name__": "clinic",
    }
    found = {}
    for cell in [*MAIN.cells, *RARER.cells]:
        if "patient" in cell.metadata.get("tags", []):
            known = set(names)
            exec(cell.source, names)
            (new,) = (name for name in names if name not in known and name != "__builtins__")
            found[new] = names[new], cell.source
    asked = [question.name for question in questions(nb06)]
    order = [patient.__name__ for patient in patients.PATIENTS.values()]
    assert sorted(found) == sorted(order)
    return {question: found[name] for question, name in zip(asked, order, strict=True)}


SICK = {question: code for question, (code, _) in sick_code().items()}
SOURCES = {code.__name__: source for code, source in sick_code().values()}
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
    found = {}
    for notebook in (MAIN, RARER):
        parts = re.split(r"^##+ (?:\d+\. )?Patients? (\d+)", prose(notebook), flags=re.MULTILINE)[
            1:
        ]
        found |= dict(zip(map(int, parts[::2]), parts[1::2], strict=True))
    return found


def prose(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


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


@pytest.mark.parametrize("name", SOURCES)
def test_the_code_that_is_shown_is_the_code_that_was_trained(name):
    trained = inspect.getsource(getattr(patients, name))
    assert ast.dump(ast.parse(SOURCES[name])) == ast.dump(ast.parse(trained))


@pytest.mark.parametrize("notebook", [MAIN, RARER])
def test_the_healthy_loss_that_is_shown_is_the_one_that_was_trained(notebook):
    shown = re.search(
        r"^def healthy_loss.*?(?=^\S|\Z)", code_of(notebook), re.DOTALL | re.MULTILINE
    )
    if shown:
        trained = inspect.getsource(patients.healthy_loss)
        assert ast.dump(ast.parse(shown[0])) == ast.dump(ast.parse(trained))


def test_every_patient_has_a_section_with_a_source():
    numbers = {number for number in patients.PATIENTS if number != "unknown"}
    assert numbers - {13} == set(sections())  # 12 and 13 share theirs
    assert len(numbers) >= 12
    for notebook in (MAIN, RARER):
        text, reading = prose(notebook).split("Further reading")
        cited = set(re.findall(r"\*([\w.-]+/[\w.-]+), (?:issues?|pull request) \d+", text))
        assert cited and not [one for one in cited if one not in reading]


def test_symptoms_come_before_the_code_and_a_guess_before_the_answer():
    assert prose(MAIN).count("> **Your guess.**") + prose(RARER).count("> **Your guess.**") >= 12
    for notebook in (MAIN, RARER):
        before = ""
        for cell in notebook.cells:
            if "patient" in cell.metadata.get("tags", []):
                (name,) = re.findall(r"^(?:def|class) (\w+)", cell.source, re.MULTILINE)[:1]
                assert "ward.order(" in before, f"{name} is read before it was examined"
                assert f"{name}(" not in before
            elif cell.cell_type == "code":
                before += cell.source
    for question in questions(nb06):
        assert f"nb06.{question.name}" in code_of(MAIN) + code_of(RARER)


def test_a_patient_keeps_honest_books_in_its_log():
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1)).astype("uint8")

    def honest(images, z_mean, z_log_var, decoder):
        logits = decoder(z_mean + tf.exp(0.5 * z_log_var) * tf.random.normal(tf.shape(z_mean)))
        return gaussian_kl(z_mean, z_log_var) - bernoulli_log_likelihood(images, logits)

    ward = clinic.Clinic(images, images, 1, honest, learning_rate=4e-3)
    for name, code in {"loss": patients.counted_twice, "sampler": patients.unused_noise}.items():
        vae = ward.admit(name, code, batch_size=2)
        assert ward.admit(name) is vae
        assert vae.log["batch"] == [0, 10, 20] and {len(v) for v in vae.log.values()} == {3}
    ward.admit("warm-up", patients.WarmUp, batch_size=2, learning_rate=4e-4)
    rates = [float(vae.optimizer.learning_rate) for vae in ward.models.values()]
    assert np.allclose(rates, [4e-3, 4e-3, 4e-4])
    last = ward.models["loss"].last
    assert np.isclose(last("loss"), last("reconstruction") + 2 * last("kl"), rtol=1e-4)
    last = ward.models["sampler"].last
    assert np.isclose(last("loss"), -last("elbo"), rtol=1e-4)
    with pytest.raises(ValueError, match="no 'x-ray' here, expected one of books, log"):
        ward.order("x-ray", "loss")


def test_two_or_more_are_sick_in_the_sampling():
    assert len(SAMPLERS) >= 2 and set(SAMPLERS) < set(SICK)
