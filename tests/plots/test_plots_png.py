"""Arrays as PNG, and figures of at most 300 KB."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from plots_support import pixels

from vae_helpers import plots, settings
from vae_helpers.plots.png import note_in_title


def test_a_png_holds_the_image_enlarged(images):
    assert np.array_equal(
        pixels(plots.array_to_png(images[0], scale=3)),
        images[0].repeat(3, axis=0).repeat(3, axis=1),
    )


def test_floats_and_bytes_give_the_same_png(images):
    as_float = (images[0] / 255).astype(np.float32)[..., None]
    assert plots.array_to_png(as_float) == plots.array_to_png(images[0])


def test_a_batch_is_laid_out_in_rows(images):
    sheet = pixels(plots.array_to_png(images[:6], scale=1, columns=3))
    assert sheet.shape == (56, 84)
    assert np.array_equal(sheet[28:, 56:], images[5])


def test_a_gap_is_white_and_missing_images_too(images):
    sheet = plots.mosaic(images[:3], columns=2, gap=1)
    assert sheet.shape == (57, 57)
    assert (sheet[28] == 255).all() and (sheet[:, 28] == 255).all()
    assert (sheet[29:, 29:] == 255).all()


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (np.full((28, 28), np.nan), "contains NaN"),
        (np.full((28, 28), 200.0), "divide by 255"),
        (np.zeros((2, 28, 28, 4)), "transparency"),
        (np.zeros((0, 28, 28)), "at least one image"),
        (np.linspace(-1, 1, 784).reshape(28, 28), r"\(images \+ 1\) / 2"),
    ],
)
def test_what_is_no_image_is_rejected_with_the_cure(bad, complaint):
    with pytest.raises(ValueError, match=complaint):
        plots.array_to_png(bad)


def test_flat_images_are_not_drawn_as_one_picture(images):
    flat = images.reshape(12, 784)
    for draw in (plots.image_grid, lambda flat: plots.reconstructions(images, flat)):
        with pytest.raises(ValueError, match=r"reshape\(-1, 28, 28\)"):
            draw(flat)


def test_outputs_slightly_outside_0_to_1_are_clipped():
    image = np.array([[-0.4, 0.0], [1.0, 1.4]])
    assert np.array_equal(plots.mosaic(image), [[0, 0], [255, 255]])


def test_a_figure_of_noise_is_kept_below_300_kilobytes():
    noise = np.random.default_rng(0).random((576, 28, 28))
    png = plots.figure_to_png(plots.manifold(noise))
    assert len(png) <= plots.MAX_BYTES
    assert pixels(png).shape[1] == plots.WIDTH


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(settings, "_title_notes", [])
    settings.add_to_titles(" (synthetic stand-in)")
    settings.add_to_titles(" (synthetic stand-in)")


def test_a_title_says_once_that_its_images_are_synthetic(images, stand_in):
    figure = plots.image_grid(images[:4], title="Four garments")
    note_in_title(figure)
    note_in_title(figure)
    assert figure.get_suptitle() == "Four garments (synthetic stand-in)"


def test_the_note_goes_to_the_first_axes_where_the_figure_has_no_title(stand_in):
    figure, (first, second) = plt.subplots(1, 2)
    second.set_title("Twenty codes", loc="left")
    note_in_title(figure)
    plt.close(figure)
    assert first.get_title() == ""
    assert second.get_title("left") == "Twenty codes (synthetic stand-in)"


def test_real_images_leave_the_title_alone(images, monkeypatch):
    monkeypatch.setattr(settings, "_title_notes", [])
    figure = plots.image_grid(images[:4], title="Four garments")
    note_in_title(figure)
    assert figure.get_suptitle() == "Four garments"
