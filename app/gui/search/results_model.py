"""Results as Qt shows them: a million rows, of which only the visible ones are fetched."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)

from app.gui.kit.plain import tip
from app.gui.kit.text import what_speaks_for
from app.gui.search.columns import COLUMNS, STRENGTH, Column, ResultRow
from app.gui.search.requests import Found, RowFacts, SearchRequest
from engine.arrays import Integers
from engine.audio.peaks import without_tones
from engine.plain_text import one_line
from engine.search.answer import Match
from engine.store import SoundRow

Index = QModelIndex | QPersistentModelIndex
_KEPT_ROWS = 4000
_NEAR, _AHEAD = 30, 100  # rows beside those in view that are known, and that are fetched at once
_NOBODY = QModelIndex()


class RowCache:
    """What is known of rows, the latest used ones only."""

    def __init__(self) -> None:
        self._sounds: OrderedDict[int, tuple[SoundRow, Sequence[str]]] = OrderedDict()
        self._thumbnails: OrderedDict[int, bytes] = OrderedDict()
        self._wanted: set[int] = set()
        self._asked_for: set[int] = set()
        self._stale: set[int] = set()  # shown until they were fetched again

    def row(self, sound_id: int, match: Match | None) -> ResultRow:
        """Return a row; one that is not known is wanted from now on."""
        thumbnail = self._thumbnails.get(sound_id)
        known = self._sounds.get(sound_id)
        if known is None:
            self._wanted.add(sound_id)
            return ResultRow(None, match, (), thumbnail)
        if sound_id in self._stale:
            self._wanted.add(sound_id)
        return ResultRow(known[0], match, known[1], thumbnail)

    def foresee(self, near: Sequence[int], ahead: Sequence[int]) -> None:
        """Want sounds that may be looked at soon, once those near to the view are not all known."""
        if any(i not in self._sounds and i not in self._asked_for for i in near):
            self._wanted.update(i for i in ahead if i not in self._sounds)

    def keep(self, sound: SoundRow, tags: Sequence[str]) -> None:
        """Remember a sound."""
        self._sounds[sound.id] = (sound, tags)
        self._stale.discard(sound.id)
        self._sounds.move_to_end(sound.id)
        while len(self._sounds) > _KEPT_ROWS:
            self._sounds.popitem(last=False)

    def put(self, facts: RowFacts) -> None:
        """Remember facts that were asked for."""
        for sound_id, sound in facts.sounds.items():
            if sound_id in self._stale and sound_id not in facts.thumbnails:
                self._thumbnails.pop(sound_id, None)  # the file may be another one
            self.keep(sound, facts.tags.get(sound_id, ()))
        self._asked_for -= set(facts.sounds)
        self.put_thumbnails(facts.thumbnails)

    def put_thumbnails(self, made: Mapping[int, bytes]) -> None:
        """Remember thumbnails."""
        self._thumbnails.update(made)
        while len(self._thumbnails) > _KEPT_ROWS:
            self._thumbnails.popitem(last=False)

    def forget(self, sound_id: int) -> None:
        """Want a sound again, which has changed; until then it is shown as it was."""
        if sound_id in self._sounds:
            self._stale.add(sound_id)
            self._wanted.add(sound_id)
            self._asked_for.discard(sound_id)  # what is on its way may be older

    def forget_all(self) -> None:
        """Want every sound again when it is looked at; until then it is shown as it was."""
        self._stale = set(self._sounds)
        for sound_id in [i for i, drawn in self._thumbnails.items() if not drawn]:
            del self._thumbnails[sound_id]  # its file may be back

    @property
    def wants(self) -> bool:
        """Return whether sounds are to be fetched."""
        return bool(self._wanted)

    def sounds(self, sound_ids: Sequence[int]) -> dict[int, SoundRow]:
        """Return those sounds that are known as they are now."""
        known = (i for i in sound_ids if i in self._sounds and i not in self._stale)
        return {i: self._sounds[i][0] for i in known}

    def undrawn(self, sound_ids: Sequence[int]) -> list[SoundRow]:
        """Return those sounds that are known but have no thumbnail."""
        known = self.sounds(sound_ids)
        return [sound for i, sound in known.items() if i not in self._thumbnails]

    def ask(self) -> list[int]:
        """Return what is wanted and was not asked for yet."""
        wanted = [i for i in self._wanted if i not in self._asked_for]
        self._wanted.clear()
        self._asked_for.update(wanted)
        return wanted

    def ask_anew(self) -> None:
        """Forget what was asked for: other rows are shown."""
        self._wanted.clear()
        self._asked_for.clear()


class ResultsModel(QAbstractTableModel):
    """The rows of what was found.

    ``rows_wanted`` asks for facts of sounds by id, ``thumbnails_wanted`` for pictures of sounds
    that stay in view.
    ``sorted_by`` is the column that results are sorted by, None for the best first.
    """

    rows_wanted = Signal(list)
    thumbnails_wanted = Signal(list)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._found = Found(SearchRequest(), np.zeros(0, np.int64))
        self._matches: Sequence[Match] = ()
        self._ids: Integers = self._found.ids
        self.sorted_by: Column | None = None
        self.hidden_families: frozenset[str] = frozenset()  # of tags, in their column
        self._cache = RowCache()
        self.coloured_waves = True  # by where in frequency their energy lies
        self._fetch = QTimer(self, interval=0, singleShot=True)
        self._fetch.timeout.connect(lambda: _ask(self, self._cache))

    # What is shown

    def show(self, found: Found) -> None:
        """Show other rows, in the order in which they were found."""
        self.beginResetModel()
        self._found = found
        self._matches = found.answer.matches if found.answer is not None else ()
        self._ids, self.sorted_by = found.ids, None
        for match in self._matches:
            self._cache.keep(match.sound, match.tags)
        self._cache.ask_anew()
        self.endResetModel()

    def extend(self, found: Found) -> None:
        """Show more of the same answer below what is shown; no row moves."""
        answer = self._found.answer
        if answer is None or found.answer is None:
            return
        known = set(self._ids.tolist())
        new = [match for match in found.answer.matches if match.sound.id not in known]
        matches = (*answer.matches, *new)
        longer = replace(answer, matches=matches, strong=found.answer.strong)
        ids = np.array([match.sound.id for match in matches], np.int64)
        self._found = replace(found, ids=ids, answer=longer)
        if not new:
            return
        for match in new:
            self._cache.keep(match.sound, match.tags)
        count = len(self._ids)
        self.beginInsertRows(_NOBODY, count, count + len(new) - 1)
        self._matches, self._ids = matches, ids
        self.endInsertRows()

    @property
    def found(self) -> Found:
        """Return what is shown."""
        return self._found

    @property
    def divider(self) -> int | None:
        """Return the first weak row, None where there is none or rows stand in another order."""
        answer = self._found.answer
        if answer is None or self.sorted_by not in (None, STRENGTH):
            return None
        return answer.strong if answer.strong < len(answer.matches) else None

    def row_at(self, row: int) -> ResultRow:
        """Return a row; its sound is None until it was fetched."""
        match = self._matches[row] if self._matches else None
        found = self._cache.row(int(self._ids[row]), match)
        if self.hidden_families:
            found = replace(found, hidden=self.hidden_families)
        if self._cache.wants:
            self._fetch.start()
        if not self.coloured_waves and found.thumbnail:
            return replace(found, thumbnail=without_tones(found.thumbnail))
        return found

    def known(self, ids: Sequence[int]) -> dict[int, SoundRow]:
        """Return those sounds that are known as they are now; others were never in view."""
        return self._cache.sounds(ids)

    def id_at(self, row: int) -> int:
        """Return the id of a row's sound."""
        return int(self._ids[row])

    @property
    def ids(self) -> Integers:
        """Return the ids of all rows, in their order."""
        return self._ids

    def row_of(self, sound_id: int) -> int | None:
        """Return the row of a sound, or None."""
        places = np.flatnonzero(self._ids == sound_id)
        return int(places[0]) if len(places) else None

    def put_rows(self, facts: RowFacts) -> None:
        """Take facts that were asked for."""
        self._cache.put(facts)
        _repaint(self)

    def put_thumbnails(self, made: Mapping[int, bytes]) -> None:
        """Take thumbnails that were asked for."""
        self._cache.put_thumbnails(made)
        _repaint(self)

    def forget(self, sound_ids: Sequence[int] | None = None) -> None:
        """Fetch rows again, which have changed; all as they come into view if None is named."""
        if sound_ids is None:
            self._cache.forget_all()
            _repaint(self)
            return
        for sound_id in sound_ids:
            self._cache.forget(sound_id)
        self._fetch.start()

    def foresee(self, first: int, last: int) -> None:
        """Fetch rows beside those in view before they come into it, many at once."""
        near = self._ids[max(0, first - _NEAR) : last + _NEAR + 1].tolist()
        ahead = self._ids[max(0, first - _AHEAD) : last + _AHEAD + 1].tolist()
        self._cache.foresee(near, ahead)
        if self._cache.wants:
            self._fetch.start()

    def want_thumbnails(self, first: int, last: int) -> None:
        """Ask for pictures of the rows in view that have none yet."""
        missing = self._cache.undrawn([int(i) for i in self._ids[first : last + 1]])
        if missing:
            self.thumbnails_wanted.emit(missing)

    # What Qt asks for

    def rowCount(self, parent: Index = _NOBODY) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = _NOBODY) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's title, and on which side it stands."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and COLUMNS[section].right:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return COLUMNS[section].title() if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell."""
        if not index.isValid() or index.row() >= len(self._ids):
            return None
        texts = (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
        )
        if role not in texts:
            return None
        row = self.row_at(index.row())
        if role == Qt.ItemDataRole.ToolTipRole:
            if COLUMNS[index.column()] is STRENGTH and row.match is not None:
                return tip(what_speaks_for(row.match)) or None
            return tip(row.sound.path) if row.sound else None
        return one_line(COLUMNS[index.column()].text(row))

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return that a row can be chosen and dragged."""
        flag = Qt.ItemFlag
        return flag.ItemIsEnabled | flag.ItemIsSelectable | flag.ItemIsDragEnabled

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort the results of a search; a mere list is sorted by the library."""
        answer = self._found.answer
        if answer is None:
            return
        by = COLUMNS[column]
        down = order == Qt.SortOrder.DescendingOrder
        matches = list(answer.matches)
        if not by.by_score or not down:
            now = self._cache.sounds([match.sound.id for match in matches])  # marks may be others
            matches.sort(
                key=lambda m: by.sort_key(replace(m, sound=now.get(m.sound.id, m.sound))),
                reverse=down,
            )
        self.layoutAboutToBeChanged.emit()
        before = {int(sound_id): row for row, sound_id in enumerate(self._ids)}
        self.sorted_by = None if by.by_score and down else by
        self._matches = matches
        self._ids = np.array([match.sound.id for match in matches], np.int64)
        after = {before[int(sound_id)]: row for row, sound_id in enumerate(self._ids)}
        old = self.persistentIndexList()
        new = [self.index(after[index.row()], index.column()) for index in old]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()


def _ask(model: ResultsModel, cache: RowCache) -> None:
    """Ask for the rows that are wanted."""
    wanted = cache.ask()
    if wanted:
        model.rows_wanted.emit(wanted)


def _repaint(model: ResultsModel) -> None:
    """Let the rows in view be painted anew; those out of view cost nothing."""
    if model.rowCount():
        last = model.index(model.rowCount() - 1, len(COLUMNS) - 1)
        model.dataChanged.emit(model.index(0, 0), last)
