"""Every dialog, on the real window."""

import csv
import json
import shutil
import sys

import pytest
from PySide6.QtCore import QProcess, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel

from app.gui.shell.actions import ACTIONS
from app.gui.shell.dialogs import DIALOGS
from engine.log import log_file, logger, named, start_log, stop_log
from engine.paths import peaks_folder
from engine.session import model_of
from tests.engine.models.forging import change_weights


def opened(window, name):
    window.actions_by_name[name].trigger()
    return window.commands.dialogs.opened[name]


def test_every_action_does_something_and_every_dialog_has_one(window):
    names = [spec.name for spec in ACTIONS]
    assert len(set(names)) == len(names)
    assert set(window.commands.table()) == set(names)
    assert set(DIALOGS) <= set(names)


def test_no_two_names_open_the_same_dialog(window):
    kinds = [type(opened(window, name)) for name in DIALOGS]
    assert len(set(kinds)) == len(DIALOGS)


def test_dialogs_open_once_and_close_with_escape(window, qtbot):
    for name in DIALOGS:
        dialog = opened(window, name)
        assert dialog.isVisible() and dialog.windowTitle(), name
        assert opened(window, name) is dialog, name
        qtbot.waitUntil(dialog.isActiveWindow)
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: not window.commands.dialogs.opened)


def test_a_tables_wide_column_takes_the_room_that_is_left(qtbot):
    from app.gui.kit.tables import TextTable

    table = TextTable(("Figure", "before", "after"), wide=0)
    qtbot.addWidget(table)
    table.resize(600, 200)
    table.show()
    table.fill([("held-out sounds", "0.5", "0.6")] * 3)
    widths = [table.columnWidth(column) for column in range(3)]
    assert sum(widths) == table.viewport().width() and widths[0] > 300


def test_a_long_text_leaves_room_for_the_wide_column(qtbot):
    from app.gui.kit.tables import TextTable

    table = TextTable(("Current name", "New name"), wide=1)
    qtbot.addWidget(table)
    table.resize(600, 200)
    table.show()
    table.fill([("a very long name " * 30, "short")])
    assert table.columnWidth(0) <= 300 and table.columnWidth(1) >= 250


def test_skipped_files_are_listed_with_their_reason(window, qtbot):
    dialog = opened(window, "skipped")
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 1)
    assert dialog.table.item(0, 0).text().endswith("broken.wav")
    assert "not a sound file" in dialog.table.item(0, 1).text()


def test_damaged_files_are_listed_behind_the_skipped_ones(window, qtbot, sounds):
    path = next(iter(sorted(sounds.rglob("Sound_00.wav"))))
    path.write_bytes(path.read_bytes()[:-20_000])
    window.indexing.index([])
    dialog = opened(window, "skipped")
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2)
    assert dialog.table.item(1, 0).text() == str(path)
    assert dialog.table.item(1, 1).text().startswith("damaged: ")
    assert dialog.says.text() == (
        "One file could not be read. One damaged file could be read only in part. "
        "Files are tried again when they change."
    )
    qtbot.waitUntil(lambda: not window.jobs.shown())


def test_the_cheat_sheet_shows_every_key(window):
    dialog = opened(window, "shortcuts")
    shown = " ".join(label.text() for label in dialog.findChildren(QLabel))
    for spec in ACTIONS:
        for key in spec.keys:
            assert key.replace("Return", "Return") in shown, spec.name


def test_about_tells_where_the_log_is(window):
    dialog = opened(window, "about")
    assert any(str(log_file()) in label.text() for label in dialog.findChildren(QLabel))


def test_diagnostics_are_copied_with_names_only_where_they_are_wanted(window, sounds, qtbot):
    start_log()
    try:
        logger("app.of_a_test").error("%s is broken", named(sounds / "tones" / "Sound_01.wav"))
        dialog = opened(window, "diagnostics")
        qtbot.waitUntil(dialog.copy.isEnabled)
    finally:
        stop_log()
    dialog.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert "soundsift 0" in copied and "sounds 12" in copied and "‹…› is broken" in copied
    assert "Sound_01" not in copied and str(sounds.parent) not in copied
    dialog.names.click()
    dialog.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert "Sound_01.wav› is broken" in copied
    assert str(window.context.place) in copied


