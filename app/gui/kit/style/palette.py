"""The colours of the window: two small palettes, one accent."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette


@dataclass(frozen=True)
class Colours:
    """Every colour that is used, as ``#rrggbb``."""

    window: str
    panel: str
    raised: str
    line: str
    text: str
    dim: str
    accent: str
    on_accent: str
    selected: str
    wave: str
    match: str
    warning: str


DARK = Colours(
    window="#17191d",
    panel="#1d2025",
    raised="#282c33",
    line="#30353d",
    text="#dfe3e8",
    dim="#8b94a0",
    accent="#35b0a2",
    on_accent="#0c1413",
    selected="#22403f",
    wave="#7d8896",
    match="#1f4a47",
    warning="#e0a458",
)
LIGHT = Colours(
    window="#eceef1",
    panel="#f8f9fa",
    raised="#ffffff",
    line="#d3d8de",
    text="#1c2126",
    dim="#5c6670",
    accent="#0f7d72",
    on_accent="#ffffff",
    selected="#cfe8e4",
    wave="#7b8794",
    match="#c5e5e0",
    warning="#8f5508",
)
THEMES = ("system", "light", "dark")


def colours_of(theme: str) -> Colours:
    """Return the colours of a theme; ``system`` asks the desktop, dark where it does not say."""
    if theme == "light":
        return LIGHT
    if theme == "dark":
        return DARK
    scheme = QGuiApplication.styleHints().colorScheme()
    return LIGHT if scheme == Qt.ColorScheme.Light else DARK


def qt_palette(colours: Colours) -> QPalette:
    """Return Qt's palette, for what the style sheet does not reach."""
    role = QPalette.ColorRole
    chosen = {
        role.Window: colours.window,
        role.Base: colours.panel,
        role.AlternateBase: colours.window,
        role.Button: colours.raised,
        role.ToolTipBase: colours.raised,
        role.Text: colours.text,
        role.WindowText: colours.text,
        role.ButtonText: colours.text,
        role.ToolTipText: colours.text,
        role.BrightText: colours.text,
        role.PlaceholderText: colours.dim,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.on_accent,
        role.Link: colours.accent,
        role.Mid: colours.line,
        role.Light: colours.raised,
        role.Dark: colours.line,
        role.Shadow: colours.line,
    }
    palette = QPalette()
    for where, name in chosen.items():
        palette.setColor(where, QColor(name))
    disabled = QPalette.ColorGroup.Disabled
    for where in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(disabled, where, QColor(colours.dim))
    return palette


def names_of(colours: Colours) -> dict[str, str]:
    """Return the colours by name, for the style sheet."""
    return asdict(colours)
