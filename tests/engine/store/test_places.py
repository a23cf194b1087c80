"""Folders of a library: what is below one, and what happens when it moves or is forgotten."""

import pytest

from engine.store import FileFacts, Header, Library, Skipped, StoredWindow
from engine.store.keywords import match_words
from engine.store.places import (
    change_root,
    count_under,
    forget_folder,
    has_state,
    ids_under,
    paths_under,
    rename_sounds,
    same_content,
    set_state_under,
    sound_at,
)
from engine.store.tables import MISSING, OFFLINE, PRESENT
from engine.store.windows import window_rows

WINDOW = StoredWindow(0.0, 1.0, b"f", b"v", 0.0)
# "." and "0" are the neighbours of "/", and a capital letter is another folder.
PATHS = ["/s", "/s/a.wav", "/s/deep/b.wav", "/s.wav", "/s0/c.wav", "/S/d.wav", "/t/e.wav"]


def put(library: Library, *paths: str, digest: str = "h") -> dict[str, int]:
    library.put_sounds(
        [(FileFacts(p, 1, 5, digest, 1.0, 1, 1, 16, "wav"), [WINDOW]) for p in paths]
    )
    return {sound.path: sound.id for sound in library.sounds().values()}


def states(library: Library) -> dict[str, int]:
    return {path: known.state for path, known in library.known(["/"]).items()}


@pytest.mark.parametrize(
    ("root", "below"),
    [
        ("/s", ["/s", "/s/a.wav", "/s/deep/b.wav"]),
        ("/s/", ["/s/a.wav", "/s/deep/b.wav"]),
        ("/s/deep", ["/s/deep/b.wav"]),
        ("/s/a.wav", ["/s/a.wav"]),
        ("/", PATHS),
        ("/none", []),
    ],
)
def test_what_lies_below_a_folder_is_told_by_its_bytes(library, root, below):
    ids = put(library, *PATHS)
    assert sorted(paths_under(library, root)) == sorted(below)
    assert ids_under(library, root) == sorted(ids[path] for path in below)
    assert count_under(library, root, PRESENT) == len(below)
    assert count_under(library, root, OFFLINE) == 0
    assert set_state_under(library, root, PRESENT, OFFLINE) == len(below)
    assert {path for path, state in states(library).items() if state == OFFLINE} == set(below)
    assert count_under(library, root, OFFLINE) == len(below)
    assert ids_under(library, root) == []
    assert sorted(paths_under(library, root)) == sorted(below)


def test_only_sounds_of_the_state_before_change_theirs(library):
    ids = put(library, "/s/a.wav", "/s/b.wav", "/t/c.wav")
    library.set_state([ids["/s/b.wav"]], MISSING)
    assert set_state_under(library, "/s", PRESENT, OFFLINE) == 1
    assert states(library) == {"/s/a.wav": OFFLINE, "/s/b.wav": MISSING, "/t/c.wav": PRESENT}
    assert ids_under(library, "/s") == []
    assert [has_state(library, state) for state in (PRESENT, MISSING, OFFLINE, 3)] == [
        True,
        True,
        True,
        False,
    ]


def test_a_sound_is_looked_up_by_its_whole_path(library):
    ids = put(library, "/s/a.wav", "/s/b.wav")
    assert sound_at(library, "/s/b.wav") == ids["/s/b.wav"]
    assert sound_at(library, "/s") is None
    assert sound_at(library, "/s/b") is None


def test_present_sounds_of_one_content_are_told_together_by_path(library):
    put(library, "/s/z.wav", "/s/a.wav", digest="same")
    put(library, "/s/other.wav", digest="other")
    library.put_headers(
        [(FileFacts(f"/s/{n}", 1, 5, "", 1.0, 1, 1, 16, "wav"), Header()) for n in ("x", "y")]
    )
    ids = put(library, "/s/gone.wav", digest="same")
    library.set_state([ids["/s/gone.wav"]], MISSING)
    assert same_content(library) == {
        "same": [ids["/s/a.wav"], ids["/s/z.wav"]],
        "other": [ids["/s/other.wav"]],
    }


