"""Open the window, and another after a repair or for another library, until it is closed."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QLibraryInfo,
    QLocale,
    QTimer,
    QTranslator,
)
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication, QWidget

from app.gui.kit import marks, painting
from app.gui.kit.settings import SettingsFile
from app.gui.kit.style import icons
from app.gui.kit.style.apply import apply_theme
from app.gui.kit.style.icons import pixmap
from app.gui.shell.crash import Crashes
from app.gui.shell.libraries import library_to_open
from app.gui.shell.repairing import repair_library
from app.gui.shell.window import MainWindow
from engine.log import logger
from engine.paths import Place, assets, data_folder
from engine.search.query_sound import QuerySound

_log = logger(__name__)


@dataclass(frozen=True)
class Closed:
    """A window that was closed: its exit code, which library to open now, repaired or as it is."""

    code: int
    next_library: Place | None
    repair_wanted: bool


def run(library: Place | None = None, sounds: Sequence[Path] = ()) -> int:
    """Open the window on a library, the one that was open last if None; return when it is closed.

    :param sounds: to search by.
    """
    app = make_application()
    crashes = Crashes()
    crashes.install()
    _log.info("the window of Soundsift %s opened, %s", version("soundsift"), platform.platform())
    place = library or library_to_open(make_settings())
    closed = _show(app, crashes, place, sounds=sounds)
    while closed.next_library is not None:
        place = closed.next_library
        said = repair_library(Path(place)) if closed.repair_wanted else ""
        closed = _show(app, crashes, place, said)
    crashes.close()
    return closed.code


def _show(
    app: QApplication, crashes: Crashes, place: Place, said: str = "", sounds: Sequence[Path] = ()
) -> Closed:
    """Show a window until it is closed.

    :param said: to be told when it is there.
    :param sounds: to search by.
    """
    settings = make_settings()
    window = MainWindow(place, settings, apply_theme(None, settings.now.theme))
    window.jobs.crashed.connect(crashes.take)

    def follow() -> None:
        apply_theme(window, settings.now.theme)

    changed = QGuiApplication.styleHints().colorSchemeChanged
    changed.connect(follow)
    if sounds:
        window.bar.clear()  # of the last session's words
    for sound in sounds:
        window.bar.add_sound(QuerySound(sound))
    window.show()
    if said:
        QTimer.singleShot(0, window, lambda: window.prompts.inform(said))
    code = app.exec()
    changed.disconnect(follow)
    take_down(window)
    following = place if window.repair_wanted else window.next_library
    return Closed(code, following, window.repair_wanted)


def make_application() -> QApplication:
    """Return the application, with its style, icon and translations."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("Soundsift")
    app.setDesktopFileName("soundsift")
    app.setStyle("Fusion")
    app.setWindowIcon(QIcon(pixmap("soundsift", "#000000", 128)))
    for name, folder in (
        ("qtbase", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)),
        ("soundsift", str(assets() / "translations")),
    ):
        translator = QTranslator(app)
        if translator.load(QLocale(), name, "_", folder):
            app.installTranslator(translator)
    return app


def take_down(window: QWidget) -> None:
    """Delete a closed window now, and all pictures, while the application is still there."""
    window.deleteLater()
    QCoreApplication.sendPostedEvents(window, QEvent.Type.DeferredDelete)
    icons.forget()
    painting.forget()
    marks.forget()


def make_settings() -> SettingsFile:
    """Return where the window keeps its state: beside the libraries."""
    return SettingsFile(data_folder() / "window.ini")
