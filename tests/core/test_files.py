"""Atomic writes: the whole new file, or the old one, and nothing beside it."""

import os
import stat
import time

import numpy as np
import pytest

from vae_helpers.files import ABANDONED_SECONDS, atomic_path, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", ["naïve\r\ntext\n", b"\x00\xff"])
def test_content_is_written_as_it_is(tmp_path, content):
    path = tmp_path / "new" / "folder" / "file.txt"
    write_atomically(path, content)
    expected = content if isinstance(content, bytes) else content.encode("utf-8")
    assert path.read_bytes() == expected
    assert names(path.parent) == ["file.txt"]


def test_path_may_be_a_string(tmp_path):
    write_atomically(str(tmp_path / "file"), "text")
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_failure_keeps_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file.json"
    path.write_text("old")
    with pytest.raises(error), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old" and names(tmp_path) == ["file.json"]


def test_old_file_is_whole_until_the_end(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == tmp_path
    assert path.read_text() == "new"


def test_temporary_path_has_the_ending_that_savers_look_at(tmp_path):
    path = tmp_path / "arrays.npz"
    with atomic_path(path) as temporary:
        np.savez(temporary, one=np.ones(3))
    assert np.load(path)["one"].sum() == 3 and names(tmp_path) == ["arrays.npz"]


def test_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "file"):
        pass
    assert names(tmp_path) == []


def test_failed_rename_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "folder", "text")
    assert names(tmp_path) == ["folder"]


def test_two_writers_do_not_share_a_temporary_path(tmp_path):
    with atomic_path(tmp_path / "file") as one, atomic_path(tmp_path / "file") as two:
        assert one != two
        one.write_text("one")
        two.write_text("two")
    assert (tmp_path / "file").read_text() == "one"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_those_of_the_old_file_or_the_usual_ones(tmp_path):
    usual, script = tmp_path / "usual", tmp_path / "script"
    usual.touch()
    script.touch()
    script.chmod(0o750)
    write_atomically(tmp_path / "new", "text")
    write_atomically(script, "text")
    assert (tmp_path / "new").stat().st_mode == usual.stat().st_mode
    assert stat.S_IMODE(script.stat().st_mode) == 0o750


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_link_keeps_pointing_to_the_replaced_file(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink() and target.read_text() == "new"


def test_leftovers_of_killed_runs_go_and_those_of_running_ones_stay(tmp_path):
    old, young = tmp_path / ".file.1-aa.part.json", tmp_path / ".file.2-bb.part.json"
    other = tmp_path / ".other.1-aa.part.json"
    long_ago = time.time() - ABANDONED_SECONDS - 60
    for path in (old, young, other):
        path.write_text("half")
    for path in (old, other):
        os.utime(path, (long_ago, long_ago))
    write_atomically(tmp_path / "file.json", "text")
    assert names(tmp_path) == [young.name, other.name, "file.json"]
