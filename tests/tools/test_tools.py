"""The tools that act on notebooks: execute, tidy, render as pages, check."""

import base64
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from coursetools import execute, lint, notebooks, tidy
from coursetools.render import html, standalone
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
        "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
    )
).decode()


def write(folder, name, *cells):
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


# ------------------------------------------------------------------------------- make run


@pytest.fixture(scope="module")
def a_run(tmp_path_factory):
    """One run of three notebooks, the second of which fails in its third cell."""
    root = tmp_path_factory.mktemp("run")
    heading = new_markdown_cell("# First\n\n[second](02_broken.ipynb)")
    write(root / "in", "01_first.ipynb", heading, new_code_cell("print('first ran')"))
    broken = [new_markdown_cell("# Second"), new_code_cell("x = 1")]
    broken += [new_code_cell("raise ValueError('the reason')"), new_code_cell("print('never')")]
    write(root / "in", "02_broken.ipynb", *broken)
    show = new_code_cell("import os\nprint('fast is', os.environ.get('VAE_FAST'))")
    write(root / "in", "03_third.ipynb", new_markdown_cell("# Third"), show)
    before = {path.name: path.read_bytes() for path in (root / "in").iterdir()}
    run = command("execute", "--fast", "--notebooks", root / "in", "--build", root / "out")
    return root, before, run


def test_a_failing_notebook_is_named_with_its_cell_and_error_and_the_status_says_so(a_run):
    _, _, run = a_run
    assert run.returncode == 1
    line = next(line for line in run.stdout.splitlines() if "02_broken" in line)
    assert "FAILED in cell 3: ValueError: the reason" in line
    assert "Failed: 02_broken." in run.stdout


def test_the_notebooks_after_a_failing_one_still_run(a_run):
    root, _, run = a_run
    line = next(line for line in run.stdout.splitlines() if "03_third" in line)
    assert line.startswith("[3/3]") and line.endswith("ok")
    assert "fast is 1" in (root / "out" / "html" / "03_third.html").read_text()


def test_a_failing_notebook_still_gets_its_page_with_the_error_on_it(a_run):
    root, _, _ = a_run
    page = (root / "out" / "html" / "02_broken.html").read_text()
    assert "ValueError" in page and "the reason" in page


def test_the_index_lists_every_notebook_with_its_result(a_run):
    root, _, run = a_run
    index = (root / "out" / "html" / "index.html").read_text()
    for name in ("01_first", "02_broken", "03_third"):
        assert f'href="{name}.html"' in index
    assert "FAILED in cell 3: ValueError: the reason" in index
    assert "2 of 3 notebooks ran to their end in fast mode." in index
    assert run.stdout.rstrip().endswith("index.html")


def test_a_run_leaves_the_notebooks_alone_and_keeps_noise_off_the_terminal(a_run):
    root, before, run = a_run
    assert {path.name: path.read_bytes() for path in (root / "in").iterdir()} == before
    assert run.stderr == ""


def test_a_page_that_cannot_be_written_does_not_keep_the_others_from_theirs(tmp_path, monkeypatch):
    paths = [write(tmp_path, f"0{number}_any.ipynb", new_code_cell("1")) for number in (1, 2)]
    draw = html.page

    def fails_once(notebook, name):
        if name == "01_any":
            raise RuntimeError("no page today")
        return draw(notebook, name)

    monkeypatch.setattr(html, "page", fails_once)
    results = execute.run(paths, tmp_path / "build", say=lambda *_, **__: None)
    assert [result.error for result in results] == [
        "writing its page: RuntimeError: no page today",
        "",
    ]
    assert (tmp_path / "build" / "html" / "02_any.html").exists()


def test_links_between_notebooks_lead_from_page_to_page(a_run):
    root, _, _ = a_run
    assert 'href="02_broken.html"' in (root / "out" / "html" / "01_first.html").read_text()


