"""Runs that cannot say what they did, to a library in use or to a full disk."""

from pathlib import Path

import pytest
import soundfile

from engine.errors import AudioError, LibraryError
from engine.index.build import index_folders
from engine.metadata.renaming import Rename
from engine.metadata.write import SoundTags
from engine.progress import Control
from engine.search import search_names
from engine.store.history import steps
from engine.store.tags import TagRow
from engine.tags.review import TagChange
from engine.tags.run import TagRun
from engine.tags.undoing import undo_now
from tests.conftest import tone


@pytest.fixture
def folder(tmp_path: Path, library, model_folder) -> Path:
    """Return an indexed folder of three sounds."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for number, name in enumerate(("a.wav", "b.flac", "c.ogg")):
        soundfile.write(sounds / name, tone(300 + 100 * number, 0.2), 32000)
    index_folders(library, model_folder, [sounds], Control())
    return sounds


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def test_a_run_of_which_the_library_cannot_be_told_is_undone_as_the_step_that_it_is(
    library, folder, monkeypatch
):
    before = contents(folder)

    def locked(*_):
        raise LibraryError("the library is in use")

    path = folder / "a.wav"
    with monkeypatch.context() as patch:
        patch.setattr("engine.tags.restoring.put_rewritten", locked)
        told = pytest.raises(LibraryError, match="in use")
        with told, TagRun.begin(library, "write", 1) as run:
            run.write({str(path): SoundTags(keywords=("wet",))}, Control())
    with monkeypatch.context() as patch:
        patch.setattr("engine.tags.restoring.put_headers_of", locked)
        told = pytest.raises(LibraryError, match="in use")
        with told, TagRun.begin(library, "rename", 1) as run:
            run.rename([Rename(str(path), str(folder / "new.wav"))])
    assert [(step.kind, step.count) for step in steps(library)] == [("rename", 1), ("write", 1)]
    assert undo_now(library, Control()).refused == undo_now(library, Control()).refused == ()
    assert contents(folder) == before


@pytest.mark.parametrize("act", ["stat", "open"])
def test_a_file_that_cannot_be_looked_at_after_it_was_written_keeps_nothing_from_the_others(
    library, folder, monkeypatch, act
):
    one = folder / "a.wav"
    wanted = {str(path): SoundTags(keywords=("wet",)) for path in folder.iterdir()}
    real = getattr(Path, act)

    def refuse(path, *rest, **more):
        if path == one:
            raise OSError(5, "Input/output error")
        return real(path, *rest, **more)

    def told(path):
        if Path(path) == one:
            patch.setattr(Path, act, refuse)

    with monkeypatch.context() as patch, TagRun.begin(library, "write", 3) as run:
        run.write(wanted, Control(), tell=told)
    assert steps(library)[0].count == 3
    found = search_names(library, "wet").matches
    assert {match.sound.path for match in found} == set(wanted) - {str(one)}
    assert undo_now(library, Control()).refused == ()


def test_a_record_that_cannot_be_saved_is_told_and_nothing_changes(library, folder, monkeypatch):
    before = contents(folder)

    def full(*_):
        raise OSError(28, "No space left on device")

    path = folder / "a.wav"
    with TagRun.begin(library, "write", 1) as run, monkeypatch.context() as patch:
        patch.setattr("engine.durable.write_file", full)
        patch.setattr("engine.tags.run.Journal", full)
        with pytest.raises(LibraryError, match=r"cannot be saved: .*: No space left on device"):
            run.write({str(path): SoundTags(keywords=("wet",))}, Control())
        with pytest.raises(LibraryError, match=r"cannot be saved: .*: No space left on device"):
            run.note(TagChange((), (TagRow(1, "wet", "accepted", "m", 0.9),)))
        with pytest.raises(AudioError) as told:
            run.rename([Rename(str(path), str(folder / "new.wav"))])
    assert str(told.value) == (
        "nothing was renamed: the record cannot be saved (No space left on device)"
    )
    assert contents(folder) == before and not steps(library)
