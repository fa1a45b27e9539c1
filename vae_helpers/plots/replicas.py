"""One training on several devices: what each of them computes, and how they add their gradients."""

import math

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vae_helpers.plots.diagram import draw_arrow, draw_part, write_tensor
from vae_helpers.plots.layout import page, place_axes, place_text
from vae_helpers.plots.style import COLOURS, MARGIN, STYLE, WIDTH, dark

ROW = 96  # pixels from one device to the next
CELL = 34  # pixels: one part of a gradient


@matplotlib.rc_context(STYLE)
def replica_diagram(
    batch: int, image_shape: tuple, n_weights: int, replicas: int = 2, title: str = ""
) -> Figure:
    """Draw one step of a training on several devices, with the shape of what passes.

    Args:
        batch: images of a step, all devices together; divided evenly.
        image_shape: height, width and channels of an image.
        n_weights: how many numbers the model learns.
        replicas: number of devices, two to four.
        title: the sentence that the figure proves.

    Returns:
        Figure: a row for each device; boxes compute, plain text passes from one to the next.
    """
    height = replicas * ROW
    figure, top = page(height, title)
    axes = place_axes(figure, MARGIN, top, WIDTH - 2 * MARGIN, height)
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.set_axis_off()
    shape = ", ".join(map(str, image_shape))
    middle = height / 2
    write_tensor(axes, 56, middle, f"batch\n({batch}, {shape})")
    rows = [height - ROW * (place + 0.5) for place in range(replicas)]
    for place, row in enumerate(rows):
        _draw_device(axes, row, middle, place, batch, batch // replicas, shape, n_weights)
    draw_part(axes, 648, middle, "all-reduce:\nadd", width=88)
    for row in rows:
        draw_arrow(axes, (694, middle + (row - middle) * 0.2), (724, row))
        write_tensor(axes, 800, row, f"gradient ({n_weights:,})\nof all {batch} images")
    return figure


def _draw_device(axes: Axes, row, middle, place, batch, share, shape, n_weights) -> None:
    """Draw what one device is given, computes and hands on."""
    draw_arrow(axes, (112, middle + (row - middle) * 0.2), (136, row))
    write_tensor(axes, 190, row, f"its share\n({share}, {shape})")
    draw_arrow(axes, (246, row), (266, row))
    draw_part(axes, 316, row, f"device {place}:\na copy of\nthe model", width=98, height=62)
    draw_arrow(axes, (367, row), (384, row))
    axes.text(
        434, row, f"loss: its sum\nover {batch}", ha="center", va="center", fontsize=9,
        linespacing=1.35, color=dark(COLOURS["reconstruction"]), fontweight="bold",
    )  # fmt: skip
    draw_arrow(axes, (484, row), (500, row))
    write_tensor(axes, 540, row, f"gradient\n({n_weights:,})")
    draw_arrow(axes, (580, row), (602, middle + (row - middle) * 0.2))


@matplotlib.rc_context(STYLE)
def ring_states(states: list, captions: list, title: str = "") -> Figure:
    """Draw how many gradients each part of each device holds, step by step.

    Args:
        states: arrays (devices, parts) of whole numbers: how many devices' gradients are added up
            in that part; complete where it equals the number of devices.
        captions: what has just happened, one for each state.
        title: the sentence that the figure proves.

    Returns:
        Figure: a table for each state, devices in rows; what is complete is green.

    Raises:
        ValueError: if there are not as many captions as states.
    """
    if len(states) != len(captions):
        raise ValueError(f"{len(captions)} captions for {len(states)} states: give one for each")
    devices, parts = np.shape(states[0])
    width, gap, room = parts * CELL, 22, WIDTH - 2 * MARGIN - 60
    in_row = max(1, (room + gap) // (width + gap))
    rows = math.ceil(len(states) / in_row)
    if rows == 1 and len(states) > 1:  # the tables share the width
        gap = (room - len(states) * width) / (len(states) - 1)
    figure, top = page(rows * (devices * CELL + 60), title)
    for place, (state, caption) in enumerate(zip(states, captions, strict=True)):
        row, column = divmod(place, in_row)
        left = MARGIN + 60 + column * (width + gap)
        above = top + 26 + row * (devices * CELL + 60)
        place_text(figure, left, above - 4, caption, ha="left", va="bottom", fontsize=9)
        _draw_table(place_axes(figure, left, above, width, devices * CELL), state, column == 0)
    return figure


def _draw_table(axes: Axes, state, with_names: bool) -> None:
    """Draw the parts of all devices as cells with their numbers."""
    state = np.asarray(state)
    devices, parts = state.shape
    axes.set(xlim=(0, parts), ylim=(devices, 0))
    names = [f"part {part}" if part == 0 else str(part) for part in range(parts)]
    axes.set_xticks(np.arange(parts) + 0.5, names)
    names = [f"device {place}" for place in range(devices)] if with_names else []
    axes.set_yticks([place + 0.5 for place in range(len(names))], names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (device, part), count in np.ndenumerate(state):
        whole = count == devices
        shade = 0.15 + 0.35 * (count - 1) / max(1, devices - 1)
        look = {"facecolor": COLOURS["cured"] if whole else COLOURS["data"], "edgecolor": "white"}
        axes.add_patch(
            matplotlib.patches.Rectangle(
                (part, device), 1, 1, alpha=0.6 if whole else shade, linewidth=2, **look
            )
        )
        axes.text(part + 0.5, device + 0.5, str(count), ha="center", va="center", fontsize=9)
