"""The journal: power losses, kills, damaged records, and what lies beside the bytes."""

import hashlib
import json
import os
import re
import shutil
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
import soundfile

from engine import durable
from engine.errors import AudioError, InputError
from engine.metadata.journal import TEMPORARY, Journal, clean_up
from engine.metadata.write import SoundTags, write_tags
from tests import warm
from tests.conftest import tone
from tests.engine.metadata.disk import Recorder, after_power_loss

TAGS = SoundTags("A heavy door", None, "Creak", ("door", "wood"))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def lay(files: dict[Path, bytes], *folders: Path) -> None:
    """Let folders hold these files and no others."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def recorded(monkeypatch, folders, act) -> list:
    recorder = Recorder(list(folders))
    recorder.begin()
    with monkeypatch.context() as patched:
        recorder.attach(patched)
        act()
    recorder.changed("end")
    return recorder.states


def test_after_any_loss_of_power_a_file_is_old_or_new_and_undo_knows(
    tmp_path, sound, journal, monkeypatch
):
    old = sound.read_bytes()
    folders = (sound.parent, journal.folder)
    states = recorded(monkeypatch, folders, lambda: write_tags(sound, TAGS, journal))
    new = sound.read_bytes()
    assert old != new and len(states) > 20
    seen = set()
    for state in states:
        for files in after_power_loss(state):
            lay(files, *folders)
            seen.add(files.get(sound))
            assert files.get(sound) in (old, new), state.step
            clean_up(journal.folder)
            left = [p.name for p in sound.parent.iterdir()]
            assert left == ["a.wav"], state.step
            problems = [why for _, why in Journal(journal.folder).undo(bool)]
            assert not any(problems), (state.step, problems)
            assert sound.read_bytes() == old, state.step
    assert seen == {old, new}


def test_undo_survives_any_loss_of_power(tmp_path, sound, journal, monkeypatch):
    old = sound.read_bytes()
    folders = (sound.parent, journal.folder)
    write_tags(sound, TAGS, journal)
    new = sound.read_bytes()
    states = recorded(monkeypatch, folders, lambda: list(journal.undo(bool)))
    assert sound.read_bytes() == old
    for state in states:
        for files in after_power_loss(state):
            lay(files, *folders)
            assert files.get(sound) in (old, new), state.step
            clean_up(journal.folder)
            again = list(Journal(journal.folder).undo(bool))
            assert not any(why for _, why in again), (state.step, again)
            assert sound.read_bytes() == old, state.step


def test_the_simulated_disk_does_lose_what_was_not_waited_for(tmp_path, monkeypatch):
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a").write_bytes(b"old")

    def careless() -> None:
        (folder / "b").write_bytes(b"new!")
        os.replace(folder / "b", folder / "a")  # noqa: PTH105

    outcomes = set()
    for state in recorded(monkeypatch, [folder], careless):
        outcomes |= {files.get(folder / "a") for files in after_power_loss(state)}
    assert outcomes == {b"old", b"new!", b"ne", b""}


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
import soundfile
from engine.metadata.journal import Journal, clean_up
from engine.metadata.riff import read_layout
from engine.metadata.write import SoundTags, write_tags

folder, journals, runs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
path, audio = folder / "sound.wav", soundfile.read(folder / "sound.wav")[0]
changed = 0
for number in range(runs):
    before = path.read_bytes()
    child = os.fork()
    if not child:
        count = 0
        def dying(real):
            def act(*arguments, **more):
                global count
                if count == number % 45:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1
                return real(*arguments, **more)
            return act
        for name in ("fsync", "replace", "unlink", "open", "utime", "chmod"):
            setattr(os, name, dying(getattr(os, name)))
        journal = Journal(journals / f"{number:03d}")
        for take in range(10_000):
            write_tags(path, SoundTags(keywords=(f"{number} take {take}",)), journal)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert np.array_equal(soundfile.read(path)[0], audio), number
    read_layout(path)
    changed += path.read_bytes() != before
    clean_up(journals)
    assert [p.name for p in folder.iterdir()] == ["sound.wav"], number
print(changed)
"""


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are forked")
def test_writers_killed_at_200_steps_leave_old_or_new_files_and_nothing_else(tmp_path):
    folder = tmp_path / "sounds"
    folder.mkdir()
    soundfile.write(folder / "sound.wav", tone(440, 0.2), 48000, subtype="PCM_24")
    original = (folder / "sound.wav").read_bytes()
    done = warm.script(KILLED, folder, tmp_path / "journals", 200)
    assert done.returncode == 0, done.stderr
    assert 50 < int(done.stdout) < 190  # of 200 killed processes, so many had written before
    for journal in sorted((tmp_path / "journals").iterdir(), reverse=True):
        assert all(problem is None for _, problem in Journal(journal).undo(bool))
    assert (folder / "sound.wav").read_bytes() == original


