"""Everything that is measured of a loss, in one frozen record; no later stage calls the loss."""

import math

import numpy as np

from vae_helpers.audit.loss import tolerances
from vae_helpers.audit.loss.probe import Probe
from vae_helpers.audit.loss.record import (
    Corner,
    Measurements,
    Sample,
    Size,
    VariableSlope,
    is_one_number,
)

QUIET_PIXELS = ((0.0, -8.0), (0.0, -3.0), (0.5, 0.0), (0.5, 0.5), (0.3, 0.9))
QUIET_CODES = ((0.0, 0.0), (0.0, 0.9), (0.5, 0.5))

X = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
LOGITS = np.array([-4, -2.5, -1.5, -0.7, -0.2, 0.15, 0.3, 0.5, 0.75, 0.9, 1.6, 2.5, 4])
MEANS = np.array([-2, -0.8, 0.3, 0.6, 1.5])
LOG_VARS = np.array([-3, -1.5, -0.7, -0.3, 0.2, 0.4, 0.7, 0.9, 1.8, 3])
FAR_MEANS = np.array(
    [3.0, 4.5, 6.0, 8.0, 10.0, 14.0]
)  # where free bits end and a capacity is reached

WIDE, NARROW = (-4.0, 4.0), (0.15, 0.9)  # logits between which laws of size are measured
CODE_ENDS = ((0.3, 0.9), (1.5, 0.2))
PIXEL_DOMAINS = ((-3.5, 3.5), (0.05, 0.95), (0.1, 3.0))
CODE_DOMAINS = ((-2.4, 2.0), (0.1, 1.0))
REPEATED = ((0.37, 0.6, 0.4, 0.7), (0.0, -8.0, 3.0, 0.7))  # in the second the KL is nearly all
LARGE_LOGIT, LARGE_LOG_VAR = 30.0, 20.0  # the loss has to be finite up to here


def repeated(probe: Probe, times: int = 3) -> tuple:
    """Return what the loss gives at the same inputs, again and again."""
    return tuple(tuple(probe(*point) for _ in range(times)) for point in REPEATED)


def spots(probe: Probe) -> np.ndarray:
    """Return the loss at a dozen points that tell two functions apart.

    Raises:
        LossFailed: if the loss fails at an ordinary one.
    """
    rng = np.random.default_rng(2)
    pixels, codes = _shapes(probe.setting)
    first = rng.uniform(0.1, 0.9, pixels), rng.uniform(-3, 3, pixels)
    first += rng.normal(size=codes), rng.uniform(-1.5, 1.5, codes)
    needed = [probe(*first), probe(0.3, 0.9, 0.3, 0.4), probe(0.7, 0.15, -0.8, 0.9)]
    more = [(0.1, -4.0, 1.5, -1.5), (0.9, 2.5, 3.0, 1.8), (1.0, -30.0, 0.0, 0.4)]
    more += [(0.0, 30.0, 0.0, 0.4), (0.5, 0.3, 0.3, 20.0), (0.5, 0.3, 0.3, -20.0)]
    return np.array(needed + [probe.measured(*point) for point in more])


def measure(probe: Probe, random: bool = False, variables: tuple = ()) -> Measurements:
    """Measure a loss.

    Args:
        probe: how to call it.
        random: it is random; the probe sets a seed before each call.
        variables: what it reads besides its arguments.

    Raises:
        LossFailed: if it fails at an ordinary input.
    """
    setting = probe.setting
    quiet, level = _quiet_point(probe)
    if quiet is None:
        return Measurements(setting, None)
    repeats = repeated(probe, 6 if random else 3)
    if not all(map(is_one_number, repeats)):
        return Measurements(setting, quiet, level, repeats, random)
    returned = probe.returned(*quiet)
    at = probe.measured
    return Measurements(
        setting,
        quiet,
        level,
        repeats,
        random,
        pixels=np.array([[at(x, a, *quiet[2:]) for a in LOGITS] for x in X]),
        codes=np.array([[at(*quiet[:2], m, v) for v in LOG_VARS] for m in MEANS]),
        far_codes=np.array([at(*quiet[:2], m, 0.9) for m in FAR_MEANS]),
        depends=(_depends(probe, True), _depends(probe, False)),
        sizes=_sizes(probe, quiet),
        pixel_samples=_pixel_samples(probe, quiet),
        code_samples=_code_samples(probe, quiet),
        corners=_corners(probe, quiet),
        crossed=_crossed(probe, quiet),
        coarse=_coarse(probe, quiet, level),
        shape=returned.shape,
        dtype=returned.dtype.name,
        variables=_slopes(probe, quiet, variables),
    )


