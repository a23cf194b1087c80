"""Roots of a library: the same sounds wherever they are mounted, and all of a change or nothing."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, text

from engine.errors import InputError, LibraryError
from engine.progress import Cancelled, Control
from engine.roots import MACOS, WINDOWS, Mounts, System
from engine.store import FileFacts, Library, Skipped
from engine.store import library as module
from engine.store.conditions import Folder, Format, Not, Words, sounds_where
from engine.store.copies import copies
from engine.store.copying import copy_library
from engine.store.folders import folder_tree
from engine.store.interest import folder_interest, note_interest
from engine.store.keywords import match_words
from engine.store.listing import facets, names_digest, ordered_sounds
from engine.store.mounts import drop_mount, mounted_folders, mounts_file, put_mount
from engine.store.places import (
    change_root,
    count_under,
    forget_folder,
    paths_under,
    rename_sounds,
    set_state_under,
    sound_at,
)
from engine.store.portable import as_stored, folder_of, is_at, is_below
from engine.store.roots import (
    Root,
    add_root,
    list_roots,
    mount_root,
    remove_root,
    rename_root,
    unmount_root,
    unmounted_roots,
)
from engine.store.tables import MISSING, OFFLINE, PRESENT, folders, sounds
from tests.killing import killed_everywhere

_LAST = "rewriting paths"
NAMES = ["a.wav", "Doors/b.flac", "Doors/Wood/c.wav"]


@pytest.fixture
def sfx(tmp_path: Path) -> Path:
    """Return a folder with three files, which need not be sounds."""
    folder = tmp_path / "mnt" / "Samples"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def put(library: Library, *paths: object) -> dict[str, int]:
    facts = [FileFacts(str(p), 1, 5, str(p)[-5:], 1.0, 1, 1, 16, "wav") for p in paths]
    library.put_sounds([(one, []) for one in facts])
    return {sound.path: sound.id for sound in library.sounds().values()}


def filled(library: Library, folder: Path) -> dict[str, int]:
    """Put the three sounds and one beside them into a library."""
    library.add_folder(str(folder))
    library.put_skipped([Skipped(str(folder / "Doors" / "odd.wav"), 1, 2, 3, "is empty")])
    note_interest(library, [str(folder / "Doors"), "Boom"])
    return put(library, *(folder / name for name in NAMES), f"{folder}2/d.wav")


def held(library: Library) -> set[str]:
    """Return the paths of sounds, folders and skipped files as the library holds them."""
    union = "SELECT path FROM sounds UNION SELECT path FROM folders UNION SELECT path FROM skipped"
    with library.reading() as connection:
        return set(connection.scalars(text(union)))


def seen(library: Library, folder: str) -> dict[str, object]:
    """Return what can be asked about a folder and the paths in it."""
    ids = {sound.id: sound for sound in library.sounds().values()}
    return {
        "rows": {i: (sound.path, sound.root, sound.presence) for i, sound in ids.items()},
        "known": sorted(library.known([folder])),
        "folders": library.folders(),
        "skipped": [row.path for row in library.skipped()],
        "under": sorted(paths_under(library, folder)),
        "counts": count_under(library, f"{folder}/Doors", PRESENT),
        "at": {path: sound_at(library, path) for path in (f"{folder}/{name}" for name in NAMES)},
        "facets": facets(library).folders,
        "tree": (folder_tree(library).roots, dict(folder_tree(library).counts)),
        "in": sounds_where(library, [Folder(f"{folder}/Doors")]).tolist(),
        "above": sounds_where(library, [Folder(str(Path(folder).parent))]).tolist(),
        "part": sounds_where(library, [Folder("samples/doors")]).tolist(),
        "own": sounds_where(library, [Words(("samples",), "folders")]).tolist(),
        "not": sounds_where(library, [Not(Folder(folder))]).tolist(),
        "wav": sounds_where(library, [Format("flac")]).tolist(),
        "order": [ids[int(i)].path for i in ordered_sounds(library, [], "name")],
        "by root": [ids[int(i)].path for i in ordered_sounds(library, [], "root")][:3],
        "interest": folder_interest(library),
    }


def test_a_root_changes_nothing_that_can_be_seen_here(library, sfx):
    ids = filled(library, sfx)
    before = seen(library, str(sfx))
    done = add_root(library, "SFX", sfx, Control())
    assert (done.root, done.moved) == (Root("SFX", str(sfx), 3), 3)
    assert held(library) == {
        *(f"root:/SFX/{name}" for name in NAMES),
        "root:/SFX",
        "root:/SFX/Doors/odd.wav",
        f"{sfx}2/d.wav",
    }
    assert seen(library, str(sfx)) == before
    assert remove_root(library, "SFX", Control()).moved == 3
    assert held(library) == {*ids, str(sfx), str(sfx / "Doors" / "odd.wav")}
    assert seen(library, str(sfx)) == before
    assert list_roots(library) == [] and mounted_folders() == {}


def test_sounds_lie_wherever_their_root_is_mounted(library, sfx, tmp_path):
    ids = filled(library, sfx)
    add_root(library, "SFX", sfx, Control())
    before, digest = seen(library, str(sfx)), names_digest(library)
    elsewhere = tmp_path / "Volumes" / "Samples"
    elsewhere.parent.mkdir()
    sfx.rename(elsewhere)
    assert mount_root(library, "sfx", elsewhere, Control()).root.folder == str(elsewhere)
    for what, found in seen(library, str(elsewhere)).items():
        if what not in ("facets", "tree", "above"):
            expected = repr(before[what]).replace(f"{sfx}/", f"{elsewhere}/")
            assert repr(found) == expected.replace(f"{sfx}'", f"{elsewhere}'"), what
    assert names_digest(library) == digest
    assert put(library, elsewhere / "a.wav")[str(elsewhere / "a.wav")] == ids[str(sfx / "a.wav")]


def test_what_is_done_to_paths_is_done_under_the_root(library, sfx):
    ids = filled(library, sfx)
    add_root(library, "SFX", sfx, Control())
    new = str(sfx / "Doors" / "z.wav")
    rename_sounds(library, [(str(sfx / "a.wav"), new), (f"{sfx}2/d.wav", str(sfx / "a.wav"))])
    assert sound_at(library, new) == ids[str(sfx / "a.wav")]
    assert {"root:/SFX/Doors/z.wav", "root:/SFX/a.wav"} < held(library)
    change_root(library, str(sfx / "Doors"), str(sfx / "Gates"))
    assert {"root:/SFX/Gates/z.wav", "root:/SFX/Gates/odd.wav"} < held(library)
    assert set_state_under(library, str(sfx / "Gates"), PRESENT, OFFLINE) == 3
    library.drop_skipped([str(sfx / "Gates" / "odd.wav")])
    assert library.skipped() == []
    library.put_skipped([Skipped(str(sfx / "a.wav"), 1, 2, 3, "is empty")])
    assert library.sounds()[ids[f"{sfx}2/d.wav"]].missing
    library.move_sound(ids[new.replace("z.wav", "b.flac")], str(sfx / "b.flac"), 7)
    assert "root:/SFX/b.flac" in held(library)
    assert forget_folder(library, str(sfx)) == 5 - 1
    assert held(library) == set()


def test_all_words_are_those_of_the_root_wherever_it_is(library, sfx):
    ids = filled(library, sfx)
    add_root(library, "Big Effects", sfx, Control())
    three = sorted(ids[str(sfx / name)] for name in NAMES)
    for words in ([["effects"]], [["big"]]):
        assert [i for i, _ in match_words(library, words)] == three
    assert match_words(library, [["samples"]], limit=9) == [(ids[f"{sfx}2/d.wav"], 1.0)]
    assert sounds_where(library, [Folder("Big Effects/Doors/Wood")]).tolist() == [
        ids[str(sfx / NAMES[2])]
    ]
    new = put(library, sfx / "n.wav")[str(sfx / "n.wav")]
    assert [i for i, _ in match_words(library, [["effects"]])] == [*three, new]
    library.set_state([new], MISSING)
    rename_root(library, "big effects", "Töne", Control())
    assert [i for i, _ in match_words(library, [["töne"]])] == three
    assert match_words(library, [["effects"]]) == []
    assert list_roots(library) == [Root("Töne", str(sfx), 4)]
    assert sound_at(library, str(sfx / "a.wav")) == three[0]


def test_a_root_that_is_not_mounted_here_is_listed_and_told(library, sfx):
    filled(library, sfx)
    add_root(library, "SFX", sfx, Control())
    assert unmount_root(library, "SFX") == Root("SFX", None, 3)
    assert unmounted_roots(library) == list_roots(library) == [Root("SFX", None, 3)]
    rows = [sound for sound in library.sounds().values() if sound.is_away]
    assert sorted(sound.path for sound in rows) == sorted(f"root:/SFX/{name}" for name in NAMES)
    assert {sound.presence for sound in rows} == {"not mounted"}
    assert {(sound.not_mounted, sound.root, sound.offline) for sound in rows} == {
        ("SFX", "root:/SFX", False)
    }
    assert len(ordered_sounds(library, [])) == 4
    assert len(sounds_where(library, [Folder("root:/SFX/Doors")])) == 2
    assert folder_tree(library).counts["root:/SFX"] == 3
    assert facets(library).folders["root:/SFX"].sounds == 3
    with pytest.raises(InputError, match="the root SFX is not mounted on this computer, so"):
        remove_root(library, "SFX", Control())


def test_what_was_known_where_a_root_is_mounted_lies_under_it(library, sfx, tmp_path):
    filled(library, sfx)
    add_root(library, "SFX", sfx, Control())
    unmount_root(library, "SFX")
    put(library, sfx / "new.wav")  # by who did not know of the root
    assert mount_root(library, "SFX", sfx, Control()).moved == 1
    assert "root:/SFX/new.wav" in held(library)
    unmount_root(library, "SFX")
    put(library, sfx / "a.wav")
    before = held(library)
    with pytest.raises(InputError, match=r"1 files in .* are known twice"):
        mount_root(library, "SFX", sfx, Control())
    assert held(library) == before and mounted_folders() == {}


def test_a_root_inside_an_indexed_folder_is_looked_at_by_others_too(library, sfx):
    library.add_folder(str(sfx.parent))
    put(library, sfx / "a.wav")
    add_root(library, "SFX", sfx, Control())
    assert library.folders() == [str(sfx.parent), str(sfx)]
    assert held(library) == {str(sfx.parent), "root:/SFX", "root:/SFX/a.wav"}


def test_every_wish_that_makes_no_sense_gets_a_sentence(library, sfx, tmp_path):
    filled(library, sfx)
    add_root(library, "SFX", sfx, Control())
    (tmp_path / "other").mkdir()
    before = held(library)
    for said, wish in {
        "already a root SFX": lambda: add_root(library, "sfx", tmp_path / "other", Control()),
        "is no name for a root": lambda: add_root(library, "a/b", tmp_path / "other", Control()),
        "and the root SFX .* overlap": lambda: add_root(library, "x", sfx.parent, Control()),
        "is no folder": lambda: add_root(library, "x", tmp_path / "none", Control()),
        "there is no root x: there are SFX": lambda: unmount_root(library, "x"),
        "only 0 of 3 sounds": lambda: mount_root(library, "SFX", tmp_path / "other", Control()),
    }.items():
        with pytest.raises(InputError, match=said):
            wish()
    assert held(library) == before and list(mounted_folders().values()) == [str(sfx)]


def test_a_change_that_is_stopped_changes_nothing(library, sfx):
    filled(library, sfx)
    before, stages = held(library), []
    control = Control(lambda progress: stages.append(progress.stage), lambda: _LAST in stages)
    with pytest.raises(Cancelled):
        add_root(library, "SFX", sfx, control)
    assert held(library) == before
    assert list_roots(library) == [] and mounted_folders() == {}


def test_another_program_s_roots_hold_from_the_next_transaction_on(store, library, sfx):
    ids = filled(library, sfx)
    with Library(library.file or library.name) as other:
        add_root(other, "SFX", sfx, Control())
        put(library, sfx / "a.wav")
        assert sound_at(library, str(sfx / "a.wav")) == ids[str(sfx / "a.wav")]
        assert len(other.sounds()) == 4


@pytest.mark.sqlite
def test_a_library_is_copied_before_its_paths_are_rewritten(library, sfx):
    filled(library, sfx)
    add_root(library, "SFX", sfx, Control())
    (copy,) = copies(library.file)
    with closing(sqlite3.connect(copy)) as connection:
        paths = {row[0] for row in connection.execute("SELECT path FROM sounds")}
    assert paths == {*(str(sfx / name) for name in NAMES), f"{sfx}2/d.wav"}


def test_a_copy_keeps_roots_and_their_paths(library, sfx, tmp_path):
    filled(library, sfx)
    add_root(library, "SFX", sfx, Control())
    copy_library(library.file or library.name, tmp_path / "copy.db", Control())
    with Library(tmp_path / "copy.db") as copy:
        assert held(copy) == held(library)
        assert seen(copy, str(sfx)) == seen(library, str(sfx))
        assert list_roots(copy) == [Root("SFX", str(sfx), 3)]


@pytest.mark.sqlite
def test_a_root_that_is_killed_in_the_making_is_there_or_is_not(tmp_path, sfx, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("SOUNDSIFT_HOME", str(home))
    path = home / "library.db"

    with Library(tmp_path / "like.db") as library:
        filled(library, sfx)

    def prepare() -> None:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        shutil.copyfile(tmp_path / "like.db", path)

    def work() -> None:
        with Library(path) as library:
            add_root(library, "SFX", sfx, Control())

    def state() -> str:
        with Library(path) as library:
            roots = list_roots(library)
            paths = {path for path in held(library) if path.startswith("root:/")}
            assert (len(roots), len(paths)) in ((0, 0), (1, 5)), (roots, paths)
            assert all(root.folder == str(sfx) for root in roots)
            assert len(library.sounds()) == 4 and len(library.known([str(sfx)])) == 3
            return f"{len(roots)} roots"

    said = killed_everywhere(home, prepare, work, state, most=16)
    assert set(said) == {"0 roots", "1 roots"} and said[-1] == "1 roots"


def test_a_library_of_macos_is_that_of_windows_where_its_drive_is(library, monkeypatch):
    def on(system: System, folder: str) -> None:
        monkeypatch.setattr(module, "mounts_of", lambda _: Mounts({"SFX": folder}, system))

    on(MACOS, "/Volumes/SFX")
    names = ["Doors/Tu\u0308r.wav", "Doors/Wood/b.wav", "c.wav"]
    ids = put(library, *(f"/Volumes/SFX/{name}" for name in names))
    on(WINDOWS, "S:\\")
    paths = ["S:\\Doors\\T\u00fcr.wav", "S:\\Doors\\Wood\\b.wav", "S:\\c.wav"]
    assert {i: sound.path for i, sound in library.sounds().items()} == dict(
        zip(ids.values(), paths, strict=True)
    )
    assert [sound_at(library, path) for path in paths] == list(ids.values())
    assert sorted(paths_under(library, "s:\\Doors\\")) == sorted(paths[:2])
    assert set_state_under(library, "S:\\", PRESENT, OFFLINE) == 3
    rename_sounds(library, [(paths[2], "S:\\New\\c.wav")])
    on(MACOS, "/Volumes/SFX")
    moved = [names[0], names[1], "New/c.wav"]
    found = [sound_at(library, f"/Volumes/SFX/{name}") for name in moved]
    assert found == list(ids.values())


def test_folders_are_told_from_either_separator(library, monkeypatch):
    monkeypatch.setattr("engine.store.portable.HERE", WINDOWS)
    put(library, "C:\\a\\x.wav", "C:\\a0\\y.wav", "root:/SFX/a\\b/z.wav", "root:/SFX2/z.wav")
    for folder in ("C:\\a", "root:/SFX"):
        library.add_folder(folder)
    with library.reading() as connection:
        s, f = as_stored(sounds.c.path), as_stored(folders.c.path)
        rows = connection.execute(select(s, folder_of(sounds.c.path)).order_by(s)).all()
        inside = connection.execute(select(s, f).where(is_below(s, f)).order_by(s)).all()
    assert [row[1] for row in rows] == ["C:\\a0\\", "C:\\a\\", "root:/SFX/a\\b/", "root:/SFX2/"]
    assert [tuple(row) for row in inside] == [
        ("C:\\a\\x.wav", "C:\\a"),
        ("root:/SFX/a\\b/z.wav", "root:/SFX"),
    ]


# Where roots are mounted


def test_where_roots_are_is_this_computer_s_and_written_at_once(own_home):
    assert mounted_folders() == {}
    put_mount("k1", "/mnt/sfx")
    put_mount("k2", "/mnt/töne")
    assert mounted_folders() == {"k1": "/mnt/sfx", "k2": "/mnt/töne"}
    drop_mount("k1")
    assert mounted_folders() == {"k2": "/mnt/töne"}
    assert sorted(p.name for p in own_home.glob("roots*") if p.suffix != ".lock") == ["roots.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"format": 2, "folders": {}}',
        b'{"format": 1, "folders": {"k": 1}}',
        b'{"format": 1, "folders": {"k": "not/absolute"}}',
    ],
)
def test_a_damaged_file_of_mounts_is_told_where_roots_are_asked_for(tmp_path, content):
    mounts_file().parent.mkdir(parents=True, exist_ok=True)
    mounts_file().write_bytes(content)
    with Library(tmp_path / "library.db") as library:
        library.add_folder("/s")  # a library without roots does not ask
        assert library.folders() == ["/s"]
        folder = tmp_path / "sfx"
        folder.mkdir()
        with pytest.raises(LibraryError, match=r"roots\.json is damaged, which says where"):
            add_root(library, "SFX", folder, Control())
        assert list_roots(library) == []


def test_conditions_on_paths_are_not_built_outside_a_transaction():
    with pytest.raises(RuntimeError, match="inside a transaction"):
        is_at(sounds.c.path, "/mnt/sfx")
