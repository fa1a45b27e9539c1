"""What tests of several folders share."""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


def notebook_of(*sources):
    """Return a notebook of a title and cells of code."""
    cells = [new_markdown_cell("# Title"), *(new_code_cell(source) for source in sources)]
    return new_notebook(cells=cells)
