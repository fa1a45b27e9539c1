"""The benchmark table: small VAEs on both data sets, measured on test images.

    python benchmarks/table.py            # all models, about two hours on two CPU cores
    python benchmarks/table.py --only VAE-GAN   # the rows whose file name holds this word
    python benchmarks/table.py --train    # train only; a second run measures
    python benchmarks/table.py --time     # time the trainings again, where the machine was busy
    python benchmarks/table.py --scheduler tcp://HOST:8786   # on many machines: see sweep.py

Fashion-MNIST and letters x an MLP at 2, 8, 16 and 32 latent dimensions and two kinds of
convolutions, which take longer, at 16, each trained twice. Then the variants of `methods/`, on
Fashion-MNIST, three seeds each. Trained models are kept in build/benchmark/, measured rows in
vae_helpers/benchmark.csv, each written whole: a run that was stopped goes on where it was. Delete
rows to measure them again. `--page` writes the tables into docs/benchmarks.md. `--time` takes one
epoch of each plain model, compiled before, times the epochs; of a variant it trains only those
whose seconds are missing, because a sweep made them.
"""

import argparse
import dataclasses
import json
import sys
import time

import keras
import numpy as np
import pandas as pd
import store
from methods import METHODS
from store import MODELS, timed_fit
from tqdm import tqdm

from vae_helpers import metrics
from vae_helpers.benchmark import (
    MODEL,
    PLAIN,
    STORE,
    VARIANT_COLUMNS,
    is_of_networks,
    summary,
    to_markdown,
)
from vae_helpers.classifier import train_classifier
from vae_helpers.data import load_fashion_mnist, load_letters
from vae_helpers.files import atomic_path, write_atomically
from vae_helpers.recipes import BENCHMARK, build, train
from vae_helpers.settings import seed_everything

FASHION, LETTERS = "Fashion-MNIST", "A-Z letters"
LATENT_DIMS = (2, 8, 16, 32)
VARIANT_DIM = 16
FEWER_LATENT_DIMS = (16,)  # of the convolutions, which take longer
SEEDS = (0, 1)  # the table shows how far a seed moves a model
IWAE_SAMPLES, IWAE_IMAGES = 500, 1_000
PICTURES = 5_000  # samples for the Fréchet distance: a multiple of its 64 features


def main():
    options = parse()
    if not options.page:
        make_rows(options)
    if not options.train:
        write_page(pd.read_csv(STORE))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", action="store_true", help="train the models, measure nothing")
    parser.add_argument("--time", action="store_true", help="only time the trainings again")
    parser.add_argument("--page", action="store_true", help="only write docs/benchmarks.md")
    parser.add_argument("--only", default="", help="a part of the rows' file names; all without")
    parser.add_argument("--scheduler", help="address of a Dask scheduler whose workers train")
    options = parser.parse_args()
    options.rows = [row for row in rows() if options.only in name(row)]
    if not options.rows:
        parser.error(f"--only is {options.only!r}, expected a part of {[*map(name, rows())]}")
    if options.scheduler and (options.train or options.time or options.page):
        parser.error("--scheduler trains and measures: leave --train, --time and --page out")
    return options


def make_rows(options):
    """Do with the rows what the options ask for."""
    if options.scheduler:
        import sweep  # it needs Dask, and the workers import this module through it

        if missing := [row for row in options.rows if not is_measured(row)]:
            sweep.sweep(options.scheduler, missing)
        return
    data_sets = {data: load_data(data) for data in (FASHION, LETTERS)}
    progress = tqdm(options.rows, unit="model", file=sys.stdout)
    for row in progress:
        progress.set_postfix_str(name(row))
        data = data_sets[row["data"]]
        if options.time:
            if needs_time(row):
                store_seconds(row, seconds_alone(row, data))
        elif not is_measured(row):
            train_model(row, data)
            if not options.train:
                store_row(row | measure(row, data))


