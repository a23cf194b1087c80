"""What is read of a torn database, row by row, and what of it makes sense."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import BusyError, LibraryError
from engine.progress import Cancelled, Control, Progress
from engine.store import FileFacts, Header, Library, StoredWindow
from engine.store import repair as module
from engine.store.collections import collect
from engine.store.connection import REVISION, make_schema
from engine.store.copies import copies, keep_copy
from engine.store.repair import RepairReport, repair, troubles_of
from engine.store.salvage import _LAST, _rows, counts, mend_head, revision_of, salvage
from engine.store.swap import alone, finish, put_in_place, work_folder
from engine.store.tags import tag_rows
from engine.store.windows import window_rows
from tests.conftest import accept_tags
from tests.engine.store.test_repair import index_page, overwrite, put


class Torn:
    """A connection to a table of which some rows cannot be read."""

    def __init__(self, ids: list[int], unreadable: set[int] = frozenset(), error=None) -> None:
        self.ids, self.unreadable = ids, unreadable
        self.error, self.asked = error or sqlite3.DatabaseError("malformed"), 0

    def execute(self, statement: str, after: tuple[int]) -> Iterator[tuple[int, str]]:
        self.asked += 1
        for number in self.ids:
            if number > after[0]:
                if number in self.unreadable:
                    raise self.error
                yield number, f"row {number}"


def read(torn: Torn) -> tuple[list[int], list[tuple[int, int]]]:
    lost: list[tuple[int, int]] = []
    rows = [int(row[0].removeprefix("row ")) for row in _rows(torn, "t", '"c"', lost)]
    return rows, lost


@pytest.mark.parametrize(
    ("ids", "unreadable", "kept", "lost"),
    [
        ([1, 2, 3], set(), [1, 2, 3], []),
        ([0, 7, 900], set(), [0, 7, 900], []),  # gaps alone are no loss
        ([], set(), [], []),
        (list(range(1, 11)), {4, 5}, [1, 2, 3, 6, 7, 8, 9, 10], [(3, 6)]),
        (list(range(1, 11)), {1}, list(range(2, 11)), [(-1, 2)]),
        (list(range(1, 11)), {9, 10}, list(range(1, 9)), [(8, _LAST)]),
        (list(range(1, 11)), {3, 7}, [1, 2, 4, 5, 6, 8, 9, 10], [(2, 4), (6, 8)]),
        ([1, 5, 3, 7, 9], set(), [1, 5, 7, 9], [(5, 7)]),  # out of order
        # After twice 64 ids in vain it goes on in steps of 64.
        (list(range(1, 1101)), set(range(2, 1001)), [1, *range(1027, 1101)], [(1, 1027)]),
    ],
)
def test_reading_goes_on_behind_rows_that_cannot_be_read(ids, unreadable, kept, lost):
    assert read(Torn(ids, unreadable)) == (kept, lost)
    assert read(Torn(ids, unreadable, OverflowError("absurd"))) == (kept, lost)


def test_reading_ends_where_nothing_can_be_read():
    torn = Torn([1 << 39], {1 << 39})
    assert read(torn) == ([], [(-1, _LAST)])
    assert torn.asked == 20_000


SOUND = {
    "id": 1,
    "path": "/s/1.wav",
    "size": 1,
    "mtime_ns": 2,
    "content_hash": "h",
    "duration_s": 1.5,
    "rate_hz": 8000,
    "channels": 1,
    "bits": None,
    "format": "wav",
    "state": 0,
    "added_ns": 3,
    "heard_s": 0,
    "details": None,
}


def loose(path: Path, table: str, rows: list[dict[str, object]]) -> None:
    """Write rows of any values into a table that has no rules."""
    with closing(sqlite3.connect(path)) as connection, connection:
        columns = ["id INTEGER PRIMARY KEY" if name == "id" else name for name in rows[0]]
        connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(
            f"INSERT INTO {table} VALUES ({marks})", [list(row.values()) for row in rows]
        )


def sound(number: int, **others: object) -> dict[str, object]:
    return {**SOUND, "id": number, "path": f"/s/{number}.wav", **others}


@pytest.fixture
def torn(tmp_path: Path) -> Path:
    return tmp_path / "torn.db"


def salvaged(torn: Path, statement: str) -> tuple[list[tuple], dict[str, int], dict[str, int]]:
    target = torn.with_name("made.db")
    make_schema(target, REVISION)
    done = salvage(torn, target)
    with closing(sqlite3.connect(target)) as connection:
        return connection.execute(statement).fetchall(), done.kept, done.known


def test_rows_of_values_that_cannot_be_are_dropped(torn):
    loose(
        torn,
        "sounds",
        [
            sound(1, bits=16, duration_s=2),  # whole seconds are a number, too
            sound(2, size="large"),
            sound(3, path=b"bytes"),
            sound(4, path=None),
            sound(5, duration_s="long"),
            sound(6, bits=None),
            sound(7, path="/s/1.wav"),  # a second of that name
            sound(8, rate_hz=0.5),
        ],
    )
    loose(torn, "settings", [{"name": "a", "value": b"x"}, {"name": "b", "value": "text"}])
    rows, kept, known = salvaged(torn, "SELECT id, bits, duration_s FROM sounds ORDER BY id")
    assert rows == [(1, 16, 2.0), (6, None, 1.5)]
    assert (kept["sounds"], known["sounds"]) == (2, 8)
    assert (kept["settings"], known["settings"]) == (1, 2)
    assert (kept["tags"], known["tags"]) == (0, 0)


@pytest.mark.parametrize(
    ("details", "kept"),
    [
        ('{"a": "b"}', '{"a": "b"}'),
        ("{}", "{}"),
        (None, None),
        ("{half", None),
        ("[1, 2]", None),
        ("7", None),
        (7, None),
        (b"\xff\xfe{", None),
    ],
)
def test_texts_of_headers_that_are_damaged_are_read_again(torn, details, kept):
    loose(torn, "sounds", [sound(1, details=details), sound(2, details="{}")])
    rows, _, _ = salvaged(torn, "SELECT details FROM sounds ORDER BY id")
    assert rows == [(kept,), ("{}",)]


def test_what_belongs_to_nothing_is_dropped_and_odd_windows_too(torn):
    loose(torn, "sounds", [sound(1), sound(2)])
    window = {
        "id": 1,
        "sound_id": 1,
        "start_s": 0.0,
        "end_s": 1.0,
        "features": b"ffff",
        "vector": b"vv",
        "potential": 0.5,
    }
    loose(
        torn,
        "windows",
        [
            window,
            {**window, "id": 2, "sound_id": 2},
            {**window, "id": 3, "vector": b"vvv"},
            {**window, "id": 4, "features": b"f"},
            {**window, "id": 5, "sound_id": 9},
            {**window, "id": 6, "sound_id": None},
        ],
    )
    loose(torn, "collections", [{"id": 1, "name": "best"}])
    members = [{"collection_id": 1, "sound_id": 2}, {"collection_id": 1, "sound_id": 7}]
    loose(torn, "collected", [*members, {"collection_id": 3, "sound_id": 1}])
    rows, kept, known = salvaged(torn, "SELECT id FROM windows ORDER BY id")
    assert rows == [(1,), (2,)]
    assert (kept["windows"], known["windows"]) == (2, 6)
    assert (kept["collected"], known["collected"]) == (1, 3)


def test_many_rows_are_written_some_at_a_time(torn, monkeypatch):
    monkeypatch.setattr("engine.store.salvage._AT_ONCE", 3)
    loose(torn, "sounds", [sound(n) for n in range(1, 9)])
    rows, _, _ = salvaged(torn, "SELECT id FROM sounds ORDER BY id")
    assert [row[0] for row in rows] == list(range(1, 9))


def test_an_index_tells_how_many_rows_there_were(torn):
    loose(torn, "sounds", [sound(n) for n in range(1, 60)])
    with closing(sqlite3.connect(torn)) as connection, connection:
        connection.execute("CREATE INDEX by_path ON sounds (path)")
        connection.execute("CREATE INDEX some ON sounds (path) WHERE id < 10")
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sounds'")
        page = root.fetchone()[0]
    overwrite(torn, [page])
    rows, kept, known = salvaged(torn, "SELECT id FROM sounds")
    assert (rows, kept["sounds"], known["sounds"]) == ([], 0, 59)


def test_decisions_are_what_people_said_and_put_together(library):
    put(library, 0, 3)
    accept_tags(library, [(1, "wet"), (2, "dry")])
    accept_tags(library, [(3, "loud")], said_by="model")
    collect(library, "best", [1, 2])
    found = counts(library.path)
    assert (found["sounds"], found["windows"], found["tags"]) == (3, 12, 3)
    assert found["decisions"] == 2 + 1 + 2
    assert not [name for name in found if name.startswith(("sqlite", "alembic", "words"))]


def test_the_revision_of_what_is_no_library_is_unknown(library, tmp_path):
    assert revision_of(library.path) == REVISION
    (tmp_path / "text").write_text("words " * 900)
    assert revision_of(tmp_path / "text") is None
    make_schema(tmp_path / "empty.db", REVISION)
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
    assert revision_of(tmp_path / "empty.db") is None


def test_a_head_is_mended_only_where_nothing_can_be_read(tmp_path):
    for name in ("whole", "like"):
        with Library(tmp_path / f"{name}.db") as library:
            put(library, 0, 20)
    whole, like = tmp_path / "whole.db", tmp_path / "like.db"
    before = whole.read_bytes()
    mend_head(whole, [like])
    assert whole.read_bytes() == before
    short = tmp_path / "short"
    short.write_bytes(b"x" * 99)
    mend_head(short, [like])
    assert short.read_bytes() == b"x" * 99
    with whole.open("r+b") as file:
        file.write(b"\xee" * 4096)
    torn = whole.read_bytes()
    other = tmp_path / "other.db"
    other.write_bytes(b"words " * 2000)
    mend_head(whole, [other])
    assert whole.read_bytes() == torn  # what does not help is not taken
    mend_head(whole, [other, like, other])
    assert whole.read_bytes()[4096:] == before[4096:]
    with closing(sqlite3.connect(whole)) as connection:
        assert connection.execute("SELECT count(*) FROM sounds NOT INDEXED").fetchone() == (20,)


# The whole repair, and what it tells


def stages(path: Path, **how: bool) -> tuple[RepairReport, list[str]]:
    seen: list[str] = []

    def update(progress: Progress) -> None:
        seen.append(progress.stage)
        assert progress.stage == "copying the library" or progress.done == 0

    return repair(path, Control(update), **how), seen


def test_a_repair_tells_what_it_does_and_what_was_lost(library):
    path = library.path
    put(library, 0, 20)
    accept_tags(library, [(1, "wet")])
    library.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM sounds WHERE id IN (3, 4)")
    report, seen = stages(path)
    assert report.troubles == ("8 rows refer to nothing",)
    assert (report.action, report.copy) == ("salvaged", None)
    assert report.kept["windows"] == 72 and report.kept["sounds"] == 18
    assert report.lost == {"windows": 8}
    assert seen == ["checking", "reading what is left", "putting it in place"]
    assert report.damaged is not None and report.damaged.parent == path.parent
    assert report.damaged.name.startswith("library.db.damaged-20")
    assert report.to_dict() == {
        "troubles": ["8 rows refer to nothing"],
        "action": "salvaged",
        "kept": report.kept,
        "lost": {"windows": 8},
        "damaged": str(report.damaged),
        "copy": None,
    }
    whole, seen = stages(path)
    assert (whole.action, whole.troubles, seen) == ("nothing", (), ["checking"])
    assert whole.to_dict()["damaged"] is None


def test_a_dry_run_tells_the_same_and_moves_nothing(library):
    put(library, 0, 5)
    library.close()
    keep_copy(library.path)
    report, seen = stages(library.path, restore=True, dry_run=True)
    assert (report.action, report.damaged, report.lost) == ("restored", None, {})
    assert report.copy == copies(library.path)[0]
    assert report.to_dict()["copy"] == str(report.copy)
    assert seen == ["checking", "reading what is left", "copying the library"]
    assert not work_folder(library.path).exists()


def test_what_the_newest_copy_held_is_known_to_be_lost(library):
    put(library, 0, 6)
    accept_tags(library, [(1, "wet"), (2, "wet")])
    library.close()
    keep_copy(library.path)
    with Library(library.path) as again:
        accept_tags(again, [(n, "more") for n in range(1, 7)])
    with closing(sqlite3.connect(library.path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM sounds WHERE id = 1")
        connection.execute("DELETE FROM words WHERE rowid = 1")
    index_page(library.path)
    report = repair(library.path, Control())
    assert report.action == "salvaged"
    assert report.lost == {"sounds": 1, "windows": 4}
    assert report.troubles


def test_of_a_copy_and_a_salvage_of_one_worth_the_salvage_is_taken(library):
    put(library, 0, 6)
    library.close()
    keep_copy(library.path)
    index_page(library.path)
    report = repair(library.path, Control())
    assert (report.action, report.copy, report.lost) == ("salvaged", None, {})


def test_a_library_that_is_gone_is_restored_from_its_copy(library):
    put(library, 0, 6)
    library.close()
    keep_copy(library.path)
    library.path.unlink()
    report, seen = stages(library.path)
    assert (report.action, report.damaged) == ("restored", None)
    assert report.troubles == ("the file is empty",)
    assert seen == ["checking", "reading what is left", "copying the library", seen[-1]]
    assert seen[-1] == "putting it in place"
    with Library(library.path) as again:
        assert len(again.sounds()) == 6
    with pytest.raises(Cancelled):
        repair(library.path, Control(cancel=lambda: True), restore=True)
    assert not work_folder(library.path).exists()


def test_what_a_killed_repair_left_is_removed(library):
    put(library, 0, 6)
    library.close()
    work_folder(library.path).mkdir()
    (work_folder(library.path) / "salvaged.db").write_text("half")
    (work_folder(library.path) / "raw.db").write_text("half")
    assert repair(library.path, Control()).action == "nothing"
    assert not work_folder(library.path).exists()


def test_refusals_of_a_repair_are_whole_sentences(tmp_path, library, monkeypatch):
    path = library.path
    put(library, 0, 2)
    library.close()
    none = tmp_path / "none.db"
    text = tmp_path / "novel.txt"
    text.write_text("these are words " * 900)

    def said(of: Path, kind: type[Exception] = LibraryError, **how: bool) -> str:
        with pytest.raises(kind) as told:
            repair(of, Control(), **how)
        assert not work_folder(of).exists()
        return str(told.value)

    assert said(none) == f"there is no library at {none}, and no copy of one"
    assert said(path, restore=True) == f"there is no good copy of {path} to restore"
    assert said(text) == (
        f"nothing can be read from {text}, and there is no good copy of it: if it is a library, "
        "move it away and index its folders again"
    )
    with alone(path):
        busy = said(path, BusyError)
    assert busy == f"another program uses the library {path}: close it, then try again"
    monkeypatch.setattr(module, "_RESERVE_BYTES", 1 << 60)
    free = 64 + (3 * path.stat().st_size >> 20)
    assert said(path) == f"{tmp_path} has no room to repair the library: free {free} MB"
    monkeypatch.setattr(module, "_RESERVE_BYTES", 0)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.shutil, "copyfileobj", full)
    assert said(path) == f"{path} cannot be repaired: No space left on device"


def test_a_repair_needs_room_for_three_libraries_and_some(tmp_path, monkeypatch):
    path = tmp_path / "library.db"
    with path.open("wb") as file:
        file.truncate(5 << 20)
    free = [0]
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=free[0]))
    for left, said in (
        ((79 << 20) - 1, f"{tmp_path} has no room to repair the library: free 79 MB"),
        (79 << 20, f"nothing can be read from {path}"),
    ):
        free[0] = left
        with pytest.raises(LibraryError) as told:
            repair(path, Control())
        assert str(told.value).startswith(said)


def test_what_matters_most_of_a_library_comes_first(library):
    put(library, 0, 3, windows=2)
    accept_tags(library, [(1, "wet"), (2, "dry")])
    accept_tags(library, [(3, "loud")], said_by="model")
    for number in range(5):
        library.add_folder(f"/{number}")
    library.set_settings({f"{number}": b"" for number in range(6)})
    assert module._worth(library.path) == (2, 3, 3, 5, 6, 7)  # and a mark of windows


def test_names_of_one_second_are_numbered(tmp_path, frozen):
    frozen(module)
    path = tmp_path / "library.db"
    for ending in ("", "~2", "~3"):
        name = module._aside(path)
        assert name == f"damaged-2026-01-31-235958{ending}"
        path.with_name(f"library.db.{name}").touch()


def test_troubles_are_told_one_by_one(library, tmp_path):
    put(library, 0, 20)
    library.close()
    path = library.path
    assert troubles_of(path) == []
    assert troubles_of(tmp_path / "none.db") == ["the file is empty"]
    (tmp_path / "empty.db").touch()
    assert troubles_of(tmp_path / "empty.db") == ["the file is empty"]
    (tmp_path / "text.db").write_text("words " * 900)
    assert troubles_of(tmp_path / "text.db") == ["file is not a database"]
    bare = tmp_path / "bare.db"
    with closing(sqlite3.connect(bare)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    assert troubles_of(bare) == [
        "no such table: alembic_version",
        "the word index is damaged",
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM sounds WHERE id = 3")
        connection.execute("UPDATE words_data SET block = zeroblob(3) WHERE id > 9")
    assert troubles_of(path) == ["4 rows refer to nothing", "the word index is damaged"]


def test_sounds_around_lost_windows_are_heard_again(tmp_path):
    path = tmp_path / "library.db"
    with Library(path) as library:
        put(library, 0, 5)  # windows 1 to 20
        library.put_headers([(FileFacts("/new", 1, 1, "n", 1.0, 1, 1, 16, "wav"), Header())])
        every = [row.id for row in window_rows(library, "id")]
        assert every == list(range(1, 21))
        heard = [StoredWindow(0.0, 1.0, b"f" * 768, b"v" * 16, 0.5)] * 2
        library.put_sounds([(FileFacts("/x", 1, 1, "x", 1.0, 1, 1, 16, "wav"), heard)])
        with library.writing() as connection:
            module._unhear(connection, [])
        assert len(window_rows(library, "id")) == 22
        with library.writing() as connection:
            module._unhear(connection, [(4, 6), (10, 11)])
        left = {path: (k.heard_s, k.content_hash) for path, k in library.known(["/"]).items()}
        unheard = {path for path, facts in left.items() if facts == (0.0, "")}
        numbers = {f"/sounds/door number {n}.wav" for n in (0, 1, 2)}
        assert unheard == {*numbers, "/new"}
        assert [row.id for row in window_rows(library, "id")] == [*range(13, 23)]
        accept_tags(library, [(1, "kept")])
        assert len(tag_rows(library)) == 1


# The exchange of files


def test_a_new_library_takes_the_place_of_the_old_with_its_log(tmp_path):
    path = tmp_path / "library.db"
    for ending in ("", "-wal", "-journal", "-shm"):
        path.with_name(f"library.db{ending}").write_text(f"old{ending}")
    work_folder(path).mkdir()
    made = work_folder(path) / "made.db"
    made.write_text("new")
    aside = put_in_place(path, made, "damaged-x")
    assert aside == tmp_path / "library.db.damaged-x"
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "library.db": "new",
        "library.db.damaged-x": "old",
        "library.db.damaged-x-wal": "old-wal",
        "library.db.damaged-x-journal": "old-journal",
    }


def test_an_exchange_that_was_begun_is_finished(tmp_path):
    path = tmp_path / "library.db"
    path.write_text("old")
    finish(path)
    assert path.read_text() == "old"
    work_folder(path).mkdir()
    (work_folder(path) / "raw.db").write_text("unfinished")
    finish(path)
    assert path.read_text() == "old" and (work_folder(path) / "raw.db").exists()
    (work_folder(path) / "ready-damaged-2026-01-02-030405").write_text("new")
    finish(path)
    assert path.read_text() == "new"
    assert (tmp_path / "library.db.damaged-2026-01-02-030405").read_text() == "old"
    assert not work_folder(path).exists()


def test_what_was_put_aside_already_is_not_overwritten(tmp_path):
    path = tmp_path / "library.db"
    path.write_text("half")
    (tmp_path / "library.db.damaged-2026-01-02-030405").write_text("old")
    work_folder(path).mkdir()
    (work_folder(path) / "ready-damaged-2026-01-02-030405").write_text("new")
    finish(path)
    assert path.read_text() == "new"
    assert (tmp_path / "library.db.damaged-2026-01-02-030405").read_text() == "old"


def test_a_work_folder_that_cannot_be_removed_is_no_failure(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.rmdir", refuse)
    path = tmp_path / "library.db"
    work_folder(path).mkdir()
    (work_folder(path) / "made.db").write_text("new")
    put_in_place(path, work_folder(path) / "made.db", "damaged-x")
    assert path.read_text() == "new"
    finish(path)  # there is nothing left to finish
    assert path.read_text() == "new" and not list(tmp_path.glob("*.damaged-*"))


def test_a_file_system_without_links_keeps_a_copy(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", none)
    path = tmp_path / "library.db"
    path.write_text("old")
    work_folder(path).mkdir()
    (work_folder(path) / "made.db").write_text("new")
    aside = put_in_place(path, work_folder(path) / "made.db", "damaged-x")
    assert (path.read_text(), aside.read_text()) == ("new", "old")
    assert not work_folder(path).exists()