def test_a_damaged_record_is_told_and_the_others_still_work(tmp_path, journal):
    paths, old = [], []
    for number in range(4):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, tone(440 + number, 0.05, 48000), 48000)
        paths.append(path)
        old.append(path.read_bytes())
        write_tags(path, TAGS, journal)
    records = sorted(journal.folder.glob("*.json"))
    records[1].write_bytes(records[1].read_bytes()[:-9])
    kept = records[2].with_suffix(".old")
    kept.write_bytes(bytes(len(kept.read_bytes())))
    told = list(Journal(journal.folder).undo(bool))
    problems = [why for _, why in told if why]
    assert len(told) == 4 and len(problems) == 2
    assert "this record of a change is damaged" in " ".join(problems)
    assert "the record of its previous state is damaged" in " ".join(problems)
    assert [p.read_bytes() == o for p, o in zip(paths, old, strict=True)] == [
        True,
        False,
        False,
        True,
    ]
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(TEMPORARY)]


@pytest.mark.parametrize(
    "damage",
    [
        {"path": 3},
        {"alike_first": -1},
        {"alike_first": True},
        {"alike_last": 1 << 60},
        {"old_digest": "0"},
        {"more": 1},
    ],
)
def test_a_record_that_makes_no_sense_restores_nothing(sound, journal, damage):
    write_tags(sound, TAGS, journal)
    new = sound.read_bytes()
    (record,) = journal.folder.glob("*.json")
    document = {**json.loads(record.read_text()), **damage}
    record.write_text(json.dumps(document))
    ((_, why),) = journal.undo(bool)
    assert why and sound.read_bytes() == new


def test_a_record_can_only_name_files_that_are_known(sound, journal):
    write_tags(sound, TAGS, journal)
    new = sound.read_bytes()
    ((_, why),) = journal.undo(lambda path: False)
    assert "it is not in the library" in why and sound.read_bytes() == new
    assert list(journal.undo(lambda path: path == str(sound))) == [(str(sound), None)]


def test_an_announcement_can_only_name_temporary_files_of_ours(tmp_path, sound, journal):
    mine = tmp_path / "mine.wav"
    mine.write_bytes(b"x")
    (journal.folder / "mine.wav.pending").write_text(str(mine))
    left = sound.parent / f"{TEMPORARY}0123456789abcdef.part.wav"
    left.write_bytes(b"x")
    (journal.folder / "other.pending").write_text(str(left))
    (journal.folder / "damaged.pending").write_bytes(b"\xff\xfe")
    assert clean_up(journal.folder) == 0 and mine.exists() and left.exists()
    (journal.folder / f"{TEMPORARY}00.part.wav.pending").write_text(str(mine))
    (journal.folder / f"{TEMPORARY}01.part.wav.pending").write_bytes(b"\xff\xfe")
    (journal.folder / f"{left.name}.pending").write_text(str(left))
    assert clean_up(journal.folder) == 1 and not left.exists() and mine.exists()
    others = {"mine.wav.pending", "other.pending", "damaged.pending"}  # are not ours to remove
    assert {p.name for p in journal.folder.glob("*.pending")} == others


