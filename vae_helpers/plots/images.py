"""Figures made of images of any size, grey or in colour."""

import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.layout import (
    columns_that_fit,
    enlargement,
    gap_between,
    page,
    place_picture,
    place_text,
)
from vae_helpers.plots.png import as_pixels, mosaic, one_or_many
from vae_helpers.plots.style import MARGIN, STYLE, WIDTH

ROW_SIDE = 112  # pixels: an image in a row with its caption is enlarged to this at most
CAPTION = 24  # pixels below an image


@matplotlib.rc_context(STYLE)
def image_grid(
    images, columns: int | None = None, captions: Sequence | None = None, title: str = ""
) -> Figure:
    """Draw images in rows.

    Args:
        images: (n, height, width[, channels]) with 1 or 3 channels, uint8 or floats in [0, 1].
        columns: images in a row; when None 10, or as many as fit without being reduced.
        captions: None, or n short texts to stand under the images.
        title: the sentence that the figure proves.

    Returns:
        Figure with one axes a row.
    """
    images = as_pixels(images)
    if captions is not None and len(captions) != len(images):
        raise ValueError(
            f"{len(captions)} captions for {len(images)} images; expected one for each."
        )
    n, height, width = images.shape[:3]
    gap, room = gap_between(images), WIDTH - 2 * MARGIN
    columns = min(columns or columns_that_fit(room, width, gap, most=10), n)
    scale = enlargement(room, columns * (width + gap) - gap, max(height, width))
    row = height * scale + (gap * scale if captions is None else CAPTION)
    figure, top = page(-(-n // columns) * row, title)
    captions = [] if captions is None else captions
    for start in range(0, n, columns):
        place_picture(figure, MARGIN, top, mosaic(images[start : start + columns], gap=gap), scale)
        below = top + height * scale + 4
        for column, caption in enumerate(captions[start : start + columns]):
            centre = MARGIN + (column * (width + gap) + width / 2) * scale
            place_text(figure, centre, below, str(caption), ha="center", va="top", fontsize=8)
        top += row
    return figure


@matplotlib.rc_context(STYLE)
def reconstructions(
    originals,
    outputs,
    title: str = "",
    captions: Sequence[str] = ("original", "redrawn"),
    columns: int | None = None,
) -> Figure:
    """Draw originals above what a model made of them, captions at the left.

    Args:
        originals: (n, height, width[, channels]) with 1 or 3 channels, uint8 or floats in [0, 1].
        outputs: the same shape; or a list of such arrays, one row each, to compare several models.
        title: the sentence that the figure proves.
        captions: one for the originals and one for each array of outputs.
        columns: images in a row, more images continue below; when None 8, or as many as fit
            without being reduced.

    Returns:
        Figure with one axes a row of images.
    """
    outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
    rows = [as_pixels(originals, "originals")] + [as_pixels(row, "outputs") for row in outputs]
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
    n, height, width = shapes[0][:3]
    captions, left = _captions_at_the_left(captions, 14)
    gap, room = gap_between(rows[0]), WIDTH - MARGIN - left
    columns = min(columns or columns_that_fit(room, width, gap, most=8), n)
    scale = enlargement(room, columns * (width + gap) - gap, max(height, width), ROW_SIDE)
    line, between = (height + gap) * scale, 12
    band = len(rows) * line + between
    figure, top = page(-(-n // columns) * band - between, title)
    for index, start in enumerate(range(0, n, columns)):
        for row, (images, caption) in enumerate(zip(rows, captions, strict=True)):
            sheet = mosaic(images[start : start + columns], gap=gap)
            _captioned_row(figure, left, top + index * band + row * line, sheet, scale, caption)
    return figure


def word(images, text: str) -> np.ndarray:
    """Return a text as one picture: its letters side by side, black where it has a space.

    Args:
        images: (n, height, width[, channels]), one for each character of the text that is no
            space, in order; uint8 or floats in [0, 1].
        text: what is written.

    Returns:
        uint8 of shape (height, len(text) * width) if grey, with 3 channels if in colour; for
        `array_to_png` or `words`.
    """
    images = as_pixels(images)
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
def words(pictures: Sequence, captions: Sequence[str], title: str = "") -> Figure:
    """Draw pictures of words, one below the other, captions at the left.

    Args:
        pictures: list of arrays (height, width[, channels]) of the same height, such as `word`
            returns.
        captions: one for each.
        title: the sentence that the figure proves.

    Returns:
        Figure with one axes a word.
    """
    if len(captions) != len(pictures):
        raise ValueError(
            f"{len(captions)} captions for {len(pictures)} words; expected one for each."
        )
    sheets = [one_or_many(picture, "a picture")[0] for picture in pictures]
    captions, left = _captions_at_the_left(captions, 16)
    height, longest = sheets[0].shape[0], max(sheet.shape[1] for sheet in sheets)
    scale = enlargement(WIDTH - MARGIN - left, longest, height, ROW_SIDE)
    row = (height + 2 * max(1, height // 28)) * scale
    figure, top = page(len(sheets) * row, title)
    for index, (sheet, caption) in enumerate(zip(sheets, captions, strict=True)):
        _captioned_row(figure, left, top + index * row, sheet, scale, caption)
    return figure


def _captions_at_the_left(captions, characters):
    """Captions broken into lines of so many characters, and the pixels that they take."""
    captions = [textwrap.fill(caption, characters) for caption in captions]
    longest = max(len(line) for caption in captions for line in caption.split("\n"))
    return captions, MARGIN + 20 + 8.5 * longest


def _captioned_row(figure, left, top, sheet, scale, caption):
    middle = top + sheet.shape[0] * scale / 2
    place_text(figure, left - 12, middle, caption, ha="right", va="center", fontsize=9.5)
    place_picture(figure, left, top, sheet, scale)