def test_diagnostics_need_no_library(window, qtbot):
    window.context.session, kept = None, window.context.session
    dialog = opened(window, "diagnostics")
    qtbot.waitUntil(dialog.copy.isEnabled)
    assert "it is not open" in dialog.text.toPlainText()
    window.context.session = kept


def test_a_trainer_that_crashes_leaves_what_it_wrote_in_the_log(window, qtbot, caplog):
    dialog = opened(window, "train")
    dialog._show_state(running=True)
    code = "import os, sys; print('Fatal: it broke', file=sys.stderr, flush=True); os.abort()"
    dialog.process.start(sys.executable, ["-c", code])
    qtbot.waitUntil(lambda: "without a result" in dialog.says.text(), timeout=10_000)
    assert "the trainer ended with code" in caplog.text and "Fatal: it broke" in caplog.text


def test_a_cue_sheet_is_solved_locked_solved_again_and_saved(window, qtbot, tmp_path):
    dialog = opened(window, "cues")
    dialog.lines.setPlainText("sound 03\n\nsound 07\nsound 03 again")
    dialog.solve.click()
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 3)
    clips = [dialog.table.item(row, 3).text() for row in range(3)]
    assert "Sound_03.wav" in (clips[0], clips[2]) and clips[1] == "Sound_07.wav"
    assert len(set(clips)) == 3  # distinct, or empty
    dialog.table.selectRow(1)
    assert window.player.playing and window.player.loaded.name == "Sound_07.wav"
    dialog.table.item(1, 0).setCheckState(Qt.CheckState.Checked)
    locked = {cue.text: cue.locked for cue in dialog.cues()}
    assert locked["sound 07"].endswith("Sound_07.wav") and locked["sound 03"] is None
    dialog.solve.click()
    qtbot.waitUntil(lambda: "have a clip" in dialog.says.text())
    assert dialog.table.item(1, 3).text() == "Sound_07.wav"
    path = tmp_path / "cues.csv"
    dialog.write(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["cue"] == "sound 07" and rows[1]["locked"].endswith("Sound_07.wav")


def test_clips_that_cannot_be_saved_leave_nothing_behind(window, tmp_path, monkeypatch):
    dialog = opened(window, "cues")
    target = tmp_path / "out" / "taken.csv"
    target.mkdir(parents=True)
    name = "app.gui.search.cue_sheet.QFileDialog.getSaveFileName"
    monkeypatch.setattr(name, lambda *a: (str(target), ""))
    dialog._choose_target()
    assert "taken.csv cannot be written" in dialog.says.text()
    assert list(target.parent.iterdir()) == [target]


def test_an_impossible_cue_is_told(window, qtbot):
    dialog = opened(window, "cues")
    dialog.lines.setPlainText("...")
    dialog.solve.click()
    qtbot.waitUntil(lambda: "contains no word" in dialog.says.text())


def test_duplicates_are_found(window, sounds, qtbot):
    twin = sounds / "twin.wav"
    twin.write_bytes((sounds / "tones" / "Sound_05.wav").read_bytes())
    window.indexing.index([])
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.embedded == 13)
    dialog = opened(window, "duplicates")
    qtbot.waitUntil(lambda: dialog.table.rowCount() >= 2)
    names = {dialog.table.item(row, 2).text() for row in range(dialog.table.rowCount())}
    assert twin.name in names


def test_preferences_hold_at_once(window, outputs, settings, qtbot):
    dialog = opened(window, "preferences")
    qtbot.waitUntil(lambda: dialog.output.count() == 3)
    dialog.output.setCurrentIndex(dialog.output.findData("phones"))
    assert window.player._device == "phones" and settings.now.output == "phones"
    dialog.theme.setCurrentIndex(dialog.theme.findData("light"))
    assert window.context.colours.window == "#eceef1"
    dialog.threads.setValue(3)
    assert window.indexing.threads == 3
    dialog.auto_play.click()
    assert not window.player_controller.auto_play


