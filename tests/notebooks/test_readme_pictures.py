"""The README's pictures are those that tagged cells of the notebooks show."""

import base64
from pathlib import Path

import pytest
from coursetools import notebooks, pictures
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]


def tagged(tag, *outputs):
    cell = new_code_cell("show()", metadata={"tags": [tag]}, outputs=list(outputs))
    return new_notebook(cells=[new_code_cell("1"), cell])


def picture(content):
    data = {"image/png": base64.b64encode(content).decode()}
    return new_output("display_data", data=data)


def test_a_tagged_cell_gives_its_first_picture():
    text = new_output("stream", text="drawn")
    notebook = tagged("readme-pitfall", text, picture(b"first"), picture(b"second"))
    assert list(pictures.pictures(notebook)) == [("pitfall", b"first")]


def test_a_tagged_cell_without_a_picture_is_noticed(monkeypatch):
    notebook = tagged("readme-pitfall")
    monkeypatch.setattr(pictures, "find_notebooks", lambda: [Path("05_x.ipynb")])
    monkeypatch.setattr(pictures, "read", lambda path: notebook)
    with pytest.raises(SystemExit, match="05_x.ipynb shows no picture for 'pitfall'"):
        pictures.main([])


def test_the_readme_shows_what_the_notebooks_drew():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = {}
    for path in notebooks.find_notebooks():
        found.update(pictures.pictures(notebooks.read(path)))
    assert {"new_clothes", "pitfall"} <= set(found)
    for name, drawn in found.items():
        assert f"docs/{name}.png" in readme
        assert (ROOT / "docs" / f"{name}.png").read_bytes() == drawn
