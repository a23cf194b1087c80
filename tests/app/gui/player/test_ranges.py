"""Ranges that leave the window: kept where the user says, and nothing else lies there."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.gui.player.parts import open_room
from engine.errors import InputError
from engine.handover.room import HIDDEN, remove_leftovers


@pytest.fixture
def marked(window, qtbot):
    """Return a function that marks a range of a sound and waits until it is ready."""
    row = window.results.results.row_of(window.results.results.id_at(0))
    window.results.choose(row)
    qtbot.waitUntil(lambda: window.player_controller.sound is not None)
    window.player.stop()

    def mark(start_s: float, end_s: float, ready: bool = True) -> None:
        window.panel.waveform.set_range((start_s, end_s))
        window.panel.waveform.range_changed.emit((start_s, end_s))
        if ready:
            qtbot.waitUntil(window.ranges.is_ready)

    return mark


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def copy(window, qtbot) -> None:
    QGuiApplication.clipboard().clear()
    window.panel.waveform.setFocus()
    qtbot.keyClick(window.panel.waveform, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)


def test_ranges_that_are_only_marked_leave_nothing(window, marked, own_home):
    for end_s in (0.2, 0.3, 0.4):
        marked(0.1, end_s)
    ranges = own_home / "ranges"
    (room,) = [path for path in (ranges / HIDDEN).iterdir() if path.is_dir()]
    assert files(ranges) == [] and len(files(room)) == 1  # never more than the newest
    window.close()
    assert not ranges.exists()


def test_ranges_are_kept_where_the_user_chose(window, marked, qtbot, tmp_path, monkeypatch):
    chosen = tmp_path / "my ranges"
    chosen.mkdir()
    window.actions_by_name["preferences"].trigger()
    dialog = window.commands.dialogs.opened["preferences"]
    qtbot.waitUntil(lambda: dialog.ranges.text().endswith("ranges"))
    marked(0.1, 0.3)
    choose = "app.gui.shell.preferences.QFileDialog.getExistingDirectory"
    monkeypatch.setattr(choose, lambda *a: str(chosen))
    dialog._choose_ranges()
    qtbot.waitUntil(lambda: dialog.ranges.text() == str(chosen))
    shown = []
    monkeypatch.setattr("app.gui.shell.preferences.open_folder", shown.append)
    dialog._show_ranges()
    assert shown == [chosen]
    dialog.close()
    qtbot.waitUntil(window.ranges.is_ready)
    kept = window.ranges.kept()
    assert kept.parent == chosen and soundfile.info(kept).duration == pytest.approx(0.2, abs=1e-3)
    window.close()
    assert [path.name for path in chosen.iterdir()] == [kept.name]


def test_a_chosen_folder_that_is_away_is_told_and_not_made_up(
    window, marked, qtbot, tmp_path, settings
):
    away = tmp_path / "drive" / "ranges"
    settings.keep(replace(settings.now, ranges_folder=str(away)))
    marked(0.1, 0.3, ready=False)
    said = window.status.message
    qtbot.waitUntil(lambda: "ranges cannot be saved in" in said.text())
    assert "it does not exist" in said.text() and "Preferences" in said.text()
    window.status.say("")
    copy(window, qtbot)
    assert "ranges cannot be saved in" in said.text()
    data = QGuiApplication.clipboard().mimeData()
    assert data is None or not data.urls()  # nor the whole file instead
    assert not away.parent.exists()


def test_a_kept_file_that_was_taken_away_is_made_again(window, marked, qtbot):
    marked(0.1, 0.3)
    copy(window, qtbot)
    (url,) = QGuiApplication.clipboard().mimeData().urls()
    kept = Path(url.toLocalFile())
    kept.unlink()
    copy(window, qtbot)
    assert "still being rendered" in window.status.message.text()
    qtbot.waitUntil(window.ranges.is_ready)
    copy(window, qtbot)
    assert kept.is_file()


def test_where_music_cannot_be_written_ranges_lie_with_the_libraries(
    own_home, tmp_path, monkeypatch
):
    wall = tmp_path / "wall"
    wall.write_text("no folder")
    monkeypatch.setattr("app.gui.player.parts.ranges_folder", lambda: wall / "Soundsift")
    room = open_room(None)
    assert room.target == own_home / "ranges"
    room.close()
    with pytest.raises(InputError, match="choose another folder in Preferences"):
        open_room(wall)


def test_leftovers_of_a_killed_window_go_and_those_of_a_living_one_stay(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from app.gui.player.parts import open_room\n"
        "room = open_room(Path(sys.argv[1])); (room.place / 'x.wav').write_text('x')\n"
        "print(room.place, flush=True); time.sleep(600)"
    )
    folder = tmp_path / "ranges"
    folder.mkdir()
    (folder / "kept.wav").write_text("lasting")
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", script, str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        place = Path(child.stdout.readline().strip())
        remove_leftovers(folder / HIDDEN)
        assert (place / "x.wav").is_file()  # its window lives
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    stranger = folder / HIDDEN / "notes"
    stranger.mkdir()
    remove_leftovers(folder / HIDDEN)
    assert not place.exists() and stranger.is_dir()
    stranger.rmdir()
    remove_leftovers(folder / HIDDEN)
    assert [path.name for path in folder.iterdir()] == ["kept.wav"]


def test_a_window_tidies_when_it_opens(open_window, library_path, own_home, qtbot):
    old = own_home / "ranges" / HIDDEN / "1-0123456789abcdef"
    old.mkdir(parents=True)
    (old / "x.wav").write_text("x")
    open_window(library_path)
    qtbot.waitUntil(lambda: not old.exists())


def test_a_hidden_folder_that_points_elsewhere_is_left_alone(tmp_path):
    elsewhere = tmp_path / "elsewhere" / "1-0123456789abcdef"
    elsewhere.mkdir(parents=True)
    (tmp_path / HIDDEN).symlink_to(tmp_path / "elsewhere")
    remove_leftovers(tmp_path / HIDDEN)
    assert elsewhere.is_dir()
