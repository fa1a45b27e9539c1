'''Questions that check an answer, and say which mistake it is.

A `Question` knows the right answer, some inputs to try an answer on, and the mistakes that people
make. It judges an answer by what it DOES on fresh random inputs, never by its text:

    gaussian_kl = Question(
        "gaussian_kl",
        "The KL of N(z_mean, exp(z_log_var)) from N(0, I), one number for each image.",
        variable="my_kl",                          # the name that the notebook's cell defines
        answer=lambda z_mean, z_log_var: np.sum(
            0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var), axis=1
        ),
        draw=codes,                                # rng -> the arguments, of changing shapes
        outcome="One number for each image, shape (batch,).",
        mistakes=[
            Mistake(
                "You averaged over the latent variables, where the KL adds them.",
                wrong=lambda m, v: np.mean(0.5 * (m**2 + np.exp(v) - 1 - v), axis=1),
            ),
            ...
        ],
        hint="Square, exp, minus 1, minus the log variance; then what makes one image?",
        solution="""
    def my_kl(z_mean, z_log_var):
        per_dimension = 0.5 * (tf.square(z_mean) + tf.exp(z_log_var) - 1.0 - z_log_var)
        return tf.reduce_sum(per_dimension, axis=1)
    """,
        remark="Said once the answer is right, and after the solution.",
    )

Three kinds of question:

- a FUNCTION, as above: `draw` is given. `answer` and each `wrong` take the drawn arguments. Float32
  arrays (and np.float32 scalars) are best, in shapes whose axes differ (see `codes`). An answer
  that does not take arrays is tried on tensors. It may return a number, an array, a tensor, or a
  tuple of them.
- a VALUE: no `draw`. `answer` and each `wrong` are a number, an array, a text, or a tuple or dict
  of them. Set `tolerance` to what a careful rounding loses.
- ANYTHING ELSE (a loss, a model, a class, a sampler): `examine` is given, a function of the
  learner's answer that returns None or "" when it is right, and otherwise a sentence. What it
  raises is said to the learner. `answer` may be left out: it is what the solution's code defines.

A `Mistake` is recognised by `when(answer)`, if given, and otherwise because the answer gives what
`wrong` gives. With both, `wrong` is an example, which the tests feed. A mistake whose message is
None is only an example, of what `examine` or the general diagnoses name by themselves.

What needs no `Mistake`: a wrong shape, None, NaN, a constant factor or the size of an axis, the
sign, a constant offset, a wrong number of parameters, anything raised, more than two seconds. Each
question needs three examples of wrong answers or more, all with different words.

A notebook asks like this, and the check prints "not attempted yet":

    q = nb02.gaussian_kl
    def my_kl(z_mean, z_log_var):
        return ____
    q.check(my_kl)

`name` is the name of the question in its module. The code of `solution` may use np, tf and keras,
imports what else it needs, and defines `variable`. A check has less than 2 s, the first TensorFlow
call of a session included: keep models in `examine` tiny (Keras layers yes, `fit` no).
'''

import ctypes
import inspect
import queue
import re
import textwrap
import threading
import time
import warnings
from contextvars import copy_context
from dataclasses import dataclass

import numpy as np

from vae_helpers.exercises import diagnose
from vae_helpers.exercises.blank import Blank, BlankLeft, ____, is_blank

LIMIT = 1.8  # seconds; what comes after them keeps a check below 2
TRIALS = 5
RIGHT, WRONG, NOT_ATTEMPTED = "right", "wrong", "not attempted"


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        status: "right", "wrong" or "not attempted".
        message: what was printed, without the question's name.
    """

    status: str
    message: str

    def __bool__(self):
        return self.status == RIGHT

    def _ipython_display_(self):
        """Nothing: `check` has printed it, and a cell may end with it."""


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer.

    Attributes:
        message: what to say to whoever made it; None where the general diagnosis says it.
        wrong: an answer with this mistake.
        when: function of the answer that is true when it has this mistake.
    """

    message: str | None
    wrong: object = None
    when: object = None


