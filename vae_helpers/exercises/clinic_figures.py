"""The figures of notebook 06: where each patient is ill, and what its log and pictures show."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from vae_helpers.exercises.clinic import Clinic
from vae_helpers.plots import CLASS_COLOURS, COLOURS, axes, labelled_lines, reconstructions
from vae_helpers.plots.style import MARKERS, dark

# Left edge, width, height of the middle, text, and the patients that are ill there.
BOXES = (
    (0.0, 1.3, 2.0, "images\n[0, 1]", ""),
    (1.8, 1.4, 2.0, "encoder", ""),
    (3.7, 1.7, 2.0, "z_mean,\nz_log_var", ""),
    (5.9, 1.3, 2.0, "sample\nz", "6  12  13"),
    (7.7, 1.4, 2.0, "decoder", ""),
    (9.6, 1.2, 2.0, "logits", ""),
    (11.4, 2.3, 2.0, "reconstruction,\nnats", "1  4  8  11"),
    (11.4, 2.3, 0.6, "KL, nats", "2  3  5  9"),
    (14.3, 1.0, 1.3, "loss", "10"),
    (15.8, 1.1, 1.3, "fit's\ngraph", "7"),
)
ARROWS = (
    ((1.3, 2.0), (1.8, 2.0)),
    ((3.2, 2.0), (3.7, 2.0)),
    ((5.4, 2.0), (5.9, 2.0)),
    ((7.2, 2.0), (7.7, 2.0)),
    ((9.1, 2.0), (9.6, 2.0)),
    ((10.8, 2.0), (11.4, 2.0)),
    ((4.5, 1.62), (11.4, 0.6)),
    ((13.7, 2.0), (14.3, 1.5)),
    ((13.7, 0.6), (14.3, 1.1)),
    ((15.3, 1.3), (15.8, 1.3)),
)
# Left and right end, height and words of each instrument's reach.
REACHES = (
    (11.4, 15.3, -0.25, '"audit" reads these lines alone'),
    (1.8, 10.8, -0.25, '"health" watches these at work'),
    (1.8, 16.9, -0.95, '"books" and "log": what was reported, beside the terms of the same codes'),
)


def plan() -> Figure:
    """Draw the way from an image to the loss, the patients beside it, the instruments below."""
    figure, place = axes(
        "Nine patients are ill in the loss, three in the sampling, one in the graph"
    )
    figure.set_figheight(2.9)
    for left, width, middle, text, patients in BOXES:
        box = FancyBboxPatch((left, middle - 0.38), width, 0.76, "round,pad=0,rounding_size=0.12")
        box.set(facecolor="#F2F2F2", edgecolor="#444444")
        place.add_patch(box)
        place.text(left + width / 2, middle, text, ha="center", va="center", fontsize=9)
        style = {"ha": "center", "va": "bottom", "fontsize": 10, "weight": "bold"}
        place.text(left + width / 2, middle + 0.42, patients, color=COLOURS["broken"], **style)
    for start, end in ARROWS:
        place.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#444444"})
    for left, right, height, words in REACHES:
        place.plot([left, right], [height, height], color=COLOURS["reconstruction"], marker="|")
        place.text((left + right) / 2, height - 0.1, words, ha="center", va="top", fontsize=9)
    place.set(xlim=(-0.1, 17.0), ylim=(-1.5, 2.85))
    place.set_axis_off()
    return figure


def label(name) -> str:
    """Return what a figure calls a patient."""
    return f"patient {name}" if isinstance(name, int) else str(name)


def portraits(clinic: Clinic, title: str, *names) -> Figure:
    """Draw eight test images above what each model makes of them."""
    shown = clinic.test_images[:8]
    rows = [clinic.models[name].reconstruct(shown) for name in names]
    return reconstructions(shown, rows, title, ("original", *map(label, names)))


def curves(
    clinic: Clinic, title: str, y_label: str, of: Callable | str, *names, **options
) -> Figure:
    """Draw a quantity of each model's log, from before the first step on.

    Args:
        clinic: where the models are.
        title: the sentence that the figure proves.
        y_label: quantity and unit.
        of: an entry of the log, or a function of the log as arrays.
        *names: of admitted models; healthy and cured ones are green.
        **options: for `plots.labelled_lines`.
    """
    logs = [{k: np.array(v) for k, v in clinic.models[name].log.items()} for name in names]
    labels = [label(name) for name in names]
    sick = iter((COLOURS["broken"], COLOURS["kl"], CLASS_COLOURS[4]))
    well = iter((COLOURS["cured"], COLOURS["data"]))
    figure = labelled_lines(
        {text: log["batch"] for text, log in zip(labels, logs, strict=True)},
        {
            text: log[of] if isinstance(of, str) else of(log)
            for text, log in zip(labels, logs, strict=True)
        },
        title,
        "batches trained on",
        y_label,
        {text: next(well if text.startswith(("healthy", "cured")) else sick) for text in labels},
        **{"height": 220, **options},
    )
    for line, marker in zip(figure.axes[0].lines, MARKERS, strict=False):
        line.set(marker=marker, markersize=5, markevery=max(1, len(line.get_xdata()) // 12))
    return figure


def books(clinic: Clinic, title: str, *names) -> Figure:
    """Draw what each model reported beside what it cost honestly, as bars."""
    figure, place = axes(title, "", "nats per image", height=300)
    places, most = np.arange(len(names)), 0.0
    looks = (("loss", "reported", "data", ""), ("honest", "honest", "broken", "//"))
    for shift, (entry, text, colour, hatch) in zip((-0.2, 0.2), looks, strict=True):
        heights = [clinic.models[name].last(entry) for name in names]
        bars = place.bar(places + shift, heights, 0.4, color=COLOURS[colour], label=text)
        for bar, height in zip(bars, heights, strict=True):
            bar.set(hatch=hatch, edgecolor="white")
            middle = bar.get_x() + bar.get_width() / 2
            place.text(middle, height, f"{height:.0f}", ha="center", va="bottom", fontsize=9)
        most = max(most, *heights)
    place.set_xticks(places, [label(name) for name in names], color=dark("#444444"))
    place.set_ylim(0, 1.25 * most)
    place.legend(loc="upper left", ncols=2)
    return figure


def log_variances(clinic: Clinic, title: str, *names) -> Figure:
    """Draw how the log variances of test images are distributed, for each model."""
    figure, place = axes(title, "z_log_var", "share per unit", height=300)
    edges = np.linspace(-7, 3, 51)
    looks = zip(("broken", "cured"), ("-", "--"), MARKERS, strict=False)
    for name, (colour, dash, marker) in zip(names, looks, strict=False):
        _, values = clinic.models[name].encode(clinic.test_images)
        density = np.histogram(values, edges, density=True)[0]
        middles = (edges[1:] + edges[:-1]) / 2
        line = {"marker": marker, "markersize": 4, "linestyle": dash, "label": label(name)}
        place.plot(middles, density, color=COLOURS[colour], **line)
    place.axvline(0, color=COLOURS["reference"], linewidth=1, linestyle=":")
    place.text(0.08, place.get_ylim()[1], "the prior's own: 0", va="top", fontsize=9)
    place.legend(loc="upper left")
    return figure


def costs(title: str, lines: dict) -> Figure:
    """Draw what a grey pixel costs by its logit, as far as the cost is a number.

    Args:
        title: the sentence that the figure proves.
        lines: name -> function of logits (float32) that returns costs in nats.
    """
    figure, place = axes(title, "logit", "cost of a pixel of 0.5, nats", height=320)
    logits = np.linspace(-30, 30, 241, dtype="float32")
    # The last lies on the second: thin on thick.
    looks = (("broken", "-", "^", 2), ("kl", "-", "s", 6), ("cured", "--", "o", 2))
    for (name, cost), (colour, dash, marker, width) in zip(lines.items(), looks, strict=False):
        values = np.array(cost(logits))
        seen = np.isfinite(values)
        ends = np.flatnonzero(seen)[[0, -1]]
        line = {"color": COLOURS[colour], "linestyle": dash, "linewidth": width, "label": name}
        line |= {"marker": marker, "markersize": 9, "markevery": list(ends)}
        place.plot(logits, np.where(seen, values, np.nan), **line)
    place.set(xlim=(-31, 31), ylim=(0, 16))
    place.legend(loc="upper center", title="marks: the last logit with a cost")
    return figure
