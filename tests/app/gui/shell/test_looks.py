"""The window looks as it was approved: pictures made small, compared with a tolerance.

``SOUNDSIFT_LOOKS=write`` approves what it looks like now; look at the pictures first
(``tools/screens.py`` makes them large).
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontInfo, QImage
from PySide6.QtWidgets import QApplication

from app.gui.kit.style.apply import apply_theme
from app.gui.tagging.tags_model import ShownTag
from engine.models.spec import read_spec
from engine.search.library_map.kept import LibraryMap, put_map
from engine.store.tags import TagRow

APPROVED = Path(__file__).parent.parent / "looks"
SIZE = (1024, 640)
EACH = 8  # pixels of the window for one of the picture
MEAN, SHARE, FAR = 2.0, 0.03, 24.0  # of 255: on average, and how many may be how far off
FONT = "DejaVu Sans"


def small(widget) -> np.ndarray:
    """Return a picture of a widget, (height, width, 3), one pixel for a square of many."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    image = image.scaled(
        image.width() // EACH,
        image.height() // EACH,
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    return pixels(image)


def pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(float)


def differ(shown: np.ndarray, approved: np.ndarray) -> bool:
    """Return whether two pictures differ more than fonts and small numbers explain."""
    if shown.shape != approved.shape:
        return True
    off = np.abs(shown - approved).max(axis=2)
    return bool(off.mean() > MEAN or (off > FAR).mean() > SHARE)


def differs(name: str, widget) -> bool:
    """Return whether a widget looks otherwise than approved; approve it if that is asked for."""
    place = APPROVED / f"{name}.png"
    shown = small(widget)
    if os.environ.get("SOUNDSIFT_LOOKS") == "write":
        rows = np.ascontiguousarray(shown.astype(np.uint8))
        height, width, _ = rows.shape
        QImage(rows.data, width, height, 3 * width, QImage.Format.Format_RGB888).save(str(place))
        return False
    return differ(shown, pixels(QImage(str(place))))


@pytest.fixture
def dressed(window, qtbot):
    """Return a function that puts the window into a theme, at one size, with a row chosen."""
    if sys.platform != "linux" or QFontInfo(QApplication.font()).family() != FONT:
        pytest.skip(f"the approved pictures were made on Linux with {FONT}")
    window.resize(*SIZE)

    def dress(theme: str):
        window.set_colours(apply_theme(None, theme))
        window.player_controller.auto_play = False
        window.results.setFocus()
        window.results.choose(0)
        qtbot.waitUntil(lambda: window.inspector.details is not None)
        qtbot.waitUntil(lambda: not window.jobs.shown())
        window.status.say("")
        qtbot.wait(200)  # thumbnails
        return window

    return dress


def of_this_computer(dialog) -> None:
    """Show other devices and folders than this computer has."""
    dialog._show((["Speakers"], ["Microphone"], 12.0))
    dialog.ranges.setText("/Users/ann/Music/Soundsift")


def some_tags(dialog) -> None:
    """Show tags that no model said."""
    sounds = dialog._context.opened.library.sounds(range(1, 9)).values()
    states = ("suggested", "accepted", "rejected", "edited")
    dialog.model.show_rows(
        [
            ShownTag(sound, TagRow(sound.id, "DOORWood", states[n % 4], "model", 1 - n / 8))
            for n, sound in enumerate(sounds)
        ]
    )
    dialog.table.choose_first()
    dialog.says.setText("8 sounds; 2 of them have suggestions waiting for you.")


def a_copy(dialog) -> None:
    """Show two files that are the same."""
    facts = ("4.00", "48 k", "24", "stereo", "wav", "1.1 MiB", "", "~/Sounds")
    dialog.table.fill([("1", "same file", f"door{n}.wav", *facts) for n in range(2)])
    dialog.table.selectRow(0)


def at_its_end(dialog) -> None:
    """Show what a training came to."""
    before = {"r1": 0.48, "r10": 0.82, "map10": 0.58, "agreement": 1.0}
    after = {"r1": 0.61, "r10": 0.9, "map10": 0.7, "agreement": 0.94}
    counts = {"held_out": 212, "names": 100, "kept": "", "model": "/models/personal"}
    dialog.show_end({"before": before, "after": after, **counts}, "")
    dialog.details.click()


def a_skipped_file(dialog) -> None:
    """Show a file that was skipped."""
    dialog.table.fill([("/Users/ann/Sounds/notes.wav", "it is no sound file")])
    dialog.table.setCurrentCell(-1, -1)  # a row has a frame only if it came before the focus


def keep_a_map(window) -> None:
    """Put the sounds on a circle, so that no map has to be computed."""
    library = window.context.opened.library
    ids = np.array(sorted(library.sounds(range(1, 20))))
    angle = 2 * np.pi * ids / len(ids)
    places = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    model = read_spec(window.context.opened.model_folder).id
    put_map(library, LibraryMap(ids, places, np.zeros((len(ids), 1), np.float32), (), model))


DIALOGS = {  # and what is put into each, so that it looks the same on every computer
    "preferences": of_this_computer,
    "shortcuts": None,
    "sessions": None,
    "models": None,
    "transfer": None,
    "review": some_tags,
    "duplicates": a_copy,
    "train": at_its_end,
    "skipped": a_skipped_file,
    "map": None,
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_window_looks_as_approved(dressed, theme):
    window = dressed(theme)
    otherwise = [name for name in ("list",) if differs(f"{name}-{theme}", window)]
    window.stack.setCurrentWidget(window.welcome)
    QApplication.processEvents()
    otherwise += [name for name in ("welcome",) if differs(f"{name}-{theme}", window)]
    assert not otherwise


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_dialogs_look_as_approved(dressed, qtbot, theme):
    window = dressed(theme)
    keep_a_map(window)
    otherwise = []
    for name, fill in DIALOGS.items():
        dialog = window.commands.dialogs.open(name)
        if name == "preferences":
            qtbot.waitUntil(lambda shown=dialog: shown.output.count() > 0)
        if name == "map":
            qtbot.waitUntil(lambda shown=dialog: len(shown.canvas.cloud.ids) == 12)
            qtbot.waitUntil(lambda shown=dialog: shown.canvas.frames.is_there)
        qtbot.waitUntil(lambda: not window.jobs.shown())
        qtbot.wait(50)
        if fill is not None:
            fill(dialog)
            QApplication.processEvents()
        if differs(f"{name}-{theme}", dialog):
            otherwise.append(name)
        dialog.close()
    assert not otherwise


def test_what_is_missing_or_has_another_colour_is_noticed(dressed):
    window = dressed("dark")
    before = small(window)
    assert not differ(small(window), before)
    window.inspector.hide()
    QApplication.processEvents()
    assert differ(small(window), before)
    window.inspector.show()
    QApplication.processEvents()
    window.set_colours(apply_theme(None, "light"))
    assert differ(small(window), before)
