"""Take the README's pictures out of the notebooks, so that they are always what the code has drawn.

A cell tagged `readme-NAME` gives `docs/NAME.png`, the first picture it shows.
"""

import argparse
import base64
import sys

from coursetools.files import write_atomically
from coursetools.notebooks import ROOT, find_notebooks, read

TAG = "readme-"


def pictures(notebook):
    """Yield (name, PNG bytes) for each tagged cell; the bytes are None where it shows nothing."""
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            if tag.startswith(TAG):
                shown = [output.get("data", {}) for output in cell.get("outputs", [])]
                found = [data["image/png"] for data in shown if "image/png" in data]
                yield tag.removeprefix(TAG), base64.b64decode(found[0]) if found else None


def main(arguments=None, prog=None):
    argparse.ArgumentParser(prog, description=__doc__.splitlines()[0]).parse_args(arguments)
    for path in find_notebooks():
        for name, picture in pictures(read(path)):
            if picture is None:
                sys.exit(f"{path.name} shows no picture for {name!r}: run `make notebooks` first")
            write_atomically(ROOT / "docs" / f"{name}.png", picture)
    return 0