def test_models_are_listed_and_another_is_used(window, make_model, qtbot, own_home):
    shutil.copytree(make_model("other", seed=3), own_home / "models" / "other")
    dialog = opened(window, "models")
    names = [dialog.table.item(row, 0).text() for row in range(dialog.table.rowCount())]
    assert {"default", "default-mn04", "other"} <= set(names)
    assert not dialog.use.isEnabled()
    dialog.table.selectRow(names.index("default-mn04"))
    assert dialog.get.isEnabled() and not dialog.use.isEnabled()
    dialog.table.selectRow(names.index("other"))
    assert dialog.use.isEnabled()
    dialog.use.click()
    qtbot.waitUntil(lambda: window.status.model.text() == "other")
    qtbot.waitUntil(lambda: window.context.session.is_warm)
    assert window.context.session.model_name == "other"


def test_results_follow_another_model_under_whoever_listens(window, make_model, qtbot, own_home):
    folder = own_home / "models" / "closer"
    shutil.copytree(make_model("closer"), folder)

    def closer(tensors):
        tensors["metric.factor"] = tensors["metric.factor"] * 0.5

    change_weights(folder, closer)
    results = window.results.results
    window.bar.set_text("a tone")
    qtbot.waitUntil(lambda: results.found.answer is not None)

    def strengths() -> list[float]:
        answer = results.found.answer
        return [] if answer is None else [match.strength for match in answer.matches]

    before = strengths()
    window.results.choose(1)
    qtbot.waitUntil(lambda: window.following.is_somebody_there)
    dialog = opened(window, "models")
    names = [dialog.table.item(row, 0).text() for row in range(dialog.table.rowCount())]
    dialog.table.selectRow(names.index("closer"))
    dialog.use.click()
    qtbot.waitUntil(lambda: "now uses closer" in dialog.says.text())
    qtbot.waitUntil(lambda: strengths() not in ([], before))


@pytest.fixture
def broken_model(make_model, own_home):
    """Install a model whose weights are no numbers."""
    folder = own_home / "models" / "broken"
    shutil.copytree(make_model("broken", seed=3), folder)

    def nan(tensors):
        tensors["metric.factor"] = tensors["metric.factor"] * float("nan")

    return change_weights(folder, nan)


def test_a_model_that_cannot_be_used_is_refused_and_said(window, broken_model, qtbot):
    used = window.context.session.model_folder
    dialog = opened(window, "models")
    names = [dialog.table.item(row, 0).text() for row in range(dialog.table.rowCount())]
    dialog.table.selectRow(names.index("broken"))
    dialog.use.click()
    qtbot.waitUntil(lambda: "was not accepted" in dialog.says.text())
    assert "is finite" in dialog.says.text()
    assert model_of(window.context.session.library) == used


def test_a_damaged_model_is_listed_as_such(window, broken_model):
    (broken_model / "model.json").write_text("[")
    dialog = opened(window, "models")
    names = [dialog.table.item(row, 0).text() for row in range(dialog.table.rowCount())]
    assert dialog.table.item(names.index("broken"), 2).text() == "damaged"


def test_a_trained_model_goes_through_the_same_door(window, broken_model, qtbot):
    used = window.context.session.model_folder
    dialog = opened(window, "train")
    dialog._outcome = {"model": str(broken_model)}
    dialog._show_state(running=False)
    dialog.adopt.click()
    qtbot.waitUntil(lambda: "was not accepted" in dialog.says.text())
    assert model_of(window.context.session.library) == used


BEFORE = {"r1": 0.1, "r10": 0.4, "map10": 0.2, "agreement": 1.0, "general": None}
AFTER = {"r1": 0.3, "r10": 0.6, "map10": 0.4, "agreement": 0.94, "general": None}
TRAINED = {
    "event": "personal",
    "base": "random",
    "before": BEFORE,
    "after": AFTER,
    "way": 1.0,
    "kept": "",
    "sounds": 70,
    "chosen_on": 15,
    "held_out": 16,
    "names": 10,
    "forgets": False,
    "model": "/models/personal",
}


