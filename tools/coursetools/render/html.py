"""Write executed notebooks as HTML pages that need no network.

nbconvert's own page fetches MathJax, require.js and Mermaid from elsewhere. These do not: each
formula is drawn once, at build time, as a small SVG by ziamath (pure Python, with its own
mathematical font), so that a page is one file and looks the same in every browser. MathML would be
shorter, but without a mathematical font on the reader's machine its brackets and braces do not
stretch. The scripts are left out because no page of the course needs them.
"""

import argparse
import functools
import html
import posixpath
import re
from pathlib import Path

import ziamath
from jinja2 import DictLoader
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from coursetools import notebooks
from coursetools.files import write_atomically

ziamath.config.svg2 = False  # each drawing whole in itself, sharing nothing with its neighbours

PAGE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_css -%}
<style>
  main { max-width: 62rem; margin: 0 auto; padding: 0 1rem 6rem; }
  .jp-RenderedHTMLCommon p, .jp-RenderedHTMLCommon li { max-width: 46rem; }
  .jp-InputPrompt, .jp-OutputPrompt { flex: 0 0 4.2rem; }
  .formula svg { max-width: 100%; overflow: visible; }
  .formula.block { display: block; max-width: 46rem; margin: 1em 0; text-align: center; }
  .course-nav { padding: .8rem 0; font-family: var(--jp-content-font-family); font-size: 14px; }
  details { margin: .6em 0; } summary { cursor: pointer; }
  pre { white-space: pre-wrap; }
</style>
{%- endblock -%}
{%- block body_header -%}
{{ super() }}
<nav class="course-nav"><a href="{{ resources.metadata.index }}">All notebooks</a></nav>
{%- endblock -%}
{%- block data_png -%}
<div class="jp-RenderedImage jp-OutputArea-output">
{%- set alt = output | alt_text %}
{%- set width = output | get_metadata('width', 'image/png') %}
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
  {%- if width %} width="{{ width | escape_html }}"{% endif %}
  {%- if alt %} alt="{{ alt | escape_html }}"{% endif %}>
</div>
{%- endblock -%}
"""

INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Variational autoencoders: the course</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; color: #222;
         max-width: 62rem; margin: 3rem auto; padding: 0 1rem; }}
  table {{ border-collapse: collapse; width: 100%; }}
  th, td {{ text-align: left; vertical-align: top;
           padding: .45rem .9rem .45rem 0; border-bottom: 1px solid #ddd; }}
  td.number {{ text-align: right; white-space: nowrap; }}
  .failed {{ color: #a33c00; font-weight: 600; }} .small {{ color: #555; font-size: .9em; }}
</style></head><body>
<h1>Variational autoencoders: the course</h1>
<p>{summary}</p>
<table><thead><tr><th>notebook</th><th>title</th><th>seconds</th><th>result</th><th>data</th></tr></thead>
<tbody>
{rows}
</tbody></table>
</body></html>
"""


# Written differently, drawn the same: forms that Jupyter reads and the converter does not.
SAME_FORMULA = {
    "{aligned}": "{split}",
    r"\operatorname*": r"\operatorname",
    r"\lVert": r"\|",
    r"\rVert": r"\|",
}


class UnreadableFormula(ValueError):
    """A formula holds something that cannot be drawn."""


@functools.cache
def draw_formula(formula, block=False):
    """Draw one LaTeX formula.

    Args:
        formula: LaTeX without its dollar signs.
        block: on a line of its own, or within a line.

    Returns:
        HTML that holds an SVG, with the LaTeX as its text for those who listen to a page.

    Raises:
        UnreadableFormula: naming the formula.
    """
    latex = formula.strip()
    for written, read in SAME_FORMULA.items():
        latex = latex.replace(written, read)
    try:
        unread = re.search(r"<m[io][^>]*>(\\\w+|&)</m[io]>", convert(latex))
        if unread:
            raise ValueError(f"{unread[1]} is not known")
        svg = ziamath.Latex(latex, size=18 if block else 16, inline=not block).svg()
    except Exception as error:  # of many kinds, and they all mean the same here
        raise UnreadableFormula(f"cannot draw ${formula.strip()}$: {error}") from error
    # The drawing's baseline is at y = 0: what lies below it hangs below the line of text.
    _, top, _, height = map(float, re.search(r'viewBox="([^"]+)"', svg)[1].split())
    label = html.escape(formula.strip(), quote=True)
    attributes = f'role="img" aria-label="{label}" style="vertical-align:{-top - height:.2f}px"'
    svg = svg.replace("<svg ", f"<svg {attributes} ", 1)
    return f'<span class="formula{" block" * block}">{svg}</span>'


