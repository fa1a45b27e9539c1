"""Images of every size, grey and in colour, make figures that fit a notebook's column."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from plots_support import boxes, pixels, words

from vae_helpers import plots

SIZES = [(8, 8), (28, 28, 1), (12, 20), (64, 64, 3), (128, 128, 3)]


def noise(size, n=20):
    return np.random.default_rng(0).integers(0, 256, (n, *size), dtype=np.uint8)


def pictures(size, n=20):
    """Blocks of 8 x 8 pixels with a little noise: about as detailed as photographs."""
    small = (-(-size[0] // 8), -(-size[1] // 8), *size[2:])
    blocks = noise(small, n).repeat(8, axis=1).repeat(8, axis=2)[:, : size[0], : size[1]]
    return (blocks // 2 + noise(size, n) // 32).astype(np.uint8)


def figures(images):
    strips = [plots.word(images[:3], "AB C"), plots.word(images[:5], "ABCDE")]
    return {
        "grid": plots.image_grid(images, title="A sentence"),
        "captions": plots.image_grid(images[:3], captions=("a", "b", "c")),
        "reconstructions": plots.reconstructions(images, [images, images[::-1]], "", list("abc")),
        "words": plots.words(strips, ("three", "five")),
        "manifold": plots.manifold(images[:9], title="A sentence"),
    }


@pytest.mark.parametrize("size", SIZES)
def test_figures_of_every_size_fit_the_column_and_300_kilobytes(size):
    for name, figure in figures(pictures(size, 12)).items():
        FigureCanvasAgg(figure).draw()
        page, content = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
        assert page.width == pytest.approx(plots.WIDTH), name
        assert content.x0 >= -1 and content.x1 <= page.width + 1, name
        assert content.y0 >= -1 and content.y1 <= page.height + 1, name
        assert len(plots.figure_to_png(figure)) <= plots.MAX_BYTES, name


@pytest.mark.parametrize("size", SIZES)
def test_no_image_is_reduced_unless_asked_for(size):
    for name, figure in figures(noise(size, 12)).items():
        for axes, box in zip(figure.axes, boxes(figure, figure.axes), strict=True):
            height, width = axes.images[0].get_array().shape[:2]
            scale = box.width / width
            assert scale == pytest.approx(box.height / height), name
            assert scale == pytest.approx(round(scale)) and scale > 0.99, name


def test_images_are_enlarged_to_what_can_be_seen():
    (box,) = boxes(figure := plots.image_grid(noise((8, 8), 10)), figure.axes)
    assert box.height == 72 and box.width > 0.8 * plots.WIDTH


@pytest.mark.parametrize(("size", "columns"), [((28, 28), 10), ((64, 64), 10), ((128, 128, 3), 6)])
def test_a_row_has_ten_images_or_as_many_as_fit(size, columns):
    figure = plots.image_grid(noise(size))
    assert len(figure.axes) == -(-20 // columns)
    gap = max(1, size[0] // 28)
    assert figure.axes[0].images[0].get_array().shape[1] == columns * (size[1] + gap) - gap


def test_columns_that_were_asked_for_are_kept_and_reduced_to_fit():
    figure = plots.image_grid(noise((128, 128, 3)), columns=20)
    (box,) = boxes(figure, figure.axes)
    assert box.width == pytest.approx(plots.WIDTH - 12)
    assert figure.axes[0].images[0].get_interpolation() == "antialiased"
    big = plots.manifold(noise((64, 64, 3), 400))
    assert boxes(big, big.axes)[0].x1 <= plots.WIDTH


def test_colours_are_drawn_as_they_are():
    images = noise((64, 64, 3), 3)
    figure = plots.image_grid(images)
    sheet = figure.axes[0].images[0].get_array()
    assert np.array_equal(sheet[:, :64], images[0]) and (sheet[:, 64:66] == 255).all()
    box = figure.axes[0].get_window_extent()
    picture = Image.open(io.BytesIO(plots.figure_to_png(figure))).convert("RGB")
    shown = np.asarray(picture)
    left, top, scale = round(box.x0), round(shown.shape[0] - box.y1), round(box.width) // 196
    assert scale == 2
    tile = shown[top : top + 128 : 2, left : left + 128 : 2].astype(int)
    assert np.abs(tile - images[0]).max() <= 1


def test_grey_is_colour_with_three_equal_channels():
    grey = noise((8, 8), 4)
    colour = np.repeat(grey[..., None], 3, axis=-1)
    assert np.array_equal(
        plots.mosaic(colour, 2, 1), plots.mosaic(grey, 2, 1)[..., None].repeat(3, 2)
    )


def test_a_png_in_colour_holds_the_image_enlarged():
    (image,) = noise((64, 64, 3), 1)
    png = plots.array_to_png(image)  # a single one
    assert np.array_equal(pixels(png), image.repeat(3, axis=0).repeat(3, axis=1))
    assert plots.array_to_png(image[None]) == png
    floats = (image / 255).astype("float32")
    assert plots.array_to_png(floats) == png


@pytest.mark.parametrize(
    ("side", "shown"), [(8, 168), (28, 168), (64, 192), (128, 128), (300, 300)]
)
def test_a_png_is_enlarged_to_about_168_pixels(side, shown):
    assert pixels(plots.array_to_png(noise((side, side), 1))).shape == (shown, shown)


def test_many_images_in_a_png_are_enlarged_less():
    assert pixels(plots.array_to_png(noise((28, 28), 10))).shape == (84, 840)


def test_a_word_in_colour_has_black_spaces():
    images = noise((8, 12, 3), 2)
    sheet = plots.word(images, "A B")
    assert sheet.shape == (8, 36, 3)
    assert np.array_equal(sheet[:, 24:], images[1]) and not sheet[:, 12:24].any()


def test_grey_beside_colour_is_rejected():
    with pytest.raises(ValueError, match="same shape"):
        plots.reconstructions(noise((8, 8), 2), noise((8, 8, 3), 2))


def test_captions_stand_under_images_of_any_size():
    figure = plots.image_grid(noise((128, 128, 3), 8), captions=list("abcdefgh"))
    assert words(figure) == list("abcdefgh")
    first, *_, last = boxes(figure, figure.texts)
    rows = boxes(figure, figure.axes)
    assert rows[0].x0 < first.x0 < rows[0].x0 + 128 and first.y1 <= rows[0].y0 + 1
    assert rows[1].x0 + 128 < last.x0 < rows[1].x1 and last.y1 <= rows[1].y0 + 1
