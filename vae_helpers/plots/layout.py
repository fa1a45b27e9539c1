"""Page layout, in pixels from the top left."""

import textwrap

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.png import figure_to_png
from vae_helpers.plots.style import DPI, MARGIN, WIDTH

GAP = 1  # data pixels of white between images


class CourseFigure(Figure):
    """A Figure that a notebook shows as a picture even where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        return figure_to_png(self)


def page(height: float, title: str) -> tuple[Figure, float]:
    """A figure of the course's width under its title, and the row (in pixels) of its content."""
    lines = textwrap.wrap(title, 92) if title else []
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


def place_axes(figure: Figure, left: float, top: float, width: float, height: float):
    tall = figure.get_figheight() * DPI
    return figure.add_axes((left / WIDTH, 1 - (top + height) / tall, width / WIDTH, height / tall))


def place_text(figure: Figure, left: float, top: float, text: str, **options):
    tall = figure.get_figheight() * DPI
    return figure.text(left / WIDTH, 1 - top / tall, text, **options)


def place_picture(figure: Figure, left: float, top: float, sheet: np.ndarray, scale: float):
    axes = place_axes(figure, left, top, sheet.shape[1] * scale, sheet.shape[0] * scale)
    axes.imshow(
        sheet,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest" if scale >= 1 else "antialiased",
        aspect="auto",
    )
    axes.set_axis_off()
    return axes


def enlargement(room: float, pixels: int, most: int = 6) -> float:
    """The largest whole enlargement that fits; a reduction only if nothing else does."""
    return min(most, room // pixels) if room >= pixels else room / pixels


def spread_apart(places: np.ndarray, sizes: np.ndarray, rounds: int = 200) -> np.ndarray:
    """Pushes boxes apart until none overlap.

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
