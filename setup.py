"""Stop pip with words when this Python has no TensorFlow; all else is in pyproject.toml."""

import runpy
import sys
from pathlib import Path

from setuptools import setup

DOCTOR = Path(__file__).resolve().parent / "tools" / "doctor.py"
if DOCTOR.exists():  # in a clone or its zip file, not in a source distribution
    problem = runpy.run_path(str(DOCTOR))["python_problem"](sys.version_info, sys.executable)
    if problem:
        sys.exit(problem)
setup()
