"""A Sphinx extension: formulas drawn at build time, as on the pages of `make run`.

It registers the math renderer "drawn". No script, font or style sheet goes with it.
"""

from docutils import nodes

from coursetools.render.html import show_formula


def visit_math(translator, node):
    """Write a formula within a line of text."""
    translator.body.append(show_formula(node.astext()))
    raise nodes.SkipNode


def visit_displaymath(translator, node):
    """Write a formula on a line of its own; a wide one scrolls (course.js, course.css)."""
    formula = show_formula(node.astext(), block=True)
    anchor = "".join(f' id="{name}"' for name in node.get("ids", [])[:1])
    translator.body.append(f'<div class="wide"{anchor}>{formula}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("drawn", (visit_math, None), (visit_displaymath, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
