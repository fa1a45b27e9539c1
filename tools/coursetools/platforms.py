"""Execute the standalone notebooks in fast mode on each platform's versions, and write the table.

    python -m coursetools platforms                       # goes on where it was stopped
    python -m coursetools platforms --platform colab --only 01 02
    python -m coursetools platforms --table               # execute nothing, write the table anew

A platform is a Python and a file of pins in tests/platforms/, or the newest or lowest versions
that the course allows. Each gets an environment below .venv-platforms/. What was executed is kept
in tests/platforms/results.json with the hash of the file and the versions that it met: only what
is not there yet, or failed, is executed.
"""

import argparse
import datetime
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from coursetools import environments, notebooks
from coursetools.files import between, write_atomically
from coursetools.render import kaggle

ROOT = notebooks.ROOT
PINS = ROOT / "tests" / "platforms"
RESULTS = PINS / "results.json"
PAGE = ROOT / "docs" / "platforms.md"
README = ROOT / "README.md"
SHOWN = ("tensorflow", "keras", "numpy")  # the versions that the table's head names


@dataclass(frozen=True)
class Platform:
    """What a notebook meets somewhere.

    Attributes:
        name: as on the command line; pins stand in ``tests/platforms/<name>.txt``, if there.
        title: as in the table.
        python: version of the interpreter, such as ``3.12``.
    """

    name: str
    title: str
    python: str

    def pins(self) -> str:
        """Return the constraints for pip; nothing for the newest versions."""
        if self.name == "lowest":
            texts = [(ROOT / name).read_text("utf-8") for name in environments.BOUNDS]
            return environments.lowest("\n".join(texts))
        file = PINS / f"{self.name}.txt"
        return file.read_text(encoding="utf-8") if file.exists() else ""


PLATFORMS = [
    Platform("newest", "newest", "3.13"),
    Platform("lowest", "lowest", "3.11"),
    Platform("kaggle", "Kaggle, NumPy 2.0", "3.12"),
    Platform("kaggle-numpy24", "Kaggle, NumPy 2.4", "3.12"),
    Platform("colab", "Colab", "3.13"),
]


