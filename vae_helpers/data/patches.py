"""Folders of pictures to practise on: patches of photographs that Python packages ship, and arrays.

Nothing is fetched and no package is imported: the files lie in the wheels of scikit-learn, which
the course needs anyway, and of scikit-image (`pip install scikit-image`), where it is installed.

Patches of one photograph share its light, its colours and its grain, and many overlap. A test part
is therefore made of whole photographs: `hold_out` splits a data set by subfolder.
"""

import contextlib
import hashlib
import importlib.util
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from vae_helpers.data.dataset import ImageDataset
from vae_helpers.files import atomic_folder
from vae_helpers.images import as_uint8

LARGEST_CUT = 3.0  # sides of a patch that are cut out at most, before it is resized
RECORD = "made_by.json"  # what a folder was made with


@dataclass(frozen=True)
class Photograph:
    """A photograph in colour that a package ships.

    Attributes:
        name: what the course calls it.
        package: the package, as it is imported.
        file: where it lies in the package's folder.
        author: whose photograph it is.
        licence: what it may be used for, as the package states it.
        source: where the package has it from.
    """

    name: str
    package: str
    file: str
    author: str
    licence: str
    source: str

    @property
    def path(self) -> Path | None:
        """The file, or None where the package (or this file of it) is missing."""
        spec = importlib.util.find_spec(self.package)
        for folder in spec.submodule_search_locations or () if spec else ():
            if (path := Path(folder, self.file)).is_file():
                return path
        return None


# Read in the files of scikit-learn 1.9.1 and scikit-image 0.26.0. Left out of the latter: what has
# no licence (the motorcycles of Middlebury), what is grey, and what is no everyday photograph.
PHOTOGRAPHS = (
    Photograph(
        "china", "sklearn", "datasets/images/china.jpg", "danielbuechele", "CC BY 2.0",
        "flickr.com/photos/danielbuechele/6061409035",
    ),
    Photograph(
        "flower", "sklearn", "datasets/images/flower.jpg", "vultilion", "CC BY 2.0",
        "flickr.com/photos/vultilion/6056698931",
    ),
    Photograph(
        "astronaut", "skimage", "data/astronaut.png", "NASA", "public domain", "flic.kr/p/r9qvLn"
    ),
    Photograph(
        "chelsea", "skimage", "data/chelsea.png", "Stefan van der Walt", "CC0", "scikit-image"
    ),
    Photograph("coffee", "skimage", "data/coffee.png", "Rachel Michetti", "CC0", "scikit-image"),
    Photograph(
        "rocket", "skimage", "data/rocket.jpg", "SpaceX", "public domain",
        "flickr.com/photos/spacexphotos/16511594820",
    ),
)  # fmt: skip


def shipped_photographs() -> tuple[Photograph, ...]:
    """Return those of `PHOTOGRAPHS` that the installed packages hold."""
    return tuple(photograph for photograph in PHOTOGRAPHS if photograph.path)


def write_patches(
    folder: str | Path,
    each: int = 400,
    side: int = 64,
    photographs: Sequence[Photograph] | None = None,
    seed: int = 0,
) -> Path:
    """Cut patches out of photographs and write them as PNG files, one subfolder a photograph.

    A patch is a square at a random place, `side` to `LARGEST_CUT` times `side` pixels wide (evenly
    in the logarithm), resized to `side`. The same arguments give the same files.

    Args:
        folder: where to; it must not exist, be empty, or be one made with the same arguments.
        each: patches of each photograph, at least 1.
        side: height and width of a patch, in pixels; at least 8.
        photographs: some of `PHOTOGRAPHS`; those that are installed when None.
        seed: of places and sizes.

    Returns:
        The folder. It is left as it is if it was made with the same arguments.

    Raises:
        ValueError: if an argument is out of range, or a photograph is smaller than a patch.
        FileNotFoundError: if a photograph is not installed.
        FileExistsError: if the folder holds something else.
    """
    if each < 1 or side < 8:
        raise ValueError(f"each is {each} and side {side}, expected at least 1 and 8 pixels")
    photographs = shipped_photographs() if photographs is None else tuple(photographs)
    missing = [photograph for photograph in photographs if not photograph.path]
    if missing or not photographs:
        packages = sorted({each.package for each in missing}) or ["sklearn", "skimage"]
        raise FileNotFoundError(
            f"{', '.join(each.name for each in missing) or 'every photograph'} is not installed "
            f"({', '.join(packages)}): pip install scikit-image scikit-learn, or leave it out"
        )
    made_by = {"patches": [asdict(each) for each in photographs], "each": each, "side": side}

    def pictures():
        for photograph in photographs:
            rng = np.random.default_rng([seed, *photograph.name.encode()])
            for number, patch in enumerate(_patches(photograph.path, each, side, rng)):
                yield f"{photograph.name}/{number:05}.png", patch

    return _write(folder, pictures(), made_by | {"seed": seed})


