"""Change the source of a function systematically, one place at a time.

`mutants(function)` yields (what was changed, the changed function). The changes are those that
people make: a sum for a mean, another axis, a lost or flipped sign, a factor of 2, a dropped term,
exchanged arguments, a size typed as a number, an off-by-one, a stopped gradient, NumPy in a graph.
"""

import ast
import copy
import inspect
import textwrap

import numpy as np
import tensorflow as tf

# name of a function -> what people write in its place ("" is: only its argument)
INSTEAD = {
    "sum": ("mean", "max"),
    "mean": ("sum", "median"),
    "reduce_sum": ("reduce_mean", "reduce_max"),
    "reduce_mean": ("reduce_sum",),
    "exp": ("", "expm1"),
    "log": ("", "log2", "log1p", "log10"),
    "sqrt": ("", "square"),
    "square": ("", "sqrt", "abs"),
    "abs": ("",),
    "std": ("var",),
    "var": ("std",),
    "logaddexp": ("add",),
    "reduce_logsumexp": ("reduce_sum", "reduce_mean"),
    "max": ("min",),
    "min": ("max",),
    "argmax": ("argmin",),
    "argmin": ("argmax",),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "cos": ("sin",),
    "sin": ("cos",),
    "clip": ("",),
    "clip_by_value": ("",),
}
OPERATORS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.Gt: (ast.Lt,),
    ast.Lt: (ast.Gt,),
    ast.GtE: (ast.Lt,),
    ast.LtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,),
}


def mutants(function):
    """Yield (what was changed, changed function) for every change that compiles."""
    source = textwrap.dedent(inspect.getsource(function))
    tree = ast.parse(source).body[0]
    seen = {ast.dump(tree)}
    for index, node in enumerate(ast.walk(tree)):
        for what, change in _changes(node):
            changed = copy.deepcopy(tree)
            try:
                change(changed, index)
            except IndexError:
                continue
            ast.fix_missing_locations(changed)
            if ast.dump(changed) in seen:
                continue
            seen.add(ast.dump(changed))
            yield f"{what} in `{_line(source, node)}`", _compiled(changed, function)


def wrapped(function):
    """Yield (what was changed, changed function): a right answer that is spoiled at the end."""

    def after(change):
        return lambda *arguments: change(function(*arguments))

    def array(value):
        return np.asarray(value)

    yield "half precision", after(lambda value: array(value).astype(np.float16))
    yield "half", after(lambda value: value / 2)
    yield "twice", after(lambda value: 2 * value)
    yield "the wrong sign", after(lambda value: -value)
    yield "0.5% too large", after(lambda value: 1.005 * value)
    yield "rounded to a whole number", after(np.round)
    yield (
        "its largest values clipped",
        after(lambda v: np.minimum(v, np.max(v) - 0.3 * np.max(np.abs(v)))),
    )
    yield "an axis more", after(lambda value: array(value)[..., None])
    yield "one number in all", after(np.mean)
    yield "nothing returned", after(lambda value: None)
    yield "sorted", after(lambda value: np.sort(value, axis=-1))
    yield "the last one lost", after(lambda value: array(value)[:-1])


def dressed(function):
    """Yield (name, function): the same answer in another dress, which has to pass."""
    yield "as a tensor", lambda *arguments: tf.constant(np.asarray(function(*arguments)))
    yield "as a list", lambda *arguments: np.asarray(function(*arguments)).tolist()
    yield (
        "in double precision",
        lambda *arguments: np.float64(function(*(_double(argument) for argument in arguments))),
    )
    yield (
        "rounded to seven digits",
        lambda *arguments: np.float64([_round(v) for v in np.ravel(function(*arguments))]).reshape(
            np.shape(function(*arguments))
        ),
    )


def _double(argument):
    is_float = isinstance(argument, np.ndarray) and argument.dtype.kind == "f"
    return argument.astype(np.float64) if is_float else argument


def _round(value):
    return float(f"{float(value):.7g}")


