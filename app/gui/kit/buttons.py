"""Buttons with our own icons, which follow the theme."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QSizePolicy, QToolButton, QWidget

from app.gui.kit.plain import tip as plain_tip
from app.gui.kit.style.icons import icon
from app.gui.kit.style.palette import LIGHT, Colours
from app.gui.kit.style.sheet import BUTTON_ICONS

_ICON_PX = 16
_ARROW_PX = 10


def push_button(
    title: str, does: Callable[[], object], picture: str = "", default: bool = False
) -> QPushButton:
    """Return a button of a dialog, as wide as its words; Return presses the ``default`` one only.

    :param picture: one of :data:`BUTTON_ICONS`; the style sheet draws it.
    """
    button = QPushButton(title)
    button.setAutoDefault(False)
    button.setDefault(default)
    button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    button.clicked.connect(lambda _=False: does())
    if picture:
        set_picture(button, picture)
    return button


def set_picture(button: QPushButton, picture: str) -> None:
    """Give a button an icon in the colour of its words."""
    assert picture in BUTTON_ICONS, picture
    button.setProperty("picture", picture)
    button.setIcon(icon(picture, LIGHT.text))  # makes room; the style sheet paints over it
    button.style().unpolish(button)
    button.style().polish(button)


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
        self.name_key_of(action)

    def name_key_of(self, action: QAction) -> None:
        """Let the tip name the key of an action, whichever it is."""
        self._named_by = action
        action.changed.connect(self._show_key)
        self._show_key()

    def _show_key(self) -> None:
        self.setToolTip(plain_tip(self._named_by.toolTip()))
        self.setEnabled(self._named_by.isEnabled())

    def _paint(self) -> None:
        on = self.isCheckable() and self.isChecked()
        self.setIcon(icon(self._name, self._colours.accent if on else self._colours.text))


class DetailsButton(IconButton):
    """Shows and hides what not everybody wants to see."""

    def __init__(self, title: str, colours: Colours) -> None:
        super().__init__("mark-right", title, colours, checkable=True)
        self.setText(title)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(_ARROW_PX, _ARROW_PX))
        self.setProperty("role", "details")
        self.toggled.connect(lambda on: self.set_icon("mark-down" if on else "mark-right"))

    def _paint(self) -> None:
        self.setIcon(icon(self._name, self._colours.dim))


def recolour(parent: QWidget, colours: Colours) -> None:
    """Let all icon buttons in a widget follow the theme."""
    for button in parent.findChildren(IconButton):
        button.set_colours(colours)
