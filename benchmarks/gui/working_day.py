"""How many keys and clicks do the tasks of a sound designer's day take?

Each task is done in the window on the demo sounds, with nothing but keys and clicks, and must
reach its end; a stand-in takes what is sent to the session.  *letters* are typed, *keys* are
pressed (one with Shift or Ctrl is one), *clicks* are the mouse's.  Every task begins where work
usually does: the search bar has the focus, or the result that is heard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import soundfile
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from app.demo.collection import make_demo_sounds
from app.gui.handing import spotting
from app.gui.shell.window import MainWindow
from benchmarks.gui.stage import opened, pump, wait_for
from benchmarks.report import report
from benchmarks.scratch import scratch_home
from engine.handover.targets.target import Project
from engine.index.build import index_folders
from engine.models.catalog import find_model
from engine.progress import Control
from engine.store import Library

RECORDED = 20  # files of a recording session


@dataclass
class Session:
    """What is open in the audio workstation: it takes what it is sent."""

    taken: list[tuple[Path, str]] = field(default_factory=list)

    def test(self) -> str:
        """Answer."""
        return "a session"

    def project(self) -> Project:
        """Return what is open."""
        return Project("Reel 3", None)

    def spot(self, file: Path, place: str) -> None:
        """Take a file."""
        self.taken.append((file, place))


@dataclass
class Hand:
    """Somebody's hand on keyboard and mouse, counted."""

    window: MainWindow
    session: Session
    letters: int = 0
    keys: int = 0
    clicks: int = 0

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.letters += len(text)
        QTest.keyClicks(self._focus(), text)
        pump(0.4)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.keys += 1
            QTest.keySequence(self._focus(), QKeySequence(key))
            pump(0.15)

    def click(self, title: str) -> None:
        """Click the button of a title in the dialog that is open."""
        self.clicks += 1
        (button,) = (
            each
            for each in QApplication.activeWindow().findChildren(QPushButton)
            if each.text() == title and each.isVisible()
        )
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        pump(0.2)

    def answer(self, text: str) -> None:
        """Type into the question that comes next, and press Return."""

        def do() -> None:
            asked = QApplication.activeModalWidget()
            assert asked is not None, "nothing was asked"
            self.letters += len(text)
            self.keys += 1
            target = QApplication.focusWidget() or asked
            QTest.keyClicks(target, text)
            QTest.keyClick(target, Qt.Key.Key_Return)

        QTimer.singleShot(300, do)

    def hear(self, text: str) -> None:
        """Find sounds by their description and play the first: what every task begins with."""
        self.ask(text)
        self.found(text)
        self.press("Down")
        wait_for(lambda: self.window.player.playing)

    def ask(self, text: str) -> None:
        """Ask for something else, whatever was asked for before."""
        if self.window.results.results.found.asked.sounds:
            self.press("Esc", "Esc")  # stop it, and let go of the sound that was searched for
        self.press("Ctrl+F", "Ctrl+A")
        self.type(text)

    def found(self, text: str) -> None:
        """Wait until the results are those of a text."""
        results = self.window.results.results
        wait_for(lambda: results.found.asked.text == text and not self.window.jobs.shown())

    def _focus(self) -> QWidget:
        if QApplication.activeWindow() is None:  # no window manager gives it back after a question
            self.window.activateWindow()
            pump(0.1)
        return QApplication.focusWidget() or QApplication.activeWindow() or self.window


# What the makers' own pages say where it can be counted, the sound being chosen already.
BASEHEAD = {
    "send_to_cursor": "1 key",
    "send_a_part": "1 drag, 1 key",
    "collect_ten": "1 drag",
}


def find_and_hear(hand: Hand) -> None:
    """Find a door by its description and hear it."""
    hand.type("door creaking")
    hand.found("door creaking")
    hand.press("Down")
    wait_for(lambda: hand.window.player.playing)


def hear_the_next(hand: Hand) -> None:
    """Hear the next three results."""
    hand.press("Down", "Down", "Down")
    assert hand.window.results.currentIndex().row() == 3 and hand.window.player.playing


def send_to_cursor(hand: Hand) -> None:
    """Find rain and send it to the cursor of the session."""
    hand.hear("rain")
    hand.press("P")
    wait_for(lambda: hand.session.taken and hand.session.taken[-1][1] == "cursor")


def send_a_part(hand: Hand) -> None:
    """Send a part of the sound that is heard: start and end marked by ear."""
    hand.press("Shift+Space", "I")
    pump(0.3)
    hand.press("O", "P")
    before = len(hand.session.taken)
    wait_for(lambda: len(hand.session.taken) > before or hand.window.panel.waveform.range_s)
    wait_for(lambda: len(hand.session.taken) >= 2)


