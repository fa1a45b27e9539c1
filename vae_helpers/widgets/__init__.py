"""Two ways to walk through a two-dimensional latent plane by hand, and a pen.

`explore_latent` asks the model at every move and needs a running kernel. `hover_explorer` asks it
once, carries the answers along, and works wherever a web page does. `write_words` writes what you
type in the hand of a conditional VAE, and needs a kernel too.
"""

import base64
import html
import json
import string
from pathlib import Path

import numpy as np

from vae_helpers.plots.images import word
from vae_helpers.plots.layout import spread_apart
from vae_helpers.plots.png import array_to_png
from vae_helpers.plots.style import CLASS_COLOURS

PAGE = Path(__file__).with_name("hover.html")  # a string.Template
REACH = 3.0  # both look at -3 to 3 on each axis: 99.5% of the prior
MAX_BYTES = 300_000


def _check_plane(vae, what: str) -> None:
    if vae.latent_dim != 2:
        raise ValueError(
            f"{what} needs a VAE with latent_dim = 2, and this one has latent_dim = "
            f"{vae.latent_dim}: a plane has two directions. Train one with LatentDistribution(2), "
            "or look at samples with plots.image_grid(vae.generate(30))."
        )


def explore_latent(vae):
    """Two sliders, z_1 and z_2, and the image that the decoder draws there.

    Args:
        vae: anything with `latent_dim` = 2 and `decode`, from z (n, 2) to images (n, h, w[, 1]).

    Returns:
        An ipywidgets box (ipywidgets 7.7 or 8); it needs a running kernel.

    Raises:
        ValueError: if latent_dim is not 2.
    """
    _check_plane(vae, "explore_latent")
    import ipywidgets

    def draw(_change=None):
        image.value = array_to_png(vae.decode(np.array([[z_1.value, z_2.value]], np.float32)))

    options = {"min": -REACH, "max": REACH, "step": 0.05, "value": 0.0, "readout_format": ".2f"}
    z_1 = ipywidgets.FloatSlider(description="z_1", **options)
    z_2 = ipywidgets.FloatSlider(description="z_2", **options)
    image = ipywidgets.Image(format="png", layout={"width": "168px", "height": "168px"})
    draw()  # the first picture, and the first call of the decoder, which is the slow one
    for slider in (z_1, z_2):
        slider.observe(draw, names="value")
    return ipywidgets.HBox([image, ipywidgets.VBox([z_1, z_2])])


MOST_LETTERS = 24  # of a word: more would be too small to read
WORD_WIDTH = 840  # pixels


def letter_labels(text: str) -> np.ndarray:
    """The labels of a text's letters, A = 0 to Z = 25, without its spaces; small ones count too.

    Raises:
        ValueError: naming the characters that are neither A-Z nor a space, or the length.
    """
    text = text.upper()
    strange = sorted(set(text) - set(string.ascii_uppercase + " "))
    if strange:
        raise ValueError(
            f"letters A to Z and spaces only: no {', '.join(map(repr, strange))}, please"
        )
    if not text.strip():
        raise ValueError("type a word of letters A to Z")
    if len(text) > MOST_LETTERS:
        raise ValueError(f"at most {MOST_LETTERS} letters and spaces, these are {len(text)}")
    letters = text.replace(" ", "")
    return np.array([string.ascii_uppercase.index(letter) for letter in letters])


