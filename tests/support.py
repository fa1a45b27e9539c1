"""What tests of several folders share."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from coursetools import notebooks
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
        "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
    )
).decode()


def notebook_of(*sources):
    """Return a notebook of a title and cells of code."""
    cells = [new_markdown_cell("# Title"), *(new_code_cell(source) for source in sources)]
    return new_notebook(cells=cells)


def no_browser(reason):
    """Skip and say why, or fail where a browser is required."""
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason}, and REQUIRE_BROWSER=1", pytrace=False)
    pytest.skip(reason)


def write(folder, name, *cells):
    """Write a notebook of these cells, and return its path."""
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def python(*arguments):
    """Run Python with the tools in reach."""
    environment = {**os.environ, "PYTHONPATH": str(notebooks.ROOT / "tools")}
    line = [sys.executable, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, env=environment)


def command(*arguments):
    """Run a command of the tools."""
    return python("-m", "coursetools", *arguments)
