"""The Kaggle renderings: what they hold, and that they run with nothing of this clone in reach."""

import gzip
import json
import os
import re
import sys
import sysconfig
from pathlib import Path

import nbformat
import numpy as np
import pytest
from coursetools import notebooks
from coursetools.package import Package
from coursetools.render import kaggle, standalone
from IPython.core.inputtransformer2 import TransformerManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from vae_helpers import drawn

FASHION = kaggle.DATASETS["load_fashion_mnist"]
LETTERS = kaggle.DATASETS["load_letters"]
# The folders under /kaggle/input that Kaggle has used, one after the other.
LAYOUTS = {
    "slug": lambda handle: handle.split("/")[1],
    "owner-slug": lambda handle: handle,
    "datasets-owner-slug": lambda handle: f"datasets/{handle}",
}
PACKAGE_FOLDER = notebooks.ROOT / kaggle.PACKAGE


# ----------------------------------------------------------------------- what is rendered


@pytest.fixture
def package(tmp_path):
    """A package of four modules, of which `top` needs `middle`, and `middle` needs `ground`."""
    folder = tmp_path / "vae_helpers"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""The package."""\n')
    (folder / "ground.py").write_text("GROUND = 1\n")
    lazy = "def two():\n    from vae_helpers.ground import GROUND\n\n    return GROUND + 1\n"
    (folder / "middle.py").write_text(lazy)
    (folder / "top.py").write_text("from vae_helpers import middle\n\nTHREE = middle.two() + 1\n")
    (folder / "alone.py").write_text("ALONE = True\n")
    return folder


def notebook_of(*sources):
    cells = [new_markdown_cell("# Title"), *(new_code_cell(source) for source in sources)]
    return new_notebook(cells=cells)


def names(files):
    return [path.stem for path in files]


@pytest.mark.parametrize(
    "source",
    [
        "from vae_helpers import top",
        "import vae_helpers.top as t",
        "from vae_helpers.top import THREE",
        "%matplotlib inline\ndef later():\n    from vae_helpers import top",
    ],
)
def test_needed_modules_come_in_the_order_of_need_however_they_are_imported(package, source):
    files = kaggle.needed_files(notebook_of(source), package)
    assert names(files) == ["__init__", "ground", "middle", "top"]


def test_a_notebook_that_needs_no_helper_gets_none(package):
    notebook = notebook_of("import numpy as np")
    assert kaggle.needed_files(notebook, package) == []
    assert len(kaggle.render(notebook, package).cells) == 2


def written(rendered, folder, monkeypatch):
    """Run the helper cell of a rendering in an empty folder, and return the folder's package."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    (cell,) = (cell for cell in rendered.cells if cell.get("id") == "course-helpers")
    exec(compile(cell.source, "helpers", "exec"), {})
    return folder / "vae_helpers"


def test_helpers_stand_in_one_folded_cell_below_the_title(package):
    rendered = kaggle.render(notebook_of("from vae_helpers import middle"), package)
    assert [cell.cell_type for cell in rendered.cells] == ["markdown", "code", "code"]
    helpers = rendered.cells[1]
    assert helpers.metadata["jupyter"]["source_hidden"] and helpers.metadata["_kg_hide-input"]
    title, body = helpers.source.split("\n", 1)
    lines = re.fullmatch(r"# @title The course's helper package, (\d+) lines; .*", title)[1]
    assert 5 < int(lines) < len(body.splitlines())
    assert "\nfiles[\"vae_helpers/ground.py\"] = r'''\nGROUND = 1\n'''\n" in body
    assert rendered.cells[2].source == "from vae_helpers import middle"


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
    rendered = kaggle.render(notebook_of("from vae_helpers import table"), package)
    folder = written(rendered, tmp_path / "run", monkeypatch)
    assert (folder / "table.csv").read_text(encoding="utf-8") == text
    assert (folder / "table.py").read_text() == (package / "table.py").read_text()
    # IPython reads a cell before Python does, and must leave the strings alone.
    assert TransformerManager().transform_cell(rendered.cells[1].source).strip() == (
        rendered.cells[1].source.strip()
    )
    assert names(kaggle.needed_files(rendered, package)) == ["__init__", "table", "table"]


def test_a_text_that_ipython_would_change_is_refused(package):
    (package / "top.py").write_text('"""Do.\n\n    >>> do()\n"""\n')
    with pytest.raises(ValueError, match="cannot stand in a cell"):
        kaggle.render(notebook_of("from vae_helpers import top"), package)


# A lazy package, as `vae_helpers.plots` is: asked for a name, it loads the submodule that has it.
LAZY = """
_HOME = {"show": "style", "row": "images", "rows": "images"}


def __getattr__(name):
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
"""


