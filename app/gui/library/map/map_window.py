"""The window of the map: its canvas, and what becomes of sounds that are looked at or chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QByteArray, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.gui.kit.buttons import push_button, recolour
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.jobs import belongs_to
from app.gui.kit.plain import PlainLabel
from app.gui.kit.preview import Preview
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import counted, duration
from app.gui.library.map.canvas import MapCanvas, describe
from app.gui.library.map.cloud import Cloud
from app.gui.library.map.colouring import Coloured, colour_by
from app.gui.library.map.jobs import Loaded, load_map
from app.gui.library.map.making import Making
from app.gui.library.map.map_bar import MapBar
from app.gui.library.map.picture import Order, paint
from engine.arrays import Integers
from engine.plain_text import one_line
from engine.progress import Control
from engine.store import SoundRow

_SETTLED_MS = 2000  # after which sounds that came are put on the map


class LibraryMapWindow(QDialog):
    """All sounds as points, near to what sounds like them.

    ``show_wanted`` and ``collect_wanted`` give the ids of chosen sounds.
    """

    show_wanted = Signal(list)
    collect_wanted = Signal(list)

    def __init__(
        self, parent: QWidget, context: Context, preview: Preview, busy: Callable[[], bool]
    ) -> None:
        super().__init__(parent)
        self._context, self._preview, self._busy = context, preview, busy
        self._coloured = Coloured()
        self._heard: int | None = None  # the row that plays because the pointer is on it
        self.setWindowTitle(self.tr("Map of the library"))
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        fit(self, 980, 720)
        self.canvas = MapCanvas(context.colours)
        self.bar = MapBar(self.canvas, context.colours)
        self.says = PlainLabel()
        self.says.setProperty("role", "dim")
        self.message = PlainLabel(self.tr("Reading the map …"))
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setWordWrap(True)
        self.message.setProperty("role", "dim")
        self.show_chosen = self._button("", self.show_wanted, "search")
        title = self.tr("Add to a collection …")
        self.collect_chosen = self._button(title, self.collect_wanted, "collection")
        self.making = Making(context, busy, self)
        self._later = QTimer(self, interval=_SETTLED_MS, singleShot=True)
        self._later.timeout.connect(self._load_later)
        self._lay_out()
        self._restore()
        self._connect()
        self._follow_chosen()
        self.canvas.setFocus()
        self.load()

    # What is shown

    def load(self) -> None:
        """Show the map that there is, and make one or bring it up to date if need be."""
        session, name = self._context.opened, self.bar.coloured_by

        def read(control: Control) -> tuple[Loaded, Coloured]:
            loaded = load_map(session, control)
            return loaded, colour_by(session.library, name, loaded.cloud.ids)

        self._context.jobs.start(
            "read",
            read,
            belongs_to(self, lambda read: self._show(*read)),
            failed=belongs_to(self, self._tell),
            newest="map",
        )

    def follow_library(self) -> None:
        """Show what came, once nothing more comes for a moment."""
        self._later.start()

    def _load_later(self) -> None:
        if self._busy() and len(self.canvas.cloud.ids):  # more will come soon
            self._later.start()
        else:
            self.load()

    def highlight(self, sound_ids: Integers) -> None:
        """Let the sounds of a search stand out."""
        self.canvas.highlight(sound_ids)

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        recolour(self, colours)
        self.canvas.set_colours(colours)
        self.bar.legend.set_colours(colours)
        self.canvas.set_look(self._coloured.look(colours))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember how it looked."""
        settings = self._context.settings
        settings.keep(
            replace(
                settings.now,
                map_window=bytes(self.saveGeometry().data()),
                map_colours=self.bar.coloured_by,
                map_hover=self.bar.hover.isChecked(),
            )
        )
        super().closeEvent(event)

    def _show(self, loaded: Loaded, coloured: Coloured) -> None:
        self._put(coloured, loaded.cloud)
        self._follow_chosen()
        shown = len(loaded.cloud.ids)
        if shown:
            self._tell(counted(shown, self.tr("One sound"), self.tr("{} sounds")))
        else:
            self._tell(self.tr("There is nothing to map yet: add a folder of sounds"))
        if not loaded.is_current and not self.making.begin(loaded.sounds):
            self._later.start()

    def _put(self, coloured: Coloured, cloud: Cloud) -> None:
        """Show points in their colours."""
        self._coloured = coloured
        self.bar.legend.show_colouring(coloured.colouring)
        look = coloured.look(self._context.colours)
        if cloud is self.canvas.cloud:
            self.canvas.set_look(look)
        else:
            self.canvas.show_cloud(cloud, look)

    def _colour(self) -> None:
        """Colour the points by something else."""
        library, name = self._context.opened.library, self.bar.coloured_by
        cloud = self.canvas.cloud

        def ready(coloured: Coloured) -> None:
            if cloud is self.canvas.cloud:  # else other points come in their colours
                self._put(coloured, cloud)

        self._context.jobs.start(
            "read",
            lambda control: colour_by(library, name, cloud.ids),
            belongs_to(self, ready),
            newest="map colours",
        )

    def _tell(self, text: str) -> None:
        """Say something in the middle of an empty map, else below it."""
        empty = not len(self.canvas.cloud.ids)
        self.message.setVisible(empty)
        (self.message if empty else self.says).setText(text)

    def _paint(self, order: Order) -> None:
        cloud = self.canvas.cloud
        self._context.jobs.start(
            "read", lambda control: paint(cloud, order), belongs_to(self, self.canvas.show_frame)
        )

    # What is done with points

    def _point(self, row: int | None) -> None:
        """Tell and play the sound under the pointer; silence it when the pointer goes."""
        if row is not None:
            self._with_sound(row, self.bar.hover.isChecked())
        elif self._heard is not None:
            self._preview.stop()
        self._heard = row if self.bar.hover.isChecked() else None

    def _hear(self, row: int) -> None:
        if self._preview.playing:
            self._preview.stop()
        else:
            self._with_sound(row, True)

    def _with_sound(self, row: int, play: bool) -> None:
        """Tell which sound a point is, and play it."""
        library, sound_id = self._context.opened.library, int(self.canvas.cloud.ids[row])

        def read(found: dict[int, SoundRow]) -> None:
            sound = found.get(sound_id)
            if sound is None:
                return
            text = f"{one_line(Path(sound.path).name)}   {duration(sound.duration_s)} s"
            self._tell(text)
            describe(self.canvas, text)
            if play:
                self._preview.play(sound)

        self._context.jobs.start(
            "read",
            lambda control: library.sounds([sound_id]),
            belongs_to(self, read),
            newest="map sound",
        )

    def _chosen_ids(self) -> list[int]:
        return [int(i) for i in self.canvas.cloud.ids[self.canvas.chosen]]

    def _follow_chosen(self) -> None:
        count = int(np.count_nonzero(self.canvas.chosen))
        self.show_chosen.setEnabled(bool(count))
        self.collect_chosen.setEnabled(bool(count))
        one, many = self.tr("Show it in the results"), self.tr("Show these {} in the results")
        none = self.tr("Show in the results")
        self.show_chosen.setText(counted(count, one, many) if count else none)

    # Putting together

    def _button(self, title: str, wanted: SignalInstance, picture: str) -> QPushButton:
        return push_button(title, lambda: wanted.emit(self._chosen_ids()), picture)

    def _lay_out(self) -> None:
        middle = QVBoxLayout(self.canvas)
        middle.setContentsMargins(40, 40, 40, 40)
        middle.addWidget(self.message)
        bottom = QHBoxLayout()
        bottom.setContentsMargins(10, 6, 10, 8)
        bottom.addWidget(self.says, 1)
        bottom.addWidget(self.collect_chosen)
        bottom.addSpacing(6)
        bottom.addWidget(self.show_chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self.canvas, 1)
        column.addLayout(bottom)

    def _restore(self) -> None:
        kept = self._context.settings.now
        self.bar.colour_by(kept.map_colours)
        self.bar.hover.setChecked(kept.map_hover)
        if kept.map_window:
            self.restoreGeometry(QByteArray(kept.map_window))

    def _connect(self) -> None:
        canvas = self.canvas
        canvas.picture_wanted.connect(self._paint)
        canvas.pointed.connect(self._point)
        canvas.opened.connect(lambda row: self._with_sound(row, True))
        canvas.play_wanted.connect(self._hear)
        canvas.chosen_changed.connect(self._follow_chosen)
        canvas.show_wanted.connect(lambda: self.show_wanted.emit(self._chosen_ids()))
        self.bar.colour_wanted.connect(self._colour)
        self.making.said.connect(self._tell)
        self.making.made.connect(self.load)
