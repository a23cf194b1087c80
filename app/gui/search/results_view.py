"""The table of results: rows painted by hand, so that a hundred thousand scroll smoothly."""

from __future__ import annotations

from PySide6.QtCore import (
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.gui.kit.marks import paint_label
from app.gui.kit.painting import elided, paint_focus
from app.gui.kit.style.fonts import with_even_figures
from app.gui.kit.style.palette import Colours
from app.gui.search.column_fit import ColumnFit
from app.gui.search.columns import COLUMNS, NAME, Column, ResultRow
from app.gui.search.results_model import ResultsModel

ROW_HEIGHT = 30
BAND_HEIGHT = 24  # of the divider
_SETTLED_MS = 150
_DOT = 10  # pixels of a colour label behind a name
_KEYS = " ".join(column.key for column in COLUMNS).encode() + b"\n"  # before what Qt keeps
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
_NEAR_END = 60  # rows before the end, from which on more are wanted


class ResultsView(QTableView):
    """Results; ``chosen`` tells the row that is looked at, ``started`` one to be played."""

    chosen = Signal(int)
    started = Signal(int)
    sorted_by = Signal(int, Qt.SortOrder)
    menu_wanted = Signal(QPoint)
    left_upwards = Signal()
    drag_wanted = Signal()
    more_wanted = Signal()  # the last rows come into view

    def __init__(self, model: ResultsModel, colours: Colours) -> None:
        super().__init__()
        self.results = model
        self.colours = colours
        self._divider: int | None = None
        self._repeating = False
        self.setModel(model)
        self.setItemDelegate(_Delegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(self.tr("Results"))
        self.setFont(with_even_figures(self.font()))
        vertical = self.verticalHeader()
        vertical.setVisible(False)
        vertical.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        vertical.setMinimumSectionSize(ROW_HEIGHT)
        vertical.setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(lambda place: _show_columns(self, place))
        header.setSortIndicator(-1, Qt.SortOrder.DescendingOrder)
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicatorClearable(True)
        header.sortIndicatorChanged.connect(self.sorted_by)
        self._settled = QTimer(self, interval=_SETTLED_MS, singleShot=True)
        self._settled.timeout.connect(lambda: _want_thumbnails(self))
        self._settled.timeout.connect(lambda: _want_more(self))
        self.verticalScrollBar().valueChanged.connect(self._settled.start)
        self.verticalScrollBar().valueChanged.connect(lambda _: _want_more(self))
        self.verticalScrollBar().valueChanged.connect(lambda _: _foresee(self))
        self.fitting = ColumnFit(self, model)
        model.modelReset.connect(self._on_reset)
        model.rowsInserted.connect(lambda *_: self._place_divider())
        model.rowsInserted.connect(lambda *_: self._settled.start())
        model.layoutChanged.connect(self._place_divider)
        model.dataChanged.connect(lambda *_: self._settled.start())
        self.doubleClicked.connect(lambda index: self.started.emit(index.row()))

    @property
    def repeating(self) -> bool:
        """Return whether a key is held down, while which nothing is played."""
        return self._repeating

    @property
    def multiple(self) -> bool:
        """Return whether several rows are chosen, which are not all played."""
        ranges = self.selectionModel().selection().toList()
        return sum(part.bottom() - part.top() + 1 for part in ranges) > 1

    def chosen_rows(self) -> list[int]:
        """Return the chosen rows, from top to bottom; a million of them are a few ranges."""
        ranges = self.selectionModel().selection().toList()
        return sorted({row for part in ranges for row in range(part.top(), part.bottom() + 1)})

    def chosen_ids(self) -> list[int]:
        """Return the ids of the chosen rows, from top to bottom."""
        return [self.results.id_at(row) for row in self.chosen_rows()]

    def choose(self, row: int) -> None:
        """Look at a row."""
        if 0 <= row < self.results.rowCount():
            index = self.results.index(row, NAME.place)
            flag = QItemSelectionModel.SelectionFlag
            self.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
            self.scrollTo(index)

    def set_colours(self, colours: Colours) -> None:
        """Paint in other colours."""
        self.colours = colours
        self.viewport().update()

    def column_state(self) -> bytes:
        """Return which columns there are, their widths, order and visibility."""
        return self.fitting.state()

    def restore_columns(self, state: bytes) -> None:
        """Set the columns as they were, if they are the same ones."""
        header = self.horizontalHeader()
        header.blockSignals(True)
        self.fitting.restore(state)
        header.setSortIndicator(-1, Qt.SortOrder.DescendingOrder)
        header.blockSignals(False)

    # Qt's events

    def currentChanged(
        self,
        current: QModelIndex | QPersistentModelIndex,
        previous: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Tell which row is looked at."""
        super().currentChanged(current, previous)
        for index in (current, previous):  # the frame around the row that has the focus
            self.viewport().update(_rect_of(self, index.row()))
        if current.isValid():
            self.chosen.emit(current.row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave upwards from the first row; note keys that are held down."""
        if event.key() == Qt.Key.Key_Up and self.currentIndex().row() <= 0:
            self.left_upwards.emit()
            return
        self._repeating = event.isAutoRepeat()
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Play where a key that was held down stops."""
        super().keyReleaseEvent(event)
        if self._repeating and not event.isAutoRepeat():
            self._repeating = False
            if self.currentIndex().isValid():
                self.chosen.emit(self.currentIndex().row())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag chosen rows; moving over others does not choose them."""
        if event.buttons() == Qt.MouseButton.LeftButton and self.currentIndex().isValid():
            self.setState(QAbstractItemView.State.DraggingState)
        super().mouseMoveEvent(event)

    def startDrag(self, actions: Qt.DropAction) -> None:
        """Tell that the chosen rows leave, which may have to be read first."""
        self.drag_wanted.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of rows."""
        if self.indexAt(event.pos()).isValid() or self.currentIndex().isValid():
            self.menu_wanted.emit(event.globalPos())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for thumbnails of rows that came into view."""
        super().resizeEvent(event)
        self.fitting.fit()
        self._settled.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint rows, and the band above the weak ones."""
        super().paintEvent(event)
        row = self._divider
        if row is None:
            return
        top = self.rowViewportPosition(row)
        if -BAND_HEIGHT < top < self.viewport().height():
            painter = QPainter(self.viewport())
            _paint_band(self, painter, QRect(0, top, self.viewport().width(), BAND_HEIGHT), row)
            painter.end()

    def _on_reset(self) -> None:
        header = self.horizontalHeader()
        header.blockSignals(True)
        if self.results.found.answer is not None:
            header.setSortIndicator(-1, Qt.SortOrder.DescendingOrder)
        header.blockSignals(False)
        self._place_divider()
        self.scrollToTop()
        _foresee(self)
        self._settled.start()

    def _place_divider(self) -> None:
        if self._divider is not None and self._divider < self.results.rowCount():
            self.setRowHeight(self._divider, ROW_HEIGHT)
        self._divider = self.results.divider
        if self._divider is not None:
            self.setRowHeight(self._divider, ROW_HEIGHT + BAND_HEIGHT)
        self.viewport().update()

    def divided_at(self) -> int | None:
        """Return the row that the divider stands above."""
        return self._divider


def _in_view(view: ResultsView) -> tuple[int, int] | None:
    """Return the first and the last row in view."""
    first, last = view.rowAt(0), view.rowAt(view.viewport().height() - 1)
    return None if first < 0 else (first, last if last >= 0 else view.results.rowCount() - 1)


def _foresee(view: ResultsView) -> None:
    """Let rows be known before they come into view."""
    if (rows := _in_view(view)) is not None:
        view.results.foresee(*rows)


def _want_thumbnails(view: ResultsView) -> None:
    if (rows := _in_view(view)) is not None:
        view.results.want_thumbnails(*rows)


def _rect_of(view: ResultsView, row: int) -> QRect:
    """Return where a row is painted; nothing for none."""
    if row < 0:
        return QRect()
    return QRect(0, view.rowViewportPosition(row), view.viewport().width(), view.rowHeight(row))


def _want_more(view: ResultsView) -> None:
    """Tell that the last rows come into view."""
    last = view.rowAt(view.viewport().height() - 1)
    if last < 0 or last >= view.results.rowCount() - _NEAR_END:
        view.more_wanted.emit()


def _paint_band(view: ResultsView, painter: QPainter, band: QRect, row: int) -> None:
    """Paint the band above the first weak row."""
    painter.fillRect(band, QColor(view.colours.panel))  # the row below it may be chosen
    says = (
        view.tr("weaker matches")
        if row
        else view.tr("nothing here sounds quite like that; the nearest are")
    )
    metrics = QFontMetrics(view.font())
    width = metrics.horizontalAdvance(says)
    middle = band.center().y()
    painter.setPen(QColor(view.colours.line))
    painter.drawLine(band.left() + 10, middle, band.left() + 34, middle)
    painter.drawLine(band.left() + 50 + width, middle, band.right() - 10, middle)
    painter.setPen(QColor(view.colours.warning if not row else view.colours.dim))
    painter.drawText(band.adjusted(42, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, says)


def _show_columns(view: ResultsView, place: QPoint) -> None:
    """Offer which columns are shown."""
    header = view.horizontalHeader()
    menu = QMenu(view)
    for section, column in enumerate(COLUMNS):
        action = menu.addAction(column.title() or view.tr("Waveform"))
        action.setCheckable(True)
        action.setChecked(not header.isSectionHidden(section))
        action.setEnabled(not column.main)
        action.toggled.connect(lambda shown, column=column: view.fitting.choose(column, shown))
    menu.addSeparator()
    fits = menu.addAction(view.tr("Fit the columns to the window"))
    fits.setCheckable(True)
    fits.setChecked(view.fitting.on)
    fits.toggled.connect(view.fitting.set_on)
    menu.popup(header.mapToGlobal(place))


class _Delegate(QStyledItemDelegate):
    """Paints cells without the style sheet, which would cost more than the whole frame."""

    def __init__(self, view: ResultsView) -> None:
        super().__init__(view)
        self._view = view

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        view, rect, column = self._view, option.rect, COLUMNS[index.column()]
        if index.row() == view.divided_at():
            rect = rect.adjusted(0, BAND_HEIGHT, 0, 0)
        colours = view.colours
        row = view.results.row_at(index.row())
        state = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(colours.selected))
        if column.paint is not None:
            column.paint(painter, rect, row, colours)
        else:
            self._paint_text(painter, rect, row, column)
        if index.row() == view.currentIndex().row() and view.hasFocus():
            paint_focus(painter, rect, QColor(colours.accent))

    def _paint_text(self, painter: QPainter, rect: QRect, row: ResultRow, column: Column) -> None:
        colours = self._view.colours
        text = column.text(row)
        if not text:
            return
        quiet = not column.main or row.sound is None or row.sound.is_away or row.sound.missing
        painter.setPen(QColor(colours.dim if quiet else colours.text))
        inner = rect.adjusted(6, 0, -6, 0)
        if column.main and row.sound is not None and row.sound.marks.colour is not None:
            dot = QRect(inner.right() - _DOT, inner.top(), _DOT, inner.height())
            paint_label(painter, dot, row.sound.marks.colour, colours)
            painter.setPen(QColor(colours.dim if quiet else colours.text))
            inner.setRight(dot.left() - 4)
        shown = elided(self._view, text, inner.width(), column.elided_left)
        painter.drawText(inner, _RIGHT if column.right else _LEFT, shown)
