"""Kill a worker of two at a random moment, ten times: does the run end where an unbroken one ends?

    python benchmarks/kill.py            # ten kills, into results/kill.json; about ten minutes
    python benchmarks/kill.py --first 4 --kills 2    # only those, beside what is stored

The victim, the step and the moment within the step are random, and SIGKILL gives it no chance to
say good-bye. What has to follow: the other worker stops by itself with `WorkerLost`, the launcher
starts both again, they go on from the last checkpoint, and the weights are those of a run that
nobody broke: with the same two workers, noise, Adam and a last batch that is smaller.
"""

import argparse
import json
import os
import random
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import store

from vae_helpers.workers import LOST, launch

IMAGES, BATCH, EPOCHS = 250, 32, 3
STEPS = EPOCHS * -(-IMAGES // BATCH)


def train(folder, victim=None, at=0, delay=0.0, pause=0.0):
    """Train a small VAE with noise; on the first attempt worker `victim` dies after `at` steps.

    Args:
        folder: for checkpoints.
        victim: index of the worker that dies; None if none shall.
        at: steps that it has done then.
        delay: seconds from the end of that step to its death.
        pause: seconds that each step waits, so that there are moments to die in.
    """
    import keras

    from vae_helpers import distributed
    from vae_helpers.parts import Decoder, Encoder, LatentDistribution
    from vae_helpers.vae import VAE

    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 8, 8), dtype=np.uint8)
    keras.utils.set_random_seed(0)
    with distributed.strategy().scope():
        vae = VAE(Encoder((16,)), LatentDistribution(2), Decoder((16,), (8, 8, 1)))
        vae.compile(keras.optimizers.Adam(1e-2))
    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    dies = victim == index and os.environ["VAE_ATTEMPT"] == "0"
    done = 0

    def on_step(epoch, step):
        nonlocal done
        done += 1
        if dies and done == at:
            threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
        time.sleep(pause)

    history = distributed.train(
        vae, images, EPOCHS, batch_size=BATCH, folder=folder, save_every=3, on_step=on_step
    )
    weights = np.concatenate([np.ravel(weight) for weight in vae.get_weights()])
    return {"weights": weights.tolist(), "history": history, "steps": done}


def run(**arguments):
    """Launch two workers in a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = {"folder": f"{folder}/checkpoints", "pause": 0.03, **arguments}
        return launch(
            f"{Path(__file__).resolve()}:train", workers=2, folder=folder, arguments=arguments
        )


def compare(answer, unbroken):
    """Return what a run with a kill did, beside one without."""
    loss = answer["losses"][0]
    a, b = (np.array(one["result"]["weights"]) for one in (answer, unbroken))
    return {
        "restarts": answer["restarts"],
        "survivor_named_the_loss": LOST in loss["status"],
        "survivor_seconds": loss["seconds"],
        "steps_after_the_restart": answer["result"]["steps"],
        "largest_difference_of_weights": float(abs(a - b).max()),
        "largest_relative_difference_of_metrics": difference(
            *(one["result"]["history"] for one in (answer, unbroken))
        ),
    }


def difference(history, unbroken):
    """Return the largest relative difference of two histories of the same length."""
    assert history.keys() == unbroken.keys()
    pairs = [(np.array(history[name]), np.array(unbroken[name])) for name in history]
    return max(float(abs(a / b - 1).max()) for a, b in pairs)


def is_good(row):
    """Return whether a killed run did all that it has to do."""
    return (
        row["restarts"] == 1
        and row["survivor_named_the_loss"]
        and row["survivor_seconds"] < 60
        and row["largest_difference_of_weights"] <= 1e-6
        # Sums that were saved begin again on one replica, so they are rounded in other places.
        and row["largest_relative_difference_of_metrics"] <= 1e-6
    )


def keep(row):
    """Store a row beside those of earlier calls."""
    rows = {one["kill"]: one for one in store.load("kill").get("rows", [])} | {row["kill"]: row}
    rows = [rows[number] for number in sorted(rows)]
    good = sum(map(is_good, rows))
    store.save("kill", {**store.stamp(), "kills": len(rows), "good": good, "rows": rows})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=1, help="number of the first kill")
    parser.add_argument("--kills", type=int, default=10)
    asked = parser.parse_args()
    unbroken = run()
    for number in range(asked.first, asked.first + asked.kills):
        dice = random.Random(number)
        kill = {
            "victim": dice.randrange(2),
            "at": dice.randint(1, STEPS - 1),
            "delay": round(dice.uniform(0, 0.03), 4),
        }
        row = {"kill": number, **kill, **compare(run(**kill), unbroken)}
        keep(row)
        print(json.dumps(row), "good" if is_good(row) else "NOT GOOD", flush=True)


if __name__ == "__main__":
    main()
