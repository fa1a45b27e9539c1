"""From the bytes of a data file to uint8 arrays, checked on the way.

Two formats: IDX (gzipped or not), in which Fashion-MNIST was published, and CSV with one image
a line (its label, then 784 pixels), as both data sets stand on Kaggle. An error names the file,
what is wrong with it and the cure; nothing is half-read.
"""

import gzip
import hashlib
import itertools
import zlib
from pathlib import Path

import numpy as np

SIDE = 28
PIXELS = SIDE * SIDE
MAGIC = {2049: "labels", 2051: "images"}

CHUNK_ROWS = 8192  # one chunk of 64-bit integers takes 51 MB
PROGRESS_ROWS = 50_000  # show a bar for large files only


def read_idx(path: str | Path, content: bytes | None = None) -> tuple[np.ndarray, str]:
    """Return the array of one IDX file of 28 x 28 images or of labels.

    Args:
        path: the file; named in every error.
        content: its bytes, if they were just downloaded and `path` is a URL.

    Returns:
        (array, sha256): uint8 of shape (n, 28, 28) or (n,), and the SHA-256 of the unpacked
        content, which does not depend on how the file was compressed.

    Raises:
        ValueError: if the file is truncated, is no IDX file, or its header and length disagree.
    """
    broken = _broken if content is None else _broken_download
    content = Path(path).read_bytes() if content is None else content
    if content[:64].lstrip()[:1] == b"<":
        raise broken(path, "it holds an HTML page (a login or error page was saved instead)")
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise broken(path, f"its gzip data is truncated or damaged ({error})") from error
    elif str(path).endswith(".gz"):
        raise broken(path, "it is not gzip data")
    if len(content) < 8 or int.from_bytes(content[:4], "big") not in MAGIC:
        raise broken(path, f"it starts with {content[:4]!r}, not with an IDX magic number")

    kind, count = MAGIC[int.from_bytes(content[:4], "big")], int.from_bytes(content[4:8], "big")
    if kind not in Path(path).name and "idx" in Path(path).name:
        raise broken(path, f"it holds {kind}, which its name does not say")
    shape, start = ((count, SIDE, SIDE), 16) if kind == "images" else ((count,), 8)
    sides = content[8:start]
    if sides != b"".join(side.to_bytes(4, "big") for side in shape[1:]):
        found = [int.from_bytes(sides[i : i + 4], "big") for i in range(0, len(sides), 4)]
        raise broken(path, f"its images are {found}, expected [28, 28]")
    expected = start + int(np.prod(shape))
    if len(content) != expected:
        raise broken(
            path, f"it unpacks to {len(content):,} bytes, expected {expected:,} for {count:,} rows"
        )
    array = np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
    return array, hashlib.sha256(content).hexdigest()


