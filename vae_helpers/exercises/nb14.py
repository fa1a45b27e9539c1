"""Exercises of notebook 14: one training on several devices."""

import math

import numpy as np

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb14

    return nb14


def _losses(rng):
    """Losses of the images of one replica, a regulariser, and the number of replicas."""
    per_image = rng.uniform(100, 400, size=int(rng.integers(5, 9))).astype("float32")
    return per_image, float(rng.uniform(20, 90)), int(rng.choice([3, 4, 9]))


replica_loss = Question(
    "replica_loss",
    "The number that one of several replicas differentiates, if the gradients are added up.",
    variable="my_loss",
    answer=lambda per_image, extra, replicas: (np.mean(per_image, dtype="f8") + extra) / replicas,
    inputs=_losses,
    outcome="One number, in nats.",
    mistakes=[
        Mistake(
            "Undivided: the replicas' gradients are added up, so SGD steps too far by the number "
            "of replicas.",
            wrong=lambda per_image, extra, replicas: np.mean(per_image) + extra,
        ),
        Mistake(
            "The images' part is right. But every replica adds the regulariser, so it counts once "
            "for each of them: divide it too.",
            wrong=lambda per_image, extra, replicas: np.mean(per_image) / replicas + extra,
        ),
        Mistake(
            "Only the regulariser is divided. The mean over a replica's images is added up just "
            "the same.",
            wrong=lambda per_image, extra, replicas: np.mean(per_image) + extra / replicas,
        ),
        Mistake(
            "The regulariser is missing.",
            wrong=lambda per_image, extra, replicas: np.mean(per_image) / replicas,
        ),
        Mistake(
            "You added the images up. The loss is a mean over the images of ALL replicas.",
            wrong=lambda per_image, extra, replicas: (np.sum(per_image) + extra) / replicas,
        ),
        Mistake(
            "The other way: you multiplied by the number of replicas.",
            wrong=lambda per_image, extra, replicas: (np.mean(per_image) + extra) * replicas,
        ),
        Mistake(
            "Divided twice: by the number of replicas once is enough.",
            wrong=lambda per_image, extra, replicas: (np.mean(per_image) + extra) / replicas**2,
        ),
    ],
    hint="Write down what all replicas give together, added up. It has to be the mean over all "
    "images, and the regulariser once.",
    solutions=solutions,
    remark="Right for shares of equal size. The next exercise asks what happens to the others.",
)


def _counts(rng):
    """How many images each replica holds: never all the same."""
    counts = rng.integers(3, 30, size=int(rng.integers(3, 6)))
    counts[0] += counts[1:].max()  # the first is never the only share of its size
    return (counts.astype("float32"),)


def _total(counts):
    return np.sum(np.asarray(counts, "float64"))


weights_of_images = Question(
    "weights_of_images",
    "How many times too much an image of each replica weighs in a mean of the replicas' means.",
    variable="my_weights",
    answer=lambda counts: _total(counts) / (len(counts) * np.asarray(counts, "float64")),
    inputs=_counts,
    outcome="One number for each replica: 1 where an image weighs what it should.",
    mistakes=[
        Mistake(
            "Upside down: where a replica holds FEW images, each of them weighs more.",
            wrong=lambda counts: len(counts) * counts / _total(counts),
        ),
        Mistake(
            "This is the share of the images that a replica holds. How much does ONE of them "
            "weigh?",
            wrong=lambda counts: counts / _total(counts),
        ),
        Mistake(
            "This is the weight itself, 1 / (replicas times its images). Compare it with what it "
            "should be, 1 / all images.",
            wrong=lambda counts: 1 / (len(counts) * np.asarray(counts, "float64")),
        ),
        Mistake(
            "The mean over the replicas divides by their number as well.",
            wrong=lambda counts: _total(counts) / counts,
        ),
        Mistake(
            "You compared with the fullest replica. Compare with the mean over all images.",
            wrong=lambda counts: np.max(counts) / counts,
        ),
        Mistake(
            "That is so for shares of equal size. These are not.",
            wrong=lambda counts: np.ones(len(counts)),
        ),
    ],
    hint="In a mean of means an image weighs 1 / replicas, times 1 / the images of its replica. "
    "What should it weigh?",
    solutions=solutions,
    remark="The last 3 images on two replicas, 2 and 1: the single one weighs 1.5 times what "
    "it should, and the other two 0.75 times.",
)


def _read(answer, files, workers):
    """What each worker reads, as lists of names."""
    return [[str(name) for name in answer(list(files), w, workers)] for w in range(workers)]


