"""Fixtures of the tests of figures."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def images():
    """Twelve images of noise; tests leave them as they are."""
    return np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
