"""Files are put in their place whole or not at all."""

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
