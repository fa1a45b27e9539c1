"""The teacher's guide covers the course, and says of a notebook what the notebook says."""

import re

import nbformat
import pytest
from coursetools import notebooks, teaching
from nbformat.v4 import new_markdown_cell, new_notebook

GUIDE = teaching.PAGE.read_text(encoding="utf-8")
HEAD = """# 5. A title

**The question.** Why
is it grey?

Afterwards you will be able to

1. say why;
2. compute
3. it.

**Time:** about half a minute to run on 2 CPU cores, 90 minutes to study.

**It assumes** [02_elbo](02_elbo.ipynb) (the terms) and
[a page](https://example.org/x.ipynb).

## Next
"""


def write(folder, head):
    path = folder / "05_title.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell(head)]), path)
    return path


def test_the_facts_are_those_of_the_first_cells_with_links_led_from_docs(tmp_path):
    found = teaching.facts(write(tmp_path, HEAD))
    assert found.startswith("*Why is it grey?*\n\n1. say why;\n2. compute\n")
    assert "**Minutes:** half a minute to run on two CPU cores, 90 to study." in found
    assert "[02_elbo](../notebooks/02_elbo.ipynb) (the terms)" in found
    assert "(https://example.org/x.ipynb)" in found


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        ("**The question.**", "question"),
        ("about half a minute", "time to run"),
        ("90 minutes", "time to study"),
        ("**It assumes**", "assumptions"),
        (r"\d\. ", "goals"),
    ],
)
def test_a_notebook_that_leaves_something_out_is_named(tmp_path, cut, message):
    path = write(tmp_path, re.sub(cut if "\\" in cut else re.escape(cut), "", HEAD))
    with pytest.raises(ValueError, match=f"05_title.ipynb .*{message}"):
        teaching.facts(path)


def test_a_notebook_without_a_place_in_the_guide_is_noticed(tmp_path):
    path = write(tmp_path, HEAD)
    begin, end = teaching.places("05")
    assert "grey" in teaching.with_facts(f"a\n{begin}\nold\n{end}\nb\n", [path])
    with pytest.raises(ValueError, match="05: read from the notebook"):
        teaching.with_facts("no place", [path])


def test_the_guide_says_of_every_notebook_what_the_notebook_says():
    # `python -m coursetools teaching` writes it
    assert teaching.with_facts(GUIDE, teaching.main_line()) == GUIDE


def test_the_guide_has_every_question_of_the_course_in_its_notebook_section():
    numbers_and_texts = re.split(r"^### (\d+)\. .*$", GUIDE, flags=re.MULTILINE)[1:]
    sections = dict(zip(numbers_and_texts[::2], numbers_and_texts[1::2], strict=True))
    asked = teaching.asked()
    assert len(asked) >= 13 and all(asked.values())
    for number, names in asked.items():
        said = {name for n, name in teaching.QUESTION.findall(sections[str(int(number))])}
        assert set(names) <= said, f"### {int(number)}. lacks {set(names) - said}"


def test_every_question_that_the_guide_names_exists():
    here = {path.name[:2] for path in notebooks.find_notebooks()}
    asked = teaching.asked()
    named = set(teaching.QUESTION.findall(GUIDE))
    assert {n for n, _ in named} >= here
    wrong = [f"nb{n}.{name}" for n, name in named if n in here and name not in asked[n]]
    assert wrong == []
