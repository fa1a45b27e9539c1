"""Figures of the course: arrays in, one Figure out, nothing shown and nothing kept.

Every function returns a `matplotlib.figure.Figure` that pyplot knows nothing of, so a notebook
shows it once, where `show(figure, alt)` says so. Images are grey, white ink on black, on one scale
from 0 to 1, and enlarged by whole numbers, so that a pixel of the data stays a square on the page.
Losses are in nats per image.
"""

from __future__ import annotations

import base64
import io
import itertools
import textwrap
import time
from statistics import NormalDist

import keras
import matplotlib
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator
from PIL import Image

from vae_helpers.references import reference_lines

__all__ = [
    "CLASS_COLOURS",
    "COLOURS",
    "LiveCurve",
    "array_to_png",
    "confusion_matrices",
    "figure_to_png",
    "image_grid",
    "labelled_lines",
    "latent_scatter",
    "loss_curves",
    "manifold",
    "mosaic",
    "prior_quantiles",
    "reconstructions",
    "reference_lines",
    "show",
    "spread_apart",
    "use_course_style",
    "word",
    "words",
]

# The palette of Okabe and Ito: eight colours that stay apart for a colour-blind reader.
COLOURS = {
    "reconstruction": "#0072B2",  # blue
    "kl": "#E69F00",  # orange
    "elbo": "#000000",  # black
    "data": "#56B4E9",  # sky blue
    "prior": "#CC79A7",  # reddish purple
    "broken": "#D55E00",  # vermilion
    "cured": "#009E73",  # bluish green
    "reference": "#666666",  # lines to compare with
}
# For classes: yellow is too faint on white, so a grey takes its place.
CLASS_COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#000000",
    "#8C8C8C",
)
MARKERS = ("o", "^", "s", "D")  # the next round of colours gets the next marker
DASHES = ("-", "--", "-.", ":")

DPI = 110
WIDTH = 880  # pixels: ten images of 28 pixels, three times enlarged, and their gaps
MARGIN = 6
MAX_BYTES = 300_000

STYLE = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.figsize": (WIDTH / DPI, 4.0),
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.labelcolor": "#222222",
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.labelsize": 10,
    "axes.grid": False,
    "axes.prop_cycle": matplotlib.cycler(color=CLASS_COLOURS),
    "font.size": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 2.0,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}


def use_course_style() -> None:
    """Gives a notebook's own matplotlib figures the look of the course's."""
    matplotlib.rcParams.update(STYLE)


# --------------------------------------------------------------------------- arrays to PNG


def _grey(images) -> np.ndarray:
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
    images = _grey(images)
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


def _mimebundle(picture: Figure | bytes, alt: str) -> tuple[dict, dict]:
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
    data, metadata = _mimebundle(picture, alt)
    display(data, raw=True, metadata=metadata)


# ------------------------------------------------------ page layout, in pixels from the top left


