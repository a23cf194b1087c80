"""Every decision of a user can be undone and redone, also after the library was closed."""

import json
import zlib
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from engine.errors import InputError
from engine.search import search_names
from engine.store import FileFacts, Library, history, tables
from engine.store.collections import (
    collect,
    collections,
    drop_collection,
    rename_collection,
    take_out,
)
from engine.store.history import Step, redo, steps, undo
from engine.store.marks import set_colour, set_note, set_stars
from engine.store.saved_searches import drop_search, rename_search, save_search, saved_searches
from engine.store.tags import tag_rows
from engine.store.uses import forget_uses, note_uses, uses_of
from engine.tags.review import Review


@pytest.fixture
def three(library: Library) -> Library:
    for n in range(1, 4):
        facts = FileFacts(f"/a/{n}.wav", 1, 1, f"{n}", 1.0, 48000, 1, 16, "wav")
        library.put_sounds([(facts, [])])
    return library


def state(library: Library) -> object:
    """Return all that a user decided."""
    with library.reading() as connection:
        held = connection.exec_driver_sql(
            "SELECT name, sound_id FROM collections LEFT JOIN collected ON collection_id = id"
        ).fetchall()
    return (
        {i: sound.marks for i, sound in library.sounds().items()},
        [uses_of(library, i) for i in (1, 2, 3)],
        sorted(map(tuple, held), key=repr),
        saved_searches(library),
        tag_rows(library),
    )


CHANGES: list[tuple[str, Callable[[Library], object]]] = [
    ("stars", lambda x: set_stars(x, [1, 2], 4)),
    ("stars", lambda x: set_stars(x, [1], 2)),
    ("colour", lambda x: set_colour(x, [1, 3], "red")),
    ("note", lambda x: set_note(x, [2], "attic")),
    ("used", lambda x: note_uses(x, [1, 2], "Film")),
    ("not used", lambda x: forget_uses(x, [2])),
    ("new collection", lambda x: collect(x, "Rain", [])),
    ("collect", lambda x: collect(x, "Doors", [1, 2])),
    ("take out", lambda x: take_out(x, "Doors", [2])),
    ("rename collection", lambda x: rename_collection(x, "Doors", "Gates")),
    ("drop collection", lambda x: drop_collection(x, "Gates")),
    ("save search", lambda x: save_search(x, "Short", "door dur:<2s")),
    ("rename search", lambda x: rename_search(x, "Short", "Brief")),
    ("drop search", lambda x: drop_search(x, "Brief")),
    ("tags", lambda x: Review(x).accept([(1, "wet"), (2, "wet")])),
    ("tags", lambda x: Review(x).edit([(1, "wet")], "moist")),
    ("tags", lambda x: Review(x).remove("moist")),
]


def test_all_that_is_decided_can_be_undone_step_by_step_and_done_again(three):
    before = [state(three)]
    for kind, change in CHANGES:
        change(three)
        assert steps(three)[0].kind == kind
        before.append(state(three))
        assert before[-1] != before[-2], kind
    for kind, expected in zip([k for k, _ in reversed(CHANGES)], before[-2::-1], strict=True):
        done = undo(three)
        assert done is not None and (done.step.kind, done.left) == (kind, 0)
        assert state(three) == expected
    assert undo(three) is None
    for (kind, _), expected in zip(CHANGES, before[1:], strict=True):
        done = redo(three)
        assert done is not None and (done.step.kind, done.left) == (kind, 0)
        assert state(three) == expected
    assert redo(three) is None


def test_a_library_that_was_closed_still_knows_what_was_done(three):
    set_stars(three, [1, 2], 4)
    with Library(three.name) as again:
        assert steps(again) == [Step("stars", 2, "4")]
        assert undo(again) == history.Restored(Step("stars", 2, "4"), (1, 2))
        assert again.sounds()[1].marks.stars == 0


def test_words_of_tags_are_searched_as_undo_leaves_them(three):
    Review(three).accept([(1, "moist")])
    assert len(search_names(three, "moist").matches) == 1
    undo(three)
    assert not search_names(three, "moist").matches
    redo(three)
    assert len(search_names(three, "moist").matches) == 1