@pytest.fixture
def lazy(package):
    plots = package / "plots"
    (plots / "pen").mkdir(parents=True)
    (plots / "__init__.py").write_text(LAZY)
    (plots / "style.py").write_text("show = print\n")
    (plots / "images.py").write_text("from vae_helpers import ground\n\nrow = rows = 1\n")
    (plots / "pen" / "__init__.py").write_text("INK = 1\n")
    return package


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        ("from vae_helpers import plots", ["__init__"]),
        ("from vae_helpers import plots\nplots.show(1)", ["__init__", "style"]),
        ("from vae_helpers import plots as p\np.show.x\np.rows", ["__init__", "style", "images"]),
        ("from vae_helpers.plots import row as r", ["__init__", "images"]),
        ("import vae_helpers.plots\nvae_helpers.plots.show()", ["__init__", "style"]),
        ("import vae_helpers\nvae_helpers.plots.images.row", ["__init__", "images"]),
        ("from vae_helpers.plots import *", ["__init__", "style", "images"]),
        ("from vae_helpers import plots\nhelp(plots)", ["__init__", "style", "images"]),
        ("from vae_helpers.plots.pen import INK", ["__init__", "pen"]),
        ("from vae_helpers.plots import pen", ["__init__", "pen"]),
    ],
)
def test_a_name_of_a_lazy_package_brings_the_submodule_that_has_it(lazy, source, needed):
    files = kaggle.needed_files(notebook_of(source), lazy)
    inside = [path.parts[2:] for path in files if "plots" in path.parts]
    assert [parts[0].removesuffix(".py") for parts in inside] == needed
    assert (Path("vae_helpers/ground.py") in files) == ("images" in needed)


def test_what_is_asked_for_in_another_cell_counts_too(lazy):
    files = kaggle.needed_files(notebook_of("from vae_helpers import plots", "plots.rows"), lazy)
    assert "images" in names(files)


def test_what_only_a_type_checker_imports_stays_out(lazy):
    source = (
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from vae_helpers import top\n"
    )
    (lazy / "plots" / "style.py").write_text(f"{source}\nshow = print\n")
    assert "top" not in names(
        kaggle.needed_files(notebook_of("from vae_helpers.plots import show"), lazy)
    )


def test_names_that_do_not_exist_are_found_out(lazy):
    package = Package(lazy)
    sources = ["from vae_helpers import plots, nothing", "from vae_helpers.ground import SKY"]
    sources += ["plots.show(plots.colour)", "import vae_helpers.clouds"]
    missing = [str(use) for use in package.uses(sources) if not package.has(use)]
    assert missing == ["nothing", "ground.SKY", "clouds", "plots.colour"]


def test_a_name_that_is_also_assigned_may_be_something_else(lazy):
    source = "from vae_helpers import plots\ndef f(plots):\n    return plots.width, plots.show"
    package = Package(lazy)
    assert [str(use) for use in package.uses([source])] == ["plots", "plots.show"]


def test_a_module_of_exercises_brings_its_solutions(package):
    (package / "exercises" / "solutions").mkdir(parents=True)
    for name in ("__init__", "nb01", "solutions/__init__", "solutions/nb01", "solutions/nb02"):
        (package / "exercises" / f"{name}.py").write_text("A = 1\n")
    files = kaggle.needed_files(notebook_of("from vae_helpers.exercises import nb01"), package)
    assert [path.as_posix().removeprefix("vae_helpers/exercises/") for path in files[1:]] == [
        "__init__.py",
        "nb01.py",
        "solutions/__init__.py",
        "solutions/nb01.py",
    ]


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


# ---------------------------------------------------------------------- Kaggle's own inputs


def garments(n, seed):
    images, labels, _ = drawn.draw_garments(n, seed=seed)
    return images, labels


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


def write_fashion_idx(folder, train, test, compressed=False):
    for name, (images, labels) in {"train": train, "t10k": test}.items():
        for kind, array in {"images-idx3": images, "labels-idx1": labels}.items():
            content = idx(array)
            ending = ".gz" if compressed else ""
            content = gzip.compress(content, 1) if compressed else content
            (folder / f"{name}-{kind}-ubyte{ending}").write_bytes(content)


def write_csv(path, images, labels, header):
    table = np.column_stack([labels, images.reshape(len(images), -1)])
    names = ",".join(["label", *(f"pixel{i}" for i in range(1, 785))]) if header else ""
    np.savetxt(path, table, fmt="%d", delimiter=",", header=names, comments="")


def write_fashion_csv(folder, train, test):
    write_csv(folder / "fashion-mnist_train.csv", *train, header=True)
    write_csv(folder / "fashion-mnist_test.csv", *test, header=True)


FORMS = {"csv": write_fashion_csv, "idx": write_fashion_idx}


@pytest.fixture(scope="module")
def clothes():
    return garments(2000, seed=1), garments(600, seed=2)


def kaggle_inputs(root, layout, form, clothes):
    """Make Kaggle's input folder with Fashion-MNIST in one layout and form; return its path."""
    folder = root / "input" / LAYOUTS[layout](FASHION)
    folder.mkdir(parents=True)
    FORMS[form](folder, *clothes)
    return root / "input"


