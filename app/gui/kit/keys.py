"""Keys as settings keep them, and the keys of dialogs, which are no actions of the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtGui import QKeyEvent, QKeySequence

Keys = Mapping[str, tuple[str, ...]]  # of actions, by their names
BETWEEN = "\t"  # in a setting: a name and its keys


def QT_TR_NOOP(text: str) -> str:
    """Mark a text for lupdate, which knows this name; it is translated when it is shown."""
    return text


@dataclass(frozen=True)
class DialogKey:
    """What a key does in a dialog; it may be the key of something else in the window."""

    name: str
    title: str
    keys: tuple[str, ...]


ACCEPT_TAG = DialogKey("review_accept", QT_TR_NOOP("Accept the suggested tag"), ("A", "Return"))
REJECT_TAG = DialogKey("review_reject", QT_TR_NOOP("Reject the suggested tag"), ("X", "Del"))
REPLACE_TAG = DialogKey("review_replace", QT_TR_NOOP("Replace the suggested tag"), ("E", "F2"))
HEAR_TAG = DialogKey("review_hear", QT_TR_NOOP("Play the suggested tag's sound"), ("Space",))
DIALOG_KEYS = (ACCEPT_TAG, REJECT_TAG, REPLACE_TAG, HEAR_TAG)


def kept_keys(defaults: Keys, kept: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return keys as a setting has them; what makes no sense is left out."""
    found = dict(defaults)
    for line in kept:
        name, *keys = line.split(BETWEEN)
        if name in found:
            found[name] = tuple(portable(key) for key in keys if portable(key))
    return found


def dialog_keys(kept: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the keys of dialogs by their names, as a setting has them."""
    return kept_keys({key.name: key.keys for key in DIALOG_KEYS}, kept)


def portable(key: str) -> str:
    """Return a key as settings have it on every system; empty if there is none of that name."""
    sequence = QKeySequence(key, QKeySequence.SequenceFormat.PortableText)
    return sequence.toString(QKeySequence.SequenceFormat.PortableText)


def key_name(key: str) -> str:
    """Return a key as it stands on this system's keyboards."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def is_pressed(keys: Sequence[str], event: QKeyEvent) -> bool:
    """Return whether an event is one of some keys."""
    return portable_key(event) in keys


def portable_key(event: QKeyEvent) -> str:
    """Return the key of an event as settings have it: ``?``, not ``Shift+?``, which makes it."""
    sequence = QKeySequence(event.keyCombination())
    text = sequence.toString(QKeySequence.SequenceFormat.PortableText)
    last = text.removeprefix("Shift+")
    plain = text.startswith("Shift+") and len(last) == 1 and not last.isalpha()
    return portable(last if plain else text)
