"""Buttons with our own icons, which follow the theme."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QToolButton, QWidget

from app.gui.kit.plain import tip as plain_tip
from app.gui.kit.style.icons import icon
from app.gui.kit.style.palette import Colours

_ICON_PX = 16


class IconButton(QToolButton):
    """A flat button with one of our icons; its tip says what it does, and its key."""

    def __init__(self, name: str, tip: str, colours: Colours, checkable: bool = False) -> None:
        super().__init__()
        self._name = name
        self._colours = colours
        self.setCheckable(checkable)
        self.setToolTip(plain_tip(tip))
        self.setAccessibleName(tip.split(" (")[0])
        self.setIconSize(QSize(_ICON_PX, _ICON_PX))
        self.setAutoRaise(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.toggled.connect(lambda on: self._paint())
        self._paint()

    def set_icon(self, name: str) -> None:
        """Show another icon."""
        self._name = name
        self._paint()

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self._paint()

    def follow(self, action: QAction) -> None:
        """Do what an action does, and show whether it is on."""
        self.setCheckable(action.isCheckable())
        self.setChecked(action.isChecked())
        action.toggled.connect(self.setChecked)
        self.clicked.connect(action.trigger)

    def _paint(self) -> None:
        on = self.isCheckable() and self.isChecked()
        self.setIcon(icon(self._name, self._colours.accent if on else self._colours.text))


def recolour(parent: QWidget, colours: Colours) -> None:
    """Let all icon buttons in a widget follow the theme."""
    for button in parent.findChildren(IconButton):
        button.set_colours(colours)
