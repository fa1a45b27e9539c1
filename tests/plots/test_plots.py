"""Figures: what stands on them, and that they are pure."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from plots_support import HISTORY, REFERENCES, boxes, decode, pixels, words

from vae_helpers import plots
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.plots.style import class_look
from vae_helpers.vae import VAE


def every_figure(images):
    z = np.random.default_rng(1).normal(size=(60, 2))
    labels = np.arange(60) % 10
    yield plots.image_grid(images, columns=5, title="A sentence")
    yield plots.image_grid(images, captions=list("abcdefghijkl"), title="A sentence")
    yield plots.reconstructions(images, images, title="A sentence")
    yield plots.reconstructions(
        images, [images, images], "A sentence", ("original", "beta = 1", "16 latent dimensions")
    )
    strips = [plots.word(images[:n], "ABC DEFGHIJKL"[: n + (n > 3)]) for n in (3, 12)]
    yield plots.words(strips, ("short", "the longest of them"), title="A sentence")
    counts = np.random.default_rng(2).integers(0, 40, (2, 26, 26))
    yield plots.confusion_matrices(
        dict(zip("ab", counts, strict=True)), [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    )
    yield plots.confusion_matrices({"one": counts[0, :3, :3]}, ["A", "B", "C"], "A sentence")
    yield plots.manifold(decode, n=5, title="A sentence")
    yield plots.manifold(decode, 13, "A sentence", {"a": (0, 0), "b": (0.1, 0), "edge": (9, 9)})
    yield plots.latent_clouds(z, z - 3, labels, title="A sentence")
    parts = Encoder((4,)), LatentDistribution(2), Decoder((4,))
    yield plots.data_flow(VAE(*parts), images[:3], title="A sentence")
    yield plots.latent_scatter(z, labels, [f"class {i}" for i in range(10)], title="A sentence")
    yield plots.latent_scatter(z, np.arange(60) % 26, list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    yield plots.loss_curves(HISTORY, REFERENCES, title="A sentence")
    yield plots.labelled_lines(
        [0, 1, 2], {"a": [1, 2, 3], "b": [1, 2, 3.1]}, "A sentence", "x", "y"
    )
    yield plots.parts_diagram(SimpleNamespace(image_shape=(8, 8, 1), latent_dim=3), 5, "A sentence")
    figure, axes = plots.axes("A sentence", "x, a unit", "y, a unit")
    axes.bar(["first", "second"], [1e6, 2e6], label="a bar")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    yield figure


@pytest.fixture(scope="module")
def figures(images):
    """Every figure, for tests that only look at them."""
    return list(every_figure(images))


# ----------------------------------------------------------------- all figures


def test_figures_are_pure(images):
    import matplotlib
    import matplotlib.pyplot as plt

    before, settings = images.copy(), dict(matplotlib.rcParams)
    figures = list(every_figure(images))
    assert all(isinstance(figure, Figure) for figure in figures)
    assert plt.get_fignums() == []
    assert np.array_equal(images, before)
    assert dict(matplotlib.rcParams) == settings


def test_nothing_is_cut_off_at_the_edge(figures):
    for figure in figures:
        FigureCanvasAgg(figure).draw()
        page, content = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
        assert content.x0 >= -1 and content.y0 >= -1, words(figure)
        assert content.x1 <= page.width + 1 and content.y1 <= page.height + 1, words(figure)


def test_figures_have_the_width_of_a_notebook_and_carry_their_title(figures):
    for figure in figures:
        assert figure.get_figwidth() * figure.dpi == pytest.approx(plots.WIDTH)
        assert "A sentence" in words(figure) or figure.get_suptitle() == ""


def test_a_long_title_is_broken_over_lines(images):
    title = "A sentence that is far too long for one line of a figure " * 3
    short, long = plots.image_grid(images, title="Short"), plots.image_grid(images, title=title)
    assert long.get_suptitle().count("\n") >= 1
    assert long.get_figheight() > short.get_figheight()
    (box,) = boxes(long, [long._suptitle])
    assert box.x1 < plots.WIDTH


def test_a_bare_figure_shows_itself_as_a_png(images):
    assert pixels(plots.image_grid(images)._repr_png_()).shape[1] == plots.WIDTH


# ----------------------------------------------------------------- pictures of images


def test_the_diagram_of_the_parts_says_their_shapes():
    vae = SimpleNamespace(image_shape=(9, 8, 1), latent_dim=3)
    figure = plots.parts_diagram(vae, 5, "A sentence")
    said = "\n".join(text.get_text() for text in figure.axes[0].texts)
    for shape in ("images\n(n, 9, 8, 1)", "features\n(n, 5)", "z\n(n, 3)", "add the 72 pixels"):
        assert shape in said


def test_images_share_one_grey_scale_and_have_no_axes(images):
    for figure in (plots.image_grid(images // 4), plots.reconstructions(images, images // 4)):
        for axes in figure.axes:
            assert axes.images[0].get_clim() == (0, 255)
            assert not axes.axison


def test_a_pixel_of_the_data_becomes_a_square_of_whole_pixels(images):
    figure = plots.image_grid(images, columns=10)
    sheet = pixels(plots.figure_to_png(figure))[..., 0]
    box = figure.axes[0].get_window_extent()
    left, top = round(box.x0), round(sheet.shape[0] - box.y1)
    scale = round(box.width / figure.axes[0].images[0].get_array().shape[1])
    assert scale == 3
    tile = sheet[top : top + 28 * scale, left : left + 28 * scale]
    enlarged = images[0].repeat(scale, axis=0).repeat(scale, axis=1)
    assert np.abs(tile.astype(int) - enlarged).max() <= 1  # matplotlib rounds in its own way


def test_captions_are_counted(images):
    with pytest.raises(ValueError, match="1 captions for 12 images"):
        plots.image_grid(images, captions=["one"])
    with pytest.raises(ValueError, match="2 captions for 3 rows"):
        plots.reconstructions(images, [images, images])


def test_originals_stand_above_what_was_made_of_them(images):
    figure = plots.reconstructions(images[:4], 255 - images[:4])
    above, below = sorted(figure.axes, key=lambda axes: -axes.get_position().y0)
    assert np.array_equal(above.images[0].get_array()[:, :28], images[0])
    assert np.array_equal(below.images[0].get_array()[:, :28], 255 - images[0])
    assert {"original", "redrawn"} <= set(words(figure))


def test_a_word_has_its_letters_in_order_and_black_spaces(images):
    sheet = plots.word(images[:3], "AB C")
    assert sheet.shape == (28, 4 * 28) and sheet.dtype == np.uint8
    assert (sheet[:, :28] == images[0]).all() and (sheet[:, 84:] == images[2]).all()
    assert not sheet[:, 56:84].any()
    with pytest.raises(ValueError, match="3 images for the 2 letters of 'A B'"):
        plots.word(images[:3], "A B")


def test_words_stand_below_each_other_on_one_scale(images):
    strips = [plots.word(images[:2], "AB"), plots.word(images[:5], "ABCDE")]
    figure = plots.words(strips, ("one", "two"), "A sentence")
    first, second = boxes(figure, figure.axes)
    assert first.y0 > second.y1 and first.x0 == pytest.approx(second.x0)
    assert second.width == pytest.approx(2.5 * first.width)
    with pytest.raises(ValueError, match="1 captions for 2 words"):
        plots.words(strips, ("one",))


def test_unequal_rows_are_rejected(images):
    with pytest.raises(ValueError, match="same shape"):
        plots.reconstructions(images, images[:3])


# ----------------------------------------------------------------- the latent plane


def test_prior_quantiles_cut_the_prior_into_equal_parts():
    z = plots.prior_quantiles(4)
    assert z == pytest.approx([-1.1503, -0.3186, 0.3186, 1.1503], abs=1e-3)


def test_the_manifold_has_z_1_to_the_right_and_z_2_upwards():
    sheet = plots.manifold(decode, n=5).axes[0].images[0].get_array()
    left_half, right_half = sheet[0, 0::28], sheet[0::28, 14]
    assert list(left_half) == sorted(left_half)  # z_1 grows from left to right
    assert list(right_half) == sorted(right_half, reverse=True)  # z_2 falls from top to bottom


def test_the_manifold_takes_images_as_well_as_a_decoder():
    z = plots.prior_quantiles(3)
    drawn = decode([[a, b] for b in z[::-1] for a in z])
    one, other = plots.manifold(decode, n=3), plots.manifold(drawn)
    assert np.array_equal(*(f.axes[0].images[0].get_array() for f in (one, other)))
    with pytest.raises(ValueError, match="do not fill a square"):
        plots.manifold(drawn[:5])


def test_names_are_written_on_the_manifold_at_their_codes_and_within_it():
    names = {"left": (-1.0, 0.0), "edge": (9.0, 0.0), "near": (2.5, 0.0)}
    figure = plots.manifold(decode, n=13, names=names)
    texts = {text.get_text(): text for text in figure.axes[0].texts}
    assert texts["left"].get_position() == pytest.approx((0.1587, 0.5), abs=1e-3)
    ends = boxes(figure, [figure.axes[0], texts["edge"], texts["near"]])
    assert ends[1].x1 <= ends[0].x1 + 1 and not ends[1].overlaps(ends[2])


def test_clouds_are_ellipses_of_two_standard_deviations_in_greys():
    z_mean, z_log_var = np.array([[0.0, 1.0], [1.0, -1.0]]), np.log([[0.04, 0.01], [1.0, 0.25]])
    figure = plots.latent_clouds(z_mean, z_log_var, [0.1, 0.6], "Two clouds")
    (clouds,) = [c for c in figure.axes[0].collections if hasattr(c, "get_widths")]
    assert clouds.get_widths() == pytest.approx([0.8, 4.0])  # the whole width: 4 sigma
    assert clouds.get_heights() == pytest.approx([0.4, 2.0])
    assert clouds.get_array().tolist() == [0.1, 0.6]
    assert "1 of 2 clouds" in words(plots.latent_clouds(z_mean, z_log_var, [0, 1], most=1))
    with pytest.raises(ValueError, match="z_log_var"):
        plots.latent_clouds(z_mean, z_log_var[:1], [0, 1])
    with pytest.raises(ValueError, match="values have shape"):
        plots.latent_clouds(z_mean, z_log_var, [0.5])


def test_the_data_flow_has_a_row_for_each_image_and_its_shapes(images):
    parts = Encoder((8, 5)), LatentDistribution(2), Decoder((5, 8))
    figure = plots.data_flow(VAE(*parts), images[:2], "From pixels to pixels")
    assert len([axes for axes in figure.axes if axes.images]) == 2 * 3
    said = " ".join(words(figure))
    assert "28 × 28 × 1" in said and "5 numbers" in said and said.count("Decoder") == 2
    with pytest.raises(ValueError, match="latent_dim is 3"):
        plots.data_flow(VAE(Encoder((4,)), LatentDistribution(3), Decoder((4,))), images[:1])


def test_the_scatter_names_every_class_in_the_legend_and_at_its_median():
    names = [f"class {i}" for i in range(10)]
    z = np.random.default_rng(0).normal(size=(500, 2))
    figure = plots.latent_scatter(z, np.arange(500) % 10, names)
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == names
    assert all(words(figure).count(name) == 2 for name in names)


def test_names_of_classes_do_not_cover_each_other():
    names = ["T-shirt/top", "Pullover", "Coat", "Shirt"]
    z = 0.01 * np.random.default_rng(0).normal(size=(400, 2))  # all medians in one place
    figure = plots.latent_scatter(z, np.arange(400) % 4, names)
    labels = [text for text in figure.axes[0].texts if text.get_text() in names]
    placed = boxes(figure, [label.get_bbox_patch() for label in labels])
    for i, one in enumerate(placed):
        assert not any(one.overlaps(other) for other in placed[i + 1 :])


def test_26_classes_all_look_different():
    looks = {class_look(index) for index in range(26)}
    assert len(looks) == 26


@pytest.mark.parametrize(
    ("z", "labels", "complaint"),
    [
        (np.zeros((5, 16)), np.zeros(5, int), r"z_mean\[:, :2\]"),
        (np.zeros((5, 2)), np.zeros(4, int), "expected"),
        (np.zeros((5, 2)), np.full(5, 3), "2 class names"),
    ],
)
def test_codes_that_do_not_fit_are_rejected(z, labels, complaint):
    with pytest.raises(ValueError, match=complaint):
        plots.latent_scatter(z, labels, ["a", "b"])
