"""The doctor names what is missing, in words, under conditions that are faked."""

import http.client
import io
import re
import ssl
import subprocess
import sys
import urllib.error
from pathlib import Path

import doctor
import pytest
from coursetools.notebooks import ROOT

BOUNDS = {"tensorflow": "2.18", "keras": "3.8", "numpy": "1.26"}
GB = doctor.GB


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 9), (3, 13, 1)])
def test_a_python_that_was_tried_is_fine(version):
    assert doctor.python_problem(version) == ""
    assert doctor.check_python(version, "python3", []).state == doctor.OK


def test_python_314_is_told_that_tensorflow_has_no_wheel_and_what_to_install():
    problem = doctor.python_problem((3, 14, 0), "/usr/bin/python3")
    assert "/usr/bin/python3 is Python 3.14: TensorFlow has no wheel for Python 3.14 yet" in problem
    assert "Install Python 3.13" in problem and "make run PYTHON=python3.13" in problem
    finding = doctor.check_python((3, 14, 0), "python3", ["python3.12"])
    assert finding.state == doctor.FIX
    assert finding.text.endswith("python3.12 is here: make run PYTHON=python3.12")


def test_an_older_python_is_told_so():
    assert "3.11 or newer" in doctor.python_problem((3, 9, 2))


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (None, doctor.NOTE, "make run"),
        ({"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6"}, doctor.OK, "keras 3.15.1"),
        ({"tensorflow": "2.21.0", "keras": "3.8", "numpy": "1.26"}, doctor.OK, "numpy 1.26"),
        ({"tensorflow": "2.9.1", "keras": "3.8.0", "numpy": "2.0"}, doctor.FIX, "tensorflow 2.9.1"),
        ({"tensorflow": "2.21.0"}, doctor.FIX, "missing: keras, numpy"),
    ],
)
def test_packages(found, state, words):
    finding = doctor.check_packages(found, BOUNDS)
    assert finding.state == state and words in finding.text


@pytest.mark.parametrize(
    ("finding", "state", "words"),
    [
        (doctor.check_memory(16 * GB, 10 * GB), doctor.OK, "16.0 GB"),
        (doctor.check_memory(16 * GB, 1 * GB), doctor.NOTE, "close other programs"),
        (doctor.check_memory(2 * GB, 1 * GB), doctor.FIX, "VAE_FAST=1"),
        (doctor.check_memory(3.8 * GB, 3 * GB), doctor.NOTE, "one notebook at a time"),
        (doctor.check_memory(None, None), doctor.NOTE, "not known"),
        (doctor.check_disk(50 * GB, False), doctor.OK, "50.0 GB"),
        (doctor.check_disk(2 * GB, False), doctor.FIX, "make room"),
        (doctor.check_disk(2 * GB, True), doctor.OK, "2.0 GB"),
        (doctor.check_data("letters", "the cache (/x)", False), doctor.OK, "found in the cache"),
        (doctor.check_data("letters", None, False), doctor.NOTE, "fetched once"),
        (doctor.check_data("letters", None, True), doctor.NOTE, "VAE_DATA_DIR"),
        (doctor.check_network("", False, False), doctor.OK, "answers"),
        (doctor.check_network("timed out", False, False), doctor.FIX, "HTTPS_PROXY"),
        (doctor.check_network("timed out", False, True), doctor.OK, "not needed"),
        (doctor.check_network("timed out", True, False), doctor.OK, "VAE_OFFLINE"),
        (doctor.check_browser("/usr/bin/chromium"), doctor.OK, "chromium"),
        (doctor.check_browser(None), doctor.NOTE, "make slow"),
        (doctor.check_training(None), doctor.NOTE, "not tried"),
        (doctor.check_training("ImportError: no"), doctor.FIX, "ImportError: no"),
    ],
)
def test_findings_say_what_to_do(finding, state, words):
    assert finding.state == state and words in finding.text