def _changes(node):
    """Yield (what, function of a copied tree and the place of the node in its walk)."""

    def replace(make):
        def change(tree, index):
            target = list(ast.walk(tree))[index]
            _put(tree, target, make(target))

        return change

    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        for value in {2 * node.value, node.value / 2, -node.value, node.value + 1, 0}:
            if value != node.value and not (isinstance(node.value, int) and value != int(value)):
                new = type(node.value)(value)
                yield f"{node.value} became {new}", replace(lambda _, new=new: ast.Constant(new))
    if isinstance(node, ast.BinOp):
        for new in OPERATORS.get(type(node.op), ()):
            yield (
                f"{type(node.op).__name__} became {new.__name__}",
                replace(lambda old, new=new: ast.BinOp(old.left, new(), old.right)),
            )
        if isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow):
            yield "left alone", replace(lambda old: old.left)
        if isinstance(node.op, ast.Add | ast.Mult):
            yield "right alone", replace(lambda old: old.right)
        if isinstance(node.op, ast.Sub | ast.Div | ast.Pow):
            yield "exchanged", replace(lambda old: ast.BinOp(old.right, old.op, old.left))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "minus lost", replace(lambda old: old.operand)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        new = OPERATORS[type(node.ops[0])][0]
        yield (
            f"became {new.__name__}",
            replace(lambda old, new=new: ast.Compare(old.left, [new()], old.comparators)),
        )
    if isinstance(node, ast.Call):
        yield from _changes_of_call(node, replace)
    if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.ctx, ast.Load):
        yield "exchanged", replace(lambda old: ast.Tuple(old.elts[::-1], old.ctx))
    if isinstance(node, ast.arguments) and len(node.args) >= 2:
        for first in range(len(node.args) - 1):
            yield "arguments exchanged", replace(lambda old, i=first: _exchanged(old, i))
    if isinstance(node, ast.Return) and node.value is not None:
        for wrap in ("tf.stop_gradient", "np.asarray"):
            yield (
                f"returns {wrap}",
                replace(lambda old, wrap=wrap: ast.Return(_call(wrap, old.value))),
            )


def _changes_of_call(node, replace):
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    for new in INSTEAD.get(name, ()):
        if new and isinstance(node.func, ast.Attribute):
            yield f"{name} became {new}", replace(lambda old, new=new: _renamed(old, new))
        elif not new and node.args:
            yield f"{name} lost", replace(lambda old: old.args[0])
    for place, keyword in enumerate(node.keywords):
        if keyword.arg in ("axis", "axes", "keepdims"):
            yield f"{keyword.arg} lost", replace(lambda old, p=place: _without(old, p))
        if keyword.arg == "axis":
            for axis in (0, 1, -1, (0, 1)):
                yield (
                    f"axis became {axis}",
                    replace(lambda old, p=place, a=axis: _with_keyword(old, p, a)),
                )
    if len(node.args) >= 2:
        yield f"arguments of {name} exchanged", replace(lambda old: _swapped(old))
    if name == "len":
        yield "len became 4", replace(lambda _: ast.Constant(4))
    if name == "prod":
        yield "prod became 784", replace(lambda _: ast.Constant(784))


def _put(tree, target, new):
    """Put `new` where `target` stands."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, field, new)
                return
            if isinstance(value, list):
                for place, child in enumerate(value):
                    if child is target:
                        value[place] = new
                        return


def _exchanged(arguments, first):
    arguments.args[first], arguments.args[first + 1] = (
        arguments.args[first + 1],
        arguments.args[first],
    )
    return arguments


def _swapped(call):
    call.args[0], call.args[1] = call.args[1], call.args[0]
    return call


def _renamed(call, name):
    call.func.attr = name
    return call


def _without(call, place):
    del call.keywords[place]
    return call


def _with_keyword(call, place, value):
    call.keywords[place].value = ast.parse(repr(value), mode="eval").body
    return call


def _call(name, argument):
    return ast.Call(ast.parse(name, mode="eval").body, [argument], [])


def _line(source, node):
    line = getattr(node, "lineno", 1)
    return source.splitlines()[line - 1].strip()[:70]


def _compiled(tree, function):
    names = dict(inspect.unwrap(function).__globals__, np=np, tf=tf)
    code = compile(ast.Module([tree], []), f"mutant of {function.__name__}", "exec")
    exec(code, names)
    return names[function.__name__]
