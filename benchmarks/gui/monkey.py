"""Does the window survive five minutes of a monkey at the keyboard?

``python -m benchmarks.gui.monkey [SECONDS] [SEED]``: random keys, clicks, drags, drops, folders
that change, indexing, dialogs.  Any exception, any warning of Qt, and a window that does not
close within ten seconds are failures.
"""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from PySide6.QtCore import (
    QMimeData,
    QPoint,
    QPointF,
    Qt,
    QTimer,
    QtMsgType,
    QUrl,
    qInstallMessageHandler,
)
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QInputDialog, QWidget

from app.demo import make_demo_sounds
from app.gui.shell.window import MainWindow
from benchmarks.gui.stage import opened, pump, wait_for
from benchmarks.report import report
from benchmarks.scratch import scratch_home
from engine.progress import Control

KEYS = (
    *'abcdefghijklmnopqrstuvwxyz 0123456789[]{},.?+-"*:<>',
    *(Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Space),
    *(Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backspace, Qt.Key.Key_PageDown),
    *(Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Delete),
)
TEXTS = (
    "rain",
    "door dur:<5s",
    "bird -wind",
    "fmt:wav",
    '"bell"',
    "sr:48k clock",
    "in:demo",
    "cat:",
)
DIALOGS = (
    *("preferences", "skipped", "cues", "duplicates", "models", "shortcuts", "about", "train"),
    *("sessions", "transfer", "map", "audit"),
)
ACTIONS = (
    *("play", "loop", "reverse", "spectrogram", "faster", "slower", "normal", "similar", "more"),
    *("sources", "inspector", "auto_play", "zoom_in", "copy", "copy_path", "escape", "undo"),
    *("keep_pitch", "higher", "lower", "match", "channels", "play_from_start", "redo", "undo"),
    *("next_mark", "previous_mark", "next_moment", "previous_moment", "louder", "quieter"),
    *("range_from", "range_to", "region", "note", "used", "unused", "untag", "save_search"),
    *("stars_0", "stars_3", "stars_5", "colour_none", "colour_red", "colour_blue", "as_heard"),
    *("wave_colours", "loudness_curve", "linear_scale", "tags_ucs", "tags_other", "spot"),
)
_NOTHING = Qt.KeyboardModifier.NoModifier
SILENT = ("This plugin does not support",)  # of a screen that is none


