"""The keys of the actions: as they come, as their user wants them, after other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit, QWidget

from app.gui.kit.keys import BETWEEN, DIALOG_KEYS, Keys, kept_keys, key_name
from app.gui.kit.text import tr
from app.gui.shell.actions import ACTIONS

_IN_DIALOGS = frozenset(key.name for key in DIALOG_KEYS)
DEFAULTS: Keys = {
    **{spec.name: spec.keys for spec in ACTIONS},
    **{key.name: key.keys for key in DIALOG_KEYS},
}
_SPEC = {spec.name: spec for spec in ACTIONS}
# What those who come from another program reach for.  Only what has a counterpart here; what a
# preset does not name stays as it is, unless its key is taken (docs/decisions/0024).
PRESETS: Mapping[str, Keys] = {
    "Soundsift": {},
    "Soundminer": {
        "loop": ("Ctrl+L",),
        "on": ("Right",),
        "back": ("Left",),
        "copy_path": ("Ctrl+Shift+C",),
        "collect": ("Ctrl+K",),
        "inspector": ("Ctrl+I",),
        "reveal": ("Ctrl+Shift+R",),
    },
    "BaseHead": {
        "add": ("Ctrl+I", "Ctrl+O"),
        "sources": ("E", "Ctrl+1"),
        "loop": ("L",),
        "reverse": ("R",),
        "search": ("Ctrl+F", "F3"),
    },
    "REAPER Media Explorer": {
        "loop": ("R",),
        "reverse": ("Shift+R",),
        "auto_play": ("Shift+A",),
        "search": ("Ctrl+F",),
        "rescan": ("F5",),
        "normal": ("Shift+0",),
    },
}
_EDITING = (  # what a text field keeps for itself, of all that has Ctrl or Command in it
    *(QKeySequence.StandardKey.Copy, QKeySequence.StandardKey.Cut),
    *(QKeySequence.StandardKey.Paste, QKeySequence.StandardKey.SelectAll),
    *(QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo),
)


def chosen_keys(kept: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the keys of all actions, as a setting has them; what makes no sense is left out."""
    return kept_keys(DEFAULTS, kept)


def to_keep(keys: Keys) -> tuple[str, ...]:
    """Return a setting: the actions that have other keys than they come with."""
    changed = [name for name in DEFAULTS if keys[name] != DEFAULTS[name]]
    return tuple(BETWEEN.join((name, *keys[name])) for name in changed)


def preset(name: str) -> dict[str, tuple[str, ...]]:
    """Return the keys of a preset; whoever had one of its keys before loses it."""
    wanted = PRESETS[name]
    found = {**DEFAULTS, **wanted}
    taken = {key for keys in wanted.values() for key in keys}
    for other in set(found) - set(wanted) - _IN_DIALOGS:
        found[other] = tuple(key for key in found[other] if key not in taken)
    return found


def owners(keys: Keys, key: str, but: str) -> list[str]:
    """Return the actions, ``but`` one, that a key belongs to where that works."""
    return [name for name in _beside(but) if key in keys[name]]


def with_key(keys: Keys, name: str, key: str) -> dict[str, tuple[str, ...]]:
    """Return keys of which one is the first of an action, and nobody else's."""
    found = dict(keys)
    for other in _beside(name):
        found[other] = tuple(k for k in keys[other] if k != key)
    found[name] = (key, *(k for k in keys[name][1:] if k != key))
    return found


def _beside(name: str) -> list[str]:
    """Return the other actions whose keys work where those of an action do: dialogs have theirs."""
    own = name in _IN_DIALOGS
    return [other for other in DEFAULTS if other != name and (other in _IN_DIALOGS) == own]


def apply_keys(actions: Mapping[str, QAction], keys: Keys) -> None:
    """Let actions have these keys; menus, tips and the cheat sheet follow."""
    for name, action in actions.items():
        action.setShortcuts([QKeySequence(key) for key in keys[name]])
        plain = tr(_SPEC[name].title).replace(" …", "")
        shown = key_name(keys[name][0]) if keys[name] else ""
        action.setToolTip(f"{plain} ({shown})" if shown else plain)


class KeysWhileTyping(QObject):
    """Lets keys of the window work while a text field has the focus.

    Letters are typed, and what edits text stays with the field; but of keys with Ctrl some would
    be lost that hardly anybody knows to edit with (on Linux Ctrl+U, Ctrl+E, Ctrl+K and others).
    """

    def __init__(self, actions: Mapping[str, QAction], parent: QObject) -> None:
        super().__init__(parent)
        self._actions = actions

    def watch(self, window: QWidget) -> None:
        """Look at what the text fields of a window are about to take."""
        for line in window.findChildren(QLineEdit):
            line.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep a field from taking what is an action's key."""
        asks = event.type() == QEvent.Type.ShortcutOverride
        if asks and isinstance(event, QKeyEvent) and self._is_ours(event):
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _is_ours(self, event: QKeyEvent) -> bool:
        modifier = Qt.KeyboardModifier
        with_it = modifier.ControlModifier | modifier.AltModifier | modifier.MetaModifier
        if not event.modifiers() & with_it or any(event.matches(key) for key in _EDITING):
            return False
        pressed = QKeySequence(event.keyCombination())
        return any(
            pressed in action.shortcuts()
            for name, action in self._actions.items()
            if _SPEC[name].scope == "window"
        )
