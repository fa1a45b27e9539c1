"""Images of one's own: folders of PNG and JPEG files of every kind that Pillow can write."""

import re
import struct
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from vae_helpers.data import ImageDataset, folder, load_folder


@pytest.fixture(autouse=True)
def no_warning_is_overlooked():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def picture(value=128, size=(12, 10), mode="L"):
    """A plain picture of one value, which tells it from others; size is (width, height)."""
    return Image.new(mode, size, value)


def save(image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def save_many(root, counts, **kwargs):
    """{class name: count} -> files of grey pictures, no two of one value."""
    value = 1
    for name, count in counts.items():
        for i in range(count):
            save(picture(value, **kwargs), root / name / f"{i:03}.png")
            value += 1


def only_image(root, image_or_bytes, file="a.png", **options):
    """Load a folder that holds one picture, twice, and return it as it was loaded."""
    save_options = options.pop("save", {})
    for path in (root / file, root / f"z{file}"):
        if isinstance(image_or_bytes, bytes):
            path.write_bytes(image_or_bytes)
        else:
            save(image_or_bytes, path, **save_options)
    data = load_folder(root, **options)
    np.testing.assert_array_equal(data.train_images, data.test_images)
    return data.train_images[0]


# --- classes, names and the split -----------------------------------------------------------


def test_subfolders_are_classes_in_sorted_order(tmp_path):
    save_many(tmp_path / "pets", {"dogs": 5, "cats": 8, "birds/wild": 4})
    data = load_folder(tmp_path / "pets", size=16)
    assert isinstance(data, ImageDataset) and data.is_real and data.title_note == ""
    assert data.class_names == ("birds", "cats", "dogs") and data.name == "pets"
    assert data.train_images.shape == (14, 16, 16) and data.test_images.shape == (3, 16, 16)
    assert data.train_images.dtype == np.uint8 and data.train_labels.dtype == np.uint8
    assert sorted(data.test_labels) == [0, 1, 2]
    assert data.source == "17 images of the folder 'pets', resized to 16 x 16 in grey"
    for images, labels in (
        (data.train_images, data.train_labels),
        (data.test_images, data.test_labels),
    ):
        for image, label in zip(images, labels, strict=True):
            dogs, cats, birds = range(1, 6), range(6, 14), range(14, 18)
            assert image[0, 0] in (birds, cats, dogs)[label]


def test_a_flat_folder_is_one_class(tmp_path):
    save_many(tmp_path / "faces", {"": 7})
    data = load_folder(tmp_path / "faces", name="my faces")
    assert data.class_names == ("my faces",) and data.name == "my faces"
    assert not data.train_labels.any() and not data.test_labels.any()
    assert "folder 'faces'" in data.source


def test_endings_of_any_case_count_and_other_files_do_not(tmp_path):
    for i, file in enumerate(["a.png", "b.PNG", "c.jpg", "d.JPG", "e.jpeg", "f.JPeG"]):
        save(picture(20 * i + 20), tmp_path / file)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "png").write_text("no image")
    data = load_folder(tmp_path)
    assert len(data.train_images) + len(data.test_images) == 6


def test_the_split_is_the_same_every_time_and_by_class(tmp_path):
    save_many(tmp_path, {"a": 20, "b": 10})
    first, again = load_folder(tmp_path, size=8), load_folder(tmp_path, size=8)
    np.testing.assert_array_equal(first.train_images, again.train_images)
    assert list(np.bincount(first.test_labels)) == [3, 2]
    values = np.concatenate([first.train_images[:, 0, 0], first.test_images[:, 0, 0]])
    assert sorted(values) == list(range(1, 31)) and list(values) != sorted(values)


@pytest.mark.parametrize(("fraction", "counts"), [(0.5, [10, 1]), (0.01, [1, 1]), (0.99, [19, 1])])
def test_each_class_keeps_an_image_in_both_parts(tmp_path, fraction, counts):
    save_many(tmp_path, {"a": 20, "b": 2})
    data = load_folder(tmp_path, size=8, test_fraction=fraction)
    assert list(np.bincount(data.test_labels)) == counts


