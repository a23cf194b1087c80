import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.index.drives import relink
from engine.index.scan import FoundFile, Scan, difference, roots_of, scan
from engine.progress import Control
from engine.store import Known, Skipped
from engine.store.places import sound_at
from engine.store.tables import MISSING, OFFLINE, PRESENT


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def found(folder: Path) -> list[str]:
    return [Path(file.path).name for file in scan([str(folder)], Control()).files]


def test_sounds_are_found_by_extension_in_every_folder(tmp_path):
    for name in ("b.WAV", "sub/a.flac", "sub/deep/c.mp3", "notes.txt", "cover.jpg"):
        touch(tmp_path / name)
    assert found(tmp_path) == ["b.WAV", "a.flac", "c.mp3"]


def test_hidden_files_folder_links_and_pipes_are_passed_over(tmp_path):
    for name in (".hidden.wav", "._resource.wav", ".git/x.wav", "real.wav"):
        touch(tmp_path / name)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "linked.wav").symlink_to(tmp_path / "real.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    assert found(tmp_path) == ["linked.wav", "real.wav"]


def test_a_broken_link_and_a_name_that_is_no_unicode_are_told(tmp_path):
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")).write_bytes(b"x")
    refused = {Path(r.path).name: r.reason for r in scan([str(tmp_path)], Control()).refused}
    assert refused["gone.wav"] == "No such file or directory"
    assert "not valid Unicode" in next(reason for name, reason in refused.items() if "caf" in name)


def test_a_folder_whose_name_is_no_unicode_is_told(tmp_path, library, monkeypatch):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    odd.mkdir()
    touch(odd / "a.wav")
    for refused in (
        lambda: roots_of([odd]),
        lambda: relink(library, odd, tmp_path / "new"),
        lambda: relink(library, tmp_path / "old", odd),
    ):
        with pytest.raises(InputError, match="not valid Unicode: rename it"):
            refused()
    assert sound_at(library, str(odd / "a.wav")) is None

    def closed(path: str) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", closed)
    library.put_skipped(scan([str(odd)], Control()).refused)
    assert [row.path for row in library.skipped()] == [f"{tmp_path}/caf\\udce9"]


def test_names_with_emoji_and_of_250_characters_are_found(tmp_path):
    names = ["🔔 dzwon.wav", "x" * 246 + ".wav", "a\nb.wav", "'; DROP TABLE sounds.wav"]
    for name in names:
        touch(tmp_path / name)
    assert sorted(found(tmp_path)) == sorted(names)


def test_a_path_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(InputError, match="does not exist: check the path"):
        roots_of([tmp_path / "none"])


def test_folders_inside_others_are_not_walked_twice(tmp_path):
    touch(tmp_path / "sub" / "a.wav")
    touch(tmp_path / "subway" / "b.wav")
    roots = roots_of([tmp_path / "sub" / "a.wav", tmp_path / "sub", tmp_path / "subway"])
    assert sorted(Path(root).name for root in roots) == ["sub", "subway"]


def known_sound(number: int, size: int, state: int = PRESENT, has_header: bool = True) -> Known:
    return Known(number, size, 5, "h", state, 1.0, has_header)


def test_the_difference_is_what_has_to_be_done():
    files = [
        FoundFile(f"/s/{n}.wav", 10, 5, 5)
        for n in ("same", "grown", "new", "bad", "back", "offline", "old")
    ]
    known = {
        "/s/same.wav": known_sound(1, 10),
        "/s/grown.wav": known_sound(2, 9),
        "/s/back.wav": known_sound(3, 10, MISSING),
        "/s/offline.wav": known_sound(6, 10, OFFLINE),
        "/s/old.wav": known_sound(7, 10, PRESENT, has_header=False),
        "/s/gone.wav": known_sound(4, 10),
        "/s/gone before.wav": known_sound(5, 10, MISSING),
    }
    skipped = {
        "/s/bad.wav": Skipped("/s/bad.wav", 10, 5, 5, "is empty"),
        "/s/bad and gone.wav": Skipped("/s/bad and gone.wav", 10, 5, 5, "is empty"),
    }
    plan = difference(Scan(files), known, skipped)
    assert [file.path for file in plan.unchanged] == ["/s/same.wav"]
    assert [file.path for file in plan.to_read] == ["/s/grown.wav", "/s/new.wav"]
    assert (plan.back, plan.gone) == ((3, 6), (4,))
    assert [file.path for file in plan.to_describe] == ["/s/old.wav"]
    assert (plan.skipped_again, plan.skipped_gone) == (1, ("/s/bad and gone.wav",))


def test_a_refused_file_is_tried_again_when_its_rights_change():
    refusal = Skipped("/s/x.wav", 10, 5, 5, "permission denied")
    changed = FoundFile("/s/x.wav", 10, 5, ctime_ns=6)
    assert difference(Scan([changed]), {}, {"/s/x.wav": refusal}).to_read == (changed,)


NAMES = [f"/s/{letter}.wav" for letter in "abcdef"]
FILES = st.dictionaries(st.sampled_from(NAMES), st.tuples(st.integers(1, 3), st.integers(1, 3)))


@given(
    disk=FILES,
    known=st.dictionaries(
        st.sampled_from(NAMES),
        st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from([0, 1, 2]), st.booleans()),
    ),
    refused=FILES,
)
def test_what_was_done_needs_not_be_done_again(disk, known, refused):
    """Whatever disk and library look like: after doing all, nothing is left to do."""
    found = Scan([FoundFile(path, *facts, 7) for path, facts in sorted(disk.items())])
    library = {
        path: Known(number, size, mtime, "h", state, 1.0, has_header)
        for number, (path, (size, mtime, state, has_header)) in enumerate(known.items())
    }
    skipped = {path: Skipped(path, *facts, 7, "broken") for path, facts in refused.items()}
    plan = difference(found, library, skipped)
    done = {file.path for file in (*plan.unchanged, *plan.to_read, *plan.to_describe)}
    back = {path for path, sound in library.items() if sound.id in plan.back}
    again = {path for path in disk if path not in done | back}
    assert len(again) == plan.skipped_again
    assert done | back | again == set(disk)
    assert {path for path, s in library.items() if s.id in plan.gone} == {
        path for path, s in library.items() if path not in disk and s.state != MISSING
    }
    after = dict(library)
    for path, (size, mtime) in disk.items():
        if path not in again:
            number = library[path].id if path in library else 100 + NAMES.index(path)
            after[path] = Known(number, size, mtime, "h", PRESENT, 1.0, True)
    for path, sound in library.items():
        if sound.id in plan.gone:
            after[path] = replace(sound, state=MISSING)
    left = {p: row for p, row in skipped.items() if p in again}
    second = difference(found, after, left)
    assert (second.back, second.to_read, second.to_describe, second.gone) == ((), (), (), ())
    assert second.skipped_gone == ()


def test_a_hundred_thousand_files_in_one_folder(tmp_path):
    for number in range(100_000):
        os.close(os.open(tmp_path / f"{number:06d}.wav", os.O_CREAT))
    files = scan([str(tmp_path)], Control()).files
    assert len(files) == 100_000
    assert files[-1].path.endswith("099999.wav")
