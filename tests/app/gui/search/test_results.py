"""The table of results: a million rows, sorting, the divider, what a drag carries."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from app.gui.kit.files import SOUNDS_MIME, mime_of_sounds
from app.gui.kit.style.palette import DARK
from app.gui.search.columns import COLUMNS, DURATION, FOLDER, NAME, STRENGTH, TAGS
from app.gui.search.requests import Found, RowFacts, SearchRequest
from app.gui.search.results_model import ResultsModel
from app.gui.search.results_view import BAND_HEIGHT, ROW_HEIGHT, ResultsView
from app.gui.search.selected_sounds import SelectedSounds
from engine.search.answer import Answer, Match
from engine.store import SoundRow


def sound(number: int) -> SoundRow:
    path = f"/sounds/{'ab'[number % 2]}/Sound {number:07d}.wav"
    return SoundRow(number, path, 10.0 - number % 7, 48000, 2, 24, "wav", missing=False)


def answer(count: int, strong: int) -> Found:
    matches = tuple(
        Match(sound(n), -float(n), 1.0 - n / count, 0.5, 1.5, keyword_match=n == 1)
        for n in range(count)
    )
    found = Answer("door", "random", matches, strong, 1.0)
    return Found(SearchRequest("door"), np.arange(count), found)


def test_of_a_million_rows_only_those_near_the_view_are_fetched(view, qtbot):
    asked = []
    view.results.rows_wanted.connect(asked.append)
    view.results.show(Found(SearchRequest(), np.arange(1_000_000)))
    assert view.results.rowCount() == 1_000_000
    qtbot.waitUntil(lambda: bool(asked))
    view.scrollTo(view.results.index(777_777, 0))
    qtbot.waitUntil(lambda: any(777_777 in ids for ids in asked))
    assert sum(map(len, asked)) < 400
    facts = {number: sound(number) for ids in asked for number in ids}
    view.results.put_rows(RowFacts(facts, {777_777: ["metal"]}, {777_777: b"\1\2"}))
    row = view.results.row_at(777_777)
    assert row.sound == sound(777_777) and row.tags == ["metal"] and row.thumbnail == b"\1\2"


@pytest.mark.parametrize("direction", [1, -1])
def test_rows_are_known_before_they_come_into_view_and_fetched_many_at_once(view, qtbot, direction):
    model, bar, asked = view.results, view.verticalScrollBar(), []

    def fetch(ids):
        asked.append(len(ids))
        model.put_rows(RowFacts({i: sound(i) for i in ids}, {}, {}))

    model.rows_wanted.connect(fetch)
    model.show(Found(SearchRequest(), np.arange(10_000)))
    qtbot.waitUntil(lambda: bar.maximum() > 5000 * ROW_HEIGHT)
    bar.setValue(5000 * ROW_HEIGHT)
    qtbot.waitUntil(lambda: model.row_at(5000).sound is not None)
    asked.clear()
    for _ in range(200):
        bar.setValue(bar.value() + direction * 2 * ROW_HEIGHT)
        first, last = view.rowAt(0), view.rowAt(view.viewport().height() - 1)
        assert all(model.row_at(row).sound is not None for row in (first, last))
        QApplication.processEvents()
    assert len(asked) < 10


def test_cells_say_what_a_sound_is(view):
    view.results.show(answer(10, 4))
    texts = {column.key: view.results.index(3, column.place).data() for column in COLUMNS}
    said = {
        "wave": "",
        "strength": "0.70",
        "name": "Sound 0000003.wav",
        "duration": "7.00",
        "format": "48 k · 24 · stereo",
        "channels": "Stereo",
        "category": "",
        "description": "",
        "folder": "/sounds/b",
        "tags": "",
    }
    assert {key: texts[key] for key in said} == said
    assert view.results.index(3, 0).data(Qt.ItemDataRole.ToolTipRole) == sound(3).path


def test_every_column_has_a_name_of_its_own():
    assert len({column.key for column in COLUMNS}) == len(COLUMNS)
    assert len({column.title() for column in COLUMNS}) == len(COLUMNS)


def test_results_sort_by_every_column_and_go_back_to_their_order(view):
    model = view.results
    model.show(answer(20, 4))
    for column in range(len(COLUMNS)):
        for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
            model.sort(column, order)
            assert sorted(model.id_at(row) for row in range(20)) == list(range(20))
    model.sort(DURATION.place, Qt.SortOrder.AscendingOrder)
    lengths = [model.row_at(row).sound.duration_s for row in range(20)]
    assert lengths == sorted(lengths) and model.divider is None
    model.sort(STRENGTH.place, Qt.SortOrder.DescendingOrder)
    assert [model.id_at(row) for row in range(20)] == list(range(20)) and model.divider == 4


def test_a_chosen_row_stays_chosen_when_sorted(view):
    view.results.show(answer(20, 4))
    view.choose(6)  # the shortest of the first
    view.results.sort(NAME.place, Qt.SortOrder.DescendingOrder)
    assert view.results.id_at(view.currentIndex().row()) == 6
    assert view.chosen_ids() == [6]


@pytest.mark.parametrize(
    ("share", "words", "says"),
    [
        (None, (), None),
        (0.0, (), "By sound alone"),
        (0.05, ("the", "door"), "By sound alone"),
        (0.5, ("door",), "Name and sound: door"),
        (0.9, ("door", "creak"), "Mostly its name: door, creak"),
    ],
)
def test_the_strength_says_how_much_of_it_is_name(view, share, words, says):
    match = Match(sound(0), 1.0, 0.9, 0.5, 1.5, True, words=words, words_share=share)
    found = Answer("door creak", "random", (match,), 1, 1.0)
    view.results.show(Found(SearchRequest("door creak"), np.arange(1), found))
    cell = view.results.index(0, STRENGTH.place)
    assert cell.data(Qt.ItemDataRole.ToolTipRole) == says


@pytest.mark.parametrize("strong", [0, 4, 20])
def test_the_divider_stands_above_the_first_weak_row(view, strong):
    view.results.show(answer(20, strong))
    tall = [row for row in range(20) if view.rowHeight(row) == ROW_HEIGHT + BAND_HEIGHT]
    assert tall == ([strong] if strong < 20 else [])
    view.results.show(answer(20, 20))
    assert {view.rowHeight(row) for row in range(20)} == {ROW_HEIGHT}


def test_the_band_says_that_nothing_sounds_like_that(view, qtbot):
    view.results.show(answer(20, 0))
    picture = view.grab().toImage()
    warm = sum(
        picture.pixelColor(x, y).name() == DARK.warning
        for x in range(40, 330)
        for y in range(picture.height() // 2)
    )
    assert warm > 5


def test_a_drag_carries_the_files_of_all_chosen_rows(view):
    view.results.show(answer(10, 10))
    model = view.results
    data = mime_of_sounds(list(model.known([model.id_at(row) for row in (2, 5)]).values()))
    assert [url.toLocalFile() for url in data.urls()] == [sound(2).path, sound(5).path]
    assert bytes(data.data(SOUNDS_MIME).data()) == b"2,5"
    assert model.supportedDragActions() == Qt.DropAction.CopyAction


def test_rows_that_were_never_in_view_are_chosen_too(view):
    view.results.show(Found(SearchRequest(), np.arange(100_000)))
    view.selectAll()
    assert view.multiple and len(view.chosen_ids()) == 100_000


def test_rows_that_were_never_in_view_are_read_before_they_leave(view):
    model, read = view.results, []

    class Reading:
        """A library, and jobs that have done what they are given at once."""

        def sounds(self, ids):
            read.append(len(ids))
            return {number: sound(number) for number in ids}

        def start(self, lane, work, done, **_):
            assert lane == "read"
            done(work(None))

    reading, taken = Reading(), []
    context = SimpleNamespace(session=SimpleNamespace(library=reading), jobs=reading)
    taking = SelectedSounds(context, view)
    model.show(Found(SearchRequest(), np.arange(100_000)))
    taking.sounds(range(50_000, 50_010), taken.append)
    assert [s.id for s in taken[-1]] == list(range(50_000, 50_010)) and read == [10]
    taking.sounds(range(6000), taken.append)
    assert read == [10, 6000]
    assert [s.id for s in taken[-1]] == list(range(6000))
    assert len(mime_of_sounds(taken[-1]).urls()) == 6000


def test_a_row_is_dragged_without_a_modifier_key(view, qtbot, monkeypatch):
    view.results.show(answer(10, 10))
    dragged = []
    monkeypatch.setattr(view, "startDrag", lambda actions: dragged.append(view.chosen_ids()))
    start = view.visualRect(view.results.index(3, NAME.place)).center()
    viewport = view.viewport()
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    for step in range(1, 6):
        qtbot.mouseMove(viewport, start + QPoint(0, 12 * step))
    send_move(viewport, start + QPoint(0, 60))
    send_move(viewport, start + QPoint(0, 90))
    assert dragged and dragged[0] == [3]


def send_move(widget, place):
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    point = QPointF(place)
    left = Qt.MouseButton.LeftButton
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        point,
        QPointF(widget.mapToGlobal(place)),
        Qt.MouseButton.NoButton,
        left,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)


def test_columns_are_hidden_and_remembered(view, qtbot):
    header = view.horizontalHeader()
    assert header.isSectionHidden(TAGS.place)
    view.fitting.choose(FOLDER, False)
    header.resizeSection(NAME.place, 333)
    state = view.column_state()
    other = ResultsView(ResultsModel(), DARK)
    qtbot.addWidget(other)
    other.restore_columns(state)
    assert other.horizontalHeader().isSectionHidden(FOLDER.place)
    assert other.columnWidth(NAME.place) == 333
    another = ResultsView(ResultsModel(), DARK)
    qtbot.addWidget(another)
    another.restore_columns(b"of other " + state)  # of another version, which had other columns
    assert not another.horizontalHeader().isSectionHidden(FOLDER.place)


def test_paths_are_shortened_at_home(view):
    home = SoundRow(1, str(Path.home() / "Boom" / "a.wav"), 1, 48000, 1, 16, "wav", missing=False)
    view.results.show(Found(SearchRequest(), np.array([1])))
    view.results.put_rows(RowFacts({1: home}, {}, {}))
    assert view.results.index(0, FOLDER.place).data().startswith("~")
