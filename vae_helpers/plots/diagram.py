"""The three parts of a VAE as boxes, what passes between them, and the two sums of its loss."""

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vae_helpers.plots.layout import page, place_axes
from vae_helpers.plots.style import COLOURS, MARGIN, STYLE, WIDTH, dark

HEIGHT = 268  # of the diagram, in pixels
TOP, MIDDLE, LOSS = 222, 118, 30  # heights of the parts, of the terms and of the loss


@matplotlib.rc_context(STYLE)
def parts_diagram(vae, n_features: int, title: str = "") -> Figure:
    """Draw which tensor passes between the parts of a VAE, and where its loss adds up.

    Args:
        vae: a VAE; its image shape and latent dimensions are written on the arrows.
        n_features: how many numbers its encoder gives for an image.
        title: the sentence that the figure proves.

    Returns:
        Figure: boxes are parts, plain text is a tensor with its shape; n counts images.
    """
    figure, top = page(HEIGHT, title)
    axes = place_axes(figure, MARGIN, top, WIDTH - 2 * MARGIN, HEIGHT)
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.set_axis_off()
    image = ", ".join(map(str, ("n", *vae.image_shape)))
    code = f"(n, {vae.latent_dim})"
    write_tensor(axes, 45, TOP, f"images\n({image})")
    write_tensor(axes, 238, TOP, f"features\n(n, {n_features})")
    write_tensor(axes, 434, TOP, f"z_mean\nz_log_var\n{code}")
    write_tensor(axes, 611, TOP, f"z\n{code}")
    write_tensor(axes, 830, TOP, f"logits\n({image})")
    draw_part(axes, 147, TOP, "Encoder", width=72)
    draw_part(axes, 334, TOP, "Latent-\nDistribution", width=96)
    draw_part(axes, 530, TOP, "latent\n.sample", width=76)
    draw_part(axes, 697, TOP, "Decoder")
    for start, end in ((92, 110), (184, 206), (269, 285), (383, 399), (471, 491), (569, 589)):
        draw_arrow(axes, (start, TOP), (end, TOP))
    for start, end in ((633, 654), (740, 782)):
        draw_arrow(axes, (start, TOP), (end, TOP))
    pixels = vae.image_shape[0] * vae.image_shape[1] * vae.image_shape[2]
    _term(axes, 730, f"add the {pixels} pixels", "reconstruction", "reconstruction")
    _term(axes, 440, f"latent.kl: add the {vae.latent_dim} dimensions", "kl", "kl")
    draw_arrow(axes, (434, TOP - 34), (439, MIDDLE + 22))
    draw_arrow(axes, (830, TOP - 22), (766, MIDDLE + 22))
    axes.plot([45, 45, 590], [TOP - 24, TOP - 52, TOP - 52], color="#444444", linewidth=1.4)
    draw_arrow(axes, (588, TOP - 52), (692, MIDDLE + 22))
    write_tensor(
        axes, 604, LOSS, "loss: the mean over the n images of reconstruction + kl, one number"
    )
    draw_arrow(axes, (440, MIDDLE - 24), (540, LOSS + 12))
    draw_arrow(axes, (730, MIDDLE - 24), (648, LOSS + 12))
    return figure


def write_tensor(axes: Axes, x: float, y: float, text: str) -> None:
    """Write what passes between two parts, with its shape."""
    axes.text(x, y, text, ha="center", va="center", fontsize=9, linespacing=1.35)


def draw_part(
    axes: Axes, x: float, y: float, name: str, width: float = 84, height: float = 48
) -> None:
    """Draw a part as a box with its name."""
    box = {"facecolor": "#E8F4FB", "edgecolor": dark(COLOURS["data"]), "linewidth": 1.4}
    axes.add_patch(
        matplotlib.patches.Rectangle((x - width / 2, y - height / 2), width, height, **box)
    )
    axes.text(x, y, name, ha="center", va="center", fontsize=9.5, linespacing=1.2)


def _term(axes: Axes, x: float, sum_of: str, name: str, colour: str) -> None:
    """Write a sum and what it gives: one number for each image."""
    axes.text(
        x, MIDDLE, f"{sum_of}\n{name} (n,)", ha="center", va="center", fontsize=9.5,
        linespacing=1.4, color=dark(COLOURS[colour]), fontweight="bold",
    )  # fmt: skip


def draw_arrow(axes: Axes, start: tuple, end: tuple) -> None:
    """Draw an arrow from one point to another."""
    look = {"arrowstyle": "-|>", "color": "#444444", "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=look)
