"""What the two terms weigh beside each other, and where their weights come from."""

import itertools
import math
from dataclasses import dataclass

from vae_helpers.audit.loss.part import Level, Part
from vae_helpers.audit.loss.recognise import Recognised
from vae_helpers.audit.loss.record import Growth
from vae_helpers.audit.loss.tolerances import SAME, WIDEST_SIGMA

NOMINAL_BATCH = 128  # at which the weight of a term that alone is summed over images is quoted
USUAL_BATCHES = (128, 16, 32, 50, 64, 100, 200, 250, 256, 500, 512, 1000, 1024)
GAUSSIAN = ("squared_error", "gaussian")


@dataclass(frozen=True)
class Average:
    """Axes that are averaged, and how many entries they have together."""

    axes: tuple = ()
    entries: int = 1
    by_law: bool = False


@dataclass(frozen=True)
class Batch:
    """What is done with images.

    Attributes:
        summed: names of the terms that are added up over images.
        quoted_at: batch size at which weights are given, None where they depend on none.
        written_out: batch size by which a sum is divided, None where there is none.
        odd: names of the terms whose weight follows the batch size as no sum and no mean does.
    """

    summed: tuple = ()
    quoted_at: int | None = None
    written_out: int | None = None
    odd: tuple = ()

    @property
    def is_sum(self) -> bool:
        """Images are added up, and nothing divides by their number."""
        return bool(self.summed) and self.written_out is None


@dataclass(frozen=True)
class Weighed:
    """A loss, its two weights and their balance.

    Attributes:
        pixel_weight, code_weight: as `LossAudit` reports them.
        pixel_average, code_average: axes that are averaged.
        sigma: of the Gaussian decoder that a squared error of this weight means beside this KL;
            NaN where there is none.
        common: the factor that both terms carry where their balance is that of an ELBO, or None.
        per_pixel_kl: the KL stands in the sum over pixels.
    """

    recognised: Recognised
    pixel_weight: float
    code_weight: float
    batch: Batch
    pixel_average: Average = Average()
    code_average: Average = Average()
    sigma: float = math.nan
    common: float | None = None
    per_pixel_kl: bool = False

    @property
    def pixels(self) -> Part:
        """The reconstruction."""
        return self.recognised.pixels

    @property
    def codes(self) -> Part:
        """The KL."""
        return self.recognised.codes

    @property
    def beta(self) -> float:
        """Weight of the KL relative to the reconstruction's."""
        if self.pixel_weight:
            return self.code_weight / self.pixel_weight
        return math.nan if not self.code_weight else math.copysign(math.inf, self.code_weight)


def equal(weight: float, *numbers: float) -> bool:
    """Return whether a weight is one of the numbers, its sign aside."""
    return any(math.isclose(abs(weight), number, rel_tol=SAME) for number in numbers)


def natural(part: Part) -> tuple:
    """Return the weights that mean a sum over entries: of squares, with and without their half."""
    return (1.0, 2.0) if part.kind == "squared_error" else (1.0,)


def weigh(recognised: Recognised) -> Weighed:
    """Return the weights of a recognised loss and what they mean."""
    pixels, codes, setting = recognised.pixels, recognised.codes, recognised.measured.setting
    batch, pixel_weight, code_weight = _over_images(recognised)
    pixel_average = _averaged_pixels(pixels, pixel_weight, setting.image_shape)
    code_average = _averaged_latents(codes, code_weight, setting.latent_shape)
    sigma, common = math.nan, None
    if recognised.known and "none" not in (pixels.kind, codes.kind):
        if pixels.kind in GAUSSIAN and code_weight * pixel_weight > 0:
            sigma = math.sqrt(code_weight / pixel_weight)
        common = _common(recognised, pixel_weight, code_weight, sigma, code_average)
    return Weighed(
        recognised,
        pixel_weight,
        code_weight,
        batch,
        pixel_average,
        code_average,
        sigma,
        common,
        recognised.known and _kl_per_pixel(codes, recognised.measured, setting.pixels),
    )


def _kl_per_pixel(codes, measured, pixels):
    if pixels == 1 or not codes.weight:
        return False
    axes = [("pixels", i) for i in range(len(measured.setting.image_shape))]
    # The KL's own differences at other image sizes: per code, so that they grow as it is repeated.
    return all(measured.growth(axis, "codes") is Growth.SUM for axis in axes)


