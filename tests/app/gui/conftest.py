"""A window on a real small library, played through a device that tests pull."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from sqlalchemy import event
from sqlalchemy.engine import Engine

import app.gui
from app import index_process, serve_process
from app.gui.kit.settings import SettingsFile
from app.gui.kit.style.apply import apply_theme
from app.gui.player.sound.devices import DeviceError
from app.gui.shell import repairing
from app.gui.shell.running import make_application, make_settings, take_down
from app.gui.shell.window import MainWindow
from engine.index.build import index_folders
from engine.index.drives import relink
from engine.models.trial import remember_tried
from engine.progress import Control
from engine.store import Library
from tests import warm
from tests.conftest import write_sounds

GUI = str(Path(app.gui.__file__).parent)
PATIENCE_MS = 60_000  # of whoever waits for something that comes: no promise of speed


@pytest.fixture
def qtbot(qtbot: QtBot) -> Iterator[QtBot]:
    """Give a bot that waits as long as a busy machine may need, and holds no key down afterwards.

    Qt takes Shift for held after ``keyClick(…, ShiftModifier)``, until another event tells
    otherwise: a row that a later test selects would not be selected.
    """
    for wait in ("waitUntil", "waitSignal", "waitSignals"):
        setattr(qtbot, wait, partial(getattr(qtbot, wait), timeout=PATIENCE_MS))
    yield qtbot
    if QGuiApplication.keyboardModifiers():
        QTest.keyRelease(QWidget(), Qt.Key.Key_Shift)


class FakeOutput:
    """A device that plays when a test pulls."""

    def __init__(self, rate_hz: int, channels: int, pull: Callable) -> None:
        self.rate_hz, self.channels, self.latency_s = rate_hz, channels, 0.0
        self.underflows = 0
        self.active = True
        self.closed = False
        self._pull = pull

    def pull(self, frames: int) -> np.ndarray:
        out = np.full((frames, self.channels), np.nan, np.float32)
        self._pull(out)
        return out

    def close(self) -> None:
        self.closed, self.active = True, False


class FakeOutputs:
    """Devices of a test; ``rates`` are those that they can play."""

    def __init__(self, rates: tuple[int, ...] | None = None, most_channels: int = 2) -> None:
        self.rates, self.most_channels = rates, most_channels
        self.opened: list[FakeOutput] = []
        self.asked: list[str | None] = []
        self.missing = False
        self.patience = 0

    @property
    def last(self) -> FakeOutput:
        return self.opened[-1]

    def open(self, device, rate_hz, channels, pull):
        self.asked.append(device)
        if self.missing:
            raise DeviceError("there is no audio output device: connect one")
        rate = rate_hz if self.rates is None or rate_hz in self.rates else self.rates[0]
        count = min(max(2, channels), self.most_channels)
        self.opened.append(FakeOutput(rate, count, pull(rate, count)))
        return self.opened[-1]

    def names(self):
        return [] if self.missing else ["speakers", "phones"]

    def look_again(self):
        pass

    def be_patient(self):
        self.patience += 1


@pytest.fixture(autouse=True)
def _lanes() -> Iterator[None]:
    """Fail where the window's thread asks the database, or a job writes out of its lane."""
    strayed: list[str] = []

    def look(connection: object, cursor: object, statement: str, *_: object) -> None:
        thread = threading.current_thread()
        writes = statement.lstrip()[:6].upper() in ("INSERT", "UPDATE", "DELETE")
        in_window = thread is threading.main_thread()
        if not in_window and not (writes and not thread.name.startswith(("write", "index"))):
            return
        frame, own = sys._getframe(), []
        while frame is not None:
            if frame.f_code.co_filename.startswith(GUI):
                own.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
            frame = frame.f_back
        if own:  # else a test asks
            strayed.append(f"{thread.name}: {statement.split()[0]} by {own[0]}")

    event.listen(Engine, "before_cursor_execute", look)
    yield
    event.remove(Engine, "before_cursor_execute", look)
    assert not strayed, sorted(set(strayed))


@pytest.fixture(autouse=True)
def _warm_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let children be forks; their modules are started by Python in tests/app and tests/cli."""
    for module in (index_process, repairing, serve_process):
        monkeypatch.setattr(module, "command", warm.command)


@pytest.fixture
def outputs() -> FakeOutputs:
    return FakeOutputs()


@pytest.fixture(scope="session")
def qapp():
    yield make_application()
    # What no window shows holds this one's data until the very end, when it is too late.
    QGuiApplication.clipboard().clear()


@pytest.fixture
def settings() -> SettingsFile:
    return make_settings()


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    """Return where ``library.db`` knows ``sounds``, with one file that could not be heard."""
    folder = tmp_path_factory.mktemp("indexed")
    sounds = write_sounds(folder / "sounds")
    (sounds / "broken.wav").write_text("words")
    with pytest.MonkeyPatch.context() as patch, Library(folder / "library.db") as library:
        patch.setenv("SOUNDSIFT_HOME", str(folder / "home"))
        remember_tried(model_folder)
        library.set_settings({"model_folder": str(model_folder).encode()})
        index_folders(library, model_folder, [sounds], Control())
    return folder


@pytest.fixture
def library_path(tmp_path: Path, indexed: Path, sounds: Path) -> Path:
    """Return a library of one's own of the same sounds, as if they had been indexed here."""
    for known in (indexed / "sounds").rglob("*.wav"):
        shutil.copy2(known, sounds / known.relative_to(indexed / "sounds"))
    path = Path(shutil.copy2(indexed / "library.db", tmp_path))
    with Library(path) as library:
        (skipped,) = library.skipped()  # which is forgotten where folders move
        relink(library, indexed / "sounds", sounds)
        broken = sounds / "broken.wav"
        changed = broken.stat().st_ctime_ns
        library.put_skipped([replace(skipped, path=str(broken), ctime_ns=changed)])
    return path


@pytest.fixture
def open_window(qtbot, outputs, settings) -> Iterator[Callable[..., MainWindow]]:
    """Return a function that opens a window; defects of ours fail the test."""
    opened: list[MainWindow] = []
    crashes: list[BaseException] = []

    def show(path: Path, theme: str = "dark") -> MainWindow:
        window = MainWindow(path, settings, apply_theme(None, theme), outputs)
        window.jobs.crashed.connect(crashes.append)
        opened.append(window)
        window.show()
        qtbot.waitUntil(lambda: window.library_controller.overview is not None)
        return window

    yield show
    for window in opened:
        window.close()
        take_down(window)
    assert not crashes


@pytest.fixture
def window(open_window, library_path, qtbot) -> MainWindow:
    """Return a window whose model is warm and which lists all sounds."""
    shown = open_window(library_path)
    qtbot.waitUntil(lambda: shown.context.session.is_warm)
    qtbot.waitUntil(lambda: shown.results.results.rowCount() == 12)
    qtbot.waitUntil(lambda: not shown.jobs.shown())
    return shown
