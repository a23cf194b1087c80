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
from engine.paths import default_library

_MOST = 8  # that are remembered
_ENDING = ".db"


class Libraries(QObject):
    """Lets the window close for another library, through ``leave``, which is given its path."""

    def __init__(self, before: QWidget, context: Context, leave: Callable[[Path], None]) -> None:
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

    def join_menu(self, action: QAction) -> None:
        """Let an action of a menu open that of the libraries that were open before."""
        action.setMenu(self.menu)

    def show_recent(self) -> None:
        """Offer the libraries that were open before."""
        self.menu.popup(QCursor.pos())

    def remember(self) -> None:
        """Note that this library was opened."""
        settings, path = self._context.settings, str(self._context.library_path)
        known = tuple(known for known in settings.now.libraries if known != path)
        settings.keep(replace(settings.now, libraries=(path, *known)[:_MOST]))

    @property
    def _folder(self) -> Path:
        return self._context.library_path.parent

    def _go(self, name: str) -> None:
        if not name or Path(name) == self._context.library_path:
            return
        settings = self._context.settings
        path = Path(name)
        own = path == default_library()
        settings.keep(replace(settings.now, library="" if own else str(path)))
        self._leave(path)

    def _fill(self) -> None:
        self.menu.clear()
        now = str(self._context.library_path)
        own = str(default_library())
        known = [path for path in self._context.settings.now.libraries if path != now]
        for path in [*known, *([own] if own not in (now, *known) else [])]:
            action = self.menu.addAction(menu_text(library_name(Path(path))))
            action.setToolTip(tip(path))
            action.setStatusTip(path)
            action.triggered.connect(lambda _=False, chosen=path: self._go(chosen))
        self.menu.setToolTipsVisible(True)
        if self.menu.isEmpty():
            self.menu.addAction(self.tr("no others yet")).setEnabled(False)


def library_name(path: Path) -> str:
    """Return what a library is called: its file, and the folder if that is not our own."""
    if path == default_library():
        return path.stem
    return f"{path.stem} ({path.parent.name})"


def library_to_open(settings: SettingsFile) -> Path:
    """Return the library that was chosen last; this user's own if there is none any more."""
    last = settings.now.library
    return Path(last) if last and Path(last).is_file() else default_library()
