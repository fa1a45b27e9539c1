"""A field to write words in, and a conditional VAE that writes them in one hand."""

import html
import string
from collections.abc import Sequence

import numpy as np

from vae_helpers.plots.images import word
from vae_helpers.plots.png import array_to_png
from vae_helpers.widgets.sliders import SLIDER

MOST_LETTERS = 24  # of a word: more would be too small to read
WORD_WIDTH = 840  # pixels
LETTER_SIDE = 112  # pixels: letters are enlarged to this at most


def letter_labels(text: str) -> np.ndarray:
    """Return the labels of a text's letters, A = 0 to Z = 25, without its spaces.

    Args:
        text: letters of either case, and spaces.

    Returns:
        (n,) whole numbers.

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


def write_words(
    vae, text: str = "ADA", directions=None, names: Sequence[str] = ("style 1", "style 2")
):
    """Return a text field, two sliders for the style, and what a conditional VAE writes.

    All letters are decoded from one code, z = style_1 * directions[0] + style_2 * directions[1]. A
    text that cannot be written is reported below the field, and the last picture stays.

    Args:
        vae: anything with `latent_dim` and `decode`, from z (n, latent_dim) and labels (n,), A = 0
            to Z = 25, to images (n, height, width[, channels]); such as a `ConditionalVAE`.
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

    def redraw(_change=None):
        try:
            labels = letter_labels(field.value)
        except ValueError as error:
            message.value = html.escape(f"Not written: {error}.", quote=False)
            return
        message.value = ""
        z = np.array([sliders[0].value, sliders[1].value]) @ directions
        letters = vae.decode(np.tile(z, (len(labels), 1)).astype(np.float32), labels)
        image.value = _enlarged(word(letters, field.value))

    field = ipywidgets.Text(value=text, description="write")
    sliders = [ipywidgets.FloatSlider(description=name, **SLIDER) for name in names]
    message = ipywidgets.HTML()
    image = ipywidgets.Image(format="png", layout={"max_width": "100%", "height": "auto"})
    redraw()  # the first picture, and the first call of the decoder, which is the slow one
    for control in (field, *sliders):
        control.observe(redraw, names="value")
    # An image that may stretch to the width of its column would be squeezed: it stands alone.
    return ipywidgets.VBox([ipywidgets.HBox([field, *sliders]), message, ipywidgets.HBox([image])])


def _enlarged(sheet):
    height, width = sheet.shape[:2]
    return array_to_png(sheet, max(1, min(LETTER_SIDE // height, WORD_WIDTH // width)))