def test_a_training_is_judged_by_its_steps():
    result = {"steps_per_second": 300.0, "device": "the CPU", "elbo": -250.4}
    finding = doctor.check_training(result)
    assert finding == (doctor.OK, "training", "300 steps a second on the CPU, ELBO -250 nats")
    slow = doctor.check_training({**result, "steps_per_second": doctor.SLOW_STEPS - 1})
    assert slow.state == doctor.NOTE and "VAE_FAST=1" in slow.text


def test_data_are_found_by_their_files_whole_and_packed(tmp_path):
    where = doctor.places({"VAE_DATA_DIR": str(tmp_path)})
    sets = doctor.DATA["Fashion-MNIST"]
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").touch()
    assert doctor.find_data(sets, where) is None  # half of it
    (folder / "train-labels-idx1-ubyte").touch()
    assert doctor.find_data(sets, where) == f"VAE_DATA_DIR ({folder})"
    places = [words for words, _ in doctor.places({})]
    assert places[0] == "the Kaggle inputs" and len(places) == 4


def test_the_doctor_knows_the_files_that_the_loaders_know():
    loaders = [ROOT / "vae_helpers" / "data" / f"{n}.py" for n in ("fashion_mnist", "letters")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in loaders)
    for sets in doctor.DATA.values():
        assert all(f'"{name}"' in text for names in sets for name in names)


def test_an_interpreter_that_fails_gives_its_last_line():
    assert doctor.ask(sys.executable, "print(1 + 1)") == 2
    assert doctor.ask(sys.executable, "raise ValueError('no')") == "ValueError: no"
    assert doctor.ask("/nowhere/python", "1") == "/nowhere/python does not run"
    slow = doctor.ask(sys.executable, "import time; time.sleep(9)", timeout=0.2)
    assert slow == "no answer within 0.2 s"


def test_the_index_is_the_one_that_pip_asks(monkeypatch):
    said = (
        "global.extra-index-url='https://more/simple'\nglobal.index-url='https://mirror/simple'\n"
    )
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setattr(doctor, "ask", lambda python, code: said)
    assert doctor.package_index() == "https://mirror/simple"
    monkeypatch.setattr(doctor, "ask", lambda python, code: said.splitlines()[0])
    assert doctor.package_index() == doctor.INDEX
    monkeypatch.setenv("PIP_INDEX_URL", "https://own/simple")
    assert doctor.package_index() == "https://own/simple"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, ""),
        (urllib.error.HTTPError("", 401, "who are you?", None, None), ""),
        (urllib.error.URLError(ssl.SSLCertVerificationError("no issuer")), ""),
        (urllib.error.URLError("no route"), "no route"),
        (TimeoutError("timed out"), "timed out"),
        (http.client.BadStatusLine("?"), "?"),
    ],
)
def test_an_index_answers_or_does_not_whoever_asks(monkeypatch, error, said):
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        if error:
            raise error
        return io.BytesIO()

    monkeypatch.setattr(doctor.urllib.request, "urlopen", urlopen)
    assert doctor.network_error("https://ann:secret@mirror.example/simple/") == said
    assert asked == ["https://mirror.example/simple/"]
    assert doctor.network_error("file:///opt/simple") == "" and len(asked) == 1


def test_it_works_where_nothing_is_installed(tmp_path):
    # -S: without site-packages, as on a machine that has Python and no more
    line = [sys.executable, "-S", "-E", str(ROOT / "tools" / "doctor.py"), "--no-training"]
    run = subprocess.run(
        [*line, "--venv", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        env={"VAE_OFFLINE": "1", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert "nothing is installed yet" in run.stdout and not run.stderr
    assert re.search(r"All is well|FIX", run.stdout)


def test_pip_stops_with_the_doctors_words(monkeypatch):
    source = (ROOT / "setup.py").read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
    with pytest.raises(SystemExit, match="no wheel for Python 3.14"):
        exec(compile(source, "setup.py", "exec"), {"__file__": str(Path(ROOT, "setup.py"))})
