"""Slides: nbconvert's reveal.js presentation, with reveal.js beside it and nothing from elsewhere.

The notebooks carry no marks for slides, so they are cut by rule: a heading begins a slide to the
right, what follows goes below it; prose is cut at its paragraphs; a figure gets a slide of its own,
after the code that drew it. What only imports is left out, and so are folded answers: the class is
to guess. reveal.js comes from the wheel of sphinx-revealjs, which has it whole.
"""

import copy
import functools
import importlib.util
import posixpath
import re
import shutil
from pathlib import Path

import nbformat
from jinja2 import DictLoader
from nbconvert import SlidesExporter
from traitlets.config import Config

from coursetools import notebooks
from coursetools.classroom.student import SOLUTION_CALL, without_answers
from coursetools.files import write_atomically
from coursetools.render import html

WORDS = 85  # of prose on one slide
FEW_WORDS = 55  # leave room for code below them
CODE_LINES = 12  # code and printed lines that fit there
REVEAL = "reveal.js"
OUTPUT_ONLY = "output-only"
TEMPLATE = """
{%- extends 'reveal/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_css -%}
<style>
  :root { --jp-content-font-size1: 26px; --jp-code-font-size: 19px; --jp-cell-prompt-width: 0px; }
  .reveal .slides { text-align: left; }
  .reveal .slides section { max-height: 690px; overflow: auto; }
  .reveal .slides > section { max-height: none; overflow: visible; }
  .reveal h1, .reveal h2, .reveal h3 { text-transform: none !important; text-wrap: balance; }
  .reveal .jp-RenderedHTMLCommon h1 { font-size: 54px; } .reveal h2 { font-size: 40px; }
  .reveal .jp-RenderedHTMLCommon table { font-size: 21px; margin: 0; }
  .reveal .jp-RenderedHTMLCommon p, .reveal .jp-RenderedHTMLCommon li { line-height: 1.45; }
  .reveal .jp-RenderedImage img { width: 96%; max-height: 610px; object-fit: contain; margin: 0; }
  .reveal .formula { zoom: 1.6; } .reveal .formula svg { max-width: 100%; overflow: visible; }
  .reveal .formula.block { display: block; text-align: center; margin: .8em 0; }
  .reveal pre { width: 100%; margin: 0; box-shadow: none; white-space: pre-wrap; }
  .jp-Cell { padding: 4px 0; }
</style>
{%- endblock -%}
{%- block data_png -%}
{%- set alt = output | alt_text %}
<div class="jp-RenderedImage jp-OutputArea-output">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
  {%- if alt %} alt="{{ alt | escape_html }}"{% endif %}>
</div>
{%- endblock -%}
{%- block footer_js -%}
<script src="{{ resources.reveal.url_prefix }}/dist/reveal.js"></script>
<script src="{{ resources.reveal.url_prefix }}/plugin/notes/notes.js"></script>
<script>
  Reveal.initialize({ hash: true, slideNumber: 'c/t', width: 1120, height: 700, margin: 0.03,
                      center: true, transition: 'none', plugins: [RevealNotes] });
</script>
{%- endblock -%}
"""


def assets() -> Path:
    """Return the folder with reveal.js.

    Raises:
        SystemExit: naming what to install, when sphinx-revealjs is not there.
    """
    found = importlib.util.find_spec("sphinx_revealjs")  # found, not imported
    if found is None:
        raise SystemExit("Slides need reveal.js: pip install -e '.[classroom]'")
    return Path(found.origin).parent / "_static" / "revealjs"


def copy_assets(folder: Path) -> None:
    """Copy of reveal.js what the slides load, with its licence, into a folder."""
    source = assets()
    for name in ("dist", "plugin/notes"):
        skip = shutil.ignore_patterns("*.map", "*.esm.js")
        shutil.copytree(source / name, folder / name, ignore=skip, dirs_exist_ok=True)
    shutil.copyfile(source / "LICENSE", folder / "LICENSE")