def _common(recognised, pixel_weight, code_weight, sigma, code_average):
    """The factor of both terms where their balance is that of an ELBO, or None."""
    pixels, codes = recognised.pixels, recognised.codes
    if codes.kind != "gaussian" or Level.ENTRY not in (pixels.level, codes.level):
        return None
    if pixels.kind in GAUSSIAN:
        averaged = code_average.entries > 1 and equal(code_weight * code_average.entries, 1, 2)
        right = sigma <= WIDEST_SIGMA * (1 + SAME) or pixels.kind == "gaussian"
        return abs(code_weight) if right and not averaged else None
    if pixels.kind in ("bernoulli", "continuous_bernoulli"):
        return abs(code_weight) if math.isclose(code_weight, pixel_weight, rel_tol=SAME) else None
    return None


def _over_images(recognised):
    """What is done with images, and the weights at the batch size where they are quoted."""
    setting = recognised.measured.setting
    parts = {"reconstruction": recognised.pixels, "KL": recognised.codes}
    known = {name: part for name, part in parts.items() if part.known}
    growths = {name: part.growth("batch") for name, part in known.items()}
    powers = {name: growth.power for name, growth in growths.items()}
    each = {name: part.weight / setting.batch ** powers[name] for name, part in known.items()}
    plain = (Growth.NONE, Growth.SUM, Growth.FIXED)
    odd = tuple(name for name, growth in growths.items() if growth not in plain)
    summed = tuple(name for name, power in powers.items() if power >= 1)
    nominal = setting.batch if setting.batch_given else NOMINAL_BATCH
    written, quoted = None, None
    if summed and not odd:
        usual = (nominal,) if setting.batch_given else USUAL_BATCHES
        written = next((n for n in usual if _written_out(n, each, summed, recognised)), None)
    if summed and written:
        quoted = written
    elif len(set(powers.values())) > 1 or any(power not in (0, 1) for power in powers.values()):
        quoted = nominal
    scale = {name: float(quoted or 1) ** powers[name] for name in known}
    weights = []
    for name, part in parts.items():
        if not part.known:
            weights.append(0.0 if part.kind == "none" else math.nan)
        else:
            weights.append(each[name] * scale[name])
    return Batch(summed, quoted, written, odd), *weights


def _written_out(size, each, summed, recognised):
    """True where a sum over images is divided by this batch size."""
    if len(summed) == len(each) > 1 or (len(each) == 1):
        return any(equal(weight * size, 1) for weight in each.values())
    at = {name: weight * (size if name in summed else 1) for name, weight in each.items()}
    ratio = at["KL"] / at["reconstruction"] if len(at) == 2 else math.nan
    squares = recognised.pixels.kind == "squared_error"
    return math.isclose(ratio, 1, rel_tol=SAME) or (
        squares and math.isclose(ratio, 0.5, rel_tol=SAME)
    )


def _averaged_pixels(part, weight, shape):
    """Axes that are averaged and their number of entries: by law, or by value where no law."""
    if not part.known or part.kind == "categorical" or part.level is not Level.ENTRY:
        return Average()
    if equal(weight, *natural(part)):
        return Average()
    axes = [axis for axis, size in enumerate(shape) if size > 1]
    by_law = [axis for axis in part.axes(Growth.MEAN) if shape[axis] > 1]
    entries = math.prod(shape[axis] for axis in by_law)
    if by_law and equal(weight * entries, *natural(part)):
        return Average(tuple(by_law), entries, True)
    for count in range(len(axes), 0, -1):
        for chosen in itertools.combinations(axes, count):
            some = math.prod(shape[axis] for axis in chosen)
            if equal(weight * some, *natural(part)):
                return Average(chosen, some)
    return Average(tuple(by_law), entries, True) if by_law else Average()


def _averaged_latents(part, weight, shape):
    if not part.known or math.prod(shape) == 1:
        return Average()
    by_law = [axis for axis in part.axes(Growth.MEAN) if shape[axis] > 1]
    if by_law:
        return Average(tuple(by_law), math.prod(shape[axis] for axis in by_law), True)
    fixed = all(part.growth(("codes", i)) is Growth.FIXED for i in range(len(shape)))
    entries = math.prod(shape)
    if fixed and entries > 2 and not equal(weight, 1, 2) and equal(weight * entries, 1, 2):
        return Average(tuple(range(len(shape))), entries)
    return Average()
