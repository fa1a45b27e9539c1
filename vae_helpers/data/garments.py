"""The shapes of ten garments: polygons on a canvas of 28 x 28 units, drawn finely and averaged."""

import numpy as np

SIDE = 28

_FINE = 4  # garments are drawn four times as large


def garment(label: int, factors: dict[str, float]) -> np.ndarray:
    """Return one garment without stripes and noise.

    Args:
        label: index into dataset.GARMENTS.
        factors: width, length, detail, flare, shade, shift_x and shift_y, as `synthetic` says.

    Returns:
        uint8 (28, 28).
    """
    from PIL import Image, ImageDraw

    image = Image.new("L", (_FINE * SIDE, _FINE * SIDE))
    pen = _Pen(ImageDraw.Draw(image), factors)
    _SHAPES[label](pen, factors["detail"], factors["flare"])
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
        """Fill a shape and its mirror image as one polygon; the points run down its right half."""
        self.fill(right_half + [(-x, y) for x, y in reversed(right_half)], tone)

    def fill_each(self, points, tone=1.0):
        """Fill a shape on the right and its mirror image on the left."""
        self.fill(points, tone)
        self.fill([(-x, y) for x, y in points], tone)

    def line(self, points, tone=1.0, width=1.0):
        points, width = self.points(points), round(_FINE * width)
        self.draw.line(points, fill=self.grey(tone), width=width, joint="curve")


def _top(pen, hem, sleeve, cuff, flare, waist=5.4):
    """Draw body and sleeves of what is worn above the waist; `sleeve` is 0 to 1."""
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


_SHAPES = (
    _t_shirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _ankle_boot,
)  # fmt: skip
