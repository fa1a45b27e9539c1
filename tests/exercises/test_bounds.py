"""Loopholes that were found in the questions of notebook 02, and answers that are as good."""

import numpy as np
import pytest
import tensorflow as tf

from vae_helpers.exercises import bounds, nb02


def adds_up(r, k, e):
    return np.isclose(e, -(r + k))


GOOD_TESTS = [
    lambda r, k, e: adds_up(r, k, e) & (k >= 0) & (r >= 0),
    lambda r, k, e: np.logical_and.reduce([np.abs(r + k + e) < 0.01, k >= 0, r >= 0]),
    lambda r, k, e: [
        bool(abs(a + b + c) < 1e-2 and a >= 0 and b >= 0) for a, b, c in zip(r, k, e, strict=True)
    ],
]
LOOSE_TESTS = {
    "too wide": [
        lambda r, k, e: (abs(e + r + k) < 13) & (k > 0) & (r > 100),
        lambda r, k, e: (abs(e + r + k) < 0.5) & (k >= 0) & (r >= 0),
        lambda r, k, e: np.isclose(e, -(r + k), rtol=0.03) & (k >= 0) & (r >= 0),
    ],
    "exactly 0": [lambda r, k, e: adds_up(r, k, e) & (k > 0) & (r >= 0)],
    "depends on its size": [lambda r, k, e: adds_up(r, k, e) & (k >= 0) & (r > 100)],
    "above the reconstruction": [lambda r, k, e: adds_up(r, k, e) & (k >= 0) & (r >= k)],
    "signs only": [lambda r, k, e: np.ones(len(r), bool)],
    "use &": [lambda r, k, e: adds_up(r, k, e) and (k >= 0) and (r >= 0)],
}


@pytest.mark.parametrize("test", GOOD_TESTS)
def test_logs_are_judged_right_in_several_ways(test):
    assert all(nb02.honest_logs.judge(test) for _ in range(5))


@pytest.mark.parametrize(
    ("words", "test"), [(words, test) for words, tests in LOOSE_TESTS.items() for test in tests]
)
def test_a_loose_test_of_logs_is_rejected_in_its_own_words(words, test):
    for _ in range(5):
        assert words in nb02.honest_logs.judge(test).message


def test_a_gap_may_be_sampled():
    rng = np.random.default_rng(0)

    def sampled(x):
        z = rng.normal(size=(20_000, 1))
        return np.mean(0.5 * (z - 0.4 * x) ** 2 / 0.2 - 0.5 * z**2 + 0.5 * np.log(0.2), axis=0)

    assert all(nb02.prior_gap.judge(sampled) for _ in range(10))


def test_a_weight_may_be_looked_up_on_a_grid():
    weights = np.linspace(0, 4, 801)

    def on_a_grid(v):
        total = weights[:, None] ** 2 + 1
        return weights[np.argmin(5 / total + v * total, axis=0)]

    assert all(nb02.best_weight.judge(on_a_grid) for _ in range(10))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a, b, c: bounds.bound(a) + b.mean(axis=0) - c.mean(axis=0),
        lambda a, b, c: 1.0005 * bounds.bound(a + b - c),
        lambda a, b, c: bounds.bound(a + b - 2 * c),
    ],
)
def test_a_bound_that_is_a_nat_off_is_no_matter_of_rounding(wrong):
    message = nb02.k_sample_bound.judge(wrong).message
    assert "no rounding" in message and "digits" not in message


def test_a_bound_may_be_written_in_tensorflow():
    def bound(a, b, c):
        return tf.reduce_logsumexp(a + b - c, axis=0) - np.log(len(a))

    assert nb02.k_sample_bound.judge(bound)
