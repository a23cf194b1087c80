"""What a library gives back is what was put into it: every column, state and count."""

import json
import time

import pytest
from sqlalchemy import event, func, insert, select

from engine.store import (
    EmbeddedPart,
    FileFacts,
    Header,
    Known,
    Library,
    Skipped,
    SoundRow,
    Statistics,
    StoredWindow,
    chunks,
    tables,
)
from engine.store.header_words import keywords_of
from engine.store.interest import folder_interest, note_interest
from engine.store.keywords import match_words
from engine.store.rewritten import Rewritten, put_headers_of, put_rewritten
from engine.store.tables import BROKEN, MISSING, OFFLINE, PRESENT
from engine.store.thumbnails import put_thumbnails, thumbnails
from engine.store.windows import (
    forget_windows,
    put_embedded,
    remap_windows,
    sample_windows,
    window_rows,
)


def facts(path: str, content: str | None = None, **others) -> FileFacts:
    values = {
        "size": 11,
        "mtime_ns": 22,
        "content_hash": path if content is None else content,
        "duration_s": 3.5,
        "rate_hz": 44100,
        "channels": 2,
        "bits": 24,
        "format": "flac",
    }
    return FileFacts(path, **{**values, **others})


def window(start: float = 0.0, features: bytes = b"ff", vector: bytes = b"vv") -> StoredWindow:
    return StoredWindow(start, start + 10.0, features, vector, 0.25)


def column(library: Library, name: str) -> dict[str, object]:
    s = tables.sounds.c
    with library.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(select(s.path, s[name]))}


def count(library: Library, table: str) -> int:
    with library.reading() as connection:
        return connection.scalar(select(func.count()).select_from(tables.metadata.tables[table]))


def put_four(library: Library) -> dict[str, int]:
    """Put one sound into each state; return their ids by name."""
    library.put_sounds([(facts(f"/s/{name}.wav"), [window()]) for name in ("a", "b", "c", "d")])
    ids = {sound.path[3]: sound.id for sound in library.sounds().values()}
    library.set_state([ids["b"]], MISSING)
    library.set_state([ids["c"]], OFFLINE)
    library.set_state([ids["d"]], BROKEN)
    return ids


def test_a_sound_is_given_back_with_every_fact(library):
    header = Header("a bell", "BELLHand", "bell hand", {"name": "chime"})
    library.put_headers([(facts("/s/a.flac", ""), header)])
    (sound,) = library.sounds().values()
    assert sound == SoundRow(
        sound.id,
        "/s/a.flac",
        3.5,
        44100,
        2,
        24,
        "flac",
        missing=False,
        offline=False,
        description="a bell",
        category="BELLHand",
        damage=None,
        added_ns=sound.added_ns,
    )
    assert library.known(["/s"]) == {
        "/s/a.flac": Known(sound.id, 11, 22, "", PRESENT, 0.0, has_header=True)
    }
    assert column(library, "category_words") == {"/s/a.flac": "bell hand"}


def test_states_are_told_as_missing_and_offline(library):
    put_four(library)
    told = {s.path[3]: (s.missing, s.offline) for s in library.sounds().values()}
    assert told == {
        "a": (False, False),
        "b": (True, False),
        "c": (False, True),
        "d": (True, False),
    }
    assert {p[3]: k.state for p, k in library.known(["/"]).items()} == {
        "a": PRESENT,
        "b": MISSING,
        "c": OFFLINE,
        "d": BROKEN,
    }


def test_every_count_of_a_library_is_of_its_own_kind(library):
    assert library.statistics() == Statistics(0, 0, 0, 0, 0, 0, 0.0, 0)
    ids = put_four(library)
    library.put_sounds([(facts("/s/e.wav", duration_s=7200.0), [window(), window(5.0)])])
    library.put_headers([(facts("/s/f.wav", "", duration_s=3600.0), Header())])
    library.put_skipped([Skipped("/x", 1, 2, 3, "bad"), Skipped("/y", 1, 2, 3, "bad")])
    (e,) = (s.id for s in library.sounds().values() if s.path == "/s/e.wav")
    put_embedded(library, [EmbeddedPart(e, [], 7000.0, "e", 7200.0, "cut off")])
    put_embedded(library, [EmbeddedPart(ids["b"], [], 1.0, "b", 3.5, "of a missing sound")])
    found = library.statistics()
    assert found == Statistics(
        sounds=3,
        windows=3,
        embedded=2,
        missing=1,
        offline=1,
        skipped=2,
        hours=(3.5 + 7200.0 + 3600.0) / 3600,
        damaged=1,
    )


