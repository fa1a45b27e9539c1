"""What tests of several folders share."""

import os

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


def notebook_of(*sources):
    """Return a notebook of a title and cells of code."""
    cells = [new_markdown_cell("# Title"), *(new_code_cell(source) for source in sources)]
    return new_notebook(cells=cells)


def no_browser(reason):
    """Skip and say why, or fail where a browser is required."""
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason}, and REQUIRE_BROWSER=1", pytrace=False)
    pytest.skip(reason)
