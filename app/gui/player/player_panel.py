"""The player at the bottom: waveform, transport, speed, volume, meter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QColor, QImage
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollBar, QSlider, QVBoxLayout

from app.gui.kit.buttons import IconButton
from app.gui.kit.plain import PlainLabel
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import duration, technical
from app.gui.player.meter import Meter
from app.gui.player.sound.player import Player
from app.gui.player.waveform import Waveform
from engine.audio.spectrogram import Shades
from engine.plain_text import one_line
from engine.store import SoundRow

_FINE = 10_000  # steps of the scroll bar


class PlayerPanel(QFrame):
    """Shows what plays, and asks the player."""

    view_changed = Signal()

    def __init__(self, player: Player, colours: Colours) -> None:
        super().__init__()
        self._player, self._colours = player, colours
        self._sound: SoundRow | None = None
        self.setObjectName("panel")
        self.waveform = Waveform(colours)
        self.meter = Meter(colours)
        self.name = PlainLabel()
        self.name.setProperty("role", "title")
        self.place = PlainLabel()
        self.place.setProperty("role", "dim")
        self.speed = PlainLabel()
        self.speed.setProperty("role", "dim")
        self.gain = QSlider(Qt.Orientation.Horizontal)
        self.gain.setRange(-40, 6)
        self.gain.setValue(0)
        self.gain.setMaximumWidth(110)
        self.gain.setAccessibleName(self.tr("Volume"))
        self.gain.setToolTip(self.tr("Volume, −40 to +6 dB"))
        self.gain.valueChanged.connect(self._on_gain)
        self._scroll = QScrollBar(Qt.Orientation.Horizontal)
        self._scroll.valueChanged.connect(self._on_scrolled)
        self._scroll.hide()
        self._bar = QHBoxLayout()
        self._bar.setContentsMargins(8, 2, 8, 4)
        self._bar.setSpacing(2)
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(self.waveform, 1)
        middle.addWidget(self.meter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(middle, 1)
        column.addWidget(self._scroll)
        column.addLayout(self._bar)
        self.waveform.sought.connect(player.play)
        self.waveform.range_changed.connect(player.set_range)
        self.waveform.view_changed.connect(self._on_view)
        player.moved.connect(self._on_moved)
        player.changed.connect(self._on_changed)

    def add_buttons(self, actions: list[tuple[str, QAction | None]]) -> None:
        """Fill the bar: an icon and what it does, or a gap."""
        self._bar.addWidget(self.name)
        self._bar.addSpacing(10)
        self._bar.addWidget(self.place)
        self._bar.addStretch(1)
        for picture, action in actions:
            if action is None:
                self._bar.addSpacing(10)
                continue
            button = IconButton(picture, action.toolTip(), self._colours)
            button.follow(action)
            if action.objectName() == "play":
                self._player.changed.connect(
                    lambda b=button: b.set_icon("stop" if self._player.playing else "play")
                )
            self._bar.addWidget(button)
        self._bar.addSpacing(8)
        self._bar.addWidget(self.speed)
        self._bar.addSpacing(8)
        self._bar.addWidget(self.gain)

    def show_sound(self, sound: SoundRow | None, match: tuple[float, float] | None) -> None:
        """Show another sound."""
        self._sound = sound
        self._player.load(Path(sound.path) if sound is not None else None)
        self.waveform.show_sound(sound.duration_s if sound is not None else 0.0, match)
        self.name.setText(one_line(Path(sound.path).name) if sound is not None else "")
        self._player.set_range(None)
        self._on_changed()

    def show_spectrogram(self, shades: Shades | None) -> None:
        """Show a spectrogram in the accent colour, or the waveform again."""
        if shades is None:
            self.waveform.put(spectrogram=None)
            return
        bands, columns = shades.shape
        padded = np.zeros((bands, -(-columns // 4) * 4), np.uint8)
        padded[:, :columns] = shades
        image = QImage(padded.tobytes(), columns, bands, padded.shape[1], _INDEXED)
        low, high = QColor(self._colours.panel), QColor(self._colours.accent)
        image.setColorTable([_between(low, high, level / 255).rgb() for level in range(256)])
        self.waveform.put(spectrogram=image.copy())

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self.waveform.set_colours(colours)
        self.meter.set_colours(colours)

    def _on_gain(self, decibels: int) -> None:
        self._player.set_gain_db(-120.0 if decibels == self.gain.minimum() else float(decibels))

    def _on_moved(self, seconds: float) -> None:
        self.waveform.set_position(seconds)
        self.meter.show_levels(self._player.levels)
        self._show_place()

    def _on_changed(self) -> None:
        order = self._player.order
        self.waveform.set_position(self._player.position_s)
        semitones = round(12 * float(np.log2(order.speed)))
        self.speed.setText("" if not semitones else f"{order.speed:.2f}× ({semitones:+d} st)")
        if not self._player.playing:
            self.meter.clear()
        self._show_place()

    def _show_place(self) -> None:
        if self._sound is None:
            self.place.setText("")
            return
        at = duration(self._player.position_s)
        whole = duration(self._sound.duration_s)
        self.place.setText(f"{at} / {whole} s   {technical(self._sound)}")

    def _on_view(self) -> None:
        view = self.waveform.view
        whole = self._sound.duration_s if self._sound is not None else 0.0
        share = (view.end_s - view.start_s) / whole if whole else 1.0
        self._scroll.setVisible(share < 0.999)
        self._scroll.blockSignals(True)
        self._scroll.setPageStep(max(1, round(_FINE * share)))
        self._scroll.setRange(0, max(0, _FINE - self._scroll.pageStep()))
        self._scroll.setValue(round(_FINE * view.start_s / whole) if whole else 0)
        self._scroll.blockSignals(False)
        self.view_changed.emit()

    def _on_scrolled(self, place: int) -> None:
        if self._sound is not None:
            self.waveform.move_to(self._sound.duration_s * place / _FINE)


_INDEXED = QImage.Format.Format_Indexed8


def _between(low: QColor, high: QColor, share: float) -> QColor:
    if share < 0.7:
        part = share / 0.7
        mixed = [a + (b - a) * part for a, b in zip(_rgb(low), _rgb(high), strict=True)]
    else:
        part = (share - 0.7) / 0.3
        mixed = [a + (255 - a) * part for a in _rgb(high)]
    return QColor(*(round(value) for value in mixed))


def _rgb(colour: QColor) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()
