"""The stored scores are those of the script, and its baselines are what they are called."""

import disentangle
import numpy as np
import pandas as pd
import pytest
import store
from scipy import linalg

from vae_helpers.disentanglement import load_scores


def test_the_table_of_the_package_holds_what_was_measured(tmp_path, monkeypatch):
    stored = load_scores()
    monkeypatch.setattr(disentangle, "STORE", tmp_path / "again.csv")
    disentangle.write_table(store.load("disentangle"))
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "again.csv"), stored)
    seeds = stored.groupby("method")["seed"].apply(sorted)
    assert all(found == list(disentangle.SEEDS) for found in seeds)
    assert set(seeds.index) == {*disentangle.BASELINES, *disentangle.MODELS}


def test_the_parts_of_each_rate_add_up():
    trained = load_scores().dropna(subset="beta")
    parts = trained[["mutual information", "total correlation", "dimension-wise KL"]]
    # The parts are estimated at 1,000 codes, the KL is that of all images.
    np.testing.assert_allclose(parts.sum(axis=1), trained["kl"], rtol=0.05)
    assert (trained["mutual information"] <= np.log(disentangle.TEST)).all()
    np.testing.assert_allclose(-trained["elbo"], trained["reconstruction"] + trained["kl"], 1e-4)


def test_principal_components_are_the_best_linear_codes():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 4, 5)).astype(np.uint8)
    codes = disentangle.principal_components(images, images, 3)
    pixels = images.reshape(60, 20) / 255
    centred = pixels - pixels.mean(axis=0)
    u, sizes, _ = linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(codes), np.abs(u[:, :3] * sizes[:3]), atol=1e-9)


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(store, "RESULTS", tmp_path)
    monkeypatch.setattr(disentangle, "STORE", tmp_path / "scores.csv")
    images = np.zeros((4, 28, 28), np.uint8)
    monkeypatch.setattr(disentangle, "letters_with_factors", lambda n, seed: (images, {}))
    measured = []

    def measure(name, seed, train, test, factors):
        measured.append((name, seed))
        if len(measured) == 4:
            raise KeyboardInterrupt
        return {"MIG": 0.123456, "beta": np.float64(4.0)}

    monkeypatch.setattr(disentangle, "measure_model", measure)
    monkeypatch.setattr(disentangle, "measure_baseline", measure)
    monkeypatch.setattr("sys.argv", ["disentangle.py", "--only", "beta 4"])
    with pytest.raises(KeyboardInterrupt):
        disentangle.main()
    disentangle.main()
    wanted = [(n, s) for s in disentangle.SEEDS for n in disentangle.MODELS if "beta 4" in n]
    assert measured == [*wanted[:4], *wanted[3:]]
    assert pd.read_csv(tmp_path / "scores.csv")["MIG"].unique() == [0.1235]
