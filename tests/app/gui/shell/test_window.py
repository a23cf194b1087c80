"""The window as its users meet it: real widgets, a real small library."""

import os
import shutil
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import QInputDialog, QLabel, QToolButton

from app.gui.kit.plain import PlainLabel
from app.gui.search.columns import NAME
from engine.index import build
from engine.index.build import index_folders
from engine.progress import Control
from engine.search import sound_names
from engine.search.query_sound import QuerySound
from engine.store import Library
from engine.store.collections import collections
from engine.store.tags import accepted_tags, rejected_tags


def search(window, qtbot, text):
    window.bar.set_text(text)
    qtbot.waitUntil(lambda: window.results.results.found.asked.text == text)
    qtbot.waitUntil(lambda: not window.jobs.is_running("search"))


def names(window):
    model = window.results.results
    return [Path(model.row_at(row).sound.path).name for row in range(model.rowCount())]


def press(qtbot, widget, key, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.keyClick(widget, key, modifier)


def test_searching_by_words_and_sound_answers(window, qtbot):
    search(window, qtbot, "a low door")
    answer = window.results.results.found.answer
    assert len(answer.matches) == 12 and window.results.results.rowCount() == 12
    assert "match" in window.status.message.text()
    search(window, qtbot, "fmt:flac a low door")
    assert window.stack.currentWidget() is window.empty
    assert "Nothing here" in window.empty.title.text()
    search(window, qtbot, "fmt:flac")
    assert window.stack.currentWidget() is window.empty
    assert window.empty.title.text() == "No sound fits these filters"
    search(window, qtbot, '"sound 07"')
    assert names(window)[0] == "Sound_07.wav"


def test_a_mended_query_is_told_beside_what_else_is_said(window, qtbot):
    search(window, qtbot, "a wodden door")
    assert not window.status.also.isVisible()
    found = window.results.results.found
    mended = replace(found, answer=replace(found.answer, also="a wooden door"))
    window.searching.answered.emit(mended)
    window.player.told.emit("there is no audio output device")
    assert "a wooden door" in window.status.also.text()
    assert window.status.also.isVisible()
    assert "no audio output device" in window.status.message.text()
    search(window, qtbot, "a low door")
    assert not window.status.also.isVisible()


def test_results_are_auditioned_by_keys(window, outputs, qtbot):
    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    assert window.results.hasFocus() and window.results.currentIndex().row() == 0
    assert window.player.playing
    first = window.player.loaded
    qtbot.keyClick(window.results, Qt.Key.Key_Down)
    assert window.player.playing and window.player.loaded != first
    qtbot.waitUntil(lambda: bool(outputs.opened))
    qtbot.keyClick(window.results, Qt.Key.Key_Space)
    assert not window.player.playing
    qtbot.keyClick(window.results, Qt.Key.Key_Space)
    assert window.player.playing
    qtbot.keyClick(window.results, Qt.Key.Key_Escape)
    assert not window.player.playing and window.bar.query.text == "door"
    qtbot.keyClick(window.results, Qt.Key.Key_Escape)
    assert window.bar.query.is_empty and window.bar.text.hasFocus()


def test_down_while_the_answer_is_on_its_way_plays_the_new_first_result(window, qtbot):
    search(window, qtbot, '"sound 03"')
    window.bar.text.setFocus()
    window.bar.text.clear()
    qtbot.keyClicks(window.bar.text, '"sound 07"')
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: window.player.playing)
    assert window.player.loaded.name == "Sound_07.wav" and window.results.hasFocus()
    window.player.stop()
    window.bar.text.setFocus()
    qtbot.keyClicks(window.bar.text, " x")  # nobody asked to go down again
    qtbot.wait(300)
    assert window.bar.text.hasFocus() and not window.player.playing


def test_up_from_the_first_row_goes_back_to_the_search(window, qtbot):
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.keyClick(window.results, Qt.Key.Key_Up)
    assert window.bar.text.hasFocus()


