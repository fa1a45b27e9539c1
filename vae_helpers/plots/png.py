"""Arrays and figures as the bytes of a PNG, and how a notebook shows them."""

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

MAX_BYTES = 300_000


def grey(images) -> np.ndarray:
    """(h, w[, 1]) or (n, h, w[, 1]) -> (n, h, w) uint8. Floats are read on 0-1 and clipped."""
    images = np.asarray(images)
    if images.ndim in (3, 4) and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim == 2:
        images = images[None]
    if images.ndim != 3 or images.size == 0:
        raise ValueError(
            f"images have shape {images.shape}; expected one grey image (28, 28) or (28, 28, 1), "
            "or a batch of them (n, 28, 28) or (n, 28, 28, 1) with n of at least 1."
        )
    if images.dtype == np.uint8:
        return images
    if not np.isfinite(images).all():
        raise ValueError(
            "images hold NaN or infinity: the model that made them has diverged. "
            "Look at its loss first."
        )
    if images.max() > 2:
        raise ValueError(
            f"images are {images.dtype} with a largest value of {images.max():g}; expected uint8 "
            "on 0-255 or floats in [0, 1]. Divide by 255."
        )
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)


def mosaic(images, columns: int | None = None, gap: int = 0) -> np.ndarray:
    """Lays images out in rows, left to right and top to bottom, on white.

    Args:
        images: (n, h, w[, 1]) or a single (h, w[, 1]); uint8 or floats in [0, 1].
        columns: images in a row; all of them in one row when None.
        gap: white pixels between neighbours.

    Returns:
        (height, width) uint8.
    """
    images = grey(images)
    n, height, width = images.shape
    columns = min(columns or n, n)
    rows = -(-n // columns)
    sheet = np.full((rows * columns, height + gap, width + gap), 255, np.uint8)
    sheet[:n, :height, :width] = images
    sheet = sheet.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    sheet = sheet.reshape(rows * (height + gap), columns * (width + gap))
    return sheet[: sheet.shape[0] - gap, : sheet.shape[1] - gap]


def _enlarge(sheet: np.ndarray, scale: int) -> np.ndarray:
    return sheet.repeat(scale, axis=0).repeat(scale, axis=1)


def array_to_png(images, scale: int = 6, columns: int | None = None) -> bytes:
    """One image, or a batch laid out in rows, as the bytes of a grey PNG: pure, and about 1 ms.

    Args:
        images: (h, w[, 1]) or (n, h, w[, 1]); uint8 or floats in [0, 1].
        scale: each pixel becomes scale x scale pixels (6 turns 28 into 168).
        columns: images in a row, for a batch; all in one row when None.

    Returns:
        bytes of a PNG, for `show`, an `ipywidgets.Image` or a file.
    """
    buffer = io.BytesIO()
    sheet = _enlarge(mosaic(images, columns), scale)
    Image.fromarray(sheet).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def figure_to_png(figure: Figure) -> bytes:
    """A figure as PNG of at most 300 KB; what would be larger is drawn in 256 colours or fewer."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    for colours in (256, 64, 16):
        if buffer.tell() <= MAX_BYTES:
            break
        picture = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
        buffer = io.BytesIO()
        picture.quantize(colours).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def mimebundle(picture: Figure | bytes, alt: str) -> tuple[dict, dict]:
    png = picture if isinstance(picture, bytes) else figure_to_png(picture)
    data = {"image/png": base64.b64encode(png).decode("ascii"), "text/plain": alt}
    return data, {"image/png": {"alt": alt}}


def show(picture: Figure | bytes, alt: str) -> None:
    """Shows a figure, or a PNG of `array_to_png`, as one output of the cell.

    Args:
        picture: a Figure or the bytes of a PNG.
        alt: one sentence of what it shows, for who cannot see it. Pages exported by nbconvert carry
            it as the image's alt text, consoles print it.
    """
    from IPython.display import display

    if not alt.strip():
        raise ValueError("alt is empty; expected one sentence that says what the figure shows.")
    data, metadata = mimebundle(picture, alt)
    display(data, raw=True, metadata=metadata)
