"""Train a VAE on any strategy of `tf.distribute`: one device, several, or several machines.

Keras' own `fit` does the first two, but fails on several machines (keras-team/keras issue 20585);
`train` is the loop that works on all, built on the hooks of `VAE`. A training script:

    from vae_helpers import distributed

    def train(epochs, folder):                                # in train.py
        with distributed.strategy().scope():
            vae = VAE(Encoder(), LatentDistribution(16), Decoder())
            vae.compile("adam")
        history = distributed.train(vae, images, epochs, batch_size=256, folder=folder)
        return {"elbo": history["elbo"]}

Two workers on this machine, from a shell or a notebook's cell (`!`), and from Python:

    python -m vae_helpers.distributed --workers 2 --folder build/run train.py:train \
        epochs=3 folder=build/run/checkpoints
    workers.launch("train.py:train", workers=2, folder="build/run", arguments={...})

On a real cluster each machine runs the script with its own TF_CONFIG. A batch size is that of the
whole step: each replica gets its share. Data are arrays (shuffled by seed and epoch), a
`tf.data.Dataset` of whole batches, or a function of `tf.distribute.InputContext` (and of `epoch`,
if it has such an argument) that gives each worker a dataset with a batch for each of its replicas.
To go on within an epoch, a dataset has to give the same batches each time it is read. A TPU wants
batches of one size; that path could not be executed here.
"""

import contextlib
import functools
import inspect
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.checks import check_input
from vae_helpers.images import images_of
from vae_helpers.workers import WorkerLost, lost_workers_named, main


def strategy() -> tf.distribute.Strategy:
    """Return the strategy for what is there: several machines, a TPU, several GPUs, one device.

    Several machines are what TF_CONFIG says. Call it before anything is computed; a process has one
    place in its cluster, so each call gives the same strategy.
    """
    workers = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    if sum(len(addresses) for addresses in workers.values()) > 1:
        return _several_machines()
    if os.environ.get("TPU_NAME") or os.environ.get("COLAB_TPU_ADDR"):
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
        return tf.distribute.TPUStrategy(resolver)
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


