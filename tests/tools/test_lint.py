"""The lint finds each fault that is planted."""

import base64

import nbformat
import pytest
from coursetools import lint, tidy
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from support import PIXEL


def good_notebook():
    """A notebook in which the lint finds nothing."""
    picture = new_output(
        "display_data", data={"image/png": PIXEL}, metadata={"image/png": {"alt": "a dot"}}
    )
    times = "**Time:** 2 minutes to run, 60 minutes to study.\n\n"
    cells = [new_markdown_cell("# Title\n\n" + times + "Words of prose. " * 20)]
    for number in range(1, 4):
        printed = [new_output("stream", name="stdout", text="within 1%: True\n")]
        tags = {"tags": ["nbval-check-output"]}
        source = f"print(check({number}))"
        cells.append(new_code_cell(source, outputs=printed, execution_count=number, metadata=tags))
    cells.append(new_code_cell("show()", outputs=[picture], execution_count=4))
    cells.append(new_markdown_cell("## Exercises\n\nReplace the blanks."))
    cells.append(new_markdown_cell("## Summary\n\nDone, $x^2$."))
    cells.append(new_markdown_cell("## Further reading\n\nA book."))
    for number in range(5, 9):  # after the others, so that their places are easy to name
        source = "q = nb01.one\nq.check(____)\n# q.hint()\n# q.solution()"
        cells.append(new_code_cell(source, execution_count=number))
    return tidy.tidy(new_notebook(cells=cells))


def test_a_good_notebook_has_no_fault():
    assert lint.lint(good_notebook()) == []


def test_a_deeper_page_may_do_without_exercises_that_check_themselves(tmp_path):
    notebook = good_notebook()
    notebook.cells = notebook.cells[:-4]
    for folder, faults in (("", 1), ("deeper", 0)):
        path = tmp_path / folder / "01_x.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        assert len(lint.lint_file(path)) == faults


def test_a_notebook_is_one_class_and_exercises_do_not_count():
    notebook = good_notebook()
    exercises = next(n for n, cell in enumerate(notebook.cells) if "Exercises" in cell.source)
    more = [new_code_cell("x", id=f"more-{n}") for n in range(lint.MAX_CELLS)]
    notebook.cells[exercises + 1 : exercises + 1] = more
    before = lint.class_cells(notebook)
    assert before == 8 and not [f for f in lint.lint(notebook) if "outside the ex" in f]
    notebook.cells[1:1] = [new_code_cell("x", id=f"class-{n}") for n in range(lint.MAX_CELLS - 7)]
    assert lint.class_cells(notebook) == lint.MAX_CELLS + 1
    assert [fault for fault in lint.lint(notebook) if "has 36 cells of code outside" in fault]
    assert not [fault for fault in lint.lint(notebook, cells=45) if "outside the ex" in fault]


def test_a_long_notebook_is_a_fault():
    notebook = good_notebook()
    notebook.cells[0].source += "word " * lint.MAX_WORDS
    assert [fault for fault in lint.lint(notebook) if "words of prose, at most 3,000" in fault]


def test_both_times_are_said():
    notebook = good_notebook()
    notebook.cells[0].source = notebook.cells[0].source.replace(", 60 minutes to study", "")
    assert [fault for fault in lint.lint(notebook) if "how many to study" in fault]


def test_prose_between_two_display_formulas_counts_as_prose():
    notebook = good_notebook()
    words = "word " * 400
    notebook.cells[0].source += f"\n\n$$x$$\n\n{words}\n\n$$y$$\n"
    source = "\n".join(f"x{line} = {line}" for line in range(10))
    notebook.cells += [new_code_cell(source, id=f"more-{n}") for n in range(8)]
    assert not [fault for fault in lint.lint(notebook) if "words of prose" in str(fault)]


def test_the_words_between_two_blocks_of_code_are_counted():
    notebook = good_notebook()
    before = lint.prose_words(notebook)
    block = "```python\nnot these words\n```"
    notebook.cells[0].source += f"\n\n{block}\n\nfour words and `code`\n\n{block}\n"
    assert lint.prose_words(notebook) == before + 1 + 4 + 1


def set_source(index, source):
    def plant(notebook):
        notebook.cells[index].source = source

    return plant


def add_source(index, text):
    def plant(notebook):
        notebook.cells[index].source += text

    return plant


def set_outputs(index, *outputs):
    def plant(notebook):
        notebook.cells[index].outputs = list(outputs)

    return plant


def error_output():
    return new_output("error", ename="ValueError", evalue="no", traceback=[])


def shown(data, **metadata):
    return new_output("display_data", data=data, metadata=metadata)


def remove(index):
    return lambda notebook: notebook.cells.pop(index)


