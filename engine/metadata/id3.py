"""ID3v2 tags, frame by frame: what is not ours stays byte for byte, and the version stays.

Sources: the informal standards ID3v2.2.0, 2.3.0 and 2.4.0 (id3.org).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.errors import InputError
from engine.metadata.texts import LONGEST_BYTES, Text, clean, joined, read_text, without

_HEAD = 10
_UNSYNCHRONISED, _EXTENDED, _FOOTER = 0x80, 0x40, 0x10
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")  # by their byte
_RATING, _RATED_BY = "POPM", b"Windows Media Player 9 Series\0"  # whom most players look for
_OLD_NAMES = {  # in version 2.2
    "POPM": "POP",
    "TXXX": "TXX",
    "COMM": "COM",
    "TCON": "TCO",
    "TIT2": "TT2",
    "TIT3": "TT3",
    "USLT": "ULT",
    "WXXX": "WXX",
}
_NEW_VERSION = 4
_PADDING = 1024
_ENGLISH = b"eng"


@dataclass(frozen=True)
class Frame:
    """A frame: its id, its bytes with their header, and the data that they stand for.

    ``data`` is None where it is compressed or encrypted.
    """

    id: str
    raw: bytes
    data: bytes | None


def tag_size(head: bytes) -> int:
    """Return the length in bytes of the tag that begins with these ten bytes; 0 if none does."""
    if len(head) < _HEAD or head[:3] != b"ID3" or max(head[6:10]) >= 0x80 or head[3] == 0xFF:
        return 0
    return _HEAD + _syncsafe(head[6:10]) + (_HEAD if head[5] & _FOOTER else 0)


class Id3:
    """A tag of version 2.2, 2.3 or 2.4; a new one is of version 2.4.

    :raises InputError: from what changes it, where it is damaged or of an unknown version.
    """

    slots = (
        ("DESCRIPTION", "COMM"),
        ("CATID", "TXXX:CATID"),
        ("CATEGORY", "TXXX:CATEGORY"),
        ("SUBCATEGORY", "TXXX:SUBCATEGORY"),
        ("FXNAME", "TXXX:FXNAME"),
        ("KEYWORDS", "TXXX:KEYWORDS"),
        ("GENRE", "TCON"),
        ("RATING_255", _RATING),
        ("NOTES", "TXXX:NOTES"),
    )

    def __init__(self, data: bytes | None, name: str) -> None:
        self._old, self._name = data, name
        self._version, self._flags, self._revision = _NEW_VERSION, 0, 0
        self._extended, self._frames = b"", list[Frame]()
        self._room = len(data or b"")
        self._problem: str | None = None
        self._changed = False
        if data is not None:
            try:
                self._parse(data)
            except (ValueError, struct.error, IndexError) as error:
                self._problem = str(error)

    def _parse(self, data: bytes) -> None:
        self._version, self._revision, self._flags = data[3], data[4], data[5]
        if self._version not in (2, 3, 4):
            raise ValueError(f"version 2.{self._version} is unknown")
        if self._version == 2 and self._flags & 0x40:
            raise ValueError("it is compressed as a whole")
        body = data[_HEAD : _HEAD + _syncsafe(data[6:10])]
        if self._version < 4 and self._flags & _UNSYNCHRONISED:
            body = body.replace(b"\xff\0", b"\xff")
        place = 0
        if self._version > 2 and self._flags & _EXTENDED:
            stated = struct.unpack(">I", body[:4])[0]
            size = stated + 4 if self._version == 3 else _syncsafe(body[:4])
            if size > len(body):
                raise ValueError("its extended header does not fit into it")
            self._extended, place = body[:size], size
        self._frames = _frames(body[place:], self._version)

    @property
    def is_damaged(self) -> bool:
        """Return whether it is there but cannot be read."""
        return self._problem is not None

    def texts(self) -> Iterator[tuple[str, Text]]:
        """Yield the texts of all frames by name, such as ``TIT2`` or ``COMM:note:eng``."""
        if self.is_damaged:
            yield "id3", Text(self._old or b"", None)
        for frame in self._frames:
            key = _key(frame, self._version)
            if key is None:
                continue
            text = _text(frame)
            if text is not None:
                yield key, text

    def get(self, key: str) -> Text | None:
        """Return the first text under a key, or None; of comments, any without a name.

        :raises InputError: the tag is damaged, or has a checksum.
        """
        self._refuse_damaged()
        if key == _RATING:
            rated = self._rated()
            return None if rated is None else _rating(rated)
        frame = self._find(key)
        return _text(frame) if frame is not None else None

    def put(self, key: str, text: str) -> None:
        """Give a frame another text."""
        self._refuse_damaged()
        if key == _RATING:
            frame = self._rated()
            new = _frame(_RATING, _with_rating(frame, int(text)), self._version)
        else:
            frame = self._find(key, blank=True)
            new = self._made(key, clean(text))
        if frame is None:
            self._frames.append(new)
        else:
            self._frames[self._frames.index(frame)] = new
        self._changed = True

    def add(self, key: str, words: Sequence[str]) -> bool:
        """Put words behind those of a frame, in its encoding; return whether it can hold them."""
        self._refuse_damaged()
        frame, held = self._find(key), self.get(key)
        if frame is None or held is None:
            self.put(key, joined("", words))
            return True
        assert held.text is not None and held.encoding is not None and frame.data is not None
        more = joined(held.text, words)
        encoding = held.encoding
        if encoding == "utf-16":
            encoding = "utf-16-be" if held.raw.startswith(b"\xfe\xff") else "utf-16-le"
        try:
            added = more.encode(encoding)
        except UnicodeEncodeError:
            return False
        end = b"\0\0" if encoding.startswith("utf-16") else b"\0"
        data, terminated = frame.data, b""
        if data.endswith(end):
            data, terminated = data[: -len(end)], end
        new = _frame(frame.id, data + added + terminated, self._version)
        self._frames[self._frames.index(frame)] = new
        self._changed = True
        return True

    def drop(self, key: str, words: Sequence[str]) -> None:
        """Take words out of a frame."""
        held = self.get(key)
        assert held is not None and held.text is not None
        self.put(key, without(held.text, words))

    def data(self) -> bytes | None:
        """Return the tag, as long as it was where that is enough; None where there is none."""
        if not self._changed:
            return self._old
        body = self._extended + b"".join(frame.raw for frame in self._frames)
        if self._version < 4 and self._flags & _UNSYNCHRONISED:
            body = _unsynchronised(body)
        footer = bool(self._version == 4 and self._flags & _FOOTER)
        room = self._room - _HEAD - (_HEAD if footer else 0)
        padding = room - len(body) if room >= len(body) else _PADDING
        padding = 0 if footer else padding  # which a tag with a footer may not have
        size = len(body) + padding
        if size >= 1 << 28:
            raise InputError(f"the tags of {self._name} would exceed 256 MB")
        told = bytes([self._version, self._revision, self._flags]) + _to_syncsafe(size)
        end = b"3DI" + told if footer else b""
        return b"ID3" + told + body + bytes(padding) + end

    def _refuse_damaged(self) -> None:
        if self.is_damaged:
            raise InputError(
                f"the ID3 tag of {self._name} is damaged, and is left as it is: {self._problem}"
            )
        if self._extended and self._has_checksum():
            raise InputError(
                f"the ID3 tag of {self._name} has a checksum, and is left as it is: save it "
                "without one in the program that wrote it"
            )

    def _has_checksum(self) -> bool:
        flags = self._extended[4] if self._version == 3 else self._extended[5]
        return bool(flags & (0x80 if self._version == 3 else 0x20))

    def _find(self, key: str, blank: bool = False) -> Frame | None:
        """Return the frame of a key that says something; with ``blank`` also one that does not."""
        wanted, _, described = key.partition(":")
        silent = None
        for frame in self._frames:
            name = _key(frame, self._version)
            if name is None:
                continue
            kind, _, rest = name.partition(":")
            description = rest.rpartition(":")[0] if kind == "COMM" else rest
            if kind != wanted or description.upper() != described.upper():
                continue
            if _text(frame) is not None:
                return frame
            silent = silent or frame
        return silent if blank else None

    def _rated(self) -> Frame | None:
        """Return the first frame that holds a rating."""
        return next((f for f in self._frames if f.id in (_RATING, _OLD_NAMES[_RATING])), None)

    def _made(self, key: str, text: str) -> Frame:
        name, _, described = key.partition(":")
        encoding = 3 if self._version == 4 else 1
        if self._version < 4 and text.isascii() and described.isascii():
            encoding = 0
        codec = _ENCODINGS[encoding]
        end = b"\0\0" if encoding == 1 else b"\0"
        data = bytes([encoding])
        if name == "COMM":
            data += _ENGLISH + "".encode(codec) + end
        elif name == "TXXX":
            data += described.encode(codec) + end
        return _frame(name, data + text.encode(codec), self._version)


def _frames(body: bytes, version: int) -> list[Frame]:
    """Return the frames of a tag's body, the padding behind them left out.

    :raises ValueError: what is there is no frame.
    """
    width = 6 if version == 2 else 10
    lengths = [_plain_size] if version < 4 else [_syncsafe, _plain_size]
    problem = ValueError("its frames do not fit into it")
    for length in lengths:  # some writers of 2.4 forgot that its sizes are syncsafe
        frames, place = [], 0
        while place + width <= len(body) and body[place] != 0:
            name = body[place : place + (3 if version == 2 else 4)]
            size = length(body[place + len(name) : place + 2 * len(name)])
            end = place + width + size
            fits = name.isalnum() and name.isupper() and end <= len(body)
            if not fits:
                break
            flags = body[place + 9] if version > 2 else 0
            data = _plain_data(body[place + width : end], flags, version)
            frames.append(Frame(name.decode("ascii"), body[place:end], data))
            place = end
        if not body[place:].strip(b"\0"):
            return frames
    raise problem


def _plain_data(data: bytes, flags: int, version: int) -> bytes | None:
    """Return the data of a frame, None where it is compressed, encrypted or grouped."""
    if version == 4 and flags and not flags & 0x4C:
        data = data[4:] if flags & 0x01 else data
        return data.replace(b"\xff\0", b"\xff") if flags & 0x02 else data
    return None if flags else data


def _frame(name: str, data: bytes, version: int) -> Frame:
    """Return a frame of an id of version 2.3 or 2.4."""
    if version == 2:
        name = _OLD_NAMES.get(name, name)
        return Frame(name, name.encode() + len(data).to_bytes(3, "big") + data, data)
    size = struct.pack(">I", len(data)) if version == 3 else _to_syncsafe(len(data))
    return Frame(name, name.encode() + size + b"\0\0" + data, data)


def _key(frame: Frame, version: int) -> str | None:
    """Return what a text frame is known by; None for frames without text."""
    new = {old: name for name, old in _OLD_NAMES.items()} if version == 2 else {}
    name = new.get(frame.id, frame.id)
    if not (name.startswith("T") or name in ("COMM", "USLT", "WXXX")):
        return None
    if not frame.data or frame.data[0] >= len(_ENCODINGS):
        return name
    if name in ("TXXX", "WXXX"):
        return f"{name}:{_description(frame.data[0], frame.data[1:])}"
    if name in ("COMM", "USLT"):
        language = frame.data[1:4].decode("latin-1")
        return f"{name}:{_description(frame.data[0], frame.data[4:])}:{language}"
    return name


def _description(encoding: int, data: bytes) -> str:
    return _split(encoding, data)[0].decode(_ENCODINGS[encoding], "replace").strip("\0")


def _split(encoding: int, data: bytes) -> tuple[bytes, bytes]:
    """Return what stands before and behind the first end of a text."""
    if _ENCODINGS[encoding].startswith("utf-16"):
        for place in range(0, len(data) - 1, 2):
            if data[place : place + 2] == b"\0\0":
                return data[:place], data[place + 2 :]
        return data, b""
    before, _, behind = data.partition(b"\0")
    return before, behind


def _text(frame: Frame) -> Text | None:
    """Return a frame's text; it cannot be read if the frame is compressed."""
    data = frame.data
    if not data or data[0] >= len(_ENCODINGS) or len(data) > LONGEST_BYTES:
        return Text(frame.raw, None) if data is None or data else None
    encoding, value = data[0], data[1:]
    name = frame.id
    if name in ("COMM", "COM", "USLT", "ULT"):
        value = _split(encoding, data[4:])[1]
    elif name in ("TXXX", "TXX", "WXXX", "WXX"):
        value = _split(encoding, value)[1]
    declared = "latin-1" if name in ("WXXX", "WXX") else _ENCODINGS[encoding]
    found = read_text(value, declared)
    if found is None or found.text is None:
        return found
    lines = [part.lstrip("\ufeff") for part in found.text.split("\0")]
    return Text(value, "; ".join(filter(None, lines)), found.encoding)


