"""The figures of the ELBO: bars of its terms, and exact posteriors beside the encoder's."""

import numpy as np
import pytest
from plots_support import boxes, words

from vae_helpers import plots

COSTS = {"the prior": (6.044, 0.0), "too sure": (1.084, 1.966), "the posterior": (1.444, 0.905)}


@pytest.fixture
def bars():
    return plots.elbo_bars(COSTS, -2.349, "A sentence")


def test_reconstruction_and_kl_stand_end_to_end(bars):
    found = [place for bar in bars.axes[0].patches for place in (bar.get_x(), bar.get_width())]
    expected = [place for r, k in COSTS.values() for place in (0.0, r, r, k)]
    assert found == pytest.approx(expected)
    assert [label.get_text() for label in bars.axes[0].get_yticklabels()] == list(COSTS)


def test_the_line_is_minus_log_p_and_the_gap_what_sticks_out(bars):
    texts = words(bars)
    assert "gap 3.69" in texts and "gap 0.70" in texts and "gap 0.00" in texts
    assert any("log p(x) = 2.35" in text for text in texts)
    assert bars.axes[0].lines[-1].get_xdata()[0] == pytest.approx(2.349)


def test_what_is_written_stays_on_the_page(bars):
    labels = [text for text in bars.axes[0].texts if text.get_text()]
    width = bars.get_figwidth() * bars.dpi
    assert all(box.x0 >= 0 and box.x1 <= width for box in boxes(bars, labels))


def test_a_posterior_stands_below_its_image_with_two_rings(images):
    axis = np.linspace(-1, 1, 11)
    density = np.exp(-(axis[:, None] ** 2) - (axis - 0.6) ** 2)  # rows are z_2
    means, log_vars = np.zeros((3, 2)), np.log(np.full((3, 2), 0.04))
    figure = plots.posterior_planes(
        images[:3], [(axis, axis, density)] * 3, means, log_vars, "A sentence", ["a", "b", "c"]
    )
    assert len(figure.axes) == 6
    window = figure.axes[1]
    picture = window.images[0]
    assert picture.origin == "lower" and tuple(picture.get_extent()) == (-1, 1, -1, 1)
    assert np.unravel_index(np.argmax(picture.get_array()), density.shape) == (5, 8)
    assert [patch.width for patch in window.patches] == pytest.approx([0.4, 0.8])  # 1 and 2 sigma
    assert {"a", "b", "c"} <= set(words(figure))