def write_folder(
    folder: str | Path, images, labels: Sequence[int], class_names: Sequence[str]
) -> Path:
    """Write images as PNG files, one subfolder a class: what `load_folder` reads back.

    Args:
        folder: where to; it must not exist, be empty, or be one made with the same arguments.
        images: (n, height, width[, channels]), uint8 or floats in [0, 1].
        labels: shape (n,), an index into `class_names`.
        class_names: names of the subfolders; a slash becomes a dash.

    Returns:
        The folder. It is left as it is if it holds these very images.

    Raises:
        ValueError: see `images.check_images`, or if there is not one label an image.
        FileExistsError: if the folder holds something else.
    """
    images, labels = as_uint8(images), np.asarray(labels)
    if labels.shape != (len(images),):
        raise ValueError(f"labels has shape {labels.shape}, expected ({len(images)},)")
    digest = hashlib.sha256(images.tobytes() + labels.astype(np.int64).tobytes()).hexdigest()

    def pictures():
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            # "T-shirt/top" of Fashion-MNIST would be a folder in a folder.
            subfolder = class_names[int(label)].replace("/", "-").replace("\\", "-")
            yield f"{subfolder}/{number:05}.png", image

    made_by = {"images": list(images.shape), "sha256": digest, "class_names": list(class_names)}
    return _write(folder, pictures(), made_by)


def hold_out(dataset: ImageDataset, classes: Sequence[str]) -> ImageDataset:
    """Return the data set split anew, so that whole classes are its test part.

    For images that come in groups (patches of a photograph, frames of a film, pictures of a
    patient): with a subfolder a group, no group is on both sides.

    Args:
        dataset: of `load_folder`, say.
        classes: names of the classes to test on; at least one other class stays to train on.

    Raises:
        ValueError: if a name is unknown, or nothing is left on one side.
    """
    unknown = sorted({*classes} - {*dataset.class_names})
    if unknown or not 0 < len({*classes}) < len(dataset.class_names):
        raise ValueError(
            f"classes is {list(classes)!r}, expected some of {', '.join(dataset.class_names)}, "
            "and not all of them"
        )
    images = np.concatenate([dataset.train_images, dataset.test_images])
    labels = np.concatenate([dataset.train_labels, dataset.test_labels])
    held = np.isin(labels, [dataset.class_names.index(name) for name in classes])
    return replace(
        dataset,
        train_images=images[~held],
        train_labels=labels[~held],
        test_images=images[held],
        test_labels=labels[held],
        source=f"{dataset.source}; tested on {', '.join(classes)}",
    )


def _patches(path: Path, count: int, side: int, rng) -> Iterator[np.ndarray]:
    from PIL import Image

    with Image.open(path) as opened:
        photograph = opened.convert("RGB")
    room = min(photograph.size)
    if room < side:
        raise ValueError(f"{path.name} is {room} pixels wide, expected at least side={side}")
    largest = min(LARGEST_CUT * side, room)
    for cut in np.exp(rng.uniform(np.log(side), np.log(largest), size=count)):
        left, top = (rng.uniform(0, extent - cut) for extent in photograph.size)
        box = (left, top, left + cut, top + cut)
        yield np.asarray(photograph.resize((side, side), Image.Resampling.BILINEAR, box))


def _write(folder, pictures, made_by) -> Path:
    """Write {relative name: image} pairs and what they were made with: all of it or nothing."""
    from PIL import Image

    folder, record = Path(folder).expanduser(), json.dumps(made_by, indent=2) + "\n"
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        with contextlib.suppress(OSError):
            if (folder / RECORD).read_text(encoding="utf-8") == record:
                return folder
        raise FileExistsError(
            f"{folder} exists, and was not made with these arguments: name another folder, or "
            "delete this one"
        )
    with atomic_folder(folder) as temporary:
        for name, image in pictures:
            (temporary / name).parent.mkdir(exist_ok=True)
            if image.shape[2:] == (1,):  # Pillow wants grey without an axis of channels
                image = image[..., 0]
            Image.fromarray(image).save(temporary / name, compress_level=1)
        (temporary / RECORD).write_text(record, encoding="utf-8")
    return folder
