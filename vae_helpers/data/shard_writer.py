"""Write images into shards, one image in memory at a time; `shards` reads them.

A set is written into a temporary folder beside its place and renamed when it is whole, so a run
that is stopped leaves nothing that could be mistaken for one.
"""

import argparse
import contextlib
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from vae_helpers.data import folder as pictures
from vae_helpers.data.dataset import ImageDataset, split_rows
from vae_helpers.data.shards import (
    INDEX,
    RECORD_BYTES,
    Shards,
    index_text,
    open_shards,
    shard_name,
)
from vae_helpers.files import atomic_folder
from vae_helpers.images import as_uint8, check_images, image_shape_of

MAX_SHARDS = 512  # all are open while they are written
DECODERS = 4  # pictures decoded at a time
ROUND = 32  # files given to them at once


def write_shards(
    images: ImageDataset | np.ndarray | Iterable[np.ndarray] | str | Path,
    out: str | Path,
    shards: int = 16,
    *,
    part: str | None = None,
    size: int | tuple[int, int] = 64,
    colour: bool = True,
    crop: bool = True,
) -> Shards:
    """Write images into a folder of shards; a progress bar appears when it takes a while.

    The images are dealt out in turn, so the shards differ by one image at most. Those of a data
    set, an array and a folder are shuffled before, always in the same order; those of an iterator
    are taken as they come.

    Args:
        images: an `ImageDataset`; an array (n, height, width[, channels]), which may be a
            `np.memmap`; an iterable of single images, (height, width[, channels]); or the path of a
            folder of PNG and JPEG files, with subfolders. uint8 0-255 or floats in [0, 1].
        out: the folder to be made. It must not exist, or be empty.
        shards: how many files. A multiple of the number of workers that will read them is best,
            and 100 MB or more in each.
        part: "train" or "test". Of an `ImageDataset`, "train" when None; of a folder all files when
            None, else the part that `load_folder` would take.
        size: of the images made from a folder: height and width, or (height, width), in pixels.
        colour: of the images made from a folder: True for three channels, False for one.
        crop: of the images made from a folder; see `load_folder`.

    Returns:
        The set. Labels are not kept.

    Raises:
        FileExistsError: if there is something in `out`.
        FileNotFoundError: if the folder of pictures is not there, or empty.
        ValueError: if an image has another shape than the first one or is no image, there are fewer
            images than shards, or an argument is out of range.
    """
    _check_place(out, shards)
    if part not in (None, "train", "test"):
        raise ValueError(f"part is {part!r}, expected 'train', 'test' or None")
    if isinstance(images, str | Path):
        form = (*pictures.height_and_width(size), colour, crop)
        stream, total, source = _from_folder(images, part, form)
    elif isinstance(images, ImageDataset):
        array = images.test_images if part == "test" else images.train_images
        stream, total = _from_array(array)
        source = f"the {part or 'train'} part of {images.name}"
    elif part is not None:
        raise ValueError(f"part is {part!r}, but only a data set and a folder have parts")
    elif isinstance(images, np.ndarray):
        (stream, total), source = _from_array(images), "an array"
    else:
        stream, total, source = _from_iterable(images), None, "an iterator"
    _check_enough(total, shards)
    with atomic_folder(out) as temporary:
        counts, image_shape = _write_all(stream, total, temporary, shards)
        _check_enough(sum(counts), shards)
        written = Shards(temporary, tuple(counts), image_shape, source)
        _check_sizes(written)
        (temporary / INDEX).write_text(index_text(written), encoding="utf-8", newline="\n")
    return open_shards(out)


def _check_place(out, shards):
    if not isinstance(shards, int) or not 1 <= shards <= MAX_SHARDS:
        raise ValueError(f"shards is {shards!r}, expected a whole number from 1 to {MAX_SHARDS}")
    out = Path(out).expanduser()
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise FileExistsError(
            f"{out} is there already: delete it if it may be written again, or name another folder"
        )


def _check_enough(count, shards):
    if count is not None and count < shards:
        raise ValueError(f"{count:,} images for {shards} shards: write at most {count} shards")


# --- images as a stream of uint8 (height, width, channels) ----------------------------------------


def _from_array(images):
    check_images(images)
    order = np.random.default_rng(0).permutation(len(images))
    shape = image_shape_of(images)
    return (as_uint8(images[row][None]).reshape(shape) for row in order), len(images)