def test_only_what_lies_under_the_roots_is_known(library):
    library.put_sounds([(facts(path), []) for path in ("/a/x.wav", "/ab/y.wav", "/c.wav")])
    assert set(library.known(["/a"])) == {"/a/x.wav"}
    assert set(library.known(["/a", "/c.wav"])) == {"/a/x.wav", "/c.wav"}
    assert library.known([]) == {}


def test_present_sounds_without_a_hash_wait(library):
    for name, digest in (("heard", "h"), ("new", ""), ("away", "")):
        library.put_headers([(facts(f"/s/{name}.wav", digest), Header())])
    library.set_state([library.known(["/s/away.wav"])["/s/away.wav"].id], OFFLINE)
    assert list(library.known(["/s"], waiting=True)) == ["/s/new.wav"]
    assert len(library.known(["/s"])) == 3


def test_missing_sounds_are_found_by_hash_if_they_were_heard(library):
    for name, digest in (("gone", "g"), ("there", "t"), ("unheard", "")):
        library.put_headers([(facts(f"/s/{name}.wav", digest), Header())])
    known = library.known(["/s"])
    library.set_state([known["/s/gone.wav"].id, known["/s/unheard.wav"].id], MISSING)
    found = library.missing_by_hash()
    assert set(found) == {"g"}
    assert found["g"].id == known["/s/gone.wav"].id and found["g"].state == MISSING


def test_a_sound_without_a_header_says_so(library):
    library.put_sounds([(facts("/s/a.wav"), [])])
    known = library.known(["/s"])["/s/a.wav"]
    assert known.has_header is False
    assert known.heard_s == 3.5  # it was heard wholly


def test_putting_nothing_changes_nothing(library, monkeypatch):
    def written(*_):
        raise AssertionError("nothing was to be written")

    monkeypatch.setattr(Library, "writing", written)
    library.put_sounds([])
    library.put_headers([])
    library.put_skipped([])
    library.drop_skipped([])
    library.set_state([], MISSING)
    put_embedded(library, [])
    put_rewritten(library, [])
    put_headers_of(library, {})
    note_interest(library, [])


def test_several_sounds_keep_their_own_windows(library):
    library.put_sounds(
        [
            (facts("/s/a.wav"), [window(0.0, b"a0"), window(5.0, b"a1")]),
            (facts("/s/b.wav"), [window(0.0, b"b0")]),
            (facts("/s/c.wav"), []),
        ]
    )
    paths = {i: s.path for i, s in library.sounds().items()}
    rows = window_rows(library, "sound_id", "start_s", "end_s", "features", "vector", "potential")
    assert [(paths[r[0]], *r[1:]) for r in rows] == [
        ("/s/a.wav", 0.0, 10.0, b"a0", b"vv", 0.25),
        ("/s/a.wav", 5.0, 15.0, b"a1", b"vv", 0.25),
        ("/s/b.wav", 0.0, 10.0, b"b0", b"vv", 0.25),
    ]


