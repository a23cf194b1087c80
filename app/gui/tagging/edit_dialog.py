"""Texts of many sounds edited at once, with every new text shown before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.context import Context
from app.gui.kit.jobs import belongs_to
from app.gui.kit.plain import PlainLabel
from app.gui.kit.text import counted, tr
from app.gui.tagging.edit_ways import EditWays
from app.gui.tagging.editing import Editing
from app.gui.tagging.edits_model import EditsModel, EditsTable
from engine.tags.editing import Held, Planned

if TYPE_CHECKING:
    from engine.metadata.edits import Edit
    from engine.tags.run import Written

_WAIT_MS = 150  # for the next letter


class EditSounds(QDialog):
    """A field, what becomes of it, and a row for each sound: now and then."""

    def __init__(self, parent: QWidget, context: Context, editing: Editing) -> None:
        super().__init__(parent)
        self._context, self._editing = context, editing
        self._ids: list[int] = []
        self._held: list[Held] = []
        self._plan: list[Planned] = []
        self._edits: list[Edit] = []
        self._writing = False
        self.setWindowTitle(self.tr("Edit texts"))
        self.resize(900, 520)
        self._wait = QTimer(self, interval=_WAIT_MS, singleShot=True)
        self._wait.timeout.connect(self._make_plan)
        self.ways = EditWays()
        self.ways.changed.connect(self._on_changed)
        self.says = PlainLabel()
        self.says.setWordWrap(True)
        self.model = EditsModel()
        self.table = EditsTable(self.model, context)
        self.changing = QCheckBox(self.tr("Only what changes"))
        self.changing.toggled.connect(lambda _: self._show_rows())
        self.keep_time = QCheckBox(self.tr("Keep the files' modification times"))
        self.write = QPushButton(self.tr("Write"))
        self.write.setDefault(True)
        self.write.setEnabled(False)
        self.write.clicked.connect(self._write)
        close = QPushButton(self.tr("Close"))
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(self.changing)
        buttons.addSpacing(12)
        buttons.addWidget(self.keep_time)
        buttons.addStretch(1)
        buttons.addWidget(close)
        buttons.addWidget(self.write)
        column = QVBoxLayout(self)
        column.addWidget(self.ways)
        column.addWidget(self.says)
        column.addWidget(self.table, 1)
        column.addLayout(buttons)
        self.ways.text.setFocus()

    def look_at(self, ids: Collection[int]) -> None:
        """Edit these sounds."""
        if self._writing:
            return
        self._ids = list(ids)
        one, many = self.tr("Edit texts of one sound"), self.tr("Edit texts of {} sounds")
        self.setWindowTitle(counted(len(self._ids), one, many))
        self._held, self._plan = [], []
        self.write.setEnabled(False)
        self.says.setText(self.tr("Reading what the files say …"))
        self._editing.read(self._ids, self._show_held, self.says.setText)

    def _show_held(self, held: list[Held]) -> None:
        self._held = held
        self._make_plan()

    def _on_changed(self) -> None:
        self.write.setEnabled(False)
        self._wait.start()

    def _make_plan(self) -> None:
        if self._writing:
            return
        self._edits = self.ways.edits()
        self._editing.plan(self._held, self._edits, self._show_plan, self._refused)

    def _show_plan(self, plan: list[Planned]) -> None:
        if self._writing:
            return
        self._plan = plan
        changing = sum(one.changes for one in plan)
        self.write.setEnabled(bool(changing) and not self._wait.isActive())
        self._show_rows()
        self.says.setText(self._counts(changing) if self._edits else self._begin())

    def _begin(self) -> str:
        if not self._ids:
            return self.tr("There are no sounds in this list.")
        return self.tr(
            "Choose a field and what to do; every new text is shown before it is written."
        )

    def _counts(self, changing: int) -> str:
        stuck = sum(bool(one.problem) for one in self._plan)
        same = len(self._plan) - changing - stuck
        one, many = self.tr("One file changes"), self.tr("{} files change")
        parts = [counted(changing, one, many)]
        if same:
            parts.append(
                counted(same, self.tr("one stays as it is"), self.tr("{} stay as they are"))
            )
        if stuck:
            one, many = self.tr("one cannot be written"), self.tr("{} cannot be written")
            parts.append(counted(stuck, one, many))
        return ", ".join(parts) + "."

    def _show_rows(self) -> None:
        rows: Sequence[Planned] = self._plan
        if self.changing.isChecked():
            rows = [one for one in rows if one.new or one.problem]
        self.model.show_rows(rows, str(self.ways.field.currentData()))

    def _refused(self, said: str) -> None:
        self._plan = [Planned(held, {}) for held in self._held]
        self._show_rows()
        self.write.setEnabled(False)
        self.says.setText(said)

    # Writing

    def _write(self) -> None:
        if self._wait.isActive():
            return
        self._set_writing(True)
        one, many = self.tr("Writing one file …"), self.tr("Writing {} files …")
        self.says.setText(counted(sum(p.changes for p in self._plan), one, many))
        self._editing.write(
            self._plan, self._edits, self.keep_time.isChecked(), self._written, self._stopped
        )

    def _set_writing(self, writing: bool) -> None:
        self._writing = writing
        self.ways.setEnabled(not writing)
        self.write.setEnabled(False)

    def _written(self, written: Written) -> None:
        self._set_writing(False)
        told = dict((*written.kept, *written.refused))
        stuck = [one for one in self._plan if one.problem or one.held.path in told]
        if not stuck:
            self.accept()
            return
        self._plan = [Planned(p.held, {}, told.get(p.held.path, p.problem)) for p in stuck]
        self._show_rows()
        done = counted(len(written.done), tr("One file written."), tr("{} files written."))
        one, many = (
            self.tr("One was left unchanged or written only in part:"),
            self.tr("{} were left unchanged or written only in part:"),
        )
        self.says.setText(f"{done} {counted(len(stuck), one, many)}")

    def _stopped(self, said: str) -> None:
        """Say why it ended early, and show what the files say by now."""
        self._set_writing(False)

        def show(held: list[Held]) -> None:
            self._held, self._plan = held, [Planned(one, {}) for one in held]
            self._show_rows()
            self.says.setText(said)

        self._editing.read(self._ids, belongs_to(self, show), self.says.setText)
