"""Figures of a two-dimensional latent plane."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import matplotlib
import numpy as np
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from vae_helpers.plots.layout import draw_pixels, enlargement, page, place_axes, spread_apart
from vae_helpers.plots.png import as_pixels, mosaic
from vae_helpers.plots.style import COLOURS, MARGIN, STYLE, WIDTH, class_look, dark

PRIOR_RADIUS = math.sqrt(-2 * math.log(1 - 0.95))  # of the disc that holds 95% of the prior
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # the ticks of a manifold


def prior_quantiles(n: int) -> np.ndarray:
    """Return the middles of n parts of N(0, 1) that are equally probable: (n,), ascending."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)], np.float32)


@matplotlib.rc_context(STYLE)
def manifold(
    decode: Callable | np.ndarray, n: int = 24, title: str = "", names: dict | None = None
) -> Figure:
    """Draw what a decoder gives over the latent plane, in steps of equal prior probability.

    Args:
        decode: a function from z (n * n, 2) to images (n * n, height, width[, channels]), such as
            `vae.decode`; or those images, in rows from the largest z_2 down, each row from the
            smallest z_1 up. Images too large to fit are reduced.
        n: images in a row and in a column.
        title: the sentence that the figure proves.
        names: None, or a dict from a name to the code (z_1, z_2) where it is written.

    Returns:
        Figure with one axes, whose units are quantiles of the prior: z_1 to the right, z_2 upwards.
    """
    if callable(decode):
        z = prior_quantiles(n)
        images = decode(np.stack(np.meshgrid(z, z[::-1]), axis=-1).reshape(-1, 2))
    else:
        images = decode
        n = round(len(images) ** 0.5)
    images = as_pixels(images)
    if len(images) != n * n:
        raise ValueError(
            f"{len(images)} images do not fill a square; expected n * n of them, such as {n * n}."
        )
    sheet = mosaic(images, columns=n)
    left = 92
    scale = enlargement(WIDTH - left - MARGIN, sheet.shape[1], max(images.shape[1:3]))
    width, height = sheet.shape[1] * scale, sheet.shape[0] * scale
    figure, top = page(height + 60, title)
    axes = place_axes(figure, left, top, width, height)
    draw_pixels(axes, sheet, scale, extent=(0, 1, 0, 1))
    ticks = [f"{tick:.0%}\n{NormalDist().inv_cdf(tick):+.2f}" for tick in QUANTILES]
    ticks = [tick.replace("+0.00", "0").replace("-", "\N{MINUS SIGN}") for tick in ticks]
    axes.set_xticks(QUANTILES, ticks)
    axes.set_yticks(QUANTILES, ticks)
    _write_on_manifold(axes, width, height, names or {})
    axes.set_xlabel("$z_1$: quantile of the prior, and value")
    axes.set_ylabel("$z_2$: quantile of the prior, and value")
    axes.spines[:].set_visible(False)
    return figure


def _write_on_manifold(axes, width, height, names):
    """Write names at their codes, pushed apart where they would touch."""
    if not names:
        return
    size = np.array([width, height])
    cdf = np.vectorize(NormalDist().cdf)
    sizes = np.array([(8 * len(name) + 12, 22) for name in names])
    places = cdf(np.array(list(names.values()), float)) * size
    for _ in range(9):  # the edge pushes back what its neighbours pushed out
        places = spread_apart(np.clip(places, sizes / 2, size - sizes / 2), sizes)
    places = np.clip(places, sizes / 2, size - sizes / 2) / size
    box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.85, "linewidth": 0}
    for name, place in zip(names, places, strict=True):
        axes.text(*place, name, ha="center", va="center", fontsize=8.5, color="#222222", bbox=box)


@matplotlib.rc_context(STYLE)
def latent_clouds(
    z_mean,
    z_log_var,
    values,
    title: str = "",
    value_label: str = "brightness of the image",
    most: int = 1500,
) -> Figure:
    """Draw q(z|x) of each image as an ellipse, filled with the grey of a value of that image.

    An ellipse reaches two standard deviations from its mean in each direction.

    Args:
        z_mean: (n, 2).
        z_log_var: (n, 2).
        values: (n,), such as the brightness of each image; the smallest is drawn black.
        title: the sentence that the figure proves.
        value_label: what the values are, for the scale at the right.
        most: at most so many clouds are drawn, picked evenly.

    Returns:
        Figure with the plane, in equal scales, with a dashed ring that holds 95% of the prior; and
        the scale of greys.
    """
    z_mean, z_log_var, values = (np.asarray(part, float) for part in (z_mean, z_log_var, values))
    if z_mean.ndim != 2 or z_mean.shape[1] != 2 or z_log_var.shape != z_mean.shape:
        raise ValueError(
            f"z_mean has shape {z_mean.shape}, z_log_var {z_log_var.shape}; expected (n, 2) both."
        )
    if values.shape != z_mean.shape[:1]:
        raise ValueError(f"values have shape {values.shape}, expected ({len(z_mean)},).")
    side = 620
    figure, top = page(side + 44, title)
    axes = place_axes(figure, 58, top, side, side)
    reach = _plane(axes, z_mean, "$z_1$", "$z_2$")
    axes.set_facecolor("#DCE9F2")
    shown = np.linspace(0, len(z_mean) - 1, min(most, len(z_mean))).astype(int)
    widths = 4 * np.exp(0.5 * z_log_var[shown])
    clouds = EllipseCollection(
        *widths.T,
        angles=np.zeros(len(shown)),
        units="xy",
        offsets=z_mean[shown],
        offset_transform=axes.transData,
        cmap="gray",
        edgecolors="#0072B2",
        linewidths=0.5,
        alpha=0.85,
    )
    clouds.set_array(values[shown])
    axes.add_collection(clouds)
    _ring_of_the_prior(axes)
    scale = place_axes(figure, 58 + side + 24, top + side / 4, 14, side / 2)
    figure.colorbar(clouds, cax=scale, label=value_label)
    if len(shown) < len(z_mean):
        text = f"{len(shown):,} of {len(z_mean):,} clouds"
        axes.text(-0.98 * reach, -0.97 * reach, text, fontsize=8, ha="left", va="bottom")
    return figure


