"""The loop of `distributed`, on one device and on two local workers, one of which may be killed."""

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers import distributed, workers
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).integers(0, 256, (45, 8, 8), dtype=np.uint8)

TARGET = """
import hashlib, json, os, pathlib, signal
import keras
import numpy as np
import tensorflow as tf
from vae_helpers import distributed
from vae_helpers.adversarial import VAEGAN, Discriminator
from vae_helpers.conditional import ConditionalVAE
from vae_helpers.objectives import AnnealedVAE, FreeBitsVAE
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE

images = np.random.default_rng(0).integers(0, 256, (45, 8, 8), dtype=np.uint8)
both = {"images": images, "labels": np.arange(45, dtype="int32") % 3}


class NoNoise(LatentDistribution):
    def sample(self, z_mean, z_log_var):
        return z_mean


def parts(latent):
    return Encoder((16,)), latent, Decoder((16,), (8, 8, 1))


# Their loss is a mean over images: two workers have to end exactly where one process ends.
EXACT = {
    "plain": (lambda: VAE(*parts(NoNoise(2))), images),
    "last batch of one": (lambda: VAE(*parts(NoNoise(2))), images[:33]),
    "annealed": (lambda: AnnealedVAE(*parts(NoNoise(2)), steps=5), images),
    "conditional": (lambda: ConditionalVAE(*parts(NoNoise(2)), classes=3), both),
}
# These have noise, a statistic of the replica's batch, or a step of their own.
OTHERS = {
    "noise": (lambda: VAE(*parts(LatentDistribution(2))), images),
    "free bits": (lambda: FreeBitsVAE(*parts(LatentDistribution(2)), floor=0.1), images),
    "gan": (lambda: VAEGAN(*parts(LatentDistribution(2)), Discriminator((2, 2), 4)), images),
}


def flat(vae):
    return np.concatenate([np.ravel(weight) for weight in vae.get_weights()])


def place():
    return json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {}).get("index", 0)


def compiled(make, strategy=None):
    keras.utils.set_random_seed(0)
    with (strategy or distributed.strategy()).scope():
        vae = make()
        vae.compile(keras.optimizers.SGD(1e-3))
    return vae


def train(folder, others=True):
    answer, prints = {}, {}
    for name, (make, data) in {**EXACT, **(OTHERS if others else {})}.items():
        vae = compiled(make)
        history = distributed.train(vae, data, 2, batch_size=16, validation_data=data)
        answer[name] = {"weights": flat(vae).tolist(), "history": history}
        prints[name] = hashlib.sha256(flat(vae).tobytes()).hexdigest()
    seeds = LatentDistribution(2, seed=1).noise
    noise = distributed.strategy().run(lambda: keras.random.normal((3,), seed=seeds))
    prints["drawn"] = noise.numpy().tolist()
    pathlib.Path(folder, f"prints-{place()}.json").write_text(json.dumps(prints))
    if others:
        answer["fit"] = fit()
    return answer


def fit():
    vae = compiled(EXACT["plain"][0])
    try:
        vae.fit(images, batch_size=16, verbose=0)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    return "works"


class Stop(Exception):
    pass


def mirrored(checkpoints):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    answer = {}
    for name in ("plain", "last batch of one"):
        make, data = EXACT[name]
        options = {"batch_size": 16, "validation_data": data, "save_every": 1}
        options["folder"] = f"{checkpoints}/{name}"

        def on_step(*now):
            if now == (2, 2):
                raise Stop

        try:
            distributed.train(compiled(make, strategy), data, 2, on_step=on_step, **options)
        except Stop:
            vae = compiled(make, strategy)  # a new model goes on from the middle of the epoch
            history = distributed.train(vae, data, 2, **options)
            answer[name] = {"weights": flat(vae).tolist(), "history": history}
    return answer


def killed(checkpoints):
    vae = compiled(EXACT["plain"][0])

    def on_step(epoch, step):
        if [epoch, step] == [2, 2] and place() == 1 and os.environ.get("VAE_ATTEMPT") == "0":
            os.kill(os.getpid(), signal.SIGKILL)

    history = distributed.train(
        vae, images, 3, batch_size=16, folder=checkpoints, save_every=1, on_step=on_step
    )
    return {"weights": flat(vae).tolist(), "history": history}


def broken():
    raise OSError("the disk is gone")
"""


