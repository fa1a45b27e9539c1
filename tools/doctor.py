"""Look at this machine, and say in plain words what the course needs and what to do about it.

    make doctor        or, before anything is installed,        python3 tools/doctor.py

Needs nothing but Python 3.8 or newer, installs nothing and fetches nothing. `--python` only asks
whether this Python will do, as `make` and `pip` do before they install.
"""

import argparse
import http.client
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)  # TensorFlow has wheels for these and the course was run on them
GB = 1e9
MEMORY_GB = 4  # a notebook takes up to 2 GB, beside a browser and JupyterLab
LEAST_MEMORY_GB = 3  # what is sold as 4 GB has less, and will do
DISK_GB = 4  # the environment takes 3 GB; pages and data a few hundred MB
INDEX = "https://pypi.org/simple/"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
# One complete set of these files, at any depth, is the data set.
DATA = {
    "Fashion-MNIST": [
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
        ["fashion-mnist_train.csv", "fashion-mnist_test.csv"],
    ],
    "A-Z letters": [["A_Z Handwritten Data.csv"]],
}

OK, NOTE, FIX = "ok", "note", "FIX"
Finding = namedtuple("Finding", "state what text")


def python_problem(version, executable=""):
    """Return why a Python will not do and what to install; nothing when it will.

    Args:
        version: of the interpreter, (major, minor, ...).
        executable: its path or name.
    """
    found = tuple(version[:2])
    if OLDEST <= found <= NEWEST:
        return ""
    newest, oldest = (".".join(map(str, one)) for one in (NEWEST, OLDEST))
    dotted = ".".join(map(str, found))
    name = f"{executable or 'this'} is Python {dotted}"
    if found > NEWEST:
        reason = f"TensorFlow has no wheel for Python {dotted} yet"
    else:
        reason = f"TensorFlow and the course need {oldest} or newer"
    return (
        f"This course needs Python 3.11, 3.12 or 3.13, and {name}: {reason}. Install Python "
        f"{newest} beside it (python.org/downloads, `uv python install {newest}`, `brew install "
        f"python@{newest}`, `conda create -n vae python={newest}`, or your system's package "
        f"manager), then name it: make run PYTHON=python{newest}, or without make: "
        f"python{newest} -m venv .venv"
    )


def check_python(version, executable, others):
    """Judge the interpreter; `others` are fitting ones on the path, the newest first."""
    text = "Python " + ".".join(map(str, version[:3]))
    problem = python_problem(version, executable)
    if not problem:
        return Finding(OK, "Python", text)
    if others:
        cure = f"{others[0]} is here: make run PYTHON={others[0]}"
        return Finding(FIX, "Python", f"{problem.split('. Install')[0]}. {cure}")
    return Finding(FIX, "Python", problem)


def check_packages(found, bounds):
    """Judge {package: version} of the environment, None without one, by the lowest versions."""
    if found is None:
        return Finding(
            NOTE, "packages", "nothing is installed yet: `make run` does it (3 GB, once)"
        )
    missing = sorted(name for name in bounds if name not in found)
    old = sorted(n for n in bounds if n in found and _numbers(found[n]) < _numbers(bounds[n]))
    if missing or old:
        parts = [f"missing: {', '.join(missing)}"] if missing else []
        told = ", ".join(f"{name} {found[name]}, needs {bounds[name]}" for name in old)
        parts += [f"too old: {told}"] if old else []
        cure = "pip install --upgrade -r requirements.txt -e . in that environment, or make run"
        return Finding(FIX, "packages", "; ".join(parts) + f". Cure: {cure}")
    shown = ", ".join(f"{n} {found[n]}" for n in ("tensorflow", "keras", "numpy") if n in found)
    return Finding(OK, "packages", shown)


def _numbers(version):
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def check_memory(total, available):
    """Judge the memory, in bytes; None where the system does not tell."""
    if total is None:
        return Finding(NOTE, "memory", f"not known here; {MEMORY_GB} GB are enough")
    text = f"{total / GB:.1f} GB"
    if total < MEMORY_GB * GB:
        cure = "run one notebook at a time, close other programs, or use VAE_FAST=1"
        state = FIX if total < LEAST_MEMORY_GB * GB else NOTE
        return Finding(state, "memory", f"{text}, and {MEMORY_GB} GB are comfortable: {cure}")
    if available is not None and available < MEMORY_GB / 2 * GB:
        free = f"{available / GB:.1f} GB free"
        return Finding(NOTE, "memory", f"{text}, {free}: close other programs before you begin")
    return Finding(OK, "memory", text)


