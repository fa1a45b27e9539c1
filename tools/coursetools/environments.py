"""Environments with the versions of a hosted platform: an interpreter found, packages pinned."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from coursetools.notebooks import ROOT

# What a hosted notebook finds there already.
HOSTED = (
    *("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "pandas", "matplotlib", "pillow"),
    *("pooch", "ipywidgets", "tqdm", "ipython", "ipykernel"),
)
ENVIRONMENTS = ROOT / ".venv-platforms"
BOUNDS = ("requirements.txt", "pyproject.toml")  # where the lower bounds stand

_ASK = """
import importlib.metadata, json, platform
found = {"python": platform.python_version()}
for name in %r:
    found[name] = importlib.metadata.version(name)
print(json.dumps(found))
"""


def lowest(text: str) -> str:
    """Return the lower bounds of a requirements.txt or pyproject.toml as pins."""
    bounds = re.findall(r'^[ "]*([A-Za-z0-9-]+)>=([0-9.]+)', text, re.MULTILINE)
    return "".join(f"{name}=={version}\n" for name, version in dict(bounds).items())


def find_python(version: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return an interpreter of a version such as "3.12": on the path, or one that pyenv has built.

    Args:
        version: major and minor.
        environment: where PATH, PYENV_ROOT and HOME stand.
    """
    pyenv = Path(environment.get("PYENV_ROOT") or f"{environment.get('HOME', '~')}/.pyenv")
    built = sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))
    on_path = shutil.which(f"python{version}", path=environment.get("PATH"))
    for candidate in filter(None, [on_path, *map(str, reversed(built))]):
        ask = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        said = subprocess.run(ask, capture_output=True, text=True, check=False)
        if said.stdout.strip() == version:  # a shim of pyenv may be there and answer nothing
            return candidate
    return None


def prepare(name: str, python: str, pins: str, folder: Path = ENVIRONMENTS) -> str:
    """Return the interpreter of an environment with these pins, made when it is not there.

    Args:
        name: of the environment.
        python: the interpreter to make it with.
        pins: constraints for pip; nothing takes the newest versions.
        folder: where the environments lie.

    Raises:
        subprocess.CalledProcessError: when pip finds no such versions.
    """
    home, made = folder / name, folder / f"{name}.txt"
    interpreter = str(home / "bin" / "python")  # not resolved: an environment's is a link
    if made.exists() and made.read_text(encoding="utf-8") == pins and Path(interpreter).exists():
        return interpreter
    print(f"Installing {name} into {home.relative_to(ROOT)} (some minutes, once)", flush=True)
    made.unlink(missing_ok=True)
    subprocess.run([python, "-m", "venv", "--clear", str(home)], check=True)
    wanted = folder / f"{name}.pins"
    wanted.write_text(pins, encoding="utf-8")
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--constraint", str(wanted), *HOSTED], check=True)
    wanted.replace(made)  # last: an environment that is half made is made again
    return interpreter


def versions(interpreter: str) -> dict[str, str]:
    """Return {package: version} of an environment, and its Python's under "python"."""
    ask = [interpreter, "-c", _ASK % (HOSTED,)]
    return json.loads(subprocess.run(ask, capture_output=True, text=True, check=True).stdout)
