"""What is known of one of the two terms of a loss, and what it predicts."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from vae_helpers.audit.loss import tolerances
from vae_helpers.audit.loss.record import Growth
from vae_helpers.known_mistakes.losses import Term

UNKNOWN = "nothing that this audit knows"


class Level(Enum):
    """What is pooled before the outer function of a term is applied."""

    ENTRY = "entry"
    DIMENSION = "dimension"
    IMAGE = "image"
    BATCH = "batch"


@dataclass(frozen=True)
class Part:
    """One of the two terms.

    Where all entries are equal the loss is `scale * outer(term)` + a constant; elsewhere `outer`
    takes the mean of the term over an image, of each dimension over the batch, or of both, as
    `level` says.

    Attributes:
        kind: see `LossAudit.reconstruction` and `LossAudit.kl`.
        text: what it is, in words.
        term: function of two arrays, None where nothing is known.
        scale: its factor where all entries are equal.
        entries: what one image, or one code, is made of.
        outer, level: see above; None for a plain sum.
        residual: share of the table that is left.
        domain: (low, high) of the second argument in which the term was compared; None: all.
        codes: mistakes; `variants`: deliberate choices; `notes`: sentences.
        image_slope, image_shift: the images enter as slope * x + shift.
        growths: axis -> `Growth` of the weight.
        sampled: it is random, and no single input tests it.
        by_x: what is left of the pixel table at each of X, None where it was not asked.
    """

    entries: int
    kind: str = "unknown"
    text: str = UNKNOWN
    term: Term | None = None
    scale: float = math.nan
    outer: Callable | None = None
    level: Level = Level.ENTRY
    residual: float = math.nan
    domain: tuple | None = None
    codes: tuple = ()
    variants: tuple = ()
    notes: tuple = ()
    image_slope: float = 1.0
    image_shift: float = 0.0
    growths: tuple = ()
    sampled: bool = False
    by_x: tuple | None = None

    @property
    def known(self) -> bool:
        """A term was found that explains this part."""
        return self.term is not None

    @property
    def weight(self) -> float:
        """Factor of the sum over entries, in the mean over images at the measured batch."""
        return self.scale / self.entries

    @property
    def plain_images(self) -> bool:
        """The images enter as they are."""
        return (self.image_slope, self.image_shift) == (1.0, 0.0)

    def growth(self, axis) -> Growth:
        """Return how the weight grows with a size."""
        return dict(self.growths).get(axis, Growth.FIXED)

    def axes(self, growth: Growth) -> list[int]:
        """Return the axes of the image or code along which the weight grows so."""
        return [axis[1] for axis, found in self.growths if axis != "batch" and found == growth]

    def at(self, first: float, second: float) -> float:
        """Return what the part contributes where all entries are equal."""
        with np.errstate(all="ignore"):
            value = self.term.function(np.float64(first), np.float64(second))
        return float(self.scale * (self.outer(value) if self.outer else value))

    def of(self, sample) -> float:
        """Return what the part contributes at a random input, without what `by_x` adds."""
        with np.errstate(all="ignore"):
            entries = self.term.function(
                sample.first.astype("float64"), sample.second.astype("float64")
            )
        pooled = entries
        if self.level is Level.IMAGE:
            pooled = entries.reshape(len(entries), -1).mean(axis=1)
        elif self.level is Level.DIMENSION:
            pooled = entries.mean(axis=0)
        elif self.level is Level.BATCH:
            pooled = entries.mean()
        return float(self.scale * np.mean(self.outer(pooled) if self.outer else pooled))

    def unknown(self, why: str, share: float = 1.0) -> "Part":
        """Return an unknown part in this one's place."""
        share = min(1.0, share)
        return Part(self.entries, codes=("unknown",), notes=(why,), residual=share)

    def weighing(self, **changes) -> "Part":
        """Return this part with other attributes."""
        return replace(self, **changes)


def unexplained(measured, expected) -> tuple[float, float]:
    """Return the share of a variation that is left, up to a constant; and what float32 rounds."""
    measured, expected = np.array(measured), np.array(expected)
    left, spread = np.std(measured - expected), np.std(measured)
    if not (math.isfinite(left) and spread > 0):
        return math.inf, 0.0
    rounding = tolerances.SAMPLES_ROUNDING * tolerances.FLOAT32 * np.abs(measured).max() / spread
    return float(left / spread), float(rounding)
