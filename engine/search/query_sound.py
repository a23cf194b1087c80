"""A sound used as a query: a file, a part of one, or a recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Floats
from engine.audio.decode import Samples, resampled, stream
from engine.audio.windows import windows
from engine.errors import AudioError, InputError

if TYPE_CHECKING:
    from engine.models.match_model import AudioEncoder

MOST_S = 1e7  # no sound lasts that long


@dataclass(frozen=True)
class QuerySound:
    """A file (or, without a path, mono ``samples`` at ``rate_hz``), or a part of it in seconds."""

    path: Path | None = None
    start_s: float | None = None
    end_s: float | None = None
    samples: Samples | None = None
    rate_hz: int = 0

    @property
    def name(self) -> str:
        """Return what to call it."""
        return self.path.name if self.path is not None else "the recording"

    @property
    def is_whole(self) -> bool:
        """Return whether no part was asked for."""
        return not self.start_s and self.end_s is None

    def blocks(self, rate_hz: int) -> Iterator[Samples]:
        """Yield mono samples at ``rate_hz`` from ``start_s`` to ``end_s``.

        :raises AudioError: the file cannot be decoded.
        :raises InputError: the part does not lie in it.
        """
        for second in (self.start_s, self.end_s):
            if second is not None and not abs(second) <= MOST_S:  # nor what is no number
                raise InputError(f"{second} is no place in {self.name}: give it in seconds")
        first = round((self.start_s or 0.0) * rate_hz)
        last = None if self.end_s is None else round(self.end_s * rate_hz)
        if first < 0 or (last is not None and last <= first):
            raise self._outside(f"to {self.end_s:g} s" if self.end_s is not None else "on")
        place, given = 0, False
        for block in self._all(rate_hz):
            part = block[max(0, first - place) : None if last is None else max(0, last - place)]
            place += len(block)
            if len(part):
                given = True
                yield part
            if last is not None and place >= last:
                return
        if not given and place:
            raise self._outside("on", f", which is {place / rate_hz:g} s long")

    def _all(self, rate_hz: int) -> Iterator[Samples]:
        if self.path is not None:
            return iter(stream(self.path, rate_hz))
        assert self.samples is not None
        return resampled(iter([self.samples]), self.rate_hz, rate_hz)

    def _outside(self, rest: str, long: str = "") -> InputError:
        return InputError(
            f"the part from {self.start_s or 0:g} s {rest} is not within {self.name}{long}"
        )


def embed_query(audio_encoder: AudioEncoder, sound: QuerySound) -> Floats:
    """Return the mapped vectors (windows, rank) of a sound, read in blocks.

    :raises AudioError: it cannot be heard, or holds no samples.
    :raises InputError: the part does not lie in it.
    """
    spec = audio_encoder.model.spec
    rate = spec.front_end.rate_hz
    cut = windows(sound.blocks(rate), rate, spec.window_s, spec.hop_s)
    log_mels = [audio_encoder.log_mel(window.samples) for window in cut]
    if not log_mels:
        raise AudioError(f"{sound.name} holds no samples")
    vectors: Floats = audio_encoder.model.map_features(audio_encoder.features(log_mels)).numpy()
    return np.asarray(vectors)
