"""The Kaggle renderings: what they hold, and what stands beside them."""

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from coursetools import notebooks
from coursetools.render import kaggle
from IPython.core.inputtransformer2 import TransformerManager
from support import notebook_of

FASHION = kaggle.DATASETS["load_fashion_mnist"]
LETTERS = kaggle.DATASETS["load_letters"]
PACKAGE_FOLDER = notebooks.ROOT / kaggle.PACKAGE


def written(rendered, folder, monkeypatch):
    """Run the helper cell of a rendering in an empty folder, and return the folder's package."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    (cell,) = (cell for cell in rendered.cells if cell.get("id") == "course-helpers")
    exec(compile(cell.source, "helpers", "exec"), {})
    return folder / "vae_helpers"


def test_helpers_stand_in_one_folded_cell_below_the_title(package):
    rendered = kaggle.render(notebook_of("from vae_helpers.ground import GROUND"), package)
    assert [cell.cell_type for cell in rendered.cells] == ["markdown", "code", "code"]
    helpers = rendered.cells[1]
    assert helpers.metadata["jupyter"]["source_hidden"] and helpers.metadata["_kg_hide-input"]
    title, body = helpers.source.split("\n", 1)
    lines = re.fullmatch(r"# @title The course's helper package, (\d+) lines; .*", title)[1]
    assert 5 < int(lines) < len(body.splitlines())
    assert "\nfiles[\"vae_helpers/ground.py\"] = r'''\nGROUND = 1\n'''\n" in body
    assert rendered.cells[2].source == "from vae_helpers.ground import GROUND"


@pytest.mark.parametrize(
    "text",
    [
        'A = "\\n"  # \\\\ and \\t\n',
        "A = '''text'''\n",
        "A = \"\"\"text\"\"\"\n'''more'''  # ''''\n",
        "%magic\n!ls\n...\n",
        "é ∑\n",
    ],
)
def test_helpers_are_written_word_for_word(package, tmp_path, monkeypatch, text):
    (package / "table.csv").write_text(text, encoding="utf-8")
    (package / "table.py").write_text('STORE = "table.csv"\n')
    rendered = kaggle.render(notebook_of("from vae_helpers.table import STORE"), package)
    folder = written(rendered, tmp_path / "run", monkeypatch)
    assert (folder / "table.csv").read_text(encoding="utf-8") == text
    assert (folder / "table.py").read_text() == (package / "table.py").read_text()
    # IPython reads a cell before Python does, and must leave the strings alone.
    assert TransformerManager().transform_cell(rendered.cells[1].source).strip() == (
        rendered.cells[1].source.strip()
    )


def test_results_of_benchmarks_that_a_module_names_come_along_beside_the_package(package):
    results = package.parent / "benchmarks" / "results" / "speed.json"
    results.parent.mkdir(parents=True)
    results.write_text("{}\n", encoding="utf-8")
    (package / "table.py").write_text('SPEED = "benchmarks/results/speed.json"\n')
    files = kaggle.needed_files(notebook_of("from vae_helpers.table import SPEED"), package)
    assert files[Path("benchmarks/results/speed.json")] == "{}\n"


def test_a_text_that_ipython_would_change_is_refused(package):
    (package / "top.py").write_text('DOC = """Do.\n\n    >>> do()\n"""\n')
    with pytest.raises(ValueError, match="cannot stand in a cell"):
        kaggle.render(notebook_of("from vae_helpers.top import DOC"), package)


def test_outputs_and_counts_are_dropped_and_the_course_notebook_is_left_alone(package):
    notebook = notebook_of("print(1)")
    output = nbformat.v4.new_output("stream", name="stdout", text="1\n")
    notebook.cells[1].update(outputs=[output], execution_count=1)
    rendered = kaggle.render(notebook, package)
    assert rendered.cells[1].outputs == [] and rendered.cells[1].execution_count is None
    assert notebook.cells[1].outputs == [output]


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("VAE course 02 elbo", "vae-course-02-elbo"),
        ("A, B: c (d)", "a-b-c-d"),
        (" Ends with a dash - ", "ends-with-a-dash"),
    ],
)
def test_slugs_follow_kaggles_rule(title, slug):
    assert kaggle.slug(title) == slug


def test_a_title_too_long_for_kaggle_is_refused():
    with pytest.raises(SystemExit, match="Kaggle takes 50"):
        kaggle.kernel_title("01_" + "long_" * 12)


KEYS = [
    *("id", "title", "code_file", "language", "kernel_type"),
    *("is_private", "enable_gpu", "enable_tpu", "enable_internet"),
    *("dataset_sources", "competition_sources", "kernel_sources", "model_sources"),
]


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("x = 1", []),
        ("data = load_fashion_mnist()", [FASHION]),
        ("load_letters(); load_fashion_mnist()", [FASHION, LETTERS]),
    ],
)
def test_metadata_has_every_key_and_the_data_that_the_notebook_loads(source, data):
    metadata = kaggle.kernel_metadata(notebook_of(source), "02_elbo", "ann")
    assert sorted(metadata) == sorted(KEYS)
    assert metadata["id"] == f"ann/{kaggle.slug(metadata['title'])}" == "ann/vae-course-02-elbo"
    assert metadata["code_file"] == "02_elbo.ipynb"
    assert metadata["dataset_sources"] == data
    assert metadata["enable_internet"] is False and metadata["is_private"] is True


@pytest.mark.parametrize(("owner", "message"), [("", "not set"), ("Ann Lee", "lower-case")])
def test_without_a_proper_owner_nothing_is_written(monkeypatch, tmp_path, owner, message):
    monkeypatch.setenv("KAGGLE_OWNER", owner)
    with pytest.raises(SystemExit, match=message):
        kaggle.main(["--build", str(tmp_path / "out")])
    assert list(tmp_path.iterdir()) == []


def write_notebook(folder, name, *sources):
    folder.mkdir(exist_ok=True)
    nbformat.write(notebook_of(*sources), folder / name)


def test_make_kaggle_writes_a_folder_a_notebook(monkeypatch, tmp_path, capsys):
    write_notebook(tmp_path / "in", "01_first.ipynb", "from vae_helpers import elbo")
    monkeypatch.setenv("KAGGLE_OWNER", "ann")
    for _ in range(2):  # the second time over the first
        kaggle.main(["--notebooks", str(tmp_path / "in"), "--build", str(tmp_path / "out")])
    (folder,) = (tmp_path / "out").iterdir()
    files = sorted(path.name for path in folder.iterdir())
    assert folder.name == "01_first" and files == ["01_first.ipynb", "kernel-metadata.json"]
    assert json.loads((folder / "kernel-metadata.json").read_text())["code_file"] in files
    nbformat.validate(notebooks.read(folder / "01_first.ipynb"))
    assert "kaggle kernels push -p" in capsys.readouterr().out


def test_a_rendering_that_fails_leaves_nothing_half_written(monkeypatch, tmp_path):
    write_notebook(tmp_path / "in", "01_first.ipynb", "x = 1")

    def no_replace(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", no_replace)
    with pytest.raises(OSError, match="disk full"):
        kaggle.write(tmp_path / "in" / "01_first.ipynb", PACKAGE_FOLDER, tmp_path / "out", "ann")
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