class Question:
    """One exercise: see the module's docstring for how to write one.

    Args:
        name: its name in the module that defines it.
        task: what is asked, in one sentence.
        variable: name of what the notebook's cell defines.
        answer: the course's own right answer; what the solution defines when None.
        draw: function of a NumPy Generator that returns a tuple of arguments.
        outcome: what a right answer returns, in a sentence with the shape and the unit.
        mistakes: known mistakes; the first that fits is named.
        hint: a nudge that does not give the answer away.
        solution: runnable code that defines `variable`.
        remark: one or two sentences for whoever has solved it.
        tolerance: largest relative error that counts as right.
        examine: function of the answer; returns None when it is right, else a sentence.
        reveal: whether a wrong result may be shown beside the right one. Values never are.
    """

    def __init__(
        self,
        name,
        task,
        *,
        variable,
        hint,
        solution,
        answer=None,
        draw=None,
        outcome="",
        mistakes=(),
        remark="",
        tolerance=1e-4,
        examine=None,
        reveal=True,
    ):
        if answer is None and examine is None:
            raise ValueError(f"{name} has no answer: give `answer`, or `examine`")
        self.name, self.task, self.variable = name, task, variable
        self.draw, self.outcome, self.examine = draw, outcome, examine
        self.mistakes = tuple(mistakes)
        self.solution_code = textwrap.dedent(solution).strip("\n")
        self.hint_text, self.remark = hint, remark
        self.tolerance, self.reveal = tolerance, reveal
        self.state, self.tries = NOT_ATTEMPTED, 0
        self._answer = answer

    def __repr__(self):
        return f"{self.name}: {self.task}"

    # --- what a learner calls ---------------------------------------------------------------

    def check(self, answer=____):
        """Judge an answer, print what was found and return it as a `Verdict`. It never raises."""
        verdict = self.judge(answer)
        if self.state != RIGHT:  # what was solved once stays solved
            self.state = verdict.status
        self.tries += verdict.status != NOT_ATTEMPTED
        _say(f"{self.name}: {verdict.message}")
        return verdict

    def hint(self):
        """Print a nudge."""
        _say(f"Hint for {self.name}: {self.hint_text}")

    def solution(self):
        """Print the course's own answer."""
        print(self.solution_code)
        if self.remark:
            print()
            _say(self.remark)

    @property
    def answer(self):
        """The course's own right answer, as an object."""
        if self._answer is None:
            self._answer = self.run_solution()
        return self._answer

    def use(self, attempt):
        """Return the attempt if it is right, and the course's own answer otherwise; says which.

        So a notebook can go on with something right, whether or not the exercise was solved.
        """
        right = self.judge(attempt).status == RIGHT
        whose = "your answer" if right else "the course's own answer"
        _say(f"{self.name}: going on with {whose}")
        return attempt if right else self.answer

    # --- how it is judged -------------------------------------------------------------------

    def judge(self, answer):
        """As `check`, but it prints nothing and remembers nothing."""
        if is_blank(answer):
            return Verdict(NOT_ATTEMPTED, "not attempted yet")
        uses = Blank.uses
        words = _in_time(lambda: self._fault(answer))
        if words == "":
            praise = f"right. {self.remark}" if self.remark else "right."
            return Verdict(RIGHT, praise)
        if words is None or Blank.uses > uses:
            return Verdict(NOT_ATTEMPTED, "not attempted yet")
        return Verdict(WRONG, f"not yet. {words}")

    def run_solution(self):
        """Run the solution's code; return what it defines."""
        import keras
        import tensorflow as tf

        names = {"np": np, "tf": tf, "keras": keras, "__name__": "solution"}
        exec(self.solution_code, names)
        return names[self.variable]

    def _fault(self, answer):
        """What is wrong with an answer, "" when nothing is, None when it was not attempted."""
        if self.examine is not None:
            return self._examined(answer)
        if self.draw is None:
            return self._fault_of_value(answer)
        return self._fault_of_function(answer)

    def _examined(self, answer):
        words = self.examine(answer)
        if isinstance(words, Verdict):
            words = "" if words else words.message
        if not words:
            return ""
        return self._known(answer, []) or words

    def _fault_of_value(self, answer):
        results = [(answer, self.answer, {})]
        words = diagnose.judge(results, self.tolerance, outcome=self.outcome, reveal=False)
        return words and (self._known(answer, results) or words)

    def _fault_of_function(self, answer):
        if not callable(answer):
            kind = type(answer).__name__
            return (
                f"Expected a function, got {kind}. Hand over the function itself, "
                f"check({self.variable}), and do not call it."
            )
        rng = np.random.default_rng()
        results = []
        for _ in range(TRIALS):
            drawn = tuple(self.draw(rng))
            arguments = dict(zip(self._parameters(len(drawn)), drawn, strict=True))
            words = _does_not_fit(answer, arguments)
            if words:
                return words
            expected = self.answer(*_copies(drawn))
            given, words = _tried(answer, drawn, arguments)
            if words or is_blank(given):
                return words or None
            results.append((given, expected, arguments))
        words = diagnose.judge(results, self.tolerance, outcome=self.outcome, reveal=self.reveal)
        return words and (self._known(answer, results) or words)

    def _parameters(self, count):
        """Names of the arguments, as the course's own answer calls them."""
        try:
            names = list(inspect.signature(self.answer).parameters)
        except (TypeError, ValueError):
            names = []
        return names if len(names) == count else [f"argument {n + 1}" for n in range(count)]

    def _known(self, answer, results):
        """The message of the first known mistake that fits, or ""."""
        for mistake in self.mistakes:
            try:
                if mistake.message and self._is(mistake, answer, results):
                    return mistake.message
            except BlankLeft:
                raise
            except Exception:  # a mistake that cannot be tried on this answer is not this one
                continue
        return ""

    def _is(self, mistake, answer, results):
        if mistake.when is not None:
            return bool(mistake.when(answer))
        if self.examine is not None or not results:
            return False
        for given, _, arguments in results:
            wrong = mistake.wrong
            if self.draw is not None:
                wrong = wrong(*_copies(arguments.values()))
            if not diagnose.same(given, wrong, self.tolerance):
                return False
        return True


