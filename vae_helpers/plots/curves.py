"""Curves, each named at its end, and empty axes for figures of one's own."""

import itertools

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_helpers.plots.layout import CourseFigure, page, place_axes, spread_apart, title_lines
from vae_helpers.plots.style import (
    CLASS_COLOURS,
    COLOURS,
    DASHES,
    DPI,
    MARGIN,
    STYLE,
    WIDTH,
    dark,
)


@matplotlib.rc_context(STYLE)
def axes(title: str, x: str = "", y: str = "", height: int = 352) -> tuple[Figure, Axes]:
    """Return a figure in the course's style with one pair of axes to draw on.

    Args:
        title: the sentence that the figure proves; broken over lines where it is long.
        x: label of the horizontal axis, quantity and unit.
        y: label of the vertical axis, quantity and unit.
        height: of the figure, in pixels; its width is that of a notebook's column.

    Returns:
        (figure, axes). The margins follow what is drawn: tick labels, a legend, a second scale.
    """
    size = (WIDTH / DPI, height / DPI)
    figure = CourseFigure(figsize=size, dpi=DPI, layout="constrained")
    lines = "\n".join(title_lines(title))
    figure.suptitle(lines, x=MARGIN / WIDTH, ha="left", fontsize=12, linespacing=1.3)
    pair = figure.subplots()
    pair.set(xlabel=x, ylabel=y)
    return figure, pair


