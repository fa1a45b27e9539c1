"""The terms of a bound as stacked bars, one bar for each q(z|x)."""

import matplotlib
from matplotlib.figure import Figure

from vae_helpers.plots.layout import page, place_axes
from vae_helpers.plots.style import COLOURS, MARGIN, STYLE, WIDTH, dark

ROW = 74  # pixels of the page for one bar
LEFT = 150  # and for the names
CHARACTER = 6.2  # pixels of a letter in a bar


@matplotlib.rc_context(STYLE)
def elbo_bars(costs: dict, log_p_x: float, title: str = "") -> Figure:
    """Draw reconstruction and KL end to end, and the line at -log p(x).

    They never fall short of it. What sticks out beyond is the gap, log p(x) - ELBO.

    Args:
        costs: dict from the name of a q(z|x) to (reconstruction, kl), neither negative, in nats.
        log_p_x: log p(x), not positive, in nats.
        title: the sentence that the figure proves.

    Returns:
        Figure with one axes: nats to the right, the first q on top.
    """
    height, line = ROW * len(costs), -float(log_p_x)
    figure, top = page(height + 74, title)
    panel = place_axes(figure, LEFT, top + 26, WIDTH - LEFT - MARGIN - 12, height)
    ends = {name: float(reconstruction + kl) for name, (reconstruction, kl) in costs.items()}
    reach = 1.22 * max(*ends.values(), line)
    pixel = reach / (WIDTH - LEFT - MARGIN - 12)  # nats
    for row, (name, terms) in enumerate(costs.items()):
        start = 0.0
        for term, value, hatch in zip(("reconstruction", "kl"), terms, ("", "//"), strict=True):
            panel.barh(row, value, 0.4, start, color=COLOURS[term], edgecolor="white", hatch=hatch)
            word = {"reconstruction": "reconstruction", "kl": "KL"}[term]
            _write_in_bar(panel, row, start, value, f"{word} {value:.2f}", pixel)
            start += value
        gap = ends[name] - line
        if gap > 0.005:
            panel.plot([line, ends[name]], [row - 0.32] * 2, color=COLOURS["broken"], marker="|")
        colour = dark(COLOURS["broken"]) if gap > 0.005 else dark(COLOURS["cured"])
        text = f"gap {max(gap, 0):.2f}"
        panel.text(ends[name] + 8 * pixel, row - 0.32, text, color=colour, va="center")
    panel.axvline(line, color=COLOURS["elbo"], linestyle="--", linewidth=1.5)
    panel.text(line, -0.62, f"\N{MINUS SIGN}log p(x) = {line:.2f}", ha="center", va="bottom")
    panel.set(xlim=(0, reach), ylim=(len(costs) - 0.5, -0.55), xlabel="nats, lower is better")
    panel.set_yticks(range(len(costs)), costs)
    panel.tick_params(axis="y", length=0, labelsize=10)
    panel.spines["left"].set_visible(False)
    return figure


def _write_in_bar(panel, row, start, value, text, pixel):
    """Write in the bar what it is, shortened to what its length holds."""
    for words in (text, text.split()[-1]):
        if value > len(words) * CHARACTER * pixel:
            box = {"facecolor": "white", "alpha": 0.9, "linewidth": 0, "pad": 1.5}
            panel.text(
                start + value / 2,
                row,
                words,
                ha="center",
                va="center",
                fontsize=9,
                bbox=box,
                zorder=6,
            )
            return
