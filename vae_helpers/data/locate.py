"""Where data files lie, in which order the places are tried, and what an error says of them.

Nothing here knows what a file holds; `formats` does.
"""

import contextlib
import hashlib
import os
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_helpers.data.dataset import ImageDataset
from vae_helpers.data.formats import read_csv
from vae_helpers.files import atomic_path
from vae_helpers.settings import is_on

GIVEN = "the given path"
SYNTHETIC = ("synthetic", "drawn")  # what asks for the stand-in; "drawn" is the old word
SEARCH_DEPTH = 5  # Kaggle's deepest layout is datasets/<owner>/<slug>/<folder>


class UnreachableError(OSError):
    """The network did not answer; the message says who was asked and what happened."""


@dataclass(frozen=True)
class Search:
    """How one data set is looked for.

    Attributes:
        name: the data set.
        files: the file names that count, in words.
        caches: (place, folder) each; the first that holds the data wins.
        read: function of (place, folder or file) that returns an ImageDataset, or None if the data
            is not there.
        download: function that returns an ImageDataset, or None if the download lacks the data.
        stand_in: function that returns the synthetic data set.
    """

    name: str
    files: str
    caches: Sequence[tuple[str, Path]]
    read: Callable
    download: Callable
    stand_in: Callable


def find(search: Search, path: str | Path | None, allow_synthetic: bool) -> ImageDataset:
    """Return the data set from the first place that holds it.

    Args:
        search: what is looked for, and where.
        path: the only place to look in, or "synthetic".
        allow_synthetic: whether a synthetic stand-in may take the place of what was not found.

    Raises:
        FileNotFoundError: naming every place that was tried, and the cure.
    """
    chosen = path or os.environ.get("VAE_DATA_DIR")
    if chosen and str(chosen) in SYNTHETIC:
        return search.stand_in()
    if chosen:
        return _read_chosen(search, path, chosen)

    places = [("the Kaggle inputs", kaggle_input()), *search.caches]
    for place, root in places:
        if os.path.exists(root) and (dataset := search.read(place, root)):
            return dataset
    tried = [f"{place} ({root})" for place, root in places]
    if is_offline():
        tried.append("not the network (VAE_OFFLINE is set)")
    else:
        try:
            if dataset := search.download():
                return dataset
            tried.append("the network (the download lacks the file)")
        except UnreachableError as error:
            tried.append(f"the network ({error})")

    name = search.name
    cure = f"set VAE_DATA_DIR to a folder that holds {search.files}. Tried: {'; '.join(tried)}"
    if not allow_synthetic:
        raise FileNotFoundError(f"no {name} found. To cure it, {cure}.")
    warnings.warn(
        f"no {name} found, so a synthetic stand-in takes its place. For the real images, {cure}.",
        stacklevel=3,
    )
    return search.stand_in()


def _read_chosen(search, path, chosen):
    """Read from the place that the user named; no other one is tried."""
    place, root = GIVEN if path else "VAE_DATA_DIR", Path(chosen).expanduser()
    if not os.path.exists(root):
        raise FileNotFoundError(
            f"{place} is {str(chosen)!r}, which does not exist (seen from {Path.cwd()}). "
            "Name an existing folder" + ("." if path else ", or unset VAE_DATA_DIR.")
        )
    if dataset := search.read(place, root):
        return dataset
    raise FileNotFoundError(
        f"{place} ({root}) does not hold {search.name}. Looked in it and its subfolders for "
        f"{search.files}. Put the data there"
        + ("." if path else ", or unset VAE_DATA_DIR to look elsewhere.")
    )


def is_offline() -> bool:
    """Return whether the environment says VAE_OFFLINE=1: no network is tried."""
    return is_on("VAE_OFFLINE")


def kaggle_input() -> Path:
    """Return the folder under which Kaggle mounts its inputs (VAE_KAGGLE_INPUT moves it)."""
    return Path(os.environ.get("VAE_KAGGLE_INPUT") or "/kaggle/input")


def cache_dir() -> Path:
    """Return the folder that keeps what was downloaded or parsed (VAE_CACHE_DIR moves it)."""
    return Path(os.environ.get("VAE_CACHE_DIR") or "~/.cache/vae_helpers").expanduser()


def keras_cache() -> Path:
    """Return the folder in which Keras keeps its data sets."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "datasets"


def find_together(
    root: Path, names: Sequence[str], endings: Sequence[str] = ("",)
) -> list[dict[str, Path]]:
    """Return every folder under `root` that holds all of `names`.

    Args:
        root: a folder; it is searched to a depth of 5, hidden folders are left out.
        names: file names that must stand in one folder.
        endings: what may follow a name, the preferred one first, such as ("", ".gz").

    Returns:
        A list of dicts {name: path}, in alphabetical order of the folders.
    """
    root, found = Path(root), []
    for folder, subfolders, files in os.walk(root, followlinks=True):
        depth = len(Path(folder).relative_to(root).parts)
        visible = sorted(name for name in subfolders if not name.startswith("."))
        subfolders[:] = visible if depth < SEARCH_DEPTH else []
        present = set(files)
        paths = {
            name: Path(folder, name + ending)
            for name in names
            for ending in reversed(endings)
            if name + ending in present
        }
        if len(paths) == len(names):
            found.append(paths)
    return found


def below(root: Path, files: dict[str, Path]) -> str:
    """Return the folder of `files` as it stands below `root`, such as '/fashion-mnist'."""
    folder = next(iter(files.values())).parent.relative_to(root)
    return "" if folder == Path() else f"/{folder.as_posix()}"


def warn_of_cache(folder: Path, error: OSError) -> None:
    """Warn that the cache cannot be written, which is no reason to stop."""
    warnings.warn(
        f"the cache folder {folder} cannot be written ({error}); going on without it, so the next "
        "run does this work again. Set VAE_CACHE_DIR to a folder of yours.",
        stacklevel=2,
    )


def parse_once(file: Path, classes: int, has_header: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and labels of a CSV file, parsed now or by an earlier run.

    The cache knows the file by its path, size and time of change, so a changed file is parsed anew.

    Args:
        file: see `formats.read_csv`, as for the others.
        classes: labels must be below this.
        has_header: whether the first line names the columns.
    """
    stat = file.stat()
    which = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:16]
    folder = cache_dir() / "parsed"
    parsed = folder / f"{which}-{stat.st_size}-{stat.st_mtime_ns}.npz"
    if os.path.exists(parsed):
        try:
            with np.load(parsed, allow_pickle=False) as arrays:
                return arrays["images"], arrays["labels"]
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
            pass  # damaged on the disk: it is ours, so it is made again
    images, labels = read_csv(file, classes, has_header)
    try:
        with atomic_path(parsed) as temporary:
            np.savez(temporary, images=images, labels=labels)
    except OSError as error:
        warn_of_cache(folder, error)
    for old in folder.glob(f"{which}-*.npz"):
        if old != parsed:
            with contextlib.suppress(OSError):
                old.unlink()
    return images, labels
