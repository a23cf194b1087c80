"""Vorbis comments in FLAC, Ogg Vorbis, Opus and Ogg FLAC: what is not ours stays byte for byte.

Sources: the Ogg Vorbis I specification (comment field), RFC 7845 (Opus), RFC 9639 (FLAC).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from engine.errors import AudioError, InputError
from engine.metadata.copying import copy_bytes
from engine.metadata.id3 import tag_size
from engine.metadata.texts import Text, clean, read_text, without, words_of

_VENDOR = b"Soundsift"
_PICTURES = frozenset({"METADATA_BLOCK_PICTURE", "COVERART"})
_COMMENT_BLOCK, _PADDING_BLOCK = 4, 1
_LARGEST_BLOCK = (1 << 24) - 1
_NEW_PADDING = 1024
_OGG_HEADS = {b"\x01vorbis": b"\x03vorbis", b"OpusHead": b"OpusTags", b"\x7fFLAC": b"\x04"}
_MOST_PAGES = 4096  # before the comments end


class Comments:
    """A comment packet: vendor, comments in order, and what follows them.

    :raises ValueError: it is damaged.
    """

    slots = (
        *((name, name) for name in ("DESCRIPTION", "CATID", "CATEGORY", "SUBCATEGORY", "FXNAME")),
        ("KEYWORDS", "KEYWORDS"),
        ("RATING_100", "RATING"),
        ("NOTES", "NOTES"),
    )

    def __init__(self, data: bytes | None) -> None:
        self._vendor, self._comments, self._rest = _VENDOR, list[bytes](), b""
        if data is None:
            return
        self._vendor, place = _counted(data, 0)
        if place + 4 > len(data):
            raise ValueError("its comments are cut off")
        count = struct.unpack_from("<I", data, place)[0]
        place += 4
        for _ in range(count):
            comment, place = _counted(data, place)
            self._comments.append(comment)
        self._rest = data[place:]

    def texts(self) -> Iterator[tuple[str, Text]]:
        """Yield all texts by name in lower case, pictures left out."""
        for comment in self._comments:
            name, value = _halves(comment)
            text = read_text(value) if name not in _PICTURES else None
            if text is not None:
                yield name.lower(), text

    def get(self, key: str) -> Text | None:
        """Return the texts of a name, joined, or None; unreadable if one of them is."""
        found = [text for _, text in self._of(key)]
        if not found:
            return None
        texts = [text.text for text in found if text.text is not None]
        raw = b"; ".join(text.raw for text in found)
        return Text(raw, "; ".join(texts) if len(texts) == len(found) else None, "utf-8")

    def _of(self, key: str) -> list[tuple[int, Text]]:
        found = []
        for place, comment in enumerate(self._comments):
            name, value = _halves(comment)
            text = read_text(value) if name == key else None
            if text is not None:
                found.append((place, text))
        return found

    def put(self, key: str, text: str) -> None:
        """Give a name another text, in the place of the first that it had."""
        new = f"{key}={clean(text)}".encode()
        own = [n for n, comment in enumerate(self._comments) if _halves(comment)[0] == key]
        if not own:
            self._comments.append(new)
            return
        self._comments[own[0]] = new
        for place in reversed(own[1:]):
            del self._comments[place]

    def add(self, key: str, words: Sequence[str]) -> bool:
        """Add a comment for every word."""
        self._comments += [f"{key}={clean(word)}".encode() for word in words]
        return True

    def drop(self, key: str, words: Sequence[str]) -> None:
        """Take words out of the comments of a name, alone or in lists; others keep their bytes."""
        gone = {word.casefold() for word in words}
        for place, text in reversed(self._of(key)):
            held = words_of(text.text or "")
            kept = [word for word in held if word.casefold() not in gone]
            if not kept:
                del self._comments[place]
            elif len(kept) < len(held):
                name, _, _ = self._comments[place].partition(b"=")
                rest = without(text.text or "", words).encode(text.encoding or "utf-8")
                self._comments[place] = name + b"=" + rest

    def data(self) -> bytes:
        """Return the packet."""
        parts = [_with_count(self._vendor), struct.pack("<I", len(self._comments))]
        return b"".join([*parts, *map(_with_count, self._comments), self._rest])


def _halves(comment: bytes) -> tuple[str, bytes]:
    name, _, value = comment.partition(b"=")
    return name.decode("ascii", "replace").upper(), value


def _counted(data: bytes, place: int) -> tuple[bytes, int]:
    """Return the bytes behind their count, and what follows."""
    end = place + 4
    if end > len(data):
        raise ValueError("its comments are cut off")
    end += struct.unpack_from("<I", data, place)[0]
    if end > len(data):
        raise ValueError("its comments are cut off")
    return data[place + 4 : end], end


def _with_count(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


class FlacFile:
    """The metadata blocks of a FLAC file, and where its audio begins.

    :raises AudioError: it is no FLAC file, or its blocks do not fit into it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks: list[tuple[int, int, int]] = []  # kind, where its data is, length
        size = path.stat().st_size
        with path.open("rb") as file:
            self._begin = tag_size(file.read(10))
            file.seek(self._begin)
            if file.read(4) != b"fLaC":
                raise AudioError(f"{path.name} is not a FLAC file")
            last = False
            while not last:
                head = file.read(4)
                length = int.from_bytes(head[1:], "big")
                if len(head) < 4 or file.tell() + length > size:
                    raise AudioError(f"{path.name} has damaged metadata: it is unchanged")
                last = bool(head[0] & 0x80)
                self._blocks.append((head[0] & 0x7F, file.tell(), length))
                file.seek(length, 1)
            self._audio = file.tell()

    def comments(self) -> bytes | None:
        """Return the packet of comments, or None."""
        return self.block(_COMMENT_BLOCK)

    def block(self, wanted: int) -> bytes | None:
        """Return the first block of metadata of a kind, or None."""
        for kind, start, length in self._blocks:
            if kind == wanted:
                return _read(self._path, start, length)
        return None

    def rate_hz(self) -> int:
        """Return the rate in the first block, which every file has."""
        return int.from_bytes((self.block(0) or b"")[10:13], "big") >> 4

    def rewrite(self, out: BinaryIO, comments: bytes) -> None:
        """Copy the file with other comments; padding gives way, so that the audio stays in place.

        :raises InputError: the comments are too large.
        """
        if len(comments) > _LARGEST_BLOCK:
            raise InputError(f"{self._path.name} cannot hold more than 16 MB of tags")
        kinds = [kind for kind, *_ in self._blocks]
        where = kinds.index(_COMMENT_BLOCK) if _COMMENT_BLOCK in kinds else None
        old = self._blocks[where][2] + 4 if where is not None else 0
        grown = len(comments) + 4 - old
        padding = next((n for n, kind in enumerate(kinds) if kind == _PADDING_BLOCK), None)
        room = self._blocks[padding][2] if padding is not None else -1
        blocks: list[tuple[int, int, int | bytes]] = list(self._blocks)
        if padding is not None and 0 <= room - grown <= _LARGEST_BLOCK:
            blocks[padding] = (_PADDING_BLOCK, 0, bytes(room - grown))
        elif grown > 0 and padding is None:
            blocks.append((_PADDING_BLOCK, 0, bytes(_NEW_PADDING)))
        if where is not None:
            blocks[where] = (_COMMENT_BLOCK, 0, comments)
        else:
            blocks.insert(1, (_COMMENT_BLOCK, 0, comments))
        with self._path.open("rb") as file:
            copy_bytes(file, out, self._begin + 4)
            for number, (kind, start, held) in enumerate(blocks):
                length = held if isinstance(held, int) else len(held)
                last = 0x80 if number == len(blocks) - 1 else 0
                out.write(bytes([kind | last]) + length.to_bytes(3, "big"))
                if isinstance(held, bytes):
                    out.write(held)
                else:
                    file.seek(start)
                    copy_bytes(file, out, held)
            file.seek(self._audio)
            copy_bytes(file, out, self._path.stat().st_size - self._audio)


