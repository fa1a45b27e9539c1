"""The reconstruction: a table over (x, logit), compared with the known terms."""

import math

import numpy as np

from vae_helpers.audit.loss import fit as fits
from vae_helpers.audit.loss.measure import LOGITS, X
from vae_helpers.audit.loss.part import Level, Part, unexplained
from vae_helpers.audit.loss.tolerances import SAMPLES, SCALED_IMAGES
from vae_helpers.known_mistakes.losses import (
    RECONSTRUCTIONS,
    Term,
    cross_entropy,
    sigmoid,
    softplus,
)

GRID = tuple(np.meshgrid(X, LOGITS, indexing="ij"))
RAW_NOTE = "The decoder's raw output is the mean of a pixel: no sigmoid."
SOFT_FLOOR = -6.0  # of log sigma, in the code of the sigma-VAE


def candidates(measured) -> list[Part]:
    """Return what the reconstruction may be, the likeliest first; unknown where nothing fits."""
    table, entries = measured.pixels, measured.setting.pixels
    rows = table - np.nanmean(table, axis=1, keepdims=True)
    if fits.is_flat(rows, np.nanmax(np.abs(table))):
        if not measured.depends[0]:
            missing = ("reconstruction_missing",)
            return [Part(entries, "none", "none", codes=missing, scale=0.0, residual=0.0)]
        why = "It does depend on the logits, but not where all entries are equal."
        return [*_categorical(measured), Part(entries).unknown(why)]
    enough = fits.enough(measured, table, measured.coarse[0])
    fit, left = fits.best_fit(RECONSTRUCTIONS, *GRID, table, enough)
    found = []
    if fit:
        found.append(_of_fit(measured, fit))
    elif scaled := _scaled_images(measured, enough):
        found.append(scaled)
    else:
        found += _weighted(measured, enough)
    # Where all entries are equal, a root of the mean squared error is the absolute error.
    found += _pooled(measured, enough)
    if not found:
        found = _mixed(measured, enough, left)
    return found or [Part(entries, codes=("unknown",), residual=left)]


def _with_laws(measured, part):
    """The part with how its weight grows, and with what is left of the table at each x."""
    narrow = part.domain is not None
    axes = ["batch", *(("pixels", i) for i in range(len(measured.setting.image_shape)))]
    growths = tuple((axis, measured.growth(axis, "pixels", narrow)) for axis in axes)
    low, high = part.domain or (-1, 1)
    columns = [i for i, logit in enumerate(LOGITS) if low < logit < high][:3]
    left = [
        np.mean([measured.pixels[row, i] - part.at(x, LOGITS[i]) for i in columns])
        for row, x in enumerate(X)
    ]
    return part.weighing(growths=growths, by_x=tuple(left))


def _of_fit(measured, fit):
    term = fit.term
    notes = [f"reconstruction: {term.cure}."] if term.cure else []
    if term.kind == "squared_error" and "raw" in term.text:
        notes.append(RAW_NOTE)
    if term.variant == "laplace":
        notes.append("The absolute error is a Laplace decoder's: summed, its scale is 1 / weight.")
    part = Part(
        measured.setting.pixels,
        term.kind,
        term.text,
        term,
        fit.scale,
        residual=fit.residual,
        domain=fit.domain,
        codes=term.mistakes,
        variants=(term.variant,) if term.variant else (),
        notes=tuple(notes),
    )
    return _with_laws(measured, part)


