"""The benchmark table: what `benchmarks/table.py` measured, to be read and shown."""

from pathlib import Path

import pandas as pd

STORE = Path(__file__).with_name("benchmark.csv")
MODEL = ["data", "network", "latent_dim"]
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
EXACT = ("parameters",)  # the same for every seed


def load_benchmark():
    """The stored rows, one a trained model: a pandas DataFrame.

    Columns: data, network, latent_dim, seed; then the measurements, in nats per image where their
    name is that of a bound or one of its terms; `..._error` is a standard error; date, versions.
    """
    return pd.read_csv(STORE)


def summary(table):
    """Mean and standard deviation over seeds, one row a model.

    Args:
        table: what `load_benchmark` returned, or a part of it.

    Returns:
        DataFrame with the index (data, network, latent_dim) and for each column of `COLUMNS` the
        two columns "mean" and "std"; and "seeds", how many there were.
    """
    groups = table.groupby(MODEL, sort=False)
    result = groups[list(COLUMNS)].agg(["mean", "std"])
    result["seeds", ""] = groups.size()
    return result


def to_markdown(result):
    """A summary as the lines of a Markdown table, "mean ± standard deviation over seeds"."""
    heads = ["data", "network", "latent", *(heading for heading, _ in COLUMNS.values())]
    lines = ["| " + " | ".join(heads) + " |", "|---" * 3 + "|--:" * len(COLUMNS) + "|"]
    for model, row in result.iterrows():
        cells = [str(part) for part in model]
        for column, (_, decimals) in COLUMNS.items():
            mean, deviation = row[column, "mean"], row[column, "std"]
            exact = f"{mean:,.{decimals}f}"
            has_spread = column not in EXACT and deviation == deviation  # NaN for a single seed
            cells.append(f"{exact} ± {deviation:.{decimals}f}" if has_spread else exact)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