class CourseFigure(Figure):
    """A Figure that a notebook shows as a picture even where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        return figure_to_png(self)


def _page(height: float, title: str) -> tuple[Figure, float]:
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


def _axes(figure: Figure, left: float, top: float, width: float, height: float):
    page = figure.get_figheight() * DPI
    return figure.add_axes((left / WIDTH, 1 - (top + height) / page, width / WIDTH, height / page))


def _text(figure: Figure, left: float, top: float, text: str, **options):
    page = figure.get_figheight() * DPI
    return figure.text(left / WIDTH, 1 - top / page, text, **options)


def _picture(figure: Figure, left: float, top: float, sheet: np.ndarray, scale: float):
    axes = _axes(figure, left, top, sheet.shape[1] * scale, sheet.shape[0] * scale)
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


def _scale(room: float, pixels: int, most: int = 6) -> float:
    """The largest whole enlargement that fits; a reduction only if nothing else does."""
    return min(most, room // pixels) if room >= pixels else room / pixels


# --------------------------------------------------------------------------- pictures of images

GAP = 1  # data pixels of white between images


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
    images = _grey(images)
    if captions is not None and len(captions) != len(images):
        raise ValueError(
            f"{len(captions)} captions for {len(images)} images; expected one for each."
        )
    n, height, width = images.shape
    columns = min(columns, n)
    scale = _scale(WIDTH - 2 * MARGIN, columns * (width + GAP) - GAP)
    row = height * scale + (GAP * scale if captions is None else 24)
    figure, top = _page(-(-n // columns) * row, title)
    for index, start in enumerate(range(0, n, columns)):
        _picture(
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
            _text(
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
    rows = [_grey(originals)] + [
        _grey(out) for out in (outputs if isinstance(outputs, list | tuple) else [outputs])
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
    scale = _scale(WIDTH - MARGIN - left, columns * (width + GAP) - GAP, most=4)
    line = (height + GAP) * scale
    band = len(rows) * line + 12
    figure, top = _page(-(-n // columns) * band - 12, title)
    for index, start in enumerate(range(0, n, columns)):
        for row, (images, caption) in enumerate(zip(rows, captions, strict=True)):
            y = top + index * band + row * line
            _text(
                figure,
                left - 12,
                y + height * scale / 2,
                caption,
                ha="right",
                va="center",
                fontsize=9.5,
            )
            _picture(figure, left, y, mosaic(images[start : start + columns], gap=GAP), scale)
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
    images = _grey(images)
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
    sheets = [_grey(picture)[0] for picture in pictures]
    captions = [textwrap.fill(caption, 16) for caption in captions]
    longest = max(len(line) for caption in captions for line in caption.split("\n"))
    left = MARGIN + 20 + 8.5 * longest
    scale = _scale(WIDTH - MARGIN - left, max(sheet.shape[1] for sheet in sheets), most=4)
    row = (sheets[0].shape[0] + 2 * GAP) * scale
    figure, top = _page(len(sheets) * row, title)
    for index, (sheet, caption) in enumerate(zip(sheets, captions, strict=True)):
        y = top + index * row
        middle = y + sheet.shape[0] * scale / 2
        _text(figure, left - 12, middle, caption, ha="right", va="center", fontsize=9.5)
        _picture(figure, left, y, sheet, scale)
    return figure


def prior_quantiles(n: int) -> np.ndarray:
    """The middles of n parts of N(0, 1) that are equally probable: (n,) float32, ascending."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)], np.float32)


@matplotlib.rc_context(STYLE)
def manifold(decode, n: int = 24, title: str = "") -> Figure:
    """What a decoder draws over the latent plane, in steps of equal prior probability.

    Args:
        decode: a function from z (n * n, 2) to images (n * n, h, w[, 1]), such as `vae.decode`; or
            those images, in rows from the largest z_2 down, each row from the smallest z_1 up.
        n: images in a row and in a column.
        title: the sentence that the figure proves.

    Returns:
        Figure with one axes, whose units are quantiles of the prior: z_1 to the right, z_2 upwards.
    """
    if callable(decode):
        z = prior_quantiles(n)
        images = decode(np.stack(np.meshgrid(z, z[::-1]), axis=-1).reshape(-1, 2))
    else:
        images = decode
        n = round(len(images) ** 0.5)
    images = _grey(images)
    if len(images) != n * n:
        raise ValueError(
            f"{len(images)} images do not fill a square; expected n * n of them, such as {n * n}."
        )
    sheet = mosaic(images, columns=n)
    left = 92
    scale = _scale(WIDTH - left - MARGIN, sheet.shape[1])
    width, height = sheet.shape[1] * scale, sheet.shape[0] * scale
    figure, top = _page(height + 60, title)
    axes = _axes(figure, left, top, width, height)
    axes.imshow(
        sheet,
        cmap="gray",
        vmin=0,
        vmax=255,
        extent=(0, 1, 0, 1),
        aspect="auto",
        interpolation="nearest" if scale >= 1 else "antialiased",
    )
    ticks = (0.05, 0.25, 0.5, 0.75, 0.95)
    names = [
        f"{tick:.0%}\n{NormalDist().inv_cdf(tick):+.2f}" if tick != 0.5 else "50%\n0"
        for tick in ticks
    ]
    names = [name.replace("-", "\N{MINUS SIGN}") for name in names]
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    axes.set_xlabel("$z_1$: quantile of the prior, and value")
    axes.set_ylabel("$z_2$: quantile of the prior, and value")
    axes.spines[:].set_visible(False)
    return figure


# --------------------------------------------------------------------------- the latent plane


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


def _dark(colour: str) -> tuple:
    """A shade of the colour dark enough for text on white."""
    return tuple(0.55 * part for part in to_rgb(colour))


def _class_look(index: int) -> tuple[str, str]:
    return CLASS_COLOURS[index % len(CLASS_COLOURS)], MARKERS[
        index // len(CLASS_COLOURS) % len(MARKERS)
    ]


