"""Where a copy comes from, written into it, beside what its source says of itself.

Sources: EBU Tech 3285 (bext) and R 98 (CodingHistory), the iXML specification (HISTORY, SPEED).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.audio.facts import AudioFacts
from engine.errors import InputError
from engine.handover.frames import Cut
from engine.handover.order import Order
from engine.metadata.broadcast import Bext, Info
from engine.metadata.containers import Part, WordPart
from engine.metadata.ixml import IXml
from engine.metadata.read import read_header
from engine.metadata.texts import words_of
from engine.metadata.ucs_names import categories

_BEXT_BYTES = 602
_ORIGINATOR, _DATE, _TIME, _REFERENCE, _UMID, _LOUDNESS = 256, 320, 330, 338, 348, 412
_MOST_DIGITS = 20  # of a number of 64 bits; it has 32
_UNSET_LOUDNESS = struct.pack("<h", 0x7FFF) * 5
_PROGRAM = "Soundsift"
_MODES = {1: "mono", 2: "stereo"}
_CARRIED = ("DESCRIPTION", "CATID", "CATEGORY", "SUBCATEGORY", "FXNAME", "KEYWORDS")
_ALGORITHMS = {"mp3": "MPEG1L3", "ogg": "OTHER", "flac": "OTHER", "m4a": "OTHER"}


@dataclass(frozen=True)
class Origin:
    """What a copy is made of: the source, what of it is used, and what is made."""

    order: Order
    facts: AudioFacts
    cut: Cut
    bits: int

    @property
    def is_altered(self) -> bool:
        """Return whether the copy sounds or lasts differently than its source."""
        altered = bool(self.order.rendering.treatment) or not self.cut.is_whole
        return altered or self.order.channels is not None

    @property
    def said(self) -> str:
        """Return the origin in a line: ``from Door creak.wav, 12.300–14.050 s, reversed``."""
        parts = [f"from {self.order.path.name}"]
        if not self.cut.is_whole:
            parts.append(f"{self.cut.start_s:.3f}–{self.cut.end_s:.3f} s")
        if self.order.channels is not None:
            chosen = " ".join(str(number + 1) for number in self.order.channels)
            parts.append(f"channels {chosen}")
        if self.order.rendering.treatment:
            parts.append(self.order.rendering.treatment)
        return ", ".join(parts)


def carried(path: Path) -> dict[str, str]:
    """Return what a file says of its sound, by the names of iXML's USER."""
    header = read_header(path)
    found: dict[str, str] = {}
    for name, text in header.fields.items():
        field = name.replace(":", ".").split(".")[-1].upper()
        if field in _CARRIED and text:
            found.setdefault(field, text)
    if header.description:
        found["DESCRIPTION"] = header.description
    known = categories().get((header.category or "").lower())
    if known is not None:
        named = {"CATID": known.id, "CATEGORY": known.category, "SUBCATEGORY": known.subcategory}
        found = {**named, **found}
    return found


def fill(part: Part, texts: Mapping[str, str]) -> None:
    """Put texts where a part of a header has none.

    :raises InputError: the part is damaged.
    """
    for field, key in part.slots:
        if field not in texts or part.get(key) is not None:
            continue
        if field == "KEYWORDS" and isinstance(part, WordPart):
            part.add(key, words_of(texts[field]))
        else:
            part.put(key, texts[field])


def bext_of(old: bytes | None, origin: Origin, texts: Mapping[str, str]) -> bytes:
    """Return the bext chunk of a copy: its source's, the time moved to where the part begins.

    Identity and loudness of the source are not those of a part of it.
    """
    data = bytearray((old or b"")[:_BEXT_BYTES].ljust(_BEXT_BYTES, b"\0"))
    history = (old or b"")[_BEXT_BYTES:].rstrip(b"\0")
    if old is None:
        moment = _made_at(origin.order.path)
        _place(data, _ORIGINATOR, _PROGRAM)
        _place(data, _DATE, moment.strftime("%Y-%m-%d"))
        _place(data, _TIME, moment.strftime("%H:%M:%S"))
    data[_REFERENCE : _REFERENCE + 8] = struct.pack("<Q", shifted(_reference(data), origin))
    version = int.from_bytes(data[_REFERENCE + 8 : _REFERENCE + 10], "little")
    data[_REFERENCE + 8 : _REFERENCE + 10] = struct.pack("<H", max(1, version))
    if origin.is_altered:
        data[_UMID : _UMID + 64] = bytes(64)
        if version >= 2:
            data[_LOUDNESS : _LOUDNESS + 10] = _UNSET_LOUDNESS
    lines = history.decode("latin-1").splitlines() or [_coding_of_source(origin)]
    lines = [line for line in (*lines, _coding(origin)) if line.strip()]
    whole = bytes(data) + ("\r\n".join(lines) + "\r\n").encode("latin-1", "replace")
    bext = Bext(whole)
    if bext.get("description") is None:
        bext.put("description", texts.get("DESCRIPTION") or origin.said)
    return bext.data() or whole