def show_formula(formula, block=False):
    """Draw a formula, or show it as it was written where it cannot be drawn."""
    try:
        return draw_formula(formula, block)
    except UnreadableFormula:
        return f"<code>{html.escape(formula.strip())}</code>"


class _Renderer(IPythonRenderer):
    """nbconvert's Markdown renderer, with formulas drawn."""

    formula = staticmethod(show_formula)

    def block_math(self, body):
        return self.formula(body, block=True)

    def inline_math(self, body):
        return self.formula(body)

    def latex_environment(self, name, body):
        return self.formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)


class _StrictRenderer(_Renderer):
    formula = staticmethod(draw_formula)


def check_formulas(source):
    """Raise UnreadableFormula where a formula in a Markdown cell cannot be drawn."""
    MarkdownWithMath(renderer=_StrictRenderer(escape=False)).render(source)


def markdown_to_html(source, folder=""):
    """Render Markdown as nbconvert does, with formulas drawn and links led to other pages.

    Args:
        source: Markdown.
        folder: where the notebook is, below notebooks/: "" or "deeper".
    """
    page = MarkdownWithMath(renderer=_Renderer(escape=False)).render(source)
    return re.sub(r'\b(href|src)="([^":#]+)', lambda m: f'{m[1]}="{_lead(m[2], folder)}', page)


def _lead(link, folder):
    """Return a relative link between notebooks as one between their pages in build/html/."""
    if posixpath.normpath(posixpath.join(folder, link)).startswith(".."):
        return f"../{link}"  # out of notebooks/, which is one folder less deep than build/html/
    return re.sub(r"\.ipynb$", ".html", link)


def alt_text(output):
    """Return the alt text that `plots.show` put into a picture's metadata, or nothing."""
    metadata = output.get("metadata", {})
    return metadata.get("image/png", {}).get("alt") or metadata.get("alt") or ""


def page(notebook, name):
    """Return one notebook as a page of HTML.

    Args:
        notebook: the executed notebook; a failing cell's error is shown where it happened.
        name: the notebook's name in the course, which says where its page will be.
    """
    folder = posixpath.dirname(name)
    markdown = functools.partial(markdown_to_html, folder=folder)
    exporter = HTMLExporter(
        extra_loaders=[DictLoader({"course.html.j2": PAGE})],
        template_file="course.html.j2",
        filters={"markdown2html": markdown, "alt_text": alt_text},
    )
    exporter.log.setLevel("ERROR")
    index = posixpath.relpath("index.html", folder or ".")
    metadata = {"name": notebooks.title(notebook, name), "index": index}
    return exporter.from_notebook_node(notebook, resources={"metadata": metadata})[0]


def index(results, summary):
    """Return the page that lists the others.

    Args:
        results: one ``execute.Result`` a notebook.
        summary: one sentence on the whole run.
    """
    rows = []
    for result in results:
        link = f'<a href="{result.name}.html">{html.escape(result.name)}</a>'
        kind = "" if result.ok else ' class="failed"'
        data = "<br>".join(html.escape(source) for source in result.sources) or "none"
        rows.append(
            f"<tr><td>{link}</td><td>{html.escape(result.title)}</td>"
            f'<td class="number">{result.seconds:.0f}</td>'
            f'<td{kind}>{html.escape(result.verdict)}</td><td class="small">{data}</td></tr>'
        )
    return INDEX.format(summary=html.escape(summary), rows="\n".join(rows))


def write_page(notebook, name, folder):
    """Write a notebook's page into a folder, as `<name>.html`."""
    write_atomically(folder / f"{name}.html", page(notebook, name))


def write_index(results, summary, folder):
    """Write the page that lists the others into a folder, and return its path."""
    path = folder / "index.html"
    write_atomically(path, index(results, summary))
    return path


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(prog, description=__doc__.splitlines()[0])
    notebooks.add_choice(parser)
    parser.add_argument("--build", type=Path, default=notebooks.BUILD)
    options = parser.parse_args(arguments)
    for path in notebooks.find_notebooks(options.notebooks, options.only):
        write_page(notebooks.read(path), notebooks.name_of(path), options.build / "html")
        print(options.build / "html" / f"{notebooks.name_of(path)}.html")
    return 0
