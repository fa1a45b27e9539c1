"""The benchmark table: its recipes, its summary, a run that is stopped and goes on, its store."""

import dataclasses
import datetime
import json
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import store
import table
from methods import Method

from vae_helpers import benchmark, metrics, recipes
from vae_helpers.classifier import Classifier
from vae_helpers.data import dataset_from_arrays
from vae_helpers.drawn import draw_garments
from vae_helpers.likelihoods import Bernoulli, ContinuousBernoulli
from vae_helpers.parts import ConvDecoder, ConvEncoder, Decoder, Encoder, TransposedDecoder
from vae_helpers.recipes import BENCHMARK, SIXTEEN_DIMENSIONS, TWO_DIMENSIONS, Recipe

COLUMNS = {**benchmark.COLUMNS, **benchmark.VARIANT_COLUMNS}
TINY = Recipe(2, (8,), epochs=1, learning_rate=1e-3, batch_size=20)


@pytest.fixture
def script():
    return table


# --- recipes ---------------------------------------------------------------------------------


def test_a_recipe_with_filters_convolves_and_one_without_does_not():
    dense = Recipe(2, (12, 8), 1, 1e-3)
    encoder, decoder = dense.encoder(), dense.decoder()
    assert type(encoder) is Encoder and encoder.hidden == (12, 8)
    assert type(decoder) is Decoder and decoder.hidden == (8, 12)
    convolutions = Recipe(2, (16,), 1, 1e-3, filters=(4, 6))
    encoder, decoder = convolutions.encoder(), convolutions.decoder()
    assert type(encoder) is ConvEncoder and (encoder.filters, encoder.units) == ((4, 6), 16)
    assert type(decoder) is ConvDecoder and (decoder.filters, decoder.units) == (4, 16)
    assert dense.encoder() is not dense.encoder()


def test_a_recipe_may_ask_for_the_usual_transposed_convolutions():
    decoder = Recipe(2, (16,), 1, 1e-3, filters=(4, 6), transposed=True).decoder()
    assert type(decoder) is TransposedDecoder
    assert (decoder.filters, decoder.units) == ((4, 4, 2), 16)


def test_the_benchmark_has_three_networks_on_both_data_sets():
    assert list(BENCHMARK) == [
        (data, network)
        for data in ("Fashion-MNIST", "A-Z letters")
        for network in benchmark.NETWORKS
    ]
    for (_, network), recipe in BENCHMARK.items():
        assert bool(recipe.filters) == network.endswith("convolution")
        assert recipe.transposed == network.startswith("transposed")
    assert TWO_DIMENSIONS.filters == SIXTEEN_DIMENSIONS.filters == ()


def test_a_recipe_is_built_with_the_likelihood_it_is_given():
    images = draw_garments(20, seed=0)[0]
    assert type(recipes.build(TINY, images).likelihood) is Bernoulli
    likelihood = ContinuousBernoulli()
    vae = recipes.build(TINY, images, beta=2.0, likelihood=likelihood)
    assert vae.likelihood is likelihood and vae.beta == 2.0
    mean = np.clip(images.mean(axis=0) / 255, 1e-3, 1 - 1e-3)
    np.testing.assert_allclose(vae.decode(np.zeros((1, 2)))[0, ..., 0], mean, atol=1e-4)


def test_train_hands_the_likelihood_on():
    convolutions = Recipe(2, (8,), 1, 1e-3, batch_size=20, filters=(2, 2))
    images, likelihood = draw_garments(20, seed=0)[0], ContinuousBernoulli()
    vae, history = recipes.train(convolutions, images, likelihood=likelihood)
    assert vae.likelihood is likelihood
    assert np.isfinite(history.history["elbo"]).all() and len(history.history["elbo"]) == 1


# --- summary and Markdown --------------------------------------------------------------------


def measured(data="Fashion-MNIST", latent_dim=2, seed=0, **values):
    row = {"data": data, "method": "VAE", "network": "MLP", "latent_dim": latent_dim, "seed": seed}
    return row | dict.fromkeys(COLUMNS, 10.0) | values


