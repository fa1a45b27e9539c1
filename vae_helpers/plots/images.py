"""Figures made of images."""

import textwrap

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.layout import GAP, enlargement, page, place_picture, place_text
from vae_helpers.plots.png import grey, mosaic
from vae_helpers.plots.style import MARGIN, STYLE, WIDTH


@matplotlib.rc_context(STYLE)
def image_grid(images, columns: int = 10, captions=None, title: str = "") -> Figure:
    """Images in rows.

    Args:
        images: (n, h, w[, 1]) uint8 or floats in [0, 1].
        columns: images in a row.
        captions: None, or n short texts to stand under the images.
        title: the sentence that the figure proves.

    Returns:
        Figure with one axes a row.
    """
    images = grey(images)
    if captions is not None and len(captions) != len(images):
        raise ValueError(
            f"{len(captions)} captions for {len(images)} images; expected one for each."
        )
    n, height, width = images.shape
    columns = min(columns, n)
    scale = enlargement(WIDTH - 2 * MARGIN, columns * (width + GAP) - GAP)
    row = height * scale + (GAP * scale if captions is None else 24)
    figure, top = page(-(-n // columns) * row, title)
    for index, start in enumerate(range(0, n, columns)):
        place_picture(
            figure,
            MARGIN,
            top + index * row,
            mosaic(images[start : start + columns], gap=GAP),
            scale,
        )
        for column, caption in enumerate(
            [] if captions is None else captions[start : start + columns]
        ):
            centre = MARGIN + (column * (width + GAP) + width / 2) * scale
            place_text(
                figure,
                centre,
                top + index * row + height * scale + 4,
                str(caption),
                ha="center",
                va="top",
                fontsize=8,
            )
    return figure


@matplotlib.rc_context(STYLE)
def reconstructions(
    originals, outputs, title: str = "", captions=("original", "redrawn"), columns: int = 8
) -> Figure:
    """Originals above what a model made of them, captions at the left.

    Args:
        originals: (n, h, w[, 1]) uint8 or floats in [0, 1].
        outputs: the same shape; or a list of such arrays, one row each, to compare several models.
        title: the sentence that the figure proves.
        captions: one for the originals and one for each array of outputs.
        columns: images in a row; more images continue below.

    Returns:
        Figure with one axes a row of images.
    """
    rows = [grey(originals)] + [
        grey(out) for out in (outputs if isinstance(outputs, list | tuple) else [outputs])
    ]
    shapes = [row.shape for row in rows]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"originals and outputs have shapes {shapes}; expected the same shape for all."
        )
    if len(captions) != len(rows):
        raise ValueError(
            f"{len(captions)} captions for {len(rows)} rows; expected one for the originals and "
            "one for each array of outputs."
        )
    n, height, width = shapes[0]
    columns = min(columns, n)
    captions = [textwrap.fill(caption, 14) for caption in captions]
    left = (
        MARGIN + 20 + 8.5 * max(len(line) for caption in captions for line in caption.split("\n"))
    )
    scale = enlargement(WIDTH - MARGIN - left, columns * (width + GAP) - GAP, most=4)
    line = (height + GAP) * scale
    band = len(rows) * line + 12
    figure, top = page(-(-n // columns) * band - 12, title)
    for index, start in enumerate(range(0, n, columns)):
        for row, (images, caption) in enumerate(zip(rows, captions, strict=True)):
            y = top + index * band + row * line
            place_text(
                figure,
                left - 12,
                y + height * scale / 2,
                caption,
                ha="right",
                va="center",
                fontsize=9.5,
            )
            place_picture(figure, left, y, mosaic(images[start : start + columns], gap=GAP), scale)
    return figure


def word(images, text: str) -> np.ndarray:
    """A text as one picture: the images of its letters side by side, black where it has a space.

    Args:
        images: (n, h, w[, 1]), one for each character of the text that is no space, in order;
            uint8 or floats in [0, 1].
        text: what is written.

    Returns:
        (h, len(text) * w) uint8, for `array_to_png` or `words`.
    """
    images = grey(images)
    letters = [place for place, character in enumerate(text) if character != " "]
    if len(images) != len(letters):
        raise ValueError(
            f"{len(images)} images for the {len(letters)} letters of {text!r}; expected one for "
            "each character that is no space."
        )
    strip = np.zeros((len(text), *images.shape[1:]), np.uint8)
    strip[letters] = images
    return mosaic(strip)


@matplotlib.rc_context(STYLE)
def words(pictures, captions, title: str = "") -> Figure:
    """Pictures of words, one below the other, captions at the left.

    Args:
        pictures: list of (h, w) arrays of the same height, such as `word` returns.
        captions: one for each.
        title: the sentence that the figure proves.

    Returns:
        Figure with one axes a word.
    """
    if len(captions) != len(pictures):
        raise ValueError(
            f"{len(captions)} captions for {len(pictures)} words; expected one for each."
        )
    sheets = [grey(picture)[0] for picture in pictures]
    captions = [textwrap.fill(caption, 16) for caption in captions]
    longest = max(len(line) for caption in captions for line in caption.split("\n"))
    left = MARGIN + 20 + 8.5 * longest
    scale = enlargement(WIDTH - MARGIN - left, max(sheet.shape[1] for sheet in sheets), most=4)
    row = (sheets[0].shape[0] + 2 * GAP) * scale
    figure, top = page(len(sheets) * row, title)
    for index, (sheet, caption) in enumerate(zip(sheets, captions, strict=True)):
        y = top + index * row
        middle = y + sheet.shape[0] * scale / 2
        place_text(figure, left - 12, middle, caption, ha="right", va="center", fontsize=9.5)
        place_picture(figure, left, y, sheet, scale)
    return figure
