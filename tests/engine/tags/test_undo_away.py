"""Undo and redo of names while a drive is away: nothing there is restored, nothing forgotten."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.metadata.journal import TEMPORARY
from engine.metadata.renaming import Rename
from engine.progress import Control
from engine.store import FileFacts, Header, Library
from engine.store.history import steps
from engine.store.marks import set_stars
from engine.store.places import sound_at
from engine.store.tags import TagRow
from engine.tags.review import record
from engine.tags.run import TagRun, redo_last, settle, undo_last
from engine.tags.run_folders import runs_of, undone_runs_of
from engine.tags.undoing import redo_now, undo_now

NAMES = ("a.wav", "b.wav")
AWAY = "cannot be renamed: its folder is not there; connect its drive"


@pytest.fixture
def drives(tmp_path: Path, library) -> tuple[Path, Path]:
    """Return two folders of two sounds each that the library knows."""
    both = (tmp_path / "one", tmp_path / "two")
    rows = []
    for folder in both:
        folder.mkdir()
        for name in NAMES:
            path = folder / name
            path.write_text(str(path))
            facts = (str(path), path.stat().st_size, path.stat().st_mtime_ns, str(path))
            rows.append((FileFacts(*facts, 0.1, 48000, 1, 16, "wav"), Header()))
    library.put_headers(rows)
    return both


@contextmanager
def unplugged(*folders: Path, leaves_place: bool = False) -> Iterator[None]:
    """Take folders away, or leave the empty places of their drives."""
    for folder in folders:
        folder.rename(folder.with_name(f"{folder.name} unplugged"))
        if leaves_place:
            folder.mkdir()
    yield
    for folder in folders:
        if leaves_place:
            folder.rmdir()
        folder.with_name(f"{folder.name} unplugged").rename(folder)


class Killed(BaseException):
    pass


def killed_at(monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[], object]) -> None:
    """Let ``act`` die before one of its renamings."""
    real, count = os.rename, iter(range(1000))

    def rename(source, target):
        if next(count) == step:
            raise Killed
        real(source, target)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(os, "rename", rename)
        act()


def rename(library, *folders: Path) -> None:
    """Give every file a new name."""
    with TagRun.begin(library, "rename", 2 * len(folders)) as run:
        old = [str(folder / name) for folder in folders for name in NAMES]
        run.rename(
            [Rename(path, str(Path(path).with_name(f"new {Path(path).name}"))) for path in old]
        )


def another_run(library) -> None:
    with TagRun.begin(library) as run:
        record(library, [1], [TagRow(1, "wet", "accepted", "m", 0.9)], run.note)


def names_in(library, *folders: Path) -> set[str]:
    """Return the names of files, which the library must know as well."""
    there = {str(path) for folder in folders for path in folder.iterdir()}
    known = {sound.path for sound in library.sounds().values()}
    assert there == {path for path in known if Path(path).parent in folders}
    return {Path(path).name for path in there}


NEW = {f"new {name}" for name in NAMES}


@pytest.mark.parametrize("leaves_place", [False, True])
@pytest.mark.parametrize("step", range(1, 8))
def test_files_that_a_killed_renaming_hid_come_back_with_their_drive(
    library, drives, monkeypatch, step, leaves_place
):
    killed_at(monkeypatch, step, lambda: rename(library, *drives))
    with unplugged(*drives, leaves_place=leaves_place):
        settle(library)
        another_run(library)
        undo_last(library, Control())
        undo_last(library, Control())
    settle(library)
    assert names_in(library, *drives) == set(NAMES)


@pytest.mark.parametrize("step", range(1, 8))
def test_of_a_killed_renaming_the_drive_that_is_there_comes_back_at_once(
    library, drives, monkeypatch, step
):
    killed_at(monkeypatch, step, lambda: rename(library, *drives))
    with unplugged(drives[1]):
        settle(library)
        assert names_in(library, drives[0]) == set(NAMES)
    settle(library)
    assert names_in(library, *drives) == set(NAMES)
    assert all(path.read_text() == str(path) for folder in drives for path in folder.iterdir())


@pytest.mark.parametrize("leaves_place", [False, True])
def test_names_whose_drive_is_away_can_be_undone_later(library, drives, leaves_place):
    rename(library, *drives)
    with unplugged(*drives, leaves_place=leaves_place):
        undone = undo_last(library, Control())
        assert undone.names == 0 and len(undone.refused) == 4
        assert undone.refused[0] == (str(drives[0] / "new a.wav"), f"new a.wav {AWAY}")
        settle(library)
    assert names_in(library, *drives) == NEW
    assert undo_last(library, Control()).names == 4
    assert names_in(library, *drives) == set(NAMES) and not list(runs_of(library).iterdir())


def test_the_drive_that_is_there_comes_back_and_the_other_later_and_all_again(library, drives):
    rename(library, *drives)
    ids = {path: sound_at(library, str(path)) for f in drives for path in f.iterdir()}
    with unplugged(drives[1]):
        undone = undo_last(library, Control())
        assert (undone.names, len(undone.refused)) == (2, 2)
        assert names_in(library, drives[0]) == set(NAMES)
    assert names_in(library, drives[1]) == NEW
    assert undo_last(library, Control()).names == 2
    assert names_in(library, *drives) == set(NAMES)
    with unplugged(drives[0]):
        again = redo_last(library, Control())
        assert (again.names, len(again.refused)) == (2, 2)
        assert names_in(library, drives[1]) == NEW
    assert redo_last(library, Control()).names == 2
    assert names_in(library, *drives) == NEW
    assert {path: sound_at(library, str(path)) for path in ids} == ids


@pytest.mark.parametrize("act", [undo_last, redo_last])
@pytest.mark.parametrize("step", range(1, 8))
def test_files_that_a_killed_undo_or_redo_hid_come_back_with_their_drive(
    library, drives, monkeypatch, act, step
):
    """Another run forgets what could be done again, but not this."""
    monkeypatch.setattr("engine.tags.run._KEPT", 1)
    rename(library, *drives)
    if act is redo_last:
        undo_last(library, Control())
    killed_at(monkeypatch, step, lambda: act(library, Control()))
    with unplugged(drives[1]):
        another_run(library)
        another_run(library)
    settle(library)
    assert names_in(library, *drives) == (set(NAMES) if act is undo_last else NEW)
    assert not [p for folder in drives for p in folder.iterdir() if TEMPORARY in p.name]


def test_a_name_that_came_back_before_is_not_taken_for_a_file_that_was_moved(library, drives):
    """Its name is the one that a file had which is no longer there."""
    one, two = drives
    a, b = (one / name for name in NAMES)
    c, x = one / "c.wav", two / NAMES[0]
    with TagRun.begin(library) as run:
        moves = ((a, b), (b, c), (x, two / "x.wav"))
        run.rename([Rename(str(old), str(new)) for old, new in moves])
    shutil.move(b, one.parent / "elsewhere.wav")
    with unplugged(two):
        assert undo_last(library, Control()).names == 1
    assert undo_last(library, Control()).names == 1
    assert b.read_text() == str(b) and not a.exists() and x.read_text() == str(x)


def test_a_drive_that_goes_while_names_are_undone_brings_them_back_with_it(
    library, drives, monkeypatch
):
    rename(library, *drives)
    real, gone = os.rename, drives[1].with_name("gone")

    def drop(source, target):
        real(source, target)
        if Path(target) == drives[0] / NAMES[0]:
            real(drives[1], gone)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", drop)
        undone = undo_last(library, Control())
    assert undone.names == 2 and [why for _, why in undone.refused] == [
        f"{name} {AWAY}" for name in sorted(NEW)
    ]
    gone.rename(drives[1])
    settle(library)
    assert names_in(library, *drives) == set(NAMES)
    assert not list(runs_of(library).glob("*/names.json")) and undone_runs_of(library).is_dir()


# Steps


def starred_and_renamed(library, *folders: Path) -> None:
    set_stars(library, [1], 4)
    rename(library, *folders)


def kinds(library) -> list[str]:
    return [step.kind for step in steps(library)]


def test_an_undo_that_restores_nothing_is_none_and_takes_nothing_older_back(library, drives):
    starred_and_renamed(library, *drives)
    with unplugged(*drives):
        found = undo_now(library, Control())
        assert (found.outcome, found.left) == ("stays", 4)
        assert found.refused[0] == f"new a.wav {AWAY}"
        assert kinds(library) == ["rename", "stars"]
    assert undo_now(library, Control()).outcome == "done"
    assert names_in(library, *drives) == set(NAMES) and kinds(library) == ["stars"]
    with unplugged(*drives):
        assert redo_now(library, Control()).outcome == "stays"
        assert kinds(library) == ["stars"]
    assert redo_now(library, Control()).outcome == "done"
    assert names_in(library, *drives) == NEW and kinds(library) == ["rename", "stars"]


def test_a_step_that_cannot_be_undone_is_passed_over_the_second_time(library, drives):
    starred_and_renamed(library, *drives)
    with unplugged(*drives):
        undo_last(library, Control())
        undo_last(library, Control())  # asks for this run and no other
        assert kinds(library) == ["rename", "stars"]
        found = undo_now(library, Control())
        assert (found.outcome, found.refused[0]) == ("passed", f"new a.wav {AWAY}")
        assert undo_now(library, Control()).step.kind == "stars"
    assert undo_last(library, Control()).names == 4  # it can still be undone


def test_a_step_of_which_one_drive_is_there_is_undone(library, drives):
    starred_and_renamed(library, *drives)
    with unplugged(drives[1]):
        found = undo_now(library, Control())
        assert (found.outcome, len(found.refused)) == ("done", 2) and kinds(library) == ["stars"]


def test_a_step_whose_files_have_no_record_here_is_told_before_anything_older_is_undone(
    library, drives, tmp_path
):
    starred_and_renamed(library, *drives)
    library.database.engine.dispose()
    moved = library.path.rename(tmp_path / "moved.db")
    with Library(moved) as other:
        found = undo_now(other, Control())
        assert (found.step.kind, found.step.count, found.outcome) == ("rename", 4, "passed")
        assert found.refused == (
            "its record is gone, or lies on another computer or where the library was before",
        )
        assert kinds(other) == ["stars"]
        assert undo_now(other, Control()).step.kind == "stars"
    assert {path.name for path in drives[0].iterdir()} == NEW
