"""The thread that reads ahead of the device and keeps its ring full."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from app.gui.player.sound.devices import DeviceError, Output, Outputs, Pull
from app.gui.player.sound.order import Order
from app.gui.player.sound.ring import Ring
from app.gui.player.sound.voice import Voice
from engine.audio.clip import Clip, Frames
from engine.errors import SoundsiftError

_AHEAD_S = 0.35
_FIRST_S = 0.01  # the first block is short, so that sound begins at once
_BLOCK_S = 0.05
_LEVEL_S = 0.015
_FADE_S = 0.004
_WAIT_S = 0.02
_REST_S = 30.0  # after so long without sound the device is given back
_MARKS = 4000
_MOST_UNDERFLOWS = 4
_JUST_BEGUN_S = 0.5


@dataclass(frozen=True)
class Mark:
    """From frame ``index`` of the ring on, source frame ``place`` plays, and ``step`` more each."""

    index: int
    place: float
    step: float
    levels: tuple[float, ...] = ()


class Feeder(threading.Thread):
    """Plays one order after another; whoever asks does so from another thread.

    ``told`` gets sentences about what cannot be played, in this thread.
    """

    def __init__(self, outputs: Outputs, told: Callable[[str], None]) -> None:
        super().__init__(name="feeder", daemon=True)
        self._outputs, self._told = outputs, told
        self._changed = threading.Condition()
        self._wish: Order | None = None
        self._device: str | None = None
        self._device_changed = self._closing = False
        self._output: Output | None = None
        self._format: tuple[int, int] = (0, 0)  # of the file that the output was opened for
        self._ring = Ring(1, 2)
        self._marks: list[Mark] = []
        self._clip: Clip | None = None
        self._rate_hz = 1  # of the file
        self._end: int | None = None
        self._began = time.monotonic()
        self._lost_at: float | None = None
        self._silent_since = time.monotonic()

    # From the window's thread

    def play(self, order: Order | None) -> None:
        """Play something else, or nothing."""
        with self._changed:
            self._wish = order
            self._changed.notify()

    def use_device(self, name: str | None) -> None:
        """Play on another device from now on."""
        with self._changed:
            self._device, self._device_changed = name, True
            self._changed.notify()

    def close(self) -> None:
        """End the thread and give the device back."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self.is_alive():
            self.join(2.0)

    @property
    def wish(self) -> Order | None:
        """Return what should be playing; None after the end."""
        return self._wish

    @property
    def position_s(self) -> float | None:
        """Return the place in the file that is heard now, None while nothing plays."""
        mark, index = self._heard()
        if mark is None:
            return None
        return max(0.0, (mark.place + (index - mark.index) * mark.step) / self._rate_hz)

    @property
    def levels(self) -> tuple[float, ...]:
        """Return the peaks of the channels that are heard now, 1.0 full scale."""
        mark, _ = self._heard()
        return mark.levels if mark is not None else ()

    # In its own thread

    def run(self) -> None:
        """Feed until closed."""
        current: Order | None = None
        voice: Voice | None = None
        while True:
            with self._changed:
                if self._wish is current and not self._device_changed and not self._closing:
                    self._changed.wait(_WAIT_S if voice or self._output else None)
                if self._closing:
                    break
                wish, moved = self._wish, self._device_changed
                self._device_changed = False
            try:
                if moved and wish is current:
                    voice = self._resume(wish)
                elif moved:
                    self._close_output()
                if wish is not current:
                    current, voice = wish, None
                    voice = self._begin(wish)
                voice = self._feed(voice)
                if voice is None and self._is_over(current):
                    self._finish(current)
                    current = None
                self._look_after_device(current)
            except SoundsiftError as error:
                self._finish(current)
                voice = current = None
                self._told(str(error))
        self._close_output()
        self._close_clip()

    def _begin(self, order: Order | None) -> Voice | None:
        self._end = None
        if order is None:
            self._ring.cut(self._fade_frames)
            self._marks = []
            self._end = self._ring.written
            return None
        if self._clip is None or self._clip.path != order.path:
            self._ring.cut(self._fade_frames)
            self._close_clip()
            self._clip = Clip(order.path)
        self._open_output((self._clip.rate_hz, self._clip.channels))
        assert self._output is not None
        self._rate_hz, self._began = self._clip.rate_hz, time.monotonic()
        voice = Voice(self._clip, order, self._output.rate_hz, self._output.channels)
        place, frames = float(voice.place), voice.read(round(_FIRST_S * self._device_hz))
        if frames is None:
            frames = np.zeros((0, self._output.channels), np.float32)
        # What is heard goes on until the first block of the new order is there to follow it.
        at = self._ring.switch(np.clip(frames, -1.0, 1.0), self._fade_frames)
        self._marks = _marks_of(frames, at, place, voice.step, self._device_hz)
        self._silent_since = time.monotonic()
        return voice

    def _resume(self, order: Order | None) -> Voice | None:
        """Go on where it was, on another device."""
        just_begun = time.monotonic() - self._began < _JUST_BEGUN_S
        place = None if just_begun else self.position_s or self._lost_at
        self._lost_at = None
        self._close_output()
        if order is None:
            return None
        return self._begin(order if place is None else order.at(place))

    def _feed(self, voice: Voice | None) -> Voice | None:
        block = round(_BLOCK_S * self._device_hz)
        while voice is not None and self._ring.room > block * 2:
            if not self._put(voice, block):
                self._end = self._ring.written
                return None
            if self._wish is None or self._closing or self._device_changed:
                break
            if self._ring.written - self._ring.taken > _AHEAD_S * self._device_hz:
                break
        return voice

    def _put(self, voice: Voice, count: int) -> bool:
        place = float(voice.place)
        frames = voice.read(count)
        if frames is None:
            return False
        self._marks += _marks_of(frames, self._ring.written, place, voice.step, self._device_hz)
        del self._marks[:-_MARKS]
        self._ring.write(np.clip(frames, -1.0, 1.0))
        self._silent_since = time.monotonic()
        return True

    def _is_over(self, current: Order | None) -> bool:
        return current is not None and self._end is not None and self._ring.taken >= self._end

    def _finish(self, current: Order | None) -> None:
        """Forget an order that came to its end, unless another one came meanwhile."""
        with self._changed:
            if self._wish is current:
                self._wish = None
        self._marks = []

    def _look_after_device(self, current: Order | None) -> None:
        output = self._output
        if output is None:
            return
        if current is None and time.monotonic() - self._silent_since > _REST_S:
            self._close_output()
        elif output.underflows > _MOST_UNDERFLOWS:
            self._outputs.be_patient()
            with self._changed:
                self._device_changed = True
        elif not output.active:
            self._lost_at = self.position_s
            self._close_output()
            with suppress(DeviceError, OSError):
                self._outputs.look_again()
            name, self._device = self._device, None
            self._told(
                f"the audio device {name or ''} was disconnected".replace("  ", " ")
                + (": playing continues on the default one" if current else "")
            )
            with self._changed:
                self._device_changed = current is not None

    def _open_output(self, wanted: tuple[int, int]) -> None:
        if self._output is not None and self._format == wanted:
            return
        self._close_output()

        def ring_for(rate_hz: int, channels: int) -> Pull:
            ring = self._ring = Ring(rate_hz, channels)

            def pull(out: Frames) -> None:
                ring.take(out)

            return pull

        self._output = self._outputs.open(self._device, *wanted, ring_for)
        self._format = wanted

    def _close_output(self) -> None:
        if self._output is not None:
            self._output.close()
        self._output = None

    def _close_clip(self) -> None:
        if self._clip is not None:
            self._clip.close()
        self._clip = None

    @property
    def _fade_frames(self) -> int:
        return round(_FADE_S * self._device_hz)

    @property
    def _device_hz(self) -> int:
        return self._output.rate_hz if self._output is not None else 48_000

    def _heard(self) -> tuple[Mark | None, int]:
        """Return what is heard now, which the device took a moment ago."""
        marks, output = self._marks, self._output
        if not marks or output is None or self._wish is None:
            return None, 0
        index = self._ring.taken - round(output.latency_s * output.rate_hz)
        index = max(marks[0].index, index)
        number = bisect.bisect_right(marks, index, key=lambda mark: mark.index) - 1
        return marks[max(0, number)], index


def _marks_of(frames: Frames, at: int, place: float, step: float, rate_hz: int) -> list[Mark]:
    """Return the marks of frames that go into the ring at ``at``."""
    size = max(1, round(_LEVEL_S * rate_hz))
    found = []
    for start in range(0, len(frames), size):
        levels = tuple(float(x) for x in np.abs(frames[start : start + size]).max(axis=0))
        found.append(Mark(at + start, place + start * step, step, levels))
    return found
