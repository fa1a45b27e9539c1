"""The slider through pictures made before: what it carries, and how it moves in Chromium."""

import base64
import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from vae_helpers import widgets

GREYS = (0.0, 0.4, 0.8)


def slider(**changes):
    frames = [np.full((6, 28, 28, 1), grey, np.float32) for grey in GREYS]
    arguments = {"values": ["0", "1", "4"], "words": ["none", "plain", "strong"], "start": 1}
    arguments |= {"columns": 3, "alt": "Six garments."} | changes
    return widgets.frame_slider(frames, name="guidance", **arguments).data


def facts(page):
    return json.loads(html.unescape(re.search(r'data-facts="([^"]*)"', page)[1]))


def grey_of(source):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))


def test_it_carries_one_sheet_for_each_place_and_makes_no_request():
    page = slider()
    found = facts(page)
    sheets = [grey_of(source) for source in found["frames"]]
    assert [sheet.shape for sheet in sheets] == [(56, 84)] * 3
    assert [sheet[0, 0] for sheet in sheets] == [round(255 * grey) for grey in GREYS]
    assert not re.search(r"https?:|@import|url\(| id=", page)
    still = re.search(r'<img[^>]* src="([^"]*)"', page)[1]
    assert still == found["frames"][1]  # what is seen where no script runs
    assert 'alt="Six garments."' in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": ["0", "1"]}, "3 frames, 2 values and 3 words, expected one of each"),
        ({"words": ["none"]}, "3 frames, 3 values and 1 words"),
    ],
)
def test_a_place_without_its_frame_or_words_is_rejected(changes, message):
    with pytest.raises(ValueError, match=message):
        slider(**changes)


def test_pictures_too_large_for_a_page_are_rejected():
    noise = np.random.default_rng(0).random((100, 100, 100, 1))
    with pytest.raises(ValueError, match="bytes, expected at most 1,000,000: show fewer"):
        widgets.frame_slider([noise], ["1"], "noise")


@pytest.mark.browser
def test_in_a_page_the_picture_and_the_words_follow_the_slider(page, tmp_path):
    file = tmp_path / "page.html"
    file.write_text("<!DOCTYPE html><meta charset=utf-8>" + slider() * 2, encoding="utf-8")
    page.goto(file.as_uri())
    page.wait_for_selector(".vae-frames[data-awake] >> nth=1")
    found = facts(slider())
    picture, words = page.locator(".vae-frames-picture"), page.locator(".vae-frames-words")
    assert page.locator(".vae-frames-name").first.inner_text() == "guidance"
    seen = [picture.first.get_attribute("src")]
    handle = page.locator(".vae-frames-slider").first
    handle.focus()
    page.keyboard.press("ArrowRight")
    seen.append(picture.first.get_attribute("src"))
    for _ in range(5):  # it stops at the end
        page.keyboard.press("ArrowLeft")
    seen.append(picture.first.get_attribute("src"))
    assert seen == [found["frames"][i] for i in (1, 2, 0)]
    assert words.first.inner_text() == "none"
    assert words.nth(1).inner_text() == "plain"  # its neighbour has not moved
    assert page.locator(".vae-frames-still").first.is_hidden()
    assert picture.first.evaluate("image => image.naturalWidth") == 84


@pytest.mark.browser
def test_without_scripts_the_first_picture_stands_there(browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text("<!DOCTYPE html><meta charset=utf-8>" + slider(), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert "A slider turns through" in page.inner_text("body")
    assert page.locator(".vae-frames-picture").bounding_box()["width"] > 500
    context.close()
