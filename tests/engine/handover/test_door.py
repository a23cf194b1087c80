"""Sounds as lasting files: complete or absent, once for the same order, and nothing overwritten."""

import errno
import io
import os
import shutil
import stat
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import AudioError, InputError
from engine.handover.door import FullDiskError, hand_over, keep, prepare
from engine.handover.forms import parse_form
from engine.handover.order import Order, Rendering
from engine.handover.room import HIDDEN
from engine.progress import Cancelled, Control
from tests import warm

RATE = 8000
NAME = "Door creak 0m12.30–0m14.05.wav"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "Door creak.wav"
    soundfile.write(path, np.sin(np.arange(20 * RATE) / 9) * 0.5, RATE)
    return path


@pytest.fixture
def make(source, tmp_path):
    """Return a function that prepares a part, to be kept in ``kept``."""
    folder, room = tmp_path / "kept", tmp_path / "kept" / HIDDEN
    room.mkdir(parents=True)

    def run(start_s: float = 12.3, end_s: float = 14.05, **more):
        return prepare(Order(source, (start_s, end_s), **more), folder, room, Control())

    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_what_is_only_prepared_is_no_file_of_the_folder(make, tmp_path):
    part = make()
    assert names(tmp_path / "kept") == []
    kept = keep(part)
    assert kept.file == tmp_path / "kept" / NAME
    assert soundfile.info(kept.file).duration == pytest.approx(1.75, abs=1e-3)
    assert not list((tmp_path / "kept" / HIDDEN).iterdir())
    assert keep(kept) == kept


@pytest.mark.parametrize("form", ["wav", "wav/16", "wav16/32", "flac", "aiff/16", "original"])
def test_the_same_order_again_is_the_same_file(make, tmp_path, form):
    more = {"form": parse_form(form), "rendering": Rendering(speed=1.5, reverse=True)}
    first = keep(make(**more))
    before = first.file.stat()
    os.utime(first.file, ns=(before.st_atime_ns, before.st_mtime_ns - 10**10))
    before = first.file.stat()
    again = keep(make(**more))
    after = again.file.stat()
    assert again.file == first.file
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(names(tmp_path / "kept")) == 1


@pytest.mark.parametrize("links", [True, False])
def test_nothing_is_ever_overwritten(make, tmp_path, monkeypatch, links):
    if not links:

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", refuse)
    kept, second = tmp_path / "kept", NAME.replace(".wav", " (2).wav")
    (kept / NAME).write_text("somebody's own")
    assert keep(make()).file.name == second
    (kept / second).write_bytes(b"edited")
    assert keep(make()).file.name == NAME.replace(".wav", " (3).wav")
    assert (kept / NAME).read_text() == "somebody's own"
    assert (kept / second).read_bytes() == b"edited"
    assert soundfile.info(kept / NAME.replace(".wav", " (3).wav")).frames
    assert len(names(kept)) == 3


def test_a_name_that_is_taken_between_preparing_and_keeping_is_left_alone(make):
    part = make()
    part.wanted.write_text("just now")
    assert keep(part).file.name.endswith("(2).wav")
    assert part.wanted.read_text() == "just now"


def test_the_same_order_prepared_twice_is_kept_once(make, tmp_path):
    first, second = make(), make()
    assert keep(first).file == keep(second).file
    assert names(tmp_path / "kept") == [NAME]
    assert not list((tmp_path / "kept" / HIDDEN).iterdir())


def test_a_folder_of_that_name_is_no_obstacle(make, tmp_path):
    (tmp_path / "kept" / NAME).mkdir()
    assert keep(make()).file.name.endswith("(2).wav")


def test_what_changed_is_prepared_again(make, source):
    part = make()
    soundfile.write(source, np.zeros(20 * RATE), RATE)
    with pytest.raises(FileNotFoundError):
        keep(part)
    kept = keep(make())
    kept.file.write_bytes(b"edited in another program")
    with pytest.raises(FileNotFoundError):
        keep(kept)
    part = make(1, 2)
    part.file.unlink()
    with pytest.raises(FileNotFoundError):
        keep(part)