def label_ends(axes: Axes, height: float, ends: list[tuple[float, str, str]]) -> None:
    """Name lines at the right edge of the axes, labels moved apart where they would touch.

    Args:
        axes: where the lines are.
        height: of the axes, in pixels.
        ends: (y, text, colour) each; those whose y is not finite are left out.
    """
    ends = sorted((end for end in ends if np.isfinite(end[0])), key=lambda end: end[0])
    if not ends:
        return
    axes.autoscale_view()  # limits are worked out late; the places of the labels need them now
    to_fraction = axes.transData + axes.transAxes.inverted()
    wanted = [to_fraction.transform((axes.get_xlim()[1], y))[1] * height for y, _, _ in ends]
    wanted = np.clip(wanted, 0, height)
    places = np.stack([np.zeros_like(wanted), wanted], axis=1)
    # Boxes pushed apart may pass each other; labels stand in the order of their lines.
    places = np.sort(spread_apart(places, np.tile([1000.0, 18.0], (len(ends), 1)))[:, 1])
    for want, place, (_, text, colour) in zip(wanted, places, ends, strict=True):
        axes.annotate(
            text,
            (1.0, want / height),
            xytext=(1.025, place / height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            ha="left",
            va="center",
            fontsize=9,
            color=dark(colour),
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.8,
                "shrinkA": 0,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


@matplotlib.rc_context(STYLE)
def loss_curves(
    history, references: dict | None = None, title: str = "", epochs: int | None = None
) -> Figure:
    """Draw reconstruction and KL apart, with lines to judge the reconstruction by.

    Args:
        history: what `fit` returned, or a dict with lists under "reconstruction" and "kl", and
            under "val_reconstruction" and "val_kl" where there was validation; nats per image. A
            list under "epoch" says where the values of training stand, such as `LiveCurve.points`;
            1, 2, ... without.
        references: None, or a dict from label to nats per image such as `reference_lines(...)`.
        title: the sentence that the figure proves.
        epochs: how far the axis reaches; as far as the history when None.

    Returns:
        Figure with two axes, one below the other: reconstruction, KL. Validation is dashed.
    """
    history = getattr(history, "history", history)
    missing = [name for name in ("reconstruction", "kl") if name not in history]
    if missing:
        raise ValueError(
            f"history has no {' and no '.join(missing)}, only {sorted(history)}; expected what a "
            "VAE's fit returned, or a dict with lists under 'reconstruction' and 'kl'."
        )
    heights, heads = (260, 140), (24, 40)
    figure, top = page(sum(heights) + sum(heads) + 50, title)
    positions = np.asarray(history.get("epoch", np.arange(1, len(history["kl"]) + 1)), float)
    first = positions.min(initial=1)
    last = max(epochs or 1, positions.max(initial=first), first + 1)
    panels = (("reconstruction", references or {}), ("kl", {}))
    for (name, lines), height, head in zip(panels, heights, heads, strict=True):
        top += head
        panel = place_axes(figure, 48, top, 615, height)
        top += height
        ends = _draw_term(panel, history, name, positions) + _draw_references(panel, lines)
        panel.set_xlim(first - 0.02 * (last - first), last)
        panel.margins(y=0.08)
        panel.autoscale(axis="y")
        if name == "kl":
            panel.set_ylim(bottom=0, top=None if ends else 1)
        panel.xaxis.set_major_locator(MaxNLocator(10, integer=last > 2, steps=[1, 2, 5, 10]))
        panel.set_title(f"{'KL' if name == 'kl' else name}, nats per image", fontsize=10)
        label_ends(panel, height, ends)
    figure.axes[0].tick_params(labelbottom=False)
    figure.axes[1].set_xlabel("epoch")
    return figure


def _draw_term(panel, history, name, positions):
    """Draw a term of training and of validation; return the ends of the lines."""
    ends = []
    for key, label, dash in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
        values = np.asarray(history.get(key, []), dtype=float)
        x = positions if key == name else np.arange(1, len(values) + 1)
        panel.plot(x, values, dash, color=COLOURS[name], marker="o", markersize=3, clip_on=False)
        if len(values):
            ends.append((values[-1], f"{label} {values[-1]:.1f}", COLOURS[name]))
    return ends


def _draw_references(panel, lines):
    """Draw horizontal lines; return their ends."""
    colour = COLOURS["reference"]
    for value, dash in zip(lines.values(), itertools.cycle(DASHES[1:])):
        panel.axhline(value, color=colour, linewidth=1.0, linestyle=dash)
    return [(value, f"{label} {value:.1f}", colour) for label, value in lines.items()]


@matplotlib.rc_context(STYLE)
def labelled_lines(
    x,
    curves: dict,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    colours: dict | None = None,
    y_scale: str = "linear",
    y_limits: tuple | None = None,
    height: int = 320,
) -> Figure:
    """Draw several curves over one axis, each named at its end, told apart by colour and by dash.

    Args:
        x: (n,) values, or a dict from label to values when the curves have different ones.
        curves: dict from label to (n,) values; NaN leaves a hole.
        title: the sentence that the figure proves.
        x_label: quantity and unit.
        y_label: quantity and unit.
        colours: dict from label to a colour or a key of `COLOURS`; the palette in order otherwise.
        y_scale: "linear", "log" or another scale of matplotlib.
        y_limits: None, or (low, high).
        height: of the axes, in pixels.

    Returns:
        Figure with one axes.
    """
    figure, top = page(height + 72, title)
    longest = max((len(str(label)) for label in curves), default=0)
    panel = place_axes(figure, 60, top + 22, WIDTH - 60 - max(100, 35 + 8 * longest), height)
    ends = []
    for index, (label, values) in enumerate(curves.items()):
        values = np.asarray(values, dtype=float)
        colour = (colours or {}).get(label, CLASS_COLOURS[index % len(CLASS_COLOURS)])
        colour = COLOURS.get(colour, colour)
        where = x[label] if isinstance(x, dict) else x
        panel.plot(where, values, DASHES[index % len(DASHES)], color=colour)
        finite = values[np.isfinite(values)]
        if len(finite):
            ends.append((finite[-1], label, colour))
    panel.margins(x=0.0)
    panel.set(xlabel=x_label, yscale=y_scale)
    panel.set_title(y_label, fontsize=10)
    if y_limits is not None:
        panel.set_ylim(y_limits)
    label_ends(panel, height, ends)
    return figure