@pytest.fixture
def by_hand():
    """Two models of two seeds each, neither sorted by name nor by model."""
    return pd.DataFrame(
        [
            measured("Zebra", 16, 0, elbo=-100.0, seconds=70.6, sharpness_samples=0.0125),
            measured("Apple", 2, 0, elbo=-300.04),
            measured("Zebra", 16, 1, elbo=-104.0, seconds=70.6, sharpness_samples=0.0135),
            measured("Apple", 2, 1, elbo=-300.04),
        ]
    )


def test_a_summary_is_the_mean_and_the_deviation_over_seeds(by_hand):
    result = benchmark.summary(by_hand)
    assert list(result.index) == [
        ("Zebra", "VAE", "MLP", 16),
        ("Apple", "VAE", "MLP", 2),
    ], "in the table's order"
    zebra = result.loc[("Zebra", "VAE", "MLP", 16)]
    assert zebra["elbo", "mean"] == -102 and zebra["elbo", "std"] == pytest.approx(np.sqrt(8))
    assert zebra["seconds", "std"] == 0
    assert list(result["seeds"]) == [2, 2]
    assert set(result.columns.get_level_values(0)) == {*benchmark.COLUMNS, "seeds"}


def test_a_summary_leaves_the_table_as_it_was(by_hand):
    before = by_hand.copy()
    benchmark.summary(by_hand)
    pd.testing.assert_frame_equal(by_hand, before)


def test_the_markdown_table(by_hand):
    result = benchmark.summary(by_hand).droplevel("method")
    head, line, zebra, apple = benchmark.to_markdown(result).splitlines()
    assert head == (
        "| data | network | latent | test ELBO | train ELBO | ELBO of the 1,000 | "
        "IWAE-500 of the 1,000 | reconstruction | KL | active units | Fréchet distance | "
        "sharpness of samples | parameters | seconds to train |"
    )
    assert line == "|---" * 3 + "|--:" * 11 + "|"
    assert zebra == (
        "| Zebra | MLP | 16 | -102.0 ± 2.8 | "
        + "10.0 ± 0.0 | " * 7
        + "0.013 ± 0.001 | 10 | 71 ± 0 |"
    )
    alone = benchmark.summary(by_hand[by_hand["seed"] == 0])
    assert "±" not in benchmark.to_markdown(alone)
    assert apple.startswith("| Apple | MLP | 2 | -300.0 ± 0.0 | ")
    assert len({text.count("|") for text in (head, line, zebra, apple)}) == 1


def test_what_was_not_measured_is_an_empty_cell(by_hand):
    by_hand.loc[by_hand["data"] == "Zebra", "recall"] = np.nan
    columns = benchmark.VARIANT_COLUMNS
    result = benchmark.summary(by_hand, columns).droplevel(["data", "latent_dim"])
    head, _, zebra, apple = benchmark.to_markdown(result, columns).splitlines()
    assert head.startswith("| method | network | test ELBO | ")
    assert "recall | sharpness" in head and " | 10.00 ± 0.00 |  | " in zebra
    assert "|  |" not in apple


def test_variants_come_along_when_they_are_asked_for(tmp_path, monkeypatch):
    small = measured(elbo=-3.0) | {"network": "small MLP"}
    rows = [measured(elbo=-1.0), measured(elbo=-2.0) | {"method": "beta 4"}, small]
    pd.DataFrame(rows).to_csv(tmp_path / "store.csv", index=False)
    monkeypatch.setattr(benchmark, "STORE", tmp_path / "store.csv")
    assert list(benchmark.load_benchmark()["elbo"]) == [-1.0]
    assert list(benchmark.load_benchmark(variants=True)["elbo"]) == [-1.0, -2.0, -3.0]


def test_notebooks_read_what_other_scripts_stored_and_are_told_where_it_is_missing(monkeypatch):
    assert benchmark.load_results("speed") == store.load("speed")
    monkeypatch.setitem(benchmark.RESULTS, "speed", "benchmarks/results/none.json")
    with pytest.raises(FileNotFoundError, match="from a clone.*benchmarks/speed.py"):
        benchmark.load_results("speed")


# --- the rows --------------------------------------------------------------------------------


