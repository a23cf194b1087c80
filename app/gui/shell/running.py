"""Open the window, and open it again after a repair, until it is closed."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
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

from app.gui.kit import painting
from app.gui.kit.settings import SettingsFile
from app.gui.kit.style import icons
from app.gui.kit.style.apply import apply_theme
from app.gui.kit.style.icons import pixmap
from app.gui.shell.crash import Crashes
from app.gui.shell.repairing import repair_library
from app.gui.shell.window import MainWindow
from engine.log import logger
from engine.paths import assets, data_folder, default_library
from engine.search.query_sound import QuerySound

_log = logger(__name__)


def run(library: Path | None = None, sounds: Sequence[Path] = ()) -> int:
    """Open the window on a library, of this user if None; return when it is closed.

    :param sounds: to search by.
    """
    app = make_application()
    crashes = Crashes()
    crashes.install()
    _log.info("the window of Soundsift %s opened, %s", version("soundsift"), platform.platform())
    path = library or default_library()
    code, repair_wanted = _show(app, crashes, path, sounds=sounds)
    while repair_wanted:
        code, repair_wanted = _show(app, crashes, path, repair_library(path))
    crashes.close()
    return code


def _show(
    app: QApplication, crashes: Crashes, path: Path, said: str = "", sounds: Sequence[Path] = ()
) -> tuple[int, bool]:
    """Show a window until it is closed; return its exit code, and whether to repair the library.

    :param said: to be told when it is there.
    :param sounds: to search by.
    """
    settings = make_settings()
    window = MainWindow(path, settings, apply_theme(None, settings.now.theme))
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
    return code, window.repair_wanted


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


def make_settings() -> SettingsFile:
    """Return where the window keeps its state: beside the libraries."""
    return SettingsFile(data_folder() / "window.ini")
