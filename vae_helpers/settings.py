"""The one FAST switch, the one seed function, the version line."""

import numbers
import os
import platform


def is_on(name: str) -> bool:
    """Return whether the environment variable `name` says 1, true, yes or on."""
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


# VAE_FAST=1 is for tests: the same cells, less data, fewer epochs.
FAST = is_on("VAE_FAST")


def pick(full: object, fast: object) -> object:
    """Return `full`, or `fast` when the environment says VAE_FAST=1."""
    return fast if FAST else full


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, so that a rerun draws the same numbers.

    Raises:
        ValueError: if `seed` is not a whole number from 0 to 2**32 - 1.
    """
    import keras

    whole = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if not whole or not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed!r}, expected a whole number from 0 to 2**32 - 1")
    keras.utils.set_random_seed(int(seed))


# What every figure's title has to add: set where synthetic images stand in for real ones.
_title_notes: list[str] = []


def add_to_titles(note: str) -> None:
    """Let every title that `plots.show` shows from now on end with this note."""
    if note not in _title_notes:
        _title_notes.append(note)


def title_note() -> str:
    """Return what titles have to add: nothing for real images."""
    return "".join(_title_notes)


def versions() -> str:
    """Return one line: Python, TensorFlow, Keras, NumPy, device and mode."""
    import keras
    import numpy as np
    import tensorflow as tf

    gpus = len(tf.config.list_physical_devices("GPU"))
    device = f"{gpus} GPU" if gpus else f"CPU ({os.cpu_count()} cores)"
    return (
        f"Python {platform.python_version()} | TensorFlow {tf.__version__} | "
        f"Keras {keras.__version__} | NumPy {np.__version__} | {device} | "
        f"{'fast' if FAST else 'full'} mode"
    )