class NoNoise(LatentDistribution):
    def sample(self, z_mean, z_log_var):
        return z_mean


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    path = tmp_path_factory.mktemp("target") / "two_workers.py"
    path.write_text(TARGET, encoding="utf-8")
    return path


def small(latent=LatentDistribution, optimizer=None):
    keras.utils.set_random_seed(0)
    vae = VAE(Encoder((16,)), latent(2), Decoder((16,), SHAPE))
    vae.compile(optimizer or keras.optimizers.Adam(1e-2), jit_compile=False)
    return vae


def flat(vae):
    return np.concatenate([np.ravel(weight) for weight in vae.get_weights()])


# --- on one device ------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_trains_and_reports_as_fit_does_the_last_smaller_batch_included():
    batches = tf.data.Dataset.from_tensor_slices(IMAGES).batch(16)
    by_fit, by_loop = small(), small()
    expected = by_fit.fit(batches, epochs=2, validation_data=IMAGES[:20], verbose=0).history
    history = distributed.train(
        by_loop, batches, 2, validation_data=IMAGES[:20], verbose=False, batch_size=32
    )
    assert list(history) == list(expected)
    for name in expected:
        assert history[name] == pytest.approx(expected[name], rel=1e-5), name
    np.testing.assert_allclose(flat(by_loop), flat(by_fit), rtol=1e-5, atol=1e-6)


class Stop(Exception):
    pass


def stop_after(epoch, step):
    def on_step(*now):
        if now == (epoch, step):
            raise Stop

    return on_step


def test_a_run_that_was_stopped_within_an_epoch_ends_where_an_unbroken_one_does(tmp_path):
    options = {"batch_size": 16, "verbose": False}
    unbroken = small()
    expected = distributed.train(unbroken, IMAGES, 3, **options)
    options |= {"folder": tmp_path, "save_every": 2}
    with pytest.raises(Stop):
        distributed.train(small(), IMAGES, 3, on_step=stop_after(2, 2), **options)
    goes_on, steps = small(), []
    history = distributed.train(
        goes_on, IMAGES, 3, on_step=lambda *now: steps.append(now), **options
    )
    assert steps == [(2, 3), (3, 1), (3, 2), (3, 3)]
    assert history == expected
    np.testing.assert_array_equal(flat(goes_on), flat(unbroken))


@pytest.mark.parametrize(
    ("cluster", "task", "chief"),
    [
        ({"worker": ["a:1", "b:1"]}, ("worker", 0), True),
        ({"worker": ["a:1", "b:1"]}, ("worker", 1), False),
        ({"chief": ["a:1"], "worker": ["b:1"]}, ("chief", 0), True),
        ({"chief": ["a:1"], "worker": ["b:1"]}, ("worker", 0), False),
    ],
)
def test_one_process_of_a_cluster_is_the_chief(cluster, task, chief):
    spec = tf.train.ClusterSpec(cluster)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(spec, "", *task)
    place = types.SimpleNamespace(cluster_resolver=resolver)
    assert distributed.is_chief(place) is chief
    assert distributed.is_chief(tf.distribute.get_strategy())  # no cluster


def test_an_array_is_shuffled_by_seed_and_epoch_and_each_image_comes_once():
    loop = distributed._Loop(small(), None)

    def order(seed, epoch, first=0):
        rows = np.arange(45, dtype="int64")
        return [b.numpy().tolist() for b in loop.batches(rows, 16, epoch, first, seed)]

    first = order(0, 0)
    assert [len(batch) for batch in first] == [16, 16, 13]
    assert sorted(sum(first, [])) == list(range(45)) != sum(first, [])
    assert order(0, 0) == first and order(0, 0, first=2) == first[2:]
    assert order(0, 1) != first and order(1, 0) != first


def test_a_function_gives_the_data_of_each_epoch():
    asked = []

    def data(context, epoch):
        asked.append((context.num_input_pipelines, epoch))
        return tf.data.Dataset.from_tensor_slices(IMAGES[:32]).batch(16)

    history = distributed.train(small(), data, 2, verbose=False)
    assert asked == [(1, 0), (1, 1)] and len(history["elbo"]) == 2


