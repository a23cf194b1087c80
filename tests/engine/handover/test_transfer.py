"""Many sounds copied at once: named, gone on with after a stop, and told where it failed."""

from collections import namedtuple
from pathlib import Path

import pytest
import soundfile

from engine.errors import AudioError, InputError
from engine.handover import door, transfer
from engine.handover.forms import parse_form
from engine.handover.transfer import Transfer
from engine.progress import Cancelled, Control
from engine.search.export import sounds_of
from engine.store.places import set_state_under, sound_at
from engine.store.tables import OFFLINE, PRESENT
from tests import warm
from tests.conftest import accept_tags


@pytest.fixture
def made(monkeypatch):
    """Return a list of the orders that were really rendered or copied."""
    orders = []
    prepare = door.prepare

    def watched(order, *more):
        orders.append(order)
        return prepare(order, *more)

    monkeypatch.setattr(door, "prepare", watched)
    return orders


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_sounds_are_converted_and_named_by_what_is_known_of_them(indexed, sounds, ids, tmp_path):
    door_id = sound_at(indexed, str(sounds / "tones/Sound_03.wav"))
    accept_tags(indexed, [(door_id, "DOORWood")])
    pattern = "{project}/{number}[ {catid}] {name} {rate} {bits}"
    wanted = Transfer(tmp_path / "out", parse_form("wav48/24"), pattern, project="Reel: 3")
    done = transfer.transfer(indexed, ids, wanted)
    assert len(done.files) == 6 and not done.failed and not done.already
    assert names(tmp_path / "out")[:2] == [
        "Reel- 3/01 Sound_01 48k 24.wav",
        "Reel- 3/02 DOORWood Sound_03 48k 24.wav",
    ]
    for source, file in done.files:
        assert soundfile.info(file).samplerate == 48000
        assert soundfile.info(file).duration == pytest.approx(soundfile.info(source).duration)


def test_what_was_copied_is_not_copied_again(indexed, ids, tmp_path, made):
    wanted = Transfer(tmp_path / "out", parse_form("flac"))
    first = transfer.transfer(indexed, ids, wanted)
    before = {
        name: (tmp_path / "out" / name).stat().st_mtime_ns for name in names(tmp_path / "out")
    }
    assert len(made) == 6
    again = transfer.transfer(indexed, ids, wanted)
    assert len(made) == 6 and again.already == 6 and again.files == first.files
    out = tmp_path / "out"
    assert before == {name: (out / name).stat().st_mtime_ns for name in names(out)}


def test_a_stopped_transfer_goes_on_where_it_was(indexed, ids, tmp_path, made):
    reports = []
    stop = Control(update=reports.append, cancel=lambda: len(reports) >= 3)
    with pytest.raises(Cancelled):
        transfer.transfer(indexed, ids, Transfer(tmp_path / "out"), stop)
    assert len(names(tmp_path / "out")) == 2  # the third was being made
    done = transfer.transfer(indexed, ids, Transfer(tmp_path / "out"))
    assert len(made) == 3 + 4 and done.already == 2 and len(done.files) == 6
    assert len(names(tmp_path / "out")) == 6


def test_a_copy_that_was_removed_or_whose_source_changed_is_made_again(
    indexed, sounds, ids, tmp_path, made
):
    wanted = Transfer(tmp_path / "out")
    transfer.transfer(indexed, ids, wanted)
    (tmp_path / "out" / "Sound_01.wav").unlink()
    changed = sounds / "tones/Sound_03.wav"
    changed.write_bytes((sounds / "tones/Sound_05.wav").read_bytes())
    made.clear()
    done = transfer.transfer(indexed, ids, wanted)
    assert [order.path.name for order in made] == ["Sound_01.wav", "Sound_03.wav"]
    assert (str(changed), str(tmp_path / "out" / "Sound_03 (2).wav")) in done.files


