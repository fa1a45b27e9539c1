"""A slider over beta as one piece of HTML, which needs no kernel: a mode grows out of collapse."""

import html
import json
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np

PAGE = Path(__file__).with_name("mode.html")  # a string.Template
CODES = (-1.5, 0, 1.5)  # z of the three pictures
DEPTH = 20  # nats per image, up and down, on the plot
MAX_PIXELS = 64 * 64 * 3


def beta_slider(mode, betas: Sequence[float] | None = None, strengths: Sequence | None = None):
    """Return a slider over beta; beside it the loss over the mode's strength, and three pictures.

    The output needs no kernel and makes no request: it holds the curve of every beta, the mean
    image and the direction, and the pictures are computed from these in the page. Mouse, finger
    and arrow keys move the slider.

    Args:
        mode: an `audit.Mode`.
        betas: where the slider can stand, ascending; when None about 40 from an eighth of the
            critical beta to the number of pixels.
        strengths: of the curves, ascending from 0; when None 0 to 12 in steps of 1/4.

    Returns:
        IPython.display.HTML.

    Raises:
        ValueError: if the images are larger than 64 x 64 in colour.
    """
    from IPython.display import HTML

    if mode.mean.size > MAX_PIXELS:
        raise ValueError(f"images have {mode.mean.size} pixels, expected at most {MAX_PIXELS}")
    if betas is None:
        betas = _rounded(np.geomspace(mode.eigenvalue / 8, mode.mean.size, 40))
    strengths = np.arange(0, 12.01, 0.25) if strengths is None else np.asarray(strengths, float)
    height, width, *channels = mode.mean.shape
    changes = mode.loss_change(strengths, betas)
    facts = {
        "betas": [float(beta) for beta in betas],
        "strengths": strengths.tolist(),
        "changes": [[round(value, 3) for value in row] for row in changes.tolist()],
        "critical": float(_rounded([mode.eigenvalue])[0]),
        "start": len(betas) - 1,
        "codes": CODES,
        "depth": DEPTH,
        "height": height,
        "width": width,
        "channels": channels[0] if channels else 1,
        "mean": [float(f"{p:.4g}") for p in mode.mean.ravel()],
        "direction": [float(f"{w:.4g}") for w in mode.direction.ravel()],
    }
    encoded = html.escape(json.dumps(facts, separators=(",", ":")))
    return HTML(string.Template(PAGE.read_text(encoding="utf-8")).substitute(facts=encoded))


def _rounded(values):
    """Three digits, each value once."""
    return sorted({float(f"{value:.3g}") for value in values})
