"""Images that do not fit into memory: a folder of shards, read in batches.

    python -m vae_helpers.data.shards PICTURES OUT --size 64 --shards 16
    python -m vae_helpers.data.shards OUT --verify

A set of shards is a folder of TFRecord files, each record the bytes of one uint8 image, and of
`shards.json`, which says how many images there are, their shape, and how many each file holds.
`write_shards` (in `shard_writer`) makes one, all or nothing. `open_shards` finds what is missing
or was cut off before anything is trained; `Shards.batches` then streams the images as a
`tf.data.Dataset`, each worker its own files, and holds no more of them than its shuffle buffer.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

INDEX = "shards.json"
FORMAT = "uint8 images, one a TFRecord: height x width x channels bytes, row by row"
RECORD_BYTES = 16  # what TFRecord adds to each record: its length and two checksums
BUFFER_BYTES = 2**26  # of images in the shuffle buffer, unless told otherwise: 64 MiB
OPEN_FILES = 8  # read in turn, a few images each, so that neighbours come from several files
BLOCK = 16
AHEAD = 2  # batches made while the model trains


def shard_name(number: int, shards: int) -> str:
    """Return the name of a file of a set, numbered from 0."""
    return f"images-{number:05d}-of-{shards:05d}.tfrecord"


@dataclass(frozen=True)
class Shards:
    """A set of shards that is whole; `open_shards` makes one.

    Attributes:
        folder: where they lie.
        counts: images in each file.
        image_shape: (height, width, channels) of every image.
        source: what the images were made from.
    """

    folder: Path
    counts: tuple[int, ...]
    image_shape: tuple[int, int, int]
    source: str

    def __len__(self) -> int:
        """Return the number of images."""
        return sum(self.counts)

    def __str__(self):
        height, width, channels = self.image_shape
        return (
            f"{len(self):,} images of {height} x {width} x {channels} in {len(self.counts)} "
            f"shards; {self.source}"
        )

    @property
    def files(self) -> list[Path]:
        """The files, in order."""
        return [self.folder / shard_name(i, len(self.counts)) for i in range(len(self.counts))]

    def images_per_worker(self, workers: int = 1) -> int:
        """Return how many images each of several workers reads in an epoch.

        It is the same number for all, whichever files they are given, because workers that train
        together have to take the same number of steps. One worker alone reads every image.
        """
        self._check_workers(0, workers)
        return sum(sorted(self.counts)[: len(self.counts) // workers])

    def steps(self, batch_size: int, workers: int = 1, drop_remainder: bool = False) -> int:
        """Return the batches of an epoch, on each of `workers` workers."""
        images = self.images_per_worker(workers)
        return images // batch_size if drop_remainder else math.ceil(images / batch_size)

    def batches(
        self,
        batch_size: int,
        *,
        seed: int | None = 0,
        epoch: int = 0,
        epochs: int | None = 1,
        worker: "tf.distribute.InputContext | tuple[int, int]" = (0, 1),
        buffer: int | None = None,
        drop_remainder: bool = False,
    ) -> tf.data.Dataset:
        """Return the images as a dataset of batches.

        The order depends on `seed`, the number of the epoch and the arguments below, and on
        nothing else: a run that begins again at epoch 7 reads what it would have read. In each
        epoch the files are dealt out to the workers anew, so every worker needs all of them.

        Args:
            batch_size: images in a batch, of this worker.
            seed: of the order, a whole number; None reads file by file, unshuffled, and gives a
                worker the same files in every epoch.
            epoch: number of the first epoch, from 0.
            epochs: how many follow each other, each in its own order; None for no end, which is
                what `fit` wants together with ``steps_per_epoch=shards.steps(batch_size)``.
            worker: which worker this is: (index, count), or the `tf.distribute.InputContext` that
                `distribute_datasets_from_function` passes.
            buffer: images among which the next one is chosen; as many as fit into 64 MiB when None.
            drop_remainder: leave out the last batch of an epoch if it is smaller.

        Returns:
            Batches of uint8, (batch, height, width, channels). With several workers each reads
            `images_per_worker` images an epoch; when the files cannot be dealt out evenly, those of
            the files left over wait for another epoch.

        Raises:
            ValueError: if a number is out of range, or there are fewer files than workers.
        """
        index, workers = _index_and_count(worker)
        self._check_workers(index, workers)
        for name, value in (("batch_size", batch_size), ("buffer", buffer), ("epochs", epochs)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value!r}, expected a whole number above 0")
        if seed is not None and not 0 <= seed < 2**31 - 1:
            raise ValueError(f"seed is {seed!r}, expected a whole number from 0 to 2**31 - 2")
        steps = self.steps(batch_size, workers, drop_remainder)
        if steps == 0:
            raise ValueError(
                f"batch_size is {batch_size:,} for {self.images_per_worker(workers):,} images and "
                "drop_remainder=True, which leaves no batch: take a smaller batch_size"
            )
        buffer = buffer or max(1, BUFFER_BYTES // math.prod(self.image_shape))

        def one_epoch(number):
            images = self._records(index, workers, seed, number, buffer)
            images = images.take(self.images_per_worker(workers))
            return images.batch(batch_size, drop_remainder=drop_remainder)

        first = tf.data.Dataset.range(epoch, epoch + epochs if epochs else tf.int64.max)
        rows = batch_size if drop_remainder else -1
        dataset = first.flat_map(one_epoch).map(lambda records: self._decode(records, rows))
        total = steps * epochs if epochs else tf.data.INFINITE_CARDINALITY
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(total))
        return _without_second_sharding(dataset, workers).prefetch(AHEAD)

    def verify(self) -> None:
        """Read every record once: its checksums, its length, and how many a file has.

        Raises:
            ValueError: naming the first file that is broken.
        """
        values = math.prod(self.image_shape)
        for file, expected in zip(self.files, self.counts, strict=True):
            try:
                lengths = [len(r) for r in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()]
            except tf.errors.DataLossError as error:
                raise ValueError(
                    f"{file} is damaged ({error.message}): {_cure(self.folder)}"
                ) from error
            if lengths != [values] * expected:
                raise ValueError(
                    f"{file} holds {len(lengths):,} records, expected {expected:,} of {values:,} "
                    f"bytes each: {_cure(self.folder)}"
                )

    def _records(self, index, workers, seed, epoch, buffer):
        """One epoch of a worker's records, as a dataset of strings; `epoch` is a tensor."""
        files = tf.constant([str(file) for file in self.files])
        if seed is not None:
            order = tf.random.stateless_uniform([len(files)], seed=[seed, epoch])
            files = tf.gather(files, tf.argsort(order))
        files = tf.data.Dataset.from_tensor_slices(files[index::workers])
        if seed is None:
            return files.flat_map(tf.data.TFRecordDataset)
        records = files.interleave(
            tf.data.TFRecordDataset, cycle_length=OPEN_FILES, block_length=BLOCK
        )
        # In a function that is traced this sets the seed of its graph, not the program's: else the
        # order would depend on what the program had set. 0 may not stand beside a tensor.
        tf.random.set_seed(seed + 1)
        return records.shuffle(buffer, seed=epoch, reshuffle_each_iteration=False)

    def _decode(self, records, rows):
        images = tf.io.decode_raw(records, tf.uint8)
        return tf.reshape(images, (rows, *self.image_shape))

    def _check_workers(self, index, workers):
        if workers < 1 or not 0 <= index < workers:
            raise ValueError(
                f"worker is ({index}, {workers}), expected (index, count) with an index from 0 to "
                "count - 1"
            )
        if workers > len(self.counts):
            raise ValueError(
                f"{self.folder} has {len(self.counts)} shards for {workers} workers, expected at "
                "least one each: write the set again with more shards, best a multiple of "
                f"{workers}"
            )


