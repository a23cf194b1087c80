"""The models: which there are, which is used, how to get another."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.jobs import belongs_to
from app.gui.kit.plain import PlainLabel
from app.gui.kit.tables import TextTable
from app.gui.models.changing import ChangingModel
from engine.models.catalog import Entry, spec_of
from engine.models.catalog import models as all_models


class Models(QDialog):
    """Lists models; uses one for this library, or gets one from its authors."""

    def __init__(self, parent: QWidget, context: Context, changing: ChangingModel) -> None:
        super().__init__(parent)
        self._context, self._changing = context, changing
        self._entries: list[Entry] = []
        self.setWindowTitle(self.tr("Models"))
        fit(self, 700, 380)
        self.table = TextTable((self.tr("Model"), self.tr("Audio tower"), self.tr("State")), wide=2)
        self.table.itemSelectionChanged.connect(self._on_chosen)
        self.says = PlainLabel()
        self.says.setWordWrap(True)
        self.use = push_button(self.tr("Use for this library"), self._use, "accept")
        self.get = push_button(self.tr("Download"), self._get, "download")
        close = push_button(self.tr("Close"), self.close)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self.get, self.use, close):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(self.table, 1)
        column.addWidget(self.says)
        column.addLayout(buttons)
        self.list_models()

    def list_models(self) -> None:
        """Show which there are now, and which is used."""
        used = self._context.opened.model_folder
        self._entries = all_models()
        rows = []
        for entry in self._entries:
            spec = spec_of(entry)
            tower = spec.audio_tower if spec else ""
            state = self.tr("installed") if spec else self.tr("damaged")
            if entry.folder is None:
                state = self.tr("can be downloaded")
            if entry.folder == used:
                state = self.tr("used by this library")
            rows.append((entry.name, tower, state))
        self.table.fill(rows)
        self._on_chosen()

    @property
    def _chosen(self) -> Entry | None:
        row = self.table.currentRow()
        return self._entries[row] if 0 <= row < len(self._entries) else None

    def _on_chosen(self) -> None:
        entry = self._chosen
        used = self._context.opened.model_folder
        self.use.setEnabled(entry is not None and entry.folder not in (None, used))
        self.get.setEnabled(entry is not None and entry.folder is None)

    def _get(self) -> None:
        entry = self._chosen
        if entry is None:
            return
        self.says.setText(self.tr("Downloading {} from its authors …").format(entry.name))
        self._changing.get(
            entry.name, belongs_to(self, lambda _: self._got(entry.name)), self.says.setText
        )

    def _got(self, name: str) -> None:
        self.says.setText(self.tr("{} is installed.").format(name))
        self.list_models()

    def _use(self) -> None:
        entry = self._chosen
        if entry is not None:
            self._changing.use(entry.name, belongs_to(self, self.says.setText))
            self.says.setText(self.tr("Changing to {} …").format(entry.name))
