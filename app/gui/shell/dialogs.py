"""Windows of their own, each made when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog

    from app.gui.shell.window import MainWindow


def make_dialog(name: str, window: MainWindow) -> QDialog:
    """Return a dialog by its action's name."""
    if name == "preferences":
        from app.gui.shell.preferences import Preferences

        return Preferences(window)
    if name == "skipped":
        from app.gui.library.skipped import SkippedFiles

        return SkippedFiles(window)
    if name == "cues":
        from app.gui.search.cue_sheet import CueSheet

        return CueSheet(window)
    if name == "review":
        from app.gui.tagging.review import ReviewTags

        return ReviewTags(window)
    if name == "audit":
        from app.gui.tagging.audit import AuditNames

        return AuditNames(window)
    if name == "duplicates":
        from app.gui.library.duplicates import Duplicates

        return Duplicates(window)
    if name == "train":
        from app.gui.training.training import Training

        return Training(window)
    if name == "models":
        from app.gui.models.models import Models

        return Models(window)
    if name == "shortcuts":
        from app.gui.shell.shortcuts import Shortcuts

        return Shortcuts(window)
    if name == "diagnostics":
        from app.gui.shell.diagnostics import Diagnostics

        return Diagnostics(window, window.context, window.player.outputs)
    from app.gui.shell.about import About

    return About(window)
