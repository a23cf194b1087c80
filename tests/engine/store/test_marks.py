"""Stars, colours, notes and uses: kept by sound, asked for, listed by, and salvaged."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from engine.errors import InputError
from engine.progress import Control
from engine.search.grammar import parse
from engine.store import FileFacts, Library
from engine.store.conditions import sounds_where
from engine.store.connection import REVISION
from engine.store.history import undo
from engine.store.listing import facets, ordered_sounds
from engine.store.marks import COLOURS, mark_counts, set_colour, set_note, set_stars
from engine.store.records import UNMARKED, Marks
from engine.store.repair import repair
from engine.store.salvage import counts
from engine.store.saved_searches import save_search, saved_searches
from engine.store.uses import forget_uses, note_use, note_uses, projects, uses_of

DAY_NS = 86_400 * 10**9


@pytest.fixture
def five(library: Library) -> Library:
    """Return a library of five sounds, 1 to 5, in two folders."""
    return filled(library)


@pytest.fixture(scope="module")
def marked(make_library: Callable[[], Library]) -> Library:
    """Return a library of five sounds that are marked, in which no test changes anything."""
    library = filled(make_library())
    set_stars(library, [1], 4)
    set_stars(library, [2], 3)
    set_colour(library, [2], "red")
    set_colour(library, [4], "blue")
    set_note(library, [3], "Creaks in the attic, old")
    now = time.time_ns()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.store.uses.time.time_ns", lambda: now - 60 * DAY_NS)
        note_use(library, 4, "Film")
        note_use(library, 5, "Old film")
    note_use(library, 5, "My film")
    return library


def filled(library: Library) -> Library:
    library.add_folder("/a")
    library.add_folder("/a/b")
    for n in range(1, 6):
        folder = "/a/b" if n > 3 else "/a"
        path = f"{folder}/door {n}.wav"
        library.put_sounds([(FileFacts(path, 1, 1, f"{n}", 1.0, 48000, 1, 16, "wav"), [])])
    return library


def found(library: Library, text: str) -> list[int]:
    return sounds_where(library, parse(text).conditions).tolist()


def test_marks_are_shown_with_their_sounds(five):
    set_stars(five, [1, 2], 4)
    set_colour(five, [2], "Gray")
    set_note(five, [2], "  for the\n attic ")
    note_use(five, 3, "Film", "REAPER")
    marks = {i: sound.marks for i, sound in five.sounds().items()}
    assert marks[1] == Marks(4) and marks[2] == Marks(4, "grey", "for the attic")
    assert marks[3].project == "Film" and marks[3].used_ns is not None
    assert marks[4] == marks[5] == UNMARKED
    assert five.sounds([2])[2].marks.to_dict() == {
        "stars": 4,
        "colour": "grey",
        "note": "for the attic",
        "used": None,
        "project": "",
    }
    counted = mark_counts(five)
    assert (counted.starred, counted.coloured, counted.noted, counted.used) == (2, 1, 1, 1)


def test_what_is_taken_away_leaves_nothing_behind(five):
    set_stars(five, [1], 4)
    set_note(five, [1], "x")
    set_stars(five, [1], 0)
    assert five.sounds()[1].marks == Marks(0, None, "x")
    set_note(five, [1], " ")
    assert five.sounds()[1].marks == UNMARKED
    with five.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM marks").scalar() == 0


def test_sounds_that_the_library_does_not_know_are_passed_over(five):
    set_stars(five, [5, 99], 1)
    note_uses(five, [5, 99], "Film")
    assert mark_counts(five).starred == mark_counts(five).used == 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("stars:4", [1]),
        ("stars:>=3", [1, 2]),
        ("stars:>3", [1]),
        ("stars:3-5", [1, 2]),
        ("stars:0", [3, 4, 5]),
        ("stars:<4", [2, 3, 4, 5]),
        ("stars:<=3", [2, 3, 4, 5]),
        ("stars:0-3", [2, 3, 4, 5]),
        ("stars:>0", [1, 2]),
        ("-stars:>=1", [3, 4, 5]),
        ("colour:red", [2]),
        ("color:Red", [2]),
        ("-colour:red", [1, 3, 4, 5]),
        ("has:colour", [2, 4]),
        ("note:attic", [3]),
        ("note:att*", [3]),
        ("note:att", []),
        ('note:"the attic"', [3]),
        ('note:"attic the"', []),
        ("has:note", [3]),
        ("used:never", [1, 2, 3]),
        ("-used:never", [4, 5]),
        ("used:film", [4]),
        ('used:"My film"', [5]),
        ("used:<30d", [5]),
        ("used:>30d", [4]),
        ("used:>1y", []),
        ("stars:>=3 colour:red", [2]),
    ],
)
def test_marks_are_asked_for(marked, text, wanted):
    assert found(marked, text) == wanted


@pytest.mark.parametrize("text", ["stars:6", "stars:x", "colour:pink", "used:<x", "note:-"])
def test_what_cannot_be_asked_for_is_told(text):
    with pytest.raises(InputError, match=r"[a-z]+:|red"):
        parse(text)


def test_what_cannot_be_marked_is_told(five):
    with pytest.raises(InputError, match="0 to 5"):
        set_stars(five, [1], 6)
    with pytest.raises(InputError, match="red, orange"):
        set_colour(five, [1], "pink")
    with pytest.raises(InputError, match="10000"):
        set_note(five, [1], "x" * 10_001)


def test_lists_are_ordered_by_marks_with_the_unmarked_last(five):
    set_stars(five, [2], 1)
    set_stars(five, [4], 5)
    assert ordered_sounds(five, (), "stars", descending=True).tolist() == [4, 2, 1, 3, 5]
    assert ordered_sounds(five, (), "stars").tolist() == [2, 4, 1, 3, 5]
    for n, name in enumerate(reversed(COLOURS[:3])):
        set_colour(five, [n + 1], name)
    assert ordered_sounds(five, (), "colour").tolist() == [3, 2, 1, 4, 5]
    set_note(five, [5], "b")
    set_note(five, [1], "C")
    assert ordered_sounds(five, (), "note").tolist() == [5, 1, 2, 3, 4]
    note_use(five, 3)
    note_use(five, 2)
    assert ordered_sounds(five, (), "used", descending=True).tolist() == [2, 3, 1, 4, 5]
    assert ordered_sounds(five, (), "root", descending=True).tolist() == [4, 5, 1, 2, 3]


def test_a_sound_tells_its_innermost_folder_of_the_library(five):
    five.put_sounds([(FileFacts("/ab/x.wav", 1, 1, "x", 1.0, 1, 1, 16, "wav"), [])])
    roots = {sound.path: sound.root for sound in five.sounds().values()}
    assert roots["/a/door 1.wav"] == "/a" and roots["/a/b/door 4.wav"] == "/a/b"
    assert roots["/ab/x.wav"] == ""


def test_uses_are_listed_latest_first_and_can_be_forgotten(five):
    note_use(five, 1, " My  film ", "/project/audio")
    note_use(five, 1, "Game")
    note_use(five, 2, "")
    assert [(u.project, u.target) for u in uses_of(five, 1)] == [
        ("Game", ""),
        ("My film", "/project/audio"),
    ]
    assert projects(five) == ["Game", "My film"] == list(facets(five).projects)
    assert five.sounds()[1].marks.project == "Game"
    forget_uses(five, [1])
    assert uses_of(five, 1) == [] and found(five, "used:never") == [1, 3, 4, 5]


def test_marks_follow_a_sound_that_moves_and_go_with_it(five):
    set_stars(five, [1], 5)
    note_use(five, 1)
    five.move_sound(1, "/a/other.wav", 2)
    assert five.sounds()[1].marks.stars == 5 and five.sounds()[1].path == "/a/other.wav"
    five.put_sounds([(FileFacts("/a/other.wav", 2, 3, "y", 2.0, 1, 1, 16, "wav"), [])])
    assert five.sounds()[1].marks.stars == 5  # the file was saved anew
    with five.writing() as connection:
        connection.exec_driver_sql("DELETE FROM sounds WHERE id = 1")
    assert mark_counts(five).starred == mark_counts(five).used == 0


@pytest.mark.sqlite
def test_marks_count_as_decisions_of_a_person(five):
    before = counts(five.path)["decisions"]
    set_stars(five, [1, 2], 5)
    note_use(five, 1)
    assert counts(five.path)["decisions"] == before + 3


@pytest.mark.sqlite
def test_a_library_of_before_gets_the_tables_and_keeps_its_collections(tmp_path):
    from engine.store.collections import collect, collections, drop_collection
    from engine.store.connection import make_schema

    path = tmp_path / "library.db"
    make_schema(path, "0006")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO sounds (id, path, size, mtime_ns, content_hash, duration_s, rate_hz, "
            "channels, format, state, added_ns, heard_s) "
            "VALUES (7, '/a', 1, 1, 'a', 1, 1, 1, 'wav', 0, 1, 1)"
        )
        connection.execute("INSERT INTO collections (id, name) VALUES (3, 'Doors')")
        connection.execute("INSERT INTO collected (collection_id, sound_id) VALUES (3, 7)")
    with Library(path) as library:
        assert collections(library) == {"Doors": 1}
        set_stars(library, [7], 2)
        drop_collection(library, "Doors")
        collect(library, "Rain", [7])
        with library.reading() as connection:
            assert connection.exec_driver_sql("SELECT id FROM collections").scalar() == 4
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
    assert (tmp_path / f"library.db.before-{REVISION}").is_file()


@pytest.mark.sqlite
def test_a_repaired_library_keeps_what_its_user_kept(five):
    path = five.path
    set_stars(five, [1, 2], 4)
    set_note(five, [2], "attic")
    note_use(five, 3, "Film", "REAPER")
    save_search(five, "Short", "dur:<2s")
    five.close()
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sounds_by_age'"
        ).fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xee" * 4096)
    report = repair(path, Control())
    assert report.action == "salvaged"
    kept = {name: report.kept[name] for name in ("marks", "uses", "saved_searches", "history")}
    assert kept == {"marks": 2, "uses": 1, "saved_searches": 1, "history": 4}
    with Library(path) as library:
        marks = {i: sound.marks for i, sound in library.sounds().items()}
        assert marks[2] == Marks(4, None, "attic") and marks[3].project == "Film"
        assert saved_searches(library) == {"Short": "dur:<2s"}
        undo(library)
        assert saved_searches(library) == {}
