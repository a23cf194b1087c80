"""Are two files one recording?  Their waveforms are laid over each other and compared.

A few excerpts of every file are read as mono at a low rate.  Two excerpts are cross-correlated,
polarity aside, after a whitening by half, so that neither a tone nor what a codec leaves out
decides alone.  At the lag that is found they are compared by cells of time and frequency, each with
a gain of its own, every band with one phase of its own: level, equalising, codecs and a mono sum
change little, other content changes everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.clip import Clip
from engine.audio.decode import Samples, resampled

RATE_HZ = 8000
LENGTH_SHARE, LENGTH_S, MOST_LENGTH_S = 0.02, 0.15, 2.0  # by which lengths may differ

_LOW_HZ, _HIGH_HZ = 100.0, 3600.0
_WHOLE_S = 20.0  # up to this long a file is compared as a whole, a longer one by excerpts
_EXCERPT_S, _PLACES = 6.0, (0.1, 0.35, 0.6, 0.85)
_SHORTEST_S = 0.05
_SLACK_S = 0.2  # codecs delay; cutting explains the rest
_SMOOTH_HZ, _FLOOR = 150.0, 1e-4
_CELL_S, _BAND_HZ = 0.5, 250.0
_LEAST_ENERGY = 0.002  # share of either one's energy that must lie where the two overlap
_QUIET = 0.03  # a stretch with less than this share of the loudest one's weight says nothing
_SILENT = 1e-5  # of full scale: below 100 dB there is nothing to compare
_QUIETER = 0.003  # an excerpt so far below its file's loudest one is codecs' business
_HOP = 80  # samples of one step of an envelope: 10 ms
_ENVELOPE_FLOOR = 0.003
_FIRST_S = 1.0  # shorter sounds are cheaper to compare than their envelopes

# Chosen on other recordings than those that docs/decisions/0017-duplicates.md reports.
_LEAST_ENVELOPE = 0.8
_LEAST_CORRELATION, _LEAST_COHERENCE, _LEAST_WORST = 0.7, 0.94, 0.85
_LITTLE_FREEDOM = 20.0  # below it, as of a steady tone, only what is nearly equal is the same
_NEARLY_EQUAL, _NEARLY_AS_LONG_S = 0.985, 0.06
_LAGS_AGREE_S = 0.01  # the excerpts of one recording all lie equally far apart

Spectrum = np.ndarray[Any, np.dtype[np.complex64]]


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a file: where it begins, and its samples (n,) at :data:`RATE_HZ`."""

    start_s: float
    samples: Samples

    @property
    def peak(self) -> float:
        """Return the largest sample's magnitude."""
        return float(np.abs(self.samples).max()) if len(self.samples) else 0.0


@dataclass(frozen=True)
class Likeness:
    """How alike two excerpts are where they lie best: 1 for copies, near 0 for strangers.

    ``correlation`` is of the whitened waveforms, ``coherence`` the mean over all cells, ``worst``
    that of the half second that fits least; ``freedom`` counts what is independent of what was
    compared: a steady tone has little, and is like every other one.
    """

    lag_s: float
    correlation: float
    coherence: float
    worst: float
    freedom: float


def longest_s(length_s: float) -> float:
    """Return how long a copy of a file may last, by what codecs add and cutting takes."""
    return length_s + min(LENGTH_SHARE * length_s, MOST_LENGTH_S) + LENGTH_S


def read_excerpts(path: Path) -> tuple[Excerpt, ...]:
    """Read what a file is compared by: all of a short one, four stretches of a long one.

    :raises AudioError: the file cannot be opened or decoded.
    """
    with Clip(path) as clip:
        if clip.duration_s <= _WHOLE_S:
            return (_excerpt(clip, 0, _WHOLE_S + LENGTH_S),)
        starts = (int(share * (clip.duration_s - _EXCERPT_S)) for share in _PLACES)
        return tuple(_excerpt(clip, start, _EXCERPT_S) for start in starts)


def _excerpt(clip: Clip, start_s: int, length_s: float) -> Excerpt:
    frames = clip.read(start_s * clip.rate_hz, round(length_s * clip.rate_hz))
    mono = frames.mean(axis=1, dtype=np.float32)
    parts = list(resampled(iter([mono]), clip.rate_hz, RATE_HZ)) if len(mono) else []
    return Excerpt(start_s, np.concatenate(parts) if parts else np.zeros(0, np.float32))


