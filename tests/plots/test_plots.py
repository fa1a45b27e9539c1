"""Figures: what stands on them, that they are pure, and that a notebook shows them once."""

import base64
import io
import json

import keras
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vae_helpers import plots
from vae_helpers.plots.style import class_look

HISTORY = {
    "reconstruction": [300.0, 270.0, 260.0],
    "kl": [3.0, 5.0, 6.0],
    "val_reconstruction": [290.0, 272.0, 263.0],
    "val_kl": [4.0, 5.5, 6.1],
}
REFERENCES = {"mean image": 384.3, "PCA, 2 components": 300.5, "grey-pixel entropy": 188.3}


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)


def decode(z):
    """A decoder of grey images: z_1 (from -3 to 3) sets the left half, z_2 the right."""
    z = np.clip((np.asarray(z) + 3) / 6, 0, 1)
    return np.repeat(z, 14, axis=1)[:, None, :, None].repeat(28, axis=1)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def words(figure):
    """Every text of a figure."""
    import matplotlib.text

    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def boxes(figure, artists):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return [artist.get_window_extent(canvas.get_renderer()) for artist in artists]


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
    yield plots.latent_scatter(z, labels, [f"class {i}" for i in range(10)], title="A sentence")
    yield plots.latent_scatter(z, np.arange(60) % 26, list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    yield plots.loss_curves(HISTORY, REFERENCES, title="A sentence")
    yield plots.labelled_lines(
        [0, 1, 2], {"a": [1, 2, 3], "b": [1, 2, 3.1]}, "A sentence", "x", "y"
    )


# ----------------------------------------------------------------- arrays to PNG


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
        (np.full((28, 28), np.nan), "diverged"),
        (np.full((28, 28), 200.0), "Divide by 255"),
        (np.zeros((2, 28, 28, 3)), "expected one grey image"),
        (np.zeros((0, 28, 28)), "at least 1"),
    ],
)
def test_what_is_no_image_is_refused(bad, complaint):
    with pytest.raises(ValueError, match=complaint):
        plots.array_to_png(bad)


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


def test_nothing_is_cut_off_at_the_edge(images):
    for figure in every_figure(images):
        FigureCanvasAgg(figure).draw()
        page, content = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
        assert content.x0 >= -1 and content.y0 >= -1, words(figure)
        assert content.x1 <= page.width + 1 and content.y1 <= page.height + 1, words(figure)


def test_figures_have_the_width_of_a_notebook_and_carry_their_title(images):
    for figure in every_figure(images):
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


def test_unequal_rows_are_refused(images):
    with pytest.raises(ValueError, match="same shape"):
        plots.reconstructions(images, images[:3])


def test_a_confusion_matrix_shows_shares_of_each_row():
    counts = np.array([[3, 1], [0, 0]])  # a class without images is no error
    figure = plots.confusion_matrices({"two classes": counts}, ["A", "B"], "A sentence")
    (shown,) = figure.axes[0].images
    assert np.asarray(shown.get_array()) ** 2 == pytest.approx(np.array([[0.75, 0.25], [0, 0]]))
    assert {"two classes", "read as", "true class", "25%"} <= set(words(figure))


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
def test_codes_that_do_not_fit_are_refused(z, labels, complaint):
    with pytest.raises(ValueError, match=complaint):
        plots.latent_scatter(z, labels, ["a", "b"])


# ----------------------------------------------------------------- curves


def test_loss_curves_keep_reconstruction_and_kl_apart():
    reconstruction, kl = plots.loss_curves(HISTORY, REFERENCES).axes
    assert list(reconstruction.lines[0].get_ydata()) == HISTORY["reconstruction"]
    assert list(kl.lines[0].get_ydata()) == HISTORY["kl"]
    assert "nats per image" in reconstruction.get_title(loc="left")
    assert "nats per image" in kl.get_title(loc="left")
    assert kl.get_ylim()[0] == 0


def test_validation_is_dashed():
    for axes in plots.loss_curves(HISTORY).axes:
        assert [line.get_linestyle() for line in axes.lines] == ["-", "--"]


def test_reference_lines_stand_in_the_reconstruction_panel_alone():
    reconstruction, kl = plots.loss_curves(HISTORY, REFERENCES).axes
    heights = [line.get_ydata()[0] for line in reconstruction.lines[2:]]
    assert heights == list(REFERENCES.values())
    assert len(kl.lines) == 2
    low, high = reconstruction.get_ylim()
    assert low < 188.3 and high > 384.3


def test_labels_at_the_ends_of_lines_do_not_touch():
    crowded = {f"line {i}": 300.0 + 0.1 * i for i in range(5)}
    figure = plots.loss_curves({"reconstruction": [300.0], "kl": [1.0]}, crowded)
    labels = [text for text in figure.axes[0].texts if text.get_text()]
    assert len(labels) == 6
    placed = sorted(label.get_position()[1] for label in labels)
    assert min(np.diff(placed)) * 260 > 15  # pixels, for letters of 9 points


def test_a_label_stands_at_the_height_of_its_line():
    (axes,) = plots.labelled_lines([0, 1], {"low": [5, 1], "high": [5, 9]}).axes
    low, high = axes.get_ylim()
    for text in axes.texts:
        value = {"low": 1, "high": 9}[text.get_text()]
        assert text.get_position()[1] == pytest.approx((value - low) / (high - low), abs=0.01)


def test_a_diverged_history_can_still_be_drawn():
    plots.figure_to_png(plots.loss_curves({"reconstruction": [300, np.nan], "kl": [1, np.inf]}))


