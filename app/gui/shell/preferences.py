"""Preferences: sound devices, looks, indexing, cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.files import open_folder
from app.gui.kit.jobs import belongs_to
from app.gui.kit.plain import PlainLabel
from app.gui.kit.style.apply import Dressed, apply_theme
from app.gui.kit.style.palette import THEMES
from app.gui.shell.rooms import Rooms
from engine.audio.peaks import PeaksCache
from engine.paths import peaks_folder
from engine.progress import Control

_MOST_THREADS = 32


class Preferences(QDialog):
    """Every change holds at once."""

    def __init__(self, parent: QWidget, rooms: Rooms, auto_play: QAction, dressed: Dressed) -> None:
        super().__init__(parent)
        self._context, self._player, self._indexing = rooms.context, rooms.player, rooms.indexing
        self._parts, self._ranges, self._dressed = rooms.parts, rooms.ranges, dressed
        self._place: Path | None = None
        settings = self._context.settings
        self.setWindowTitle(self.tr("Preferences"))
        self.setMinimumWidth(460)
        self.output, self.input = QComboBox(), QComboBox()
        self.theme = QComboBox()
        titles = (self.tr("same as the system"), self.tr("light"), self.tr("dark"))
        for theme, title in zip(THEMES, titles, strict=True):
            self.theme.addItem(title, theme)
        self.theme.setCurrentIndex(max(0, self.theme.findData(settings.now.theme)))
        self.theme.currentIndexChanged.connect(self._set_theme)
        self.auto_play = QCheckBox(self.tr("Play sounds on selection"))
        self.auto_play.setChecked(auto_play.isChecked())
        self.auto_play.clicked.connect(auto_play.trigger)
        self.threads = QSpinBox()
        self.threads.setRange(1, _MOST_THREADS)
        self.threads.setValue(self._indexing.threads)
        self.threads.valueChanged.connect(self._set_threads)
        self.watch = QCheckBox(self.tr("Watch the folders for changes"))
        self.watch.setChecked(self._indexing.watches)
        self.watch.toggled.connect(self._set_watch)
        self.ranges = PlainLabel("…")
        self.ranges.setWordWrap(True)
        self.ranges.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        choose, show = QPushButton(self.tr("Choose …")), QPushButton(self.tr("Show"))
        choose.clicked.connect(self._choose_ranges)
        show.clicked.connect(self._show_ranges)
        buttons = QHBoxLayout()
        for button in (choose, show):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.cache = PlainLabel("…")
        empty = QPushButton(self.tr("Empty the cache"))
        empty.setAutoDefault(False)
        empty.clicked.connect(self._empty_cache)
        form = QFormLayout()
        form.addRow(self.tr("Play on"), self.output)
        form.addRow(self.tr("Record from"), self.input)
        form.addRow("", self.auto_play)
        form.addRow(self.tr("Theme"), self.theme)
        form.addRow("", self.watch)
        form.addRow(self.tr("Decoding threads"), self.threads)
        form.addRow(self.tr("Folder for ranges you drag or copy"), self.ranges)
        form.addRow("", buttons)
        form.addRow(self.tr("Waveform cache"), self.cache)
        form.addRow("", empty)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(close)
        self._look()

    def _look(self) -> None:
        """Ask for devices and the size of the cache, which both may take a while."""
        from app.gui.player.sound.devices import input_names

        outputs = self._player.outputs

        def look(control: Control) -> tuple[list[str], list[str], float]:
            sizes = [path.stat().st_size for path in peaks_folder().glob("*") if path.is_file()]
            return outputs.names(), input_names(), sum(sizes) / 1e6

        self._context.jobs.start("read", look, self._show)
        self._parts.place(belongs_to(self, self._show_place), self.ranges.setText)

    def _show(self, found: tuple[list[str], list[str], float]) -> None:
        kept = self._context.settings.now
        for box, names, used, choose in (
            (self.output, found[0], kept.output, self._set_output),
            (self.input, found[1], kept.input, self._set_input),
        ):
            box.blockSignals(True)
            box.clear()
            box.addItem(self.tr("the system default") if names else self.tr("none found"), "")
            for name in names:
                box.addItem(name, name)
            box.setCurrentIndex(max(0, box.findData(used)))
            box.blockSignals(False)
            box.currentIndexChanged.connect(
                lambda _, of=box, choose=choose: choose(str(of.currentData() or ""))
            )
        self.cache.setText(self.tr("{:.0f} MB").format(found[2]))

    def _show_place(self, folder: Path) -> None:
        self._place = folder
        self.ranges.setText(str(folder))

    def _choose_ranges(self) -> None:
        title = self.tr("Save ranges in")
        folder = QFileDialog.getExistingDirectory(self, title, str(self._place or Path.home()))
        if not folder:
            return
        self._keep(ranges_folder=folder)
        self._parts.place(belongs_to(self, self._show_place), self.ranges.setText)
        self._ranges.prepare_again()

    def _show_ranges(self) -> None:
        if self._place is not None:
            open_folder(self._place)

    def _keep(self, **changes: Any) -> None:
        settings = self._context.settings
        settings.keep(replace(settings.now, **changes))

    def _set_output(self, name: str) -> None:
        self._keep(output=name)
        self._player.set_device(name or None)

    def _set_input(self, name: str) -> None:
        self._keep(input=name)

    def _set_theme(self) -> None:
        theme = str(self.theme.currentData())
        self._keep(theme=theme)
        apply_theme(self._dressed, theme)

    def _set_threads(self, threads: int) -> None:
        self._keep(threads=threads)
        self._indexing.threads = threads

    def _set_watch(self, on: bool) -> None:
        self._keep(watch=on)
        self._indexing.watch(on)

    def _empty_cache(self) -> None:
        self._context.jobs.start(
            "write",
            lambda control: PeaksCache(peaks_folder()).empty(),
            belongs_to(self, lambda _: self.cache.setText(self.tr("0 MB"))),
        )
