"""Several libraries, a damaged one, and what goes on when the window closes."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QPushButton

from app import background, index_process
from app.gui.kit.style.apply import apply_theme
from app.gui.shell.libraries import library_to_open
from app.gui.shell.running import make_settings, take_down
from app.gui.shell.window import MainWindow
from engine.metadata.read import read_header, said_in
from engine.paths import default_library
from engine.progress import Control, Progress
from engine.store import Library
from tests import warm
from tests.app.gui.shell.test_following import write


def test_another_library_is_opened_and_remembered(window, tmp_path, settings, monkeypatch):
    other = tmp_path / "other.db"
    Library(other).close()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(other), ""))
    window.actions_by_name["open_library"].trigger()
    assert not window.isVisible() and window.next_library == other
    assert settings.now.libraries == (str(window.context.place),)
    settings.flush()
    assert library_to_open(make_settings()) == other
    other.unlink()
    assert library_to_open(make_settings()) == default_library()


def test_a_new_library_gets_its_ending_and_overwrites_nothing(window, tmp_path, monkeypatch):
    asked = []

    def ask(*given, **options):
        asked.append(options)
        return str(tmp_path / "Project"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    window.actions_by_name["new_library"].trigger()
    assert window.next_library == tmp_path / "Project.db" and not window.isVisible()
    assert asked[0]["options"] == QFileDialog.Option.DontConfirmOverwrite


def test_who_chooses_nothing_stays(window, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: ("", ""))
    window.actions_by_name["open_library"].trigger()
    assert window.isVisible() and window.next_library is None


def test_libraries_that_were_open_stand_in_the_menu(open_window, library_path, tmp_path, settings):
    first = open_window(tmp_path / "first.db")
    first.close()
    window = open_window(library_path)
    menu = window.actions_by_name["recent_libraries"].menu()
    menu.aboutToShow.emit()
    titles = [action.text() for action in menu.actions()]
    assert f"first ({tmp_path.name})" in titles and "library" in titles  # one's own
    assert f"library ({tmp_path.name})" not in titles  # which is open
    menu.actions()[titles.index(f"first ({tmp_path.name})")].trigger()
    assert window.next_library == tmp_path / "first.db" and not window.isVisible()
    assert window.windowTitle() == f"library ({tmp_path.name}) – Soundsift"


def test_a_damaged_library_is_no_dead_end(qtbot, outputs, settings, tmp_path, monkeypatch):
    path = tmp_path / "words.db"
    path.write_text("these are words, not a database " * 20)
    window = MainWindow(path, settings, apply_theme(None, "light"), outputs)
    try:
        window.show()
        qtbot.waitUntil(lambda: "words.db" in window.empty.hint.text())
        buttons = {b.text(): b for b in window.empty.findChildren(QPushButton)}
        assert list(buttons) == ["Open another library …", "New library …", "Repair …"]
        asked = []
        monkeypatch.setattr(window.prompts, "confirm", lambda *said: asked.append(said) or False)
        buttons["Repair …"].click()
        assert asked and window.isVisible()
        other = str(tmp_path / "other.db")
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (other, ""))
        buttons["Open another library …"].click()
        assert not window.isVisible() and window.next_library == Path(other)
    finally:
        window.close()
        take_down(window)


OPEN = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from app.gui.shell import running
from app.gui.shell.window import MainWindow

opened = []
show = MainWindow.show

def shown(self):
    show(self)
    opened.append(self.context.place.name)
    following = Path(sys.argv[2])
    if len(opened) == 1:
        QTimer.singleShot(300, lambda: self.libraries._go(str(following)))
    else:
        QTimer.singleShot(300, self.close)

MainWindow.show = shown
code = running.run(Path(sys.argv[1]) if sys.argv[1] else None)
print(opened, code)
"""