@matplotlib.rc_context(STYLE)
def latent_scatter(z_mean, labels, class_names, title: str = "", most: int = 6000) -> Figure:
    """Where the images of each class lie in a two-dimensional latent space.

    Args:
        z_mean: (n, 2).
        labels: (n,) integers into class_names.
        class_names: the names; each stands at its class's median as well as in the legend.
        title: the sentence that the figure proves.
        most: at most so many points are drawn, picked evenly; medians are those of all.

    Returns:
        Figure with one axes, equal scales, a dashed ring that holds 95% of the prior.
    """
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

    side = 620
    figure, top = _page(side + 44, title)
    axes = _axes(figure, 58, top, side, side)
    reach = max(3.2, 1.05 * np.quantile(np.abs(z_mean), 0.998))
    axes.set(
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        xlabel="$z_1$ (mean of the code)",
        ylabel="$z_2$ (mean of the code)",
    )
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(7, integer=True))

    shown = np.linspace(0, len(z_mean) - 1, min(most, len(z_mean))).astype(int)
    present = np.unique(labels)
    for index in present:
        colour, marker = _class_look(index)
        points = z_mean[shown[labels[shown] == index]]
        axes.scatter(
            *points.T,
            s=9,
            color=colour,
            marker=marker,
            alpha=0.55,
            linewidths=0,
            label=str(class_names[index]),
        )
    axes.add_patch(
        Circle(
            (0, 0), 2.448, fill=False, color=_dark(COLOURS["prior"]), linestyle="--", linewidth=1.2
        )
    )
    axes.annotate(
        "95% of the prior",
        (0, -2.448),
        xytext=(0, -4),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=8,
        color=_dark(COLOURS["prior"]),
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1},
    )

    # Names at the medians, pushed apart (in pixels); a thin line leads a moved one back.
    medians = np.array([np.median(z_mean[labels == index], axis=0) for index in present])
    pixels = (np.clip(medians, -reach, reach) / reach + 1) / 2 * side
    sizes = np.array([(8 * len(str(class_names[index])) + 12, 22) for index in present])
    places = spread_apart(pixels, sizes)
    places = np.clip(places, sizes / 2, side - sizes / 2)
    for index, median, place in zip(
        present, medians, places / side * 2 * reach - reach, strict=True
    ):
        colour, _ = _class_look(index)
        axes.annotate(
            str(class_names[index]),
            median,
            xytext=place,
            ha="center",
            va="center",
            fontsize=8.5,
            color="#222222",
            bbox={
                "boxstyle": "round,pad=0.2",
                "facecolor": "white",
                "edgecolor": colour,
                "alpha": 0.9,
            },
            arrowprops={
                "arrowstyle": "-",
                "color": "black",
                "linewidth": 0.8,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )

    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            color=_class_look(i)[0],
            marker=_class_look(i)[1],
            markersize=6,
            label=str(class_names[i]),
        )
        for i in present
    ]
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0,
        ncols=1 if len(present) <= 20 else 3,
        handletextpad=0.2,
        columnspacing=0.8,
    )
    outside = int((np.abs(z_mean) > reach).any(axis=1).sum())
    if outside:
        axes.text(
            0.995,
            0.005,
            f"{outside} of {len(z_mean)} outside",
            transform=axes.transAxes,
            ha="right",
            va="bottom",
            fontsize=8,
        )
    return figure


# --------------------------------------------------------------------------- curves


def _label_ends(axes, height: float, ends) -> None:
    """Names lines at the right edge of the axes, labels moved apart where they would touch.

    Args:
        height: of the axes, in pixels.
        ends: (y, text, colour) each; those whose y is not finite are left out.
    """
    ends = [end for end in ends if np.isfinite(end[0])]
    if not ends:
        return
    axes.autoscale_view()  # limits are worked out late; the places of the labels need them now
    to_fraction = axes.transData + axes.transAxes.inverted()
    wanted = [to_fraction.transform((axes.get_xlim()[1], y))[1] * height for y, _, _ in ends]
    wanted = np.clip(wanted, 0, height)
    places = np.stack([np.zeros_like(wanted), wanted], axis=1)
    places = spread_apart(places, np.tile([1000.0, 18.0], (len(ends), 1)))[:, 1]
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
            color=_dark(colour),
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


def _history(history) -> dict:
    return getattr(history, "history", history)


