"""Weights in 8 bits: what is put back is what was rounded, and near what was trained."""

import json

import numpy as np
import pytest
import rounded

from vae_helpers.recipes import TWO_DIMENSIONS, build


@pytest.fixture(scope="module")
def vae():
    return build(TWO_DIMENSIONS, np.full((1, 28, 28), 100, np.uint8))


def test_each_weight_is_within_half_a_step(vae):
    hidden = rounded.round_weights(vae)["encoder"][:-1]
    for dense, layer in zip(vae.encoder.network.layers[1:], hidden, strict=True):
        kernel, bias = dense.get_weights()
        again, same = rounded.unpacked(layer)
        step = np.abs(kernel).max(axis=0) / 127
        assert (np.abs(again - kernel) <= 0.5001 * step).all() and (same == bias).all()


def test_what_was_rounded_once_is_rounded_to_itself(vae):
    model = json.loads(json.dumps(rounded.round_weights(vae)))
    other = build(TWO_DIMENSIONS, np.full((1, 28, 28), 9, np.uint8))
    images = np.random.default_rng(0).uniform(size=(4, 28, 28)).astype("float32")
    rounded.put_back(other, model)
    again = rounded.round_weights(other)
    for part in ("encoder", "decoder"):
        for one, two in zip(model[part], again[part], strict=True):
            np.testing.assert_allclose(
                rounded.unpacked(one)[0], rounded.unpacked(two)[0], rtol=1e-6
            )
    rounded.put_back(vae, model)
    for one, two in zip(vae.encode(images), other.encode(images), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
