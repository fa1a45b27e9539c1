"""Two sliders that move q(z|x) under the ceiling log p(x): one piece of HTML, no kernel."""

import html
import json
import string
from pathlib import Path

import numpy as np

from vae_helpers.plots.style import COLOURS

PAGE = Path(__file__).with_name("bound.html")  # a string.Template
DEPTH = 4.0  # nats below log p(x) that are shown


def bound_slider(means, stds, reconstruction, kl, log_p_x: float, z, posterior):
    """Return two sliders, the mean and the standard deviation of a Gaussian q over one latent.

    The output holds a table of both terms and a short script; it makes no request. Beside the
    densities of q and of the posterior stands the bound over the mean of q, below log p(x).

    Args:
        means: (m,) means of q, ascending; the sliders begin at the first.
        stds: (s,) standard deviations of q, ascending; the sliders begin at the last.
        reconstruction: (m, s) minus the mean of log p(x|z) over q, nats.
        kl: (m, s) KL(q || p(z)), nats.
        log_p_x: log p(x), nats.
        z: (n,) places where the densities are drawn.
        posterior: (n,) density of p(z|x) there.

    Returns:
        IPython.display.HTML.

    Raises:
        ValueError: if a table has another shape, or a bound lies above log p(x).
    """
    from IPython.display import HTML

    means, stds, z = (np.asarray(values, float) for values in (means, stds, z))
    tables = {"reconstruction": np.asarray(reconstruction, float), "kl": np.asarray(kl, float)}
    for name, table in tables.items():
        if table.shape != (len(means), len(stds)):
            raise ValueError(
                f"{name} has shape {table.shape}, expected {(len(means), len(stds))}: a row for "
                "each mean of q, a column for each standard deviation"
            )
    excess = float(np.max(-tables["reconstruction"] - tables["kl"]) - log_p_x)
    if excess > 1e-6:
        raise ValueError(
            f"a bound lies {excess:.2g} nats above log p(x), expected none: does log_p_x belong to "
            "the same x and the same model?"
        )
    facts = {name: table.round(3).tolist() for name, table in tables.items()}
    facts |= {"means": means.round(4).tolist(), "stds": stds.round(4).tolist()}
    facts |= {"z": z.round(4).tolist(), "posterior": np.asarray(posterior).round(4).tolist()}
    facts |= {"log_p_x": round(float(log_p_x), 4), "floor": round(float(log_p_x) - DEPTH, 4)}
    facts |= {"start": [0, len(stds) - 1], "colours": COLOURS}
    page = string.Template(PAGE.read_text(encoding="utf-8"))
    return HTML(page.substitute(facts=html.escape(json.dumps(facts, separators=(",", ":")))))
