"""The loaders: where they look, what they say of it, and what they reject."""

import dataclasses
import os
import tracemalloc
import warnings

import numpy as np
import pytest
from data_files import (
    call_these_the_originals,
    csv_text,
    fashion_files,
    some_images,
    write_fashion_csv,
    write_idx,
    write_letters,
)

from vae_helpers import data, settings
from vae_helpers.data import (
    GARMENTS,
    ImageDataset,
    as_float,
    check_images,
    dataset_from_arrays,
    formats,
    load_fashion_mnist,
    load_letters,
    locate,
)
from vae_helpers.data import dataset as dataset_module

pytestmark = pytest.mark.usefixtures("bare_machine")

KAGGLE_LAYOUTS = ("{slug}", "{owner}/{slug}", "datasets/{owner}/{slug}")
FASHION_ON_KAGGLE = {"owner": "zalando-research", "slug": "fashionmnist"}
LETTERS_ON_KAGGLE = {
    "owner": "sachinpatel21",
    "slug": "az-handwritten-alphabets-in-csv-format",
}


# --- as_float and check_images --------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 28, 28, 1)])
def test_as_float_gives_one_form_for_all_good_images(shape):
    whole = np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)
    floats = as_float(whole)
    assert floats.shape == (3, 28, 28, 1) and floats.dtype == np.float32
    assert floats.min() == 0 and floats.max() == 1
    np.testing.assert_allclose(as_float(floats.astype(np.float64).reshape(shape)), floats)


def test_as_float_shares_no_memory():
    floats = np.zeros((2, 28, 28, 1), np.float32)
    as_float(floats)[:] = 1
    assert floats.max() == 0


GOOD = np.full((4, 28, 28), 0.5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (GOOD.reshape(4, 784), r"shape \(4, 784\).*reshape\(-1, 28, 28\)"),
        (GOOD[0], r"shape \(28, 28\).*single image.*\[None\]"),
        (GOOD[:0], "empty"),
        (GOOD * 255, "from 127.5 to 127.5, expected 0 to 1: divide by 255"),
        (GOOD * 2 - 1.5, r"from -0.5 to -0.5.*\+ 1\) / 2"),
        (
            np.where(np.arange(4)[:, None, None] == 2, np.nan, GOOD),
            "NaN or infinity, first in image 2",
        ),
        (np.where(GOOD > 0, np.inf, 0), "NaN or infinity, first in image"),
        (GOOD.astype(int), r"int64, expected uint8.*astype\('uint8'\)"),
        (GOOD > 0, "dtype bool"),
        (GOOD.astype(str), "dtype <U"),
    ],
)
def test_bad_images_are_rejected_with_the_cure(images, message):
    with pytest.raises(ValueError, match=f"^clothes .*{message}"):
        check_images(images, "clothes")
    with pytest.raises(ValueError):
        as_float(images)


# --- ImageDataset and arrays of one's own ---------------------------------------------------


def test_arrays_of_ones_own_are_split_by_class():
    images, labels = some_images(200, 4)
    dataset = dataset_from_arrays(images, labels, "abcd", name="mine")
    assert len(dataset.train_images) == 168 and len(dataset.test_images) == 32
    assert (np.bincount(dataset.test_labels) == 8).all()
    together = np.concatenate([dataset.train_images, dataset.test_images])
    assert len(np.unique(together.reshape(200, -1), axis=0)) == 200
    assert str(dataset).startswith("mine: 168 training and 32 test images, 4 classes; 200 images")
    assert dataset.title_note == ""


