"""What the tests of data share."""

import pytest

from vae_helpers.data import fashion_mnist, letters


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """No data, empty caches in a temporary folder, no network."""
    monkeypatch.delenv("VAE_DATA_DIR", raising=False)
    for variable in ("VAE_KAGGLE_INPUT", "VAE_CACHE_DIR", "KERAS_HOME", "KAGGLEHUB_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    monkeypatch.setenv("VAE_OFFLINE", "1")
    # Should a test reach for the network all the same, it gets this machine's closed port.
    monkeypatch.setattr(fashion_mnist, "FASHION_URL", "http://127.0.0.1:9/")
    monkeypatch.setattr(letters, "LETTERS_PROBE_URL", "http://127.0.0.1:9/")
    return tmp_path
