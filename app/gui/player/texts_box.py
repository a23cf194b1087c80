"""The texts in the file of the sound that is looked at: edited where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from app.gui.kit.edit_field import EditField, Typing
from app.gui.kit.plain import PlainLabel
from engine.metadata.edits import FIELDS
from engine.metadata.ucs_names import categories

_GAP = 5  # pixels before a field, which has as many inside


@dataclass(frozen=True)
class TypedIn:
    """What somebody types into which field."""

    field: str
    typing: Typing


class TextsBox(QWidget):
    """Description, keywords, category and FXName; ``edit_wanted`` gives sound, field and text."""

    edit_wanted = Signal(int, str, str)
    undo_wanted = Signal()

    def __init__(self, sound_id: int, editable: bool) -> None:
        super().__init__()
        self._sound_id = sound_id
        self.titles_width = 0  # pixels: as wide as its widest one
        self.fields: dict[str, EditField] = {}
        titles = {
            "description": (self.tr("Description"), self.tr("add a description")),
            "keywords": (self.tr("Keywords"), self.tr("add keywords")),
            "category": (self.tr("Category"), self.tr("add a category")),
            "fxname": (self.tr("FXName"), self.tr("add an FXName")),
        }
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(_GAP)
        grid.setVerticalSpacing(1)
        grid.setColumnStretch(1, 1)
        for row, name in enumerate(FIELDS):
            title, hint = titles[name]
            field = self.fields[name] = EditField(
                title, hint if editable else "", _catids() if name == "category" else ()
            )
            field.set_editable(editable)
            field.kept.connect(partial(self._keep, name))
            field.undo_wanted.connect(self.undo_wanted)
            field.moved.connect(partial(self._go_on, row))
            label = PlainLabel(title)
            label.setProperty("role", "dim")
            label.setContentsMargins(0, 2, 0, 0)
            label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
            self.titles_width = max(self.titles_width, label.sizeHint().width())
            grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(field, row, 1)

    def show_texts(self, texts: Mapping[str, str], category: str) -> None:
        """Show texts; ``category`` is how the category is shown."""
        for name, field in self.fields.items():
            field.show_text(texts[name], category if name == "category" else "")

    def typed_in(self) -> TypedIn | None:
        """Return what somebody types, if anybody does."""
        for name, field in self.fields.items():
            typing = field.typing()
            if typing is not None:
                return TypedIn(name, typing)
        return None

    def go_on(self, typed: TypedIn) -> None:
        """Let somebody go on typing."""
        self.fields[typed.field].begin(typed.typing)

    def refuse(self, name: str, text: str, why: str, focused: bool) -> None:
        """Give back a text that could not be written, with the reason."""
        self.go_on(TypedIn(name, Typing(text, len(text), why, focused)))

    def finish(self, keep: bool = True) -> None:
        """End editing."""
        for field in self.fields.values():
            if keep:
                field.go_away()
            else:
                field.leave()

    def _keep(self, name: str, text: str) -> None:
        self.edit_wanted.emit(self._sound_id, name, text)

    def _go_on(self, row: int, direction: int) -> None:
        names = list(FIELDS)
        if 0 <= row + direction < len(names):
            self.fields[names[row + direction]].begin()


@cache
def _catids() -> tuple[str, ...]:
    return tuple(sorted(known.id for known in categories().values()))
