"""Measure what a training costs on one core and on two, and fit the cost model to it.

    python benchmarks/scaling.py                       about 8 minutes on 2 quiet cores
    python benchmarks/scaling.py --only pairs          two pinned processes against one
    python benchmarks/scaling.py --only exchanges      the all-reduce alone, over loopback
    python benchmarks/scaling.py --only dense,colour   trainings of two networks

Every training runs in processes of their own, each pinned to one core, in the plain loop that
`tf.distribute` needs: no XLA, one step at a time inside one compiled function. With two devices,
two processes share each batch and exchange gradients by `MultiWorkerMirroredStrategy` over
loopback. Seconds are those from building the model to the end of training; imports are not counted.
The images are random, since only their number matters. The results go to results/scaling.json and,
as a table, into docs/benchmarks.md.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import store

from vae_helpers.cost import Exchange, Measurement, fit_cost_model
from vae_helpers.workers import places

SECTIONS = ("pairs", "exchanges", "dense", "colour")
PAIRS = 5
# Network -> shape of its images, and what is trained: images, images a step, devices.
TRAININGS = {
    "dense": (
        (28, 28, 1),
        [(n, b, devices) for devices in (1, 2) for n in (12_000, 60_000) for b in (60, 240)],
    ),
    "colour": ((64, 64, 3), [(n, b, 1) for n in (256, 1024) for b in (32, 128)]),
}
EXCHANGED = (4_000, 40_000, 400_000, 4_000_000, 16_000_000)  # bytes of gradients
PAIR = (60_000, 600)  # images and images a step of one process; each of two has half of both


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"some of {SECTIONS}")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(work(json.loads(arguments.worker))))
        return
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - set(SECTIONS):
        raise SystemExit(f"--only names {sorted(unknown)}, expected some of {', '.join(SECTIONS)}")
    for section in chosen:
        print(f"measuring {section} ...", file=sys.stderr, flush=True)
        results = store.load("scaling") | {section: {**measure(section), **store.stamp()}}
        store.save("scaling", results)
    store.write_page("scaling", table(results))
    print(table(results))


def measure(section):
    """Return the results of one section."""
    if section == "pairs":
        return measure_pairs()
    if section == "exchanges":
        job = {"kind": "exchange", "sizes": EXCHANGED}
        seconds = together([job, job])[0]["seconds"]
        return {"devices": 2, "bytes": list(EXCHANGED), "seconds": seconds}
    return measure_trainings(section)


def measure_trainings(name):
    """Each training of a network, with what it takes and how large its gradients are."""
    shape, wanted = TRAININGS[name]
    rows = []
    for images, batch_size, devices in wanted:
        job = {"kind": "training", "network": name, "shape": shape}
        job |= {"images": images // devices, "batch_size": batch_size // devices}
        done = together([job] * devices, connected=devices > 1)
        row = Measurement(
            round(max(one["seconds"] for one in done), 3),
            images=images,
            epochs=1,
            batch_size=batch_size,
            devices=devices,
            gradient_bytes=4 * done[0]["parameters"],
        )
        print(f"  {row}", file=sys.stderr, flush=True)
        rows.append(dataclasses.asdict(row))
    return {"shape": shape, "parameters": rows[0]["gradient_bytes"] // 4, "trainings": rows}


def measure_pairs():
    """The same images by one pinned process, and by two with half of them each, in turn.

    The two do not exchange anything: this says how much of a second core the machine gives. Only
    the steps after the first are compared, since each process compiles for itself.
    """
    images, batch_size = PAIR
    job = {"kind": "training", "network": "dense", "shape": (28, 28, 1)}
    alone = job | {"images": images, "batch_size": batch_size}
    half = job | {"images": images // 2, "batch_size": batch_size // 2}
    one, two = [], []
    for _ in range(PAIRS):
        one.append(round(together([alone])[0]["steps"], 3))
        two.append(round(max(done["steps"] for done in together([half, half])), 3))
    return {
        "one": one,
        "two": two,
        "ratio": [round(a / b, 2) for a, b in zip(one, two, strict=True)],
    }


# --- processes, each on a core of its own --------------------------------------------------------


def together(jobs, connected=None):
    """Run jobs at the same time, the i-th on the i-th core, and return what each measured.

    Args:
        jobs: dictionaries; see `work`.
        connected: whether they exchange gradients; as their kind has it when None.
    """
    if connected is None:
        connected = jobs[0]["kind"] == "exchange"
    clusters = places(len(jobs)) if connected else []
    running = []
    for index, job in enumerate(jobs):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment.pop("TF_CONFIG", None)
        if connected:
            environment["TF_CONFIG"] = clusters[index]
        described = json.dumps({**job, "connected": connected})
        command = [*pinned_to(index), sys.executable, __file__, "--worker", described]
        running.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        )
    try:
        said = [process.communicate(timeout=900)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    if any(process.returncode for process in running):
        codes = [process.returncode for process in running]
        raise SystemExit(f"{jobs[0]['kind']} failed: the processes ended with {codes}, expected 0")
    return [json.loads(text.splitlines()[-1]) for text in said]


def pinned_to(index):
    """The words before a command that keep it on the i-th core; none where the system has none.

    From outside, before Python starts: TensorFlow counts the cores for its threads.
    """
    if not shutil.which("taskset"):
        print("no taskset: the processes are not pinned to cores", file=sys.stderr)
        return []
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[index % len(cores)])]


def work(job):
    """Do one job in this process and time it."""
    do = {"exchange": time_exchanges, "training": time_training}[job["kind"]]
    import tensorflow as tf

    connected = tf.distribute.MultiWorkerMirroredStrategy if job["connected"] else None
    strategy = connected() if connected else tf.distribute.get_strategy()
    return do(job, strategy)


def time_exchanges(job, strategy):
    """Seconds of one all-reduce of each size: the median of 30, after 5 that do not count."""
    import tensorflow as tf

    def summed(values):
        context = tf.distribute.get_replica_context()
        # Copied, so that it has a device: what comes from outside of the graph has none.
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))

    @tf.function
    def exchange(gradients):
        return strategy.run(summed, args=(gradients,))

    seconds = []
    for size in job["sizes"]:
        gradients, times = tf.ones(size // 4), []
        for _ in range(35):
            start = time.perf_counter()
            exchange(gradients)[0].numpy()
            times.append(time.perf_counter() - start)
        seconds.append(float(np.median(times[5:])))
    return {"seconds": seconds}


def time_training(job, strategy):
    """Seconds of one pass: of all of it, and of the steps after the first, which compiles."""
    import tensorflow as tf

    n, batch_size = job["images"], job["batch_size"]
    images = np.random.default_rng(0).integers(0, 256, (n, *job["shape"]), dtype=np.uint8)
    batches = tf.constant(images.reshape(n // batch_size, batch_size, *job["shape"]))
    start = time.perf_counter()
    with strategy.scope():
        vae = network(job["network"], images[:batch_size])
        vae.optimizer.build(vae.trainable_variables)

    def step(batch):
        with tf.GradientTape() as tape:
            loss = vae.compute_loss(batch, y_pred=vae(batch, training=True))
        weights = vae.trainable_variables
        vae.optimizer.apply(tape.gradient(loss, weights), weights)

    @tf.function
    def train(first, last):
        for index in tf.range(first, last):
            strategy.run(step, args=(batches[index],))

    train(tf.constant(0), tf.constant(1))  # tensors, so that one graph serves both calls
    compiled = time.perf_counter()
    train(tf.constant(1), tf.constant(len(batches)))
    end = time.perf_counter()
    parameters = sum(int(np.prod(weight.shape)) for weight in vae.trainable_variables)
    return {"seconds": end - start, "steps": end - compiled, "parameters": parameters}


def network(name, images):
    """The two-dimensional default, or the benchmark's convolutions, built for some images."""
    from vae_helpers import recipes

    dense = name == "dense"
    recipe = recipes.QUICK if dense else recipes.BENCHMARK["Fashion-MNIST", "convolution"]
    return recipes.build(recipe, images)


