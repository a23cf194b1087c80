"""Ranges that leave the window: rendered in advance, kept for good once dragged or copied."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject

from app.gui.kit.context import Context
from app.gui.kit.text import tr
from engine.audio.parts import CutPart, keep_part, prepare_part
from engine.errors import AudioError, InputError
from engine.paths import data_folder, ranges_folder
from engine.progress import Control
from engine.store import SoundRow

HIDDEN = ".soundsift-prepared"
_ROOM = re.compile(r"\d+-[0-9a-f]{16}")
_DAY_MS = 86_400_000
_LONG_S = 60.0


class Parts(QObject):
    """Ranges of sounds as files of their own.

    A range that is marked is rendered out of sight, beside where it would be kept, so that it can
    be dragged at once; only a drag or a copy moves it there, and there it stays.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._one_at_a_time = threading.Lock()  # so that no more than one is ever prepared
        self._room: Room | None = None
        self._ready: tuple[tuple[str, float, float], CutPart] | None = None
        self._problem = ""

    def prepare(self, sound: SoundRow, range_s: tuple[float, float] | None) -> None:
        """Render a range in the background, so that it can be dragged at once."""
        self._ready, self._problem = None, ""
        if range_s is None or range_s[1] - range_s[0] <= 0:
            return
        key = (sound.path, *range_s)
        chosen = self.chosen

        def work(control: Control) -> CutPart:
            with self._one_at_a_time:
                room = self._open(chosen)
                room.clear()
                return prepare_part(Path(sound.path), *range_s, room.target, room.place, control)

        def ready(part: CutPart) -> None:
            self._ready = (key, part)

        def failed(said: str) -> None:
            self._problem = said
            self._context.say(said, True)

        self._context.jobs.start(
            "read",
            work,
            ready,
            failed,
            title=tr("Rendering the range") if range_s[1] - range_s[0] > _LONG_S else None,
            newest="render",
        )

    @property
    def chosen(self) -> Path | None:
        """Return the folder that the user chose, None without a choice."""
        kept = self._context.settings.now.ranges_folder
        return Path(kept) if kept else None

    def is_ready(self, sound: SoundRow, range_s: tuple[float, float]) -> bool:
        """Return whether a range can be dragged or copied now."""
        return self._ready is not None and self._ready[0] == (sound.path, *range_s)

    def keep(self, sound: SoundRow, range_s: tuple[float, float]) -> Path | None:
        """Return the lasting file of a range, None while it is being rendered.

        :raises AudioError: it could not be rendered, or cannot be kept.
        """
        if self._problem:
            raise AudioError(self._problem)
        if self._ready is None or not self.is_ready(sound, range_s):
            return None
        key, part = self._ready
        try:
            kept = keep_part(part)
        except FileNotFoundError:  # somebody took it away, or changed it or its source
            self.prepare(sound, range_s)
            return None
        self._ready = (key, kept)
        return kept.file

    def place(self, done: Callable[[Path], None], failed: Callable[[str], None]) -> None:
        """Give the folder in which ranges are kept, or the sentence that says why they cannot."""
        chosen = self.chosen

        def work(control: Control) -> Path:
            with self._one_at_a_time:
                return self._open(chosen).target

        self._context.jobs.start("read", work, done, failed, newest="ranges")

    def tidy(self) -> None:
        """Remove what an earlier window prepared and could not clean up."""
        folders = [self.chosen] if self.chosen else [ranges_folder(), _last_resort()]

        def work(control: Control) -> None:
            for folder in folders:
                remove_leftovers(folder / HIDDEN)

        self._context.jobs.start("read", work)

    def close(self) -> None:
        """Remove what was prepared and never wanted."""
        with self._one_at_a_time:
            if self._room is not None:
                self._room.close()
            self._room = self._ready = None

    def _open(self, chosen: Path | None) -> Room:
        """Return a room to prepare in."""
        target = self._room.target if self._room is not None else None
        wanted = [chosen] if chosen is not None else [ranges_folder(), _last_resort()]
        if self._room is not None and target in wanted and self._room.place.is_dir():
            return self._room
        if self._room is not None:
            self._room.close()
            self._room = None
        self._room = open_room(chosen)
        return self._room


@dataclass(frozen=True)
class Room:
    """A hidden folder of one window, beside the files that last; its lock tells that it lives."""

    target: Path
    place: Path
    lock: QLockFile
    may_go: bool  # the folder was our idea, and need not stay empty

    def clear(self) -> None:
        """Remove what was prepared in it."""
        for path in self.place.iterdir():
            path.unlink()

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.lock.unlock()
        with suppress(OSError):
            self.place.parent.rmdir()  # unless another window's is left
            if self.may_go:
                self.target.rmdir()


def open_room(chosen: Path | None) -> Room:
    """Make a room in the folder that was chosen; without one in the usual or the last resort.

    :raises InputError: nothing can be written there.
    """
    if chosen is not None:
        try:
            return _made(chosen, may_create=False)
        except OSError as error:
            raise InputError(_refusal(chosen, error)) from None
    try:
        return _made(ranges_folder(), may_create=True)
    except OSError:
        try:
            return _made(_last_resort(), may_create=True)
        except OSError as error:
            raise InputError(_refusal(_last_resort(), error)) from None


def remove_leftovers(hidden: Path) -> None:
    """Remove the rooms of windows that are no more; one that lives holds its lock."""
    if hidden.is_symlink() or not hidden.is_dir():
        return
    with suppress(OSError):
        for place in list(hidden.iterdir()):
            if not _ROOM.fullmatch(place.stem) or place.is_symlink():
                continue
            lock = _lock(place.with_suffix(""))
            if lock.tryLock(0):
                shutil.rmtree(place.with_suffix(""), ignore_errors=True)
                lock.unlock()
        hidden.rmdir()


def _made(folder: Path, may_create: bool) -> Room:
    if may_create:
        folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / HIDDEN
    hidden.mkdir(exist_ok=True)  # not its parents: a drive that is away must not be made up
    remove_leftovers(hidden)
    hidden.mkdir(exist_ok=True)
    place = hidden / f"{os.getpid()}-{secrets.token_hex(8)}"
    lock = _lock(place)
    if not lock.tryLock(0):  # before the room is there, so that nobody takes it for a left-over
        raise PermissionError(0, tr("it cannot be written to"))
    try:
        place.mkdir()
    except OSError:
        lock.unlock()
        raise
    return Room(folder, place, lock, may_create)


def _lock(place: Path) -> QLockFile:
    lock = QLockFile(f"{place}.lock")
    lock.setStaleLockTime(_DAY_MS)  # where another computer made it; here its process is asked
    return lock


def _last_resort() -> Path:
    return data_folder() / "ranges"


def _refusal(folder: Path, error: OSError) -> str:
    reason = tr("it does not exist") if isinstance(error, FileNotFoundError) else error.strerror
    said = tr("ranges cannot be saved in {} ({}): choose another folder in Preferences")
    return said.format(folder, reason or error)
