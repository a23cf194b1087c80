"""Loudness and true peak of sounds: ITU-R BS.1770-4, EBU R 128, Tech 3341 and Tech 3342.

Frames go through the K filter; energies of every 100 ms are kept, weighted by channel; what is
gated, and the range, follow from them.  A sound shorter than the 400 ms of a gating block, of which
the recommendation says nothing, is measured as one block, the rest of it silent: as a meter of
momentary loudness shows it at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.arrays import Doubles
from engine.audio.clip import Clip, Frames
from engine.audio.filtering import BlockFilter, BlockForm
from engine.audio.scratch import scratch
from engine.progress import Control, Progress

SILENT_LUFS = -70.0  # the absolute gate: what is quieter counts as this
_SILENT_DB = -120.0
_BINS_A_SECOND = 10
_MOMENTARY, _SHORT_TERM = 4, 30  # bins
_GATE_LU, _RANGE_GATE_LU = -10.0, -20.0  # relative to the mean of what passes the absolute gate
_LOW, _HIGH = 0.10, 0.95  # of short-term loudnesses, between which the range lies
_OFFSET = -0.691  # by which a sine of 997 Hz reads as its level
_BESIDE = 10 ** (1.5 / 10)  # weight of a channel at 60° to 120° beside the listener
_TAPS = 24  # samples that one between them is made of
_KAISER = 6.0
_STRETCH = 32  # frames that are interpolated together
_WIDTH = _STRETCH + _TAPS - 1
_ROWS = 48  # stretches that are looked at at once: so few that BLAS needs no second thread for them
_TOGETHER = 8  # such products
_FRAMES = 65536  # frames that are measured at once: about what a cache holds
_BLOCK_S = 10.0
_LEAST_HZ = 100  # a header that says less is damaged; it is measured all the same


@dataclass(frozen=True)
class Loudness:
    """Integrated loudness (LUFS), loudness range (LU), true peak (dBTP).

    The range is None of what is shorter than the 3 s of a short-term block.
    """

    lufs: float
    range_lu: float | None
    peak_db: float


def loudness_of(path: Path, control: Control | None = None) -> Loudness:
    """Measure a file.

    :raises AudioError: it cannot be read.
    :raises Cancelled: the user asked to stop.
    """
    control = control or Control()
    return metered(path, control).loudness()


def metered(path: Path, control: Control) -> LoudnessMeter:
    """Return a meter that heard a whole file.

    :raises AudioError: it cannot be read.
    :raises Cancelled: the user asked to stop.
    """
    with Clip(path) as clip:
        meter = LoudnessMeter(clip.rate_hz, clip.channels)
        place = 0
        size = max(1, round(_BLOCK_S * clip.rate_hz))
        while len(block := clip.read(place, size)):
            meter.add(block)
            place += len(block)
            control.report(Progress("measuring loudness", place, max(place, clip.frames)))
        return meter


def gain_db(loudness: Loudness, target_lufs: float) -> float:
    """Return the gain that brings a sound to a loudness, or as near as its true peak lets it."""
    return min(target_lufs - loudness.lufs, -loudness.peak_db)


class LoudnessMeter:
    """Measures consecutive frames, shape (frames, channels), in blocks of any length."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        rate_hz = max(_LEAST_HZ, rate_hz)
        self._rate_hz = rate_hz
        self._weights = channel_weights(channels)
        self._filter = BlockFilter(_k_form(rate_hz), channels)
        self._bins: list[Doubles] = []  # energies of whole bins
        self._count = 0  # of whole bins
        self._rest = 0.0  # sum of a bin that has begun
        self._frames = 0
        self._peak = _TruePeak(rate_hz, channels)

    def add(self, frames: Frames) -> None:
        """Measure more."""
        for start in range(0, len(frames), _FRAMES):
            self._add(frames[start : start + _FRAMES])

    def _add(self, frames: Frames) -> None:
        lanes = np.ascontiguousarray(frames.T)
        self._peak.add(lanes)
        heard = self._filter(lanes)
        np.square(heard, out=heard)
        begun, count = self._count, (self._frames + len(frames)) * _BINS_A_SECOND // self._rate_hz
        edges = [self._edge(n) for n in range(begun, count + 1)]
        starts = [0, *(edge - self._frames for edge in edges[1:])]
        whole = starts[-1] == len(frames)  # nothing is left of the last bin
        starts = starts[: len(starts) - whole]
        energies: Doubles = np.add.reduceat(heard, starts, axis=1, dtype=np.float64)
        sums: Doubles = np.einsum("c,cb->b", self._weights, energies)
        sums[0] += self._rest
        self._bins.append(sums[: count - begun] / np.diff(edges))
        self._rest = 0.0 if whole else float(sums[-1])
        self._count, self._frames = count, self._frames + len(frames)

    def loudness(self) -> Loudness:
        """Return what was measured so far."""
        bins = np.concatenate([np.zeros(0), *self._bins])
        if len(bins) < _MOMENTARY:
            whole = bins.sum() + self._rest * _BINS_A_SECOND / self._rate_hz
            blocks = np.array([whole / _MOMENTARY])
        else:
            blocks = _means(bins, _MOMENTARY)
        return Loudness(
            max(SILENT_LUFS, _lufs(_gated(blocks, _GATE_LU).mean())),
            _range_lu(_means(bins, _SHORT_TERM)) if len(bins) >= _SHORT_TERM else None,
            max(_SILENT_DB, 20 * math.log10(max(1e-9, self._peak.peak()))),
        )

    @property
    def momentary(self) -> Doubles:
        """Return the momentary loudness every 100 ms, from the first 400 ms on."""
        return self._over(_MOMENTARY)

    @property
    def short_term(self) -> Doubles:
        """Return the short-term loudness every 100 ms, from the first 3 s on."""
        return self._over(_SHORT_TERM)

    def _over(self, length: int) -> Doubles:
        means = _means(np.concatenate([np.zeros(0), *self._bins]), length)
        curve: Doubles = _OFFSET + 10 * np.log10(np.maximum(means, 1e-12))
        return curve

    def _edge(self, number: int) -> int:
        """Return the frame at which a bin begins; of rates like 11025 Hz they are not equal."""
        return -(-number * self._rate_hz // _BINS_A_SECOND)


def channel_weights(channels: int) -> Doubles:
    """Return the weight of each channel, in the order of WAV files, (channels,).

    3.0, 5.0, 5.1 and 7.1 are known: their LFE does not count, and channels beside the listener
    count more; all others count alike.
    """
    weights = np.ones(channels)
    if channels == 5:  # L R C Ls Rs
        weights[3:] = _BESIDE
    elif channels == 6:  # L R C LFE Ls Rs
        weights[3:] = 0.0, _BESIDE, _BESIDE
    elif channels == 8:  # L R C LFE, behind, beside
        weights[3] = 0.0
        weights[6:] = _BESIDE
    return weights


@lru_cache(maxsize=16)
def _k_form(rate_hz: int) -> BlockForm:
    return BlockForm(k_sections(rate_hz))


def k_sections(rate_hz: int) -> Doubles:
    """Return the K filter as two sections of second order.

    The recommendation has their coefficients at 48 kHz only; these come from the same two analogue
    filters, a shelf and a high pass, by the bilinear transform at any rate of
    sounds (beyond 2 MHz its slowest poles are too near to 1).
    """
    k = math.tan(math.pi * min(1681.9744509555319, 0.45 * rate_hz) / rate_hz)
    gain = 10 ** (3.99984385397 / 20)
    middle, q = gain**0.499666774155, 0.7071752369554193
    a0 = 1 + k / q + k * k
    shelf = (
        *((gain + middle * k / q + k * k) / a0, 2 * (k * k - gain) / a0),
        *((gain - middle * k / q + k * k) / a0, 1.0),
        *(2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0),
    )
    k, q = math.tan(math.pi * 38.13547087613982 / rate_hz), 0.5003270373253953
    a0 = 1 + k / q + k * k
    high_pass = (1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0)
    return np.array([shelf, high_pass])


def _means(bins: Doubles, length: int) -> Doubles:
    """Return the means of so many bins, from each on."""
    if len(bins) < length:
        return np.zeros(0)
    means: Doubles = np.convolve(bins, np.full(length, 1 / length), "valid")
    return means


def _gated(energies: Doubles, relative_lu: float) -> Doubles:
    """Return what lies above the absolute gate and the relative one; a zero where nothing does."""
    loud = energies[energies >= _energy(SILENT_LUFS)]
    if not len(loud):
        return np.zeros(1)
    passed: Doubles = loud[loud >= loud.mean() * 10 ** (relative_lu / 10)]
    return passed


def _range_lu(short_term: Doubles) -> float:
    loud = np.sort(_gated(short_term, _RANGE_GATE_LU))
    last = len(loud) - 1
    low, high = loud[round(last * _LOW)], loud[round(last * _HIGH)]
    return _lufs(high) - _lufs(low) if low > 0 else 0.0


def _lufs(energy: float) -> float:
    return _OFFSET + 10 * math.log10(max(float(energy), 1e-12))


def _energy(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


class _TruePeak:
    """The highest value between samples, four times oversampled below 96 kHz (BS.1770-4, annex 2).

    Only what can exceed the highest found so far is interpolated: no filter makes more of samples
    than the sum of its coefficients.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        factor = 4 if rate_hz < 96_000 else 2 if rate_hz < 192_000 else 1
        self._between, self._most = _interpolator(factor)
        self._held: Frames = np.zeros((channels, _TAPS - 1), np.float32)  # not looked at yet
        self._peak = 0.0

    def add(self, lanes: Frames) -> None:
        """Look at more, (channels, frames)."""
        held = self._held.shape[1]
        samples = scratch("samples", len(lanes), held + lanes.shape[1])
        samples[:, :held], samples[:, held:] = self._held, lanes
        rows = (samples.shape[1] - _TAPS + 1) // _STRETCH
        self._held = samples[:, rows * _STRETCH :].copy()
        self._look(samples, rows)

    def peak(self) -> float:
        """Return the highest so far, as if silence followed."""
        tail = np.zeros((len(self._held), _TAPS + _STRETCH), np.float32)
        samples = np.concatenate([self._held, tail], axis=1)
        self._look(samples, (samples.shape[1] - _TAPS + 1) // _STRETCH)
        return self._peak

    def _look(self, samples: Frames, rows: int) -> None:
        """Look at so many stretches of each channel, the highest ones first."""
        size = np.abs(samples, out=scratch("sizes", *samples.shape))
        self._peak = max(self._peak, float(size.max(initial=0.0)))
        if rows < 1 or not self._between.shape[1]:
            return
        stretches = size[:, : rows * _STRETCH].reshape(len(size), rows, _STRETCH)
        level = np.ascontiguousarray(stretches.transpose(2, 0, 1)).max(axis=0)  # faster so
        behind = size[:, rows * _STRETCH :][:, : _TAPS - 1].max(axis=1, initial=0.0)
        reach = np.maximum(level, np.column_stack([level[:, 1:], behind]))  # of the filter
        views = np.lib.stride_tricks.sliding_window_view(samples, _WIDTH, axis=1)[:, ::_STRETCH]
        (worth,) = np.nonzero(reach.reshape(-1) * self._most > self._peak)
        order = worth[np.argsort(-reach.reshape(-1)[worth])]
        start, together = 0, 1
        while start < len(order) and reach.reshape(-1)[order[start]] * self._most > self._peak:
            some = np.resize(order[start : start + together * _ROWS], (together, _ROWS))
            values = views[np.divmod(some, rows)] @ self._between
            self._peak = max(self._peak, float(values.max()), -float(values.min()))
            start, together = start + some.size, _TOGETHER  # most peaks are known by now


@lru_cache
def _interpolator(factor: int) -> tuple[Frames, float]:
    """Return what makes values between samples of a stretch of them, and how high they can get.

    A sinc under a Kaiser window, which keeps a constant as it is; (width, values of a stretch).
    How high is told as a multiple of the highest sample.
    """
    between = np.arange(1, factor) / factor
    t = np.arange(_TAPS)[:, None] - (_TAPS // 2 - 1) - between
    window = np.i0(_KAISER * np.sqrt(np.maximum(0.0, 1 - (2 * t / _TAPS) ** 2)))
    weights = np.sinc(t) * window
    weights /= weights.sum(axis=0)
    whole: Frames = np.zeros((_WIDTH, _STRETCH, factor - 1), np.float32)
    for place in range(_STRETCH):
        whole[place : place + _TAPS, place] = weights
    return whole.reshape(_WIDTH, -1), float(np.abs(weights).sum(axis=0).max(initial=0.0))
