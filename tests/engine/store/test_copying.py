"""A library is copied whole from either kind into either: also by a run that was killed."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from engine.errors import InputError, LibraryError
from engine.progress import Cancelled, Control
from engine.store import FileFacts, Header, Library, Skipped, StoredWindow, copying, tables
from engine.store.collections import collect, collections, drop_collection
from engine.store.copying import copy_library
from engine.store.history import undo
from engine.store.interest import note_interest
from engine.store.keywords import match_words
from engine.store.marks import set_note, set_stars
from engine.store.regions import add_region
from engine.store.saved_searches import save_search
from engine.store.tags import PERSON, TagRow, put_tags
from engine.store.thumbnails import put_thumbnails
from engine.store.uses import note_use
from engine.store.vectors import load_vectors
from engine.store.windows import window_rows
from tests.postgres import Postgres

CONTROL = Control()
MADE = itertools.count()


def fill(library: Library) -> None:
    """Put something into every table."""
    for n in range(5):
        facts = FileFacts(
            f"/s/Door_{n}.wav", 10**12, 2**62 + n, f"h{n}", 1 / 3, 48000, 2, None, "w"
        )
        windows = [StoredWindow(0.1 * n, 1.0, bytes([n]) * 4, b"\0\x3c\0\x40", 0.1)] * (n + 1)
        library.put_sounds([(facts, windows)])
    library.put_headers(
        [
            (
                FileFacts("/s/été.wav", 1, 1, "", 1.0, 1, 1, 8, "w"),
                Header("ž", "DOOR", "gate", {"k": "é"}),
            )
        ]
    )
    library.add_folder("/s")
    library.put_skipped([Skipped("/s/bad", 1, 2, 3, "bad"), Skipped("/s/ä", 1, 2, 3, "bad")])
    library.set_settings({"model_id": bytes(range(256))})
    put_tags(
        library, [TagRow(1, "wet", "accepted", PERSON), TagRow(2, "dry", "suggested", "m", 0.1)]
    )
    collect(library, "Gone", [1])
    drop_collection(library, "Gone")  # its id never comes again
    collect(library, "Mine", [1, 3])
    set_stars(library, [1, 2], 4)
    set_note(library, [2], "near the café")
    note_use(library, 1, "Film", "REAPER")
    save_search(library, "Short", "dur:<2s")
    add_region(library, 3, "slow creak", 0.1, 0.2)
    note_interest(library, ["doors"])
    put_thumbnails(library, {1: b"\0\1\2"})
    with library.writing() as connection:
        connection.execute(insert(tables.roots).values(key="k", name="SFX"))
        gone = {"table_name": "collections", "row_id": 1, "author": "mia", "shared": 1}
        connection.execute(insert(tables.removed).values(**gone, remover="eve"))


def content(library: Library) -> dict[str, list[tuple[object, ...]]]:
    with library.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in tables.metadata.sorted_tables
            if table.name not in ("workers", "claims", "changes")  # not of what it holds
        }


@pytest.fixture
def filled(tmp_path: Path) -> Library:
    with Library(tmp_path / "filled.db") as library:
        fill(library)
        assert not [name for name, rows in content(library).items() if not rows]
    return library


class Places:
    """New places for libraries."""

    def __init__(self, folder: Path, server: Postgres) -> None:
        self._folder, self._server = folder, server

    def new(self, kind: str) -> Path | str:
        if kind == "file":
            return self._folder / f"copy{next(MADE)}.db"
        return self._server.address(self._server.new_database())


@pytest.fixture
def places(tmp_path: Path, server: Postgres) -> Places:
    return Places(tmp_path, server)


def test_a_file_copied_to_a_server_and_back_is_what_it_was(filled, places):
    there, back = places.new("server"), places.new("file")
    done = copy_library(filled.path, there, CONTROL)
    copy_library(there, back, CONTROL)
    with Library(filled.path) as first:
        expected = content(first)
    for place in (there, back):
        with Library(place) as library:
            assert content(library) == expected
            assert [i for i, _ in match_words(library, [["doors"]])] == [1, 2, 3, 4, 5]
            assert match_words(library, [["ete"], ["gate"]]) == [(6, 1.0)]
            assert match_words(library, [["wet"]]) == [(1, 1.0)]
            assert match_words(library, [["slow creak"]]) == [(3, 1.0)]
            assert len(load_vectors(library, 2).vectors) == 15
    assert done.rows == {name: len(rows) for name, rows in expected.items()}
    assert done.texts == 0


@pytest.mark.parametrize("kind", ["file", "server"])
def test_a_copy_goes_on_with_new_ids(filled, places, kind):
    place = places.new(kind)
    copy_library(filled.path, place, CONTROL)
    with Library(place) as library:
        newest = max(row.id for row in window_rows(library, "id", present=False))
        library.put_sounds([(FileFacts("/n.wav", 1, 1, "n", 1.0, 1, 1, 8, "w"), [])])
        assert max(library.sounds()) == 7
        drop_collection(library, "Mine")
        collect(library, "New", [1])
        with library.reading() as connection:
            c = tables.collections.c
            assert connection.scalar(select(c.id).where(c.name == "New")) == 3
        undo(library)
        undo(library)
        assert collections(library) == {"Mine": 2}
        windows = [StoredWindow(0.0, 1.0, b"", b"\0\0\0\0", 0.0)]
        library.put_sounds([(FileFacts("/n.wav", 1, 1, "n", 1.0, 1, 1, 8, "w"), windows)])
        assert max(row.id for row in window_rows(library, "id", present=False)) > newest


def stops(after: int) -> Iterator[bool]:
    yield from itertools.repeat(False, after)
    yield from itertools.repeat(True)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["file", "server"])
def test_a_copy_that_was_stopped_anywhere_goes_on_to_the_same_end(
    filled, places, kind, monkeypatch
):
    monkeypatch.setattr(copying, "_AT_ONCE", 2)
    monkeypatch.setattr(copying, "_SOUNDS", 2)
    with Library(filled.path) as library:
        expected = content(library)
    place, runs = places.new(kind), 0
    for after in itertools.count(3, 5):
        runs += 1
        told = stops(after)
        try:
            copy_library(filled.path, place, Control(cancel=lambda told=told: next(told)))
            break
        except Cancelled:
            if kind == "file":
                assert not place.exists()
            else:
                with pytest.raises(LibraryError, match="a copy that was not finished"):
                    Library(place)
    assert runs > 3
    with Library(place) as library:
        assert content(library) == expected
        assert len(match_words(library, [["door"]])) == 5


@pytest.mark.parametrize("kind", ["file", "server"])
def test_what_changed_since_a_stopped_copy_is_copied_as_it_is_now(
    filled, places, kind, monkeypatch
):
    monkeypatch.setattr(copying, "_AT_ONCE", 2)
    place, told = places.new(kind), stops(60)
    with pytest.raises(Cancelled):
        copy_library(filled.path, place, Control(cancel=lambda: next(told)))
    with Library(filled.path) as library:
        library.move_sound(1, "/s/Gate.wav", 5)
        put_tags(library, [TagRow(2, "dry", "accepted", PERSON)], [(1, "wet")])
        with library.writing() as connection:
            connection.execute(tables.sounds.delete().where(tables.sounds.c.id == 4))
        expected = content(library)
    copy_library(filled.path, place, CONTROL)
    with Library(place) as library:
        assert content(library) == expected
        assert match_words(library, [["wet"]]) == [] and match_words(library, [["dry"]]) == [(2, 1)]
        assert [i for i, _ in match_words(library, [["gate"]])] == [1, 6]


def test_a_copy_that_is_not_what_was_written_is_never_called_whole(filled, places, monkeypatch):
    place = places.new("server")

    def lie(source, new, table, control, copy=copying._copy):
        copy(source, new, table, control)
        if table is tables.tags:
            with new.writing() as connection:
                connection.execute(update(table).values(probability=0.25))

    monkeypatch.setattr(copying, "_copy", lie)
    with pytest.raises(LibraryError, match="not what was written"):
        copy_library(filled.path, place, CONTROL)
    with pytest.raises(LibraryError, match="not finished"):
        Library(place)


def test_characters_that_a_server_cannot_keep_are_counted(filled, places):
    with Library(filled.path) as library, library.writing() as connection:
        connection.execute(update(tables.sounds).values(description="a\0b"))
        connection.execute(insert(tables.interest).values(folder="x", searches=1))
    place = places.new("server")
    assert copy_library(filled.path, place, CONTROL).texts == 6
    with Library(place) as library:
        assert library.sounds()[1].description == "ab"
    back = places.new("file")
    assert copy_library(filled.path, back, CONTROL).texts == 0
    with Library(back) as library:
        assert library.sounds()[1].description == "a\0b"


@pytest.mark.parametrize("kind", ["file", "server"])
def test_no_library_is_copied_over(filled, places, kind):
    place = places.new(kind)
    with Library(place) as library:
        library.add_folder("/theirs")
    with pytest.raises(InputError, match="already a"):
        copy_library(filled.path, place, CONTROL)
    with Library(place) as library:
        assert library.folders() == ["/theirs"]


def test_only_a_sound_library_is_copied(filled, places, tmp_path):
    with pytest.raises(LibraryError, match="no library at"):
        copy_library(tmp_path / "none.db", places.new("server"), CONTROL)
    with filled.path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xee" * 4096)
    with pytest.raises(LibraryError, match="soundsift repair"):
        copy_library(filled.path, places.new("server"), CONTROL)


def test_a_file_that_was_whole_and_had_no_name_yet_is_gone_on_with(filled, places, monkeypatch):
    place = places.new("file")

    def killed(target: Path, control: Control) -> None:
        raise KeyboardInterrupt  # as good as: nothing of ours runs in between

    with monkeypatch.context() as patched:
        patched.setattr(copying, "_put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            copy_library(filled.path, place, CONTROL)
    with Library(filled.path) as library:
        set_stars(library, [3], 2)
        expected = content(library)
    assert not place.exists()
    copy_library(filled.path, place, CONTROL)
    with Library(place) as library:
        assert content(library) == expected


def test_a_copy_is_not_put_in_place_while_its_last_check_is_stopped(filled, places, monkeypatch):
    place, stopped = places.new("file"), []

    def check(path: Path, control: Control) -> str:
        if path != filled.path:
            stopped.append(path)
        return ""  # as who is interrupted finds nothing

    monkeypatch.setattr(copying, "damage_of", check)
    with pytest.raises(Cancelled):
        copy_library(filled.path, place, Control(cancel=lambda: bool(stopped)))
    assert stopped and not place.exists()
    monkeypatch.undo()
    copy_library(filled.path, place, CONTROL)
    assert place.exists()


def test_two_do_not_copy_into_one_place(filled, places):
    with ExitStack() as opened:
        place = places.new("server")
        library = opened.enter_context(Library(place))
        opened.enter_context(library.database.alone())
        with pytest.raises(LibraryError, match="another index run"):
            copy_library(filled.path, place, CONTROL)
