"""The look of the course's figures: colours, sizes and matplotlib settings."""

import matplotlib
from matplotlib.colors import to_rgb

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
MARKERS = ("o", "^", "s", "D")  # neighbours differ; the next round of colours begins one later
DASHES = ("-", "--", "-.", ":")

DPI = 110
WIDTH = 880  # pixels: ten images of 28 pixels, three times enlarged, and their gaps
MARGIN = 6
LINE = 92  # characters of a title that fit the width
SIDE = 168  # pixels: an image is enlarged to this at most, 28 x 28 by 6

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
    """Give a notebook's own matplotlib figures the look of the course's."""
    matplotlib.rcParams.update(STYLE)


def dark(colour: str) -> tuple[float, ...]:
    """Return a shade of the colour that is dark enough for text on white."""
    return tuple(0.55 * part for part in to_rgb(colour))


def class_look(index: int) -> tuple[str, str]:
    """Return colour and marker of a class; 32 classes all look different."""
    rounds, place = divmod(index, len(CLASS_COLOURS))
    return CLASS_COLOURS[place], MARKERS[(place + rounds) % len(MARKERS)]
