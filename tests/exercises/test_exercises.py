"""Every question of every exercise module: right answers pass, each mistake is told by its name."""

import ast
import collections
import importlib
import inspect
import itertools
import re
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from coursetools import notebooks as course
from coursetools.render import kaggle
from nbformat.v4 import new_code_cell, new_notebook

from vae_helpers import exercises
from vae_helpers.exercises import ____, diagnose, timing
from vae_helpers.exercises.question import questions

FOLDER = course.ROOT / "vae_helpers" / "exercises"
MODULES = [
    importlib.import_module(f"vae_helpers.exercises.{path.stem}")
    for path in sorted(FOLDER.glob("nb[0-9][0-9]*.py"))
]


def name_of(module):
    return module.__name__.rpartition(".")[2]


ALL = [(name_of(module), q) for module in MODULES for q in questions(module)]


def each(asked):
    ids = [f"{number}.{question.name}" for number, question in asked]
    return pytest.mark.parametrize(("number", "question"), asked, ids=ids)


EACH = each(ALL)
EACH_TRIED_ON_INPUTS = each([(n, q) for n, q in ALL if q.inputs and not q.examine])


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    """No tries are left behind, inputs are the same in each run, and a busy machine has time."""
    draw, seeds = np.random.default_rng, itertools.count()
    monkeypatch.setattr(
        np.random, "default_rng", lambda seed=None: draw(next(seeds) if seed is None else seed)
    )
    monkeypatch.setattr(timing, "LIMIT", 10.0)
    yield
    for _, question in ALL:
        question.state, question.tries = "not attempted", 0


def solved(question):
    """What the printed solution defines, run as a notebook would run it."""
    names = {"np": np, "tf": tf, "keras": keras, "__name__": "notebook"}
    exec(question.solution_code, names)
    return names[question.variable]


def examples(question):
    return [mistake for mistake in question.mistakes if mistake.wrong is not None]


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_asks_at_least_four_questions_under_their_own_names(module):
    assert len(questions(module)) >= 4
    for question in questions(module):
        assert getattr(module, question.name) is question


@EACH
def test_the_course_own_answer_is_right(number, question, capsys):
    for _ in range(3):  # fresh inputs each time
        verdict = question.judge(question.answer)
        assert verdict.status == "right", verdict.message


@EACH
def test_the_printed_solution_runs_and_is_right(number, question):
    verdict = question.judge(solved(question))
    assert verdict.status == "right", verdict.message


@EACH
def test_the_solution_takes_plain_arrays_as_a_notebook_hands_them_over(number, question):
    if question.inputs is not None:
        inputs = question.inputs(np.random.default_rng(0))
        given, right = solved(question)(*inputs), question.answer(*inputs)
        assert diagnose.same(given, right, question.tolerance)


@EACH
def test_each_known_mistake_is_diagnosed_in_words_of_its_own(number, question):
    found = []
    for mistake in examples(question):
        verdict = question.judge(mistake.wrong)
        assert verdict.status == "wrong", (mistake.message, verdict)
        if mistake.message:
            assert verdict.message == f"not yet. {mistake.message}"
        found.append(re.sub(r"\b\d[\d.]*", "#", verdict.message))
    assert len(found) >= 3
    assert len(set(found)) == len(found), found


@EACH
def test_a_mistake_is_recognised_every_time(number, question):
    """The inputs are random: a diagnosis that holds for some of them only would change its mind."""
    for mistake in examples(question):
        if mistake.message:
            said = {question.judge(mistake.wrong).message for _ in range(6)}
            assert said == {f"not yet. {mistake.message}"}


@EACH_TRIED_ON_INPUTS
def test_inputs_tell_the_mistakes_apart(number, question):
    """A mean over 2 latents is half a sum: inputs on which two answers agree tell nothing."""
    told = [mistake for mistake in examples(question) if mistake.message and not mistake.when]
    rng, draws = np.random.default_rng(1), 60
    alike = collections.Counter()
    for _ in range(draws):
        inputs = question.inputs(rng)
        right = question.answer(*inputs)
        with np.errstate(all="ignore"):
            given = [mistake.wrong(*inputs) for mistake in told]
        named = [("right", right)]  # what a check would say before it comes to this mistake
        for mistake, answer in zip(told, given, strict=True):
            for words, other in named:
                alike[mistake.message, words] += diagnose.same(answer, other, question.tolerance)
            named.append((mistake.message, answer))
    assert not {pair: n for pair, n in alike.items() if n > 0.1 * draws}


def swallow(*arguments):
    return ____


@EACH
def test_a_blank_is_not_attempted_yet(number, question, capsys):
    for blank in (____, ..., ____ + 1, [____, 2.0], np.exp(____)):
        assert question.check(blank).status == "not attempted"
    if question.inputs is not None:
        assert question.check(swallow).status == "not attempted"
    assert question.state == "not attempted"
    assert set(capsys.readouterr().out.splitlines()) == {f"{question.name}: not attempted yet"}


def raising(*arguments):
    raise KeyError("no")


def wrong_shapes(*arguments):
    return np.zeros((7, 1, 3))


class Spiteful:
    def __getattr__(self, name):
        raise RuntimeError("no")

    def __len__(self):
        raise OSError("no")


def leaving(*arguments):
    raise SystemExit


JUNK = [None, "text", b"bytes", 1j, object, object(), {}, [], {"a": 1}, [[1, 2], [3]], True]
JUNK += [float("nan"), np.zeros((0, 3)), np.array("x"), raising, wrong_shapes, Spiteful()]
JUNK += [int, np.exp, lambda: None, lambda *arguments: "text", lambda *arguments: None, leaving]


