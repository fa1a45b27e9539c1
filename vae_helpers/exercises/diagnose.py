"""What is wrong with some numbers, said in words: shape, sign, factor, offset, NaN.

Pure functions. The numbers may be an array, a tensor, a single number, a piece of text, or a tuple
of several of these; `difference` compares what an answer gave with what it should have given.
"""

import math

import numpy as np

# Factors that have a story of their own.
STORIES = {
    math.log(2): "the factor is ln 2, as between nats and bits",
    1 / math.log(2): "the factor is 1 / ln 2, as between bits and nats",
    255.0: "the factor is 255, as between bytes and floats in [0, 1]",
    784.0: "784 is the number of pixels of an image",
    28.0: "28 is the number of rows of an image",
}
WHOLE = (2, 3, 4, 5, 8, 10, 28, 100, 255, 256, 784, 1000)
# Constants that a formula may have lost or gained.
CONSTANTS = {f"log {n}": math.log(n) for n in (2, 3, 5, 10, 100, 255, 256, 784, 1000)}
CONSTANTS |= {f"log(2 pi){' / 2' * (n > 1)}": math.log(2 * math.pi) / n for n in (1, 2)}


def numbers(value) -> np.ndarray:
    """Return `value` as a float array.

    Raises:
        ValueError: in words for the learner, if it is not made of numbers.
    """
    if value is None:
        raise ValueError("It is None. Is a `return` missing?")
    if callable(value) and not hasattr(value, "__array__"):
        raise ValueError("It is a function, expected numbers: call it.")
    try:
        array = np.asarray(value)
        if array.dtype == object or array.dtype.kind in "USO":
            raise TypeError
        if array.dtype.kind == "c":
            raise ValueError("It is complex, expected real numbers.")
        return array.astype(np.float64)
    except ValueError as error:
        if "complex" in str(error):
            raise
        raise ValueError(f"It is {_kind(value)}, which is not a table of numbers.") from None
    except Exception:
        raise ValueError(f"It is {_kind(value)}, expected numbers.") from None


def same(given, expected, tolerance: float) -> bool:
    """Return True when `given` has the shape and the values of `expected`; never raises."""
    try:
        if isinstance(expected, str):
            return isinstance(given, str) and _plain(given) == _plain(expected)
        if isinstance(expected, dict):
            return set(given) == set(expected) and all(
                same(given[key], expected[key], tolerance) for key in expected
            )
        if isinstance(expected, list | tuple):
            parts = list(given)
            return len(parts) == len(expected) and all(
                same(one, other, tolerance) for one, other in zip(parts, expected, strict=True)
            )
        given, expected = numbers(given), numbers(expected)
        return given.shape == expected.shape and close(given, expected, tolerance)
    except Exception:
        return False


