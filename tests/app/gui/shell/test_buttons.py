"""The dialogs as a whole: one way to agree, and nothing that stretches."""

from PySide6.QtWidgets import QApplication, QDialogButtonBox, QPushButton

from app.gui.shell.dialogs import DIALOGS


def test_no_dialog_has_two_default_buttons_or_one_that_stretches(window, qtbot):
    wrong = []
    window.resize(1024, 640)
    for name in DIALOGS:
        dialog = window.commands.dialogs.open(name)
        qtbot.waitUntil(lambda: not window.jobs.shown())
        QApplication.processEvents()
        buttons = [
            button
            for button in dialog.findChildren(QPushButton)
            if not isinstance(button.parent(), QDialogButtonBox)
        ]
        if sum(button.isDefault() or button.autoDefault() for button in buttons) > 1:
            wrong.append(f"{name}: several answer Return")
        wrong += [
            f"{name}: {button.text()} is not as wide as its words"
            for button in buttons
            if button.isVisible() and button.width() != button.sizeHint().width()
        ]
        if dialog.width() > window.width() or dialog.height() > window.height():
            wrong.append(f"{name}: larger than the window")
        dialog.close()
    assert not wrong
