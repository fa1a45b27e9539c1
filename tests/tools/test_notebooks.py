"""Finding notebooks, tidying them, and the paths that must not stand in them."""

import pytest
from coursetools import notebooks, tidy
from nbformat.v4 import new_code_cell, new_notebook, new_output
from support import write


def names(folder, *only):
    return [notebooks.name_of(path) for path in notebooks.find_notebooks(folder, only)]


def test_a_notebook_asked_for_by_a_wrong_name_is_an_error_that_lists_the_right_ones(tmp_path):
    write(tmp_path, "01_first.ipynb")
    with pytest.raises(SystemExit, match="begins with '07'. There are: 01_first"):
        notebooks.find_notebooks(tmp_path, ["07"])


def test_deeper_pages_stand_after_their_parent_and_can_be_asked_for(tmp_path):
    for name in ("02_b", "deeper/01_y", "01_a", "deeper/01_x"):
        write(tmp_path, f"{name}.ipynb")
    assert names(tmp_path) == ["01_a", "deeper/01_x", "deeper/01_y", "02_b"]
    assert names(tmp_path, "01") == ["01_a", "deeper/01_x", "deeper/01_y"]
    assert names(tmp_path, "01_a", "02") == ["01_a", "02_b"]
    assert names(tmp_path, "deeper/") == ["deeper/01_x", "deeper/01_y"]
    assert names(tmp_path, "deeper/01_y") == ["deeper/01_y"]
    with pytest.raises(SystemExit, match="There are: 01_a, deeper/01_x"):
        names(tmp_path, "deeper/02")


def test_widget_views_and_widget_state_do_not_survive(tmp_path):
    view = {tidy.WIDGET: {"model_id": "1"}, "text/plain": "IntSlider()"}
    cell = new_code_cell("slider", outputs=[new_output("display_data", data=view)])
    notebook = new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    tidy.tidy(notebook)
    assert "widgets" not in notebook.metadata
    assert notebook.cells[0].outputs[0].data == {"text/plain": tidy.WIDGET_NOTE}


def test_a_progress_bar_leaves_its_last_state_only():
    pieces = [new_output("stream", name="stdout", text=text) for text in ("\r10%", "\r100%", "\n")]
    notebook = new_notebook(cells=[new_code_cell("work()", outputs=pieces)])
    tidy.tidy(notebook)
    assert [output.text for output in notebook.cells[0].outputs] == ["100%\n"]


def test_of_a_progress_bar_that_cleared_itself_nothing_stays():
    bar = ("\r 10%", "\r100%", "\r    \r")
    pieces = [new_output("stream", name="stderr", text=text) for text in bar]
    pieces.append(new_output("stream", name="stdout", text="done\n"))
    notebook = new_notebook(cells=[new_code_cell("work()", outputs=pieces)])
    tidy.tidy(notebook)
    assert [output.name for output in notebook.cells[0].outputs] == ["stdout"]


@pytest.mark.parametrize(
    "text",
    ["/home/ann/x.csv", "in /root/.keras", "/Users/ann/y", r"C:\Users\ann", "'/tmp/abc/z'"],
)
def test_paths_of_a_machine_are_found(text):
    assert notebooks.machine_paths(text)


@pytest.mark.parametrize(
    "text",
    ["/kaggle/input/fashionmnist", "~/.cache/vae_helpers", "and/or", "example.org/home/page"],
)
def test_paths_that_are_the_same_for_everyone_are_not(text):
    assert notebooks.machine_paths(text) == []