class OggFile:
    """The comment packet of an Ogg file of one Vorbis, Opus or FLAC stream.

    Its pages are read and numbered anew by mutagen.

    :raises AudioError: it is no such file, or its first pages are damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._pages, self._packets, self._head = _comment_pages(path)
        except (OSError, EOFError, ValueError, IndexError, _ogg_error()) as error:
            raise AudioError(f"{path.name} has damaged metadata: {error}") from None

    def comments(self) -> bytes:
        """Return the packet of comments, without what marks it."""
        skipped = 4 if self._head == b"\x04" else len(self._head)
        return bytes(self._packets[0][skipped:])

    def rewrite(self, out: BinaryIO, comments: bytes) -> None:
        """Copy the file with other comments.

        :raises AudioError: pages behind them, which are numbered anew, are damaged or cut off.
        """
        from mutagen.ogg import OggPage

        pages: Any = OggPage  # it has no types
        first = self._packets[0]
        head = self._head
        if head == b"\x04":  # a metadata block of FLAC: what kind and how long
            head = first[:1] + len(comments).to_bytes(3, "big")
        packets = [head + comments, *self._packets[1:]]
        with self._path.open("rb") as file:
            copy_bytes(file, out, self._path.stat().st_size)
        out.flush()
        with Path(str(out.name)).open("r+b") as made:
            new = pages.from_packets(packets, self._pages[0].sequence)
            try:
                pages.replace(made, self._pages, new)
            except _ogg_error():
                raise AudioError(
                    f"{self._path.name} has damaged pages, which writing tags would move: it "
                    "is unchanged"
                ) from None
        out.seek(0, io.SEEK_END)


def _comment_pages(path: Path) -> tuple[list[Any], list[bytes], bytes]:
    """Return the pages of the comment packet, their packets, and what marks it."""
    from mutagen.ogg import OggPage

    pages: Any = OggPage
    with path.open("rb") as file:
        first = pages(file)
        start = next((s for s in _OGG_HEADS if first.packets[0].startswith(s)), None)
        if start is None:
            raise ValueError("it holds neither Vorbis nor Opus nor FLAC")
        head = _OGG_HEADS[start]
        own: list[Any] = []
        for _ in range(_MOST_PAGES):
            page = pages(file)
            if page.serial != first.serial:
                continue
            own.append(page)
            if page.complete or len(page.packets) > 1:
                break
        packets = [bytes(packet) for packet in pages.to_packets(own)]
    if not packets[0].startswith((head, b"\x84") if head == b"\x04" else head):
        raise ValueError("its second packet holds no comments")
    return own, packets, head


def _ogg_error() -> type[Exception]:
    from mutagen import MutagenError

    return MutagenError


def _read(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)
