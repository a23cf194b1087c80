"""Open the window."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QLibraryInfo,
    QLocale,
    QSettings,
    QTranslator,
)
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication, QWidget

from app.gui.crash import Crashes
from app.gui.style import icons
from app.gui.style.apply import apply_theme
from app.gui.style.icons import pixmap
from app.gui.widgets import painting
from app.gui.window import MainWindow
from engine.paths import assets, data_folder, default_library


def run(library: Path | None = None) -> int:
    """Open the window on a library, of this user if None; return when it is closed."""
    app = make_application()
    crashes = Crashes()
    crashes.install()
    settings = make_settings()
    theme = str(settings.value("window/theme") or "system")
    window = MainWindow(library or default_library(), settings, apply_theme(None, theme))
    window.jobs.crashed.connect(crashes.take)

    def follow() -> None:
        apply_theme(window, str(settings.value("window/theme") or "system"))

    QGuiApplication.styleHints().colorSchemeChanged.connect(follow)
    window.show()
    code = app.exec()
    take_down(window)
    crashes.close()
    return code


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


def make_settings() -> QSettings:
    """Return where the window keeps its state: beside the libraries."""
    return QSettings(str(data_folder() / "window.ini"), QSettings.Format.IniFormat)
