"""Check rows of the benchmark table with other code and other random numbers: NumPy alone.

    python benchmarks/check_table.py                              # the rows in ROWS
    python benchmarks/check_table.py A-Z-letters_MLP_8_seed1      # others, named as their files

The weights are read out of the files in build/benchmark/, without Keras; the networks, the
log-likelihood, the KL and the importance-weighted bound are written out here once more. What was
stored in vae_helpers/benchmark.csv has to lie within three standard errors of sampling. Writes
benchmarks/results/check_table.json, and exits with 1 where a row does not agree.
"""

import datetime
import io
import json
import math
import re
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from vae_helpers.benchmark import PLAIN, STORE
from vae_helpers.data import load_fashion_mnist, load_letters
from vae_helpers.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "build" / "benchmark"
RESULT = ROOT / "benchmarks" / "results" / "check_table.json"
LOADERS = {"Fashion-MNIST": load_fashion_mnist, "A-Z letters": load_letters}
ROWS = (
    "Fashion-MNIST_MLP_2_seed0",
    "A-Z-letters_MLP_16_seed0",
    "A-Z-letters_convolution_16_seed0",
)
ELBO_SAMPLES = 5  # as many as the table took, so that its error is that of the check
STANDARD_ERRORS = 3.0
TENTHS = 10
SEED = 20_000  # the table draws with 0


def main(names):
    table = read_table()
    rows = [row_of(table, name) for name in names]  # all of them, before the first is computed
    checks = [check(name, row) for name, row in zip(names, rows, strict=True)]
    write_atomically(RESULT, json.dumps(checks, indent=1) + "\n")
    return 0 if all(check["agree"] for check in checks) else 1


def read_table():
    """The stored rows."""
    if not STORE.exists():
        raise SystemExit(f"{STORE} does not exist: run benchmarks/table.py, which writes it")
    table = pd.read_csv(STORE)
    return table[table["method"] == PLAIN].reset_index(drop=True)  # others have other formulas


def row_of(table, name):
    """The stored row of a name, once its model is known to be the one that was measured."""
    columns = table[["data", "network", "latent_dim", "seed"]].itertuples(index=False)
    names = [f"{d}_{n}_{k}_seed{s}".replace(" ", "-") for d, n, k, s in columns]
    if name not in names:
        raise SystemExit(f"{STORE.name} has no row {name!r}, expected one of: {', '.join(names)}")
    row = table.iloc[names.index(name)]
    path = MODELS / f"{name}.keras"
    for file in (path, path.with_suffix(".json")):
        if not file.exists():
            raise SystemExit(f"{file} does not exist: benchmarks/table.py --train makes it")
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if not math.isclose(facts["train_elbo"], row["train_elbo"], abs_tol=1e-3):
        raise SystemExit(
            f"{path} is another training than the one that {STORE.name} has measured (ELBO in "
            f"training {facts['train_elbo']} and {row['train_elbo']}): delete the row, and run "
            "benchmarks/table.py"
        )
    return row


def check(name, row):
    """Compute one row again and compare."""
    network = read_network(MODELS / f"{name}.keras")
    images = LOADERS[row["data"]](allow_drawn=False).test_images
    if len(images) != row["test_images"]:
        raise SystemExit(f"{name}: {len(images)} test images here, {row['test_images']} measured")
    rng = np.random.default_rng(SEED)
    fixed = images[: int(row["iwae_images"])]
    weights = log_weights(network, fixed, int(row["iwae_k"]), rng)
    values = elbo(network, images, ELBO_SAMPLES, rng) | {"iwae": importance_weighted(weights)}

    result = {"row": name, "date": datetime.date.today().isoformat(), "values": {}}
    for key, (value, error) in values.items():
        # The stored value has an error of the same size. What has none was rounded a little.
        combined = math.sqrt(2) * error
        agree = abs(value - row[key]) <= STANDARD_ERRORS * combined + 1e-5 * abs(value)
        result["values"][key] = {
            "stored": float(row[key]),
            "recomputed": round(value, 5),
            "error": round(combined, 5),
            "agree": bool(agree),
        }
        verdict = "agrees" if agree else "DOES NOT AGREE"
        print(
            f"{name} {key:14}  stored {row[key]:10.4f}  recomputed {value:10.4f}  "
            f"error of the difference {combined:.4f}  {verdict}",
            flush=True,
        )
    result["agree"] = all(value["agree"] for value in result["values"].values())
    return result


