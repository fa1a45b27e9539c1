"""What the tests of figures share."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

HISTORY = {
    "reconstruction": [300.0, 270.0, 260.0],
    "kl": [3.0, 5.0, 6.0],
    "val_reconstruction": [290.0, 272.0, 263.0],
    "val_kl": [4.0, 5.5, 6.1],
}
REFERENCES = {"mean image": 384.3, "PCA, 2 components": 300.5, "grey-pixel entropy": 188.3}


def decode(z):
    """A decoder of grey images: z_1 (from -3 to 3) sets the left half, z_2 the right."""
    z = np.clip((np.asarray(z) + 3) / 6, 0, 1)
    return np.repeat(z, 14, axis=1)[:, None, :, None].repeat(28, axis=1)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def words(figure):
    """Every text of a figure."""
    import matplotlib.text

    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def boxes(figure, artists):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return [artist.get_window_extent(canvas.get_renderer()) for artist in artists]
