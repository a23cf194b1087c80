"""Texts of files edited in the window: where they stand, and many at once; and undone."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.gui.kit.edit_field import EditField
from app.gui.kit.style.palette import DARK
from app.gui.tagging.edits_model import EditColumn, EditsModel, EditsTable, _parts
from engine.metadata.read import read_header, said_in
from engine.tags.editing import Held, Planned

KEY = Qt.Key


@pytest.fixture
def chosen(window, qtbot):
    """Return the window with its first sound chosen, and that sound's path."""
    window.player_controller.auto_play = False
    window.results.setFocus()
    window.results.choose(0)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    return window, Path(window.inspector.details.sound.path)


def said(path: Path) -> dict[str, str]:
    return said_in(read_header(path))


def field(window, name: str) -> EditField:
    return window.inspector.texts.fields[name]


def undo(window):
    window.actions_by_name["undo"].trigger()


def test_f2_edits_the_description_tab_goes_on_and_ctrl_z_undoes(chosen, qtbot):
    window, path = chosen
    before = path.read_bytes()
    qtbot.keyClick(window.results, KEY.Key_F2)
    editor = field(window, "description").editor
    assert editor is not None and QApplication.focusWidget() is editor
    qtbot.keyClicks(editor, "A heavy door")
    qtbot.keyClick(editor, KEY.Key_Tab)
    assert field(window, "keywords").editor is not None
    qtbot.waitUntil(lambda: said(path)["description"] == "A heavy door")
    qtbot.waitUntil(lambda: window.inspector.details.sound.description == "A heavy door")
    typed = field(window, "keywords").editor  # the inspector was filled anew, typing goes on
    assert typed.hasFocus()
    qtbot.keyClicks(typed, "oak, old")
    qtbot.keyClick(typed, KEY.Key_Return)
    qtbot.waitUntil(lambda: said(path)["keywords"] == "oak, old")
    qtbot.waitUntil(lambda: field(window, "keywords").label.text() == "oak, old")
    field(window, "keywords").setFocus()
    qtbot.keyClick(field(window, "keywords"), KEY.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: said(path)["keywords"] == "")
    assert said(path)["description"] == "A heavy door"
    qtbot.waitUntil(lambda: "Undone: texts in one file" in window.status.message.text())
    undo(window)
    qtbot.waitUntil(lambda: path.read_bytes() == before)
    qtbot.waitUntil(lambda: not window.inspector.details.sound.description)


def test_escape_leaves_a_text_as_it_was_and_return_begins_anew(chosen, qtbot):
    window, path = chosen
    before, shown = path.read_bytes(), field(window, "fxname")
    shown.setFocus()
    qtbot.keyClick(shown, KEY.Key_Return)
    qtbot.keyClicks(shown.editor, "nothing")
    qtbot.keyClick(shown.editor, KEY.Key_Escape)
    assert shown.editor is None and shown.label.text() == "add an FXName"
    assert shown.hasFocus() and path.read_bytes() == before
    qtbot.mouseDClick(shown, Qt.MouseButton.LeftButton)
    assert shown.editor is not None and shown.editor.toPlainText() == ""


def test_a_category_is_written_by_its_catid_and_a_wrong_one_is_given_back(chosen, qtbot):
    window, path = chosen
    field(window, "category").begin()
    qtbot.keyClicks(field(window, "category").editor, "nonsense")
    field(window, "category").keep()
    qtbot.waitUntil(lambda: field(window, "category").editor is not None)
    again = field(window, "category")
    assert again.editor.text() == "nonsense" and "no UCS category nonsense" in again.says.text()
    qtbot.wait(300)  # the inspector is filled anew meanwhile
    again = field(window, "category")
    assert window.focusWidget() is again.editor and again.says.text()
    again.editor.setText("doorwood")
    again.keep()
    qtbot.waitUntil(lambda: said(path)["category"] == "DOORWood")
    qtbot.waitUntil(lambda: field(window, "category").label.text() == "DOORWood: Doors, Wood")


