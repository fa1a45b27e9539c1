"""What both reports are printed with: a sentence, then rows of a name and a text."""

import html


def as_text(verdict: str, rows) -> str:
    """Return a verdict and its rows, one to a line.

    Args:
        verdict: one sentence.
        rows: pairs of a name and a text.
    """
    return "\n".join([verdict, *(f"  {name}: {text}" for name, text in rows)])


def as_table(verdict: str, rows) -> str:
    """Return the HTML table of a verdict (its caption) and rows, for a notebook.

    Args:
        verdict: one sentence.
        rows: tuples of texts; the first of each is the row's heading.
    """
    lines = []
    for name, *cells in rows:
        texts = "".join(f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in cells)
        heading = f"<th style='text-align:left;vertical-align:top'>{html.escape(name)}</th>"
        lines.append(f"<tr>{heading}{texts}</tr>")
    return f"<table><caption>{html.escape(verdict)}</caption>{''.join(lines)}</table>"
