"""Keras symbols that a loss reads from outside: found, and filled with numbers for a while.

A closure such as `vae_loss(x, x_decoded)` that reads the symbol z_mean worked in older Keras.
"""

import contextlib
import types

import keras


def symbols_of(function) -> list[tuple]:
    """Return what a function reads from outside that is a Keras symbol.

    Returns:
        Triples of the dict or closure cell that holds it, its name, and the symbol.
    """
    found, seen, waiting = {}, set(), [function]
    while waiting:
        function = waiting.pop()
        function = getattr(function, "python_function", function)
        function = getattr(function, "__func__", function)
        if not isinstance(function, types.FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        outside = [(cell, name, cell.cell_contents) for name, cell in cells if not _is_empty(cell)]
        space = function.__globals__
        outside += [(space, name, space[name]) for name in _names_in(function) if name in space]
        for holder, name, value in outside:
            if isinstance(value, keras.KerasTensor):
                found[id(holder), name] = (holder, name, value)
            elif isinstance(value, types.FunctionType) or hasattr(value, "python_function"):
                waiting.append(value)
    return list(found.values())


@contextlib.contextmanager
def filled(symbols, values):
    """Put numbers in place of symbols for the time of a block."""
    try:
        for (holder, name, _), value in zip(symbols, values, strict=True):
            _fill(holder, name, value)
        yield
    finally:
        for holder, name, symbol in symbols:
            _fill(holder, name, symbol)


def _fill(holder, name, value):
    if isinstance(holder, dict):
        holder[name] = value
    else:
        holder.cell_contents = value


def _is_empty(cell):
    try:
        return cell.cell_contents is None
    except ValueError:  # a variable that is assigned later
        return True


def _names_in(function):
    """Names that a function, or a lambda inside it, looks up."""
    codes, names = [function.__code__], []
    while codes:
        code = codes.pop()
        names += code.co_names
        codes += [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return names
