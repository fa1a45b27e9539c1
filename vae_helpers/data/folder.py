"""Images of your own: a folder of PNG and JPEG files of any size, grey or in colour.

Each file is decoded by itself into one array of bytes, so memory holds the result and one picture;
for a moment also the grey ones, when they come before the first in colour. A file that cannot be
read is named and left out, and the result is as if it had never been there.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vae_helpers.data.dataset import TEST_FRACTION, ImageDataset, split_rows

FORMATS = ("PNG", "JPEG")
ENDINGS = (".png", ".jpg", ".jpeg")
OTHER_ENDINGS = (".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".avif")
PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}

MIN_SIDE = 8
LIMIT_BYTES = 4 * 2**30  # of the array that is returned
MAX_PIXELS = 40_000_000  # of one picture while it is decoded: some 0.5 GB
MAX_CLASSES = 256  # labels are bytes
PROGRESS_FILES = 2000  # show a bar for large folders only
NAMED_FILES = 5  # in the warning


def load_folder(
    path: str | Path,
    size: int | tuple[int, int] = 28,
    colour: bool | None = None,
    test_fraction: float = TEST_FRACTION,
    name: str | None = None,
    crop: bool = True,
    by_folder: bool = True,
    most: int | None = None,
) -> ImageDataset:
    """Load the PNG and JPEG files of a folder.

    A class is a subfolder, and all that lies below it; images that lie flat in the folder are one
    class. A subfolder that holds all the others, as in many archives, is passed by, and one without
    a picture is no class. Hidden files are ignored. Pictures are turned as their camera says
    (EXIF), transparency becomes white, 16 bits become 8, and only the first picture of a file
    counts.

    Args:
        path: the folder.
        size: height and width of the images returned, or (height, width); pixels, at least 8.
        colour: True for colour, False for grey (luma, 0.299 R + 0.587 G + 0.114 B). Default: grey
            if every image is, which means that its three channels are equal.
        test_fraction: share of each class that is held out as the test part, between 0 and 1; at
            least one image of a class that has two. The same files are split in the same way.
        name: stands in figure titles; the folder's name when None.
        crop: the aspect ratio is kept. True fills `size` and cuts off what stands out at two edges;
            False shows the whole picture, with white bars beside it.
        by_folder: False takes all images at any depth as one class, whatever the subfolders mean.
        most: load no more than so many images, picked at random, the same ones every time; all of
            them when None.

    Returns:
        An `ImageDataset` of uint8 images, (n, height, width) or (n, height, width, 3). Its classes
        are the names of the subfolders, sorted. Files that could not be read are named in a
        warning, and counted in its `source`.

    Raises:
        FileNotFoundError: if there is no such folder, or no image in it.
        ValueError: if an argument is out of range, there are fewer than two images of a class, the
            classes are not clear, or the images need more memory than `LIMIT_BYTES`.
    """
    height, width = height_and_width(size)
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction is {test_fraction!r}, expected a share between 0 and 1")
    if most is not None and (isinstance(most, bool) or int(most) != most or most < 2):
        raise ValueError(f"most is {most!r}, expected None or a whole number of at least 2")
    root = existing_folder(path)
    name = name or root.resolve().name
    files, skipped = find_images(root)
    if most is not None and most < len(files):
        rows = np.random.default_rng(0).choice(len(files), int(most), replace=False)
        files = [files[row] for row in sorted(rows)]
    total = len(files) + len(skipped)
    class_of = classes(root, files, name) if by_folder else dict.fromkeys(files, name)
    parts, class_names, broken = _split_and_decode(
        root, files, class_of, skipped, test_fraction, (height, width, colour, crop)
    )
    skipped |= broken

    kind = "grey" if parts[0].ndim == 3 else "colour"
    source = f"{total - len(skipped):,} images of the folder '{root.resolve().name}', resized to "
    source += f"{height} x {width} in {kind}"
    if skipped:
        lost = sorted(_named_classes(root, class_of, skipped) - {*class_names})
        left_out = f" No image of {', '.join(lost)} is left, so this is no class." if lost else ""
        warnings.warn(name_skipped(root, skipped, total) + left_out, stacklevel=2)
        source += f"; {len(skipped):,} of {total:,} files skipped"
    return ImageDataset(*parts, class_names, name, source, True)


def height_and_width(size):
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    whole = all(isinstance(side, int | np.integer) for side in sides)
    if len(sides) != 2 or not whole or min(sides) < MIN_SIDE:
        raise ValueError(
            f"size is {size!r}, expected one side or (height, width), whole numbers of at least "
            f"{MIN_SIDE} pixels"
        )
    return sides


def existing_folder(path):
    root = Path(path).expanduser()
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise FileNotFoundError(f"{str(path)!r} {what} (seen from {Path.cwd()}): name a folder")
    return root


def _walk(folder: str | Path, above: frozenset = frozenset()) -> Iterator[Path]:
    """Yield the visible files under a folder, sorted; links are followed, but not in a circle."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for entry in sorted(os.listdir(folder)):
        path = Path(folder, entry)
        if entry.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, above | {real})
        else:
            yield path


