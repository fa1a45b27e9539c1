"""Scores of disentanglement on images whose factors are known: the codes of VAEs, and baselines.

    python benchmarks/disentangle.py          # every row that is not stored, about 10 minutes
    python benchmarks/disentangle.py --only beta-TC

Trains on `letters_with_factors`, measures on others of them. Every row of a run is kept in
results/disentangle.json as soon as it is there, so a run that was stopped goes on where it was;
delete entries to make them again. Notebook 10 reads the same rows in
vae_helpers/disentanglement.csv.
"""

import argparse
import time

import keras
import numpy as np
import pandas as pd
import store

from vae_helpers import metrics
from vae_helpers.disentanglement import RECIPE, STORE, all_scores, letters_with_factors, mig, sap
from vae_helpers.files import write_atomically
from vae_helpers.recipes import build
from vae_helpers.rotation import random_rotation
from vae_helpers.settings import seed_everything
from vae_helpers.total_correlation import BetaTC
from vae_helpers.vae import VAE

NAME = "disentangle"
SEEDS = (0, 1, 2, 3, 4)
TRAIN, TEST = 10_000, 20_000  # images; log TEST bounds the mutual information that can be seen
POINTS = 1_000  # codes at which the densities of the KL's parts are compared
ROTATIONS = 5
BASELINES = ("random codes", "untrained encoder", "PCA of the pixels")
# name -> (class, beta)
MODELS = {
    "VAE, beta 1": (VAE, 1.0),
    "VAE, beta 4": (VAE, 4.0),
    "VAE, beta 16": (VAE, 16.0),
    "beta-TC, beta 4": (BetaTC, 4.0),
    "beta-TC, beta 16": (BetaTC, 16.0),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a part of the names; all without")
    options = parser.parse_args()
    data = letters_with_factors(TRAIN, seed=1)[0], *letters_with_factors(TEST, seed=2)
    for seed in SEEDS:
        for name in (*BASELINES, *MODELS):
            results = store.load(NAME)
            key = f"{name} seed {seed}"
            if options.only not in name or key in results:
                continue
            measure = measure_model if name in MODELS else measure_baseline
            row = {"method": name, "seed": seed, **measure(name, seed, *data)}
            results[key] = rounded(row) | store.stamp()
            store.save(NAME, results)
            write_table(results)
            print(key, results[key], flush=True)


def measure_baseline(name, seed, train, test, factors):
    """Scores of codes that no training has touched, or of the best linear ones."""
    if name == "random codes":
        codes = np.random.default_rng(seed).standard_normal((len(test), RECIPE.latent_dim))
    elif name == "untrained encoder":
        codes, _ = fresh(VAE, 1.0, seed, train).encode(test)  # its means: samples are noise
    else:
        codes = principal_components(train, test, RECIPE.latent_dim)
    return scores_of(codes, factors)


def principal_components(train, test, k):
    """Coordinates of images along the k directions in which the training images vary most."""
    pixels, seen = (np.reshape(images, (len(images), -1)) / 255 for images in (train, test))
    mean = pixels.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(pixels, rowvar=False))  # smallest variance first
    return (seen - mean) @ directions[:, : -k - 1 : -1]


def measure_model(name, seed, train, test, factors):
    """Train one VAE; scores of its codes, the terms of its ELBO, its KL in parts."""
    kind, beta = MODELS[name]
    vae = fresh(kind, beta, seed, train)
    start = time.perf_counter()
    vae.fit(train, epochs=RECIPE.epochs, batch_size=RECIPE.batch_size, verbose=0)
    seconds = time.perf_counter() - start
    z_mean, z_log_var = vae.encode(test)
    noise = np.random.default_rng(seed).standard_normal(z_mean.shape)
    z = z_mean + np.exp(0.5 * z_log_var) * noise
    terms = vae.evaluate(test, batch_size=500, verbose=0, return_dict=True)
    parts = metrics.kl_parts(z_mean, z_log_var, points=POINTS)
    return {
        "beta": beta,
        **scores_of(z, factors),
        "MIG of means": mig(z_mean, factors),
        **{key: terms[key] for key in ("elbo", "reconstruction", "kl")},
        "active_units": metrics.active_units(z_mean),
        **{key: part.mean for key, part in parts.items() if key != "rate"},
        "gaussian total correlation": metrics.gaussian_total_correlation(z),
        "seconds": seconds,
    }


def fresh(kind, beta, seed, train):
    """Return a compiled model of this class, not trained, its seed set."""
    keras.backend.clear_session()
    seed_everything(seed)
    plain = build(RECIPE, train, beta)
    vae = kind(plain.encoder, plain.latent, plain.decoder, beta)
    vae.compile(optimizer=plain.optimizer)
    return vae


def scores_of(codes, factors):
    """Scores of codes, and the mean MIG and SAP of the same codes rotated at random."""
    found = all_scores(codes, factors)
    rotations = [random_rotation(codes.shape[1], i) for i in range(ROTATIONS)]
    for name, score in (("MIG", mig), ("SAP", sap)):
        turned = [score(codes @ rotation.T, factors) for rotation in rotations]
        found[f"{name} rotated"] = np.mean(turned)
    return found


def rounded(row):
    """A row as it is stored: numbers to four digits after the point."""
    return {
        key: round(float(value), 4) if isinstance(value, float | np.floating) else value
        for key, value in row.items()
    }


def write_table(results):
    """Write the rows where the package finds them, without date and versions, in one order."""
    rows = [
        {k: v for k, v in row.items() if k not in ("date", "versions")} for row in results.values()
    ]
    order = {name: i for i, name in enumerate((*BASELINES, *MODELS))}
    rows.sort(key=lambda row: (order.get(row["method"], len(order)), row["seed"]))
    write_atomically(STORE, pd.DataFrame(rows).to_csv(index=False))


if __name__ == "__main__":
    main()
