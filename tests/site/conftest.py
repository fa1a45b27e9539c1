"""What the tests of the site share: the built site, and the two pages that one plays with alone."""

import os
import shutil

import pytest
from coursetools import notebooks

SITE = notebooks.ROOT / "site"
BUILT = notebooks.BUILD / "site"


@pytest.fixture(scope="session")
def built():
    """The folder of the built site."""
    if not (BUILT / "index.html").exists():
        reason = "the site is not built (make site builds it)"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(f"{reason}, and REQUIRE_BROWSER=1", pytrace=False)
        pytest.skip(reason)
    return BUILT


@pytest.fixture
def errors(page):
    """The messages of the console that are errors, and exceptions nobody caught."""
    found = []
    page.on("console", lambda message: message.type == "error" and found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture
def play(tmp_path):
    """A folder with draw.html and beta.html alone, their scripts and models beside them."""
    shutil.copytree(SITE / "static", tmp_path / "_static")
    (tmp_path / "models").symlink_to(SITE / "models")
    head = (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="_static/course.css"><body>'
    )
    for name in ("draw", "beta"):
        body = (SITE / f"{name}.html").read_text(encoding="utf-8")
        (tmp_path / f"{name}.html").write_text(head + body, encoding="utf-8")
    return tmp_path
