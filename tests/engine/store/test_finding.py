"""What is found by words, conditions and in lists: bounds, order, shares and counts."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from engine.store import FileFacts, Header, Library, tables
from engine.store import keywords as module
from engine.store.collections import collect
from engine.store.conditions import (
    Category,
    Collection,
    Condition,
    Format,
    Not,
    Range,
    Tag,
    Words,
    searched,
    sounds_where,
)
from engine.store.dialects import Phrases, fts5
from engine.store.keywords import KeywordHits, find_words, match_words
from engine.store.listing import (
    Facets,
    FolderCounts,
    damaged_sounds,
    details_of,
    facets,
    files_of,
    ordered_sounds,
)
from engine.store.tables import MISSING, OFFLINE
from engine.store.tags import PERSON, TagRow, put_tags
from engine.store.words import search_words
from tests.conftest import accept_tags


def row(path: str, **others: object) -> FileFacts:
    values = {
        "size": 1,
        "mtime_ns": 2,
        "content_hash": "",
        "duration_s": 1.0,
        "rate_hz": 48000,
        "channels": 1,
        "bits": 16,
        "format": "wav",
        **others,
    }
    return FileFacts(path, **values)


def put(library: Library, *rows: FileFacts | tuple[FileFacts, Header]) -> dict[str, int]:
    library.put_headers([r if isinstance(r, tuple) else (r, Header()) for r in rows])
    return {Path(sound.path).stem: sound.id for sound in library.sounds().values()}


def put_three(library: Library) -> None:
    put(
        library,
        (
            row("/s/Doors/one.wav", duration_s=1.0, rate_hz=8000, channels=1, bits=8),
            Header("x", "DOORWood", "door wood"),
        ),
        (
            row("/s/Bells/two.flac", duration_s=2.0, rate_hz=48000, channels=2, format="FLAC"),
            Header("y", "BELLHand", "bell hand"),
        ),
        row(
            "/s/Doors/three.mp3", duration_s=3.0, rate_hz=96000, channels=3, bits=None, format="Odd"
        ),
    )
    accept_tags(library, [(3, "DOORmetal"), (2, "Wet")])
    put_tags(library, [TagRow(1, "wet", "suggested", "m"), TagRow(3, "dry", "rejected", PERSON)])
    collect(library, "Mine", [1, 3])
    collect(library, "Other", [2])


@pytest.fixture(scope="module")
def three(make_library: Callable[[], Library]) -> Library:
    """Give a library of three sounds that tests only read."""
    opened = make_library()
    put_three(opened)
    return opened


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        (Range("duration_s"), [1, 2, 3]),
        (Range("duration_s", 2.0), [2, 3]),
        (Range("duration_s", 2.0, open_low=True), [3]),
        (Range("duration_s", None, 2.0), [1, 2]),
        (Range("duration_s", None, 2.0, open_high=True), [1]),
        (Range("duration_s", 1.0, 3.0, True, True), [2]),
        (Range("duration_s", 1.0, 3.0, False, True), [1, 2]),
        (Range("duration_s", 1.0, 3.0, True, False), [2, 3]),
        (Range("rate_hz", 48000, 48000), [2]),
        (Range("channels", 2), [2, 3]),
        (Range("bits"), [1, 2]),  # what has none is in no range
        (Range("bits", None, 99), [1, 2]),
        (Not(Range("bits", 8, 8)), [2, 3]),
        (Format("wav"), [1]),
        (Format(".WAV"), [1]),
        (Format("Flac"), [2]),
        (Format("mp3"), [3]),  # by its name
        (Format("p3"), []),
        (Format("oDD"), [3]),
        (Format("%"), []),
        (Category("doorwood"), [1]),
        (Category("DOOR"), []),
        (Category("door", prefix=True), [1, 3]),  # a header's, and a tag's
        (Category("DoorMetal"), [3]),
        (Category("wood", prefix=True), []),
        (Category("%", prefix=True), []),
        (Not(Category("door", prefix=True)), [2]),
        (Tag("wet"), [2]),
        (Tag("WET"), [2]),
        (Tag("dry"), []),
        (Tag(None), [2, 3]),
        (Not(Tag(None)), [1]),
        (Collection("mine"), [1, 3]),
        (Collection("MINE"), [1, 3]),
        (Collection("other"), [2]),
        (Collection("none"), []),
        (Not(Collection("Mine")), [2]),
        (Words(("doors",)), [1, 3]),
        (Words(("doors",), "folders"), [1, 3]),
        (Words(("doors",), "name"), []),
        (Words(("one",), "name"), [1]),
        (Words(("one", "two"), "name"), [1, 2]),
        (Words(("t*",), "name"), [2, 3]),
        (Words(("t",), "name"), []),
        (Words(("door wood",)), [1]),
        (Words(("wood door",)), []),
        (Not(Words(("doors",))), [2]),
        (Words(("%",)), []),
    ],
)
def test_conditions_hold_up_to_their_bounds(three, condition, ids):
    found = sounds_where(three, [condition])
    assert found.tolist() == ids and found.dtype == np.int64


def test_several_conditions_hold_together_and_of_present_sounds(library):
    put_three(library)
    both: list[Condition] = [Words(("doors",)), Range("channels", 2)]
    assert sounds_where(library, both).tolist() == [3]
    assert sounds_where(library, []).tolist() == [1, 2, 3]
    library.set_state([3], OFFLINE)
    assert sounds_where(library, both).tolist() == []
    assert sounds_where(library, []).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("phrases", "expression"),
    [
        ((), ""),
        (("%", "*"), ""),
        (("Door",), '"door"'),
        (("Door*",), '"door" *'),
        (("%", "HeavyDoor", "x 1*"), '"heavy door" OR "x 1" *'),
    ],
)
def test_phrases_become_an_expression(phrases, expression):
    words = searched(phrases)
    assert (fts5(Phrases((words,))) if words else "") == expression


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("aB", "a b"),
        ("ABc", "a bc"),
        ("ABCd", "ab cd"),
        ("AB", "ab"),
        ("a1b2", "a 1 b 2"),
        ("12x", "12 x"),
        ("x_y-z.w", "x y z w"),
        ("  ", ""),
        ("ÄRGER", "ärger"),
    ],
)
def test_words_begin_at_capitals_and_numbers(name, words):
    assert search_words(name) == words


def test_every_part_of_a_sound_is_searched_by_words(library):
    fields = {"a": "rusty hinge", "b": "creak"}
    put(library, (row("/Music Box/Deep/HeavyGate.wav"), Header("d", "C", "wood", fields)))
    accept_tags(library, [(1, "loud"), (1, "very near")])
    columns = "name, folders, details, category, tags"
    with library.reading() as connection:
        found = connection.exec_driver_sql(f"SELECT {columns} FROM words").one()
    assert tuple(found) == (
        "heavy gate",
        "music box deep",
        "rusty hinge creak",
        "wood",
        "loud very near",
    )


def sounds_of_words(library: Library, texts: Sequence[str]) -> None:
    put(library, *((row(f"/{n}.wav"), Header(fields={"t": t})) for n, t in enumerate(texts)))


def idf(count: int, total: int) -> float:
    """Return how much a word weighs in a library of less than a thousand sounds."""
    plain = math.log(1 + (total - count + 0.5) / (count + 0.5))
    return plain * math.log(1001) / math.log(2 + total)


def test_a_sound_weighs_as_much_as_the_rare_words_it_holds(library):
    sounds_of_words(library, ["door bell", "door door", "door", "rain", "bell"])
    hits = find_words(library, [["door"], ["bell"]])
    door, bell = idf(3, 5), idf(2, 5)
    assert 0 < door < bell
    assert hits.sound_ids.tolist() == [1, 2, 3, 5]
    assert hits.weights.tolist() == pytest.approx([door + bell, door, door, bell])
    assert hits.weights.dtype == np.float32
    assert hits.complete.tolist() == [1]
    assert hits.are_complete(np.array([4, 1, 99, 2])).tolist() == [False, True, False, False]
    held = hits.held_by(np.array([5, 1, 2, 4, 99]))
    assert held == [("bell",), ("door", "bell"), ("door",), (), ()]
    one = find_words(library, [["door"]])
    assert one.complete.tolist() == one.sound_ids.tolist() == [1, 2, 3]
    both = find_words(library, [["door", "bell"]])
    assert both.complete.tolist() == both.sound_ids.tolist() == [1, 2, 3, 5]
    library.set_state([2], MISSING)
    assert len(find_words(library, [["door"]]).sound_ids) == 3  # present or not


def test_a_word_that_every_sound_holds_weighs_next_to_nothing(library):
    sounds_of_words(library, ["sound of a door", *["sound"] * 11])
    hits = find_words(library, [["sound"], ["door"]])
    door, sound = hits.weights[0] - hits.weights[1], hits.weights[1]
    assert door > 5 and 0 < sound < 0.2


def test_words_of_a_large_library_weigh_their_idf_alone():
    assert module._rarity(20, 2000) == pytest.approx(math.log(1 + 1980.5 / 20.5))


def test_groups_without_words_and_words_of_nobody(library):
    sounds_of_words(library, ["door", "bell"])
    for groups in ([], [["%"]], [[]]):
        none = find_words(library, groups)
        assert (len(none.sound_ids), len(none.weights), len(none.complete)) == (0, 0, 0)
        assert (none.sound_ids.dtype, none.weights.dtype) == (np.int64, np.float32)
    assert find_words(library, [["%"], ["door"]]).sound_ids.tolist() == [1]
    hits = find_words(library, [["door"], ["gong"]])
    assert (hits.sound_ids.tolist(), hits.complete.tolist()) == ([1], [])
    assert hits.weights.tolist() == pytest.approx([idf(1, 2)])
    assert len(find_words(library, [["gong"]]).sound_ids) == 0


def test_a_common_word_is_looked_for_only_beside_rarer_ones(library, monkeypatch):
    monkeypatch.setattr(module, "_COMMON", 2)
    sounds_of_words(library, ["door bell", "door", "door", "door rain", "bell bell", "hail"])
    hits = find_words(library, [["door"], ["rain"]])  # four doors are too many
    assert hits.sound_ids.tolist() == hits.complete.tolist() == [4]
    assert hits.weights.tolist() == pytest.approx([idf(4, 6) + idf(1, 6)])
    hits = find_words(library, [["door"], ["hail"], ["bell"]])
    assert hits.sound_ids.tolist() == [1, 5, 6]
    bell = idf(2, 6)
    assert hits.weights.tolist() == pytest.approx([idf(4, 6) + bell, bell, idf(1, 6)])
    alone = find_words(library, [["door"]])
    assert (alone.sound_ids.tolist(), len(alone.complete)) == ([], 2)
    monkeypatch.setattr(module, "_COMMON", 4)
    assert find_words(library, [["door"], ["rain"]]).sound_ids.tolist() == [1, 2, 3, 4]


def test_common_words_tell_where_few_sounds_hold_all_of_them(library, monkeypatch):
    monkeypatch.setattr(module, "_COMMON", 2)
    sounds_of_words(library, ["door bell", "door", "door", "bell", "bell", "hail"])
    hits = find_words(library, [["door"], ["bell"]])
    assert hits.sound_ids.tolist() == hits.complete.tolist() == [1]
    sounds_of_words(library, ["door bell"] * 6)
    hits = find_words(library, [["door"], ["bell"]])
    assert (hits.sound_ids.tolist(), len(hits.complete)) == ([], 2)


def test_hits_tell_the_fullest_and_the_weight_of_any(library):
    two, four = np.array([2, 4, 8]), np.array([4, 6, 8])
    rarity = np.array([1.0, 0.5], np.float32)
    hits = KeywordHits(("a", "b"), rarity, (two, four), np.array([4, 8]))
    assert hits.sound_ids.tolist() == [2, 4, 6, 8]
    assert hits.weights.tolist() == [1.0, 1.5, 0.5, 1.5]
    assert hits.fullest(2).tolist() == [1, 3]
    assert hits.fullest(3).tolist() == [1, 3, 0]
    found = hits.weights_of(np.array([8, 3, 2, 99, 1]))
    assert (found.tolist(), found.dtype) == ([1.5, 0.0, 1.0, 0.0, 0.0], np.float32)
    none = find_words(library, [])
    assert none.weights_of(np.array([1, 2])).tolist() == [0.0, 0.0]
    assert none.weights_of(np.array([1])).dtype == np.float32


def test_matches_hold_all_words_and_conditions_up_to_a_limit(library):
    sounds_of_words(library, ["door bell"] * 25)
    assert match_words(library, [["door"]]) == [(n, 1.0) for n in range(1, 21)]
    assert match_words(library, []) == [(n, 1.0) for n in range(1, 21)]
    assert match_words(library, [["door"]], limit=2) == [(1, 1.0), (2, 1.0)]
    assert match_words(library, [], limit=2) == [(1, 1.0), (2, 1.0)]
    assert match_words(library, [["door"], ["rain"]]) == []
    library.set_state([1], MISSING)
    assert match_words(library, [["bell"]], [Words(("2",), "name")]) == [(3, 1.0)]
    assert match_words(library, [], [Words(("2",), "name")], 5) == [(3, 1.0)]
    assert match_words(library, [["bell"]], limit=1) == [(2, 1.0)]


# Lists


def put_four(library: Library) -> None:
    put(
        library,
        (
            row("/b/Beta.wav", duration_s=3.0, rate_hz=8000, bits=16, channels=2),
            Header("zebra", "AMB"),
        ),
        (
            row("/a/zeta.wav", duration_s=1.0, rate_hz=8000, bits=16, channels=1),
            Header("Apple", "ZOO"),
        ),
        row("/c/alpha.wav", duration_s=2.0, rate_hz=8000, bits=8, channels=6),
        row("/a/gamma.wav", duration_s=2.0, rate_hz=4000, bits=24, channels=1),
    )
    with library.writing() as connection:
        s = tables.sounds
        for number, added in ((1, 30), (2, 10), (3, 20), (4, 20)):
            connection.execute(update(s).where(s.c.id == number).values(added_ns=added))


@pytest.fixture(scope="module")
def listed(make_library: Callable[[], Library]) -> Library:
    """Give a library of four sounds that tests only read."""
    opened = make_library()
    put_four(opened)
    return opened


@pytest.mark.parametrize(
    ("order", "ids", "reverse"),
    [
        ("added", [2, 3, 4, 1], [1, 3, 4, 2]),  # of equals the first goes first
        ("name", [3, 1, 4, 2], [2, 4, 1, 3]),
        ("duration", [2, 3, 4, 1], [1, 3, 4, 2]),
        ("format", [4, 3, 2, 1], [1, 2, 3, 4]),
        ("category", [1, 2, 3, 4], [3, 4, 2, 1]),
        ("description", [2, 1, 3, 4], [3, 4, 1, 2]),
        ("folder", [4, 2, 1, 3], [3, 1, 2, 4]),
    ],
)
def test_sounds_are_listed_in_every_order(listed, order, ids, reverse):
    assert ordered_sounds(listed, (), order).tolist() == ids
    assert ordered_sounds(listed, (), order, descending=True).tolist() == reverse
    assert ordered_sounds(listed, (), order).dtype == np.int64


def test_lists_are_by_age_unless_asked_and_of_what_fulfils_conditions(library):
    put_four(library)
    assert ordered_sounds(library, ()).tolist() == [2, 3, 4, 1]
    library.set_state([3], MISSING)
    assert ordered_sounds(library, [Range("duration_s", 2.0)]).tolist() == [4, 1]
    assert ordered_sounds(library, [Range("duration_s", 9.0)]).tolist() == []


def test_facets_count_what_is_present(library):
    put(
        library,
        (row("/s/a.wav", content_hash="a"), Header(None, "DOORWood")),
        (row("/s/b.wav"), Header(None, "DOORWood")),
        (row("/s/in/c.wav"), Header(None, "BELLHand")),
        row("/s/d.wav", content_hash="d"),
        (row("/s/e.wav"), Header(None, "BELLHand")),
        row("/t/f.wav"),
        (row("/s/g.wav"), Header(None, "")),
    )
    for folder in ("/t", "/s", "/s/in", "/empty"):
        library.add_folder(folder)
    accept_tags(
        library,
        [(1, "wet"), (2, "wet"), (4, "Apple"), (5, "wet"), (1, "DOORWood"), (6, "DOORWood")],
    )
    put_tags(library, [TagRow(3, "wet", "suggested", "m"), TagRow(4, "zoo", "rejected", PERSON)])
    library.set_state([5], OFFLINE)
    library.set_state([3], MISSING)
    found = facets(library)
    assert found == Facets(
        {"DOORWood": 2},
        {"Apple": 1, "DOORWood": 1, "wet": 2},  # of f.wav, whose header does not say it
        {
            "/empty": FolderCounts(0, 0, 0),
            "/s": FolderCounts(4, 2, 1),
            "/s/in": FolderCounts(0, 0, 0),
            "/t": FolderCounts(1, 1, 0),
        },
    )
    assert list(found.tags) == ["Apple", "DOORWood", "wet"]
    assert list(found.folders) == ["/empty", "/s", "/s/in", "/t"]


def test_what_is_known_of_files_and_headers_is_given_by_id(library, monkeypatch):
    put(
        library,
        (row("/s/a.wav", size=7, mtime_ns=8), Header(fields={"t": "x"})),
        row("/s/b.wav", size=9, mtime_ns=10),
        row("/s/c.wav"),
    )
    library.put_sounds([(row("/s/d.wav"), [])])
    monkeypatch.setattr("engine.store.chunks._AT_ONCE", 1)
    assert files_of(library, [1, 2, 99]) == {1: (7, 8), 2: (9, 10)}
    assert files_of(library, []) == {}
    assert details_of(library, 1) == '{"t": "x"}'
    assert details_of(library, 4) is None and details_of(library, 99) is None


def test_damaged_sounds_are_listed_by_path(library):
    put(library, *(row(f"/s/{name}.wav") for name in ("z", "a", "whole", "gone")))
    with library.writing() as connection:
        s = tables.sounds
        for number in (1, 2, 4):
            said = update(s).where(s.c.id == number).values(damage=f"damage {number}")
            connection.execute(said)
    library.set_state([4], MISSING)
    assert damaged_sounds(library) == [("/s/a.wav", "damage 2"), ("/s/z.wav", "damage 1")]
