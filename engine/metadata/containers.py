"""The parts of a file's header that we write into, and how a file is written with them changed.

Which of these functions opens which file, :mod:`.formats` says.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from engine.errors import AudioError, InputError
from engine.metadata.broadcast import Bext, Info
from engine.metadata.copying import copy_bytes
from engine.metadata.id3 import Id3, tag_size
from engine.metadata.ixml import IXml
from engine.metadata.mp4_atoms import Items, Mp4File
from engine.metadata.riff import Chunk, Layout, read_chunk, read_layout, rewrite
from engine.metadata.texts import LONGEST_BYTES, Text
from engine.metadata.vorbis_comments import Comments, FlacFile, OggFile

_ID3_CHUNKS = (b"ID3 ", b"id3 ")


class Part(Protocol):
    """One part of a header; ``slots`` are the fields that we write, each with its key there."""

    @property
    def slots(self) -> Sequence[tuple[str, str]]:
        """Return (field, key) of what we write."""

    def get(self, key: str) -> Text | None:
        """Return what is under a key, None if nothing is.

        :raises InputError: the part is damaged.
        """

    def put(self, key: str, text: str) -> None:
        """Let a text be under a key, in the place of what was."""

    def data(self) -> bytes | None:
        """Return the part's bytes, None if there is none."""


@runtime_checkable
class WordPart(Part, Protocol):
    """A part that holds keywords, too."""

    def add(self, key: str, words: Sequence[str]) -> bool:
        """Add words to a readable list; return whether it can hold them."""

    def drop(self, key: str, words: Sequence[str]) -> None:
        """Take words out of a readable list."""


@dataclass(frozen=True)
class Container:
    """The parts of a file that may be changed, and how it is written with them as they are then.

    ``write(out, before_audio)``: new chunks go before the audio, where ``may_choose`` says that
    there is a choice, or behind it; ``only_before`` that there is none but before.
    """

    parts: tuple[Part, ...]
    write: Callable[[BinaryIO, bool], None]
    may_choose: bool = False
    only_before: bool = False


def info_chunk(path: Path, layout: Layout) -> Chunk | None:
    """Return the LIST chunk of type INFO, or None."""
    for chunk in layout.chunks:
        if chunk.id == b"LIST" and chunk.size >= 4 and _begin(path, chunk) == b"INFO":
            return chunk
    return None


def id3_chunk(layout: Layout) -> Chunk | None:
    """Return the chunk that holds an ID3 tag, or None."""
    return next((c for c in layout.chunks if c.id in _ID3_CHUNKS), None)


def id3_before(path: Path) -> bytes | None:
    """Return the ID3 tag that a file begins with, or None.

    :raises AudioError: it goes on behind the file's end.
    """
    with path.open("rb") as file:
        size = tag_size(file.read(10))
        if size > path.stat().st_size:
            raise AudioError(f"{path.name} is cut off inside its ID3 tag")
        file.seek(0)
        return file.read(size) if size else None


def _begin(path: Path, chunk: Chunk) -> bytes:
    with path.open("rb") as file:
        file.seek(chunk.start)
        return file.read(4)


def open_chunks(path: Path) -> Container:
    """Return the parts of a WAV or AIFF file.

    :raises AudioError: its chunks are damaged.
    :raises InputError: one that we would write into is too large.
    """
    layout = read_layout(path)

    def held(chunk: Chunk | None) -> bytes | None:
        if chunk is not None and chunk.size > LONGEST_BYTES:
            raise InputError(
                f"the {chunk.id.decode().strip()} chunk of {path.name} is larger than "
                f"{LONGEST_BYTES >> 20} MB: the file is unchanged"
            )
        return None if chunk is None else read_chunk(path, chunk)

    places: list[Chunk | bytes]
    parts: list[Part]
    if layout.kind == b"FORM":
        tag = id3_chunk(layout)
        places = [tag or b"ID3 "]
        parts = [Id3(held(tag), path.name)]
    else:
        bext, ixml, info = layout.first(b"bext"), layout.first(b"iXML"), info_chunk(path, layout)
        places = [bext or b"bext", ixml or b"iXML", info or b"LIST"]
        parts = [Bext(held(bext)), IXml(held(ixml), path.name), Info(held(info))]
    before = [part.data() for part in parts]

    def write(out: BinaryIO, before_audio: bool) -> None:
        changes = {}
        for place, part, old in zip(places, parts, before, strict=True):
            data = part.data()
            if data is not None and data != old:
                changes[place] = data
        rewrite(path, layout, out, changes, before_audio)

    audio = layout.audio
    unfinished = audio is not None and audio.unfinished
    return Container(tuple(parts), write, may_choose=True, only_before=unfinished)


def open_flac(path: Path) -> Container:
    """Return the comments of a FLAC file.

    :raises AudioError: they are damaged.
    """
    file = FlacFile(path)
    part = _comments(path, file.comments())
    return Container((part,), lambda out, _: file.rewrite(out, part.data()))


def open_ogg(path: Path) -> Container:
    """Return the comments of an Ogg file, Vorbis or Opus.

    :raises AudioError: they are damaged.
    """
    file = OggFile(path)
    part = _comments(path, file.comments())
    return Container((part,), lambda out, _: file.rewrite(out, part.data()))


def _comments(path: Path, data: bytes | None) -> Comments:
    try:
        return Comments(data)
    except ValueError as error:
        raise AudioError(f"{path.name} has damaged metadata: {error}") from None


def open_mp4(path: Path) -> Container:
    """Return the items of an MP4 file.

    :raises AudioError: they are damaged.
    """
    file = Mp4File(path)
    try:
        part = Items(file.items() or b"")
    except (ValueError, struct.error) as error:
        raise AudioError(f"{path.name} has damaged metadata: {error}") from None
    return Container((part,), lambda out, _: file.rewrite(out, part.data()))


def open_mp3(path: Path) -> Container:
    """Return the ID3 tag of an MP3 file.

    :raises AudioError: it is damaged.
    """
    old = id3_before(path)
    part = Id3(old, path.name)

    def write(out: BinaryIO, before_audio: bool) -> None:
        out.write(part.data() or b"")
        with path.open("rb") as file:
            start = len(old or b"")
            file.seek(start)
            copy_bytes(file, out, path.stat().st_size - start)

    return Container((part,), write)
