"""What the status line says of undo, and that it does what it says."""

from pathlib import Path

import pytest

from engine.metadata.renaming import Rename
from engine.store.history import steps
from engine.store.marks import set_stars
from engine.tags.run import TagRun


@pytest.fixture
def said(window, monkeypatch) -> list[str]:
    """Return what is said from now on."""
    told: list[str] = []
    monkeypatch.setattr(window.context, "say", lambda text, *_: told.append(text))
    return told


@pytest.fixture
def renamed(window, qtbot) -> list[Path]:
    """Return two files with new names, which were given after a sound had got its stars."""
    qtbot.waitUntil(lambda: len(window.results.results.ids) == 12)
    library = window.context.opened.library
    set_stars(library, [1], 4)
    old = sorted(Path(sound.path) for sound in library.sounds().values())[:2]
    new = [path.with_name(f"new {path.name}") for path in old]
    with TagRun.begin(library, "rename", 2) as run:
        run.rename([Rename(str(a), str(b)) for a, b in zip(old, new, strict=True)])
    return new


def undo(window, qtbot, said: list[str]) -> str:
    """Press Ctrl+Z once; return what is said."""
    said.clear()
    window.actions_by_name["undo"].trigger()
    qtbot.waitUntil(lambda: bool(said))
    return said[0]


def test_an_undo_that_restored_nothing_says_so_and_why(window, qtbot, said, renamed):
    library, folder = window.context.opened.library, renamed[0].parent
    away = folder.rename(folder.with_name("unplugged"))
    why = (
        f"names of 2 files (2 stay as they are, such as: {renamed[0].name} cannot be renamed: "
        "its folder is not there; connect its drive)"
    )
    assert undo(window, qtbot, said) == f"Not undone: {why}"
    assert [step.kind for step in steps(library)] == ["rename", "stars"]
    assert undo(window, qtbot, said) == f"Passed over: {why}"
    away.rename(folder)
    assert undo(window, qtbot, said) == "Undone: stars of one sound"
    assert all(path.is_file() for path in renamed)


def test_two_undos_in_quick_succession_are_two(window, qtbot, said, renamed):
    for _ in range(2):
        window.actions_by_name["undo"].trigger()
    qtbot.waitUntil(lambda: len(said) == 2)
    assert said == ["Undone: names of 2 files", "Undone: stars of one sound"]
    assert not steps(window.context.opened.library)
    assert not any(path.exists() for path in renamed)
