"""What tests of the window rely on of one another."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget


@pytest.mark.parametrize("turn", ["first", "second"])
def test_keys_that_a_test_pressed_are_not_held_in_the_next(qtbot, turn):
    assert not QApplication.keyboardModifiers()
    widget = QWidget()
    qtbot.addWidget(widget)
    qtbot.keyClick(widget, Qt.Key.Key_L, Qt.KeyboardModifier.ShiftModifier)
    assert QApplication.keyboardModifiers()  # so that there is something to release
