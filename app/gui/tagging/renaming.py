"""Renaming by a pattern, with every new name shown before anything is renamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.jobs import belongs_to
from app.gui.kit.plain import PlainLabel
from app.gui.kit.tables import TextTable
from app.gui.kit.text import counted
from app.gui.tagging.tagging import Tagging
from engine.metadata.moves import Move
from engine.metadata.renaming import UCS_PATTERN, Rename

_MOST_SHOWN = 2000
_WAIT_MS = 200


class RenameFiles(QDialog):
    """A pattern, and what it makes of every name."""

    def __init__(
        self, parent: QWidget, context: Context, tagging: Tagging, ids: Sequence[int]
    ) -> None:
        super().__init__(parent)
        self._context, self._tagging, self._ids = context, tagging, list(ids)
        self._plans: list[Rename] = []
        self.setWindowTitle(self.tr("Rename files"))
        fit(self, 860, 520)
        self._wait = QTimer(self, interval=_WAIT_MS, singleShot=True)
        self._wait.timeout.connect(self._plan)
        kept = context.settings.now
        self.pattern = QLineEdit(kept.rename_pattern or UCS_PATTERN)
        self.pattern.setToolTip(
            self.tr("Fields: {catid} {fxname} {creator} {source} {user} {name}; [..] if not empty")
        )
        self.creator = QLineEdit(kept.rename_creator)
        self.creator.setPlaceholderText(self.tr("who made the sounds, for example your initials"))
        self.source = QLineEdit(kept.rename_source)
        self.source.setPlaceholderText(self.tr("what they belong to, for example a library's name"))
        self.user = QLineEdit()
        self.user.setPlaceholderText(self.tr("anything else"))
        form = QFormLayout()
        for title, line in (
            (self.tr("Pattern"), self.pattern),
            (self.tr("Creator"), self.creator),
            (self.tr("Source"), self.source),
            (self.tr("User data"), self.user),
        ):
            line.setAccessibleName(title)
            form.addRow(title, line)
            line.textChanged.connect(lambda _: self._wait.start())
        self.says = PlainLabel()
        self.says.setWordWrap(True)
        titles = (self.tr("Current name"), self.tr("New name"))
        self.table = TextTable(titles, wide=1)
        self.rename = push_button(self.tr("Rename"), self._rename, "rename", default=True)
        self.rename.setEnabled(False)
        close = push_button(self.tr("Close"), self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(self.says, 1)
        buttons.addWidget(close)
        buttons.addWidget(self.rename)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.table, 1)
        column.addLayout(buttons)
        self.finished.connect(self.deleteLater)
        self._plan()

    def _plan(self) -> None:
        fields = {
            "creator": self.creator.text(),
            "source": self.source.text(),
            "user": self.user.text(),
        }
        self.rename.setEnabled(False)
        self._tagging.plan_renaming(
            self._ids, self.pattern.text(), fields, belongs_to(self, self._show), self._refused
        )

    def _show(self, plans: list[Rename]) -> None:
        self._plans = plans
        moved = [plan for plan in plans if plan.new is not None]
        stuck = [plan for plan in plans if plan.problem is not None]
        same = len(plans) - len(moved) - len(stuck)
        rows = [(Path(p.old).name, Path(p.new).name) for p in moved if p.new is not None]
        rows += [(Path(p.old).name, f"– {(p.problem or '').split(': ', 1)[-1]}") for p in stuck]
        self.table.fill(rows[:_MOST_SHOWN])
        one, many = self.tr("One file will be renamed"), self.tr("{} files will be renamed")
        parts = [counted(len(moved), one, many) if moved else self.tr("No file will be renamed")]
        if same:
            one, many = self.tr("one has its name already"), self.tr("{} have their names already")
            parts.append(counted(same, one, many))
        if stuck:
            one, many = self.tr("one cannot be renamed"), self.tr("{} cannot be renamed")
            parts.append(counted(len(stuck), one, many))
        self.says.setText(", ".join(parts) + ".")
        self.rename.setEnabled(bool(moved))

    def _refused(self, said: str) -> None:
        self._plans = []
        self.says.setText(said)
        self.table.fill([])

    def _rename(self) -> None:
        settings = self._context.settings
        settings.keep(
            replace(
                settings.now,
                rename_pattern=self.pattern.text(),
                rename_creator=self.creator.text(),
                rename_source=self.source.text(),
            )
        )
        self.rename.setEnabled(False)
        self._tagging.rename(self._plans, self._renamed, self._refused)

    def _renamed(self, moves: list[Move]) -> None:
        one, many = self.tr("one file renamed"), self.tr("{} files renamed")
        self._context.say(counted(len(moves), one, many))
        self.accept()