def check_disk(free, installed):
    """Judge the free bytes of the disk; an environment that is there needs no more room."""
    needed = 1 if installed else DISK_GB
    text = f"{free / GB:.1f} GB free"
    if free < needed * GB:
        return Finding(FIX, "disk", f"{text}, and {needed} GB are needed: make room first")
    return Finding(OK, "disk", text)


def check_data(name, place, offline):
    """Judge where a data set was found; `place` is None when it is nowhere."""
    if place:
        return Finding(OK, name, f"found in {place}")
    if offline:
        where = (
            "set VAE_DATA_DIR to a folder that holds it; until then a synthetic stand-in is used"
        )
        return Finding(NOTE, name, f"not found, and VAE_OFFLINE is set: {where}")
    return Finding(NOTE, name, "not here yet: it is fetched once, or a synthetic stand-in is used")


def check_network(error, offline, installed):
    """Judge what asking the package index said; an empty error means that it answered."""
    if offline:
        return Finding(OK, "network", "not asked, VAE_OFFLINE is set; the course needs none")
    if not error:
        return Finding(OK, "network", "the package index answers")
    if installed:
        return Finding(OK, "network", f"none ({error}); not needed any more")
    cure = "installing needs it once; behind a proxy set HTTPS_PROXY, or PIP_INDEX_URL to a mirror"
    return Finding(FIX, "network", f"the package index does not answer ({error}): {cure}")


def check_browser(path):
    """Judge whether Chromium is here, which only the tests of pages need."""
    if path:
        return Finding(OK, "Chromium", path)
    return Finding(NOTE, "Chromium", "not here; only `make slow` wants it, to test the pages")


def check_training(result):
    """Judge a short training: a dictionary, an error as text, or None when it was not tried."""
    if result is None:
        return Finding(NOTE, "training", "not tried, since nothing is installed yet")
    if isinstance(result, str):
        return Finding(FIX, "training", f"it failed: {result}")
    steps = result["steps_per_second"]
    text = f"{steps:.0f} steps a second on {result['device']}, ELBO {result['elbo']:.0f} nats"
    if steps < SLOW_STEPS:
        return Finding(NOTE, "training", f"{text}: slow, so begin with VAE_FAST=1")
    return Finding(OK, "training", text)


PIP_SETTINGS = """
import json, subprocess, sys
line = [sys.executable, "-m", "pip", "config", "list"]
print(json.dumps(subprocess.run(line, stdout=subprocess.PIPE, text=True).stdout))
"""
VERSION = "import json, sys; print(json.dumps(list(sys.version_info[:3])))"
SLOW_STEPS = 60  # two busy cores make 150 or more
TRAINING = """
import json, time
import vae_helpers
import tensorflow as tf
from vae_helpers import recipes
from vae_helpers.data import synthetic_garments
images, _, _ = synthetic_garments(3000, seed=1)
vae = recipes.build(recipes.TWO_DIMENSIONS, images)
vae.fit(images, epochs=1, batch_size=60, verbose=0)
start, epochs = time.perf_counter(), 0
while time.perf_counter() - start < 5:
    history = vae.fit(images, epochs=1, batch_size=60, verbose=0)
    epochs += 1
seconds = time.perf_counter() - start
device = "a GPU" if tf.config.list_physical_devices("GPU") else "the CPU"
elbo = -float(history.history["loss"][-1])
assert elbo == elbo, "the loss is not a number"
print(json.dumps({"steps_per_second": epochs * 50 / seconds, "device": device, "elbo": elbo}))
"""


def ask(python, code, timeout=30):
    """Return what code prints as JSON in another interpreter, or the last line of its error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        run = subprocess.run(
            [str(python), "-c", code],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
        )
        return json.loads(run.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout} s"
    except (OSError, ValueError, IndexError):
        lines = run.stderr.strip().splitlines() if "run" in locals() else []
        return lines[-1] if lines else f"{python} does not run"


def environment_python(folder):
    """Return the interpreter of an environment, or None."""
    paths = [Path(folder, "bin", "python"), Path(folder, "Scripts", "python.exe")]
    return next((path for path in paths if path.exists()), None)


def installed(python, names):
    """Return {package: version} of an interpreter's environment."""
    code = (
        "import json, importlib.metadata as m\nfound = {}\n"
        f"for name in {sorted(names)!r}:\n"
        "    try: found[name] = m.version(name)\n"
        "    except m.PackageNotFoundError: pass\n"
        "print(json.dumps(found))"
    )
    answer = ask(python, code)
    return answer if isinstance(answer, dict) else {}


def lower_bounds(text):
    """Return {package: version} of a requirements.txt."""
    return dict(re.findall(r"^([A-Za-z0-9-]+)>=([0-9.]+)", text, re.MULTILINE))


