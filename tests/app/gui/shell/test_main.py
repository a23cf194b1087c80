"""How the window starts, looks, and falls."""

import os
import re
import subprocess
import sys

import pytest
from PySide6.QtGui import QColor

from app.gui.kit.style.icons import icon, pixmap
from app.gui.kit.style.palette import DARK, LIGHT, colours_of, names_of
from app.gui.kit.style.sheet import style_sheet
from app.gui.shell.crash import Crashes, crash_dialog
from engine.paths import assets, log_folder

START = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from app.gui.shell.running import make_application, make_settings
from app.gui.kit.style.apply import apply_theme
from app.gui.shell.window import MainWindow

app = make_application()
window = MainWindow(Path(sys.argv[1]), make_settings(), apply_theme(None, "system"))
window.show()
app.processEvents()
print(" ".join(m for m in ("torch", "sounddevice", "scipy", "transformers") if m in sys.modules))
window.close()
"""

WITH_SOUNDS = """
import sys
from PySide6.QtCore import QTimer
from app.cli import main
from app.gui.shell.window import MainWindow

show = MainWindow.show

def shown(self):
    show(self)
    print([sound.path.name for sound in self.bar.query.sounds])
    QTimer.singleShot(0, self.close)

MainWindow.show = shown
sys.exit(main(["window", *sys.argv[1:]]))
"""


def test_a_window_that_is_opened_with_sounds_searches_by_them(tmp_path):
    for name in ("door.wav", "-bell.wav"):
        (tmp_path / name).touch()
    done = subprocess.run(
        [sys.executable, "-c", WITH_SOUNDS, "--library", "x.db", "--", "door.wav", "-bell.wav"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPATH": str(assets().parent),
            "SOUNDSIFT_HOME": str(tmp_path),
        },
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "['door.wav', '-bell.wav']\n"), done.stderr


def test_the_first_paint_needs_no_torch(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", START, str(tmp_path / "library.db")],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert "torch" not in loaded and "transformers" not in loaded and "sounddevice" not in loaded


def test_soundsift_without_a_command_opens_the_window(own_home):
    code = (
        "from PySide6.QtCore import QTimer\n"
        "from PySide6.QtWidgets import QApplication\n"
        "from app.cli import main\n"
        "import app.gui.shell.running as gui\n"
        "made = gui.make_application\n"
        "def make():\n"
        "    app = made()\n"
        "    QTimer.singleShot(1500, lambda: [w.close() for w in app.topLevelWidgets()])\n"
        "    return app\n"
        "gui.make_application = make\n"
        "raise SystemExit(main([]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (own_home / "window.ini").is_file() and (own_home / "library.db").is_file()


def test_a_defect_is_logged_and_told_with_the_path_of_the_log(qapp, qtbot, monkeypatch):
    monkeypatch.setattr("app.gui.shell.crash.faulthandler.disable", lambda: None)
    crashes = Crashes()
    error = ZeroDivisionError("a defect of ours")
    crashes.take(error)
    log = log_folder() / "soundsift.log"
    box = crash_dialog("ZeroDivisionError: a defect of ours", log, None)
    qtbot.addWidget(box)
    assert str(log) in box.text() and "defect of ours" in box.informativeText()
    crashes._told = True  # no dialog of this test is left open
    crashes.close()
    assert crashes.log == log and "ZeroDivisionError: a defect of ours" in log.read_text()


def test_what_ended_the_window_last_time_is_in_the_log(qapp, own_home, monkeypatch):
    monkeypatch.setattr("app.gui.shell.crash.faulthandler.disable", lambda: None)
    (own_home / "log").mkdir()
    (own_home / "log" / "fatal.log").write_text("Fatal Python error: Segmentation fault\n")
    Crashes().close()
    assert (
        "    Fatal Python error: Segmentation fault" in (log_folder() / "soundsift.log").read_text()
    )
    Crashes().close()
    assert (log_folder() / "soundsift.log").read_text().count("Segmentation fault") == 1


@pytest.mark.parametrize("name", sorted(p.stem for p in (assets() / "icons").glob("*.svg")))
def test_every_icon_is_drawn_in_the_colour_that_is_asked_for(qapp, name):
    image = pixmap(name, "#ff0000", 32).toImage()
    colours = [image.pixelColor(x, y) for x in range(32) for y in range(32)]
    drawn = [colour for colour in colours if colour.alpha() > 200]
    assert len(drawn) > 8
    if name != "soundsift":
        assert all(colour.red() > 200 and colour.green() < 50 for colour in drawn)
    assert not icon(name, "#ff0000").isNull()


def luminance(name):
    colour = QColor(name)
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_can_be_read_in_both_palettes(colours):
    """WCAG 2.1 asks for a contrast of 4.5."""
    pairs = [
        (text, ground)
        for text in (colours.text, colours.dim, colours.warning)
        for ground in (colours.window, colours.panel, colours.raised)
    ]
    pairs += [(colours.on_accent, colours.accent), (colours.text, colours.selected)]
    for text, ground in pairs:
        light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def test_the_sheet_uses_the_palette_and_nothing_else(qapp):
    sheet = style_sheet(DARK)
    assert set(re.findall(r"#[0-9a-f]{6}\b", sheet)) <= set(names_of(DARK).values())
    assert "$" not in sheet
    assert colours_of("light") == LIGHT and colours_of("dark") == DARK
    assert colours_of("system") in (LIGHT, DARK)
