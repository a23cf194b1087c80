"""Recording from the microphone, to search by what was sung, knocked or imitated."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from app.gui.player.sound.devices import DeviceError, sounddevice
from engine.audio.clip import Frames
from engine.audio.decode import Samples

LONGEST_S = 30.0


class Recorder:
    """Records mono samples until stopped, 30 s at most."""

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self._stream: Any = None
        self._blocks: SimpleQueue[Frames] = SimpleQueue()
        self._parts: list[Frames] = []
        self.rate_hz = 0

    @property
    def recording(self) -> bool:
        """Return whether it records."""
        return self._stream is not None

    @property
    def seconds(self) -> float:
        """Return how much was recorded."""
        self._gather()
        return sum(map(len, self._parts)) / max(1, self.rate_hz)

    @property
    def level(self) -> float:
        """Return the peak of the last block, 1.0 full scale."""
        self._gather()
        return float(np.abs(self._parts[-1]).max(initial=0.0)) if self._parts else 0.0

    def start(self) -> None:
        """Begin.

        :raises DeviceError: there is no microphone.
        """
        sd = sounddevice()
        self._parts = []
        try:
            facts = sd.query_devices(self._device, "input")
            self.rate_hz = int(facts["default_samplerate"])
            stream = sd.InputStream(
                samplerate=self.rate_hz,
                device=self._device,
                channels=1,
                dtype="float32",
                callback=lambda block, frames, time, status: self._blocks.put(block.copy()),
            )
            stream.start()
        except (sd.PortAudioError, ValueError):
            raise DeviceError(
                "there is no microphone: connect one, or choose one in Preferences"
            ) from None
        self._stream = stream

    def stop(self) -> Samples:
        """End, and return the mono samples at :attr:`rate_hz`."""
        if self._stream is not None:
            self._stream.close(ignore_errors=True)
            self._stream = None
        self._gather()
        samples: Samples = np.concatenate(
            [np.zeros(0, np.float32), *(p[:, 0] for p in self._parts)]
        )
        return samples[: round(LONGEST_S * self.rate_hz)]

    def _gather(self) -> None:
        while True:
            try:
                self._parts.append(self._blocks.get_nowait())
            except Empty:
                return
