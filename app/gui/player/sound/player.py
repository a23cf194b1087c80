"""The player, as the window sees it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.gui.player.sound.devices import Outputs, PortAudio
from app.gui.player.sound.feeder import Feeder
from app.gui.player.sound.manner import Manner
from app.gui.player.sound.order import Listening, Order

_POLL_MS = 30
_SCRUB_S = 0.12  # that is heard of a place that is dragged over


class Player(Manner):
    """Plays one file at a time; every method returns at once.

    The thread that feeds the device is made when something is first played.
    """

    changed = Signal()  # began, ended, or is played differently
    moved = Signal(float)  # the place in the file that is heard, in seconds
    told = Signal(str)  # why something cannot be played

    def __init__(self, outputs: Outputs | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.outputs: Outputs = outputs or PortAudio()
        self._feeder: Feeder | None = None
        self._serials = itertools.count(1)
        self._loaded: Path | None = None
        self._playing = self._paused = False
        self._device: str | None = None
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._poll)
        self._last_s = 0.0
        self._scrubbing = False

    def load(self, path: Path | None) -> None:
        """Be ready to play a file; what plays now is stopped."""
        if path == self._loaded:
            return
        self.stop()
        self._loaded, self._last_s = path, 0.0
        if path is not None:
            fresh = {
                "range_s": None,
                "fades_s": (0.0, 0.0),
                "listening": Listening(self._order.listening.mode),
            }
            self._order = replace(self._order, path=path, start_s=0.0, **fresh)  # type: ignore[arg-type]
        self.changed.emit()

    def play(self, start_s: float | None = None) -> None:
        """Play the loaded file from a place, or from the beginning of its range."""
        if self._loaded is None:
            return
        if start_s is None:
            first, last = self._order.range_s or (0.0, float("inf"))
            start_s = last if self._order.reverse else first
        self._send(replace(self._order, path=self._loaded, start_s=start_s))
        self._playing = True
        self._paused = False
        self._timer.start()
        self.changed.emit()

    def pause(self) -> None:
        """Stop, to go on from there."""
        if self._playing:
            self.stop()
            self._paused = True

    def scrub(self, seconds: float) -> None:
        """Let a moment at a place be heard, while it is dragged along the waveform."""
        if self._loaded is None:
            return
        order, self._last_s = self._order, max(0.0, seconds)
        span = (self._last_s, self._last_s + _SCRUB_S)
        start = span[1] if order.reverse else span[0]
        self._send(
            replace(order, start_s=start, range_s=span, loop=False, fades_s=(0.0, 0.0)), keep=False
        )
        self._scrubbing = self._playing = True
        self._timer.start()

    def stop(self) -> None:
        """Stop, and stay where it was."""
        self._paused = False
        if not self._playing:
            return
        self._last_s = self.position_s
        self._playing = self._scrubbing = False
        self._timer.stop()
        if self._feeder is not None:
            self._feeder.play(None)
        self.changed.emit()

    def seek(self, seconds: float) -> None:
        """Go to a place; playing goes on from there."""
        self._last_s = max(0.0, seconds)
        if self._playing:
            self.play(self._last_s)
        else:
            self._paused = True
            self.moved.emit(self._last_s)

    def set_device(self, name: str | None) -> None:
        """Play on another device, on the system's own if None; what plays goes on there."""
        self._device = name
        if self._feeder is not None:
            self._feeder.use_device(name)

    def close(self) -> None:
        """Stop, and give the device back."""
        self.stop()
        if self._feeder is not None:
            self._feeder.close()
            self._feeder = None

    @property
    def loaded(self) -> Path | None:
        """Return the file that would be played."""
        return self._loaded

    @property
    def playing(self) -> bool:
        """Return whether something plays."""
        return self._playing

    @property
    def paused(self) -> bool:
        """Return whether it goes on where it is, rather than begins anew."""
        return self._paused

    @property
    def position_s(self) -> float:
        """Return the place in the file that is heard, or was last."""
        heard = self._feeder.position_s if self._feeder is not None and self._playing else None
        return self._last_s if heard is None else heard

    @property
    def levels(self) -> tuple[float, ...]:
        """Return the peaks of what is heard, by channel."""
        return self._feeder.levels if self._feeder is not None and self._playing else ()

    def _change(self, **changes: object) -> None:
        place = self.position_s
        super()._change(**changes)
        if self._playing:
            self._send(self._order.at(place))
        self.changed.emit()

    def _send(self, order: Order, keep: bool = True) -> None:
        if self._feeder is None:
            self._feeder = Feeder(self.outputs, self.told.emit)
            self._feeder.use_device(self._device)
            self._feeder.start()
        order = replace(order, serial=next(self._serials))
        if keep:
            self._order, self._scrubbing = order, False
        self._feeder.play(order)

    def _poll(self) -> None:
        assert self._feeder is not None
        if self._feeder.wish is None:  # it came to its end, or cannot be played
            self._playing = False
            if not self._scrubbing:
                self._last_s = self._order.range_s[0] if self._order.range_s else 0.0
            self._paused, self._scrubbing = self._scrubbing, False
            self._timer.stop()
            self.changed.emit()
        self.moved.emit(self.position_s)
