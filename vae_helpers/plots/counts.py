"""Counts as shades of grey."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.layout import page, place_axes
from vae_helpers.plots.style import STYLE, WIDTH


@matplotlib.rc_context(STYLE)
def confusion_matrices(
    counts: dict, class_names: Sequence[str], title: str = "", x_label: str = "read as"
) -> Figure:
    """Draw one or more confusion matrices side by side, as shares of each row.

    Args:
        counts: dict from a short name to counts (classes, classes), row the true class.
        class_names: the classes' names, short ones.
        title: the sentence that the figure proves.
        x_label: what the columns are.

    Returns:
        Figure with one axes a matrix and one for the scale; greys go with the root of the share,
        so that rare confusions are seen.
    """
    side, gap, left = min(350, (WIDTH - 120) // len(counts) - 22), 22, 40
    fontsize = min(9, 0.56 * side / len(class_names))
    figure, top = page(side + 80, title)
    ticks = range(len(class_names))
    for index, (name, matrix) in enumerate(counts.items()):
        panel = place_axes(figure, left + index * (side + gap), top + 26, side, side)
        matrix = np.asarray(matrix, dtype=float)
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        picture = panel.imshow(np.sqrt(shares), cmap="Greys", vmin=0, vmax=1, aspect="auto")
        panel.set_title(name, fontsize=10)
        panel.set_xticks(ticks, class_names, fontsize=fontsize)
        panel.set_yticks(ticks, class_names, fontsize=fontsize)
        panel.tick_params(length=0, pad=2)
        panel.spines[:].set_visible(True)
        panel.set_xlabel(x_label)
    figure.axes[0].set_ylabel("true class", labelpad=2)
    scale = place_axes(figure, left + len(counts) * (side + gap), top + 26, 12, side)
    bar = figure.colorbar(picture, cax=scale)
    bar.set_ticks(
        np.sqrt([0, 0.01, 0.05, 0.25, 0.5, 1]), labels=["0", "1%", "5%", "25%", "50%", "all"]
    )
    bar.ax.tick_params(labelsize=8)
    bar.set_label("share of its row", fontsize=9, labelpad=2)
    return figure
