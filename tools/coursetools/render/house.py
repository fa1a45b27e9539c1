"""The floors of the package as a figure: boxes of HTML, which fit a phone and can be read aloud."""

import html
import re

ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|$", flags=re.MULTILINE)


def floors(text):
    """Return (number, modules, what they are for) of each floor, the highest first.

    Args:
        text: docs/architecture.md, which holds the floors as a table.

    Raises:
        ValueError: if there is no such table.
    """
    found = [
        (int(number), re.findall(r"`([^`]+)`", modules), words)
        for number, modules, words in ROW.findall(text)
    ]
    if not found:
        raise ValueError("docs/architecture.md has no table of floors: | floor | modules | ... |")
    return sorted(found, reverse=True)


def house(text):
    """Return the floors as a figure of HTML, the one that is imported by all at the bottom."""
    rows = []
    for number, modules, words in floors(text):
        rooms = " ".join(f"<code>{html.escape(module)}</code>" for module in modules)
        rows.append(
            f'<li value="{number}"><div class="rooms">{rooms}</div>'
            f"<div>{html.escape(words.replace('`', ''))}</div></li>"
        )
    return (
        '<figure class="house"><ol reversed>' + "".join(rows) + "</ol><figcaption>The package, "
        "floor by floor: a module imports only from floors below it.</figcaption></figure>"
    )