def test_nothing_plays_while_auto_play_is_off_or_a_key_repeats(window, qtbot):
    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.keyClick(window.results, Qt.Key.Key_A)
    qtbot.keyClick(window.results, Qt.Key.Key_Down)
    assert not window.player.playing and not window.player_controller.auto_play
    qtbot.keyClick(window.results, Qt.Key.Key_A)
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QApplication

    none, down = Qt.KeyboardModifier.NoModifier, Qt.Key.Key_Down
    for _ in range(3):
        event = QKeyEvent(QEvent.Type.KeyPress, down, none, "", True)
        QApplication.sendEvent(window.results, event)
        assert not window.player.playing
    QApplication.sendEvent(window.results, QKeyEvent(QEvent.Type.KeyRelease, down, none))
    assert window.player.playing


def test_keys_change_how_it_plays_but_letters_can_still_be_typed(window, qtbot):
    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    for key in (Qt.Key.Key_L, Qt.Key.Key_R, Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketLeft):
        qtbot.keyClick(window.results, key)
    order = window.player.order
    assert order.loop and order.reverse and order.speed == pytest.approx(2 ** (-2 / 12))
    qtbot.keyClick(window.results, Qt.Key.Key_0)
    assert window.player.order.speed == 1.0
    window.bar.text.setFocus()
    window.bar.text.clear()
    qtbot.keyClicks(window.bar.text, "a lr0[]? d")
    assert window.bar.text.text() == "a lr0[]? d" and window.player.order.loop


def test_a_dropped_file_is_searched_by(window, sounds, qtbot):
    path = sounds / "tones" / "Sound_03.wav"
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    event = QDropEvent(QPointF(9, 9), copy, data, left, Qt.KeyboardModifier.NoModifier)
    window.bar.dropEvent(event)
    qtbot.waitUntil(lambda: bool(window.results.results.found.asked.sounds))
    assert len(names(window)) == 11 and path.name not in names(window)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(window, tmp_path, qtbot):
    os.mkfifo(tmp_path / "pipe.wav")
    window.bar.add_sound(QuerySound(tmp_path / "pipe.wav"))
    said = window.status.message
    qtbot.waitUntil(lambda: "pipe.wav is a pipe, not a sound file" in said.text())


def test_similar_sounds_of_a_range(window, qtbot):
    search(window, qtbot, '"sound 11"')
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    window.panel.waveform.set_range((0.2, 0.7))
    qtbot.keyClick(window.results, Qt.Key.Key_S)
    asked = window.bar.query.sounds[0]
    assert asked.path.name == "Sound_11.wav" and (asked.start_s, asked.end_s) == (0.2, 0.7)
    qtbot.waitUntil(lambda: bool(window.results.results.found.asked.sounds))


@pytest.fixture
def sure(monkeypatch):
    """Let a model that was never trained offer what it is least sure of."""
    monkeypatch.setattr(sound_names, "LEAST_SHARE", 0.0)


def test_the_inspector_explains_a_match(window, qtbot, sure):
    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    details = window.inspector.details
    match = window.results.results.row_at(0).match
    assert details.sound == match.sound and details.similar.matches
    qtbot.waitUntil(lambda: len(window.inspector.details.likenesses) == 6)  # once names were read
    details = window.inspector.details
    best = max(moment.strength for moment in details.moments)
    assert best == pytest.approx(match.strength, abs=1e-4)


def test_why_a_sound_matched_is_said_of_what_is_asked_now(window, qtbot):
    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    sound = window.inspector.details.sound
    first = window.results.results.row_at(0).match.strength

    def said() -> str:
        labels = window.inspector._scroll.widget().findChildren(QLabel)
        (why,) = [t for t in (label.text() for label in labels) if t.startswith("strength")] or [""]
        return why

    assert said().startswith(f"strength {first:.2f}")
    search(window, qtbot, "rain")
    rows = [window.results.results.row_at(row) for row in range(12)]
    (match,) = [row.match for row in rows if row.match.sound.id == sound.id]
    assert f"{match.strength:.2f}" != f"{first:.2f}"
    qtbot.waitUntil(lambda: said().startswith(f"strength {match.strength:.2f}"))
    search(window, qtbot, "fmt:flac")  # which finds nothing, and no match
    qtbot.waitUntil(lambda: said() == "")