@functools.cache
def _several_machines():
    return tf.distribute.MultiWorkerMirroredStrategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Return whether this process is the one that saves and reports."""
    resolver = strategy.cluster_resolver
    if resolver is None or resolver.task_type not in ("chief", "worker"):
        return True
    if "chief" in resolver.cluster_spec().jobs:  # then no worker is it, not even the first
        return resolver.task_type == "chief"
    return resolver.task_id == 0


def train(
    vae: keras.Model,
    data,
    epochs: int = 1,
    *,
    batch_size: int = 128,
    validation_data=None,
    seed: int = 0,
    folder: str | Path | None = None,
    save_every: int | None = None,
    on_step: Callable[[int, int], None] | None = None,
    verbose: bool = True,
) -> dict:
    """Train a compiled VAE that was built in the scope of a strategy; return what `fit` reports.

    Every image counts once: a replica's gradient and metrics are weighted by the images that it
    got, also where a last batch is smaller. A model with a `train_step` of its own takes that
    step; its replicas then count alike.

    Args:
        vae: the model, compiled.
        data: see the module.
        epochs: in all; a run that goes on makes those that are left.
        batch_size: images in a step, over all replicas; for arrays only.
        validation_data: as `data`; it is not shuffled.
        seed: of the order of arrays; the same (seed, epoch, step) is the same batch.
        folder: for checkpoints, one that every worker sees; a run goes on from the last one there.
            Nothing is saved when None.
        save_every: steps from one checkpoint to the next within an epoch; None saves at the end of
            each epoch only.
        on_step: called after each step with the epoch and the steps done in it, from 1.
        verbose: whether the chief prints a line at the end of each epoch.

    Returns:
        {"loss": [one number an epoch], "elbo": [...], ..., "val_elbo": [...]}, as
        `fit(...).history`.

    Raises:
        ValueError: if the data are no images of this model, or hold none; if the folder holds
            checkpoints of another model; if it is called in the scope of a strategy.
        WorkerLost: if another worker no longer answers; start all of them again.
    """
    if tf.distribute.has_strategy():
        raise ValueError("train was called in a strategy's scope: build the model there, not this")
    if not callable(data):
        check_input(data, "data", vae.image_shape)
    loop = _Loop(vae, folder)
    with lost_workers_named(folder), vae.distribute_strategy.scope():
        progress = loop.restored()
        for epoch in range(progress["epoch"], epochs):
            step = progress["step"]
            batches = loop.batches(data, batch_size, epoch, step, seed)
            take_step = loop.compiled(batches.element_spec, training=True)
            for batch in batches:
                take_step(batch)
                step += 1
                if save_every and step % save_every == 0:
                    loop.save({**progress, "step": step})
                if on_step:
                    on_step(epoch + 1, step)
            if step == 0:
                raise ValueError("data hold no batch, expected at least one image")
            report = loop.report()
            if validation_data is not None:
                loop.evaluate(validation_data, batch_size)
                report |= {f"val_{name}": value for name, value in loop.report().items()}
            history = progress["history"]
            history = {name: [*history.get(name, []), report[name]] for name in report}
            progress = {"epoch": epoch + 1, "step": 0, "history": history}
            loop.save(progress)
            if verbose and loop.chief:
                words = "  ".join(f"{name} {value:.2f}" for name, value in report.items())
                print(f"epoch {epoch + 1}/{epochs}  {words}", flush=True)
    loop.wait_for_all()
    return progress["history"]


class _Loop:
    """The steps of one training, where it stands, and how that is saved."""

    def __init__(self, vae, folder):
        if getattr(vae, "optimizer", None) is None:
            raise ValueError("the model was never compiled: call compile in its strategy's scope")
        self.vae = vae
        self.strategy = vae.distribute_strategy
        self.replicas = self.strategy.num_replicas_in_sync
        self.chief = is_chief(self.strategy)
        self.own_step = type(vae).train_step is not keras.Model.train_step
        self.functions = {}
        self.loss_tracker = next(metric for metric in vae.metrics if metric.name == "loss")
        with self.strategy.scope():
            vae.build_optimizers()
        self.manager = self._manager(folder) if folder else None

    # --- one step, on all replicas -----------------------------------------------------------

    def compiled(self, spec, training):
        """Return a function that takes one step on a batch, of this form, on all replicas.

        It is made once, and for batches of any size if the form says so: then a run that goes on
        computes bit for bit what an unbroken one does, whichever size it meets first.
        """
        if training in self.functions:
            return self.functions[training]
        step = self._own_step if self.own_step and training else self._step
        jit = self.replicas == 1 and self.vae.jit_compile is True
        options = {"jit_compile": True, "autograph": False}
        one = tf.function(lambda inputs: step(inputs, training), **options) if jit else None

        @tf.function(input_signature=[spec], autograph=False)
        def on_all(batch):
            inputs, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
            self.strategy.run(one or (lambda part: step(part, training)), args=(inputs,))

        self.functions[training] = on_all
        return on_all

    def evaluate(self, data, batch_size):
        """Count the terms of all images into the metrics; no weight changes."""
        batches = self.batches(data, batch_size)
        look = self.compiled(batches.element_spec, training=False)
        for batch in batches:
            look(batch)

    def _step(self, inputs, training):
        """Take one step on this replica's share of a batch."""
        vae, images = self.vae, tf.cast(tf.shape(images_of(inputs))[0], tf.float32)
        with tf.GradientTape() as tape:
            forward = vae(inputs, training=training)
            loss = vae.compute_loss(inputs, y_pred=forward, training=training)
            weighted = vae.optimizer.scale_loss(loss * self._share(images))
        if training:
            weights = vae.trainable_variables
            vae.optimizer.apply(tape.gradient(weighted, weights), weights)
        mean = tf.math.multiply_no_nan(loss * self.replicas, images)
        self.loss_tracker.update_state(tf.math.divide_no_nan(mean, images), sample_weight=images)

    def _share(self, images):
        """Weight this replica's mean: 1 where all replicas hold as many images."""
        if self.replicas == 1:
            return 1.0
        context = tf.distribute.get_replica_context()
        counted = tf.identity(images)  # on a device: a number from outside of the graph has none
        return images * self.replicas / context.all_reduce(tf.distribute.ReduceOp.SUM, counted)

    def _own_step(self, inputs, training):
        self.vae.train_step((inputs,))

    def wait_for_all(self):
        """Wait until every worker is here: whoever left at once could cut the last step short."""
        with contextlib.suppress(WorkerLost), lost_workers_named(None):  # they have all they need
            tf.function(lambda: self.strategy.run(self._share, args=(tf.constant(1.0),)))()

    # --- what is reported --------------------------------------------------------------------

    def report(self):
        """Return the metrics over all images since the last report, and start them again."""
        result = self.vae.get_metrics_result()
        values = {name: float(result[name]) for name in sorted(result)}
        for metric in self.vae.metrics:
            metric.reset_state()
        return values

    # --- the data ----------------------------------------------------------------------------

    def batches(self, data, batch_size, epoch=0, first=0, seed=None):
        """Return what to iterate over: batches of one epoch from step `first`, on all replicas."""
        if isinstance(data, tf.data.Dataset):
            return self.strategy.experimental_distribute_dataset(data.skip(first))
        if callable(data):
            more = {"epoch": epoch} if "epoch" in inspect.signature(data).parameters else {}
            local = self._local_replicas()
            return self.strategy.distribute_datasets_from_function(
                lambda context: data(context, **more).skip(first * local)
            )
        if isinstance(data, keras.utils.PyDataset):
            raise ValueError("data is a PyDataset, expected arrays, a Dataset or a function")
        order = np.arange(len(images_of(data)))
        if seed is not None:
            order = np.random.default_rng((seed, epoch)).permutation(order)
        return self.strategy.distribute_datasets_from_function(
            lambda context: _shares(data, order, batch_size, first, context, self.replicas)
        )

    def _local_replicas(self):
        return len(self.strategy.extended.worker_devices) if self.replicas > 1 else 1

    # --- checkpoints ---------------------------------------------------------------------------

    def _manager(self, folder):
        vae = self.vae
        optimizers = [v for v in vars(vae).values() if isinstance(v, keras.optimizers.Optimizer)]
        self.progress = tf.Variable("", dtype=tf.string, trainable=False)
        self.totals = [tf.Variable(tf.zeros(v.shape, v.dtype)) for v in self._metric_variables()]
        checkpoint = tf.train.Checkpoint(
            weights=[variable.value for variable in vae.variables],
            optimizers=[variable.value for one in optimizers for variable in one.variables],
            metrics=self.totals,
            progress=self.progress,
        )
        # A variable that the first save would make, on the chief alone: the others would not know.
        checkpoint.save_counter  # noqa: B018
        return tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=2)

    def _metric_variables(self):
        return [variable for metric in self.vae.metrics for variable in metric.variables]

    def save(self, progress):
        """Save where the run stands; the chief writes, all take part in adding metrics up."""
        if self.manager is None:
            return
        for total, variable in zip(self.totals, self._metric_variables(), strict=True):
            total.assign(tf.convert_to_tensor(variable))
        if self.chief:
            self.progress.assign(json.dumps(progress))
            self.manager.save()

    def restored(self):
        """Return where the last checkpoint stands, its values restored; the start if none."""
        start = {"epoch": 0, "step": 0, "history": {}}
        for metric in self.vae.metrics:
            metric.reset_state()
        if self.manager is None or self.manager.latest_checkpoint is None:
            return start
        path = self.manager.latest_checkpoint
        try:
            self.manager.checkpoint.restore(path).assert_consumed()
        except (ValueError, AssertionError) as error:
            raise ValueError(
                f"the checkpoint {path} is that of another model: empty the folder or name another"
            ) from error
        self.strategy.run(self._restore_metrics)
        return json.loads(self.progress.numpy())

    def _restore_metrics(self):
        """Give the sums to the first replica: they are added up over all of them."""
        context = tf.distribute.get_replica_context()
        first = tf.equal(context.replica_id_in_sync_group, 0)
        for total, variable in zip(self.totals, self._metric_variables(), strict=True):
            variable.assign(tf.where(first, total, tf.zeros_like(total)))


def _shares(arrays, order, batch_size, first, context, replicas):
    """Return one worker's dataset: for each step, the share of each of its replicas in turn."""
    local = replicas // context.num_input_pipelines
    begin = context.input_pipeline_id * local
    steps = math.ceil(len(order) / batch_size)
    arrays = tf.nest.map_structure(tf.convert_to_tensor, arrays)
    order = tf.constant(order)

    def share(number):
        step, replica = number // local, begin + number % local
        rows = order[step * batch_size : (step + 1) * batch_size]
        count = tf.shape(rows, tf.int64)[0]
        rows = rows[count * replica // replicas : count * (replica + 1) // replicas]
        return tf.nest.map_structure(lambda array: tf.gather(array, rows), arrays)

    return tf.data.Dataset.range(first * local, steps * local).map(share).prefetch(2)


if __name__ == "__main__":
    sys.exit(main())
