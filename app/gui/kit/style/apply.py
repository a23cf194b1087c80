"""Dress the application, and a window of it, in a theme."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtWidgets import QApplication

from app.gui.kit.style.palette import Colours, colours_of, qt_palette
from app.gui.kit.style.sheet import style_sheet


class Dressed(Protocol):
    """A window that follows the theme."""

    def set_colours(self, colours: Colours) -> None:
        """Paint in other colours."""


def apply_theme(window: Dressed | None, theme: str) -> Colours:
    """Use a theme from now on; return its colours."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    colours = colours_of(theme)
    app.setPalette(qt_palette(colours))
    app.setStyleSheet(style_sheet(colours))
    if window is not None:
        window.set_colours(colours)
    return colours
