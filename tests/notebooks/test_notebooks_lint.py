"""The committed notebooks keep the promises that `coursetools lint` checks."""

import pytest
from coursetools import lint, notebooks

NOTEBOOKS = notebooks.find_notebooks()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=notebooks.name_of)
def test_notebook_has_no_fault(path):
    faults = [fault for fault in lint.lint_file(path) if not fault.is_warning]
    assert not faults, "\n".join([path.name, *faults])
