"""The search bar: words, filters as chips, sounds to search by, a microphone, history."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QMenu

from app.gui.kit.buttons import IconButton
from app.gui.kit.chips import Chip
from app.gui.kit.plain import PlainLabel, menu_text
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import duration
from app.gui.search.bubble import Bubble
from app.gui.search.filter_completer import FilterCompleter
from app.gui.search.requests import SearchRequest
from engine.audio.decode import EXTENSIONS
from engine.errors import InputError
from engine.search.filters import FILTERS
from engine.search.grammar import parse
from engine.search.query_sound import QuerySound

DEBOUNCE_MS = 30
_HISTORY = 40
_MOST_DROPPED = 8
_FILTER = re.compile(
    rf'(?:^|\s)(-?(?:{"|".join(FILTERS)}):(?:"[^"]+"|[^\s"]+))(?=\s)', re.IGNORECASE
)


class SearchBar(QFrame):
    """What is searched for; ``asked`` tells it, ``entered`` that results are to be auditioned."""

    asked = Signal(object)
    entered = Signal()
    record_wanted = Signal()
    refused = Signal(str)

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._sounds: list[QuerySound] = []
        self._filters: list[str] = []
        self._chips: list[Chip] = []
        self.history: list[str] = []
        self._passing = ""  # what the history holds only because it stood for a while
        self.setObjectName("search")
        self.setAcceptDrops(True)
        self._timer = QTimer(self, interval=DEBOUNCE_MS, singleShot=True)
        self._timer.timeout.connect(self.ask)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(8, 3, 4, 3)
        self._row.setSpacing(4)
        self.text = QLineEdit()
        self.text.setAccessibleName(self.tr("Search"))
        self.text.setAcceptDrops(False)
        self.text.setClearButtonEnabled(True)
        self.less = QLineEdit()
        self.less.setPlaceholderText(self.tr("(optional)"))
        self._less_title = PlainLabel(self.tr("less like"))
        self._less_title.setProperty("role", "dim")
        self._less_title.hide()
        self.less.setAccessibleName(self.tr("Less like"))
        self.less.setMaximumWidth(190)
        self.less.setAcceptDrops(False)
        self.less.hide()
        self._filter_button = IconButton("filter", self.tr("Add a filter"), colours)
        self.recent = IconButton("history", self.tr("Recent searches"), colours)
        self.record = IconButton(
            "microphone", self.tr("Search by recording a sound"), colours, checkable=True
        )
        for widget in (self.text, self.less):
            if widget is self.less:
                self._row.addWidget(self._less_title)
            self._row.addWidget(widget, 1)
            widget.installEventFilter(self)
            widget.textEdited.connect(self._on_edited)
            widget.textChanged.connect(lambda _: self._timer.start())
        for button in (self._filter_button, self.recent, self.record):
            self._row.addWidget(button)
        self._filter_button.clicked.connect(self._show_filters)
        self.recent.clicked.connect(self.show_history)
        self.record.clicked.connect(self.record_wanted)
        self.completer = FilterCompleter(self.text)
        self.completer.picked.connect(self.add_filter)
        self._problem = Bubble(self)
        self.refused.connect(self._problem.say)
        self._invite()

    # What is asked

    @property
    def query(self) -> SearchRequest:
        """Return what is asked for now."""
        text = " ".join((*self._filters, self.text.text().strip())).strip()
        minus = self.less.text().strip() if self._sounds else ""
        return SearchRequest(text, tuple(self._sounds), minus)

    def ask(self) -> None:
        """Tell what is asked for, unless it makes no sense: then say why."""
        self._timer.stop()
        self._problem.say("")
        query = self.query
        try:
            if query.text:
                parse(query.text)
        except InputError as error:
            self.refused.emit(str(error))
            return
        self.asked.emit(query)

    def set_text(self, text: str, alone: bool = False) -> None:
        """Ask for a text, of which filters become chips.

        :param alone: and not for the sounds that are searched by.
        """
        if alone:
            self._sounds = []
            self.less.clear()
        self._filters.clear()
        self.text.setText(self._without_filters(text + " ").strip())
        self._show_chips()
        self._timer.start()

    def add_filter(self, token: str) -> None:
        """Add a filter in the grammar of the search; another one of its kind gives way."""
        self._filters = [t for t in self._filters if _kind(t) != _kind(token)]
        self._filters.append(token)
        self._show_chips()
        self.ask()

    def add_sound(self, sound: QuerySound) -> None:
        """Search by a sound, with others that are already there."""
        if sound.samples is not None or sound not in self._sounds:
            self._sounds.append(sound)
        self._show_chips()
        self.ask()

    def search_by(self, sound: QuerySound) -> None:
        """Search by one sound and nothing else."""
        self._sounds = []
        self.text.clear()
        self.less.clear()
        self.add_sound(sound)

    def clear(self) -> None:
        """Ask for nothing: everything is listed."""
        self._sounds, self._filters = [], []
        self.text.clear()
        self.less.clear()
        self._show_chips()
        self.ask()

    # History

    def remember(self, in_passing: bool = False) -> None:
        """Put what is asked for into the history: its results are looked at.

        :param in_passing: they only stood for a while, so that a longer search may replace it.
        """
        text = self.query.text
        if not text or self._sounds:
            return
        begun = self._passing
        others = [t for t in self.history if t != text and not (t == begun and _begins(t, text))]
        if not (in_passing and text in self.history):
            self._passing = text if in_passing else ""
        self.history = [text, *others][:_HISTORY]

    def show_history(self) -> None:
        """Offer earlier searches."""
        menu = QMenu(self)
        for text in self.history:
            menu.addAction(menu_text(text)).triggered.connect(
                lambda _=False, chosen=text: self.set_text(chosen)
            )
        if not self.history:
            menu.addAction(self.tr("your searches appear here")).setEnabled(False)
        menu.popup(self.recent.mapToGlobal(self.recent.rect().bottomLeft()))

    # Events

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let Down begin to audition, Backspace take chips away, and the frame show focus."""
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            _mark(self, "focused", event.type() == QEvent.Type.FocusIn)
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            keys = (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if event.key() in keys and not self.completer.is_open:
                if self._timer.isActive():
                    self.ask()
                self.entered.emit()
                return True
            if (
                event.key() == Qt.Key.Key_Backspace
                and watched is self.text
                and not self.text.cursorPosition()
                and not self.text.hasSelectedText()
                and self._chips
            ):
                self._remove(len(self._chips) - 1)
                return True
        return super().eventFilter(watched, event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome sound files."""
        if sound_files(event.mimeData()):
            _mark(self, "drop", True)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Look as before."""
        _mark(self, "drop", False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Search by what was dropped."""
        _mark(self, "drop", False)
        paths = sound_files(event.mimeData())
        event.acceptProposedAction()
        self._sounds += [s for path in paths if (s := QuerySound(path)) not in self._sounds]
        self._show_chips()
        self.ask()

    # Chips and completion

    def _on_edited(self, text: str) -> None:
        if self.sender() is self.text:
            rest = self._without_filters(text)
            if rest != text:
                self.text.setText(rest)
                self._show_chips()
        self.completer.offer()

    def _without_filters(self, text: str) -> str:
        """Turn filters that are complete, a space behind them, into chips; return the rest."""
        for match in _FILTER.finditer(text):
            token = match[1]
            try:
                parse(token)
            except InputError as error:
                self.refused.emit(str(error))
                continue
            if token.lower() not in (known.lower() for known in self._filters):
                self._filters.append(token)
            text = text.replace(token, "", 1)
        return re.sub(r"^\s+|(?<=\s)\s+", "", text)

    def _show_chips(self) -> None:
        for chip in self._chips:
            self._row.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        sounds = [(f"♪ {_called(sound)}", True) for sound in self._sounds]
        texts = [*sounds, *((token, False) for token in self._filters)]
        self._chips = []
        for place, (text, is_sound) in enumerate(texts):
            chip = Chip(text, self._colours, sound=is_sound)
            chip.removed.connect(lambda number=place: self._remove(number))
            self._row.insertWidget(place, chip)
            self._chips.append(chip)
        self.less.setVisible(bool(self._sounds))
        self._less_title.setVisible(bool(self._sounds))
        self._invite()

    def _remove(self, place: int) -> None:
        if place < len(self._sounds):
            del self._sounds[place]
        else:
            del self._filters[place - len(self._sounds)]
        self._show_chips()
        self.text.setFocus()
        self.ask()

    def _show_filters(self) -> None:
        menu = QMenu(self)
        for key, known in FILTERS.items():
            if known.spelt:
                continue
            action = menu.addAction(known.example)
            action.triggered.connect(lambda _=False, chosen=key: self._begin_filter(chosen))
        menu.popup(self._filter_button.mapToGlobal(self._filter_button.rect().bottomLeft()))

    def _begin_filter(self, key: str) -> None:
        text = self.text.text().rstrip()
        self.text.setText(f"{text} {key}:".lstrip())
        self.text.setFocus()
        self.completer.offer()

    def _invite(self) -> None:
        self.text.setPlaceholderText(
            self.tr("more like … (optional)")
            if self._sounds
            else self.tr('Describe a sound: heavy door creaking dur:<5s -wood "exact words"')
        )


def _kind(token: str) -> str:
    """Return the key of a filter, however it is spelt."""
    key = token.split(":")[0].lstrip("-").lower()
    return FILTERS[key].spelt or key


def _begins(text: str, longer: str) -> bool:
    """Return whether a text was only half typed when it was asked for."""
    return longer.startswith(text) and longer != text


def _mark(widget: QFrame, name: str, on: bool) -> None:
    """Set a property that the style sheet looks at."""
    widget.setProperty(name, on)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def _called(sound: QuerySound) -> str:
    if sound.is_whole:
        return sound.name
    end = f"–{duration(sound.end_s)}" if sound.end_s is not None else ""
    return f"{sound.name} {duration(sound.start_s or 0.0)}{end}"


def sound_files(data: QMimeData) -> list[Path]:
    """Return the sound files that a drag holds, a few at most."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() in EXTENSIONS][:_MOST_DROPPED]