def replace_a_clip(hand: Hand) -> None:
    """Replace the item that is selected in the session by another sound."""
    hand.hear("metal hit")
    hand.press("Ctrl+P")
    wait_for(lambda: hand.session.taken[-1][1] == "replace")


def collect_ten(hand: Hand) -> None:
    """Find whooshes and put the first ten into a new collection."""
    hand.hear("whoosh")
    hand.press(*["Shift+Down"] * 9)
    hand.answer("Whooshes")
    hand.press("D")
    overview = hand.window.library_controller
    wait_for(lambda: overview.overview.collections.get("Whooshes") == 10)


def find_more_like_it(hand: Hand) -> None:
    """Hear the sound that is most like this one."""
    hand.press("S")
    wait_for(lambda: hand.window.results.results.found.asked.sounds)
    wait_for(lambda: not hand.window.jobs.is_running("search"))
    hand.press("Down")


def rate_and_note(hand: Hand) -> None:
    """Give four stars and a note."""
    (chosen,) = hand.window.results.chosen_ids()
    hand.press("Alt+4")
    hand.answer("for the lift")
    hand.press("N")
    library = hand.window.context.opened.library
    sound = lambda: library.sounds([chosen])[chosen]  # noqa: E731
    wait_for(lambda: (sound().marks.stars, sound().marks.note) == (4, "for the lift"))


def send_as_heard(hand: Hand) -> None:
    """Play it two semitones lower and send it as it is heard."""
    before = len(hand.session.taken)
    hand.press("{", "{", "P")
    wait_for(lambda: len(hand.session.taken) > before)


def transfer_a_collection(hand: Hand) -> None:
    """Copy a collection, converted to 48 kHz and 24 bit, into the project's folder (set before)."""
    settings = hand.window.context.settings.now
    hand.ask("coll:Whooshes")
    wait_for(lambda: hand.window.results.results.rowCount() == 10)
    hand.press("Ctrl+Shift+E", "Return")
    folder = Path(settings.transfer_folder)
    wait_for(lambda: len(list(folder.glob("*.wav"))) == 10)
    hand.press("Esc")


def rename_a_session(hand: Hand) -> None:
    """Give a folder of recordings UCS names, with categories as suggested."""
    hand.ask("in:recorder")
    wait_for(lambda: hand.window.results.results.rowCount() == RECORDED)
    hand.press("Ctrl+T")
    hand.click("Suggest")
    review = hand.window.commands.dialogs.opened["review"]
    wait_for(lambda: review.model.rows and review.bar.start.isEnabled())
    hand.click("Accept all from")
    pump(1.0)
    hand.click("Rename the files …")
    hand.press("Tab")
    hand.type("ANN")
    hand.press("Tab")
    hand.type("REEL3")
    wait_for(lambda: QApplication.activeWindow().rename.isEnabled())
    hand.press("Return")
    library = hand.window.context.opened.library
    wait_for(lambda: any("_ANN" in sound.path for sound in library.sounds().values()))


TASKS: tuple[Callable[[Hand], None], ...] = (
    find_and_hear,
    hear_the_next,
    send_to_cursor,
    send_a_part,
    replace_a_clip,
    find_more_like_it,
    rate_and_note,
    send_as_heard,
    collect_ten,
    transfer_a_collection,
    rename_a_session,
)


def recorded(sounds: Path, folder: Path) -> None:
    """Make a folder of what a recorder brings home: its own numbers for names."""
    folder.mkdir()
    for number, path in enumerate(sorted(sounds.glob("*.wav"))[:RECORDED]):
        samples, rate_hz = soundfile.read(path)
        soundfile.write(folder / f"ZOOM{number:04d}.wav", 0.7 * samples, rate_hz)


def main() -> None:
    """Do the tasks one after the other, and count."""
    rows = []
    with scratch_home() as home:
        make_demo_sounds(home / "sounds", Control())
        recorded(home / "sounds", home / "recorder")
        (home / "project").mkdir()
        with Library(home / "library.db") as library:
            index_folders(
                library, find_model("default"), [home / "sounds", home / "recorder"], Control()
            )
        session = Session()
        spotting.open_target = lambda name, address: session  # type: ignore[assignment]
        with opened(home / "library.db") as window:
            settings = window.context.settings
            settings.keep(
                replace(
                    settings.now, transfer_folder=str(home / "project"), transfer_form="wav48/24"
                )
            )
            window.bar.text.setFocus()
            for does in TASKS:
                hand = Hand(window, session)
                does(hand)
                rows.append(
                    {
                        "task": (does.__doc__ or "").split(".")[0],
                        "letters": hand.letters,
                        "keys": hand.keys,
                        "clicks": hand.clicks,
                        "BaseHead, its last steps": BASEHEAD.get(does.__name__, "not found"),
                    }
                )
    report("gui_working_day", (__doc__ or "").splitlines()[0], rows)


if __name__ == "__main__":
    main()