@matplotlib.rc_context(STYLE)
def loss_curves(history, references=None, title: str = "", epochs: int | None = None) -> Figure:
    """Reconstruction and KL apart, in nats per image, with lines to judge the reconstruction by.

    Args:
        history: what `fit` returned, or a dict with lists under "reconstruction" and "kl", and
            under "val_reconstruction" and "val_kl" where there was validation.
        references: None, or a dict from label to nats per image such as `reference_lines(...)`.
        title: the sentence that the figure proves.
        epochs: how far the axis reaches; as far as the history when None.

    Returns:
        Figure with two axes, one below the other: reconstruction, KL. Validation is dashed.
    """
    history = _history(history)
    missing = [name for name in ("reconstruction", "kl") if name not in history]
    if missing:
        raise ValueError(
            f"history has no {' and no '.join(missing)}, only {sorted(history)}; expected what a "
            "VAE's fit returned, or a dict with lists under 'reconstruction' and 'kl'."
        )
    heights, heads = (260, 140), (24, 40)
    figure, top = _page(sum(heights) + sum(heads) + 50, title)
    length = max(epochs or 1, len(history["kl"]), 2)
    panels = (("reconstruction", references or {}), ("kl", {}))
    for (name, lines), height, head in zip(panels, heights, heads, strict=True):
        top += head
        axes = _axes(figure, 48, top, 615, height)
        top += height
        ends = []
        for key, label, dash in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
            values = np.asarray(history.get(key, []), dtype=float)
            x = np.arange(1, len(values) + 1)
            axes.plot(x, values, dash, color=COLOURS[name], marker="o", markersize=3, clip_on=False)
            if len(values):
                ends.append((values[-1], f"{label} {values[-1]:.1f}", COLOURS[name]))
        for (label, value), dash in zip(lines.items(), itertools.cycle(DASHES[1:])):
            axes.axhline(value, color=COLOURS["reference"], linewidth=1.0, linestyle=dash)
            ends.append((value, f"{label} {value:.1f}", COLOURS["reference"]))
        axes.set_xlim(1 - 0.02 * length, length)
        axes.margins(y=0.08)
        axes.autoscale(axis="y")
        if name == "kl":
            axes.set_ylim(bottom=0, top=None if ends else 1)
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        axes.set_title(f"{'KL' if name == 'kl' else name}, nats per image", fontsize=10)
        _label_ends(axes, height, ends)
    figure.axes[0].tick_params(labelbottom=False)
    figure.axes[1].set_xlabel("epoch")
    return figure


@matplotlib.rc_context(STYLE)
def labelled_lines(
    x,
    curves,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    colours=None,
    y_scale: str = "linear",
    y_limits=None,
    height: int = 320,
) -> Figure:
    """Several curves over one axis, each named at its end, told apart by colour and by dash.

    Args:
        x: (n,) values, or a dict from label to values when the curves have different ones.
        curves: dict from label to (n,) values; NaN leaves a hole.
        title: the sentence that the figure proves.
        x_label, y_label: quantity and unit.
        colours: dict from label to a colour or a key of `COLOURS`; the palette in order otherwise.
        y_scale: "linear", "log" or another scale of matplotlib.
        y_limits: None, or (low, high).
        height: of the axes, in pixels.

    Returns:
        Figure with one axes.
    """
    figure, top = _page(height + 72, title)
    longest = max((len(str(label)) for label in curves), default=0)
    axes = _axes(figure, 60, top + 22, WIDTH - 60 - max(100, 35 + 8 * longest), height)
    ends = []
    for index, (label, values) in enumerate(curves.items()):
        values = np.asarray(values, dtype=float)
        colour = (colours or {}).get(label, CLASS_COLOURS[index % len(CLASS_COLOURS)])
        colour = COLOURS.get(colour, colour)
        axes.plot(
            x[label] if isinstance(x, dict) else x,
            values,
            DASHES[index % len(DASHES)],
            color=colour,
        )
        finite = values[np.isfinite(values)]
        if len(finite):
            ends.append((finite[-1], label, colour))
    axes.margins(x=0.0)
    axes.set(xlabel=x_label, yscale=y_scale)
    axes.set_title(y_label, fontsize=10)
    if y_limits is not None:
        axes.set_ylim(y_limits)
    _label_ends(axes, height, ends)
    return figure


# --------------------------------------------------------------------------- counts


