"""Sliders over a two-dimensional latent plane; they ask the model at every move."""

import io

import numpy as np
from PIL import Image

from vae_helpers.plots.png import array_to_png

REACH = 3.0  # widgets look at -3 to 3 on each axis: 99.5% of the prior
SLIDER = {"min": -REACH, "max": REACH, "step": 0.05, "value": 0.0, "readout_format": ".2f"}


def check_plane(vae, what: str) -> None:
    """Reject a VAE whose latent space is no plane.

    Raises:
        ValueError: naming `what` needs a plane, and the cure.
    """
    if vae.latent_dim != 2:
        raise ValueError(
            f"{what} needs a VAE with latent_dim = 2, and this one has latent_dim = "
            f"{vae.latent_dim}: a plane has two directions. Train one with LatentDistribution(2), "
            "or look at samples with plots.image_grid(vae.generate(30))."
        )


def explore_latent(vae):
    """Return two sliders, z_1 and z_2, beside the image that the decoder gives for them.

    Args:
        vae: anything with `latent_dim` = 2 and `decode`, from z (n, 2) to images
            (n, height, width[, channels]).

    Returns:
        An ipywidgets box (ipywidgets 7.7 or 8); it needs a running kernel.

    Raises:
        ValueError: if latent_dim is not 2.
    """
    check_plane(vae, "explore_latent")
    import ipywidgets

    def redraw(_change=None):
        image.value = array_to_png(vae.decode(np.array([[z_1.value, z_2.value]], np.float32)))

    z_1 = ipywidgets.FloatSlider(description="z_1", **SLIDER)
    z_2 = ipywidgets.FloatSlider(description="z_2", **SLIDER)
    image = ipywidgets.Image(format="png")
    redraw()  # the first picture, and the first call of the decoder, which is the slow one
    width, height = Image.open(io.BytesIO(image.value)).size
    image.layout = {"width": f"{width}px", "height": f"{height}px"}
    for slider in (z_1, z_2):
        slider.observe(redraw, names="value")
    return ipywidgets.HBox([image, ipywidgets.VBox([z_1, z_2])])
