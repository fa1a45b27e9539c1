"""Check that the committed notebooks keep the promises of the course.

    python -m coursetools lint [NOTEBOOK ...]

Each fault is one line that names the notebook, the cell and the cure. Warnings do not fail.
"""

import argparse
import base64
import re
from pathlib import Path

import nbformat

from coursetools import notebooks
from coursetools.render import html
from coursetools.tidy import WIDGET

CHECK_TAG = "nbval-check-output"
LONG_TAG = "long-listing"  # a cell that has to be read in one piece, such as a whole class
MAX_LINES = 20
GOOD_LINES = 12
MAX_IMAGE_BYTES = 1_500_000
GOOD_IMAGE_BYTES = 300_000
MIN_CHECKED_CELLS = 3
MIN_EXERCISES = 4  # that check themselves; a deeper page may ask in folded answers instead
MIN_WORDS_A_LINE = 2.5
MAX_CELLS = 35  # of code, outside the exercises: one class of 90 minutes
MORE_CELLS = {"06_clinic": 45}  # many patients, each a short cell
MAX_WORDS = 3_000  # of prose, formulas apart
TIMES = (r"minutes?\b[^.]*\bto run", r"minutes?\b[^.]*\bto study")
PARTS = ("exercise", "summary", "further reading")
OUTSIDE = re.compile(
    r"!\[[^\]]*\]\(\s*https?:"
    r"|<(?:img|script|iframe|link)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//"
)
INSTALL = re.compile(r"^\s*[!%]\s*(?:pip|conda|mamba|apt)\b", re.MULTILINE)


class Fault(str):
    """One line on what is wrong; ``is_warning`` when it may stay."""

    is_warning = False


class Warn(Fault):
    """One line on what could be better."""

    is_warning = True


def lint(notebook, exercises=MIN_EXERCISES, cells=MAX_CELLS):
    """Return the faults of one notebook as a list of ``Fault``, without its name.

    Args:
        notebook: the notebook.
        exercises: how many exercises that check themselves it needs.
        cells: how many cells of code it may have outside the exercises.
    """
    try:
        ids = [cell.get("id") for cell in notebook.cells]
        if len(set(ids)) < len(ids):  # nbformat would repair this in silence
            return [Fault("not a valid notebook: two cells have the same id")]
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        return [Fault(f"not a valid notebook: {str(error).splitlines()[0]}")]
    faults = [
        *_metadata(notebook),
        *_execution(notebook),
        *_prose(notebook),
        *_size(notebook, cells),
        *_exercises(notebook, exercises),
        *_checked_cells(notebook),
    ]
    for number, cell in enumerate(notebook.cells, start=1):
        check = _code_cell if cell.cell_type == "code" else _text_cell
        faults += [type(fault)(f"cell {number}: {fault}") for fault in check(cell)]
    return faults


def lint_file(path):
    """Return the faults of a notebook's file; reading it repairs nothing."""
    path = Path(path)
    exercises = 0 if path.parent.name == notebooks.DEEPER else MIN_EXERCISES
    notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    return lint(notebook, exercises, MORE_CELLS.get(path.stem, MAX_CELLS))


def _metadata(notebook):
    if "widgets" in notebook.metadata:
        yield Fault("holds widget state, which GitHub refuses to show: run `make notebooks`")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield Fault("kernelspec is not python3: run `make notebooks`")
    if notebook.metadata.get("language_info", {}).get("name") != "python":
        yield Fault("language_info does not say python: run `make notebooks`")


def _execution(notebook):
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    if counts != list(range(1, len(counts) + 1)):
        yield Fault("not executed from top to bottom (counts are not 1..N): run `make notebooks`")


def _headings(notebook):
    """Yield (cell number, level, text) of every Markdown heading outside code blocks."""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "markdown":
            text = re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)
            for match in re.finditer(r"^(#{1,6})\s+(.+)$", text, flags=re.MULTILINE):
                yield number, len(match[1]), match[2]


def _prose(notebook):
    headings = list(_headings(notebook))
    titles = [number for number, level, _ in headings if level == 1]
    if titles != [1] or not notebook.cells[0].source.startswith("# "):
        yield Fault(f"needs one heading of level one, opening the first cell; found in {titles}")
    last = 0
    for part in PARTS:
        where = [number for number, _, text in headings if part in text.lower()]
        if not where:
            yield Fault(f"has no heading with {part!r}")
        elif where[-1] < last:
            yield Fault(f"the heading with {part!r} is out of order ({', '.join(PARTS)})")
        else:
            last = where[-1]
    words = prose_words(notebook)
    lines = sum(len(code_lines(cell.source)) for cell in notebook.cells if cell.cell_type == "code")
    if words < MIN_WORDS_A_LINE * lines:
        ratio = f"{words / lines:.2f} words of prose a line of code"
        yield Fault(f"{ratio}, expected {MIN_WORDS_A_LINE} or more")


def prose_words(notebook):
    """Return the number of words in Markdown; a formula or a piece of code counts as one.

    A fenced block of code counts as one too; its three backticks would pair with others.
    """
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    text = re.sub(r"^```.*?^```", " x ", text, flags=re.DOTALL | re.MULTILINE)
    prose = re.sub(r"\$\$.*?\$\$|\$[^$]+\$|`[^`]+`", " x ", text, flags=re.DOTALL)
    return len(re.findall(r"[A-Za-z][\w'-]*", prose))