def add_letters(inputs, layout, count):
    """Put the letters' CSV, sorted by label as Kaggle's, into the input folder."""
    images, labels, _ = drawn.draw_letters(count, seed=1)
    order = np.argsort(labels, kind="stable")
    folder = inputs / LAYOUTS[layout](LETTERS)
    folder.mkdir(parents=True)
    write_csv(folder / "A_Z Handwritten Data.csv", images[order], labels[order], header=False)


def kaggle_environment(inputs, root):
    """The environment variables of a kernel that has these inputs and nothing else."""
    site_packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return {
        # Folders on PYTHONPATH are searched, but the links in them that make an editable install
        # are not followed: with the bare interpreter, vae_helpers is out of reach.
        "PYTHONPATH": os.pathsep.join(site_packages),
        "VIRTUAL_ENV": "",
        "VAE_FAST": "1",
        "VAE_DATA_DIR": "",
        "VAE_KAGGLE_INPUT": str(inputs),
        "VAE_CACHE_DIR": str(root / "cache"),
        "KERAS_HOME": str(root / "keras"),
        "KAGGLEHUB_CACHE": str(root / "kagglehub"),
    }


@pytest.fixture
def only_kaggle(monkeypatch, tmp_path):
    """This process sees Kaggle's inputs and no other source of data."""
    for name, value in kaggle_environment(tmp_path / "input", tmp_path).items():
        if name.startswith(("VAE_", "KERAS_", "KAGGLEHUB_")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("VAE_OFFLINE", "1")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_fashion_mnist_is_found_in_every_layout_and_form(
    only_kaggle, tmp_path, clothes, layout, form
):
    from vae_helpers import data

    (train, test) = ((images[:60], labels[:60]) for images, labels in clothes)
    kaggle_inputs(tmp_path, layout, form, (train, test))
    found = data.load_fashion_mnist(allow_drawn=False)
    assert found.is_real
    np.testing.assert_array_equal(found.train_images, train[0])
    np.testing.assert_array_equal(found.test_labels, test[1])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_letters_are_found_in_every_layout(only_kaggle, tmp_path, layout):
    from vae_helpers import data

    add_letters(tmp_path / "input", layout, 260)
    found = data.load_letters(allow_drawn=False)
    assert found.is_real
    assert len(found.train_images) + len(found.test_images) == 260


# ------------------------------------------------------------------- run where Kaggle would


def run_alone(path, root, layout, form, clothes):
    inputs = kaggle_inputs(root, layout, form, clothes)
    if "load_letters" in path.read_text(encoding="utf-8"):
        add_letters(inputs, layout, 3000)
    python = sys._base_executable
    return standalone.execute_alone(path, python, kaggle_environment(inputs, root))


def printed(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


@pytest.mark.slow
def test_the_check_that_the_package_is_out_of_reach_would_notice_it(tmp_path, clothes):
    path = tmp_path / "01_tiny.ipynb"
    nbformat.write(notebook_of("from vae_helpers import elbo"), path)
    environment = {"PYTHONPATH": str(notebooks.ROOT)}
    _, result = standalone.execute_alone(path, sys.executable, environment)
    assert result.error.startswith("cell 1: AssertionError")


@pytest.mark.slow
def test_a_rendered_notebook_trains_on_kaggles_files_with_nothing_installed(tmp_path, clothes):
    path = tmp_path / "01_tiny.ipynb"
    sources = [
        "from vae_helpers.data import load_fashion_mnist\nfrom vae_helpers import parts, vae",
        "clothes = load_fashion_mnist(allow_drawn=False)\nprint(len(clothes.train_images), 'read')",
        "model = vae.VAE(parts.Encoder(), parts.LatentDistribution(2), parts.Decoder())",
        "model.compile(optimizer='adam')",
        "fit = model.fit(clothes.train_images, epochs=1, verbose=0)",
        "print('finite:', all(abs(v) < 1e6 for v in fit.history['loss']))",
    ]
    nbformat.write(notebook_of(*sources), path)
    notebook, result = run_alone(path, tmp_path, "datasets-owner-slug", "csv", clothes)
    assert result.ok, result.error
    assert "2000 read\n" in printed(notebook) and "finite: True" in printed(notebook)
    assert "files of vae_helpers are written" in printed(notebook)


COURSE = sorted(notebooks.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
ROUND = [(layout, form) for form in FORMS for layout in LAYOUTS]  # layouts and forms in turn


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "layout", "form"),
    [(path, *ROUND[i % len(ROUND)]) for i, path in enumerate(COURSE)],
    ids=[path.stem for path in COURSE],
)
def test_a_notebook_of_the_course_runs_as_kaggle_would_run_it(
    tmp_path, clothes, path, layout, form
):
    _, result = run_alone(path, tmp_path, layout, form, clothes)
    assert result.ok, result.error
    assert all(result.sources.values()), f"drawn data was used: {result.sources}"