def test_the_rows_are_a_whole_table_and_then_second_seeds(script):
    rows = list(script.rows())
    assert len(rows) == len({tuple(row.values()) for row in rows})
    variants = rows[24:]
    assert [(row["method"], row["network"], row["seed"]) for row in variants] == [
        (method.name, method.network, seed) for method in script.METHODS for seed in method.seeds
    ]
    rows = rows[:24]
    assert {row["method"] for row in rows} == {"VAE"}
    for seed in (0, 1):
        part = [row for row in rows if row["seed"] == seed]
        models = [(row["data"], row["network"], row["latent_dim"]) for row in part]
        assert models == [(*which, k) for which in BENCHMARK for k in script.latent_dims(which[1])]
    assert rows[0]["seed"] == 0 and rows[-1]["seed"] == 1


def test_names_are_those_of_files_and_tell_rows_apart(script):
    names = [script.name(row) for row in script.rows()]
    assert len(set(names)) == len(names)
    assert names[0] == "Fashion-MNIST_MLP_2_seed0" and names[23].startswith("A-Z-letters_transp")
    assert not any(character in name for name in names for character in " /\\:")


def test_a_variants_file_names_its_method(script):
    row = {"data": "D", "method": "beta 4", "network": "small MLP", "latent_dim": 16, "seed": 2}
    assert script.name(row) == "D_beta-4_small-MLP_16_seed2"


# --- a run -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    images, labels, _ = draw_garments(60, seed=0)
    names = tuple("abcdefghij")
    return dataset_from_arrays(images[:40], labels[:40], names, "tiny", images[40:], labels[40:])


PAGE = """# Title
<!-- table: written by benchmarks/table.py -->
{}
<!-- /table -->
<!-- variants: written by benchmarks/table.py -->
{}
<!-- /variants -->
rest
"""


def page_of(stored):
    """The page of a run without variants."""
    plain = benchmark.summary(stored).droplevel("method")
    columns = benchmark.VARIANT_COLUMNS
    none = benchmark.summary(stored[:0], columns).droplevel(["data", "latent_dim"])
    return PAGE.format(benchmark.to_markdown(plain), benchmark.to_markdown(none, columns))


class Model:
    """All that a run asks of a trained model."""

    def __init__(self, weights):
        self.weights = weights

    def save(self, path):
        with open(path, "w") as file:
            file.write(self.weights)


@pytest.fixture
def run(script, data, tmp_path, monkeypatch):
    """The script with four tiny models, which counts what it does, under tmp_path."""
    calls = Counter()
    (tmp_path / "page.md").write_text(PAGE.format("old", "old"), encoding="utf-8")
    monkeypatch.setattr(store, "PAGE", tmp_path / "page.md")
    places = {"MODELS": "models", "STORE": "benchmark.csv"}
    settings = {name: tmp_path / place for name, place in places.items()}
    settings |= {
        "BENCHMARK": {("A-Z letters", "MLP"): TINY},
        "LATENT_DIMS": (2, 3),
        "METHODS": [],
    }
    settings |= {"load_fashion_mnist": lambda **_: None, "load_letters": lambda **_: data}

    def train(recipe, images):
        calls["trained", recipe.latent_dim] += 1
        history = SimpleNamespace(history={"elbo": [-9.0, -7.0]})
        return Model(f"{recipe.latent_dim} {np.random.random()}"), history

    def measure(row, data):
        path = script.MODELS / f"{script.name(row)}.keras"
        assert path.read_text().split()[0] == str(row["latent_dim"])
        calls["measured", row["latent_dim"], row["seed"]] += 1
        values = {column: 0.1 * (1 + row["seed"]) for column in COLUMNS}
        return values | {"versions": "Python 3 | full mode"}

    for name, value in {**settings, "train": train, "measure": measure}.items():
        monkeypatch.setattr(script, name, value)
    # It takes a third of a second each time, and there is no session to clear.
    monkeypatch.setattr(script.keras.backend, "clear_session", lambda: None)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["table.py", *arguments])
        script.main()
        return pd.read_csv(script.STORE) if script.STORE.exists() else None

    run.script, run.calls, run.path, run.data = script, calls, tmp_path, data
    return run