def test_without_its_record_a_transfer_finds_what_is_there(indexed, ids, tmp_path, own_home, made):
    wanted = Transfer(tmp_path / "out", parse_form("wav/16"))
    transfer.transfer(indexed, ids, wanted)
    (record,) = (own_home / "transfers").iterdir()
    whole = record.read_text()
    record.write_text(whole[: len(whole) // 2 + 9])  # as when the power failed, inside a line
    made.clear()
    done = transfer.transfer(indexed, ids, wanted)
    assert 0 < len(made) < 6 and done.already == 6 and len(names(tmp_path / "out")) == 6
    made.clear()
    transfer.transfer(indexed, ids, wanted)
    assert not made  # what was written behind the torn line can be read


def test_what_cannot_be_copied_is_told_and_the_rest_is_copied(indexed, sounds, ids, tmp_path):
    (sounds / "tones/Sound_01.wav").unlink()
    (sounds / "tones/Sound_03.wav").write_text("no sound any more")
    done = transfer.transfer(indexed, ids, Transfer(tmp_path / "out", parse_form("wav")))
    assert len(done.files) == 4
    assert done.failed[0][1] == "Sound_01.wav does not exist"
    assert "Sound_03.wav" in done.failed[1][1]
    set_state_under(indexed, str(sounds), PRESENT, OFFLINE)
    away = transfer.transfer(indexed, ids[1:2], Transfer(tmp_path / "other"))
    assert away.failed[0][1] == "Sound_03.wav is offline: connect its drive"


def test_a_full_disk_ends_a_transfer_with_one_sentence(indexed, ids, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    free = iter([10**9, 10**9, 10, 10])
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(100, 90, next(free)))
    with pytest.raises(AudioError, match=r"2 of 6 sounds were transferred, then the disk that"):
        transfer.transfer(indexed, ids, Transfer(tmp_path / "out"))
    assert len(names(tmp_path / "out")) == 2


def test_two_sounds_of_one_name_both_arrive(indexed, sounds, tmp_path):
    everything = sounds_of(indexed, None)
    done = transfer.transfer(indexed, everything, Transfer(tmp_path / "out", pattern="{library}"))
    assert len({file for _, file in done.files}) == 12 == len(names(tmp_path / "out"))


def test_an_original_is_named_by_what_the_library_knows_of_it(indexed, ids, tmp_path):
    wanted = Transfer(tmp_path / "out", pattern="{name} {rate} {bits} {channels}")
    transfer.transfer(indexed, ids[:1], wanted)
    assert names(tmp_path / "out") == ["Sound_01 32k 16 1.wav"]


def test_a_wrong_pattern_or_folder_is_refused_before_anything_is_copied(indexed, ids, tmp_path):
    with pytest.raises(InputError, match="does not know nmae"):
        transfer.transfer(indexed, ids, Transfer(tmp_path / "out", pattern="{nmae}"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="nothing can be saved in"):
        transfer.transfer(indexed, ids, Transfer(tmp_path / "file"))
    assert not (tmp_path / "out").exists()


def test_a_killed_transfer_leaves_whole_copies_and_goes_on(indexed, ids, tmp_path, made):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from engine.handover.transfer import Transfer, transfer\n"
        "from engine.handover.forms import parse_form\n"
        "from engine.progress import Control; from engine.store import Library\n"
        "seen = []\n"
        "def update(progress):\n"
        "    seen.append(progress)\n"
        "    if len(seen) == 4: os._exit(9)\n"
        "ids = [int(i) for i in sys.argv[3].split(',')]\n"
        "with Library(Path(sys.argv[1])) as library:\n"
        "    wanted = Transfer(Path(sys.argv[2]), parse_form('flac'))\n"
        "    transfer(library, ids, wanted, Control(update=update))\n"
    )
    killed = warm.script(code, indexed.path, tmp_path / "out", ",".join(map(str, ids)))
    assert killed.returncode == 9
    done = transfer.transfer(indexed, ids, Transfer(tmp_path / "out", parse_form("flac")))
    assert done.already == 3 and len(made) == 3
    assert [soundfile.info(tmp_path / "out" / n).format for n in names(tmp_path / "out")] == (
        ["FLAC"] * 6
    )