def test_arrays_of_ones_own_may_be_floats_with_a_test_part():
    images, labels = some_images(10, 2)
    dataset = dataset_from_arrays(
        as_float(images), labels.astype(int), "ab", test_images=images[:4], test_labels=labels[:4]
    )
    np.testing.assert_array_equal(dataset.train_images, images)
    np.testing.assert_array_equal(dataset.test_images, images[:4])
    assert dataset.train_labels.dtype == np.uint8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(9, int)}, r"labels has shape \(9,\) for 10 images.*one label"),
        ({"labels": np.full(10, 0.5)}, "dtype float64, expected whole numbers"),
        ({"labels": np.arange(10)}, "run from 0 to 9, expected 0 to 1 for 2 classes"),
        ({"labels": -np.ones(10, int)}, "run from -1"),
        ({"images": GOOD[:0], "labels": np.zeros(0, int)}, "empty"),
        ({"test_images": GOOD}, "belong together"),
    ],
)
def test_arrays_that_do_not_fit_are_rejected(change, message):
    images, labels = some_images(10, 2)
    with pytest.raises(ValueError, match=message):
        dataset_from_arrays(**{"images": images, "labels": labels, "class_names": "ab"} | change)


def test_a_dataset_is_frozen_and_checks_its_parts():
    images, labels = some_images(10, 2)
    dataset = dataset_from_arrays(images, labels, "ab")
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.name = "other"
    with pytest.raises(ValueError, match="train_images is float64"):
        ImageDataset(GOOD, labels[:4], images, labels, ("a", "b"), "", "", True)
    with pytest.raises(ValueError, match=r"test_labels has shape \(3,\) for 10 images"):
        ImageDataset(images, labels, images, labels[:3], ("a", "b"), "", "", True)


@pytest.mark.parametrize("shape", [(9, 16), (8, 8, 3), (64, 48, 3)])
def test_a_dataset_takes_images_of_any_size_and_colour(shape):
    images = np.random.default_rng(0).integers(0, 256, (10, *shape), dtype=np.uint8)
    dataset = dataset_from_arrays(images, np.arange(10) % 2, "ab")
    assert dataset.train_images.shape == (8, *shape) and dataset.test_images.shape == (2, *shape)


@pytest.mark.parametrize("shape", [(9, 9), (8, 8, 3)])
def test_both_parts_of_a_dataset_have_one_size(shape):
    images, labels = some_images(10, 2)
    other = np.zeros((10, *shape), np.uint8)
    with pytest.raises(ValueError, match=r"test_images has shape .* beside train_images .* resize"):
        dataset_from_arrays(images, labels, "ab", test_images=other, test_labels=labels)


# --- the order of the sources ---------------------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_from_a_folder(bare_machine, monkeypatch, zipped):
    files = fashion_files()
    write_idx(bare_machine / "data" / "clothes", files, zipped)
    monkeypatch.setenv("VAE_DATA_DIR", str(bare_machine / "data"))
    with pytest.raises(FileNotFoundError, match="does not hold Fashion-MNIST"):
        load_fashion_mnist()  # MNIST's digits come under the same names: not believed
    dataset = load_fashion_mnist(path=bare_machine / "data")
    assert "not the original files" in dataset.source

    call_these_the_originals(monkeypatch, files)
    dataset = load_fashion_mnist()
    assert dataset.train_images.shape == (40, 28, 28) and dataset.test_labels.shape == (20,)
    np.testing.assert_array_equal(dataset.train_images, some_images(40, 10, seed=1)[0])
    assert dataset.class_names == GARMENTS and dataset.is_real and dataset.title_note == ""
    assert dataset.source == (
        "60 rows from 4 IDX files in VAE_DATA_DIR/clothes: the original files, by their SHA-256"
    )
    dataset.train_images[0] = 0  # the arrays may be written to


def test_digits_under_the_same_names_are_passed_over(bare_machine, monkeypatch):
    write_idx(bare_machine / "data" / "a" / "raw", fashion_files(train=30), zipped=True)
    write_idx(bare_machine / "data" / "Fashion" / "raw", fashion_files(), zipped=True)
    monkeypatch.setenv("VAE_DATA_DIR", str(bare_machine / "data"))
    assert "/Fashion/raw: not the original files" in load_fashion_mnist().source


