"""The slider over beta: what it holds, and, in Chromium, that curve and pictures follow it."""

import html
import json
import re

import numpy as np
import pytest

from vae_helpers.audit import strongest_mode
from vae_helpers.widgets import beta_slider


@pytest.fixture(scope="module")
def mode():
    rng = np.random.default_rng(1)
    brightness = rng.uniform(0.05, 0.95, size=(200, 1, 1))
    grey = np.clip(brightness + rng.normal(scale=0.05, size=(200, 6, 8)), 0, 1)
    grey[:, :, 0] = 0
    return strongest_mode(grey.astype("float32"))


@pytest.fixture(scope="module")
def output(mode):
    return beta_slider(mode, betas=[2, 5, 60], strengths=np.arange(0, 6.1, 0.5)).data


def test_it_holds_the_curves_of_the_mode(mode, output):
    facts = json.loads(html.unescape(re.search(r'data-facts="([^"]*)"', output)[1]))
    assert facts["betas"] == [2, 5, 60] and len(facts["strengths"]) == 13
    np.testing.assert_allclose(
        facts["changes"], mode.loss_change(np.arange(0, 6.1, 0.5), [2, 5, 60]), atol=1e-3
    )
    assert (facts["height"], facts["width"], facts["channels"]) == (6, 8, 1)
    assert facts["critical"] == pytest.approx(mode.eigenvalue, rel=0.01)


def test_by_default_the_slider_spans_the_critical_beta_and_the_page_is_small(mode):
    page = beta_slider(mode).data
    facts = json.loads(html.unescape(re.search(r'data-facts="([^"]*)"', page)[1]))
    assert facts["betas"][0] < mode.eigenvalue / 4 < mode.eigenvalue < facts["betas"][-1] == 48
    assert len(page) < 100_000


def test_without_scripts_a_text_remains(output):
    before_script = output.split("<script>")[0]
    assert "A slider over" in before_script and "hidden style" in before_script


def test_images_that_are_too_large_are_rejected(mode):
    class Large:
        mean = np.zeros((128, 128, 3))

    with pytest.raises(ValueError, match="49152 pixels"):
        beta_slider(Large())


# ------------------------------------------------------------------------------- in Chromium

GREY = """canvas => {
  const pixel = (x, y) => canvas.getContext("2d").getImageData(x, y, 1, 1).data[0];
  return [pixel(0, 3), pixel(4, 3)];  // a pixel of the black column, and one that varies
}"""


@pytest.fixture
def opened(page, output, tmp_path):
    file = tmp_path / "page.html"
    file.write_text("<!DOCTYPE html><meta charset=utf-8>" + output * 2, encoding="utf-8")
    page.goto(file.as_uri())
    page.wait_for_selector(".vae-mode[data-awake] >> nth=1")
    return page


def greys(page):
    canvases = page.locator(".vae-mode").first.locator(".vae-mode-pictures canvas")
    return [canvases.nth(i).evaluate(GREY) for i in range(3)]


@pytest.mark.browser
def test_the_pictures_and_the_words_follow_the_slider(opened, mode):
    root = opened.locator(".vae-mode").first
    assert "stays collapsed" in root.inner_text() and root.get_attribute("data-strength") == "0"
    mean = round(255 * mode.mean[3, 4])
    assert greys(opened) == [[0, pytest.approx(mean, abs=1)]] * 3  # every code, one picture
    root.locator(".vae-mode-slider").focus()
    for _ in range(2):
        opened.keyboard.press("ArrowLeft")
    strength = float(root.get_attribute("data-strength"))
    curve = mode.loss_change(np.arange(0, 6.1, 0.5), [2])[0]
    assert strength == np.arange(0, 6.1, 0.5)[curve.argmin()] > 0
    wanted = [255 * mode.picture(strength * z)[3, 4] for z in (-1.5, 0, 1.5)]
    assert [grey for _, grey in greys(opened)] == pytest.approx(wanted, abs=2)
    assert [black for black, _ in greys(opened)] == [0, 0, 0]
    assert "below collapse" in root.inner_text()
    assert opened.locator(".vae-mode").nth(1).get_attribute("data-strength") == "0"  # its neighbour
    assert opened.outside_requests == []


@pytest.mark.browser
def test_without_scripts_in_the_browser_the_text_is_seen(browser, output, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(output, encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator(".vae-mode-still").is_visible()
    assert not page.locator(".vae-mode-live").is_visible()
    context.close()
