"""Execute the notebooks in order, and write them as HTML pages or back into their files.

    python -m coursetools execute                  # full mode, pages in build/html/
    python -m coursetools execute --fast --only 02 # fast mode, one notebook
    python -m coursetools execute --write          # full mode, outputs written back into notebooks/

A notebook that fails is named with its cell and error, the others still run, and the exit status
is 1.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from coursetools import notebooks, tidy
from coursetools.files import write_atomically

# Asked of the kernel after the last cell: which data sets it holds, and its peak of memory.
PROBE = """
def _probe():
    import json, sys
    from IPython import get_ipython
    values = list(get_ipython().user_ns.values())
    sets = [value for value in values if type(value).__name__ == "ImageDataset"]
    try:
        import resource
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    except ImportError:
        peak = None
    sources = {f"{one.name}: {one.source}": bool(one.is_real) for one in sets}
    print(json.dumps({"sources": sources, "peak": peak}))
_probe()
"""


@dataclass
class Result:
    """What came of one notebook.

    Attributes:
        name: its name in the course, such as ``06_clinic`` or ``deeper/06_shared_noise``.
        title: its heading.
        seconds: from starting the kernel to its end.
        error: empty, or one line naming the cell and what it raised.
        sources: the data sets it held at its end, in words, and whether each is the real thing.
        peak_bytes: the most memory its kernel ever held, where that is known.
        cells: one entry an executed cell: its number, when it ended, whether it showed a picture.
    """

    name: str
    title: str
    seconds: float = 0.0
    error: str = ""
    sources: dict = field(default_factory=dict)
    peak_bytes: int | None = None
    cells: list = field(default_factory=list)

    @property
    def ok(self):
        return not self.error

    def first_picture(self, notebook, text):
        """Return the seconds until the first cell whose source has `text` showed a picture."""
        for cell in self.cells:
            if cell["picture"] and text in notebook.cells[cell["cell"] - 1].source:
                return cell["ended"]
        return None

    @property
    def verdict(self):
        return "ok" if self.ok else f"FAILED in {self.error}"


def execute(path, timeout=1800, folder=None, kernel=None):
    """Execute one notebook.

    Args:
        path: the notebook's file, which is only read.
        timeout: seconds after which one cell is given up.
        folder: where it runs; the notebook's own folder when not given.
        kernel: a kernel manager; this environment's Python when not given.

    Returns:
        (notebook, Result): the notebook with its outputs, up to the cell that failed if one did.
    """
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # this environment's kernel
    os.environ.setdefault("VAE_PROGRESS", "0")  # our runs leave no file of exercises behind
    notebook = notebooks.read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    name = notebooks.name_of(path)
    result = Result(name, notebooks.title(notebook, name))
    client = NotebookClient(
        notebook,
        km=kernel,
        kernel_name="python3",
        timeout=timeout,
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors only, no notices
        resources={"metadata": {"path": str(folder or path.parent)}},
    )
    # What libraries write past the notebook goes to a log: noise, unless the kernel dies.
    with tempfile.TemporaryFile("w+") as log:
        result.error = _execute_cells(client, result, timeout, log)
    return tidy.tidy(notebook), result


def executed(path, build):
    """Return what `run` wrote of a notebook into a build folder, as `execute` does.

    Args:
        path: the notebook's file.
        build: the folder that holds ``report.json`` and ``executed/``.

    Raises:
        FileNotFoundError: when the last run into that folder did not execute this notebook.
    """
    name, file = notebooks.name_of(path), build / "report.json"
    report = json.loads(file.read_text(encoding="utf-8"))
    for one in report["notebooks"]:
        if one["name"] == name:
            return notebooks.read(build / "executed" / f"{name}.ipynb"), Result(**one)
    raise FileNotFoundError(f"{file} knows no run of {name}: execute it into that folder first")


def _execute_cells(client, result, timeout, log):
    """Execute a client's cells, fill in the result, and return the error, or nothing."""
    start = time.monotonic()
    number = 0
    try:
        with client.setup_kernel(cleanup_kc=True, stderr=log):  # a kernel that was given ends too
            for number, cell in enumerate(client.nb.cells, start=1):
                if cell.cell_type != "code" or not cell.source.strip():
                    continue
                client.execute_cell(cell, number - 1)
                picture = any("image/png" in output.get("data", {}) for output in cell.outputs)
                ended = round(time.monotonic() - start, 2)
                result.cells.append({"cell": number, "ended": ended, "picture": picture})
            _ask_kernel(client, result)
    except CellExecutionError as error:
        return f"cell {number}: {error.ename}: {_first_line(error.evalue)}"
    except CellTimeoutError:
        return f"cell {number}: it took longer than {timeout} s"
    except DeadKernelError:
        return f"cell {number}: the kernel died (out of memory?) {_last_line(log)}".rstrip()
    except Exception as error:
        where = f"cell {number}" if number else "starting its kernel"
        return f"{where}: {_in_words(error)} {_last_line(log)}".rstrip()
    finally:
        result.seconds = round(time.monotonic() - start, 2)
    return ""


