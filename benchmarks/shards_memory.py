"""Measure how much memory shards need: does it grow with the data?

    python benchmarks/shards_memory.py               a few minutes on two CPU cores
    python benchmarks/shards_memory.py --only train  one of the steps

Images of 64 x 64 x 3 are written into shards, from a folder of PNG files and from an iterator, and
a VAE is trained on them for one epoch, each with some images and with four times as many, and each
in a process of its own whose peak of resident memory is asked for at its end. The same training on
an array is the comparison. The results go to results/shards.json and, as a table, into
docs/shards.md.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import store

from vae_helpers.files import write_atomically

SHAPE = (64, 64, 3)
IMAGES, PICTURES = 10_000, 4_000  # streamed or read; decoded from PNG files
GROWTH = 4
BATCH, SHARDS = 100, 8
KEYS = ("images", "data_mb", "peak_mb")
PAGE = store.ROOT / "docs" / "shards.md"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=[*STEPS], help="one of the steps; all without")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        name, count, folder = options.step
        print(json.dumps(measure(STEPS[name], int(count), Path(folder))))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in [options.only] if options.only else STEPS:
            result = compare(name, Path(folder)) | store.stamp()
            print(f"{name}: {result}", flush=True)
            store.save("shards", store.load("shards") | {name: result})
    write_atomically(PAGE, page_of(store.load("shards")))


def page_of(stored):
    """The text of the page with the table of the stored results."""
    lines = ["| what | images | their bytes, MB | peak, MB | growth |", "|---|--:|--:|--:|--:|"]
    for name in [name for name in STEPS if name in stored]:
        one = stored[name]
        numbers = [" and ".join(f"{n:,}" for n in one[key]) for key in KEYS]
        lines.append(f"| {name} | {' | '.join(numbers)} | {one['growth']:+.1%} |")
    text = PAGE.read_text(encoding="utf-8")
    return store.between(text, "shards", "\n".join(lines), script="shards_memory")


def compare(name, folder):
    """Peak memory of a step with some images and with four times as many, in MB."""
    few = PICTURES if name == "write a folder" else IMAGES
    some, more = (in_own_process(name, count, folder) for count in (few, GROWTH * few))
    values = int(np.prod(SHAPE))
    return {
        "images": [few, GROWTH * few],
        "data_mb": [round(count * values / 1e6) for count in (few, GROWTH * few)],
        "peak_mb": [round(run["peak_mb"]) for run in (some, more)],
        "growth": round(more["peak_mb"] / some["peak_mb"] - 1, 4),
        "seconds": [run["seconds"] for run in (some, more)],
    }


def in_own_process(name, count, folder):
    """Run a step in a fresh process, and return what it says of itself."""
    folder = folder / str(count)
    if name == "write a folder":
        save_pictures(folder / "pictures", count)
    elif name != "write a stream" and not (folder / "from_stream").exists():
        write_stream(count, folder)
    return store.in_fresh_process(__file__, "--step", name, str(count), str(folder))


def measure(step, count, folder):
    """Run a step: its seconds, and the peak of this process' memory."""
    start = time.perf_counter()
    step(count, folder)
    return {"seconds": round(time.perf_counter() - start, 1), "peak_mb": peak_bytes() / 1e6}


def peak_bytes():
    """The most memory that this process has held.

    On Linux from /proc: what `getrusage` says counts the parent's memory at the start as well.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    import resource  # which Windows has not

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


# --- the steps ------------------------------------------------------------------------------------


def images(count):
    """Yield pictures of noise: memory does not care what they show."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.integers(0, 256, SHAPE, dtype=np.uint8)


def save_pictures(folder, count):
    """Write pictures as PNG files."""
    from PIL import Image

    folder.mkdir(parents=True)
    for i, image in enumerate(images(count)):
        Image.fromarray(image).save(folder / f"{i:06}.png")


def write_folder(count, folder):
    from vae_helpers.data import write_shards

    write_shards(folder / "pictures", folder / "from_folder", SHARDS, size=SHAPE[:2])


def write_stream(count, folder):
    from vae_helpers.data import write_shards

    write_shards(images(count), folder / "from_stream", SHARDS)


def read(count, folder):
    from vae_helpers.data import open_shards

    shards = open_shards(folder / "from_stream")
    assert sum(len(batch) for batch in shards.batches(BATCH)) == count


def train(count, folder):
    from vae_helpers.data import open_shards

    shards = open_shards(folder / "from_stream")
    steps = shards.steps(BATCH)
    batches = shards.batches(BATCH, epochs=None)
    vae().fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)


def train_on_an_array(count, folder):
    from vae_helpers.data import open_shards

    array = np.empty((count, *SHAPE), np.uint8)
    start = 0
    for batch in open_shards(folder / "from_stream").batches(BATCH).as_numpy_iterator():
        array[start : start + len(batch)] = batch
        start += len(batch)
    vae().fit(array, batch_size=BATCH, verbose=0)


def vae():
    """A small VAE of dense layers."""
    from vae_helpers.parts import Decoder, Encoder, LatentDistribution
    from vae_helpers.vae import VAE

    model = VAE(
        Encoder(hidden=(32,)),
        LatentDistribution(8),
        Decoder(hidden=(32,), image_shape=SHAPE),
    )
    model.compile("adam", jit_compile=False)
    return model


STEPS = {
    "write a stream": write_stream,
    "write a folder": write_folder,
    "read": read,
    "train": train,
    "train on an array": train_on_an_array,
}

if __name__ == "__main__":
    main()