def load(path: Path = RESULTS) -> dict:
    """Return what has been executed: {platform: {notebook: cell}}."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def fingerprint(path: Path) -> str:
    """Return a hash of the code that platforms execute: a notebook's cells and its helpers."""
    rendered = kaggle.render(notebooks.read(path), ROOT / kaggle.PACKAGE)
    code = [cell.source for cell in rendered.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()[:16]


def state(cell: Mapping | None, print_of: str, versions: Mapping | None = None) -> str:
    """Return what a stored cell says of a notebook as it is now.

    Args:
        cell: of the results; None when there is none.
        print_of: the notebook's fingerprint.
        versions: those of the environment; None leaves them uncompared.

    Returns:
        "ok", "failed", "changed" (it ran before the notebook, the helpers or the versions changed)
        or "not run".
    """
    if cell is None:
        return "not run"
    if cell["hash"] != print_of or (versions is not None and cell["versions"] != versions):
        return "changed"
    return "failed" if cell["error"] else "ok"


def run_platform(
    platform: Platform,
    paths: Iterable[Path],
    results: dict,
    execute: Callable,
    versions: Mapping,
    say: Callable = print,
    save: Callable = lambda results: None,
) -> list[str]:
    """Execute what a platform's results lack.

    Args:
        platform: which.
        paths: the notebooks.
        results: of `load`; changed in place, and saved after each notebook.
        execute: function of a path that returns an ``execute.Result``.
        versions: of the environment that `execute` uses.
        say: prints a line.
        save: keeps the results.

    Returns:
        the names of the notebooks that failed.
    """
    cells, failed = results.setdefault(platform.name, {}), []
    for path in paths:
        name, now = notebooks.name_of(path), fingerprint(path)
        if state(cells.get(name), now, versions) == "ok":
            say(f"{platform.title}: {name}  ok on {cells[name]['date']}, not repeated")
            continue
        result = execute(path)
        cells[name] = {
            "hash": now,
            "versions": dict(versions),
            "date": datetime.date.today().isoformat(),
            "seconds": round(result.seconds, 1),
            "error": result.error,
        }
        save(results)
        say(f"{platform.title}: {name}  {result.seconds:.1f} s  {result.verdict}", flush=True)
        if result.error:
            failed.append(name)
    return failed


def table(results: Mapping, prints: Mapping[str, str]) -> str:
    """Return the matrix as Markdown: one row a notebook, one column a platform.

    Args:
        results: of `load`.
        prints: {notebook: fingerprint} of the notebooks that shall have a row.
    """
    columns = [results.get(platform.name, {}) for platform in PLATFORMS]
    lines = [
        "| notebook | " + " | ".join(platform.title for platform in PLATFORMS) + " |",
        "|---|" + "---|" * len(PLATFORMS),
    ]
    for what in ("python", *SHOWN):
        row = [
            ", ".join(sorted({c["versions"][what] for c in cells.values()})) for cells in columns
        ]
        lines.append(f"| *{_LABELS[what]}* | " + " | ".join(row) + " |")
    dates = [sorted({cell["date"] for cell in cells.values()}) for cells in columns]
    lines.append(
        "| *executed* | "
        + " | ".join(" to ".join(dict.fromkeys(d[:1] + d[-1:])) for d in dates)
        + " |"
    )
    reds = []
    for name, now in prints.items():
        words = []
        for platform, cells in zip(PLATFORMS, columns, strict=True):
            cell = cells.get(name)
            words.append(_word(cell, now))
            if state(cell, now) == "failed":
                reds.append(f"- {name} on {platform.title}: {cell['error']}")
        lines.append(f"| {name} | " + " | ".join(words) + " |")
    return "\n".join([*lines, "", summary(results, prints), *(["", *reds] if reds else [])])


_LABELS = {"python": "Python", "tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy"}


def _word(cell, now):
    found = state(cell, now)
    if found == "ok":
        return f"ok, {cell['seconds']:.0f} s"
    if found == "failed":
        return "**FAILED**"
    if found == "changed":
        before = "failed" if cell["error"] else "ok"
        return f"not run since a change ({before} on {cell['date']})"
    return "not run"


def summary(results: Mapping, prints: Mapping[str, str]) -> str:
    """Return in one sentence how many of the matrix's cells are green, and name each red one."""
    found = {
        (platform.title, name): state(results.get(platform.name, {}).get(name), now)
        for platform in PLATFORMS
        for name, now in prints.items()
    }
    green = sum(word == "ok" for word in found.values())
    red = [f"{name} on {title}" for (title, name), word in found.items() if word == "failed"]
    waiting = len(found) - green - len(red)
    parts = [f"Of {len(found)} pairs of a platform and a notebook {green} ran to their end"]
    parts += [f"{len(red)} failed ({', '.join(red)})"] if red else []
    parts += [f"{waiting} have not been run in their present text"] if waiting else []
    return ", ".join(parts) + "."


def write_tables(results: Mapping) -> None:
    """Write the matrix into docs/platforms.md and its summary into the README."""
    prints = {notebooks.name_of(p): fingerprint(p) for p in main_line()}
    for page, name, lines in (
        (PAGE, "matrix", table(results, prints)),
        (README, "platforms", summary(results, prints)),
    ):
        begin, end = f"<!-- {name}: written by make platforms -->", f"<!-- /{name} -->"
        write_atomically(page, between(page.read_text(encoding="utf-8"), begin, end, lines))


def main_line(only: Iterable[str] = ()) -> list[Path]:
    """Return the main line's notebooks, without the deeper pages."""
    found = notebooks.find_notebooks(only=only)
    return [path for path in found if path.parent.name != notebooks.DEEPER]


def choose(names: Iterable[str]) -> list[Platform]:
    """Return the platforms of these names, all when none is given.

    Raises:
        SystemExit: for a name that is none.
    """
    known = {platform.name: platform for platform in PLATFORMS}
    for name in names:
        if name not in known:
            raise SystemExit(f"No platform is called {name!r}. There are: {', '.join(known)}.")
    return [known[name] for name in names] or PLATFORMS


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(prog, description=__doc__.splitlines()[0])
    parser.add_argument("--platform", nargs="*", default=[], help="names; all when left out")
    parser.add_argument("--only", nargs="*", default=[], help="beginnings of names, such as 02")
    parser.add_argument("--table", action="store_true", help="execute nothing")
    options = parser.parse_args(arguments)
    os.environ["VAE_FAST"] = "1"
    chosen, results, red, missing = choose(options.platform), load(), [], []
    for platform in () if options.table else chosen:
        python = environments.find_python(platform.python)
        if python is None:
            missing.append(f"{platform.title}: not run, there is no Python {platform.python} here")
            continue
        try:
            interpreter = environments.prepare(platform.name, python, platform.pins())
        except subprocess.CalledProcessError as error:
            missing.append(f"{platform.title}: not run, pip could not install it: {error}")
            continue
        red += [
            f"{name} on {platform.title}"
            for name in run_platform(
                platform,
                main_line(options.only),
                results,
                lambda path, interpreter=interpreter: _execute_alone(path, interpreter),
                environments.versions(interpreter),
                save=lambda results, name=platform.name: _save(results, name),
            )
        ]
    write_tables(load())
    for line in missing:
        print(line)
    print(f"{PAGE.relative_to(ROOT)} is written." + (f" Failed: {', '.join(red)}." if red else ""))
    return 1 if red or missing else 0


def _execute_alone(path, interpreter):
    from coursetools.render import standalone  # only here: a table needs no kernel

    return standalone.execute_alone(path, interpreter)[1]


def _save(results, name):
    """Keep a platform's results, beside what another process may have kept of the others."""
    results = {**load(), name: results[name]}
    write_atomically(RESULTS, json.dumps(results, indent=1, sort_keys=True) + "\n")