# --- bounds ----------------------------------------------------------------------------------


def elbo(network, images, samples, rng):
    """{name: (mean, standard error of sampling)} of the ELBO and its terms, nats per image."""
    log_likelihood, _, z_mean, z_log_var = sampled_terms(network, images, samples, rng)
    kl = np.sum((z_mean**2 + np.exp(z_log_var) - z_log_var - 1) / 2, axis=1).mean()
    reconstruction = -log_likelihood.mean()
    variances = log_likelihood.var(axis=1, ddof=1) / samples
    error = math.sqrt(variances.sum()) / len(images)
    return {
        "elbo": (float(-reconstruction - kl), error),
        "reconstruction": (float(reconstruction), error),
        "kl": (float(kl), 0.0),
    }


def log_weights(network, images, samples, rng):
    """log p(x|z) + log p(z) - log q(z|x), array (n, samples)."""
    log_likelihood, log_ratio, _, _ = sampled_terms(network, images, samples, rng)
    return log_likelihood + log_ratio


def importance_weighted(weights):
    """(mean over images of the log of the mean weight, its standard error of sampling).

    The error is the spread between tenths of the samples. A bound with more samples spreads less,
    but hardly: a few large weights decide it, and the usual formula, spread of the weights by the
    root of k, came out at a third of the true error. So this one is a little on the safe side.
    """
    bounds = log_mean_exp(weights)
    tenths = [log_mean_exp(part) for part in np.array_split(weights, TENTHS, axis=1)]
    variances = np.var(tenths, axis=0, ddof=1)
    return float(bounds.mean()), math.sqrt(variances.sum()) / len(weights)


def log_mean_exp(weights):
    """log of the mean of exp(weights) over axis 1."""
    highest = weights.max(axis=1, keepdims=True)
    return highest[:, 0] + np.log(np.exp(weights - highest).mean(axis=1))


