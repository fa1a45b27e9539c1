"""Images in shards: written whole or not at all, read in an order that can be named."""

import json
import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_helpers import files
from vae_helpers.data import dataset_from_arrays, load_folder, open_shards, write_shards
from vae_helpers.data.shard_writer import main


def numbered(n, shape=(8, 9, 3)):
    """Images of noise whose first value is their number."""
    images = np.random.default_rng(0).integers(0, 256, (n, *shape)).astype(np.uint8)
    images.reshape(n, -1)[:, 0] = np.arange(n)
    return images


def numbers(dataset):
    """The numbers of the images of each batch."""
    return [batch.reshape(len(batch), -1)[:, 0].tolist() for batch in dataset.as_numpy_iterator()]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """103 images in 4 shards: 26, 26, 26 and 25."""
    return write_shards(numbered(103), tmp_path_factory.mktemp("shards") / "set", 4)


# --- writing ------------------------------------------------------------------------------------


def test_an_array_comes_back_whole(shards):
    images = np.concatenate(list(shards.batches(10).as_numpy_iterator()))
    assert images.dtype == np.uint8 and images.shape == (103, 8, 9, 3)
    np.testing.assert_array_equal(images[np.argsort(images[:, 0, 0, 0])], numbered(103))
    assert len(shards) == 103 and shards.counts == (26, 26, 26, 25)
    assert str(shards) == "103 images of 8 x 9 x 3 in 4 shards; an array"
    assert open_shards(shards.folder) == shards


@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 1)])
def test_grey_images_have_one_channel_and_floats_become_bytes(tmp_path, shape):
    images = numbered(5, shape)
    shards = write_shards(images / 255.0, tmp_path / "a", 2)
    assert shards.image_shape == (8, 9, 1)
    (batch,) = shards.batches(5).as_numpy_iterator()
    np.testing.assert_array_equal(
        batch[np.argsort(batch[:, 0, 0, 0]), ..., 0].ravel(), images.ravel()
    )


def test_a_data_set_gives_the_part_that_is_asked_for(tmp_path):
    images, labels = numbered(8, (8, 8)), np.zeros(8, int)
    data = dataset_from_arrays(images[:5], labels[:5], ["a"], "mine", images[5:], labels[5:])
    train, test = (write_shards(data, tmp_path / part, 1, part=part) for part in ("train", "test"))
    assert sorted(*numbers(train.batches(9))) == [0, 1, 2, 3, 4]
    assert sorted(*numbers(test.batches(9))) == [5, 6, 7]
    assert write_shards(data, tmp_path / "c", 1).source == "the train part of mine"


def test_an_iterator_is_written_as_it_comes(tmp_path):
    images = numbered(7, (8, 9))
    shards = write_shards(iter(images), tmp_path / "a", 2)
    assert numbers(shards.batches(4, seed=None)) == [[0, 2, 4, 6], [1, 3, 5]]


def save_pictures(folder, count):
    folder.mkdir(parents=True)
    for i in range(count):
        Image.new("RGB", (12, 10), (i, 0, 0)).save(folder / f"{i:03}.png")


def test_a_folder_is_decoded_as_load_folder_does(tmp_path):
    save_pictures(tmp_path / "pets" / "cats", 40)
    save_pictures(tmp_path / "pets" / "dogs", 12)
    data = load_folder(tmp_path / "pets", (8, 16), colour=True)
    for part in ("train", "test"):
        shards = write_shards(tmp_path / "pets", tmp_path / part, 2, part=part, size=(8, 16))
        (got,) = shards.batches(60).as_numpy_iterator()
        wanted = getattr(data, f"{part}_images")
        assert shards.image_shape == (8, 16, 3)
        assert sorted(map(bytes, got)) == sorted(map(bytes, wanted))
    grey = write_shards(tmp_path / "pets", tmp_path / "all", 2, size=8, colour=False)
    assert len(grey) == 52 and grey.image_shape == (8, 8, 1)


