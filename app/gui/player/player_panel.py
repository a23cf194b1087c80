"""The player at the bottom: waveform, transport, speed, volume, meter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QColor, QImage, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollBar, QSlider, QVBoxLayout

from app.gui.kit.buttons import IconButton
from app.gui.kit.labels import ElidedLabel
from app.gui.kit.plain import PlainLabel
from app.gui.kit.style.colour_map import level_scale
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import duration, frequency, lufs, signed, technical, tr
from app.gui.player.channels import ChannelsButton
from app.gui.player.meter import Meter
from app.gui.player.sound.order import Order
from app.gui.player.sound.player import Player
from app.gui.player.waveform import Waveform
from engine.audio.spectrogram import Scale, Shades, marks_of
from engine.plain_text import one_line
from engine.store import SoundRow

_FINE = 10_000  # steps of the scroll bar
_WIDE, _WIDER = 1100, 1250  # pixels, from which on there is room to say more of a sound
_LEAST, _LEAST_DB = 1e-3, 0.05
_GAIN_WIDTH = 100  # pixels


class PlayerPanel(QFrame):
    """Shows what plays, and asks the player."""

    view_changed = Signal()

    def __init__(self, player: Player, colours: Colours) -> None:
        super().__init__()
        self._player, self._colours = player, colours
        self._sound: SoundRow | None = None
        self._shades: tuple[Shades | None, Scale] = (None, "mel")
        self.setObjectName("panel")
        self.waveform = Waveform(colours)
        self.meter = Meter(colours)
        self.name = ElidedLabel()
        self.name.setProperty("role", "title")
        self.place = PlainLabel()
        self.place.setProperty("role", "dim")
        self.speed = PlainLabel()
        self.speed.setProperty("role", "dim")
        self.level = PlainLabel()
        self.level.setProperty("role", "dim")
        self.level.setMinimumWidth(self.level.fontMetrics().horizontalAdvance("−00.0 dB"))
        self.level.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.level.setAccessibleName(self.tr("Gain"))
        self.channels = ChannelsButton(player, colours)
        self.gain = QSlider(Qt.Orientation.Horizontal)
        self.gain.setRange(-40, 6)
        self.gain.setValue(0)
        self.gain.setFixedWidth(_GAIN_WIDTH)
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
        self.waveform.range_changed.connect(self._on_range)
        self.waveform.fades_changed.connect(lambda: self._on_range(self.waveform.range_s))
        self.waveform.scrubbed.connect(player.scrub)
        self.waveform.view_changed.connect(self._on_view)
        player.moved.connect(self._on_moved)
        player.changed.connect(self._on_changed)

    def add_buttons(self, actions: list[tuple[str, QAction | None]]) -> None:
        """Fill the bar: an icon and what it does, or a gap."""
        self._bar.addWidget(self.name)
        self._bar.addSpacing(10)
        self._bar.addWidget(self.place)
        self._bar.addSpacing(10)
        self._bar.addStretch(1)
        for picture, action in actions:
            if action is None:
                self._bar.addSpacing(10)
                continue
            button = IconButton(picture, action.toolTip(), self._colours)
            button.follow(action)
            if action.objectName() == "play":
                self._player.changed.connect(
                    lambda b=button: b.set_icon("pause" if self._player.playing else "play")
                )
            self._bar.addWidget(button)
        self._bar.addWidget(self.channels)
        self._bar.addSpacing(8)
        self._bar.addWidget(self.speed)
        self._bar.addSpacing(8)
        self._bar.addWidget(self.gain)
        self._bar.addWidget(self.level)

    def show_sound(self, sound: SoundRow | None, match: tuple[float, float] | None) -> None:
        """Show another sound."""
        self._sound, self._shades = sound, (None, self._shades[1])
        self._player.load(Path(sound.path) if sound is not None else None)
        self.waveform.show_sound(sound.duration_s if sound is not None else 0.0, match)
        self.channels.show_channels(sound.channels if sound is not None else 0)
        self.name.setText(one_line(Path(sound.path).name) if sound is not None else "")
        self._player.set_range(None)
        self._on_changed()

    def show_spectrogram(self, shades: Shades | None, scale: Scale) -> None:
        """Show a spectrogram with its axis of frequency, or the waveform again."""
        self._shades = (shades, scale)
        if shades is None or self._sound is None:
            self.waveform.put(spectrogram=None, axis=())
            return
        bands, columns = shades.shape
        padded = np.zeros((bands, -(-columns // 4) * 4), np.uint8)
        padded[:, :columns] = shades
        image = QImage(padded.tobytes(), columns, bands, padded.shape[1], _INDEXED)
        levels = level_scale(self._colours).tolist()
        image.setColorTable([QColor(*rgb).rgb() for rgb in levels])
        marks = marks_of(self._sound.rate_hz, scale, max(2, self.waveform.height() // 28))
        axis = tuple((place, frequency(hertz)) for place, hertz in marks)
        self.waveform.put(spectrogram=image.copy(), axis=axis)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say as much of the sound as there is room for."""
        super().resizeEvent(event)
        self._show_place()

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self.waveform.set_colours(colours)
        self.show_spectrogram(*self._shades)
        self.meter.set_colours(colours)

    def louder(self, decibels: int) -> None:
        """Change the volume."""
        self.gain.setValue(self.gain.value() + decibels)

    def _on_range(self, range_s: tuple[float, float] | None) -> None:
        self._player.set_range(range_s, self.waveform.fades_s)

    def _on_gain(self, decibels: int) -> None:
        self._player.set_gain_db(-120.0 if decibels == self.gain.minimum() else float(decibels))

    def _on_moved(self, seconds: float) -> None:
        self.waveform.set_position(seconds)
        self.meter.show_levels(self._player.levels)
        self._show_place()

    def _on_changed(self) -> None:
        order = self._player.order
        self.waveform.set_position(self._player.position_s)
        self.speed.setText(_manner(order))
        self._show_level()
        if not self._player.playing:
            self.meter.clear()
        self._show_place()

    def _show_level(self) -> None:
        gain = self._player.gain_db
        is_mute = self.gain.value() == self.gain.minimum()
        self.level.setText(self.tr("mute") if is_mute else signed(gain, "dB"))
        limited = self._player.gain_db < self._player.wanted_db - _LEAST_DB
        told = self.tr("Gain, volume and equal loudness together")
        held = self.tr("Gain, held back so that no peak exceeds full scale")
        self.level.setToolTip(held if limited else told)

    def _show_place(self) -> None:
        if self._sound is None:
            self.place.setText("")
            return
        at = duration(self._player.position_s)
        whole = duration(self._sound.duration_s)
        said = [f"{at} / {whole} s"]
        if self.width() > _WIDE:
            said.append(technical(self._sound))
        if self.width() > _WIDER and self._sound.lufs is not None:
            said.append(f"{lufs(self._sound.lufs)} LUFS")
        self.place.setText("   ".join(said))

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


def _manner(order: Order) -> str:
    """Return how a sound is played other than it is: ``0.50× −12 st``."""
    speed = "" if abs(order.speed - 1) < _LEAST else f"{order.speed:.2f}×"
    pitch = "" if abs(order.pitch) < _LEAST else signed(round(order.pitch), tr("st"), 0)
    return " ".join(filter(None, (speed, pitch)))


_INDEXED = QImage.Format.Format_Indexed8
