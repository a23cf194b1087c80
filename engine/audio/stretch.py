"""Speed without pitch, and pitch without speed, as a stream.

A phase vocoder.  Each frame of output takes the magnitudes of the source where it has got to; its
phases go on from the frame before as those of the source do over the same time, so that a steady
tone stays one, however fast the source is walked through.  All bins around a peak turn together
(Laroche and Dolson 1999, identity phase locking), and so do all channels, so that the image between
the speakers stays.  Around an onset the source is walked through at its own speed and the phases
begin anew: what is struck is neither smeared nor doubled (after Röbel 2003); the time is made good
before and behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from engine.audio.facts import Frames
from engine.audio.onsets import Onsets
from engine.audio.resample import FOR_COPIES, FOR_LISTENING, Filter, Resampler

_HOP_S = 0.016  # of the output; a window is four of them
_OVERLAP = 4
_SUM = 1.5  # of the squares of four overlapping Hann windows
_BLOCK_S = 0.25  # of silence behind the end, at once
_SLOW = 8.0  # hops over which levels are compared
_SILENT, _MOST_GAIN = 1e-12, 2**0.5

Spectra = np.ndarray[Any, np.dtype[np.complex64]]


def stretch(
    blocks: Iterable[Frames], rate_hz: int, channels: int, speed: float, semitones: float
) -> Iterator[Frames]:
    """Yield a sound ``speed`` times as fast and ``semitones`` higher, each without the other.

    ``blocks`` are consecutive, shape (frames, channels), and so is what is yielded, at the same
    rate.  In all there are as many frames as there were, divided by ``speed``.
    """
    stretching = Stretching(rate_hz, channels, speed, semitones, rate_hz, FOR_COPIES)
    for block in blocks:
        made = stretching(block, last=False)
        if len(made):
            yield made
    made = stretching(np.zeros((0, channels), np.float32), last=True)
    if len(made):
        yield made


class Stretching:
    """The same for whoever gives blocks one by one, and wants another rate at once."""

    def __init__(
        self,
        source_hz: int,
        channels: int,
        speed: float,
        semitones: float,
        rate_hz: int,
        filter_: Filter = FOR_LISTENING,
    ) -> None:
        # The resampler takes whole numbers of hertz: what that changes the stretcher makes good.
        played_hz = max(1, round(source_hz * 2 ** (semitones / 12)))
        tempo = speed * source_hz / played_hz
        self._stretcher = Stretcher(source_hz, channels, tempo) if tempo != 1.0 else None
        same = played_hz == rate_hz
        self._resampler = None if same else Resampler(played_hz, rate_hz, filter_)
        self._each = rate_hz / source_hz / speed  # frames of output for one of the source
        self._taken = self._given = 0

    def __call__(self, frames: Frames, last: bool) -> Frames:
        """Return what the next frames give; with ``last`` all that is left."""
        self._taken += len(frames)
        made = self._stretcher(frames, last) if self._stretcher is not None else frames
        if self._resampler is not None:
            made = self._resampler(made, last)
        if last:  # the resampler's filter rounds to whole frames of its own
            wanted = max(0, round(self._taken * self._each) - self._given)
            made = made[:wanted]
            if len(made) < wanted:
                made = np.concatenate(
                    [made, np.zeros((wanted - len(made), made.shape[1]), np.float32)]
                )
        self._given += len(made)
        return made


class Stretcher:
    """Walks through the source ``tempo`` times as fast as it is, and keeps the pitch."""

    def __init__(self, rate_hz: int, channels: int, tempo: float) -> None:
        from scipy.fft import next_fast_len

        self._tempo, self._channels, self._rate_hz = tempo, channels, rate_hz
        self._hop = int(next_fast_len(max(8, round(_HOP_S * rate_hz)), real=True))
        self._size = _OVERLAP * self._hop
        n = np.arange(self._size)
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * n / self._size)).astype(np.float32)
        self._held: Frames = np.zeros((2 * self._size, channels), np.float32)
        self._first = -2 * self._size  # the place in the source of what is held
        self._end = 0  # of what has come
        self._path = _Path(Onsets(rate_hz, channels), tempo, self._size / 2)
        self._frame = 1 - _OVERLAP // 2  # the number of the next window, which has its middle there
        self._before: Spectra | None = None
        self._sum: Frames = np.zeros((self._size, channels), np.float32)
        self._given = 0
        self._energy = float(np.square(self._window).sum())
        self._wanted = deque([0.0, 0.0])  # of the windows whose middles are in the hops that follow
        self._levels = [0.0, 0.0]  # that are wanted, and that are made
        self._gain = 1.0

    def __call__(self, frames: Frames, last: bool) -> Frames:
        """Return what can be made now; with ``last`` all that is left."""
        self._take(frames)
        total = round(self._end / self._tempo)
        done: list[Frames] = []
        if last:
            self._path.finish()
        while not last or self._given < total:
            place = self._path.place(self._frame * self._hop)
            if place is None:
                break
            middle, is_struck = place
            if middle + self._size // 2 > self._first + len(self._held):
                if not last:
                    break
                self._hold(np.zeros((round(_BLOCK_S * self._rate_hz), self._channels), np.float32))
                continue
            made = self._step(middle, is_struck)
            if self._frame > _OVERLAP // 2:
                if last:
                    made = made[: total - self._given]
                self._given += len(made)
                done.append(made)
        none: Frames = np.zeros((0, self._channels), np.float32)
        return np.concatenate([none, *done])

    def _take(self, frames: Frames) -> None:
        self._hold(frames)
        self._end += len(frames)
        self._path.look(frames)

    def _hold(self, frames: Frames) -> None:
        if not len(frames):
            return
        self._held = np.concatenate([self._held, frames])

    def _step(self, middle: int, is_struck: bool) -> Frames:
        """Add the window at a place of the source, and return a hop that is finished."""
        from scipy.fft import irfft, rfft

        start = middle - self._size // 2 - self._first
        here = self._held[start : start + self._size]
        earlier = self._held[start - self._hop : start - self._hop + self._size]
        both = np.concatenate([here, earlier], axis=1).T * self._window
        spectra = rfft(both, axis=1)
        now, then = spectra[: self._channels], spectra[self._channels :]
        if self._before is not None and not is_struck:
            now = now * _turns(now, then, self._before)
        self._before = now
        self._sum += (irfft(now, self._size, axis=1) * (self._window / np.float32(_SUM))).T
        done = self._sum[: self._hop] * self._level(here)[:, None]
        self._sum[: -self._hop] = self._sum[self._hop :]
        self._sum[-self._hop :] = 0.0
        self._frame += 1
        self._forget(middle)
        return done

    def _level(self, here: Frames) -> Frames:
        """Return the gain of a hop that is finished, which keeps the level of the source.

        Windows of noise meet in phases that have nothing to do with one another, and add up to less
        than those of a tone do: by 3 dB at most.
        """
        heard = here * self._window[:, None]
        self._wanted.append(float(np.vdot(heard, heard)) / self._energy)
        made = self._sum[: self._hop]
        got = float(np.vdot(made, made)) / self._hop
        self._levels[0] += (self._wanted.popleft() - self._levels[0]) / _SLOW
        self._levels[1] += (got - self._levels[1]) / _SLOW
        wanted, level = self._levels
        before = self._gain
        if level > _SILENT:
            self._gain = min(_MOST_GAIN, max(1.0, (wanted / level) ** 0.5))
        gains: Frames = np.linspace(before, self._gain, self._hop, dtype=np.float32)
        return gains

    def _forget(self, middle: int) -> None:
        """Let go of what no window reaches any more; in large pieces, which cost less."""
        behind = middle - 2 * self._size - self._first
        if behind > 8 * self._size:
            self._held = self._held[behind:].copy()
            self._first += behind


def _turns(now: Spectra, then: Spectra, before: Spectra) -> Spectra:
    """Return what turns ``now`` so that it follows ``before`` as it follows ``then``, (1, bins)."""
    power = (now.real**2 + now.imag**2).sum(axis=0)
    inner = power[2:-2]
    higher = (inner > power[1:-3]) & (inner > power[:-4])
    peaks = np.flatnonzero(higher & (inner >= power[3:-1]) & (inner >= power[4:])) + 2
    if not len(peaks):
        return np.ones((1, now.shape[1]), np.complex64)
    turn = (before * then.conj()).sum(axis=0)
    turn = turn[peaks - 1] + turn[peaks] + turn[peaks + 1]
    size = np.abs(turn)
    turn = np.where(size > 0, turn / np.maximum(size, np.float32(1e-30)), np.complex64(1))
    borders = (peaks[1:] + peaks[:-1] + 1) // 2
    nearest = np.searchsorted(borders, np.arange(now.shape[1]), side="right")
    turned: Spectra = turn[nearest][None].astype(np.complex64)
    return turned


class _Path:
    """Which place of the source sounds when: straight on, but at its own speed around onsets.

    Between knots (frames of output, frames of source) it is a straight line.
    """

    def __init__(self, onsets: Onsets, tempo: float, reach: float) -> None:
        self._onsets, self._tempo, self._reach = onsets, tempo, reach
        self._knots = [(-4 * reach, -4 * reach), (reach, reach)]  # the beginning is struck, too
        self._struck: list[tuple[float, float]] = []  # spans of output around onsets, not yet begun
        self._finished = False
        # So far ahead of a place must an onset be, that the way there can bend.
        self._margin = 2 * reach * max(1.0, tempo)

    def look(self, frames: Frames) -> None:
        """Listen to more of the source."""
        self._onsets.listen(frames)

    def finish(self) -> None:
        """Know that nothing more comes."""
        self._finished = True

    def place(self, output: float) -> tuple[int, bool] | None:
        """Return which place of the source is the middle of a window, and whether one begins anew.

        None: more of the source must be known.
        """
        while self._knots[-1][0] < output:
            if not self._extend():
                return None
        while len(self._knots) > 2 and self._knots[1][0] < output:
            self._knots.pop(0)
        (o1, s1), (o2, s2) = self._knots[0], self._knots[1]
        source = s1 + (output - o1) * (s2 - s1) / (o2 - o1)
        is_struck = bool(self._struck) and output >= self._struck[0][0]
        if is_struck:
            begun = self._struck.pop(0)
            is_struck = output <= begun[1]
        return int(np.floor(source + 0.5)), is_struck

    def _extend(self) -> bool:
        s1 = self._knots[-1][1]
        ahead = s1 + 2 * self._margin + self._reach
        if self._onsets.heard < ahead and not self._finished:
            return False
        onset = self._onsets.first(s1 + self._margin, ahead)
        if onset is not None:
            at = onset / self._tempo
            self._knots.append((at - self._reach, onset - self._reach))
            self._knots.append((at + self._reach, onset + self._reach))
            self._struck.append((at - self._reach, at + self._reach))
        else:
            source = s1 + self._margin
            self._knots.append((source / self._tempo, source))
        return True