def sampled_terms(network, images, samples, rng, rows=4000):
    """log p(x|z) and log p(z) - log q(z|x), each (n, samples); z_mean and z_log_var."""
    encode, decode = network
    parts = []
    for start in range(0, len(images), max(1, rows // samples)):
        x = images[start : start + max(1, rows // samples)].reshape(-1, 784) / np.float32(255)
        z_mean, z_log_var = encode(x)
        sigma = np.exp(z_log_var / 2)
        noise = rng.standard_normal((len(x), samples, z_mean.shape[1]), dtype=np.float32)
        z = z_mean[:, None] + sigma[:, None] * noise
        logits = decode(z.reshape(-1, z.shape[2])).reshape(len(x), samples, 784)
        # log p = x logit - log(1 + exp(logit))
        softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))
        log_likelihood = np.matmul(logits, x[:, :, None])[..., 0] - softplus.sum(axis=2)
        log_prior = -np.sum(z.astype(float) ** 2, axis=2) / 2
        log_posterior = -np.sum(noise.astype(float) ** 2 + z_log_var[:, None], axis=2) / 2
        log_ratio = log_prior - log_posterior
        parts.append((log_likelihood.astype(float), log_ratio, z_mean, z_log_var))
    return [np.concatenate(part).astype(float) for part in zip(*parts, strict=True)]


# --- networks --------------------------------------------------------------------------------


def read_network(path):
    """(encode, decode) of a saved VAE: functions of NumPy arrays."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))["config"]
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            encoder, decoder = layers(file["encoder/network"]), layers(file["decoder/network"])
            z_mean, z_log_var = (arrays(file[f"latent/{n}"]) for n in ("z_mean", "z_log_var"))
            output_bias = file["decoder/vars/0"][()].ravel()
    likelihood = config.get("likelihood", {}).get("class_name", "Bernoulli")
    if likelihood != "Bernoulli":
        raise SystemExit(f"{path} has the likelihood {likelihood}: only Bernoulli is written here")
    parts = {
        "Encoder": dense_features,
        "ConvEncoder": convolved_features,
        "Decoder": dense_logits,
        "ConvDecoder": convolved_logits,
    }
    features = parts[config["encoder"]["class_name"]](encoder)
    logits = parts[config["decoder"]["class_name"]](decoder)

    def encode(x):
        """Rows of 784 pixels to z_mean and z_log_var."""
        h = features(x)
        return affine(h, z_mean), affine(h, z_log_var)

    def decode(z):
        """Codes to rows of 784 logits."""
        return logits(z) + output_bias

    return encode, decode


def layers(group):
    """{"dense": [weights of each, in order], "conv2d": ...}; Keras numbers them dense, dense_1."""
    found = {}
    for place in group["layers"]:
        kind, number = re.fullmatch(r"(.+?)(?:_(\d+))?", place).groups()
        if weights := arrays(group["layers"][place]):
            found.setdefault(kind, []).append((int(number or 0), weights))
    return {
        kind: [weights for _, weights in sorted(numbered, key=lambda pair: pair[0])]
        for kind, numbered in found.items()
    }


def arrays(group):
    """A layer's weights: the kernel and, if it has one, the bias."""
    return [group["vars"][number][()] for number in sorted(group["vars"], key=int)]


def dense_features(found):
    def features(x):
        for weights in found["dense"]:
            x = silu(affine(x, weights))
        return x

    return features


def dense_logits(found):
    *hidden, last = found["dense"]

    def logits(z):
        for weights in hidden:
            z = silu(affine(z, weights))
        return affine(z, last)

    return logits


def convolved_features(found):
    def features(x):
        x = x.reshape(-1, 28, 28, 1)
        for kernel, bias in found["conv2d"]:
            x = silu(convolve(x, kernel, stride=2) + bias)
        (dense,) = found["dense"]
        return silu(affine(x.reshape(len(x), -1), dense))

    return features


def convolved_logits(found):
    (kernel, bias), (mix,) = found["conv2d"]
    channels = kernel.shape[2]
    # The grid is small enough for its convolution to be written as a matrix: a row for each input.
    inputs = np.eye(49 * channels, dtype=np.float32).reshape(-1, 7, 7, channels)
    matrix = convolve(inputs, kernel).reshape(49 * channels, -1)

    def logits(z):
        for weights in found["dense"]:
            z = silu(affine(z, weights))
        cells = silu((z @ matrix).reshape(-1, 49, kernel.shape[3]) + bias) @ mix[0, 0]
        # Each cell's 16 numbers are 4 x 4 pixels.
        tiles = cells.reshape(-1, 7, 7, 4, 4).transpose(0, 1, 3, 2, 4)
        return tiles.reshape(-1, 784)

    return logits


def affine(x, weights):
    kernel, *bias = weights
    return x @ kernel + bias[0] if bias else x @ kernel


def silu(x):
    """x times the logistic function of x, by tanh, which does not overflow."""
    return x * (np.float32(0.5) + np.float32(0.5) * np.tanh(x / 2))


def convolve(x, kernel, stride=1):
    """Pads with zeros as TensorFlow's "same" does: what is left over goes to the end."""
    size, width = kernel.shape[0], x.shape[1]
    outputs = -(-width // stride)
    missing = max((outputs - 1) * stride + size - width, 0)
    pad = (missing // 2, missing - missing // 2)
    x = np.pad(x, ((0, 0), pad, pad, (0, 0)))
    reach = (outputs - 1) * stride + 1
    return sum(
        x[:, i : i + reach : stride, j : j + reach : stride] @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ROWS))
