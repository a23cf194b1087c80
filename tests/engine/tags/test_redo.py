"""What a run did to files, names and tags is done again after it was undone, or refused."""

from pathlib import Path

import pytest
import soundfile

from engine.errors import InputError
from engine.index.build import index_folders
from engine.metadata.renaming import Rename
from engine.metadata.write import SoundTags
from engine.progress import Cancelled, Control
from engine.store.history import steps
from engine.store.marks import set_stars
from engine.store.tags import TagRow, accepted_tags
from engine.tags.review import record
from engine.tags.run import TagRun, redo_last, undo_last
from engine.tags.run_folders import runs_of, undone_runs_of
from engine.tags.undoing import redo_now, undo_now
from tests.conftest import tone

NAMES = ("a.wav", "b.flac", "c.ogg")


@pytest.fixture
def folder(tmp_path: Path, library, model_folder) -> Path:
    """Return an indexed folder of three sounds."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for number, name in enumerate(NAMES):
        soundfile.write(sounds / name, tone(300 + 100 * number, 0.2), 32000)
    index_folders(library, model_folder, [sounds], Control())
    return sounds


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def run(library, folder: Path) -> None:
    """Accept a tag of all, write it, and rename them."""
    ids = sorted(library.sounds())
    wanted = {str(folder / name): SoundTags(keywords=("wet",)) for name in NAMES}
    with TagRun.begin(library, "write", 3) as begun:
        record(library, ids, [TagRow(i, "wet", "accepted", "m", 0.9) for i in ids], begun.note)
        begun.write(wanted, Control())
        begun.rename([Rename(path, str(folder / f"new {Path(path).name}")) for path in wanted])


def known(library) -> set[str]:
    return {Path(sound.path).name for sound in library.sounds().values()}


def test_files_names_and_tags_come_again_byte_for_byte_and_go_again(library, folder):
    before = contents(folder)
    run(library, folder)
    after, tagged = contents(folder), accepted_tags(library)
    assert [(step.kind, step.count) for step in steps(library)] == [("write", 3)]
    for _ in range(2):
        assert undo_now(library, Control()).step.kind == "write"
        assert contents(folder) == before and known(library) == set(NAMES)
        assert not accepted_tags(library) and not any(runs_of(library).iterdir())
        again = redo_now(library, Control())
        assert (again.step.kind, again.step.count, again.left) == ("write", 3, 0)
        assert contents(folder) == after and known(library) == set(after)
        assert accepted_tags(library) == tagged
        assert not any(undone_runs_of(library).iterdir())
    assert redo_now(library, Control()) is None


def test_a_file_that_was_changed_since_its_undo_is_refused_and_the_others_come(library, folder):
    run(library, folder)
    undo_now(library, Control())
    soundfile.write(folder / "a.wav", tone(999, 0.3), 32000)
    mine = (folder / "a.wav").read_bytes()
    again = redo_now(library, Control())
    assert again.refused == ("a.wav has been changed since, so it is left as it is",)
    assert (folder / "new a.wav").read_bytes() == mine  # the name is another matter
    assert b"wet" in (folder / "new b.flac").read_bytes()
    back = undo_now(library, Control())
    assert back.left == 0 and (folder / "a.wav").read_bytes() == mine
    assert b"wet" not in (folder / "b.flac").read_bytes()


def test_a_name_that_another_file_has_by_now_is_not_taken(library, folder):
    run(library, folder)
    undo_now(library, Control())
    (folder / "new a.wav").write_bytes(b"another")
    again = redo_now(library, Control())
    assert again.refused == ("a.wav keeps its name: another file is called new a.wav now",)
    assert (folder / "new a.wav").read_bytes() == b"another"
    assert {"a.wav", "new b.flac", "new c.ogg"} == known(library)


def test_what_was_stopped_goes_on_and_nothing_is_lost(library, folder):
    run(library, folder)
    after = contents(folder)
    undo_now(library, Control())
    before, asked = contents(folder), []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 1

    with pytest.raises(Cancelled):
        redo_now(library, Control(cancel=stop))
    assert contents(folder) not in (before, after)
    redo_now(library, Control())
    assert contents(folder) == after
    undo_now(library, Control())
    assert contents(folder) == before


def test_another_run_or_another_step_is_the_end_of_what_can_be_done_again(library, folder):
    run(library, folder)
    undo_now(library, Control())
    set_stars(library, [1], 4)
    assert redo_now(library, Control()) is None
    run(library, folder)
    assert not any(undone_runs_of(library).iterdir())
    undo_last(library, Control())
    assert redo_last(library, Control()).files == 3
    with pytest.raises(InputError, match="there is nothing to redo"):
        redo_last(library, Control())


def test_undo_and_redo_of_runs_turn_their_steps_too(library, folder):
    run(library, folder)
    undo_last(library, Control())
    assert not steps(library) and redo_now(library, Control()).step.kind == "write"
    undo_now(library, Control())
    redo_last(library, Control())
    assert [step.kind for step in steps(library)] == ["write"]


def test_an_undo_that_was_killed_before_its_step_turned_is_no_lost_redo(
    library, folder, monkeypatch
):
    run(library, folder)
    with monkeypatch.context() as patch:
        patch.setattr("engine.tags.run.turn_run", lambda *_, **__: None)
        undo_now(library, Control())
    assert [step.kind for step in steps(library)] == ["write"]
    assert undo_now(library, Control()).step.kind == "write" and not steps(library)
    assert redo_now(library, Control()).left == 0 and known(library) != set(NAMES)
