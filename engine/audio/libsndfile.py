"""A sound file that libsndfile reads: PCM in its containers, FLAC, Vorbis and Opus."""

from __future__ import annotations

from pathlib import Path

import soundfile

from engine.audio.facts import AudioFacts, Frames
from engine.audio.sizes import Sizes
from engine.errors import AudioError

REFUSALS = (soundfile.LibsndfileError, RuntimeError)
_BITS = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "PCM_24": 24,
    "PCM_32": 32,
    "FLOAT": 32,
    "DOUBLE": 64,
    "ULAW": 8,
    "ALAW": 8,
}
_AS_IN_WAV = {  # where each channel of a WAV file stands in Vorbis and Opus (Vorbis I, 4.3.9)
    3: [0, 2, 1],
    5: [0, 2, 1, 3, 4],
    6: [0, 2, 1, 5, 3, 4],
    7: [0, 2, 1, 6, 5, 3, 4],
    8: [0, 2, 1, 7, 5, 6, 3, 4],
}
_FLOATS = ("FLOAT", "DOUBLE")
_MOST_FRAMES = 1 << 62  # what stands for "unknown" lies above


class Libsndfile:
    """A file that libsndfile reads.

    :raises soundfile.LibsndfileError: it does not.
    """

    def __init__(self, path: Path, sizes: Sizes | None) -> None:
        mended = sizes.mended if sizes else None
        self._name, self._mended = path.name, mended
        self._file = soundfile.SoundFile(mended if mended is not None else str(path))
        self._frames = int(self._file.frames)
        has_own_order = self._file.subtype in ("VORBIS", "OPUS")
        self._order = _AS_IN_WAV.get(self._file.channels) if has_own_order else None
        self.facts = AudioFacts(
            duration_s=self._frames / max(1, self._file.samplerate),
            rate_hz=int(self._file.samplerate),
            channels=int(self._file.channels),
            bits=_BITS.get(self._file.subtype),
            format=str(self._file.format).lower(),
        )
        self.said: int | None = self._frames
        self.tells_length = mended is None or (sizes is not None and sizes.said is None)
        if sizes is not None and sizes.said is not None and 0 < sizes.there < sizes.said:
            self.said = round(self._frames * sizes.said / sizes.there)
        if mended is not None:
            self.said = None
        is_packed = self.facts.format in ("flac", "ogg")
        whole_numbers = self.facts.bits is not None and self._file.subtype not in _FLOATS
        self.is_exact = whole_numbers and not is_packed and bool(self._file.seekable())

    @property
    def is_plausible(self) -> bool:
        """Return whether it found any samples, and a number of them that can be."""
        return 0 < self._frames < _MOST_FRAMES

    def frames(self) -> int:
        """Return how many frames there are.

        :raises AudioError: fewer than the header says.
        """
        if self.facts.format == "flac" and self._frames and not len(self.read(self._frames - 1, 1)):
            raise AudioError(f"{self._name} is damaged: it is shorter than its header says")
        return self._frames

    def read(self, start: int, count: int) -> Frames:
        """Return up to ``count`` frames from ``start``; fewer at the end.

        Channels are in the order of WAV files, as FFmpeg has them.

        :raises AudioError: they are damaged.
        """
        try:
            if self._file.tell() != start:
                self._file.seek(min(start, self._frames))
            frames: Frames = self._file.read(count, dtype="float32", always_2d=True)
        except REFUSALS as error:
            raise AudioError(f"{self._name} is damaged: {error}") from None
        return frames if self._order is None else frames[:, self._order]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._mended is not None:
            self._mended.close()
