"""Notebooks for Kaggle beside one attached data set: what they find, and what the client says."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from coursetools import notebooks
from coursetools.render import attached, kaggle
from kaggle_inputs import LAYOUTS, kaggle_environment
from support import notebook_of

PACKAGE_FOLDER = notebooks.ROOT / kaggle.PACKAGE


def finder(package, version):
    notebook = notebook_of("from vae_helpers.ground import GROUND")
    rendered = attached.render(notebook, package, "ann", version)
    (cell,) = (cell for cell in rendered.cells if cell.get("id") == "course-helpers")
    return cell.source


def run_finder(source, inputs, monkeypatch):
    """Run the cell that finds the helpers, and return what it prints and the path it added."""
    monkeypatch.setenv("VAE_KAGGLE_INPUT", str(inputs))
    monkeypatch.setattr(sys, "path", list(sys.path))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(source, "finder", "exec"), {})
    return said.getvalue(), sys.path[0]


def test_the_data_set_is_the_package_word_for_word_and_its_metadata(package, tmp_path):
    (package / "table.csv").write_text("a,b\n")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.pyc").write_bytes(b"x")
    folder, version = attached.write_dataset(package, tmp_path / "out", "ann")
    inner = folder / attached.INNER / "vae_helpers"
    names = {path.name for path in inner.rglob("*")}
    assert {"table.csv", "top.py", attached.STAMP} <= names and "x.pyc" not in names
    assert (inner / "top.py").read_bytes() == (package / "top.py").read_bytes()
    metadata = json.loads((folder / "dataset-metadata.json").read_text())
    assert metadata["id"] == "ann/vae-course-helpers" and version in metadata["description"]
    assert len(metadata["licenses"]) == 1 and 20 <= len(metadata["subtitle"]) <= 80
    (package / "table.csv").unlink()
    again, other = attached.write_dataset(package, tmp_path / "out", "ann")
    assert again == folder and other != version and not (inner / "table.csv").exists()


def test_stored_results_that_the_package_reads_lie_beside_it(tmp_path):
    from vae_helpers.benchmark import RESULTS

    folder, _ = attached.write_dataset(PACKAGE_FOLDER, tmp_path, "ann")
    for path in RESULTS.values():
        copy = folder / attached.INNER / path
        assert copy.read_bytes() == (notebooks.ROOT / path).read_bytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("unpacked", [True, False])
def test_a_notebook_finds_the_package_wherever_it_is_mounted(
    package, tmp_path, monkeypatch, layout, unpacked
):
    data, version = attached.write_dataset(package, tmp_path / "out", "ann")
    mounted = tmp_path / "input" / LAYOUTS[layout]("ann/vae-course-helpers")
    # an archive may be unpacked into a folder of its name, or straight into the data set
    shutil.copytree(data / attached.INNER, mounted / attached.INNER if unpacked else mounted)
    said, first = run_finder(finder(package, version), tmp_path / "input", monkeypatch)
    assert f"vae_helpers {version} from" in said and "made with" not in said
    assert (Path(first) / "vae_helpers" / "ground.py").exists()


def test_helpers_of_another_version_are_said_so(package, tmp_path, monkeypatch):
    data, version = attached.write_dataset(package, tmp_path / "input", "ann")
    said, _ = run_finder(finder(package, "0123456789ab"), tmp_path / "input", monkeypatch)
    assert f"helpers are {version}; this notebook was made with 0123456789ab" in said


def test_without_the_data_set_the_cell_says_what_to_add(package, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="Add Input: search for ann/vae-course-helpers"):
        run_finder(finder(package, "0" * 12), tmp_path, monkeypatch)


def test_make_kaggle_attached_writes_the_data_set_and_asks_for_a_gpu_where_told(
    monkeypatch, tmp_path, capsys
):
    (tmp_path / "in").mkdir()
    for name, source in (("01_a", "from vae_helpers import elbo"), ("02_b", "x = 1")):
        nbformat.write(notebook_of(source), tmp_path / "in" / f"{name}.ipynb")
    monkeypatch.setenv("KAGGLE_OWNER", "ann")
    choice = ["--notebooks", str(tmp_path / "in"), "--build", str(tmp_path / "out")]
    assert kaggle.main([*choice, "--attached", "--gpu", "01"]) == 0
    out = tmp_path / "out" / "attached"
    assert sorted(path.name for path in out.iterdir()) == ["01_a", "02_b", "helpers"]
    metadata = {
        name: json.loads((out / name / "kernel-metadata.json").read_text())
        for name in ("01_a", "02_b")
    }
    assert metadata["01_a"]["dataset_sources"] == ["ann/vae-course-helpers"]
    assert metadata["02_b"]["dataset_sources"] == []  # it uses nothing of the package
    assert metadata["01_a"]["enable_gpu"] and not metadata["02_b"]["enable_gpu"]
    said = capsys.readouterr().out
    assert "kaggle datasets create --dir-mode zip" in said and "kaggle kernels push" in said


@pytest.mark.slow
def test_a_notebook_of_the_course_trains_with_attached_helpers(tmp_path):
    from coursetools import execute
    from coursetools.render import standalone

    inputs = tmp_path / "input"
    data, version = attached.write_dataset(PACKAGE_FOLDER, tmp_path / "out", "ann")
    shutil.copytree(data, inputs / "vae-course-helpers")
    code = (
        "import os, vae_helpers\nfrom vae_helpers import recipes\n"
        "from vae_helpers.data import synthetic_garments\n"
        "images = synthetic_garments(600, seed=1)[0]\n"
        "vae = recipes.build(recipes.QUICK, images)\n"
        "print(vae.fit(images, epochs=1, batch_size=60, verbose=0).history['loss'][0] < 1e6)\n"
        "assert vae_helpers.__file__.startswith(os.environ['VAE_KAGGLE_INPUT'])"
    )
    notebook = attached.render(notebook_of(code), PACKAGE_FOLDER, "ann", version)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(standalone.ALONE))
    path = tmp_path / "01_tiny.ipynb"
    nbformat.write(notebook, path)
    kernel = standalone.kernel_of(
        sys._base_executable, tmp_path / "kernels", kaggle_environment(inputs, tmp_path)
    )
    done, result = execute.execute(path, timeout=300, folder=tmp_path, kernel=kernel)
    assert result.ok, result.error
    assert "True" in str(done.cells[-1].outputs)


# Asked of Kaggle's own client: what it would send. Its requests stop before the network.
ASK = """
import json, sys
from types import SimpleNamespace
from kaggle.api.kaggle_api_extended import KaggleApi