def test_what_was_changed_since_stays_also_where_size_and_time_are_the_same(sound, journal):
    write_tags(sound, TAGS, journal)
    state, data = sound.stat(), bytearray(sound.read_bytes())
    data[-1] ^= 1
    sound.write_bytes(data)
    os.utime(sound, ns=(state.st_atime_ns, state.st_mtime_ns))
    ((_, why),) = journal.undo(bool)
    assert "has been changed since" in why and sound.read_bytes() == data


def test_a_file_that_was_only_touched_is_taken_back(sound, journal):
    old, state = sound.read_bytes(), sound.stat()
    write_tags(sound, TAGS, journal)
    os.utime(sound, ns=(1, 1))
    assert list(journal.undo(bool)) == [(str(sound), None)]
    assert sound.read_bytes() == old and sound.stat().st_mtime_ns == state.st_mtime_ns


def attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name) for name in os.listxattr(path)}


@pytest.mark.skipif(sys.platform != "linux", reason="extended attributes as Linux has them")
def test_attributes_permissions_owner_and_times_stay_and_come_back(sound, journal):
    try:
        os.setxattr(sound, "user.com.apple.metadata:_kMDItemUserTags", b"bplist\0\1")
        os.setxattr(sound, "user.rating", b"5")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    sound.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(sound, 12345, 23456)
    os.utime(sound, ns=(10**18, 10**18 + 7))
    held, state, old = attributes(sound), sound.stat(), sound.read_bytes()
    write_tags(sound, TAGS, journal)
    now = sound.stat()
    assert attributes(sound) == held
    assert (now.st_mode, now.st_uid, now.st_gid) == (state.st_mode, state.st_uid, state.st_gid)
    assert now.st_mtime_ns != state.st_mtime_ns
    list(journal.undo(bool))
    back = sound.stat()
    assert attributes(sound) == held and sound.read_bytes() == old
    assert (back.st_mode, back.st_uid, back.st_gid) == (state.st_mode, state.st_uid, state.st_gid)
    assert back.st_mtime_ns == state.st_mtime_ns


def test_an_attribute_that_cannot_be_kept_refuses_the_file(sound, journal, monkeypatch):
    if sys.platform != "linux":
        pytest.skip("extended attributes as Linux has them")
    monkeypatch.setattr(os, "listxattr", lambda path: ["user.mine"])
    monkeypatch.setattr(os, "getxattr", lambda path, name: b"1")

    def refuse(path, name, value):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "setxattr", refuse)
    old = sound.read_bytes()
    with pytest.raises(Exception, match=r"extended attribute user\.mine cannot be preserved"):
        write_tags(sound, TAGS, journal)
    assert sound.read_bytes() == old and len(list(sound.parent.iterdir())) == 1


def test_a_file_with_several_names_is_refused_and_told(tmp_path, sound, journal):
    other = tmp_path / "other.wav"
    os.link(sound, other)
    old = sound.read_bytes()
    with pytest.raises(InputError, match=r"a\.wav has 2 hard links"):
        write_tags(sound, TAGS, journal)
    assert sound.samefile(other) and sound.read_bytes() == old
    other.unlink()
    write_tags(sound, TAGS, journal)
    os.link(sound, other)
    ((_, why),) = journal.undo(bool)
    assert "2 hard links" in why and sound.samefile(other)


def test_the_copy_lies_beside_the_file_under_a_short_name(sound, journal, monkeypatch):
    long = sound.with_name("x" * 251 + ".wav")
    sound.rename(long)
    made = []
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (made.append(Path(a)), real(a, b)))
    write_tags(long, TAGS, journal)
    (copy,) = [path for path in made if path.parent == long.parent]
    assert len(copy.name) < 40 and copy.suffix == ".wav"
    assert stat.S_ISREG(long.stat().st_mode)


