"""Measure in one run what a learner feels: training time, first picture, memory, imports.

    python benchmarks/speed.py                         everything: 50 minutes on 2 quiet cores
    python benchmarks/speed.py --only vae2,plain       some of it
    python benchmarks/speed.py --only reference_elbo   trains the reference to its end: 15 more
    python benchmarks/speed.py --only notebooks --notebooks 07,deeper/08     these notebooks only
    python benchmarks/speed.py --only notebooks --executed build   those of `make notebooks` there

The reference is the VAE example of keras.io (`reference.py`). By default two of its epochs are
timed. "cores" is measured by `scaling.py`: two pinned processes against one. Times are of one
machine and one hour: quote the ratios. The results go to results/speed.json and, as a table, into
docs/benchmarks.md.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import reference
import scaling
import store
from store import timed_fit

RECIPES = {  # section -> its recipe in `recipes`, and what the table calls it
    "quick": ("QUICK", "our quick recipe, 2 latent dimensions"),
    "vae2": ("TWO_DIMENSIONS", "our default, 2 latent dimensions"),
    "vae16": ("SIXTEEN_DIMENSIONS", "our default, 16 latent dimensions"),
}
SECTIONS = ("reference", *RECIPES, "plain", "import", "cores", "notebooks")
LONG_SECTIONS = ("reference_elbo",)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--only", default=",".join(SECTIONS), help=f"some of {SECTIONS + LONG_SECTIONS}"
    )
    parser.add_argument("--notebooks", default="", help="beginnings of names; all without")
    parser.add_argument("--executed", default="", help="a build folder: execute nothing again")
    parser.add_argument("--section", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.section:
        print(json.dumps(measure(arguments.section, arguments)))
        return
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - {*SECTIONS, *LONG_SECTIONS}:
        known = ", ".join(SECTIONS + LONG_SECTIONS)
        raise SystemExit(f"--only names {sorted(unknown)}, expected some of {known}")
    for section in chosen:
        print(f"measuring {section} ...", file=sys.stderr, flush=True)
        found = in_own_process(section, arguments)
        print(f"  {found}", file=sys.stderr, flush=True)
        stored = merge({section: found})
        store.save("speed", stored)  # at once: a later section may fail
        store.write_page("speed", table(stored))
    print(table(stored))


def in_own_process(section, arguments):
    """A fresh process for each section, so that none profits from another's compiled code."""
    words = ["--section", section, "--seeds", str(arguments.seeds)]
    words += ["--notebooks", arguments.notebooks, "--executed", arguments.executed]
    return store.in_fresh_process(__file__, *words)


def measure(section, arguments):
    if section in RECIPES:
        return measure_recipe(section, arguments.seeds)
    if section == "cores":
        return scaling.measure_pairs()
    if section == "notebooks":
        return measure_notebooks(arguments.notebooks.split(","), arguments.executed)
    return globals()[f"measure_{section}"]()


# --- training ----------------------------------------------------------------------------------


def images():
    """Fashion-MNIST, the real one: figures from a stand-in would mean nothing here."""
    from vae_helpers.data import load_fashion_mnist

    fashion = load_fashion_mnist(allow_drawn=False)
    return fashion.train_images, fashion.test_images


def test_elbo(vae, x):
    return vae.evaluate(x, batch_size=500, verbose=0, return_dict=True)["elbo"]


def measure_recipe(name, seeds):
    """The default recipe over several seeds: seconds of `fit`, test ELBO."""
    from vae_helpers import recipes
    from vae_helpers.settings import seed_everything

    recipe = getattr(recipes, RECIPES[name][0])
    train, test = images()
    seconds, compiling, elbo = [], [], []
    for seed in range(seeds):
        seed_everything(seed)
        vae = recipes.build(recipe, train)
        fit, compilation = timed_fit(vae, train, recipe.epochs, recipe.batch_size)
        seconds.append(round(fit, 1))
        compiling.append(round(compilation, 1))
        elbo.append(round(test_elbo(vae, test), 2))
    return {"seconds": seconds, "compile_seconds": compiling, "elbo": elbo}


def measure_reference(epochs=2):
    """keras.io's recipe: seconds an epoch."""
    import keras

    from vae_helpers.data import as_float

    keras.utils.set_random_seed(0)
    vae = reference.reference_vae()
    vae.compile(optimizer=keras.optimizers.Adam())
    train = as_float(images()[0])
    seconds, compile_seconds = timed_fit(vae, train, epochs, reference.BATCH_SIZE)
    return {
        "seconds_per_epoch": round(seconds / epochs, 2),
        "compile_seconds": round(compile_seconds, 1),
    }