def open_shards(folder: str | Path, image_shape: tuple | None = None) -> Shards:
    """Return a set of shards after a look at its index and at the size of every file.

    Args:
        folder: what `write_shards` wrote.
        image_shape: (height, width, channels) that the images must have, such as
            `vae.image_shape`; None takes any.

    Raises:
        FileNotFoundError: if there is no such folder, no index in it, or a shard is missing.
        ValueError: if the index cannot be read, a shard has another size than the index says, or
            the images have another shape.
    """
    folder = Path(folder).expanduser()
    shards = _read_index(folder)
    record = math.prod(shards.image_shape) + RECORD_BYTES
    for file, count in zip(shards.files, shards.counts, strict=True):
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is missing, one of {len(shards.counts)} shards: {_cure(folder)}"
            )
        if (size := file.stat().st_size) != count * record:
            raise ValueError(
                f"{file} has {size:,} bytes, expected {count * record:,} for {count:,} images: "
                f"{_cure(folder)}"
            )
    if image_shape is not None and tuple(image_shape) != shards.image_shape:
        raise ValueError(
            f"the images in {folder} are {_by(shards.image_shape)}, expected {_by(image_shape)}: "
            "write them again at that size, or build the model with "
            f"image_shape={shards.image_shape}"
        )
    return shards


def index_text(shards: Shards) -> str:
    """Return what the index of a set says, as JSON."""
    facts = {
        "format": FORMAT,
        "images": len(shards),
        "image_shape": list(shards.image_shape),
        "counts": list(shards.counts),
        "source": shards.source,
    }
    return json.dumps(facts, indent=1) + "\n"


def _read_index(folder):
    path = folder / INDEX
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{str(folder)!r} is no folder (seen from {Path.cwd()}): write_shards makes one"
        )
    if not path.is_file():
        found = len(list(folder.glob("*.tfrecord")))
        what = f"{found} TFRecord files, but no {INDEX}" if found else f"no {INDEX}"
        raise FileNotFoundError(f"{folder} holds {what}, so it is not a whole set: {_cure(folder)}")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        counts, shape = tuple(map(int, facts["counts"])), tuple(map(int, facts["image_shape"]))
        if facts["format"] != FORMAT or len(shape) != 3 or sum(counts) != facts["images"]:
            raise ValueError("it is no index of shards, or of another edition")
        return Shards(folder, counts, shape, str(facts["source"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be read ({error}): {_cure(folder)}") from error


def _cure(folder):
    return f"copy the set again, or delete {folder} and write it again with write_shards"


def _by(shape):
    return " x ".join(map(str, shape))


def _index_and_count(worker):
    if isinstance(worker, tf.distribute.InputContext):
        return worker.input_pipeline_id, worker.num_input_pipelines
    index, workers = worker
    return int(index), int(workers)


def _without_second_sharding(dataset, workers):
    """Tell `tf.distribute` that each worker has its part already."""
    if workers == 1:
        return dataset
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.with_options(options)


if __name__ == "__main__":
    from vae_helpers.data.shard_writer import main

    main()
