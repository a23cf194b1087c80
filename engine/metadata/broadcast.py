"""What WAV files say of themselves in bext and LIST INFO, changed in our fields alone.

Sources: EBU Tech 3285 (bext), and the Multimedia Programming Interface of 1991 (INFO).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from engine.metadata.texts import Text, clean, joined, read_text, without

_BEXT_BYTES, _BEXT_DESCRIPTION = 602, 256
_BEXT_VERSION = struct.pack("<H", 1)
_VERSION_PLACE = 346
_BEXT_TEXTS = {  # place and length
    "description": (0, 256),
    "originator": (256, 32),
    "originator_ref": (288, 32),
    "originator_date": (320, 10),
    "originator_time": (330, 8),
    "coding_history": (602, 1 << 20),
}
_INFO_NAMES = {
    b"ICOP": "copyright",
    b"IPRD": "product",
    b"IGNR": "genre",
    b"ISBJ": "subject",
    b"IART": "artist",
    b"ICMT": "comment",
    b"ISFT": "software",
    b"ICRD": "created_date",
    b"IENG": "engineer",
    b"ITCH": "technician",
    b"IKEY": "keywords",
    b"INAM": "title",
    b"ISRC": "source",
    b"TAPE": "tape",
    b"IARL": "archival_location",
    b"ICMS": "commissioned",
}


class Bext:
    """A bext chunk; all but its description stays."""

    slots = (("DESCRIPTION", "description"),)

    def __init__(self, data: bytes | None) -> None:
        self._data = data

    def get(self, key: str) -> Text | None:
        """Return a text of the chunk, or None."""
        place, length = _BEXT_TEXTS[key]
        return read_text((self._data or b"")[place : place + length])

    def texts(self) -> Iterator[tuple[str, Text]]:
        """Yield all texts by name."""
        for key in _BEXT_TEXTS:
            text = self.get(key)
            if text is not None:
                yield f"bext.{key}", text

    def put(self, key: str, text: str) -> None:
        """Make ``text`` the description, cut to 256 bytes."""
        data = bytearray(self._data if self._data is not None else bytes(_BEXT_BYTES))
        if self._data is None:
            data[_VERSION_PLACE : _VERSION_PLACE + 2] = _BEXT_VERSION
        data.extend(bytes(max(0, _BEXT_BYTES - len(data))))
        held = cut_utf8(text, _BEXT_DESCRIPTION).ljust(_BEXT_DESCRIPTION, b"\0")
        data[:_BEXT_DESCRIPTION] = held
        self._data = bytes(data)

    def data(self) -> bytes | None:
        """Return the chunk's data, None where there is none."""
        return self._data


class Info:
    """A LIST chunk of type INFO: fields in order, those that are not ours byte for byte."""

    slots = (("DESCRIPTION", "ICMT"), ("GENRE", "IGNR"), ("KEYWORDS", "IKEY"))

    def __init__(self, data: bytes | None) -> None:
        self._there = data is not None
        self._parts, self._rest = _info_parts((data or b"")[4:])

    def get(self, key: str) -> Text | None:
        """Return the first field of an id that says something, or None."""
        return next((t for k, t in self._texts() if k == key.encode()), None)

    def texts(self) -> Iterator[tuple[str, Text]]:
        """Yield all texts by name."""
        for key, text in self._texts():
            yield f"info.{_INFO_NAMES.get(key, key.decode('ascii', 'replace'))}", text

    def _texts(self) -> Iterator[tuple[bytes, Text]]:
        for key, value, _ in self._parts:
            text = read_text(value)
            if text is not None:
                yield key, text

    def put(self, key: str, text: str) -> None:
        """Give a field another text."""
        self._place(key, clean(text).encode() + b"\0")

    def add(self, key: str, words: Sequence[str]) -> bool:
        """Put words behind those of a field, in its encoding; return whether it can hold them."""
        held = self.get(key)
        if held is None:
            self.put(key, joined("", words))
            return True
        assert held.text is not None and held.encoding is not None
        try:
            more = joined(held.text, words).encode(held.encoding)
        except UnicodeEncodeError:
            return False
        self._place(key, held.raw.rstrip(b"\0 ") + more + b"\0")
        return True

    def drop(self, key: str, words: Sequence[str]) -> None:
        """Take words out of a field."""
        held = self.get(key)
        assert held is not None and held.text is not None and held.encoding is not None
        self._place(key, without(held.text, words).encode(held.encoding) + b"\0")

    def _place(self, key: str, value: bytes) -> None:
        """Take the place of the field that :meth:`get` gives, of a blank one, or the last."""
        own = [n for n, (k, _, _) in enumerate(self._parts) if k == key.encode()]
        telling = [n for n in own if read_text(self._parts[n][1]) is not None]
        data = struct.pack("<4sI", key.encode(), len(value)) + value + b"\0" * (len(value) % 2)
        part = (key.encode(), value, data)
        if own:
            self._parts[(telling or own)[0]] = part
        else:
            self._insert(part)
        self._there = True

    def _insert(self, part: tuple[bytes, bytes, bytes]) -> None:
        """Put a new field behind the last whole one: behind anything else nobody would find it."""
        place = len(self._parts)
        if self._parts and _is_cut(self._parts[-1]):
            place -= 1
        if place and len(self._parts[place - 1][2]) % 2:
            key, value, data = self._parts[place - 1]
            self._parts[place - 1] = (key, value, data + b"\0")  # which its writer forgot
        self._parts.insert(place, part)

    def data(self) -> bytes | None:
        """Return the chunk's data, None where there is none."""
        if not self._there:
            return None
        return b"INFO" + b"".join(data for _, _, data in self._parts) + self._rest


def _info_parts(body: bytes) -> tuple[list[tuple[bytes, bytes, bytes]], bytes]:
    """Return (id, value, bytes with head and padding) of every field, and what follows them."""
    parts = []
    place = 0
    while place + 8 <= len(body):
        key, size = struct.unpack_from("<4sI", body, place)
        end = place + 8 + size
        if size % 2 and end < len(body) and not _is_unpadded(body[end : end + 5]):
            end += 1
        parts.append((key, body[place + 8 : place + 8 + size], body[place:end]))
        place = end
    return parts, body[place:]


def _is_cut(part: tuple[bytes, bytes, bytes]) -> bool:
    """Return whether a field says to go on behind the chunk's end."""
    _, value, data = part
    return int.from_bytes(data[4:8], "little") > len(value)


def _is_unpadded(after: bytes) -> bool:
    """Return whether the next field follows at once; some writers forget the padding."""
    return after[:1] != b"\0" and len(after) == 5 and after[:4].isalnum() and after[:4].isupper()


def cut_utf8(text: str, count: int) -> bytes:
    """Return at most ``count`` bytes of a text, no character cut in two."""
    data = clean(text).encode()
    if len(data) <= count:
        return data
    return data[:count].decode("utf-8", "ignore").encode()
