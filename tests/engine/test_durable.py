"""Files are put in their place whole or not at all."""

import errno
import os
import stat

import pytest

from engine import durable


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    durable.put_file(path, b"old")

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable, "flush", full)
    with pytest.raises(OSError):
        durable.put_file(path, b"new")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_what_killed_writers_left_is_swept_and_nothing_else(tmp_path):
    names = ("a.json.12.part", "b.3.part", "values.part", "part", "c.12.parts", "d.x.part")
    for name in names:
        (tmp_path / name).touch()
    durable.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(names[2:])


def fail_at_folders(monkeypatch, name: str, number: int) -> None:
    """Let a call of ``os`` fail where it is given a folder, or what was opened of one."""
    real = getattr(os, name)

    def call(what, *more):
        facts = os.fstat(what) if isinstance(what, int) else what.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise OSError(number, os.strerror(number))
        return real(what, *more)

    monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize(
    ("name", "number"),
    [("fsync", errno.EINVAL), ("fsync", errno.ENOTSUP), ("open", errno.EACCES)],
)
def test_a_file_system_that_lets_nobody_wait_for_a_folder_is_written_to(
    tmp_path, monkeypatch, name, number
):
    fail_at_folders(monkeypatch, name, number)
    folder = tmp_path / "a" / "b"
    durable.make_folder(folder)
    durable.put_file(folder / "new", b"new")
    durable.replace(folder / "new", folder / "old")
    assert [(p.name, p.read_bytes()) for p in folder.iterdir()] == [("old", b"new")]


def test_a_disk_that_fails_after_a_name_was_changed_is_no_failure_to_change_it(
    tmp_path, monkeypatch
):
    (tmp_path / "new").write_bytes(b"new")
    fail_at_folders(monkeypatch, "fsync", errno.EIO)
    durable.replace(tmp_path / "new", tmp_path / "old")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("old", b"new")]
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):  # who relies on it must know
        durable.put_file(tmp_path / "record", b"1")
