"""Labels that fit where they are."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout

from app.gui.kit.labels import BreakingLabel, ElidedButton, ElidedLabel, NarrowBody

LONG = "Extremely_Long_Name_Of_A_Sound_That_No_Panel_Was_Made_For_000123.wav"


@pytest.mark.parametrize("kind", [ElidedLabel, ElidedButton])
def test_a_long_text_takes_the_room_that_there_is(qtbot, kind):
    shown = kind(LONG)
    qtbot.addWidget(shown)
    assert shown.minimumSizeHint().width() < 60 < shown.sizeHint().width()
    shown.resize(100, 24)
    shown.show()
    shown.grab()
    assert shown.accessibleName() == LONG or shown.text() == LONG


def test_what_is_cut_is_told_by_the_tip_and_only_then(qtbot):
    label = ElidedLabel(LONG)
    qtbot.addWidget(label)
    label.resize(100, 20)
    label.grab()
    assert label.toolTip() == LONG
    label.resize(label.sizeHint())
    label.grab()
    assert label.toolTip() == ""


def test_a_long_word_is_broken_and_copied_as_it_was(qtbot):
    label = BreakingLabel(LONG)
    label.make_selectable()
    qtbot.addWidget(label)
    label.resize(120, 200)
    label.show()
    assert label.minimumSizeHint().width() <= 120 and label.text() == LONG
    label.setSelection(0, len(QLabel.text(label)))
    qtbot.keyClick(label, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == LONG


def test_a_body_is_never_wider_than_what_it_scrolls_in(qtbot):
    area, body = QScrollArea(), NarrowBody()
    qtbot.addWidget(area)
    column = QVBoxLayout(body)
    for text in (LONG, LONG * 3, "x" * 300):
        column.addWidget(BreakingLabel(text))
        column.addWidget(ElidedButton(text))
    area.setWidgetResizable(True)
    area.setWidget(body)
    area.resize(200, 300)
    area.show()
    assert body.width() == area.viewport().width()
    assert all(w.geometry().right() <= body.width() for w in body.children() if w.isWidgetType())


def test_a_button_with_room_shows_all_of_its_text(qtbot, monkeypatch):
    from PySide6.QtGui import QFontMetrics

    cut = []
    elided = QFontMetrics.elidedText

    def note(self, *given):
        cut.append(given[0])
        return elided(self, *given)

    monkeypatch.setattr(QFontMetrics, "elidedText", note)
    button = ElidedButton("drum.wav")
    qtbot.addWidget(button)
    button.resize(button.sizeHint())
    button.grab()
    assert not cut
    button.resize(button.sizeHint().width() - 12, 24)
    button.grab()
    assert cut == ["drum.wav"]
