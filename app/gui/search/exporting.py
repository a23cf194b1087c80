"""The rows that are shown, as a table for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from app.gui.kit.context import Context
from app.gui.kit.text import counted, tr
from engine.progress import Control


def export_list(before: QWidget, context: Context, ids: Sequence[int]) -> None:
    """Ask for a file, and write sounds into it in their order, as a table."""
    title, kinds = tr("Export this list"), tr("Tables (*.csv *.txt *.tsv *.json)")
    name, _ = QFileDialog.getSaveFileName(before, title, "sounds.csv", kinds)
    if not name:
        return
    path, library = Path(name), context.opened.library
    one, many = tr("one sound exported to {}"), tr("{} sounds exported to {}")
    said = counted(len(ids), one, many, path.name)

    def write(control: Control) -> None:
        from engine.search.export import export, format_of

        export(library, ids, path, format_of(path), control)

    context.jobs.start(
        "read", write, lambda _: context.say(said, False), title=tr("Exporting"), lasts=True
    )
