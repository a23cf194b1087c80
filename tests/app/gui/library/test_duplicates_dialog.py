"""The dialog of duplicates, on the real window: heard, compared, shown, moved to the trash."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from PySide6.QtCore import QFile, Qt
from PySide6.QtWidgets import QMessageBox

from engine.index.build import index_folders
from engine.progress import Control
from engine.search.duplicates import Group, best_of
from engine.store.tables import MISSING, PRESENT

_KIND, _NAME = 1, 2


@pytest.fixture
def dialog(window, sounds, model_folder, qtbot):
    """Return the dialog of a library with equal files and a copy of one recording."""
    (sounds / "twin.wav").write_bytes((sounds / "tones" / "Sound_05.wav").read_bytes())
    samples, rate_hz = soundfile.read(sounds / "noises" / "Sound_02.wav")
    soundfile.write(sounds / "softer.flac", -0.4 * samples, rate_hz, "PCM_24")
    index_folders(window.context.opened.library, model_folder, [sounds], Control())
    window.library_controller.refresh()
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.embedded == 14)
    window.actions_by_name["duplicates"].trigger()
    dialog = window.commands.dialogs.opened["duplicates"]
    qtbot.waitUntil(lambda: dialog.table.rowCount() > 0)
    return dialog


def names(dialog, kind=None):
    return [
        dialog.table.item(row, _NAME).text()
        for row in range(dialog.table.rowCount())
        if kind in (None, dialog.table.item(row, _KIND).text())
    ]


def row_of(dialog, name):
    return names(dialog).index(name)


def choose(dialog, *chosen):
    dialog.table.clearSelection()
    model = dialog.table.selectionModel()
    flags = model.SelectionFlag.Select | model.SelectionFlag.Rows
    for name in chosen:
        model.setCurrentIndex(dialog.table.model().index(row_of(dialog, name), 0), flags)


@pytest.fixture
def trash(monkeypatch, tmp_path):
    """Return where files go that are moved to the trash."""
    folder = tmp_path / "trash"
    folder.mkdir()

    def move(name):
        path = Path(name)
        path.rename(folder / path.name)
        return True, str(folder / path.name)

    monkeypatch.setattr(QFile, "moveToTrash", move)
    return folder


@pytest.fixture
def answers(monkeypatch):
    """Return the questions asked; what stands in ``answers.yes`` is how they are answered."""
    asked = SearchRequest()

    def answer(box):
        asked.texts.append(box.text())
        assert box.defaultButton() is box.button(QMessageBox.StandardButton.Cancel)
        roles = {box.buttonRole(button): button for button in box.buttons()}
        role = QMessageBox.ButtonRole
        roles[role.AcceptRole if asked.yes else role.RejectRole].click()

    monkeypatch.setattr(QMessageBox, "exec", answer)
    return asked


class SearchRequest:
    def __init__(self):
        self.texts: list[str] = []
        self.yes = True


def ended(dialog, qtbot):
    qtbot.waitUntil(lambda: "trash" in dialog.says.text() or "left" in dialog.says.text())


def test_what_is_the_same_and_what_only_sounds_alike_stand_apart(dialog):
    assert names(dialog, "same file") == ["Sound_05.wav", "twin.wav"]
    assert names(dialog, "same sound") == ["Sound_02.wav", "softer.flac"]
    assert names(dialog, "sounds alike") == []
    dialog.alike.setChecked(True)  # a model of random weights hears much alike
    alike = names(dialog, "sounds alike")
    assert alike and names(dialog)[-len(alike) :] == alike
    dialog.alike.setChecked(False)
    assert len(names(dialog)) == 4


def test_columns_say_which_copy_is_the_better_one(dialog, sounds):
    row = row_of(dialog, "softer.flac")
    texts = [dialog.table.item(row, column).text() for column in range(3, 11)]
    assert texts[:5] == ["0.56", "32 k", "24", "mono", "flac"]
    assert texts[5].startswith(f"{(sounds / 'softer.flac').stat().st_size / 1024:.1f}")
    assert texts[6] == "" and texts[7].endswith("sounds")


def test_space_plays_b_compares_and_return_reveals(dialog, window, qtbot, sounds, monkeypatch):
    shown = []
    monkeypatch.setattr("app.gui.library.duplicates.reveal", shown.append)
    choose(dialog, "Sound_02.wav")
    dialog.table.setFocus()
    qtbot.waitUntil(dialog.table.hasFocus)
    qtbot.keyClick(dialog.table, Qt.Key.Key_Space)
    assert window.player.playing and window.player.loaded.name == "Sound_02.wav"
    qtbot.keyClick(dialog.table, Qt.Key.Key_Space)
    assert not window.player.playing
    window.player.seek(0.25)
    qtbot.keyClick(dialog.table, Qt.Key.Key_B)
    assert window.player.playing and window.player.loaded.name == "softer.flac"
    assert window.player.order.start_s == pytest.approx(0.25)
    assert dialog.table.currentRow() == row_of(dialog, "softer.flac")
    qtbot.keyClick(dialog.table, Qt.Key.Key_B)
    assert window.player.loaded.name == "Sound_02.wav"
    qtbot.keyClick(dialog.table, Qt.Key.Key_Return)
    assert shown == [sounds / "noises" / "Sound_02.wav"]
    assert dialog.isVisible()


def test_all_but_the_best_are_chosen_and_never_what_is_alike(dialog):
    dialog.alike.setChecked(True)
    dialog._actions["best"].click()
    chosen = sorted({names(dialog)[i.row()] for i in dialog.table.selectedIndexes()})
    assert chosen == ["Sound_02.wav", "twin.wav"]  # 16 bits against 24; the second of equal ones
    kinds = {row.group.kind for row in dialog._chosen}
    assert kinds == {"same file", "same sound"}


def test_nothing_is_moved_before_the_question_is_answered(dialog, trash, answers, sounds):
    answers.yes = False
    choose(dialog, "twin.wav")
    dialog._actions["trash"].click()
    assert len(answers.texts) == 1 and (sounds / "twin.wav").exists()
    assert not list(trash.iterdir()) and len(names(dialog)) == 4


def test_chosen_files_go_to_the_trash_and_are_missing(
    dialog, window, trash, answers, sounds, qtbot
):
    choose(dialog, "twin.wav", "Sound_02.wav")
    dialog.hear()  # the file that plays is let go
    qtbot.keyClick(dialog.table, Qt.Key.Key_Delete)
    assert answers.texts == ["Move 2 files to the trash?"]
    ended(dialog, qtbot)
    assert dialog.says.text() == "2 files are in the trash."
    assert sorted(p.name for p in trash.iterdir()) == ["Sound_02.wav", "twin.wav"]
    assert names(dialog) == [] and window.player.loaded is None
    library = window.context.opened.library
    states = {Path(p).name: known.state for p, known in library.known([str(sounds)]).items()}
    assert states["twin.wav"] == states["Sound_02.wav"] == MISSING
    assert states["Sound_05.wav"] == states["softer.flac"] == PRESENT
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.sounds == 12)


def test_the_last_copy_asks_a_clearer_question(dialog, trash, answers, qtbot):
    answers.yes = False
    choose(dialog, "twin.wav", "Sound_05.wav", "softer.flac")
    dialog.trash()
    assert "Every copy of one sound is selected: none will be left." in answers.texts[0]
    answers.yes = True
    dialog.trash()
    ended(dialog, qtbot)
    assert len(list(trash.iterdir())) == 3


def test_what_only_sounds_alike_is_said_to_be_no_copy(dialog, trash, answers):
    answers.yes = False
    dialog.alike.setChecked(True)
    same = set(names(dialog, "same file") + names(dialog, "same sound"))
    name = next(n for n in names(dialog, "sounds alike") if n not in same)
    choose(dialog, name)
    dialog.trash()
    assert "One of the files is not a copy: it merely sounds like others." in answers.texts[0]


@pytest.mark.parametrize("gives", [False, (False, "")])  # versions of PySide6 differ
def test_without_a_trash_nothing_is_deleted(
    dialog, window, answers, sounds, qtbot, monkeypatch, gives
):
    asked = []
    monkeypatch.setattr(QFile, "moveToTrash", lambda name: (asked.append(name), gives)[1])
    choose(dialog, "twin.wav")
    dialog.trash()
    ended(dialog, qtbot)
    assert (sounds / "twin.wav").exists() and len(names(dialog)) == 4
    assert asked == [str(sounds / "twin.wav")]
    assert "was not moved: there is no trash" in dialog.says.text()
    known = window.context.opened.library.known([str(sounds / "twin.wav")])
    assert [sound.state for sound in known.values()] == [PRESENT]


def test_a_file_that_has_changed_since_stays(dialog, trash, answers, sounds, qtbot):
    (sounds / "twin.wav").write_bytes((sounds / "tones" / "Sound_07.wav").read_bytes())
    choose(dialog, "twin.wav")
    dialog.trash()
    ended(dialog, qtbot)
    assert not list(trash.iterdir()) and "has changed since" in dialog.says.text()


def test_a_file_whose_copy_is_gone_stays(dialog, trash, answers, sounds, qtbot):
    (sounds / "tones" / "Sound_05.wav").unlink()
    choose(dialog, "twin.wav")
    dialog.trash()
    ended(dialog, qtbot)
    assert not list(trash.iterdir()) and "its copies no longer exist" in dialog.says.text()


def test_what_was_moved_before_a_stop_is_missing(window, sounds, trash):
    from app.gui.library.trash import Trashed, Unwanted, move_to_trash
    from engine.progress import Control

    library = window.context.opened.library
    rows = sorted(library.sounds().values(), key=lambda sound: sound.path)[:3]
    stats = [Path(sound.path).stat() for sound in rows]
    files = [
        Unwanted(sound, stat.st_size, stat.st_mtime_ns)
        for sound, stat in zip(rows, stats, strict=True)
    ]
    trashed = Trashed()
    control = Control(cancel=lambda: len(trashed.sounds) == 2)
    with ThreadPoolExecutor(1, "write") as lane:  # where the window does it
        lane.submit(move_to_trash, library, files, trashed, control).result()
    assert trashed.sounds == rows[:2] and len(list(trash.iterdir())) == 2
    after = library.sounds([sound.id for sound in rows])
    assert [after[sound.id].missing for sound in rows] == [True, True, False]


@pytest.mark.skipif(sys.platform != "linux", reason="the trash is the desktop's")
def test_a_file_goes_to_the_trash_of_the_system(
    dialog, answers, sounds, qtbot, monkeypatch, tmp_path
):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    choose(dialog, "twin.wav")
    dialog.trash()
    ended(dialog, qtbot)
    assert not (sounds / "twin.wav").exists()
    assert (tmp_path / "data" / "Trash" / "files" / "twin.wav").is_file()
    assert dialog.says.text() == "One file is in the trash."


def test_a_damaged_copy_is_never_the_best_and_its_keeping_is_told(dialog, trash, answers):
    answers.yes = False
    group = next(g for g in dialog._groups if "twin.wav" in {Path(x.path).name for x in g.sounds})
    first, *others = group.sounds
    for better in (first, others[0]):
        hurt = tuple(
            replace(x, damage=None if x is better else "damaged: 1.0 of about 9.0 s could be read")
            for x in group.sounds
        )
        assert best_of(Group(hurt, group.kind)).id == better.id
        dialog._groups = [Group(hurt, group.kind)]
        dialog._fill()
        choose(dialog, Path(better.path).name)
        dialog.trash()
        assert "Only a damaged copy of one sound will be left." in answers.texts[-1]
        column = [dialog.table.item(row, 9).text() for row in range(dialog.table.rowCount())]
        assert sorted(set(column)) == ["", "1.0 of about 9.0 s could be read"]
