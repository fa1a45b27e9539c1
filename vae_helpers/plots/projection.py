"""A sketch: what redrawing does to damaged images, as points beside a curve."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.curves import axes as course_axes
from vae_helpers.plots.style import COLOURS, STYLE, dark


def _drawable(t):
    """The curve of what the decoder can draw, (..., 2)."""
    return np.stack([t, 0.55 * np.sin(0.9 * t)], axis=-1)


def _nearest(point):
    """The point of the curve that is nearest."""
    curve = _drawable(np.linspace(-4, 4, 4001))
    return curve[np.square(curve - point).sum(axis=1).argmin()]


@matplotlib.rc_context(STYLE)
def projection_sketch(title: str = "") -> Figure:
    """Draw a curve of drawable images, a clean letter, two damaged ones, and what redrawing gives.

    Args:
        title: the sentence that the figure proves.

    Returns:
        Figure with one axes without ticks: the axes are no quantities.
    """
    figure, axes = course_axes(title, height=330)
    axes.plot(*_drawable(np.linspace(-3.4, 3.4, 200)).T, color=COLOURS["reference"], linewidth=3)
    axes.text(-3.4, 0.06, "what the decoder can draw", color=dark(COLOURS["reference"]))
    clean = _drawable(-1.2) + np.array([0.05, -0.2])
    speckled, broken = clean + np.array([-0.1, 1.3]), _drawable(1.5) + np.array([0.1, 0.3])
    for point, name, colour, marker, right in (
        (clean, "clean letter", "elbo", "o", False),
        (speckled, "speckled", "cured", "s", False),
        (broken, "with a gap", "broken", "^", True),
    ):
        ends = _nearest(point)
        look = {"color": COLOURS[colour], "linewidth": 1.6}
        axes.annotate("", ends, point, arrowprops={"arrowstyle": "->", **look, "shrinkB": 3})
        axes.plot(*point, marker=marker, color=COLOURS[colour], markersize=9)
        axes.plot(*ends, marker=marker, color=COLOURS[colour], markersize=7, fillstyle="none")
        shift, side = (12, "left") if right else (-12, "right")
        where = {"xytext": (shift, 0), "textcoords": "offset points", "ha": side, "va": "center"}
        axes.annotate(name, point, color=dark(COLOURS[colour]), **where)
    axes.annotate(
        "redrawn: another letter",
        _nearest(broken),
        xytext=(-40, -40),
        textcoords="offset points",
        color=dark(COLOURS["broken"]),
    )
    axes.annotate(
        "redrawn: back beside the clean letter",
        _nearest(speckled),
        xytext=(20, -22),
        textcoords="offset points",
        color=dark(COLOURS["cured"]),
    )
    axes.set(xlim=(-3.5, 3.5), ylim=(-1.0, 1.1), aspect="equal")
    axes.set_axis_off()
    return figure
