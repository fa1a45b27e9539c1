"""How good is a VAE? Numbers for a trained model, each with what it can and cannot say.

Nats per image throughout, on images the model has not seen. A number that was estimated comes
with its error.

Each name is imported from its module when it is first asked for.
"""

import importlib

_HOME = {  # name -> module of this package
    "Estimate": "bounds",
    "active_units": "codes",
    "aggregated_posterior": "codes",
    "confusion": "counts",
    "elbo_estimate": "bounds",
    "frechet_distance": "pictures",
    "frechet_with_error": "pictures",
    "gaussian_total_correlation": "codes",
    "importance_weighted": "bounds",
    "kl_parts": "codes",
    "log_weights": "bounds",
    "nearest": "pictures",
    "precision_recall": "pictures",
    "rate_split": "codes",
    "sharpness": "pictures",
    "wilson": "counts",
}
__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *_HOME})
