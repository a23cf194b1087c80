"""How large dialogs are."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog

_BESIDE_TITLE = 170  # pixels of a title bar that its buttons take
_BOLDER = 1.15  # how much wider a title may be than the same words in our font


def fit(dialog: QDialog, width: int = 0, height: int = 0) -> None:
    """Size a dialog: as wide as its title, and no larger than the window that it stands before."""
    words = dialog.fontMetrics().horizontalAdvance(dialog.windowTitle())
    least = max(round(_BOLDER * words) + _BESIDE_TITLE, dialog.minimumWidth())
    before = dialog.parentWidget()
    most = before.window().size() if before is not None else dialog.screen().availableSize()
    dialog.setMinimumWidth(min(least, most.width()))
    if width and height:
        dialog.resize(min(max(width, least), most.width()), min(height, most.height()))
