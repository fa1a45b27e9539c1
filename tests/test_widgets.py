"""The latent widgets, without a browser: what they hold and what they refuse."""

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
def test_a_latent_space_that_is_no_plane_is_refused_with_the_cure(widget):
    vae = FakeVAE()
    vae.latent_dim = 16
    with pytest.raises(ValueError, match=r"latent_dim = 16.*LatentDistribution\(2\)"):
        widget(vae)


def facts(page):
    return json.loads(html.unescape(re.search(r'data-facts="([^"]*)"', page)[1]))


def sprite(page):
    import base64

    encoded = re.search(r"data:image/png;base64,([^\"]+)", page)[1]
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
