"""Arrays and figures as the bytes of a PNG, and how a notebook shows them."""

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from vae_helpers.images import CHANNELS, as_uint8
from vae_helpers.plots.style import LINE, SIDE, WIDTH
from vae_helpers.settings import title_note

MAX_BYTES = 300_000
OVERSHOOT = 0.5  # outputs of a model may leave [0, 1] by so much; they are clipped


def as_pixels(images, name: str = "images") -> np.ndarray:
    """Return a batch of images as they are drawn.

    Args:
        images: (n, height, width) or (n, height, width, channels) with 1 channel (grey) or 3
            (colour), uint8 or floats in [0, 1]; floats that leave it by up to 0.5, as outputs of a
            model may, are clipped.
        name: what an error calls them.

    Returns:
        uint8 of shape (n, height, width) if grey, (n, height, width, 3) if in colour.

    Raises:
        ValueError: see `vae_helpers.images.check_images`.
    """
    images = np.asarray(images)
    is_float = images.dtype.kind == "f" and images.size > 0
    if is_float and images.min() >= -OVERSHOOT and images.max() <= 1 + OVERSHOOT:
        images = np.clip(images, 0, 1)
    return as_uint8(images, name)


def one_or_many(images, name: str = "images") -> np.ndarray:
    """Return `as_pixels` of a batch, or of a single image as a batch of one."""
    images = np.asarray(images)
    is_single = images.ndim == 2 or (images.ndim == 3 and images.shape[-1] in CHANNELS)
    return as_pixels(images[np.newaxis] if is_single else images, name)


def mosaic(images, columns: int | None = None, gap: int = 0) -> np.ndarray:
    """Lay images out in rows, left to right and top to bottom, on white.

    Args:
        images: (n, height, width[, channels]) or a single (height, width[, channels]), with 1 or 3
            channels; uint8 or floats in [0, 1].
        columns: images in a row; all of them in one row when None.
        gap: white pixels between neighbours.

    Returns:
        uint8 of shape (height, width) if grey, (height, width, 3) if in colour.
    """
    images = one_or_many(images)
    n, height, width, *channels = images.shape
    columns = min(columns or n, n)
    rows = -(-n // columns)
    sheet = np.full((rows * columns, height + gap, width + gap, *channels), 255, np.uint8)
    sheet[:n, :height, :width] = images
    sheet = sheet.reshape(rows, columns, height + gap, width + gap, *channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * (height + gap), columns * (width + gap), *channels)
    return sheet[: sheet.shape[0] - gap, : sheet.shape[1] - gap]


def array_to_png(images, scale: int | None = None, columns: int | None = None) -> bytes:
    """Return one image, or a batch laid out in rows, as the bytes of a PNG, in about 1 ms.

    Args:
        images: (n, height, width[, channels]) or a single (height, width[, channels]), with 1 or 3
            channels; uint8 or floats in [0, 1].
        scale: each pixel becomes scale x scale pixels. None enlarges each image to about 168
            pixels (28 by 6), or less where the sheet would become wider than a notebook's column.
        columns: images in a row, for a batch; all in one row when None.

    Returns:
        bytes of a PNG, for `show`, an `ipywidgets.Image` or a file.
    """
    images = one_or_many(images)
    sheet = mosaic(images, columns)
    if scale is None:
        scale = max(1, min(round(SIDE / max(images.shape[1:3])), WIDTH // sheet.shape[1]))
    buffer = io.BytesIO()
    enlarged = sheet.repeat(scale, axis=0).repeat(scale, axis=1)
    Image.fromarray(enlarged).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def figure_to_png(figure: Figure) -> bytes:
    """Return a figure as a PNG of at most 300 KB, in 256 colours or fewer where that is needed.

    16 colours are the fewest; only noise that fills a page stays larger than 300 KB with them.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    for colours in (256, 128, 64, 32, 16):
        if buffer.tell() <= MAX_BYTES:
            break
        picture = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
        buffer = io.BytesIO()
        picture.quantize(colours).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def mimebundle(picture: Figure | bytes, alt: str) -> tuple[dict, dict]:
    """Return the data and metadata of a notebook's output: the picture, and its alt text."""
    png = picture if isinstance(picture, bytes) else figure_to_png(picture)
    data = {"image/png": base64.b64encode(png).decode("ascii"), "text/plain": alt}
    return data, {"image/png": {"alt": alt}}


def note_in_title(figure: Figure) -> None:
    """Add to a figure's title that its images are synthetic, if they are.

    The title is the figure's own, or that of its first axes that has one.
    """
    titles = [getattr(figure, "_suptitle", None)]
    for axes in figure.axes:
        titles += [axes._left_title, axes.title]
    written = [title for title in titles if title is not None and title.get_text()]
    note = title_note()
    if not note or not written or note in written[0].get_text():
        return
    text = written[0].get_text() + note
    written[0].set_text(text)
    longest = max(len(line) for line in text.splitlines())
    if longest > LINE:  # smaller instead of beyond the edge
        written[0].set_fontsize(written[0].get_fontsize() * LINE / longest)


def show(picture: Figure | bytes, alt: str) -> None:
    """Show a figure, or a PNG of `array_to_png`, as one output of the cell.

    Where a synthetic stand-in was loaded, the title of a figure says so.

    Args:
        picture: a Figure or the bytes of a PNG.
        alt: one sentence that says what it shows, for readers who cannot see it. Pages exported by
            nbconvert carry it as the image's alt text, consoles print it.

    Raises:
        ValueError: if `alt` is empty.
    """
    from IPython.display import display

    if not alt.strip():
        raise ValueError("alt is empty; expected one sentence that says what the figure shows.")
    if isinstance(picture, Figure):
        note_in_title(picture)
    data, metadata = mimebundle(picture, alt)
    display(data, raw=True, metadata=metadata)
