"""Page layout, in pixels from the top left: figures of one width, and what stands where on them."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from vae_helpers.plots.png import figure_to_png
from vae_helpers.plots.style import DPI, LINE, MARGIN, SIDE, WIDTH


class CourseFigure(Figure):
    """A Figure that a notebook shows as a picture even where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        return figure_to_png(self)


def title_lines(title: str) -> list[str]:
    """Return a title broken into lines that fit the width of a figure."""
    return textwrap.wrap(title, LINE) if title else []


def page(height: float, title: str) -> tuple[Figure, float]:
    """Return a figure of the course's width under its title, and where its content begins.

    Args:
        height: of the content, in pixels.
        title: the sentence above it; it may need several lines.

    Returns:
        (figure, top): top is the content's first row, in pixels from the top.
    """
    lines = title_lines(title)
    top = MARGIN + 23 * len(lines) + (10 if lines else 0)
    figure = CourseFigure(figsize=(WIDTH / DPI, (top + height + MARGIN) / DPI), dpi=DPI)
    if lines:
        figure.suptitle(
            "\n".join(lines),
            x=MARGIN / WIDTH,
            y=1 - MARGIN / (figure.get_figheight() * DPI),
            ha="left",
            va="top",
            fontsize=12,
            linespacing=1.3,
        )
    return figure, top


def place_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes whose frame stands at these pixels of the page."""
    total = figure.get_figheight() * DPI
    return figure.add_axes(
        (left / WIDTH, 1 - (top + height) / total, width / WIDTH, height / total)
    )


def place_text(figure: Figure, left: float, top: float, text: str, **options) -> Text:
    """Add a text at this pixel of the page."""
    total = figure.get_figheight() * DPI
    return figure.text(left / WIDTH, 1 - top / total, text, **options)


def place_picture(figure: Figure, left: float, top: float, sheet: np.ndarray, scale: float) -> Axes:
    """Add a sheet of pixels, (height, width) grey or (height, width, 3), without axes around it."""
    axes = place_axes(figure, left, top, sheet.shape[1] * scale, sheet.shape[0] * scale)
    draw_pixels(axes, sheet, scale)
    axes.set_axis_off()
    return axes


def draw_pixels(axes: Axes, sheet: np.ndarray, scale: float, **options) -> None:
    """Draw a sheet of pixels so that it fills the axes; grey on one scale from 0 to 255."""
    smooth = "nearest" if scale >= 1 else "antialiased"
    axes.imshow(
        sheet, cmap="gray", vmin=0, vmax=255, interpolation=smooth, aspect="auto", **options
    )


def gap_between(images: np.ndarray) -> int:
    """Return the white pixels between neighbours: 1 beside 28 x 28, and more for larger images."""
    return max(1, max(images.shape[1:3]) // 28)


def columns_that_fit(room: float, width: int, gap: int, most: int) -> int:
    """Return how many images of `width` pixels stand in `room` without being reduced, 1 to most."""
    return max(1, min(most, int((room + gap) // (width + gap))))


def enlargement(room: float, pixels: int, side: int, most: int = SIDE) -> float:
    """Return the largest whole enlargement that fits; a reduction only if nothing else does.

    Args:
        room: pixels of the page.
        pixels: pixels of the data that must fit in.
        side: the longer side of one image, in pixels of the data.
        most: no image is enlarged to more than this, in pixels of the page.
    """
    if room < pixels:
        return room / pixels
    return max(1, min(most // side, int(room // pixels)))


def spread_apart(places: np.ndarray, sizes: np.ndarray, rounds: int = 200) -> np.ndarray:
    """Push boxes apart until none overlap.

    Args:
        places: (n, 2) centres.
        sizes: (n, 2) widths and heights, in the same unit.
        rounds: when to give up.

    Returns:
        (n, 2) centres, each as near to where it was as its neighbours allow.
    """
    places = places.astype(float).copy()
    for _ in range(rounds):
        moved = False
        for i in range(len(places)):
            for j in range(i + 1, len(places)):
                apart = places[j] - places[i]
                overlap = (sizes[i] + sizes[j]) / 2 - np.abs(apart)
                if (overlap > 0).all():
                    axis = int(overlap[1] < overlap[0])  # the shorter way out
                    push = overlap[axis] / 2 * (1 if apart[axis] >= 0 else -1)
                    places[i, axis] -= push
                    places[j, axis] += push
                    moved = True
        if not moved:
            break
    return places
