"""The models: which there are, which is used, how to get another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout

from app.gui.kit.jobs import belongs_to
from app.gui.kit.plain import PlainLabel
from app.gui.kit.tables import TextTable
from app.gui.kit.text import tr
from engine.models.catalog import Entry, find_model, get_model, spec_of
from engine.models.catalog import models as all_models
from engine.progress import Control

if TYPE_CHECKING:
    from app.gui.shell.window import MainWindow


class Models(QDialog):
    """Lists models; uses one for this library, or gets one from its authors."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._entries: list[Entry] = []
        self.setWindowTitle(self.tr("Models"))
        self.resize(700, 380)
        self.table = TextTable((self.tr("Model"), self.tr("Hears with"), self.tr("State")), wide=2)
        self.table.itemSelectionChanged.connect(self._on_chosen)
        self.says = PlainLabel()
        self.says.setWordWrap(True)
        self.use = QPushButton(self.tr("Use it for this library"))
        self.use.clicked.connect(self._use)
        self.get = QPushButton(self.tr("Download"))
        self.get.clicked.connect(self._get)
        close = QPushButton(self.tr("Close"))
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self.get, self.use, close):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(self.table, 1)
        column.addWidget(self.says)
        column.addLayout(buttons)
        window.keeping.overview_changed.connect(self._list)
        self._list()

    def _list(self) -> None:
        used = self._window.context.opened.model_folder
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
        used = self._window.context.opened.model_folder
        self.use.setEnabled(entry is not None and entry.folder not in (None, used))
        self.get.setEnabled(entry is not None and entry.folder is None)

    def _get(self) -> None:
        entry = self._chosen
        if entry is None:
            return
        self.says.setText(self.tr("Getting {} from its authors …").format(entry.name))
        self._window.indexing.run_alone(
            lambda control: get_model(entry.name, None, control),
            belongs_to(self, lambda folder: self._got(entry.name)),
            self.says.setText,
            self.tr("Getting a model"),
        )

    def _got(self, name: str) -> None:
        self.says.setText(self.tr("{} is installed.").format(name))
        self._list()

    def _use(self) -> None:
        entry = self._chosen
        if entry is not None:
            use_model_in(self._window, entry.name, belongs_to(self, self.says.setText))
            self.says.setText(self.tr("Changing to {} …").format(entry.name))


def use_model_in(window: MainWindow, name: str, said: Callable[[str], None]) -> None:
    """Let the window's library use a model; say what that means through ``said``."""
    library = window.context.opened.library

    def work(control: Control) -> bool:
        from engine.index.build import use_model

        return use_model(library, find_model(name), control)

    def done(kept: bool) -> None:
        if kept:
            said(tr("The library now uses {}.").format(name))
            window.keeping.refresh()
        else:
            said(tr("{} hears differently: all folders are listened to again.").format(name))
            window.keeping.refresh()
            window.indexing.index([])

    window.indexing.run_alone(work, done, said, tr("Changing the model"))