def measure_reference_elbo():
    """keras.io's recipe, all 30 epochs: its ELBO on the test images."""
    import keras
    import numpy as np

    from vae_helpers.data import as_float

    train, test = images()
    keras.utils.set_random_seed(0)
    vae = reference.reference_vae()
    vae.compile(optimizer=keras.optimizers.Adam())
    how = {"epochs": reference.EPOCHS, "batch_size": reference.BATCH_SIZE, "verbose": 0}
    vae.fit(as_float(train), **how)
    losses = [sum(term.numpy() for term in vae.terms(b)) for b in np.split(as_float(test), 20)]
    return {"elbo": round(-float(np.mean(losses)), 2)}


def measure_plain():
    """The same network and loss under a plain Keras `fit`, against `VAE.fit`: ratio of epochs.

    Plain: float32 images, batches of 128, no XLA, one step an execution. Taken in turn, three
    times, because a shared machine drifts.
    """
    import keras
    import numpy as np

    from vae_helpers import recipes
    from vae_helpers.data import as_float

    train, _ = images()
    floats = as_float(train)
    recipe = recipes.TWO_DIMENSIONS
    fast = recipes.build(recipe, train)
    plain = recipes.build(recipe, train)
    plain.compile(optimizer=keras.optimizers.Adam(), jit_compile=False, steps_per_execution=1)
    timed_fit(fast, train, 1, recipe.batch_size)
    timed_fit(plain, floats, 1, 128)
    pairs = []
    for _ in range(3):
        start = time.perf_counter()
        plain.fit(floats, batch_size=128, verbose=0)
        middle = time.perf_counter()
        fast.fit(train, batch_size=recipe.batch_size, verbose=0)
        pairs.append((middle - start, time.perf_counter() - middle))
    ratios = [a / b for a, b in pairs]
    return {
        "plain_seconds": round(float(np.median([a for a, _ in pairs])), 2),
        "vae_seconds": round(float(np.median([b for _, b in pairs])), 2),
        "ratio": [round(ratio, 2) for ratio in ratios],
    }


# --- starting up ---------------------------------------------------------------------------------


