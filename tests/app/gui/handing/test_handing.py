"""Sounds leaving the window: as they are heard, sent to sessions, copied for projects."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.gui.handing import sessions as sessions_module
from app.gui.handing import spotting as spotting_module
from app.gui.handing.addresses import address_of, with_address
from app.gui.handing.fields import FormBox, PatternEdit
from app.gui.kit.files import SOUNDS_MIME
from engine.handover import door
from engine.handover.order import Order
from engine.handover.targets.target import Address, Project, TargetError
from engine.search.export import sounds_of
from engine.search.grammar import parse
from engine.store.history import steps
from engine.store.uses import Use, uses_of


@pytest.fixture
def looked_at(window, qtbot):
    """Return the sound of the first row, which is chosen and silent."""
    window.results.choose(0)
    qtbot.waitUntil(lambda: window.player_controller.sound is not None)
    window.player.stop()
    return window.player_controller.sound


def ready(window, qtbot) -> None:
    """Wait until what may be dragged next is made."""
    qtbot.waitUntil(lambda: not window.ranges._later.isActive() and window.ranges.is_ready())


def copied() -> list[Path]:
    data = QGuiApplication.clipboard().mimeData()
    return [Path(url.toLocalFile()) for url in data.urls()] if data is not None else []


def press(window, qtbot, key: Qt.Key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    window.activateWindow()
    window.results.setFocus()
    qtbot.waitUntil(window.results.hasFocus)
    qtbot.keyClick(window.results, key, modifier)


def press_copy(window, qtbot) -> None:
    QGuiApplication.clipboard().clear()
    window.results.setFocus()
    qtbot.keyClick(window.results, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: bool(copied()))


def test_an_untouched_sound_leaves_as_its_own_file(window, looked_at, qtbot, own_home):
    press_copy(window, qtbot)
    assert copied() == [Path(looked_at.path)]
    assert window.ranges.files_of([looked_at]) == [Path(looked_at.path)]


def test_what_is_heard_is_what_leaves(window, looked_at, qtbot, own_home):
    window.player.set_speed(0.5)
    window.player.set_reverse(True)
    window.panel.gain.setValue(-6)
    ready(window, qtbot)
    (file,) = window.ranges.files_of([looked_at])
    assert file.parent == own_home / "ranges"
    assert file.name == f"{Path(looked_at.path).stem} 0.50x reversed -6dB.wav"
    assert soundfile.info(file).duration == pytest.approx(2 * looked_at.duration_s, abs=0.01)
    press_copy(window, qtbot)
    assert copied() == [file]


def test_without_as_heard_the_file_itself_leaves(window, looked_at, qtbot):
    window.player.set_speed(0.5)
    window.actions_by_name["as_heard"].trigger()
    press_copy(window, qtbot)
    assert copied() == [Path(looked_at.path)]
    assert not window.context.settings.now.as_heard


def test_a_volume_that_is_off_makes_no_silent_files(window, looked_at, qtbot):
    window.panel.gain.setValue(window.panel.gain.minimum())
    assert window.ranges.rendering().gain_db == 0
    press_copy(window, qtbot)
    assert copied() == [Path(looked_at.path)]


def test_a_range_leaves_as_it_is_heard(window, looked_at, qtbot):
    window.panel.waveform.set_range((0.1, 0.3))
    window.panel.waveform.range_changed.emit((0.1, 0.3))
    window.player.set_reverse(True)
    ready(window, qtbot)
    part, rate = soundfile.read(window.ranges.kept(), dtype="float64")
    whole, _ = soundfile.read(looked_at.path, dtype="float64")
    wanted = whole[round(0.1 * rate) : round(0.3 * rate)][::-1]
    assert np.abs(part[200:-200] - wanted[200:-200]).max() < 2**-22


def test_what_is_chosen_in_sessions_holds_for_the_next_drag(window, looked_at, qtbot):
    window.panel.waveform.set_range((0.1, 0.3))
    window.panel.waveform.range_changed.emit((0.1, 0.3))
    window.actions_by_name["sessions"].trigger()
    dialog = window.commands.dialogs.opened["sessions"]
    dialog.handles.setValue(100)
    dialog.form.setCurrentIndex(dialog.form.findData("flac/24"))
    qtbot.keyClicks(dialog.pattern, "{project} {name}")
    qtbot.keyClicks(dialog.project, "Reel")
    ready(window, qtbot)
    kept = window.ranges.kept()
    assert kept.name == f"Reel {Path(looked_at.path).stem}.flac"
    assert soundfile.info(kept).duration == pytest.approx(0.4, abs=1e-3)


def test_several_rows_are_rendered_when_they_are_asked_for(window, looked_at, qtbot):
    sounds = [window.results.results.row_at(row).sound for row in range(3)]
    window.player.set_speed(2.0)
    assert window.ranges.files_of(sounds) is None
    assert "being rendered as you hear them" in window.status.message.text()
    orders = window.ranges.orders(sounds)
    qtbot.waitUntil(lambda: not window.ranges._later.isActive())  # it does not take their place
    qtbot.waitUntil(lambda: window.parts.is_ready(orders))
    files = window.ranges.files_of(sounds)
    assert len(set(files)) == 3 and all(file.name.endswith("2.00x.wav") for file in files)


def test_rows_whose_files_are_being_made_can_only_be_dropped_here(
    window, looked_at, qtbot, monkeypatch
):
    module, dragged = "app.gui.search.selected_sounds", []

    class Drag:
        def __init__(self, source) -> None:
            pass

        def setMimeData(self, data) -> None:  # noqa: N802 - Qt's
            dragged.append(([url.fileName() for url in data.urls()], data.hasFormat(SOUNDS_MIME)))

        def exec(self, action) -> Qt.DropAction:
            return Qt.DropAction.IgnoreAction

    monkeypatch.setattr(f"{module}.QDrag", Drag)
    held = staticmethod(lambda: Qt.MouseButton.LeftButton)
    monkeypatch.setattr(QGuiApplication, "mouseButtons", held)
    window.player.set_reverse(True)
    window.selected_sounds._drag([looked_at])
    ready(window, qtbot)
    window.selected_sounds._drag([looked_at])
    name = f"{Path(looked_at.path).stem} reversed.wav"
    assert dragged == [([], True), ([name], True)]


class Studio:
    """A program that remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[Path, str]] = []
        self.problem = ""
        self.folder: Path | None = None

    def test(self) -> str:
        if self.problem:
            raise TargetError(self.problem)
        return "Studio 3"

    def project(self) -> Project:
        return Project("Reel 3", self.folder)

    def spot(self, file: Path, place: str) -> None:
        if self.problem:
            raise TargetError(self.problem)
        self.given.append((file, place))


