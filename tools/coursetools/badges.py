"""Write the badges and the citation's address from one setting, the repository's address.

    python -m coursetools badges

The setting is `Repository` under `[project.urls]` in pyproject.toml. While it is not there, the
README has no badges and CITATION.cff no address.
"""

import argparse
import re
import tomllib
from urllib.parse import urlsplit

from coursetools.files import between, write_atomically
from coursetools.notebooks import ROOT

README, CITATION = ROOT / "README.md", ROOT / "CITATION.cff"
BEGIN, END = "<!-- badges: written by coursetools badges -->", "<!-- /badges -->"
WORKFLOWS = {"tests": "tests.yml", "site": "site.yml"}
ADDRESS = "repository-code"  # the key in CITATION.cff


def repository(pyproject: str) -> str:
    """Return the repository's address from the text of a pyproject.toml; nothing while unset.

    Raises:
        ValueError: when it is no https address of an owner's repository.
    """
    address = tomllib.loads(pyproject)["project"].get("urls", {}).get("Repository", "")
    address = address.rstrip("/").removesuffix(".git")
    if not address:
        return ""
    parts = urlsplit(address)
    if parts.scheme != "https" or not re.fullmatch(r"/[\w.-]+/[\w.-]+", parts.path):
        raise ValueError(
            f"Repository in pyproject.toml is {address!r}, expected https://github.com/OWNER/NAME"
        )
    return address


def badges(address: str) -> str:
    """Return the badges as Markdown; nothing without an address, or where no workflow can run.

    Args:
        address: of `repository`.
    """
    if urlsplit(address).netloc != "github.com":
        return ""
    workflows = f"{address}/actions/workflows"
    found = [
        f"[![{name}]({workflows}/{file}/badge.svg)]({workflows}/{file})"
        for name, file in WORKFLOWS.items()
    ]
    owner, name = urlsplit(address).path.strip("/").split("/")
    colab = f"https://colab.research.google.com/github/{owner}/{name}/blob/main/notebooks"
    image = "https://colab.research.google.com/assets/colab-badge.svg"
    return " ".join([*found, f"[![open in Colab]({image})]({colab}/01_whole_game.ipynb)"])


def with_badges(readme: str, line: str) -> str:
    """Return a README with this line of badges in its place."""
    return between(readme, BEGIN, END, line)


def with_address(citation: str, address: str) -> str:
    """Return a CITATION.cff with this address, or without one."""
    kept = [line for line in citation.splitlines() if not line.startswith(f"{ADDRESS}:")]
    return "\n".join([*kept, *([f'{ADDRESS}: "{address}"'] if address else [])]) + "\n"


def main(arguments=None, prog=None):
    argparse.ArgumentParser(prog, description=__doc__.splitlines()[0]).parse_args(arguments)
    address = repository((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    write_atomically(README, with_badges(README.read_text(encoding="utf-8"), badges(address)))
    write_atomically(CITATION, with_address(CITATION.read_text(encoding="utf-8"), address))
    print(f"Badges of {address}." if address else "No Repository in pyproject.toml: no badges.")
    return 0