def _shapes(setting):
    return (setting.batch, *setting.image_shape), (setting.batch, *setting.latent_shape)


def _quiet_point(probe):
    """The ordinary point where the loss is smallest: differences are most exact there."""
    values = {}
    for pixel in QUIET_PIXELS:
        for code in QUIET_CODES:
            value = probe(*pixel, *code)
            if math.isfinite(value):
                values[*pixel, *code] = abs(value)
    if not values:
        return None, 0.0
    quiet = min(values, key=values.get)
    return quiet, values[quiet]


def _depends(probe, pixels):
    """True where the loss changes with logits, or with codes, that differ from entry to entry."""
    rng = np.random.default_rng(1)
    image, code = _shapes(probe.setting)
    for _ in range(3):
        x, logits, m = (
            rng.uniform(0.1, 0.9, image),
            rng.uniform(-3, 3, image),
            rng.normal(size=code),
        )
        v = rng.uniform(0.1, 1.5, code)
        here = probe.measured(x, logits, m, v)
        if pixels:
            other = probe.measured(x, rng.uniform(-3, 3, image), m, v)
        else:
            other = probe.measured(x, logits, rng.normal(size=code), rng.uniform(0.1, 1.5, code))
        if abs(other - here) > tolerances.DEPENDS * max(abs(here), 1e-3):
            return True
    return False


