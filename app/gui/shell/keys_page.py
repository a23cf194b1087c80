"""The page of Preferences that gives actions other keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import push_button
from app.gui.kit.keys import DIALOG_KEYS, Keys, key_name, portable_key
from app.gui.kit.plain import PlainLabel
from app.gui.kit.settings import SettingsFile
from app.gui.kit.tables import TextTable, choose_row
from app.gui.kit.text import tr
from app.gui.shell.actions import ACTIONS
from app.gui.shell.keys import (
    DEFAULTS,
    PRESETS,
    chosen_keys,
    owners,
    preset,
    to_keep,
    with_key,
)

_ALONE = (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)
_REVIEW = "&Tools"  # where the dialog of tags is found
_FIXED = ("Tab", "Backtab", "Shift+Tab", "Shift+Backtab", "Up", "Down")


class KeyField(QLineEdit):
    """Takes the next key that is pressed; Escape leaves things as they are."""

    pressed = Signal(str)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setAccessibleName(self.tr("New key"))
        self.setPlaceholderText(self.tr("Press the new key"))

    def event(self, event: QEvent) -> bool:
        """Take keys before anything else does."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            self._take(event)
            return True
        return super().event(event)

    def _take(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape and not event.modifiers():
            self.left.emit()
        elif key not in _ALONE:
            self.pressed.emit(portable_key(event))


class KeysPage(QWidget):
    """Every action with its keys; ``changed`` gives the new ones, which hold at once."""

    def __init__(self, settings: SettingsFile, changed: Callable[[Keys], None]) -> None:
        super().__init__()
        self._settings, self._changed = settings, changed
        self._keys: dict[str, tuple[str, ...]] = chosen_keys(settings.now.keys)
        self._names: list[str] = []
        self._wanted = ""  # a key that belongs to somebody else
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search actions or keys"))
        self.search.setAccessibleName(self.tr("Search actions or keys"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _: self._fill())
        self.presets = QComboBox()
        self.presets.setAccessibleName(self.tr("Keys like those of"))
        self.presets.addItem(self.tr("own keys"), "")
        for name in PRESETS:
            self.presets.addItem(name, name)
        self.presets.activated.connect(lambda _: self._use_preset())
        self.table = TextTable((self.tr("Action"), self.tr("Keys")), wide=0)
        self.table.setAccessibleName(self.tr("Actions and their keys"))
        self.table.itemSelectionChanged.connect(self._on_chosen)
        self.field = KeyField()
        self.field.pressed.connect(self.press)
        self.field.left.connect(lambda: self._say(""))
        self.says = PlainLabel()
        self.says.setProperty("role", "warning")
        self.says.setWordWrap(True)
        self.take = push_button(self.tr("Use it here"), self._take_over)
        self.none = push_button(self.tr("No key"), lambda: self._put(()))
        self.reset = push_button(self.tr("Reset"), self._reset)
        self.reset_all = push_button(self.tr("Reset all"), lambda: self._set(dict(DEFAULTS)))
        self._lay_out()
        self._fill()

    @property
    def chosen(self) -> str:
        """Return the name of the action that is looked at, or nothing."""
        row = self.table.currentRow()
        return self._names[row] if 0 <= row < len(self._names) else ""

    def look_for(self, name: str) -> None:
        """Look at an action."""
        self.search.clear()
        choose_row(self.table, self._names.index(name))

    def press(self, key: str) -> None:
        """Give the action this key, unless it is somebody's: then ask."""
        if not self.chosen or not key:
            return
        if key in _FIXED:
            self._say(self.tr("{} moves through lists and fields.").format(key_name(key)))
            return
        others = [_title(name) for name in owners(self._keys, key, self.chosen)]
        self._wanted = key
        self.field.setText(key_name(key))
        if others:
            said = self.tr("{} is the key of “{}”, which would lose it.")
            self._say(said.format(key_name(key), "”, “".join(others)))
            self.take.show()
        else:
            self._take_over()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.search, 1)
        top.addWidget(PlainLabel(self.tr("Keys like those of")))
        top.addWidget(self.presets)
        below = QHBoxLayout()
        below.addWidget(PlainLabel(self.tr("New key")))
        below.addWidget(self.field, 1)
        for button in (self.take, self.none, self.reset, self.reset_all):
            below.addWidget(button)
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self.table, 1)
        column.addLayout(below)
        column.addWidget(self.says)

    def _fill(self) -> None:
        """Show the actions that fit what is searched for."""
        chosen, words = self.chosen, self.search.text().lower().split()
        rows = []
        places = [(spec.name, spec.menu) for spec in ACTIONS]
        places += [(key.name, _REVIEW) for key in DIALOG_KEYS]
        for name, place in places:
            keys = "  ".join(key_name(key) for key in self._keys[name])
            own = f"{_title(name)} {keys} {tr(place)}".lower()
            if all(word in own for word in words):
                rows.append((name, _title(name), keys))
        self._names = [name for name, _, _ in rows]
        self.table.fill([(title, keys) for _, title, keys in rows])
        self.table.setColumnWidth(1, 170)
        for row, name in enumerate(self._names):
            item: QTableWidgetItem | None = self.table.item(row, 1)
            if item is not None and self._keys[name] != DEFAULTS[name]:
                font = item.font()
                font.setBold(True)  # another key than it comes with
                item.setFont(font)
        choose_row(self.table, self._names.index(chosen) if chosen in self._names else 0)
        same = [name for name in PRESETS if preset(name) == self._keys]
        self.presets.setCurrentIndex(self.presets.findData(same[0] if same else ""))
        self._on_chosen()

    def _on_chosen(self) -> None:
        self._say("")
        for widget in (self.field, self.none, self.reset):
            widget.setEnabled(bool(self.chosen))

    def _say(self, text: str) -> None:
        self.says.setText(text)
        self.take.hide()
        if not text:
            self._wanted = ""
            self.field.clear()

    def _take_over(self) -> None:
        self._set(with_key(self._keys, self.chosen, self._wanted))

    def _put(self, keys: tuple[str, ...]) -> None:
        self._set({**self._keys, self.chosen: keys})

    def _reset(self) -> None:
        """Give the action the keys that it comes with; others lose them."""
        name, keys = self.chosen, self._keys
        own = DEFAULTS[name]
        others = {n: tuple(k for k in listed if k not in own) for n, listed in keys.items()}
        self._set({**others, name: own})

    def _use_preset(self) -> None:
        name = str(self.presets.currentData())
        if name:
            self._set(preset(name))

    def _set(self, keys: dict[str, tuple[str, ...]]) -> None:
        self._keys = keys
        self._settings.keep(replace(self._settings.now, keys=to_keep(keys)))
        self._changed(keys)
        self._fill()


def _title(name: str) -> str:
    titles = {spec.name: spec.title for spec in ACTIONS}
    titles |= {key.name: key.title for key in DIALOG_KEYS}
    return tr(titles[name]).replace(" …", "")
