"""Files that hold the same sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QLabel, QPushButton, QVBoxLayout

from app.gui.dialogs.tables import TextTable
from app.gui.text import number
from engine.models.spec import read_spec
from engine.search.duplicates import Duplicates as Found
from engine.search.duplicates import find_duplicates

if TYPE_CHECKING:
    from app.gui.window import MainWindow


class Duplicates(QDialog):
    """Groups of equal files, and of recodings of one sound; nothing is deleted."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.setWindowTitle(self.tr("Duplicates"))
        self.resize(820, 460)
        self.says = QLabel(self.tr("Comparing all sounds …"))
        self.table = TextTable((self.tr("Group"), self.tr("Kind"), self.tr("File")), wide=2)
        close = QPushButton(self.tr("Close"))
        close.clicked.connect(self.close)
        column = QVBoxLayout(self)
        column.addWidget(self.says)
        column.addWidget(self.table, 1)
        column.addWidget(close)
        workspace = window.context.opened
        rank = read_spec(workspace.model_folder).rank
        self._job = window.jobs.start(
            "read",
            lambda control: find_duplicates(workspace.library, rank, control),
            self._show,
            failed=self.says.setText,
            title=self.tr("Looking for duplicates"),
        )
        self.finished.connect(lambda _: self._job.cancel())

    def _show(self, found: Found) -> None:
        groups = found.groups
        rows = [
            (
                str(place),
                self.tr("same file") if group.exact else self.tr("same sound"),
                sound.path,
            )
            for place, group in enumerate(groups, start=1)
            for sound in group.sounds
        ]
        self.says.setText(
            self.tr("{} groups of files hold the same sound; nothing is deleted here.").format(
                number(len(groups))
            )
            if groups
            else self.tr("No two files hold the same sound.")
        )
        self.table.fill(rows)
