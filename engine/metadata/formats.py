"""The formats of files that hold our fields, a row each: how they are read and written.

What a file is, its first bytes say, not its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import AudioError
from engine.metadata import containers, header_texts
from engine.metadata.containers import Container
from engine.metadata.header_texts import Texts
from engine.metadata.id3 import tag_size
from engine.metadata.riff import is_chunked

Kind = Literal["wav", "aiff", "flac", "ogg", "mp4", "mp3"]


@dataclass(frozen=True)
class Format:
    """A format: what its files may be called, in lower case, and what reads and opens them.

    ``texts`` yields everything that a header says, by name; ``open`` gives the parts that we write
    into.
    """

    endings: tuple[str, ...]
    texts: Callable[[Path], Texts]
    open: Callable[[Path], Container]


FORMATS: dict[Kind, Format] = {
    "wav": Format(
        (".wav", ".wave", ".bwf", ".rf64"), header_texts.of_chunks, containers.open_chunks
    ),
    "aiff": Format((".aif", ".aiff", ".aifc"), header_texts.of_chunks, containers.open_chunks),
    "flac": Format((".flac",), header_texts.of_flac, containers.open_flac),
    "ogg": Format((".ogg", ".oga", ".opus"), header_texts.of_ogg, containers.open_ogg),
    "mp4": Format((".m4a", ".m4b", ".mp4"), header_texts.of_mp4, containers.open_mp4),
    "mp3": Format((".mp3",), header_texts.of_mp3, containers.open_mp3),
}
WRITABLE = frozenset(ending for known in FORMATS.values() for ending in known.endings)


def kind_of(path: Path) -> Kind | None:
    """Return what a file is by its first bytes, None if it is nothing that holds our fields."""
    with path.open("rb") as file:
        head = file.read(12)
        if is_chunked(head):
            return "aiff" if head[:4] == b"FORM" else "wav"
        if head[4:8] == b"ftyp":
            return "mp4"
        if head[:4] == b"OggS":
            return "ogg"
        size = tag_size(head)
        file.seek(size)
        begin = file.read(4)
    if begin == b"fLaC":
        return "flac"
    sync = len(begin) >= 2 and begin[0] == 0xFF and begin[1] & 0xE0 == 0xE0
    layer = len(begin) >= 2 and begin[1] & 0x06  # none: AAC
    if (sync and layer) or path.suffix.lower() == ".mp3":
        return "mp3"
    return None


def texts_of(path: Path) -> Texts:
    """Return what the header of a file says, by name."""
    if not path.is_file():
        return iter(())
    kind = kind_of(path)
    return (FORMATS[kind].texts if kind is not None else header_texts.of_others)(path)


def open_container(path: Path) -> Container:
    """Return the parts of a file that we write into.

    :raises AudioError: it is damaged, or not what it is called.
    :raises InputError: a part of it is too large to be changed.
    """
    kind = kind_of(path)
    if kind is None:
        raise AudioError(f"{path.name} is not a sound file, or its header is damaged")
    return FORMATS[kind].open(path)