@pytest.mark.parametrize("layout", KAGGLE_LAYOUTS)
@pytest.mark.parametrize("form", ["idx", "csv"])
def test_fashion_mnist_from_kaggles_inputs(bare_machine, layout, form):
    folder = bare_machine / "vae_kaggle_input" / layout.format(**FASHION_ON_KAGGLE)
    if form == "idx":
        write_idx(folder, fashion_files(), zipped=False)
    else:
        write_fashion_csv(folder)
    dataset = load_fashion_mnist(allow_synthetic=False)
    assert len(dataset.train_images) == 40 and len(dataset.test_images) == 20
    assert "60 rows from" in dataset.source and "the Kaggle inputs/" in dataset.source


@pytest.mark.parametrize("layout", KAGGLE_LAYOUTS)
@pytest.mark.parametrize("nested", ["", "A_Z Handwritten Data"])
def test_letters_from_kaggles_inputs(bare_machine, layout, nested):
    folder = bare_machine / "vae_kaggle_input" / layout.format(**LETTERS_ON_KAGGLE)
    write_letters(folder / nested)
    dataset = load_letters(allow_synthetic=False)
    assert len(dataset.train_images) + len(dataset.test_images) == 60
    assert dataset.class_names[0] == "A" and len(dataset.class_names) == 26
    assert dataset.source == (
        "60 rows from 'A_Z Handwritten Data.csv' in the Kaggle inputs: "
        "not Kaggle's file, which has 372,451"
    )


def test_fashion_mnist_from_keras_cache(bare_machine):
    folder = bare_machine / "keras_home" / "datasets" / "fashion-mnist"
    write_idx(folder, fashion_files(), zipped=True)
    assert "in Keras' cache" in load_fashion_mnist(allow_synthetic=False).source


def test_only_a_complete_download_of_kagglehub_counts(bare_machine):
    slug = "/".join(LETTERS_ON_KAGGLE.values())
    folder = bare_machine / "kagglehub_cache" / "datasets" / slug
    write_letters(folder / "versions" / "2")
    with pytest.raises(FileNotFoundError):
        load_letters(allow_synthetic=False)
    (folder / "2.complete").touch()
    assert "in kagglehub's cache" in load_letters(allow_synthetic=False).source


@pytest.mark.parametrize("load", [load_fashion_mnist, load_letters])
def test_without_data_a_synthetic_stand_in_is_reported(load, monkeypatch):
    monkeypatch.setattr(dataset_module, "SYNTHETIC_TRAIN", 300)
    monkeypatch.setattr(dataset_module, "SYNTHETIC_TEST", 100)
    monkeypatch.setattr(settings, "_title_notes", [])
    with pytest.warns(UserWarning, match="synthetic stand-in takes.*VAE_DATA_DIR.*Tried: "):
        dataset = load()
    assert not dataset.is_real and dataset.title_note == " (synthetic stand-in)"
    assert settings.title_note() == dataset.title_note
    assert dataset.source.startswith("synthetic stand-in: 400 images made by code")
    assert len(dataset.train_images) == 300 and len(dataset.test_images) == 100
    assert set(dataset.train_labels) == set(range(len(dataset.class_names)))