@pytest.fixture
def studio(monkeypatch) -> Studio:
    studio = Studio()
    for module in (spotting_module, sessions_module):
        monkeypatch.setattr(module, "open_target", lambda name, address: studio)
    return studio


def test_p_sends_the_sound_that_is_looked_at(window, looked_at, qtbot, studio):
    press(window, qtbot, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: bool(studio.given))
    assert studio.given == [(Path(looked_at.path), "cursor")]
    said = window.status.message
    qtbot.waitUntil(lambda: said.text() == f"{Path(looked_at.path).name} sent to REAPER")


def test_the_marked_range_is_sent_to_the_selected_track(window, looked_at, qtbot, studio):
    window.panel.waveform.set_range((0.1, 0.3))
    window.panel.waveform.range_changed.emit((0.1, 0.3))
    press(window, qtbot, Qt.Key.Key_P, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: bool(studio.given))
    ((file, place),) = studio.given
    assert place == "track" and soundfile.info(file).duration == pytest.approx(0.2, abs=1e-3)
    qtbot.waitUntil(window.ranges.is_ready)
    assert window.ranges.kept() == file  # and no second one


def test_copies_can_be_kept_with_the_project(window, looked_at, qtbot, studio, tmp_path):
    studio.folder = tmp_path / "Media"
    studio.folder.mkdir()
    window.actions_by_name["sessions"].trigger()
    dialog = window.commands.dialogs.opened["sessions"]
    dialog.in_project.setChecked(True)
    press(window, qtbot, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: bool(studio.given))
    assert studio.given == [(studio.folder / Path(looked_at.path).name, "cursor")]
    assert [path.name for path in studio.folder.iterdir()] == [Path(looked_at.path).name]


