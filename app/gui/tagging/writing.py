"""What will be written into files, before it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
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
from engine.metadata.write import SoundTags
from engine.tags.run import Written

_MOST_SHOWN = 2000


class WriteTags(QDialog):
    """A preview: the accepted tags of some sounds as fields of their files."""

    def __init__(
        self, parent: QWidget, context: Context, tagging: Tagging, ids: Sequence[int]
    ) -> None:
        super().__init__(parent)
        self._context, self._tagging = context, tagging
        self._wanted: Mapping[str, SoundTags] = {}
        self.setWindowTitle(self.tr("Write tags into files"))
        fit(self, 820, 460)
        self.says = PlainLabel(self.tr("Looking at the accepted tags …"))
        self.says.setWordWrap(True)
        self.table = TextTable((self.tr("File"), self.tr("To be written")), wide=1)
        self.keep_time = QCheckBox(self.tr("keep the files' modification times"))
        self.write = push_button(self.tr("Write"), self._write, "write", default=True)
        self.write.setEnabled(False)
        close = push_button(self.tr("Close"), self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(self.keep_time, 1)
        buttons.addWidget(close)
        buttons.addWidget(self.write)
        column = QVBoxLayout(self)
        column.addWidget(self.says)
        column.addWidget(self.table, 1)
        column.addLayout(buttons)
        self.finished.connect(self.deleteLater)
        tagging.plan_writing(ids, belongs_to(self, self._show))

    def _show(self, wanted: Mapping[str, SoundTags]) -> None:
        self._wanted = wanted
        self.write.setEnabled(bool(wanted))
        self.table.fill(
            [
                (Path(path).name, " · ".join(f"{k} {v}" for k, v in tags.named().items()))
                for path, tags in list(wanted.items())[:_MOST_SHOWN]
            ]
        )
        self.says.setText(
            counted(
                len(wanted),
                self.tr(
                    "The accepted tags will be written into one file; its audio is not "
                    "touched, and the run can be undone."
                ),
                self.tr(
                    "The accepted tags will be written into {} files; their audio is not "
                    "touched, and the run can be undone."
                ),
            )
            if wanted
            else self.tr("None of these sounds has an accepted tag: accept some first.")
        )

    def _write(self) -> None:
        self.write.setEnabled(False)
        self.says.setText(self.tr("Writing …"))
        self._tagging.write(self._wanted, self.keep_time.isChecked(), self._written, self._failed)

    def _written(self, written: Written) -> None:
        one, many = self.tr("One file written."), self.tr("{} files written.")
        done = counted(len(written.done), one, many)
        if not (written.refused or written.kept):
            self._context.say(done)
            self.accept()
            return
        told = (*written.refused, *written.kept)
        self.table.fill([(Path(path).name, reason) for path, reason in told])
        refused, partly = len(written.refused), len({path for path, _ in written.kept})
        parts = [done]
        if refused:
            one, many = self.tr("One was left unchanged."), self.tr("{} were left unchanged.")
            parts.append(counted(refused, one, many))
        if partly:
            one, many = (
                self.tr("One was written only in part."),
                self.tr("{} were written only in part."),
            )
            parts.append(counted(partly, one, many))
        self.says.setText(" ".join(parts))

    def _failed(self, said: str) -> None:
        self.says.setText(said)
        self.write.setEnabled(True)
