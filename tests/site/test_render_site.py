"""What is laid out for Sphinx: links, pictures with their alt texts, contents, the figure."""

import base64
import json
import re

import nbformat
import pytest
from coursetools import notebooks
from coursetools.render import house, site
from nbformat.v4 import new_code_cell, new_notebook, new_output
from support import PIXEL


def test_links_to_pages_stay_and_other_files_are_laid_beside(tmp_path):
    text = "[a](../notebooks/02_elbo.ipynb) [b](../README.md#data) [c](../LICENSE) [d](https://x.y)"
    led = site.lead(text, "docs/page.md", tmp_path)
    assert led == (
        "[a](../notebooks/02_elbo.ipynb) [b](../index.md) [c](../LICENSE) [d](https://x.y)"
    )
    assert (tmp_path / "LICENSE").read_bytes() == (notebooks.ROOT / "LICENSE").read_bytes()
    assert not (tmp_path / "notebooks").exists()


def test_a_link_to_a_folder_becomes_its_words(tmp_path):
    text = "see [the tests](../tests/site) and ![a picture](pitfall.png)"
    led = site.lead(text, "docs/page.md", tmp_path)
    assert led == "see the tests and ![a picture](pitfall.png)"
    assert (tmp_path / "docs" / "pitfall.png").exists()


@pytest.mark.parametrize(
    ("name", "root"), [("notebooks/01_a.ipynb", ".."), ("notebooks/deeper/01_b.ipynb", "../..")]
)
def test_each_picture_keeps_its_own_alt_text_and_size(tmp_path, name, root):
    outputs = [
        new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": alt}})
        for alt in ('one "dot"', "another")
    ]
    outputs.append(new_output("display_data", {"text/html": "<b>kept</b>", "image/png": PIXEL}))
    notebook = new_notebook(cells=[new_code_cell("", outputs=outputs)])
    site.take_pictures(notebook, name, tmp_path)
    first, second, third = (output.data["text/html"] for output in outputs)
    assert 'alt="one &quot;dot&quot;"' in first and 'width="1" height="1"' in first
    assert 'alt="another"' in second and third == "<b>kept</b>"
    for html in (first, second):
        source = re.search(r'src="([^"]+)"', html)[1]
        assert html.startswith(f'<a href="{source}">')
        assert source.startswith(f"{root}/figures/")
        assert (tmp_path / source.removeprefix(f"{root}/")).read_bytes() == base64.b64decode(PIXEL)


@pytest.mark.parametrize("heading", ["## Exercises", "## 7. Exercises: the night shift"])
def test_exercises_say_that_they_are_not_run_here(heading):
    text = site.not_run_here(f"{heading}\n\nReplace.", "notebooks/deeper/01_b.ipynb")
    first, line, rest = text.split("\n\n")
    assert (first, rest) == (heading, "Replace.") and "(../../index.md#on-a-phone)" in line
    assert site.not_run_here("### Exercises\n\nx", "notebooks/01_a.ipynb") == "### Exercises\n\nx"
    assert "## On a phone?\n" in (site.SITE / "index.md").read_text(encoding="utf-8")


def test_every_page_is_in_the_contents_once():
    paths = notebooks.find_notebooks()
    lines = site.contents(paths).splitlines()
    for name in [f"notebooks/{notebooks.name_of(path)}" for path in paths]:
        assert lines.count(name) == 1
    pages = [path.stem for path in (notebooks.ROOT / "docs").glob("*.md")]
    assert all(lines.count(f"docs/{page}") == 1 for page in pages)
    own = {path.stem for path in site.SITE.glob("*.md")} - {"index"}
    assert own <= set(lines)


def test_numbers_in_braces_are_those_that_were_measured():
    elbo = json.loads(site.RESULTS.read_text(encoding="utf-8"))["letters"]["elbo"]
    assert site.fill("{{letters.elbo}}", []) == f"\N{MINUS SIGN}{abs(elbo):.1f}"
    with pytest.raises(KeyError, match="nothing"):
        site.fill("{{nothing.here}}", [])
    assert site.fill("{{course}}", []).count("\n") > 12


def test_the_house_has_a_floor_for_each_row_of_the_table():
    text = (notebooks.ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    numbers = [number for number, _, _ in house.floors(text)]
    assert numbers == list(range(max(numbers), 0, -1))
    figure = house.house(text)
    assert "<code>vae</code>" in figure and figure.count("<li") == len(numbers)
    with pytest.raises(ValueError, match="no table of floors"):
        house.floors("# no table")


def test_the_layout_holds_every_page_and_notebook(tmp_path):
    path = notebooks.find_notebooks(only=["02_elbo"])[0]
    pages = site.stage(tmp_path / "source", [path], tmp_path / "extra")
    assert {"index", "draw", "beta", "docs/benchmarks", "CONTRIBUTING"} <= set(pages)
    staged = nbformat.read(tmp_path / "source" / "notebooks" / "02_elbo.ipynb", as_version=4)
    assert not any(
        "image/png" in output.get("data", {}) and "text/html" not in output.data
        for cell in staged.cells
        for output in cell.get("outputs", [])
    )
    assert (tmp_path / "source" / "docs" / "pitfall.png").exists()
    assert (tmp_path / "source" / "draw.html").exists()


@pytest.mark.parametrize(
    "path", ["scripts/fontawesome.js", "vendor/fontawesome/6.5.2/js/all.min.js"]
)
def test_icons_are_a_font_and_not_a_script(path):
    tag = f'<a/>\n  <script defer src="../_static/{path}?digest=1"></script>\n<b/>'
    assert site.ICON_SCRIPT.sub("", tag) == "<a/>\n<b/>"
    style = '<link href="_static/vendor/fontawesome/6.5.2/css/all.min.css" rel="stylesheet"/>'
    assert site.ICON_SCRIPT.sub("", style) == style