def test_the_inspector_tells_what_could_not_be_heard(window, qtbot):
    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    details, note = window.inspector.details, "damaged: 4.0 of about 9.0 s could be read"

    def shown():
        labels = window.inspector._scroll.widget().findChildren(QLabel)
        return [label.text() for label in labels]

    assert note not in shown()
    cut = replace(details, sound=replace(details.sound, damage=note))
    window.inspector.show_details(cut, None)
    assert note in shown()


def test_nothing_in_the_inspector_is_squeezed(window, qtbot):
    window.resize(900, 560)
    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    qtbot.wait(100)
    lines = window.inspector._scroll.widget().findChildren(QLabel)
    assert len(lines) > 15
    for line in lines:
        needed = line.heightForWidth(line.width()) if line.wordWrap() else line.sizeHint().height()
        assert line.height() >= needed, line.text()


def test_tags_are_accepted_rejected_and_searchable_at_once(window, library_path, qtbot, sure):
    search(window, qtbot, '"sound 05"')
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.waitUntil(
        lambda: window.inspector.details is not None and bool(window.inspector.details.likenesses)
    )
    sound_id = window.inspector.details.sound.id
    offered = window.inspector.details.likenesses[0].text
    window.inspector.tag_line.setFocus()
    window.inspector.tag_line.setText("  very   metallic ")
    qtbot.keyClick(window.inspector.tag_line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "very metallic" in window.inspector.details.tags)
    window.inspector.tag_rejected.emit(sound_id, offered)
    qtbot.waitUntil(lambda: offered not in [x.text for x in window.inspector.details.likenesses])
    with Library(library_path) as library:
        assert accepted_tags(library, [sound_id]) == {sound_id: ["very metallic"]}
        assert rejected_tags(library, sound_id) == {offered}
    search(window, qtbot, 'tag:"very metallic"')
    assert names(window) == ["Sound_05.wav"]
    qtbot.waitUntil(lambda: "very metallic" in window.library_controller.overview.facets.tags)


def test_d_collects_what_is_chosen(window, library_path, qtbot, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getItem", lambda *a, **k: ("My picks", True))
    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.keyClick(window.results, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert len(window.results.chosen_ids()) == 2
    qtbot.keyClick(window.results, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: window.library_controller.overview.collections == {"My picks": 2})
    monkeypatch.setattr(QInputDialog, "getItem", lambda *a, **k: pytest.fail("asked again"))
    qtbot.keyClick(window.results, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: "were already there" in window.status.message.text())
    with Library(library_path) as library:
        assert collections(library) == {"My picks": 2}
    window.sources.filter_wanted.emit('coll:"My picks"')
    window.bar.text.clear()
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 2)


def test_rows_have_a_menu_that_collects_and_takes_out(window, qtbot):
    from PySide6.QtCore import QPoint
    from PySide6.QtWidgets import QMenu

    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    window.library_controller.collect("Picks", window.results.chosen_ids())
    qtbot.waitUntil(lambda: window.library_controller.overview.collections == {"Picks": 1})
    window.results.menu_wanted.emit(QPoint(5, 5))
    menu = next(m for m in window.findChildren(QMenu) if m.isVisible())
    titles = [action.text() for action in menu.actions()]
    assert "Copy the file or range" in titles and "Add to the collection" in titles
    (submenu,) = [m for m in menu.findChildren(QMenu) if m.title() == "Collections"]
    take = next(a for a in submenu.actions() if a.text() == "Remove from Picks")
    take.trigger()
    menu.close()
    qtbot.waitUntil(lambda: window.library_controller.overview.collections == {"Picks": 0})


def test_files_and_paths_are_copied(window, qtbot):
    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    control = Qt.KeyboardModifier.ControlModifier
    path = window.results.results.row_at(0).sound.path
    qtbot.keyClick(window.results, Qt.Key.Key_C, control)
    data = QGuiApplication.clipboard().mimeData()
    assert [url.toLocalFile() for url in data.urls()] == [path]
    qtbot.keyClick(window.results, Qt.Key.Key_C, control | Qt.KeyboardModifier.ShiftModifier)
    assert QGuiApplication.clipboard().text() == path


def test_rows_that_have_to_be_read_again_are_copied_when_they_were(window, qtbot):
    window.results.setFocus()
    window.results.selectAll()
    window.results.results.forget()  # as after a change of the library
    qtbot.keyClick(window.results, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "12 files copied" in window.status.message.text())
    assert len(QGuiApplication.clipboard().mimeData().urls()) == 12


def test_a_drag_begins_when_its_rows_were_read(window, qtbot, monkeypatch):
    dragged = []
    monkeypatch.setattr(window.selected_sounds, "_drag", dragged.append)
    window.results.selectAll()
    window.results.results.forget()
    window.results.startDrag(Qt.DropAction.CopyAction)
    assert not dragged
    qtbot.waitUntil(lambda: bool(dragged))
    assert [s.id for s in dragged[0]] == window.results.chosen_ids()


def test_the_list_is_exported(window, tmp_path, qtbot, monkeypatch):
    path = tmp_path / "list.csv"
    monkeypatch.setattr(
        "app.gui.search.exporting.QFileDialog.getSaveFileName", lambda *a: (str(path), "")
    )
    search(window, qtbot, "door")
    window.actions_by_name["export"].trigger()
    qtbot.waitUntil(lambda: "exported to list.csv" in window.status.message.text())
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == window.results.results.rowCount() + 1
    assert names(window)[0] in lines[1]
    path = tmp_path / "list.xls"
    monkeypatch.setattr(
        "app.gui.search.exporting.QFileDialog.getSaveFileName", lambda *a: (str(path), "")
    )
    window.actions_by_name["export"].trigger()
    qtbot.waitUntil(lambda: "unknown file type" in window.status.message.text())


def test_return_shows_the_file_in_its_folder(window, qtbot, monkeypatch):
    shown = []
    monkeypatch.setattr("app.gui.shell.commands.reveal", shown.append)
    search(window, qtbot, '"sound 05"')
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Return)  # from the search: goes to the results
    assert shown == []
    qtbot.keyClick(window.results, Qt.Key.Key_Return)
    assert [path.name for path in shown] == ["Sound_05.wav"]


