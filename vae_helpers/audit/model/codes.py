"""z_mean and z_log_var among the recorded outputs of a model.

The noise is set to +1 and then to -1: z_mean is half the sum of the two codes, the width of the
noise half their difference, and whichever outputs have these values are z_mean and z_log_var.
Names are asked only where that does not tell.
"""

import re
from dataclasses import dataclass

import numpy as np

from vae_helpers.audit.model.watch import LOG_NAME, LOG_STD_NAME, MEAN_NAME, WIDTH_NAME, Call, array

# What the second output of an encoder may mean: the width of z that it stands for.
WIDTHS = {
    "log_var": lambda v: np.exp(v / 2),
    "log_std": np.exp,
    "std": lambda v: v,
    "softplus": lambda v: np.logaddexp(0, v),
}
SAMPLER_NAME = re.compile(r"sampl|reparam", re.IGNORECASE)


class NotFound(ValueError):
    """A part of the model that the audit needs was not found."""


@dataclass(frozen=True, eq=False)
class Part:
    """One output, or half of one, of a recorded call."""

    call: Call
    leaf: int
    value: np.ndarray
    half: int | None = None

    def same_as(self, other):
        """Whether both are one tensor, which several calls may have returned."""
        return self.half == other.half and (
            self.call.leaves[self.leaf] is other.call.leaves[other.leaf]
        )


def find_codes(plus, minus, final) -> tuple:
    """Return z_mean, z_log_var, the value of z or None, and the sampler's reading of z_log_var.

    Args:
        plus: recording with noise +1.
        minus: recording of the same run with noise -1.
        final: the call that gives the output.

    Raises:
        NotFound: saying what was looked for.
    """
    by_noise = _codes_by_noise(plus, minus)
    if by_noise:
        return by_noise
    parts = [part for part in _quiet_parts(plus, minus) if not part.call.holds(final)]
    for search in (_codes_by_name, _codes_by_sampler, _codes_by_encoder):
        found = search(plus, parts)
        if found:
            return *found, None, ""
    raise NotFound(
        "no z_mean and z_log_var: neither two outputs from which a later one is drawn as "
        "z_mean + width * noise, nor layers named so, nor an encoder that returns the two"
    )


def _quiet_parts(plus, minus):
    """Outputs that do not depend on the noise, whole and in halves."""
    aligned = len(plus) == len(minus)
    parts = []
    for i, call in enumerate(plus):
        for leaf, value in enumerate(call.values):
            if value.ndim < 2:
                continue
            if aligned and not np.array_equal(value, minus[i].values[leaf]):
                continue
            parts.append(Part(call, leaf, value))
            if value.shape[-1] % 2 == 0:
                halves = np.split(value, 2, axis=-1)
                parts += [Part(call, leaf, half, side) for side, half in enumerate(halves)]
    return parts


def _codes_by_noise(plus, minus):
    if len(plus) != len(minus):
        return None
    parts = _quiet_parts(plus, minus)
    for one, other in zip(plus, minus, strict=True):
        pairs = [(array(a), array(b)) for a, b in zip(one.inputs, other.inputs, strict=True)]
        for high, low in [*pairs, *zip(one.values, other.values, strict=True)]:
            if high.ndim < 2 or high.shape != low.shape or np.array_equal(high, low):
                continue
            same_shape = [part for part in parts if part.value.shape == high.shape]
            found = _match(same_shape, (high + low) / 2, (high - low) / 2)
            if found:
                z_mean, width, kind = found
                return z_mean, width, high, kind
    return None


def _match(parts, centre, width):
    """The parts that are the centre and, by one of `WIDTHS`, the width of z."""
    means = [p for p in parts if np.allclose(p.value, centre, rtol=1e-3, atol=1e-3)]
    best = None
    for m in means:
        for v in parts:
            kind = _kind_of_width(v, width)
            # Where all are constant, as after an initialisation at 0, only names tell.
            score = (
                not m.same_as(v),
                bool(WIDTH_NAME.search(v.call.name)) + bool(MEAN_NAME.search(m.call.name)),
                (v.call.start, v.leaf, v.half or 0) > (m.call.start, m.leaf, m.half or 0),
                -m.call.start - v.call.start,
            )
            if kind and (best is None or score > best[0]):
                best = score, (m, v, kind)
    return best and best[1]


def _kind_of_width(part, width):
    with np.errstate(all="ignore"):
        for kind, function in WIDTHS.items():
            ratio = width / function(part.value)
            # A common factor is a matter of the sampler, such as noise of another width.
            if np.isfinite(ratio).all() and np.abs(ratio).min() > 1e-6 and np.ptp(ratio) < 5e-3:
                return kind
    return ""


def _codes_by_name(calls, parts):
    whole = [part for part in parts if part.half is None and len(part.call.leaves) == 1]
    for mean in whole:
        if not MEAN_NAME.search(mean.call.name) or WIDTH_NAME.search(mean.call.name):
            continue
        for width in whole:
            named = WIDTH_NAME.search(width.call.name)
            if named and width.call is not mean.call and width.value.shape == mean.value.shape:
                return mean, width
    return None


def _codes_by_sampler(calls, parts):
    for call in calls:
        name = call.name + ("" if isinstance(call.source, str) else type(call.source).__name__)
        if not SAMPLER_NAME.search(name) or len(call.inputs) < 2:
            continue
        pair = [
            next((p for p in parts if np.array_equal(p.value, array(tensor))), None)
            for tensor in call.inputs[:2]
        ]
        if None not in pair:
            swapped = WIDTH_NAME.search(pair[0].call.name) and MEAN_NAME.search(pair[1].call.name)
            return pair[::-1] if swapped else pair
    return None


def _codes_by_encoder(calls, parts):
    for call in calls:
        shapes = {value.shape for value in call.values[:2]}
        if len(call.values) in (2, 3) and len(shapes) == 1 and "encode" in call.name.lower():
            return [Part(call, leaf, call.values[leaf]) for leaf in (0, 1)]
    return None


def head_of(width, sampler_width) -> tuple[str, str]:
    """Return what the second output means, a key of `WIDTHS`, and what says so."""
    name = width.call.name
    # Many write log_sigma and mean the log variance: then the sampler halves it.
    if LOG_STD_NAME.search(name) and sampler_width != "log_var":
        return "log_std", f"its name {name!r} says"
    if LOG_NAME.search(name) or sampler_width in ("", "log_var", "log_std"):
        return "log_var", ""
    return sampler_width, "it is what the sampler takes it for"


def meaning(head) -> str:
    """Return a key of `WIDTHS` in words."""
    return {
        "log_std": "log sigma",
        "std": "sigma",
        "softplus": "sigma = softplus of it",
    }[head]
