"""Choose the recipes on held-out training images; the test images are not touched.

    python benchmarks/choose.py                        everything: an hour on 2 cores
    python benchmarks/choose.py --only defaults        the two defaults
    python benchmarks/choose.py --only small           what the variants are built on
    python benchmarks/choose.py --only safe            20 seeds of the default
    python benchmarks/choose.py --only "A-Z letters, MLP"

Every candidate is trained without the held-out images (5,000 of Fashion-MNIST, 700 letters) and its
ELBO on them is taken after each epoch: the last value chooses, the curve shows whether training
longer would still gain. The same effort for each network and data set of the benchmark: three
candidates, the same seeds, at 16 latent dimensions. Writes results/choose.json after each run; one
that was stopped goes on where it was.
"""

import argparse
import dataclasses
import json

import keras
import numpy as np
import store

from vae_helpers import recipes
from vae_helpers.data import load_fashion_mnist, load_letters
from vae_helpers.recipes import Recipe
from vae_helpers.settings import seed_everything

FASHION, LETTERS = "Fashion-MNIST", "A-Z letters"
HELD_OUT = {FASHION: 5_000, LETTERS: 700}
SEEDS = {"defaults": (0, 1, 2), "small": (0, 1, 2), "safe": tuple(range(20))}
BENCHMARK_SEEDS = (0,)


def dense(*settings):
    """A candidate of the benchmark's dense network: epochs, rate, batch."""
    return Recipe(16, (384, 256), *settings)


def convolutions(epochs, transposed=False):
    """The candidates of a convolution of the benchmark, which differ in their rate."""
    rates = (2e-3, 4e-3, 1e-3)
    return [Recipe(16, (128,), epochs, rate, 60, (32, 64), transposed) for rate in rates]


# What is compared: the data set, and the candidates; those of one search take about the same time.
SEARCHES = {
    "defaults": (
        FASHION,
        [
            Recipe(2, (128, 128, 64, 32), 1, 7e-3, 30),
            Recipe(2, (128, 128, 64, 32), 2, 7e-3, 60),
            Recipe(2, (128, 64, 32), 2, 6e-3, 40),
            Recipe(2, (256, 128, 64, 32), 4, 6e-3, 60),
            Recipe(2, (256, 128, 64, 32), 4, 4e-3, 60),
            Recipe(2, (128, 128, 64, 32), 4, 6e-3, 60),
            Recipe(2, (128, 128, 64, 32), 6, 6e-3, 60),
            Recipe(16, (384, 256), 8, 2e-3, 60),
            Recipe(16, (384, 256), 8, 3e-3, 100),
            Recipe(16, (256, 128), 11, 3e-3, 100),
            Recipe(16, (256, 256), 8, 3e-3, 60),
        ],
    ),
    "small": (FASHION, [Recipe(16, (256, 128), 4, rate, 60) for rate in (3e-3, 2e-3, 4e-3)]),
    "safe": (FASHION, [recipes.TWO_DIMENSIONS]),
    f"{FASHION}, MLP": (FASHION, [dense(8, 2e-3, 60), dense(8, 3e-3, 100), dense(8, 1e-3, 60)]),
    f"{FASHION}, convolution": (FASHION, convolutions(3)),
    f"{FASHION}, transposed convolution": (FASHION, convolutions(3, transposed=True)),
    f"{LETTERS}, MLP": (LETTERS, [dense(40, 2e-3, 60), dense(40, 1e-3, 60), dense(20, 2e-3, 60)]),
    f"{LETTERS}, convolution": (LETTERS, convolutions(20)),
    f"{LETTERS}, transposed convolution": (LETTERS, convolutions(20, transposed=True)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=SEARCHES, help="a search; all without")
    chosen = parser.parse_args().only or list(SEARCHES)
    data_sets = {}
    for search in chosen:
        data_name, candidates = SEARCHES[search]
        if data_name not in data_sets:
            data_sets[data_name] = held_out(data_name)
        for seed in SEEDS.get(search, BENCHMARK_SEEDS):
            for recipe in candidates:
                run(search, recipe, seed, *data_sets[data_name])
    store.write_page("choose", to_markdown(store.load("choose")))


def held_out(data_name):
    """Return the training images without the held-out ones, and the held-out ones."""
    load = {FASHION: load_fashion_mnist, LETTERS: load_letters}[data_name]
    images = load(allow_synthetic=False).train_images
    order = np.random.default_rng(7).permutation(len(images))
    n = HELD_OUT[data_name]
    return images[order[n:]], images[order[:n]]


def run(search, recipe, seed, train, validation):
    """Train one candidate with one seed, unless the store has it, and keep its curve."""
    results = store.load("choose")
    key = f"{describe(recipe)} seed {seed}"
    runs = results.setdefault(search, {})
    if key not in runs:
        runs[key] = curve_of(recipe, seed, train, validation)
        store.save("choose", results)
    print(f"{runs[key]['elbo']:8.2f}  {search}: {key}", flush=True)


def to_markdown(results):
    """The runs as the lines of a Markdown table: one line a candidate, its seeds side by side."""
    lines = [
        "| search | candidate | ELBO of held-out images, by seed | of the training images | "
        "gain of the last epoch |",
        "|---|---|---|--:|--:|",
    ]
    for search, runs in results.items():
        for candidate in dict.fromkeys(key.rpartition(" seed ")[0] for key in runs):
            found = [run for key, run in runs.items() if key.rpartition(" seed ")[0] == candidate]
            elbo = ", ".join(f"{run['elbo']:.1f}" for run in found)
            train = np.mean([run["train_elbo"] for run in found])
            gains = [run["curve"][-1] - run["curve"][-2] for run in found if len(run["curve"]) > 1]
            gain = f"{np.mean(gains):.1f}" if gains else ""
            lines.append(f"| {search} | {candidate} | {elbo} | {train:.1f} | {gain} |")
    return "\n".join(lines)


def describe(recipe):
    """The settings of a recipe in one line."""
    settings = dataclasses.asdict(recipe)
    if not recipe.filters:
        settings = {key: settings[key] for key in settings if key not in ("filters", "transposed")}
    return json.dumps(settings)[1:-1].replace('"', "")


def curve_of(recipe, seed, train, validation):
    """The ELBO of the held-out images, nats per image: after each epoch, and four samples at last.

    `largest_loss` is the largest loss of an epoch: it shows a run that exploded and came back.
    """
    keras.backend.clear_session()  # forget the candidates before
    seed_everything(seed)
    vae, history = recipes.train(recipe, train, validation_data=validation)
    scores = [
        vae.evaluate(validation, batch_size=500, verbose=0, return_dict=True)["elbo"]
        for _ in range(4)
    ]
    return {
        "elbo": round(float(np.mean(scores)), 2),
        "curve": [round(value, 2) for value in history.history["val_elbo"]],
        "train_elbo": round(history.history["elbo"][-1], 2),
        "largest_loss": round(max(history.history["loss"]), 2),
    }


if __name__ == "__main__":
    main()
