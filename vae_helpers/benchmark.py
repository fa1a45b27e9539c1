"""What the scripts in `benchmarks/` measured, to be read and shown: the table above all."""

import json
from pathlib import Path

import pandas as pd

STORE = Path(__file__).with_name("benchmark.csv")
# What other scripts measured, from the folder that holds this package; a Kaggle rendering takes the
# files that are named here along.
RESULTS = {
    "shards": "benchmarks/results/shards.json",
    "speed": "benchmarks/results/speed.json",
}
PLAIN = "VAE"  # the method of every row that is no variant
# The networks of the table itself; the others are what variants are built on.
NETWORKS = ("MLP", "convolution", "transposed convolution")
MODEL = ["data", "method", "network", "latent_dim"]
# Column of the store -> heading of the table, with the number of decimals.
COLUMNS = {
    "elbo": ("test ELBO", 1),
    "train_elbo": ("train ELBO", 1),
    "iwae_elbo": ("ELBO of the 1,000", 1),
    "iwae": ("IWAE-500 of the 1,000", 1),
    "reconstruction": ("reconstruction", 1),
    "kl": ("KL", 1),
    "active_units": ("active units", 1),
    "frechet": ("Fréchet distance", 1),
    "sharpness_samples": ("sharpness of samples", 3),
    "parameters": ("parameters", 0),
    "seconds": ("seconds to train", 0),
}
# The same for the table of variants, all on Fashion-MNIST.
VARIANT_COLUMNS = {
    "elbo": ("test ELBO", 1),
    "reconstruction": ("reconstruction", 1),
    "kl": ("KL", 1),
    "active_units": ("active units", 1),
    "frechet": ("Fréchet, samples", 1),
    "frechet_reconstructions": ("Fréchet, reconstructions", 1),
    "precision": ("precision", 2),
    "recall": ("recall", 2),
    "sharpness_samples": ("sharpness of samples", 3),
    "parameters": ("parameters", 0),
    "seconds": ("seconds to train", 0),
}
EXACT = ("parameters",)  # the same for every seed


def load_benchmark(variants: bool = False):
    """Return the stored rows, one a trained model: a pandas DataFrame.

    Columns: data, method, network, latent_dim, seed; then the measurements, in nats per image where
    their name is that of a bound or one of its terms; `..._error` is a standard error; date,
    versions. A variant's bounds are those of its own likelihood and prior.

    Args:
        variants: whether the rows of `benchmarks/methods/` come along; else `NETWORKS` alone.
    """
    table = pd.read_csv(STORE)
    return table if variants else table[is_of_networks(table)].reset_index(drop=True)


def load_results(name: str) -> dict:
    """Return what a script of `benchmarks/` stored: sections, each with its date and versions.

    Args:
        name: a key of `RESULTS`, the script's name.

    Raises:
        KeyError: if notebooks read no results of that name.
        FileNotFoundError: if the package was installed without the folder of benchmarks.
    """
    path = Path(__file__).parent.parent / RESULTS[name]
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: use the package from a clone of the course, or make the results "
            f"with python benchmarks/{name}.py"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def is_of_networks(table):
    """Return which rows are plain VAEs of the table's own `NETWORKS`: a column of booleans."""
    return (table["method"] == PLAIN) & table["network"].isin(NETWORKS)


def summary(table, columns=COLUMNS):
    """Return mean and standard deviation over seeds, one row a model.

    Args:
        table: what `load_benchmark` returned, or a part of it.
        columns: the measurements wanted, `COLUMNS` or `VARIANT_COLUMNS`.

    Returns:
        DataFrame with the index (data, method, network, latent_dim) and for each of the columns
        "mean" and "std"; and "seeds", how many there were.
    """
    groups = table.groupby(MODEL, sort=False)
    result = groups[list(columns)].agg(["mean", "std"])
    result["seeds", ""] = groups.size()
    return result


def to_markdown(result, columns=COLUMNS):
    """Return a summary as the lines of a Markdown table, "mean ± standard deviation over seeds".

    Args:
        result: what `summary` returned; levels of its index may have been dropped.
        columns: as for `summary`.
    """
    heads = ["latent" if name == "latent_dim" else name for name in result.index.names]
    lines = [
        "| " + " | ".join([*heads, *(heading for heading, _ in columns.values())]) + " |",
        "|---" * len(heads) + "|--:" * len(columns) + "|",
    ]
    for model, row in result.iterrows():
        cells = [str(part) for part in model]  # the index: what was trained
        for column, (_, decimals) in columns.items():
            mean, deviation = row[column, "mean"], row[column, "std"]
            exact = f"{mean:,.{decimals}f}" if mean == mean else ""  # NaN: not measured
            has_spread = column not in EXACT and deviation == deviation  # NaN for a single seed
            cells.append(f"{exact} ± {deviation:.{decimals}f}" if has_spread else exact)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
