"""As what, and named how, files leave: two fields that several dialogs have."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QLineEdit

from app.gui.kit.plain import PlainLabel
from app.gui.kit.text import tr
from engine.errors import InputError
from engine.handover.forms import parse_form
from engine.handover.naming import FIELDS, name_of
from engine.handover.order import PATTERN, Order

_FORMS = ("wav/24", "wav48/24", "wav96/24", "wav44.1/16", "wav48/32", "flac/24", "aiff48/24")
_EXAMPLE = {
    **{"catid": "DOORWood", "category": "Doors", "subcategory": "Wood", "fxname": "Creak Slow"},
    **{"description": "old door, slow", "project": "Reel 3", "library": "Field", "number": "07"},
    **{"date": "2026-11-22", "rate": "48k", "bits": "24", "channels": "2"},
}


class FormBox(QComboBox):
    """A choice of formats; others can be written as on the command line.

    ``chosen`` gives one that makes sense, as a text.
    """

    chosen = Signal(str)

    def __init__(self, form: str) -> None:
        super().__init__()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setAccessibleName(tr("Format"))
        self.addItem(tr("original"), "original")
        for known in _FORMS:
            self.addItem(_title(known), known)
        place = self.findData(form)
        if place < 0:
            self.addItem(_title(form), form)
            place = self.count() - 1
        self.setCurrentIndex(place)
        self.currentIndexChanged.connect(lambda _: self._tell())
        edit = self.lineEdit()
        assert edit is not None
        edit.editingFinished.connect(self._tell)

    @property
    def form(self) -> str:
        """Return what is chosen.

        :raises InputError: it is no format.
        """
        text = self.currentText()
        place = self.findText(text)
        return str(self.itemData(place)) if place >= 0 else str(parse_form(text))

    def _tell(self) -> None:
        try:
            self.setToolTip("")
            self.chosen.emit(self.form)
        except InputError as error:
            self.setToolTip(str(error))


class PatternEdit(QLineEdit):
    """A pattern of names, with an ``example`` of what it gives; empty stands for the usual one.

    ``chosen`` gives one that makes sense.
    """

    chosen = Signal(str)

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self.setAccessibleName(tr("Pattern of names"))
        self.setPlaceholderText(PATTERN)
        self.setToolTip(", ".join(f"{{{name}}}" for name in FIELDS))
        self.example = PlainLabel()
        self.example.setProperty("role", "dim")

        self.textEdited.connect(self._on_edited)
        self._show()

    @property
    def pattern(self) -> str:
        """Return the pattern."""
        return self.text().strip() or PATTERN

    def _on_edited(self) -> None:
        if self._show():
            self.chosen.emit(self.text().strip())

    def _show(self) -> bool:
        """Show an example, or what is wrong; return whether the pattern makes sense."""
        order = Order(Path("Door creak.wav"), (12.3, 14.05), pattern=self.pattern, fields=_EXAMPLE)
        try:
            said, makes_sense = f"{name_of(order, {})}.wav", True
        except InputError as error:
            said, makes_sense = str(error), False
        self.example.setWordWrap(not makes_sense)  # what wraps takes room that an example needs not
        self.example.setText(said)
        return makes_sense


def _title(form: str) -> str:
    """Return a format as people write it: ``WAV 48 kHz, 24 bit``."""
    try:
        known = parse_form(form)
    except InputError:
        return form
    rate = f"{known.rate_hz / 1000:g} kHz" if known.rate_hz else tr("rate of the source")
    depth = tr("32 bit float") if known.depth == 32 else tr("{} bit").format(known.depth)
    return f"{known.kind.upper()} {rate}, {depth}"
