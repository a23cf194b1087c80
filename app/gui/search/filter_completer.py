"""Completion of filters while they are typed: categories, tags, folders, examples."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtWidgets import QCompleter, QLineEdit

from engine.search.filters import FILTERS

_LAST_TOKEN = re.compile(r'(?:^|\s)(-?)([A-Za-z]+):("?[^"]*)$')


class FilterCompleter(QCompleter):
    """Offers what a filter can say; ``picked`` gives the whole filter that was chosen.

    ``words`` returns what completes a filter's key; of none its examples are offered.  Folders are
    too many to be listed: ``folders`` returns those that fit what was typed.
    """

    picked = Signal(str)

    def __init__(self, line: QLineEdit) -> None:
        self._offered = QStringListModel()
        super().__init__(self._offered, line)
        self._line = line
        self.words: Callable[[str], Sequence[str]] = lambda key: ()
        self.folders: Callable[[str], Sequence[str]] = lambda typed: ()
        self.setWidget(line)
        self.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setFilterMode(Qt.MatchFlag.MatchContains)
        self.activated.connect(self._complete)

    @property
    def is_open(self) -> bool:
        """Return whether something is offered now."""
        popup = self.popup()
        return popup is not None and popup.isVisible()

    def offer(self) -> None:
        """Offer completions of the filter before the cursor, if there is one."""
        match = self._token()
        popup = self.popup()
        if match is None or match[2].lower() not in FILTERS:
            if popup is not None:
                popup.hide()
            return
        key = match[2].lower()
        typed = match[3].strip('"')
        fitting = self.folders(typed) if key == "in" else ()
        words = [f"{key}:{_quoted(word)}" for word in fitting or self.words(key)]
        self._offered.setStringList(words or FILTERS[key].examples)
        self.setCompletionPrefix(typed)
        self.complete()

    def _token(self) -> re.Match[str] | None:
        return _LAST_TOKEN.search(self._line.text()[: self._line.cursorPosition()])

    def _complete(self, chosen: str) -> None:
        match = self._token()
        text, cursor = self._line.text(), self._line.cursorPosition()
        sign = ""
        if match is not None:
            sign = match[1]
            self._line.setText(text[: match.start(1)] + text[cursor:])
        self.picked.emit(sign + chosen)


def _quoted(word: str) -> str:
    return f'"{word}"' if re.search(r"\s", word) else word
