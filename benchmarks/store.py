"""What the measurements share: where results are kept, how they get into docs/benchmarks.md.

Results that a script makes are `results/<script>.json`; the benchmark table itself is
`vae_helpers/benchmark.csv`, because notebooks read it. Trained models are kept in build/benchmark/.
"""

import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from vae_helpers.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MODELS = ROOT / "build" / "benchmark"
PAGE = ROOT / "docs" / "benchmarks.md"


def load(name):
    """Return the stored results of a script; an empty dictionary when there are none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def save(name, results):
    """Write the results of a script."""
    write_atomically(RESULTS / f"{name}.json", json.dumps(results, indent=1) + "\n")


def stamp():
    """Return the date and the versions that a measurement was made with."""
    from vae_helpers.settings import versions

    return {"date": datetime.date.today().isoformat(), "versions": versions()}


def in_fresh_process(script, *words):
    """Run a script with words after its name, and return what its last line says as JSON."""
    done = subprocess.run(
        [sys.executable, script, *words],
        stdout=subprocess.PIPE,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        text=True,
        check=True,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def between(text, name, lines, script=None):
    """Return a text with lines of Markdown between the comments that mark a table's place.

    Args:
        text: holds ``<!-- NAME: written by benchmarks/SCRIPT.py -->`` and ``<!-- /NAME -->``.
        name: the table's.
        lines: what shall stand there.
        script: which writes it; `name` when None.
    """
    script = script or name
    begin, end = f"<!-- {name}: written by benchmarks/{script}.py -->", f"<!-- /{name} -->"
    head, rest = text.split(begin)
    return f"{head}{begin}\n{lines}\n{end}{rest.split(end)[1]}"


def write_page(name, lines, script=None):
    """Write a table of a script into docs/benchmarks.md."""
    text = PAGE.read_text(encoding="utf-8")
    write_atomically(PAGE, between(text, name, lines, script))


def timed_fit(model, x, epochs, batch_size):
    """Return the seconds of `fit` from the starting weights, and those of compiling before.

    One epoch on a few batches (a last smaller one too, if the data has one) compiles the step;
    then weights and optimizer go back to where they were.

    Args:
        model: a compiled Keras model.
        x: array of images, (n, height, width[, channels]).
        epochs: of the timed `fit`.
        batch_size: images a step.
    """
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = [variable.numpy() for variable in variables]
    start = time.perf_counter()
    model.fit(x[: 2 * batch_size + len(x) % batch_size], batch_size=batch_size, verbose=0)
    compile_seconds = time.perf_counter() - start
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    start = time.perf_counter()
    model.fit(x, epochs=epochs, batch_size=batch_size, verbose=0)
    return time.perf_counter() - start, compile_seconds