def test_a_program_that_does_not_answer_says_so_and_it_stays(window, looked_at, qtbot, studio):
    studio.problem = "REAPER does not answer: turn on its web interface"
    press(window, qtbot, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: window.status.message.text() == studio.problem)
    window.actions_by_name["sessions"].trigger()
    dialog = window.commands.dialogs.opened["sessions"]
    dialog.test.click()
    qtbot.waitUntil(lambda: dialog.says.text() == studio.problem)
    studio.problem = ""
    dialog.test.click()
    qtbot.waitUntil(lambda: dialog.says.text() == "Studio 3 answers.")


def test_a_program_is_not_sent_to_a_place_it_does_not_know(window, looked_at, qtbot, studio):
    window.actions_by_name["sessions"].trigger()
    dialog = window.commands.dialogs.opened["sessions"]
    dialog.target.setCurrentIndex(dialog.target.findData("fmod"))
    assert dialog.port.text() == "3663" and not dialog.action.isVisible()
    window.actions_by_name["spot_replace"].trigger()
    assert window.status.message.text().startswith("FMOD Studio cannot do that")
    assert not studio.given


def uses(window, sound) -> list[Use]:
    return uses_of(window.context.session.library, sound.id)


def test_what_was_sent_is_marked_as_used_for_what_is_open(window, looked_at, qtbot, studio):
    press(window, qtbot, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: bool(uses(window, looked_at)))
    (use,) = uses(window, looked_at)
    assert (use.project, use.target) == ("Reel 3", "REAPER")
    row = window.results.results.row_at
    qtbot.waitUntil(lambda: row(0).sound is not None and row(0).sound.marks.project == "Reel 3")
    assert not steps(window.context.session.library)  # undo is for decisions


def test_what_was_sent_before_a_source_changed_is_marked_as_used(
    window, looked_at, qtbot, studio, monkeypatch
):
    sounds = [window.results.results.row_at(row).sound for row in range(2)]
    changed, prepare = Path(sounds[1].path), door.prepare

    def prepared(order, *more):
        made = prepare(order, *more)
        if order.path == changed:  # by another program
            os.utime(changed, ns=(10**18, 10**18))
        return made

    monkeypatch.setattr(door, "prepare", prepared)
    orders = [Order(Path(sound.path), (0.1, 0.2)) for sound in sounds]
    spotting = window.findChild(spotting_module.Spotting)
    spotting.send(orders, [sound.id for sound in sounds], "cursor")
    said = f"{changed.name} was changed by another program meanwhile: try again"
    qtbot.waitUntil(lambda: window.status.message.text() == said)
    qtbot.waitUntil(lambda: bool(uses(window, sounds[0])))
    assert len(studio.given) == 1 and not uses(window, sounds[1])


def test_closing_while_sounds_are_sent_asks(window, looked_at, qtbot, studio, monkeypatch):
    answers, asked = threading.Event(), []
    monkeypatch.setattr(studio, "spot", lambda file, place: answers.wait())
    monkeypatch.setattr(window.prompts, "confirm", lambda *said: bool(asked.append(said)))
    press(window, qtbot, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: any(job.lasts for job in window.jobs.shown()))
    window.actions_by_name["quit"].trigger()
    assert "this stops: Sending to REAPER" in asked[0][0] and window.isVisible()
    answers.set()