def files_fault(answer) -> str:
    """Return what is wrong with a function that gives each worker its files, or ""."""
    if not callable(answer) or isinstance(answer, type):
        return "Expected a function of files, worker and workers; hand it over, do not call it."
    for n_files, workers in ((8, 2), (12, 3), (7, 2), (11, 4), (4, 4)):
        files = [f"letters-{n:03}.tfrecord" for n in range(n_files)]
        case = f"With {n_files} files and {workers} workers"
        each = _read(answer, files, workers)
        read = [name for names in each for name in names]
        strange = sorted(set(read) - set(files))
        missing = [name for name in files if name not in read]
        if strange:
            return f"It returns {strange[0]!r}, which is not one of the files."
        if all(names == files for names in each):
            return (
                f"{case}, every worker reads every file: an epoch is {workers} epochs, and no "
                "worker needs less disk."
            )
        if all(names == each[0] for names in each):
            return f"{case}, all workers read the same files: use the number of the worker."
        if missing and len(missing) < n_files % workers + 1:
            return f"{case}, nobody reads {missing[0]}: the remainder is lost."
        if missing:
            return f"{case}, nobody reads {missing[0]}. Workers are counted from 0."
        if len(read) > len(set(read)):
            twice = next(name for name in files if read.count(name) > 1)
            return f"{case}, {twice} is read by two workers or twice by one."
        sizes = [len(names) for names in each]
        if max(sizes) - min(sizes) > 1:
            return (
                f"{case}, they read {', '.join(map(str, sizes))} files. In a synchronous step "
                "everybody waits for the slowest: shares may differ by one file at most."
            )
    return ""