def _rating(frame: Frame) -> Text | None:
    """Return the rating in a frame, 1 to 255 as a text; None if it says that there is none."""
    if frame.data is None:
        return Text(frame.raw, None)
    value = frame.data.partition(b"\0")[2][:1]
    return Text(value, str(value[0]), "latin-1") if value and value[0] else None


def _with_rating(frame: Frame | None, value: int) -> bytes:
    """Return the data of a frame with a rating; who rated it and how often it was played stay."""
    if frame is None or frame.data is None or b"\0" not in frame.data:
        return _RATED_BY + bytes([value])
    whom, _, rest = frame.data.partition(b"\0")
    return whom + b"\0" + bytes([value]) + rest[1:]


def _plain_size(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _syncsafe(data: bytes) -> int:
    """Return a size whose bytes count seven bits each."""
    if max(data, default=0) >= 0x80:
        return 1 << 30  # which fits into no tag
    size = 0
    for byte in data:
        size = size << 7 | byte
    return size


def _to_syncsafe(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def _unsynchronised(body: bytes) -> bytes:
    """Return a body in which nothing looks like the beginning of a frame of audio."""
    out = bytearray()
    for place, byte in enumerate(body):
        out.append(byte)
        following = body[place + 1] if place + 1 < len(body) else 0
        if byte == 0xFF and (following >= 0xE0 or following == 0):
            out.append(0)
    return bytes(out)