def write_words(vae, text="ADA", directions=None, names=("style 1", "style 2")):
    """A text field, two sliders for the style, and what a conditional VAE writes.

    All letters are drawn from one code, z = style_1 * directions[0] + style_2 * directions[1]. A
    text that cannot be written is said in words, and the last picture stays.

    Args:
        vae: anything with `latent_dim` and `decode`, from z (n, latent_dim) and labels (n,), A = 0
            to Z = 25, to images (n, h, w[, 1]); such as a `ConditionalVAE`.
        text: what stands there first.
        directions: (2, latent_dim); the first two axes when None.
        names: of the two sliders.

    Returns:
        An ipywidgets box (ipywidgets 7.7 or 8); it needs a running kernel.

    Raises:
        ValueError: if `text` cannot be written, or `directions` has another shape.
    """
    letter_labels(text)
    directions = np.eye(2, vae.latent_dim) if directions is None else np.asarray(directions)
    if directions.shape != (2, vae.latent_dim):
        raise ValueError(
            f"directions have shape {directions.shape}, expected (2, {vae.latent_dim}): two rows, "
            "each as long as a code"
        )
    import ipywidgets

    def draw(_change=None):
        try:
            labels = letter_labels(field.value)
        except ValueError as error:
            message.value = html.escape(f"Not written: {error}.", quote=False)
            return
        message.value = ""
        z = np.array([sliders[0].value, sliders[1].value]) @ directions
        letters = vae.decode(np.tile(z, (len(labels), 1)).astype(np.float32), labels)
        sheet = word(letters, field.value)
        image.value = array_to_png(sheet, scale=max(1, min(4, WORD_WIDTH // sheet.shape[1])))

    field = ipywidgets.Text(value=text, description="write")
    options = {"min": -REACH, "max": REACH, "step": 0.05, "value": 0.0, "readout_format": ".2f"}
    sliders = [ipywidgets.FloatSlider(description=name, **options) for name in names]
    message = ipywidgets.HTML()
    image = ipywidgets.Image(format="png", layout={"max_width": "100%", "height": "auto"})
    draw()  # the first picture, and the first call of the decoder, which is the slow one
    for control in (field, *sliders):
        control.observe(draw, names="value")
    # An image that may stretch to the width of its column would be squeezed: it stands alone.
    frame = ipywidgets.HBox([image])
    return ipywidgets.VBox([ipywidgets.HBox([field, *sliders]), message, frame])


def _sprite(images: np.ndarray, n: int) -> bytes:
    """n * n images as one PNG, in as many greys as fit."""
    images = np.asarray(images, dtype=float)
    for levels in (256, 64, 32, 16, 8, 4):
        png = array_to_png(np.round(images * (levels - 1)) / (levels - 1), scale=1, columns=n)
        if len(png) <= MAX_BYTES * 0.65:  # base64 adds a third
            break
    return png


def hover_explorer(vae, images=None, labels=None, class_names=None, n: int = 25, most: int = 1500):
    """A map of the latent plane; the decoded image beside it follows the pointer. No kernel needed.

    The output is one piece of HTML that holds everything: the images decoded on an n x n grid, the
    drawing of the plane and a short script. Mouse, finger and arrow keys move. It makes no request.
    Where scripts do not run, the map of decoded images is still seen.

    Args:
        vae: anything with `latent_dim` = 2 and `decode`; with `encode` too if images are given.
        images: None, or images (m, 28, 28) whose codes are drawn as dots in place of the map.
        labels: None, or (m,) integers that colour the dots.
        class_names: None, or the names of the labels, written at the median of each.
        n: images on each axis, from -3 to 3; odd, so that the middle is z = (0, 0).
        most: at most so many dots are drawn, picked evenly.

    Returns:
        IPython.display.HTML of at most 300 KB.

    Raises:
        ValueError: if latent_dim is not 2.
    """
    _check_plane(vae, "hover_explorer")
    from IPython.display import HTML

    z = np.linspace(-REACH, REACH, n, dtype=np.float32)
    decoded = np.asarray(vae.decode(np.stack(np.meshgrid(z, z[::-1]), axis=-1).reshape(-1, 2)))
    height, width = decoded.shape[1:3]
    sprite = base64.b64encode(_sprite(decoded, n)).decode("ascii")

    facts = {"n": n, "width": width, "height": height, "reach": REACH, "colours": CLASS_COLOURS}
    facts["dots"], facts["names"] = [], []
    if images is not None:
        shown = np.linspace(0, len(images) - 1, min(most, len(images))).astype(int)
        places = np.asarray(vae.encode(np.asarray(images)[shown])[0])
        classes = np.zeros(len(shown), int) if labels is None else np.asarray(labels)[shown]
        inside = (np.abs(places) <= REACH).all(axis=1)
        facts["dots"] = [
            [int(round(100 * x)), int(round(100 * y)), int(c)]
            for (x, y), c in zip(places[inside], classes[inside], strict=True)
        ]
        if class_names is not None:
            facts["names"] = _names(places[inside], classes[inside], class_names)
    page = string.Template(PAGE.read_text(encoding="utf-8"))
    encoded = html.escape(json.dumps(facts, separators=(",", ":")))
    return HTML(page.substitute(facts=encoded, sprite=sprite))


def _names(places, classes, class_names) -> list:
    """[name, 100 z_1, 100 z_2] for each class, at its median but clear of the others."""
    present = np.unique(classes)
    medians = np.array([np.median(places[classes == i], axis=0) for i in present])
    # In units of z, as the script writes them: a letter is about 0.085 wide and a line 0.22 high.
    sizes = np.array([(0.085 * len(str(class_names[i])) + 0.1, 0.24) for i in present])
    spread = spread_apart(medians, sizes)
    return [
        [str(class_names[i]), int(round(100 * x)), int(round(100 * y))]
        for i, (x, y) in zip(present, spread, strict=True)
    ]
