"""What a notebook shows: one output, with its alt text, redrawn in place during training."""

import base64
import json

import keras
import numpy as np
import pytest
from plots_support import REFERENCES, pixels

from vae_helpers import plots


class Recorder:
    """Stands in for IPython's display: keeps what is shown, and what takes its place."""

    def __init__(self):
        self.shown, self.updates = [], 0

    def __call__(self, data, raw, metadata, display_id=None):
        assert raw
        self.shown.append((data, metadata))
        return self

    def update(self, data, raw, metadata):
        self.updates += 1
        self.shown[-1] = (data, metadata)


@pytest.fixture
def notebook(monkeypatch):
    import IPython.display

    recorder = Recorder()
    monkeypatch.setattr(IPython.display, "display", recorder)
    monkeypatch.setattr("vae_helpers.plots.live._in_notebook", lambda: True)
    return recorder


def test_show_displays_one_png_with_its_alt_text(notebook, images):
    plots.show(plots.image_grid(images), alt="Twelve images of noise.")
    ((data, metadata),) = notebook.shown
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == "Twelve images of noise."
    assert metadata["image/png"]["alt"] == "Twelve images of noise."
    assert pixels(base64.b64decode(data["image/png"])).shape[1] == plots.WIDTH


def test_show_takes_the_bytes_of_a_png_too(notebook, images):
    png = plots.array_to_png(images[0])
    plots.show(png, alt="One image of noise.")
    assert base64.b64decode(notebook.shown[0][0]["image/png"]) == png


def test_show_asks_for_an_alt_text(images):
    with pytest.raises(ValueError, match="alt is empty"):
        plots.show(plots.image_grid(images), alt=" ")


class Tiny(keras.Model):
    """Reports a reconstruction and a KL without being a VAE."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.trackers = [keras.metrics.Mean(name) for name in ("reconstruction", "kl")]

    @property
    def metrics(self):
        return self.trackers

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = keras.ops.mean(y_pred**2)
        for tracker in self.trackers:
            tracker.update_state(loss)
        return loss


def fit(callback, epochs=4):
    model = Tiny()
    model.compile("sgd", steps_per_execution=2)
    x = np.ones((32, 3), "float32")
    return model.fit(
        x, x, validation_data=(x, x), epochs=epochs, batch_size=4, verbose=0, callbacks=[callback]
    )


def test_a_live_curve_redraws_in_place_and_ends_as_the_loss_curves(notebook):
    live = plots.LiveCurve(REFERENCES, title="It fell")
    history = fit(live)
    assert len(notebook.shown) == 1 and notebook.updates >= 1
    assert live.figure.get_suptitle() == "It fell"
    assert {"val_reconstruction", "val_kl"} <= set(live.history)
    for name in live.history:
        assert live.history[name] == pytest.approx(history.history[name])
    data, metadata = notebook.shown[0]
    assert "4 epochs" in metadata["image/png"]["alt"]
    expected = plots.figure_to_png(plots.loss_curves(history, REFERENCES, "It fell", epochs=4))
    assert base64.b64decode(data["image/png"]) == expected


def test_a_live_curve_gives_way_to_fast_training(notebook, monkeypatch):
    live = plots.LiveCurve()
    fit(live, epochs=20)  # a few milliseconds an epoch, far less than a drawing
    assert notebook.updates < 10


def test_a_live_curve_begins_at_epoch_0_and_has_points_within_an_epoch(notebook):
    class Jumping(Tiny):
        """The n-th batch reports n."""

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            for tracker in self.trackers:
                tracker.update_state(keras.ops.cast(self.optimizer.iterations, "float32"))
            return keras.ops.mean(y_pred**2)

    start = {"reconstruction": 9.0, "kl": 0.5, "elbo": -9.5}
    live = plots.LiveCurve(start=start, points_per_epoch=4)
    model = Jumping()
    model.compile("sgd", steps_per_execution=2)
    x = np.ones((32, 3), "float32")
    model.fit(x, x, epochs=2, batch_size=4, verbose=0, callbacks=[live])
    assert live.points["epoch"] == pytest.approx([0] + [(2 * n + 1) / 8 for n in range(8)])
    assert live.points["reconstruction"] == pytest.approx([9.0] + [2 * n + 0.5 for n in range(8)])
    assert live.points["kl"][0] == 0.5 and len(live.history["kl"]) == 2
    assert live.figure.axes[0].get_xlim() == pytest.approx((-0.04, 2.0))
    _, metadata = notebook.shown[0]  # the alt text says what the curve's end says
    assert "reconstruction 14.5, kl 14.5" in metadata["image/png"]["alt"]


def test_a_live_curve_is_silent_outside_a_notebook(capsys):
    live = plots.LiveCurve()
    fit(live)
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == ""
    assert len(live.history["kl"]) == 4 and live.figure is not None


@pytest.mark.slow
def test_an_executed_notebook_holds_one_output_and_its_alt_text():
    import nbclient
    import nbformat

    fitting = (
        "import numpy as np\n"
        "from vae_helpers import plots\n"
        "live = plots.LiveCurve({'mean image': 384.3}, alt='Both terms fall.')\n"
        "live.set_params({'epochs': 2})\n"
        "live.on_train_begin()\n"
        "for epoch in range(2):\n"
        "    live._cost = 0.0\n"
        "    live.on_epoch_end(epoch, {'reconstruction': 300 - epoch, 'kl': 5.0})\n"
        "live.on_train_end()"
    )
    bare = "plots.image_grid(np.zeros((3, 28, 28), np.uint8))"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in (fitting, bare)]
    )
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = [o for o in notebook.cells[0].outputs if o.output_type == "display_data"]
    assert output.metadata["image/png"]["alt"] == "Both terms fall."
    assert output.data["text/plain"] == "Both terms fall."
    (output,) = notebook.cells[1].outputs
    assert "image/png" in output.data
    assert json.dumps(notebook).count('"image/png": "') == 2