def test_a_changed_file_takes_back_all_that_was_known_of_the_old_one(library, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1000)
    library.put_headers([(facts("/s/door.wav", ""), Header("old", "DOOR", "gate", {"x": "rust"}))])
    (sound_id,) = library.sounds()
    put_embedded(library, [EmbeddedPart(sound_id, [window()], 3.5, "old", 3.5, "cut")])
    put_thumbnails(library, {sound_id: b"peaks"})
    library.put_skipped([Skipped("/s/door.wav", 1, 2, 3, "bad")])
    monkeypatch.setattr(time, "time_ns", lambda: 2000)
    new = facts(
        "/s/door.wav",
        "",
        size=99,
        mtime_ns=98,
        duration_s=1.25,
        rate_hz=8000,
        channels=1,
        bits=None,
        format="wav",
    )
    library.put_headers([(new, Header("new", "BELL", "chime", {"x": "silver"}))])
    (sound,) = library.sounds().values()
    assert sound == SoundRow(
        *(sound_id, "/s/door.wav", 1.25, 8000, 1, None, "wav", False, False, "new", "BELL", None),
        added_ns=1000,
    )
    (known,) = library.known(["/"]).values()
    assert known == Known(sound_id, 99, 98, "", PRESENT, 0.0, True)
    assert column(library, "added_ns") == {"/s/door.wav": 1000}  # when it was first seen
    assert library.skipped() == [] and count(library, "windows") == 0
    assert thumbnails(library, [sound_id]) == {}
    assert match_words(library, [["rust"]]) == [] and match_words(library, [["gate"]]) == []
    assert match_words(library, [["silver"], ["chime"], ["door"]]) == [(sound_id, 1.0)]


def test_windows_of_other_sounds_stay_when_one_is_replaced(library):
    library.put_sounds([(facts(f"/s/{n}.wav"), [window()]) for n in "ab"])
    ids = {s.path: s.id for s in library.sounds().values()}
    put_thumbnails(library, {ids["/s/a.wav"]: b"A", ids["/s/b.wav"]: b"B"})
    library.put_skipped([Skipped("/s/c.wav", 1, 2, 3, "bad")])
    library.put_sounds([(facts("/s/a.wav"), [])])
    assert [r.sound_id for r in window_rows(library, "sound_id")] == [ids["/s/b.wav"]]
    assert thumbnails(library, ids.values()) == {ids["/s/b.wav"]: b"B"}
    assert [row.path for row in library.skipped()] == ["/s/c.wav"]


def test_headers_of_unchanged_files_leave_windows_alone(library):
    library.put_sounds([(facts("/s/a.wav", "hash"), [window()]), (facts("/s/b.wav"), [])])
    ids = {s.path: s.id for s in library.sounds().values()}
    library.set_state(ids.values(), MISSING)
    library.put_headers(
        [(facts("/s/a.wav", "other", size=99), Header("text", "CAT", "feline", {"k": "žába"}))],
        unchanged=True,
    )
    a, b = (library.sounds()[ids[f"/s/{n}.wav"]] for n in "ab")
    assert (a.description, a.category, a.missing) == ("text", "CAT", False)
    assert (b.description, b.category, b.missing) == (None, None, True)
    assert count(library, "windows") == 1
    known = library.known(["/s"])["/s/a.wav"]
    assert (known.content_hash, known.size, known.heard_s) == ("hash", 11, 3.5)
    assert json.loads(str(column(library, "details")["/s/a.wav"])) == {"k": "žába"}
    assert "žába" in str(column(library, "details")["/s/a.wav"])  # as it is, not escaped
    assert column(library, "details")["/s/b.wav"] is None
    assert match_words(library, [["feline"]]) == [(ids["/s/a.wav"], 1.0)]


def test_a_moved_sound_takes_the_place_of_what_was_there(library):
    library.put_sounds([(facts(f"/s/{n}.wav"), [window()]) for n in "abc"])
    ids = {s.path: s.id for s in library.sounds().values()}
    library.put_skipped([Skipped(path, 1, 2, 3, "bad") for path in ("/s/b.wav", "/s/x.wav")])
    library.set_state([ids["/s/a.wav"]], MISSING)
    library.move_sound(ids["/s/a.wav"], "/s/b.wav", 77)
    assert {i: s.path for i, s in library.sounds().items()} == {
        ids["/s/a.wav"]: "/s/b.wav",
        ids["/s/c.wav"]: "/s/c.wav",
    }
    moved = library.known(["/s"])["/s/b.wav"]
    assert (moved.mtime_ns, moved.state) == (77, PRESENT)
    assert library.known(["/s"])["/s/c.wav"].mtime_ns == 22
    assert [row.path for row in library.skipped()] == ["/s/x.wav"]
    assert match_words(library, [["a"]]) == []


