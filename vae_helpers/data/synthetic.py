"""Images drawn by code: stand-ins for the real data, with factors that are known.

`draw_letters` draws the 26 capitals in fonts that matplotlib ships, `draw_garments` ten kinds of
garment, named as in Fashion-MNIST. Both return (images, labels, factors): white on black, 28x28,
the same for the same seed, every class equally often. The factors are what each image was drawn
with, so that a latent code can be compared with the truth; any of them can be fixed by name:

    images, labels, factors = draw_letters(100, labels=0, slant=np.linspace(-0.3, 0.3, 100))
"""

import functools
from pathlib import Path

import numpy as np

SIDE = 28
GARMENTS = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FONTS = (
    "DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral", "cmr10", "cmss10", "cmtt10",
)  # fmt: skip

# Factor -> the interval it is drawn from, evenly.
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
_FINE = 4  # garments are drawn four times as large


def draw_letters(n, seed=0, labels=None, **fixed):
    """Draw capital letters.

    Args:
        n: how many images, at least 1.
        seed: the same seed draws the same images.
        labels: 0 (A) to 25 (Z), one number or shape (n,). Default: all equally often, shuffled.
        fixed: factors that are not to be drawn at random, each a number or of shape (n,):
            font (index into FONTS), slant, weight, scale, shift_x, shift_y, noise.

    Returns:
        images uint8 (n, 28, 28), labels uint8 (n,), factors {name: (n,)}.

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
    images = np.empty((n, SIDE, SIDE), np.uint8)
    for rows in _blocks(n):
        block = {name: values[rows, None, None] for name, values in factors.items()}
        field = fields[block["font"].astype(int), labels[rows, None, None]]
        ink = np.clip(0.5 + _distance(field, block) + block["weight"], 0, 1)
        images[rows] = _to_grey(ink, block["noise"], rng)
    return images, labels, factors


def draw_garments(n, seed=0, labels=None, **fixed):
    """Draw garments.

    The factor `detail` means the length of the sleeves of a T-shirt, pullover, dress, coat or
    shirt, the distance of a trouser's legs, the height of a shoe's heel, the height of a bag's
    handle.

    Args:
        n: how many images, at least 1.
        seed: the same seed draws the same images.
        labels: 0 to 9, an index into GARMENTS, one number or shape (n,). Default: all equally
            often, shuffled.
        fixed: factors that are not to be drawn at random, each a number or of shape (n,):
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
                _garment(label, {name: float(values[i]) for name, values in block.items()})
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
    # Every factor is drawn, also if fixed: fixing one must not change the others.
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


def _distance(field, factors):
    """Distance in pixels from each pixel to the letter's edge, positive inside.

    Args:
        field: (n, 1, 1, _FIELD, _FIELD) distance fields. factors: each (n, 1, 1).
    """
    n, size = len(field), field.shape[-1]
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
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
    """Signed distances to the edge of each letter: (fonts, letters, _FIELD, _FIELD), in steps of
    the field, positive inside."""
    import matplotlib

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    fields = np.empty((len(FONTS), len(LETTERS), _FIELD, _FIELD), np.float32)
    for f, font in enumerate(FONTS):
        for k, letter in enumerate(LETTERS):
            inside = _glyph(folder / f"{font}.ttf", letter)
            fields[f, k] = _distance_to(~inside) - _distance_to(inside)
    return fields


def _glyph(font_path, letter):
    """The letter as a bool mask, its longer side _LETTER steps, centred."""
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
    """Euclidean distance from every point to the nearest True point: first within each column,
    then the best column."""
    steps = np.arange(len(mask), dtype=np.float32)
    square = (steps[:, None] - steps) ** 2
    in_column = np.where(mask, square[:, :, None], np.float32(1e6)).min(axis=1)
    return np.sqrt((in_column[:, None, :] + square).min(axis=2))


# --- garments: polygons on a canvas of 28 x 28 units, drawn finely and averaged ---------------


