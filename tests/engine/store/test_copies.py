"""Copies of a library: complete, checked, three of them, and never worse than what was there."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import LibraryError
from engine.progress import Cancelled, Control
from engine.store import Library
from engine.store import connection as store_connection
from engine.store import copies as module
from engine.store.copies import copies, copy_database, damage_of, keep_copy
from tests.engine.store.test_repair import overwrite, put


def sounds_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM sounds").fetchone()[0])


def age(path: Path, hours: float) -> None:
    then = time.time() - 3600 * hours
    os.utime(path, (then, then))


def files_beside(library: Library) -> list[str]:
    folder = Path(f"{library.path}.copies")
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


def test_a_copy_holds_what_stands_only_in_the_log(library):
    put(library, 0, 5)
    assert library.path.with_name("library.db-wal").stat().st_size > 0
    assert keep_copy(library.path) == ""
    (copy,) = copies(library.path)
    assert sounds_in(copy) == 5
    assert len(files_beside(library)) == 1  # one file, no log


def test_a_copy_is_made_once_a_day_and_three_are_kept(library):
    put(library, 0, 2)
    for number in range(5):
        keep_copy(library.path)
        assert keep_copy(library.path) == ""
        newest = copies(library.path)[0]
        assert newest.name.startswith(f"{number + 1:06d}-")
        age(newest, 25)
    assert [path.name[:6] for path in copies(library.path)] == ["000005", "000004", "000003"]


def test_a_copy_from_the_future_is_not_trusted_to_be_new(library):
    keep_copy(library.path)
    age(copies(library.path)[0], -100)
    keep_copy(library.path)
    assert len(copies(library.path)) == 2


def test_a_damaged_library_replaces_no_good_copy(tmp_path):
    path = tmp_path / "library.db"
    with Library(path) as library:
        put(library, 0, 40)
    for _ in range(3):
        keep_copy(path)
        age(copies(path)[0], 25)
    before = {copy: copy.read_bytes() for copy in copies(path)}
    pages = path.stat().st_size // 4096
    overwrite(path, [pages // 2, pages // 2 + 1])
    assert "soundsift repair" in keep_copy(path)
    assert {copy: copy.read_bytes() for copy in copies(path)} == before
    assert not list(tmp_path.rglob("*.part*"))


def test_a_full_disk_is_one_sentence_and_leaves_nothing(library, monkeypatch):
    put(library, 0, 2)
    monkeypatch.setattr(module, "_RESERVE_BYTES", 1 << 60)
    said = keep_copy(library.path)
    assert "has no room" in said and said.count(". ") == 0
    assert files_beside(library) == []

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_RESERVE_BYTES", 0)
    monkeypatch.setattr(module.durable, "sync_file", full)
    assert "No space left" in keep_copy(library.path)
    assert files_beside(library) == []


def test_copying_can_be_stopped_and_leaves_nothing(library):
    put(library, 0, 2)
    with pytest.raises(Cancelled):
        keep_copy(library.path, Control(cancel=lambda: True))
    assert files_beside(library) == []


def test_what_killed_processes_left_behind_is_removed(library):
    put(library, 0, 2)
    folder = Path(f"{library.path}.copies")
    folder.mkdir()
    (folder / "000001-2020-01-01.db.7.part").write_bytes(b"half")
    (folder / "000001-2020-01-01.db.7.part-journal").write_bytes(b"half")
    keep_copy(library.path)
    assert [name[-3:] for name in files_beside(library)] == [".db"]


def test_a_copy_is_of_one_moment_though_others_write(library, monkeypatch):
    put(library, 0, 200)
    monkeypatch.setattr(module, "_PAGES", 5)
    steps: list[int] = []

    def write_beside(progress):
        steps.append(progress.done)
        if len(steps) < 8:
            put(library, 1000 * len(steps), 1)

    target = library.path.with_name("copy.db")
    copy_database(library.path, target, Control(write_beside))
    assert steps == sorted(steps)  # it was never begun again
    assert sounds_in(target) == 200 and damage_of(target) == ""
    assert sounds_in(library.path) == 207


def test_the_copy_before_a_migration_holds_what_stands_only_in_the_log(tmp_path, monkeypatch):
    path = tmp_path / "library.db"
    with Library(path) as library:
        put(library, 0, 3)
        monkeypatch.setattr(store_connection, "REVISION", "9999")
        with Library(path):
            pass
    assert sounds_in(tmp_path / "library.db.before-9999") == 3


def test_a_damaged_library_is_not_migrated(tmp_path, monkeypatch):
    path = tmp_path / "library.db"
    with Library(path) as library:
        put(library, 0, 40)
    overwrite(path, [path.stat().st_size // 4096 // 2])
    before = path.read_bytes()
    monkeypatch.setattr(store_connection, "REVISION", "9999")
    with pytest.raises(LibraryError, match="soundsift repair"):
        Library(path)
    assert path.read_bytes() == before
