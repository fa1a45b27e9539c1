"""The check of the benchmark table computes what Keras does, and says so where rows differ."""

import json
from pathlib import Path

import check_table
import numpy as np
import pandas as pd
import pytest
from scipy import special

from vae_helpers import metrics
from vae_helpers.drawn import draw_letters
from vae_helpers.likelihoods import Gaussian
from vae_helpers.parts import ConvDecoder, ConvEncoder, Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE

ROOT = Path(__file__).resolve().parents[2]
NAME = "A-Z-letters_MLP_3_seed0"


@pytest.fixture
def check(tmp_path, monkeypatch):
    """The script, which reads and writes under tmp_path."""
    for name, file in {"MODELS": "", "STORE": "benchmark.csv", "RESULT": "check.json"}.items():
        monkeypatch.setattr(check_table, name, tmp_path / file)
    return check_table


@pytest.fixture(scope="module")
def letters():
    return draw_letters(40, seed=0)[0]


def with_random_weights(encoder, decoder, likelihood=None):
    """A VAE whose biases are not zero, as they would be at the start; its noise is small."""
    vae = VAE(encoder, LatentDistribution(3), decoder, likelihood=likelihood)
    rng = np.random.default_rng(0)
    for weight in vae.trainable_variables:
        fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 4
        weight.assign(rng.normal(size=weight.shape) / np.sqrt(fan_in))
    vae.latent.z_log_var.bias.assign([-6.0, -5.0, -4.0])
    return vae


def dense():
    return with_random_weights(Encoder((12, 8)), Decoder((8, 12)))


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_the_networks_in_numpy_are_those_of_keras(kind, check, letters, tmp_path):
    vae = dense()
    if kind == "convolution":
        vae = with_random_weights(ConvEncoder((3, 4), 8), ConvDecoder(2, 8))
    vae.save(tmp_path / "vae.keras")
    encode, decode = check.read_network(tmp_path / "vae.keras")
    z_mean, z_log_var = encode(letters.reshape(-1, 784) / np.float32(255))
    np.testing.assert_allclose((z_mean, z_log_var), vae.encode(letters), atol=2e-5)
    logits = decode(z_mean).reshape(-1, 28, 28, 1)
    np.testing.assert_allclose(logits, vae.decoder(z_mean), atol=2e-5)
    assert logits.std() > 0.1


def test_layers_are_read_in_their_order_beyond_ten(check, letters, tmp_path):
    vae = with_random_weights(Encoder((8,) * 12), Decoder((8,)))
    vae.save(tmp_path / "vae.keras")
    encode, _ = check.read_network(tmp_path / "vae.keras")
    got = encode(letters.reshape(-1, 784) / np.float32(255))
    np.testing.assert_allclose(got, vae.encode(letters), atol=2e-5)


def test_its_bounds_are_those_of_the_metrics_within_their_errors(check, letters, tmp_path):
    vae = dense()
    vae.save(tmp_path / "vae.keras")
    network, rng = check.read_network(tmp_path / "vae.keras"), np.random.default_rng(1)
    values = check.elbo(network, letters, 50, rng)
    theirs = metrics.elbo_estimate(vae, letters, 50)
    for estimate, (value, error) in zip(theirs[:2], list(values.values())[:2], strict=True):
        assert error == pytest.approx(estimate.sampling_error, rel=0.2)
        assert abs(value - estimate.mean) < 4 * np.sqrt(2) * error
    assert values["kl"] == (pytest.approx(theirs[2].mean, rel=1e-5), 0)
    bound, error = check.importance_weighted(check.log_weights(network, letters, 100, rng))
    other = metrics.importance_weighted(metrics.log_weights(vae, letters, 100), 100)
    assert abs(bound - other.mean) < 4 * np.sqrt(2) * error
    assert bound - values["elbo"][0] > 4 * error


def test_the_importance_weighted_bound_is_scipys_and_its_error_is_on_the_safe_side(check):
    rng = np.random.default_rng(0)
    sets = -300 + 2 * rng.normal(size=(200, 30, 100))  # heavy tails, once they are exponentiated
    bounds, errors = zip(*map(check.importance_weighted, sets), strict=True)
    expected = (special.logsumexp(sets, axis=2) - np.log(100)).mean(axis=1)
    np.testing.assert_allclose(bounds, expected, rtol=1e-12)
    spread = np.std(bounds, ddof=1)
    assert spread < np.mean(errors) < 4 * spread


# --- the whole check, on a small model --------------------------------------------------------


