"""A map of a two-dimensional latent plane as one piece of HTML, which needs no kernel."""

import base64
import html
import io
import json
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vae_helpers.plots.layout import spread_apart
from vae_helpers.plots.png import array_to_png, as_pixels, mosaic
from vae_helpers.plots.style import CLASS_COLOURS
from vae_helpers.widgets.sliders import REACH, check_plane

PAGE = Path(__file__).with_name("hover.html")  # a string.Template
MAX_BYTES = 300_000  # of the HTML
SPRITE_BYTES = 0.65 * MAX_BYTES  # base64 adds a third
SPRITE_SIDE = 1250  # pixels of all images together


def hover_explorer(
    vae,
    images=None,
    labels=None,
    class_names: Sequence[str] | None = None,
    n: int | None = None,
    most: int = 1500,
):
    """Return a map of the latent plane; the decoded image beside it follows the pointer.

    The output needs no kernel. It is one piece of HTML that holds everything: the images decoded on
    an n x n grid, the drawing of the plane and a short script. Mouse, finger and arrow keys move.
    It makes no request. Where scripts do not run, the map of decoded images is still seen.

    Args:
        vae: anything with `latent_dim` = 2 and `decode`; with `encode` too if images are given.
        images: None, or images (m, height, width[, channels]) whose codes are drawn as dots in
            place of the map.
        labels: None, or (m,) integers that colour the dots.
        class_names: None, or the names of the labels, written at the median of each.
        n: images on each axis, from -3 to 3; odd, so that the middle is z = (0, 0). When None 25,
            and fewer of more than 50 pixels, which are also reduced to fit.
        most: at most so many dots are drawn, picked evenly.

    Returns:
        IPython.display.HTML of at most 300 KB.

    Raises:
        ValueError: if latent_dim is not 2.
    """
    check_plane(vae, "hover_explorer")
    from IPython.display import HTML

    n = n or _images_on_an_axis(vae)
    z = np.linspace(-REACH, REACH, n, dtype=np.float32)
    decoded = as_pixels(vae.decode(np.stack(np.meshgrid(z, z[::-1]), axis=-1).reshape(-1, 2)))
    kind, sprite, (height, width) = _sprite(decoded, n)
    facts = {"n": n, "width": width, "height": height, "reach": REACH, "colours": CLASS_COLOURS}
    facts["dots"], facts["names"] = [], []
    if images is not None:
        places, classes = _places(vae, images, labels, most)
        facts["dots"] = [
            [*_hundredths(place), int(c)] for place, c in zip(places, classes, strict=True)
        ]
        if class_names is not None:
            facts["names"] = _names(places, classes, class_names)
    page = string.Template(PAGE.read_text(encoding="utf-8"))
    encoded = html.escape(json.dumps(facts, separators=(",", ":")))
    source = f"data:image/{kind};base64,{base64.b64encode(sprite).decode('ascii')}"
    return HTML(page.substitute(facts=encoded, sprite=source))


def _images_on_an_axis(vae):
    """An odd number: 25 images of up to 50 pixels, 17 of 64, 13 of larger ones."""
    side = max(vae.decode(np.zeros((1, 2), np.float32)).shape[1:3])
    return 25 if side <= 50 else 17 if side <= 72 else 13


def _sprite(images, n):
    """n * n images as one picture that is small enough.

    Greys become a PNG with as many levels as fit; colours become a JPEG, which keeps smooth ones
    better than a palette would. What is still too large is halved in size.

    Returns:
        (kind, bytes, (height, width) of one image in it).
    """
    while max(images.shape[1:3]) * n > SPRITE_SIDE:
        images = _halved(images)
    while True:
        for kind, encoded in _encodings(mosaic(images, columns=n)):
            if len(encoded) <= SPRITE_BYTES:
                return kind, encoded, images.shape[1:3]
        images = _halved(images)


def _encodings(sheet):
    """The ways to store a sheet of pixels, from the finest to the coarsest."""
    if sheet.ndim == 2:
        for levels in (256, 64, 32, 16, 8, 4):
            yield "png", array_to_png(np.round(sheet / 255 * (levels - 1)) / (levels - 1), scale=1)
        return
    for quality in (90, 80, 65, 50):  # no subsampling: neighbours must not colour each other
        buffer = io.BytesIO()
        Image.fromarray(sheet).save(buffer, format="JPEG", quality=quality, subsampling=0)
        yield "jpeg", buffer.getvalue()


def _halved(images):
    height, width = (max(1, side // 2) for side in images.shape[1:3])
    small = [Image.fromarray(image).resize((width, height), Image.BOX) for image in images]
    return np.stack([np.asarray(image) for image in small])


def _places(vae, images, labels, most):
    """The codes that lie on the plane, of at most so many images, and their classes."""
    shown = np.linspace(0, len(images) - 1, min(most, len(images))).astype(int)
    places = np.asarray(vae.encode(np.asarray(images)[shown])[0])
    classes = np.zeros(len(shown), int) if labels is None else np.asarray(labels)[shown]
    inside = (np.abs(places) <= REACH).all(axis=1)
    return places[inside], classes[inside]


def _hundredths(place):
    return [int(round(100 * value)) for value in place]


def _names(places, classes, class_names):
    """[name, 100 z_1, 100 z_2] for each class, at its median but clear of the others."""
    present = np.unique(classes)
    medians = np.array([np.median(places[classes == i], axis=0) for i in present])
    # In units of z, as the script writes them: a letter is about 0.085 wide and a line 0.22 high.
    sizes = np.array([(0.085 * len(str(class_names[i])) + 0.1, 0.24) for i in present])
    spread = spread_apart(medians, sizes)
    return [
        [str(class_names[i]), *_hundredths(place)] for i, place in zip(present, spread, strict=True)
    ]