def test_the_next_window_opens_on_the_library_that_was_chosen(tmp_path, own_home):
    def run(first, following):
        done = subprocess.run(
            [sys.executable, "-c", OPEN, first, str(following)],
            capture_output=True,
            text=True,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(str(tmp_path / "a.db"), tmp_path / "b.db") == "['a.db', 'b.db'] 0\n"
    assert run("", tmp_path / "c.db") == "['b.db', 'c.db'] 0\n"


# What goes on when the window closes


@pytest.fixture
def busy(open_window, library_path, sounds, qtbot, monkeypatch):
    """Return a window that listens to 60 sounds, and to most of them only after it was stopped."""
    for number in range(60):
        write(sounds / "more" / f"more_{number:03d}.wav", 2.0)
    window = open_window(library_path)
    modules = iter(["tests.app.gui.shell.patient_listening"])  # those after it are as they are

    def command(name, *arguments):
        return warm.command(next(modules, name), *arguments)

    monkeypatch.setattr(index_process, "command", command)
    window.indexing.index([])
    job = window.indexing._indexing
    qtbot.waitUntil(lambda: job.progress is not None and job.progress.stage.startswith("listen"))
    return window


def waiting(path):
    with Library(path) as library:
        counts = library.statistics()
    return counts.sounds - counts.embedded


def test_closing_while_it_listens_asks_and_may_be_thought_better_of(busy, monkeypatch, qtbot):
    asked = []
    monkeypatch.setattr(busy.prompts, "choose", lambda *said: asked.append(said))
    busy.actions_by_name["quit"].trigger()
    assert busy.isVisible() and busy.indexing.is_on and "still listening" in asked[0][0]
    busy.close()  # which is nobody's hand


def test_it_goes_on_in_the_background_until_it_is_done(busy, monkeypatch, qtbot, open_window):
    path = busy.context.place
    monkeypatch.setattr(busy.prompts, "choose", lambda *said: 0)
    busy.actions_by_name["quit"].trigger()
    assert not busy.isVisible()
    qtbot.waitUntil(lambda: waiting(path) == 0)
    qtbot.waitUntil(lambda: not background.is_left_behind(path))
    again = open_window(path)
    qtbot.waitUntil(lambda: again.library_controller.overview.statistics.embedded == 72)


def test_a_window_that_opens_meanwhile_takes_over(busy, monkeypatch, qtbot, open_window):
    path = busy.context.place
    monkeypatch.setattr(busy.prompts, "choose", lambda *said: 0)
    busy.actions_by_name["quit"].trigger()
    qtbot.waitUntil(lambda: background.is_left_behind(path))
    again = open_window(path)
    qtbot.waitUntil(lambda: not background.is_left_behind(path))
    qtbot.waitUntil(lambda: again.library_controller.overview.statistics.embedded == 72)
    assert "another index run" not in again.status.message.text()


def test_it_stops_and_goes_on_when_the_window_opens_again(busy, monkeypatch, qtbot, open_window):
    path = busy.context.place
    monkeypatch.setattr(busy.prompts, "choose", lambda *said: 1)
    busy.actions_by_name["quit"].trigger()
    assert not busy.isVisible() and not background.is_left_behind(path)
    assert waiting(path) >= 58
    again = open_window(path)
    qtbot.waitUntil(lambda: again.library_controller.overview.statistics.embedded == 72)


@pytest.fixture
def writing(window, qtbot):
    """Return a window that writes into files until it is stopped."""
    began = threading.Event()

    def work(control):
        while True:
            began.set()
            control.report(Progress("writing", 1, 500))
            threading.Event().wait(0.002)

    window.jobs.start("write", work, title="Writing texts")
    window.jobs.start("read", work, title="Drawing")  # of which nothing stays
    began.wait(5)
    return window


def test_closing_while_files_are_written_asks_and_may_be_thought_better_of(writing, monkeypatch):
    asked = []
    monkeypatch.setattr(writing.prompts, "confirm", lambda *said: bool(asked.append(said)))
    writing.actions_by_name["quit"].trigger()
    said = "If you close Soundsift, this stops: Writing texts. Files that are finished stay."
    assert asked == [(said, "Stop")] and writing.isVisible()


def test_what_was_decided_while_files_are_written_is_kept_when_they_are_stopped(
    writing, library_path, monkeypatch
):
    monkeypatch.setattr(writing.prompts, "confirm", lambda *said: True)
    writing.marking.set_stars([1], 4)
    writing.actions_by_name["quit"].trigger()
    assert not writing.isVisible()
    with Library(library_path) as library:
        assert library.sounds([1])[1].marks.stars == 4


def test_what_is_typed_is_kept_when_the_window_closes(window, library_path, qtbot):
    window.results.choose(0)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    sound = window.inspector.details.sound
    qtbot.keyClicks(window.inspector.marks.note, "too loud")  # which has not the focus any more
    window.close()
    with Library(library_path) as library:
        assert library.sounds([sound.id])[sound.id].marks.note == "too loud"


def test_a_text_that_is_typed_is_written_when_the_window_closes(window, qtbot):
    window.results.choose(0)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    path = Path(window.inspector.details.sound.path)
    field = window.inspector.texts.fields["description"]
    field.begin()
    qtbot.keyClicks(field.editor, "A heavy door")
    window.close()
    assert said_in(read_header(path))["description"] == "A heavy door"


def test_a_training_that_runs_outlives_its_dialog(window, qtbot):
    window.actions_by_name["train"].trigger()
    dialog = window.commands.dialogs.opened["train"]
    dialog.process.start(sys.executable, ["-c", "import time; time.sleep(60)"])
    qtbot.waitUntil(lambda: dialog.is_running)
    dialog.close()
    assert dialog.is_running and not dialog.isVisible()
    window.actions_by_name["train"].trigger()
    assert dialog.isVisible() and window.commands.dialogs.opened["train"] is dialog
    window.close()
    assert not dialog.is_running


def test_a_training_goes_on_in_the_background(window, qtbot, monkeypatch):
    ordered = []
    monkeypatch.setattr("app.gui.shell.leaving.leave_behind", ordered.append)
    window.actions_by_name["train"].trigger()
    dialog = window.commands.dialogs.opened["train"]
    dialog.name.setText("mine")
    dialog.process.start(sys.executable, ["-c", "import time; time.sleep(60)"])
    qtbot.waitUntil(lambda: dialog.is_running)
    asked = []
    monkeypatch.setattr(window.prompts, "choose", lambda *said: asked.append(said) or 0)
    window.actions_by_name["quit"].trigger()
    assert "training" in asked[0][0]
    (order,) = ordered
    library = str(window.context.place)
    assert order.train == ["--from-library", "--library", library, "--name", "mine"]
    assert order.folders == []


def test_a_training_that_ended_in_the_background_is_told(
    open_window, library_path, qtbot, monkeypatch
):
    order = background.Order(str(library_path), "m", train=["--from-library", "--name", "mine"])
    left = background.Left(order, None, "there are too few recordings")
    monkeypatch.setattr("app.gui.shell.leaving.take_back", lambda *a: left)
    window = open_window(library_path)
    qtbot.waitUntil(lambda: "train" in window.commands.dialogs.opened)
    dialog = window.commands.dialogs.opened["train"]
    assert "too few recordings" in dialog.says.text() and not dialog.is_running


def test_two_libraries_have_work_of_their_own(tmp_path):
    assert background.take_back(tmp_path / "a.db", Control()) is None
    assert not background.is_left_behind(tmp_path / "a.db")
    assert background._folder(tmp_path / "a.db") != background._folder(tmp_path / "b.db")