def access_list(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
OTHERS_MAY = access_list(  # owner, user 65534, group, mask, others
    (1, 7, NOBODY), (2, 6, 65534), (4, 5, NOBODY), (16, 7, NOBODY), (32, 0, NOBODY)
)
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"


@pytest.mark.skipif(sys.platform != "linux", reason="access lists as Linux has them")
@pytest.mark.parametrize("own", [None, OTHERS_MAY.replace(b"\2\0\6", b"\2\0\4")])
def test_a_file_gets_no_access_list_from_its_folder(sound, journal, own):
    sound.chmod(0o640)
    try:
        if own is not None:
            os.setxattr(sound, ACCESS, own)
        os.setxattr(sound.parent, DEFAULT, OTHERS_MAY)
    except OSError:
        pytest.skip("this file system has no access lists")
    held, mode = attributes(sound), sound.stat().st_mode
    write_tags(sound, TAGS, journal)
    assert attributes(sound) == held and sound.stat().st_mode == mode
    list(journal.undo(bool))
    assert attributes(sound) == held and sound.stat().st_mode == mode
    (sound.parent / "new").touch()
    assert ACCESS in attributes(sound.parent / "new")  # the folder does give one


def test_an_inherited_attribute_that_stays_refuses_the_file(sound, journal, monkeypatch):
    if sys.platform != "linux":
        pytest.skip("extended attributes as Linux has them")

    def refuse(path, name):
        raise OSError(1, "Operation not permitted")

    inherited = {TEMPORARY: [ACCESS]}
    monkeypatch.setattr(os, "listxattr", lambda path: inherited.get(Path(path).name[:11], []))
    monkeypatch.setattr(os, "removexattr", refuse)
    old = sound.read_bytes()
    with pytest.raises(AudioError, match=f"its folder adds the extended attribute {ACCESS}"):
        write_tags(sound, TAGS, journal)
    assert sound.read_bytes() == old and len(list(sound.parent.iterdir())) == 1


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_nobody_else_reads_the_copy_while_it_is_made(sound, journal, monkeypatch):
    sound.chmod(0o600)
    modes = []

    def watched(path: Path, write: Callable[[BinaryIO], None]) -> None:
        if path.parent == sound.parent:
            modes.append(stat.S_IMODE(path.stat().st_mode))
        real(path, write)

    real = durable.write_file
    monkeypatch.setattr(durable, "write_file", watched)
    write_tags(sound, TAGS, journal)
    list(journal.undo(bool))
    assert modes == [0o600, 0o600]  # one written, one taken back


def kept(journal: Journal) -> list[str]:
    return sorted(path.name for path in journal.folder.iterdir())


def put(data: bytes):
    return lambda out: out.write(data)


@pytest.mark.parametrize(
    ("old", "new", "first", "last"),
    [
        (b"abcdef", b"abXdef", 2, 3),
        (b"abc", b"abcabc", 3, 0),
        (b"abcabc", b"abc", 3, 0),
        (b"aaa", b"aa", 2, 0),
        (b"abc", b"xyz", 0, 0),
        (b"", b"new", 0, 0),
        (b"old", b"", 0, 0),
        (b"xbc", b"ybc", 0, 2),
        (b"x" * 3_000_000, b"x" * 1_500_000 + b"y" + b"x" * 1_500_000, 1_500_000, 1_500_000),
        (b"ab" * (1 << 19) + b"c", b"ab" * (1 << 19) + b"d", 1 << 20, 0),
        (b"c" + b"ab" * (1 << 20), b"dd" + b"ab" * (1 << 20), 0, 1 << 21),
    ],
)
def test_only_what_differs_is_kept(tmp_path, journal, old, new, first, last):
    path = tmp_path / "a.wav"
    path.write_bytes(old)
    os.utime(path, ns=(5, 7))
    journal.replace(path, put(new), keep_time=False)
    assert path.read_bytes() == new and path.stat().st_mtime_ns != 7
    assert kept(journal) == ["00000000.json", "00000000.old"]
    record = json.loads((journal.folder / "00000000.json").read_text())
    assert (record["path"], record["old_mtime_ns"]) == (str(path), 7)
    assert (record["alike_first"], record["alike_last"]) == (first, last)
    digests = [hashlib.blake2b(held, digest_size=20).hexdigest() for held in (old, new)]
    assert [record["old_digest"], record["new_digest"]] == digests
    differs = old[first : len(old) - last]
    assert (journal.folder / "00000000.old").read_bytes() == differs
    assert list(journal.undo(bool)) == [(str(path), None)]
    assert path.read_bytes() == old and path.stat().st_mtime_ns == 7
    assert kept(journal) == [] and list(journal.undo(bool)) == []


def test_times_are_kept_where_that_is_asked_for(tmp_path, journal):
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    os.utime(path, ns=(5, 7))
    journal.replace(path, put(b"new"), keep_time=True)
    assert path.stat().st_mtime_ns == 7


def test_changes_are_counted_on_from_those_there(tmp_path, journal):
    paths = [tmp_path / f"{n}.wav" for n in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(b"old")
        (journal.folder / f"notes{number}").write_bytes(b"")
        Journal(journal.folder).replace(path, put(b"new"), keep_time=False)
    assert [name for name in kept(journal) if name.endswith(".json")] == [
        "00000000.json",
        "00000001.json",
        "00000002.json",
    ]
    (journal.folder / "00000041.old").write_bytes(b"")
    again = Journal(journal.folder)
    for text in (b"newer", b"newest"):
        again.replace(paths[0], put(text), keep_time=False)
    assert kept(journal)[-7:-3] == [f"{n:08d}.{kind}" for n in (42, 43) for kind in ("json", "old")]
    told = list(again.undo(bool))
    assert told == [(str(paths[n]), None) for n in (0, 0, 2, 1, 0)]
    assert [path.read_bytes() for path in paths] == [b"old"] * 3


def test_a_new_journal_makes_its_folder(tmp_path):
    folder = tmp_path / "a" / "b"
    assert Journal(folder).folder == folder and folder.is_dir()


def test_every_reason_why_a_file_stays_is_a_sentence(tmp_path, journal):
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    journal.replace(path, put(b"new"), keep_time=False)
    record, old = journal.folder / "00000000.json", journal.folder / "00000000.old"
    assert list(journal.undo(lambda path: False)) == [
        (str(path), "it is not in the library, so it is left as it is")
    ]
    path.write_bytes(b"other")
    assert list(journal.undo(bool)) == [
        (str(path), "a.wav has been changed since, so it is left as it is")
    ]
    path.write_bytes(b"new")
    damaged = (str(path), "the record of its previous state is damaged, so it is left as it is")
    right = old.read_bytes()
    old.unlink()
    assert list(journal.undo(bool)) == [damaged]
    old.write_bytes(b"xxx")
    assert list(journal.undo(bool)) == [damaged] and path.read_bytes() == b"new"
    old.write_bytes(right)
    whole = record.read_bytes()
    record.write_bytes(b"{")
    told = "this record of a change is damaged, and was set aside"
    assert list(journal.undo(bool)) == [("00000000.json", told)]
    assert kept(journal) == ["00000000.damaged", "00000000.old"]
    record.write_bytes(whole)
    path.unlink()
    ((name, why),) = journal.undo(bool)
    assert name == str(path) and "No such file" in why
    path.write_bytes(b"old")  # it is what it was
    assert list(journal.undo(bool)) == [(str(path), None)]
    assert kept(journal) == ["00000000.damaged"]


def test_a_file_that_stays_does_not_keep_others_from_coming_back(tmp_path, journal):
    paths = [tmp_path / f"{n}.wav" for n in range(4)]
    for path in paths:
        path.write_bytes(b"old")
        journal.replace(path, put(b"new"), keep_time=False)
    paths[3].write_bytes(b"other")
    (journal.folder / "00000002.json").write_bytes(b"")
    told = [(name, why is None) for name, why in journal.undo(lambda path: "1.wav" not in path)]
    assert told == [
        (str(paths[3]), False),
        ("00000002.json", False),
        (str(paths[1]), False),
        (str(paths[0]), True),
    ]
    assert [path.read_bytes() for path in paths] == [b"old", b"new", b"new", b"other"]


def test_a_file_of_several_names_is_told_how_to_be_written(tmp_path, journal):
    path, other = tmp_path / "a.wav", tmp_path / "b.wav"
    path.write_bytes(b"old")
    os.link(path, other)
    with pytest.raises(InputError) as told:
        journal.replace(path, put(b"new"), keep_time=False)
    assert str(told.value) == (
        "a.wav has 2 hard links, which writing would separate: it is unchanged; write into "
        "a copy of it"
    )


def test_the_copy_is_announced_before_it_is_made_and_gone_after(tmp_path, journal):
    path = tmp_path / "a.longsuffix"
    path.write_bytes(b"old")
    seen: list[tuple[Path, str]] = []

    def write(out) -> None:
        (announced,) = journal.folder.glob("*.pending")
        assert announced.read_text() == str(out.name)
        seen.append((Path(out.name), announced.name))
        raise OSError("enough")

    with pytest.raises(OSError, match="enough"):
        journal.replace(path, write, keep_time=False)
    ((copy, announced),) = seen
    assert copy.parent == tmp_path and announced == f"{copy.name}.pending"
    assert re.fullmatch(r"\.soundsift-[0-9a-f]{16}\.part\.longsuf", copy.name)
    assert path.read_bytes() == b"old" and kept(journal) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.longsuffix", "journal"]


def test_what_killed_processes_left_is_removed_below_a_folder(tmp_path):
    journals = [Journal(tmp_path / "j" / name) for name in ("a", "b")]
    left = []
    for number, journal in enumerate(journals):
        for _ in range(2):
            copy = tmp_path / f"{TEMPORARY}{len(left):02d}ab.part{'.wav' * number}"
            copy.write_bytes(b"x")
            (journal.folder / f"{copy.name}.pending").write_text(str(copy), encoding="utf-8")
            left.append(copy)
    gone = tmp_path / f"{TEMPORARY}ff.part"
    (journals[0].folder / f"{gone.name}.pending").write_text(str(gone))
    link, mine = tmp_path / f"{TEMPORARY}fe.part", tmp_path / "mine"
    mine.write_bytes(b"mine")
    link.symlink_to(mine)
    (journals[0].folder / f"{link.name}.pending").write_text(str(link))
    assert clean_up(tmp_path / "j") == 4
    assert not any(copy.exists() for copy in left) and mine.exists() and link.is_symlink()
    assert not list(tmp_path.rglob("*.pending")) and clean_up(tmp_path / "j") == 0


def test_a_copy_on_a_drive_that_is_away_is_removed_when_it_is_back(tmp_path, journal):
    drive, unplugged = tmp_path / "drive", tmp_path / "unplugged"
    drive.mkdir()
    path = drive / "a.wav"
    path.write_bytes(b"old")

    def write(out) -> None:
        drive.rename(unplugged)
        raise OSError("Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        journal.replace(path, write, keep_time=False)
    assert clean_up(journal.folder) == 0  # nor is it forgotten at the next start
    unplugged.rename(drive)
    assert len(list(drive.iterdir())) == 2
    assert clean_up(journal.folder) == 1
    assert list(drive.iterdir()) == [path] and not list(journal.folder.glob("*.pending"))