def test_data_that_are_no_images_or_none_are_rejected():
    with pytest.raises(ValueError, match="expected 0 to 1"):
        distributed.train(small(), IMAGES / 1.0)
    scope = tf.distribute.OneDeviceStrategy("/cpu:0").scope()
    with scope, pytest.raises(ValueError, match="in a strategy's scope"):
        distributed.train(None, IMAGES)
    with pytest.raises(ValueError, match="no batch"):
        distributed.train(
            small(), lambda context: tf.data.Dataset.from_tensor_slices(IMAGES).batch(16).take(0)
        )


def test_another_model_cannot_go_on_from_a_checkpoint(tmp_path):
    distributed.train(small(), IMAGES, 1, folder=tmp_path, verbose=False)
    with pytest.raises(ValueError, match=r"another model.*empty the folder"):
        other = small(lambda _: LatentDistribution(3))
        distributed.train(other, IMAGES, 2, folder=tmp_path, verbose=False)


@pytest.mark.slow
def test_fit_goes_on_by_backup_and_restore(tmp_path):
    def fit(vae, *callbacks):
        vae.fit(IMAGES, batch_size=16, epochs=4, shuffle=False, verbose=0, callbacks=callbacks)
        return flat(vae)

    class StopAt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise Stop

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path)

    unbroken = fit(small(NoNoise))
    with pytest.raises(Stop):
        fit(small(NoNoise), backup(), StopAt())
    np.testing.assert_allclose(fit(small(NoNoise), backup()), unbroken, rtol=1e-5, atol=1e-6)


# --- two workers ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(target, tmp_path_factory):
    """What two workers give, what one process gives, and each worker's hashes of weights."""
    folder = tmp_path_factory.mktemp("two")
    arguments = {"folder": str(folder)}
    two = workers.launch(f"{target}:train", folder=folder, arguments=arguments, restarts=0)
    prints = [json.loads((folder / f"prints-{i}.json").read_text()) for i in range(2)]
    one = workers.load(f"{target}:train")(**arguments, others=False)
    return two["result"], one, prints


def assert_same(two, one):
    assert np.isfinite(one["weights"]).all()
    np.testing.assert_allclose(two["weights"], one["weights"], rtol=1e-5, atol=1e-6)
    assert list(two["history"]) == list(one["history"])
    for metric, values in one["history"].items():
        assert two["history"][metric] == pytest.approx(values, rel=1e-5), metric


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "last batch of one", "annealed", "conditional"])
def test_two_workers_train_to_the_weights_and_metrics_of_one_process(both, name):
    two, one, _ = both
    assert_same(two[name], one[name])


@pytest.mark.slow
def test_two_devices_that_were_stopped_end_where_one_process_ends(target, both, tmp_path):
    arguments = {"checkpoints": str(tmp_path)}
    answer = workers.launch(f"{target}:mirrored", workers=1, folder=tmp_path, arguments=arguments)
    assert answer["restarts"] == 0
    for name, two in answer["result"].items():
        assert_same(two, both[1][name])
    assert set(answer["result"]) == {"plain", "last batch of one"}


@pytest.mark.slow
def test_all_variants_leave_the_same_weights_on_both_workers(both):
    first, second = ({k: v for k, v in one.items() if k != "drawn"} for one in both[2])
    assert {"noise", "free bits", "gan"} < set(first)
    assert first == second


@pytest.mark.slow
def test_workers_draw_different_noise(both):
    first, second = (prints["drawn"] for prints in both[2])
    assert not np.isin(first, second).any()


@pytest.mark.slow
def test_fit_of_keras_still_fails_on_several_machines(both):
    assert both[0]["fit"] != "works", "Keras' fit works there now: say so in `distributed`"


@pytest.mark.slow
def test_after_a_kill_the_workers_end_where_an_unbroken_run_ends(target, tmp_path):
    arguments = {"checkpoints": str(tmp_path / "checkpoints")}
    answer = workers.launch(f"{target}:killed", folder=tmp_path, arguments=arguments)
    (loss,) = answer["losses"]
    assert loss["first"] == [1] and loss["status"] == [workers.LOST, -9]
    assert loss["seconds"] < 60
    assert "WorkerLost: another worker no longer answers" in (tmp_path / "worker-0.log").read_text()
    unbroken = workers.load(f"{target}:killed")(str(tmp_path / "other"))
    assert_same(answer["result"], unbroken)


