"""Columns that fill the width of the results: nothing scrolls sideways, what is empty is away."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QTableView

from app.gui.search.columns import COLUMNS, STRENGTH, Column
from app.gui.search.results_model import ResultsModel

_KEYS = " ".join(column.key for column in COLUMNS).encode() + b"\n"  # before what Qt keeps
_LOOKED_AT = 60  # rows at most, for whether a column has anything to say


class ColumnFit:
    """Gives columns their widths until somebody sets one, and hides those with nothing to say.

    What the user hid stays hidden, and what they asked for is shown in any case.
    """

    def __init__(self, view: QTableView, model: ResultsModel) -> None:
        self._view, self._model = view, model
        self._header = view.horizontalHeader()
        self._hidden = {column.key for column in COLUMNS if column.hidden}  # by the user
        self._wanted: set[str] = set()
        self._filled: set[str] = set()  # that had something to say since the window opened
        self._busy = False
        self.on = True
        for place, column in enumerate(COLUMNS):
            view.setColumnWidth(place, column.width)
        self._header.sectionResized.connect(self._on_resized)
        model.modelReset.connect(self.look)
        model.dataChanged.connect(lambda *_: self.look())

    def look(self) -> None:
        """See which columns have something to say now."""
        before = set(self._filled)
        self._filled.discard(STRENGTH.key)
        if self._model.found.answer is not None:
            self._filled.add(STRENGTH.key)
        waiting = [c for c in COLUMNS if c.when_filled and c.key not in self._filled]
        if waiting and self._model.rowCount():
            rows = [self._model.row_at(row) for row in self._rows_in_view()]
            self._filled |= {c.key for c in waiting if any(c.text(row) for row in rows)}
        if self._filled != before:
            self.fit()

    def fit(self) -> None:
        """Show the columns that fit, as wide as there is room for."""
        shown = [c for c in COLUMNS if self._is_shown(c)]
        width = self._view.viewport().width()
        if self.on:
            shown = _fitting(shown, width, self._wanted)
        self._busy = True
        for place, column in enumerate(COLUMNS):
            self._header.setSectionHidden(place, column not in shown)
        if self.on:
            for column, pixels in _widths(shown, width):
                self._view.setColumnWidth(column.place, pixels)
        self._busy = False

    def choose(self, column: Column, shown: bool) -> None:
        """Show or hide a column because the user wants it."""
        self._hidden.discard(column.key)
        self._wanted.discard(column.key)
        (self._wanted if shown else self._hidden).add(column.key)
        self.fit()

    def set_on(self, on: bool) -> None:
        """Let the columns follow the width of the window again, or no longer."""
        self.on = on
        self.fit()

    def state(self) -> bytes:
        """Return which columns there are, their widths, order and visibility, as the user has them.

        What is away only because it is empty, or for want of room, is not kept as hidden.
        """
        self._busy = True
        away = [c.place for c in COLUMNS if self._header.isSectionHidden(c.place)]
        for place in away:
            self._header.setSectionHidden(place, COLUMNS[place].key in self._hidden)
        kept = bytes(self._header.saveState().data())
        for place in away:
            self._header.setSectionHidden(place, True)
        self._busy = False
        manner = " ".join(["fit" if self.on else "own", *sorted(self._wanted)])
        return _KEYS + manner.encode() + b"\n" + kept

    def restore(self, state: bytes) -> None:
        """Set the columns as they were, if they are the same ones."""
        manner, newline, kept = state.removeprefix(_KEYS).partition(b"\n")
        said = manner.decode(errors="replace").split()
        if not (state.startswith(_KEYS) and newline and said and said[0] in ("fit", "own")):
            return
        self._busy = True
        self._header.restoreState(kept)
        self._busy = False
        hidden = (c for c in COLUMNS if self._header.isSectionHidden(c.place))
        self._hidden = {column.key for column in hidden if not column.main}
        self._wanted = set(said[1:]) - self._hidden
        self.on = said[0] == "fit"
        self.fit()

    def _is_shown(self, column: Column) -> bool:
        if column.key in self._hidden:
            return False
        return column.key in self._wanted or not column.when_filled or column.key in self._filled

    def _rows_in_view(self) -> range:
        first, height = max(0, self._view.rowAt(0)), self._view.viewport().height()
        last = self._view.rowAt(height - 1)
        end = last + 1 if last >= 0 else self._model.rowCount()
        return range(first, min(end, first + _LOOKED_AT, self._model.rowCount()))

    def _on_resized(self, *_: int) -> None:
        if not self._busy:
            self.on = False  # the user has other widths in mind


def _fitting(columns: Sequence[Column], width: int, wanted: set[str]) -> list[Column]:
    """Return the columns without those that there is no room for, most dispensable first."""
    kept = list(columns)
    spare = sorted((c for c in columns if c.spare and c.key not in wanted), key=lambda c: -c.spare)
    for column in spare:
        if sum(_least(c) for c in kept) <= width:
            break
        kept.remove(column)
    return kept


def _widths(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """Return each column's pixels: what is left goes to those that stretch."""
    left = max(0, width - sum(_least(column) for column in columns))
    weights = sum(column.stretch for column in columns)
    found, given = [], 0
    for column in columns:
        given_before = given
        given += column.stretch
        more = left * given // weights - left * given_before // weights if weights else 0
        found.append((column, _least(column) + more))
    return found


def _least(column: Column) -> int:
    return column.least if column.stretch else column.width
