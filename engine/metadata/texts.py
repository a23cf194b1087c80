"""Texts in headers: raw bytes, and what they say in whatever encoding they were written.

A text is absent, present, or present but unreadable.  What is there counts as there, also when
nobody can read it: it is never overwritten.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

LONGEST_BYTES = 8 << 20  # of one text or chunk of texts; what is longer is not read
_DETECTED = ["cp932", "cp1251", "gb18030", "euc_kr", "big5"]  # beside the Latin ones
_LATIN = ("cp1252", "mac_roman")
_COMMON = frozenset(  # what Western European texts hold beside ASCII
    "àâäáãåæçèéêëìíîïñòóôöõøœùúûüýÿßÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØŒÙÚÛÜÝ"
    "‘’“”„‚«»‹›–—…•·°²³½¼¾µ×÷±§©®™€£¥¿¡†\u00a0\u00ad"
)
_FOREIGN_SHARE = 0.45  # of the letters that are not ASCII, above which a text is not Latin
_CONTROL_SHARE = 0.2  # above which bytes are no text
_BETWEEN = re.compile(r"[,;\0\n]")
_UPPER_INSIDE = re.compile(r"[a-zß-öø-ÿ][À-ÖØ-ÞŠŽŸ]")


@dataclass(frozen=True)
class Text:
    """A text as a header holds it; ``text`` is None where it is there but cannot be read.

    ``encoding`` is the Python name of the one that it was read in.
    """

    raw: bytes
    text: str | None
    encoding: str | None = None


def read_text(raw: bytes, declared: str = "utf-8") -> Text | None:
    """Return what some bytes say, or None if they say nothing: zeros and blanks alone.

    :param declared: the encoding that the container states; UTF-8 and detection come after it.
    """
    held = raw.strip(b"\0 \t\r\n") if not declared.startswith("utf-16") else raw
    if not held.strip(b"\0"):
        return None
    if len(raw) > LONGEST_BYTES:
        return Text(raw, None)
    for encoding in dict.fromkeys((declared, "utf-8")):
        text = _decoded(held, encoding)
        if text is not None and not _is_garbled(text):
            return Text(raw, text, encoding) if shown(text) else None
    if declared.startswith("utf-16"):
        return Text(raw, None)
    found = _detected(held)
    if found is None:
        return Text(raw, None)
    return Text(raw, found[0], found[1])


def shown(text: str) -> str:
    """Return a text as it is shown and searched: on one line, without control characters."""
    return " ".join("".join(" " if _is_control(c) else c for c in text).split())


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs")


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _is_garbled(text: str) -> bool:
    """Return whether a text holds what no writer meant: C1 controls, or controls in plenty."""
    control = [c for c in text if _is_control(c) and c not in "\t\r\n\0"]
    late = any(ord(c) >= 0x80 for c in control)
    return late or len(control) > _CONTROL_SHARE * len(text)


def _detected(raw: bytes) -> tuple[str, str] | None:
    """Return a text and its encoding: Latin if that reads well, else what statistics say."""
    if sum(byte < 32 and byte not in (0, 9, 10, 13) for byte in raw) > _CONTROL_SHARE * len(raw):
        return None
    readings = [(text, name) for name in _LATIN if (text := _decoded(raw, name)) is not None]
    readings.sort(key=lambda reading: _oddities(reading[0]))
    if readings and not _oddities(readings[0][0]):
        return readings[0]
    from charset_normalizer import from_bytes

    best = from_bytes(raw, cp_isolation=_DETECTED, threshold=0.5).best()
    if best is not None and not _is_garbled(str(best)):
        return str(best), best.encoding
    return next((reading for reading in readings if not _is_garbled(reading[0])), None)


def _oddities(text: str) -> int:
    """Count what speaks against a text being Western European."""
    foreign = [c for c in text if ord(c) >= 0x80]
    odd = sum(c not in _COMMON for c in foreign) + len(_UPPER_INSIDE.findall(text))
    letters = sum(c.isalpha() for c in text)
    if sum(c.isalpha() for c in foreign) > _FOREIGN_SHARE * max(letters, 1) and len(text) > 2:
        odd += 1
    return odd


def clean(text: str) -> str:
    """Return a text without characters that no metadata can hold."""
    return "".join(c for c in text if c in "\t\n" or (ord(c) >= 32 and not _is_odd(ord(c))))


def _is_odd(code: int) -> bool:
    return 0x7F <= code < 0xA0 or 0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE


def words_of(text: str) -> list[str]:
    """Return the words of a list such as ``door, wood; creak``."""
    return [word for part in _BETWEEN.split(text) if (word := part.strip())]


def joined(text: str, words: Sequence[str]) -> str:
    """Return what goes behind a list so that it holds ``words``, too, in its own manner."""
    between = "; " if ";" in text else ", "
    return (between if text.strip() else "") + between.join(map(clean, words))


def without(text: str, dropped: Collection[str]) -> str:
    """Return a list without some words, compared without regard to case."""
    between = "; " if ";" in text else ", "
    gone = {word.casefold() for word in dropped}
    return between.join(word for word in words_of(text) if word.casefold() not in gone)
