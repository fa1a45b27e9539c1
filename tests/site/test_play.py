"""The pages that one plays with, driven in Chromium, beside Keras with the same weights."""

import base64
import json

import numpy as np
import pytest
import rounded
from coursetools.render.site import SITE

from vae_helpers.recipes import TWO_DIMENSIONS, build

pytestmark = pytest.mark.browser

MODELS = ("garments", "letters")
PHONE = {"width": 390, "height": 844}


def stored(name):
    """Return the object that a script of models/ registers."""
    text = (SITE / "models" / f"{name}.js").read_text(encoding="utf-8")
    return json.loads(text[text.index('= {"') + 2 :].rstrip().rstrip(";"))


def keras_model(name):
    """Return a VAE in Keras with the stored, rounded weights."""
    vae = build(TWO_DIMENSIONS, np.full((1, 28, 28), 100, np.uint8))
    rounded.put_back(vae, stored(name))
    return vae


def open_page(page, folder, model="garments"):
    page.goto((folder / "draw.html").as_uri())
    page.click(f"[data-model={model}]")
    page.wait_for_selector(f"[data-awake={model}]")


def draw(page, *points):
    """Draw a line through points of the pad, from 0 to 1."""
    box = page.locator(".play-pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    settle(page)


def settle(page):
    """Wait until what was asked for in the next frame has been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def code(page):
    return json.loads(page.get_attribute("#draw-your-own", "data-code"))


def seen(page, which="seen"):
    """Return the greys of the 28 x 28 picture on a canvas."""
    greys = page.locator(f".play-{which}").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0)"
    )
    return np.reshape(greys, (28, 28))


@pytest.mark.parametrize("name", MODELS)
def test_codes_and_pictures_are_those_of_keras_with_the_same_weights(page, play, name):
    open_page(page, play, name)
    examples = stored(name)["examples"]
    real = [np.frombuffer(base64.b64decode(e["pixels"]), np.uint8) / 255 for e in examples]
    noise = np.random.default_rng(0).uniform(size=(6, 784))
    images = np.concatenate([real, noise, np.zeros((1, 784)), np.ones((1, 784))]).astype("float32")
    z = np.random.default_rng(1).normal(size=(10, 2)).astype("float32")
    found = page.evaluate(
        """([name, images, codes]) => {
          const network = courseMlp.unpack(courseModels[name]);
          return [images.map((x) => network.encode(x)),
                  codes.map((z) => [...network.decode(z).pixels])];
        }""",
        [name, images.tolist(), z.tolist()],
    )
    vae = keras_model(name)
    mean, log_var = (np.asarray(part) for part in vae.encode(images.reshape(-1, 28, 28)))
    np.testing.assert_allclose([code["mean"] for code in found[0]], mean, rtol=2e-5, atol=1e-4)
    np.testing.assert_allclose([code["logVar"] for code in found[0]], log_var, rtol=2e-5, atol=1e-4)
    pictures = np.reshape(vae.decode(z), (10, 784))
    np.testing.assert_allclose(found[1], pictures, atol=1e-4)
    assert pictures.std() > 0.1  # they are pictures


def test_the_two_terms_are_those_of_the_package(page, play):
    open_page(page, play)
    rng = np.random.default_rng(2)
    x, logits = rng.uniform(size=784), rng.normal(scale=20, size=784)
    mean, log_var = rng.normal(size=2), rng.normal(size=2)
    script = (
        "([x, a, m, v]) => [courseMlp.reconstruction(x, a), courseMlp.kl({mean: m, logVar: v})]"
    )
    found = page.evaluate(script, [part.tolist() for part in (x, logits, mean, log_var)])
    cross_entropy = (np.logaddexp(0, logits) - x * logits).sum()
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum()
    assert found == pytest.approx([cross_entropy, kl], rel=1e-9)


def test_a_small_letter_in_a_corner_becomes_one_like_the_data(page, play, errors):
    open_page(page, play, "letters")
    draw(page, (0.05, 0.25), (0.1, 0.05), (0.15, 0.25))
    rows, columns = np.nonzero(seen(page) > 40)
    assert 19 <= np.ptp(rows) + 1 <= 21
    assert rows.mean() == pytest.approx(14, abs=2.5) and columns.mean() == pytest.approx(
        13.5, abs=1
    )
    assert np.count_nonzero(seen(page)[20] > 120) in range(5, 10)  # two strokes of three pixels
    small = code(page)
    page.click(".play-clear")
    draw(page, (0.1, 0.9), (0.5, 0.1), (0.9, 0.9))
    assert code(page) != pytest.approx(small, abs=0.02)  # wider than it is high
    page.click(".play-clear")
    draw(page, (0.3, 0.9), (0.5, 0.1), (0.7, 0.9))
    assert code(page) == pytest.approx(small, abs=0.3)  # the same shape, larger
    assert errors == []


def test_a_filled_garment_has_no_hole_and_another_code(page, play, errors):
    open_page(page, play)
    draw(page, (0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3))
    outline, before = seen(page), code(page)
    page.click(".play-fill")
    filled = seen(page)
    assert outline[14, 14] == 0 and filled[14, 14] == pytest.approx(180, abs=1)
    assert np.ptp(np.nonzero(filled > 40)[0]) + 1 == 28  # garments fill the picture
    assert code(page) != pytest.approx(before, abs=0.1)
    page.click(".play-undo")
    assert code(page) == pytest.approx(before)
    page.click(".play-clear")
    assert code(page) is None and seen(page).max() == 0
    assert "Nothing is drawn" in page.inner_text(".play-words") and errors == []


def test_an_example_is_encoded_as_it_is(page, play):
    open_page(page, play)
    page.click(".play-example")
    example = np.frombuffer(base64.b64decode(stored("garments")["examples"][0]["pixels"]), np.uint8)
    assert (seen(page) == example.reshape(28, 28)).all()
    mean = np.asarray(keras_model("garments").encode(example.reshape(1, 28, 28))[0])[0]
    assert code(page) == pytest.approx(mean, abs=1e-4)


def test_the_cross_moves_the_decoder_and_comes_back(page, play):
    open_page(page, play)
    page.click(".play-example")
    mine = seen(page, "made")
    plane = page.locator(".play-plane")
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    z = json.loads(page.get_attribute("#draw-your-own", "data-z"))
    assert z == pytest.approx([1.8, 1.8], abs=0.05)
    there = keras_model("garments").decode(np.array([z], "float32"))
    np.testing.assert_allclose(seen(page, "made") / 255, np.reshape(there, (28, 28)), atol=0.01)
    page.keyboard.press("ArrowLeft")
    assert json.loads(page.get_attribute("#draw-your-own", "data-z"))[0] == pytest.approx(
        z[0] - 0.1
    )
    page.click(".play-back")
    assert (seen(page, "made") == mine).all()


def test_the_keyboard_draws(page, play, errors):
    open_page(page, play, "letters")
    page.locator(".play-pad").focus()
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")  # the pen is up
    settle(page)
    rows, columns = np.nonzero(seen(page) > 40)
    assert np.ptp(rows) + 1 in (19, 20, 21) and np.ptp(columns) + 1 in (3, 4)  # an I
    assert "nearest dots are" in page.inner_text(".play-words") and errors == []


def test_a_finger_draws_on_a_phone(browser, play):
    context = browser.new_context(has_touch=True, is_mobile=True, viewport=PHONE)
    page = context.new_page()
    open_page(page, play, "garments")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    pad = page.locator(".play-pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.touchscreen.tap(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    settle(page)
    assert seen(page).max() > 100 and code(page)
    context.close()


def test_a_second_finger_does_not_draw(browser, play):
    context = browser.new_context(has_touch=True, is_mobile=True, viewport=PHONE)
    page = context.new_page()
    open_page(page, play, "garments")
    page.locator(".play-pad").scroll_into_view_if_needed()
    box = page.locator(".play-pad").bounding_box()
    session = context.new_cdp_session(page)

    def touch(kind, *fingers):
        points = [
            {"id": i, "x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            for i, x, y in fingers
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (0, 0.2, 0.3))
    touch("touchStart", (0, 0.2, 0.3), (1, 0.2, 0.9))
    touch("touchMove", (0, 0.8, 0.3), (1, 0.8, 0.9))
    touch("touchMove", (0, 0.8, 0.4))  # the second is lifted, the first draws on
    touch("touchMove", (0, 0.8, 0.45))
    touch("touchEnd")
    settle(page)
    greys = page.locator(".play-pad").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    rows, columns = np.nonzero(np.reshape(greys, (448, 448, 4))[:, :, 0] == 180)
    assert rows.min() / 448 > 0.25 and 0.4 < rows.max() / 448 < 0.5
    assert columns.min() / 448 < 0.2 and columns.max() / 448 > 0.8
    touch("touchStart", (0, 0.5, 0.8))  # and the next finger draws again
    touch("touchEnd")
    settle(page)
    last = page.locator(".play-pad").evaluate(
        "c => c.getContext('2d').getImageData(c.width / 2, 0.8 * c.height, 1, 1).data[0]"
    )
    assert last == 180
    context.close()


def test_an_upright_swipe_scrolls_over_a_plane_and_draws_on_the_pad(page, play):
    open_page(page, play)
    swipes = "canvas => getComputedStyle(canvas).touchAction"
    assert page.locator(".play-pad").evaluate(swipes) == "none"
    assert "pan-y" in page.locator(".play-plane").evaluate(swipes)


def test_the_slider_stays_in_sight_on_a_phone(page, play):
    page.set_viewport_size(PHONE)
    page.goto((play / "beta.html").as_uri())
    page.wait_for_selector("#one-slider[data-awake]")
    page.locator(".play-map").scroll_into_view_if_needed()
    slider = page.locator("#beta-slider").bounding_box()
    assert 0 <= slider["y"] < 120 and slider["height"] >= 44


def test_the_model_that_was_asked_for_last_is_shown(page, play):
    page.goto((play / "draw.html").as_uri())
    held = []
    page.route("**/garments.js", lambda route: held.append(route))  # arrives after the letters
    page.click("[data-model=garments]")
    page.wait_for_function("document.head.querySelector('[src*=garments]') !== null")
    page.click("[data-model=letters]")
    page.wait_for_selector("[data-awake=letters]")
    held[0].continue_()
    page.wait_for_function("window.courseModels.garments !== undefined")
    page.evaluate("() => new Promise((done) => setTimeout(done, 50))")
    assert page.get_attribute("#draw-your-own", "data-awake") == "letters"
    assert page.get_attribute("[data-model=letters]", "aria-pressed") == "true"


def test_a_model_that_cannot_be_loaded_is_said(page, play):
    (play / "models").unlink()
    page.goto((play / "draw.html").as_uri())
    page.click("[data-model=garments]")
    page.wait_for_function("document.querySelector('.play-status').textContent.includes('models/')")
    assert "could not be loaded" in page.inner_text(".play-status")


def test_the_slider_shows_the_stored_betas(page, play, errors):
    page.goto((play / "beta.html").as_uri())
    page.wait_for_selector("#one-slider[data-awake]")
    places = stored("betas")["places"]
    assert page.inner_text(".play-value") == "1"
    page.locator("#beta-slider").focus()
    pictures = set()
    for _ in places:
        pictures.add(page.get_attribute(".play-redrawn", "src"))
        page.keyboard.press("ArrowRight")
    assert page.inner_text(".play-value") == "784"
    last = places[-1]
    assert f"{last['reconstruction']:.1f} nats" in page.inner_text(".play-words")
    assert page.get_attribute(".play-redrawn", "src") == last["redrawn"] and len(pictures) >= 4
    assert errors == [] and page.outside_requests == []
