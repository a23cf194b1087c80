"""Waveforms to draw: the lowest and highest sample of every short stretch of a file."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.clip import Clip
from engine.audio.tones import TONE_EACH, Tones, mono_of, tones_of
from engine.paths import make_own_folder, remove_own_folder
from engine.progress import Control, Progress
from engine.sealed import seal_bytes, unseal_bytes

Eighths = np.ndarray[Any, np.dtype[np.int8]]
EACH = 256  # frames that one pair of peaks stands for
THUMBNAIL = 96  # columns of a thumbnail
_COARSER = 32  # pairs of the fine level in one of the coarse level
_MOST_CHANNELS = 8  # that are drawn apart; more are drawn as one
_BLOCK = 1 << 18  # frames
_TOLD_S = 0.25
_EXCERPT_S = 0.04  # of each column of a long file's thumbnail
_LONG_S = 90.0
_WORTH_KEEPING_S = 0.3  # peaks that took so long to find are kept on disk
_CACHE_BYTES = 512 << 20
_FULL = 127.0
_KEPT = re.compile(r"[0-9a-f]{32}\.(peaks|\d+\.part)")


@dataclass(frozen=True)
class Peaks:
    """Peaks of a file's first ``frames`` frames: ``low``, ``high`` (n, channels), ±127 in all.

    ``tones`` (m,) say where in frequency the energy of every 1,024 frames lies.
    """

    low: Eighths
    high: Eighths
    frames: int
    rate_hz: int
    tones: Tones

    def columns(self, start: float, stop: float, count: int) -> tuple[Eighths, Eighths]:
        """Return (count, channels) lowest and highest between two frames, for so many columns."""
        low, high, each = self.low, self.high, float(EACH)
        if (stop - start) / max(1, count) > 8 * _COARSER * EACH:
            (low, high), each = self._coarse, float(EACH * _COARSER)
        edges = np.linspace(start / each, stop / each, count + 1)
        first = np.clip(np.floor(edges[:-1]).astype(int), 0, max(0, len(low) - 1))
        if not len(low):
            empty = np.zeros((count, self.low.shape[1]), np.int8)
            return empty, empty
        end = int(np.clip(np.ceil(edges[-1]), first[-1] + 1, len(low)))
        lows = np.minimum.reduceat(low[:end], first)
        highs = np.maximum.reduceat(high[:end], first)
        inside = (edges[:-1] * each < self.frames) & (edges[1:] > 0)
        return np.where(inside[:, None], lows, 0), np.where(inside[:, None], highs, 0)

    def column_tones(self, start: float, stop: float, count: int) -> Tones:
        """Return the mean tone (count,) between two frames, for so many columns; 0 is silence.

        What is loud counts most.
        """
        last = len(self.tones)
        if not last:
            return np.zeros(count, np.uint8)
        edges = np.linspace(start / TONE_EACH, stop / TONE_EACH, count + 1)
        places = np.rint(edges).astype(
            int
        )  # a moment counts for one column, unless these are shorter
        first = np.clip(places[:-1], 0, last - 1)
        end = np.clip(places[1:], first + 1, last)
        energy, weighed = self._summed_tones
        loud = energy[end] - energy[first]
        mean = (weighed[end] - weighed[first]) / np.maximum(loud, 1e-9)
        found: Tones = np.where(loud > 0.5, np.rint(mean), 0).astype(np.uint8)
        return found

    @cached_property
    def _summed_tones(self) -> tuple[Any, Any]:
        """Return the sums of energy, and of energy times tone, before each tone."""
        each = TONE_EACH // EACH
        widest = np.maximum(np.abs(self.low.astype(np.int16)), np.abs(self.high.astype(np.int16)))
        places = np.arange(0, len(widest), each)
        peaks = np.maximum.reduceat(widest.max(1), places).astype(np.float64)[: len(self.tones)]
        energy = np.zeros(len(self.tones))
        energy[: len(peaks)] = peaks**2
        energy[self.tones == 0] = 0.0
        weighed = energy * self.tones
        return (
            np.concatenate([[0.0], np.cumsum(energy)]),
            np.concatenate([[0.0], np.cumsum(weighed)]),
        )

    @cached_property
    def _coarse(self) -> tuple[Eighths, Eighths]:
        """Return the lows and highs of longer stretches, for views of a whole long file."""
        if not len(self.low):
            return self.low, self.high
        places = np.arange(0, len(self.low), _COARSER)
        return np.minimum.reduceat(self.low, places), np.maximum.reduceat(self.high, places)


def read_peaks(
    path: Path, control: Control, told: Callable[[Peaks], None] = lambda peaks: None
) -> Peaks:
    """Return the peaks of a file, which is read in blocks; ``told`` gets what there is meanwhile.

    :raises AudioError: the file cannot be read.
    :raises Cancelled: the user asked to stop.
    """
    lows: list[Eighths] = []
    highs: list[Eighths] = []
    tones: list[Tones] = []
    done, last = 0, time.monotonic()
    with Clip(path) as clip:

        def so_far() -> Peaks:
            drawn = clip.channels if clip.channels <= _MOST_CHANNELS else 1
            none = [np.zeros((0, drawn), np.int8)]
            return Peaks(
                np.concatenate(none + lows),
                np.concatenate(none + highs),
                done,
                clip.rate_hz,
                np.concatenate([np.zeros(0, np.uint8), *tones]),
            )

        for block in clip.blocks(0, max(clip.frames, 1) * 2, _BLOCK):
            tones.append(tones_of(block, clip.rate_hz))
            if clip.channels > _MOST_CHANNELS:
                block = block.mean(axis=1, keepdims=True)
            places = np.arange(0, len(block), EACH)
            lows.append(_eighths(np.minimum.reduceat(block, places), down=True))
            highs.append(_eighths(np.maximum.reduceat(block, places)))
            done += len(block)
            control.report(Progress("drawing", done, max(done, clip.frames)))
            if time.monotonic() - last > _TOLD_S:
                last = time.monotonic()
                told(so_far())
        return so_far()


def make_thumbnail(path: Path) -> bytes:
    """Return a waveform of :data:`THUMBNAIL` columns: lows, highs (int8) and tones (uint8).

    Of a long file only an excerpt at each column is read; a tone is of 1,024 frames of it.

    :raises AudioError: the file cannot be read.
    """
    low, high = np.zeros(THUMBNAIL, np.float32), np.zeros(THUMBNAIL, np.float32)
    middles = np.zeros((THUMBNAIL, TONE_EACH), np.float32)
    with Clip(path) as clip:
        edges = np.linspace(0, max(clip.frames, THUMBNAIL), THUMBNAIL + 1).astype(int)
        if clip.duration_s > _LONG_S:
            excerpt = round(_EXCERPT_S * clip.rate_hz)
            parts = [clip.read(int(place), excerpt) for place in edges[:-1]]
        else:
            whole = clip.read(0, clip.frames)
            parts = [whole[a:b] for a, b in itertools.pairwise(edges)]
        for column, part in enumerate(parts):
            if part.size:
                low[column], high[column] = part.min(), part.max()
                begin = max(0, (len(part) - TONE_EACH) // 2)
                middle = mono_of(part[begin : begin + TONE_EACH])
                middles[column, : len(middle)] = middle
        tones = tones_of(middles.reshape(-1, 1), clip.rate_hz)
    return _eighths(low, down=True).tobytes() + _eighths(high).tobytes() + tones.tobytes()


def thumbnail_peaks(data: bytes) -> tuple[Eighths, Eighths]:
    """Return the lows and highs of a thumbnail."""
    values = np.frombuffer(without_tones(data), np.int8)
    return values[: len(values) // 2], values[len(values) // 2 :]


def thumbnail_tones(data: bytes) -> Tones | None:
    """Return the tones of a thumbnail; None of one that has none, as earlier versions made them."""
    return np.frombuffer(data, np.uint8)[2 * THUMBNAIL :] if has_tones(data) else None


def has_tones(data: bytes) -> bool:
    """Return whether a thumbnail says where in frequency the energy lies."""
    return len(data) == 3 * THUMBNAIL


def without_tones(data: bytes) -> bytes:
    """Return a thumbnail of lows and highs only."""
    return data[: 2 * THUMBNAIL]


class PeaksCache:
    """Peaks of files that took long to read, kept in a folder that may be deleted at any time."""

    def __init__(self, folder: Path, most_bytes: int = _CACHE_BYTES) -> None:
        self._folder, self._most_bytes = folder, most_bytes

    def peaks(
        self, path: Path, control: Control, told: Callable[[Peaks], None] = lambda peaks: None
    ) -> Peaks:
        """Return a file's peaks, read or remembered; see :func:`read_peaks`."""
        place = self._place(path)
        known = _load(place)
        if known is not None:
            return known
        began = time.monotonic()
        found = read_peaks(path, control, told)
        if time.monotonic() - began > _WORTH_KEEPING_S:
            self._keep(place, found)
        return found

    def empty(self) -> None:
        """Remove what is kept, and nothing that others put there."""
        remove_own_folder(self._folder, _KEPT)

    def _place(self, path: Path) -> Path:
        try:
            state = path.stat()
            stamp = f"{path}\0{state.st_size}\0{state.st_mtime_ns}"
        except OSError:  # the reader will say what is wrong with it
            stamp = str(path)
        name = hashlib.sha256(stamp.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return self._folder / f"{name}.peaks"

    def _keep(self, place: Path, peaks: Peaks) -> None:
        facts = np.array([peaks.frames, peaks.rate_hz])
        partial = place.with_suffix(f".{os.getpid()}.part")
        try:
            make_own_folder(self._folder)
            content = io.BytesIO()
            np.savez(content, low=peaks.low, high=peaks.high, facts=facts, tones=peaks.tones)
            partial.write_bytes(seal_bytes(content.getvalue(), place.name))
            partial.replace(place)
            self._make_room()
        except OSError:  # a full disk costs the cache, not the waveform
            partial.unlink(missing_ok=True)

    def _make_room(self) -> None:
        ours = (path for path in self._folder.iterdir() if _KEPT.fullmatch(path.name))
        files = [(s.st_mtime, s.st_size, path) for path in ours for s in [path.lstat()]]
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._most_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size


def _load(place: Path) -> Peaks | None:
    """Return kept peaks; what is damaged, or of another file, is read and kept anew."""
    try:
        content = unseal_bytes(place.read_bytes(), place.name)
    except (OSError, ValueError):
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        if "tones" not in found.files:  # of an earlier version
            return None
        frames, rate_hz = (int(value) for value in found["facts"])
        return Peaks(found["low"], found["high"], frames, rate_hz, found["tones"])


def _eighths(samples: Any, down: bool = False) -> Eighths:
    """Return samples as ±127, rounded away from silence so that a faint sound shows."""
    rounded = np.floor(samples * _FULL) if down else np.ceil(samples * _FULL)
    values: Eighths = np.clip(rounded, -_FULL, _FULL).astype(np.int8)
    return values
