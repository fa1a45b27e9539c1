"""Images of any size: what is taken, what is rejected, and cures that cure."""

import re

import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import images as module
from vae_helpers.images import (
    as_float,
    as_uint8,
    batches,
    check_images,
    image_shape_of,
    images_of,
    mean_image,
    range_cure,
    unit_interval,
)

RNG = np.random.default_rng(0)
SHAPES = [(4, 8, 8), (4, 28, 28, 1), (2, 12, 20), (3, 64, 64, 3), (2, 128, 128, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_size_grey_or_colour_is_an_image(shape):
    whole = RNG.integers(0, 256, shape, dtype=np.uint8)
    floats = as_float(whole)
    assert floats.shape == (shape[0], *image_shape_of(whole)) and floats.dtype == np.float32
    np.testing.assert_allclose(unit_interval(whole), floats, atol=1e-7)
    np.testing.assert_array_equal(as_uint8(floats), as_uint8(whole))
    np.testing.assert_allclose(mean_image(whole), floats.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize(
    ("images", "image_shape", "message"),
    [
        (np.zeros((4, 28, 28, 3)), (28, 28, 1), r"expected \(n, 28, 28\).*mean\(axis=-1"),
        (np.zeros((4, 32, 32)), (28, 28, 1), "28 x 28"),
        (np.zeros((4, 784)), (28, 28, 1), r"reshape\(-1, 28, 28\)"),
        (np.zeros((4, 192)), (8, 8, 3), r"reshape\(-1, 8, 8, 3\)"),
        (np.zeros((8, 8, 3)), (8, 8, 3), r"single image.*\[None\]"),
        (np.zeros((28, 28, 1)), None, r"single image.*\[None\]"),
        (np.zeros((28, 28, 3)), None, r"single image.*\[None\]"),
        (np.zeros((4, 3, 64, 64)), None, "np.moveaxis"),
        (np.zeros((4, 64, 64, 4)), None, "transparency"),
        (np.zeros((4, 4096)), None, r"reshape\(-1, 64, 64\)"),
        (np.zeros((400, 3072)), None, r"reshape\(-1, 32, 32, 3\)"),
        (np.zeros((4, 117)), None, r"reshape\(-1, height, width\)"),
        (np.zeros((4, 32, 32)), (32, 32, 3), r"np\.repeat\(mine\.reshape\(-1, 32, 32, 1\), 3"),
    ],
)
def test_a_wrong_shape_is_rejected_with_the_cure(images, image_shape, message):
    with pytest.raises(ValueError, match=f"^mine has shape .*{message}"):
        check_images(images, "mine", image_shape)


PICTURES = RNG.uniform(0, 1, (6, 9, 9)).round(3)
OUT_OF_RANGE = {
    "0 to 255": PICTURES * 255,
    "0 to 5.1": PICTURES * 5.1,
    "0 to 2": PICTURES * 2,
    "0 to 1000": PICTURES * 1000,
    "-1 to 1": PICTURES * 2 - 1,
    "-0.2 to 0.8": PICTURES - 0.2,
    "standardised": (PICTURES - PICTURES.mean()) / PICTURES.std(),
    "standardised, 0.09 to 1.51 by (x + 1) / 2": PICTURES * 2.84 - 0.82,
    "-128 to 127": PICTURES * 255 - 128,
    "round-off": PICTURES * 1.0002 - 1e-4,
}
COUNTED = {
    "int64 to 255": (PICTURES * 255).astype("int64"),
    "zeros and ones": (PICTURES > 0.5).astype("int32"),
    "truth values": PICTURES > 0.5,
    "16 bits": (PICTURES * 65535).astype("uint16"),
    "signed": (PICTURES * 255).astype("int64") - 128,
    "signed bytes": ((PICTURES * 255).astype("int64") - 128).astype("int8"),
}


@pytest.mark.parametrize("kind", OUT_OF_RANGE)
def test_the_cure_that_is_printed_is_accepted_and_keeps_the_contrast(kind):
    broken = OUT_OF_RANGE[kind]
    with pytest.raises(ValueError, match="expected 0 to 1") as error:
        check_images(broken, "mine")
    words, cure = range_cure(broken.min(), broken.max(), "mine")
    assert words in str(error.value)
    check_images(cure(broken))
    assert np.ptp(cure(broken)) > 0.45
    code = re.search(r"np\.clip\(.*\)|mine / 255|\(mine .*?\) / (2|\(.*?\)\)+)", words)[0]
    code = code if code.count("(") == code.count(")") else code[:-1]
    np.testing.assert_allclose(eval(code, {"np": np, "mine": broken}), cure(broken))


@pytest.mark.parametrize("kind", COUNTED)
def test_the_cure_of_another_dtype_is_accepted_and_keeps_the_contrast(kind):
    with pytest.raises(ValueError, match="dtype") as error:
        check_images(COUNTED[kind], "mine")
    code = re.search(r"mine(\.astype\(\S+\)| / 65535)|np\.interp\(.*\)\)", str(error.value))[0]
    mended = eval(code, {"mine": COUNTED[kind], "np": np})
    check_images(mended)
    assert np.ptp(as_float(mended)) > 0.9


def test_batches_are_bounded_by_their_values_and_lose_nothing():
    small, large = np.zeros((5000, 28, 28), np.uint8), np.zeros((70, 128, 128, 3), np.uint8)
    assert [len(part) for part in batches(small)] == [2048, 2048, 904]
    sizes = [part.size for part in batches(large)]
    assert sum(sizes) == large.size and max(sizes) <= module.BATCH_VALUES
    inputs = {"images": small[:10], "labels": np.arange(10)}
    parts = list(batches(inputs, 4))
    assert [len(images_of(part)) for part in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([p["labels"] for p in parts]), np.arange(10))


def test_a_graph_that_does_not_know_the_rank_is_told_the_shape():
    step = tf.function(
        lambda x: unit_interval(x, (8, 8, 1)), input_signature=[tf.TensorSpec(None, tf.uint8)]
    )
    for shape in ((2, 8, 8), (2, 8, 8, 1)):
        assert step(np.full(shape, 255, np.uint8)).shape == (2, 8, 8, 1)
