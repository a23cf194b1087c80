"""The journal: power losses, kills, damaged records, and what lies beside the bytes."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from engine.errors import InputError
from engine.metadata.journal import TEMPORARY, Journal, clean_up
from engine.metadata.write import SoundTags, write_tags
from tests.conftest import tone
from tests.engine.metadata.disk import Recorder, after_power_loss

TAGS = SoundTags("A heavy door", None, "Creak", ("door", "wood"))


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    path = folder / "a.wav"
    soundfile.write(path, tone(440, 0.05, 48000), 48000)
    return path


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are forked")
def test_writers_killed_at_200_steps_leave_old_or_new_files_and_nothing_else(tmp_path):
    folder = tmp_path / "sounds"
    folder.mkdir()
    soundfile.write(folder / "sound.wav", tone(440, 0.2), 48000, subtype="PCM_24")
    original = (folder / "sound.wav").read_bytes()
    script = [sys.executable, "-c", KILLED, str(folder), str(tmp_path / "journals"), "200"]
    done = subprocess.run(script, capture_output=True, text=True)
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
    assert "the record of what it was is damaged" in " ".join(problems)
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
    assert "the library does not know it" in why and sound.read_bytes() == new
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
    assert "was changed since" in why and sound.read_bytes() == data


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
    with pytest.raises(Exception, match=r"extended attribute user\.mine cannot be kept"):
        write_tags(sound, TAGS, journal)
    assert sound.read_bytes() == old and len(list(sound.parent.iterdir())) == 1


def test_a_file_with_several_names_is_refused_and_told(tmp_path, sound, journal):
    other = tmp_path / "other.wav"
    os.link(sound, other)
    old = sound.read_bytes()
    with pytest.raises(InputError, match=r"a\.wav has 2 names \(hard links\)"):
        write_tags(sound, TAGS, journal)
    assert sound.samefile(other) and sound.read_bytes() == old
    other.unlink()
    write_tags(sound, TAGS, journal)
    os.link(sound, other)
    ((_, why),) = journal.undo(bool)
    assert "2 names" in why and sound.samefile(other)


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
