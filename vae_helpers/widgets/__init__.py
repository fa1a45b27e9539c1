"""Ways to walk through a latent plane by hand, a field to write words in, and two more sliders.

`explore_latent` asks the model at every move and needs a running kernel. `hover_explorer` asks it
once, carries the answers along, and works wherever a web page does; so do `beta_slider`, which
shows a code grow out of collapse, `bound_slider`, which moves q(z|x) under log p(x), and
`frame_slider`, which turns through pictures made before.
`write_words` writes what you type in the hand of a conditional VAE, and needs a kernel too.

Each name is imported from its module when it is first asked for.
"""

import importlib

_HOME = {  # name -> module of this package
    "WORD_WIDTH": "words",
    "beta_slider": "mode",
    "bound_slider": "bound",
    "explore_latent": "sliders",
    "frame_slider": "frames",
    "hover_explorer": "hover",
    "letter_labels": "words",
    "write_words": "words",
}
__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *_HOME})
