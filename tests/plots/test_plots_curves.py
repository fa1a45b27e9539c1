"""Curves and counts: what stands on them, and labels that do not touch."""

import numpy as np
import pytest
from plots_support import HISTORY, REFERENCES, boxes, words

from vae_helpers import plots


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


def test_a_history_without_kl_is_rejected_by_name():
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


def test_a_confusion_matrix_shows_shares_of_each_row():
    counts = np.array([[3, 1], [0, 0]])  # a class without images is no error
    figure = plots.confusion_matrices({"two classes": counts}, ["A", "B"], "A sentence")
    (shown,) = figure.axes[0].images
    assert np.asarray(shown.get_array()) ** 2 == pytest.approx(np.array([[0.75, 0.25], [0, 0]]))
    assert {"two classes", "read as", "true class", "25%"} <= set(words(figure))


# ----------------------------------------------------------------- empty axes


def test_axes_have_the_style_the_labels_and_the_title_of_the_course():
    figure, axes = plots.axes("A sentence", "epoch", "KL, nats per image", height=300)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "KL, nats per image")
    assert figure.get_suptitle() == "A sentence"
    assert not axes.spines["top"].get_visible() and not axes.spines["right"].get_visible()
    assert tuple(figure.get_size_inches() * figure.dpi) == pytest.approx((plots.WIDTH, 300))
    assert plots.figure_to_png(figure) == figure._repr_png_()


def test_a_long_title_above_axes_is_broken_and_takes_no_room_from_the_labels():
    figure, axes = plots.axes("A sentence that is far too long for one line of a figure " * 3, "x")
    axes.plot([0, 1], [0, 1])
    plots.figure_to_png(figure)  # places everything
    (title,) = boxes(figure, [figure._suptitle])
    assert figure.get_suptitle().count("\n") == 1
    assert title.x0 >= 0 and title.x1 <= plots.WIDTH and title.y0 >= boxes(figure, [axes])[0].y1


def test_labels_at_the_line_ends_stand_in_the_order_of_the_lines():
    ends = {"healthy": 255.0, "5": 239.0, "6": 242.0, "7": 233.0}
    figure = plots.labelled_lines(
        np.arange(4), {name: np.linspace(380, end, 4) for name, end in ends.items()}, "t", "x", "y"
    )
    labels = [text for text in figure.axes[0].texts if text.get_text() in ends]
    labels.sort(key=lambda text: text.xyann[1])
    assert [text.get_text() for text in labels] == ["7", "5", "6", "healthy"]
