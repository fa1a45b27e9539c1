"""What the tests share: fast mode, clean titles, a browser that may not leave this machine."""

import os
import shutil

import pytest
from support import no_browser

os.environ.setdefault("VAE_FAST", "1")

from vae_helpers import settings  # noqa: E402  it reads VAE_FAST

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
INSIDE = ("file:", "data:", "blob:", "about:", "http://127.0.0.1", "http://localhost")
INSIDE_SOCKETS = ("ws://127.0.0.1", "ws://localhost")


@pytest.fixture(autouse=True)
def clean_titles(monkeypatch):
    """No note in titles at the start: synthetic images of an earlier test leave one."""
    monkeypatch.setattr(settings, "_title_notes", [])


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, driven by Playwright. One a module: the next module gets a fresh one."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        no_browser(f"no Chromium on this machine (looked for {', '.join(CHROMIUM)})")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        no_browser("playwright is not installed (pip install -e '.[test]')")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A blank page. Requests to other machines are refused and kept in `page.outside_requests`."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    page = context.new_page()
    page.outside_requests = []

    def guard(route):
        if route.request.url.startswith(INSIDE):
            route.continue_()
        else:
            page.outside_requests.append(route.request.url)
            route.abort()

    def guard_socket(socket):
        if not socket.url.startswith(INSIDE_SOCKETS):
            page.outside_requests.append(socket.url)

    context.route("**/*", guard)
    page.on("websocket", guard_socket)
    yield page
    context.close()