def break_count(notebook):
    notebook.cells[2].execution_count = 7


def drop_kernelspec(notebook):
    notebook.metadata.pop("kernelspec")


def drop_language(notebook):
    notebook.metadata.pop("language_info")


def add_widget_state(notebook):
    notebook.metadata["widgets"] = {}


def drop_tags(notebook):
    notebook.cells[1].metadata.pop("tags")


def same_ids(notebook):
    notebook.cells[1].id = notebook.cells[0].id


def much_code(notebook):
    for cell in notebook.cells[1:5]:
        cell.source = "\n".join(f"x{line} = {line}" for line in range(18))


BIG = base64.b64encode(bytes(1_600_000)).decode()


ALT = {"image/png": {"alt": "big"}}


LINES = "\n".join(f"x{line} = {line}" for line in range(21))


FAULTS = [
    (same_ids, "not a valid notebook"),
    (break_count, "not executed from top to bottom"),
    (drop_kernelspec, "kernelspec is not python3"),
    (drop_language, "language_info"),
    (add_widget_state, "widget state"),
    (drop_tags, "2 cells are tagged"),
    (much_code, "words of prose a line of code"),
    (set_source(0, "No heading at all. " * 20), "one heading of level one"),
    (add_source(6, "\n\n# Another title"), "one heading of level one"),
    (remove(5), "no heading with 'exercise'"),
    (remove(6), "no heading with 'summary'"),
    (remove(7), "no heading with 'further reading'"),
    (set_source(8, "q.checked(1)"), "has 3 exercises that check themselves"),
    (
        set_source(8, "q.check(1)\n# q.solution()"),
        "cell 9: checks an answer, but offers no '# q.hint()'",
    ),
    (set_source(8, "q.check(1)\n# q.hint()\nq.solution()"), "offers no '# q.solution()'"),
    (lambda notebook: notebook.cells.insert(5, notebook.cells.pop(7)), "out of order"),
    (set_outputs(4, error_output()), "cell 5: ends in ValueError"),
    (
        set_outputs(4, new_output("stream", name="stderr", text="W000\n")),
        "cell 5: writes to stderr",
    ),
    (set_outputs(4, new_output("stream", name="stdout", text="/root/x")), "cell 5: names a path"),
    (set_source(4, "open('/home/ann/x')"), "cell 5: names a path of one machine: /home/ann/x"),
    (add_source(6, " see /Users/ann/x"), "cell 7: names a path"),
    (set_outputs(4, shown({"image/png": PIXEL})), "cell 5: its picture has no alt text"),
    (set_outputs(4, shown({"image/png": BIG}, **ALT)), "1,600,000 bytes, at most"),
    (set_outputs(4, shown({"image/svg+xml": "<svg/>"})), "expected image/png"),
    (set_outputs(4, shown({tidy.WIDGET: {}})), "view of a widget"),
    (set_outputs(4, shown({"text/html": '<script src="https://a.b/c.js">'})), "from the network"),
    (add_source(6, "\n![x](https://a.b/c.png)"), "fetched from the network"),
    (add_source(6, "\n$\\nosuch$"), "cell 7: cannot draw"),
    (set_source(4, LINES), "cell 5: has 21 lines of code"),
    (set_source(4, "!pip install x"), "cell 5: installs something"),
    (set_source(4, ""), "cell 5: is empty"),
    (set_outputs(1), "cell 2: is tagged nbval-check-output, so it must print"),
    (set_outputs(1, shown({"image/png": PIXEL}, **ALT)), "so it must print"),
]


@pytest.mark.parametrize(("plant", "message"), FAULTS, ids=[message for _, message in FAULTS])
def test_a_planted_fault_is_found(plant, message):
    notebook = good_notebook()
    plant(notebook)
    faults = [fault for fault in lint.lint(notebook) if not fault.is_warning]
    assert any(message in fault for fault in faults), faults


def test_a_cell_that_must_be_read_whole_may_be_long():
    notebook = good_notebook()
    notebook.cells[0].source += "Words of prose. " * 20
    notebook.cells[4].source = LINES
    notebook.cells[4].metadata["tags"] = ["long-listing"]
    assert lint.lint(notebook) == []


def test_the_lint_names_the_notebook_and_its_exit_status_tells(tmp_path, capsys):
    notebook = good_notebook()
    nbformat.write(notebook, tmp_path / "01_good.ipynb")
    notebook.cells[4].outputs = [error_output()]
    nbformat.write(notebook, tmp_path / "02_bad.ipynb")
    assert lint.main([str(tmp_path / "01_good.ipynb")]) == 0
    assert lint.main([str(tmp_path / "02_bad.ipynb")]) == 1
    assert "02_bad: cell 5: ends in ValueError: no" in capsys.readouterr().out