def class_cells(notebook):
    """Return the number of code cells outside the section of exercises."""
    first = last = len(notebook.cells) + 1
    for number, _, text in _headings(notebook):
        if "exercise" in text.lower() and first > number:
            first = number
        if "summary" in text.lower() and number > first:
            last = min(last, number)
    places = [n for n, cell in enumerate(notebook.cells, start=1) if cell.cell_type == "code"]
    return sum(not first <= place < last for place in places)


def _size(notebook, cells):
    """A notebook is one class: few cells, few words, and it says how long it takes."""
    found = class_cells(notebook)
    if found > cells:
        yield Fault(
            f"has {found} cells of code outside the exercises, at most {cells}: cut, or move what "
            "only some want to notebooks/deeper/"
        )
    words = prose_words(notebook)
    if words > MAX_WORDS:
        yield Fault(f"has {words:,} words of prose, at most {MAX_WORDS:,}: cut, or move some")
    opening = notebook.cells[0].source
    if not all(re.search(pattern, opening) for pattern in TIMES):
        yield Fault("its first cell does not say how many minutes to run AND how many to study")


def _exercises(notebook, least):
    """An exercise is a cell that checks an answer, with a hint and a solution to uncomment."""
    asked = 0
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code" or not re.search(r"^\w+\.check\(", cell.source, re.MULTILINE):
            continue
        asked += 1
        for call in ("hint()", "solution()"):
            if not re.search(rf"^# \w+\.{re.escape(call)}$", cell.source, re.MULTILINE):
                yield Fault(f"cell {number}: checks an answer, but offers no '# q.{call}'")
    if asked < least:
        found = f"has {asked} exercises that check themselves (q.check)"
        yield Fault(f"{found}, expected {least} or more")


def _checked_cells(notebook):
    checked = [cell for cell in notebook.cells if CHECK_TAG in cell.metadata.get("tags", [])]
    if len(checked) < MIN_CHECKED_CELLS:
        found = f"{len(checked)} cells are tagged {CHECK_TAG}"
        yield Fault(f"{found}, expected {MIN_CHECKED_CELLS} or more")


def code_lines(source):
    """Return the lines of code: neither empty nor only a comment."""
    return [
        line for line in source.splitlines() if line.strip() and not line.strip().startswith("#")
    ]


def _text_cell(cell):
    yield from _paths(cell.source)
    if OUTSIDE.search(cell.source):
        yield Fault("shows something fetched from the network; put it into the notebook itself")
    if cell.cell_type == "markdown":
        try:
            html.check_formulas(cell.source)
        except html.UnreadableFormula as error:
            yield Fault(str(error))


def _code_cell(cell):
    yield from _paths(cell.source)
    tags = cell.metadata.get("tags", [])
    if not cell.source.strip():
        yield Fault("is empty")
    if INSTALL.search(cell.source):
        yield Fault("installs something; the requirements file does that")
    lines = len(code_lines(cell.source))
    if lines > MAX_LINES and LONG_TAG not in tags:
        yield Fault(f"has {lines} lines of code, at most {MAX_LINES} (or tag it {LONG_TAG})")
    elif lines > GOOD_LINES and LONG_TAG not in tags:
        yield Warn(f"has {lines} lines of code; {GOOD_LINES} or fewer read better")
    for output in cell.outputs:
        yield from _output(output)
    if CHECK_TAG in tags:
        plain = [output for output in cell.outputs if output.output_type == "stream"]
        if not plain or len(plain) != len(cell.outputs):
            yield Fault(f"is tagged {CHECK_TAG}, so it must print something and show nothing else")


def _output(output):
    yield from _paths(notebooks.output_text(output))
    if output.output_type == "error":
        yield Fault(f"ends in {output.ename}: {output.evalue}")
    if output.output_type == "stream" and output.name == "stderr":
        yield Fault(f"writes to stderr: {output.text.strip()[:80]!r}")
    data = output.get("data", {})
    if WIDGET in data:
        yield Fault("holds the view of a widget, blank without its kernel: run `make notebooks`")
    if OUTSIDE.search(str(data.get("text/html", ""))):
        yield Fault("its output fetches something from the network")
    for kind in data:
        if kind.startswith("image/") and kind != "image/png":
            yield Fault(f"shows {kind}, expected image/png")
    if "image/png" in data:
        size = len(base64.b64decode(data["image/png"]))
        if size > MAX_IMAGE_BYTES:
            yield Fault(f"its picture has {size:,} bytes, at most {MAX_IMAGE_BYTES:,}")
        elif size > GOOD_IMAGE_BYTES:
            yield Warn(f"its picture has {size:,} bytes; {GOOD_IMAGE_BYTES:,} load better")
        if not html.alt_text(output):
            yield Fault("its picture has no alt text: show it with plots.show(figure, alt=...)")


def _paths(text):
    for path in sorted(set(notebooks.machine_paths(text))):
        yield Fault(f"names a path of one machine: {path}")


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(prog, description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="all of notebooks/ without")
    options = parser.parse_args(arguments)
    paths = options.notebooks or notebooks.find_notebooks()
    failed = 0
    for path in paths:
        faults = lint_file(path)
        for fault in faults:
            print(f"{notebooks.name_of(path)}: {'warning: ' if fault.is_warning else ''}{fault}")
        failed += any(not fault.is_warning for fault in faults)
    print(f"{len(paths)} notebooks checked, {failed} with faults")
    return 1 if failed else 0