def measure_import():
    """What `import vae_helpers` adds once TensorFlow is imported, in seconds: best of 3."""
    statement = (
        "import time, tensorflow; start = time.perf_counter(); import vae_helpers; "
        "print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-c", statement]
    seconds = [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    return {"added": round(min(seconds), 4)}


def measure_notebooks(only, build):
    """Seconds and peak memory of each notebook; for the first, seconds to new clothes too."""
    sys.path.append(str(store.ROOT / "tools"))  # the executor is that of `make run`
    from coursetools.execute import execute, executed
    from coursetools.notebooks import find_notebooks, name_of

    run = (lambda path: executed(path, Path(build))) if build else execute
    found = {}
    for path in find_notebooks(only=[name for name in only if name]):
        found[name_of(path)] = run_notebook(path, run)
        print(f"  {name_of(path)}: {found[name_of(path)]}", file=sys.stderr, flush=True)
    return found


def run_notebook(path, execute):
    """Execute a notebook in a kernel of its own and clock it."""
    notebook, done = execute(path)
    if not done.ok:
        raise SystemExit(f"{path.name}: {done.error}")
    result = {"seconds": round(done.seconds), "peak_mb": round(done.peak_bytes / 1e6)}
    started, *parts = seconds_by_section(notebook, done.cells)
    longest = max(parts, key=lambda part: part[1], default=("", 0))
    result |= {"start_seconds": started[1], "longest": longest}
    first = done.first_picture(notebook, ".generate(")
    if first and path.name.startswith("01"):  # later ones draw late on purpose
        result["first_picture_seconds"] = round(first, 1)
    return result


def seconds_by_section(notebook, cells):
    """Where the time goes: the first code cell (kernel and imports), then each section's heading.

    Args:
        notebook: whose cells were executed.
        cells: of an ``execute.Result``: the number of each executed cell, and when it ended.

    Returns:
        list of (name, seconds), in the notebook's order.
    """
    heading, before, found = "before the first section", 0.0, {}
    ended = {cell["cell"]: cell["ended"] for cell in cells}
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "markdown":
            headings = re.findall("^## (.+)$", cell.source, re.MULTILINE)
            heading = headings[-1] if headings else heading
        elif number in ended:
            name = heading if found else "start"
            found[name] = found.get(name, 0.0) + ended[number] - before
            before = ended[number]
    return [(name, round(seconds, 1)) for name, seconds in found.items()]


# --- the report --------------------------------------------------------------------------------


def merge(results):
    """What earlier runs measured, with these results in their place; each has date and versions."""
    stored, stamp = store.load("speed"), store.stamp()
    if "notebooks" in results:  # those that were not measured now keep what they had
        results["notebooks"] = stored.get("notebooks", {}) | results["notebooks"]
    return stored | {section: {**result, **stamp} for section, result in results.items()}


def table(results):
    """The results as lines of a Markdown table."""
    lines = ["| what | measured |", "|---|---|"]
    for rows in (rows_of_training, rows_of_ratios, rows_of_notebooks, rows_of_stamps):
        lines += [f"| {what} | {measured} |" for what, measured in rows(results)]
    return "\n".join(lines)


def rows_of_training(results):
    """How long the reference takes and how long ours, and what both come to."""
    elbo = results.get("reference_elbo", {}).get("elbo", reference.ELBO)
    whole = None
    if "reference" in results:
        each = results["reference"]["seconds_per_epoch"]
        whole = each * reference.EPOCHS
        yield (
            "keras.io recipe",
            f"{each} s an epoch (two were timed), so {whole:.0f} s for its {reference.EPOCHS}; "
            f"test ELBO {elbo:.1f}",
        )
    for section, (_, name) in RECIPES.items():
        if section not in results:
            continue
        one = results[section]
        yield (
            name,
            f"{seconds(one['seconds'])} s (and {seconds(one['compile_seconds'])} s to compile); "
            f"test ELBO {', '.join(f'{value:.1f}' for value in one['elbo'])}",
        )
        if whole and section != "vae16":
            pairs = zip(one["seconds"], one["compile_seconds"], strict=True)
            ratio = min(whole / sum(pair) for pair in pairs)
            reached = sum(value >= elbo for value in one["elbo"])
            yield (
                "... the keras.io recipe takes, compiling counted",
                f"at least {ratio:.0f} times as long; {reached} of {len(one['elbo'])} seeds reach "
                f"its {elbo:.1f}",
            )


def rows_of_ratios(results):
    """`fit` against plain Keras, the import, and a second core."""
    if "plain" in results:
        yield (
            "an epoch of plain Keras `fit` (same network, float32, batch 128, no XLA) over one of "
            "`VAE.fit`",
            ", ".join(f"{ratio:.1f}" for ratio in results["plain"]["ratio"]),
        )
    if "import" in results:
        yield (
            "`import vae_helpers` adds to TensorFlow's import",
            f"{results['import']['added']:.3f} s",
        )
    if "cores" in results:
        yield (
            "the same images by one pinned process, over two with half of them each",
            ", ".join(f"{ratio:.2f}" for ratio in results["cores"]["ratio"]),
        )


def rows_of_notebooks(results):
    """Seconds and memory of each notebook, each followed by its deeper pages, and their sum."""
    notebooks = {k: v for k, v in results.get("notebooks", {}).items() if isinstance(v, dict)}
    main_line = [one["seconds"] for name, one in notebooks.items() if name[0].isdigit()]
    for name in sorted(notebooks, key=lambda name: (name.split("/")[-1][:2], "/" in name, name)):
        one = notebooks[name]
        first = one.get("first_picture_seconds")
        extra = f", first new picture after {first} s, from a cold start" if first else ""
        heading, longest = one["longest"]
        extra += f"; {one['start_seconds']} s to start, {longest} s in “{heading}”"
        yield name, f"{one['seconds']} s, peak {one['peak_mb']} MB{extra}"
    if main_line:
        yield f"the main line, {len(main_line)} notebooks", f"{sum(main_line) / 60:.1f} minutes"


def rows_of_stamps(results):
    """With what it was measured, and when."""
    for date, versions in sorted({(one["date"], one["versions"]) for one in results.values()}):
        yield "measured", f"{date}: {versions.replace(' | ', ', ')}"


def seconds(values):
    """Smallest and largest of some times."""
    return f"{min(values):.1f} to {max(values):.1f}"


if __name__ == "__main__":
    main()
