"""Figures of the course: arrays in, one Figure out, nothing shown and nothing kept.

Every function returns a `matplotlib.figure.Figure` that pyplot knows nothing of, so a notebook
shows it once, where `show(figure, alt)` says so. Images may have any size, grey or in colour; they
are drawn on one scale from 0 to 1 and enlarged by whole numbers, so that a pixel of the data stays
a square on the page. Losses are in nats per image.

Each name is imported from its module when it is first asked for.
"""

import importlib

_HOME = {  # name -> module of this package
    "CLASS_COLOURS": "style",
    "COLOURS": "style",
    "LiveCurve": "live",
    "MAX_BYTES": "png",
    "WIDTH": "style",
    "array_to_png": "png",
    "axes": "curves",
    "confusion_matrices": "counts",
    "data_flow": "flow",
    "elbo_bars": "bars",
    "figure_to_png": "png",
    "image_grid": "images",
    "labelled_lines": "curves",
    "latent_clouds": "latent",
    "latent_scatter": "latent",
    "loss_curves": "curves",
    "manifold": "latent",
    "mosaic": "png",
    "parts_diagram": "diagram",
    "posterior_planes": "posteriors",
    "prior_quantiles": "latent",
    "projection_sketch": "projection",
    "reconstructions": "images",
    "reference_lines": "live",
    "replica_diagram": "replicas",
    "ring_states": "replicas",
    "show": "png",
    "spread_apart": "layout",
    "use_course_style": "style",
    "word": "images",
    "words": "images",
}
__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *_HOME})