def _sizes(probe, quiet):
    setting = probe.setting
    sizes = [_size(probe, quiet, None, 1.0)]
    more = setting.batch + 2
    sizes.append(_size(probe, quiet, "batch", more / setting.batch, batch=more))
    for i, size in enumerate(setting.latent_shape):
        other = size + max(3, size // 2)
        shape = (*setting.latent_shape[:i], other, *setting.latent_shape[i + 1 :])
        sizes.append(_size(probe, quiet, ("codes", i), other / size, latent_shape=shape))
    for i, size in enumerate(setting.image_shape):
        other = 3 if size == 1 else size + size // 4 + 1  # no multiple: a hard-wired reshape fails
        shape = (*setting.image_shape[:i], other, *setting.image_shape[i + 1 :])
        sizes.append(_size(probe, quiet, ("pixels", i), other / size, image_shape=shape))
    return tuple(sizes)


def _size(probe, quiet, axis, ratio, **sizes):
    def between(first, second):
        start = probe.measured(*first, **sizes)
        return start - probe.measured(*second, **sizes) if math.isfinite(start) else math.nan

    wide, narrow = (
        between(*((0.9, logit, *quiet[2:]) for logit in ends)) for ends in (WIDE, NARROW)
    )
    code = between(*((*quiet[:2], *end) for end in CODE_ENDS))
    pixels = math.prod(sizes.get("image_shape", probe.setting.image_shape))
    codes = math.prod(sizes.get("latent_shape", probe.setting.latent_shape))
    return Size(axis, ratio, pixels, codes, wide, narrow, code)


def _pixel_samples(probe, quiet):
    """Images and logits whose level differs from image to image and across each image."""
    rng = np.random.default_rng(0)
    shape, _ = _shapes(probe.setting)
    samples = []
    for low, high in PIXEL_DOMAINS:
        for _ in range(8 if (low, high) == PIXEL_DOMAINS[0] else 5):
            x = rng.uniform(0.1, 0.9, shape)
            plane = rng.normal(size=(shape[0],) + (1,) * (len(shape) - 1))
            for axis in range(1, len(shape)):
                along = [1] * len(shape)
                along[axis] = shape[axis]
                plane = plane + rng.normal() * np.linspace(-1, 1, shape[axis]).reshape(along)
            spread = 1 / (1 + np.exp(-plane - 0.5 * rng.normal(size=shape)))
            logits = low + (high - low) * (0.02 + 0.96 * spread)
            x, logits = x.astype("float32"), logits.astype("float32")
            value = probe.measured(x, logits, *quiet[2:])
            samples.append(Sample((low, high), x, logits, value))
    return tuple(samples)


def _code_samples(probe, quiet):
    """Codes of several spreads; some near the prior, each dimension as near as it likes."""
    rng = np.random.default_rng(0)
    _, shape = _shapes(probe.setting)
    samples = []
    for low, high in CODE_DOMAINS:
        whole = (low, high) == CODE_DOMAINS[0]
        for k in range(12 if whole else 6):
            m = rng.normal(size=shape) * rng.uniform(0.3, 1.5)
            v = rng.uniform(low, high, shape)
            if whole and k % 2:
                near = rng.uniform(0.0, 0.6, shape[1:])
                m, v = m * near, v * near
            m, v = m.astype("float32"), v.astype("float32")
            samples.append(Sample((low, high), m, v, probe.measured(*quiet[:2], m, v)))
    return tuple(samples)


def _corners(probe, quiet):
    """Where a VAE may go, and beyond; and where a clip shows."""
    x_of = {1: (0.0, 0.5, 1.0), -1: (0.0, 0.5, 1.0)}
    points = [
        (
            f"logits of {sign * LARGE_LOGIT:+.0f} (p of {max(sign, 0)}) on a pixel of {x:g}",
            "pixels",
            True,
            (x, sign * LARGE_LOGIT),
        )
        for sign, levels in x_of.items()
        for x in levels
    ]
    for v in (-1.5, 0.0, 1.5, LARGE_LOG_VAR, -LARGE_LOG_VAR):
        points.append((f"a z_log_var of {v:+.3g}", "codes", True, (quiet[2], v)))
    for a in (-1.5, 1.5):
        points.append((f"a logit of {a:+.3g}", "pixels", True, (0.5, a)))
    points.append(("a z_mean of 10", "codes", True, (10.0, quiet[3])))
    for a in (100.0, -100.0):
        points.append((f"logits of {a:+.0f}", "pixels", False, (0.5, a)))
    for v in (50.0, 100.0, -100.0):
        points.append((f"a z_log_var of {v:+.0f}", "codes", False, (quiet[2], v)))
    for a in (0.5, 12.0, -12.0, 20.0, -20.0, 28.0, -28.0):
        points.append(("", "pixels", False, (0.5, a)))
    for v in (0.4, 6.0, 12.0, -8.0, -16.0):
        points.append(("", "codes", False, (quiet[2], v)))
    points += [("", "codes", False, at) for at in ((6.0, 0.9), (0.3, 0.4))]
    corners = []
    for name, place, needed, at in points:
        whole = (*at, *quiet[2:]) if place == "pixels" else (*quiet[:2], *at)
        corners.append(Corner(place, name, needed, at, probe.measured(*whole)))
    return tuple(corners)


def _crossed(probe, quiet):
    x, logits, m, v = quiet
    points = [(0.9, 0.5, 1.5, 0.9), (x, logits, 1.5, 0.9), (0.9, 0.5, m, v), (x, logits, m, v)]
    return tuple(zip(map(lambda p: probe.measured(*p), points), (1, -1, -1, 1), strict=True))


def _coarse(probe, quiet, level):
    """Whether tiny changes are lost, which float32 would show: in the logits, in the codes."""
    results = []
    for pixels in (True, False):
        same, seen = 0, 0
        for value, near in ((1.5, 1.25), (1.25, 1.75), (-1.75, -1.5), (1.875, 1.5)):
            points = [
                (0.3, at, *quiet[2:]) if pixels else (*quiet[:2], at, 0.4)
                for at in (value, value + 1e-4, near)
            ]
            here, there, other = (probe.measured(*point) for point in points)
            change = abs(other - here) / abs(near - value) * 1e-4
            if change > tolerances.FLAT * tolerances.FLOAT32 * max(abs(here), level):
                seen += 1
                same += here == there
        results.append(seen >= 3 and same == seen)
    return tuple(results)


def _slopes(probe, quiet, variables):
    slopes = []
    for variable in variables[:20]:
        base = probe.slope(variable, *quiet)
        pixels = probe.slope(variable, 0.9, 1.6, *quiet[2:]) - base
        codes = probe.slope(variable, *quiet[:2], 1.5, 0.9) - base
        value = float(np.mean(np.asarray(variable)))
        slopes.append(VariableSlope(variable.name, value, pixels, codes))
    return tuple(slopes)
