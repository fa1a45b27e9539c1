"""The latent widgets, without a browser: what they hold and what they reject."""

import html
import io
import json
import re
import time

import numpy as np
import pytest
from PIL import Image

from vae_helpers import plots, widgets


class FakeVAE:
    """z_1 sets the grey of the left half of an image, z_2 that of the right half."""

    latent_dim = 2

    def decode(self, z):
        grey = np.clip((np.asarray(z, np.float32) + 3) / 6, 0, 1)
        images = np.zeros((len(grey), 28, 28, 1), np.float32)
        images[:, :, :14, 0] = grey[:, 0, None, None]
        images[:, :, 14:, 0] = grey[:, 1, None, None]
        return images

    def encode(self, images):
        z = np.asarray(images, np.float32).reshape(len(images), -1)[:, :2] / 50 - 2
        return z, np.zeros_like(z)


def sliders(box):
    image, controls = box.children
    return image, *controls.children


def test_a_slider_redraws_the_image_with_the_decoder_and_the_png_function():
    vae = FakeVAE()
    image, z_1, z_2 = sliders(widgets.explore_latent(vae))
    assert bytes(image.value) == plots.array_to_png(vae.decode([[0, 0]]))
    z_1.value = 1.5
    assert bytes(image.value) == plots.array_to_png(vae.decode([[1.5, 0]]))
    z_2.value = -3
    assert bytes(image.value) == plots.array_to_png(vae.decode([[1.5, -3]]))


def test_sliders_cover_the_prior():
    _, z_1, z_2 = sliders(widgets.explore_latent(FakeVAE()))
    assert (z_1.min, z_1.max, z_1.value) == (z_2.min, z_2.max, z_2.value) == (-3, 3, 0)


def test_one_move_takes_less_than_30_milliseconds_in_the_kernel():
    from vae_helpers.parts import Decoder, Encoder, LatentDistribution
    from vae_helpers.vae import VAE

    vae = VAE(Encoder(), LatentDistribution(2), Decoder())
    _, z_1, _ = sliders(widgets.explore_latent(vae))
    seconds = []
    for value in np.linspace(-3, 3, 21):
        start = time.perf_counter()
        z_1.value = value
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.030  # the least, for other work on the machine only adds


@pytest.mark.parametrize("widget", [widgets.explore_latent, widgets.hover_explorer])
def test_a_latent_space_that_is_no_plane_is_rejected_with_the_cure(widget):
    vae = FakeVAE()
    vae.latent_dim = 16
    with pytest.raises(ValueError, match=r"latent_dim = 16.*LatentDistribution\(2\)"):
        widget(vae)


def facts(page):
    return json.loads(html.unescape(re.search(r'data-facts="([^"]*)"', page)[1]))


def sprite(page):
    import base64

    encoded = re.search(r"data:image/(?:png|jpeg);base64,([^\"]+)", page)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


def test_the_sprite_holds_the_plane_with_z_2_upwards():
    picture = sprite(widgets.hover_explorer(FakeVAE(), n=5).data)
    assert picture.shape == (140, 140)
    first_row = picture[0].reshape(5, 28)
    assert list(first_row[:, 0]) == [0, 64, 128, 191, 255]  # z_1 from -3 to 3
    assert set(first_row[:, 27]) == {255}  # z_2 = 3 on top
    assert set(picture[139].reshape(5, 28)[:, 27]) == {0}


def test_hover_output_is_self_contained_and_small():
    page = widgets.hover_explorer(FakeVAE()).data
    assert not re.search(r"https?:|src=\"(?!data:)|@import|url\(", page)
    assert len(page) < 300_000
    assert page == widgets.hover_explorer(FakeVAE()).data  # the same at every run
    assert " id=" not in page  # two on one page cannot clash


def test_the_sprite_of_noise_still_fits():
    class Noise(FakeVAE):
        def decode(self, z):
            return np.random.default_rng(0).random((len(z), 28, 28, 1))

    assert len(widgets.hover_explorer(Noise()).data) < 300_000


class ColourVAE(FakeVAE):
    """z_1 is the red of an image, z_2 its green; blue grows to the right."""

    def __init__(self, height, width):
        self.size = height, width

    def decode(self, z):
        height, width = self.size
        shares = np.clip((np.asarray(z, np.float32) + 3) / 6, 0, 1)
        images = np.zeros((len(shares), height, width, 3), np.float32)
        images[..., :2] = shares[:, None, None]
        images[..., 2] = np.linspace(0, 1, width)
        return images


