"""Collect what learners exported with `record.export`: one table, a row a learner.

    python -m coursetools progress FOLDER --out progress.csv

FOLDER holds `progress-<learner>.json` files, at any depth. They say what a learner's own kernel
found; nothing is executed or judged here. Of two files of one learner the later one counts, which
is said. The exit status is 1 when a file could not be read, 2 when there is none.
"""

import argparse
import csv
import io
import json
from pathlib import Path

from coursetools.files import write_atomically
from coursetools.grade.results import harmless

PATTERN = "progress-*.json"


def read(path: Path) -> dict:
    """Return what one learner exported.

    Raises:
        ValueError: when the file is no export.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("notebooks"), dict):
        raise ValueError("it is no export of `record.export`")
    return {
        "learner": str(content.get("learner") or path.stem),
        "when": str(content.get("when", "")),
        "states": {
            f"{notebook}.{name}": str(entry.get("state", ""))
            for notebook, entries in sorted(content["notebooks"].items())
            for name, entry in entries.items()
        },
    }


def table(exports: list[dict]) -> str:
    """Return the CSV: learner, time, how many are right, and the state of each question."""
    columns = dict.fromkeys(sorted(name for one in exports for name in one["states"]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["learner", "when", "right", *columns])
    for one in exports:
        states = one["states"]
        done = sum(state == "right" for state in states.values())
        row = [harmless(one["learner"]), one["when"], done]
        writer.writerow([*row, *(harmless(states.get(name, "")) for name in columns)])
    return text.getvalue()


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(
        prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("progress.csv"))
    options = parser.parse_args(arguments)
    paths = sorted(options.folder.rglob(PATTERN))
    if not paths:
        print(f"{options.folder} holds no {PATTERN}: learners write it with record.export('Name').")
        return 2
    latest, failed = {}, 0
    for path in paths:
        try:
            one = read(path)
        except (OSError, ValueError, AttributeError) as error:
            print(f"unreadable: {path}: {error}")
            failed += 1
            continue
        key = one["learner"].casefold()
        if key in latest:
            print(f"handed in twice: {one['learner']}; the later one counts")
        if key not in latest or one["when"] > latest[key]["when"]:
            latest[key] = one
    write_atomically(options.out, table([latest[key] for key in sorted(latest)]))
    print(f"{len(latest)} learners: {options.out}")
    return 1 if failed else 0
