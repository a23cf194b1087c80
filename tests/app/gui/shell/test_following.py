"""What is shown follows what changes, and nobody who listens loses the place."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import Qt
from sqlalchemy import update

from app.gui.search import requests, searching
from app.gui.search.staying import go_back, viewpoint_of
from engine.store import Library, tables
from engine.store.collections import collect
from engine.store.marks import set_stars
from tests.app.gui.shell.test_window import search
from tests.conftest import accept_tags


def names(window):
    """Return the names of rows that were fetched."""
    model = window.results.results
    sounds = [model.row_at(row).sound for row in range(model.rowCount())]
    return [Path(sound.path).name for sound in sounds if sound is not None]


def write(path, seconds=0.4):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.name)).normal(0, 0.1, int(32_000 * seconds))
    soundfile.write(path, noise, 32_000)


def index(window, qtbot):
    window.indexing.index([])
    qtbot.waitUntil(lambda: not window.indexing.is_on)


def test_results_of_a_search_follow_where_nobody_is_at_a_row(window, sounds, qtbot):
    search(window, qtbot, "a low door")
    write(sounds / "door.wav")
    index(window, qtbot)
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 13)
    assert not window.notice.isVisible()


def test_a_filtered_list_follows_too(window, sounds, qtbot):
    search(window, qtbot, "in:tones")
    write(sounds / "tones" / "door.wav")
    index(window, qtbot)
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 7)


@pytest.mark.parametrize("text", ["a low door", "", "fmt:wav"])
def test_nothing_moves_under_whoever_listens_until_they_say_so(window, sounds, qtbot, text):
    if text:
        search(window, qtbot, text)
    window.results.setFocus()
    window.results.choose(4)
    before = [window.results.results.id_at(row) for row in range(12)]
    looked_at = before[4]
    write(sounds / "door.wav")
    (sounds / "tones" / "Sound_01.wav").unlink()
    index(window, qtbot)
    qtbot.waitUntil(window.notice.isVisible)
    assert window.notice.says.text() == "One new sound, one is gone"
    assert [window.results.results.id_at(row) for row in range(12)] == before
    top = window.results.rowViewportPosition(4)
    window.notice.button.click()
    qtbot.waitUntil(lambda: "door.wav" in names(window))
    row = window.results.currentIndex().row()
    assert window.results.results.id_at(row) == looked_at
    qtbot.waitUntil(lambda: len(names(window)) == 12)
    assert "Sound_01.wav" not in names(window)
    assert window.results.verticalScrollBar().maximum() == 0 or (
        window.results.rowViewportPosition(row) == top
    )
    assert not window.notice.isVisible()


def test_a_row_chosen_while_results_are_asked_anew_stays_chosen(window, qtbot):
    window.player_controller.auto_play = False
    results = window.results.results
    for row in (3, 5):
        chosen = results.id_at(row)
        with qtbot.waitSignal(window.player_controller.detailed) as told:
            window.searching.refresh()
            if row == 5:  # and asked once more, before it is answered
                window.searching.refresh()
                results._cache._sounds.pop(chosen)  # it was never in view
            window.results.choose(row)
        qtbot.waitUntil(lambda: not window.jobs.is_running("search"))
        assert told.args[0].sound.id == chosen
        assert results.id_at(window.results.currentIndex().row()) == chosen
        assert window.player_controller.sound.id == chosen


def test_a_row_chosen_before_the_search_bar_tells_what_it_held_all_along_stays_chosen(
    window, qtbot
):
    window.player_controller.auto_play = False
    results = window.results.results
    window.results.choose(3)
    with qtbot.waitSignal(window.searching.answered):
        window.bar.ask()  # as its timer does, a little later than the library was opened
    row = window.results.currentIndex().row()
    assert (row, window.player_controller.sound.id) == (3, results.id_at(3))
    with qtbot.waitSignal(window.searching.answered):
        window.bar.set_text("door")  # something else begins at the top
    assert not window.results.currentIndex().isValid()


def test_a_sound_that_moves_before_it_is_fetched_is_still_looked_at(window, qtbot):
    window.player_controller.auto_play = False
    results = window.results.results
    chosen = results.id_at(4)
    results._cache._sounds.pop(chosen, None)  # on a slow machine it is not fetched yet
    with qtbot.waitSignal(window.player_controller.detailed) as told:
        window.results.choose(4)
        viewpoint = viewpoint_of(window.results)
        results.show(replace(results.found, ids=results.ids[::-1].copy()))
        go_back(window.results, viewpoint)
    assert told.args[0].sound.id == chosen


def test_another_search_takes_the_offer_back(window, sounds, qtbot):
    search(window, qtbot, "a low door")
    window.results.choose(2)
    write(sounds / "door.wav")
    index(window, qtbot)
    qtbot.waitUntil(window.notice.isVisible)
    search(window, qtbot, "rain")
    qtbot.waitUntil(lambda: not window.notice.isVisible())


def test_results_go_on_as_one_scrolls(window, qtbot, monkeypatch):
    search(window, qtbot, "a low door")
    whole = names(window)
    search(window, qtbot, "rain")
    monkeypatch.setattr(searching, "LIMIT", 3)
    search(window, qtbot, "a low door")
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 12)
    assert names(window) == whole
    qtbot.waitUntil(lambda: "match, " in window.status.message.text())
    qtbot.waitUntil(lambda: "+" not in window.status.message.text())


def test_results_sorted_otherwise_do_not_go_on(window, qtbot, monkeypatch):
    monkeypatch.setattr(searching, "LIMIT", 3)
    monkeypatch.setattr(window.searching, "_more", lambda: None)
    search(window, qtbot, "a low door")
    assert "3+ " in window.status.message.text()
    monkeypatch.undo()
    window.results.results.sort(2, Qt.SortOrder.AscendingOrder)
    window.searching._more()
    assert not window.jobs.is_running("more")


def test_a_found_answer_knows_whether_there_may_be_more():
    found = requests.Found(requests.SearchRequest("door"), np.arange(5), limit=5)
    assert not found.goes_on  # a list holds everything


def test_a_file_that_is_back_is_drawn(window, sounds, tmp_path, qtbot):
    path = sounds / "tones" / "Sound_03.wav"
    with Library(window.context.place) as library:
        (sound_id,) = (i for i, s in library.sounds().items() if s.path == str(path))
    cache = window.results.results._cache
    qtbot.waitUntil(lambda: bool(cache._thumbnails.get(sound_id)))
    with Library(window.context.place) as library, library.writing() as connection:
        connection.execute(tables.thumbnails.delete())
    away = shutil.move(path, tmp_path / "away.wav")
    window.results.results.put_thumbnails({sound_id: b""})  # what was tried meanwhile
    row = window.results.results.row_of(sound_id)
    window.results.choose(row)
    qtbot.waitUntil(lambda: not window.jobs.is_running("peaks"))
    shutil.move(away, path)
    index(window, qtbot)
    qtbot.waitUntil(lambda: bool(cache._thumbnails.get(sound_id)))
    qtbot.waitUntil(lambda: window.panel.waveform._drawn.peaks is not None)


def let_wait(path, count):
    """Let some sounds of a library wait to be listened to."""
    s = tables.sounds.c
    with Library(path) as library, library.writing() as connection:
        waiting = update(tables.sounds).where(s.id <= count)
        connection.execute(waiting.values(content_hash="", heard_s=0.0))


def test_what_waits_is_listened_to_however_the_window_ended(open_window, library_path, qtbot):
    let_wait(library_path, 5)
    window = open_window(library_path)
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.embedded == 12)
    assert not window.notice.isVisible()


def test_watching_does_not_keep_from_going_on(open_window, library_path, qtbot, settings):
    settings.keep(replace(settings.now, watch=True))
    let_wait(library_path, 5)
    window = open_window(library_path)
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.embedded == 12)
    qtbot.waitUntil(lambda: window.indexing.watches)


def test_what_was_stopped_by_hand_is_offered_and_not_begun(
    open_window, library_path, qtbot, settings
):
    let_wait(library_path, 5)
    window = open_window(library_path)
    qtbot.waitUntil(lambda: window.indexing.is_on)
    for job in window.jobs.shown():
        job.cancel()
    qtbot.waitUntil(lambda: bool(settings.now.halted))
    window.close()
    let_wait(library_path, 5)
    again = open_window(library_path)
    qtbot.waitUntil(again.notice.isVisible)
    assert "wait to be listened to" in again.notice.says.text() and not again.indexing.is_on
    again.notice.button.click()
    qtbot.waitUntil(lambda: again.library_controller.overview.statistics.embedded == 12)
    assert not settings.now.halted


def test_the_welcome_goes_as_soon_as_something_comes(open_window, tmp_path, sounds, qtbot):
    window = open_window(tmp_path / "new.db")
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.welcome)
    window.indexing.index([sounds])
    assert window.stack.currentWidget() is window.empty
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 12)


def test_searches_that_were_looked_at_are_remembered(window, qtbot, monkeypatch):
    window.searching._stood.setInterval(50)
    search(window, qtbot, "do")
    qtbot.waitUntil(lambda: window.bar.history == ["do"])
    search(window, qtbot, "door")  # which was only begun before
    qtbot.waitUntil(lambda: window.bar.history == ["door"])
    window.searching._stood.setInterval(60_000)
    search(window, qtbot, "rain")
    assert window.bar.history == ["door"]
    window.player_controller.auto_play = False
    window.results.choose(2)
    qtbot.waitUntil(lambda: window.bar.history == ["rain", "door"])
    assert not window.player.playing


def test_what_is_wrong_is_told_where_it_is_typed_and_nothing_moves(window, qtbot):
    top = window.results.mapTo(window, window.results.rect().topLeft())
    window.bar.text.setFocus()
    qtbot.keyClicks(window.bar.text, "door dur:long ")
    bubble = window.bar._problem
    qtbot.waitUntil(bubble.isVisible)
    assert "dur:long" in bubble.label.text()
    below = window.bar.mapTo(window, window.bar.rect().bottomLeft())
    assert 0 < bubble.y() - below.y() < 10
    assert window.results.mapTo(window, window.results.rect().topLeft()) == top
    window.bar.text.setText("door ")
    qtbot.waitUntil(lambda: not bubble.isVisible())


def test_panels_hold_what_is_in_them_however_narrow(window, sounds, qtbot):
    long = sounds / ("Extremely_Long_Name_" * 8 + ".wav")
    shutil.copy(sounds / "tones" / "Sound_03.wav", long)
    index(window, qtbot)
    window.resize(900, 560)
    search(window, qtbot, "extremely long name")
    window.results.choose(0)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    qtbot.waitUntil(lambda: window.inspector.details.sound.path == str(long))
    body = window.inspector._scroll.widget()
    assert body.width() == window.inspector._scroll.viewport().width()
    for widget in body.findChildren(type(window.bar.record)):
        right = widget.mapTo(body, widget.rect().bottomRight()).x()
        assert right < body.width()
    assert window.panel.gain.width() == 100
    assert window.panel.gain.mapTo(window, window.panel.gain.rect().topRight()).x() < 900


def test_what_another_process_decides_is_shown_and_nobody_loses_the_place(window, qtbot):
    window.results.setFocus()
    window.results.choose(4)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    model, looked_at = window.results.results, window.results.results.id_at(4)
    window.others.look()  # which begins to watch
    qtbot.waitUntil(lambda: not window.jobs.is_running("others"))
    with Library(window.context.place) as other:
        set_stars(other, [looked_at], 4)
        accept_tags(other, [(looked_at, "rusty")])
        collect(other, "Gates", [looked_at])
    window.others.look()

    def is_shown() -> bool:
        details, sound = window.inspector.details, model.row_at(4).sound
        overview = window.library_controller.overview
        return (
            details is not None
            and list(details.tags) == ["rusty"]
            and sound is not None
            and sound.marks.stars == 4
            and "Gates" in overview.collections
        )

    qtbot.waitUntil(is_shown)
    assert window.results.currentIndex().row() == 4 and model.id_at(4) == looked_at


def test_own_decisions_are_not_shown_twice(window, qtbot):
    told = []
    window.others.changed.connect(lambda: told.append(1))
    window.results.choose(4)
    window.others.look()
    qtbot.waitUntil(lambda: not window.jobs.is_running("others"))
    model = window.results.results
    window.marking.set_stars([model.id_at(4)], 3)

    def is_shown() -> bool:
        sound = model.row_at(4).sound
        return sound is not None and sound.marks.stars == 3

    qtbot.waitUntil(is_shown)
    window.others.look()
    qtbot.waitUntil(lambda: not window.jobs.is_running("others"))
    assert not told


def test_an_inspector_that_says_it_all_already_stays_where_it_is_scrolled(window, qtbot):
    window.results.choose(4)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    body, details = window.inspector._scroll.widget(), window.inspector.details
    window.player_controller.look_again()
    qtbot.waitUntil(lambda: not window.jobs.is_running("why"))
    assert window.inspector._scroll.widget() is body and window.inspector.details is details
