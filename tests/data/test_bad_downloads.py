"""Downloads that fail, break off or are no data, and runs killed midway: the next starts clean.

The host that answers is always a server on this machine."""

import gzip
import os
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest
import requests
from data_files import (
    call_these_the_originals,
    download_host,
    fashion_files,
    write_letters,
)

from vae_helpers import data
from vae_helpers.data import (
    dataset,
    fashion_mnist,
    fetch,
    letters,
    load_fashion_mnist,
    load_letters,
)
from vae_helpers.files import ABANDONED_SECONDS

pytestmark = pytest.mark.usefixtures("bare_machine")
FIRST = next(iter(data.FASHION_SHA256))


@pytest.fixture
def online(bare_machine, monkeypatch):
    """A machine whose network is what a test puts there; returns the folder of the cache."""
    monkeypatch.delenv("VAE_OFFLINE")
    monkeypatch.setattr(dataset, "SYNTHETIC_TRAIN", 100)
    monkeypatch.setattr(dataset, "SYNTHETIC_TEST", 100)
    monkeypatch.setattr(fetch, "CONNECT_SECONDS", 0.5)
    return bare_machine / "vae_cache_dir" / "fashion-mnist"


def answers(files):
    return {f"{name}.gz": gzip.compress(content) for name, content in files.items()}


def kept(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_fashion_mnist_is_downloaded_once(online, monkeypatch):
    files = fashion_files()
    call_these_the_originals(monkeypatch, files)
    with download_host(answers(files)) as url:
        monkeypatch.setattr(fashion_mnist, "FASHION_URL", url)
        first = load_fashion_mnist(allow_synthetic=False)
    assert first.source.endswith("downloaded: the original files, by their SHA-256")
    assert kept(online) == sorted(f"{name}.gz" for name in files)

    again = load_fashion_mnist(allow_synthetic=False)  # the host is gone
    assert "in the cache: the original files" in again.source
    np.testing.assert_array_equal(first.test_images, again.test_images)


def test_a_download_works_without_a_cache(online, monkeypatch):
    files = fashion_files()
    call_these_the_originals(monkeypatch, files)
    online.parent.parent.mkdir(exist_ok=True)
    online.parent.write_text("a file where the cache should be")
    with download_host(answers(files)) as url:
        monkeypatch.setattr(fashion_mnist, "FASHION_URL", url)
        with pytest.warns(UserWarning, match="cannot be written"):
            assert len(load_fashion_mnist(allow_synthetic=False).train_images) == 40


def test_a_download_goes_on_with_the_files_that_are_there(online, monkeypatch):
    files = fashion_files()
    call_these_the_originals(monkeypatch, files)
    bodies = answers(files)
    online.mkdir(parents=True)
    (online / f"{FIRST}.gz").write_bytes(bodies[f"{FIRST}.gz"])
    bodies[f"{FIRST}.gz"] = b"not asked for again"
    with download_host(bodies) as url:
        monkeypatch.setattr(fashion_mnist, "FASHION_URL", url)
        assert load_fashion_mnist(allow_synthetic=False).is_real
    assert len(kept(online)) == 4


def test_a_closed_network_gives_the_stand_in(online):
    with pytest.warns(UserWarning, match="the network .*does not answer"):
        assert not load_fashion_mnist().is_real


def test_a_refusal_gives_the_stand_in(online, monkeypatch):
    with download_host({}) as url:
        monkeypatch.setattr(fashion_mnist, "FASHION_URL", url)
        with pytest.warns(UserWarning, match="404"):
            assert not load_fashion_mnist().is_real


def test_a_network_that_swallows_everything_is_given_up(online, monkeypatch):
    end = threading.Event()
    monkeypatch.setattr(requests, "get", lambda *_, **__: end.wait(30))
    start = time.monotonic()
    with pytest.warns(UserWarning, match="no answer from the network within"):
        load_fashion_mnist()
    assert time.monotonic() - start < 10
    end.set()


def test_offline_asks_nobody(online, monkeypatch):
    monkeypatch.setenv("VAE_OFFLINE", "1")
    monkeypatch.setattr(fetch, "ask", lambda url: pytest.fail(f"asked {url}"))
    with pytest.warns(UserWarning, match="VAE_OFFLINE is set"):
        load_fashion_mnist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: b"<!DOCTYPE html><p>Please log in", "HTML page.*VAE_OFFLINE"),
        (lambda body: body[: len(body) // 2], "gzip data is truncated.*run again"),
        (lambda body: (body[:20], len(body)), "broke off.*run again"),
        (lambda body: gzip.compress(b"other data"), "magic number"),
        (lambda body: gzip.compress(gzip.decompress(body)[:-1] + b"\0"), "not the file that Zal"),
    ],
)
@pytest.mark.parametrize("which", [FIRST, list(data.FASHION_SHA256)[3]])
def test_a_bad_download_is_named_and_not_kept(online, monkeypatch, which, change, message):
    files = fashion_files()
    call_these_the_originals(monkeypatch, files)
    bodies = answers(files)
    bodies[f"{which}.gz"] = change(bodies[f"{which}.gz"])
    with download_host(bodies) as url:
        monkeypatch.setattr(fashion_mnist, "FASHION_URL", url)
        with pytest.raises(ValueError, match=message):
            load_fashion_mnist()
    assert f"{which}.gz" not in kept(online)
    assert not [name for name in kept(online) if not name.endswith("-ubyte.gz")]


