"""Executing notebooks: each failure is named, and only what readers should see is written back."""

import os
import sys

import nbformat
import pytest
from coursetools import execute, notebooks
from coursetools.render import html, standalone
from nbformat.v4 import new_code_cell, new_markdown_cell
from support import command, write


@pytest.fixture(scope="module")
def a_run(tmp_path_factory):
    """One run of three notebooks, the second of which fails in its third cell."""
    root = tmp_path_factory.mktemp("run")
    heading = new_markdown_cell("# First\n\n[second](02_broken.ipynb)")
    write(root / "in", "01_first.ipynb", heading, new_code_cell("print('first ran')"))
    broken = [new_markdown_cell("# Second"), new_code_cell("x = 1")]
    broken += [new_code_cell("raise ValueError('the reason')"), new_code_cell("print('never')")]
    write(root / "in", "02_broken.ipynb", *broken)
    show = new_code_cell("import os\nprint('fast is', os.environ.get('VAE_FAST'))")
    write(root / "in", "03_third.ipynb", new_markdown_cell("# Third"), show)
    before = {path.name: path.read_bytes() for path in (root / "in").iterdir()}
    run = command("execute", "--fast", "--notebooks", root / "in", "--build", root / "out")
    return root, before, run


def test_a_failing_notebook_is_named_with_its_cell_and_error_and_the_status_says_so(a_run):
    _, _, run = a_run
    assert run.returncode == 1
    line = next(line for line in run.stdout.splitlines() if "02_broken" in line)
    assert "FAILED in cell 3: ValueError: the reason" in line
    assert "Failed: 02_broken." in run.stdout


def test_the_notebooks_after_a_failing_one_still_run(a_run):
    root, _, run = a_run
    line = next(line for line in run.stdout.splitlines() if "03_third" in line)
    assert line.startswith("[3/3]") and line.endswith("ok")
    assert "fast is 1" in (root / "out" / "html" / "03_third.html").read_text()


def test_a_failing_notebook_still_gets_its_page_with_the_error_on_it(a_run):
    root, _, _ = a_run
    page = (root / "out" / "html" / "02_broken.html").read_text()
    assert "ValueError" in page and "the reason" in page


def test_the_index_lists_every_notebook_with_its_result(a_run):
    root, _, run = a_run
    index = (root / "out" / "html" / "index.html").read_text()
    for name in ("01_first", "02_broken", "03_third"):
        assert f'href="{name}.html"' in index
    assert "FAILED in cell 3: ValueError: the reason" in index
    assert "2 of 3 notebooks ran to their end in fast mode." in index
    assert run.stdout.rstrip().endswith("index.html")


def test_a_run_leaves_the_notebooks_alone_and_keeps_noise_off_the_terminal(a_run):
    root, before, run = a_run
    assert {path.name: path.read_bytes() for path in (root / "in").iterdir()} == before
    assert run.stderr == ""


def test_links_between_notebooks_lead_from_page_to_page(a_run):
    root, _, _ = a_run
    assert 'href="02_broken.html"' in (root / "out" / "html" / "01_first.html").read_text()


def test_a_page_that_cannot_be_written_does_not_keep_the_others_from_theirs(tmp_path, monkeypatch):
    paths = [write(tmp_path, f"0{number}_any.ipynb", new_code_cell("1")) for number in (1, 2)]
    draw = html.page

    def fails_once(notebook, name):
        if name == "01_any":
            raise RuntimeError("no page today")
        return draw(notebook, name)

    monkeypatch.setattr(html, "page", fails_once)
    results = execute.run(paths, tmp_path / "build", say=lambda *_, **__: None)
    assert [result.error for result in results] == [
        "writing its page: RuntimeError: no page today",
        "",
    ]
    assert (tmp_path / "build" / "html" / "02_any.html").exists()


def test_a_kernel_that_dies_is_a_failure_like_another(tmp_path):
    path = write(tmp_path, "01_dies.ipynb", new_code_cell("import os\nos._exit(1)"))
    _, result = execute.execute(path)
    assert result.error.startswith("cell 1: ") and "died" in result.error


def test_what_libraries_write_past_the_notebook_stays_off_the_terminal(tmp_path, capfd):
    noise = "import os\nos.system('echo noise >&2')\nos.write(2, b'noise')"
    path = write(tmp_path, "01_noise.ipynb", new_code_cell(noise))
    _, result = execute.execute(path)
    assert result.ok
    assert "noise" not in capfd.readouterr().err


