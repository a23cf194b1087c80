"""Every action of the window, with its keys: the menus, the tips and the cheat sheet read this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QHelpEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolTip, QWidget

from app.gui.kit.keys import key_name
from app.gui.kit.text import tr
from engine.store.roles import CURATOR, EDITOR, READER

Scope = Literal["window", "lists", "results"]


def QT_TR_NOOP(text: str) -> str:
    """Mark a text for lupdate, which knows this name; it is translated when it is shown."""
    return text


@dataclass(frozen=True)
class ActionSpec:
    """An action: where its keys work, and in which menu it stands.

    Keys of ``lists`` work while results, sources or the waveform have the focus, so that letters
    can still be typed; those of ``results`` in the results and the waveform only.  One that needs a
    library says so where none could be opened, and does nothing else.  Those of one ``submenu``
    stand together there.  What is ``of_file`` cannot be done with a library on a server.
    """

    name: str
    menu: str
    title: str
    keys: tuple[str, ...] = ()
    scope: Scope = "window"
    checkable: bool = False
    needs_library: bool = False
    submenu: str = ""
    takes: str = READER  # the role in a team's library
    of_file: bool = False


_of_library = partial(ActionSpec, needs_library=True)
_of_editor = partial(_of_library, takes=EDITOR)
_of_curator = partial(_of_library, takes=CURATOR)
_MARK, _STARS, _COLOUR, _SHOWN = (
    QT_TR_NOOP("&Mark"),
    QT_TR_NOOP("Stars"),
    QT_TR_NOOP("Colour"),
    QT_TR_NOOP("Tags that are shown"),
)
_FILE, _SEARCH, _PLAY, _VIEW, _TOOLS, _HELP = (
    QT_TR_NOOP("&File"),
    QT_TR_NOOP("&Search"),
    QT_TR_NOOP("&Play"),
    QT_TR_NOOP("&View"),
    QT_TR_NOOP("&Tools"),
    QT_TR_NOOP("&Help"),
)
_MARKING = (
    _of_editor("undo", _MARK, QT_TR_NOOP("Undo"), ("Ctrl+Z",), "lists"),
    _of_editor("redo", _MARK, QT_TR_NOOP("Redo"), ("Ctrl+Shift+Z", "Ctrl+Y"), "lists"),
    *(
        _of_editor(f"stars_{n}", _MARK, title, (f"Alt+{n}",), submenu=_STARS)
        for n, title in enumerate(
            (
                QT_TR_NOOP("No stars"),
                QT_TR_NOOP("1 star"),
                QT_TR_NOOP("2 stars"),
                QT_TR_NOOP("3 stars"),
                QT_TR_NOOP("4 stars"),
                QT_TR_NOOP("5 stars"),
            )
        )
    ),
    *(
        _of_editor(f"colour_{name}", _MARK, title, submenu=_COLOUR)
        for name, title in (
            ("none", QT_TR_NOOP("No colour")),
            ("red", QT_TR_NOOP("Red")),
            ("orange", QT_TR_NOOP("Orange")),
            ("yellow", QT_TR_NOOP("Yellow")),
            ("green", QT_TR_NOOP("Green")),
            ("blue", QT_TR_NOOP("Blue")),
            ("purple", QT_TR_NOOP("Purple")),
            ("grey", QT_TR_NOOP("Grey")),
        )
    ),
    _of_editor("note", _MARK, QT_TR_NOOP("Note …"), ("N",), "results"),
    _of_editor("used", _MARK, QT_TR_NOOP("Mark as used …"), ("U",), "results"),
    _of_editor("unused", _MARK, QT_TR_NOOP("Mark as unused")),
    _of_curator("write_marks", _MARK, QT_TR_NOOP("Write stars and notes into files …")),
    _of_curator("edit_here", _MARK, QT_TR_NOOP("Edit the description"), ("F2",), "results"),
    _of_curator("edit", _MARK, QT_TR_NOOP("Edit texts in files …"), ("Shift+F2",)),
    _of_editor("untag", _MARK, QT_TR_NOOP("Remove a tag …"), ("Shift+T",), "results"),
)
_FAMILIES = tuple(
    ActionSpec(name, _VIEW, title, checkable=True, submenu=_SHOWN)
    for name, title in (
        ("tags_ucs", QT_TR_NOOP("UCS categories")),
        ("tags_audioset", QT_TR_NOOP("AudioSet labels")),
        ("tags_other", QT_TR_NOOP("All other tags")),
    )
)
ACTIONS = (
    _of_curator("add", _FILE, QT_TR_NOOP("Add a folder …"), ("Ctrl+O",)),
    _of_curator("rescan", _FILE, QT_TR_NOOP("Look for changes in all folders"), ("F5",)),
    _of_library("skipped", _FILE, QT_TR_NOOP("Skipped files …")),
    _of_library("roots", _FILE, QT_TR_NOOP("Roots …")),
    ActionSpec("open_library", _FILE, QT_TR_NOOP("Open a library …"), ("Ctrl+Shift+O",)),
    ActionSpec("open_team_library", _FILE, QT_TR_NOOP("Open team library …")),
    ActionSpec("new_library", _FILE, QT_TR_NOOP("New library …"), ("Ctrl+Shift+N",)),
    ActionSpec("recent_libraries", _FILE, QT_TR_NOOP("Recent libraries")),
    _of_library("team", _FILE, QT_TR_NOOP("Team …")),
    ActionSpec("copy", _FILE, QT_TR_NOOP("Copy the file or range"), ("Ctrl+C",), "results"),
    ActionSpec("copy_path", _FILE, QT_TR_NOOP("Copy the path"), ("Ctrl+Shift+C",), "results"),
    ActionSpec("reveal", _FILE, QT_TR_NOOP("Show in its folder"), ("Return", "Enter"), "results"),
    ActionSpec("spot", _FILE, QT_TR_NOOP("Send to the session"), ("P",), "results"),
    ActionSpec(
        "spot_track", _FILE, QT_TR_NOOP("Send to the selected track"), ("Shift+P",), "results"
    ),
    ActionSpec(
        "spot_replace", _FILE, QT_TR_NOOP("Replace the selected item"), ("Ctrl+P",), "results"
    ),
    ActionSpec("as_heard", _FILE, QT_TR_NOOP("Hand over as heard"), ("H",), "lists", True),
    _of_library("transfer", _FILE, QT_TR_NOOP("Transfer …"), ("Ctrl+Shift+E",)),
    _of_library("export", _FILE, QT_TR_NOOP("Export this list …"), ("Ctrl+E",)),
    ActionSpec("sessions", _FILE, QT_TR_NOOP("Sessions …")),
    ActionSpec("preferences", _FILE, QT_TR_NOOP("Preferences …"), ("Ctrl+,",)),
    ActionSpec("quit", _FILE, QT_TR_NOOP("Quit"), ("Ctrl+Q",)),
    ActionSpec("search", _SEARCH, QT_TR_NOOP("Search"), ("Ctrl+F",)),
    ActionSpec("history", _SEARCH, QT_TR_NOOP("Recent searches"), ("Ctrl+H",)),
    _of_library("record", _SEARCH, QT_TR_NOOP("Search by recording a sound"), ("Ctrl+R",)),
    _of_library("similar", _SEARCH, QT_TR_NOOP("Search for sounds like this"), ("S",), "results"),
    _of_library("more", _SEARCH, QT_TR_NOOP("Add to the search"), ("Shift+S",), "results"),
    _of_editor("collect", _SEARCH, QT_TR_NOOP("Add to the collection"), ("D",), "results"),
    _of_editor("tag", _SEARCH, QT_TR_NOOP("Tag the selected sounds …"), ("T",), "results"),
    _of_editor("save_search", _SEARCH, QT_TR_NOOP("Save this search …"), ("Ctrl+S",)),
    ActionSpec("escape", _SEARCH, QT_TR_NOOP("Stop, then clear the search"), ("Esc",)),
    *_MARKING,
    ActionSpec("play", _PLAY, QT_TR_NOOP("Play or pause"), ("Space",), "lists"),
    ActionSpec(
        "play_from_start", _PLAY, QT_TR_NOOP("Play from the start"), ("Shift+Space",), "lists"
    ),
    ActionSpec("auto_play", _PLAY, QT_TR_NOOP("Play on selection"), ("A",), "lists", True),
    ActionSpec("back", _PLAY, QT_TR_NOOP("Back"), ("Left",), "lists"),
    ActionSpec("on", _PLAY, QT_TR_NOOP("Forward"), ("Right",), "lists"),
    ActionSpec("loop", _PLAY, QT_TR_NOOP("Loop"), ("L",), "lists", True),
    ActionSpec("range_from", _PLAY, QT_TR_NOOP("Start the range here"), ("I",), "lists"),
    ActionSpec("range_to", _PLAY, QT_TR_NOOP("End the range here"), ("O",), "lists"),
    ActionSpec("slower", _PLAY, QT_TR_NOOP("Slower, lower"), ("[",), "lists"),
    ActionSpec("faster", _PLAY, QT_TR_NOOP("Faster, higher"), ("]",), "lists"),
    ActionSpec("normal", _PLAY, QT_TR_NOOP("Normal speed"), ("0",), "lists"),
    ActionSpec("reverse", _PLAY, QT_TR_NOOP("Play backwards"), ("R",), "lists", True),
    ActionSpec("keep_pitch", _PLAY, QT_TR_NOOP("Keep the pitch"), ("K",), "lists", True),
    ActionSpec("lower", _PLAY, QT_TR_NOOP("Lower, same speed"), ("{", "Shift+["), "lists"),
    ActionSpec("higher", _PLAY, QT_TR_NOOP("Higher, same speed"), ("}", "Shift+]"), "lists"),
    ActionSpec("match", _PLAY, QT_TR_NOOP("Equal loudness"), ("E",), "lists", True),
    ActionSpec("quieter", _PLAY, QT_TR_NOOP("Quieter"), ("Alt+Down",)),
    ActionSpec("louder", _PLAY, QT_TR_NOOP("Louder"), ("Alt+Up",)),
    ActionSpec("channels", _PLAY, QT_TR_NOOP("Mono sum, mid, side"), ("M",), "lists"),
    _of_editor("region", _PLAY, QT_TR_NOOP("Name the range …"), ("Shift+N",), "lists"),
    ActionSpec("previous_mark", _PLAY, QT_TR_NOOP("Previous region or marker"), (",",), "lists"),
    ActionSpec("next_mark", _PLAY, QT_TR_NOOP("Next region or marker"), (".",), "lists"),
    ActionSpec("previous_moment", _PLAY, QT_TR_NOOP("Previous best moment"), ("Shift+B",), "lists"),
    ActionSpec("next_moment", _PLAY, QT_TR_NOOP("Next best moment"), ("B",), "lists"),
    ActionSpec("zoom_in", _VIEW, QT_TR_NOOP("Zoom in"), ("+", "="), "lists"),
    ActionSpec("zoom_out", _VIEW, QT_TR_NOOP("Zoom out"), ("-",), "lists"),
    ActionSpec("spectrogram", _VIEW, QT_TR_NOOP("Spectrogram"), ("G",), "lists", True),
    ActionSpec(
        "linear_scale", _VIEW, QT_TR_NOOP("Linear frequencies"), ("Shift+G",), "lists", True
    ),
    ActionSpec("wave_colours", _VIEW, QT_TR_NOOP("Colour by frequency"), ("C",), "lists", True),
    ActionSpec("loudness_curve", _VIEW, QT_TR_NOOP("Loudness curve"), ("Shift+L",), "lists", True),
    ActionSpec("sources", _VIEW, QT_TR_NOOP("Sources"), ("Ctrl+1",), "window", True),
    ActionSpec("inspector", _VIEW, QT_TR_NOOP("Inspector"), ("Ctrl+2",), "window", True),
    *_FAMILIES,
    _of_library("map", _VIEW, QT_TR_NOOP("Map of the library …"), ("Ctrl+3",)),
    _of_editor("review", _TOOLS, QT_TR_NOOP("Suggest tags …"), ("Ctrl+T",)),
    _of_library("audit", _TOOLS, QT_TR_NOOP("Names that seem wrong …")),
    _of_library("cues", _TOOLS, QT_TR_NOOP("Cue sheet …"), ("Ctrl+U",)),
    _of_library("duplicates", _TOOLS, QT_TR_NOOP("Duplicates …")),
    _of_library("train", _TOOLS, QT_TR_NOOP("Train on my library …"), of_file=True),
    _of_library("models", _TOOLS, QT_TR_NOOP("Models …")),
    ActionSpec("repair", _TOOLS, QT_TR_NOOP("Repair the library …"), of_file=True),
    ActionSpec("shortcuts", _HELP, QT_TR_NOOP("Keyboard shortcuts"), ("F1", "?")),
    ActionSpec("diagnostics", _HELP, QT_TR_NOOP("Copy diagnostics …")),
    ActionSpec("about", _HELP, QT_TR_NOOP("About Soundsift")),
)


def make_actions(parent: QWidget, do: Mapping[str, Callable[[], object]]) -> dict[str, QAction]:
    """Return all actions by name; ``do`` says what each does."""
    found = {}
    for spec in ACTIONS:
        action = QAction(tr(spec.title), parent)
        action.setObjectName(spec.name)
        action.setCheckable(spec.checkable)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        in_window = spec.scope == "window"
        context = Qt.ShortcutContext
        action.setShortcutContext(context.WindowShortcut if in_window else context.WidgetShortcut)
        plain = tr(spec.title).replace(" …", "")
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
    menus: dict[str, QMenu] = {}
    for spec in ACTIONS:
        if spec.menu not in menus:
            menus[spec.menu] = bar.addMenu(tr(spec.menu))
            explain(menus[spec.menu])
        place_in(menus[spec.menu], spec, actions)


class _OnlyReasons(QObject):
    """Lets a menu show tips of what cannot be done now; all else is said by the titles."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the tips of enabled actions back."""
        if isinstance(watched, QMenu) and isinstance(event, QHelpEvent):
            action = watched.actionAt(event.pos())
            has_reason = action is not None and not action.isEnabled()
            if not has_reason:
                QToolTip.hideText()  # of the entry before
            return not has_reason
        return super().eventFilter(watched, event)


def explain(menu: QMenu) -> None:
    """Let a menu say why something cannot be done."""
    menu.setToolTipsVisible(True)
    menu.installEventFilter(_OnlyReasons(menu))


def place_in(menu: QMenu, spec: ActionSpec, actions: Mapping[str, QAction]) -> None:
    """Put an action into a menu, or into its submenu there."""
    if spec.submenu:
        known = menu.findChild(QMenu, spec.submenu, Qt.FindChildOption.FindDirectChildrenOnly)
        if known is None:
            known = menu.addMenu(tr(spec.submenu))
            explain(known)
            known.setObjectName(spec.submenu)
        menu = known
    menu.addAction(actions[spec.name])
