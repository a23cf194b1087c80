"""How numbers are set."""

from __future__ import annotations

from PySide6.QtGui import QFont

_EVEN_FIGURES = "tnum"  # OpenType: all figures are as wide as one another


def with_even_figures(font: QFont) -> QFont:
    """Return a font whose figures stand below one another, where it has such."""
    even = QFont(font)
    even.setFeature(QFont.Tag(_EVEN_FIGURES), 1)
    return even
