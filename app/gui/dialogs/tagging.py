"""The review of tags: suggested by the model, decided on by keyboard, then written or renamed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QRect, Qt
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLabel,
    QPushButton,
    QSpinBox,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
)

from app.gui.jobs import belongs_to
from app.gui.models.tags_model import TAG_ROLE, Index, ShownTag, TagColumn, TagsModel
from app.gui.tagging import Pair, Suggested
from app.gui.text import number
from app.gui.widgets.painting import elided, paint_share
from engine.progress import Control
from engine.store.tags import TagRow, tag_rows
from engine.tags.review import sure_tags
from engine.tags.run import Undone

if TYPE_CHECKING:
    from app.gui.window import MainWindow

_ROW_HEIGHT = 24
_WIDTHS = {
    TagColumn.FILE: 250,
    TagColumn.TAG: 170,
    TagColumn.PROBABILITY: 110,
    TagColumn.PART: 110,
    TagColumn.STATE: 80,
    TagColumn.SAID_BY: 80,
}


class ReviewTags(QDialog):
    """Suggestions for some sounds; A accepts, X rejects, E replaces, Space plays, Ctrl+Z undoes."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._ids: list[int] = []
        self.setWindowTitle(self.tr("Tags"))
        self.resize(980, 600)
        self.model = TagsModel()
        self.table = _Table(self)
        self.says = QLabel()
        self.says.setWordWrap(True)
        column = QVBoxLayout(self)
        column.addLayout(self._asking())
        column.addWidget(self.table, 1)
        keys = QLabel(
            self.tr("A accept · X reject · E replace · Space hear · Ctrl+Z undo · Ctrl+A all rows")
        )
        keys.setProperty("role", "dim")
        column.addWidget(keys)
        column.addLayout(self._deciding())
        column.addLayout(self._writing())
        self.look_at(window.tagging_scope())

    # What it is about

    def look_at(self, ids: Collection[int]) -> None:
        """Review these sounds."""
        self._ids = sorted(ids)
        self.says.setText(self.tr("{} sounds").format(number(len(self._ids))))
        self._window.tagging.pending(self._ids, belongs_to(self, self._show_pending))

    @property
    def taxonomy(self) -> str:
        """Return the list of labels that is chosen."""
        return str(self.labels.currentData())

    def suggest(self) -> None:
        """Suggest tags for the sounds."""
        from engine.tags.suggest import Rules

        rules = Rules(
            least=self.least.value() / 100,
            folder=self.folder.isChecked(),
            words=self.words.isChecked(),
        )
        self.start.setEnabled(False)
        self.says.setText(self.tr("Looking at {} sounds …").format(number(len(self._ids))))
        self._window.tagging.suggest(
            self._ids, self.taxonomy, rules, self._show_suggested, self._failed
        )

    # Decisions

    def accept_chosen(self) -> None:
        """Accept the chosen tags."""
        self._window.tagging.accept(self._chosen(), self._decided)
        self._go_on()

    def reject_chosen(self) -> None:
        """Reject the chosen tags."""
        self._window.tagging.reject(self._chosen(), self._decided)
        self._go_on()

    def edit_chosen(self) -> None:
        """Ask for another label for the chosen tags."""
        pairs = self._chosen()
        if not pairs:
            return
        ask = self.tr("Tag {} sounds instead with:").format(number(len(pairs)))
        label, given = QInputDialog.getText(self, self.tr("Replace the tag"), ask, text=pairs[0][1])
        label = " ".join(label.split())
        if given and label:
            self._window.tagging.edit(pairs, label, self._decided)

    def accept_sure(self) -> None:
        """Accept all open tags that are likely enough, of UCS categories one for each sound."""
        pairs = sure_tags([row.tag for row in self.model.rows], self.sure.value() / 100)
        if pairs:
            self._window.tagging.accept(pairs, self._decided)

    def undo(self) -> None:
        """Take the latest decision back."""
        self._window.tagging.undo(belongs_to(self, lambda _: self._look_again()))

    def hear(self) -> None:
        """Play the part that the tag was said of, or stop."""
        row = self._current()
        if row is None:
            return
        if self._window.player.playing:
            self._window.player.stop()
            return
        start = row.tag.start_s or 0.0
        self._window.audition.hear_at(row.sound, start, row.tag.end_s or row.sound.duration_s)

    # Putting together

    def _asking(self) -> QHBoxLayout:
        self.labels = QComboBox()
        self.labels.setAccessibleName(self.tr("Labels"))
        self.labels.addItem(self.tr("UCS categories"), "ucs")
        self.labels.addItem(self.tr("AudioSet classes"), "audioset")
        own = str(self._window.context.settings.value("tags/labels") or "")
        if own and Path(own).is_file():
            self.labels.addItem(Path(own).name, own)
        self.labels.addItem(self.tr("A list of my own …"), "")
        self.labels.activated.connect(self._choose_labels)
        self.folder = QCheckBox(self.tr("as one folder"))
        self.folder.setToolTip(self.tr("Look at all sounds together, so that no label takes all"))
        self.folder.setChecked(True)
        self.words = QCheckBox(self.tr("names count"))
        self.words.setToolTip(self.tr("Words in file names and headers count beside the sound"))
        self.words.setChecked(True)
        self.least = self._percent(30, self.tr("Least probability to be suggested"))
        self.start = QPushButton(self.tr("Suggest"))
        self.start.setDefault(True)
        self.start.clicked.connect(self.suggest)
        row = QHBoxLayout()
        for widget in (self.labels, self.folder, self.words):
            row.addWidget(widget)
        row.addWidget(QLabel(self.tr("from")))
        row.addWidget(self.least)
        row.addWidget(self.says, 1)
        row.addWidget(self.start)
        return row

    def _deciding(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.sure = self._percent(50, self.tr("Least probability to be accepted"))
        for title, does in (
            (self.tr("Accept"), self.accept_chosen),
            (self.tr("Reject"), self.reject_chosen),
            (self.tr("Replace …"), self.edit_chosen),
            (self.tr("Undo"), self.undo),
        ):
            row.addWidget(self._button(title, does))
        row.addStretch(1)
        row.addWidget(self._button(self.tr("Accept all from"), self.accept_sure))
        row.addWidget(self.sure)
        return row

    def _writing(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for title, does in (
            (self.tr("Write into the files …"), self._write),
            (self.tr("Rename the files …"), self._rename),
            (self.tr("Take the last run back"), self._take_back),
        ):
            row.addWidget(self._button(title, does))
        row.addStretch(1)
        row.addWidget(self._button(self.tr("Close"), self.close))
        return row

    def _button(self, title: str, does: object) -> QPushButton:
        button = QPushButton(title)
        button.setAutoDefault(False)
        button.clicked.connect(does)
        return button

    def _percent(self, value: int, name: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(1, 99)
        box.setValue(value)
        box.setSuffix(" %")
        box.setAccessibleName(name)
        box.setToolTip(name)
        return box

    # What happens

    def _choose_labels(self) -> None:
        if self.taxonomy:
            return
        title, kinds = self.tr("A list of labels"), self.tr("Lists (*.csv *.txt)")
        name, _ = QFileDialog.getOpenFileName(self, title, "", kinds)
        if name:
            self._window.context.settings.setValue("tags/labels", name)
            self.labels.insertItem(self.labels.count() - 1, Path(name).name, name)
            self.labels.setCurrentIndex(self.labels.count() - 2)
        else:
            self.labels.setCurrentIndex(0)

    def _show_pending(self, rows: Sequence[ShownTag]) -> None:
        self.model.show_rows(rows)
        self._choose_first()
        sounds = len({row.sound.id for row in rows})
        if rows:
            said = self.tr("{} sounds; {} of them have suggestions that wait for you.")
            self.says.setText(said.format(number(len(self._ids)), number(sounds)))
        else:
            said = self.tr("{} sounds. Press Suggest to see what they could be.")
            self.says.setText(said.format(number(len(self._ids))))

    def _show_suggested(self, found: Suggested) -> None:
        self.start.setEnabled(True)
        self.model.show_rows(found.rows)
        self._choose_first()
        sounds = len({row.sound.id for row in found.rows})
        said = self.tr("{} of {} sounds have a suggestion.")
        self.says.setText(said.format(number(sounds), number(found.sounds)))

    def _failed(self, said: str) -> None:
        self.start.setEnabled(True)
        self.says.setText(said)

    def _decided(self, rows: list[TagRow]) -> None:
        self.model.update_rows(rows)
        left = sum(row.tag.state == "suggested" for row in self.model.rows)
        self.says.setText(self.tr("{} suggestions are open.").format(number(left)))

    def _look_again(self) -> None:
        library = self._window.context.opened.library
        ids = {row.sound.id for row in self.model.rows}

        def work(control: Control) -> list[TagRow]:
            return tag_rows(library, ids)

        self._window.jobs.start("read", work, self._decided)

    def _write(self) -> None:
        from app.gui.dialogs.writing import WriteTags

        WriteTags(self._window, self._ids, self).open()

    def _rename(self) -> None:
        from app.gui.dialogs.renaming import RenameFiles

        RenameFiles(self._window, self._ids, self).open()

    def _take_back(self) -> None:
        self._window.tagging.take_back(self._taken_back, self.says.setText)

    def _taken_back(self, undone: Undone) -> None:
        said = self.tr("{} files and {} names are what they were.")
        told = said.format(number(undone.files), number(undone.names))
        if undone.refused:
            told += " " + self.tr("{} are not: {}").format(
                number(len(undone.refused)), undone.refused[0][1]
            )
        self.says.setText(told)
        self._look_again()

    # Rows

    def _current(self) -> ShownTag | None:
        index = self.table.currentIndex()
        return index.data(TAG_ROLE) if index.isValid() else None

    def _chosen(self) -> list[Pair]:
        rows = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        shown = [self.model.rows[row] for row in rows]
        return [(row.tag.sound_id, row.tag.label) for row in shown]

    def _choose_first(self) -> None:
        if self.model.rows:
            self.table.selectRow(0)
            self.table.setFocus()

    def _go_on(self) -> None:
        """Go to the row below the chosen ones, so that one key decides on one row after another."""
        chosen = {index.row() for index in self.table.selectionModel().selectedRows()}
        below = max(chosen, default=-1) + 1
        if below < self.model.rowCount():
            flag = QItemSelectionModel.SelectionFlag
            self.table.selectionModel().setCurrentIndex(
                self.model.index(below, 0), flag.ClearAndSelect | flag.Rows
            )


class _Table(QTableView):
    """The rows, with the keys that decide on them."""

    def __init__(self, review: ReviewTags) -> None:
        super().__init__()
        self._review = review
        self.setModel(review.model)
        self.setAccessibleName(self.tr("Suggested tags"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.sortByColumn(TagColumn.PROBABILITY, Qt.SortOrder.DescendingOrder)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)
        self.setItemDelegate(_Delegate(self, review))
        self.doubleClicked.connect(lambda _: review.hear())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Decide on the chosen rows."""
        review = self._review
        does = {
            Qt.Key.Key_A: review.accept_chosen,
            Qt.Key.Key_Return: review.accept_chosen,
            Qt.Key.Key_X: review.reject_chosen,
            Qt.Key.Key_Delete: review.reject_chosen,
            Qt.Key.Key_E: review.edit_chosen,
            Qt.Key.Key_F2: review.edit_chosen,
            Qt.Key.Key_Space: review.hear,
        }.get(Qt.Key(event.key()))
        if event.matches(QKeySequence.StandardKey.Undo):
            review.undo()
        elif does is not None and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            does()
        else:
            super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    """Paints probabilities as bars, and what was decided quietly."""

    def __init__(self, table: QTableView, review: ReviewTags) -> None:
        super().__init__(table)
        self._review = review

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint a cell."""
        colours = self._review._window.context.colours
        row: ShownTag = index.data(TAG_ROLE)
        rect = QRect(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(colours.selected))
        inner = rect.adjusted(6, 0, -6, 0)
        text = str(index.data() or "")
        is_open = row.tag.state == "suggested"
        if index.column() == TagColumn.PROBABILITY and row.tag.probability is not None:
            paint_share(painter, inner.adjusted(38, 0, 0, 0), row.tag.probability, colours)
            inner.setWidth(34)
        plain = is_open and index.column() in (TagColumn.FILE, TagColumn.TAG)
        painter.setPen(QColor(colours.text if plain else colours.dim))
        if row.tag.state == "accepted" and index.column() in (TagColumn.STATE, TagColumn.TAG):
            painter.setPen(QColor(colours.accent))
        if row.tag.state in ("rejected", "edited") and index.column() == TagColumn.STATE:
            painter.setPen(QColor(colours.warning))
        shown = elided(self._review, text, inner.width(), index.column() == TagColumn.FOLDER)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
