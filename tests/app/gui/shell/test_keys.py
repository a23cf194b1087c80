"""Keys: while one types, changed by their user, after other programs."""

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QWidget

from app.gui.kit.keys import ACCEPT_TAG, DIALOG_KEYS, portable
from app.gui.shell.actions import ACTIONS
from app.gui.shell.keys import (
    DEFAULTS,
    PRESETS,
    KeysWhileTyping,
    apply_keys,
    chosen_keys,
    owners,
    preset,
    to_keep,
    with_key,
)

CONTROL = Qt.KeyboardModifier.ControlModifier


def clash(keys):
    """Return the keys that several actions have where they work."""
    dialogs = {known.name for known in DIALOG_KEYS}
    listed = [(name in dialogs, key) for name, own in keys.items() for key in own]
    return {key for key in listed if listed.count(key) > 1}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_gives_every_key_to_one_action(name):
    keys = preset(name)
    assert set(keys) == set(DEFAULTS) and not clash(keys)
    assert all(key == portable(key) for own in keys.values() for key in own)


def test_the_own_preset_changes_nothing_and_keeps_nothing():
    assert preset("Soundsift") == dict(DEFAULTS) and to_keep(DEFAULTS) == ()


@pytest.mark.parametrize("name", PRESETS)
def test_keys_come_back_from_the_settings(name):
    keys = preset(name)
    assert chosen_keys(to_keep(keys)) == keys
    none = {**keys, "play": ()}
    assert chosen_keys(to_keep(none))["play"] == ()


def test_a_setting_that_makes_no_sense_is_left_out():
    kept = ("no such action\tCtrl+P", "play\tno such key\tCtrl+P", "loop")
    keys = chosen_keys(kept)
    assert keys["play"] == ("Ctrl+P",) and keys["loop"] == ()
    assert set(keys) == set(DEFAULTS)


def test_a_key_that_is_taken_is_nobody_elses():
    keys = with_key(DEFAULTS, "play", "L")
    assert keys["play"][0] == "L" and not owners(keys, "L", "play") and keys["loop"] == ()
    assert DEFAULTS["loop"] == ("L",)


def test_a_key_of_a_dialog_is_taken_from_no_action_of_the_window():
    keys = with_key(DEFAULTS, ACCEPT_TAG.name, "L")
    assert keys[ACCEPT_TAG.name] == ("L", "Return") and keys["loop"] == ("L",)
    assert owners(DEFAULTS, "A", "loop") == ["auto_play"]
    assert owners(DEFAULTS, "X", ACCEPT_TAG.name) == ["review_reject"]
    assert with_key(keys, ACCEPT_TAG.name, "X")["review_reject"] == ("Del",)


def typeable(key):
    return len(key) == 1


def test_no_key_of_the_window_is_dead_while_one_types(window, qtbot):
    done = []
    for name, action in window.actions_by_name.items():  # all: none of them does anything
        action.triggered.disconnect()
        action.triggered.connect(lambda *_, name=name: done.append(name))
    for spec in ACTIONS:
        if spec.scope == "window" and spec.keys and spec.name != "quit":
            assert_key_works(window, qtbot, spec.name, done)


def assert_key_works(window, qtbot, name, done):
    action = window.actions_by_name[name]
    for line in (window.bar.text, window.inspector.tag_line):
        for key in action.shortcuts():
            if typeable(key.toString()) and key.toString() != "?":
                continue
            line.setFocus()
            qtbot.waitUntil(line.hasFocus)
            done.clear()
            pressed = key[0]
            if pressed.key() == Qt.Key.Key_Question:
                continue  # is typed
            qtbot.keyClick(line, pressed.key(), pressed.keyboardModifiers())
            assert done == [name], key.toString()


def test_what_edits_text_still_does(window, qtbot):
    line = window.bar.text
    line.setFocus()
    qtbot.keyClicks(line, "door")
    qtbot.keyClick(line, Qt.Key.Key_A, CONTROL)
    assert line.selectedText() == "door"
    qtbot.keyClick(line, Qt.Key.Key_X, CONTROL)
    assert line.text() == ""
    qtbot.keyClick(line, Qt.Key.Key_V, CONTROL)
    qtbot.keyClick(line, Qt.Key.Key_Z, CONTROL)
    assert line.text() == ""
    qtbot.keyClicks(line, "a lr0[]? d")
    assert line.text() == "a lr0[]? d"


@pytest.fixture
def page(window, qtbot):
    window.actions_by_name["preferences"].trigger()
    dialog = window.commands.dialogs.opened["preferences"]
    dialog.pages.setCurrentWidget(dialog.keys)
    return dialog.keys