@pytest.mark.parametrize("word", ["synthetic", "drawn"])
def test_a_stand_in_that_was_asked_for_comes_without_warning(monkeypatch, word):
    monkeypatch.setenv("VAE_DATA_DIR", word)
    monkeypatch.setattr(dataset_module, "SYNTHETIC_TRAIN", 300)
    monkeypatch.setattr(dataset_module, "SYNTHETIC_TEST", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not load_letters().is_real


@pytest.mark.parametrize("load", [load_fashion_mnist, load_letters])
def test_without_a_stand_in_the_error_names_every_place_tried(load):
    with pytest.raises(FileNotFoundError, match="VAE_DATA_DIR.*Kaggle inputs.*VAE_OFFLINE"):
        load(allow_synthetic=False)
    with pytest.raises(FileNotFoundError):
        load(allow_drawn=False)  # the old name


@pytest.mark.parametrize("load", [load_fashion_mnist, load_letters])
def test_a_data_dir_that_does_not_exist_is_an_error(load, monkeypatch):
    monkeypatch.setenv("VAE_DATA_DIR", "/no/such/folder")
    with pytest.raises(FileNotFoundError, match="VAE_DATA_DIR is '/no/such/folder', which does n"):
        load()


@pytest.mark.parametrize("load", [load_fashion_mnist, load_letters])
def test_a_data_dir_without_the_data_is_an_error(load, bare_machine, monkeypatch):
    monkeypatch.setenv("VAE_DATA_DIR", str(bare_machine))
    with pytest.raises(FileNotFoundError, match="does not hold.*Looked in it.*unset VAE_DATA_DIR"):
        load()


# --- broken files of Fashion-MNIST ----------------------------------------------------------


def corrupt(name, change):
    """Small files with one of them changed: (folder name, contents)."""
    return {key: change(content) if key == name else content
            for key, content in fashion_files().items()}  # fmt: skip


IMAGES, LABELS = list(data.FASHION_SHA256)[:2]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (IMAGES, lambda c: c[:-100], "unpacks to .* bytes, expected"),
        (IMAGES, lambda c: c + b"0", "unpacks to .* bytes, expected"),
        (IMAGES, lambda c: b"", "magic number"),
        (IMAGES, lambda c: b"\x00\x00\x09\x03" + c[4:], "magic number"),
        (IMAGES, lambda c: c[:11] + b"\x20" + c[12:], r"\[32, 28\], expected \[28, 28\]"),
        (IMAGES, lambda c: fashion_files()[LABELS], "it holds labels"),
        (IMAGES, lambda c: b"<!doctype html><p>Please log in", "HTML page"),
        (LABELS, lambda c: c[:8] + b"\x0a" + c[9:], "run from 0 to 10, expected 0 to 9"),
        (LABELS, lambda c: fashion_files(train=39)[LABELS], r"\(39,\) for 40 images"),
    ],
)
def test_a_broken_idx_file_is_named(bare_machine, name, change, message):
    folder = bare_machine / "fashion"
    write_idx(folder, corrupt(name, change), zipped=False)
    with pytest.raises(ValueError, match=f"(?s){message}.*(again|good copy)"):
        load_fashion_mnist(path=folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c[:200], "gzip data is truncated"),
        (lambda c: c[:60] + b"\x00" * 20 + c[80:], "gzip data is truncated or damaged"),
        (lambda c: b"<html>Not found</html>", "HTML page"),
        (lambda c: b"no archive", "not gzip data"),
    ],
)
def test_a_broken_gzip_file_is_named_with_the_cure(bare_machine, change, message):
    folder = bare_machine / "fashion"
    write_idx(folder, fashion_files(), zipped=True)
    broken = folder / f"{IMAGES}.gz"
    broken.write_bytes(change(broken.read_bytes()))
    with pytest.raises(ValueError, match=rf"{IMAGES}.gz is broken: .*{message}.*Delete it"):
        load_fashion_mnist(path=folder)


def test_a_missing_file_of_the_four_is_not_half_read(bare_machine):
    folder = bare_machine / "fashion"
    write_idx(folder, fashion_files(), zipped=True)
    (folder / f"{LABELS}.gz").unlink()
    with pytest.raises(FileNotFoundError, match=LABELS):
        load_fashion_mnist(path=folder)


# --- the letters and their CSV --------------------------------------------------------------


