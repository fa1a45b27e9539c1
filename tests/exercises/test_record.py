"""What is solved survives a kernel restart, and nothing fails where it cannot be kept."""

import json
import re
import types
from pathlib import Path

import pytest

from vae_helpers import exercises, settings
from vae_helpers.exercises import nb05, nb14_own, record
from vae_helpers.exercises.question import questions


class Events:
    def __init__(self):
        self.registered = []

    def register(self, event, function):
        self.registered.append((event, function))

    def unregister(self, event, function):
        if (event, function) not in self.registered:
            raise ValueError(event)
        self.registered.remove((event, function))


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A kernel's shell, in full mode, in an empty folder."""
    import IPython

    shell = types.SimpleNamespace(kernel=object(), events=Events())
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(settings, "FAST", False)
    monkeypatch.delenv("VAE_PROGRESS", raising=False)
    monkeypatch.chdir(tmp_path)
    yield shell
    restart()


def restart():
    """As a new kernel has it."""
    record._written.clear()
    for question in questions(nb05):
        question.state, question.tries = "not attempted", 0


def run_cell(shell, answer):
    nb05.bits_per_dimension.check(answer)
    for _, function in shell.events.registered:
        function(None)


def test_what_was_solved_is_there_after_a_restart(shell):
    record.keep(nb05)
    run_cell(shell, 3.0)
    run_cell(shell, nb05.bits_per_dimension.answer)
    restart()
    record.keep(nb05)
    assert re.search(r"bits_per_dimension +right \(2 tries\)", str(exercises.progress()))


def test_loading_a_notebooks_questions_restores_them(shell, monkeypatch, tmp_path):
    entry = {"nb05": {"cure": {"state": "wrong", "tries": 4}}}
    (tmp_path / record.FILE).write_text(json.dumps(entry))
    monkeypatch.delattr(exercises, "nb05")  # as if nobody had asked for it yet
    assert exercises.nb05.cure.tries == 4


def test_a_blank_leaves_no_file_and_each_change_is_written_once(shell, tmp_path):
    record.keep(nb05)
    run_cell(shell, exercises.____)
    assert not list(tmp_path.iterdir())
    run_cell(shell, 3.0)
    file = tmp_path / record.FILE
    file.unlink()
    for _, function in shell.events.registered:
        function(None)
    assert not file.exists()


def test_other_notebooks_in_the_folder_keep_their_entries(shell, tmp_path):
    other = {"nb99": {"other": {"state": "right", "tries": 1}}}
    (tmp_path / record.FILE).write_text(json.dumps(other))
    record.keep(nb05)
    run_cell(shell, 3.0)
    kept = json.loads((tmp_path / record.FILE).read_text())
    assert kept["nb99"] == other["nb99"] and "bits_per_dimension" in kept["nb05"]


DAMAGED = ["", "{", "[1]", '{"nb05": 3}', '{"nb05": {"cure": {"state": "best", "tries": 1}}}']


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_is_as_good_as_none(shell, tmp_path, text):
    (tmp_path / record.FILE).write_text(text)
    record.keep(nb05)
    assert nb05.cure.state == "not attempted"
    run_cell(shell, 3.0)
    assert json.loads((tmp_path / record.FILE).read_text())["nb05"]["bits_per_dimension"]


def test_a_folder_that_cannot_be_written_fails_no_check(shell, monkeypatch):
    def no(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr(record, "write_atomically", no)
    record.keep(nb05)
    run_cell(shell, 3.0)
    assert nb05.bits_per_dimension.tries == 1


@pytest.mark.parametrize(("name", "value"), [("VAE_PROGRESS", "0"), ("VAE_PROGRESS", "off")])
def test_it_is_off_when_the_environment_says_so(shell, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    record.keep(nb05)
    assert not shell.events.registered


def test_it_is_off_in_fast_mode_and_outside_of_a_notebook(shell, monkeypatch):
    monkeypatch.setattr(settings, "FAST", True)
    record.keep(nb05)
    monkeypatch.setattr(settings, "FAST", False)
    del shell.kernel
    record.keep(nb05)
    assert not shell.events.registered


def test_what_is_exported_names_the_learner_and_the_states(shell, tmp_path):
    record.keep(nb05)
    run_cell(shell, nb05.bits_per_dimension.answer)
    path = record.export("Ada L./../x")
    assert path.parent.resolve() == tmp_path.resolve() or path.parent.name in ("", ".")
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["learner"] == "Ada L./../x"
    assert content["notebooks"]["nb05"]["bits_per_dimension"] == {"state": "right", "tries": 1}
    with pytest.raises(ValueError, match="expected a name"):
        record.export(" ")


def test_forgetting_starts_again(shell, tmp_path):
    record.keep(nb05)
    run_cell(shell, 3.0)
    nb14_own.kept_variance.check(-1.0)  # of a deeper page with a module of its own
    record.forget()
    assert nb05.bits_per_dimension.tries == 0 and not list(tmp_path.iterdir())
    assert nb14_own.kept_variance.tries == 0


@pytest.mark.slow
def test_a_real_kernel_finds_after_a_restart_what_another_has_solved(tmp_path, monkeypatch):
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    monkeypatch.setenv("VAE_FAST", "0")
    monkeypatch.delenv("VAE_PROGRESS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(exercises.__file__).parents[2]))
    load = new_code_cell("from vae_helpers.exercises import nb05, progress")
    check = new_code_cell("nb05.bits_per_dimension.check(nb05.bits_per_dimension.answer)")
    show = new_code_cell("print(progress())")
    for cells in ([load, check], [load, show]):
        notebook = new_notebook(cells=cells)
        resources = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, kernel_name="python3", resources=resources).execute()
    assert [path.name for path in tmp_path.iterdir()] == [record.FILE]
    assert re.search(r"bits_per_dimension +right \(1 try\)", show.outputs[0].text)