def shifted(reference: int, origin: Origin) -> int:
    """Return samples since midnight at which a copy begins, at its own rate."""
    cut = origin.cut
    moved = reference + cut.first
    return min(round(moved * cut.rate_hz / cut.source_hz), (1 << 64) - 1)


def ixml_of(old: bytes | None, origin: Origin, texts: Mapping[str, str]) -> bytes:
    """Return the iXML of a copy: its source's, with the files that it comes from.

    One that is damaged, or tells of tracks that are left out, is made anew.
    """
    name = origin.order.path.name
    reusable = old is not None and origin.order.channels is None
    try:
        return _ixml(old if reusable else None, origin, texts)
    except InputError:
        return _ixml(None, origin, texts) or name.encode()


def _ixml(old: bytes | None, origin: Origin, texts: Mapping[str, str]) -> bytes:
    path, cut = origin.order.path, origin.cut
    part = IXml(old, path.name)
    fill(part, texts)
    if part.get("HISTORY/ORIGINAL_FILENAME") is None:
        part.put("HISTORY/ORIGINAL_FILENAME", path.name)
    part.put("HISTORY/PARENT_FILENAME", path.name)
    uid = part.get("FILE_UID")
    if uid is not None and uid.text:
        part.put("HISTORY/PARENT_UID", uid.text)
        part.put("FILE_UID", _uid(uid.text, origin))
    changed = {
        "SPEED/FILE_SAMPLE_RATE": str(cut.rate_hz),
        "SPEED/TIMESTAMP_SAMPLE_RATE": str(cut.rate_hz),
        "SPEED/AUDIO_BIT_DEPTH": str(origin.bits),
    }
    for high, low in (
        (
            "SPEED/TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI",
            "SPEED/TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO",
        ),
        ("BEXT/BWF_TIME_REFERENCE_HIGH", "BEXT/BWF_TIME_REFERENCE_LOW"),
    ):
        held = [_number(part, key) for key in (high, low)]
        if held[1] is not None:
            moved = shifted(((held[0] or 0) << 32) + held[1], origin)
            changed |= {high: str(moved >> 32), low: str(moved & 0xFFFFFFFF)}
    for key, text in changed.items():
        if part.get(key) is not None:
            part.put(key, text)
    data = part.data()
    assert data is not None
    return data


def info_of(old: bytes | None, texts: Mapping[str, str]) -> bytes | None:
    """Return the LIST INFO of a copy: its source's, with what that says elsewhere."""
    part = Info(old)
    fill(part, texts)
    return part.data()


def _number(part: IXml, key: str) -> int | None:
    held = part.get(key)
    text = (held.text or "").strip() if held is not None else ""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _uid(old: str, origin: Origin) -> str:
    told = f"{old} {origin.said} {origin.cut}"
    return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=16).hexdigest().upper()


def _place(data: bytearray, place: int, text: str) -> None:
    data[place : place + len(text)] = text.encode("ascii")


def _reference(data: bytearray) -> int:
    return int.from_bytes(data[_REFERENCE : _REFERENCE + 8], "little")


def _made_at(path: Path) -> datetime:
    """Return when a source was last changed: the same order gives the same file."""
    return datetime.fromtimestamp(path.stat().st_mtime)


def _coding_of_source(origin: Origin) -> str:
    facts = origin.facts
    algorithm = _ALGORITHMS.get(facts.format, "PCM")
    width = f"W={facts.bits}," if facts.bits else ""
    return f"A={algorithm},F={facts.rate_hz},{width}M={_mode(facts.channels)}"


def _coding(origin: Origin) -> str:
    """Return our line of the history; its text may hold no commas."""
    told = f"{_PROGRAM}; {origin.said}".replace(",", ";").replace("–", "-")
    told = told.encode("ascii", "replace").decode()
    channels = origin.cut.width
    depth = f"W={origin.bits},"
    return f"A=PCM,F={origin.cut.rate_hz},{depth}M={_mode(channels)},T={told}"


def _mode(channels: int) -> str:
    return _MODES.get(channels, f"{channels}ch")
