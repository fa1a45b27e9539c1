"""Where data files are looked for, and how they are fetched and kept.

Nothing here knows what a file holds; `parsing` does. A file under its own name is always whole:
whatever is written goes to a temporary name first and is renamed at the end.
"""

import contextlib
import hashlib
import http.client
import os
import threading
import time
import urllib.error
import urllib.request
import uuid
import warnings
import zipfile
from pathlib import Path

import numpy as np

from vae_helpers.data.dataset import stand_in
from vae_helpers.data.formats import read_csv
from vae_helpers.settings import is_on

# The storage that keras.datasets.fashion_mnist reads, too.
FASHION_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
LETTERS_HANDLE = "sachinpatel21/az-handwritten-alphabets-in-csv-format"
LETTERS_PROBE_URL = "https://www.kaggle.com/"

CONNECT_SECONDS = 5  # for one connection; a closed network answers within twice this
GIVEN = "the given path"
SEARCH_DEPTH = 5  # Kaggle's deepest layout is datasets/<owner>/<slug>/<folder>


class UnreachableError(OSError):
    """The network did not answer; the message says who was asked and what happened."""


def is_offline():
    """True when the environment says VAE_OFFLINE=1: no network is tried."""
    return is_on("VAE_OFFLINE")


def kaggle_input():
    """The folder under which Kaggle mounts its inputs (VAE_KAGGLE_INPUT moves it)."""
    return Path(os.environ.get("VAE_KAGGLE_INPUT") or "/kaggle/input")


def cache_dir():
    """The folder that keeps what was downloaded or parsed (VAE_CACHE_DIR moves it)."""
    return Path(os.environ.get("VAE_CACHE_DIR") or "~/.cache/vae_helpers").expanduser()


def keras_cache():
    """The folder in which Keras keeps its data sets."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "datasets"


def kagglehub_cache():
    """The folders of kagglehub's complete downloads of the letters, the newest version first."""
    root = Path(os.environ.get("KAGGLEHUB_CACHE") or "~/.cache/kagglehub").expanduser()
    root = root / "datasets" / LETTERS_HANDLE
    # kagglehub marks a version as complete; one without the mark was interrupted.
    versions = [mark.stem for mark in root.glob("*.complete") if mark.stem.isdigit()]
    return [root / "versions" / version for version in sorted(versions, key=int, reverse=True)]


def find_together(root, names, endings=("",)):
    """Find every folder under `root` that holds all of `names`.

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


def fetch(url):
    """Download `url` and return its bytes.

    Raises:
        UnreachableError: nobody answers, or the answer is a refusal.
        ValueError: the answer breaks off before its end.
    """
    try:
        with _within(2 * CONNECT_SECONDS, lambda: _open(url)) as response:
            return response.read()
    except (http.client.IncompleteRead, ConnectionError, TimeoutError) as error:
        raise ValueError(
            f"the download of {url} broke off ({error}). Nothing of it was kept: run again, or "
            "set VAE_OFFLINE=1 to go on with the drawn stand-in."
        ) from error


def fetch_letters():
    """Let kagglehub download the letters and return the folder that holds them.

    Raises:
        UnreachableError: kagglehub is missing, or Kaggle could not be reached.
    """
    try:
        import kagglehub
    except ImportError as error:
        raise UnreachableError("kagglehub is not installed (pip install kagglehub)") from error
    # kagglehub waits long for a network that swallows packets; one short question first.
    _within(2 * CONNECT_SECONDS, lambda: _open(LETTERS_PROBE_URL)).close()
    try:
        return Path(kagglehub.dataset_download(LETTERS_HANDLE))
    except Exception as error:  # whatever it is, the reader needs the reason, not its type
        raise UnreachableError(f"kagglehub could not download it: {error}") from error


def keep(path, write):
    """Write a file of the cache whole or not at all: `write(file)`, then rename to `path`.

    A cache that cannot be written is no error: a warning says so and the program goes on.
    Temporary files that an earlier, killed run left in the folder are removed.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob("*.part"):
            if _is_abandoned(old):
                old.unlink(missing_ok=True)
        try:
            with open(temporary, "wb") as file:
                write(file)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        warnings.warn(
            f"the cache folder {path.parent} cannot be written ({error}); going on without it, "
            "so the next run does this work again. Set VAE_CACHE_DIR to a folder of yours.",
            stacklevel=2,
        )