def test_a_range_that_was_dragged_out_stays(window, qtbot, monkeypatch, own_home):
    dragged = []
    monkeypatch.setattr(
        "app.gui.player.ranges.drag_files", lambda source, paths: dragged.append(paths)
    )
    search(window, qtbot, '"sound 11"')
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    waveform = window.panel.waveform
    waveform.set_range((0.25, 0.75))
    waveform.range_changed.emit((0.25, 0.75))
    sound = window.player_controller.sound
    source = Path(sound.path)
    before = source.read_bytes(), source.stat().st_mtime_ns
    qtbot.waitUntil(window.ranges.is_ready)
    assert not list((own_home / "ranges").glob("*.wav"))
    y = waveform.height() // 2
    inside = round(waveform.view.x(0.5))
    from tests.app.gui.search.test_results import QPoint, send_move

    qtbot.mousePress(waveform, Qt.MouseButton.LeftButton, pos=QPoint(inside, y))
    send_move(waveform, QPoint(inside + 40, y))
    ((path,),) = dragged
    info = soundfile.info(path)
    assert (info.subtype, info.samplerate) == ("PCM_24", sound.rate_hz)
    assert info.duration == pytest.approx(0.5, abs=1e-3)
    assert path == own_home / "ranges" / "Sound_11 0m00.25–0m00.75.wav"
    assert "saved in" in window.status.message.text()
    window.close()
    assert soundfile.info(path).duration == pytest.approx(0.5, abs=1e-3)
    assert list((own_home / "ranges").iterdir()) == [path]  # and nothing that was prepared
    assert (source.read_bytes(), source.stat().st_mtime_ns) == before


