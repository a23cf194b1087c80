"""A text that is edited where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QSize, QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QMouseEvent, QTextCursor
from PySide6.QtWidgets import (
    QCompleter,
    QFrame,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
)

from app.gui.kit.labels import BreakingLabel
from app.gui.kit.plain import tip

_KEEPING = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_BEGINNING = (*_KEEPING, Qt.Key.Key_F2)
_GOING_ON = (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
_STAYS = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)
_MOST_LINES = 8
_ROOM = 8  # pixels above and below lines: frame and padding


@dataclass(frozen=True)
class Typing:
    """What somebody types into a field, where the cursor is, and why it was given back, if it was.

    ``focused`` tells whether it goes on at once.
    """

    text: str
    place: int
    said: str = ""
    focused: bool = True


class EditField(QFrame):
    """A text; a double click, F2 or Return begin to edit it, Return keeps, Escape leaves it.

    ``kept`` gives what was typed, ``moved`` whether Tab went on (1) or back (-1) from it.
    """

    kept = Signal(str)
    moved = Signal(int)
    undo_wanted = Signal()

    def __init__(self, title: str, hint: str, words: Sequence[str] = ()) -> None:
        super().__init__()
        self._title, self._hint, self._words = title, hint, words
        self._text, self._shown = "", ""
        self.editor: QPlainTextEdit | QLineEdit | None = None
        self.label = BreakingLabel()
        self.label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.says = BreakingLabel()
        self.says.setProperty("role", "warning")
        self.says.hide()
        self.setObjectName("field")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip(tip(self.tr("Double click, F2 or Return to edit")))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 1, 4, 1)
        self._column.setSpacing(2)
        self._column.addWidget(self.label)
        self._column.addWidget(self.says)

    def show_text(self, text: str, shown: str = "") -> None:
        """Show a text, or what it is ``shown`` as."""
        self._text, self._shown = text, shown or text
        self.label.setText(self._shown or self._hint)
        self.label.setProperty("role", "" if self._shown else "dim")
        self.label.style().polish(self.label)
        self.setAccessibleName(f"{self._title}: {self._shown or self._hint}")

    def set_editable(self, editable: bool) -> None:
        """Let it be edited, or only read."""
        self.setEnabled(editable)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if editable else Qt.FocusPolicy.NoFocus)

    def begin(self, typing: Typing | None = None) -> None:
        """Edit the text, or go on with what was typed."""
        if not self.isEnabled():
            return
        if self.editor is None:
            self.editor = self._made()
            self._column.insertWidget(0, self.editor)
            self.editor.show()  # now, so that it can take the focus
            self.label.hide()
        typed = typing or Typing(self._text, -1)
        self._put(typed)
        self.says.setText(typed.said)
        self.says.setVisible(bool(typed.said))
        if typed.focused:
            self.editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def typing(self) -> Typing | None:
        """Return what is typed, if somebody does."""
        if self.editor is None:
            return None
        focused = self._is_focused()
        if isinstance(self.editor, QPlainTextEdit):
            place = self.editor.textCursor().position()
            return Typing(self.editor.toPlainText(), place, self.says.text(), focused)
        place = self.editor.cursorPosition()
        return Typing(self.editor.text(), place, self.says.text(), focused)

    def keep(self) -> None:
        """End editing; what was typed counts."""
        typed = self.typing()
        if typed is None:
            return
        text = " ".join(typed.text.split())
        self.leave()
        if text != self._text:
            self.show_text(text)
            self.kept.emit(text)

    def go_away(self) -> None:
        """End editing as its user turns to something else: what was given back is gone."""
        if self.says.text():
            self.leave()
        else:
            self.keep()

    def leave(self) -> None:
        """End editing; what was typed is gone."""
        editor, self.editor = self.editor, None
        if editor is None:
            return
        had_focus = self.window().focusWidget() is editor
        editor.removeEventFilter(self)
        editor.hide()
        editor.deleteLater()
        self.says.setText("")
        self.says.hide()
        self.label.show()
        if had_focus:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the keys that end editing from the editor."""
        if watched is not self.editor:
            return super().eventFilter(watched, event)
        kind = event.type()
        if isinstance(event, QKeyEvent) and event.key() in (
            *_KEEPING,
            *_GOING_ON,
            Qt.Key.Key_Escape,
        ):
            if kind == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if kind == QEvent.Type.KeyPress:
                self._end_by(Qt.Key(event.key()))
                return True
        if (
            isinstance(event, QFocusEvent)
            and kind == QEvent.Type.FocusOut
            and event.reason() not in _STAYS
        ):
            QTimer.singleShot(0, self, self._when_left)
        return super().eventFilter(watched, event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Begin."""
        self.begin()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Begin, or undo: this has the focus after something was written."""
        if event.key() in _BEGINNING:
            self.begin()
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo_wanted.emit()
        else:
            super().keyPressEvent(event)

    def _end_by(self, key: Qt.Key) -> None:
        if key == Qt.Key.Key_Escape:
            self.leave()
            return
        self.keep()
        if key in _GOING_ON:
            self.moved.emit(1 if key == Qt.Key.Key_Tab else -1)

    def _when_left(self) -> None:
        if self.editor is not None and not self._is_focused():
            self.go_away()

    def _is_focused(self) -> bool:
        """Return whether the editor has the focus, or gets it back with the window."""
        return self.editor is not None and self.window().focusWidget() is self.editor

    def _made(self) -> QPlainTextEdit | QLineEdit:
        editor: QPlainTextEdit | QLineEdit
        if self._words:
            editor = QLineEdit()
            completer = QCompleter(QStringListModel(list(self._words), editor), editor)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            editor.setCompleter(completer)
        else:
            editor = _Lines()
        editor.setAccessibleName(self._title)
        editor.installEventFilter(self)
        return editor

    def _put(self, typed: Typing) -> None:
        if isinstance(self.editor, QPlainTextEdit):
            self.editor.setPlainText(typed.text)
            cursor = self.editor.textCursor()
            if typed.place < 0:
                cursor.select(QTextCursor.SelectionType.Document)
            else:
                cursor.setPosition(min(typed.place, len(typed.text)))
            self.editor.setTextCursor(cursor)
        elif self.editor is not None:
            self.editor.setText(typed.text)
            if typed.place < 0:
                self.editor.selectAll()
            else:
                self.editor.setCursorPosition(typed.place)


class _Lines(QPlainTextEdit):
    """As many lines as the text needs, up to some."""

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(1)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def sizeHint(self) -> QSize:
        """Return room for the lines."""
        return QSize(super().sizeHint().width(), self.minimumHeight())

    def _fit(self, *_: object) -> None:
        lines = max(1, min(_MOST_LINES, round(self.document().size().height())))
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + _ROOM)