def test_a_kernel_that_dies_is_a_failure_like_another(tmp_path):
    path = write(tmp_path, "01_dies.ipynb", new_code_cell("import os\nos._exit(1)"))
    _, result = execute.execute(path)
    assert result.error.startswith("cell 1: ") and "died" in result.error


def test_what_libraries_write_past_the_notebook_stays_off_the_terminal(tmp_path, capfd):
    noise = "import os\nos.system('echo noise >&2')\nos.write(2, b'noise')"
    path = write(tmp_path, "01_noise.ipynb", new_code_cell(noise))
    _, result = execute.execute(path)
    assert result.ok
    assert "noise" not in capfd.readouterr().err


def test_a_kernel_that_cannot_start_says_why(tmp_path):
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho 'No module named ipykernel' >&2\nexit 1\n")
    bare.chmod(0o755)
    path = write(tmp_path, "01_any.ipynb", new_code_cell("1"))
    kernel = standalone.kernel_of(bare, tmp_path / "kernels")
    _, result = execute.execute(path, kernel=kernel)
    assert result.error.startswith("starting its kernel: ")
    assert result.error.endswith("No module named ipykernel")


def test_a_cell_that_takes_too_long_is_given_up(tmp_path):
    path = write(tmp_path, "01_slow.ipynb", new_code_cell("import time\ntime.sleep(60)"))
    _, result = execute.execute(path, timeout=1)
    assert result.error == "cell 1: it took longer than 1 s"


def test_a_notebook_asked_for_by_a_wrong_name_is_an_error_that_lists_the_right_ones(tmp_path):
    write(tmp_path, "01_first.ipynb")
    with pytest.raises(SystemExit, match="begins with '07'. There are: 01_first"):
        notebooks.find_notebooks(tmp_path, ["07"])


def names(folder, *only):
    return [notebooks.name_of(path) for path in notebooks.find_notebooks(folder, only)]


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


def test_the_tools_start_without_tensorflow():
    code = "import sys; from coursetools import execute, lint, pictures, tidy\n"
    code += "from coursetools.render import html, kaggle; print('tensorflow' in sys.modules)"
    run = python("-c", code)
    assert run.stdout == "False\n", run.stderr


def python(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(notebooks.ROOT / "tools")}
    line = [sys.executable, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, env=environment)


def command(*arguments):
    return python("-m", "coursetools", *arguments)


def test_the_command_line_lists_its_commands_and_hands_its_arguments_on(tmp_path):
    usage = command()
    assert usage.returncode == 2 and "render kaggle" in usage.stdout
    write(tmp_path, "01_a.ipynb", new_markdown_cell("# A"))
    done = command("render", "html", "--notebooks", tmp_path, "--build", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "html" / "01_a.html").exists()


def fake_python(tmp_path, version):
    """An interpreter that says it is of another version."""
    path = tmp_path / "python"
    code = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$2"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 14, 0)])
def test_make_refuses_a_python_that_was_not_tried_before_it_makes_anything(tmp_path, version):
    venv = tmp_path / "venv"
    command = ["make", "run", f"PYTHON={fake_python(tmp_path, version)}", f"VENV={venv}"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=notebooks.ROOT)
    assert run.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13" in run.stderr
    assert f"is {version[0]}.{version[1]}." in run.stderr
    assert not venv.exists()


# ------------------------------------------------------------------------- make notebooks


def run_and_write_back(path):
    build = path.parent / "build"
    return execute.run([path], build, write_back=True, html=False, say=lambda *_, **__: None)