def load_data(data_name):
    """One of the two data sets, by its name; never the stand-in."""
    load = load_fashion_mnist if data_name == FASHION else load_letters
    return load(allow_drawn=False)


def write_page(stored):
    """Write both tables of docs/benchmarks.md: the networks, and the variants."""
    own = is_of_networks(stored)
    store.write_page("table", to_markdown(summary(stored[own]).droplevel("method")))
    result = summary(stored[~own], VARIANT_COLUMNS).droplevel(["data", "latent_dim"])
    store.write_page("variants", to_markdown(result, VARIANT_COLUMNS), script="table")


def rows():
    """Every row: a whole table first, then the second seeds, then the variants."""
    for seed in SEEDS:
        for data, network in BENCHMARK:
            for latent_dim in latent_dims(network):
                yield row_of(data, PLAIN, network, latent_dim, seed)
    for method in METHODS:
        for seed in method.seeds:
            yield row_of(FASHION, method.name, method.network, VARIANT_DIM, seed)


def row_of(*values):
    """The row of a model and a seed, before it is measured."""
    return dict(zip((*MODEL, "seed"), values, strict=True))


def latent_dims(network):
    """The latent dimensions that a network is measured at."""
    return LATENT_DIMS if network == "MLP" else FEWER_LATENT_DIMS


def name(row):
    """A file's name; that of a plain VAE names no method."""
    method = "" if row["method"] == PLAIN else f"{row['method']}_"
    name = f"{row['data']}_{method}{row['network']}_{row['latent_dim']}_seed{row['seed']}"
    return name.replace(" ", "-").replace(",", "")


def is_measured(row):
    """True when the store has this row."""
    return STORE.exists() and bool(is_row(pd.read_csv(STORE), row).any())


def needs_time(row):
    """True for a measured row of the networks, and for a variant's that has no seconds yet."""
    if not is_measured(row):
        return False
    stored = pd.read_csv(STORE)
    return method_of(row) is None or bool(stored.loc[is_row(stored, row), "seconds"].isna().any())


def is_row(stored, row):
    """Which of the stored rows this one is, as a column of True and False."""
    return (stored[list(row)] == pd.Series(row)).all(axis=1)


def train_row(row, data):
    """Train a row's model, its seed set: the VAE and what `fit` returned."""
    if method := method_of(row):
        return method.train(data)
    return train(recipe_of(row), data.train_images)


def method_of(row):
    """The `Method` of a row; None for a network of the table itself."""
    names = (row["method"], row["network"])
    return next((method for method in METHODS if (method.name, method.network) == names), None)


def recipe_of(row):
    """The recipe of a plain row's model."""
    recipe = BENCHMARK[row["data"], row["network"]]
    return dataclasses.replace(recipe, latent_dim=row["latent_dim"])


def train_model(row, data, timed=True):
    """Train and keep one model, unless it is there, and beside it how long it took if `timed`."""
    path = MODELS / f"{name(row)}.keras"
    if path.exists() and path.with_suffix(".json").exists():
        return
    keras.backend.clear_session()
    seed_everything(row["seed"])
    start = time.perf_counter()
    vae, history = train_row(row, data)
    facts = {"seconds": round(time.perf_counter() - start, 1)} if timed else {}
    facts["train_elbo"] = round(history.history["elbo"][-1], 3)
    with atomic_path(path) as part:
        vae.save(part)
    write_atomically(path.with_suffix(".json"), json.dumps(facts))


