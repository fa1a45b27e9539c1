"""Synthetic images: stand-ins for the real data, with known factors.

`synthetic_letters` makes the 26 capitals in fonts that matplotlib ships, `synthetic_garments` ten
kinds of garment, named as in Fashion-MNIST. Both return (images, labels, factors): white on black,
28 x 28, the same for the same seed, every class equally often. The factors are what each image was
made with, so that a latent code can be compared with the truth; any of them can be fixed by name:

    images, labels, factors = synthetic_letters(100, labels=0, slant=np.linspace(-0.3, 0.3, 100))
"""

import functools
from pathlib import Path

import numpy as np

from vae_helpers.data.dataset import GARMENTS
from vae_helpers.data.garments import SIDE, garment

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FONTS = (
    "DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral", "cmr10", "cmss10", "cmtt10",
)  # fmt: skip

# Factor -> the interval from which it is sampled, evenly.
LETTER_FACTORS = {
    "slant": (-0.25, 0.25),  # shift to the right per unit of height
    "weight": (-0.3, 0.7),  # pixels added to either side of a stroke
    "scale": (0.85, 1.05),  # 1: the longer side of the letter is 20 pixels
    "shift_x": (-1.0, 1.0),  # pixels to the right
    "shift_y": (-1.0, 1.0),  # pixels down
    "noise": (0.0, 0.1),  # standard deviation of the grey of the ink
}
GARMENT_FACTORS = {
    "width": (0.85, 1.15),  # 1: the usual width of this garment
    "length": (0.85, 1.1),  # 1: the usual length
    "detail": (0.0, 1.0),  # sleeve length; distance of the legs; heel; handle (see below)
    "flare": (0.0, 1.0),  # how far hem, hip, toe or base spread
    "shade": (0.4, 0.95),  # grey of the cloth
    "stripes": (0.0, 0.35),  # how dark the stripes are
    "shift_x": (-1.0, 1.0),  # pixels to the right
    "shift_y": (-1.0, 1.0),  # pixels down
    "noise": (0.0, 0.06),  # standard deviation of the grey of the cloth
}

STRIPE_PIXELS = 5

_FIELD = 72  # side of a letter's distance field
_LETTER = 48  # the longer side of a letter in it


