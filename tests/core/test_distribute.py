"""Two replicas take the same step as one device, and report the same.

`tf.distribute` adds the gradients of the replicas up. A loss computed by hand has to be divided
by their number, and only plain SGD shows when it is not: Adam divides any factor out again.
The devices must be set up before TensorFlow starts, hence the fresh process.
"""

import json
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # a fresh process that builds three models

SCRIPT = """
import json
import vae_helpers
import keras
import numpy as np
import tensorflow as tf
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


class NoNoise(LatentDistribution):
    def sample(self, z_mean, z_log_var):
        return z_mean


class Undivided(VAE):
    def compute_loss(self, *args, **kwargs):
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return super().compute_loss(*args, **kwargs) * replicas


def one_step(strategy, kind):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        vae = kind(Encoder((16,)), NoNoise(2), Decoder((16,)), beta=2.0)
        vae.compile(keras.optimizers.SGD(1e-2))
    before = vae.get_weights()
    history = vae.fit(images, batch_size=64, validation_data=images[:32], verbose=0).history
    return {
        "replicas": strategy.num_replicas_in_sync,
        "before": flat(before),
        "after": flat(vae.get_weights()),
        "metrics": {name: values[0] for name, values in history.items()},
    }


def flat(weights):
    return np.concatenate([np.ravel(weight) for weight in weights]).tolist()


images = np.random.default_rng(0).integers(0, 256, (64, 28, 28), dtype=np.uint8)
one, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
print(json.dumps({
    "one device": one_step(one, VAE),
    "two devices": one_step(two, VAE),
    "two devices, undivided": one_step(two, Undivided),
}))
"""


@pytest.fixture(scope="module")
def steps():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def size_of_step(step):
    return np.linalg.norm(np.subtract(step["after"], step["before"]))


def test_all_start_from_the_same_weights_on_the_devices_named(steps):
    assert [step["replicas"] for step in steps.values()] == [1, 2, 2]
    for step in steps.values():
        assert step["before"] == steps["one device"]["before"]


def test_two_devices_take_the_same_step_as_one(steps):
    one, two = steps["one device"], steps["two devices"]
    assert size_of_step(one) > 0.01, "too small a step to show anything"
    np.testing.assert_allclose(two["after"], one["after"], rtol=1e-5, atol=1e-6)
    assert size_of_step(two) == pytest.approx(size_of_step(one), rel=1e-4)


def test_two_devices_report_the_same_metrics_as_one(steps):
    one, two = steps["one device"]["metrics"], steps["two devices"]["metrics"]
    assert len(one) == 8
    assert two == pytest.approx(one, rel=1e-5)


def test_without_the_division_the_step_is_twice_too_long_and_seen_to_be(steps):
    one, undivided = steps["one device"], steps["two devices, undivided"]
    assert size_of_step(undivided) == pytest.approx(2 * size_of_step(one), rel=1e-3)
    assert not np.allclose(undivided["after"], one["after"], rtol=1e-5, atol=1e-6)