def test_what_was_not_taken_is_not_marked(window, looked_at, qtbot, studio):
    studio.problem = "REAPER does not answer: turn on its web interface"
    press(window, qtbot, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: window.status.message.text() == studio.problem)
    window.actions_by_name["sessions"].trigger()
    dialog = window.commands.dialogs.opened["sessions"]
    dialog.note_uses.setChecked(False)
    window.commands._copy(files=True)
    qtbot.waitUntil(lambda: copied() == [Path(looked_at.path)])
    written = []
    window.jobs.start("write", lambda control: None, written.append)
    qtbot.waitUntil(lambda: bool(written))  # and so has been what was asked for before
    assert not uses(window, looked_at)
    dialog.note_uses.setChecked(True)
    window.commands._copy(files=True)
    qtbot.waitUntil(lambda: bool(uses(window, looked_at)))
    assert uses(window, looked_at)[0].target == "clipboard"


@pytest.mark.parametrize(
    ("done", "inside", "marked"),
    [
        (Qt.DropAction.CopyAction, False, True),
        (Qt.DropAction.IgnoreAction, False, False),
        (Qt.DropAction.CopyAction, True, False),
    ],
    ids=["elsewhere", "nowhere", "in the window"],
)
def test_only_what_another_program_took_of_a_drag_is_used(
    window, looked_at, qtbot, monkeypatch, done, inside, marked
):
    class Drag:
        def __init__(self, source) -> None:
            self._source = source

        def setMimeData(self, data) -> None:  # noqa: N802 - Qt's
            pass

        def exec(self, action) -> Qt.DropAction:
            return done

        def target(self):
            return self._source if inside else None

    for module in ("app.gui.search.selected_sounds", "app.gui.kit.files"):
        monkeypatch.setattr(f"{module}.QDrag", Drag)
    held = staticmethod(lambda: Qt.MouseButton.LeftButton)
    monkeypatch.setattr(QGuiApplication, "mouseButtons", held)
    settings = window.context.settings
    settings.keep(replace(settings.now, project="Mine"))
    window.selected_sounds._drag([looked_at])
    window.panel.waveform.set_range((0.1, 0.3))
    window.panel.waveform.range_changed.emit((0.1, 0.3))
    ready(window, qtbot)
    window.ranges._drag()
    written = []
    window.jobs.start("write", lambda control: None, written.append)
    qtbot.waitUntil(lambda: bool(written))
    found = uses(window, looked_at)
    assert len(found) == 2 * marked and all(use.project == "Mine" for use in found)


def test_a_dragged_range_is_named_after_what_its_sound_is_tagged(window, looked_at, qtbot):
    settings = window.context.settings
    settings.keep(replace(settings.now, handover_pattern="[{catid}_]{name}"))
    window.panel.waveform.set_range((0.1, 0.3))
    window.panel.waveform.range_changed.emit((0.1, 0.3))
    ready(window, qtbot)
    window.tagging.accept([(looked_at.id, "DOORWood")])
    wanted = f"DOORWood_{Path(looked_at.path).stem}.wav"

    def is_named() -> None:
        kept = window.ranges.kept()
        assert kept is not None and kept.name == wanted

    qtbot.waitUntil(is_named)


def test_addresses_are_remembered_by_program(settings):
    there = Address("10.0.0.7", 9000, Path("/a & b=c"), "_RS1")
    now = with_address(settings.now, "reaper-folder", there)
    now = with_address(now, "fmod", Address(port=4000))
    assert address_of(now, "reaper-folder") == there
    assert address_of(now, "fmod").port == 4000 and address_of(now, "protools").port == 31416
    assert address_of(with_address(now, "fmod", Address(port=5)), "fmod").port == 5


def test_the_script_is_installed_from_the_window(window, qtbot, tmp_path, monkeypatch):
    window.actions_by_name["sessions"].trigger()
    dialog = window.commands.dialogs.opened["sessions"]
    choose = "app.gui.handing.sessions.QFileDialog.getExistingDirectory"
    monkeypatch.setattr(choose, lambda *a: str(tmp_path / "Scripts"))
    dialog.install.click()
    qtbot.waitUntil(lambda: "choose REAPER's folder of scripts" in dialog.says.text())
    (tmp_path / "Scripts").mkdir()
    dialog.install.click()
    qtbot.waitUntil(lambda: "is installed" in dialog.says.text())
    assert (tmp_path / "Scripts" / "soundsift.lua").is_file()


