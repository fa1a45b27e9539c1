"""The committed notebooks keep the promises that tools/lint_notebooks.py checks."""

import course
import lint_notebooks
import pytest

NOTEBOOKS = sorted(course.NOTEBOOKS.glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_has_no_fault(path):
    faults = [fault for fault in lint_notebooks.lint_file(path) if not fault.is_warning]
    assert not faults, "\n".join([path.name, *faults])