sent = []

class Client:
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    kernels = SimpleNamespace(kernels_api_client=SimpleNamespace(save_kernel=sent.append))

api = KaggleApi()
api.authenticate()
api.build_kaggle_client = Client
for folder in sys.argv[1:]:
    api.kernels_push(folder)
print(json.dumps([
    {
        "slug": one.slug,
        "title": one.new_title,
        "gpu": one.enable_gpu,
        "internet": one.enable_internet,
        "private": one.is_private,
        "data": list(one.dataset_data_sources),
        "cells": len(json.loads(one.text)["cells"]),
    }
    for one in sent
]))
"""


@pytest.mark.slow
def test_kaggles_own_client_takes_every_folder(tmp_path, monkeypatch):
    client = os.environ.get("KAGGLE_CLIENT")
    if not client:
        pytest.skip("KAGGLE_CLIENT names no Python that has the package kaggle")
    monkeypatch.setenv("KAGGLE_OWNER", "ann")
    choice = ["--build", str(tmp_path)]
    kaggle.main(choice)
    kaggle.main([*choice, "--attached", "--gpu", "13"])
    names = [notebooks.name_of(path) for path in notebooks.find_notebooks()]
    folders = [tmp_path / name for name in names]
    folders += [tmp_path / "attached" / name for name in names]
    config = tmp_path / "config"
    config.mkdir()
    environment = {**os.environ, "KAGGLE_CONFIG_DIR": str(config), "HOME": str(config)}
    environment |= {"KAGGLE_USERNAME": "ann", "KAGGLE_KEY": "0" * 32}
    environment.pop("PYTHONPATH", None)
    run = subprocess.run(
        [client, "-c", ASK, *map(str, folders)], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    assert "does not resolve" not in run.stdout  # the title makes the address that the id names
    sent = json.loads(run.stdout.strip().splitlines()[-1])
    assert len(sent) == 2 * len(names)
    for name, one in zip(names * 2, sent, strict=True):
        assert one["slug"] == f"ann/{kaggle.slug(one['title'])}" and one["private"]
        assert one["cells"] > 5 and one["internet"] is False
        assert one["gpu"] is (name.startswith("13") and "ann/vae-course-helpers" in one["data"])
