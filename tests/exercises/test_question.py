"""The framework of the exercises: blanks, time, shapes, and what is said of a wrong number."""

import random
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from vae_helpers.exercises import ____
from vae_helpers.exercises.losses import codes
from vae_helpers.exercises.question import Mistake, Question


def kl(z_mean, z_log_var):
    return np.sum(0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var), axis=1)


def value():
    return 1


def price(z_mean, z_log_var):
    return np.sum(z_mean, axis=1)


def solutions():
    return SimpleNamespace(price=price, value=value)


def function_question(**settings):
    arguments = {
        "variable": "my_kl",
        "hint": "Think.",
        "answer": kl,
        "inputs": codes,
        "outcome": "One number for each image.",
    }
    return Question("price", "The KL.", **{**arguments, **settings})


def value_question(answer, **settings):
    arguments = {"variable": "x", "hint": "Think.", "answer": answer}
    return Question("value", "A value.", **{**arguments, **settings})


def said(question, answer):
    verdict = question.judge(answer)
    assert verdict.status == "wrong"
    return verdict.message


# ------------------------------------------------------------------------------- right answers


@pytest.mark.parametrize(
    "answer",
    [
        kl,
        lambda m, v: kl(m, v).tolist(),
        lambda m, v: tf.reduce_sum(0.5 * (m**2 + tf.exp(v) - 1 - v), axis=1),
        lambda m, v: tf.constant(kl(m.numpy(), v.numpy())),  # takes tensors only
        tf.function(lambda m, v: tf.reduce_sum(0.5 * (m**2 + tf.exp(v) - 1 - v), axis=1)),
        lambda *both: kl(*both),
        lambda m, v, beta=1.0: beta * kl(m, v),
    ],
)
def test_a_right_function_is_right_however_it_is_written(answer):
    assert function_question().judge(answer)


@pytest.mark.parametrize(
    "answer", [3.0, 3, np.float32(3), [3.0], np.array([[3.0]]), tf.constant(3)]
)
def test_a_right_number_is_right_in_any_wrapping(answer):
    assert value_question(3.0).judge(answer)


def test_several_values_texts_and_dicts_are_compared_part_by_part():
    assert value_question((1.0, 2.0)).judge(np.array([1.0, 2.0]))
    assert value_question(("low", "high")).judge(["Low", " high"])
    assert value_question({"a": 1.0}).judge({"a": 1.0})
    assert "Your part 2 of 2 has the wrong sign" in said(value_question((1.0, 2.0)), (1.0, -2.0))
    assert "Expected 2 things, got 3" in said(value_question((1.0, 2.0)), (1.0, 2.0, 3.0))
    assert "Your a is exactly twice" in said(value_question({"a": 1.0}), {"a": 2.0})


@pytest.mark.parametrize(("given", "kind"), [({"a": 1, "b": 2}, "a dict"), ({1, 2}, "a set")])
def test_a_dict_or_a_set_is_no_pair_of_numbers_in_order(given, kind):
    question = function_question(answer=lambda z_mean, z_log_var: (1.0, 2.0))
    words = question.judge(lambda z_mean, z_log_var: given).message
    assert words.startswith(f"not yet. Expected 2 things in order, got {kind}.")


def test_an_answer_that_changes_its_inputs_spoils_nothing():
    def greedy(z_mean, z_log_var, times=1.0):
        result = kl(z_mean, z_log_var)
        z_mean *= 0
        return times * result

    question = function_question(mistakes=[Mistake("No half.", wrong=lambda m, v: 2 * kl(m, v))])
    assert question.judge(greedy)
    assert said(question, lambda m, v: greedy(m, v, times=2.0)) == "not yet. No half."