def test_a_class_of_one_image_is_trained_on(tmp_path):
    save_many(tmp_path, {"a": 4, "b": 1})
    data = load_folder(tmp_path, size=8)
    assert 1 in data.train_labels and 1 not in data.test_labels


# --- size and aspect ratio ------------------------------------------------------------------


def test_size_is_a_side_or_height_and_width(tmp_path):
    save_many(tmp_path, {"": 3})
    assert load_folder(tmp_path, size=(20, 32)).train_images.shape[1:] == (20, 32)
    assert load_folder(tmp_path, size=np.int64(9)).train_images.shape[1:] == (9, 9)


@pytest.mark.parametrize("size", [(30, 10), (10, 30), (3, 3), (300, 10)])
def test_cropping_keeps_the_middle_in_its_aspect_ratio(tmp_path, size):
    """A white square in the middle stays a square, whatever the picture's form."""
    image = picture(60, size)
    side = min(size) // 3
    corner = (size[0] - side) // 2, (size[1] - side) // 2
    image.paste(255, (*corner, corner[0] + side, corner[1] + side))
    pixels = only_image(tmp_path, image, size=30)
    assert pixels.min() > 50  # the picture covers all of it
    bright = pixels > 157
    assert abs(bright.any(axis=0).sum() - bright.any(axis=1).sum()) <= 1
    assert abs(bright.sum() - 100) < 45


def test_without_cropping_the_whole_picture_stands_between_white_bars(tmp_path):
    pixels = only_image(tmp_path, picture(60, (20, 10)), size=16, crop=False)
    assert (pixels[:4] == 255).all() and (pixels[-4:] == 255).all()
    assert (pixels[4:12] == 60).all()


def test_resizing_averages_what_it_shrinks(tmp_path):
    checkered = np.indices((64, 64)).sum(axis=0) % 2 * 200
    pixels = only_image(tmp_path, Image.fromarray(checkered.astype(np.uint8)), size=8)
    assert abs(pixels.astype(int) - 100).max() <= 3


# --- grey and colour ------------------------------------------------------------------------


def test_grey_pictures_in_colour_files_are_grey(tmp_path):
    save(picture((90, 90, 90), mode="RGB"), tmp_path / "a.png")
    save(picture((40, 40, 40), mode="RGB"), tmp_path / "b.jpg")
    save(picture(10), tmp_path / "c.png")
    data = load_folder(tmp_path, size=8)
    assert data.train_images.shape == (2, 8, 8) and data.source.endswith("in grey")


@pytest.mark.parametrize("coloured", range(4))
def test_one_picture_in_colour_makes_all_so_wherever_it_stands(tmp_path, coloured):
    for i in range(4):
        if i == coloured:
            save(picture((200, 100, 50), mode="RGB"), tmp_path / f"{i}.png")
        else:
            save(picture(10 * i), tmp_path / f"{i}.png")
    data = load_folder(tmp_path, size=8)
    both = np.concatenate([data.train_images, data.test_images])
    assert both.shape == (4, 8, 8, 3) and data.source.endswith("in colour")
    expected = {(10 * i,) * 3 for i in range(4)} - {(10 * coloured,) * 3} | {(200, 100, 50)}
    assert {tuple(map(int, image[3, 3])) for image in both} == expected


def test_colour_and_grey_can_be_asked_for(tmp_path):
    save(picture((255, 0, 0), mode="RGB"), tmp_path / "a.png")
    save(picture(7), tmp_path / "b.png")
    grey = load_folder(tmp_path, size=8, colour=False)
    assert {int(grey.train_images[0, 0, 0]), int(grey.test_images[0, 0, 0])} == {76, 7}
    (tmp_path / "a.png").unlink()
    save(picture(9), tmp_path / "a.png")
    assert load_folder(tmp_path, size=8, colour=True).train_images.shape == (1, 8, 8, 3)


# --- kinds of files -------------------------------------------------------------------------


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return {"exif": tags}


