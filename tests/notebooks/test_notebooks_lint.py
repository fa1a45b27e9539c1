"""The committed notebooks keep the promises that `coursetools lint` checks."""

import pytest
from coursetools import lint, notebooks

NOTEBOOKS = sorted(notebooks.NOTEBOOKS.glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_has_no_fault(path):
    faults = [fault for fault in lint.lint_file(path) if not fault.is_warning]
    assert not faults, "\n".join([path.name, *faults])