def test_letters_are_read_as_they_stand_in_the_file(bare_machine):
    path = write_letters(bare_machine, rows=260)
    images, labels = formats.read_csv(path, 26, has_header=False)
    truth, truth_labels = some_images(260, 26)
    order = np.argsort(truth_labels, kind="stable")
    np.testing.assert_array_equal(images, truth[order])
    np.testing.assert_array_equal(labels, truth_labels[order])


def test_letters_from_a_file_of_any_name_split_by_letter(bare_machine):
    path = write_letters(bare_machine, rows=520).rename(bare_machine / "mine.csv")
    dataset = load_letters(path=path)
    assert (np.bincount(dataset.test_labels) == 3).all()  # 15% of 20
    assert len(dataset.train_images) == 442
    assert len(set(dataset.train_labels[:20])) > 5  # shuffled, though the file is sorted
    assert "'mine.csv' in the given path" in dataset.source
    again = load_letters(path=path)
    np.testing.assert_array_equal(dataset.test_images, again.test_images)


@pytest.mark.parametrize("ending", ["", "\n", "\n\n\n", "\r\n\r\n"])
def test_blank_lines_at_the_end_do_not_matter(bare_machine, ending):
    path = bare_machine / "mine.csv"
    path.write_bytes((csv_text(*some_images(30, 26)).rstrip() + ending).encode())
    assert len(formats.read_csv(path, 26, False)[0]) == 30


def test_chunks_join_without_a_seam(bare_machine, monkeypatch):
    monkeypatch.setattr(formats, "CHUNK_ROWS", 7)
    path = write_letters(bare_machine, rows=52)
    images, labels = formats.read_csv(path, 26, False)
    np.testing.assert_array_equal(np.sort(labels), np.sort(some_images(52, 26)[1]))
    assert images.shape == (52, 28, 28)