files_of_worker = Question(
    "files_of_worker",
    "The files that one worker reads: all are read, each by one worker, in shares as even as can "
    "be.",
    variable="my_files",
    answer=lambda files, worker, workers: files[worker::workers],
    examine=files_fault,
    mistakes=[
        Mistake(None, wrong=lambda files, worker, workers: files),
        Mistake(None, wrong=lambda files, worker, workers: files[::workers]),
        Mistake(
            None,
            wrong=lambda files, worker, workers: files[
                worker * (len(files) // workers) : (worker + 1) * (len(files) // workers)
            ],
        ),
        Mistake(None, wrong=lambda files, worker, workers: files[worker + 1 :: workers]),
        Mistake(None, wrong=lambda files, worker, workers: files[worker:]),
        Mistake(
            None,
            wrong=lambda files, worker, workers: (
                files[worker * (len(files) // workers) :][: len(files) // workers]
                if worker < workers - 1
                else files[worker * (len(files) // workers) :]
            ),
        ),
    ],
    hint="Deal the files out like cards: one to each worker in turn.",
    solutions=solutions,
    remark="This is what tf.data.Dataset.shard(workers, worker) does. Shard the FILES, before they "
    "are opened; sharding their images, every worker reads them all and drops most.",
)


def _run(rng):
    """A training: images (no multiple of a batch), epochs, batch of a replica, replicas, rate."""
    batch, replicas = int(rng.choice([50, 60, 64, 100])), int(rng.choice([3, 4, 6, 8]))
    full = int(rng.integers(20, 90))
    images = full * batch * replicas + int(rng.integers(1, batch - 1))
    return images, int(rng.integers(3, 12)), batch, replicas, float(rng.uniform(0.002, 0.05))


def _steps(images, batch, epochs):
    return epochs * math.ceil(images / batch)


larger_batch = Question(
    "larger_batch",
    "Steps of a whole training on several replicas, and SGD's learning rate by the linear rule.",
    variable="my_plan",
    answer=lambda images, epochs, batch, replicas, rate: (
        _steps(images, batch * replicas, epochs),
        rate * replicas,
    ),
    inputs=_run,
    outcome="Two numbers: steps, learning rate.",
    mistakes=[
        Mistake(
            "The steps are those of one replica. A step now takes the batches of all of them.",
            wrong=lambda n, e, b, r, rate: (_steps(n, b, e), rate * r),
        ),
        Mistake(
            "The steps are right. The rate is the old one: each of the fewer steps has to go "
            "further.",
            wrong=lambda n, e, b, r, rate: (_steps(n, b * r, e), rate),
        ),
        Mistake(
            "These are the steps and the rate of one replica: the global batch has grown.",
            wrong=lambda n, e, b, r, rate: (_steps(n, b, e), rate),
        ),
        Mistake(
            "The steps are right. The root of the factor is the rule for Adam; the linear rule of "
            "SGD was asked for.",
            wrong=lambda n, e, b, r, rate: (_steps(n, b * r, e), rate * math.sqrt(r)),
        ),
        Mistake(
            "The steps are right. The rate is divided where it has to be multiplied.",
            wrong=lambda n, e, b, r, rate: (_steps(n, b * r, e), rate / r),
        ),
        Mistake(
            "You dropped the last, smaller batch of each epoch: it takes a step too.",
            wrong=lambda n, e, b, r, rate: (e * (n // (b * r)), rate * r),
        ),
        Mistake(
            "You rounded once for all epochs. Each epoch ends with a smaller batch of its own.",
            wrong=lambda n, e, b, r, rate: (math.ceil(e * n / (b * r)), rate * r),
        ),
        Mistake(
            "A step is a whole one: the last batch of an epoch is smaller, but it takes one too.",
            wrong=lambda n, e, b, r, rate: (e * n / (b * r), rate * r),
        ),
        Mistake(
            "These are the steps of one epoch: multiply by the epochs.",
            wrong=lambda n, e, b, r, rate: (_steps(n, b * r, 1), rate * r),
        ),
    ],
    hint="How many images does one step see? How many such steps are in an epoch, the last one "
    "included?",
    solutions=solutions,
    remark="The number of steps falls as the replicas grow, and at some batch no rate makes up for "
    "that: measure it before you pay for it.",
)


def _model(rng):
    return int(rng.integers(20, 900)) * 1000, int(rng.choice([4, 5, 6, 9])), int(rng.choice([4, 8]))


ring_bytes = Question(
    "ring_bytes",
    "The bytes that EACH device sends in one ring all-reduce of the gradients.",
    variable="my_bytes",
    answer=lambda weights, replicas, bytes_each: (
        2 * (replicas - 1) / replicas * weights * bytes_each
    ),
    inputs=_model,
    outcome="One number of bytes.",
    mistakes=[
        Mistake(
            "This is one round of the ring. After it everybody has the sum of one part; a second "
            "round hands the sums on.",
            wrong=lambda n, r, b: (r - 1) / r * n * b,
        ),
        Mistake(
            "A device does not send its whole gradient to each of the others: in a ring it sends "
            "one part at a time, to its neighbour.",
            wrong=lambda n, r, b: (r - 1) * n * b,
        ),
        Mistake(
            "These are the bytes of all devices together. How many does each send?",
            wrong=lambda n, r, b: 2 * (r - 1) * n * b,
        ),
        Mistake(
            "Nearly so for many devices. In each round a device keeps one part: it sends r - 1 of "
            "r parts.",
            wrong=lambda n, r, b: 2 * n * b,
        ),
        Mistake(
            "This is the size of the gradient. How often does a part of it travel?",
            wrong=lambda n, r, b: n * b,
        ),
        Mistake(
            "These are numbers sent. Bytes were asked for.",
            wrong=lambda n, r, b: 2 * (r - 1) / r * n,
        ),
        Mistake(
            "These are bits. Bytes were asked for.",
            wrong=lambda n, r, b: 16 * (r - 1) / r * n * b,
        ),
        Mistake(
            "There are r - 1 steps in a round, not r: a part has arrived when it has been "
            "everywhere once.",
            wrong=lambda n, r, b: 2 * (r + 1) / r * n * b,
        ),
    ],
    hint="The gradient is cut into as many parts as there are devices. Round one adds, round two "
    "hands on; in each, a device sends one part to its neighbour in every step.",
    solutions=solutions,
    remark="It hardly grows with the number of devices: that is why a ring is used.",
)


def _seconds(rng):
    fixed, work = float(rng.uniform(4, 12)), float(rng.uniform(100, 900))
    return fixed, work, float(rng.uniform(2, 25)), int(rng.choice([3, 6, 8, 12]))


def _on(devices, fixed, work, communication):
    return fixed + work / devices + communication


speed_up = Question(
    "speed_up",
    "How many times faster a training is on several devices than on one, by the cost model.",
    variable="my_speed_up",
    answer=lambda fixed, work, communication, devices: (
        (fixed + work) / _on(devices, fixed, work, communication)
    ),
    inputs=_seconds,
    outcome="One number without a unit; 1 is no gain.",
    mistakes=[
        Mistake(
            "That many times in an ideal world, with nothing fixed and nothing to send.",
            wrong=lambda f, w, c, n: float(n),
        ),
        Mistake(
            "The communication is missing.",
            wrong=lambda f, w, c, n: (f + w) / _on(n, f, w, 0),
        ),
        Mistake(
            "Starting takes as long on many devices as on one: it is not divided.",
            wrong=lambda f, w, c, n: (f + w) / _on(n, f / n, w, c),
        ),
        Mistake(
            "The time to start is missing.",
            wrong=lambda f, w, c, n: w / _on(n, 0, w, c),
        ),
        Mistake(
            "One device has nobody to talk to: no communication in the numerator.",
            wrong=lambda f, w, c, n: (f + w + c) / _on(n, f, w, c),
        ),
        Mistake(
            "The communication does not get less when there are more devices: it is not divided.",
            wrong=lambda f, w, c, n: (f + w) / (f + (w + c) / n),
        ),
        Mistake(
            "Upside down: this is the share of the time that is left.",
            wrong=lambda f, w, c, n: _on(n, f, w, c) / (f + w),
        ),
        Mistake(
            "This is the efficiency, the speed-up divided by the devices.",
            wrong=lambda f, w, c, n: (f + w) / _on(n, f, w, c) / n,
        ),
        Mistake(
            "These are the seconds on several devices. How many times faster is that?",
            wrong=lambda f, w, c, n: _on(n, f, w, c),
        ),
    ],
    hint="Seconds on one device over seconds on several. Which of the three parts does one device "
    "have, and which of them do more devices share?",
    solutions=solutions,
    remark="However many devices: never more than (fixed + work) / (fixed + communication). That "
    "is Amdahl's law.",
)