def _garment(label, factors):
    """One garment without stripes and noise, uint8 (28, 28)."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (_FINE * SIDE, _FINE * SIDE))
    pen = _Pen(ImageDraw.Draw(image), factors)
    _DRAWERS[label](pen, factors["detail"], factors["flare"])
    return np.asarray(image.reduce(_FINE))


class _Pen:
    """Draws in units of a pixel, counted from the middle of the picture."""

    def __init__(self, draw, factors):
        self.draw = draw
        self.shade = factors["shade"]
        self.scale_x, self.scale_y = _FINE * factors["width"], _FINE * factors["length"]
        self.middle_x = _FINE * (SIDE / 2 + factors["shift_x"])
        self.middle_y = _FINE * (SIDE / 2 + factors["shift_y"])

    def points(self, points):
        return [
            (self.middle_x + self.scale_x * x, self.middle_y + self.scale_y * y) for x, y in points
        ]

    def grey(self, tone):
        return round(255 * min(1, tone * self.shade))

    def fill(self, points, tone=1.0):
        self.draw.polygon(self.points(points), fill=self.grey(tone))

    def fill_both(self, right_half, tone=1.0):
        """A shape and its mirror image as one polygon; the points run down its right half."""
        self.fill(right_half + [(-x, y) for x, y in reversed(right_half)], tone)

    def fill_each(self, points, tone=1.0):
        """A shape on the right and its mirror image on the left."""
        self.fill(points, tone)
        self.fill([(-x, y) for x, y in points], tone)

    def line(self, points, tone=1.0, width=1.0):
        points, width = self.points(points), round(_FINE * width)
        self.draw.line(points, fill=self.grey(tone), width=width, joint="curve")


def _top(pen, hem, sleeve, cuff, flare, waist=5.4):
    """Body and sleeves of whatever is worn above the waist; `sleeve` is 0 to 1."""
    wide = waist + 1.2 * flare
    pen.fill_both([(2.4, -11.5), (5.6, -10.3), (5.2, -5), (waist, 1), (wide, hem)])
    x, y = 9.2 + 1.2 * sleeve, -4.8 + 13 * sleeve  # where the sleeve ends
    pen.fill_each(
        [(4.6, -10.8), (7.2, -9.2), (x + 0.9, y - 0.4), (x - cuff, y + 0.3), (5.1, -4)], tone=0.88
    )


def _t_shirt(pen, detail, flare):
    _top(pen, 11, 0.25 * detail, 3.0, flare)
    pen.fill([(-2.4, -12), (2.4, -12), (1.4, -10), (-1.4, -10)], tone=0)


def _trouser(pen, detail, flare):
    gap, hem = 0.4 + 1.6 * detail, 1.6 + 1.6 * flare
    inner = 0.4 + gap
    pen.fill_both([(4.2, -13), (4.8, -6), (0, -5)])
    pen.fill_each([(0, -8), (4.8, -6), (inner + hem + 1.2, 13), (inner, 13), (0.1, -4)])
    pen.line([(-4.2, -12), (4.2, -12)], tone=0.6)


def _pullover(pen, detail, flare):
    _top(pen, 11, 0.7 + 0.3 * detail, 1.8, flare, waist=5.8)
    pen.line([(-2.4, -11.2), (0, -10.4), (2.4, -11.2)], tone=0.55)
    pen.line([(-5.6, 10), (5.6, 10)], tone=0.7)


def _dress(pen, detail, flare):
    wide = 4.0 + 4.5 * flare
    pen.fill_both([(1.6, -13), (3.6, -12.6), (3.4, -7), (2.8, -3), (wide, 13)])
    reach = 1.0 + 5.0 * detail
    pen.fill_each(
        [(3.2, -12.8), (3.9 + 0.35 * reach, -12 + reach), (3.0, -11.5 + reach)], tone=0.85
    )
    pen.line([(-2.8, -3), (2.8, -3)], tone=0.6)


def _coat(pen, detail, flare):
    _top(pen, 13, 0.75 + 0.25 * detail, 1.8, 1.5 * flare, waist=5.6)
    pen.line([(0, -9), (0, 13)], tone=0.25)
    pen.fill_each([(0, -8), (2.8, -11.6), (3.2, -7)], tone=0.7)


def _shirt(pen, detail, flare):
    _top(pen, 11.5, 0.2 + 0.6 * detail, 2.2, flare)
    pen.fill_each([(0, -9.5), (2.6, -12.4), (3.4, -9.6)], tone=1.25)
    for y in (-7, -3, 1, 5, 9):
        pen.fill([(-0.5, y), (0.5, y), (0.5, y + 1), (-0.5, y + 1)], tone=0.3)


def _sandal(pen, detail, flare):
    heel = 7.0 * detail
    toe = 10.5 + 1.5 * flare
    pen.fill(
        [
            (-toe, 5.5),
            (-2, 5.0),
            (5, 4.5 - heel),
            (11, 3.5 - heel),
            (11, 5 - heel),
            (5, 6 - 0.8 * heel),
            (-2, 7.0),
            (-toe, 7.0),
        ]
    )
    pen.fill([(8.5, 4 - heel), (11, 3.5 - heel), (10.8, 7), (9.4, 7)], tone=0.8)
    pen.line([(-8.5, 6), (-5.5, 1.5), (-2.5, 5.5)], width=1.3)
    pen.line([(-5.5, 6), (-2, 0.5 - 0.3 * heel), (2, 5 - 0.4 * heel)], width=1.3)
    pen.line([(5, 4.5 - heel), (6.5, -1.5 - heel), (10.5, -1 - heel), (10.5, 4 - heel)], width=1.3)


def _sneaker(pen, detail, flare):
    sole = 1.0 + 2.0 * detail
    toe = 11.5 + flare
    pen.fill(
        [
            (-toe, 5.5),
            (-toe + 1, 2.8),
            (-6, 0.8),
            (-1, -3.0),
            (3, -2.0),
            (7.5, -3.2),
            (11, -2.6),
            (11.6, 5.5),
        ]
    )
    pen.fill([(-toe, 5.0), (11.8, 5.0), (11.8, 5 + sole), (-toe + 0.5, 5 + sole)], tone=1.35)
    pen.line([(-4.5, 0.6), (-3, 2.2)], tone=0.4)
    pen.line([(-2.8, -0.8), (-1.2, 1.0)], tone=0.4)
    pen.line([(-1.0, -2.2), (0.6, -0.2)], tone=0.4)


def _bag(pen, detail, flare):
    height = 2.0 + 7.0 * detail
    base = 8.5 + 2.5 * flare
    pen.line([(-5, -2), (-4, -2 - height), (4, -2 - height), (5, -2)], width=1.4)
    pen.fill_both([(8.8, -3), (base, 10)])
    pen.fill_both([(8.8, -3), (8.5, 0.5)], tone=0.7)
    pen.fill([(-1, -0.5), (1, -0.5), (1, 2), (-1, 2)], tone=1.4)


def _ankle_boot(pen, detail, flare):
    heel = 0.8 + 3.0 * detail
    toe = 9.5 + 2.5 * flare
    pen.fill(
        [
            (-toe, 9),
            (-toe + 0.5, 6),
            (-4.5, 3),
            (-1.0, -1),
            (-1.2, -12),
            (8.5, -12),
            (8.0, -2),
            (9.6, 4),
            (9.6, 9),
        ]
    )
    pen.fill(
        [(-toe, 9), (9.6, 9), (9.6, 9 + heel), (5.2, 9 + heel), (4.2, 10.2), (-toe, 10.2)], tone=0.6
    )
    pen.line([(-1.2, -10.5), (8.4, -10.5)], tone=0.6)


_DRAWERS = (
    _t_shirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _ankle_boot,
)  # fmt: skip
