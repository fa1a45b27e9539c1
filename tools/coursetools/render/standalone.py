"""Execute the Kaggle rendering of notebooks where nothing of this clone can be imported.

    python -m coursetools render standalone --python .venv-kaggle/bin/python [--only 02]

Fast mode, each notebook in an empty folder, without a network. This is Kaggle in imitation: its
versions (tests/platforms/kaggle.txt), its folders, and none of its machines.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from coursetools import execute, notebooks
from coursetools.render import kaggle

# Run before the notebook: the package cannot come from elsewhere, nor anything from the network.
ALONE = """
import importlib.util, socket
assert importlib.util.find_spec("vae_helpers") is None, importlib.util.find_spec("vae_helpers")

def _no_network(*arguments, **options):
    raise OSError("this kernel has no network")

socket.getaddrinfo = socket.create_connection = _no_network
"""
# Run after it: what it imported is what it wrote.
OWN = """
import os, vae_helpers
assert os.path.dirname(vae_helpers.__file__) == os.path.join(os.getcwd(), "vae_helpers"), (
    vae_helpers.__file__
)
"""


def kernel_of(python, folder, environment=None):
    """Return a kernel manager for another interpreter.

    Args:
        python: the interpreter, which needs ipykernel.
        folder: an empty folder to describe the kernel in.
        environment: variables that the kernel gets beside ours.
    """
    described = Path(folder, "alone")
    described.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "alone", "env": environment or {}, "language": "python"}
    (described / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    manager = KernelSpecManager(kernel_dirs=[str(folder)], ensure_native_kernel=False)
    return AsyncKernelManager(kernel_name="alone", kernel_spec_manager=manager)


def execute_alone(path, python, environment=None):
    """Render a notebook and execute the rendering in an empty folder.

    Args:
        path: the notebook of the course.
        python: the interpreter, in which `vae_helpers` must not be importable.
        environment: variables that the kernel gets beside ours.

    Returns:
        (notebook, Result) as `execute.execute`.
    """
    rendered = kaggle.render(notebooks.read(path), notebooks.ROOT / kaggle.PACKAGE)
    rendered.cells.insert(0, nbformat.v4.new_code_cell(ALONE))
    if kaggle.needed_files(rendered, notebooks.ROOT / kaggle.PACKAGE):
        rendered.cells.append(nbformat.v4.new_code_cell(OWN))
    with tempfile.TemporaryDirectory() as scratch:
        kernel = kernel_of(python, Path(scratch, "kernels"), environment)
        empty = Path(scratch, "working")
        empty.mkdir()
        file = Path(scratch, Path(path).name)
        nbformat.write(rendered, file)
        return execute.execute(file, timeout=300, folder=empty, kernel=kernel)


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(prog, description=__doc__.splitlines()[0])
    parser.add_argument("--python", type=Path, required=True, help="interpreter with ipykernel")
    notebooks.add_choice(parser)
    options = parser.parse_args(arguments)
    os.environ["VAE_FAST"] = "1"
    failed = 0
    for path in notebooks.find_notebooks(options.notebooks, options.only):
        # absolute, but not resolved: an environment's interpreter is a link
        _, result = execute_alone(path, os.path.abspath(options.python))
        print(f"{notebooks.name_of(path)}  {result.seconds:.1f} s  {result.verdict}", flush=True)
        failed += not result.ok
    return 1 if failed else 0