# --- the letters, through kagglehub ---------------------------------------------------------


def test_letters_come_through_kagglehub(online, monkeypatch, tmp_path):
    write_letters(tmp_path / "fetched")
    fake = types.SimpleNamespace(dataset_download=lambda handle: str(tmp_path / "fetched"))
    monkeypatch.setitem(sys.modules, "kagglehub", fake)
    with download_host({"": b"Kaggle"}) as url:
        monkeypatch.setattr(letters, "LETTERS_PROBE_URL", url)
        assert "in kagglehub's download" in load_letters(allow_synthetic=False).source


def test_letters_without_kagglehub(online, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.warns(UserWarning, match="pip install kagglehub"):
        assert not load_letters().is_real


def test_kagglehub_is_not_asked_when_kaggle_does_not_answer(online, monkeypatch):
    fake = types.SimpleNamespace(dataset_download=lambda handle: pytest.fail("asked"))
    monkeypatch.setitem(sys.modules, "kagglehub", fake)
    with pytest.warns(UserWarning, match="does not answer"):
        assert not load_letters().is_real


def test_a_fault_inside_kagglehub_is_reported(online, monkeypatch):
    def fail(handle):
        raise RuntimeError("quota exceeded")

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=fail))
    with download_host({"": b"Kaggle"}) as url:
        monkeypatch.setattr(letters, "LETTERS_PROBE_URL", url)
        with pytest.warns(UserWarning, match="quota exceeded"):
            assert not load_letters().is_real


# --- killed midway --------------------------------------------------------------------------


def kill_when_ready(code):
    """Run Python code in a process of its own and kill it as soon as it prints 'ready'."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    assert process.returncode != 0


def make_old(path):
    """Give a file the time of one that a killed run left."""
    long_ago = time.time() - ABANDONED_SECONDS - 60
    os.utime(path, (long_ago, long_ago))


@pytest.mark.slow
def test_a_killed_download_is_made_again(online, monkeypatch):
    files = fashion_files()
    call_these_the_originals(monkeypatch, files)
    with download_host(answers(files)) as url:
        monkeypatch.setattr(fashion_mnist, "FASHION_URL", url)
        kill_when_ready(
            "import time, pooch\n"
            "from vae_helpers.data import fashion_mnist\n"
            f"fashion_mnist.FASHION_URL = {url!r}\n"
            "def half(self, url, output_file, _):\n"
            "    open(output_file, 'wb').write(b'half')\n"
            "    print('ready', flush=True); time.sleep(60)\n"
            "pooch.HTTPDownloader.__call__ = half\n"
            "fashion_mnist.load_fashion_mnist()\n"
        )
        (left,) = kept(online)
        assert not left.startswith(FIRST)
        make_old(online / left)
        assert "downloaded" in load_fashion_mnist(allow_synthetic=False).source
    assert kept(online) == sorted(f"{name}.gz" for name in files)


@pytest.mark.slow
def test_a_parse_killed_while_it_writes_is_made_again(online):
    path = write_letters(online.parent.parent)
    kill_when_ready(
        "import time, numpy\n"
        "from vae_helpers import data\n"
        "def half(path, **arrays):\n"
        "    path.write_bytes(b'half a file')\n"
        "    print('ready', flush=True); time.sleep(60)\n"
        "numpy.savez = half\n"
        f"data.load_letters({str(path)!r})\n"
    )
    folder = online.parent / "parsed"
    (left,) = kept(folder)
    assert left.startswith(".")
    make_old(folder / left)
    assert load_letters(path).source.startswith("60 rows")
    (whole,) = kept(folder)
    assert whole.endswith(".npz") and not whole.startswith(".")
