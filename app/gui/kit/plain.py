"""Texts of files, tags and models as Qt shows them: as they are, and never as markup.

Qt takes a text for HTML where it looks like it, and then loads what the text names; a menu takes
an ampersand for a key.  Whatever may hold a foreign text goes through here.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import Qt as QtText
from PySide6.QtWidgets import QLabel

from engine.plain_text import one_line, visible

_JOINER = "\u2060"  # no width, no break: what looks like a tag or a sign of Qt's is none with it


class PlainLabel(QLabel):
    """The label of this window: it shows a text as it is, and what cannot be seen spelled out."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show a text."""
        super().setText(visible(text))

    def set_role(self, role: str) -> None:
        """Let the style sheet paint it as ``warning``, ``dim`` …; as any other where empty."""
        self.setProperty("role", role)
        self.style().unpolish(self)
        self.style().polish(self)


def tip(text: str) -> str:
    """Return a tool tip, or another text whose format Qt guesses, that it takes for plain."""
    text = visible(text)
    if not QtText.mightBeRichText(text):
        return text
    return text.replace("<", f"<{_JOINER}").replace("&", f"&{_JOINER}")


def menu_text(text: str) -> str:
    """Return the title of a menu's entry or of a button, in which no character is a key."""
    return one_line(text).replace("&", "&&")


def title_text(text: str) -> str:
    """Return the title of a window, in which nothing stands for another thing."""
    return one_line(text).replace("[*]", f"[{_JOINER}*]")