# --- the launcher ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_target_that_fails_by_itself_is_reported_with_the_end_of_its_log(target, tmp_path):
    with pytest.raises(workers.LaunchFailed, match="the disk is gone"):
        workers.launch(f"{target}:broken", workers=1, folder=tmp_path, restarts=1)


# Processes that start at once, since they import nothing: what happens to them is all that matters.
FAKE = """
import json, os, sys, time
me = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
first = os.environ["VAE_ATTEMPT"] == "0"
plan = json.loads(sys.argv[2])["first" if first else "then"][me]
print("worker", me, plan, flush=True)
if plan == "hang":
    time.sleep(60)
if plan == "ok" and os.environ["VAE_RESULT"]:
    with open(os.environ["VAE_RESULT"], "w") as file:
        file.write("[1.5]")
if plan == "late":
    time.sleep(0.5)
    os._exit(75)
if plan == "killed":
    os.kill(os.getpid(), 9)
os._exit({"ok": 0, "quiet": 0, "lost": 75}.get(plan, 3))
"""


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Launch processes that do what a plan says, on the first attempt and then."""
    monkeypatch.setattr(workers, "_WORKER", FAKE)
    monkeypatch.setattr(workers, "GRACE_SECONDS", 60)  # starting a process may take long
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.05)

    def launch(first, then=("ok", "ok"), **options):
        arguments = {"first": first, "then": then}
        return workers.launch("a:b", folder=tmp_path, arguments=arguments, **options)

    return launch


def test_all_workers_are_started_again_when_one_is_lost(fake, tmp_path):
    answer = fake(["late", "killed"])
    assert answer["result"] == [1.5] and answer["restarts"] == 1
    (loss,) = answer["losses"]
    assert loss["first"] == [1] and loss["status"] == [workers.LOST, -9]
    assert loss["seconds"] < 60
    assert (tmp_path / "worker-1.log").read_text() == "worker 1 killed\nworker 1 ok\n"


def test_a_worker_that_does_not_stop_by_itself_is_stopped(fake, monkeypatch):
    monkeypatch.setattr(workers, "GRACE_SECONDS", 1)
    (loss,) = fake(["killed", "hang"])["losses"]
    assert loss["status"] == [-9, None] and 1 <= loss["seconds"] < 60


def test_the_number_of_restarts_is_bounded_and_the_cause_is_named(fake):
    with pytest.raises(workers.LaunchFailed, match=r"worker 1 stopped with status 3 and 1 rest"):
        fake(["lost", "fails"], ["lost", "fails"], restarts=1)


def test_when_the_chief_is_done_the_others_are_not_lost(fake):
    assert fake(["ok", "late"]) == {"result": [1.5], "restarts": 0, "losses": []}


def test_a_chief_that_leaves_no_result_has_failed(fake):
    with pytest.raises(workers.LaunchFailed, match="left no result"):
        fake(["quiet", "ok"])


def test_a_target_of_another_form_is_rejected_before_anything_starts(tmp_path):
    for target in ("train.py", ":train", "train.py:1"):
        with pytest.raises(ValueError, match=r"expected 'file\.py:function'"):
            workers.launch(target, folder=tmp_path / "new")
    with pytest.raises(ValueError, match="at least 1"):
        workers.launch("train.py:train", workers=0, folder=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_command_prints_what_the_chief_returned(monkeypatch, capsys, tmp_path):
    asked = {}
    monkeypatch.setattr(workers, "launch", lambda *a, **k: asked.update(k) or {"result": [1.5]})
    words = ["--workers", "3", "--folder", str(tmp_path), "train.py:train", "epochs=3", "kind=a"]
    assert workers.main(words) == 0
    assert asked["workers"] == 3 and asked["arguments"] == {"epochs": 3, "kind": "a"}
    assert json.loads(capsys.readouterr().out) == {"result": [1.5]}
