"""Render a part of a sound into a file of its own, to be dragged into another program."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import soundfile

from engine.audio.clip import Clip, Frames
from engine.errors import AudioError, InputError
from engine.progress import Control, Progress

_FADE_S = 0.005
_BLOCK = 1 << 17  # frames
_MOST_WAV_BYTES = (1 << 32) - (1 << 16)


def render_part(path: Path, start_s: float, end_s: float, folder: Path, control: Control) -> Path:
    """Write a part of ``path`` as 24-bit WAV at its own rate, all channels; return the file.

    It is faded for 5 ms at a cut, and stops at full scale.  Above 4 GB it is RF64.

    :raises AudioError: the file cannot be read, or the part not be written.
    :raises InputError: the part does not lie in it.
    :raises Cancelled: the user asked to stop; nothing is left behind.
    """
    with Clip(path) as clip:
        first, last = round(start_s * clip.rate_hz), round(end_s * clip.rate_hz)
        last = min(last, clip.frames)
        if not 0 <= first < last:
            raise InputError(
                f"the part from {start_s:g} s to {end_s:g} s does not lie in {path.name}, "
                f"which is {clip.duration_s:g} s long"
            )
        target = folder / _name(path, start_s, end_s)
        partial = target.with_suffix(".part")
        large = (last - first) * clip.channels * 3 > _MOST_WAV_BYTES
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with soundfile.SoundFile(
                str(partial),
                "w",
                samplerate=clip.rate_hz,
                channels=clip.channels,
                subtype="PCM_24",
                format="RF64" if large else "WAV",
            ) as out:
                place = first
                for block in clip.blocks(first, last, _BLOCK):
                    out.write(_faded(block, place, clip, first, last))
                    place += len(block)
                    control.report(Progress("rendering", place - first, last - first))
            partial.replace(target)
        except (OSError, soundfile.LibsndfileError) as error:
            raise AudioError(f"the part cannot be written to {folder}: {error}") from None
        finally:
            partial.unlink(missing_ok=True)
    return target


def _faded(block: Frames, place: int, clip: Clip, first: int, last: int) -> Frames:
    """Fade a block at ``place`` where the part is cut out of the middle of its file."""
    length = max(1, min(round(_FADE_S * clip.rate_hz), (last - first) // 2))
    frames = np.arange(place, place + len(block), dtype=np.float64)
    gain = np.ones(len(block))
    if first > 0:
        gain = np.minimum(gain, (frames - first) / length)
    if last < clip.frames:
        gain = np.minimum(gain, (last - 1 - frames) / length)
    faded: Frames = (block * np.clip(gain, 0.0, 1.0)[:, None]).astype(np.float32)
    return faded


def _name(path: Path, start_s: float, end_s: float) -> str:
    stem = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "-", path.stem)[:120]
    return f"{stem}_{start_s:.2f}-{end_s:.2f}s.wav"
