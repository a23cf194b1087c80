"""What brings the window into each state that is photographed, and the library for it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from PySide6.QtWidgets import QApplication, QMenu, QMessageBox, QWidget

from app.demo import make_demo_sounds
from app.gui.shell.dialogs import DIALOGS
from app.gui.shell.running import make_settings, take_down
from app.gui.shell.window import MainWindow
from app.gui.tagging.renaming import RenameFiles
from app.gui.tagging.review import ReviewTags
from app.gui.tagging.writing import WriteTags
from app.gui.training.training import Training
from benchmarks.gui.stage import SilentOutputs, pump, wait_for
from engine.progress import Control, Progress
from engine.session import open_library
from engine.store.regions import add_region

_MIDDLE = 0.5  # of a sound: where its range lies
_SURROUND = "harbour_surround.wav"
TRAINED = {  # what a training came to, as the trainer tells it
    "before": {"r1": 0.48, "r10": 0.82, "map10": 0.58, "agreement": 1.0},
    "after": {"r1": 0.61, "r10": 0.9, "map10": 0.7, "agreement": 0.94},
    **{"kept": "", "held_out": 212, "names": 100, "model": "/models/personal"},
}


@dataclass(frozen=True)
class Stage:
    """A window, and what it is asked for; ``after`` puts it back when it was photographed."""

    window: MainWindow
    query: str
    after: list[Callable[[], object]] = field(default_factory=list)

    def search(self, text: str) -> None:
        """Search, and wait for the answer."""
        window = self.window
        window.bar.set_text(text)
        window.searching.ask()
        wait_for(lambda: window.results.results.found.asked.text == text)
        self.settle()

    def settle(self, seconds: float = 0.3) -> None:
        """Wait until nothing more comes."""
        wait_for(lambda: not self.window.jobs.shown())
        pump(seconds)  # thumbnails

    def choose(self, row: int) -> None:
        """Look at a row, and wait until everything is known of it."""
        self.window.results.choose(row)
        pump(1.0)

    def switch_on(self, *names: str) -> None:
        """Trigger actions, and again afterwards."""
        for name in names:
            action = self.window.actions_by_name[name]
            if not action.isChecked():
                action.trigger()
                self.after.append(action.trigger)

    def dialog(self, name: str, seconds: float = 1.5) -> QWidget:
        """Open a dialog, and give it time to fill."""
        dialog = self.window.commands.dialogs.open(name)
        pump(seconds)
        self.settle(0.2)
        return dialog

    def tidy(self) -> None:
        """Put everything back."""
        while self.after:
            self.after.pop()()
        self.window.commands.dialogs.close_all()


def _welcome(stage: Stage) -> QWidget:
    stage.window.stack.setCurrentWidget(stage.window.welcome)
    return stage.window


def _list(stage: Stage) -> QWidget:
    stage.search("")
    return stage.window


def _results(stage: Stage) -> QWidget:
    stage.search(stage.query)
    stage.choose(0)
    return stage.window


def _surround(stage: Stage) -> QWidget:
    stage.search(Path(_SURROUND).stem)
    stage.choose(0)
    return stage.window


def _range(stage: Stage) -> QWidget:
    stage.search(stage.query)
    stage.choose(1)
    waveform, sound = stage.window.panel.waveform, stage.window.player_controller.sound
    if sound is not None:
        waveform.set_range((sound.duration_s * _MIDDLE / 2, sound.duration_s * _MIDDLE))
    return stage.window


def _spectrogram(stage: Stage) -> QWidget:
    stage.search(stage.query)
    stage.switch_on("spectrogram")
    stage.choose(1)
    return stage.window


def _regions(stage: Stage) -> QWidget:
    stage.search("")
    stage.switch_on("loudness_curve")
    stage.choose(0)
    return stage.window


def _nothing(stage: Stage) -> QWidget:
    stage.search("dur:<1ms")
    return stage.window


def _wrong(stage: Stage) -> QWidget:
    stage.window.bar.set_text("door dur:long")
    stage.window.searching.ask()
    pump(0.5)
    return stage.window


def _progress(stage: Stage) -> QWidget:
    def work(control: Control) -> None:
        while True:
            control.report(Progress("listening", 1240, 4386, left_s=130.0))
            time.sleep(0.05)

    job = stage.window.jobs.start("read", work, title="Indexing")
    stage.after.append(job.cancel)
    pump(0.6)
    return stage.window


def _row_menu(stage: Stage) -> QWidget:
    stage.search("")
    stage.choose(2)
    stage.window.commands.show_menu(stage.window.pos())
    return _popup(stage)


def _view_menu(stage: Stage) -> QWidget:
    menus = [action.menu() for action in stage.window.menuBar().actions()]
    view = next(m for m in menus if isinstance(m, QMenu) and "View" in m.title().replace("&", ""))
    view.popup(stage.window.pos())
    return _popup(stage)


def _popup(stage: Stage) -> QWidget:
    pump(0.2)
    menu = QApplication.activePopupWidget()
    assert menu is not None
    stage.after.append(menu.close)
    return menu


def _told(stage: Stage) -> QWidget:
    reasons = [f"door_{n:02d}.wav: it changed since it was read" for n in range(1, 20)]
    stage.window.prompts.inform("3 files were written, 19 were left as they are.", reasons)
    pump(0.3)
    box = stage.window.findChild(QMessageBox)
    assert box is not None
    stage.after.append(box.deleteLater)
    stage.after.append(box.close)
    return box


def _damaged(stage: Stage) -> QWidget:
    path = Path(tempfile.mkdtemp()) / "library.db"
    path.write_bytes(b"\xff" * 8192)
    colours = stage.window.context.colours
    window = MainWindow(path, make_settings(), colours, SilentOutputs())
    window.resize(stage.window.size())
    window.show()
    pump(1.0)
    stage.after.extend(
        (lambda: shutil.rmtree(path.parent), lambda: take_down(window), window.close)
    )
    return window


def _opened(name: str) -> Callable[[Stage], QWidget]:
    return lambda stage: stage.dialog(name)


def _reviewed(stage: Stage) -> ReviewTags:
    stage.search("")
    stage.window.commands.dialogs.review()
    pump(1.0)
    stage.settle()
    review = stage.window.commands.dialogs.opened["review"]
    assert isinstance(review, ReviewTags)
    return review


def _suggested(stage: Stage) -> QWidget:
    review = _reviewed(stage)
    review.bar.least.setValue(5)
    review.suggest()
    pump(1.0)
    stage.settle()
    wait_for(review.bar.start.isEnabled)
    return review


def _shown_by(kind: type[QWidget], shows: Callable[[ReviewTags], object]) -> Callable[..., QWidget]:
    def bring(stage: Stage) -> QWidget:
        review = _reviewed(stage)
        shows(review)
        pump(1.0)
        stage.settle()
        dialog = review.findChild(kind)
        assert isinstance(dialog, QWidget)
        stage.after.append(dialog.close)
        return dialog

    return bring


def _training(stage: Stage) -> Training:
    dialog = stage.dialog("train", 0.3)
    assert isinstance(dialog, Training)
    return dialog


def _train_at_work(stage: Stage) -> QWidget:
    dialog = _training(stage)
    dialog._show_state(running=True)
    dialog._take(
        {"event": "progress", "stage": "training", "done": 140, "total": 500, "left_s": 170}
    )
    pump(0.2)
    return dialog


def _train_done(stage: Stage) -> QWidget:
    dialog = _training(stage)
    dialog.show_end(TRAINED, "")
    pump(0.2)
    return dialog


def _train_details(stage: Stage) -> QWidget:
    dialog = _training(stage)
    for step in range(50):
        dialog.behind.loss.add(float(step), 2.0 + 3.0 * float(np.exp(-step / 12)))
    for way, precision in ((0.25, 0.62), (0.5, 0.68), (0.75, 0.7), (1.0, 0.66)):
        dialog.behind.recall.add(way, precision)
    dialog.show_end(TRAINED, "")
    dialog.details.click()
    pump(0.2)
    return dialog


def _keys(stage: Stage) -> QWidget:
    dialog = stage.dialog("preferences")
    dialog.pages.setCurrentIndex(1)  # type: ignore[attr-defined]
    pump(0.2)
    return dialog


def states() -> dict[str, Callable[[Stage], QWidget]]:
    """Return what brings the window into each state, and which widget shows it."""
    own = {
        "welcome": _welcome,
        "list": _list,
        "results": _results,
        "surround": _surround,
        "range": _range,
        "spectrogram": _spectrogram,
        "regions": _regions,
        "nothing": _nothing,
        "wrong-filter": _wrong,
        "progress": _progress,
        "row-menu": _row_menu,
        "view-menu": _view_menu,
        "told": _told,
        "damaged": _damaged,
        "review": _reviewed,
        "suggested": _suggested,
        "writing": _shown_by(WriteTags, ReviewTags.write),
        "renaming": _shown_by(RenameFiles, ReviewTags.rename),
        "train-at-work": _train_at_work,
        "train-done": _train_done,
        "train-details": _train_details,
        "keys": _keys,
    }
    return own | {name: _opened(name) for name in DIALOGS if name not in own}


def demo_library(folder: Path) -> Path:
    """Return a library of the demo sounds, with a copy, one of 5.1 and one that is no sound."""
    sounds = folder / "Sounds"
    make_demo_sounds(sounds, Control())
    some = sorted(sounds.glob("*.wav"))
    (sounds / "Old").mkdir()
    shutil.copy2(some[3], sounds / "Old" / f"{some[3].stem}_copy.wav")
    (sounds / "Old" / "notes.wav").write_text("words")
    noise = np.random.default_rng(1).normal(0, 0.05, (96_000, 6))
    soundfile.write(sounds / _SURROUND, noise, 48_000, "PCM_24")
    with open_library(folder / "library.db", "default") as session:
        session.index(sounds)
        first = next(iter(session.library.sounds(range(1, 3)).values()))
        for name, start_s, end_s in (("Attack", 0.2, 1.1), ("Tail", 2.4, 3.6)):
            add_region(session.library, first.id, name, start_s, end_s)
    return folder / "library.db"
