"""Files that are whole or not there: written under a temporary name, then renamed."""

import contextlib
import glob
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

ABANDONED_SECONDS = 3600  # a temporary file of this age belongs to a run that was killed


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write a file so that no reader ever sees half of it.

    Args:
        path: the file; missing folders above it are made.
        content: bytes, or text that is written as UTF-8 with the line ends that it has.

    Raises:
        OSError: if it cannot be written; the old file, if there is one, is untouched.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` if the block succeeds and goes if it fails.

    For what writes files itself, such as `model.save` or `np.savez`: the temporary path lies
    beside `path` and has its ending. Nothing stands there yet. An existing file keeps its
    permissions, and a link keeps pointing to the file that is replaced.

    Args:
        path: the file; missing folders above it are made.

    Raises:
        OSError: if it cannot be written; the old file, if there is one, is untouched.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent, f".{glob.escape(path.stem)}.*.part{glob.escape(path.suffix)}")
    name = f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}.part{path.suffix}"
    temporary = path.with_name(name)
    try:
        yield temporary
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:  # also on KeyboardInterrupt
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` if the block succeeds and goes if it fails.

    Args:
        path: the folder; it must not exist, or be empty. Missing folders above it are made.

    Raises:
        OSError: if it cannot be written, or there is something in it by the end.
    """
    path = Path(os.path.realpath(Path(path).expanduser()))
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        newest = max((file.stat().st_mtime for file in [old, *old.glob("*")]), default=0)
        if time.time() - newest > ABANDONED_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    temporary.mkdir()
    try:
        yield temporary
        if path.is_dir():
            path.rmdir()  # only if it is empty
        os.rename(temporary, path)
    finally:  # also on KeyboardInterrupt
        shutil.rmtree(temporary, ignore_errors=True)


def remove_abandoned(folder: Path, pattern: str) -> None:
    """Remove temporary files that killed runs left; those being written now are left alone.

    Args:
        folder: where they lie.
        pattern: of their names, as `Path.glob` takes it.
    """
    for old in folder.glob(pattern):
        with contextlib.suppress(OSError):  # another run was faster, or it is not ours
            if time.time() - old.stat().st_mtime > ABANDONED_SECONDS:
                old.unlink()
