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

WORDS = 110  # of prose on one slide
CODE_LINES = 22
REVEAL = "reveal.js"
OUTPUT_ONLY = "output-only"
TEMPLATE = """
{%- extends 'reveal/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_css -%}
<style>
  :root { --jp-content-font-size1: 22px; --jp-code-font-size: 17px; --jp-cell-prompt-width: 0px; }
  .reveal .slides { text-align: left; }
  .reveal .slides section { max-height: 690px; overflow: auto; }
  .reveal .slides > section { max-height: none; overflow: visible; }
  .reveal h1, .reveal h2, .reveal h3 { text-transform: none; text-wrap: balance; }
  .reveal .jp-RenderedHTMLCommon h1 { font-size: 52px; } .reveal h2 { font-size: 38px; }
  .reveal .jp-RenderedHTMLCommon table { font-size: 18px; margin: 0; }
  .reveal .jp-RenderedHTMLCommon p, .reveal .jp-RenderedHTMLCommon li { line-height: 1.45; }
  .reveal .jp-RenderedImage img { max-height: 600px; max-width: 100%; margin: 0 auto; }
  .reveal .formula svg { max-width: 100%; overflow: visible; }
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
                      center: false, transition: 'none', plugins: [RevealNotes] });
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
            blocks.append(block)
    pieces = []
    for block in blocks:
        starts = block.startswith(("#", "> **")) or not pieces
        alone = pieces and re.fullmatch(r"#.*", pieces[-1])  # a heading keeps its first block
        if alone or not starts and len(f"{pieces[-1]} {block}".split()) <= WORDS:
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
            cells += _code(cell)
    return cells


def _only_imports(cell):
    first = cell.source.lstrip().splitlines()[0]
    shows = any("image/png" in output.get("data", {}) for output in cell.outputs)
    return first.startswith(("import ", "from ")) and not shows


def _code(cell):
    cell.source = SOLUTION_CALL.sub("", cell.source).rstrip("\n")
    lines = len(cell.source.splitlines())
    pictures = any("image/png" in output.get("data", {}) for output in cell.outputs)
    if not cell.outputs or not pictures and lines <= CODE_LINES // 2:
        return [_typed(cell, "subslide")]
    shown = copy.deepcopy(cell)
    shown.id = f"{cell.id}-output"
    shown.metadata.setdefault("tags", []).append(OUTPUT_ONLY)
    cell.outputs = []
    return [_typed(cell, "subslide"), _typed(shown, "subslide")]


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