def test_a_touched_sound_is_there_with_its_new_time(library):
    library.put_sounds([(facts(f"/s/{n}.wav"), []) for n in "ab"])
    ids = {s.path: s.id for s in library.sounds().values()}
    library.set_state(ids.values(), MISSING)
    library.touch_sound(ids["/s/a.wav"], 77)
    known = library.known(["/s"])
    assert [(known[f"/s/{n}.wav"].mtime_ns, known[f"/s/{n}.wav"].state) for n in "ab"] == [
        (77, PRESENT),
        (22, MISSING),
    ]


def test_sounds_are_asked_for_by_id_in_any_number(library, monkeypatch):
    library.put_sounds([(facts(f"/s/{n}.wav"), []) for n in range(7)])
    every = library.sounds()
    assert len(every) == 7
    assert library.sounds([]) == {}
    assert set(library.sounds([2, 5, 99])) == {2, 5}
    monkeypatch.setattr(chunks, "_AT_ONCE", 3)
    assert library.sounds(list(every)) == every  # three, three and one
    again = [(facts(f"/s/{n}.wav", size=5), [window()]) for n in range(7)]
    library.put_sounds(again)
    assert {row.sound_id for row in window_rows(library, "sound_id")} == set(every)


def test_whether_there_are_sounds(library):
    assert library.has_sounds() is False
    library.put_sounds([(facts("/s/a.wav"), [])])
    assert library.has_sounds() is True


def test_a_refused_file_is_noted_once_with_its_newest_facts(library):
    library.put_sounds([(facts("/s/a.wav"), [window()]), (facts("/s/b.wav"), [window()])])
    library.put_skipped([Skipped("/s/a.wav", 1, 2, 3, "old"), Skipped("/s/0.wav", 1, 2, 3, "bad")])
    library.put_skipped([Skipped("/s/a.wav", 4, 5, 6, "new")])
    assert library.skipped() == [
        Skipped("/s/0.wav", 1, 2, 3, "bad"),
        Skipped("/s/a.wav", 4, 5, 6, "new"),
    ]
    states = {path: known.state for path, known in library.known(["/s"]).items()}
    assert states == {"/s/a.wav": BROKEN, "/s/b.wav": PRESENT}
    library.drop_skipped(["/s/a.wav", "/s/none.wav"])
    assert [row.path for row in library.skipped()] == ["/s/0.wav"]


def test_folders_are_listed_once_and_sorted(library):
    for path in ("/z", "/a", "/m", "/a"):
        library.add_folder(path)
    assert library.folders() == ["/a", "/m", "/z"]


def test_settings_are_written_over_and_beside_others(library):
    assert library.setting("one") is None
    library.set_settings({"one": b"1", "two": b"2"})
    library.set_settings({"one": b"new"})
    assert (library.setting("one"), library.setting("two")) == (b"new", b"2")


@pytest.mark.parametrize(("ids", "statements"), [(0, 0), (500, 1), (501, 2)])
def test_ids_are_asked_for_some_at_a_time(library, ids, statements):
    asked = []
    statement = select(tables.sounds.c.id).where(tables.sounds.c.id.in_(chunks.SOME))
    with library.reading() as connection:
        event.listen(connection, "before_cursor_execute", lambda *said: asked.append(said[2]))
        assert list(chunks.rows_of_some(connection, statement, range(ids))) == []
    assert len(asked) == statements


# Windows


def test_windows_are_listed_by_id_of_present_sounds_or_of_all(library):
    ids = put_four(library)
    assert [r.sound_id for r in window_rows(library, "sound_id")] == [ids["a"]]
    every = window_rows(library, "id", "sound_id", present=False)
    assert [r.sound_id for r in every] == [ids[n] for n in "abcd"]
    assert [r.id for r in every] == sorted(r.id for r in every)