# --------------------------------------------------------------------------- general diagnoses


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda m, v: -kl(m, v), "wrong sign"),
        (lambda m, v: kl(m, v) / 784, "exactly 784 times too small (784 is the number of pixels"),
        (lambda m, v: 2 * kl(m, v), "exactly twice too large"),
        (lambda m, v: 0.5 * kl(m, v), "exactly half"),
        (lambda m, v: -1.7 * kl(m, v), "1.7 times too large, and the sign is wrong"),
        (lambda m, v: kl(m, v) / np.log(2), "between bits and nats"),
        (
            lambda m, v: kl(m, v) / m.shape[1],
            "the size of axis 1 of z_mean: its values are averaged",
        ),
        (lambda m, v: kl(m, v) / m.shape[0], "the size of axis 0 of z_mean"),
        (lambda m, v: kl(m, v) / m.size, "the size of axes 0, 1 of z_mean"),
        (lambda m, v: kl(m, v) + 3, "the same constant everywhere: +3"),
        (lambda m, v: np.sum(kl(m, v)), "has shape (), expected ("),
        (lambda m, v: np.sum(kl(m, v)), "You reduced over the images as well"),
        (lambda m, v: kl(m, v)[:, None], "an axis too many"),
        (lambda m, v: m, "was not added up yet"),
        (lambda m, v: m[0], "You reduced over axis 0"),
        (lambda m, v: np.log(-np.abs(kl(m, v))), "is NaN in"),
        (lambda m, v: np.exp(1e4 + kl(m, v)), "is infinite in"),
        (lambda m, v: None, "It is None. Is a `return` missing?"),
        (lambda m, v: kl, "It is a function, expected numbers: call it."),
        (lambda m, v: "3", "It is a text"),
        (lambda m, v: [[1], [2, 3]], "not a table of numbers"),
        (lambda m, v: 1j * kl(m, v), "It is complex"),
        (lambda m, v: 1.001 * kl(m, v) + 0.001 * m[:, 0], "is close, but off by up to 0.00"),
        (
            lambda m, v: kl(m, v) - np.log(5),
            "the same constant everywhere: -1.609, which is -log 5",
        ),
        (
            lambda m, v: tf.zeros((2, 3)) + tf.zeros((4, 3)),
            "do not fit together: (2, 3) and (4, 3)",
        ),
        (lambda m, v: kl(m, v) + m[:, 0], "expected ["),
        (lambda m: m, "called with 2 arguments, z_mean, z_log_var; yours takes (m)"),
        (3.0, "Expected a function, got float. Hand over the function itself, check(my_kl)"),
        (
            lambda m, v: 1 / 0,
            "It raised ZeroDivisionError: division by zero. It was called with z_",
        ),
    ],
)
def test_the_general_diagnosis_names_what_is_wrong(answer, words):
    assert words in said(function_question(), answer)


def test_right_on_some_inputs_only_is_said_with_the_first_that_fails():
    question = function_question(inputs=lambda rng: (np.arange(2.0), 0.0), answer=lambda x, y: x)
    calls = []

    def sometimes(x, y):
        calls.append(x)
        return x if len(calls) < 3 else x**2 + 1

    assert "is right on 2 of 5 fresh inputs" in said(question, sometimes)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (-18.1, "wrong sign"),
        (181.0, "exactly 10 times too large"),
        (18.1 / np.log(2), "between bits and nats"),
        (18.0, "is close, but off by 0.006 of its size"),
        (7.7, "Your answer, 7.7, is not it."),
        ([1.0, 2.0], "has shape (2,), expected ()"),
        (float("inf"), "infinite"),
        ("18.1", "It is a text"),
        (lambda: 18.1, "It is a function"),
    ],
)
def test_a_wrong_number_is_diagnosed_and_the_right_one_not_betrayed(answer, words):
    message = said(value_question(18.1), answer)
    assert words in message and "18.1" not in message
    assert "18.1" not in said(value_question((1.0, 18.1)), (1.0, answer))


# ------------------------------------------------------------------------------ known mistakes


def test_a_known_mistake_comes_before_the_general_diagnosis():
    mistake = Mistake("No half.", wrong=lambda m, v: 2 * kl(m, v))
    assert (
        said(function_question(mistakes=[mistake]), lambda m, v: kl(m, v) * 2)
        == "not yet. No half."
    )


def test_a_predicate_decides_where_there_is_one_and_one_that_raises_does_not_fit():
    mistakes = [
        Mistake("never", when=lambda answer: 1 / 0),
        Mistake("too large", wrong=5.0, when=lambda answer: answer > 3),
    ]
    question = value_question(3.0, mistakes=mistakes)
    assert said(question, 77.0) == "not yet. too large"
    assert "is not it" in said(question, 1.1)


def test_examine_decides_alone_and_what_it_raises_becomes_words():
    def examine(answer):
        if answer == "boom":
            raise ValueError("no boom")
        return "" if answer == 1 else "It is not one."

    question = value_question(1, examine=examine)
    assert question.judge(1)
    assert said(question, 2) == "not yet. It is not one."
    assert said(question, "boom") == "not yet. It raised ValueError: no boom."


def test_a_question_without_any_answer_is_refused():
    with pytest.raises(ValueError, match="value has no answer"):
        value_question(None)


# -------------------------------------------------------------------------------------- blanks