def memory():
    """Return (total, available) bytes of memory, None for what the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
        return sizes["MemTotal"], sizes.get("MemAvailable")
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None
    except (AttributeError, OSError, ValueError):
        return None, None


def places(environment):
    """Return (words, folder) of each place where the course looks for data, in its order."""
    if environment.get("VAE_DATA_DIR"):
        return [("VAE_DATA_DIR", Path(environment["VAE_DATA_DIR"]).expanduser())]

    def folder(variable, default):
        return Path(environment.get(variable) or default).expanduser()

    return [
        ("the Kaggle inputs", folder("VAE_KAGGLE_INPUT", "/kaggle/input")),
        ("the cache", folder("VAE_CACHE_DIR", "~/.cache/vae_helpers")),
        ("Keras' cache", folder("KERAS_HOME", "~/.keras") / "datasets"),
        ("kagglehub's cache", folder("KAGGLEHUB_CACHE", "~/.cache/kagglehub") / "datasets"),
    ]


def find_data(sets, where):
    """Return the words for the first place that holds one set of files, or None.

    Args:
        sets: lists of file names; each list is complete in itself, and a file may end in .gz.
        where: of `places`.
    """
    for words, root in where:
        for folder, _, files in os.walk(root):
            present = {name[: -len(".gz")] if name.endswith(".gz") else name for name in files}
            if any(present.issuperset(names) for names in sets):
                return f"{words} ({folder})"
    return None


def package_index():
    """Return the address that pip asks: of the environment, its settings, or PyPI."""
    said = str(ask(sys.executable, PIP_SETTINGS))
    found = re.findall(r"^\w+\.index-url='([^']+)'", said, re.MULTILINE)
    return os.environ.get("PIP_INDEX_URL") or [INDEX, *found][-1]


def network_error(url):
    """Return why an address does not answer within five seconds; nothing when it does."""
    if url.startswith("file:") or "://" not in url:
        return ""  # a mirror on this machine
    try:  # without a name and a password, which are pip's to send
        urllib.request.urlopen(re.sub(r"(?<=://)[^/@]*@", "", url), timeout=5).close()
    except urllib.error.HTTPError:
        return ""  # it answered, if only to say no
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        # It answered: pip brings certificates of its own, which Python on macOS may lack.
        return "" if type(reason).__name__ == "SSLCertVerificationError" else str(reason)
    return ""


def other_pythons():
    """Return the names of fitting interpreters on the path, the newest first."""
    minors = range(NEWEST[1], OLDEST[1] - 1, -1)
    names = [f"python3.{minor}" for minor in minors]
    return [name for name in names if shutil.which(name) and isinstance(ask(name, VERSION), list)]


def examine(venv, train=True):
    """Yield a finding for each thing that the course needs."""
    offline = os.environ.get("VAE_OFFLINE", "").strip().lower() in {"1", "true", "yes", "on"}
    python = environment_python(venv)
    version, executable = sys.version_info[:3], sys.executable
    if python and isinstance(own := ask(python, VERSION), list):
        version, executable = own, str(python)
    others = other_pythons() if python_problem(version) else []
    yield check_python(version, executable, others)
    bounds = lower_bounds((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    packages = check_packages(installed(python, bounds) if python else None, bounds)
    ready = packages.state == OK
    yield packages
    yield check_memory(*memory())
    yield check_disk(shutil.disk_usage(ROOT).free, ready)
    for name, sets in DATA.items():
        yield check_data(name, find_data(sets, places(os.environ)), offline)
    error = "" if offline else network_error(package_index())
    yield check_network(error, offline, ready)
    yield check_browser(next(filter(None, map(shutil.which, CHROMIUM)), None))
    if train:
        yield check_training(ask(python, TRAINING, timeout=180) if ready else None)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", default=str(ROOT / ".venv"), help="the environment")
    parser.add_argument(
        "--python", action="store_true", help="only ask whether this Python will do"
    )
    parser.add_argument("--no-training", action="store_true", help="leave the short training out")
    options = parser.parse_args(arguments)
    if options.python:
        problem = python_problem(sys.version_info, sys.executable)
        print(problem, file=sys.stderr, end="\n" if problem else "")
        return 1 if problem else 0
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores")
    findings = []
    for finding in examine(options.venv, not options.no_training):
        print(f"  {finding.state:4}  {finding.what:13}  {finding.text}", flush=True)
        findings.append(finding)
    if any(finding.state == FIX for finding in findings):
        print("What is marked FIX stands in the way; the rest may stay as it is.")
        return 1
    ready = any(finding.what == "packages" and finding.state == OK for finding in findings)
    print(f"All is well. Begin with `{'make lab' if ready else 'make run'}`.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
