"""The command line, the Makefile, and what is required."""

import re
import stat
import subprocess
import sys
import tomllib

import pytest
from coursetools import notebooks
from nbformat.v4 import new_markdown_cell
from support import command, no_browser, python, write


def test_the_tools_start_without_tensorflow():
    code = "import sys; from coursetools import execute, lint, pictures, tidy\n"
    code += "from coursetools.render import html, kaggle; print('tensorflow' in sys.modules)"
    run = python("-c", code)
    assert run.stdout == "False\n", run.stderr


def test_the_command_line_lists_its_commands_and_hands_its_arguments_on(tmp_path):
    usage = command()
    assert usage.returncode == 2 and "render kaggle" in usage.stdout
    write(tmp_path, "01_a.ipynb", new_markdown_cell("# A"))
    done = command("render", "html", "--notebooks", tmp_path, "--build", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "html" / "01_a.html").exists()


def fake_python(tmp_path, version):
    """An interpreter that says it is of another version."""
    path = tmp_path / "python"
    code = f"import runpy, sys; sys.version_info = {version}; del sys.argv[0]"
    code += "; runpy.run_path(sys.argv[0], run_name='__main__')"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 14, 0)])
def test_make_refuses_a_python_that_was_not_tried_before_it_makes_anything(tmp_path, version):
    venv = tmp_path / "venv"
    command = ["make", "run", f"PYTHON={fake_python(tmp_path, version)}", f"VENV={venv}"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=notebooks.ROOT)
    assert run.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13" in run.stderr
    assert f"is Python {version[0]}.{version[1]}: " in run.stderr
    assert "make run PYTHON=python3.13" in run.stderr
    assert not venv.exists()


def test_what_needs_a_browser_is_skipped_without_one_and_fails_where_one_is_required(monkeypatch):
    monkeypatch.delenv("REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        no_browser("no Chromium")
    monkeypatch.setenv("REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium, and REQUIRE_BROWSER=1"):
        no_browser("no Chromium")


def test_requirements_are_lower_bounds_each_with_its_reason():
    lines = (notebooks.ROOT / "requirements.txt").read_text().splitlines()
    for line in (line for line in lines if not line.startswith("#")):
        assert re.fullmatch(r"[a-z0-9-]+>=[0-9.]+ +# .+", line), line


def test_what_the_package_needs_stands_in_the_requirements_with_the_same_bounds():
    lines = (notebooks.ROOT / "requirements.txt").read_text().split("# Beside the package")[0]
    bounds = [line.split()[0] for line in lines.splitlines() if not line.startswith("#")]
    project = tomllib.loads((notebooks.ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == bounds
    for extra in project["optional-dependencies"].values():
        assert all(re.fullmatch(r"[a-z0-9-]+>=[0-9.]+", bound) for bound in extra)