def test_outputs_are_written_back_tidy_and_the_sources_and_ids_stay(tmp_path):
    cells = [new_markdown_cell("# Title"), new_code_cell("print('a')\nprint('b')")]
    cells.append(new_code_cell("1 + 1"))
    path = write(tmp_path, "01_good.ipynb", *cells)
    (result,) = run_and_write_back(path)
    after = notebooks.read(path)
    assert result.ok
    assert [cell.id for cell in after.cells] == [cell.id for cell in cells]
    assert [cell.source for cell in after.cells] == [cell.source for cell in cells]
    assert [cell.execution_count for cell in after.cells[1:]] == [1, 2]
    assert after.cells[1].outputs[0].text == "a\nb\n"
    assert after.metadata.kernelspec.name == "python3"
    assert "version" not in after.metadata.language_info
    assert after.cells[2].metadata == {}
    nbformat.validate(after)


def test_writing_back_twice_gives_the_same_file(tmp_path):
    path = write(tmp_path, "01_good.ipynb", new_code_cell("print('a')"))
    run_and_write_back(path)
    once = path.read_bytes()
    run_and_write_back(path)
    assert path.read_bytes() == once


DRAWN = """
class ImageDataset:
    name, source, is_real = "letters", "drawn", False
data = ImageDataset()
"""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("print('/home/someone/data')", "a path of this machine: /home/someone/data"),
        (f"print({str(notebooks.ROOT)!r})", "a path of this machine"),
        (DRAWN, "letters: drawn"),
    ],
)
def test_what_readers_should_not_see_is_not_written_back(tmp_path, source, reason):
    path = write(tmp_path, "01_bad.ipynb", new_code_cell(source))
    before = path.read_bytes()
    (result,) = run_and_write_back(path)
    assert reason in result.error
    assert path.read_bytes() == before


def test_fast_outputs_are_never_written_back(tmp_path, capsys):
    path = write(tmp_path, "01_good.ipynb", new_code_cell("print('a')"))
    before = path.read_bytes()
    with pytest.raises(SystemExit):
        execute.main(["--write", "--fast", "--notebooks", str(tmp_path)])
    assert "full mode" in capsys.readouterr().err
    assert path.read_bytes() == before


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


# ---------------------------------------------------------------------------------- pages


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


# ------------------------------------------------------------------------------- the lint


def good_notebook():
    """A notebook in which the lint finds nothing."""
    picture = new_output(
        "display_data", data={"image/png": PIXEL}, metadata={"image/png": {"alt": "a dot"}}
    )
    cells = [new_markdown_cell("# Title\n\n" + "Words of prose. " * 20)]
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


def test_prose_between_two_display_formulas_counts_as_prose():
    notebook = good_notebook()
    words = "word " * 400
    notebook.cells[0].source += f"\n\n$$x$$\n\n{words}\n\n$$y$$\n"
    source = "\n".join(f"x{line} = {line}" for line in range(10))
    notebook.cells += [new_code_cell(source, id=f"more-{n}") for n in range(8)]
    assert not [fault for fault in lint.lint(notebook) if "words of prose" in str(fault)]


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


# --------------------------------------------------------------------------- housekeeping


def test_what_needs_a_browser_is_skipped_without_one_and_fails_where_one_is_required(monkeypatch):
    from support import no_browser

    monkeypatch.delenv("REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        no_browser("no Chromium")
    monkeypatch.setenv("REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium, and REQUIRE_BROWSER=1"):
        no_browser("no Chromium")


def test_requirements_are_lower_bounds_each_with_its_reason():
    lines = (notebooks.ROOT / "requirements.txt").read_text().splitlines()
    for line in (line for line in lines if not line.startswith("#")):
        assert re.fullmatch(r"[a-z0-9-]+>=[0-9.]+ +# .+", line), line


def test_what_the_package_needs_stands_in_the_requirements_with_the_same_bounds():
    lines = (notebooks.ROOT / "requirements.txt").read_text().split("# Beside the package")[0]
    bounds = [line.split()[0] for line in lines.splitlines() if not line.startswith("#")]
    project = tomllib.loads((notebooks.ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == bounds
    for extra in project["optional-dependencies"].values():
        assert all(re.fullmatch(r"[a-z0-9-]+>=[0-9.]+", bound) for bound in extra)
