"""Questions that check an answer, and say which mistake it is.

A `Question` knows the right answer, some inputs to try an answer on, and the mistakes that people
make. It judges an answer by what it DOES on fresh random inputs, never by its text:

    gaussian_kl = Question(
        "gaussian_kl",                             # its name in the module
        "The KL of N(z_mean, exp(z_log_var)) from N(0, I), one number for each image.",
        variable="my_kl",                          # the name that the notebook's cell defines
        answer=lambda z_mean, z_log_var: np.sum(
            0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var), axis=1
        ),
        inputs=codes,                              # rng -> the arguments, of changing shapes
        outcome="One number for each image, shape (batch,).",
        mistakes=[
            Mistake(
                "You averaged over the latent variables, where the KL adds them.",
                wrong=lambda m, v: np.mean(0.5 * (m**2 + np.exp(v) - 1 - v), axis=1),
            ),
        ],
        hint="Square, exp, minus 1, minus the log variance; then what makes one image?",
        solutions=solutions,                       # -> exercises.solutions.nb02
        remark="Said after a right answer, and after the solution.",
    )

Three kinds of question:

- a FUNCTION, as above: `inputs` is given. `answer` and each `wrong` take these arguments. Float32
  arrays (and np.float32 scalars) are best, in shapes whose axes differ (see `losses.codes`). An
  answer that does not take arrays is tried on tensors. It may return a number, an array, a tensor,
  or a tuple of them.
- a VALUE: no `inputs`. `answer` and each `wrong` are a number, an array, a text, or a tuple or dict
  of them. Set `tolerance` to what a careful rounding loses.
- ANYTHING ELSE (a loss, a model, a class, a sampler): `examine` is given, a function of the answer
  that returns None or "" when it is right, and otherwise a sentence. What it raises is said to the
  learner. Keep models in it tiny (Keras layers yes, `fit` no): a check has less than 2 s.

A `Mistake` is recognised by `when(answer)`, if given, and otherwise because the answer gives what
`wrong` gives. With both, `wrong` is an example, which the tests feed. A mistake whose message is
None is only an example, of what `examine` or the general diagnoses name by themselves. Wrong KLs,
losses and samplers stand in `known_mistakes`: `losses` and `examiners` make answers of them.

What needs no `Mistake`: a wrong shape, None, NaN, a constant factor or offset, the size of an axis,
the sign, a wrong number of parameters, anything raised, too much time. Each question needs three
examples of wrong answers or more, all with different words.

What `solution()` prints is a function in `exercises/solutions/nbNN.py` (see there). No check reads
it: `answer` is the reference, and what `use` goes on with. So an edition for a class may leave that
folder out, and `solution()` says so. (The reference answers stay: they are no secret, only no text
to copy.) Each module has a function for its questions, which imports the folder when it is asked
for, and lets the Kaggle renderer find it:

    def solutions():
        from vae_helpers.exercises.solutions import nb02
        return nb02

A notebook asks like this, and the check prints "not attempted yet":

    q = nb02.gaussian_kl
    def my_kl(z_mean, z_log_var):
        return ____
    q.check(my_kl)
"""

import inspect
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from vae_helpers.exercises import diagnose
from vae_helpers.exercises.blank import Blank, BlankLeft, ____, is_blank
from vae_helpers.exercises.listing import listing
from vae_helpers.exercises.timing import describe, in_time

