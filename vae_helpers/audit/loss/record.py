"""The record of everything that is measured of a loss."""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from vae_helpers.audit.loss import tolerances
from vae_helpers.audit.loss.probe import Setting


class Growth(Enum):
    """How a term grows with a size: by which power; or OTHER; FIXED where no other size runs."""

    INVERSE_SQUARE = -2
    MEAN = -1
    NONE = 0
    SUM = 1
    SQUARE = 2
    OTHER = "other"
    FIXED = "fixed"

    @classmethod
    def of(cls, change: float, size: float) -> "Growth":
        """Return the growth of something that changes by `change` when a size does by `size`."""
        if not math.isfinite(change):
            return cls.FIXED
        for growth in (cls.NONE, cls.MEAN, cls.SUM, cls.INVERSE_SQUARE, cls.SQUARE):
            if math.isclose(change, size**growth.value, rel_tol=tolerances.POWER):
                return growth
        return cls.OTHER

    @property
    def power(self) -> int:
        """The power, 0 where it is none."""
        return self.value if isinstance(self.value, int) else 0


@dataclass(frozen=True)
class Size:
    """Differences measured at one size: of the pixels (wide, narrow) and of the codes.

    Attributes:
        axis: "batch", ("pixels", i) or ("codes", i); None for the sizes asked for.
        ratio: this size over the one asked for.
        pixels, codes: entries of one image and of one code.
        wide, narrow, code: what the loss changes by, between two points that differ there alone.
    """

    axis: object
    ratio: float
    pixels: int
    codes: int
    wide: float
    narrow: float
    code: float


@dataclass(frozen=True)
class Sample:
    """The loss at one random input.

    Attributes:
        domain: the range of its second array.
        first, second: images and logits, or means and log variances, (batch, ...).
        value: the loss.
    """

    domain: tuple
    first: np.ndarray
    second: np.ndarray
    value: float


@dataclass(frozen=True)
class Corner:
    """The loss at one extreme point.

    Attributes:
        place: "pixels" or "codes": what is extreme.
        name: what it is, as in "NaN at a z_mean of 10".
        needed: a VAE may well go there.
        at: (x, logit) or (z_mean, z_log_var).
        value: the loss, NaN where it is not finite.
    """

    place: str
    name: str
    needed: bool
    at: tuple
    value: float


@dataclass(frozen=True)
class VariableSlope:
    """A variable that the loss reads, and the loss's slope by it at three points.

    `pixels` and `codes` are by how much the slope changes with the logits, and with the codes.
    """

    name: str
    value: float
    pixels: float
    codes: float


@dataclass(frozen=True)
class Measurements:
    """What was measured of a loss.

    Attributes:
        setting: how it was called.
        quiet: the ordinary point where it is smallest, (x, logit, z_mean, z_log_var), and None
            where it is finite nowhere.
        level: its magnitude there.
        repeats: the same input, a few times; for each of `REPEATED`.
        random: it is random, and was made repeatable by a seed.
        pixels: table over (X, LOGITS) at the quiet codes.
        codes: table over (MEANS, LOG_VARS) at the quiet pixels; `far_codes` over FAR_MEANS.
        depends: whether it changes with logits, and with codes, that differ among entries.
        sizes: `Size` for the sizes asked for, and for each other one.
        pixel_samples, code_samples: random inputs.
        corners: extreme points.
        crossed: (value, sign) at four points whose signed sum is 0 where the terms are added.
        coarse: whether logits, and codes, that differ by 1e-4 give the same number: 16 bits.
        shape, dtype: of what it returns.
        variables: what it reads besides its arguments.
    """

    setting: Setting
    quiet: tuple | None
    level: float = 0.0
    repeats: tuple = ()
    random: bool = False
    pixels: np.ndarray | None = None
    codes: np.ndarray | None = None
    far_codes: np.ndarray | None = None
    depends: tuple = (True, True)
    sizes: tuple = ()
    pixel_samples: tuple = ()
    code_samples: tuple = ()
    corners: tuple = ()
    crossed: tuple = ()
    coarse: tuple = (False, False)
    shape: tuple = ()
    dtype: str = "float32"
    variables: tuple = ()

    @property
    def repeatable(self) -> bool:
        """The same input gives the same number."""
        return all(map(is_one_number, self.repeats))

    def growth(self, axis, which: str, narrow: bool = False) -> Growth:
        """Return how a term ("pixels" or "codes") grows with a size, for one of its entries."""
        here, there = (_by_entry(size, which, narrow) for size in self._at(axis))
        if not here:
            return Growth.FIXED
        return Growth.of(there / here, self._at(axis)[1].ratio)

    def _at(self, axis):
        return [next(size for size in self.sizes if size.axis == at) for at in (None, axis)]


def is_one_number(values) -> bool:
    """Return whether these are one number, to rounding; NaN every time is one, too."""
    return np.allclose(values, values[0], rtol=tolerances.REPEAT, atol=0.0, equal_nan=True)


def _by_entry(size, which, narrow):
    if which == "pixels":
        return (size.narrow if narrow else size.wide) / size.pixels
    return size.code / size.codes