@pytest.mark.parametrize("form", ["original", "wav"])
@pytest.mark.parametrize("is_gone", [True, False])
def test_a_source_that_changes_while_it_is_handed_over_is_a_sentence(
    source, tmp_path, form, is_gone
):
    def change(*_: object) -> None:
        if is_gone:
            source.unlink(missing_ok=True)
        else:
            os.utime(source, ns=(10**18, 10**18))

    order = Order(source, form=parse_form(form))
    with pytest.raises(AudioError, match=r"^Door creak\.wav was changed by another .*: try again$"):
        hand_over(order, tmp_path / "out", Control(update=change))
    assert not (tmp_path / "out").exists()


def test_a_source_that_cannot_be_read_to_its_end_is_not_told_as_a_disk_that_cannot_be_written(
    source, tmp_path, monkeypatch
):
    real = Path.open

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if size == 1:  # a look whether it is empty
                return b"R"
            raise OSError(errno.EIO, "Input/output error")

    def opened(path: Path, mode: str = "r", **more: object):
        return Failing() if path == source else real(path, mode, **more)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(AudioError, match=r"^Door creak\.wav cannot be read: Input/output error$"):
        hand_over(Order(source), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_a_sentence_and_leaves_nothing(make, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 90, 10))
    with pytest.raises(FullDiskError, match=r"the disk that holds .* is full: the file needs"):
        make()
    assert not list((tmp_path / "kept" / HIDDEN).iterdir())


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_a_disk_that_fills_up_meanwhile_is_a_sentence_and_leaves_nothing(
    make, tmp_path, monkeypatch, form
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    monkeypatch.setattr("engine.handover.wave.little_endian", full)
    with pytest.raises(FullDiskError, match=r"cannot be written to .*: No space left on device"):
        make(form=parse_form(form))
    assert not list((tmp_path / "kept" / HIDDEN).iterdir())


def refuse(*_: object) -> None:
    raise PermissionError(errno.EACCES, "a scanner holds it")


def test_a_folder_that_may_not_be_written_is_a_sentence(make, monkeypatch):
    part = make()
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(AudioError, match=r"choose another folder$"):
        keep(part)


def test_where_neither_links_nor_moves_are_possible_no_empty_file_stays(make, monkeypatch):
    part = make()
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(AudioError, match=r"cannot be saved in .* \(a scanner holds it\)"):
        keep(part)
    assert names(part.wanted.parent) == []


def test_a_folder_on_another_disk_that_a_pattern_leads_to_gets_whole_files(
    source, tmp_path, monkeypatch
):
    other, link, move = tmp_path / "other disk", os.link, Path.replace
    for folder in (other, tmp_path / "out"):
        folder.mkdir()
    (tmp_path / "out" / "DOORWood").symlink_to(other)

    def refuse_across(file: Path, place: Path) -> None:
        if file.resolve().is_relative_to(other) != place.resolve().is_relative_to(other):
            raise OSError(errno.EXDEV, "Invalid cross-device link")

    def linked(file: Path, place: Path) -> None:
        refuse_across(file, place)
        link(file, place)

    def moved(file: Path, place: Path) -> Path:
        refuse_across(file, place)
        return move(file, place)

    monkeypatch.setattr(os, "link", linked)
    monkeypatch.setattr(Path, "replace", moved)
    order = Order(source, pattern="{catid}/{name}", fields={"catid": "DOORWood"})
    made = hand_over(order, tmp_path / "out")
    assert made == tmp_path / "out" / "DOORWood" / "Door creak.wav"
    assert made.read_bytes() == source.read_bytes()
    assert made.stat().st_mtime_ns == source.stat().st_mtime_ns
    assert hand_over(order, tmp_path / "out") == made
    assert [path.name for path in other.iterdir()] == ["Door creak.wav"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["DOORWood"]


def test_the_source_stays_as_it_was(make, source):
    before = source.read_bytes(), source.stat().st_mtime_ns
    keep(make())
    assert (source.read_bytes(), source.stat().st_mtime_ns) == before


def test_a_file_as_it_is_is_copied_byte_for_byte_with_its_time(source, tmp_path):
    (tmp_path / "out").mkdir()
    os.utime(source, ns=(10**18, 10**18))
    made = hand_over(Order(source), tmp_path / "out")
    assert made == tmp_path / "out" / "Door creak.wav"
    assert made.read_bytes() == source.read_bytes() and made.stat().st_mtime_ns == 10**18
    assert hand_over(Order(source), tmp_path / "out") == made
    assert names(tmp_path / "out") == ["Door creak.wav"]
    assert not (tmp_path / "out" / HIDDEN).exists()


def test_a_folder_that_is_not_there_is_made_but_not_what_it_lies_in(source, tmp_path):
    assert hand_over(Order(source), tmp_path / "new").parent == tmp_path / "new"
    with pytest.raises(InputError, match=r"nothing can be saved in .*: choose another folder"):
        hand_over(Order(source), tmp_path / "drive that is away" / "audio")
    assert not (tmp_path / "drive that is away").exists()


def test_an_order_that_fails_leaves_a_folder_that_was_there_and_none_that_was_not(source, tmp_path):
    (tmp_path / "there").mkdir()
    wrong = Order(source, (50.0, 60.0))
    for folder in ("there", "not there"):
        with pytest.raises(InputError, match=r"is not within Door creak\.wav, which is 20 s long"):
            hand_over(wrong, tmp_path / folder)
    assert (tmp_path / "there").is_dir() and not list((tmp_path / "there").iterdir())
    assert not (tmp_path / "not there").exists()


def test_a_stopped_order_leaves_nothing(source, tmp_path):
    for order in (Order(source), Order(source, (0.0, 3.0)), Order(source, form=parse_form("flac"))):
        with pytest.raises(Cancelled):
            hand_over(order, tmp_path / "out", Control(cancel=lambda: True))
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["original", "wav", "flac", "aiff"])
def test_a_copy_is_on_the_disk_before_it_has_its_name(source, tmp_path, monkeypatch, form):
    done = []
    fsync, link = os.fsync, os.link

    def synced(number: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file"
        done.append((kind, os.fstat(number).st_size))
        fsync(number)

    def linked(file: Path, place: Path) -> None:
        done.append(("name", file.stat().st_size))
        link(file, place)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    hand_over(Order(source, form=parse_form(form)), tmp_path / "out")
    kinds = [kind for kind, _ in done]
    assert kinds == ["file", "name", "folder"] and done[0][1] == done[1][1]


def test_a_pattern_may_make_folders(source, tmp_path):
    order = Order(source, pattern="{catid}/{name}", fields={"catid": "DOORWood"})
    made = hand_over(order, tmp_path / "out")
    assert made == tmp_path / "out" / "DOORWood" / "Door creak.wav"
    outside = replace(order, fields={"catid": "../.."})
    assert hand_over(outside, tmp_path / "out").is_relative_to(tmp_path / "out")


def test_a_program_that_is_killed_leaves_no_incomplete_copy(source, tmp_path):
    """What it left out of sight goes with the next order, and the copy is whole."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from engine.handover.door import hand_over; from engine.handover.order import Order\n"
        "from engine.progress import Control\n"
        "end = Control(update=lambda progress: os._exit(9))\n"
        "hand_over(Order(Path(sys.argv[1]), (0.0, 3.0)), Path(sys.argv[2]), end)\n"
    )
    folder = tmp_path / "out"
    folder.mkdir()
    assert warm.script(code, source, folder).returncode == 9
    assert names(folder) == [] and list((folder / HIDDEN).rglob("*.part"))
    made = hand_over(Order(source, (0.0, 3.0)), folder)
    assert soundfile.info(made).frames == 3 * RATE
    assert [path.name for path in folder.iterdir()] == [made.name]
