"""Is the description right? Random inputs, large numbers, and a real batch."""

from __future__ import annotations

import math

import numpy as np

from vae_helpers.known_mistakes import losses as terms
from vae_helpers.audit.loss.recognise import FLOAT32
from vae_helpers.audit.loss.probe import BATCH, measure

VALID = 2e-3  # share of the variation that may stay unexplained
LARGE_LOGIT, LARGE_LOG_VAR = 30.0, 20.0  # the loss has to be finite up to here


def validate(probe, pixels, codes, offset, quiet):
    """The share of the loss's variation on random inputs that the description leaves.

    A term whose share is too large was recognised by chance: it becomes unknown.
    """
    rng = np.random.default_rng(0)
    pixel_shape = (BATCH, *probe.image_shape)
    code_shape = (BATCH, probe.latent_dim)
    finite = [part.residual for part in (pixels, codes) if math.isfinite(part.residual)]
    worst = max(finite, default=0.0)
    for part in (pixels, codes):
        if not part.known:
            continue
        measured, expected = [], []
        for _ in range(6):
            x = np.full(pixel_shape, quiet[0])
            logits = np.full(pixel_shape, quiet[1])
            m, v = np.full(code_shape, quiet[2]), np.full(code_shape, quiet[3])
            if part is pixels:
                x, logits = _random_pixels(rng, pixel_shape, part)
                x, logits = x.astype("float32"), logits.astype("float32")
                sum_of = part.term.function(x.astype("float64"), logits.astype("float64"))
                known_offset = 0.0 if offset.by_x is None else offset.at(x)
            else:
                m, v = _random_codes(rng, code_shape, part)
                m, v = m.astype("float32"), v.astype("float32")
                sum_of = part.term.function(m.astype("float64"), v.astype("float64"))
                known_offset = 0.0
            measured.append(measure(probe, x, logits, m, v))
            expected.append(part.weight * float(np.sum(sum_of)) / BATCH + known_offset)
        share, rounding = _unexplained(measured, expected)
        if not share < VALID + rounding:
            what = "reconstruction" if part is pixels else "part of z"
            part.forget(
                f"The {what} looked like {part.text} where all entries are equal, but random "
                f"inputs leave {100 * min(share, 1):.3g}% of its variation unexplained: its "
                "entries are not treated alike, or not simply added.",
                share,
            )
            offset.by_x = None
        worst = max(worst, min(share, 1.0))
    if pixels.known and codes.known and not _additive(probe, quiet):
        for part in (pixels, codes):
            part.forget("The two terms are not added: each changes with the other's input.", 1.0)
        offset.by_x, worst = None, 1.0
    return worst


def _additive(probe, quiet):
    """True where the loss is a function of the pixels plus a function of the codes."""
    x, logits, m, v = quiet
    corners = [
        (0.9, 0.5, 1.5, 0.9, 1),
        (x, logits, 1.5, 0.9, -1),
        (0.9, 0.5, m, v, -1),
        (x, logits, m, v, 1),
    ]
    values = [sign * measure(probe, *point) for *point, sign in corners]
    change = abs(values[0]) + abs(values[3])
    return not abs(sum(values)) > VALID * change


def _unexplained(measured, expected):
    """Share of the variation that is left, up to one constant; and what float32 rounds of it."""
    measured, expected = np.array(measured), np.array(expected)
    left, spread = np.std(measured - expected), np.std(measured)
    if not (math.isfinite(left) and spread > 0):
        return math.inf, 0.0
    return float(left / spread), float(4 * FLOAT32 * np.abs(measured).max() / spread)


def _random_pixels(rng, shape, part):
    """Images and logits whose level differs from image to image and across each image."""
    x = rng.uniform(0.1, 0.9, shape)
    low, high = part.term.domain or (-3.5, 3.5)
    plane = rng.normal(size=(shape[0],) + (1,) * (len(shape) - 1))
    for axis in range(1, len(shape)):
        along = [1] * len(shape)
        along[axis] = shape[axis]
        plane = plane + rng.normal() * np.linspace(-1, 1, shape[axis]).reshape(along)
    spread = terms.sigmoid(plane + 0.5 * rng.normal(size=shape))
    return x, low + (high - low) * (0.02 + 0.96 * spread)


def _random_codes(rng, shape, part):
    low, high = part.term.domain or (-2.5, 2.0)
    low, high = max(low, -2.5) + 0.1, min(high, 1.0 if part.partly else 2.0)
    return rng.normal(size=shape) * rng.uniform(0.3, 1.5), rng.uniform(low, high, shape)