def find_images(root):
    """Return the PNG and JPEG files, and {file: reason} of pictures in other formats."""
    files, others = [], {}
    for file in _walk(root):
        ending = file.suffix.lower()
        if ending in ENDINGS:
            files.append(file)
        elif ending in OTHER_ENDINGS:
            others[file] = "neither PNG nor JPEG: convert it"
    return files, others


def classes(root, files, name):
    """Return {file: class name}."""
    flat = [file for file in files if file.parent == root]
    if flat and len(flat) < len(files):
        raise ValueError(
            f"{root} holds images ({flat[0].name}, {len(flat):,} in all) beside subfolders of "
            "images, expected one or the other: move them into the subfolder of their class, or "
            "pass by_folder=False to take all as one class"
        )
    if flat:
        return dict.fromkeys(files, name)
    below = {file: file.relative_to(root).parts for file in files}
    depth = 0  # of a subfolder that holds all classes
    while files and min(map(len, below.values())) > depth + 2:
        if len({parts[depth] for parts in below.values()}) > 1:
            break
        root, depth = root / below[files[0]][depth], depth + 1
    class_of = {file: parts[depth] for file, parts in below.items()}
    names = sorted({*class_of.values()})
    if names and all(each.lower() in PARTS for each in names):
        raise ValueError(
            f"the subfolders of {root} are {', '.join(names)}: parts of a data set, not classes. "
            f"Name one of them, such as {str(root / names[0])!r}: it is split again; pass "
            "by_folder=False to take all as one class; or use dataset_from_arrays with a test part "
            "of your own"
        )
    if len(names) > MAX_CLASSES:
        raise ValueError(
            f"{root} has {len(names):,} subfolders of images, each a class; expected at most "
            f"{MAX_CLASSES}: pass by_folder=False to take all as one class"
        )
    return class_of


def _named_classes(root, class_of, skipped):
    """Return the names of the classes, those of which every file was skipped included."""
    names = {*class_of.values()}
    parts = [(file.relative_to(root).parts[:-1], name) for file, name in class_of.items()]
    if not all(name in folders for folders, name in parts):
        return names  # all images are one class
    depth = max(folders.index(name) for folders, name in parts)
    below = [file.relative_to(root).parts[:-1] for file in skipped]
    return names | {folders[depth] for folders in below if len(folders) > depth}


def check_enough(root, files, class_of, skipped):
    if not files and not class_of:
        others = f" ({len(skipped):,} pictures in other formats: convert them)" if skipped else ""
        raise FileNotFoundError(
            f"{root} holds no PNG or JPEG file{others}. Looked in its subfolders, too, but not at "
            "hidden files: put the images there, or name another folder"
        )
    names = [class_of[file] for file in files]
    if len(names) - len(set(names)) < 1:
        why = f" {name_skipped(root, skipped, len(files) + len(skipped))}" if skipped else ""
        cure = "add images, or pass by_folder=False to take all as one class" if names[1:] else ""
        raise ValueError(
            f"{root} holds {len(files)} readable {'image' if len(files) == 1 else 'images'}, "
            "expected at least two of one class, one to train with and one to test: "
            f"{cure or 'add images'}.{why}"
        )


def name_skipped(root, skipped, total):
    named = [f"{file.relative_to(root)} ({why})" for file, why in sorted(skipped.items())]
    more = f", and {len(named) - NAMED_FILES:,} more" if len(named) > NAMED_FILES else ""
    return (
        f"{len(named):,} of {total:,} files in {root} skipped: {', '.join(named[:NAMED_FILES])}"
        f"{more}."
    )