@matplotlib.rc_context(STYLE)
def confusion_matrices(counts, class_names, title: str = "", x_label: str = "read as") -> Figure:
    """One or more confusion matrices side by side, as shares of each row.

    Args:
        counts: dict from a short name to counts (classes, classes), row the true class.
        class_names: the classes' names, short ones.
        title: the sentence that the figure proves.
        x_label: what the columns are.

    Returns:
        Figure with one axes a matrix and one for the scale; greys go with the root of the share,
        so that rare confusions are seen.
    """
    side, gap, left = min(330, (WIDTH - 110) // len(counts) - 22), 22, 40
    figure, top = _page(side + 80, title)
    ticks = range(len(class_names))
    for index, (name, matrix) in enumerate(counts.items()):
        axes = _axes(figure, left + index * (side + gap), top + 26, side, side)
        matrix = np.asarray(matrix, dtype=float)
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        picture = axes.imshow(np.sqrt(shares), cmap="Greys", vmin=0, vmax=1, aspect="auto")
        axes.set_title(name, fontsize=10)
        axes.set_xticks(ticks, class_names, fontsize=5.5)
        axes.set_yticks(ticks, class_names, fontsize=5.5)
        axes.tick_params(length=0, pad=2)
        axes.spines[:].set_visible(True)
        axes.set_xlabel(x_label)
    figure.axes[0].set_ylabel("true class", labelpad=2)
    scale = _axes(figure, left + len(counts) * (side + gap), top + 26, 12, side)
    bar = figure.colorbar(picture, cax=scale)
    bar.set_ticks(
        np.sqrt([0, 0.01, 0.05, 0.25, 0.5, 1]), labels=["0", "1%", "5%", "25%", "50%", "all"]
    )
    bar.ax.tick_params(labelsize=8)
    return figure


# --------------------------------------------------------------------------- during training


def _in_notebook() -> bool:
    """True where a kernel can redraw an output in place; False in a terminal or a script."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


class LiveCurve(keras.callbacks.Callback):
    """Draws `loss_curves` in place while `fit` runs, and leaves one finished figure.

    Outside a notebook it shows nothing and only keeps the history.

        vae.fit(images, epochs=6, verbose=0, callbacks=[LiveCurve(reference_lines(images, 2))])

    Args:
        references: dict from label to nats per image, for the reconstruction panel.
        every: epochs between redraws. A redraw is also left out where drawing would take more than
            a twentieth of the time; the last epoch is always drawn.
        title: of the finished figure.
        alt: of the finished figure; a sentence with its last values when None.

    Attributes:
        history: dict of lists, as `fit` returns it.
        figure: the finished figure, None before.
    """

    def __init__(
        self,
        references=None,
        every: int = 1,
        title: str = "Reconstruction and KL while training",
        alt=None,
    ):
        super().__init__()
        self.references, self.every, self.title, self.alt = references, every, title, alt
        self.history: dict[str, list[float]] = {}
        self.figure: Figure | None = None

    def on_train_begin(self, logs=None):
        self.history = {"reconstruction": [], "kl": []}
        self.figure = None
        self._output = None
        self._cost = 0.0
        self._in_notebook = _in_notebook()
        self._draw(
            "Training begins: the first epoch is under way",
            "Loss curves, still empty: training has just begun.",
        )

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        done, planned = len(self.history["kl"]), self._planned()
        rested = time.perf_counter() - self._drawn_at >= 19 * self._cost
        if done < (planned or done + 1) and done % self.every == 0 and rested:
            self._draw(
                f"Training: epoch {done} of {planned or '?'}",
                f"Loss curves after {done} epochs of training.",
            )

    def on_train_end(self, logs=None):
        self.figure = self._draw(self.title, self.alt or self._summary())

    def _planned(self):
        return (self.params or {}).get("epochs")

    def _summary(self) -> str:
        if not self.history["kl"]:
            return "Loss curves without an epoch."
        parts = ", ".join(
            f"{name} {self.history[name][-1]:.1f}" for name in ("reconstruction", "kl")
        )
        return (
            f"Loss curves over {len(self.history['kl'])} epochs, ending at {parts} nats per image."
        )

    def _draw(self, title: str, alt: str) -> Figure:
        start = time.perf_counter()
        figure = loss_curves(self.history, self.references, title, epochs=self._planned())
        if self._in_notebook:
            from IPython.display import display

            data, metadata = _mimebundle(figure, alt)
            if self._output is None:
                self._output = display(data, raw=True, metadata=metadata, display_id=True)
            else:
                self._output.update(data, raw=True, metadata=metadata)
        self._drawn_at = time.perf_counter()
        self._cost = self._drawn_at - start
        return figure