def test_a_range_is_chosen_with_the_mouse_and_a_click_plays_from_there(window, qtbot):
    search(window, qtbot, '"sound 11"')
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    window.player.stop()
    from tests.app.gui.search.test_results import QPoint, send_move

    waveform = window.panel.waveform
    left, width = Qt.MouseButton.LeftButton, waveform.width()
    qtbot.mousePress(waveform, left, pos=QPoint(width // 4, 30))
    send_move(waveform, QPoint(width // 2, 30))
    qtbot.mouseRelease(waveform, left, pos=QPoint(width // 2, 30))
    length = window.player_controller.sound.duration_s
    assert waveform.range_s == pytest.approx((length / 4, length / 2), abs=0.01)
    assert window.player.order.range_s == waveform.range_s
    qtbot.mouseClick(waveform, left, pos=QPoint(width * 3 // 4, 30))
    assert waveform.range_s is None and window.player.playing
    assert window.player.order.start_s == pytest.approx(length * 3 / 4, abs=0.01)


def test_a_range_is_marked_and_copied_by_keys(window, qtbot):
    search(window, qtbot, '"sound 11"')
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    window.player.stop()
    waveform = window.panel.waveform
    waveform.setFocus()
    for place, key in ((0.3, Qt.Key.Key_I), (0.8, Qt.Key.Key_O)):
        window.player.seek(place)
        qtbot.keyClick(waveform, key)
    assert waveform.range_s == pytest.approx((0.3, 0.8))
    assert window.player.order.range_s == waveform.range_s
    qtbot.waitUntil(window.ranges.is_ready)
    qtbot.keyClick(waveform, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    (url,) = QGuiApplication.clipboard().mimeData().urls()
    assert soundfile.info(url.toLocalFile()).duration == pytest.approx(0.5, abs=1e-3)
    window.player.seek(0.1)
    qtbot.keyClick(waveform, Qt.Key.Key_O)  # before its beginning: there is no range
    assert waveform.range_s is None
    window.close()
    assert soundfile.info(url.toLocalFile()).duration == pytest.approx(0.5, abs=1e-3)


def test_zooming_shows_samples_and_a_spectrogram(window, qtbot):
    search(window, qtbot, '"sound 11"')
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    waveform = window.panel.waveform
    qtbot.waitUntil(lambda: waveform._drawn.peaks is not None)
    for _ in range(12):
        qtbot.keyClick(window.results, Qt.Key.Key_Plus)
    assert waveform.view.end_s - waveform.view.start_s < 0.02
    qtbot.waitUntil(lambda: waveform._drawn.detail is not None)
    covered, frames = waveform._drawn.detail
    assert covered.start_s <= waveform.view.start_s and covered.end_s >= waveform.view.end_s
    assert len(frames) < 2000
    qtbot.keyClick(window.results, Qt.Key.Key_G)
    qtbot.waitUntil(lambda: waveform._drawn.spectrogram is not None)
    qtbot.keyClick(window.results, Qt.Key.Key_G)
    assert waveform._drawn.spectrogram is None


def test_indexing_can_be_cancelled_and_keeps_what_was_done(window, sounds, qtbot):
    random = np.random.default_rng(1)
    for number in range(200):
        soundfile.write(sounds / f"more_{number:03d}.wav", random.normal(0, 0.1, 96_000), 32_000)
    window.indexing.index([])
    job = window.indexing._indexing
    qtbot.waitUntil(lambda: job.progress is not None and job.progress.stage.startswith("listen"))
    stop = [b for b in window.status.findChildren(QToolButton) if "Stop" in b.toolTip()]
    stop[0].click()
    assert not window.indexing.is_on
    with Library(window.context.place) as library:
        qtbot.waitUntil(lambda: _is_free(library))
    window.library_controller.refresh()
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.sounds == 212)
    heard = window.library_controller.overview.statistics.embedded
    assert 12 <= heard < 212  # their headers were read
    window.indexing.index([])
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.embedded == 212)


def _is_free(library):
    """Return whether no process indexes into a library."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(f"{library.path}.lock", timeout=0):
            return True
    except Timeout:
        return False


def test_the_state_comes_back(window, open_window, library_path, settings, qtbot):
    window.resize(900, 701)  # no larger than the screen
    window.bar.set_text("door dur:<9s")
    window.bar.remember()
    window.panel.gain.setValue(-12)
    window.actions_by_name["inspector"].trigger()
    window.results.horizontalHeader().resizeSection(2, 321)
    qtbot.waitUntil(lambda: bool(window.results.results.found.asked.text))
    window.close()
    again = open_window(library_path)
    assert (again.width(), again.height()) == (900, 701)
    assert again.bar.query.text == "dur:<9s door" and again.bar.history == ["dur:<9s door"]
    assert again.panel.gain.value() == -12 and not again.inspector.isVisible()
    assert again.results.columnWidth(2) == 321
    qtbot.waitUntil(lambda: again.results.results.found.asked.text == "dur:<9s door")


def test_whatever_is_on_or_off_has_an_action_and_a_setting(window, settings):
    remembered = window._remembered
    assert {"sources", "inspector"} <= set(remembered)
    assert all(window.actions_by_name[name].isCheckable() for name in remembered)
    assert all(isinstance(getattr(settings.now, name), bool) for name in remembered)


def test_filters_are_completed_with_what_the_library_holds(window, sounds, qtbot):
    qtbot.waitUntil(lambda: window.library_controller.overview is not None)
    assert sounds.name in window.bar.completer.words("in")
    assert "DOORWood" in window.bar.completer.words("cat")
    assert not window.bar.completer.words("dur")


def test_without_a_device_everything_else_works(open_window, library_path, outputs, qtbot):
    outputs.missing = True
    window = open_window(library_path)
    qtbot.waitUntil(lambda: window.context.session.is_warm)
    search(window, qtbot, "door")
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: "no audio output device" in window.status.message.text())
    qtbot.waitUntil(lambda: not window.player.playing)
    assert len(names(window)) == 12
    qtbot.waitUntil(lambda: window.panel.waveform._drawn.peaks is not None)


def test_a_first_start_offers_a_folder_or_demo_sounds(
    open_window, tmp_path, sounds, qtbot, monkeypatch
):
    window = open_window(tmp_path / "new.db")
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.welcome)
    monkeypatch.setattr(
        "app.gui.library.questions.QFileDialog.getExistingDirectory", lambda *a: str(sounds)
    )
    window.welcome.add.click()
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 12)
    assert window.stack.currentWidget() is window.results
    qtbot.waitUntil(lambda: window.context.session.is_warm)


def test_the_demo_sounds_can_be_searched_with_the_model_that_ships(open_window, tmp_path, qtbot):
    window = open_window(tmp_path / "new.db")
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.welcome)
    window.welcome.demo.click()
    qtbot.waitUntil(lambda: window.results.results.rowCount() > 0)
    window.bar.set_text("church bell ringing")  # while it is being indexed
    qtbot.waitUntil(
        lambda: (
            window.library_controller.overview.statistics.embedded == 32 and not window.jobs.shown()
        ),
        timeout=90_000,
    )
    search(window, qtbot, "a bell that rings")
    assert "bell" in names(window)[0]


def test_the_window_keeps_up_with_changes(window, sounds, qtbot):
    window.indexing.watch(True)
    time.sleep(0.2)
    soundfile.write(sounds / "arrived.wav", np.zeros(9000) + 0.1, 32_000)
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.embedded == 13)
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 13)
    (sounds / "arrived.wav").unlink()
    window.indexing.index([])  # watching gives way, and goes on
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.missing == 1)
    soundfile.write(sounds / "another.wav", np.ones(9000) * 0.2, 32_000)
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.embedded == 13)


def test_folders_are_relinked_and_taken_out(window, sounds, tmp_path, qtbot, monkeypatch):
    moved = tmp_path / "moved"
    sounds.rename(moved)
    window.library_controller.relink(str(sounds), str(moved))
    qtbot.waitUntil(lambda: str(moved) in window.library_controller.overview.facets.folders)
    monkeypatch.setattr(window.prompts, "confirm", lambda *a: True)
    window.questions.forget(str(moved))
    qtbot.waitUntil(lambda: not window.library_controller.overview.facets.folders)
    assert len(list(moved.rglob("*.wav"))) == 13
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.welcome)


def test_a_library_that_cannot_be_opened_is_told(open_window, tmp_path, qtbot, settings, outputs):
    from app.gui.kit.style.apply import apply_theme
    from app.gui.shell.window import MainWindow

    path = tmp_path / "words.db"
    path.write_text("these are words, not a database " * 20)
    window = MainWindow(path, settings, apply_theme(None, "light"), outputs)
    window.show()
    qtbot.waitUntil(lambda: "words.db" in window.status.message.text())
    assert path.read_text().startswith("these are words")
    window.close()


def test_every_button_and_field_has_a_name_and_can_be_reached(window):
    from PySide6.QtWidgets import QAbstractButton, QLineEdit, QSlider

    for kind in (QAbstractButton, QLineEdit, QSlider):
        for widget in window.findChildren(kind):
            if not widget.isVisible() or widget.objectName().startswith("qt_"):
                continue
            assert widget.accessibleName() or widget.text() or widget.toolTip(), widget
    for name, action in window.actions_by_name.items():
        keys = action.shortcuts()
        if keys:
            assert keys[0].toString(keys[0].SequenceFormat.NativeText) in action.toolTip(), name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_window_is_painted_in_both_themes(window, theme, qtbot):
    from app.gui.kit.style.apply import apply_theme
    from app.gui.kit.style.palette import DARK, LIGHT

    apply_theme(window, theme)
    picture = window.grab().toImage()
    colours = {"light": LIGHT, "dark": DARK}[theme]
    assert picture.pixelColor(300, 5).name() == colours.window
    assert picture.pixelColor(5, picture.height() - 5).name() == colours.panel


def test_a_library_that_is_damaged_inside_is_told_though_it_opens(
    open_window, tmp_path, qtbot, monkeypatch
):
    monkeypatch.setattr(
        "app.gui.shell.opening.damage_of", lambda path, control: "Page 7: never used"
    )
    window = open_window(tmp_path / "library.db")
    qtbot.waitUntil(lambda: "Tools, Repair the library" in window.status.message.text())


def test_indexing_goes_on_where_a_window_was_closed(open_window, library_path, sounds, qtbot):
    window = open_window(library_path)
    for number in range(4):
        shutil.copytree(sounds / "tones", sounds / f"more {number}")
    window.indexing.index([sounds])
    assert window.indexing.is_on
    window.close()
    again = open_window(library_path)
    qtbot.waitUntil(lambda: again.library_controller.overview.statistics.embedded == 36)
    qtbot.waitUntil(lambda: not again.indexing.is_on)
    again.close()
    last = open_window(library_path)
    assert not last.indexing.is_on


def test_indexing_goes_on_when_the_window_that_closed_has_ended(
    open_window, library_path, sounds, qtbot, monkeypatch
):
    window = open_window(library_path)
    shutil.copytree(sounds / "tones", sounds / "more")
    window.indexing.index([sounds])
    window.close()
    looks, real = [], build.is_being_indexed
    with Library(library_path) as other, ExitStack() as held:
        held.enter_context(other.database.alone())

        def look(library: Library) -> bool:
            looks.append(real(library))
            held.close()
            return looks[-1]

        monkeypatch.setattr(build, "is_being_indexed", look)
        again = open_window(library_path)
        qtbot.waitUntil(lambda: again.library_controller.overview.statistics.embedded == 18)
        assert looks[0] and not looks[-1]


def test_a_name_is_one_visible_line_everywhere(open_window, tmp_path, sounds, model_folder, qtbot):
    odd = sounds / "a\nb \u202egpj.wav"
    shutil.copy(sounds / "tones" / "Sound_01.wav", odd)
    path = tmp_path / "odd.db"
    with Library(path) as library:
        library.set_settings({"model_folder": str(model_folder).encode()})
        index_folders(library, model_folder, [odd], Control())
    window = open_window(path)
    model = window.results.results
    qtbot.waitUntil(lambda: model.rowCount() == 1 and model.row_at(0).sound is not None)
    seen = "a\\nb \\u202egpj.wav"
    assert model.index(0, NAME.place).data() == seen
    window.results.choose(0)
    qtbot.waitUntil(lambda: window.panel.name.text() == seen)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    labels = [label.text() for label in window.findChildren(PlainLabel)]
    assert labels.count(seen) >= 2 and not any("\u202e" in text for text in labels)


def test_a_sound_is_looked_into_though_rows_are_shown_anew_just_then(window, qtbot):
    model = window.results.results
    window.results.choose(3)
    model.show(model.found)  # as where the library has changed
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    assert window.inspector.details.sound.id == window.player_controller.sound.id
