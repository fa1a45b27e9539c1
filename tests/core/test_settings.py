"""The FAST switch, seeds, the version line, and how light and quiet the import is."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import settings


def python(script, **environment):
    """Run a script in a fresh Python; return what it printed and what it complained of."""
    kept = {key: value for key, value in os.environ.items() if key != "VAE_FAST"}
    kept.pop("TF_CPP_MIN_LOG_LEVEL", None)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def fake_tensorflow(folder, source=""):
    """A folder with a `tensorflow` that is loaded in no time."""
    logger = "import logging\n\ndef get_logger():\n    return logging.getLogger('tensorflow')\n"
    (folder / "tensorflow.py").write_text(source + logger)
    return str(folder)


# --- FAST ------------------------------------------------------------------------------------


def test_fast_mode_follows_the_environment():
    # runpy reads the module anew for each value, without TensorFlow's start-up each time.
    script = """
import os, runpy, sys
for value in [None, "", "0", "no", "false", "1", "true", "YES", " on "]:
    os.environ.pop("VAE_FAST", None)
    if value is not None:
        os.environ["VAE_FAST"] = value
    module = runpy.run_path(sys.argv[1])
    print(int(module["FAST"]), module["pick"]("full", "fast"))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, settings.__file__],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["0 full"] * 5 + ["1 fast"] * 4


def test_pick_follows_the_switch(monkeypatch):
    monkeypatch.setattr(settings, "FAST", False)
    assert settings.pick(60_000, 500) == 60_000
    monkeypatch.setattr(settings, "FAST", True)
    assert settings.pick(60_000, 500) == 500
    assert settings.pick(full=60_000, fast=500) == 500


# --- seeds -----------------------------------------------------------------------------------


def draw_everywhere():
    import random

    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    return [
        random.random(),
        np.random.random(),
        *tf.random.normal((2,)).numpy(),
        *keras.random.normal((2,)).numpy(),
        *layer.kernel.numpy().ravel(),
    ]


@pytest.mark.parametrize("seed", [0, np.int64(7), 2**32 - 1])
def test_a_seed_repeats_every_source_of_chance(seed):
    settings.seed_everything(seed)
    first = draw_everywhere()
    further = draw_everywhere()
    settings.seed_everything(seed)
    np.testing.assert_array_equal(draw_everywhere(), first)
    assert not any(a == b for a, b in zip(first, further, strict=True))


def test_seeds_differ():
    settings.seed_everything(1)
    one = draw_everywhere()
    settings.seed_everything(2)
    assert not any(a == b for a, b in zip(one, draw_everywhere(), strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True])
def test_an_impossible_seed_is_refused(seed):
    with pytest.raises(ValueError, match="seed is .*whole number from 0"):
        settings.seed_everything(seed)


# --- versions --------------------------------------------------------------------------------


@pytest.mark.parametrize("fast, mode", [(False, "full mode"), (True, "fast mode")])
def test_versions_are_one_line_that_names_everything(fast, mode, monkeypatch):
    monkeypatch.setattr(settings, "FAST", fast)
    line = settings.versions()
    assert "\n" not in line
    python_version = ".".join(str(part) for part in sys.version_info[:3])
    for part in (
        f"Python {python_version}",
        f"TensorFlow {tf.__version__}",
        f"Keras {keras.__version__}",
        f"NumPy {np.__version__}",
        mode,
    ):
        assert part in line
    assert "CPU" in line or "GPU" in line


# --- the import ------------------------------------------------------------------------------


HEAVY = {"pandas", "scipy", "matplotlib", "ipywidgets", "kagglehub", "tqdm", "IPython"}


def test_the_import_is_quiet_and_adds_nothing_heavy_to_tensorflow():
    """TensorFlow's messages stay off the page, at its import and at its first use."""
    out, err = python(f"""
import sys
import vae_helpers
own = [name for name in sys.modules if name.startswith("vae_helpers.")]
before = {HEAVY} & set(sys.modules)  # TensorFlow imports some of these where it finds them
from vae_helpers import data, elbo, parts, settings, vae
print(own, sorted({HEAVY} & set(sys.modules) - before))
import tensorflow as tf
tf.function(lambda x: x + 1, jit_compile=True)(tf.zeros(3))
""")
    assert out.strip() == "[] []"
    assert err == ""


def test_the_package_itself_imports_nothing_but_tensorflow(tmp_path):
    heavy = HEAVY | {"numpy", "keras"}
    script = f"import sys, vae_helpers; print(sorted({heavy} & set(sys.modules)))"
    assert python(script, PYTHONPATH=fake_tensorflow(tmp_path))[0].strip() == "[]"


def test_messages_are_shown_after_the_import_again(tmp_path):
    path = fake_tensorflow(tmp_path, "import os\nos.write(2, b'start-up noise')\n")
    script = "import sys, os, vae_helpers; os.write(2, b'one'); sys.stderr.write('two')"
    assert python(script, PYTHONPATH=path)[1] == "onetwo"


def test_an_import_of_tensorflow_that_fails_says_why(tmp_path):
    source = "import os\nos.write(2, b'a message from below')\nraise ImportError('not found')\n"
    done = subprocess.run(
        [sys.executable, "-c", "import vae_helpers"],
        env={**os.environ, "PYTHONPATH": fake_tensorflow(tmp_path, source)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "a message from below" in done.stderr
    assert "not found" in done.stderr


def test_a_log_level_of_the_readers_own_is_kept(tmp_path):
    path = fake_tensorflow(tmp_path)
    script = "import os, vae_helpers; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    for own, expected in (({}, "3"), ({"TF_CPP_MIN_LOG_LEVEL": "0"}, "0")):
        assert python(script, PYTHONPATH=path, **own)[0].strip() == expected


@pytest.mark.slow
def test_the_import_adds_less_than_a_third_of_a_second_to_tensorflow():
    # Both times in one process, so that a busy machine slows both.
    script = """
import time
start = time.perf_counter()
import tensorflow
middle = time.perf_counter()
import vae_helpers
print(time.perf_counter() - middle)
"""
    assert min(float(python(script)[0]) for _ in range(2)) < 0.3
