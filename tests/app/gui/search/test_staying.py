"""Results that change while somebody looks at them."""

import numpy as np
import pytest
from PySide6.QtCore import QItemSelectionModel, Qt

from app.gui.kit.style.palette import DARK
from app.gui.search.columns import CATEGORY, COLUMNS, DURATION, NAME, STRENGTH
from app.gui.search.requests import Found, RowFacts, SearchRequest
from app.gui.search.results_model import ResultsModel, RowCache
from app.gui.search.results_view import BAND_HEIGHT, ResultsView
from app.gui.search.staying import go_back, viewpoint_of
from tests.app.gui.search.test_results import answer, sound


def longer(found: Found, count: int, limit: int = 500) -> Found:
    more = answer(count, found.answer.strong)
    return Found(found.asked, more.ids, more.answer, limit=limit)


def test_who_is_at_a_row_stays_at_it_when_others_come_above(view):
    view.results.show(Found(SearchRequest(), np.arange(100, 300)))
    view.choose(150)
    view.verticalScrollBar().setValue(view.verticalScrollBar().value() + 35)
    row = view.currentIndex().row()
    before = view.results.id_at(row), view.rowViewportPosition(row)
    viewpoint = viewpoint_of(view)
    view.results.show(Found(SearchRequest(), np.arange(0, 300)))
    go_back(view, viewpoint)
    row = view.currentIndex().row()
    assert (view.results.id_at(row), view.rowViewportPosition(row)) == before


def test_what_is_chosen_and_how_it_is_sorted_stays(view):
    view.results.show(answer(60, 20))
    view.horizontalHeader().setSortIndicator(NAME.place, Qt.SortOrder.DescendingOrder)
    view.results.sort(NAME.place, Qt.SortOrder.DescendingOrder)
    flag = QItemSelectionModel.SelectionFlag
    view.choose(3)
    view.selectionModel().select(view.results.index(5, 0), flag.Select | flag.Rows)
    chosen = view.chosen_ids()
    viewpoint = viewpoint_of(view)
    view.results.show(answer(80, 20))
    go_back(view, viewpoint)
    assert sorted(view.chosen_ids()) == sorted(chosen) and len(chosen) == 2
    assert view.results.sorted_by is NAME
    assert view.results.id_at(0) == 79


def test_more_results_are_added_below_and_no_row_moves(view):
    model = view.results
    first = answer(40, 40)
    model.show(Found(first.asked, first.ids, first.answer, limit=40))
    assert model.found.goes_on and model.divider is None
    view.choose(30)
    at = view.rowViewportPosition(30)
    model.extend(longer(model.found, 70, limit=80))
    assert [model.id_at(row) for row in range(70)] == list(range(70))
    assert view.currentIndex().row() == 30 and view.rowViewportPosition(30) == at
    assert not model.found.goes_on
    weak = answer(90, 60)
    model.extend(Found(first.asked, weak.ids, weak.answer, limit=90))
    assert model.divider == 60 and model.rowCount() == 90


def test_more_is_wanted_only_near_the_end(view):
    wanted = []
    view.more_wanted.connect(lambda: wanted.append(True))
    view.results.show(answer(500, 500))
    view.verticalScrollBar().setValue(50)
    assert not wanted
    view.scrollToBottom()
    assert wanted


@pytest.mark.parametrize("width", [340, 420, 620, 900, 1500])
def test_nothing_scrolls_sideways_until_somebody_sets_a_width(view, qtbot, width):
    view.resize(width, 400)
    view.results.show(answer(100, 40))
    header = view.horizontalHeader()
    shown = [c for c in COLUMNS if not header.isSectionHidden(c.place)]
    total = sum(view.columnWidth(c.place) for c in shown)
    assert total == view.viewport().width() or (width < 400 and total >= width)
    assert NAME in shown and view.columnWidth(NAME.place) >= 150
    header.resizeSection(NAME.place, 700)
    view.resize(width + 100, 400)
    assert view.columnWidth(NAME.place) == 700


def test_a_column_without_anything_to_say_is_away(view):
    header = view.horizontalHeader()
    view.results.show(Found(SearchRequest(), np.arange(10)))
    assert header.isSectionHidden(STRENGTH.place) and header.isSectionHidden(CATEGORY.place)
    facts = {n: sound(n) for n in range(10)}
    view.results.put_rows(RowFacts(facts, {}, {}))
    assert header.isSectionHidden(CATEGORY.place)
    view.results.put_rows(RowFacts(facts, {3: ["DOORWood"]}, {}))
    assert not header.isSectionHidden(CATEGORY.place)
    view.results.show(answer(10, 5))
    assert not header.isSectionHidden(STRENGTH.place)


def test_the_columns_of_the_user_come_back_but_not_what_was_only_empty(view, qtbot):
    view.results.show(Found(SearchRequest(), np.arange(10)))
    view.fitting.choose(DURATION, False)
    state = view.column_state()
    other = ResultsView(ResultsModel(), DARK)
    qtbot.addWidget(other)
    other.restore_columns(state)
    other.resize(1400, 400)
    other.show()
    other.results.show(answer(10, 5))
    header = other.horizontalHeader()
    assert header.isSectionHidden(DURATION.place) and not header.isSectionHidden(STRENGTH.place)
    assert other.fitting.on


def test_a_chosen_row_below_the_divider_does_not_hide_it(view):
    view.results.show(answer(20, 4))
    view.choose(4)
    view.clearFocus()
    top = view.rowViewportPosition(4)
    picture = view.viewport().grab().toImage()
    scale = picture.devicePixelRatio()
    seen = picture.pixelColor(round(500 * scale), round((top + 3) * scale)).name()
    chosen = picture.pixelColor(round(500 * scale), round((top + BAND_HEIGHT + 4) * scale)).name()
    assert (seen, chosen) == (DARK.panel, DARK.selected)


def test_the_row_that_has_the_focus_is_framed(view, qtbot):
    view.results.show(answer(20, 20))
    view.choose(4)

    def framed():
        picture = view.viewport().grab().toImage()
        y = round(view.rowViewportPosition(4) * picture.devicePixelRatio())
        return picture.pixelColor(300, y).name() == DARK.accent

    view.clearFocus()
    assert not framed()
    view.setFocus()
    qtbot.waitUntil(view.hasFocus)
    assert framed()


def test_a_picture_that_could_not_be_drawn_is_drawn_when_the_file_is_back():
    cache = RowCache()
    cache.put(RowFacts({1: sound(1), 2: sound(2)}, {}, {2: b"drawn"}))
    cache.put_thumbnails({1: b""})
    assert cache.undrawn([1, 2]) == []
    cache.forget_all()
    cache.put(RowFacts({1: sound(1), 2: sound(2)}, {}, {2: b"drawn"}))
    assert [row.id for row in cache.undrawn([1, 2])] == [1]


def test_a_file_that_changed_is_drawn_anew():
    cache = RowCache()
    cache.put(RowFacts({1: sound(1)}, {}, {1: b"old"}))
    cache.forget_all()
    cache.put(RowFacts({1: sound(1)}, {}, {}))
    assert [row.id for row in cache.undrawn([1])] == [1]