def _plane(axes, z_mean, x_label, y_label):
    """Give the axes equal limits and whole ticks; return how far they reach."""
    reach = max(3.2, 1.05 * np.quantile(np.abs(z_mean), 0.998))
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel=x_label, ylabel=y_label)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(7, integer=True))
    return reach


@matplotlib.rc_context(STYLE)
def latent_scatter(
    z_mean, labels, class_names: Sequence[str], title: str = "", most: int = 6000
) -> Figure:
    """Draw where the images of each class lie in a two-dimensional latent space.

    Args:
        z_mean: (n, 2).
        labels: (n,) integers into class_names.
        class_names: the names; each stands at its class's median as well as in the legend.
        title: the sentence that the figure proves.
        most: at most so many points are drawn, picked evenly; medians are those of all.

    Returns:
        Figure with one axes, equal scales, a dashed ring that holds 95% of the prior.
    """
    z_mean, labels = _checked_codes(z_mean, labels, class_names)
    side = 620
    figure, top = page(side + 44, title)
    axes = place_axes(figure, 58, top, side, side)
    reach = _plane(axes, z_mean, "$z_1$ (mean of the code)", "$z_2$ (mean of the code)")
    shown = np.linspace(0, len(z_mean) - 1, min(most, len(z_mean))).astype(int)
    present = np.unique(labels)
    for index in present:
        colour, marker = class_look(index)
        points = z_mean[shown[labels[shown] == index]]
        axes.scatter(*points.T, s=14, color=colour, marker=marker, alpha=0.55, linewidths=0)
    _ring_of_the_prior(axes)
    medians = np.array([np.median(z_mean[labels == index], axis=0) for index in present])
    _name_classes(axes, side, medians, [(str(class_names[i]), class_look(i)[0]) for i in present])
    _legend(axes, [(str(class_names[i]), *class_look(i)) for i in present])
    outside = int((np.abs(z_mean) > reach).any(axis=1).sum())
    if outside:
        text, corner = f"{outside:,} of {len(z_mean):,} outside", {"ha": "right", "va": "bottom"}
        axes.text(0.995, 0.005, text, transform=axes.transAxes, fontsize=8, **corner)
    if len(shown) < len(z_mean):
        text, corner = f"{len(shown):,} of {len(z_mean):,} drawn", {"ha": "left", "va": "bottom"}
        axes.text(0.005, 0.005, text, transform=axes.transAxes, fontsize=8, **corner)
    return figure


def _checked_codes(z_mean, labels, class_names):
    z_mean, labels = np.asarray(z_mean, dtype=float), np.asarray(labels)
    if z_mean.ndim != 2 or z_mean.shape[1] != 2:
        raise ValueError(
            f"z_mean has shape {z_mean.shape}; a scatter needs (n, 2). "
            "Pick two latent dimensions, such as z_mean[:, :2]."
        )
    if labels.shape != z_mean.shape[:1]:
        raise ValueError(
            f"labels have shape {labels.shape} for {len(z_mean)} codes; expected ({len(z_mean)},)."
        )
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}, but there are {len(class_names)} "
            "class names; expected integers that number them from 0."
        )
    return z_mean, labels


def _ring_of_the_prior(axes):
    colour = dark(COLOURS["prior"])
    ring = {"fill": False, "color": colour, "linestyle": "--", "linewidth": 1.2}
    axes.add_patch(Circle((0, 0), PRIOR_RADIUS, **ring))
    axes.annotate(
        "95% of the prior",
        (0, -PRIOR_RADIUS),
        xytext=(0, -4),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=8,
        color=colour,
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1},
    )


def _name_classes(axes, side, medians, looks):
    """Write (name, colour) at each median, pushed apart; a thin line leads a moved one back."""
    reach = axes.get_xlim()[1]
    pixels = (np.clip(medians, -reach, reach) / reach + 1) / 2 * side
    sizes = np.array([(8 * len(name) + 12, 22) for name, _ in looks])
    places = np.clip(spread_apart(pixels, sizes), sizes / 2, side - sizes / 2)
    places = places / side * 2 * reach - reach
    line = {"arrowstyle": "-", "color": "black", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.9}
    for (name, colour), median, place in zip(looks, medians, places, strict=True):
        axes.annotate(
            name,
            median,
            xytext=place,
            ha="center",
            va="center",
            fontsize=8.5,
            color="#222222",
            bbox={**box, "edgecolor": colour},
            arrowprops=line,
        )


def _legend(axes, looks):
    """Show (name, colour, marker) at the right of the axes."""
    handles = [
        Line2D([], [], linestyle="", color=colour, marker=marker, markersize=6, label=name)
        for name, colour, marker in looks
    ]
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0,
        ncols=1 if len(looks) <= 20 else 3,
        handletextpad=0.2,
        columnspacing=0.8,
    )