def test_a_kernel_that_cannot_start_says_why(tmp_path):
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho 'No module named ipykernel' >&2\nexit 1\n")
    bare.chmod(0o755)
    path = write(tmp_path, "01_any.ipynb", new_code_cell("1"))
    kernel = standalone.kernel_of(bare, tmp_path / "kernels")
    _, result = execute.execute(path, kernel=kernel)
    assert result.error.startswith("starting its kernel: ")
    assert result.error.endswith("No module named ipykernel")


def test_a_cell_that_takes_too_long_is_given_up(tmp_path):
    path = write(tmp_path, "01_slow.ipynb", new_code_cell("import time\ntime.sleep(60)"))
    _, result = execute.execute(path, timeout=1)
    assert result.error == "cell 1: it took longer than 1 s"


def run_and_write_back(path):
    build = path.parent / "build"
    return execute.run([path], build, write_back=True, html=False, say=lambda *_, **__: None)


def test_outputs_are_written_back_tidy_and_the_sources_and_ids_stay(tmp_path):
    cells = [new_markdown_cell("# Title"), new_code_cell("print('a')\nprint('b')")]
    cells.append(new_code_cell("1 + 1"))
    path = write(tmp_path, "01_good.ipynb", *cells)
    (result,) = run_and_write_back(path)
    after = notebooks.read(path)
    assert result.ok
    assert [cell.id for cell in after.cells] == [cell.id for cell in cells]
    assert [cell.source for cell in after.cells] == [cell.source for cell in cells]
    assert [cell.execution_count for cell in after.cells[1:]] == [1, 2]
    assert after.cells[1].outputs[0].text == "a\nb\n"
    assert after.metadata.kernelspec.name == "python3"
    assert "version" not in after.metadata.language_info
    assert after.cells[2].metadata == {}
    nbformat.validate(after)


def test_writing_back_twice_gives_the_same_file(tmp_path):
    path = write(tmp_path, "01_good.ipynb", new_code_cell("print('a')"))
    run_and_write_back(path)
    once = path.read_bytes()
    run_and_write_back(path)
    assert path.read_bytes() == once


DRAWN = """
class ImageDataset:
    name, source, is_real = "letters", "drawn", False
data = ImageDataset()
"""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("print('/home/someone/data')", "a path of this machine: /home/someone/data"),
        (f"print({str(notebooks.ROOT)!r})", "a path of this machine"),
        (DRAWN, "letters: drawn"),
    ],
)
def test_what_readers_should_not_see_is_not_written_back(tmp_path, source, reason):
    path = write(tmp_path, "01_bad.ipynb", new_code_cell(source))
    before = path.read_bytes()
    (result,) = run_and_write_back(path)
    assert reason in result.error
    assert path.read_bytes() == before


def test_fast_outputs_are_never_written_back(tmp_path, capsys):
    path = write(tmp_path, "01_good.ipynb", new_code_cell("print('a')"))
    before = path.read_bytes()
    with pytest.raises(SystemExit):
        execute.main(["--write", "--fast", "--notebooks", str(tmp_path)])
    assert "full mode" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_what_a_run_wrote_can_be_read_again_and_what_it_did_not_is_named(a_run):
    root, _, _ = a_run
    notebook, result = execute.executed(root / "in" / "03_third.ipynb", root / "out")
    assert result.ok and result.seconds > 0 and result.cells[0]["cell"] == 2
    assert notebook.cells[1].outputs
    with pytest.raises(FileNotFoundError, match="report.json knows no run of 09_none"):
        execute.executed(root / "in" / "09_none.ipynb", root / "out")


def test_a_kernel_that_was_given_ends_with_its_notebook(tmp_path):
    write(tmp_path, "01_a.ipynb", new_code_cell("import os\nprint(os.getpid())"))
    kernel = standalone.kernel_of(sys.executable, tmp_path / "kernels")
    notebook, result = execute.execute(tmp_path / "01_a.ipynb", kernel=kernel)
    assert result.ok, result.error
    with pytest.raises(ProcessLookupError):
        os.kill(int(notebook.cells[0].outputs[0].text), 0)