def test_parts_tell_the_true_length_only_at_the_end(library):
    library.put_headers([(facts(f"/s/{n}.wav", ""), Header()) for n in "ab"])
    a, b = library.sounds()
    library.put_skipped([Skipped(f"/s/{n}.wav", 1, 2, 3, "bad") for n in "ab"])
    put_embedded(
        library,
        [EmbeddedPart(a, [window()], 5.0), EmbeddedPart(b, [window(5.0)], 9.0, "hash", 9.0, "cut")],
    )
    one, other = library.sounds()[a], library.sounds()[b]
    assert (one.duration_s, one.damage) == (3.5, None)
    assert (other.duration_s, other.damage) == (9.0, "cut")
    known = library.known(["/s"])
    assert [(known[f"/s/{n}.wav"].heard_s, known[f"/s/{n}.wav"].content_hash) for n in "ab"] == [
        (5.0, ""),
        (9.0, "hash"),
    ]
    rows = window_rows(library, "sound_id", "start_s", present=False)
    assert [tuple(r) for r in rows] == [(a, 0.0), (b, 5.0)]
    assert [row.path for row in library.skipped()] == ["/s/a.wav"]  # b was heard at last


def test_a_sample_is_spread_evenly_in_an_order_of_content(library):
    library.put_sounds(
        [
            (facts("/s/z.wav", "1"), [window(5.0, b"Z1"), window(0.0, b"Z0")]),
            (facts("/s/y.wav", "2"), [window(0.0, b"Y0")]),
            (facts("/s/x.wav", "2"), [window(0.0, b"X0"), window(5.0, b"X1")]),
            (facts("/s/away.wav", "0"), [window(0.0, b"AA")]),
        ]
    )
    away = library.known(["/s"])["/s/away.wav"].id
    library.set_state([away], OFFLINE)

    def sampled(count: int) -> bytes:
        return b"".join(features for _, features in sample_windows(library, count))

    of_sound = [sound for sound, _ in sample_windows(library, 5)]
    assert of_sound == [library.known(["/s"])[f"/s/{name}.wav"].id for name in "zzxxy"]
    assert sampled(5) == b"Z0Z1X0X1Y0"
    assert sampled(100) == b"Z0Z1X0X1Y0"
    assert sampled(4) == b"Z0X0Y0"  # every second
    assert sampled(2) == b"Z0X1"
    assert sampled(1) == b"Z0"


def test_windows_mapped_anew_keep_all_but_vector_and_potential(library):
    library.put_sounds([(facts("/s/a.wav"), [window(), window(5.0)])])
    first, second = (row.id for row in window_rows(library, "id"))
    library.set_settings({"kept": b"kept"})
    remap_windows(library, [(second, b"new", 2.5)], {"model_id": b"m"})
    rows = window_rows(library, "id", "start_s", "features", "vector", "potential")
    assert [tuple(row) for row in rows] == [
        (first, 0.0, b"ff", b"vv", 0.25),
        (second, 5.0, b"ff", b"new", 2.5),
    ]
    before = library.setting("mapping")
    assert (library.setting("model_id"), library.setting("kept")) == (b"m", b"kept")
    assert before is not None and len(before) == 8
    remap_windows(library, [], {"other": b"o"})
    assert library.setting("mapping") not in (None, before)
    assert library.setting("other") == b"o"


def test_forgotten_windows_leave_sounds_that_were_never_heard(library):
    library.put_headers([(facts("/s/a.wav", ""), Header())])
    (sound_id,) = library.sounds()
    put_embedded(library, [EmbeddedPart(sound_id, [window()], 3.0, "hash", 3.0, "cut")])
    library.put_skipped([Skipped("/s/b.wav", 1, 2, 3, "bad")])
    forget_windows(library, {"model_id": b"next"})
    assert window_rows(library, "id", present=False) == []
    (known,) = library.known(["/s"]).values()
    assert (known.heard_s, known.content_hash) == (0.0, "")
    assert library.sounds()[sound_id].damage is None
    assert library.skipped() == [] and library.setting("model_id") == b"next"


