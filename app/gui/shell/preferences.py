"""Preferences: sound devices, looks, indexing, cache, keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import push_button
from app.gui.kit.dialogs import fit
from app.gui.kit.files import open_folder
from app.gui.kit.jobs import belongs_to
from app.gui.kit.labels import ElidedLabel
from app.gui.kit.numbers import NumberBox
from app.gui.kit.plain import PlainLabel
from app.gui.kit.settings import SettingsFile
from app.gui.kit.style.apply import Dressed, apply_theme
from app.gui.kit.style.palette import THEMES
from app.gui.kit.text import number
from app.gui.shell.keys import apply_keys
from app.gui.shell.keys_page import KeysPage
from app.gui.shell.rooms import Rooms
from app.gui.shell.serving_box import ServingBox
from engine.audio.peaks import PeaksCache
from engine.paths import peaks_folder
from engine.progress import Control

_MOST_THREADS = 32


class Preferences(QDialog):
    """Every change holds at once."""

    def __init__(
        self,
        parent: QWidget,
        rooms: Rooms,
        actions: Mapping[str, QAction],
        dressed: Dressed,
    ) -> None:
        super().__init__(parent)
        self._context, self._player, self._indexing = rooms.context, rooms.player, rooms.indexing
        self._parts, self._ranges, self._dressed = rooms.parts, rooms.ranges, dressed
        self._place: Path | None = None
        settings = self._context.settings
        self.setWindowTitle(self.tr("Preferences"))
        self.setMinimumWidth(520)
        fit(self, 580, 440)
        auto_play = actions["auto_play"]
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
        self._matching, self.match_lufs = rooms.matching, self._loudness()
        self.threads = NumberBox(1, _MOST_THREADS, self._indexing.threads)
        self.threads.valueChanged.connect(self._set_threads)
        self.watch = QCheckBox(self.tr("Watch the folders for changes"))
        self.watch.setChecked(self._indexing.watches)
        self.watch.toggled.connect(self._set_watch)
        self.ranges = ElidedLabel("…", Qt.TextElideMode.ElideMiddle)
        form = self._rows(rooms)
        self._lay_out(form, settings, actions)
        self._look()

    def _rows(self, rooms: Rooms) -> QFormLayout:
        ranges, cache = QHBoxLayout(), QHBoxLayout()
        ranges.addWidget(self.ranges, 1)
        ranges.addWidget(push_button(self.tr("Choose …"), self._choose_ranges))
        ranges.addWidget(push_button(self.tr("Show"), self._show_ranges, "folder"))
        self.cache = PlainLabel("…")
        cache.addWidget(self.cache, 1)
        cache.addWidget(push_button(self.tr("Empty the cache"), self._empty_cache, "trash"))
        form = QFormLayout()
        form.addRow(self.tr("Play on"), self.output)
        form.addRow(self.tr("Record from"), self.input)
        form.addRow("", self.auto_play)
        form.addRow(self.tr("Equal loudness at"), self.match_lufs)
        form.addRow(self.tr("Theme"), self.theme)
        form.addRow("", self.watch)
        form.addRow(self.tr("Decoding threads"), self.threads)
        form.addRow(self.tr("Ranges you drag or copy"), ranges)
        form.addRow(self.tr("Waveform cache"), cache)
        self.serving = ServingBox(rooms.serving)
        form.addRow("", self.serving)
        return form

    def _lay_out(
        self, form: QFormLayout, settings: SettingsFile, actions: Mapping[str, QAction]
    ) -> None:
        general = QWidget()
        general.setLayout(form)
        self.keys = KeysPage(settings, lambda keys: apply_keys(actions, keys))
        self.pages = QTabWidget()
        self.pages.addTab(general, self.tr("General"))
        self.pages.addTab(self.keys, self.tr("Keys"))
        close = QHBoxLayout()
        close.addStretch(1)
        close.addWidget(push_button(self.tr("Close"), self.close))
        column = QVBoxLayout(self)
        column.addWidget(self.pages)
        column.addLayout(close)

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
        self.cache.setText(self.tr("{} MB").format(number(round(found[2]))))

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

    def _loudness(self) -> NumberBox:
        box = NumberBox(-50, -5, self._context.settings.now.match_lufs, " LUFS")
        box.valueChanged.connect(self._set_match_lufs)
        return box

    def _set_match_lufs(self, lufs: int) -> None:
        self._keep(match_lufs=lufs)
        self._matching.follow()

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
