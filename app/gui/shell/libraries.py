"""Other libraries: opened, made, and those that were open before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QCursor
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from app.gui.kit.context import Context
from app.gui.kit.plain import menu_text, tip
from app.gui.kit.settings import SettingsFile
from engine.paths import Place, default_library, is_server, place_of, server_name

_MOST = 8  # that are remembered
_ENDING = ".db"


class Libraries(QObject):
    """Lets the window close for another library, through ``leave``, which is given its place."""

    def __init__(self, before: QWidget, context: Context, leave: Callable[[Place], None]) -> None:
        super().__init__(before)
        self._before, self._context, self._leave = before, context, leave
        self.menu = QMenu(before)
        self.menu.aboutToShow.connect(self._fill)

    def open(self) -> None:
        """Ask for a library, and open it."""
        kinds = self.tr("Libraries (*.db);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(
            self._before, self.tr("Open a library"), str(self._folder), kinds
        )
        self._go(name)

    def new(self) -> None:
        """Ask where a new library should be, and open it; one that is there is only opened."""
        name, _ = QFileDialog.getSaveFileName(
            self._before,
            self.tr("New library"),
            str(self._folder / f"{self.tr('Library')}{_ENDING}"),
            self.tr("Libraries (*.db)"),
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        self._go(name if not name or Path(name).suffix else name + _ENDING)

    def open_team(self) -> None:
        """Ask for the address of a team's library, and open it once it answers."""
        from app.gui.shell.open_team import OpenTeam

        known = [place for place in self._context.settings.now.libraries if is_server(place)]
        dialog = OpenTeam(self._before, self._context, known)
        dialog.chosen.connect(self._go)
        dialog.open()

    def join_menu(self, action: QAction) -> None:
        """Let an action of a menu open that of the libraries that were open before."""
        action.setMenu(self.menu)

    def show_recent(self) -> None:
        """Offer the libraries that were open before."""
        self.menu.popup(QCursor.pos())

    def remember(self) -> None:
        """Note that this library was opened."""
        settings, place = self._context.settings, str(self._context.place)
        known = tuple(known for known in settings.now.libraries if known != place)
        settings.keep(replace(settings.now, libraries=(place, *known)[:_MOST]))

    @property
    def _folder(self) -> Path:
        place = self._context.place
        return default_library().parent if is_server(place) else Path(place).parent

    def _go(self, name: str) -> None:
        if not name or place_of(name) == self._context.place:
            return
        settings, place = self._context.settings, place_of(name)
        own = place == default_library()
        settings.keep(replace(settings.now, library="" if own else name))
        self._leave(place)

    def _fill(self) -> None:
        self.menu.clear()
        now = str(self._context.place)
        own = str(default_library())
        known = [place for place in self._context.settings.now.libraries if place != now]
        for place in [*known, *([own] if own not in (now, *known) else [])]:
            action = self.menu.addAction(menu_text(library_name(place_of(place))))
            action.setToolTip(tip(place))
            action.setStatusTip(place)
            action.triggered.connect(lambda _=False, chosen=place: self._go(chosen))
        self.menu.setToolTipsVisible(True)
        if self.menu.isEmpty():
            self.menu.addAction(self.tr("no others yet")).setEnabled(False)


def library_name(place: Place) -> str:
    """Return what a library is called: its file, and the folder if that is not our own.

    One on a server is called by its database and its server.
    """
    if is_server(place):
        return server_name(place)
    path = Path(place)
    return path.stem if path == default_library() else f"{path.stem} ({path.parent.name})"


def library_to_open(settings: SettingsFile) -> Place:
    """Return the library that was chosen last; this user's own if that file is gone.

    Whether a server answers is not asked here: the window opens, and says so if it does not.
    """
    last = settings.now.library
    if is_server(last):
        return last
    return Path(last) if last and Path(last).is_file() else default_library()