# --- from files to one array ----------------------------------------------------------------


def _split_and_decode(root, files, class_of, skipped, test_fraction, form):
    """Return (the four parts of a data set, class names, {file: reason} of broken files)."""
    broken = {}
    while True:  # once more if files are broken: they must not take part in the split
        files = [file for file in files if file not in broken]
        check_enough(root, files, class_of, skipped | broken)
        class_names = sorted({class_of[file] for file in files})
        labels = np.array([class_names.index(class_of[file]) for file in files], np.uint8)
        train, test = split_rows(labels, test_fraction)
        order = np.concatenate([train, test])
        images, more = _decode_all([files[row] for row in order], *form)
        if not more:
            break
        broken |= more
    parts = images[: len(train)], labels[train], images[len(train) :], labels[test]
    return parts, tuple(class_names), broken


def _decode_all(files, height, width, colour, crop):
    """Return the images in the order of the files, and {file: reason} of those that are broken."""
    from PIL import Image
    from tqdm import tqdm

    images, broken = None, {}
    bar = tqdm(files, "reading images", leave=False, disable=len(files) < PROGRESS_FILES)
    with warnings.catch_warnings(), bar:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS is stricter
        for row, file in enumerate(bar):
            try:
                image = decode(file, height, width, colour, crop)
            except Exception as error:  # a broken file may raise anything, and is named for all
                broken[file] = reason(error)
                continue
            if images is None:
                images = _allocate(len(files), height, width, bool(colour) or image.ndim == 3)
            elif image.ndim == images.ndim:  # the first one in colour: those before it were grey
                grey, images = images, _allocate(len(files), height, width, True)
                images[:row] = grey[:row, ..., None]
                del grey
            images[row] = image if image.ndim == images.ndim - 1 else image[..., None]
    return images, broken


def _allocate(count, height, width, in_colour):
    channels = 3 if in_colour else 1
    needed = count * height * width * channels
    if needed > LIMIT_BYTES:
        side = int((LIMIT_BYTES / (count * channels)) ** 0.5)
        fitting = LIMIT_BYTES // (height * width * channels)
        ways = {f"size={side}": side >= MIN_SIDE, f"most={fitting}": fitting > 1}
        cure = " or ".join(way for way, fits in ways.items() if fits) or "a smaller size of fewer"
        raise ValueError(
            f"{count:,} images of {height} x {width}{' in colour' if in_colour else ''} need "
            f"{needed / 2**30:.1f} GiB, expected at most {LIMIT_BYTES / 2**30:.1f} GiB: {cure} fits"
        )
    shape = (count, height, width, 3) if in_colour else (count, height, width)
    return np.empty(shape, np.uint8)


def decode(file, height, width, colour, crop):
    """Return one image: uint8 (height, width) if it is grey or shall be, else with 3 channels."""
    from PIL import Image, ImageOps

    if not file.is_file():
        raise FileNotFoundError("a link to nothing")
    with Image.open(file, formats=FORMATS) as opened:
        # A JPEG is decoded only as finely as is needed: a half, a quarter or an eighth of its size.
        opened.draft(None, (2 * max(height, width), 2 * max(height, width)))
        if opened.width * opened.height > MAX_PIXELS:
            raise ValueError(
                f"{opened.width} x {opened.height} pixels are more than {MAX_PIXELS:,}: resize it"
            )
        image = _without_alpha(ImageOps.exif_transpose(opened))
    if colour is False:
        image = image.convert("L")
    smooth = Image.Resampling.BILINEAR  # averages what it shrinks, and never overshoots at an edge
    if crop:
        image = ImageOps.fit(image, (width, height), smooth)
    else:
        image = ImageOps.pad(image, (width, height), smooth, "white")
    pixels = np.asarray(image)
    is_grey = pixels.ndim == 3 and (pixels == pixels[..., :1]).all()
    return pixels[..., 0] if is_grey and not colour else pixels


def _without_alpha(image):
    """Return the image in mode L or RGB: transparency over white, 16 bits as 8."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits, which Pillow itself would cut off at 255
        grey = np.round(np.asarray(image, np.float32) / 257)
        return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        page = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(page, image).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def reason(error):
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):  # its words name the whole path
        return "neither a PNG nor a JPEG file, whatever its name: convert it or leave it out"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
