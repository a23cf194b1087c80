"""Every action of the window, with its keys: the menus, the tips and the cheat sheet read this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenuBar, QWidget

Scope = Literal["window", "lists", "results"]


@dataclass(frozen=True)
class ActionSpec:
    """An action: where its keys work, and in which menu it stands.

    Keys of ``lists`` work while results, sources or the waveform have the focus, so that letters
    can still be typed; those of ``results`` in the results and the waveform only.
    """

    name: str
    menu: str
    title: str
    keys: tuple[str, ...] = ()
    scope: Scope = "window"
    checkable: bool = False


def _n(text: str) -> str:
    """Mark a text for translation, which happens when it is shown."""
    return text


_FILE, _SEARCH, _PLAY, _VIEW, _TOOLS, _HELP = (
    _n("&File"),
    _n("&Search"),
    _n("&Play"),
    _n("&View"),
    _n("&Tools"),
    _n("&Help"),
)
ACTIONS = (
    ActionSpec("add", _FILE, _n("Add a folder …"), ("Ctrl+O",)),
    ActionSpec("rescan", _FILE, _n("Look for changes in all folders"), ("F5",)),
    ActionSpec("skipped", _FILE, _n("Skipped files …")),
    ActionSpec("copy", _FILE, _n("Copy the file"), ("Ctrl+C",), "results"),
    ActionSpec("copy_path", _FILE, _n("Copy the path"), ("Ctrl+Shift+C",), "results"),
    ActionSpec("reveal", _FILE, _n("Show in the file manager"), ("Return", "Enter"), "results"),
    ActionSpec("preferences", _FILE, _n("Preferences …"), ("Ctrl+,",)),
    ActionSpec("quit", _FILE, _n("Quit"), ("Ctrl+Q",)),
    ActionSpec("search", _SEARCH, _n("Search"), ("Ctrl+F",)),
    ActionSpec("history", _SEARCH, _n("Earlier searches"), ("Ctrl+H",)),
    ActionSpec("record", _SEARCH, _n("Search by a recording"), ("Ctrl+R",)),
    ActionSpec("similar", _SEARCH, _n("Search for sounds like this"), ("S",), "results"),
    ActionSpec("more", _SEARCH, _n("Add this sound to the search"), ("Shift+S",), "results"),
    ActionSpec("collect", _SEARCH, _n("Add to the collection"), ("D",), "results"),
    ActionSpec("tag", _SEARCH, _n("Tag the chosen sounds …"), ("T",), "results"),
    ActionSpec("escape", _SEARCH, _n("Stop, then clear the search"), ("Esc",)),
    ActionSpec("play", _PLAY, _n("Play or stop"), ("Space",), "lists"),
    ActionSpec("auto_play", _PLAY, _n("Play what is chosen"), ("A",), "lists", True),
    ActionSpec("back", _PLAY, _n("Back"), ("Left",), "lists"),
    ActionSpec("on", _PLAY, _n("On"), ("Right",), "lists"),
    ActionSpec("loop", _PLAY, _n("Loop"), ("L",), "lists", True),
    ActionSpec("slower", _PLAY, _n("Slower, lower"), ("[",), "lists"),
    ActionSpec("faster", _PLAY, _n("Faster, higher"), ("]",), "lists"),
    ActionSpec("normal", _PLAY, _n("Normal speed"), ("0",), "lists"),
    ActionSpec("reverse", _PLAY, _n("Backwards"), ("R",), "lists", True),
    ActionSpec("zoom_in", _VIEW, _n("Zoom in"), ("+", "="), "lists"),
    ActionSpec("zoom_out", _VIEW, _n("Zoom out"), ("-",), "lists"),
    ActionSpec("spectrogram", _VIEW, _n("Spectrogram"), ("G",), "lists", True),
    ActionSpec("sources", _VIEW, _n("Sources"), ("Ctrl+1",), "window", True),
    ActionSpec("inspector", _VIEW, _n("Inspector"), ("Ctrl+2",), "window", True),
    ActionSpec("cues", _TOOLS, _n("Cue sheet …"), ("Ctrl+U",)),
    ActionSpec("duplicates", _TOOLS, _n("Duplicates …")),
    ActionSpec("train", _TOOLS, _n("Train on my library …")),
    ActionSpec("models", _TOOLS, _n("Models …")),
    ActionSpec("shortcuts", _HELP, _n("Keys"), ("F1", "?")),
    ActionSpec("about", _HELP, _n("About Soundsift")),
)


def translated(text: str) -> str:
    """Return a title in the user's language."""
    return QCoreApplication.translate("Actions", text)


def make_actions(parent: QWidget, do: Mapping[str, Callable[[], object]]) -> dict[str, QAction]:
    """Return all actions by name; ``do`` says what each does."""
    found = {}
    for spec in ACTIONS:
        action = QAction(translated(spec.title), parent)
        action.setObjectName(spec.name)
        action.setCheckable(spec.checkable)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        in_window = spec.scope == "window"
        context = Qt.ShortcutContext
        action.setShortcutContext(context.WindowShortcut if in_window else context.WidgetShortcut)
        plain = translated(spec.title).replace(" …", "")
        keys = ", ".join(key_name(key) for key in spec.keys[:1])
        action.setToolTip(f"{plain} ({keys})" if keys else plain)
        action.triggered.connect(lambda _=False, name=spec.name: do[name]())
        if spec.name == "quit":
            action.setMenuRole(QAction.MenuRole.QuitRole)
        if spec.name == "preferences":
            action.setMenuRole(QAction.MenuRole.PreferencesRole)
        if spec.name == "about":
            action.setMenuRole(QAction.MenuRole.AboutRole)
        found[spec.name] = action
    return found


def place_actions(
    actions: Mapping[str, QAction],
    window: QWidget,
    lists: Sequence[QWidget],
    results: Sequence[QWidget],
) -> None:
    """Let keys work where they should."""
    for spec in ACTIONS:
        for widget in {"window": [window], "lists": lists, "results": results}[spec.scope]:
            widget.addAction(actions[spec.name])


def fill_menus(bar: QMenuBar, actions: Mapping[str, QAction]) -> None:
    """Put every action into its menu."""
    menus = {}
    for spec in ACTIONS:
        if spec.menu not in menus:
            menus[spec.menu] = bar.addMenu(translated(spec.menu))
        menus[spec.menu].addAction(actions[spec.name])


def key_name(key: str) -> str:
    """Return a key as it stands on this system's keyboards."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