def test_memory_stays_near_the_size_of_the_images(bare_machine, monkeypatch):
    monkeypatch.setattr(formats, "CHUNK_ROWS", 200)
    path = write_letters(bare_machine, rows=4000)
    formats.read_csv(path, 26, False)  # pandas is imported here, not below
    tracemalloc.start()
    images, labels = formats.read_csv(path, 26, False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images.nbytes + labels.nbytes + 8 * 200 * 785 * 8  # a few chunks beside them


def with_line(number, change):
    """A good CSV of 20 letters in which one line was changed."""
    lines = csv_text(*some_images(20, 26)).splitlines()
    lines[number - 1] = change(lines[number - 1])
    return "\n".join(lines) + "\n"


def with_field(column, value):
    def change(line):
        fields = line.split(",")
        fields[column - 1] = value
        return ",".join(fields)

    return change


HEADER = ",".join(["label", *map(str, range(784))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (csv_text(*some_images(20, 26), header=True), "line 1 of .* header.*Delete line 1"),
        (",".join(["0", *(f"0.{i}" for i in range(1, 785))]), "line 1 of .* header.*Delete line 1"),
        (with_line(1, with_field(785, "0,0")), "line 1 of .* 786 columns, expected 785"),
        (with_line(5, lambda line: line.rpartition(",")[0]), "line 5 of .* 784 columns.*cut off"),
        (with_line(5, lambda line: line + ",0"), "line 5 of .* 786 columns"),
        (with_line(20, lambda line: line[:700]), "line 20 of .* columns.*cut off"),
        (with_line(9, lambda line: ""), "line 9 of .* has 1 columns"),
        (with_line(9, with_field(3, "256")), "line 9 of .*column 3 holds '256', expected a pixel"),
        (with_line(9, with_field(3, "-1")), "line 9 of .*column 3 holds '-1'"),
        (with_line(9, with_field(3, "0.5")), "line 9 of .*column 3 holds '0.5'"),
        (with_line(9, with_field(3, "")), "line 9 of .*column 3 holds ''"),
        (with_line(9, with_field(3, "x")), "line 9 of .*column 3 holds 'x'"),
        (with_line(9, with_field(1, "26")), "line 9 of .*column 1 holds '26', expected a label"),
        ("", "is empty"),
        ("<html>Log in</html>", "HTML page"),
        ("PK\x03\x04 zipped", "archive.*Unpack"),
        ("0,1,2\n", "line 1 of .* 3 columns"),
    ],
)
def test_a_bad_csv_is_named_by_its_line(bare_machine, text, message, monkeypatch):
    monkeypatch.setattr(formats, "CHUNK_ROWS", 6)  # so that the line stands in a later chunk
    path = bare_machine / "mine.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_letters(path=path)
    assert not list(bare_machine.rglob("*.npz"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (csv_text(*some_images(20, 10)), "line 1 of .* expected the header label,pixel1"),
        (HEADER + "\n", "holds no image"),
        (HEADER + "\n" + with_line(3, with_field(2, "300")), "line 4 of .*column 2 holds '300'"),
    ],
)
def test_a_bad_csv_of_fashion_mnist_is_named(bare_machine, text, message):
    write_fashion_csv(bare_machine / "fashion")
    (bare_machine / "fashion" / data.FASHION_CSV[0]).write_text(text)
    with pytest.raises(ValueError, match=message):
        load_fashion_mnist(path=bare_machine / "fashion")


# --- parsed once ----------------------------------------------------------------------------


def parsed_files(folder):
    return sorted((folder / "vae_cache_dir" / "parsed").iterdir())


def no_parsing(*_):
    raise AssertionError("the CSV was parsed again")


def test_a_csv_is_parsed_once(bare_machine, monkeypatch):
    path = write_letters(bare_machine)
    first = load_letters(path=path)
    monkeypatch.setattr(locate, "read_csv", no_parsing)
    again = load_letters(path=path)
    np.testing.assert_array_equal(first.train_images, again.train_images)
    np.testing.assert_array_equal(first.train_labels, again.train_labels)
    assert first.source == again.source


def test_a_changed_csv_is_parsed_anew_and_the_old_copy_goes(bare_machine):
    path = write_letters(bare_machine, rows=60)
    load_letters(path=path)
    write_letters(bare_machine, rows=70)
    assert load_letters(path=path).source.startswith("70 rows")
    assert len(parsed_files(bare_machine)) == 1


def test_a_csv_of_equal_size_but_later_time_is_parsed_anew(bare_machine, monkeypatch):
    path = write_letters(bare_machine)
    load_letters(path=path)
    os.utime(path, ns=(0, 1))
    monkeypatch.setattr(locate, "read_csv", no_parsing)
    with pytest.raises(AssertionError, match="parsed again"):
        load_letters(path=path)


@pytest.mark.parametrize("damage", [lambda c: c[: len(c) // 2], lambda c: b"", lambda c: b"x" * 9])
def test_a_damaged_copy_in_the_cache_is_made_again(bare_machine, damage):
    path = write_letters(bare_machine)
    good = load_letters(path=path)
    (parsed,) = parsed_files(bare_machine)
    parsed.write_bytes(damage(parsed.read_bytes()))
    np.testing.assert_array_equal(load_letters(path=path).train_images, good.train_images)
    with np.load(parsed, allow_pickle=False) as arrays:
        assert len(arrays["labels"]) == 60


def test_a_cache_that_cannot_be_written_is_a_warning(bare_machine, monkeypatch):
    (bare_machine / "file").write_text("in the way")
    monkeypatch.setenv("VAE_CACHE_DIR", str(bare_machine / "file" / "cache"))
    path = write_letters(bare_machine)
    with pytest.warns(UserWarning, match="cannot be written.*Set VAE_CACHE_DIR"):
        assert load_letters(path=path).source.startswith("60 rows")


def test_a_full_disk_leaves_nothing_behind(bare_machine, monkeypatch):
    def full(path, **_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(UserWarning, match="No space left"):
        load_letters(path=write_letters(bare_machine))
    assert parsed_files(bare_machine) == []
