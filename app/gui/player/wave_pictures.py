"""What is shown of the sound that is looked at: its spectrogram, its loudness, coloured peaks."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from app.gui.kit.context import Context
from app.gui.player.player_controller import PlayerController
from app.gui.player.player_panel import PlayerPanel
from engine.audio.loudness_curve import LoudnessCurve, read_loudness
from engine.audio.spectrogram import Scale, Shades, read_spectrogram
from engine.store import SoundRow

_SETTLED_MS = 90  # a view that is only passed over is not drawn
_COLUMNS, _BANDS = 700, 240


class WavePictures(QObject):
    """Reads what the waveform shows beside its peaks, in jobs."""

    def __init__(
        self, context: Context, player_controller: PlayerController, panel: PlayerPanel
    ) -> None:
        super().__init__(panel)  # so that its timers end with the window
        self._context, self._player_controller, self._panel = context, player_controller, panel
        self._spectrogram = self._loudness = False
        self._scale: Scale = "mel"
        self._later = QTimer(self, interval=_SETTLED_MS, singleShot=True)
        self._later.timeout.connect(self._draw)
        panel.view_changed.connect(self._later.start)
        player_controller.settled.connect(self._read_loudness)

    def show_spectrogram(self, on: bool) -> None:
        """Show a spectrogram, or the waveform again."""
        self._spectrogram = on
        if on:
            self._draw()
        else:
            self._panel.show_spectrogram(None, self._scale)

    def show_linear(self, on: bool) -> None:
        """Let frequencies rise evenly in Hz, or in mel."""
        self._scale = "linear" if on else "mel"
        self._draw()

    def show_colours(self, on: bool) -> None:
        """Colour the waveform by where in frequency its energy lies, or not."""
        self._panel.waveform.put(coloured=on)

    def show_loudness(self, on: bool) -> None:
        """Show how loud each moment is, or not."""
        self._loudness = on
        self._panel.waveform.put(loudness=None)
        self._read_loudness()

    def _draw(self) -> None:
        sound = self._player_controller.sound
        if sound is None or not self._spectrogram:
            return
        view, path, scale = self._panel.waveform.view, Path(sound.path), self._scale

        def put(shades: Shades) -> None:
            if self._spectrogram and self._is_shown(sound):
                self._panel.show_spectrogram(shades, scale)

        self._context.jobs.start(
            "read",
            lambda control: read_spectrogram(
                path, view.start_s, view.end_s, _COLUMNS, _BANDS, control, scale
            ),
            put,
            failed=lambda text: None,  # the player says it
            newest="spectrogram",
        )

    def _read_loudness(self) -> None:
        sound = self._player_controller.sound
        if sound is None or not self._loudness:
            return
        path = Path(sound.path)

        def put(curve: LoudnessCurve) -> None:
            if self._loudness and self._is_shown(sound):
                self._panel.waveform.put(loudness=curve)

        self._context.jobs.start(
            "read",
            lambda control: read_loudness(path, control),
            put,
            failed=lambda text: None,  # the player says it
            newest="loudness",
        )

    def _is_shown(self, sound: SoundRow) -> bool:
        shown = self._player_controller.sound
        return shown is not None and shown.id == sound.id
