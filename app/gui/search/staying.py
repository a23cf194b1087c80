"""Staying where one is in the results while they are shown anew."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt

from app.gui.search.columns import COLUMNS
from app.gui.search.results_view import ResultsView

_MOST_CHOSEN = 2000  # rows that are chosen again


@dataclass(frozen=True)
class Viewpoint:
    """Where somebody is: the sound that is looked at, how far from the top, what is chosen.

    ``top_px`` is None where the sound may come to lie elsewhere in view, or out of it.
    ``order`` is the column that results are sorted by, if it is not the best first.
    """

    current: int | None
    top_px: int | None
    chosen: frozenset[int]
    scrolled: int
    order: tuple[int, Qt.SortOrder] | None


def viewpoint_of(view: ResultsView) -> Viewpoint:
    """Return where somebody is."""
    index, header, model = view.currentIndex(), view.horizontalHeader(), view.results
    sorted_now = model.found.answer is not None and header.sortIndicatorSection() >= 0
    order = (header.sortIndicatorSection(), header.sortIndicatorOrder()) if sorted_now else None
    chosen = view.chosen_ids() if view.multiple else []
    return Viewpoint(
        model.id_at(index.row()) if index.isValid() else None,
        view.rowViewportPosition(index.row()) if index.isValid() else None,
        frozenset(chosen if len(chosen) <= _MOST_CHOSEN else ()),
        view.verticalScrollBar().value(),
        order,
    )


def go_back(view: ResultsView, viewpoint: Viewpoint) -> None:
    """Look at the same sound at the same height again; nothing is played for it."""
    model, bar, header = view.results, view.verticalScrollBar(), view.horizontalHeader()
    if viewpoint.order is not None and model.found.answer is not None:
        was_blocked = header.blockSignals(True)
        header.setSortIndicator(*viewpoint.order)
        header.blockSignals(was_blocked)
        model.sort(*viewpoint.order)
    row = model.row_of(viewpoint.current) if viewpoint.current is not None else None
    was_blocked = view.blockSignals(True)
    if row is not None:
        view.choose(row)
    if len(viewpoint.chosen) > 1:
        _choose_all(view, viewpoint.chosen)
    view.blockSignals(was_blocked)
    bar.setValue(viewpoint.scrolled)
    if row is not None and viewpoint.top_px is not None:
        bar.setValue(bar.value() + view.rowViewportPosition(row) - viewpoint.top_px)


def _choose_all(view: ResultsView, chosen: frozenset[int]) -> None:
    model, rows = view.results, QItemSelection()
    for sound_id in chosen:
        row = model.row_of(sound_id)
        if row is not None:
            rows.select(model.index(row, 0), model.index(row, len(COLUMNS) - 1))
    view.selectionModel().select(rows, QItemSelectionModel.SelectionFlag.Select)
