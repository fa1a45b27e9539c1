"""The sketch of notebook 7: what is nearest, and what it says."""

import numpy as np

from vae_helpers import plots
from vae_helpers.plots import projection


def test_the_nearest_point_lies_on_the_curve_and_none_is_nearer():
    point = np.array([0.7, 1.2])
    nearest = projection._nearest(point)
    curve = projection._drawable(np.linspace(-4, 4, 500))
    assert np.allclose(nearest, projection._drawable(nearest[0]))
    distances = np.linalg.norm(curve - point, axis=1)
    assert np.linalg.norm(nearest - point) <= distances.min() + 1e-6


def test_the_sketch_names_its_points_and_has_no_ticks():
    figure = plots.projection_sketch("a title")
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"clean letter", "speckled", "with a gap"} <= texts
    assert not figure.axes[0].axison
    assert figure._suptitle.get_text() == "a title"