def synthetic_letters(
    n: int, seed: int = 0, labels=None, side: int = SIDE, **fixed
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return images of capital letters.

    Args:
        n: how many images, at least 1.
        seed: the same seed gives the same images.
        labels: 0 (A) to 25 (Z), one number or shape (n,). Default: all equally often, shuffled.
        side: height and width of the images; the letters grow with it, and so do the factors that
            are said in pixels (of a side of 28).
        fixed: factors that are not sampled, each a number or of shape (n,):
            font (index into FONTS), slant, weight, scale, shift_x, shift_y, noise.

    Returns:
        images uint8 (n, side, side), labels uint8 (n,), factors {name: (n,)}.

    Raises:
        ValueError: if a factor is unknown, or a value has the wrong shape or range.
    """
    rng = np.random.default_rng(seed)
    labels = _labels(n, labels, len(LETTERS), rng)
    choices = {"font": rng.integers(len(FONTS), size=n)}
    factors = _factors(n, LETTER_FACTORS, choices, fixed, rng)
    if not np.isin(factors["font"], np.arange(len(FONTS))).all():
        raise ValueError(f"font is an index into FONTS, expected 0 to {len(FONTS) - 1}")
    fields = _distance_fields()
    images = np.empty((n, side, side), np.uint8)
    for rows in _blocks(n):
        block = {name: values[rows, None, None] for name, values in factors.items()}
        field = fields[block["font"].astype(int), labels[rows, None, None]]
        distance = (_distance(field, block, side) + block["weight"]) * (side / SIDE)
        ink = np.clip(0.5 + distance, 0, 1)
        images[rows] = _to_grey(ink, block["noise"], rng)
    return images, labels, factors


def synthetic_garments(
    n: int, seed: int = 0, labels=None, **fixed
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return images of garments.

    The factor `detail` means the length of the sleeves of a T-shirt, pullover, dress, coat or
    shirt, the distance of a trouser's legs, the height of a shoe's heel, the height of a bag's
    handle.

    Args:
        n: how many images, at least 1.
        seed: the same seed gives the same images.
        labels: 0 to 9, an index into GARMENTS, one number or shape (n,). Default: all equally
            often, shuffled.
        fixed: factors that are not sampled, each a number or of shape (n,):
            width, length, detail, flare, shade, stripes, shift_x, shift_y, noise.

    Returns:
        images uint8 (n, 28, 28), labels uint8 (n,), factors {name: (n,)}.

    Raises:
        ValueError: if a factor is unknown, or a value has the wrong shape or range.
    """
    rng = np.random.default_rng(seed)
    labels = _labels(n, labels, len(GARMENTS), rng)
    factors = _factors(n, GARMENT_FACTORS, {}, fixed, rng)
    images = np.empty((n, SIDE, SIDE), np.uint8)
    for rows in _blocks(n):
        block = {name: values[rows] for name, values in factors.items()}
        cloth = np.stack(
            [
                garment(label, {name: float(values[i]) for name, values in block.items()})
                for i, label in enumerate(labels[rows])
            ]
        )
        height = np.arange(SIDE)[None, :, None] - block["shift_y"][:, None, None]
        is_dark = np.sin(height * (2 * np.pi / STRIPE_PIXELS)) > 0
        stripes = 1 - block["stripes"][:, None, None] * is_dark
        images[rows] = _to_grey(cloth / 255 * stripes, block["noise"][:, None, None], rng)
    return images, labels, factors


def _labels(n, labels, classes, rng):
    if isinstance(n, bool) or int(n) != n or n < 1:
        raise ValueError(f"n is {n!r}, expected a whole number of at least 1")
    shuffled = rng.permutation(np.arange(n) % classes)
    labels = shuffled if labels is None else _one_each(n, labels, "labels")
    if not np.isin(labels, np.arange(classes)).all():
        raise ValueError(
            f"labels are {labels.min()} to {labels.max()}, expected 0 to {classes - 1}"
        )
    return labels.astype(np.uint8)


def _factors(n, intervals, choices, fixed, rng):
    # Every factor is sampled, also if fixed: fixing one must not change the others.
    factors = choices | {name: rng.uniform(*ends, size=n) for name, ends in intervals.items()}
    for name, value in fixed.items():
        if name not in factors:
            raise ValueError(f"unknown factor {name!r}, expected one of {', '.join(factors)}")
        factors[name] = _one_each(n, value, name)
    return factors


def _one_each(n, value, name):
    value = np.asarray(value)
    if value.shape not in ((), (n,)) or value.dtype.kind not in "iuf":
        raise ValueError(f"{name} has shape {value.shape}, expected one number or shape ({n},)")
    return np.broadcast_to(value, (n,)).copy()


def _blocks(n, size=1000):
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _to_grey(brightness, noise, rng):
    grain = 1 + noise * rng.standard_normal(brightness.shape)
    return np.round(255 * np.clip(brightness * grain, 0, 1)).astype(np.uint8)


# --- letters: a distance field for each font and letter, sampled where the factors say --------


def _distance(field, factors, side):
    """Return the distance from each pixel to the letter's edge, positive inside.

    It is measured in pixels of an image of 28 x 28, whatever the side.

    Args:
        field: (n, 1, 1, _FIELD, _FIELD) distance fields.
        factors: slant, scale, shift_x and shift_y, each (n, 1, 1).
        side: of the image.
    """
    n, size = len(field), field.shape[-1]
    y, x = (np.mgrid[:side, :side] - (side - 1) / 2) * (SIDE / side)
    y = (y - factors["shift_y"]) / factors["scale"]
    x = (x - factors["shift_x"]) / factors["scale"] + factors["slant"] * y
    to_field = _LETTER / 20
    column = np.clip(x * to_field + (size - 1) / 2, 0, size - 1.001)
    row = np.clip(y * to_field + (size - 1) / 2, 0, size - 1.001)
    left, top = column.astype(int), row.astype(int)
    right_share, low_share = column - left, row - top
    flat = field.reshape(n, -1)
    pixel = (top * size + left).reshape(n, -1)

    def value(offset):
        return np.take_along_axis(flat, pixel + offset, axis=1).reshape(left.shape)

    upper = value(0) * (1 - right_share) + value(1) * right_share
    lower = value(size) * (1 - right_share) + value(size + 1) * right_share
    return (upper * (1 - low_share) + lower * low_share) * factors["scale"] / to_field


@functools.cache
def _distance_fields():
    """Return the distances to the edge of each letter, in steps of the field, positive inside.

    Returns:
        float32 (fonts, letters, _FIELD, _FIELD).
    """
    import matplotlib

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    fields = np.empty((len(FONTS), len(LETTERS), _FIELD, _FIELD), np.float32)
    for f, font in enumerate(FONTS):
        for k, letter in enumerate(LETTERS):
            inside = _glyph(folder / f"{font}.ttf", letter)
            fields[f, k] = _distance_to(~inside) - _distance_to(inside)
    return fields


def _glyph(font_path, letter):
    """Return the letter as a bool mask, its longer side _LETTER steps, centred."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(str(font_path), 3 * _LETTER)
    left, top, right, bottom = font.getbbox(letter)
    large = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(large).text((-left, -top), letter, fill=255, font=font)
    large = large.crop(large.getbbox())
    ratio = _LETTER / max(large.size)
    small = large.resize([max(1, round(ratio * side)) for side in large.size])
    canvas = Image.new("L", (_FIELD, _FIELD))
    canvas.paste(small, ((_FIELD - small.width) // 2, (_FIELD - small.height) // 2))
    return np.asarray(canvas) > 127


def _distance_to(mask):
    """Return the Euclidean distance from every point to the nearest True point."""
    # First within each column, then over the columns.
    steps = np.arange(len(mask), dtype=np.float32)
    square = (steps[:, None] - steps) ** 2
    in_column = np.where(mask, square[:, :, None], np.float32(1e6)).min(axis=1)
    return np.sqrt((in_column[:, None, :] + square).min(axis=2))


# The old names, for one edition.
draw_letters, draw_garments = synthetic_letters, synthetic_garments