def _scaled_images(measured, enough) -> Part | None:
    """A known term of images that were rescaled to a x + b inside the loss, or None."""
    if not np.all(np.isfinite(measured.pixels)):
        return None
    forms = (
        ("bernoulli", "the Bernoulli cross-entropy", None),
        ("squared_error", "half the squared error of sigmoid(logits)", sigmoid),
        ("squared_error", "half the squared error of tanh(logits)", np.tanh),
        ("squared_error", "half the squared error of the decoder's raw output", lambda a: a),
    )
    tries = [(*form, *_fit_scaled(form[-1], measured.pixels)) for form in forms]
    kind, text, mean, (scale, slope, shift), left = min(tries, key=lambda found: found[-1])
    plausible = scale and 1e-3 < abs(slope / scale) < 1e5 and abs(shift / scale) < 1e5
    if left > enough or not plausible:
        return None
    a, b = slope / scale, shift / scale

    def function(x, logits):
        if mean is None:
            return cross_entropy(a * x + b, logits)
        return 0.5 * (a * x + b - mean(logits)) ** 2

    text = f"{text}, with the images taken as {_line(a, b)}"
    reachable = kind == "squared_error" and mean is not sigmoid and abs(a) > 0.02
    inside = min(b, a + b) >= -0.01 and max(b, a + b) <= 1.01
    codes = ("unknown" if inside and abs(a) > 0.02 else "image_range",)
    note = f"The images enter as {_line(a, b)}, not as x: {_range_story(a, b)}."
    if reachable:
        codes, note = (), f"{note} A Gaussian whose mean reaches there takes that."
    part = Part(
        measured.setting.pixels,
        kind,
        text,
        Term("scaled", kind, text, function),
        scale,
        residual=left,
        codes=codes,
        notes=(note,),
        image_slope=a,
        image_shift=b,
    )
    return _with_laws(measured, part)


def _fit_scaled(mean, table):
    """Scale, slope and shift of a term of slope * x + shift, and the share they leave.

    Opened up, the term is own(logits) - image * product(logits), up to a function of x.
    """
    x, logits = GRID
    own = 0.5 * mean(logits) ** 2 if mean else softplus(logits)
    product = mean(logits) if mean else logits
    columns = [own, -x * product, -product, table]
    *columns, target = [(c - c.mean(axis=1, keepdims=True)).ravel() for c in columns]
    matrix = np.stack(columns, axis=1)
    solution, *_ = np.linalg.lstsq(matrix, target, rcond=None)
    return solution, np.linalg.norm(matrix @ solution - target) / np.linalg.norm(target)


def _line(a, b):
    shift = round(b, 3)
    return f"{a:.3g} x" + (f" {'+' if shift > 0 else '-'} {abs(shift):.3g}" if shift else "")


def _range_story(a, b):
    for (slope, shift), story in {
        (255, 0): "they are put on 0-255",
        (2, -1): "they are put on [-1, 1]",
        (1 / 255, 0): "they are divided by 255 a second time",
        (-1, 1): "black and white are exchanged",
    }.items():
        if math.isclose(a, slope, rel_tol=SCALED_IMAGES) and abs(b - shift) < SCALED_IMAGES:
            return story
    if 0 < a < 1 and math.isclose(a + 2 * b, 1, abs_tol=0.01):
        return f"label smoothing of {1 - a:.3g}"
    return "the loss expects x itself, on [0, 1]"


def _fit_columns(columns, table):
    """Factors of columns that explain a table up to a constant for each row, and what is left."""
    if not np.all(np.isfinite(table)):
        return None, math.inf
    *columns, target = [(c - c.mean(axis=1, keepdims=True)).ravel() for c in (*columns, table)]
    matrix = np.stack(columns, axis=1)
    solution, *_ = np.linalg.lstsq(matrix, target, rcond=None)
    return solution, np.linalg.norm(matrix @ solution - target) / np.linalg.norm(target)


def _weighted(measured, enough) -> list[Part]:
    """A cross-entropy whose bright pixels weigh differently."""
    x, logits = GRID
    halves = x * softplus(-logits), (1 - x) * softplus(logits)
    factors, left = _fit_columns(halves, measured.pixels)
    if left > enough or not min(factors) > 0.01 * max(factors):
        return []
    bright, dark = factors
    ratio = bright / dark

    def function(x, logits):
        return ratio * x * softplus(-logits) + (1 - x) * softplus(logits)

    text = f"a cross-entropy with pos_weight {ratio:.4g}"
    note = f"x log p weighs {ratio:.4g} times what (1 - x) log(1 - p) does: no likelihood."
    part = Part(
        measured.setting.pixels,
        "weighted_bernoulli",
        text,
        Term("pos_weight", "weighted_bernoulli", text, function),
        dark,
        residual=left,
        variants=("pos_weight",),
        notes=(note,),
    )
    return [_with_laws(measured, part)]


