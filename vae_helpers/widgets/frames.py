"""A slider that turns through pictures made before, as one piece of HTML: no kernel, no request."""

import base64
import html
import io
import json
import string
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from vae_helpers.plots.png import array_to_png

PAGE = Path(__file__).with_name("frames.html")  # a string.Template
MAX_BYTES = 1_000_000  # of all pictures together, as they stand in the page
WIDTH = 640  # of the picture on the page, at most; enlarged by a whole number


def frame_slider(
    frames: Sequence,
    values: Sequence[str],
    name: str,
    *,
    words: Sequence[str] | None = None,
    columns: int | None = None,
    start: int = 0,
    alt: str = "",
):
    """Return a slider with one sheet of pictures for each place where it can stand.

    What costs time, say sampling at several guidance weights, is done before; the page holds the
    pictures alone. Mouse, finger and arrow keys move the slider.

    Args:
        frames: one array of images (n, height, width[, channels]) for each place, floats in [0, 1].
        values: what the slider says at each place.
        name: what the slider moves, say "guidance".
        words: a sentence for each place; none when None.
        columns: images in a row of a sheet.
        start: the place it begins at.
        alt: what the pictures show, for readers who cannot see them.

    Returns:
        IPython.display.HTML.

    Raises:
        ValueError: if there is not one value (and one sentence) for each frame, or the pictures
            are too large for a page.
    """
    from IPython.display import HTML

    words = [""] * len(frames) if words is None else words
    if not len(frames) == len(values) == len(words) or not len(frames):
        raise ValueError(
            f"there are {len(frames)} frames, {len(values)} values and {len(words)} words, "
            "expected one of each for every place of the slider"
        )
    pictures = [array_to_png(images, scale=1, columns=columns) for images in frames]
    sheets = ["data:image/png;base64," + base64.b64encode(png).decode() for png in pictures]
    if (size := sum(map(len, sheets))) > MAX_BYTES:
        raise ValueError(
            f"the frames take {size:,} bytes, expected at most {MAX_BYTES:,}: show fewer images or "
            "fewer places"
        )
    across = Image.open(io.BytesIO(pictures[0])).width
    facts = {"frames": sheets, "values": list(values), "words": list(words)}
    encoded = json.dumps(facts | {"name": name, "start": start}, separators=(",", ":"))
    page = string.Template(PAGE.read_text(encoding="utf-8"))
    return HTML(
        page.substitute(
            facts=html.escape(encoded),
            first=sheets[start],
            alt=html.escape(alt),
            width=across * max(1, WIDTH // across),
        )
    )
