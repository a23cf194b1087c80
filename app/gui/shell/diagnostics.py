"""What to send with a report of a mistake: it is read first, then copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.plain import PlainLabel
from app.gui.player.sound.devices import Outputs
from engine.progress import Control

if TYPE_CHECKING:
    from app.diagnostics import Facts


class Diagnostics(QDialog):
    """Versions, devices, counts and the end of the log; names of files only if they are wanted."""

    def __init__(self, parent: QWidget, context: Context, outputs: Outputs) -> None:
        super().__init__(parent)
        self._facts: Facts | None = None
        self.setWindowTitle(self.tr("Diagnostics"))
        fit(self, 760, 520)
        says = PlainLabel(
            self.tr(
                "This helps us find the problem. Check what it says, then copy it into your report."
            )
        )
        says.setWordWrap(True)
        self.text = QPlainTextEdit(self.tr("Gathering …"))
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.names = QCheckBox(self.tr("Include the names of files and folders"))
        self.names.toggled.connect(self._show_text)
        self.copy = push_button(self.tr("Copy"), self._copy, "copy", default=True)
        self.copy.setEnabled(False)
        close = push_button(self.tr("Close"), self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(self.names)
        buttons.addStretch(1)
        buttons.addWidget(close)
        buttons.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.addWidget(says)
        column.addWidget(self.text, 1)
        column.addLayout(buttons)
        session = context.session
        library = session.library if session is not None else None
        model = session.model_folder if session is not None else None

        def work(control: Control) -> Facts:
            from app.diagnostics import gather

            return gather(library, model, outputs.names())

        context.jobs.start("read", work, self._show, self.text.setPlainText)

    def _show(self, facts: Facts) -> None:
        self._facts = facts
        self._show_text()
        self.copy.setEnabled(True)

    def _show_text(self) -> None:
        if self._facts is not None:
            self.text.setPlainText(self._facts.text(self.names.isChecked()))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
