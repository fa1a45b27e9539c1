"""The exercises against a machine: every changed solution is rejected in truthful words.

Each printed solution is changed systematically, one place at a time (mutate.py). A mutant that
computes the same numbers on many fresh inputs is equivalent and has to pass; every other one has
to be rejected. Where a question judges by more than numbers (gradients, noise, graphs),
`EQUIVALENT` names the changes that change nothing, and why.
"""

import importlib
import inspect
import re
import types

import mutate
import numpy as np
import pytest
from coursetools import notebooks as course

from vae_helpers.exercises import diagnose, timing
from vae_helpers.exercises.question import questions

FOLDER = course.ROOT / "vae_helpers" / "exercises"
ALL = [
    (path.stem, question)
    for path in sorted(FOLDER.glob("nb[0-9][0-9]*.py"))
    for question in questions(importlib.import_module(f"vae_helpers.exercises.{path.stem}"))
]
# What a learner must never read: Keras' or TensorFlow's own words, guesses about rounding.
NEVER = re.compile(
    r"Traceback|\[Op:|\{\{|argument \d|More digits|small term|__inference|node \w+/|None, None",
    re.I,
)
# (module, question) -> {beginning of a change: why it changes nothing}
EQUIVALENT = {
    ("nb06", name): {"Add became Sub": "the noise is as often negative as positive"}
    for name in ("fresh_noise", "noise_for_each", "half_the_log")
}
# One number in half precision is off by at most 0.05%: with some inputs as good as rounded by hand.
EQUIVALENT["nb09", "effective_beta"] = {"half precision": "within what rounding is allowed"}
EQUIVALENT["nb14", "files_of_worker"] = {"returns np.asarray": "an array of names is as good"}
# A test that the learner writes: with another threshold or sample size it is as good. What it has
# to find is in test_contracts.py.
TESTERS = {("nb04", "contract_test")}
BEYOND_VALUES = r"gradient|graph|NumPy|numpy|tape|float"
TRIALS = 25
MOST = 60  # mutants of a question: every second or third of a long solution's
MOST_OF_EXAMINED = 15  # where a check takes a second: some layers are built for each


@pytest.fixture(autouse=True)
def patient_and_repeatable(monkeypatch):
    """No hurry, and the same inputs in each run: a mutant may pass by luck with others."""
    draw = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed=0: draw(seed))
    monkeypatch.setattr(timing, "LIMIT", 20.0)


def solution_of(number, question):
    """The function that `solution()` prints, or None where it is a value or a class."""
    module = importlib.import_module(f"vae_helpers.exercises.solutions.{number}")
    found = getattr(module, question.name, None)
    is_function = isinstance(found, types.FunctionType) and takes_something(found)
    return found if is_function and (number, question.name) not in TESTERS else None


def takes_something(function):
    return bool(inspect.signature(function).parameters)


ASKED = [(number, q) for number, q in ALL if solution_of(number, q) is not None]
EACH = pytest.mark.parametrize(
    ("number", "question"), ASKED, ids=[f"{number}.{q.name}" for number, q in ASKED]
)
OF_NUMBERS = pytest.mark.parametrize(
    ("number", "question"),
    [(number, q) for number, q in ASKED if q.inputs is not None],
    ids=[f"{number}.{q.name}" for number, q in ASKED if q.inputs is not None],
)


def computes_the_same(question, mutant, solution):
    """Whether a mutant gives the solution's numbers on many fresh inputs."""
    rng = np.random.default_rng(0)
    for _ in range(TRIALS):
        inputs = tuple(question.inputs(rng))
        try:
            given = mutant(*(np.array(x) if isinstance(x, np.ndarray) else x for x in inputs))
        except Exception:
            return False
        if not diagnose.same(given, solution(*inputs), question.tolerance):
            return False
    return True


def is_known_equivalent(number, question, what):
    known = EQUIVALENT.get((number, question.name), {})
    return any(what.startswith(change) for change in known)


@EACH
def test_every_mutant_of_a_solution_is_rejected_in_truthful_words(number, question):
    solution = solution_of(number, question)
    changed = list(mutate.mutants(solution))
    most = MOST_OF_EXAMINED if question.inputs is None else MOST
    changed = changed[:: 1 + len(changed) // most]
    if question.inputs is not None:
        changed += list(mutate.wrapped(solution))
    passed, words = [], []
    for what, mutant in changed:
        with np.errstate(all="ignore"):
            verdict = question.judge(mutant)
            same = question.inputs is not None and computes_the_same(question, mutant, solution)
        if (
            verdict.status == "right"
            and not same
            and not is_known_equivalent(number, question, what)
        ):
            passed.append(what)
        # The same value may still have lost its gradient, or be had outside a graph only.
        if same and verdict.status != "right" and not re.search(BEYOND_VALUES, verdict.message):
            words.append(f"rejected, but the same: {what}: {verdict.message}")
        if verdict.status == "wrong" and NEVER.search(verdict.message):
            words.append(f"{what}: {verdict.message}")
    assert len(changed) >= 5
    assert not passed, "passed:\n" + "\n".join(passed)
    assert not words, "\n".join(words)


@OF_NUMBERS
def test_the_right_answer_in_another_dress_passes(number, question):
    for name, function in mutate.dressed(solution_of(number, question)):
        if isinstance(question.answer(*question.inputs(np.random.default_rng(0))), tuple | dict):
            continue
        verdict = question.judge(function)
        is_right = verdict.status == "right"
        # A loss that has to train may not turn into NumPy on its way.
        assert is_right or re.search(BEYOND_VALUES, verdict.message), (name, verdict.message)
