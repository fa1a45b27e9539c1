"""Corruptions do what they say: how much, where, and on copies."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from vae_helpers.corruptions import CORRUPTIONS, blot, blur, break_strokes, speckle
from vae_helpers.data.synthetic import synthetic_letters

FUNCTIONS = [function for function, _ in CORRUPTIONS.values()]
SEEDED = [speckle, break_strokes, blot]


def flat(grey, n=40):
    return np.full((n, 28, 28), grey, "float32")


@pytest.fixture(scope="module")
def letters():
    return synthetic_letters(60, seed=0)[0]


# --- what all of them keep ---------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_corrupted_images_are_images_and_the_originals_stay(function, letters):
    whole, floats = letters.copy(), (letters / 255).astype("float32")[..., None]
    corrupted = function(whole, 2 if function is not speckle else 0.2)
    assert corrupted.shape == (60, 28, 28, 1) and corrupted.dtype == np.float32
    assert corrupted.min() >= 0 and corrupted.max() <= 1
    np.testing.assert_array_equal(whole, letters)
    before = floats.copy()
    again = function(floats, 2 if function is not speckle else 0.2)
    np.testing.assert_array_equal(floats, before)
    np.testing.assert_allclose(again, corrupted, atol=1e-6)
    assert np.all(np.any(corrupted != floats, axis=(1, 2, 3))), "every image is changed"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_strength_is_no_corruption(function, letters):
    np.testing.assert_allclose(function(letters, 0)[..., 0], letters / 255, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (9, 20, 1), (64, 48, 3)])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_of_any_size_and_colour_are_corrupted(name, shape):
    function, strengths = CORRUPTIONS[name]
    images = np.random.default_rng(0).integers(80, 180, (12, *shape), dtype=np.uint8)
    corrupted = function(images, strengths[1])
    assert corrupted.shape == (12, *shape, 1)[:4]
    difference = corrupted - images.reshape(corrupted.shape) / 255
    share = (np.abs(difference) > 1e-6).any(axis=-1).mean()
    assert share > 0.9 if name == "blur" else 0.01 < share < 0.6
    if name != "blur":  # black or white, in all channels
        hit = (np.abs(difference) > 1e-6).any(axis=-1)
        assert set(np.unique(corrupted[hit])) <= {0.0, 1.0}


@pytest.mark.parametrize("function", SEEDED)
def test_a_seed_repeats_the_corruption_and_another_gives_another(function, letters):
    strength = 0.2 if function is speckle else 3
    first = function(letters, strength, seed=1)
    np.testing.assert_array_equal(function(letters, strength, seed=1), first)
    assert np.any(function(letters, strength, seed=2) != first)


@pytest.mark.parametrize("function", SEEDED)
def test_each_image_is_corrupted_in_its_own_way(function):
    corrupted = function(flat(0.5), 0.2 if function is speckle else 3)
    assert len(np.unique(corrupted.reshape(40, -1), axis=0)) == 40


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_three_strengths_do_more_and_more(name, letters):
    function, strengths = CORRUPTIONS[name]
    clean = letters[..., None] / 255
    errors = [np.mean((function(letters, strength) - clean) ** 2) for strength in strengths]
    assert len(errors) == 3 and 0.001 < errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize(
    "function, bad",
    [
        (speckle, -0.1),
        (speckle, 1.1),
        (break_strokes, -1),
        (break_strokes, 29),
        (blot, -1),
        (blot, 29),
        (blur, -0.5),
        (blur, 15),
        *((function, np.nan) for function in FUNCTIONS),
    ],
)
def test_a_strength_out_of_range_is_rejected(function, bad, letters):
    with pytest.raises(ValueError, match="strength is .*, expected a .*, 0 to "):
        function(letters, bad)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_bad_images_are_rejected(function):
    with pytest.raises(ValueError, match="divide by 255"):
        function(np.full((2, 28, 28), 200.0), 1)


# --- what each of them does --------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.05, 0.3, 1.0])
def test_speckle_hits_as_many_pixels_as_it_says_and_turns_half_of_them_white(strength):
    corrupted = speckle(flat(0.5, 100), strength)
    hit = corrupted[corrupted != 0.5]
    pixels = corrupted.size
    assert abs(hit.size / pixels - strength) <= 4 * np.sqrt(strength * (1 - strength) / pixels)
    assert set(np.unique(hit)) == {0.0, 1.0}
    assert abs(hit.mean() - 0.5) < 4 * 0.5 / np.sqrt(hit.size)


def test_a_broken_stroke_is_one_dark_straight_bar_two_pixels_wide():
    cut = break_strokes(flat(0.8), 1)[..., 0]
    assert set(np.unique(cut)) == {0.0, np.float32(0.8)}
    directions = []
    for picture in cut:
        rows, columns = np.nonzero(picture == 0)
        points = np.stack([rows, columns], axis=1) - [rows.mean(), columns.mean()]
        _, _, (along, across) = np.linalg.svd(points, full_matrices=False)
        assert np.ptp(points @ across) < 2.3 and np.ptp(points @ along) > 20
        width = len(points) / np.ptp(points @ along)
        assert width == pytest.approx(2, abs=0.35)
        directions.append(np.arctan2(*along) % np.pi)
    assert np.histogram(directions, bins=4, range=(0, np.pi))[0].min() > 0, "and runs any way"


def test_bars_only_darken_and_blots_only_brighten(letters):
    clean = letters[..., None] / np.float32(255)
    assert np.all(break_strokes(letters, 3) <= clean)
    assert np.all(blot(letters, 3) >= clean)


def test_bars_cut_through_where_the_ink_is(letters):
    """A bar beside the letter would leave nothing to repair."""
    inked = letters > 128
    cut = break_strokes(letters, 3)[..., 0] < 0.5
    assert np.mean((inked & cut).sum(axis=(1, 2)) > 0) > 0.95


def test_a_blot_is_a_white_disc_of_radius_three():
    blots = blot(flat(0.0), 1)[..., 0]
    assert set(np.unique(blots)) == {0.0, 1.0}
    for picture in blots:
        rows, columns = np.nonzero(picture)
        assert len(rows) == pytest.approx(9 * np.pi, abs=5)
        centre = rows.mean(), columns.mean()
        assert np.hypot(rows - centre[0], columns - centre[1]).max() <= 3.5
        assert min(centre) >= 3 and max(centre) <= 25, "none is cut off by the border"


@pytest.mark.parametrize("function", [break_strokes, blot])
def test_three_bars_or_blots_are_more_than_one(function):
    grey = flat(0.5, 300)
    areas = [np.mean(function(grey, number) != 0.5) for number in (1, 3)]
    assert 2 * areas[0] < areas[1] < 3.01 * areas[0]


def test_blur_is_scipys_filter_of_each_picture_alone(letters):
    blurred = blur(letters, 1.5)
    for picture, original in zip(blurred[:5, ..., 0], letters[:5], strict=True):
        expected = gaussian_filter((original / 255).astype("float32"), 1.5)
        np.testing.assert_allclose(picture, expected, atol=1e-5)
    alone = np.zeros((3, 28, 28), "float32")
    alone[1] = 1.0
    np.testing.assert_allclose(blur(alone, 2)[..., 0], alone, atol=1e-6)