def test_a_folder_that_moves_takes_everything_below_it_along(library):
    ids = put(library, "/old/a.wav", "/old/deep/b.wav", "/older/c.wav", "/new/a.wav", "/new/d.wav")
    for folder in ("/old", "/old/deep", "/older", "/new/deep", "/new/other"):
        library.add_folder(folder)
    skipped = {"/old/x.wav": "bad", "/old/z.wav": "moves", "/older/y.wav": "bad", "/new/z.wav": "-"}
    library.put_skipped([Skipped(path, 1, 2, 3, reason) for path, reason in skipped.items()])
    change_root(library, "/old", "/new")
    assert {i: s.path for i, s in library.sounds().items()} == {
        ids["/old/a.wav"]: "/new/a.wav",  # in the place of what was known there
        ids["/old/deep/b.wav"]: "/new/deep/b.wav",
        ids["/older/c.wav"]: "/older/c.wav",
        ids["/new/d.wav"]: "/new/d.wav",
    }
    assert library.folders() == ["/new", "/new/deep", "/new/other", "/older"]
    assert {row.path: row.reason for row in library.skipped()} == {
        "/new/x.wav": "bad",
        "/new/z.wav": "moves",  # in the place of what was known there
        "/older/y.wav": "bad",
    }
    assert {i for i, _ in match_words(library, [["new"]])} == set(ids.values()) - {
        ids["/new/a.wav"],
        ids["/older/c.wav"],
    } | {ids["/new/d.wav"]} - {ids["/older/c.wav"]}
    assert match_words(library, [["old"]]) == []
    assert len(window_rows(library, "id")) == 4


def test_a_folder_may_move_into_one_that_begins_with_its_name(library):
    ids = put(library, "/s/a.wav", "/s2/a.wav")
    change_root(library, "/s", "/s2")
    assert {i: s.path for i, s in library.sounds().items()} == {ids["/s/a.wav"]: "/s2/a.wav"}


def test_sounds_follow_their_files_to_other_names(library):
    ids = put(library, "/s/door.wav", "/s/bell.wav", "/s/rain.wav", "/s/taken.wav")
    moves = [
        ("/s/door.wav", "/s/bell.wav"),
        ("/s/bell.wav", "/s/door.wav"),
        ("/s/rain.wav", "/s/taken.wav"),
        ("/s/unknown.wav", "/s/new.wav"),
    ]
    assert rename_sounds(library, moves, {"undo": b"1"}) == 3
    assert {i: s.path for i, s in library.sounds().items()} == {
        ids["/s/door.wav"]: "/s/bell.wav",
        ids["/s/bell.wav"]: "/s/door.wav",
        ids["/s/rain.wav"]: "/s/taken.wav",
    }
    assert match_words(library, [["door"]]) == [(ids["/s/bell.wav"], 1.0)]
    assert match_words(library, [["taken"]]) == [(ids["/s/rain.wav"], 1.0)]
    assert library.setting("undo") == b"1"
    assert rename_sounds(library, [("/s/none.wav", "/s/new.wav")]) == 0
    assert rename_sounds(library, []) == 0
    assert len(library.sounds()) == 3


def test_a_forgotten_folder_takes_its_sounds_along_but_not_those_of_others(library):
    put(library, "/s/a.wav", "/s/in/b.wav", "/s/in2/c.wav", "/t/d.wav")
    for folder in ("/s", "/s/in", "/t"):
        library.add_folder(folder)
    library.put_skipped(
        [Skipped(p, 1, 2, 3, "bad") for p in ("/s/x.wav", "/s/in/y.wav", "/t/z.wav")]
    )
    assert forget_folder(library, "/s") == 2
    assert {sound.path for sound in library.sounds().values()} == {"/s/in/b.wav", "/t/d.wav"}
    assert [row.path for row in library.skipped()] == ["/s/in/y.wav", "/t/z.wav"]
    assert library.folders() == ["/s/in", "/t"]
    assert len(window_rows(library, "id", present=False)) == 2


def test_a_folder_within_another_keeps_its_sounds_when_it_is_forgotten(library):
    put(library, "/s/a.wav", "/s/in/b.wav")
    library.put_skipped([Skipped("/s/in/y.wav", 1, 2, 3, "bad")])
    for folder in ("/s", "/s/in"):
        library.add_folder(folder)
    assert forget_folder(library, "/s/in") == 0
    assert (library.folders(), len(library.sounds()), len(library.skipped())) == (["/s"], 2, 1)


def test_the_last_folder_leaves_nothing(library):
    put(library, "/s/a.wav", "/s/b.wav")
    library.put_skipped([Skipped("/s/y.wav", 1, 2, 3, "bad")])
    library.add_folder("/s")
    assert forget_folder(library, "/s") == 2
    assert (library.folders(), library.sounds(), library.skipped()) == ([], {}, [])