SOLUTIONS = "vae_helpers.exercises.solutions"
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
        answer: the course's own right answer.
        inputs: function of a NumPy Generator that returns a tuple of arguments.
        outcome: what a right answer returns, in a sentence with the shape and the unit.
        mistakes: known mistakes; the first that fits is named.
        hint: a nudge that does not give the answer away.
        solutions: function without arguments that returns the module with the solutions.
        remark: one or two sentences for whoever has solved it.
        tolerance: largest relative error that counts as right.
        examine: function of the answer; returns None when it is right, else a sentence.
        reveal: whether a wrong result may be shown beside the right one. Values never are.
        seconds: how long a check may take, where 2 are few because it calls an answer often.
    """

    def __init__(
        self,
        name: str,
        task: str,
        *,
        variable: str,
        hint: str,
        answer: object,
        solutions: Callable | None = None,
        inputs: Callable | None = None,
        outcome: str = "",
        mistakes: Iterable[Mistake] = (),
        remark: str = "",
        tolerance: float = 1e-4,
        examine: Callable | None = None,
        reveal: bool = True,
        seconds: float = 0.0,
    ):
        if answer is None:
            raise ValueError(f"{name} has no answer: give `answer`, which is what `use` returns")
        self.name, self.task, self.variable = name, task, variable
        self.inputs, self.outcome, self.examine = inputs, outcome, examine
        self.mistakes = tuple(mistakes)
        self.hint_text, self.remark = hint, remark
        self.tolerance, self.reveal, self.seconds = tolerance, reveal, seconds
        self.state, self.tries = NOT_ATTEMPTED, 0
        self.answer, self._solutions = answer, solutions

    def __repr__(self):
        return f"{self.name}: {self.task}"

    def check(self, answer=____) -> Verdict:
        """Judge an answer, print what was found and return it as a `Verdict`. It never raises."""
        verdict = self.judge(answer)
        if self.state != RIGHT:  # what was solved once stays solved
            self.state = verdict.status
        self.tries += verdict.status != NOT_ATTEMPTED
        _say(f"{self.name}: {verdict.message}")
        return verdict

    def hint(self) -> None:
        """Print a nudge."""
        _say(f"Hint for {self.name}: {self.hint_text}")

    def solution(self) -> None:
        """Print the course's own answer, or that this edition comes without."""
        code = self.solution_code
        if not code:
            _say(f"{self.name}: this edition of the course comes without solutions.")
            return
        print(code)
        if self.remark:
            print()
            _say(self.remark)

    @property
    def solution_code(self) -> str:
        """Runnable code that defines `variable`; "" in an edition without solutions."""
        try:
            solution = getattr(self._solutions(), self.name, None) if self._solutions else None
        except ImportError as error:
            if not (error.name or "").startswith(SOLUTIONS):
                raise
            solution = None
        is_value = self.inputs is None and self.examine is None
        return listing(solution, self.variable, is_value) if solution else ""

    def use(self, attempt):
        """Return the attempt if it is right, and the course's own answer otherwise; says which.

        So a notebook can go on with something right, whether or not the exercise was solved.
        """
        whose = "your" if self.judge(attempt) else "the course's own"
        _say(f"{self.name}: going on with {whose} answer")
        return attempt if whose == "your" else self.answer

    def judge(self, answer) -> Verdict:
        """Judge an answer as `check` does, but print nothing and remember nothing."""
        if is_blank(answer):
            return Verdict(NOT_ATTEMPTED, "not attempted yet")
        uses = Blank.uses
        words = in_time(lambda: self._fault(answer), self.seconds)
        if words == "":
            praise = f"right. {self.remark}" if self.remark else "right."
            return Verdict(RIGHT, praise)
        if words is None or Blank.uses > uses:
            return Verdict(NOT_ATTEMPTED, "not attempted yet")
        return Verdict(WRONG, f"not yet. {words}")

    def _fault(self, answer):
        """What is wrong with an answer, "" when nothing is, None when it was not attempted."""
        if self.examine is not None:
            return self._examined(answer)
        if self.inputs is None:
            return self._fault_of_value(answer)
        return self._fault_of_function(answer)

    def _examined(self, answer):
        words = self.examine(answer)
        return words and (self._known(answer, []) or words) or ""

    def _fault_of_value(self, answer):
        results = [(answer, self.answer, {})]
        words = diagnose.difference(results, self.tolerance, outcome=self.outcome, reveal=False)
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
            inputs = tuple(self.inputs(rng))
            arguments = dict(zip(self._parameters(len(inputs)), inputs, strict=True))
            words = _does_not_fit(answer, arguments)
            if words:
                return words
            expected = self.answer(*_copies(inputs))
            given, words = _tried(answer, inputs, arguments)
            if words or is_blank(given):
                return words or None
            results.append((given, expected, arguments))
        words = diagnose.difference(
            results, self.tolerance, outcome=self.outcome, reveal=self.reveal
        )
        return words and (self._known(answer, results) or words)

    def _parameters(self, count):
        """Names of the arguments, as the course's own answer calls them."""
        try:
            names = list(inspect.signature(self.answer).parameters)
        except (TypeError, ValueError):
            names = []
        if len(names) < count:  # a function written in C, or one that takes *arguments
            return [f"argument {n + 1}" for n in range(count)]
        return names[:count]  # what follows has a default

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
            if self.inputs is not None:
                wrong = wrong(*_copies(arguments.values()))
            if not diagnose.same(given, wrong, self.tolerance):
                return False
        return True


def questions(module: ModuleType) -> list[Question]:
    """Return the questions of a module, in their order."""
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


def _tried(answer, inputs, arguments):
    """What an answer gives for NumPy arrays, or for tensors if it does not take arrays."""
    try:
        return answer(*_copies(inputs)), ""
    except BlankLeft:
        raise
    except Exception as error:
        import tensorflow as tf

        try:
            tensors = [tf.constant(x) if isinstance(x, np.ndarray) else x for x in inputs]
            return answer(*tensors), ""
        except BlankLeft:
            raise
        except Exception:
            words = f"{describe(error)} It was called with {diagnose.shapes_of(arguments)}."
            if "converted to Python scalars" in str(error):
                words += " Functions of `math` take single numbers only: use np or tf."
            return None, words