def test_a_sound_that_is_away_can_be_read_but_not_edited(chosen, qtbot):
    window, _ = chosen
    library, sound_id = window.context.opened.library, window.inspector.details.sound.id
    library.set_state([sound_id], 2)
    window.player_controller.look_again()
    qtbot.waitUntil(lambda: window.inspector.details.sound.offline)
    window.inspector.begin_edit()
    assert field(window, "description").editor is None


def test_a_file_that_vanishes_while_its_text_is_typed_is_told_and_nothing_typed_is_lost(
    chosen, qtbot
):
    window, path = chosen
    field(window, "description").begin()
    path.unlink()
    field(window, "description").editor.setPlainText("typed long")
    field(window, "description").keep()
    qtbot.waitUntil(lambda: field(window, "description").editor is not None)
    assert field(window, "description").editor.toPlainText() == "typed long"
    assert "it is no longer there" in field(window, "description").says.text()


def test_what_was_given_back_goes_when_its_user_turns_to_something_else(chosen, qtbot):
    window, path = chosen
    before = path.read_bytes()
    field(window, "category").begin()
    qtbot.keyClicks(field(window, "category").editor, "nonsense")
    window.bar.text.setFocus()  # which keeps it
    qtbot.waitUntil(lambda: bool(field(window, "category").says.text()))
    assert window.focusWidget() is window.bar.text  # nobody is torn away from what they type
    window.results.choose(1)
    qtbot.waitUntil(lambda: Path(window.inspector.details.sound.path) != path)
    assert window.inspector.texts.typed_in() is None and path.read_bytes() == before


def test_a_text_that_is_typed_while_another_sound_is_chosen_is_its_own_sounds(chosen, qtbot):
    window, path = chosen
    field(window, "description").begin()
    qtbot.keyClicks(field(window, "description").editor, "mine")
    window.results.choose(1)
    qtbot.waitUntil(lambda: said(path)["description"] == "mine")
    qtbot.waitUntil(lambda: Path(window.inspector.details.sound.path) != path)
    assert said(Path(window.inspector.details.sound.path))["description"] == ""


# Many at once


@pytest.fixture
def dialog(window, qtbot):
    window.results.selectAll()
    window.actions_by_name["edit"].trigger()
    opened = window.commands.dialogs.opened["edit"]
    qtbot.waitUntil(lambda: opened.model.rowCount() == 12)
    return opened


def choose(dialog, qtbot, field, way):
    dialog.ways.choose(field, way)


def write(dialog, qtbot):
    qtbot.waitUntil(lambda: dialog.write.isEnabled())
    dialog.write.click()


def test_many_are_shown_before_they_are_written_and_one_undo_takes_all_back(
    dialog, window, qtbot, sounds
):
    before = {p: p.read_bytes() for p in sounds.rglob("Sound*.wav")}
    dialog.ways.choose("description", "template")
    qtbot.keyClicks(dialog.ways.template, "{folder}: {name}")
    qtbot.waitUntil(lambda: "12 files change." in dialog.says.text())
    assert dialog.model.index(0, EditColumn.THEN).data() == "noises: Sound_00"
    assert not dialog.table.grab().isNull()
    assert {p: p.read_bytes() for p in before} == before
    write(dialog, qtbot)
    qtbot.waitUntil(lambda: "edit" not in window.commands.dialogs.opened)
    assert {said(p)["description"] for p in before} == {
        f"{p.parent.name}: {p.stem}" for p in before
    }
    window.bar.set_text('"noises sound"')
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 6)
    undo(window)
    qtbot.waitUntil(lambda: {p: p.read_bytes() for p in before} == before)
    qtbot.waitUntil(lambda: "Undone: texts in 12 files" in window.status.message.text())
    window.actions_by_name["redo"].trigger()
    qtbot.waitUntil(lambda: "Done again: texts in 12 files" in window.status.message.text())
    assert {said(p)["description"] for p in before} == {
        f"{p.parent.name}: {p.stem}" for p in before
    }