def _first_line(text):
    lines = text.strip().splitlines()
    return lines[0] if lines else "(no message)"


def _in_words(error):
    return f"{type(error).__name__}: {_first_line(str(error))}"


def _last_line(log):
    log.seek(0)
    lines = log.read().strip().splitlines()
    return lines[-1] if lines else ""


def _ask_kernel(client, result):
    cell = nbformat.v4.new_code_cell(PROBE)
    client.nb.cells.append(cell)
    try:
        client.execute_cell(cell, len(client.nb.cells) - 1, store_history=False)
    finally:
        client.nb.cells.pop()
    answer = json.loads("".join(output.text for output in cell.outputs if "text" in output))
    result.sources, result.peak_bytes = answer["sources"], answer["peak"]


def run(paths, build, write_back=False, html=True, timeout=1800, say=print):
    """Execute notebooks one after the other and write what was asked for.

    Args:
        paths: the notebooks.
        build: folder that gets ``executed/``, ``html/`` and ``report.json``.
        write_back: put the outputs into the notebooks' own files, where nothing speaks against it.
        html: write the pages and their index.
        timeout: seconds for one cell.
        say: prints a line.

    Returns:
        the list of ``Result``.
    """
    mode = "fast" if notebooks.is_fast() else "full"
    python = platform.python_version()
    say(f"{len(paths)} notebook{'s' * (len(paths) > 1)} in {mode} mode, Python {python}")
    results = []
    width = max(len(notebooks.name_of(path)) for path in paths)
    for number, path in enumerate(paths, start=1):
        name = notebooks.name_of(path)
        say(f"[{number}/{len(paths)}] {name:<{width}} ", end="", flush=True)
        notebook, result = execute(path, timeout)
        results.append(result)
        if write_back and result.ok:
            _write_back(path, notebook, result)
        write_atomically(build / "executed" / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
        if html:
            _write_page(notebook, result, build / "html")
        memory = f"{result.peak_bytes / 1e9:4.1f} GB  " if result.peak_bytes else ""
        say(f"{result.seconds:6.1f} s  {memory}{result.verdict}", flush=True)
        for source, is_real in result.sources.items():
            if not is_real:
                say(f"      synthetic stand-in, not the real data: {source}")
    failed = [result.name for result in results if not result.ok]
    done = len(results) - len(failed)
    summary = f"{done} of {len(results)} notebooks ran to their end in {mode} mode."
    report = {"mode": mode, "python": python, "notebooks": [asdict(r) for r in results]}
    write_atomically(build / "report.json", json.dumps(report, indent=1) + "\n")
    say(summary + (f" Failed: {', '.join(failed)}." if failed else ""))
    if html:
        index = _pages().write_index(results, summary, build / "html")
        say(f"Read them: {index.resolve().as_uri()}")
    return results


def _pages():
    from coursetools.render import html  # only here: executing needs none of what pages need

    return html


def _write_page(notebook, result, folder):
    try:
        _pages().write_page(notebook, result.name, folder)
    except Exception as error:  # the others still get their pages
        result.error = result.error or f"writing its page: {_in_words(error)}"


def _write_back(path, notebook, result):
    reasons = tidy.reasons_not_to_commit(notebook)
    drawn = [source for source, is_real in result.sources.items() if not is_real]
    reasons += [f"readers should see the real data, and this is not: {source}" for source in drawn]
    if reasons:
        result.error = f"writing back, refused: {reasons[0]}"
        return
    write_atomically(path, nbformat.writes(notebook) + "\n")


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(prog, description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="less data, fewer epochs (VAE_FAST=1)")
    parser.add_argument("--write", action="store_true", help="write outputs back into notebooks/")
    parser.add_argument("--no-html", action="store_true", help="execute only, write no pages")
    notebooks.add_choice(parser)
    parser.add_argument("--build", type=Path, default=notebooks.BUILD)
    parser.add_argument("--timeout", type=int, default=1800, help="seconds for one cell")
    options = parser.parse_args(arguments)
    if options.fast:
        os.environ["VAE_FAST"] = "1"
    if options.write and notebooks.is_fast():
        parser.error("--write is for full mode: fast outputs are not what readers should see.")
    paths = notebooks.find_notebooks(options.notebooks, options.only)
    results = run(paths, options.build, options.write, not options.no_html, options.timeout)
    return 0 if all(result.ok for result in results) else 1
