"""The search bar: words, chips, completion, drops, history."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from app.gui.kit.style.palette import DARK
from app.gui.search.search_bar import SearchBar, sound_files
from engine.search.query_sound import QuerySound


@pytest.fixture
def bar(qtbot):
    made = SearchBar(DARK)
    made.completer.words = lambda key: {"cat": ["DOORWood", "DOORMetal"], "in": ["Boom Lib"]}.get(
        key, []
    )
    qtbot.addWidget(made)
    made.resize(800, 40)
    made.show()
    made.text.setFocus()
    return made


def asked_of(bar):
    asked = []
    bar.asked.connect(asked.append)
    return asked


def test_typing_asks_once_it_pauses(bar, qtbot):
    asked = asked_of(bar)
    qtbot.keyClicks(bar.text, "heavy door")
    assert asked == []
    qtbot.waitUntil(lambda: bool(asked))
    qtbot.wait(150)
    assert [query.text for query in asked] == ["heavy door"]


def test_a_filter_becomes_a_chip_and_goes_with_backspace(bar, qtbot):
    asked = asked_of(bar)
    qtbot.keyClicks(bar.text, 'door dur:<2s in:"Boom Lib" -fmt:mp3 ')
    assert bar.text.text().strip() == "door"
    assert [chip.text for chip in bar._chips] == ["dur:<2s", 'in:"Boom Lib"', "-fmt:mp3"]
    qtbot.waitUntil(lambda: bool(asked))
    assert asked[-1].text == 'dur:<2s in:"Boom Lib" -fmt:mp3 door'
    bar.text.setCursorPosition(0)
    qtbot.keyClick(bar.text, Qt.Key.Key_Backspace)
    assert [chip.text for chip in bar._chips] == ["dur:<2s", 'in:"Boom Lib"']
    bar._chips[0].removed.emit()
    assert asked[-1].text == 'in:"Boom Lib" door'


def test_a_wrong_filter_is_told_and_stays_to_be_mended(bar, qtbot):
    told, asked = [], asked_of(bar)
    bar.refused.connect(told.append)
    qtbot.keyClicks(bar.text, "door dur:long ")
    qtbot.waitUntil(lambda: bool(told))
    assert "dur:long" in told[0] and "dur:<2s" in told[0]
    assert bar.text.text() == "door dur:long " and asked == []


def test_a_second_filter_of_a_kind_replaces_the_first(bar):
    bar.add_filter("cat:DOORWood")
    bar.add_filter("cat:RAINGen")
    assert bar.query.text == "cat:RAINGen"


def test_categories_and_folders_are_completed(bar, qtbot):
    qtbot.keyClicks(bar.text, "slam cat:metal")
    assert bar.completer.is_open and bar.completer.currentCompletion() == "cat:DOORMetal"
    bar.completer.activated.emit("cat:DOORMetal")
    assert bar.query.text == "cat:DOORMetal slam"
    qtbot.keyClicks(bar.text, " in:boo")
    bar.completer.activated.emit(bar.completer.currentCompletion())
    assert 'in:"Boom Lib"' in bar.query.text


def test_down_and_return_go_to_the_results(bar, qtbot):
    entered = []
    bar.entered.connect(lambda: entered.append(True))
    qtbot.keyClick(bar.text, Qt.Key.Key_Down)
    qtbot.keyClick(bar.text, Qt.Key.Key_Return)
    assert len(entered) == 2


def drop_on(bar, paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    event = QDropEvent(
        QPointF(20, 10),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    bar.dropEvent(event)
    return data


def test_dropped_sounds_are_searched_by_with_more_and_less(bar, qtbot):
    asked = asked_of(bar)
    data = drop_on(bar, [Path("/s/a.wav"), Path("/s/notes.txt"), Path("/s/b.flac")])
    assert sound_files(data) == [Path("/s/a.wav"), Path("/s/b.flac")]
    assert asked[-1].sounds == (QuerySound(Path("/s/a.wav")), QuerySound(Path("/s/b.flac")))
    assert bar.less.isVisible()
    qtbot.keyClicks(bar.text, "metallic")
    qtbot.keyClicks(bar.less, "reverb")
    qtbot.waitUntil(lambda: asked[-1].minus == "reverb")
    assert asked[-1].text == "metallic"
    bar.clear()
    assert asked[-1].is_empty and not bar.less.isVisible()


def test_a_part_and_a_recording_are_chips_too(bar):
    bar.add_sound(QuerySound(Path("/s/a.wav"), 1.5, 3.0))
    for _ in range(2):
        bar.add_sound(QuerySound(samples=np.zeros(100, np.float32), rate_hz=48000))
    names = [chip.text for chip in bar._chips]
    assert names == ["♪ a.wav 1.50–3.00", "♪ the recording", "♪ the recording"]
    bar.search_by(QuerySound(Path("/s/c.wav")))
    assert bar.query.sounds == (QuerySound(Path("/s/c.wav")),)


def test_the_history_holds_what_was_played_newest_first(bar):
    for text in ("door", "rain", "door"):
        bar.set_text(text)
        bar.remember()
    assert bar.history == ["door", "rain"]