def measure(row, data, classifier=None):
    """Everything that the table says of one model, judged by the data set's classifier."""
    path = MODELS / f"{name(row)}.keras"
    vae = keras.models.load_model(path)
    facts = json.loads(path.with_suffix(".json").read_text())
    test = data.test_images
    method = method_of(row)
    iwae_samples, iwae_images = (method and method.iwae) or (IWAE_SAMPLES, IWAE_IMAGES)
    fixed = test[:iwae_images]
    elbo, reconstruction, kl = metrics.elbo_estimate(vae, test, samples=5)
    weights = metrics.log_weights(vae, fixed, iwae_samples)
    bound = metrics.importance_weighted(weights, iwae_samples)
    samples, redrawn = vae.generate(PICTURES, seed=row["seed"]), vae.reconstruct(test)
    classifier = classifier or judge(row["data"], data)
    of_samples, of_redrawn, of_test = map(classifier.features, (samples, redrawn, test))
    frechet = metrics.frechet_with_error(of_samples, of_test)
    # The distance that real images have: as many training images against the same test images.
    real = classifier.features(data.train_images[: len(samples)])
    floor = metrics.frechet_with_error(real, of_test)
    precision, recall = metrics.precision_recall(of_samples, of_test[: len(samples)])
    values = {
        "elbo": elbo.mean,
        "elbo_error": elbo.error,
        "reconstruction": reconstruction.mean,
        "kl": kl.mean,
        "iwae": bound.mean,
        "iwae_error": bound.error,
        "iwae_elbo": weights.mean(),  # the ELBO of the very images of the bound
        "iwae_k": iwae_samples,
        "iwae_images": len(fixed),
        "active_units": metrics.active_units(vae.encode(test)[0]),
        "frechet": frechet.mean,
        "frechet_error": frechet.error,
        "frechet_samples": len(samples),
        "frechet_references": len(test),
        "frechet_floor": floor.mean,
        "frechet_reconstructions": metrics.frechet_distance(of_redrawn, of_test),
        "precision": precision,
        "recall": recall,
        "sharpness_samples": metrics.sharpness(samples).mean(),
        "sharpness_reconstructions": metrics.sharpness(redrawn).mean(),
        "sharpness_data": metrics.sharpness(test).mean(),
        "accuracy_reconstructions": np.mean(classifier.classify(redrawn) == data.test_labels),
    }
    values = {key: round(float(value), 5) for key, value in values.items()}
    values |= (
        {"seconds": np.nan} | facts | {"parameters": vae.count_params() - 1}
    )  # beta is no parameter
    values |= {"train_images": len(data.train_images), "test_images": len(test)}
    return values | store.stamp()


def seconds_alone(row, data):
    """Seconds that the training of a row takes: one epoch, times the epochs, without compiling.

    A variant trains in its own way, so it is trained whole, compiling included.
    """
    keras.backend.clear_session()
    if method := method_of(row):
        seed_everything(row["seed"])
        start = time.perf_counter()
        method.train(data)
        return round(time.perf_counter() - start, 1)
    recipe = recipe_of(row)
    seconds, _ = timed_fit(
        build(recipe, data.train_images), data.train_images, 1, recipe.batch_size
    )
    return round(seconds * recipe.epochs, 1)


def judge(data_name, data):
    """The one classifier of a data set that all its models are judged by."""
    path = judge_path(data_name)
    if not path.exists():
        epochs = 3 if len(data.train_images) > 20_000 else 25
        classes = len(data.class_names)
        classifier = train_classifier(data.train_images, data.train_labels, classes, epochs)
        accuracy = np.mean(classifier.classify(data.test_images) == data.test_labels)
        tqdm.write(f"{data_name}: the classifier names {accuracy:.1%} of the test images rightly")
        with atomic_path(path) as part:
            classifier.save(part)
    return keras.models.load_model(path)


def judge_path(data_name):
    """The file of a data set's classifier."""
    return MODELS / f"classifier_{data_name.replace(' ', '-')}.keras"


def store_row(row):
    """Add a row to the store."""
    old = pd.read_csv(STORE) if STORE.exists() else pd.DataFrame()
    write_rows(pd.concat([old, pd.DataFrame([row])], ignore_index=True))


def store_seconds(row, seconds):
    """Put another time into a row of the store."""
    table = pd.read_csv(STORE)
    table.loc[is_row(table, row), "seconds"] = seconds
    write_rows(table)


def write_rows(table):
    """Write all rows of the store."""
    write_atomically(STORE, table.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    main()
