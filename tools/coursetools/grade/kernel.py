"""What runs in the learner's kernel beside the learner's code: keep the answers, then judge them.

A function cannot leave the process that defined it, with all that it calls, so the judge goes to
the answers. What it does not take from the learner's notebook: the questions, and what they are
made of. Those are imported afresh from the course's files, so a `check` that was replaced, a
question that was changed or a variable named `nb05` change nothing. Other modules of the package
stay (an answer may inherit from a class in there); one in which something was replaced is named in
the result, and loaded again. Not protected: NumPy, TensorFlow, Keras and Python itself, which a
determined learner can change in the kernel, and the course's reference answers, which are in the
package. Whoever needs more than that needs an exam.
"""

import ast
import importlib
import inspect
import json
import sys
import types
from pathlib import Path

PACKAGE = "vae_helpers"
# Imported afresh before judging. The blank stays: the learner's own `____` has to be known as one.
FRESH = (f"{PACKAGE}.exercises", f"{PACKAGE}.known_mistakes")
STAYS = (f"{PACKAGE}.exercises", f"{PACKAGE}.exercises.blank")
SECONDS = 10.0  # for one check; twice as many run at a time as in a notebook, on a busier machine
RIGHT, WRONG, BLANK, MISSING = "right", "wrong", "not attempted", "missing"
BEST = [RIGHT, WRONG, BLANK]

_before = {}  # name -> value, before the cell that is running
_kept = {}  # question -> [(name of the variable, its value)]


def _names():
    from IPython import get_ipython

    return get_ipython().user_ns


def before(names: list[str]) -> None:
    """Note what some variables hold before a cell runs."""
    _before.clear()
    _before.update({name: _names()[name] for name in names if name in _names()})


def after(question: str, names: list[str], raised: bool) -> None:
    """Keep what a cell that asks a question has defined.

    Args:
        question: the question's name.
        names: what its `check` was given, as in the cell's text.
        raised: whether the cell raised; a variable that it left as it was is then another's answer.
    """
    for name in names:
        if name not in _names():
            continue
        value = _names()[name]
        if not (raised and name in _before and value is _before[name]):
            _kept.setdefault(question, []).append((name, value))


def judge(number: str, questions: list[str], path: str) -> None:
    """Judge the answers of a notebook, and write the verdicts as JSON.

    Args:
        number: of the notebook, such as "05".
        questions: names of its questions.
        path: file for {"answers": {question: {...}}, "altered": [...]}.
    """
    altered = replaced(restore=True)
    module = _fresh(number)
    variables = [getattr(module, name).variable for name in questions]
    answers = {}
    for name in questions:
        question = getattr(module, name)
        # A name that several questions share holds the last answer at the end.
        shared = variables.count(question.variable) > 1
        answers[name] = _judge(question, name, shared) | {"task": question.task}
    Path(path).write_text(json.dumps({"answers": answers, "altered": altered}), encoding="utf-8")


def _fresh(number):
    """Return the course's own module of questions, whatever the notebook made of the loaded one."""
    for name in list(sys.modules):
        if name.startswith(FRESH) and name not in STAYS:
            del sys.modules[name]
            parent, _, child = name.rpartition(".")
            # `from package import module` asks the package first, which still has the old one.
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(child, None)
    importlib.invalidate_caches()
    timing = importlib.import_module(f"{PACKAGE}.exercises.timing")
    timing.LIMIT = SECONDS
    return importlib.import_module(f"{PACKAGE}.exercises.nb{number}")


def _judge(question, name, shared):
    """Return the best verdict on what stands for an answer: what was solved once stays solved."""
    found = list(_kept.get(name, []))
    if not shared and question.variable in _names():
        found.append((question.variable, _names()[question.variable]))
    own = [pair for pair in found if pair[0] == question.variable]
    tried = []
    for variable, value in own or found:
        if not any(value is other for _, other, _ in tried):
            verdict = question.judge(value)
            tried.append((variable, value, verdict))
    if not tried:
        words = f"The notebook defines no {question.variable}."
        return {"state": MISSING, "variable": question.variable, "message": words, "notes": []}
    variable, value, verdict = min(tried, key=lambda one: BEST.index(one[2].status))
    notes = []
    if variable != question.variable:
        notes.append(f"renamed: {variable} instead of {question.variable}")
    if verdict.status == RIGHT and _is_reference(value, question.answer):
        notes.append(f"{variable} is the course's own answer")
    message = verdict.message
    return {"state": verdict.status, "variable": variable, "message": message, "notes": notes}


def _is_reference(value, answer):
    code = getattr(value, "__code__", None)
    return code is not None and code == getattr(answer, "__code__", None)


def replaced(restore: bool = False) -> list[str]:
    """Return the names in the course's loaded modules that are not what their files define.

    Args:
        restore: whether to load the modules in question again, since the questions' own answers
            call them too.
    """
    root = Path(sys.modules[PACKAGE].__file__).parent
    found = []
    for name, module in sorted(sys.modules.items()):
        if not name.startswith(f"{PACKAGE}.") or name.startswith(FRESH) and name not in STAYS:
            continue
        file = Path(getattr(module, "__file__", None) or "missing")
        if not file.is_relative_to(root):
            found.append(f"{name} (from {file})")
        elif parts := list(_replaced_in(module, file)):
            found += [f"{name}.{part}" for part in parts]
            if restore and name not in STAYS:
                importlib.reload(module)
    return found


def _replaced_in(module, file):
    text = file.read_text(encoding="utf-8")
    codes = set(_codes(compile(text, str(file), "exec", dont_inherit=True)))
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name != "__getattr__":
            value = vars(module).get(node.name)
            if isinstance(node, ast.ClassDef) and isinstance(value, type):
                defined = [one.name for one in node.body if isinstance(one, ast.FunctionDef)]
                for name in dict.fromkeys(defined):
                    functions = _functions(vars(value).get(name))
                    if functions and not any(one.__code__ in codes for one in functions):
                        yield f"{node.name}.{name}"
            elif not node.decorator_list and getattr(value, "__code__", None) not in codes:
                yield node.name


def _functions(member):
    """Return the functions below a method, a property, or what functools.wraps has wrapped."""
    if isinstance(member, property):  # a setter may stand beside an inherited getter
        found = [member.fget, member.fset, member.fdel]
    else:
        member = getattr(member, "__func__", member)
        found = [inspect.unwrap(member) if callable(member) else member]
    return [one for one in found if isinstance(one, types.FunctionType)]


def _codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)