def _mixed(measured, enough, nearest) -> list[Part]:
    """A cross-entropy and a squared error together: described, and unknown all the same."""
    x, logits = GRID
    squares = (x - sigmoid(logits)) ** 2
    factors, left = _fit_columns((cross_entropy(x, logits), squares), measured.pixels)
    if left > enough:
        return []
    entries = measured.setting.pixels
    note = (
        f"The reconstruction is {factors[0] / entries:.4g} times the cross-entropy plus "
        f"{factors[1] / entries:.4g} times the squared error, summed over pixels: the sum of two "
        "is the likelihood of neither."
    )
    return [Part(entries, codes=("unknown",), notes=(note,), residual=nearest)]


def _error(mean):
    return lambda x, logits: (x - mean(logits)) ** 2


def _log_error(error):
    with np.errstate(divide="ignore"):
        return 0.5 * np.log(error)


def _softly_floored(error):
    """The cost of a pixel whose sigma is the batch's own root mean square error, softly floored."""
    log_sigma = SOFT_FLOOR + softplus(_log_error(error) - SOFT_FLOOR)
    return 0.5 * error * np.exp(-2 * log_sigma) + log_sigma


POOLED = (  # outer function of the mean squared error, what it is, and its codes
    (np.sqrt, "root_squared_error", "the root of the mean squared error", ("root_of_squares",), ()),
    (_log_error, "optimal_sigma", "the log of the root mean square error", (), ("optimal_sigma",)),
    (
        _softly_floored,
        "optimal_sigma",
        "a Gaussian's log density with the root mean square error for sigma",
        (),
        ("optimal_sigma",),
    ),
)
OVER = {Level.BATCH: "the whole batch", Level.IMAGE: "each image", Level.ENTRY: "each pixel"}


def _pooled(measured, enough) -> list[Part]:
    """Functions of the mean squared error of an image or of the batch."""
    found = []
    for outer, kind, text, codes, variants in POOLED:
        for name, mean in (("sigmoid(logits)", sigmoid), ("the raw output", lambda a: a)):
            error = Term(kind, kind, text, _error(mean))
            whole = Term(kind, kind, text, lambda x, a, f=outer, e=error.function: f(e(x, a)))
            fit = fits.fit_term(whole, *GRID, measured.pixels)
            if not fit or fit.residual > enough:
                continue
            for level in (Level.BATCH, Level.IMAGE):
                part = Part(
                    measured.setting.pixels,
                    kind,
                    f"{text} of {name}, over {OVER[level]}",
                    error,
                    fit.scale,
                    outer,
                    level,
                    fit.residual,
                    codes=codes,
                    variants=variants,
                )
                found.append(_with_laws(measured, part))
    return found


def _log_softmax(logits):
    peak = logits.max(axis=-1, keepdims=True)
    return logits - peak - np.log(np.exp(logits - peak).sum(axis=-1, keepdims=True))


def _log_normalised(logits):
    p = sigmoid(logits)
    return np.log(p / p.sum(axis=-1, keepdims=True))


def _categorical(measured) -> list[Part]:
    """A softmax over the last axis: equal where all entries are."""
    classes = measured.setting.image_shape[-1]
    found = []
    for log_p in (_log_softmax, _log_normalised):
        samples = [s for s in measured.pixel_samples if s.domain == (-3.5, 3.5)]
        pairs = [(s.first.astype("float64"), s.second.astype("float64"), s.value) for s in samples]
        sums = np.array([-np.sum(x * log_p(a)) / len(x) for x, a, _ in pairs])
        values = np.array([value for *_, value in pairs])
        if classes < 2 or not np.all(np.isfinite(values)) or not np.std(sums) > 0:
            continue
        weight = np.cov(sums, values, bias=True)[0, 1] / np.var(sums)
        share, rounding = unexplained(values, weight * sums)
        if share < SAMPLES + rounding:
            text = f"the categorical cross-entropy over the {classes} entries of the last axis"
            entries = measured.setting.pixels
            part = Part(
                entries,
                "categorical",
                text,
                Term("categorical", "categorical", text, lambda x, a, f=log_p: -x * f(a)),
                weight * entries,
                residual=share,
                variants=("categorical",),
            )
            found.append(part)
    return found
