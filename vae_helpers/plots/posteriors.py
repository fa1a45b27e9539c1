"""Exact posteriors over windows of a latent plane, beside what an encoder says."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.ticker import MaxNLocator

from vae_helpers.plots.layout import page, place_axes, place_picture
from vae_helpers.plots.png import as_pixels
from vae_helpers.plots.style import COLOURS, MARGIN, STYLE, WIDTH

GAP, LEFT, PICTURE = 52, 66, 112  # pixels of the page


@matplotlib.rc_context(STYLE)
def posterior_planes(
    images, windows: Sequence[tuple], z_mean, z_log_var, title: str = "", captions=()
) -> Figure:
    """Draw p(z|x) of some images in grey, and the encoder's q(z|x) as ellipses of 1 and 2 sigma.

    Args:
        images: (n, height, width[, channels]).
        windows: n of (z_1 (a,), z_2 (b,), density (b, a)): where the posterior was worked out.
        z_mean: (n, 2) means of q.
        z_log_var: (n, 2) log variances of q.
        title: the sentence that the figure proves.
        captions: n texts, each between an image and its window.

    Returns:
        Figure with two axes an image: the image, and below it the window of the plane.
    """
    n = len(windows)
    side = (WIDTH - MARGIN - LEFT - (n - 1) * GAP) / n
    figure, top = page(PICTURE + 52 + side + 46, title)
    sheets = as_pixels(images)
    for index, (z_1, z_2, density) in enumerate(windows):
        left = LEFT + index * (side + GAP)
        scale = PICTURE / max(sheets[index].shape[:2])
        place_picture(figure, left + (side - PICTURE) / 2, top, sheets[index], scale)
        panel = place_axes(figure, left, top + PICTURE + 44, side, side)
        if captions:
            panel.set_title(captions[index], fontsize=10)
        extent = (z_1[0], z_1[-1], z_2[0], z_2[-1])
        panel.imshow(
            density, origin="lower", extent=extent, cmap="Greys", aspect="auto",
            interpolation="bilinear",
        )  # fmt: skip
        widths = np.exp(0.5 * np.asarray(z_log_var[index], float))
        for sigmas, dash in ((1, "-"), (2, "--")):
            ring = {"fill": False, "edgecolor": COLOURS["broken"], "linewidth": 1.6}
            size = 2 * sigmas * widths
            panel.add_patch(Ellipse(z_mean[index], *size, linestyle=dash, **ring))
        panel.plot(*z_mean[index], "+", color=COLOURS["broken"], markersize=8)
        panel.set(xlim=extent[:2], ylim=extent[2:], xlabel="$z_1$")
        panel.xaxis.set_major_locator(MaxNLocator(3))
        panel.yaxis.set_major_locator(MaxNLocator(4))
        if index == 0:
            panel.set_ylabel("$z_2$", labelpad=0)
    return figure
