"""Seeds of the noise in training: the same numbers on one device, others on every replica."""

import keras
import tensorflow as tf

STRIDE = 1_640_531_527  # between the seeds of two replicas: 2**32 by the golden ratio squared


class ReplicaSeeds(keras.random.SeedGenerator):
    """A `keras.random.SeedGenerator` whose numbers differ from replica to replica.

    Keras keeps one state, a copy of which lies on every replica, so all of them draw the same
    noise: each image of a global batch then shares its noise with one on every other device, and
    the noise in the gradient does not average out. Here replica i adds i * `STRIDE` to the seed.
    Replica 0, and a program without `tf.distribute`, draw what Keras' own generator gives.

    Pass it as `seed=` to any function of `keras.random`.
    """

    def next(self, ordered=True):
        """Return the seed of the next numbers, (2,), and move on."""
        seed = super().next(ordered)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return seed
        replica = tf.cast(context.replica_id_in_sync_group, seed.dtype)
        return seed + replica * tf.constant([STRIDE, 0], seed.dtype)