class Monkey:
    """Does one random thing after another, the same ones for the same seed."""

    def __init__(self, window: MainWindow, sounds: Path, seed: int) -> None:
        self.window, self.sounds = window, sounds
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()

    def step(self) -> None:
        """Do something."""
        often = {
            self.key: 30,
            self.click: 16,
            self.search: 10,
            self.drag: 8,
            self.action: 8,
            self.map: 3,
            self.file: 4,
            self.drop: 3,
            self.dialog: 2,
            self.resize: 2,
            self.tag: 2,
            self.index: 1,
        }
        what = self.random.choices(list(often), list(often.values()))[0]
        self.done[what.__name__] += 1
        what()
        pump(self.random.uniform(0.0, 0.03))

    def key(self) -> None:
        """Press a key wherever the focus is."""
        target = QApplication.focusWidget() or self.window.results
        for _ in range(self.random.randint(1, 4)):
            QTest.keyClick(target, self.random.choice(KEYS))
            target = QApplication.focusWidget() or self.window.results

    def click(self) -> None:
        """Click, or double-click, anywhere."""
        widget = self._somewhere()
        place = self._place(widget)
        if self.random.random() < 0.2:
            QTest.mouseDClick(widget, Qt.MouseButton.LeftButton, pos=place)
        else:
            QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place)
        popup = QApplication.activePopupWidget()
        if popup is not None:
            popup.close()

    def search(self) -> None:
        """Ask for something else."""
        self.window.bar.set_text(self.random.choice(TEXTS))

    def drag(self) -> None:
        """Choose a range, or zoom."""
        waveform = self.window.panel.waveform
        if self.random.random() < 0.4:
            waveform.zoom(self.random.uniform(0.2, 5.0))
            return
        held = self.random.choice((_NOTHING, _NOTHING, Qt.KeyboardModifier.ControlModifier))
        first = self._place(waveform)
        if waveform.range_s and self.random.random() < 0.5:  # a corner, which is a fade
            first = QPoint(round(waveform.view.x(self.random.choice(waveform.range_s))), 2)
        self._drag(waveform, first, held)

    def map(self) -> None:
        """Look at the map: push and zoom it, choose on it, draw around what is there."""
        self.window.actions_by_name["map"].trigger()
        dialog = self.window.commands.dialogs.opened["map"]
        canvas = dialog.canvas
        what = self.random.randrange(4)
        if what == 0:
            self._drag(canvas, self._place(canvas), Qt.KeyboardModifier.ShiftModifier)
        elif what == 1:
            self._drag(canvas, self._place(canvas), _NOTHING)
        elif what == 2:
            QTest.keyClick(canvas, self.random.choice(KEYS))
        else:
            QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=self._place(canvas))
        if self.random.random() < 0.3:
            dialog.close()

    def _drag(self, widget: QWidget, first: QPoint, held: Qt.KeyboardModifier) -> None:
        left = Qt.MouseButton.LeftButton
        QTest.mousePress(widget, left, held, first)
        for _ in range(3):
            QTest.mouseMove(widget, self._place(widget))
        QTest.mouseRelease(widget, left, held, self._place(widget))

    def drop(self) -> None:
        """Drop sounds, or what is none, on the search bar."""
        files = [*self.sounds.iterdir(), self.sounds / "gone.wav", Path(__file__)]
        data = QMimeData()
        chosen = self.random.sample(files, min(2, len(files)))
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in chosen])
        copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
        none = Qt.KeyboardModifier.NoModifier
        self.window.bar.dropEvent(QDropEvent(QPointF(9, 9), copy, data, left, none))

    def file(self) -> None:
        """Let a file come, go, or break."""
        files = sorted(self.sounds.glob("*.wav"))
        path = self.random.choice(files)
        change = self.random.random()
        if change < 0.4:
            copy = self.sounds / f"copy_{self.random.randint(0, 40)}.wav"
            if copy != path:
                shutil.copy(path, copy)
        elif change < 0.6 and len(files) > 10:
            path.unlink()
        elif change < 0.8:
            path.rename(self.sounds / f"renamed_{self.random.randint(0, 40)}.wav")
        else:
            (self.sounds / "broken.wav").write_bytes(self.random.randbytes(500))

    def index(self) -> None:
        """Look for changes, or stop looking."""
        if self.window.indexing.is_on and self.random.random() < 0.5:
            for job in self.window.jobs.shown():
                job.cancel()
        else:
            self.window.indexing.index([])

    def dialog(self) -> None:
        """Open a dialog, press something in it, close it."""
        name = self.random.choice(DIALOGS)
        self.window.actions_by_name[name].trigger()
        pump(0.05)
        for dialog in self.window.findChildren(QDialog):
            if dialog.isVisible():
                QTest.keyClick(dialog, self.random.choice((Qt.Key.Key_Tab, Qt.Key.Key_Down)))
                dialog.close()

    def resize(self) -> None:
        """Take another size or theme."""
        self.window.resize(self.random.randint(900, 2400), self.random.randint(560, 1400))

    def tag(self) -> None:
        """Tag and collect what is chosen."""
        ids = self.window.results.chosen_ids()[:20]
        if ids:
            pairs = [(i, self.random.choice(("wet", "dry"))) for i in ids]
            decide = self.window.tagging.accept if ids[0] % 3 else self.window.tagging.reject
            decide(pairs)
            self.window.library_controller.collect("Monkey", ids)

    def action(self) -> None:
        """Do what a menu offers."""
        self.window.actions_by_name[self.random.choice(ACTIONS)].trigger()

    def answer(self) -> None:
        """Answer what is asked, somehow."""
        asked = QApplication.activeModalWidget()
        if isinstance(asked, QInputDialog):
            if asked.inputMode() == QInputDialog.InputMode.TextInput:
                asked.setTextValue(self.random.choice((*TEXTS, "", " ", "a\nb", "x" * 300)))
            asked.done(self.random.randrange(2))
        elif isinstance(asked, QDialog):
            asked.reject()

    def _somewhere(self) -> QWidget:
        seen = [w for w in self.window.findChildren(QWidget) if w.isVisible() and w.width() > 3]
        quiet = ("quit", "reveal", "add", "record")
        seen = [
            w for w in seen if w.objectName() not in quiet and "folder" not in w.toolTip().lower()
        ]
        return self.random.choice([*seen, self.window.results.viewport()])

    def _place(self, widget: QWidget) -> QPoint:
        width, height = max(1, widget.width()), max(1, widget.height())
        return QPoint(self.random.randrange(width), self.random.randrange(height))


def unattended(window: MainWindow) -> None:
    """Let nothing wait for an answer that no monkey gives, or reach outside."""
    for name in ("add", "relink", "forget", "new_collection", "rename_collection"):
        setattr(window.questions, name, lambda *_: None)
    for name in ("add", "quit", "reveal", "record", "review", "write_marks"):
        window.actions_by_name[name].setEnabled(False)
    window.welcome.add.setEnabled(False)
    window.bar.record.setEnabled(False)


def rampage(seconds: float, seed: int) -> dict[str, object]:
    """Let a monkey loose; return what it did, or raise what it found."""
    complaints: list[str] = []

    def complain(kind: QtMsgType, context: object, message: str) -> None:
        bad = kind not in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg)
        if bad and not message.startswith(SILENT):
            complaints.append(message)

    raised: list[BaseException] = []
    hook, sys.excepthook = sys.excepthook, lambda kind, error, trace: raised.append(error)
    before = qInstallMessageHandler(complain)
    try:
        with scratch_home() as home:
            sounds = home / "sounds"
            make_demo_sounds(sounds, Control())
            with opened(home / "library.db") as window:
                unattended(window)
                window.indexing.index([sounds])
                wait_for(lambda: window.context.opened.is_warm)
                monkey = Monkey(window, sounds, seed)
                answers = QTimer(window, interval=50)
                answers.timeout.connect(monkey.answer)
                answers.start()
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    monkey.step()
                    if raised or complaints:
                        break
                closing = time.monotonic()
            closed_s = time.monotonic() - closing
    finally:
        qInstallMessageHandler(before)
        sys.excepthook = hook
    if raised:
        raise raised[0]
    assert not complaints, complaints
    assert closed_s < 10, f"closing took {closed_s:.1f} s"
    return {
        "seed": seed,
        "seconds": seconds,
        "things done": sum(monkey.done.values()),
        "keys": monkey.done["key"],
        "clicks": monkey.done["click"],
        "exceptions": 0,
        "Qt warnings": 0,
        "closed in s": closed_s,
    }


def main() -> None:
    """Run it."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    report("gui_monkey", (__doc__ or "").splitlines()[0], [rampage(seconds, seed)])


if __name__ == "__main__":
    main()
