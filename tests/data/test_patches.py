"""Folders to practise on: patches of shipped photographs, split by photograph; images as files."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from vae_helpers.data import (
    PHOTOGRAPHS,
    colour_letters,
    hold_out,
    load_folder,
    patches,
    shipped_photographs,
    synthetic_letters,
    write_folder,
    write_patches,
)

OF_SKLEARN = [photograph for photograph in PHOTOGRAPHS if photograph.package == "sklearn"]


def pictures(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.png"))}


# --- photographs that packages ship ----------------------------------------------------------


def test_the_two_photographs_of_a_required_package_are_there():
    assert {"china", "flower"} <= {photograph.name for photograph in shipped_photographs()}


def test_every_photograph_names_its_author_licence_and_source():
    for photograph in PHOTOGRAPHS:
        assert photograph.author and photograph.source
        assert photograph.licence in ("CC BY 2.0", "CC0", "public domain")


def test_all_photographs_are_found_where_their_package_is():
    for photograph in PHOTOGRAPHS:
        installed = importlib.util.find_spec(photograph.package) is not None
        assert (photograph in shipped_photographs()) == installed


def test_without_scikit_image_the_others_remain(monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "skimage" else find(name)
    )
    assert shipped_photographs() == tuple(OF_SKLEARN)
    folder = write_patches(tmp_path / "patches", each=2)
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["china", "flower"]
    with pytest.raises(FileNotFoundError, match="chelsea.*skimage.*pip install scikit-image"):
        write_patches(tmp_path / "more", photographs=PHOTOGRAPHS[:4])


def test_patches_are_colour_images_of_one_size_in_a_subfolder_a_photograph(tmp_path):
    folder = write_patches(tmp_path / "patches", each=7, side=32, photographs=OF_SKLEARN)
    data = load_folder(folder, size=32)
    assert data.class_names == ("china", "flower")
    assert data.train_images.shape[1:] == (32, 32, 3)
    assert len(data.train_images) + len(data.test_images) == 14


def test_the_same_arguments_give_the_same_files_and_another_seed_does_not(tmp_path):
    first, again, other = (
        pictures(write_patches(tmp_path / name, 3, 16, OF_SKLEARN, seed))
        for name, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    assert first == again
    assert first.keys() == other.keys() and all(first[name] != other[name] for name in first)


def test_a_patch_is_a_piece_of_its_photograph(tmp_path, monkeypatch):
    """At its own size, so that every pixel of a patch can be looked up."""
    monkeypatch.setattr(patches, "LARGEST_CUT", 1.0)
    folder = write_patches(tmp_path / "patches", each=2, side=24, photographs=OF_SKLEARN[:1])
    whole = np.asarray(Image.open(OF_SKLEARN[0].path).convert("RGB"), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(whole.mean(axis=-1), (24, 24))
    for file in folder.rglob("*.png"):
        patch = np.asarray(Image.open(file), np.float32).mean(axis=-1)
        # Its place is between whole pixels: the mean and the corners are near those of a window.
        near = np.abs(windows.mean(axis=(2, 3)) - patch.mean()) < 3
        assert np.abs(windows[near] - patch).mean(axis=(1, 2)).min() < 12


def test_photographs_are_not_on_both_sides_of_the_split(tmp_path):
    folder = write_patches(tmp_path / "patches", each=20, side=16, photographs=OF_SKLEARN)
    by_patch = load_folder(folder, size=16)
    assert {*by_patch.train_labels} == {*by_patch.test_labels} == {0, 1}  # what goes wrong
    data = hold_out(by_patch, ["flower"])
    assert {*data.train_labels} == {0} and {*data.test_labels} == {1}
    assert len(data.train_images) == len(data.test_images) == 20
    flower = {file.read_bytes() for file in (folder / "flower").glob("*.png")}
    assert len(flower) == 20
    held = {image.tobytes() for image in data.test_images}
    files = (folder / "flower").glob("*.png")
    assert held == {np.asarray(Image.open(file)).tobytes() for file in files}
    assert "tested on flower" in data.source


@pytest.mark.parametrize("classes", [[], ["china", "flower"], ["rose"], "flower"])
def test_holding_out_nothing_everything_or_what_is_not_there_is_rejected(tmp_path, classes):
    data = load_folder(write_patches(tmp_path / "p", 3, 16, OF_SKLEARN), size=16)
    with pytest.raises(ValueError, match="expected some of china, flower"):
        hold_out(data, classes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"each": 0}, "each is 0"),
        ({"side": 4}, "side 4"),
        ({"side": 1000}, "china.jpg is 427 pixels wide, expected at least side=1000"),
    ],
)
def test_wrong_arguments_are_named_and_leave_nothing(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_patches(tmp_path / "p", **({"photographs": OF_SKLEARN} | arguments))
    assert not list(tmp_path.iterdir())


# --- a folder is whole or not there ----------------------------------------------------------


def test_what_is_interrupted_leaves_no_folder(tmp_path, monkeypatch):
    def stop_at_the_third(*arguments):
        yield from [np.zeros((16, 16, 3), np.uint8)] * 2
        raise KeyboardInterrupt

    monkeypatch.setattr(patches, "_patches", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        write_patches(tmp_path / "p", 5, 16, OF_SKLEARN)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_the_same_arguments_is_left_alone_and_any_other_is_not_touched(tmp_path):
    folder = write_patches(tmp_path / "p", 2, 16, OF_SKLEARN)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert write_patches(folder, 2, 16, OF_SKLEARN) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    mine = tmp_path / "holiday"
    mine.mkdir()
    (mine / "beach.png").write_bytes(b"mine")
    for other, each in ((mine, 2), (folder, 3)):
        with pytest.raises(FileExistsError, match="name another folder"):
            write_patches(other, each, 16, OF_SKLEARN)
    assert (mine / "beach.png").read_bytes() == b"mine"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_images_written_as_a_folder_are_loaded_bit_for_bit(tmp_path):
    images, labels, _ = colour_letters(26, side=20)
    names = [chr(65 + k) for k in range(26)]
    folder = write_folder(tmp_path / "letters", images, labels % 2, names)
    data = load_folder(folder, size=20)
    assert data.class_names == ("A", "B")
    loaded = [*data.train_images, *data.test_images]
    assert sorted(image.tobytes() for image in loaded) == sorted(i.tobytes() for i in images)
    assert write_folder(folder, images, labels % 2, names) == folder
    with pytest.raises(FileExistsError):
        write_folder(folder, images[::-1], labels % 2, names)
    with pytest.raises(ValueError, match=r"expected \(26,\)"):
        write_folder(tmp_path / "short", images, labels[:5], names)


@pytest.mark.parametrize("shape", [(4, 8, 8), (4, 8, 8, 1)])
def test_grey_images_and_a_class_with_a_slash_become_a_folder_as_well(tmp_path, shape):
    images = np.arange(256, dtype=np.uint8).reshape(shape)
    folder = write_folder(tmp_path / "own", images, [0, 0, 1, 1], ["Bag", "T-shirt/top"])
    data = load_folder(folder, size=8)
    assert data.class_names == ("Bag", "T-shirt-top")
    loaded = [*data.train_images, *data.test_images]
    assert sorted(image.tobytes() for image in loaded) == sorted(i.tobytes() for i in images)


# --- letters in colour ------------------------------------------------------------------------


def test_letters_grow_with_the_side():
    small, labels, _ = synthetic_letters(40, seed=1, noise=0.0)
    large, same, _ = synthetic_letters(40, seed=1, noise=0.0, side=56)
    np.testing.assert_array_equal(labels, same)
    halved = large.reshape(40, 28, 2, 28, 2).mean(axis=(2, 4))
    assert np.abs(halved - small).mean() < 4  # of 255: the same letter, but for its edge
    assert (large > 250).mean() > (small > 250).mean()  # the edge is one pixel wide in both


def test_colour_letters_are_repeatable_and_made_from_their_factors():
    images, labels, factors = colour_letters(30, seed=2, side=32)
    again, _, _ = colour_letters(30, seed=2, side=32)
    np.testing.assert_array_equal(images, again)
    assert images.shape == (30, 32, 32, 3) and images.dtype == np.uint8 and labels.shape == (30,)
    assert {"ink_hue", "paper_hue", "light", "slant"} <= factors.keys()
    darkest = images.reshape(30, -1, 3).max(axis=-1).min(axis=1) / 255
    assert np.corrcoef(darkest, factors["ink_value"])[0, 1] > 0.9


def test_grain_is_as_wide_as_it_says_and_changes_nothing_else():
    clean, _, _ = colour_letters(40, side=32, grain=0.0, paper_value=0.8, light=0.0)
    noisy, _, _ = colour_letters(40, side=32, grain=0.03, paper_value=0.8, light=0.0)
    difference = (noisy.astype(float) - clean) / 255
    assert abs(difference.mean()) < 1e-3
    assert difference.std() == pytest.approx(0.03, rel=0.02)


def test_a_colour_can_be_fixed():
    red, _, factors = colour_letters(5, side=32, grain=0, ink_hue=0.0, light=0.0, labels=8)
    assert (factors["ink_hue"] == 0).all()
    ink = red.reshape(5, -1, 3)[np.arange(5), red.reshape(5, -1, 3).sum(axis=-1).argmin(axis=1)]
    assert (ink[:, 0] > 2 * ink[:, 1]).all() and (ink[:, 1] == ink[:, 2]).all()
    with pytest.raises(ValueError, match="unknown factor 'smell'"):
        colour_letters(5, smell=1)
