"""Another program changes a file while tags are written into it: its work stays."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import engine.metadata.journal as journals
import engine.metadata.seen as seeing
import engine.metadata.write as writing
from engine.errors import AudioError
from engine.metadata.journal import Journal
from engine.metadata.write import SoundTags, write_tags

TAGS = SoundTags("A heavy door", None, "Creak", ("door", "wood"))
TOLD = r"a\.wav was changed by another program meanwhile, and is left as it is now"


def edit_in_place(path: Path) -> None:
    """Change samples and nothing else, the modification time set back."""
    state = path.stat()
    with path.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"EDITED BY DAW")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def save_anew(path: Path) -> None:
    made = path.with_name("saved")
    made.write_bytes(path.read_bytes()[:-13] + b"EDITED BY DAW")
    made.replace(path)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def link(path: Path) -> None:
    path.rename(path.parent.parent / "moved.wav")
    path.symlink_to(path.parent.parent / "moved.wav")


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def look(path: Path) -> tuple[object, ...]:
    state = path.lstat()
    held = path.read_bytes() if path.is_file() else None
    return state.st_mode, state.st_ino, held


CHANGES = [edit_in_place, save_anew, shorten, link, Path.unlink]
CHANGES += [become_folder, become_pipe] if hasattr(os, "mkfifo") else []


def nth(real: Callable, number: int, act: Callable[[], None], late: bool) -> Callable:
    """Let ``act`` happen before or after a call of ``real``."""
    calls = []

    def called(*arguments, **more):
        calls.append(1)
        if len(calls) == number and not late:
            act()
        found = real(*arguments, **more)
        if len(calls) == number and late:
            act()
        return found

    return called


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize(
    ("module", "name", "number", "late"),
    [
        (writing, "open_container", 2, True),
        (writing, "decodings_of", 1, True),
        (writing, "decodings_of", 2, False),
        (journals, "copy_attributes", 1, True),
        (journals, "write_record", 1, True),
    ],
    ids=["header read", "old heard", "new written", "attributes copied", "record written"],
)
def test_what_others_do_meanwhile_stays(sound, monkeypatch, module, name, number, late, change):
    journal = Journal(sound.parent.parent / "journal")
    left = []

    def act() -> None:
        change(sound)
        left.append(look(sound) if os.path.lexists(sound) else None)

    monkeypatch.setattr(module, name, nth(getattr(module, name), number, act, late))
    with pytest.raises(AudioError, match=TOLD):
        write_tags(sound, TAGS, journal)
    assert left == [look(sound) if os.path.lexists(sound) else None]
    assert [p.name for p in sound.parent.iterdir()] == ["a.wav"] * (change is not Path.unlink)
    assert list(journal.undo(bool)) == [] and list(journal.folder.iterdir()) == []


def test_an_edit_that_no_time_tells_is_seen_by_the_bytes(sound, monkeypatch):
    monkeypatch.setattr(seeing, "_of", lambda state: ())  # as of memory that is mapped
    act = nth(journals.write_record, 1, lambda: edit_in_place(sound), late=True)
    monkeypatch.setattr(journals, "write_record", act)
    with pytest.raises(AudioError, match=TOLD):
        write_tags(sound, TAGS, Journal(sound.parent.parent / "journal"))
    assert b"EDITED BY DAW" in sound.read_bytes()
