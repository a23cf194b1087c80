"""The frames of an order: cut, chosen, turned, stretched, faded, at the rate that is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.audio.clip import Clip
from engine.audio.facts import Frames
from engine.audio.fades import equal_power
from engine.audio.mix import Mix, mixed
from engine.audio.stretch import stretch
from engine.errors import InputError
from engine.handover.order import Order, Rendering
from engine.handover.rates import at_rate

SLOWEST, FASTEST = 0.05, 20.0
_MOST_GAIN_DB = 120
_FADE_S = 0.005  # at a cut
_BLOCK = 1 << 17  # frames


@dataclass(frozen=True)
class Cut:
    """What of a file is used, in frames of the source, and how many frames are made of it."""

    first: int
    last: int
    source_frames: int
    source_hz: int
    rate_hz: int
    channels: tuple[int, ...]
    frames: int
    mix: Mix = "all"

    @property
    def width(self) -> int:
        """Return how many channels are made."""
        return len(self.channels) if self.mix == "all" else 1

    @property
    def start_s(self) -> float:
        """Return where it begins in the source."""
        return self.first / self.source_hz

    @property
    def end_s(self) -> float:
        """Return where it ends in the source."""
        return self.last / self.source_hz

    @property
    def is_whole(self) -> bool:
        """Return whether nothing of the file is left out, but channels perhaps."""
        return self.first == 0 and self.last == self.source_frames


def check_rendering(rendering: Rendering) -> None:
    """Refuse what cannot be rendered of any sound.

    :raises InputError: its speed or its gain is not possible.
    """
    if not SLOWEST <= rendering.speed <= FASTEST:
        raise InputError(
            f"the speed {rendering.speed:g} is not possible: choose one from 0.05 to 20"
        )
    if not -_MOST_GAIN_DB <= rendering.gain_db <= _MOST_GAIN_DB:  # nor what is no number
        raise InputError(
            f"the gain {rendering.gain_db:g} dB is not possible: choose one from "
            f"-{_MOST_GAIN_DB} to {_MOST_GAIN_DB}"
        )


def cut_of(clip: Clip, order: Order) -> Cut:
    """Return what of an open file an order uses.

    :raises InputError: there is no such part, or no such channel, or its speed or gain is not
        possible.
    """
    rendering = order.rendering
    check_rendering(rendering)
    start_s, end_s = order.span_s or (0.0, clip.duration_s)
    first, last = round(start_s * clip.rate_hz), min(round(end_s * clip.rate_hz), clip.frames)
    if not 0 <= first < last:
        raise InputError(
            f"the part from {start_s:g} s to {end_s:g} s is not within {clip.path.name}, "
            f"which is {clip.duration_s:g} s long"
        )
    first = max(0, first - round(rendering.before_s * clip.rate_hz))
    last = min(clip.frames, last + round(rendering.after_s * clip.rate_hz))
    channels = tuple(range(clip.channels)) if order.channels is None else order.channels
    wrong = [number for number in channels if not 0 <= number < clip.channels]
    if wrong or not channels:
        has = "one channel" if clip.channels == 1 else f"{clip.channels} channels"
        raise InputError(
            f"{clip.path.name} has {has}, and no channel "
            f"{wrong[0] + 1 if wrong else 0}: choose others"
        )
    rate_hz = order.form.rate_hz or clip.rate_hz
    frames = max(1, round((last - first) / rendering.speed * rate_hz / clip.rate_hz))
    return Cut(first, last, clip.frames, clip.rate_hz, rate_hz, channels, frames, rendering.mix)


def frames_of(clip: Clip, order: Order, cut: Cut) -> Iterator[Frames]:
    """Yield the frames of an order, float32 of shape (frames, channels), exactly ``cut.frames``.

    Nothing is limited: they may lie beyond full scale.

    :raises AudioError: the file's drive failed.
    """
    rendering = order.rendering
    source = _backward(clip, cut) if rendering.reverse else _forward(clip, cut)
    blocks = _chosen(source, clip, cut)
    if rendering.is_tape:  # by the better of the two resamplers
        blocks = at_rate(blocks, clip.rate_hz * rendering.speed, clip.rate_hz)
    else:
        blocks = stretch(blocks, clip.rate_hz, cut.width, rendering.speed, rendering.pitch)
    blocks = _exactly(at_rate(blocks, clip.rate_hz, cut.rate_hz), cut)
    place = 0
    for block in blocks:
        yield _shaped(block, place, order, cut)
        place += len(block)


def _forward(clip: Clip, cut: Cut) -> Iterator[Frames]:
    for start in range(cut.first, cut.last, _BLOCK):
        yield _read(clip, start, min(_BLOCK, cut.last - start))


def _backward(clip: Clip, cut: Cut) -> Iterator[Frames]:
    for end in range(cut.last, cut.first, -_BLOCK):
        start = max(cut.first, end - _BLOCK)
        yield _read(clip, start, end - start)[::-1]


def _read(clip: Clip, start: int, count: int) -> Frames:
    """Return exactly so many frames, silence where the file is shorter than it says."""
    block = clip.read(start, count)
    if len(block) == count:
        return block
    whole: Frames = np.zeros((count, clip.channels), np.float32)
    whole[: len(block)] = block
    return whole


def _chosen(blocks: Iterator[Frames], clip: Clip, cut: Cut) -> Iterator[Frames]:
    chosen = list(cut.channels)
    everything = chosen == list(range(clip.channels))
    for block in blocks:
        yield mixed(block if everything else block[:, chosen], cut.mix)


def _exactly(blocks: Iterator[Frames], cut: Cut) -> Iterator[Frames]:
    """Cut off what is too much, and put silence where something is missing."""
    left = cut.frames
    for block in blocks:
        if left <= 0:
            return
        yield block[:left]
        left -= len(block)
    while left > 0:
        count = min(left, _BLOCK)
        yield np.zeros((count, cut.width), np.float32)
        left -= count


def _shaped(block: Frames, place: int, order: Order, cut: Cut) -> Frames:
    """Apply gain and fades to a block that begins at frame ``place`` of what is made."""
    gain = 10 ** (order.rendering.gain_db / 20)
    begin, end = _fades(order, cut)
    if gain == 1 and place >= begin and place + len(block) <= cut.frames - end:
        return block
    at = np.arange(place, place + len(block), dtype=np.float64)
    envelope = np.ones(len(block))
    if begin:
        envelope = np.minimum(envelope, at / begin)
    if end:
        envelope = np.minimum(envelope, (cut.frames - 1 - at) / end)
    envelope = np.clip(envelope, 0.0, 1.0)
    if order.rendering.equal_power:
        envelope = equal_power(envelope)
    shaped: Frames = (block * (gain * envelope)[:, None]).astype(np.float32)
    return shaped


def _fades(order: Order, cut: Cut) -> tuple[int, int]:
    """Return how many frames are faded in and out."""
    rendering = order.rendering
    edges = [cut.first > 0, cut.last < cut.source_frames]
    if rendering.reverse:
        edges.reverse()
    lengths = []
    for asked_s, is_cut in zip((rendering.fade_in_s, rendering.fade_out_s), edges, strict=True):
        seconds = asked_s if asked_s is not None else _FADE_S if is_cut else 0.0
        lengths.append(min(round(seconds * cut.rate_hz), cut.frames // 2) if seconds > 0 else 0)
    return lengths[0], lengths[1]
