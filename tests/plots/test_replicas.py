"""The figures of several devices say what they were told."""

import numpy as np
import pytest

from vae_helpers.plots import replica_diagram, ring_states


def words(figure):
    """Return every text of a figure."""
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    return [*texts, *(text.get_text() for text in figure.texts)]


@pytest.mark.parametrize("replicas", [2, 3, 4])
def test_each_device_has_a_row_with_its_share_of_the_batch(replicas):
    said = " ".join(words(replica_diagram(120, (28, 28, 1), 1234, replicas)))
    assert said.count(f"({120 // replicas}, 28, 28, 1)") == replicas
    assert all(f"device {place}" in said for place in range(replicas))
    assert said.count("gradient (1,234)\nof all 120 images") == replicas


def test_the_tables_hold_the_counts_and_what_is_complete_has_another_colour():
    states = [np.ones((2, 2), int), np.array([[2, 1], [1, 2]])]
    figure = ring_states(states, ["before", "after"])
    assert [text.get_text() for text in figure.axes[1].texts] == ["2", "1", "1", "2"]
    colours = [patch.get_facecolor() for patch in figure.axes[1].patches]
    assert colours[0] == colours[3] != colours[1] == colours[2]
    assert {"before", "after"} <= set(words(figure))


def test_a_state_without_its_caption_is_rejected():
    with pytest.raises(ValueError, match="1 captions for 2 states"):
        ring_states([np.ones((2, 2))] * 2, ["one"])
