"""The texts in a file's header by name, of each format: all that stands there, ours or not.

Chunks of WAV and AIFF, ID3, Vorbis comments and MP4 items are read by the code that writes them, so
that what counts as there is the same for both; mutagen reads the tags of the others (ASF, APE).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.metadata.broadcast import Bext, Info
from engine.metadata.containers import id3_before, info_chunk
from engine.metadata.cues import cue_texts
from engine.metadata.id3 import Id3
from engine.metadata.ixml import IXml
from engine.metadata.mp4_atoms import Items, Mp4File
from engine.metadata.riff import Chunk, find_chunks, read_chunk
from engine.metadata.texts import LONGEST_BYTES, Text, read_text
from engine.metadata.vorbis_comments import Comments, FlacFile, OggFile

Texts = Iterator[tuple[str, Text | str | None]]
_AIFF_TEXTS = {b"NAME": "name", b"AUTH": "author", b"ANNO": "comment", b"(c) ": "copyright"}
_ID3V1 = {"TIT2": (3, 33), "TPE1": (33, 63), "TALB": (63, 93), "COMM:ID3v1:eng": (97, 125)}


def of_flac(path: Path) -> Texts:
    """Yield the comments of a FLAC file."""
    return Comments(FlacFile(path).comments()).texts()


def of_ogg(path: Path) -> Texts:
    """Yield the comments of an Ogg file, Vorbis or Opus."""
    return Comments(OggFile(path).comments()).texts()


def of_mp4(path: Path) -> Texts:
    """Yield the items of an MP4 file."""
    return Items(Mp4File(path).items() or b"").texts()


def of_chunks(path: Path) -> Texts:
    """Yield what the chunks of a WAV or AIFF file say."""
    layout = find_chunks(path)
    info = info_chunk(path, layout)
    for chunk in layout.chunks:
        reader = _reader_of(chunk, path) if chunk != info else lambda data: Info(data).texts()
        if reader is None:
            continue
        if chunk.size > LONGEST_BYTES:
            yield chunk.id.decode().strip().lower(), None
        else:
            yield from reader(read_chunk(path, chunk))
    yield from cue_texts(path, layout)


def _reader_of(chunk: Chunk, path: Path) -> Callable[[bytes], Texts] | None:
    if chunk.id == b"bext":
        return lambda data: Bext(data).texts()
    if chunk.id == b"iXML":
        return lambda data: IXml(data, path.name).texts()
    if chunk.id in (b"ID3 ", b"id3 "):
        return lambda data: Id3(data, path.name).texts()
    if chunk.id in _AIFF_TEXTS:
        name = _AIFF_TEXTS[chunk.id]
        return lambda data: ((name, text) for text in (read_text(data),) if text is not None)
    return None


def of_mp3(path: Path) -> Texts:
    """Yield what an MP3 file's ID3 tag says; without one, its ID3v1."""
    tag = id3_before(path)
    if tag is not None:
        yield from Id3(tag, path.name).texts()
        return
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 128))
        tail = file.read(128)
    if tail[:3] == b"TAG":
        for name, (start, end) in _ID3V1.items():
            text = read_text(tail[start:end], "latin-1")
            if text is not None:
                yield name, text


def of_others(path: Path) -> Texts:
    """Yield what mutagen finds in a file of a format that we do not write (ASF, APE)."""
    import mutagen

    try:
        tagged = mutagen.File(path)
    except mutagen.MutagenError:
        return
    if tagged is None or not tagged.tags:
        return
    for name, value in tagged.tags.items():
        text = _plain(value)
        if text:
            yield str(name), text


def _plain(value: Any) -> str:
    """Return the text of a tag's value; pictures and other data have none."""
    if isinstance(value, list | tuple):
        return "; ".join(filter(None, map(_plain, value)))
    if isinstance(value, bytes):
        found = read_text(value)
        return (found.text or "") if found is not None else ""
    texts = getattr(value, "text", None)
    if texts is not None:
        return _plain(texts)
    inner = getattr(value, "value", value)
    return str(inner) if isinstance(inner, str | int | float) else ""