def same_recording(
    one: Sequence[Excerpt], other: Sequence[Excerpt], length_difference_s: float
) -> bool:
    """Return whether the excerpts of two files are of one recording.

    Whatever can be heard of either must be in both, and there must be something: silence is like
    all silence, and proves nothing.
    """
    if len(one) == len(other):
        pairs = list(zip(one, other, strict=True))
    elif len(one) == 1 or len(other) == 1:  # one is just short enough to be read as a whole
        pairs = [(a, b) for a in one for b in other]
    else:
        return False
    least = [max(_SILENT, _QUIETER * max(e.peak for e in file)) for file in (one, other)]
    found = []
    for a, b in pairs:
        heard = a.peak > least[0], b.peak > least[1]
        if not any(heard):
            continue
        likeness = compare(a, b, length_difference_s) if all(heard) else None
        if likeness is None or not _is_same(likeness, length_difference_s):
            return False
        found.append(likeness.lag_s)
    return bool(found) and max(found) - min(found) <= _LAGS_AGREE_S


def _is_same(likeness: Likeness, length_difference_s: float) -> bool:
    if likeness.freedom < _LITTLE_FREEDOM:
        least = min(likeness.correlation, likeness.coherence)
        return least >= _NEARLY_EQUAL and length_difference_s <= _NEARLY_AS_LONG_S
    return (
        likeness.correlation >= _LEAST_CORRELATION
        and likeness.coherence >= _LEAST_COHERENCE
        and likeness.worst >= _LEAST_WORST
    )


def compare(one: Excerpt, other: Excerpt, length_difference_s: float) -> Likeness | None:
    """Return how alike two excerpts are at the best lag; None if they cannot be one recording."""
    from scipy.fft import irfft, next_fast_len, rfft

    a, b = one.samples, other.samples
    if min(len(a), len(b)) < _SHORTEST_S * RATE_HZ:
        return None
    apart_s = length_difference_s + abs(one.start_s - other.start_s) + _SLACK_S
    if min(len(a), len(b)) > _FIRST_S * RATE_HZ and not _rise_and_fall_together(a, b, apart_s):
        return None
    size = next_fast_len(len(a) + len(b), real=True)
    first, second = rfft(a, size), rfft(b, size)
    gain = _whitening(first, second, size)
    first, second = first * gain, second * gain
    a, b = irfft(first, size)[: len(a)], irfft(second, size)[: len(b)]
    found = _best_lag(irfft(first * second.conj(), size), a, b, round(apart_s * RATE_HZ))
    if found is None or found[2] < _LEAST_CORRELATION:
        return None
    lag, fraction, correlation = found
    turns = np.arange(len(second)) * ((lag + fraction) / size)
    moved = irfft(second * np.exp(-2j * np.pi * turns), size)
    start, stop = max(0, lag), min(len(a), len(b) + lag)
    coherence, worst, freedom = _coherence(a[start:stop], moved[start:stop])
    lag_s = (lag + fraction) / RATE_HZ + one.start_s - other.start_s
    return Likeness(lag_s, correlation, coherence, worst, freedom)


