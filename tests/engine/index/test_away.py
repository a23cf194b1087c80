"""Folders that are away, files that moved, and what a scan finds, without any model."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from engine.errors import AudioError, BusyError, InputError, LibraryError
from engine.index import build
from engine.index.build import IndexReport
from engine.index.drives import note_drives, refuse_vanished, relink
from engine.index.embed import content_hash
from engine.index.moves import follow_moves
from engine.index.scan import FoundFile, Scan, difference, roots_of, scan
from engine.paths import is_away
from engine.progress import Cancelled, Control
from engine.store import FileFacts, Header, Known, Library, Skipped
from engine.store.tables import BROKEN, MISSING, OFFLINE, PRESENT


def write(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def put(library: Library, *paths: Path | str, **others: object) -> None:
    values = {"size": 1, "mtime_ns": 5, "content_hash": "", **others}
    rows = [
        FileFacts(str(p), **values, duration_s=1.0, rate_hz=1, channels=1, bits=16, format="wav")
        for p in paths
    ]
    library.put_headers([(row, Header()) for row in rows])


def states(library: Library) -> dict[str, int]:
    return {Path(path).name: known.state for path, known in library.known(["/"]).items()}


# Away


def test_what_is_not_there_or_empty_is_away(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "full" / ".hidden")
    write(tmp_path / "file.wav")
    found = {name: is_away(str(tmp_path / name)) for name in ("empty", "full", "file.wav", "none")}
    assert found == {"empty": True, "full": False, "file.wav": False, "none": True}

    def torn(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "scandir", torn)
    assert is_away(str(tmp_path / "full")) is True


@pytest.fixture
def two(library, tmp_path):
    """Return a library with two indexed folders, of which one is away."""
    here, gone = tmp_path / "here", tmp_path / "gone"
    write(here / "a.wav")
    put(library, here / "a.wav", gone / "b.wav", gone / "c.wav", gone / "d.wav")
    library.add_folder(str(here))
    library.add_folder(str(gone))
    ids = {Path(s.path).name: s.id for s in library.sounds().values()}
    library.set_state([ids["d.wav"]], MISSING)
    return library


def test_sounds_of_a_folder_that_is_away_are_offline_until_it_is_back(two, tmp_path):
    assert note_drives(two) == [str(tmp_path / "gone")]
    assert states(two) == {"a.wav": PRESENT, "b.wav": OFFLINE, "c.wav": OFFLINE, "d.wav": MISSING}
    assert note_drives(two) == [str(tmp_path / "gone")]
    write(tmp_path / "gone" / "b.wav")
    assert note_drives(two) == []
    assert states(two) == {"a.wav": PRESENT, "b.wav": PRESENT, "c.wav": PRESENT, "d.wav": MISSING}


def test_a_folder_of_no_sounds_is_never_told_to_be_away(two, tmp_path):
    two.add_folder(str(tmp_path / "never"))
    assert note_drives(two) == [str(tmp_path / "gone")]
    shutil.rmtree(tmp_path / "here")
    assert note_drives(two) == [str(tmp_path / "gone"), str(tmp_path / "here")]
    assert states(two)["a.wav"] == OFFLINE


@pytest.mark.parametrize(
    ("root", "is_refused"),
    [("gone", True), ("gone/deep", True), ("", True), ("here", False), ("gone2", False)],
)
def test_a_run_stops_when_a_folder_it_concerns_went_away(two, tmp_path, root, is_refused):
    roots = [str(tmp_path / "nothing"), str(tmp_path / root)]
    if not is_refused:
        refuse_vanished(two, roots)
        assert OFFLINE not in states(two).values()
        return
    with pytest.raises(LibraryError) as told:
        refuse_vanished(two, roots)
    assert str(told.value) == (
        f"{tmp_path / 'gone'} was disconnected while it was indexed: what is done so far is "
        "kept; connect its drive and run the same command again"
    )
    assert states(two) == {"a.wav": PRESENT, "b.wav": OFFLINE, "c.wav": OFFLINE, "d.wav": MISSING}


def test_relinking_needs_half_of_the_sounds(library, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    put(library, *(old / f"{n}.wav" for n in range(4)), old / "deep" / "4.wav")
    library.add_folder(str(old))
    ids = [s.id for s in library.sounds().values()]
    library.set_state(ids[:1], OFFLINE)
    library.set_state(ids[1:2], MISSING)
    library.set_state(ids[2:3], BROKEN)
    write(new / "0.wav")
    write(new / "deep" / "4.wav")
    (new / "1.wav").mkdir()  # no file
    with pytest.raises(InputError) as told:
        relink(library, old, new)
    assert str(told.value) == (
        f"only 2 of the 5 sounds indexed under {old} are in {new}: name the folder that "
        "holds them now, arranged as before"
    )
    assert library.folders() == [str(old)]
    write(new / "3.wav")
    assert relink(library, old, new) == 5
    assert library.folders() == [str(new)]
    assert states(library) == {
        "0.wav": PRESENT,
        "1.wav": PRESENT,
        "2.wav": BROKEN,
        "3.wav": PRESENT,
        "4.wav": PRESENT,
    }
    assert str(new / "deep" / "4.wav") in library.known([str(new)])


def test_exactly_half_of_the_sounds_is_enough(library, tmp_path):
    put(library, tmp_path / "old" / "a.wav", tmp_path / "old" / "b.wav")
    write(tmp_path / "new" / "a.wav")
    assert relink(library, tmp_path / "old", tmp_path / "new") == 2


@pytest.mark.parametrize(("old", "new"), [("s", "s/in"), ("s/in", "s"), ("s", "s")])
def test_folders_within_each_other_are_not_relinked(library, tmp_path, old, new):
    put(library, tmp_path / "s" / "a.wav")
    with pytest.raises(InputError) as told:
        relink(library, tmp_path / old, tmp_path / new)
    a, b = tmp_path / old, tmp_path / new
    assert str(told.value) == f"{a} and {b} overlap: index {b} instead"


def test_an_unknown_folder_is_not_relinked(library, tmp_path):
    with pytest.raises(InputError) as told:
        relink(library, tmp_path / "old", tmp_path / "new")
    assert str(told.value) == (
        f"the library has no sounds under {tmp_path / 'old'}: list its folders with "
        "`soundsift status`"
    )


# Moved


def found_file(path: Path) -> FoundFile:
    facts = path.stat()
    return FoundFile(str(path), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def test_files_are_followed_by_their_content(library, tmp_path):
    files = {
        "moved.wav": b"abc",  # what gone.wav was
        "twin.wav": b"abc",  # the same again: there is nothing more to move
        "touched.wav": b"tttt",
        "changed.wav": b"new!",  # as large as before, other content
        "grown.wav": b"much larger",
        "new.wav": b"a file of its own size",
        "similar.wav": b"xyz",  # as large as gone.wav
        "unheard.wav": b"uuuu",
    }
    paths = {name: write(tmp_path / name, content) for name, content in files.items()}
    put(library, tmp_path / "gone.wav", size=3, content_hash=content_hash(paths["moved.wav"]))
    put(
        library,
        paths["touched.wav"],
        size=4,
        content_hash=content_hash(paths["touched.wav"]),
    )
    put(library, paths["changed.wav"], paths["grown.wav"], size=4, content_hash="other")
    put(library, paths["unheard.wav"], size=4)
    gone = library.known([str(tmp_path)])[str(tmp_path / "gone.wav")].id
    library.set_state([gone], MISSING)
    seen = []
    listed = [found_file(path) for path in paths.values()]
    known = library.known([str(tmp_path)])
    changed, moved = follow_moves(library, listed, known, Control(seen.append))
    assert moved == 1
    assert [Path(file.path).name for file in changed] == [
        "twin.wav",
        "changed.wav",
        "grown.wav",
        "new.wav",
        "similar.wav",
        "unheard.wav",
    ]
    assert library.sounds([gone])[gone].path == str(paths["moved.wav"])
    after = library.known([str(tmp_path)])
    for name in ("moved.wav", "touched.wav"):
        sound = after[str(paths[name])]
        assert (sound.mtime_ns, sound.state) == (paths[name].stat().st_mtime_ns, PRESENT)
    assert after[str(paths["changed.wav"])].mtime_ns == 5
    assert [(p.stage, p.done, p.total) for p in seen] == [("comparing", n, 8) for n in range(8)]


def test_a_file_that_cannot_be_read_is_no_move(library, tmp_path):
    put(library, tmp_path / "gone.wav", size=3, content_hash="hash")
    library.set_state([1], MISSING)
    none = FoundFile(str(tmp_path / "vanished.wav"), 3, 1, 1)
    last = FoundFile(str(tmp_path / "last.wav"), 9, 1, 1)
    assert follow_moves(library, [none, last], {}, Control()) == ([none, last], 0)
    with pytest.raises(AudioError) as told:
        content_hash(tmp_path / "vanished.wav")
    assert str(told.value) == "vanished.wav cannot be read: No such file or directory"
    assert len(content_hash(write(tmp_path / "x", b""))) == 40


# Scanned


def test_a_scan_tells_facts_of_files_and_how_far_it_is(tmp_path):
    b, a = write(tmp_path / "b.wav", b"12"), write(tmp_path / "deep" / "a.WAV", b"123")
    write(tmp_path / ".hidden" / "c.wav")
    write(tmp_path / "not.txt")
    (tmp_path / "folder.wav").mkdir()
    alone = write(tmp_path / "other" / "one.odd")
    found = scan([str(alone), str(tmp_path / "deep"), str(tmp_path)], Control())
    assert found.refused == []
    assert found.files == sorted(map(found_file, (b, a, a, alone)), key=lambda file: file.path)
    seen = []
    for number in range(1000 - 2):
        write(tmp_path / "many" / f"{number}.wav")
    scan([str(tmp_path)], Control(seen.append))
    assert [(p.stage, p.done) for p in seen] == [("scanning", 1000)]
    with pytest.raises(Cancelled):
        scan([str(tmp_path)], Control(cancel=lambda: True))


def test_what_cannot_be_looked_at_is_refused_with_its_reason(tmp_path, monkeypatch):
    write(tmp_path / "closed" / "a.wav")
    write(tmp_path / "open" / "b.wav")
    real = os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = scan([str(tmp_path)], Control())
    assert [Path(file.path).name for file in found.files] == ["b.wav"]
    assert found.refused == [Skipped(str(tmp_path / "closed"), 0, 0, 0, "Permission denied")]
    known = {path: Skipped(path, 1, 2, 3, "bad") for path in (str(tmp_path / "closed"), "/gone")}
    assert difference(found, {}, known).skipped_gone == ("/gone",)

    def odd(path):
        raise OSError("odd")

    monkeypatch.setattr(os, "scandir", odd)
    assert scan([str(tmp_path)], Control()).refused == [Skipped(str(tmp_path), 0, 0, 0, "odd")]


def test_a_name_of_other_bytes_is_refused_and_shown(tmp_path):
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")))
    (refused,) = scan([str(tmp_path)], Control()).refused
    shown = f"{tmp_path}/caf\\udce9.wav"
    assert refused == Skipped(shown, 0, 0, 0, "its name is not valid Unicode: rename it")


def test_a_file_is_tried_again_when_any_of_its_facts_changed():
    refusal = Skipped("/s/x.wav", 1, 2, 3, "bad")
    sound = Known(1, 1, 2, "h", PRESENT, 1.0, has_header=True)
    for facts in ((1, 2, 3), (9, 2, 3), (1, 9, 3), (1, 2, 9)):
        file = FoundFile("/s/x.wav", *facts)
        plan = difference(Scan([file]), {}, {"/s/x.wav": refusal})
        assert plan.skipped_again == (facts == (1, 2, 3))
        assert plan.to_read == (() if facts == (1, 2, 3) else (file,))
        plan = difference(Scan([file]), {"/s/x.wav": sound}, {})
        assert bool(plan.to_read) == (facts[:2] != (1, 2))


def test_roots_are_absolute_and_told_when_they_are_not_there(tmp_path, monkeypatch):
    write(tmp_path / "a" / "in" / "x.wav")
    write(tmp_path / "ab" / "y.wav")
    monkeypatch.chdir(tmp_path)
    assert roots_of([Path("a/in"), Path("ab"), Path("a"), Path("a/../a")]) == [
        str(tmp_path / "a"),
        str(tmp_path / "ab"),
    ]
    with pytest.raises(InputError) as told:
        roots_of([Path("a"), Path("none")])
    assert str(told.value) == "none does not exist: check the path, or connect the drive"


# Runs


def test_a_run_over_a_folder_that_is_away_tells_how_much_is_offline(two, tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(InputError) as told:
        build._present_roots(two, [tmp_path / "here", gone])
    assert str(told.value) == (
        f"{gone} does not exist, or is empty: its 2 sounds are offline until its drive is "
        "connected; if it moved, run `soundsift relink`"
    )
    with pytest.raises(InputError, match="its 2 sounds are offline"):
        build._present_roots(two, [gone])  # again
    assert build._present_roots(two, [tmp_path / "here"]) == [str(tmp_path / "here")]
    with pytest.raises(InputError, match="does not exist: check the path"):
        build._present_roots(two, [tmp_path / "never"])
    (tmp_path / "empty").mkdir()
    two.add_folder(str(tmp_path / "empty"))
    assert build._present_roots(two, [tmp_path / "empty"]) == [str(tmp_path / "empty")]


def test_one_run_at_a_time_is_told(library, tmp_path):
    with FileLock(f"{library.path}.lock"), pytest.raises(BusyError) as told:
        build.use_model(library, tmp_path, Control())
    assert str(told.value) == (
        f"another index run is working on {library.path}: wait until it has finished"
    )
    Path(f"{library.path}.lock").unlink(missing_ok=True)
    Path(f"{library.path}.lock").mkdir()
    with pytest.raises(LibraryError) as told:
        build.use_model(library, tmp_path, Control())
    assert str(told.value) == f"the library {library.path} cannot be locked: Is a directory"


def test_a_report_is_plain_values():
    report = IndexReport(1, 2, 3, 4, 5, 6, 7, 8.5, 9.5)
    assert report.to_dict() == {
        "found": 1,
        "unchanged": 2,
        "heard": 3,
        "moved": 4,
        "back": 5,
        "missing": 6,
        "skipped": 7,
        "audio_s": 8.5,
        "took_s": 9.5,
        "remark": "",
    }