def paragraphs(text: str) -> list[str]:
    """Cut Markdown into pieces of about WORDS words, never inside a list, table, formula or code.

    A heading begins a piece, and so does a guess ("> **Your guess.**").
    """
    blocks = []
    for block in re.split(r"\n{2,}", text.strip()):
        if blocks and _is_open(blocks[-1]):
            blocks[-1] += f"\n\n{block}"
        else:
            blocks.append(block.rstrip())
    pieces = []
    for block in blocks:
        starts = block.startswith(("#", "> **")) or not pieces
        # A heading keeps its first block, and what leads to a list, table or formula keeps that.
        leads = pieces and re.search(r"(?:^#.*|:|\*\*)\Z", pieces[-1])
        limit = 2 * WORDS if leads or block.startswith(("$$", "|")) else WORDS
        if not starts and len(f"{pieces[-1]} {block}".split()) <= limit:
            pieces[-1] += f"\n\n{block}"
        else:
            pieces.append(block)
    return pieces


def _is_open(text):
    """Return whether code, a formula or a fold goes on behind a text."""
    folds = text.count("<details>") - text.count("</details>")
    return bool(folds > 0 or text.count("```") % 2 or text.count("$$") % 2)


def slide_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the cells of a notebook, cut for slides, each with its type of slide."""
    cells = []
    for cell in copy.deepcopy(notebook.cells):
        if cell.cell_type == "markdown":
            for piece in paragraphs(without_answers(cell.source)):
                kind = "slide" if re.match(r"##? ", piece) else "subslide"
                cells.append(_typed(nbformat.v4.new_markdown_cell(piece), kind))
        elif cell.cell_type == "code" and cell.source.strip() and not _only_imports(cell):
            cells += _code(cell, cells[-1] if cells else None)
    return cells


def _only_imports(cell):
    first = cell.source.lstrip().splitlines()[0]
    shows = any("image/png" in output.get("data", {}) for output in cell.outputs)
    return first.startswith(("import ", "from ")) and not shows


def _code(cell, before):
    """Return the slides of a code cell: below a short text, and what is long on its own."""
    cell.source = SOLUTION_CALL.sub("", cell.source).rstrip("\n")
    code = len(cell.source.splitlines())
    printed = sum(len(notebooks.output_text(output).splitlines()) for output in cell.outputs)
    pictures = any("image/png" in output.get("data", {}) for output in cell.outputs)
    made = [cell]
    if pictures or code + printed > 2 * CODE_LINES and printed:
        shown = copy.deepcopy(cell)
        shown.id = f"{cell.id}-output"
        shown.metadata.setdefault("tags", []).append(OUTPUT_ONLY)
        cell.outputs, printed = [], 0
        made.append(_typed(shown, "subslide"))
    short = before is not None and before.cell_type == "markdown"
    short = short and len(before.source.split()) <= FEW_WORDS and code + printed <= CODE_LINES
    _typed(cell, "-" if short else "subslide")
    return made


def _typed(cell, kind):
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def page(notebook: nbformat.NotebookNode, name: str) -> str:
    """Return a notebook's slides as a page of HTML, which loads `reveal.js/` beside it.

    Args:
        notebook: the notebook, with its outputs.
        name: its name in the course, which says where its page will be.
    """
    folder = posixpath.dirname(name)
    slides = nbformat.v4.new_notebook(cells=slide_cells(notebook), metadata=notebook.metadata)
    hide = {"TagRemovePreprocessor": {"enabled": True, "remove_input_tags": {OUTPUT_ONLY}}}
    exporter = SlidesExporter(
        config=Config(hide),
        extra_loaders=[DictLoader({"course_slides.html.j2": TEMPLATE})],
        template_file="course_slides.html.j2",
        filters={
            "markdown2html": functools.partial(html.markdown_to_html, folder=folder),
            "alt_text": html.alt_text,
        },
        reveal_url_prefix=posixpath.relpath(REVEAL, folder or "."),
        reveal_theme="white",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    exporter.log.setLevel("ERROR")
    exporter.register_preprocessor("nbconvert.preprocessors.TagRemovePreprocessor", enabled=True)
    metadata = {"name": notebooks.title(notebook, name)}
    return exporter.from_notebook_node(slides, resources={"metadata": metadata})[0]


def write(paths: list[Path], folder: Path) -> None:
    """Write the slides of notebooks, and reveal.js, into a folder."""
    copy_assets(folder / REVEAL)
    for path in paths:
        name = notebooks.name_of(path)
        write_atomically(folder / f"{name}.html", page(notebooks.read(path), name))
