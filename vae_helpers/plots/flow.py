"""The way of an image through a VAE, with the shapes of what the parts hand on."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse

from vae_helpers.images import as_float
from vae_helpers.plots.latent import PRIOR_RADIUS
from vae_helpers.plots.layout import page, place_axes, place_picture, place_text
from vae_helpers.plots.png import as_pixels
from vae_helpers.plots.style import COLOURS, STYLE, dark

SIDE, GAP = 140, 28  # pixels: of a picture, and between two rows
IMAGE, FEATURES, PLANE, DRAWING = 10, 268, 425, 730  # where the columns begin
REACH = 3.2  # of the plane


@matplotlib.rc_context(STYLE)
def data_flow(vae, images, title: str = "") -> Figure:
    """Draw what each part of a VAE makes of an image: features, a cloud, a code, a picture.

    Args:
        vae: a VAE of two latent dimensions.
        images: (n, height, width[, channels]), one row of the figure each; 3 or fewer read well.
        title: the sentence that the figure proves.

    Returns:
        Figure with a row for each image; the cloud is drawn to two standard deviations.

    Raises:
        ValueError: if latent_dim is not 2.
    """
    if vae.latent_dim != 2:
        raise ValueError(f"latent_dim is {vae.latent_dim}; the plane of the figure needs 2.")
    shown = as_pixels(images)
    inputs = as_float(images).reshape(len(images), *vae.image_shape)
    features = np.asarray(vae.encoder(inputs))
    z_mean, z_log_var = (np.asarray(part) for part in vae.posterior(inputs))
    z = np.asarray(vae.latent.sample(z_mean, z_log_var))
    drawings = as_pixels(vae.decode(z))
    figure, top = page(54 + len(shown) * (SIDE + GAP), title)
    top = _heads(figure, top + 44, features.shape[1], vae.image_shape)
    for row in range(len(shown)):
        place_picture(figure, IMAGE, top, shown[row], SIDE / max(shown[row].shape[:2]))
        _strip(figure, top, features[row])
        _cloud(figure, top, z_mean[row], np.exp(0.5 * z_log_var[row]), z[row])
        place_picture(figure, DRAWING, top, drawings[row], SIDE / max(drawings[row].shape[:2]))
        for start, end, name in (
            (IMAGE + SIDE, FEATURES, "Encoder"),
            (FEATURES + 26, PLANE, "Latent-\nDistribution"),
            (PLANE + SIDE, DRAWING, "Decoder"),
        ):
            _arrow(figure, start + 12, end - 12, top + SIDE / 2, name)
        top += SIDE + GAP
    return figure


def _heads(figure, top, n_features, image_shape):
    """Write what stands in each column, and its shape; return where the rows begin."""
    pixels = " \N{MULTIPLICATION SIGN} ".join(map(str, image_shape))
    heads = [
        (IMAGE + SIDE / 2, f"image x\n{pixels}"),
        (FEATURES + 13, f"features\n{n_features} numbers"),
        (PLANE + SIDE / 2, "cloud q(z|x), one sample z\nz_mean: 2, z_log_var: 2; z: 2"),
        (DRAWING + SIDE / 2, f"drawing\n{pixels}"),
    ]
    for centre, text in heads:
        place_text(figure, centre, top, text, ha="center", va="bottom", fontsize=9, linespacing=1.4)
    return top + 10


def _strip(figure, top, features):
    """Draw the features as one column of cells, grey on their own scale."""
    axes = place_axes(figure, FEATURES, top, 26, SIDE)
    axes.imshow(features[:, np.newaxis], cmap="gray", aspect="auto", interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])


def _cloud(figure, top, mean, width, z):
    """Draw the plane: the ring of the prior, the cloud as an ellipse, the code as a point."""
    axes = place_axes(figure, PLANE, top, SIDE, SIDE)
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH))
    axes.set_xticks([0], ["$z_1$"])
    axes.set_yticks([0], ["$z_2$"])
    axes.tick_params(length=0, pad=1, labelsize=8)
    prior = dark(COLOURS["prior"])
    axes.add_patch(Circle((0, 0), PRIOR_RADIUS, fill=False, linestyle="--", color=prior))
    cloud = {"facecolor": COLOURS["data"], "edgecolor": COLOURS["reconstruction"], "alpha": 0.7}
    axes.add_patch(Ellipse(mean, *(4 * width), **cloud))
    axes.plot(*z, marker="+", color="black", markersize=10, markeredgewidth=0.7)


def _arrow(figure, start, end, height, name):
    """Draw an arrow to the right with the name of a part above it."""
    axes = place_axes(figure, start, height - 4, end - start, 8)
    axes.set_axis_off()
    axes.annotate(
        "",
        (1, 0.5),
        (0, 0.5),
        xycoords="axes fraction",
        arrowprops={"arrowstyle": "-|>", "color": "#444444", "linewidth": 1.4},
    )
    place_text(figure, (start + end) / 2, height - 6, name, ha="center", va="bottom", fontsize=9.5)