# --- the report --------------------------------------------------------------------------------


def fitted(results, name):
    """Return the cost model of a network, from its trainings and from the exchanges."""
    rows = [Measurement(**row) for row in results[name]["trainings"]]
    found = results.get("exchanges", {"bytes": [], "seconds": []})
    pairs = zip(found["bytes"], found["seconds"], strict=True)
    return fit_cost_model(rows, [Exchange(seconds, 2, size) for size, seconds in pairs])


def table(results):
    """The results as lines of a Markdown table."""
    lines = ["| what | measured |", "|---|---|"]
    if "pairs" in results:
        ratios = ", ".join(f"{ratio:.2f}" for ratio in results["pairs"]["ratio"])
        lines.append(
            "| the same images by one pinned process, over two with half of them each | "
            f"{ratios} times |"
        )
    if "exchanges" in results:
        found = results["exchanges"]
        for size, seconds in zip(found["bytes"], found["seconds"], strict=True):
            lines.append(
                f"| all-reduce of {size / 1e6:g} MB between two processes | "
                f"{1000 * seconds:.2f} ms |"
            )
    for name in TRAININGS:
        if name in results:
            lines += rows_of(results, name)
    stamps = sorted({(one["date"], one["versions"]) for one in results.values()})
    for date, versions in stamps:
        lines.append(f"| measured | {date}: {versions.replace(' | ', ', ')} |")
    return "\n".join(lines)


def rows_of(results, name):
    """The lines of one network: what was measured beside what the model says, and its rates."""
    found, model = results[name], fitted(results, name)
    height, width, channels = found["shape"]
    called = f"{name}, {height} x {width} x {channels}, {found['parameters']:,} parameters"
    for row in found["trainings"]:
        work = {key: value for key, value in row.items() if key != "seconds"}
        plural = "s" * (row["devices"] > 1)
        yield (
            f"| {called}: {row['images']:,} images, {row['batch_size']} a step, {row['devices']} "
            f"device{plural} | {row['seconds']:.1f} s (model: {model.seconds(**work):.1f}) |"
        )
    yield (
        f"| {called}: fitted | {model.start:.1f} s + {1e6 * model.per_image:.1f} µs an image + "
        f"{1e6 * model.per_step:.0f} µs a step; an exchange {1e6 * model.latency:.0f} µs + "
        f"{1e9 * model.per_byte:.2f} ns a byte; off by {model.error:.0%} at most |"
    )


if __name__ == "__main__":
    main()