def close(given: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    """Return True when two float arrays of one shape agree; equal infinities and NaNs do."""
    finite = np.abs(expected[np.isfinite(expected)])
    scale = finite.max() if finite.size else 0.0
    floor = tolerance * (0.01 * scale + 1e-3)
    return bool(np.allclose(given, expected, rtol=tolerance, atol=floor, equal_nan=True))


def difference(
    results: list[tuple],
    tolerance: float,
    of: str = "Your answer",
    outcome: str = "",
    reveal: bool = True,
) -> str:
    """Say what distinguishes what was given from what was expected.

    Args:
        results: list of (given, expected, arguments), one for each trial; `arguments` is a dict
            from name to array, {} where there are none.
        tolerance: largest relative error that counts as right.
        of: what the sentence speaks about.
        outcome: words for what is expected, such as "one number for each image, shape (batch,)".
        reveal: whether the last resort may show the expected values.

    Returns:
        A sentence or two, or "" when everything agrees.
    """
    expected = results[0][1]
    if isinstance(expected, dict):
        return _difference_of_parts(results, tolerance, outcome, sorted(expected), reveal)
    if isinstance(expected, list | tuple):
        return _difference_of_parts(results, tolerance, outcome, range(len(expected)), reveal)
    if isinstance(expected, str):
        given = results[0][0]
        if not isinstance(given, str):
            return f"{of} is {_kind(given)}, expected a text."
        return "" if same(given, expected, tolerance) else f"{of} {given!r} is not the right one."
    trials = []
    for given, right, arguments in results:
        try:
            trials.append((numbers(given), numbers(right), arguments))
        except ValueError as error:
            return f"{of} is not a number yet. {error}"
    if trials[0][1].shape == () and not trials[0][2]:  # a plain number; [3.0] will do
        trials = [(g.reshape(()) if g.size == 1 else g, r, a) for g, r, a in trials]
    return (
        _shapes(trials, of, outcome)
        or _not_finite(trials, of)
        or _values(trials, tolerance, of, reveal)
    )


def shapes_of(arguments: dict) -> str:
    """Return 'z_mean of shape (3, 2), z_log_var of shape (3, 2)' for a dict of arguments."""
    words = []
    for name, value in arguments.items():
        shape = np.shape(value)
        words.append(f"{name} of shape {shape}" if shape else f"{name} = {value}")
    return ", ".join(words)


def _difference_of_parts(results, tolerance, outcome, keys, reveal):
    for given, _, _ in results:
        try:
            found = len(given)
        except TypeError:
            found = "one thing"
        if found != len(keys):
            return f"Expected {len(keys)} things, got {found}. {outcome}".strip()
        if isinstance(given, dict | set) and isinstance(keys, range):
            return f"Expected {len(keys)} things in order, got {_kind(given)}. {outcome}".strip()
        if isinstance(given, dict) and sorted(given) != list(keys):
            return f"Expected the keys {list(keys)}, got {sorted(given, key=str)}."
    for key in keys:
        name = key if isinstance(key, str) else f"part {key + 1} of {len(keys)}"
        part = [(given[key], right[key], arguments) for given, right, arguments in results]
        words = difference(part, tolerance, of=f"Your {name}", reveal=reveal)
        if words:
            return words
    return ""


def _shapes(trials, of, outcome):
    for given, right, arguments in trials:
        if given.shape == right.shape:
            continue
        words = f"{of} has shape {given.shape}, expected {right.shape}"
        words += f" (for {shapes_of(arguments)})." if arguments else "."
        return " ".join(filter(None, [words, outcome, _why_shape(given, right, arguments)]))
    return ""


def _why_shape(given, right, arguments):
    first = next(iter(arguments.values()), None)
    shape = np.shape(first)
    if given.ndim == 0 and right.ndim:
        if len(shape) < 2:  # nothing here is an image with axes of its own
            return "One number was asked for each entry, and yours is one number in all."
        return (
            "You reduced over the images as well: an axis is missing, such as axis=1 for what one "
            "image is made of."
        )
    if given.size == right.size:
        return "The values are as many as expected, in another form: an axis too many, or too few."
    if arguments and given.ndim > right.ndim:
        if right.ndim and len(shape) > 1:
            return "Something that one image is made of was not added up yet, or averaged."
        return "An axis is left." if right.ndim else "One number was asked for, yours are several."
    if len(shape) > 1 and given.shape == shape[1:]:
        return "You reduced over axis 0, which counts the images, and kept what they are made of."
    return ""


def _not_finite(trials, of):
    for given, right, arguments in trials:
        bad = ~np.isfinite(given) & np.isfinite(right)
        if bad.any():
            what = "NaN" if np.isnan(given[bad]).any() else "infinite"
            where = f" for {shapes_of(arguments)}" if arguments else ""
            return f"{of} is {what} in {bad.sum()} of {bad.size} places{where}, expected a number."
    return ""


def _values(trials, tolerance, of, reveal):
    right_ones = [close(given, right, tolerance) for given, right, _ in trials]
    if all(right_ones):
        return ""
    return (
        _factor(trials, tolerance, of)
        or _offset(trials, tolerance, of)
        or _some(trials, right_ones, of)
        or _nearly(trials, tolerance, of)
        or _show(trials, of, reveal)
    )


def _factor(trials, tolerance, of):
    ratios = [_ratio(given, right, tolerance) for given, right, _ in trials]
    if any(ratio is None for ratio in ratios):
        return ""
    ratio, several = ratios[0], sum(given.size for given, _, _ in trials) > 1
    loose = max(tolerance, 1e-6)
    if np.allclose(ratios, ratio, rtol=4 * loose):
        if abs(ratio + 1) < 4 * loose:
            return f"{of} has the wrong sign, and is right otherwise."
        if abs(ratio - 1) < 4 * loose:
            return ""  # no factor: something is nearly right
        words = _factor_words(abs(ratio), loose)
        if words or several:
            words = words or _times(abs(ratio), f"{max(abs(ratio), 1 / abs(ratio)):.4g}")
            sign = ", and the sign is wrong" if ratio < 0 else ""
            return f"{of} is {words}{sign}."
        return ""
    return _size_of_an_axis(trials, np.array(ratios), loose, of)


def _ratio(given, right, tolerance):
    """The one factor between two arrays, or None."""
    zero = np.abs(right) <= tolerance * (0.01 * np.abs(right).max(initial=0) + 1e-3)
    if zero.all() or not np.isfinite(given).all() or not np.isfinite(right).all():
        return None
    ratio = float(np.median(given[~zero] / right[~zero]))
    if ratio == 0 or not close(given, ratio * right, 2 * tolerance):
        return None
    return ratio


def _factor_words(ratio, tolerance):
    tolerance = min(tolerance, 2.5e-3)  # "exactly" is exact, even where the question is lenient
    for factor in WHOLE:
        for value, small in ((factor, False), (1 / factor, True)):
            if abs(ratio / value - 1) < 4 * tolerance:
                story = f" ({STORIES[factor]})" if factor in STORIES else ""
                if factor == 2:
                    return (
                        "exactly half of what it should be" if small else "exactly twice too large"
                    )
                return f"exactly {factor} times too {'small' if small else 'large'}{story}"
    for factor, story in STORIES.items():
        if abs(ratio / factor - 1) < 4 * tolerance:
            return f"{_times(ratio, f'{max(ratio, 1 / ratio):.4g}')} ({story})"
    return ""


def _times(ratio, number):
    return f"{number} times too {'large' if ratio > 1 else 'small'}"


def _size_of_an_axis(trials, ratios, tolerance, of):
    """Where the factor changes with the shapes: is it the size of an axis?"""
    names = trials[0][2]
    for name in names:
        shapes = [np.shape(arguments[name]) for _, _, arguments in trials]
        if len({len(shape) for shape in shapes}) != 1:
            continue
        axes = len(shapes[0])
        groups = [(axis,) for axis in range(axes)] + [tuple(range(1, axes)), tuple(range(axes))]
        for group in groups:
            sizes = np.array([np.prod([shape[axis] for axis in group]) for shape in shapes])
            if np.allclose(np.abs(ratios) * sizes, 1, rtol=4 * tolerance):
                done = "averaged where they are to be added"
            elif np.allclose(np.abs(ratios), sizes, rtol=4 * tolerance):
                done = "counted too often"
            else:
                continue
            axis = f"axis {group[0]}" if len(group) == 1 else f"axes {', '.join(map(str, group))}"
            sign = " The sign is wrong as well." if (ratios < 0).all() else ""
            return f"{of} is off by the size of {axis} of {name}: its values are {done}.{sign}"
    return ""


def _offset(trials, tolerance, of):
    if sum(given.size for given, _, _ in trials) < 2:
        return ""
    gaps = np.concatenate([(given - right).ravel() for given, right, _ in trials])
    if not np.isfinite(gaps).all():
        return ""
    offset = float(np.median(gaps))
    if not all(close(given, right + offset, tolerance) for given, right, _ in trials):
        return ""
    names = [name for name, c in CONSTANTS.items() if abs(abs(offset) / c - 1) < 1e-4]
    is_what = f", which is {'-' if offset < 0 else ''}{names[0]}" if names else ""
    return f"{of} is off by the same constant everywhere: {offset:+.4g}{is_what}."


def _some(trials, right_ones, of):
    if not any(right_ones):
        return ""
    given, right, arguments = trials[right_ones.index(False)]
    example = f" First wrong for {shapes_of(arguments)}: {_few(given)}, expected {_few(right)}."
    return f"{of} is right on {sum(right_ones)} of {len(right_ones)} fresh inputs.{example}"


def _nearly(trials, tolerance, of):
    scales = [np.abs(right).max(initial=0) for _, right, _ in trials]
    gaps = [np.abs(given - right).max(initial=0) for given, right, _ in trials]
    if not np.isfinite(gaps).all() or not all(scales):
        return ""
    worst = np.max(np.divide(gaps, scales))
    if worst >= max(0.02, 4 * tolerance):
        return ""
    if not trials[0][2]:
        return (
            f"{of} is close, but off by {worst:.1g} of its size, where {tolerance:.0g} is allowed. "
            "Compute constants instead of typing them: np.log(2), not 0.69."
        )
    return (
        f"{of} is close, but off by up to {worst:.1g} of the largest value, where rounding loses "
        f"{tolerance:.0g} at most. Compute constants instead of typing them (np.log(2), not 0.69); "
        "if you sampled, the error of sampling counts; else compare term by term."
    )


def _show(trials, of, reveal):
    given, right, arguments = trials[0]
    if not reveal:
        return f"{of}, {_few(given)}, is not it."
    where = f" for {shapes_of(arguments)}" if arguments else ""
    return f"{of} gives {_few(given)}{where}, expected {_few(right)}."


def _few(array):
    flat = np.ravel(array)
    words = ", ".join(f"{value:.4g}" for value in flat[:4])
    if array.ndim == 0:
        return words
    return f"[{words}{', ...' if flat.size > 4 else ''}]"


def _plain(text):
    return " ".join(text.lower().split())


def _kind(value):
    if isinstance(value, str):
        return "a text"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    article = "an" if type(value).__name__[:1].lower() in "aeiou" else "a"
    return f"{article} {type(value).__name__}"
