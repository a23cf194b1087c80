"""Labels and buttons that fit where they are: cut with an ellipsis, or broken inside a word."""

from __future__ import annotations

import re

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QMenu,
    QSizePolicy,
    QStyle,
    QStyleOptionToolButton,
    QStylePainter,
    QToolButton,
    QWidget,
)

from app.gui.kit.plain import PlainLabel, menu_text, tip
from engine.plain_text import visible

_BREAK = "\u200b"  # no width; a line may end there
_LONG = re.compile(r"\S{13,}")  # words that may be wider than a narrow panel
_PIECE = re.compile(r"[^\W_]{12}(?=[^\W_])|[^\w\s]|_")
_LEAST_WIDTH = 24  # pixels: an ellipsis and a little


class ElidedLabel(PlainLabel):
    """One line that ends with an ellipsis where it does not fit; its tip then says all of it."""

    def __init__(
        self, text: str = "", elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight
    ) -> None:
        super().__init__(text)
        self._elide = elide
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        """Return room for a little of the text."""
        whole = super().minimumSizeHint()
        return QSize(min(_LEAST_WIDTH, whole.width()), whole.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much of the text as fits."""
        inner = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), self._elide, inner.width())
        whole = tip(self.text()) if shown != self.text() else ""
        if whole != self.toolTip():
            self.setToolTip(whole)
        painter = QPainter(self)
        self.style().drawItemText(
            painter,
            inner,
            int(self.alignment()),
            self.palette(),
            self.isEnabled(),
            shown,
            self.foregroundRole(),
        )


class BreakingLabel(PlainLabel):
    """A text in several lines that breaks long words, too; copied, it is as it was."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show a text."""
        super(PlainLabel, self).setText(_LONG.sub(_broken, visible(text)))

    def text(self) -> str:
        """Return the text, without the places where it may break."""
        return super().text().replace(_BREAK, "")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy what is chosen as it was."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self._copy()
        else:
            super().keyPressEvent(event)

    def make_selectable(self) -> None:
        """Let its text be chosen with the mouse, and copied."""
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        copy = menu.addAction(self.tr("Copy"))
        copy.setEnabled(self.hasSelectedText())
        copy.triggered.connect(self._copy)
        menu.addAction(self.tr("Copy all")).triggered.connect(
            lambda: QGuiApplication.clipboard().setText(self.text())
        )
        menu.popup(self.mapToGlobal(place))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.selectedText().replace(_BREAK, ""))


class ElidedButton(QToolButton):
    """A flat button whose text ends with an ellipsis where it does not fit."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setText(menu_text(text))
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        """Return room for a little of the text."""
        whole = super().minimumSizeHint()
        return QSize(min(2 * _LEAST_WIDTH, whole.width()), whole.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much of the text as fits."""
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        whole = self.sizeHint().width()
        if self.width() < whole:
            metrics = self.fontMetrics()
            left = self.width() - max(8, whole - metrics.horizontalAdvance(option.text))
            option.text = metrics.elidedText(option.text, Qt.TextElideMode.ElideMiddle, left)
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)


class NarrowBody(QWidget):
    """What stands in a scroll area that never scrolls sideways: it is as wide as that."""

    def minimumSizeHint(self) -> QSize:
        """Return the height that it needs; it takes any width."""
        return QSize(0, super().minimumSizeHint().height())


def _broken(word: re.Match[str]) -> str:
    return _PIECE.sub(lambda piece: piece[0] + _BREAK, word[0])