def large_numbers(probe, quiet):
    """Whether the loss is finite where a VAE may go; notes on where it is not."""
    required = {
        f"logits of {sign * LARGE_LOGIT:+.0f} (p of {max(sign, 0)}) on a pixel of {x:g}": (
            x,
            sign * LARGE_LOGIT,
            *quiet[2:],
        )
        for sign in (1, -1)
        for x in (0.0, 0.5, 1.0)
    }
    required |= {
        f"a z_log_var of {v:+.3g}": (*quiet[:2], quiet[2], v)
        for v in (-1.5, 0.0, 1.5, LARGE_LOG_VAR, -LARGE_LOG_VAR)
    }
    required |= {f"a logit of {a:+.3g}": (0.5, a, *quiet[2:]) for a in (-1.5, 1.5)}
    required["a z_mean of 10"] = (*quiet[:2], 10.0, quiet[3])
    beyond = {f"logits of {a:+.0f}": (0.5, a, *quiet[2:]) for a in (100.0, -100.0)} | {
        f"a z_log_var of {v:+.0f}": (*quiet[:2], quiet[2], v) for v in (50.0, 100.0, -100.0)
    }
    broken = [name for name, point in required.items() if math.isnan(measure(probe, *point))]
    notes = []
    if broken:
        notes.append(f"NaN or infinite at {'; '.join(broken)}.")
    far = [name for name, point in beyond.items() if math.isnan(measure(probe, *point))]
    if far and not broken:
        notes.append(
            f"NaN or infinite far out, at {'; '.join(far)}; a clamp such as that of "
            "vae_helpers.elbo avoids it."
        )
    return not broken, notes


def departures(probe, pixels, codes, quiet):
    """Notes on where a known term stops being itself: a clip, or rounded probabilities."""
    notes = []
    size = math.prod(probe.image_shape)
    if pixels.known and not pixels.partly:
        for logit in (12.0, 20.0, 28.0):
            points = [(0.5, sign * logit, *quiet[2:]) for sign in (1, -1)]
            change = measure(probe, *points[0]) + measure(probe, *points[1])
            change -= 2 * measure(probe, 0.5, 0.5, *quiet[2:])
            values = pixels.term.function(np.float64(0.5), np.array([logit, -logit, 0.5]))
            expected = pixels.weight * size * (values[0] + values[1] - 2 * values[2])
            if math.isfinite(change) and not math.isclose(change, expected, rel_tol=0.02):
                notes.append(
                    f"At logits of {logit:.0f} the reconstruction departs from its formula: "
                    "probabilities are clipped or rounded there, and the gradient is lost."
                )
                break
    if codes.known and not codes.partly:
        for log_var in (6.0, 12.0, -8.0, -16.0):
            points = [(*quiet[:2], quiet[2], log_var), (*quiet[:2], quiet[2], 0.4)]
            change = measure(probe, *points[0]) - measure(probe, *points[1])
            values = codes.term.function(np.full(2, quiet[2]), np.array([log_var, 0.4]))
            expected = codes.weight * probe.latent_dim * (values[0] - values[1])
            if math.isfinite(change) and not math.isclose(change, expected, rel_tol=0.02):
                notes.append(
                    f"At a z_log_var of {log_var:.0f} the KL departs from its formula: a "
                    "clip, perhaps."
                )
                break
    return notes


def range_of(images, part, image_shape):
    """Codes for a real batch that is not on [0, 1] where the loss puts it; notes on it.

    Where the loss rescales its images, the batch is looked at as it is after that, and a
    rescaling that brings it to [0, 1] is forgiven.
    """
    if images is None:
        return [], []
    images = np.asarray(images)
    if images.size == 0 or images.dtype.kind not in "uif":
        raise ValueError(
            f"images have shape {images.shape} and dtype {images.dtype}, expected one batch of "
            "numbers; of a tf.data.Dataset pass next(iter(dataset))"
        )
    if images.shape[1:] != image_shape:
        raise ValueError(f"images have shape {images.shape}, expected (batch, *{image_shape})")
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        return ["not_finite"], ["The images given hold NaN or infinity."]
    a, b = part.x_scale
    low, high = sorted((a * low + b, a * high + b))
    if low >= -1e-4 and 0.02 < high <= 1 + 1e-4:
        if part.x_scale == (1.0, 0.0):
            return [], []
        part.mistakes[:] = [c for c in part.mistakes if c not in ("image_range", "unknown")]
        part.notes[:] = ["The loss brings the images given to [0, 1] by itself: right for these."]
        return [], []
    found = f"The images given lie between {low:.4g} and {high:.4g}"
    if part.kind in ("gaussian", "squared_error"):
        return [], [f"{found}; a Gaussian takes that, if the decoder's mean reaches there."]
    why = "expected [0, 1]"
    if -1.01 < low < -0.01 and high < 1.01:
        why = "[-1, 1] instead of [0, 1]"
    elif low >= 0 and 1.5 < high <= 255:
        why = "0-255 instead of [0, 1]"
    elif low >= 0 and high <= 0.02:
        why = "divided by 255 twice, or an empty batch"
    return ["image_range"], [f"{found}: {why}."]