def read_csv(path: str | Path, classes: int, has_header: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and labels of a CSV file: a line is a label, then 784 pixels, 0 to 255.

    The file is read in chunks straight into arrays of bytes, so that 700 MB of text need about
    0.4 GB of memory. A large file shows a progress bar.

    Args:
        path: the file.
        classes: labels must be whole numbers from 0 to classes - 1.
        has_header: whether the first line names the columns.

    Returns:
        (images, labels): uint8 (n, 28, 28) and uint8 (n,), in the order of the file.

    Raises:
        ValueError: naming the first line that is not as expected, and the cure.
    """
    _check_first_line(path, has_header)
    rows = _count_lines(path) - has_header
    if rows < 1:
        raise ValueError(f"{path} holds no image: it is empty below its header. Fetch it again.")
    images = np.empty((rows, PIXELS), np.uint8)
    labels = np.empty(rows, np.uint8)
    done = 0
    try:
        for table in _tables(path, rows, has_header):
            if not _is_good(table, classes):
                raise ValueError
            images[done : done + len(table)] = table[:, 1:]
            labels[done : done + len(table)] = table[:, 0]
            done += len(table)
        if done != rows:
            raise ValueError
    except ValueError as error:  # pandas' own ParserError is one, too
        fault = _first_fault(path, classes, first_line=1 + has_header + done)
        raise ValueError(fault or f"{path} cannot be read as a CSV of images: {error}") from error
    return images.reshape(-1, SIDE, SIDE), labels


def _tables(path, rows, has_header):
    """Yield the numbers of the file in chunks of lines; a large file shows a progress bar."""
    import pandas as pd
    from tqdm import tqdm

    chunks = pd.read_csv(
        path,
        header=None,
        skiprows=int(has_header),
        nrows=rows,
        chunksize=CHUNK_ROWS,
        skip_blank_lines=False,  # a blank line must not shift the line numbers in an error
        low_memory=False,
    )
    bar = tqdm(
        total=rows,
        unit="row",
        desc=f"reading {Path(path).name}",
        leave=False,
        mininterval=0.5,
        disable=rows < PROGRESS_ROWS,
    )
    with chunks, bar:
        for chunk in chunks:
            yield chunk.to_numpy()
            bar.update(len(chunk))


def _is_good(table, classes):
    return (
        table.shape[1] == 1 + PIXELS
        and table.dtype.kind in "iu"
        and table.min() >= 0
        and table.max() <= 255
        and table[:, 0].max() < classes
    )


def _check_first_line(path, has_header):
    with open(path, "rb") as file:
        line = file.readline(1_000_000).removeprefix(b"\xef\xbb\xbf").strip()
    if not line:
        raise ValueError(f"{path} is empty or starts with a blank line. Fetch the file again.")
    if line[:2] in (b"\x1f\x8b", b"PK"):
        raise ValueError(f"{path} is an archive, not text. Unpack it and point to the CSV inside.")
    if line[:1] == b"<":
        raise _broken(path, "it holds an HTML page (a login or error page was saved instead)")
    fields = line.decode("utf-8", "replace").split(",")
    are_whole = [field.strip().isdecimal() for field in fields]
    # Names may look like numbers: pandas writes "label,0,1,..." or "0,0.1,0.2,...".
    is_header = not are_whole[0] or sum(are_whole) < len(fields) / 2
    if is_header and not has_header:
        raise ValueError(
            f"line 1 of {path} is a header ({', '.join(fields[:3])}, ...), but this file must have "
            "none: its first line is an image already. Delete line 1."
        )
    if has_header and not is_header:
        raise ValueError(
            f"line 1 of {path} is an image, expected the header label,pixel1,...,pixel784. "
            "Add that line at the top."
        )
    if len(fields) != 1 + PIXELS:
        raise ValueError(
            f"line 1 of {path} has {len(fields)} columns, expected 785: the label, then 784 pixels "
            "separated by commas. Write the file in that form."
        )


def _count_lines(path):
    """Return the number of lines; blank lines at the end of the file do not count."""
    newlines, newlines_at_end = 0, 0
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            text = block.rstrip(b"\r\n")
            after_text = block.count(b"\n", len(text))
            newlines += block.count(b"\n")
            newlines_at_end = after_text if text else newlines_at_end + after_text
    return newlines - newlines_at_end + 1


def _first_fault(path, classes, first_line):
    """Return what is wrong with the first bad line from `first_line` on (None if all are good)."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = itertools.islice(file, first_line - 1, None)
        for number, line in enumerate(lines, start=first_line):
            fields = line.strip().split(",")
            if len(fields) != 1 + PIXELS:
                return (
                    f"line {number} of {path} has {len(fields)} columns, expected 785 (the label, "
                    "then 784 pixels). Correct or delete that line; if it is the last one, the "
                    "file was cut off: fetch it again."
                )
            for column, field in enumerate(fields, start=1):
                top = classes - 1 if column == 1 else 255
                if not (field.strip().isdecimal() and int(field) <= top):
                    what = "label" if column == 1 else "pixel"
                    return (
                        f"line {number} of {path}: column {column} holds {field!r}, expected a "
                        f"{what} (a whole number from 0 to {top}). Correct or delete that line."
                    )
    return None


def _broken(path, what):
    return ValueError(
        f"{path} is broken: {what}. Delete it and run again, or put a good copy in its place."
    )


def _broken_download(url, what):
    return ValueError(
        f"the download of {url} is broken: {what}. Nothing of it was kept: run again (behind a "
        "login page, log in first), or set VAE_OFFLINE=1 to go on with the synthetic stand-in."
    )