@pytest.fixture
def stored(check, letters, tmp_path, monkeypatch):
    """A store with one measured model; returns a function that changes its row."""
    vae = dense()
    vae.save(tmp_path / f"{NAME}.keras")
    (tmp_path / f"{NAME}.json").write_text(json.dumps({"train_elbo": -300.125}))
    data = type("Data", (), {"test_images": letters})
    monkeypatch.setattr(check, "LOADERS", {"A-Z letters": lambda allow_drawn: data})
    elbo, reconstruction, kl = metrics.elbo_estimate(vae, letters, 5)
    bound = metrics.importance_weighted(metrics.log_weights(vae, letters[:20], 50), 50)
    row = {"data": "A-Z letters", "method": "VAE", "network": "MLP", "latent_dim": 3, "seed": 0}
    row |= {"elbo": elbo.mean, "reconstruction": reconstruction.mean, "kl": kl.mean}
    row |= {"iwae": bound.mean, "iwae_k": 50.0, "iwae_images": 20.0}
    row |= {"train_elbo": -300.125, "test_images": 40}

    def store(**changes):
        pd.DataFrame([row | changes]).to_csv(tmp_path / "benchmark.csv", index=False)
        return row

    store()
    return store


def test_a_row_that_was_measured_rightly_agrees(check, stored, tmp_path, capsys):
    assert check.main([NAME]) == 0
    (result,) = json.loads((tmp_path / "check.json").read_text())
    assert result["row"] == NAME and result["agree"] and result["date"]
    assert list(result["values"]) == ["elbo", "reconstruction", "kl", "iwae"]
    for key, value in result["values"].items():
        assert value["stored"] == pytest.approx(stored()[key])
        assert value["agree"] and value["recomputed"] == pytest.approx(value["stored"], rel=0.01)
    assert "DOES NOT AGREE" not in capsys.readouterr().out


@pytest.mark.parametrize("key", ["elbo", "reconstruction", "kl", "iwae"])
def test_a_row_that_is_wrong_by_five_nats_does_not_agree(key, check, stored, tmp_path, capsys):
    stored(**{key: stored()[key] + 5})
    assert check.main([NAME]) == 1
    (result,) = json.loads((tmp_path / "check.json").read_text())
    wrong = [name for name, value in result["values"].items() if not value["agree"]]
    assert wrong == [key] and not result["agree"]
    assert "DOES NOT AGREE" in capsys.readouterr().out


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda check, path, store: (path / "benchmark.csv").unlink(), "run benchmarks/table.py"),
        (lambda check, path, store: (path / f"{NAME}.keras").unlink(), "table.py --train makes it"),
        (lambda check, path, store: (path / f"{NAME}.json").unlink(), "table.py --train makes it"),
        (lambda check, path, store: store(seed=1), f"has no row '{NAME}', expected one of: A-Z-"),
        (lambda check, path, store: store(train_elbo=-299.0), "another training than the one"),
        (lambda check, path, store: store(test_images=41), "40 test images here, 41 measured"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_written(spoil, message, check, stored, tmp_path):
    spoil(check, tmp_path, stored)
    with pytest.raises(SystemExit, match=message):
        check.main([NAME])
    assert not (tmp_path / "check.json").exists()


def test_another_likelihood_is_refused(check, tmp_path):
    vae = with_random_weights(Encoder((8,)), Decoder((8,)), likelihood=Gaussian())
    vae.save(tmp_path / "vae.keras")
    with pytest.raises(SystemExit, match="likelihood Gaussian: only Bernoulli"):
        check.read_network(tmp_path / "vae.keras")


def test_the_stored_check_agrees_with_the_stored_table():
    result, store = (
        ROOT / "benchmarks" / "results" / "check_table.json",
        ROOT / "vae_helpers/benchmark.csv",
    )
    if not (result.exists() and store.exists()):
        pytest.skip("the table has not been measured and checked")
    table = pd.read_csv(store).query("method == 'VAE'")
    names = table[["data", "network", "latent_dim", "seed"]].itertuples(index=False)
    names = [f"{d}_{n}_{k}_seed{s}".replace(" ", "-") for d, n, k, s in names]
    checks = json.loads(result.read_text())
    assert len(checks) >= 2 and all(check["agree"] for check in checks)
    for check in checks:
        row = table.iloc[names.index(check["row"])]
        for key, value in check["values"].items():
            assert value["stored"] == pytest.approx(row[key], rel=1e-9), "check the table again"
