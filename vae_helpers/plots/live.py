"""The loss curves of a training under way, and the lines to compare them with."""

import time

import keras
from matplotlib.figure import Figure

from vae_helpers.plots.curves import loss_curves
from vae_helpers.plots.png import mimebundle, note_in_title
from vae_helpers.references import reference_lines

__all__ = ["LiveCurve", "reference_lines"]


def _in_notebook() -> bool:
    """Tell a kernel, which can redraw an output in place, from a terminal or a script."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


class LiveCurve(keras.callbacks.Callback):
    """Draw `loss_curves` in place while `fit` runs, and leave one finished figure.

    Outside a notebook it shows nothing and only keeps the history.

        vae.fit(images, epochs=6, verbose=0, callbacks=[LiveCurve(reference_lines(images, 2))])

    Args:
        references: dict from label to nats per image, for the reconstruction panel.
        every: epochs between redraws. A redraw is also left out where drawing would take more than
            a twentieth of the time; the last epoch is always drawn.
        title: of the finished figure.
        alt: of the finished figure; a sentence with its last values when None.
        start: dict with "reconstruction" and "kl" before training, as `evaluate` returns it: the
            curves then begin at epoch 0.
        points_per_epoch: how often the curves have a point, each the mean since the last one. Keras
            reports once in `steps_per_execution` batches, so there may be fewer.

    Attributes:
        history: dict of lists, as `fit` returns it.
        points: dict with the lists "epoch", "reconstruction" and "kl", as they are drawn.
        figure: the finished figure, None before.
    """

    def __init__(
        self,
        references: dict | None = None,
        every: int = 1,
        title: str = "Reconstruction and KL while training",
        alt: str | None = None,
        start: dict | None = None,
        points_per_epoch: int = 1,
    ):
        super().__init__()
        self.start, self.points_per_epoch = start, points_per_epoch
        self.points: dict[str, list[float]] = {}
        self.references, self.every, self.title, self.alt = references, every, title, alt
        self.history: dict[str, list[float]] = {}
        self.figure: Figure | None = None

    def on_train_begin(self, logs=None):
        self.history = {"reconstruction": [], "kl": []}
        self.points = {"epoch": [], "reconstruction": [], "kl": []}
        if self.start is not None:
            self._add_point(0.0, self.start)
        self.on_epoch_begin(0)
        self.figure = None
        self._output = None
        self._cost = 0.0
        self._in_notebook = _in_notebook()
        self._draw(
            "Training begins: the first epoch is under way",
            "Loss curves, still empty: training has just begun.",
        )

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._seen = epoch, 0
        self._sums = {"reconstruction": 0.0, "kl": 0.0}

    def on_train_batch_end(self, batch, logs=None):
        """Add a point within an epoch: Keras reports the mean since the epoch began."""
        steps, seen = (self.params or {}).get("steps"), batch + 1
        if self.points_per_epoch < 2 or not steps or not logs:
            return
        if seen - self._seen < steps / self.points_per_epoch and seen < steps:
            return
        sums = {name: float(logs[name]) * seen for name in self._sums}
        new = {name: (sums[name] - self._sums[name]) / (seen - self._seen) for name in sums}
        self._add_point(self._epoch + (self._seen + seen) / (2 * steps), new)
        self._sums, self._seen = sums, seen
        if seen < steps and self._is_rested():
            self._draw_progress(f"{self._epoch + seen / steps:.1f}")

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        done, planned = len(self.history["kl"]), self._planned()
        if self.points_per_epoch < 2:
            self._add_point(float(done), {name: self.history[name][-1] for name in self._sums})
        if done < (planned or done + 1) and done % self.every == 0 and self._is_rested():
            self._draw_progress(done)

    def on_train_end(self, logs=None):
        self.figure = self._draw(self.title, self.alt or self._summary())

    def _add_point(self, epoch, values):
        self.points["epoch"].append(epoch)
        for name in ("reconstruction", "kl"):
            self.points[name].append(float(values[name]))

    def _is_rested(self):
        return time.perf_counter() - self._drawn_at >= 19 * self._cost

    def _draw_progress(self, done):
        self._draw(
            f"Training: epoch {done} of {self._planned() or '?'}",
            f"Loss curves after {done} epochs of training.",
        )

    def _planned(self):
        return (self.params or {}).get("epochs")

    def _summary(self) -> str:
        if not self.history["kl"]:
            return "Loss curves without an epoch."
        parts = ", ".join(
            f"{name} {self.points[name][-1]:.1f}" for name in ("reconstruction", "kl")
        )
        return (
            f"Loss curves over {len(self.history['kl'])} epochs, ending at {parts} nats per image."
        )

    def _draw(self, title: str, alt: str) -> Figure:
        start = time.perf_counter()
        validated = {name: self.history[name] for name in self.history if name.startswith("val_")}
        curves = {**self.points, **validated}
        figure = loss_curves(curves, self.references, title, epochs=self._planned())
        note_in_title(figure)
        if self._in_notebook:
            from IPython.display import display

            data, metadata = mimebundle(figure, alt)
            if self._output is None:
                self._output = display(data, raw=True, metadata=metadata, display_id=True)
            else:
                self._output.update(data, raw=True, metadata=metadata)
        self._drawn_at = time.perf_counter()
        self._cost = self._drawn_at - start
        return figure