def test_broken_pictures_are_named_and_left_out(tmp_path):
    save_pictures(tmp_path / "pets", 3)
    (tmp_path / "pets" / "x.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match=r"1 of 4 files .* skipped: x.png \(neither a PNG"):
        shards = write_shards(tmp_path / "pets", tmp_path / "out", 2, size=8)
    assert len(shards) == 3


def batches_of_images():
    yield np.zeros((2, 8, 8, 3), np.uint8)


def of_two_shapes():
    yield np.zeros((8, 8, 3), np.uint8)
    yield np.zeros((8, 9, 3), np.uint8)


@pytest.mark.parametrize(
    "images, options, message",
    [
        (numbered(3), {"shards": 4}, "3 images for 4 shards: write at most 3"),
        (iter(numbered(3)), {"shards": 4}, "3 images for 4 shards: write at most 3"),
        (numbered(3), {"shards": 0}, "shards is 0, expected a whole number from 1"),
        (numbered(3).astype(int), {}, "dtype int64"),
        (numbered(3), {"part": "test"}, "only a data set and a folder have parts"),
        (numbered(3), {"part": "val"}, "part is 'val'"),
        (batches_of_images(), {}, r"image 0 of the iterator has shape \(2, 8, 8, 3\)"),
        (of_two_shapes(), {}, r"image 1 .* shape \(8, 9, 3\), expected \(8, 8, 3\) like"),
    ],
)
def test_what_cannot_be_written_is_said_and_leaves_nothing(tmp_path, images, options, message):
    with pytest.raises(ValueError, match=message):
        write_shards(images, tmp_path / "out", **{"shards": 1, **options})
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_stopped_leaves_nothing(tmp_path):
    def stopped():
        yield from numbered(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(stopped(), tmp_path / "out", 2)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "out").mkdir()
    write_shards(numbered(2), tmp_path / "out", 1)  # an empty folder is fine
    with pytest.raises(FileExistsError, match="out is there already: delete it"):
        write_shards(numbered(2), tmp_path / "out", 1)


def test_what_a_killed_run_left_is_removed_after_an_hour(tmp_path, monkeypatch):
    left = tmp_path / ".out.1-abc.part"
    left.mkdir()
    (left / "images").write_bytes(b"half")
    write_shards(numbered(2), tmp_path / "out", 1)
    assert left.exists(), "it may be written now"
    monkeypatch.setattr(files, "ABANDONED_SECONDS", -1)
    write_shards(numbered(2), tmp_path / "out2", 1)
    assert left.exists(), "it belongs to another set"
    with pytest.raises(OSError), files.atomic_folder(tmp_path / "out"):
        pass  # there is a set in it by now
    assert not left.exists() and len(open_shards(tmp_path / "out")) == 2


# --- reading ------------------------------------------------------------------------------------


def test_the_order_is_that_of_the_seed_and_the_epoch(shards):
    three = numbers(shards.batches(10, epochs=3))
    assert [len(batch) for batch in three] == ([10] * 10 + [3]) * 3
    first, second, third = (sum(three[i : i + 11], []) for i in (0, 11, 22))
    assert sorted(first) == sorted(second) == sorted(third) == list(range(103))
    assert first != second != third != first
    tf.random.set_seed(5)  # what the program sets plays no part
    assert sum(numbers(shards.batches(10, epoch=1)), []) == second
    assert sum(numbers(shards.batches(10, epoch=1, epochs=2)), []) == second + third
    assert sum(numbers(shards.batches(10, seed=1)), []) != first
    assert numbers(shards.batches(10, epochs=None).take(22)) == three[:22]


def test_neighbours_of_a_file_are_not_neighbours_of_a_batch(tmp_path):
    shards = write_shards(iter(numbered(200)), tmp_path / "a", 2)
    (batch,) = numbers(shards.batches(20).take(1))
    assert max(batch) > 100 and len({number % 2 for number in batch}) == 2
    (batch,) = numbers(shards.batches(20, buffer=1).take(1))  # only the files take turns
    assert max(batch) < 100


def test_workers_share_the_files_and_take_the_same_steps(shards):
    seen = []
    for epoch in range(3):
        parts = [numbers(shards.batches(5, worker=(i, 3), epoch=epoch)) for i in range(3)]
        assert [[len(batch) for batch in part] for part in parts] == [[5] * 5] * 3
        flat = sum(sum(parts, []), [])
        assert len(set(flat)) == len(flat) == 75, "no image twice"
        seen += flat
    assert len(set(seen)) > 90, "what is left over in an epoch comes in another"
    assert shards.images_per_worker(3) == 25 and shards.steps(5, 3) == 5
    assert shards.steps(4, 2) == 13 and shards.steps(4, 2, drop_remainder=True) == 12


def test_an_input_context_says_which_worker_it_is(shards):
    context = tf.distribute.InputContext(num_input_pipelines=2, input_pipeline_id=1)
    dataset = shards.batches(20, worker=context)
    assert numbers(dataset) == numbers(shards.batches(20, worker=(1, 2)))
    policy = dataset.options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.OFF


def test_a_strategy_distributes_the_batches(shards):
    dataset = tf.distribute.get_strategy().distribute_datasets_from_function(
        lambda context: shards.batches(context.get_per_replica_batch_size(20), worker=context)
    )
    assert [len(batch) for batch in dataset] == [20] * 5 + [3]


def test_a_dataset_knows_its_shapes_and_its_length(shards):
    assert shards.batches(10).element_spec.shape.as_list() == [None, 8, 9, 3]
    assert shards.batches(10, drop_remainder=True).element_spec.shape.as_list() == [10, 8, 9, 3]
    assert int(shards.batches(10, epochs=2).cardinality()) == 2 * shards.steps(10) == 22
    assert int(shards.batches(10, epochs=None).cardinality()) == tf.data.INFINITE_CARDINALITY


@pytest.mark.parametrize(
    "options, message",
    [
        ({"worker": (0, 5)}, "has 4 shards for 5 workers, expected at least one each: write"),
        ({"worker": (2, 2)}, r"worker is \(2, 2\), expected \(index, count\)"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"buffer": 0}, "buffer is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"batch_size": 104, "drop_remainder": True}, "batch_size is 104 for 103 images"),
    ],
)
def test_what_cannot_be_read_is_said(shards, options, message):
    with pytest.raises(ValueError, match=message):
        shards.batches(**{"batch_size": 10, **options})


# --- what is missing or broken ------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path):
    return write_shards(numbered(12, (8, 8)), tmp_path / "set", 3)


def test_a_missing_shard_is_named(copied):
    copied.files[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"00001-of-00003.tfrecord is missing, one of 3"):
        open_shards(copied.folder)


def test_a_shard_that_was_cut_off_is_named(copied):
    whole = copied.files[2].read_bytes()
    copied.files[2].write_bytes(whole[:-9])
    with pytest.raises(ValueError, match=r"00002-of.* has 311 bytes, expected 320 for 4 images: c"):
        open_shards(copied.folder)


def test_a_set_without_its_index_is_not_whole(copied, tmp_path):
    (copied.folder / "shards.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds 3 TFRecord files, but no shards.json, so"):
        open_shards(copied.folder)
    with pytest.raises(FileNotFoundError, match="is no folder"):
        open_shards(tmp_path / "elsewhere")


@pytest.mark.parametrize("change", [{"images": 11}, {"format": "?"}, {"counts": "many"}])
def test_an_index_that_is_none_is_said(copied, change):
    path = copied.folder / "shards.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=r"shards.json cannot be read .* delete"):
        open_shards(copied.folder)


def test_images_of_another_shape_are_rejected(copied):
    assert open_shards(copied.folder, (8, 8, 1)) == copied
    with pytest.raises(ValueError, match=r"are 8 x 8 x 1, expected 28 x 28 x 1: write them again"):
        open_shards(copied.folder, (28, 28, 1))


def test_verify_finds_a_byte_that_has_changed(copied):
    copied.verify()
    damaged = bytearray(copied.files[1].read_bytes())
    damaged[40] ^= 1
    copied.files[1].write_bytes(damaged)
    assert open_shards(copied.folder) == copied, "the size is right"
    with pytest.raises(ValueError, match="00001-of-00003.tfrecord is damaged"):
        copied.verify()


# --- the command, and training --------------------------------------------------------------------


def test_the_command_writes_and_verifies(tmp_path, capsys):
    save_pictures(tmp_path / "pets", 5)
    out = str(tmp_path / "out")
    main([str(tmp_path / "pets"), out, "--size", "8", "9", "--shards", "2", "--grey"])
    assert "5 images of 8 x 9 x 1 in 2 shards; the images of the folder 'pets'" in (
        capsys.readouterr().out
    )
    main([out, "--verify"])
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / "pets"), out])
    assert stopped.value.code == 1 and "is there already" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([out])