def test_a_new_key_holds_at_once_in_menus_tips_and_the_cheat_sheet(window, page, qtbot, settings):
    page.look_for("loop")
    qtbot.keyClick(page.field, Qt.Key.Key_J, CONTROL)
    action = window.actions_by_name["loop"]
    assert action.shortcut() == QKeySequence("Ctrl+J") and action.toolTip() == "Loop (Ctrl+J)"
    buttons = [b for b in window.panel.findChildren(type(window.bar.recent)) if b.isCheckable()]
    assert any(b.toolTip() == "Loop (Ctrl+J)" for b in buttons)
    assert chosen_keys(settings.now.keys)["loop"] == ("Ctrl+J",)
    window.actions_by_name["shortcuts"].trigger()
    sheet = window.commands.dialogs.opened["shortcuts"]
    assert "Ctrl+J" in [label.text() for label in sheet.findChildren(QLabel)]
    page.reset.click()
    assert action.shortcut() == QKeySequence("L") and settings.now.keys == ()


def test_a_new_key_does_what_the_old_one_did(window, qtbot):
    apply_keys(window.actions_by_name, with_key(DEFAULTS, "loop", "Ctrl+J"))
    window.results.setFocus()
    qtbot.keyClick(window.results, Qt.Key.Key_J, CONTROL)
    assert window.player.order.loop


def test_a_key_that_is_somebodys_is_taken_only_when_that_is_wanted(window, page, qtbot):
    page.look_for("loop")
    qtbot.keyClick(page.field, Qt.Key.Key_T, CONTROL)
    assert "Suggest tags" in page.says.text() and page.take.isVisible()
    assert window.actions_by_name["loop"].shortcut() == QKeySequence("L")
    page.take.click()
    assert window.actions_by_name["loop"].shortcut() == QKeySequence("Ctrl+T")
    assert not window.actions_by_name["review"].shortcuts()
    assert not page.says.text() and not page.take.isVisible()
    page.reset_all.click()
    assert window.actions_by_name["review"].shortcut() == QKeySequence("Ctrl+T")


def test_actions_are_found_by_their_titles_and_keys(page):
    page.search.setText("spectro")
    assert page._names == ["spectrogram"]
    page.search.setText("ctrl+t")
    assert page._names == ["review"]
    page.search.clear()
    assert len(page._names) == len(ACTIONS) + len(DIALOG_KEYS)


def test_keys_after_another_program_are_chosen_and_told(window, page):
    page.presets.setCurrentText("REAPER Media Explorer")
    page.presets.activated.emit(page.presets.currentIndex())
    assert window.actions_by_name["loop"].shortcut() == QKeySequence("R")
    assert page.presets.currentText() == "REAPER Media Explorer"
    page.look_for("loop")
    page.none.click()
    assert not window.actions_by_name["loop"].shortcuts()
    assert page.presets.currentData() == ""


def test_keys_that_move_are_not_given_away(window, page, qtbot):
    page.look_for("loop")
    qtbot.keyClick(page.field, Qt.Key.Key_Down)
    assert "moves through lists" in page.says.text()
    qtbot.keyClick(page.field, Qt.Key.Key_Escape)
    assert page.isVisible() and not page.says.text()
    assert window.actions_by_name["loop"].shortcut() == QKeySequence("L")


def test_the_keys_of_the_last_session_hold_again(open_window, library_path, settings):
    from dataclasses import replace

    settings.keep(replace(settings.now, keys=to_keep(with_key(DEFAULTS, "loop", "Ctrl+J"))))
    window = open_window(library_path)
    assert window.actions_by_name["loop"].toolTip() == "Loop (Ctrl+J)"


class Greedy(QLineEdit):
    """A text field that wants every key, as those of some systems want Ctrl+U and Ctrl+E."""

    def event(self, event):
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("Ctrl+U", False),
        ("Ctrl+E", False),
        ("Ctrl+C", True),
        ("Ctrl+Z", True),
        ("Ctrl+B", True),  # which is nobody's
        ("A", True),
        ("?", True),
    ],
)
def test_a_field_keeps_what_edits_text_and_letters_only(qtbot, window, key, kept):
    around = QWidget()
    qtbot.addWidget(around)
    line = Greedy(around)
    KeysWhileTyping(window.actions_by_name, around).watch(around)
    pressed = QKeySequence(key)[0]
    event = QKeyEvent(QEvent.Type.ShortcutOverride, pressed.key(), pressed.keyboardModifiers(), "")
    event.ignore()
    QApplication.sendEvent(line, event)
    assert event.isAccepted() == kept
