"""Audio devices, through PortAudio; imported only when sound is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from engine.audio.clip import Frames
from engine.errors import SoundsiftError

Pull = Callable[[Frames], object]  # fills what it is given
_LATENCY_S = 0.02  # at first
_MOST_LATENCY_S = 0.2


class DeviceError(SoundsiftError):
    """There is no device to play on or to record from."""


class Output(Protocol):
    """An open device that plays what it pulls."""

    rate_hz: int
    channels: int
    latency_s: float
    underflows: int  # blocks that came too late

    @property
    def active(self) -> bool:
        """Return whether it still plays."""

    def close(self) -> None:
        """Stop at once."""


class Outputs(Protocol):
    """Where outputs come from."""

    def open(
        self, device: str | None, rate_hz: int, channels: int, pull: Callable[[int, int], Pull]
    ) -> Output:
        """Open a device, as near to a file's rate and channels as it can.

        :param pull: given the rate and channels that were got, returns what fills blocks.
        :raises DeviceError: there is none.
        """

    def be_patient(self) -> None:
        """Open devices with more latency from now on."""

    def names(self) -> list[str]:
        """Return the names of output devices."""

    def look_again(self) -> None:
        """Notice devices that came or went."""


class PortAudio:
    """The devices of this computer.

    Latency is short at first.  Where a device cannot keep up, as some sound servers cannot when
    they convert the rate, the feeder asks for patience.
    """

    def __init__(self) -> None:
        self._latency_s = _LATENCY_S

    def be_patient(self) -> None:
        """See :class:`Outputs`."""
        self._latency_s = min(_MOST_LATENCY_S, 2.5 * self._latency_s)

    def open(
        self, device: str | None, rate_hz: int, channels: int, pull: Callable[[int, int], Pull]
    ) -> Output:
        """See :class:`Outputs`."""
        sd = sounddevice()
        number = self._find(device)
        try:
            facts = sd.query_devices(number, "output")
        except (sd.PortAudioError, ValueError):
            raise DeviceError(
                "there is no audio output device: connect one, or choose one in Preferences"
            ) from None
        most = int(facts["max_output_channels"])
        rates = (rate_hz, int(facts["default_samplerate"]), 48_000)
        counts = [c for c in (channels if channels > 2 else 2, 2, 1) if c <= most]
        problem: Exception | None = None
        for rate in dict.fromkeys(rates):
            for count in dict.fromkeys(counts):
                try:
                    return _Stream(sd, number, rate, count, self._latency_s, pull(rate, count))
                except (sd.PortAudioError, ValueError) as error:
                    problem = error
        raise DeviceError(f"{facts['name']} cannot play: {_said(problem)}; choose another device")

    def names(self) -> list[str]:
        """See :class:`Outputs`."""
        return _names("max_output_channels")

    def look_again(self) -> None:
        """See :class:`Outputs`: PortAudio lists devices only once."""
        sd = sounddevice()
        sd._terminate()
        sd._initialize()

    def _find(self, device: str | None) -> int | None:
        """Return a device's number; the default one's place if it is not there."""
        if device is None:
            return None
        found = sounddevice().query_devices()
        for number, facts in enumerate(found):
            if facts["name"] == device and facts["max_output_channels"]:
                return number
        return None


class _Stream:
    """An output stream that runs, silent while nothing is fed."""

    def __init__(
        self,
        sd: Any,
        device: int | None,
        rate_hz: int,
        channels: int,
        latency_s: float,
        pull: Pull,
    ) -> None:
        self.underflows = 0

        def callback(out: Frames, frames: int, time: object, status: Any) -> None:
            pull(out)
            if status.output_underflow:
                self.underflows += 1

        self._stream = sd.OutputStream(
            samplerate=rate_hz,
            device=device,
            channels=channels,
            dtype="float32",
            latency=latency_s,
            callback=callback,
        )
        self._stream.start()
        self.rate_hz, self.channels = rate_hz, channels
        self.latency_s = float(self._stream.latency)

    @property
    def active(self) -> bool:
        return bool(self._stream.active)

    def close(self) -> None:
        self._stream.close(ignore_errors=True)


def input_names() -> list[str]:
    """Return the names of devices that can record."""
    return _names("max_input_channels")


def sounddevice() -> Any:
    """Return the module sounddevice.

    :raises DeviceError: PortAudio is not installed.
    """
    try:
        import sounddevice as module
    except OSError:
        raise DeviceError(
            "sounds cannot be played: PortAudio is missing; install it (on Debian: "
            "libportaudio2) and restart Soundsift"
        ) from None
    return module


def _names(kind: str) -> list[str]:
    try:
        return [str(facts["name"]) for facts in sounddevice().query_devices() if facts[kind]]
    except (DeviceError, OSError):
        return []


def _said(error: Exception | None) -> str:
    return str(error).split("[")[0].strip() if error else "it supports none of our formats"