# What is kept beside sounds


def test_searches_in_a_folder_add_up(library):
    note_interest(library, ["doors", "rain"])
    note_interest(library, ["doors"])
    assert folder_interest(library) == {"doors": 2, "rain": 1}


def test_thumbnails_are_replaced_and_given_of_those_asked_for(library, monkeypatch):
    monkeypatch.setattr(chunks, "_AT_ONCE", 2)
    library.put_sounds([(facts(f"/s/{n}.wav"), []) for n in range(5)])
    ids = list(library.sounds())
    put_thumbnails(library, {sound_id: b"%d" % sound_id for sound_id in ids})
    put_thumbnails(library, {ids[0]: b"again", 999: b"nobody"})
    put_thumbnails(library, {999: b"nobody"})
    put_thumbnails(library, {})
    assert thumbnails(library, [*ids[:3], 999]) == {1: b"again", 2: b"2", 3: b"3"}
    assert thumbnails(library, []) == {}


def test_keywords_are_taken_from_fields_that_hold_any(library):
    fields = {
        "bext.description": "no keyword here",
        "ixml.Keywords": "gate, hinge",
        "IKEY": "slam",
        "TCON": "Foley",
        "genre": "Noise",
        "dc.SUBJECT": "wood",
        "©gen": "Sound",
    }
    library.put_headers(
        [
            (facts("/s/a.wav"), Header(fields=fields)),
            (facts("/s/b.wav"), Header(fields={"title": "x"})),
            (facts("/s/c.wav"), Header()),
            (facts("/s/d.wav"), Header(fields={"ikey": "x" * 150, "keyword": "y" * 150})),
            (facts("/s/e.wav"), Header(fields={"ikey": "not asked for"})),
        ]
    )
    library.put_sounds([(facts("/s/f.wav"), [])])
    ids = {s.path[3]: s.id for s in library.sounds().values()}
    found = keywords_of(library, [ids[n] for n in "abcdf"])
    assert found == {
        ids["a"]: "gate, hinge slam Foley Noise wood Sound",
        ids["d"]: ("x" * 150 + " " + "y" * 150)[:200],
    }


def test_a_file_that_was_written_into_is_known_by_what_it_is_now(library):
    library.put_headers([(facts(f"/s/{n}.wav", ""), Header("old")) for n in ("new", "other")])
    library.put_sounds([(facts("/s/heard.wav", "hash"), [window()])])
    library.set_state([1, 2, 3], MISSING)
    put_rewritten(
        library,
        [
            Rewritten("/s/new.wav", 100, 200, "written", Header("text", "CAT", "feline")),
            Rewritten("/s/heard.wav", 101, 201, "written", Header("more")),
        ],
    )
    known = library.known(["/s"])
    assert [
        (path, k.size, k.mtime_ns, k.content_hash, k.state) for path, k in sorted(known.items())
    ] == [
        ("/s/heard.wav", 101, 201, "written", PRESENT),
        ("/s/new.wav", 100, 200, "", PRESENT),  # waits to be heard
        ("/s/other.wav", 11, 22, "", MISSING),
    ]
    assert column(library, "description") == {
        "/s/heard.wav": "more",
        "/s/new.wav": "text",
        "/s/other.wav": "old",
    }
    assert count(library, "windows") == 1


def test_headers_alone_change_nothing_else(library):
    library.put_sounds([(facts("/s/a.wav", "hash"), [window()])])
    put_headers_of(library, {"/s/a.wav": Header("text", "CAT", "feline", {"k": "v"})})
    (sound,) = library.sounds().values()
    assert (sound.description, sound.category) == ("text", "CAT")
    assert library.known(["/s"])["/s/a.wav"].size == 11
    assert match_words(library, [["feline"]]) == [(sound.id, 1.0)]


def test_a_transaction_that_fails_is_undone_wholly(library):
    with pytest.raises(ZeroDivisionError), library.writing() as connection:
        connection.execute(insert(tables.folders), [{"path": "/a"}])
        raise ZeroDivisionError
    assert library.folders() == []
