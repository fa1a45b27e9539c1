"""The loss curves of a training under way, and the lines to compare them with."""

import time

import keras
from matplotlib.figure import Figure

from vae_helpers.plots.curves import loss_curves
from vae_helpers.plots.png import mimebundle
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

    Attributes:
        history: dict of lists, as `fit` returns it.
        figure: the finished figure, None before.
    """

    def __init__(
        self,
        references: dict | None = None,
        every: int = 1,
        title: str = "Reconstruction and KL while training",
        alt: str | None = None,
    ):
        super().__init__()
        self.references, self.every, self.title, self.alt = references, every, title, alt
        self.history: dict[str, list[float]] = {}
        self.figure: Figure | None = None

    def on_train_begin(self, logs=None):
        self.history = {"reconstruction": [], "kl": []}
        self.figure = None
        self._output = None
        self._cost = 0.0
        self._in_notebook = _in_notebook()
        self._draw(
            "Training begins: the first epoch is under way",
            "Loss curves, still empty: training has just begun.",
        )

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        done, planned = len(self.history["kl"]), self._planned()
        rested = time.perf_counter() - self._drawn_at >= 19 * self._cost
        if done < (planned or done + 1) and done % self.every == 0 and rested:
            self._draw(
                f"Training: epoch {done} of {planned or '?'}",
                f"Loss curves after {done} epochs of training.",
            )

    def on_train_end(self, logs=None):
        self.figure = self._draw(self.title, self.alt or self._summary())

    def _planned(self):
        return (self.params or {}).get("epochs")

    def _summary(self) -> str:
        if not self.history["kl"]:
            return "Loss curves without an epoch."
        parts = ", ".join(
            f"{name} {self.history[name][-1]:.1f}" for name in ("reconstruction", "kl")
        )
        return (
            f"Loss curves over {len(self.history['kl'])} epochs, ending at {parts} nats per image."
        )

    def _draw(self, title: str, alt: str) -> Figure:
        start = time.perf_counter()
        figure = loss_curves(self.history, self.references, title, epochs=self._planned())
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
