"""Each notebook as one file for Kaggle: complete, not too long; two of them run."""

import contextlib
import re
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from coursetools import notebooks
from coursetools.package import Package
from coursetools.render import kaggle, standalone
from kaggle_inputs import add_letters, clothes, kaggle_environment, kaggle_inputs
from PIL import Image
from support import notebook_of

COURSE = notebooks.find_notebooks()
# Of Python that is not blank. 01 draws how a VAE works, 04 judges four classes of the learner's.
MAX_LINES = {"01": 4_900, "02": 4_550, "03": 4_550, "04": 5_400}


@pytest.fixture(scope="module", params=COURSE, ids=notebooks.name_of)
def rendering(request, tmp_path_factory):
    """A notebook as it is rendered, and the folder that its helper cell writes into."""
    rendered = kaggle.render(notebooks.read(request.param), notebooks.ROOT / kaggle.PACKAGE)
    folder = tmp_path_factory.mktemp("rendering")
    source = rendered.cells[1].source
    with contextlib.chdir(folder), contextlib.redirect_stdout(None):
        exec(compile(source, "helpers", "exec"), {})
    return notebooks.name_of(request.param), rendered, folder


def test_every_name_that_is_imported_is_in_the_rendering(rendering):
    _, rendered, folder = rendering
    package = Package(folder / kaggle.PACKAGE)
    sources = [cell.source for cell in rendered.cells[2:] if cell.cell_type == "code"]
    uses = [("the notebook", use) for use in package.uses(sources)]
    uses += [(name, use) for name in package.modules() for use in package.imports(name)]
    missing = [f"{where} takes {use}" for where, use in uses if not package.has(use)]
    # A lazy folder knows of names that this notebook has no use for, and that were left out.
    assert not missing


def test_every_name_that_is_used_is_defined(rendering):
    _, rendered, folder = rendering
    code = [cell.source for cell in rendered.cells[2:] if cell.cell_type == "code"]
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in "\n".join(code).splitlines()]
    (folder / "notebook.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821,F822", "."]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_the_helpers_are_one_folded_cell_of_a_length_that_can_be_read(rendering):
    name, rendered, folder = rendering
    helpers = [cell for cell in rendered.cells if cell.metadata.get("_kg_hide-input")]
    assert helpers == [rendered.cells[1]]
    assert rendered.cells[0].source.startswith("# ")
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("vae_helpers/**/*.py")]
    lines = sum(bool(line.strip()) for text in texts for line in text.splitlines())
    assert lines <= MAX_LINES.get(name[:2], lines), f"{lines} lines"


def run_alone(path, root, layout, form):
    inputs = kaggle_inputs(root, layout, form, clothes())
    if "load_letters" in path.read_text(encoding="utf-8"):
        add_letters(inputs, layout, 3000)
    python = sys._base_executable
    return standalone.execute_alone(path, python, kaggle_environment(inputs, root))


def printed(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


@pytest.mark.slow
def test_the_check_that_the_package_is_out_of_reach_would_notice_it(tmp_path):
    path = tmp_path / "01_tiny.ipynb"
    nbformat.write(notebook_of("from vae_helpers import elbo"), path)
    environment = {"PYTHONPATH": str(notebooks.ROOT)}
    _, result = standalone.execute_alone(path, sys.executable, environment)
    assert result.error.startswith("cell 1: AssertionError")


@pytest.mark.slow
def test_a_rendered_notebook_trains_on_kaggles_files_with_nothing_installed(tmp_path):
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
    notebook, result = run_alone(path, tmp_path, "datasets-owner-slug", "csv")
    assert result.ok, result.error
    assert "2000 read\n" in printed(notebook) and "finite: True" in printed(notebook)
    assert "files of vae_helpers are written" in printed(notebook)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "layout", "form"), [("01", "owner-slug", "csv"), ("07", "slug", "idx")]
)
def test_a_notebook_of_the_course_runs_as_kaggle_would_run_it(tmp_path, number, layout, form):
    (path,) = notebooks.NOTEBOOKS.glob(f"{number}_*.ipynb")
    _, result = run_alone(path, tmp_path, layout, form)
    assert result.ok, result.error
    assert all(result.sources.values()), f"drawn data was used: {result.sources}"


def attached_pictures(inputs):
    """A data set of pictures as an archive holds it: mixed sizes and kinds, a folder around all."""
    rng = np.random.default_rng(0)
    for number in range(130):
        kind = ("L", "RGB", "RGBA")[number % 3]
        sides = (*rng.integers(40, 90, size=2), len(kind))
        pixels = rng.integers(0, 256, size=sides, dtype=np.uint8)
        place = inputs / "datasets" / "owner" / "pets" / "pets" / ("cats", "dogs")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.squeeze()).save(place / f"{number}.png")
    return inputs / "datasets" / "owner" / "pets"


@pytest.mark.slow
def test_the_page_on_your_own_pictures_runs_on_any_data_set_that_is_attached(tmp_path):
    folder = attached_pictures(tmp_path / "input")
    page = notebooks.NOTEBOOKS / notebooks.DEEPER / "14_own_images.ipynb"
    text = page.read_text(encoding="utf-8")
    assert text.count('"MY_FOLDER = None') == 1
    mine = tmp_path / page.name
    mine.write_text(
        text.replace('"MY_FOLDER = None', f"\"MY_FOLDER = '{folder}'"), encoding="utf-8"
    )
    environment = kaggle_environment(tmp_path / "input", tmp_path)
    notebook, result = standalone.execute_alone(mine, sys._base_executable, environment)
    assert result.ok, result.error
    assert "130 images of the folder 'pets', resized to 64 x 64 in colour" in printed(notebook)
    assert "2 classes" in printed(notebook)