def test_sounds_are_transferred_with_a_report_of_what_failed(window, qtbot, tmp_path, sounds):
    window.results.selectAll()
    window.actions_by_name["transfer"].trigger()
    dialog = window.commands.dialogs.opened["transfer"]
    assert dialog.what.itemText(0) == "the 12 selected sounds"
    assert not dialog.go.isEnabled()  # nobody said where to
    dialog.folder.setText(str(tmp_path / "out"))
    dialog.form.setCurrentIndex(dialog.form.findData("wav48/24"))
    dialog.pattern.setText("{number} {name}")
    gone = sorted(sounds.rglob("*.wav"))[-1]
    gone.unlink()
    dialog.go.click()
    qtbot.waitUntil(lambda: "11 sounds are in the folder" in dialog.says.text())
    assert dialog.table.rowCount() == 1 and dialog.table.item(0, 0).text() == gone.name
    made = sorted((tmp_path / "out").glob("*.wav"))
    assert len(made) == 11 and soundfile.info(made[0]).samplerate == 48000
    dialog.go.click()
    qtbot.waitUntil(lambda: "11 were there before" in dialog.says.text())


def test_a_transfer_can_be_stopped_and_a_wrong_form_is_told(window, qtbot, tmp_path, monkeypatch):
    window.actions_by_name["transfer"].trigger()
    dialog = window.commands.dialogs.opened["transfer"]
    dialog.folder.setText(str(tmp_path / "out"))
    dialog.form.setEditText("mp3")
    dialog.go.click()
    assert "mp3 is no format" in dialog.says.text()
    dialog.form.setEditText("wav/16")

    def endless(library, ids, wanted, control, copied):
        from engine.progress import Progress

        copied(ids[0])
        while True:
            control.report(Progress("transferring", 3, 12))

    monkeypatch.setattr("app.gui.handing.transfer.transfer", endless)
    dialog.go.click()
    qtbot.waitUntil(lambda: dialog.says.text() == "3 of 12 copied")
    dialog.go.click()
    qtbot.waitUntil(lambda: dialog.says.text().startswith("Stopped: what was copied stays"))
    assert dialog.go.isEnabled() and dialog.go.text() == "Transfer"
    library = window.context.session.library
    used = parse("used:out")
    qtbot.waitUntil(lambda: len(sounds_of(library, used)) == 1)  # what was copied before


def test_a_collection_is_transferred_from_its_menu(window, qtbot, tmp_path):
    window.results.choose(0)
    ids = window.results.chosen_ids()
    window.library_controller.collect("Doors", ids)
    qtbot.waitUntil(lambda: "Doors" in window.library_controller.overview.collections)
    window.sources.transfer_wanted.emit("Doors")
    dialog = window.commands.dialogs.opened["transfer"]
    assert dialog.what.currentText() == "the collection Doors"
    dialog.folder.setText(str(tmp_path / "out"))
    dialog.go.click()
    qtbot.waitUntil(lambda: "One sound is in the folder" in dialog.says.text())


def test_a_format_can_be_chosen_or_written(qtbot):
    box = FormBox("wav96/24")
    qtbot.addWidget(box)
    assert box.currentText() == "WAV 96 kHz, 24 bit" and box.form == "wav96/24"
    box.setEditText("bwf88.2/32")
    assert box.form == "wav88.2/32"
    odd = FormBox("aiff32/16")
    qtbot.addWidget(odd)
    assert odd.form == "aiff32/16"


def test_a_pattern_shows_what_it_gives(qtbot):
    edit = PatternEdit("")
    qtbot.addWidget(edit)
    qtbot.addWidget(edit.example)
    told = []
    edit.chosen.connect(told.append)
    assert edit.example.text() == "Door creak 0m12.30–0m14.05.wav"
    qtbot.keyClicks(edit, "{catid}_{number}")
    assert edit.example.text() == "DOORWood_07.wav" and told[-1] == "{catid}_{number}"
    qtbot.keyClicks(edit, "{")
    assert "is not understood" in edit.example.text() and told[-1] == "{catid}_{number}"