def test_blanks_swallow_what_a_notebook_does_to_them():
    values = [____ + 1, 1 + ____, -____, ____[0], ____(2), ____.real, ____ > 3, np.exp(____)]
    values += [np.zeros(3) * ____, tf.zeros(3) * ____, ____ @ np.eye(2), np.sum(____, axis=1)]
    assert all(value is ____ for value in values)
    assert f"{____:.2f} {____!r} {____}" == "____ ____ ____"
    with ____ as something:
        assert something is ____


def test_a_check_of_nothing_is_not_attempted_yet():
    assert function_question().check().status == "not attempted"


def test_a_class_with_a_blank_for_its_base_is_a_blank():
    class Mine(____):
        pass

    assert Mine is ____


@pytest.mark.parametrize(
    "answer",
    [
        lambda m, v: ____,
        lambda m, v: tf.reduce_sum(tf.exp(____), axis=1),
        lambda m, v: tf.reduce_sum(0.5 * (m**2 + tf.exp(v) - ____ - v), axis=1),
        lambda m, v: np.sum(0.5 * (m**2 + np.exp(v) - ____ - v), axis=1),
        lambda m, v: tf.reduce_sum(tf.concat([m, [____]], axis=0), axis=1),
        lambda m, v: [value for value in ____],
        lambda m, v: float(____),
        lambda m, v: m if ____ else v,
        tf.function(lambda m, v: tf.exp(____)),
        lambda m, v: (m, ____),
        lambda m, v: ...,
    ],
)
def test_a_blank_anywhere_in_a_function_is_not_attempted_yet(answer):
    assert function_question().judge(answer).status == "not attempted"


# ------------------------------------------------------------------------- time, seeds, printing


def test_an_endless_loop_ends_within_two_seconds_and_does_not_go_on_behind():
    def endless(z_mean, z_log_var):
        while True:
            pass

    before = threading.active_count()
    start = time.monotonic()
    assert "stopped after 2 seconds" in said(function_question(), endless)
    assert time.monotonic() - start < 2.3
    time.sleep(0.2)
    assert threading.active_count() <= before


def test_inputs_are_fresh_and_nobodys_seeds_are_touched():
    seen = []

    def watch(z_mean, z_log_var):
        seen.append(z_mean)
        return kl(z_mean, z_log_var)

    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].copy()
    assert function_question().judge(watch) and function_question().judge(watch)
    assert random.getstate() == before[0]
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    assert len({array.tobytes() for array in seen}) == len(seen) == 10
    assert len({array.shape for array in seen}) > 1


def test_check_prints_one_verdict_and_a_notebook_shows_nothing_more(capsys):
    verdict = value_question(3.0, remark="Three it is.").check(3.0)
    assert capsys.readouterr().out == "value: right. Three it is.\n"
    assert verdict and verdict._ipython_display_() is None


def test_warnings_of_an_answer_do_not_reach_the_page(capsys, recwarn):
    function_question().check(lambda m, v: np.log(-np.ones(len(m))) / 0)
    assert capsys.readouterr().err == "" and len(recwarn) == 0


def test_hint_and_solution_are_printed_and_lines_fit_a_page(capsys):
    question = value_question(1, remark="long words " * 30, solutions=solutions)
    question.hint()
    question.solution()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Hint for value: Think.", "x = 1"]
    assert max(map(len, lines)) <= 100


def test_a_solution_is_printed_under_the_learners_name(capsys):
    function_question(solutions=solutions).solution()
    assert capsys.readouterr().out == (
        "def my_kl(z_mean, z_log_var):\n    return np.sum(z_mean, axis=1)\n"
    )


def raise_import_error(name):
    raise ImportError("gone", name=name)


@pytest.mark.parametrize(
    "missing",
    [
        None,
        SimpleNamespace,  # a module without this question
        lambda: raise_import_error("vae_helpers.exercises.solutions"),
    ],
)
def test_an_edition_without_solutions_says_so_in_one_sentence(missing, capsys):
    question = value_question(1, remark="One it is.", solutions=missing)
    question.solution()
    assert capsys.readouterr().out == "value: this edition of the course comes without solutions.\n"
    assert question.solution_code == ""


def test_another_import_error_is_not_taken_for_a_missing_solution():
    question = value_question(1, solutions=lambda: raise_import_error("tensorflow"))
    with pytest.raises(ImportError, match="gone"):
        question.solution()


def test_use_goes_on_with_a_right_attempt_and_with_the_courses_answer_otherwise(capsys):
    question = function_question()

    def mine(z_mean, z_log_var):
        return kl(z_mean, z_log_var)

    assert question.use(mine) is mine
    assert question.use(____) is kl
    assert question.use(len) is kl
    assert capsys.readouterr().out.splitlines() == [
        "price: going on with your answer",
        "price: going on with the course's own answer",
        "price: going on with the course's own answer",
    ]