def _from_iterable(images):
    shape = None
    for row, image in enumerate(images):
        image = np.asarray(image)
        if image.ndim not in (2, 3):
            raise ValueError(
                f"image {row} of the iterator has shape {image.shape}, expected one image, (height,"
                " width) or (height, width, channels): let it give single images, not batches"
            )
        check_images(image[None], f"image {row} of the iterator")
        shape = shape or image_shape_of(image[None])
        if image_shape_of(image[None]) != shape:
            raise ValueError(
                f"image {row} of the iterator has shape {image.shape}, expected {shape} like the "
                "first: resize it"
            )
        yield as_uint8(image[None]).reshape(shape)


def _from_folder(path, part, form):
    root = pictures.existing_folder(path)
    files, skipped = pictures.find_images(root)
    if not files:
        pictures.check_enough(root, files, {}, skipped)
    if part is None:
        rows = np.random.default_rng(0).permutation(len(files))
    else:
        class_of = pictures.classes(root, files, root.name)
        pictures.check_enough(root, files, class_of, skipped)
        train, test = split_rows(np.unique([class_of[f] for f in files], return_inverse=True)[1])
        rows = test if part == "test" else train
    source = f"the {f'{part} part' if part else 'images'} of the folder '{root.resolve().name}'"
    return _decoded(root, [files[row] for row in rows], skipped, form), len(rows), source


def _decoded(root, files, skipped, form) -> Iterator[np.ndarray]:
    """Yield the pictures of files, a few decoded at a time; warn at the end of those left out."""
    from PIL import Image

    height, width, colour, _ = form
    shape = (height, width, 3 if colour else 1)

    def decode(file):
        try:
            image = pictures.decode(file, *form)
        except Exception as error:  # a broken file may raise anything
            return pictures.reason(error)
        return np.broadcast_to(image[..., None] if image.ndim == 2 else image, shape)

    skipped, waiting = dict(skipped), iter(files)
    total = len(files) + len(skipped)
    with ThreadPoolExecutor(DECODERS) as pool:
        while some := list(itertools.islice(waiting, ROUND)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                decoded = list(pool.map(decode, some))
            for file, image in zip(some, decoded, strict=True):
                if isinstance(image, str):
                    skipped[file] = image
                else:
                    yield image
    if skipped:
        warnings.warn(pictures.name_skipped(root, skipped, total), stacklevel=2)


# --- files --------------------------------------------------------------------------------------


def _write_all(stream, total, folder, shards):
    """Deal the images out to the files of a folder; return how many each got, and their shape."""
    counts, shape = [0] * shards, (0, 0, 0)
    with contextlib.ExitStack() as stack:
        names = [folder / shard_name(number, shards) for number in range(shards)]
        writers = [stack.enter_context(tf.io.TFRecordWriter(str(name))) for name in names]
        bar = tqdm(stream, "writing images", total, leave=False, unit="image", delay=1)
        for row, image in enumerate(stack.enter_context(bar)):
            writers[row % shards].write(image.tobytes())
            counts[row % shards] += 1
            shape = image.shape
    return counts, tuple(map(int, shape))


def _check_sizes(shards):
    record = math.prod(shards.image_shape) + RECORD_BYTES
    for file, count in zip(shards.files, shards.counts, strict=True):
        if file.stat().st_size != count * record:
            raise OSError(f"{file.name} could not be written whole: is the disk full?")


# --- the command --------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> None:
    """Run the command `python -m vae_helpers.data.shards`.

    Args:
        arguments: of the command line; those of this process when None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m vae_helpers.data.shards",
        description="Write the PNG and JPEG files of a folder into shards, or check a set of them.",
    )
    parser.add_argument("pictures", help="the folder of pictures; with --verify, one of shards")
    parser.add_argument("out", nargs="?", help="the folder to be made")
    parser.add_argument("--size", type=int, nargs="+", default=[64], help="side, or height width")
    parser.add_argument("--shards", type=int, default=16, help="how many files (16)")
    parser.add_argument("--grey", action="store_true", help="one channel instead of three")
    parser.add_argument("--whole", action="store_true", help="add white bars instead of cropping")
    parser.add_argument("--part", choices=("train", "test"), help="of the pictures; all without")
    parser.add_argument("--verify", action="store_true", help="read every record of a set")
    options = parser.parse_args(arguments)
    if options.verify == bool(options.out):
        parser.error("name a folder of pictures and the one to be made, or one set and --verify")
    try:
        if options.verify:
            shards = open_shards(options.pictures)
            shards.verify()
        else:
            shards = write_shards(
                options.pictures,
                options.out,
                options.shards,
                part=options.part,
                size=options.size[0] if len(options.size) == 1 else tuple(options.size),
                colour=not options.grey,
                crop=not options.whole,
            )
    except (OSError, ValueError, tf.errors.OpError) as error:  # a full disk, too many open files
        parser.exit(1, f"{error}\n")
    print(f"{shards.folder}: {shards}")