def codes(rng):
    """Draw z_mean and z_log_var of some images, shape (batch, latent_dim), both sizes random.

    The batch is never as large as the latent space, so that axes mixed up show.
    """
    latent_dim = int(rng.integers(3, 6))  # not 2, where a lost half and a mean cancel
    batch = int(rng.integers(latent_dim + 1, 8))
    z_mean = rng.normal(size=(batch, latent_dim)) * 1.5
    z_log_var = rng.uniform(-3.0, 1.5, size=(batch, latent_dim))
    return z_mean.astype("float32"), z_log_var.astype("float32")


def questions(module):
    """The questions of a module, in their order."""
    return [value for value in vars(module).values() if isinstance(value, Question)]


def _say(text):
    print(textwrap.fill(text, width=100, break_long_words=False, break_on_hyphens=False))


def _copies(arguments):
    """The arguments again, so that nobody changes what others are given."""
    return [np.array(value) if isinstance(value, np.ndarray) else value for value in arguments]


def _does_not_fit(answer, arguments):
    try:
        inspect.signature(answer).bind(*arguments.values())
    except TypeError:
        signature = inspect.signature(answer)
        return (
            f"It is called with {len(arguments)} arguments, {', '.join(arguments)}; "
            f"yours takes {signature}."
        )
    except ValueError:  # a function written in C, which does not say what it takes
        pass
    return ""


def _tried(answer, drawn, arguments):
    """What an answer gives for NumPy arrays, or for tensors if it does not take arrays."""
    try:
        return answer(*_copies(drawn)), ""
    except BlankLeft:
        raise
    except Exception as error:
        import tensorflow as tf

        try:
            tensors = [tf.constant(x) if isinstance(x, np.ndarray) else x for x in drawn]
            return answer(*tensors), ""
        except BlankLeft:
            raise
        except Exception:
            words = f"{_raised(error)} It was called with {diagnose.shapes_of(arguments)}."
            if "converted to Python scalars" in str(error):
                words += " Functions of `math` take single numbers only: use np or tf."
            return None, words


def _raised(error):
    text = re.sub(
        r"\x1b\[[\d;]*m|\{\{[^}]*\}\}|\[Op:\w+\].*", "", str(error)
    )  # TensorFlow's own marks
    text = " ".join(text.split())
    if len(text) > 200:
        text = text[:197] + "..."
    return f"It raised {type(error).__name__}: {text}".rstrip(": ").rstrip(".") + "."


def _in_time(fault):
    """Run a check in a thread of its own, at most LIMIT seconds; errors become words."""
    found = queue.SimpleQueue()

    def run():
        try:
            with np.errstate(all="ignore"):
                found.put(fault())
        except BlankLeft:
            found.put(None)
        except BaseException as error:
            found.put(_raised(error))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # With the context, so that a notebook knows which cell a print in there belongs to.
        thread = threading.Thread(target=copy_context().run, args=(run,), daemon=True)
        thread.start()
        try:
            return found.get(timeout=LIMIT)
        except queue.Empty:
            _stop(thread)
            return "It took longer than 2 seconds. Is there a loop that does not end?"


def _stop(thread):
    """Ask a thread to end, so that an endless loop does not go on in the background."""
    end = time.monotonic() + 0.1
    while thread.is_alive() and time.monotonic() < end:
        ident = ctypes.c_ulong(thread.ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
        thread.join(0.02)