def test_a_history_without_kl_is_refused_by_name():
    with pytest.raises(ValueError, match=r"history has no kl, only \['loss', 'reconstruction'\]"):
        plots.loss_curves({"loss": [1.0], "reconstruction": [1.0]})


def test_curves_take_the_colour_of_their_quantity():
    (axes,) = plots.labelled_lines(
        [0, 1], {"naive": [1, 2], "ours": [2, 1]}, colours={"naive": "broken", "ours": "cured"}
    ).axes
    assert [line.get_color() for line in axes.lines] == [
        plots.COLOURS["broken"],
        plots.COLOURS["cured"],
    ]


# ----------------------------------------------------------------- in a notebook


def test_a_figure_of_noise_is_kept_below_300_kilobytes():
    noise = np.random.default_rng(0).random((576, 28, 28))
    png = plots.figure_to_png(plots.manifold(noise))
    assert len(png) <= plots.MAX_BYTES
    assert pixels(png).shape[1] == plots.WIDTH


class Recorder:
    """Stands in for IPython's display: keeps what is shown, and what takes its place."""

    def __init__(self):
        self.shown, self.updates = [], 0

    def __call__(self, data, raw, metadata, display_id=None):
        assert raw
        self.shown.append((data, metadata))
        return self

    def update(self, data, raw, metadata):
        self.updates += 1
        self.shown[-1] = (data, metadata)


@pytest.fixture
def notebook(monkeypatch):
    import IPython.display

    recorder = Recorder()
    monkeypatch.setattr(IPython.display, "display", recorder)
    monkeypatch.setattr("vae_helpers.plots.live._in_notebook", lambda: True)
    return recorder


def test_show_displays_one_png_with_its_alt_text(notebook, images):
    plots.show(plots.image_grid(images), alt="Twelve images of noise.")
    ((data, metadata),) = notebook.shown
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == "Twelve images of noise."
    assert metadata["image/png"]["alt"] == "Twelve images of noise."
    assert pixels(base64.b64decode(data["image/png"])).shape[1] == plots.WIDTH


def test_show_takes_the_bytes_of_a_png_too(notebook, images):
    png = plots.array_to_png(images[0])
    plots.show(png, alt="One image of noise.")
    assert base64.b64decode(notebook.shown[0][0]["image/png"]) == png


def test_show_asks_for_an_alt_text(images):
    with pytest.raises(ValueError, match="alt is empty"):
        plots.show(plots.image_grid(images), alt=" ")


class Tiny(keras.Model):
    """Reports a reconstruction and a KL without being a VAE."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.trackers = [keras.metrics.Mean(name) for name in ("reconstruction", "kl")]

    @property
    def metrics(self):
        return self.trackers

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = keras.ops.mean(y_pred**2)
        for tracker in self.trackers:
            tracker.update_state(loss)
        return loss


def fit(callback, epochs=4):
    model = Tiny()
    model.compile("sgd", steps_per_execution=2)
    x = np.ones((32, 3), "float32")
    return model.fit(
        x, x, validation_data=(x, x), epochs=epochs, batch_size=4, verbose=0, callbacks=[callback]
    )


def test_a_live_curve_redraws_in_place_and_ends_as_the_loss_curves(notebook):
    live = plots.LiveCurve(REFERENCES, title="It fell")
    history = fit(live)
    assert len(notebook.shown) == 1 and notebook.updates >= 1
    assert live.figure.get_suptitle() == "It fell"
    assert {"val_reconstruction", "val_kl"} <= set(live.history)
    for name in live.history:
        assert live.history[name] == pytest.approx(history.history[name])
    data, metadata = notebook.shown[0]
    assert "4 epochs" in metadata["image/png"]["alt"]
    expected = plots.figure_to_png(plots.loss_curves(history, REFERENCES, "It fell", epochs=4))
    assert base64.b64decode(data["image/png"]) == expected


def test_a_live_curve_gives_way_to_fast_training(notebook, monkeypatch):
    live = plots.LiveCurve()
    fit(live, epochs=20)  # a few milliseconds an epoch, far less than a drawing
    assert notebook.updates < 10


def test_a_live_curve_is_silent_outside_a_notebook(capsys):
    live = plots.LiveCurve()
    fit(live)
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == ""
    assert len(live.history["kl"]) == 4 and live.figure is not None


@pytest.mark.slow
def test_an_executed_notebook_holds_one_output_and_its_alt_text():
    import nbclient
    import nbformat

    fitting = (
        "import numpy as np\n"
        "from vae_helpers import plots\n"
        "live = plots.LiveCurve({'mean image': 384.3}, alt='Both terms fall.')\n"
        "live.set_params({'epochs': 2})\n"
        "live.on_train_begin()\n"
        "for epoch in range(2):\n"
        "    live._cost = 0.0\n"
        "    live.on_epoch_end(epoch, {'reconstruction': 300 - epoch, 'kl': 5.0})\n"
        "live.on_train_end()"
    )
    bare = "plots.image_grid(np.zeros((3, 28, 28), np.uint8))"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in (fitting, bare)]
    )
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = [o for o in notebook.cells[0].outputs if o.output_type == "display_data"]
    assert output.metadata["image/png"]["alt"] == "Both terms fall."
    assert output.data["text/plain"] == "Both terms fall."
    (output,) = notebook.cells[1].outputs
    assert "image/png" in output.data
    assert json.dumps(notebook).count('"image/png": "') == 2