def files(path):
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def assert_whole(run):
    """All four models are there, each with its facts, each row once, and nothing else."""
    names = [run.script.name(row) for row in run.script.rows()]
    models = [f"models/{name}.{ending}" for name in names for ending in ("json", "keras")]
    assert files(run.path) == sorted(["benchmark.csv", *models, "page.md"])
    stored = pd.read_csv(run.script.STORE)[["data", "method", "network", "latent_dim", "seed"]]
    rows = pd.DataFrame(list(run.script.rows()))
    keys = ["seed", "latent_dim"]
    pd.testing.assert_frame_equal(
        stored.sort_values(keys, ignore_index=True), rows.sort_values(keys, ignore_index=True)
    )


def test_a_run_trains_and_measures_everything_once_and_a_second_run_nothing(run):
    stored = run()
    assert_whole(run)
    assert dict(run.calls) == {
        ("trained", 2): 2,
        ("trained", 3): 2,
        **{("measured", k, seed): 1 for k in (2, 3) for seed in (0, 1)},
    }
    page = (run.path / "page.md").read_text(encoding="utf-8")
    assert page == page_of(stored)
    before = dict(run.calls), (run.path / "benchmark.csv").read_bytes()
    run()
    assert (dict(run.calls), (run.path / "benchmark.csv").read_bytes()) == before


def test_train_only_measures_nothing_and_the_next_run_trains_nothing(run):
    assert run("--train") is None
    assert sum(run.calls.values()) == 4 and "old" in (run.path / "page.md").read_text()
    run()
    assert run.calls["trained", 2] == run.calls["trained", 3] == 2
    assert_whole(run)


def test_a_run_that_was_stopped_while_measuring_goes_on_where_it_was(run, monkeypatch):
    measure, stopped = run.script.measure, []

    def stop_at_the_third(row, data):
        if len(run.calls) >= 4 and not stopped:
            stopped.append(run.script.name(row))
            raise KeyboardInterrupt
        return measure(row, data)

    monkeypatch.setattr(run.script, "measure", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run()
    before = pd.read_csv(run.script.STORE)
    assert len(before) == 2
    after = run()
    pd.testing.assert_frame_equal(after[:2], before)
    assert_whole(run)
    assert run.calls["trained", 2] == run.calls["trained", 3] == 2
    assert all(count == 1 for call, count in run.calls.items() if call[0] == "measured")


def half_written(path, *_, **__):
    with open(path, "wb") as file:
        file.write(b"half")
    raise KeyboardInterrupt


def test_a_model_that_was_half_written_is_made_again(run, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Model, "save", lambda self, path: half_written(path))
        with pytest.raises(KeyboardInterrupt):
            run()
    assert files(run.path / "models") == []
    run()
    assert_whole(run)


def test_a_model_without_its_facts_is_made_again(run):
    run("--train")
    next(run.script.MODELS.glob("*_2_seed0.json")).unlink()
    run()
    assert run.calls["trained", 2] == 3
    assert_whole(run)


def test_a_store_that_was_half_written_is_as_it_was_before(run, monkeypatch):
    def keep(index):
        row = list(run.script.rows())[index]
        run.script.store_row(row | {"elbo": -1.5})

    keep(0)
    before = (run.path / "benchmark.csv").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half_written)
        with pytest.raises(KeyboardInterrupt):
            keep(1)
    assert (run.path / "benchmark.csv").read_bytes() == before
    keep(1)
    assert len(pd.read_csv(run.script.STORE)) == 2


def test_a_deleted_row_is_measured_again_and_the_others_are_not(run):
    stored = run()
    stored.drop(index=1).to_csv(run.script.STORE, index=False)
    run()
    assert sorted(run.calls[call] for call in run.calls if call[0] == "measured") == [1, 1, 1, 2]
    assert run.calls["trained", 2] == run.calls["trained", 3] == 2


def test_numbers_survive_being_read_and_written_many_times(run):
    rng = np.random.default_rng(0)
    values = np.round(rng.uniform(-300, 300, 30), 5)
    for value in values:
        run.script.store_row({"data": "A-Z letters", "elbo": value, "versions": "Python 3 | x"})
    written = [line.split(",")[1] for line in run.script.STORE.read_text().splitlines()[1:]]
    assert written == [str(value) for value in values]


