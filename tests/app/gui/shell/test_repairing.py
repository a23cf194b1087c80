"""A damaged library is repaired from the window, which closes for it and opens again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QPushButton

from app.gui.shell.repairing import Repairing, repair_library
from engine.store import Library
from engine.store.copies import damage_of, damaged, keep_copy


@pytest.fixture
def damaged_path(library_path: Path) -> Path:
    """Return a library of which a good copy exists, and whose pages are overwritten."""
    assert keep_copy(library_path) == ""
    data = bytearray(library_path.read_bytes())
    data[4096 * 2 :] = b"\xff" * (len(data) - 4096 * 2)
    library_path.write_bytes(data)
    assert damage_of(library_path)
    return library_path


def test_a_library_is_repaired_and_what_was_done_is_told(qapp, damaged_path):
    said = repair_library(damaged_path)
    assert f"{damaged_path} was restored from the copy" in said and "12 windows" in said
    assert damage_of(damaged_path) == ""
    with Library(damaged_path) as library:
        assert library.statistics().sounds == 12


def test_a_repair_that_cannot_be_done_says_why(qapp, tmp_path):
    said = repair_library(tmp_path / "none.db")
    assert said.startswith("The library was not repaired: there is no library at ")
    assert Repairing().run([str(tmp_path / "none")]).startswith("The library was not repaired: ")


def test_a_repair_can_be_stopped(qapp):
    dialog = Repairing()
    QTimer.singleShot(200, dialog.findChild(QPushButton).click)
    said = dialog.run([sys.executable, "-c", "import time; time.sleep(60)"])
    assert said == "The repair was stopped: the library is either as it was or fully repaired."


def test_the_window_closes_for_a_repair_only_when_told_to(window, monkeypatch):
    asked = []
    monkeypatch.setattr(window.prompts, "confirm", lambda *said: asked.append(said) or False)
    window.actions_by_name["repair"].trigger()
    assert window.isVisible() and not window.repair_wanted and "save what can be" in asked[0][0]
    monkeypatch.setattr(window.prompts, "confirm", lambda *said: True)
    window.actions_by_name["repair"].trigger()
    assert not window.isVisible() and window.repair_wanted


def test_a_library_that_cannot_be_opened_names_the_way_to_repair_it(
    qtbot, outputs, settings, damaged_path
):
    from app.gui.kit.style.apply import apply_theme
    from app.gui.shell.running import take_down
    from app.gui.shell.window import MainWindow

    damaged_path.write_bytes(b"\xff" * 8192)
    with pytest.raises(Exception, match="damaged") as error:
        Library(damaged_path)
    assert str(error.value) == damaged(damaged_path)
    window = MainWindow(damaged_path, settings, apply_theme(None, "dark"), outputs)
    try:
        qtbot.waitUntil(lambda: "Tools, Repair" in window.status.message.text())
        assert "Tools, Repair" in window.empty.hint.text()
        for name in ("rescan", "undo", "skipped", "models", "review", "export"):
            window.status.say("")
            window.actions_by_name[name].trigger()
            assert "Tools, Repair" in window.status.message.text(), name
        for name in ("preferences", "about", "shortcuts"):
            window.actions_by_name[name].trigger()
            assert window.commands.dialogs.opened[name].isVisible(), name
        window.sources.folders_dropped.emit([str(damaged_path.parent)])
    finally:
        window.close()
        take_down(window)


REPAIR = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QPushButton
from app.gui.shell import running
from app.gui.kit.prompts import Prompts
from app.gui.shell.window import MainWindow

Prompts.confirm = lambda self, question, yes: True
windows = []

def tell(self, said):
    print(said)
    self.parent().close()

Prompts.inform = tell
show = MainWindow.show

def shown(self):
    show(self)
    windows.append(self)
    if len(windows) == 1:
        QTimer.singleShot(300, self.actions_by_name["repair"].trigger)

MainWindow.show = shown
code = running.run(Path(sys.argv[1]))
print(len(windows), code)
"""


def test_another_window_opens_and_tells_what_was_done(damaged_path):
    done = subprocess.run(
        [sys.executable, "-c", REPAIR, str(damaged_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "was restored from the copy" in done.stdout and done.stdout.endswith("2 0\n")
    assert damage_of(damaged_path) == ""