@pytest.mark.parametrize("file", ["a.jpg", "a.png"])
def test_pictures_are_turned_as_their_camera_says(tmp_path, file):
    upright = np.full((16, 16), 30, np.uint8)
    upright[:4] = 220  # a bright top
    lying = Image.fromarray(np.rot90(upright))  # what a camera held sideways stores
    pixels = only_image(tmp_path, lying, file, size=16, save=exif(6))
    assert pixels[:3].min() > 180 and pixels[5:].max() < 70


def test_transparent_pixels_are_white(tmp_path):
    image = picture((0, 0, 0, 0), (16, 16), "RGBA")
    image.paste((10, 10, 10, 255), (0, 0, 8, 16))
    pixels = only_image(tmp_path, image, size=16)
    assert (pixels[:, :7] < 30).all() and (pixels[:, 9:] > 240).all()


def test_grey_with_alpha_and_a_transparent_colour(tmp_path):
    assert only_image(tmp_path, picture((0, 128), mode="LA"), size=8)[0, 0] == 127
    assert only_image(tmp_path, picture(50), size=8, save={"transparency": 50})[0, 0] == 255
    assert only_image(tmp_path, picture(50), size=8, save={"transparency": 51})[0, 0] == 50


def test_palettes_are_looked_up_with_their_transparency(tmp_path):
    image = picture(1, mode="P")
    image.putpalette([0, 0, 0, 200, 100, 50, 9, 9, 9])
    np.testing.assert_array_equal(only_image(tmp_path, image, size=8)[0, 0], [200, 100, 50])
    clear = only_image(tmp_path, image, size=8, save={"transparency": 1})
    assert clear.ndim == 2 and clear[0, 0] == 255


def test_sixteen_bits_become_eight(tmp_path):
    image = Image.fromarray(np.full((10, 10), 0x8080, np.uint16))
    assert only_image(tmp_path, image, size=8)[0, 0] == 0x80


def png_of(header, rows):
    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_sixteen_bits_a_channel_become_eight(tmp_path):
    header = struct.pack(">IIBBBBB", 9, 9, 16, 2, 0, 0, 0)
    row = b"\0" + struct.pack(">HHH", 0xC8C8, 0x6464, 0x3232) * 9
    pixels = only_image(tmp_path, png_of(header, row * 9), size=8)
    np.testing.assert_array_equal(pixels[4, 4], [0xC8, 0x64, 0x32])


def test_black_and_white_pictures_are_grey(tmp_path):
    assert only_image(tmp_path, picture(1, mode="1"), size=8)[0, 0] == 255


def test_cmyk_becomes_rgb(tmp_path):
    pixels = only_image(tmp_path, picture((0, 255, 255, 0), mode="CMYK"), "a.jpg", size=8)
    assert pixels[4, 4, 0] > 200 and pixels[4, 4, 1:].max() < 60


def test_only_the_first_picture_of_an_animation_counts(tmp_path):
    options = {"save_all": True, "append_images": [picture(200)]}
    assert only_image(tmp_path, picture(90), size=8, save=options)[0, 0] == 90


def test_the_format_of_some_phones_is_read(tmp_path):
    options = {"format": "MPO", "save_all": True, "append_images": [picture(200)]}
    assert only_image(tmp_path, picture(90), "a.jpg", size=8, save=options)[0, 0] == 90


def test_a_jpeg_under_the_name_of_a_png_is_read(tmp_path):
    assert only_image(tmp_path, picture(90), size=8, save={"format": "JPEG"})[0, 0] == 90


def test_large_jpegs_are_decoded_only_as_finely_as_needed(tmp_path, monkeypatch):
    sizes, load = [], ImageFile.ImageFile.load
    monkeypatch.setattr(
        ImageFile.ImageFile, "load", lambda self: sizes.append(self.size) or load(self)
    )
    pixels = only_image(tmp_path, picture(90, (1600, 1200)), "a.jpg", size=28)
    assert abs(int(pixels[14, 14]) - 90) <= 1
    assert (200, 150) in sizes and (1600, 1200) not in sizes