def test_what_tensorflow_says_of_a_full_disk_ends_the_command_in_a_line(
    tmp_path, capsys, monkeypatch
):
    save_pictures(tmp_path / "pets", 5)

    def full(self, record):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", full)
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / "pets"), str(tmp_path / "out"), "--size", "8", "--shards", "2"])
    assert stopped.value.code == 1 and "No space left" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_a_vae_trains_on_shards(tmp_path):
    from vae_helpers.recipes import Recipe, build

    images = numbered(50, (8, 8))
    shards = write_shards(images, tmp_path / "set", 2)
    vae = build(Recipe(2, (4,), 1, 1e-3, batch_size=20), images)
    vae.compile("sgd", jit_compile=False)
    batches = shards.batches(20, epochs=None)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*ran out of data")
        options = {"steps_per_epoch": shards.steps(20), "shuffle": False, "verbose": 0}
        history = vae.fit(batches, epochs=2, **options)
    assert len(history.history["elbo"]) == 2 and int(vae.optimizer.iterations) == 6
    assert np.isfinite(vae.evaluate(shards.batches(20, seed=None), verbose=0)).all()
    other = write_shards(numbered(4, (9, 9)), tmp_path / "other", 1)
    with pytest.raises(ValueError, match="the first batch of x has shape"):
        vae.fit(other.batches(4))
