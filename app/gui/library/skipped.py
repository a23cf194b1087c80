"""The files that could not be heard, or in part only, and why."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.plain import PlainLabel
from app.gui.kit.tables import TextTable
from app.gui.kit.text import counted
from app.gui.library.indexing import Indexing
from app.gui.library.library_controller import LibraryController
from engine.store import Skipped
from engine.store.listing import damaged_sounds


class SkippedFiles(QDialog):
    """Paths and reasons, the skipped files first; they are tried again when they change."""

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        library_controller: LibraryController,
        indexing: Indexing,
    ) -> None:
        super().__init__(parent)
        self._context = context
        self.setWindowTitle(self.tr("Skipped files"))
        fit(self, 860, 420)
        self.says = PlainLabel()
        self.says.setWordWrap(True)
        self.table = TextTable((self.tr("File"), self.tr("Why")), wide=1)
        again = push_button(self.tr("Look for changes"), lambda: indexing.index([]), "rescan")
        close = push_button(self.tr("Close"), self.close)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(again)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.addWidget(self.says)
        column.addWidget(self.table, 1)
        column.addLayout(buttons)
        library_controller.sounds_changed.connect(self._read)
        library_controller.files_changed.connect(self._read)
        self._read()

    def _read(self) -> None:
        library = self._context.opened.library
        self._context.jobs.start(
            "read", lambda control: (library.skipped(), damaged_sounds(library)), self._show
        )

    def _show(self, found: tuple[list[Skipped], list[tuple[str, str]]]) -> None:
        skipped, damaged = found
        said = [self.tr("Every file could be read.")]
        if skipped or damaged:
            said = [self.tr("Files are tried again when they change.")]
        if damaged:
            one = self.tr("One damaged file could be read only in part.")
            many = self.tr("{} damaged files could be read only in part.")
            said.insert(0, counted(len(damaged), one, many))
        if skipped:
            one = self.tr("One file could not be read.")
            said.insert(0, counted(len(skipped), one, self.tr("{} files could not be read.")))
        self.says.setText(" ".join(said))
        self.table.fill([*((row.path, row.reason) for row in skipped), *damaged])
        self.table.setColumnWidth(0, 420)