@EACH
def test_junk_is_wrong_in_a_sentence_and_raises_nothing(number, question, capsys):
    start = time.monotonic()
    for junk in JUNK:
        verdict = question.check(junk)
        assert verdict.status == "wrong" and len(verdict.message) > len("not yet. ")
        assert not bool(verdict)
    assert time.monotonic() - start < 2.5 * len(JUNK)


@EACH
def test_a_hint_does_not_give_the_solution_away(number, question):
    squeezed = re.sub(r"\s", "", question.hint_text)
    for line in question.solution_code.splitlines():
        line = re.sub(r"\s", "", line.split("#")[0]).removeprefix("return")
        assert len(line) < 12 or line not in squeezed


@EACH
def test_the_notebook_asks_it_with_a_hint_and_without_the_answer(number, question):
    pages = course.find_notebooks(only=[number[2:4]])  # a deeper page may ask it
    cells = [cell for page in pages for cell in course.read(page).cells if cell.cell_type == "code"]
    asked = [cell.source for cell in cells if f"{number}.{question.name}" in cell.source]
    assert asked, f"{pages[0].name} and its deeper pages do not use {number}.{question.name}"
    assert any(
        ".check(" in cell and "# " in cell and ".hint()" in cell and question.variable in cell
        for cell in asked
    )


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_the_solutions_are_those_of_the_questions_and_have_no_docstring(module):
    solutions = module.solutions()
    own = {
        name
        for name, value in vars(solutions).items()
        if getattr(value, "__module__", None) == solutions.__name__
    }
    named = {question.name for question in questions(module)}
    assert named <= own <= named | {question.variable for question in questions(module)}
    assert not any(
        ast.get_docstring(node)
        for node in ast.walk(ast.parse(inspect.getsource(solutions)))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    )


WITHOUT_SOLUTIONS = """
import sys

sys.modules["vae_helpers.exercises.solutions"] = None  # an import of it fails
from vae_helpers import exercises
from vae_helpers.exercises.question import questions

for name in sys.argv[1:]:
    module = getattr(exercises, name)
    for question in questions(module):
        right = question.judge(question.answer)
        assert right.status == "right", (question, right)
        for mistake in question.mistakes:
            if mistake.wrong is not None:
                assert question.judge(mistake.wrong).status == "wrong", (question, mistake)
        assert question.use(None) is question.answer
        question.solution()
"""


def test_every_question_judges_in_an_edition_without_solutions():
    names = [name_of(module) for module in MODULES]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOLUTIONS, *names], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if "comes without solutions" in line]
    assert len(said) == len(ALL)


def test_every_module_can_be_had_from_the_package_and_nothing_else():
    for module in MODULES:
        assert getattr(exercises, name_of(module)) is module
    with pytest.raises(AttributeError, match="nb99"):
        _ = exercises.nb99
    with pytest.raises(AttributeError, match="nonsense"):
        _ = exercises.nonsense


def test_progress_counts_tries_and_keeps_what_was_solved(capsys):
    nb02 = exercises.nb02
    assert re.search(r"nb02  gaussian_kl +not attempted\n", str(exercises.progress()) + "\n")
    nb02.gaussian_kl.check(____)
    nb02.gaussian_kl.check(lambda z_mean, z_log_var: z_mean)
    assert re.search(r"nb02  gaussian_kl +wrong \(1 try\)", str(exercises.progress()))
    nb02.gaussian_kl.check(nb02.gaussian_kl.answer)
    nb02.gaussian_kl.check(None)
    text = str(exercises.progress())
    assert re.search(r"nb02  gaussian_kl +right \(3 tries\)", text)
    assert text.endswith(f"1 of {len(ALL)} right")


def test_a_kaggle_rendering_holds_the_exercises_of_its_own_notebook_only():
    cell = new_code_cell("from vae_helpers.exercises import ____, nb02")
    files = kaggle.needed_files(new_notebook(cells=[cell]), course.ROOT / "vae_helpers")
    names = [path.stem for path in files if path.parent.name == "exercises"]
    assert sorted(names) == sorted(
        [
            "__init__",
            "blank",
            "bounds",
            "diagnose",
            "listing",
            "losses",
            "nb02",
            "question",
            "timing",
        ]
    )
    solutions = [path.stem for path in files if path.parent.name == "solutions"]
    assert solutions == ["__init__", "nb02"]


def cells_that_ask():
    """The exercise cells of the notebooks, as they stand there, with their blanks.

    Those of 06 go on from the patients above them: there `nbval` alone sees to it.
    """
    for path in course.find_notebooks():
        for cell in course.read(path).cells:
            asks = re.search(r"^q = (nb0[1-57-9])\.(\w+)$", cell.source, re.MULTILINE)
            if cell.cell_type == "code" and asks:
                yield pytest.param(asks[1], asks[2], cell.source, id=f"{asks[1]}.{asks[2]}")


@pytest.mark.parametrize(("number", "name", "source"), list(cells_that_ask()))
def test_the_cell_of_a_notebook_is_not_attempted_yet(number, name, source, capsys):
    from vae_helpers import elbo, parts

    names = {"np": np, "tf": tf, "keras": keras, "parts": parts, "____": ____}
    names |= vars(elbo) | {name_of(module): module for module in MODULES}
    exec(source, names)
    assert capsys.readouterr().out == f"{name}: not attempted yet\n"
    assert getattr(names[number], name).state == "not attempted"