@pytest.mark.parametrize(
    ("size", "n", "tile"),
    [((8, 8), 25, (8, 8)), ((64, 64), 17, (64, 64)), ((128, 128), 13, (64, 64)),
     ((20, 36), 25, (20, 36))],
)  # fmt: skip
def test_a_map_in_colour_of_any_size_is_small_and_keeps_its_colours(size, n, tile):
    page = widgets.hover_explorer(ColourVAE(*size)).data
    found, picture = facts(page), sprite(page).astype(int)
    assert len(page) < 300_000
    assert (found["n"], found["height"], found["width"]) == (n, *tile)
    assert picture.shape == (n * tile[0], n * tile[1], 3)
    middle = picture[tile[0] // 2 :: tile[0], tile[1] // 2 :: tile[1]]
    shares = np.linspace(0, 255, n)
    assert np.abs(middle[..., 0] - shares).max() < 12  # z_1 to the right
    assert np.abs(middle[..., 1] - shares[::-1, None]).max() < 12  # z_2 upwards


@pytest.mark.parametrize("shape", [(128, 128, 3), (128, 128), (8, 8, 3)])
def test_a_map_of_noise_of_any_size_fits(shape):
    class Noise(FakeVAE):
        def decode(self, z):
            return np.random.default_rng(0).random((len(z), *shape), np.float32)

    assert len(widgets.hover_explorer(Noise()).data) < 300_000


@pytest.mark.parametrize(
    ("size", "shown"), [((8, 8), (168, 168)), ((64, 64), (192, 192)), ((12, 36), (180, 60))]
)
def test_the_sliders_image_has_the_shape_of_the_decoders(size, shown):
    image, z_1, _ = sliders(widgets.explore_latent(ColourVAE(*size)))
    assert (image.layout.width, image.layout.height) == tuple(f"{side}px" for side in shown)
    z_1.value = 1.5
    assert bytes(image.value) == plots.array_to_png(ColourVAE(*size).decode([[1.5, 0]]))


def test_dots_are_the_codes_of_the_images():
    images = np.zeros((4, 28, 28), np.uint8)
    images[:, 0, 0] = [0, 50, 100, 255]  # z_1 = -2, -1, 0 and 3.1, which lies outside
    found = facts(
        widgets.hover_explorer(
            FakeVAE(), images, labels=np.array([0, 1, 1, 0]), class_names=["<a>", 'b"']
        ).data
    )
    assert found["dots"] == [[-200, -200, 0], [-100, -200, 1], [0, -200, 1]]
    assert [name for name, *_ in found["names"]] == ["<a>", 'b"']


def test_without_scripts_the_map_and_a_text_remain():
    page = widgets.hover_explorer(FakeVAE()).data
    before_script = page.split("<script>")[0]
    assert re.search(r'<img class="vae-hover-sprite" alt="[^"]{20,}"', before_script)
    assert "What the decoder draws" in before_script
    assert "hidden style" in before_script  # the part that needs the script stays away


class FakePen:
    """A letter's grey is its label / 25; the first of three style directions brightens its top."""

    latent_dim = 3

    def decode(self, z, labels):
        z, labels = np.asarray(z, np.float32), np.asarray(labels)
        assert z.shape == (len(labels), 3) and labels.dtype.kind == "i"
        images = np.ones((len(z), 28, 28, 1), np.float32) * (labels / 25)[:, None, None, None]
        images[:, 0] = np.clip((z[:, 0] + 3) / 6, 0, 1)[:, None, None]
        images[:, 1] = np.clip((z[:, 2] + 3) / 6, 0, 1)[:, None, None]
        return images


def pen(box):
    controls, message, frame = box.children
    return *controls.children, message, frame.children[0]


def picture(image):
    return np.asarray(Image.open(io.BytesIO(bytes(image.value))))


def written(text, z=(0, 0, 0)):
    labels = [ord(letter) - 65 for letter in text.replace(" ", "")]
    letters = FakePen().decode(np.tile(z, (len(labels), 1)), np.array(labels))
    return plots.array_to_png(plots.word(letters, text), scale=4)


def test_a_typed_word_is_written_letter_by_letter_with_its_spaces():
    field, style_1, style_2, message, image = pen(widgets.write_words(FakePen(), "ZA"))
    assert bytes(image.value) == written("ZA")
    field.value = "Z Z"
    sheet = picture(image)
    assert sheet.shape == (4 * 28, 4 * 3 * 28)
    assert set(sheet[60]) == {0, 255} and sheet[60, 4 * 42] == 0  # the space in the middle
    field.value = "zaz"  # small letters are meant as capitals
    assert bytes(image.value) == written("ZAZ")
    assert message.value == ""


def test_the_two_styles_move_all_letters_along_their_directions():
    directions = np.array([[1.0, 0, 0], [0, 0, 2.0]])
    box = widgets.write_words(FakePen(), "MN", directions, names=("slant", "ink"))
    _, style_1, style_2, _, image = pen(box)
    assert (style_1.description, style_2.description) == ("slant", "ink")
    style_1.value = 1.5
    assert bytes(image.value) == written("MN", (1.5, 0, 0))
    style_2.value = -1
    assert bytes(image.value) == written("MN", (1.5, 0, -2))


@pytest.mark.parametrize(
    ("text", "words"),
    [("R2", "'2'"), ("\N{LATIN CAPITAL LETTER A WITH DIAERESIS}", "A to Z"), ("", "type a word"),
     ("   ", "type a word"), ("A" * 25, "at most 24"), ("<b>", "A to Z")],
)  # fmt: skip
def test_what_cannot_be_written_is_reported_and_the_picture_stays(text, words):
    field, style_1, _, message, image = pen(widgets.write_words(FakePen(), "ADA"))
    before = bytes(image.value)
    field.value = text
    assert words in message.value and "<b>" not in message.value
    style_1.value = 1.0  # a slider beside a text that cannot be written
    assert bytes(image.value) == before
    field.value = "ADA"
    assert message.value == "" and bytes(image.value) != before


def test_a_long_word_is_still_as_wide_as_a_page():
    field, *_, image = pen(widgets.write_words(FakePen(), "A" * 24))
    assert picture(image).shape[1] <= widgets.WORD_WIDTH


def test_words_are_written_in_colour_and_in_any_size():
    class ColourPen(FakePen):
        def decode(self, z, labels):
            return np.ones((len(labels), 64, 48, 3), np.float32) * [1, 0.5, 0]

    *_, image = pen(widgets.write_words(ColourPen(), "A B"))
    sheet = picture(image)
    assert sheet.shape == (64, 144, 3)
    assert list(sheet[0, 0]) == [255, 128, 0] and not sheet[:, 48:96].any()


def test_a_pen_is_rejected_with_the_cure():
    with pytest.raises(ValueError, match="A to Z and spaces only: no '!'"):
        widgets.write_words(FakePen(), "ADA!")
    with pytest.raises(ValueError, match=r"shape \(2, 2\), expected \(2, 3\)"):
        widgets.write_words(FakePen(), "ADA", np.eye(2))


def test_a_word_is_written_in_less_than_30_milliseconds_in_the_kernel():
    from vae_helpers.conditional import ConditionalVAE
    from vae_helpers.parts import Decoder, Encoder, LatentDistribution

    vae = ConditionalVAE(Encoder(), LatentDistribution(4), Decoder(), classes=26)
    _, style_1, *_ = pen(widgets.write_words(vae, "ADA LOVELACE"))
    seconds = []
    for value in np.linspace(-3, 3, 21):
        start = time.perf_counter()
        style_1.value = value
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.030  # the least, for other work on the machine only adds


def bound_inputs():
    """The small model of notebook 02: z ~ N(0, 1), x given z ~ N(2 z, 1), seen x = 2.5."""
    means, stds = np.linspace(-0.5, 2.5, 7), np.linspace(0.2, 1.2, 6)
    m, s = means[:, None], stds
    reconstruction = 0.5 * (np.log(2 * np.pi) + (2.5 - 2 * m) ** 2 + 4 * s**2)
    kl = 0.5 * (m**2 + s**2 - 1 - np.log(s**2))
    z = np.linspace(-3, 3, 25)
    posterior = np.exp(-((z - 1) ** 2) / 0.4) / np.sqrt(0.4 * np.pi)
    return means, stds, reconstruction, kl, -0.5 * (np.log(10 * np.pi) + 1.25), z, posterior


def test_the_bound_slider_carries_its_table_and_needs_nothing_else():
    means, stds, reconstruction, kl, log_p_x, *_ = bound_inputs()
    page = widgets.bound_slider(*bound_inputs()).data
    found = facts(page)
    assert found["means"] == pytest.approx(means) and found["stds"] == pytest.approx(stds)
    assert np.allclose(found["reconstruction"], reconstruction, atol=1e-3)
    assert np.allclose(found["kl"], kl, atol=1e-3)
    assert found["log_p_x"] == pytest.approx(log_p_x, abs=1e-4)
    outside = page.replace("http://www.w3.org/2000/svg", "")  # a name, not an address to fetch
    assert not re.search(r"https?:|src=|@import|url\(", outside)
    assert " id=" not in page and len(page) < 300_000
    assert "Two sliders move" in page.split("<script>")[0]


def test_a_bound_above_log_p_or_a_table_of_another_shape_is_rejected():
    means, stds, reconstruction, kl, log_p_x, z, posterior = bound_inputs()
    with pytest.raises(ValueError, match="nats above log p"):
        widgets.bound_slider(means, stds, reconstruction - 3, kl, log_p_x, z, posterior)
    with pytest.raises(ValueError, match=r"kl has shape \(6, 7\), expected \(7, 6\)"):
        widgets.bound_slider(means, stds, reconstruction, kl.T, log_p_x, z, posterior)
