"""Chapters of MP3, MP4, Ogg and FLAC files, and cue sheets in FLAC files.

Chapters are what FFmpeg finds: CHAP frames of ID3, lists and tracks of chapters in MP4, comments
named CHAPTER001.  Source of cue sheets: RFC 9639 (the block), and the text that CDRWIN writes, as
comments named CUESHEET hold it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import av.error

from engine.metadata.formats import kind_of
from engine.metadata.texts import LONGEST_BYTES, shown
from engine.metadata.vorbis_comments import Comments, FlacFile

Chapter = tuple[float, str, float | None]  # where it begins and ends in seconds, and its name
_MOST = 1000
_SAME_S = 0.002  # within which one chapter ends where the next begins
_SHEET, _SHEET_HEAD, _TRACK, _INDEX = 5, 396, 36, 12  # a block's kind, bytes of its parts
_LEAD_OUT = frozenset({170, 255})  # numbers of tracks that are none
_FRAMES_A_SECOND = 75  # of a CD, in which cue sheets count
_AT = re.compile(r"INDEX\s+0*1\s+(\d+):(\d\d):(\d\d)", re.IGNORECASE)
_TITLE = re.compile(r'TITLE\s+"?(.*?)"?\s*$', re.IGNORECASE)


def read_chapters(path: Path) -> list[Chapter]:
    """Return the chapters of a file in the order of time, none where it has none.

    :raises AudioError: it is damaged; OSError: it cannot be read.
    """
    kind = kind_of(path)
    if kind not in ("mp3", "mp4", "ogg", "flac"):
        return []
    found = list(_cue_sheet(path)) if kind == "flac" else []
    found = found or _by_ffmpeg(path)
    return sorted(found[:_MOST], key=lambda chapter: chapter[0])


def _by_ffmpeg(path: Path) -> list[Chapter]:
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            listed = container.chapters() if hasattr(container, "chapters") else []
            told = [
                (
                    float(one["start"] * (one["time_base"] or 0)),
                    shown(one["metadata"].get("title", "")),
                    float(one["end"] * (one["time_base"] or 0)),
                )
                for one in listed[:_MOST]
            ]
    except (av.error.FFmpegError, ValueError, OSError):
        return []
    told = sorted((start_s, name, end_s) for start_s, name, end_s in told if start_s >= 0)
    ends = [start_s for start_s, _, _ in told[1:]] + [None]
    return [
        (start_s, name, None if _is_over(start_s, end_s, after) else end_s)
        for (start_s, name, end_s), after in zip(told, ends, strict=True)
    ]


def _is_over(start_s: float, end_s: float, after_s: float | None) -> bool:
    """Return whether the end of a chapter says nothing: the next begins there, or it is odd."""
    return end_s <= start_s or after_s is None or abs(end_s - after_s) < _SAME_S


def _cue_sheet(path: Path) -> Iterator[Chapter]:
    file = FlacFile(path)
    block = file.block(_SHEET)
    if block is not None:
        yield from _of_block(block, file.rate_hz())
        return
    held = Comments(file.comments()).get("CUESHEET")
    if held is not None and held.text:
        yield from _of_text(held.text)


def _of_block(block: bytes, rate_hz: int) -> Iterator[Chapter]:
    """Yield the tracks of a cue sheet's block, each at its first index that is no gap."""
    place = _SHEET_HEAD
    for _ in range(block[_SHEET_HEAD - 1] if len(block) >= _SHEET_HEAD else 0):
        if place + _TRACK > len(block) or not rate_hz:
            return
        (start,) = struct.unpack_from(">Q", block, place)
        number, indexes = block[place + 8], block[place + 35]
        place += _TRACK
        first = 0
        for at in range(place, min(place + indexes * _INDEX, len(block) - _INDEX + 1), _INDEX):
            offset, index = struct.unpack_from(">QB", block, at)
            if index == 1:
                first = offset
        place += indexes * _INDEX
        if number not in _LEAD_OUT:
            yield (start + first) / rate_hz, f"{number:02d}", None


def _of_text(sheet: str) -> Iterator[Chapter]:
    title = ""
    for line in sheet[:LONGEST_BYTES].splitlines():
        line = line.strip()
        if line.upper().startswith("TRACK"):
            title = ""
        elif named := _TITLE.match(line):
            title = named[1]
        elif at := _AT.match(line):
            minutes, seconds, frames = (int(part) for part in at.groups())
            yield 60 * minutes + seconds + frames / _FRAMES_A_SECOND, shown(title), None