def test_timing_again_changes_the_seconds_of_each_row_and_nothing_else(run, monkeypatch):
    before, done = run(), dict(run.calls)
    timed = iter([10.5, 11.5, 12.5, 13.5])
    monkeypatch.setattr(run.script, "seconds_alone", lambda row, data: next(timed))
    after = run("--time")
    assert list(after["seconds"]) == [10.5, 11.5, 12.5, 13.5]
    pd.testing.assert_frame_equal(after.drop(columns="seconds"), before.drop(columns="seconds"))
    assert dict(run.calls) == done
    page = (run.path / "page.md").read_text(encoding="utf-8")
    assert page == page_of(after)


def test_seconds_alone_is_an_epochs_time_times_the_epochs(run, monkeypatch):
    epochs = []

    def timed_fit(vae, images, number, batch_size):
        epochs.append((vae.latent_dim, len(images), number, batch_size))
        return 2.0 * number, None

    monkeypatch.setattr(run.script, "timed_fit", timed_fit)
    three = {("A-Z letters", "MLP"): dataclasses.replace(TINY, epochs=3)}
    monkeypatch.setattr(run.script, "BENCHMARK", three)
    row = {"data": "A-Z letters", "method": "VAE", "network": "MLP", "latent_dim": 3, "seed": 0}
    assert run.script.seconds_alone(row, run.data) == 6.0
    assert epochs == [(3, 40, 1, 20)]


def test_each_model_has_its_facts(run):
    run("--train")
    facts = json.loads(next(run.script.MODELS.glob("*.json")).read_text())
    assert facts["train_elbo"] == -7.0
    assert facts["seconds"] >= 0


def test_a_variant_is_trained_by_its_method_and_only_the_wanted_rows_are(run, monkeypatch):
    script, trained = run.script, []

    def train_it(data):
        trained.append(data)
        return Model("16 variant"), SimpleNamespace(history={"elbo": [-5.0]})

    monkeypatch.setattr(script, "METHODS", [Method("beta 4", "small MLP", train_it, (0, 1))])
    monkeypatch.setattr(script, "load_fashion_mnist", lambda **_: run.data)
    stored = run("--only", "beta-4")
    assert trained == [run.data] * 2
    assert list(stored["method"]) == ["beta 4"] * 2 and list(stored["seed"]) == [0, 1]
    with pytest.raises(SystemExit):
        run("--only", "beta-5")


def test_the_seed_is_that_of_the_row(run):
    run("--train")
    paths = sorted(run.script.MODELS.glob("*_2_*.keras"))
    first, other = (path.read_text() for path in paths)
    assert first != other, "each draws its own weights"
    for path in run.script.MODELS.glob("*seed0*"):
        path.unlink()
    run("--train")
    assert paths[0].read_text() == first


# --- a measurement ---------------------------------------------------------------------------