def test_counts_say_what_changes_what_stays_and_what_cannot(dialog, window, qtbot, sounds):
    first, second, *_ = sorted(sounds.rglob("Sound*.wav"))
    os.link(first, sounds.parent / "other")
    second.unlink()
    window.results.selectAll()
    window.actions_by_name["edit"].trigger()
    dialog.ways.choose("keywords", "words")
    qtbot.keyClicks(dialog.ways.add, "oak")
    qtbot.waitUntil(lambda: "10 files change, 2 cannot be written." in dialog.says.text())
    shown = {dialog.model.index(n, EditColumn.THEN).data() for n in range(12)}
    assert shown == {
        "oak",
        "it is no longer there",
        "it has 2 hard links, which writing would separate",
    }
    third = sorted(sounds.rglob("Sound*.wav"))[1]
    third.unlink()  # between the preview and the writing
    write(dialog, qtbot)
    qtbot.waitUntil(lambda: "9 files written. 3 were left" in dialog.says.text())
    told = {dialog.model.index(n, EditColumn.THEN).data() for n in range(dialog.model.rowCount())}
    assert f"{third.name} is no longer there: nothing was written" in told
    assert dialog.isVisible() and not dialog.write.isEnabled()


def test_what_makes_no_sense_is_said_and_cannot_be_written(dialog, qtbot):
    dialog.ways.choose("fxname", "template")
    qtbot.keyClicks(dialog.ways.template, "{artist}")
    qtbot.waitUntil(lambda: "is not understood: use {name}" in dialog.says.text())
    assert not dialog.write.isEnabled()
    dialog.ways.choose("fxname", "replace")
    assert not dialog.write.isEnabled()
    dialog.ways.choose("category", "set")
    qtbot.keyClicks(dialog.ways.text, "nonsense")
    qtbot.waitUntil(lambda: "no UCS category nonsense" in dialog.says.text())
    dialog.ways.text.setText("DOORWood")
    dialog.ways.changed.emit()
    qtbot.waitUntil(lambda: "12 files change." in dialog.says.text())
    dialog.changing.setChecked(True)
    assert dialog.model.rowCount() == 12


def test_one_chosen_row_is_edited_in_the_inspector_and_several_in_the_dialog(window, qtbot):
    window.results.selectAll()
    window.actions_by_name["edit_here"].trigger()
    assert window.commands.dialogs.opened["edit"].isVisible()


def test_five_thousand_rows_are_shown_without_being_made(qtbot):
    texts = {"description": "a door of wood", "keywords": "", "category": "", "fxname": ""}
    rows = [
        Planned(Held(n, f"/s/{n}.wav", texts), {"description": f"a gate {n}"}) for n in range(5_000)
    ]
    model, asked = EditsModel(), []
    real = model.data
    model.data = lambda *given: asked.append(1) or real(*given)
    table = EditsTable(model, SimpleNamespace(colours=DARK))
    qtbot.addWidget(table)
    table.resize(800, 400)
    table.show()
    model.show_rows(rows, "description")
    assert not table.grab().isNull()
    assert model.rowCount() == 5_000 and 0 < len(asked) < 2_000


def test_what_changes_is_found_between_what_is_alike():
    assert _parts("a heavy door", "a light door") == (
        ("a ", "heavy", " door"),
        ("a ", "light", " door"),
    )
    assert _parts("", "new") == (("", "", ""), ("", "new", ""))
    assert _parts("aa", "aaa") == (("aa", "", ""), ("aa", "a", ""))
    old, new = _parts("x" * 100 + "a", "x" * 100 + "b")
    assert old[0] == "x" * 100 == new[0] and (old[1], new[1]) == ("a", "b")
