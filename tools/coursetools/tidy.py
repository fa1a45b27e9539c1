"""Make executed notebooks fit to be committed: nothing tells one machine from another."""

import argparse
import re
from pathlib import Path

import nbformat

from coursetools import notebooks
from coursetools.files import write_atomically

WIDGET = "application/vnd.jupyter.widget-view+json"
# A widget's view is nothing without the kernel that made it; its text form stays as a note.
WIDGET_NOTE = "A widget: run this cell to use it."
LIVE_KEYS = ("execution", "ExecuteTime", "collapsed", "scrolled", "trusted", "widgets")


def tidy(notebook):
    """Normalise a notebook in place and return it.

    Execution counts become 1..N, stream pieces are joined, widget views become a note, and what
    differs from machine to machine (timings, widget state, the interpreter's patch version) is
    dropped. Sources and cell ids stay.
    """
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
        **{key: value for key, value in notebook.metadata.items() if key == "title"},
    }
    count = 0
    for cell in notebook.cells:
        for key in LIVE_KEYS:
            cell.metadata.pop(key, None)
        if cell.cell_type != "code":
            continue
        if cell.source.strip():
            count += 1
            cell.execution_count = count
        else:
            cell.execution_count = None
        cell.outputs = _join_streams(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
            if WIDGET in output.get("data", {}):
                output.data = {"text/plain": WIDGET_NOTE}
            output.get("metadata", {}).pop(WIDGET, None)
    return notebook


def _join_streams(outputs):
    """Join pieces of one stream; a carriage return overwrites its line, as on a screen.

    Of a progress bar that cleared itself nothing is left, and nothing is kept.
    """
    joined = _neighbours_joined(outputs)
    for output in joined:
        if output.output_type == "stream":
            output.text = re.sub(r"^[^\n]*\r(?!\n)", "", output.text, flags=re.MULTILINE)
    visible = [out for out in joined if out.output_type != "stream" or out.text.strip(" ")]
    return _neighbours_joined(visible)


def _neighbours_joined(outputs):
    joined = []
    for output in outputs:
        last = joined[-1] if joined else None
        is_stream = output.output_type == "stream"
        if is_stream and last and last.output_type == "stream" and last.name == output.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def reasons_not_to_commit(notebook):
    """Return why an executed notebook must not be written back; nothing when all is well."""
    reasons = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                reasons.append(f"cell {number} ends in {output.ename}: {output.evalue}")
            for path in notebooks.machine_paths(notebooks.output_text(output)):
                reasons.append(f"cell {number} shows a path of this machine: {path}")
    return reasons


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(prog, description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="all of notebooks/ without")
    options = parser.parse_args(arguments)
    for path in options.notebooks or notebooks.find_notebooks():
        write_atomically(path, nbformat.writes(tidy(notebooks.read(path))) + "\n")
    return 0