@pytest.fixture
def measuring(script, tmp_path, monkeypatch):
    """`measure` as it is, with fewer samples, and a classifier that learns nothing."""
    trainings = []

    def train_classifier(images, labels, classes, epochs):
        trainings.append(epochs)
        return Classifier(classes)

    settings = {"IWAE_SAMPLES": 5, "IWAE_IMAGES": 12, "PICTURES": 100, "MODELS": tmp_path}
    for name, value in {**settings, "train_classifier": train_classifier}.items():
        monkeypatch.setattr(script, name, value)
    return script, trainings


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # never stepped
def test_a_measurement_is_what_the_metrics_say(data, measuring):
    script, trainings = measuring
    row = {"data": "A-Z letters", "method": "VAE", "network": "MLP", "latent_dim": 3, "seed": 1}
    vae = recipes.build(dataclasses.replace(TINY, latent_dim=3), data.train_images)
    path = script.MODELS / f"{script.name(row)}.keras"
    vae.save(path)
    path.with_suffix(".json").write_text('{"seconds": 12.5, "train_elbo": -7.0}')
    got = script.measure(row, data)
    test = data.test_images
    elbo, _, kl = metrics.elbo_estimate(vae, test, samples=5)
    assert got["elbo"] == pytest.approx(elbo.mean, abs=2e-3)
    assert got["kl"] == pytest.approx(kl.mean, abs=1e-4)
    assert got["elbo"] == pytest.approx(-(got["reconstruction"] + got["kl"]), abs=2e-5)
    bound = metrics.importance_weighted(metrics.log_weights(vae, test[:12], 5), 5)
    assert got["iwae"] == pytest.approx(bound.mean, abs=2e-3)
    assert (got["iwae_k"], got["iwae_images"]) == (5, 12)
    # 784 x 8 + 8, twice 8 x 3 + 3, 3 x 8 + 8, 8 x 784 and the image of biases.
    assert got["parameters"] == 6280 + 54 + 32 + 6272 + 784
    assert (got["train_images"], got["test_images"]) == (40, 20)
    assert got["sharpness_data"] == pytest.approx(metrics.sharpness(test).mean(), abs=1e-5)
    assert (got["train_elbo"], got["seconds"]) == (-7.0, 12.5)
    assert "Keras" in got["versions"]
    assert datetime.date.fromisoformat(got["date"]) <= datetime.date.today()
    assert set(COLUMNS) <= set(got)
    assert 0 <= got["precision"] <= 1 and 0 <= got["recall"] <= 1
    script.judge("A-Z letters", data)
    assert trainings == [25], "one classifier judges them all"


def test_a_classifier_that_was_half_written_is_made_again(data, measuring, monkeypatch):
    script, trainings = measuring
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "save", lambda self, path: half_written(path))
        with pytest.raises(KeyboardInterrupt):
            script.judge("A-Z letters", data)
    assert isinstance(script.judge("A-Z letters", data), Classifier)
    assert len(trainings) == 2
    assert not list(script.MODELS.glob("*part*"))


# --- what is stored --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored():
    if not benchmark.STORE.exists():
        pytest.skip("the table has not been measured")
    return benchmark.load_benchmark(variants=True)


def test_every_model_has_been_measured_with_every_seed(stored, script):
    keys = ["data", "method", "network", "latent_dim", "seed"]
    expected = [tuple(row.values()) for row in script.rows()]
    assert sorted(stored[keys].itertuples(index=False, name=None)) == sorted(expected)


def test_every_stored_row_says_what_it_cost_when_and_with_what(stored):
    assert not stored.isna().any(axis=None)
    assert (stored["seconds"] > 1).all()
    assert stored["versions"].str.match(r"Python 3.* TensorFlow .* Keras .* full mode$").all()
    for date in stored["date"]:
        assert datetime.date(2025, 1, 1) < datetime.date.fromisoformat(date)


def test_the_stored_numbers_fit_together(stored):
    total = -(stored["reconstruction"] + stored["kl"])
    np.testing.assert_allclose(stored["elbo"], total, atol=3e-5)
    # The bound is that of the first test images, the ELBO that of all.
    assert (stored["iwae"] > stored["elbo"] - 3 * stored["iwae_error"]).all()
    assert (stored["kl"] >= 0).all() and (stored["reconstruction"] > 0).all()
    assert (stored["active_units"] <= stored["latent_dim"]).all()
    assert stored["accuracy_reconstructions"].between(0, 1).all()
    assert (stored["iwae_k"][stored["method"] == "VAE"] == 500).all()
    assert (stored["frechet"] > 0).all()
    for _, model in stored.groupby(benchmark.MODEL):
        assert model["parameters"].nunique() == 1 and model["train_images"].nunique() == 1
    assert (stored.groupby("data")["sharpness_data"].nunique() == 1).all()


def test_the_page_of_benchmarks_holds_the_stored_tables(stored, script, tmp_path, monkeypatch):
    page = store.PAGE.read_text(encoding="utf-8")
    monkeypatch.setattr(store, "PAGE", tmp_path / "page.md")
    store.PAGE.write_text(page, encoding="utf-8")
    script.write_page(stored)
    assert store.PAGE.read_text(encoding="utf-8") == page, "run benchmarks/table.py --page"