def _open(url):
    request = urllib.request.Request(url, headers={"User-Agent": "vae_helpers"})
    try:
        return urllib.request.urlopen(request, timeout=CONNECT_SECONDS)
    except (OSError, http.client.HTTPException) as error:  # URLError, HTTPError, time-outs
        raise UnreachableError(f"{url} does not answer: {error}") from error


def _within(seconds, function):
    """Call `function` in a thread that is given up after `seconds`: looking up a host name
    obeys no socket time-out."""
    outcome = []

    def run():
        try:
            outcome.append((function(), None))
        except Exception as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise UnreachableError(f"no answer from the network within {seconds} seconds")
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


def _is_abandoned(temporary):
    """True if the process that was writing this file is gone, or started over an hour ago."""
    with contextlib.suppress(OSError):
        if time.time() - temporary.stat().st_mtime > 3600:
            return True
    process = temporary.name.split(".")[-2].split("-")[0]
    if os.name != "posix" or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)  # signal 0 asks whether the process exists, and does nothing
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def first_found(name, path, allow_drawn, files, caches, read, download, draw, class_names):
    chosen = path or os.environ.get("VAE_DATA_DIR")
    if chosen and str(chosen) == "drawn":
        return stand_in(name, draw, class_names)
    if chosen:
        return _read_chosen(name, path, chosen, files, read)

    places = [("the Kaggle inputs", kaggle_input()), *caches]
    for place, root in places:
        if os.path.exists(root) and (dataset := read(place, root)):
            return dataset
    tried = [f"{place} ({root})" for place, root in places]
    if is_offline():
        tried.append("not the network (VAE_OFFLINE is set)")
    else:
        try:
            if dataset := download():
                return dataset
            tried.append("the network (the download lacks the file)")
        except UnreachableError as error:
            tried.append(f"the network ({error})")

    cure = f"set VAE_DATA_DIR to a folder that holds {files}. Tried: {'; '.join(tried)}"
    if not allow_drawn:
        raise FileNotFoundError(f"no {name} found. To cure it, {cure}.")
    warnings.warn(
        f"no {name} found, so a drawn stand-in takes its place. For the real images, {cure}.",
        stacklevel=3,
    )
    return stand_in(name, draw, class_names)


def _read_chosen(name, path, chosen, files, read):
    """Read from the place a person named: what is not there is an error, not looked for
    elsewhere."""
    place, root = GIVEN if path else "VAE_DATA_DIR", Path(chosen).expanduser()
    if not os.path.exists(root):
        raise FileNotFoundError(
            f"{place} is {str(chosen)!r}, which does not exist (seen from {Path.cwd()}). "
            "Name an existing folder" + ("." if path else ", or unset VAE_DATA_DIR.")
        )
    if dataset := read(place, root):
        return dataset
    raise FileNotFoundError(
        f"{place} ({root}) does not hold {name}. Looked in it and its subfolders for {files}. "
        "Put the data there" + ("." if path else ", or unset VAE_DATA_DIR to look elsewhere.")
    )


def parse_once(file, classes, has_header):
    """Parse a CSV, or take what an earlier run parsed: the cache knows the file by its path,
    size and time of change, so that a changed file is parsed anew."""
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
    keep(parsed, lambda out: np.savez(out, images=images, labels=labels))
    for old in folder.glob(f"{which}-*.npz"):
        if old != parsed:
            with contextlib.suppress(OSError):
                old.unlink()
    return images, labels


def below(root, files):
    """The folder of `files` as it stands below `root`, such as '/fashion-mnist'."""
    folder = next(iter(files.values())).parent.relative_to(root)
    return "" if folder == Path() else f"/{folder.as_posix()}"