def _rise_and_fall_together(a: Samples, b: Samples, apart_s: float) -> bool:
    """Return whether two sounds get louder and softer together, at some lag: cheap to see."""
    long, short = _envelope(a), _envelope(b)
    if len(long) < len(short):
        long, short = short, long
    most = round(apart_s * RATE_HZ / _HOP)
    # Row by row, what of the longer one lies over the shorter one at a lag: zeros beyond its ends.
    padding = (most, most + len(short))
    views = np.lib.stride_tricks.sliding_window_view
    over = views(np.pad(long, padding), len(short))[: 2 * most + 1]
    inside = views(np.pad(np.ones_like(long), padding), len(short))[: 2 * most + 1]
    count = inside.sum(axis=1).clip(1)
    sums = over.sum(axis=1), inside @ short
    shared = over @ short - sums[0] * sums[1] / count
    own = (over**2).sum(axis=1) - sums[0] ** 2 / count, inside @ short**2 - sums[1] ** 2 / count
    together = shared >= _LEAST_ENVELOPE * np.sqrt(np.prod(own, axis=0).clip(0))
    return bool((together & (count >= len(short) // 2)).any())


def _envelope(samples: Samples) -> Samples:
    """Return the logarithm of the level every 10 ms, high tones emphasised."""
    steps = len(samples) // _HOP
    sharper = np.diff(samples[: steps * _HOP], prepend=np.float32(0)).reshape(steps, _HOP)
    level = np.sqrt(np.square(sharper).mean(axis=1))
    envelope: Samples = np.log(level + _ENVELOPE_FLOOR * level.max() + 1e-12)
    return envelope


def _whitening(first: Spectrum, second: Spectrum, size: int) -> Samples:
    """Return a gain for every bin that makes the two spectra flatter by half, in the band."""
    from scipy.ndimage import uniform_filter1d

    hertz = np.arange(len(first)) * RATE_HZ / size
    band = ((hertz >= _LOW_HZ) & (hertz <= _HIGH_HZ)).astype(np.float32)
    power = np.zeros(len(first), np.float32)
    for spectrum in (first, second):
        own = np.abs(spectrum) ** 2 * band
        power += own / max(float(own.sum()), 1e-20)
    smooth = uniform_filter1d(power, max(3, int(_SMOOTH_HZ * size / RATE_HZ) | 1))
    gain: Samples = (smooth + _FLOOR * smooth.max() + 1e-30) ** -0.25 * band
    return gain


def _best_lag(cross: Samples, a: Samples, b: Samples, most: int) -> tuple[int, float, float] | None:
    """Return the lag of b against a in samples, its fraction, and the correlation there."""
    most = min(most, max(len(a), len(b)) - 1)
    lags = np.arange(-most, most + 1)
    begin, end = np.maximum(0, lags), np.minimum(len(a), len(b) + lags)
    wide = end - begin >= min(len(a), len(b)) // 2
    lags, begin, end = lags[wide], begin[wide], end[wide]
    if not len(lags):
        return None
    energy_a = np.concatenate([[0.0], np.cumsum(np.square(a, dtype=np.float64))])
    energy_b = np.concatenate([[0.0], np.cumsum(np.square(b, dtype=np.float64))])
    in_a, in_b = energy_a[end] - energy_a[begin], energy_b[end - lags] - energy_b[begin - lags]
    shares = in_a / (energy_a[-1] + 1e-30), in_b / (energy_b[-1] + 1e-30)
    there = (np.minimum(*shares) > _LEAST_ENERGY) & (np.maximum(*shares) > 0.5)
    scores = np.where(there, np.abs(cross[lags]) / np.sqrt(in_a * in_b + 1e-30), 0.0)
    best = int(np.argmax(scores))
    if scores[best] <= 0:
        return None
    # The true lag lies between samples: the correlation around is that of a band-limited signal.
    near = np.arange(-16, 17)
    fractions = np.arange(-8, 9)[:, None] / 16
    kernel = np.sinc(fractions - near) * np.cos(np.pi * (fractions - near) / 34) ** 2
    between = np.abs(kernel @ cross[lags[best] + near])
    top = int(np.argmax(between))
    finer = float(between[top]) / max(abs(float(cross[lags[best]])), 1e-30)
    return int(lags[best]), float(fractions[top, 0]), min(1.0, float(scores[best]) * finer)


def _coherence(a: Samples, b: Samples) -> tuple[float, float, float]:
    """Return the mean and the worst stretch's coherence of aligned signals, and their freedom."""
    from scipy.fft import rfft

    count = max(1, round(len(a) / (_CELL_S * RATE_HZ)))
    width = len(a) // count
    first = rfft(a[: count * width].reshape(count, width))
    second = rfft(b[: count * width].reshape(count, width))
    bins = max(4, round(_BAND_HZ * width / RATE_HZ))
    edges = np.arange(0, first.shape[1], bins)
    cross = np.add.reduceat(first * second.conj(), edges, axis=1)
    both = np.abs(first) ** 2, np.abs(second) ** 2
    power = np.sqrt(np.prod([np.add.reduceat(p, edges, axis=1) for p in both], axis=0))
    phases = cross.sum(axis=0)
    turned = (cross * np.exp(-1j * np.angle(phases))).real
    weights = np.sqrt(power)
    cells = turned / np.maximum(power, 1e-30)
    in_time = weights.sum(axis=1)
    stretches = (cells * weights).sum(axis=1) / np.maximum(in_time, 1e-30)
    heard = in_time >= _QUIET * in_time.max()
    mixed = np.sqrt(both[0] * both[1])
    freedom = float(mixed.sum() ** 2 / max(float((mixed**2).sum()), 1e-30))
    mean = float((stretches * in_time).sum() / max(float(in_time.sum()), 1e-30))
    return mean, float(stretches[heard].min()), freedom