# --- what is skipped is named ---------------------------------------------------------------


def broken_files(root):
    """One file of every broken kind in class a; returns {file name: words of its reason}."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    for name in ("cut.png", "cut.jpg"):
        path = save(Image.fromarray(noise), root / "a" / name)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    flipped = save(Image.fromarray(noise), root / "a" / "flipped.png")
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 0xFF
    flipped.write_bytes(content)
    (root / "a" / "empty.png").touch()
    (root / "a" / "text.jpg").write_text("<html>Log in</html>")
    save(picture(5), root / "a" / "other.jpg", format="GIF")
    save(picture(5), root / "a" / "anime.gif")
    (root / "a" / "nothing.png").symlink_to(root / "gone.png")
    return {
        "cut.png": "truncated",
        "cut.jpg": "truncated",
        "flipped.png": "",
        "empty.png": "neither a PNG nor a JPEG",
        "text.jpg": "neither a PNG nor a JPEG",
        "other.jpg": "neither a PNG nor a JPEG",
        "anime.gif": "neither PNG nor JPEG: convert it",
        "nothing.png": "a link to nothing",
    }


def test_files_that_cannot_be_read_are_named_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "NAMED_FILES", 20)
    save_many(tmp_path, {"a": 6, "b": 6})
    expected = load_folder(tmp_path, size=8)
    reasons = broken_files(tmp_path)
    with pytest.warns(UserWarning) as caught:
        data = load_folder(tmp_path, size=8)
    message = str(caught[0].message)
    assert message.startswith(f"8 of 20 files in {tmp_path} skipped: ") and len(caught) == 1
    for name, words in reasons.items():
        assert re.search(rf"a/{name} \([^)]*{words}", message), name
    assert data.source.endswith("in grey; 8 of 20 files skipped") and "12 images" in data.source
    np.testing.assert_array_equal(data.train_images, expected.train_images)
    np.testing.assert_array_equal(data.test_labels, expected.test_labels)
    assert caught[0].filename == __file__


def test_of_many_broken_files_the_first_are_named(tmp_path):
    save_many(tmp_path, {"": 3})
    for i in range(40):
        (tmp_path / f"bad{i:02}.png").touch()
    with pytest.warns(UserWarning, match=r"40 of 43 .*bad04.png \([^)]*\), and 35 more\.$"):
        load_folder(tmp_path)


def test_a_class_without_a_readable_image_is_left_out_and_named(tmp_path):
    save_many(tmp_path, {"a": 3, "c": 3})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "bad.png").touch()
    with pytest.warns(UserWarning, match="No image of b is left, so this is no class"):
        data = load_folder(tmp_path)
    assert data.class_names == ("a", "c") and set(data.train_labels) == {0, 1}


@pytest.mark.parametrize("around", ["", "archive/"])
def test_a_class_in_another_format_is_named(tmp_path, around):
    save_many(tmp_path, {f"{around}a": 3, f"{around}c": 3})
    (tmp_path / around / "b").mkdir()
    (tmp_path / around / "b" / "photo.HEIC").touch()
    with pytest.warns(UserWarning, match="convert it.*No image of b is left, so this is no class"):
        assert load_folder(tmp_path).class_names == ("a", "c")


def test_a_picture_in_another_format_beside_flat_ones_loses_no_class(tmp_path):
    save_many(tmp_path, {"": 3})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "photo.heic").touch()
    with pytest.warns(UserWarning) as caught:
        load_folder(tmp_path)
    assert "is no class" not in str(caught[0].message)


def test_a_file_without_permission_is_named(tmp_path, monkeypatch):
    """The permission is taken away here, because root may read everything."""
    save_many(tmp_path, {"": 4})
    image_open = Image.open

    def guarded(path, **options):
        if path.name == "000.png":
            raise PermissionError(13, "Permission denied", str(path))
        return image_open(path, **options)

    monkeypatch.setattr(Image, "open", guarded)
    with pytest.warns(UserWarning, match=r"000.png \(Permission denied\)"):
        load_folder(tmp_path)


def test_hidden_files_and_folders_are_ignored(tmp_path):
    save_many(tmp_path, {"a": 3, ".thumbnails": 2, "b/.cache": 2})
    (tmp_path / "a" / "._000.png").write_bytes(b"what macOS leaves")
    (tmp_path / "empty").mkdir()
    data = load_folder(tmp_path)
    assert data.class_names == ("a",) and "3 images" in data.source


def test_links_are_followed_but_not_in_a_circle(tmp_path):
    save_many(tmp_path / "elsewhere", {"": 3})
    save_many(tmp_path / "pets", {"cats": 4})
    (tmp_path / "pets" / "dogs").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "pets" / "cats" / "up").symlink_to(tmp_path / "pets")
    (tmp_path / "pets" / "cats" / "self").symlink_to(tmp_path / "pets" / "cats" / "self")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "pets" / "cats")
    data = load_folder(tmp_path / "pets")
    assert data.class_names == ("cats", "dogs")
    assert "11 images" in data.source  # the cats are reached from the dogs, too


@pytest.mark.parametrize("file", ["a.png", "a.jpg"])
def test_a_huge_picture_is_named_before_it_is_decoded(tmp_path, monkeypatch, file):
    monkeypatch.setattr(folder, "MAX_PIXELS", 10_000)
    save_many(tmp_path, {"": 3})
    save(picture(9, (2000, 2000)), tmp_path / file)  # an eighth of the JPEG is 250 x 250
    with pytest.warns(UserWarning, match=rf"{file} \(\d+ x \d+ pixels are more than 10,000"):
        load_folder(tmp_path)


def test_a_decompression_bomb_is_named(tmp_path):
    save_many(tmp_path, {"": 3})
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    (tmp_path / "bomb.png").write_bytes(png_of(header, b"\0" * 100))
    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)
    (tmp_path / "large.png").write_bytes(png_of(header, b"\0" * 100))
    with pytest.warns(UserWarning) as caught:
        load_folder(tmp_path)
    (message,) = (str(one.message) for one in caught)
    assert "bomb.png (Image size (3600000000 pixels)" in message
    assert "large.png (10000 x 10000 pixels are more than" in message


# --- errors with their cure -----------------------------------------------------------------


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone' does not exist .*name a folder"):
        load_folder(tmp_path / "gone")
    file = save(picture(), tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="is a file, not a folder"):
        load_folder(file)


def test_no_images_at_all(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no PNG or JPEG file. Looked .* put the im"):
        load_folder(tmp_path)
    save(picture(), tmp_path / "a.gif")
    with pytest.raises(FileNotFoundError, match="1 pictures in other formats: convert"):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("counts", "message"),
    [({"a": 1}, "1 readable image, expected at least two"), ({"a": 1, "b": 1}, "2 .*by_folder")],
)
def test_too_few_images(tmp_path, counts, message):
    save_many(tmp_path, counts)
    with pytest.raises(ValueError, match=message):
        load_folder(tmp_path)


def test_only_broken_images(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"0 readable.*add images. 2 of 2 files .*a.png \(neither"):
        load_folder(tmp_path)


def test_images_beside_subfolders_of_images(tmp_path):
    save_many(tmp_path, {"a": 2})
    save(picture(), tmp_path / "stray.png")
    with pytest.raises(ValueError, match=r"stray.png, 1 in all\) beside subfolders.*move them"):
        load_folder(tmp_path)


def test_a_folder_that_is_split_already(tmp_path):
    save_many(tmp_path, {"Train/cats": 3, "test/cats": 3})
    with pytest.raises(ValueError, match="Train, test: parts of a data set, not classes.*/Train'"):
        load_folder(tmp_path)
    assert load_folder(tmp_path / "Train").class_names == ("cats",)  # the cure


def test_too_many_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MAX_CLASSES", 2)
    save_many(tmp_path, {"a": 2, "b": 2, "c": 2})
    with pytest.raises(ValueError, match="3 subfolders of images.*at most 2"):
        load_folder(tmp_path)


@pytest.mark.parametrize("size", [7, 0, 28.0, True, (28,), (28, 28, 3), (28, 2.5), "28"])
def test_a_wrong_size(tmp_path, size):
    with pytest.raises(ValueError, match="size is .*, expected one side or .height, width"):
        load_folder(tmp_path, size=size)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, np.nan])
def test_a_wrong_test_fraction(tmp_path, fraction):
    with pytest.raises(ValueError, match="test_fraction is .*, expected a share between 0 and 1"):
        load_folder(tmp_path, test_fraction=fraction)


# --- memory ---------------------------------------------------------------------------------


def test_more_than_the_limit_is_rejected_before_it_is_allocated(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "LIMIT_BYTES", 10 * 20 * 20)
    save_many(tmp_path, {"": 10})
    message = "10 images of 100 x 100 need .* GiB, expected at most .* GiB: size=20 fits"
    with pytest.raises(ValueError, match=message):
        load_folder(tmp_path, size=100)
    assert load_folder(tmp_path, size=20).train_images.shape[1:] == (20, 20)  # the cure
    save(picture((200, 100, 50), mode="RGB"), tmp_path / "000.png")
    with pytest.raises(ValueError, match="in colour need .*: size=11 or most=3 fits"):
        load_folder(tmp_path, size=20)


def test_memory_is_that_of_the_result_and_one_picture(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(60):
        pixels = rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)
        save(Image.fromarray(pixels), tmp_path / f"{i}.png", compress_level=1)
    load_folder(tmp_path, size=8)  # imports
    tracemalloc.start()
    data = load_folder(tmp_path, size=128)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < data.train_images.nbytes + data.test_images.nbytes + 10 * 200 * 200 * 3


# --- the layouts of archives, such as Kaggle's --------------------------------------------------


@pytest.mark.parametrize("above", ["", "archive/", "datasets/owner/pets/"])
def test_a_subfolder_that_holds_all_classes_is_passed_by(tmp_path, above):
    save_many(tmp_path, {f"{above}cats": 3, f"{above}dogs": 3, f"{above}dogs/big": 2})
    (tmp_path / "labels.csv").write_text("name,label\n")
    data = load_folder(tmp_path)
    assert data.class_names == ("cats", "dogs")
    assert (np.bincount([*data.train_labels, *data.test_labels]) == (3, 5)).all()


def test_one_subfolder_of_flat_images_is_one_class(tmp_path):
    save_many(tmp_path, {"images": 4})
    assert load_folder(tmp_path).class_names == ("images",)


def test_what_is_no_class_is_taken_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MAX_CLASSES", 1)
    save_many(tmp_path / "faces", {"train/a": 3, "test/b": 3, "": 2})
    data = load_folder(tmp_path / "faces", by_folder=False)
    assert data.class_names == ("faces",)
    assert len(data.train_images) + len(data.test_images) == 8
    (tmp_path / "none").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no PNG or JPEG"):
        load_folder(tmp_path / "none", by_folder=False)


def test_some_of_many_are_the_same_ones_every_time(tmp_path):
    save_many(tmp_path, {"": 40})
    data, again = (load_folder(tmp_path, most=10) for _ in range(2))
    assert len(data.train_images) + len(data.test_images) == 10
    np.testing.assert_array_equal(data.train_images, again.train_images)
    values = {int(image.mean()) for image in [*data.train_images, *data.test_images]}
    assert len(values) == 10 and max(values) > 20 and min(values) < 20  # not the first ten
    assert "10 images" in data.source
    assert len(load_folder(tmp_path, most=1000).train_images) == 34


@pytest.mark.parametrize("most", [1, 0, -3, 2.5, True])
def test_a_wrong_number_of_images(tmp_path, most):
    with pytest.raises(ValueError, match="most is .*, expected None or a whole number"):
        load_folder(tmp_path, most=most)
