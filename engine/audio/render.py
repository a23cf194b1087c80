"""Render a part of a sound into a file of its own, to be dragged into another program."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile

from engine.audio.clip import Clip, Frames
from engine.errors import AudioError, InputError
from engine.progress import Control, Progress

_FADE_S = 0.005
_BLOCK = 1 << 17  # frames
_MOST_WAV_BYTES = (1 << 32) - (1 << 16)
_BYTES = 3  # of a sample
_MOST_NAME_BYTES = 150  # of the source's name; systems allow 255 for all of a name
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)", re.IGNORECASE)  # of Windows


def render_part(path: Path, start_s: float, end_s: float, target: Path, control: Control) -> None:
    """Write a part of ``path`` into ``target`` as 24-bit WAV at its own rate, all channels.

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
                f"the part from {start_s:g} s to {end_s:g} s is not within {path.name}, "
                f"which is {clip.duration_s:g} s long"
            )
        partial = target.with_suffix(".part")
        size = (last - first) * clip.channels * _BYTES
        large = size > _MOST_WAV_BYTES
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _refuse_full_disk(target.parent, size)
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
        except (OSError, soundfile.LibsndfileError, AssertionError) as error:
            _refuse_full_disk(target.parent, size)
            said = getattr(error, "strerror", None) or str(error) or "fewer bytes than asked for"
            raise AudioError(f"the part cannot be written to {target.parent}: {said}") from None
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


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


def part_name(path: Path, start_s: float, end_s: float) -> str:
    """Return what a part is called: ``Door creak 0m12.30–0m14.05.wav``, on any system."""
    stem = re.sub(r'[<>:"/\\|?*]', "-", path.stem)
    stem = "".join(c if c.isprintable() or c == "\u3000" else "-" for c in stem)
    stem = stem.encode("utf-8", "replace")[:_MOST_NAME_BYTES].decode("utf-8", "ignore").strip()
    if not stem or stem.startswith(".") or _DEVICES.match(stem):  # hidden, or no file at all
        stem = f"_{stem}"
    return f"{stem} {_moment(start_s)}–{_moment(end_s)}.wav"


def _moment(seconds: float) -> str:
    minutes, hundredths = divmod(round(seconds * 100), 6000)
    return f"{minutes}m{hundredths // 100:02d}.{hundredths % 100:02d}"


def _refuse_full_disk(folder: Path, size: int) -> None:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return  # what writes there tells why it cannot
    if free < size:
        raise AudioError(
            f"the disk that holds {folder} is full: the part needs {size / 1e6:.0f} MB, "
            f"{free / 1e6:.0f} MB are free"
        )
