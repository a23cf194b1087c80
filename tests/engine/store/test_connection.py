"""How a library is opened, and what is said when it cannot be."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import LibraryError
from engine.progress import Cancelled, Control
from engine.store import FileFacts, Library, StoredWindow
from engine.store import connection as module
from engine.store import copies as copies_module
from engine.store.connection import make_schema, refuse_newer, sentences_for_errors
from engine.store.copies import copies, copy_database, damage_of, damaged, keep_copy
from engine.store.lineage import begin_lineage, insert_windows, leave_mark, marks
from engine.store.vectors import ensure_mark
from tests.engine.store.test_repair import overwrite, put

PATH = Path("/music/library.db")
FULL = f"the disk that holds the library {PATH} is full: free some space and start again"
READ_ONLY = f"the library {PATH} cannot be written: it or its folder is read-only"
CLOSED = f"the library {PATH} cannot be opened: check its folder and your permissions"
DAMAGED = (
    f"{PATH} is not a Soundsift library, or it is damaged: to save what can be saved, run "
    f'`soundsift repair --library "{PATH}"`'
)
IN_USE = f"the library {PATH} is in use by another program: try again when it has finished"


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ("database or disk is Full", FULL),
        ("attempt to write a READONLY database", READ_ONLY),
        ("Read-only file system", READ_ONLY),
        ("unable to open database file", CLOSED),
        ("file is not a database", DAMAGED),
        ("database disk image is malformed", DAMAGED),
        ("no such table: sounds", DAMAGED),
        ("disk I/O error", DAMAGED),
        ("Could not decode to UTF-8 column 'path'", DAMAGED),
        ("database is locked", IN_USE),
        ("Something else", f"the library {PATH} cannot be used: Something else"),
    ],
)
def test_errors_of_the_database_are_sentences(cause, sentence):
    with pytest.raises(LibraryError) as raised, sentences_for_errors(PATH):
        raise sqlite3.OperationalError(cause)
    assert str(raised.value) == sentence
    assert damaged(PATH) == DAMAGED


@pytest.mark.sqlite
def test_a_disk_that_takes_no_more_is_not_called_damage(tmp_path):
    """In a process of its own, whose files may not grow beyond 200 kB."""
    path = tmp_path / "library.db"
    script = (
        "import resource, signal, sys; from pathlib import Path; from engine.store import Library\n"
        "from engine.errors import LibraryError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "library = Library(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try:\n"
        "    for n in range(100): library.set_settings({f'{n}': bytes(50_000)})\n"
        "except LibraryError as error: print(error)\n"
    )
    pytest.importorskip("resource")  # not on Windows
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        f"the library {path} cannot be written: its disk is full, or allows no larger file, or "
        "has gone away; free some space and start again\n"
    )


def test_statements_that_fail_are_told_by_their_cause_alone(library):
    with pytest.raises(LibraryError) as raised, library.reading() as connection:
        connection.exec_driver_sql("SELECT nowhere FROM sounds")
    assert (
        str(raised.value) == f"the library {library.path} cannot be used: no such column: nowhere"
    )


def pragma(library: Library, name: str) -> object:
    with library.reading() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_a_library_is_opened_with_a_log_and_with_foreign_keys(library):
    assert pragma(library, "journal_mode") == "wal"
    assert pragma(library, "synchronous") == 1
    assert pragma(library, "foreign_keys") == 1
    assert pragma(library, "busy_timeout") == 10_000


def test_a_writer_begins_at_once_and_a_reader_waits_for_nobody(library):
    with Library(library.path) as other, closing(sqlite3.connect(library.path, timeout=0)) as third:
        with library.reading(), other.writing():
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                third.execute("BEGIN IMMEDIATE")
            assert other.folders() == []
        third.execute("BEGIN IMMEDIATE")
        third.execute("ROLLBACK")


def test_a_reader_sees_one_moment(library):
    with library.reading() as connection:
        count = "SELECT count(*) FROM folders"
        assert connection.exec_driver_sql(count).scalar_one() == 0
        with Library(library.path) as other:
            other.add_folder("/s")
        assert connection.exec_driver_sql(count).scalar_one() == 0


def test_a_library_is_made_with_its_folders(tmp_path):
    path = tmp_path / "deep" / "down" / "library.db"
    with Library(path) as library:
        assert library.folders() == [] and library.path == path
    (tmp_path / "file").touch()
    with pytest.raises(LibraryError) as raised:
        Library(tmp_path / "file" / "library.db")
    said = f"the folder {tmp_path / 'file'} cannot be created: File exists"
    assert str(raised.value) == said


def test_a_library_of_an_unknown_schema_is_told(tmp_path):
    path = tmp_path / "library.db"
    for known in (None, "0001", module.REVISION):
        refuse_newer(path, known)
    with pytest.raises(LibraryError) as raised:
        refuse_newer(path, "9999")
    assert str(raised.value) == (
        f"{path} was made by a newer Soundsift (its schema is 9999): "
        "update Soundsift, or choose another --library"
    )


def test_a_database_of_something_else_is_told(tmp_path):
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipes (name)")
    with pytest.raises(LibraryError) as raised:
        Library(path)
    assert str(raised.value) == f"{path} is a database, but not a Soundsift library"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE recipes")
    with Library(path) as library:  # a database of nothing may become one
        assert library.folders() == []
    assert not list(tmp_path.glob("*.before-*"))


def test_an_older_library_is_brought_up_to_date_and_kept_as_it_was(tmp_path):
    path = tmp_path / "library.db"
    make_schema(path, "0005")
    assert module._revision(path) == "0005"
    with Library(path) as library:
        assert library.statistics().damaged == 0
    assert module._revision(path) == module.REVISION
    assert module._revision(tmp_path / f"library.db.before-{module.REVISION}") == "0005"
    with Library(path):
        assert len(list(tmp_path.glob("*.before-*"))) == 1


def test_soundsift_may_lie_in_a_folder_of_any_name(tmp_path, monkeypatch):
    elsewhere = tmp_path / "100%s sure" / "migrations"
    shutil.copytree(module._MIGRATIONS, elsewhere)
    monkeypatch.setattr(module, "_MIGRATIONS", elsewhere)
    with Library(tmp_path / "library.db") as library:
        assert library.folders() == []


def test_a_library_may_be_used_by_several_threads_at_once(library):
    library.add_folder("/s")
    found: list[list[str]] = []
    for _ in range(3):  # connections come from one thread and go to another
        thread = threading.Thread(target=lambda: found.append(library.folders()))
        thread.start()
        thread.join()
    assert found == [["/s"]] * 3


def test_a_library_that_has_lost_everything_is_no_new_one(library):
    put(library, 0, 1)
    library.close()
    assert keep_copy(library.path) == ""
    library.path.write_bytes(b"")
    with pytest.raises(LibraryError) as raised:
        Library(library.path)
    assert str(raised.value) == damaged(library.path)
    library.path.unlink()
    with Library(library.path) as new:  # moved away by its owner
        assert new.folders() == []


# Copies


def test_damage_is_told_by_its_first_words(library, tmp_path, monkeypatch):
    put(library, 0, 40)
    library.close()
    assert damage_of(library.path) == ""
    assert damage_of(library.path, Control()) == ""
    assert damage_of(tmp_path / "no" / "where.db") == ""
    (tmp_path / "text.db").write_text("words " * 900)
    assert damage_of(tmp_path / "text.db") == "file is not a database"
    with closing(sqlite3.connect(library.path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        connect = sqlite3.connect
        with monkeypatch.context() as patched:
            patched.setattr(sqlite3, "connect", lambda path: connect(path, timeout=0))
            assert damage_of(library.path) == ""  # only in use
        other.execute("ROLLBACK")
    overwrite(library.path, [library.path.stat().st_size // 4096 // 2])
    assert damage_of(library.path) != ""


def test_looking_for_damage_can_be_stopped(library, monkeypatch):
    put(library, 0, 40)
    library.close()
    overwrite(library.path, [library.path.stat().st_size // 4096 // 2])
    monkeypatch.setattr(copies_module, "_STEPS", 1)
    asked = []
    assert damage_of(library.path, Control(cancel=lambda: bool(asked.append(1)) or True)) == ""
    assert len(asked) == 1
    assert damage_of(library.path, Control()) != ""


def test_copying_tells_how_far_it_is(library, monkeypatch):
    put(library, 0, 40)
    monkeypatch.setattr(copies_module, "_PAGES", 10)
    seen = []
    target = library.path.with_name("copy.db")
    copy_database(library.path, target, Control(seen.append))
    assert {progress.stage for progress in seen} == {"copying the library"}
    pages = target.stat().st_size // 4096
    assert seen[-1].total == pages
    assert [progress.done for progress in seen] == [*range(10, pages, 10), pages]
    assert not target.with_name("copy.db-wal").exists()
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_refusals_of_a_copy_are_whole_sentences(library, monkeypatch):
    put(library, 0, 2)
    path, folder = library.path, Path(f"{library.path}.copies")
    with monkeypatch.context() as patched:
        patched.setattr(copies_module, "_RESERVE_BYTES", 1 << 60)
        size = path.stat().st_size + path.with_name("library.db-wal").stat().st_size
        assert size < 2 << 20
        assert keep_copy(path) == (
            f"no copy of the library was made: {folder} has no room for another "
            "1 MB: free some space"
        )
        with path.with_name("library.db-wal").open("ab") as log:
            log.truncate(5 << 20)
        assert "has no room for another 5 MB" in keep_copy(path)

    cannot = f"no copy of the library could be saved in {folder}: "
    for error, said in (
        (sqlite3.OperationalError("database or disk is full"), cannot + "database or disk is full"),
        (sqlite3.OperationalError("disk I/O error"), cannot + "disk I/O error"),
        (sqlite3.DatabaseError("malformed"), damaged(path)),
        (OSError(13, "Permission denied"), cannot + "Permission denied"),
        (OSError("odd"), cannot + "odd"),
    ):

        def fail(*_, error=error):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(copies_module, "_back_up", fail)
            assert keep_copy(path) == said


def test_copies_are_numbered_and_named_by_the_day(library, monkeypatch, frozen):
    frozen(copies_module)
    monkeypatch.setattr(copies_module, "_AGE_S", 0.0)
    for _ in range(4):
        assert keep_copy(library.path) == ""
    assert [copy.name for copy in copies(library.path)] == [
        f"00000{number}-2026-01-31.db" for number in (4, 3, 2)
    ]


def test_a_copy_that_another_process_makes_is_left_to_it(library):
    put(library, 0, 2)
    folder = Path(f"{library.path}.copies")
    folder.mkdir()
    with copies_module.FileLock(folder / "lock"):
        assert keep_copy(library.path) == ""
    assert copies(library.path) == []


def test_files_of_another_name_among_the_copies_are_no_copies_and_stay(library):
    folder = Path(f"{library.path}.copies")
    folder.mkdir()
    odd = folder / "mine.db"
    odd.touch()
    os.utime(odd, (1, 1))
    assert keep_copy(library.path) == ""
    (made,) = copies(library.path)
    assert made.name.startswith("000001-") and odd.is_file()


def test_a_copy_needs_room_for_library_and_log_and_some(library, monkeypatch):
    put(library, 0, 2)
    path = library.path
    size = path.stat().st_size + path.with_name("library.db-wal").stat().st_size
    free = [size + (256 << 20)]
    usage = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=free[0]))
    monkeypatch.setattr(copies_module, "shutil", usage)
    assert keep_copy(path) == ""
    (copy,) = copies(path)
    copy.unlink()
    free[0] -= 1
    assert "has no room" in keep_copy(path)
    assert copies(path) == []


def test_a_copy_that_is_not_whole_gets_no_name(library, monkeypatch):
    put(library, 0, 2)
    monkeypatch.setattr(copies_module, "damage_of", lambda path: "torn")
    target = library.path.with_name("copy.db")
    target.write_text("the old one")
    with pytest.raises(LibraryError) as raised:
        copy_database(library.path, target, Control())
    assert str(raised.value) == damaged(library.path)
    assert target.read_text() == "the old one"
    with pytest.raises(Cancelled):
        copy_database(library.path, target, Control(cancel=lambda: True))
    assert not list(library.path.parent.glob("*.part*"))


# Marks of what windows a library has had

ROW = {"sound_id": 1, "start_s": 0.0, "end_s": 1.0, "features": b"", "vector": b"", "potential": 0}


def test_every_addition_of_windows_leaves_a_mark(library, monkeypatch):
    library.put_sounds([(FileFacts("/s/a.wav", 1, 1, "h", 1.0, 1, 1, 16, "wav"), [])])
    with library.writing() as connection:
        assert marks(connection) == []
        insert_windows(connection, [])
        assert marks(connection) == []
        insert_windows(connection, [ROW, ROW])
        (first,) = marks(connection)
        assert len(first) == 16
        insert_windows(connection, [ROW])
        assert marks(connection)[0] == first and len(marks(connection)) == 2
        monkeypatch.setattr("engine.store.lineage._KEPT", 3)
        leave_mark(connection)
        before = marks(connection)
        leave_mark(connection)
        assert marks(connection)[:2] == before[1:] and len(marks(connection)) == 3
        assert len(set(marks(connection) + before)) == 4
        begin_lineage(connection)
        (new,) = marks(connection)
        assert new not in before


def test_a_mark_is_left_where_windows_have_none(library, monkeypatch):
    def seen() -> list[str]:
        with library.reading() as connection:
            return marks(connection)

    library.set_settings({"other": b"kept"})
    ensure_mark(library)
    assert seen() == []  # there are no windows yet
    window = StoredWindow(0.0, 1.0, b"", b"", 0.0)
    library.put_sounds([(FileFacts("/s/a.wav", 1, 1, "h", 1.0, 1, 1, 16, "wav"), [window])])
    (mark,) = seen()
    ensure_mark(library)
    assert seen() == [mark]
    library.set_settings({"window_marks": b""})

    def refuse():
        raise LibraryError("read-only")

    with monkeypatch.context() as patched:
        patched.setattr(library, "writing", refuse)
        ensure_mark(library)
    assert seen() == []
    ensure_mark(library)
    assert len(seen()) == 1 and seen() != [mark]
    assert library.setting("other") == b"kept"