def test_training_shows_the_trainers_events_and_its_outcome(window, qtbot, monkeypatch):
    trial = {"surely": True, "forgets": False}
    events = [
        {"event": "progress", "stage": "training", "done": 5, "total": 10, "note": ""},
        {"event": "loss", "step": 1, "loss": 3.0},
        {"event": "loss", "step": 25, "loss": 2.0},
        {"event": "way", "way": 1.0, **AFTER, **trial},
        {"event": "way", "way": 0.5, **BEFORE, **trial},
        {**TRAINED, "event": "chosen"},
        TRAINED,
    ]
    dialog = opened(window, "train")
    lines = "\n".join(json.dumps(event) for event in events)
    dialog._show_state(running=True)
    dialog.process.start(sys.executable, ["-c", f"print({lines!r})"])
    qtbot.waitUntil(lambda: dialog.behind.table.rowCount() == 4)
    assert dialog.behind.loss.points == [(1.0, 3.0), (25.0, 2.0)]
    assert dialog.behind.recall.points == [(0.5, 0.2), (1.0, 0.4)]
    assert dialog.behind.table.item(2, 2).text() == "0.400"
    assert dialog.says.text() == "Finds the right sound first in 3 of 10 cases, 1 before."
    assert "Tested on 16 of your sounds" in dialog.behind.measured.text()
    assert "94% of other sounds as before" in dialog.behind.measured.text()
    assert dialog.adopt.isEnabled() and dialog.start.isEnabled()
    assert dialog.adopt.isDefault() and not dialog.start.isDefault()
    assert dialog.back.isHidden(), "nothing was adopted yet"
    assert not dialog.behind.table.isVisible() and not dialog.behind.measured.isVisible()
    dialog.details.click()
    assert dialog.behind.table.isVisible() and dialog.behind.measured.isVisible()


def test_training_says_how_long_it_still_takes(window):
    dialog = opened(window, "train")
    event = {"event": "progress", "stage": "training", "done": 5, "total": 10, "note": ""}
    dialog._take({**event, "left_s": None})
    learning = "Learning from your names, tags and descriptions"
    assert dialog.says.text() == f"{learning} …"
    dialog._take({**event, "left_s": 130.0})
    assert dialog.says.text() == f"{learning}: about 2 minutes left"


def test_training_says_why_nothing_was_adopted_and_doubts_what_is_not_confirmed(window):
    dialog = opened(window, "train")
    dialog._show_outcome({**TRAINED, "model": None, "kept": "no way was reliably better"})
    assert dialog.says.text() == "No new model was made: no way was reliably better."
    dialog._show_outcome({**TRAINED, "after": {**AFTER, "map10": 0.1}})
    assert "do not confirm" in dialog.doubt.text()
    dialog._show_outcome(TRAINED)
    assert not dialog.doubt.text()
    unknown = {"before": {**BEFORE, "agreement": None}, "after": {**AFTER, "agreement": None}}
    dialog._show_outcome({**TRAINED, **unknown})
    assert "not measured" in dialog.behind.measured.text()


def test_the_real_trainer_is_started_and_says_what_is_missing(window, qtbot):
    """Twelve sounds that are called Sound_01 to Sound_11 teach nothing."""
    dialog = opened(window, "train")
    dialog.begin()
    assert "-m" in dialog.process.arguments() and "--from-library" in dialog.process.arguments()
    over = QProcess.ProcessState.NotRunning
    qtbot.waitUntil(lambda: dialog.process.state() == over)
    qtbot.waitUntil(lambda: dialog.start.isEnabled())
    assert "are needed" in dialog.says.text() and "Traceback" not in dialog.says.text()
    assert not dialog.adopt.isEnabled()


def test_training_can_be_stopped(window, qtbot):
    dialog = opened(window, "train")
    dialog._stopping = False
    dialog._show_state(running=True)
    dialog.process.start(sys.executable, ["-c", "import time; time.sleep(60)"])
    qtbot.waitUntil(lambda: dialog.process.state() == QProcess.ProcessState.Running)
    dialog.stop.click()
    qtbot.waitUntil(lambda: "Stopped" in dialog.says.text())
    assert dialog.start.isEnabled() and not dialog.stop.isEnabled()


def test_emptying_the_cache_removes_nothing_of_others(window, qtbot):
    folder = peaks_folder()
    folder.mkdir(parents=True, exist_ok=True)
    ours = folder / f"{'0a' * 16}.peaks"
    others = [folder / "mine.txt", folder.parent / "song.wav"]
    for path in (ours, *others):
        path.write_bytes(b"x")
    dialog = opened(window, "preferences")
    dialog._empty_cache()
    qtbot.waitUntil(lambda: not ours.exists())
    assert all(path.exists() for path in others)
