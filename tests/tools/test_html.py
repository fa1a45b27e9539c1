"""The pages: formulas, links, alt texts, no network."""

import pytest
from coursetools.render import html
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from support import PIXEL


def test_a_deeper_page_leads_back_to_the_index_and_its_parent(tmp_path):
    text = "# Deep\n\n[up](../01_a.ipynb#part) [next](01_y.ipynb) ![p](../../docs/p.png)"
    html.write_page(new_notebook(cells=[new_markdown_cell(text)]), "deeper/01_x", tmp_path)
    page = (tmp_path / "deeper" / "01_x.html").read_text(encoding="utf-8")
    for link in ("../index.html", "../01_a.html#part", "01_y.html", "../../../docs/p.png"):
        assert f'"{link}"' in page


@pytest.mark.parametrize(
    ("link", "led"),
    [
        ("02_b.ipynb", "02_b.html"),
        ("deeper/01_x.ipynb#part", "deeper/01_x.html#part"),
        ("../docs/p.png", "../../docs/p.png"),
        ("https://example.org/a.ipynb", "https://example.org/a.ipynb"),
        ("#part", "#part"),
    ],
)
def test_links_lead_from_page_to_page_and_out_of_the_folder(link, led):
    assert f'href="{led}"' in html.markdown_to_html(f"[x]({link})")


def test_formulas_become_drawings_with_their_latex_as_label():
    page = html.markdown_to_html(
        "so $x^2$ and\n\n$$\\begin{aligned} a &= b \\\\ &= c\\end{aligned}$$"
    )
    assert page.count("<svg") == 2
    assert 'aria-label="x^2"' in page
    assert "$" not in page


@pytest.mark.parametrize("formula", [r"\nosuch x", r"\frac{a", "a & b"])
def test_a_formula_that_cannot_be_drawn_is_refused_by_name_and_shown_as_written(formula):
    with pytest.raises(html.UnreadableFormula, match="cannot draw"):
        html.check_formulas(f"see ${formula}$")
    assert "<code>" in html.markdown_to_html(f"see ${formula}$")


def test_pictures_carry_their_alt_text():
    picture = new_output(
        "display_data", data={"image/png": PIXEL}, metadata={"image/png": {"alt": 'a "grey" dot'}}
    )
    notebook = new_notebook(cells=[new_code_cell("show()", outputs=[picture])])
    assert "a &#34;grey&#34; dot" in html.page(notebook, "x") or (
        "alt='a \"grey\" dot'" in html.page(notebook, "x")
    )


@pytest.mark.browser
def test_a_page_is_readable_without_a_network(page, tmp_path):
    text = "# Title\n\n$\\log p(x) \\ge \\mathcal{L}$\n\n[next](02_other.ipynb)"
    picture = new_output("display_data", data={"image/png": PIXEL}, metadata={})
    cells = [new_markdown_cell(text), new_code_cell("1 + 1", outputs=[picture])]
    file = tmp_path / "page.html"
    file.write_text(html.page(new_notebook(cells=cells), "x"), encoding="utf-8")
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    assert page.outside_requests == [] and errors == []
    box = page.locator(".formula svg").bounding_box()
    assert box["width"] > 40 and box["height"] > 10
    assert page.locator("nav a").get_attribute("href") == "index.html"