def test_what_was_decided_since_stays_and_is_told(three):
    set_stars(three, [1, 2], 4)
    with three.writing() as connection:  # by another program, say
        connection.exec_driver_sql("UPDATE marks SET stars = 1 WHERE sound_id = 2")
    done = undo(three)
    assert done is not None and done.left == 1
    assert [three.sounds()[i].marks.stars for i in (1, 2)] == [0, 1]


def test_what_is_gone_from_the_library_is_not_brought_back(three):
    collect(three, "Doors", [1, 2])
    set_stars(three, [1, 2], 4)
    drop_collection(three, "Doors")
    set_stars(three, [1, 2], 0)
    with three.writing() as connection:
        connection.exec_driver_sql("DELETE FROM sounds WHERE id = 2")
    for _ in range(2):
        done = undo(three)
        assert done is not None and done.left == 1
    assert collections(three) == {"Doors": 1} and three.sounds()[1].marks.stars == 4


def test_a_collection_is_not_brought_back_under_a_name_that_another_has(three):
    collect(three, "Doors", [1])
    drop_collection(three, "Doors")
    with three.writing() as connection:
        connection.exec_driver_sql("INSERT INTO collections (name) VALUES ('Doors')")
    done = undo(three)
    assert done is not None and done.left == 2
    assert collections(three) == {"Doors": 0}


def test_a_new_step_ends_what_could_be_done_again(three):
    set_stars(three, [1], 4)
    undo(three)
    set_stars(three, [1], 2)
    assert redo(three) is None
    undo(three)
    assert three.sounds()[1].marks.stars == 0


def test_what_changes_nothing_is_no_step(three):
    set_stars(three, [1], 4)
    undo(three)
    set_stars(three, [1], 0)
    take_out(three, "Doors", [1])
    assert steps(three) == []
    assert redo(three) is not None  # and it ends nothing


def test_the_oldest_steps_go_when_there_are_too_many_or_too_large_ones(three, monkeypatch):
    monkeypatch.setattr(history, "_STEPS", 3)
    for stars in (1, 2, 3, 4, 5):
        set_stars(three, [1], stars)
    assert [step.name for step in steps(three)] == ["5", "4", "3"]
    monkeypatch.setattr(history, "_MOST_BYTES", 10)
    set_stars(three, [1], 1)
    assert [step.name for step in steps(three)] == ["1"]  # the latest in any case


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"words",
        zlib.compress(b"[]"),
        zlib.compress(b'{"sounds": [[], []]}'),
        zlib.compress(json.dumps({"marks": [[], [[1, 4]]]}).encode()),
        zlib.compress(json.dumps({"marks": [[], [[1, "4", None, None, None]]]}).encode()),
        zlib.compress(json.dumps({"marks": [[], [[None, 4, None, None, None]]]}).encode()),
        zlib.compress(json.dumps({"marks": [[]]}).encode()),
    ],
)
def test_a_damaged_record_is_told_and_changes_nothing(three, record):
    set_stars(three, [1], 3)
    set_stars(three, [1], 4)
    with three.writing() as connection:
        h = tables.history
        latest = update(h).where(h.c.id == select(func.max(h.c.id)).scalar_subquery())
        connection.execute(latest.values(change=record))
    with pytest.raises(InputError, match="damaged"):
        undo(three)
    assert three.sounds()[1].marks.stars == 4
    undone = undo(three)  # the one before can be tried; the stars were changed since
    assert undone is not None and undone.left == 1


def test_many_sounds_are_one_step(three):
    facts = [FileFacts(f"/b/{n}.wav", 1, 1, f"b{n}", 1.0, 1, 1, 16, "wav") for n in range(3000)]
    three.put_sounds([(fact, []) for fact in facts])
    ids = sorted(three.sounds())
    set_stars(three, ids, 3)
    assert steps(three) == [Step("stars", len(ids), "3")]
    undo(three)
    assert not any(sound.marks.stars for sound in three.sounds().values())


def test_a_change_and_the_way_back_are_kept_together_or_not_at_all(three, monkeypatch):
    def full(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(history, "_note", full)
    with pytest.raises(OSError, match="full"):
        set_stars(three, [1], 4)
    assert three.sounds()[1].marks.stars == 0 and steps(three) == []
