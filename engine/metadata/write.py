"""Write descriptions, categories and keywords into sound files, and nothing else.

A file is replaced as a whole or not at all, its audio data the same byte for byte, and every change
can be taken back (:mod:`.journal`).  WAV, RF64 and BW64 are rewritten here chunk by chunk; mutagen
writes the tags of the others into a copy.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error

from engine.errors import AudioError, InputError, SoundsiftError
from engine.metadata.broadcast import changed_bext, changed_info, changed_ixml, clean
from engine.metadata.copying import copy_bytes
from engine.metadata.journal import Journal
from engine.metadata.riff import Chunk, Layout, read_chunk, read_layout, rewrite
from engine.metadata.ucs_names import UcsCategory

_WAV = frozenset({".wav", ".wave", ".bwf", ".rf64"})
_ID3 = frozenset({".mp3", ".aif", ".aiff", ".aifc"})
_VORBIS = frozenset({".flac", ".ogg", ".oga", ".opus"})
_MP4 = frozenset({".m4a", ".m4b", ".mp4"})
WRITABLE = _WAV | _ID3 | _VORBIS | _MP4
_BLOCK = 1 << 20
_ITUNES = "----:com.apple.iTunes:"


@dataclass(frozen=True)
class SoundTags:
    """What to write; what is None or empty stays as it is in the file."""

    description: str | None = None
    category: UcsCategory | None = None
    fx_name: str | None = None
    keywords: tuple[str, ...] = ()

    def named(self) -> dict[str, str]:
        """Return the fields by their names in iXML's USER."""
        found = {
            "DESCRIPTION": self.description,
            "CATID": self.category.id if self.category else None,
            "CATEGORY": self.category.category if self.category else None,
            "SUBCATEGORY": self.category.subcategory if self.category else None,
            "FXNAME": self.fx_name,
            "KEYWORDS": ", ".join(self.keywords),
        }
        return {name: clean(text) for name, text in found.items() if text}


def write_tags(path: Path, tags: SoundTags, journal: Journal, keep_time: bool = False) -> bool:
    """Write ``tags`` into a file; return whether that changed it, or it held them already.

    :param keep_time: leave its modification time as it was.
    :raises InputError: there is nothing to write, or this kind of file cannot hold it.
    :raises AudioError: the file is damaged, cannot be written, or its audio would have changed;
        it stays as it was.
    """
    if not tags.named():
        raise InputError("there is nothing to write: give a description, a category or keywords")
    if path.is_symlink():
        raise InputError(f"{path.name} is a link: write into the file that it points to")
    if path.suffix.lower() not in WRITABLE:
        raise InputError(f"{path.name} is of a kind that no tags are written into")
    if not os.access(path, os.W_OK):
        raise AudioError(f"{path.name} may not be written: it is read-only")
    try:
        if path.suffix.lower() in _WAV:
            return _write_wav(path, tags, journal, keep_time)
        return _write_tagged(path, tags, journal, keep_time)
    except OSError as error:
        raise AudioError(
            f"{path.name} cannot be written: {error.strerror or error}; it is as it was"
        ) from None


def _write_wav(path: Path, tags: SoundTags, journal: Journal, keep_time: bool) -> bool:
    layout = read_layout(path)
    changes = wav_changes(path, layout, tags)
    held = [isinstance(c, Chunk) and read_chunk(path, c) == data for c, data in changes.items()]
    if all(held):
        return False
    before = _data_hash(path, layout)

    def write(out: BinaryIO) -> None:
        rewrite(path, layout, out, changes)
        out.flush()
        written = Path(str(out.name))
        if _data_hash(written, read_layout(written)) != before:
            raise AudioError(f"the audio of {path.name} would have changed: it is as it was")

    journal.replace(path, write, keep_time)
    return True


def wav_changes(path: Path, layout: Layout, tags: SoundTags) -> dict[Chunk | bytes, bytes]:
    """Return the new data of bext, iXML and LIST INFO, by chunk, or by id where there is none."""
    named = tags.named()
    changes: dict[Chunk | bytes, bytes] = {}

    def old(chunk: Chunk | None) -> bytes | None:
        return None if chunk is None else read_chunk(path, chunk)

    bext, ixml = layout.first(b"bext"), layout.first(b"iXML")
    if tags.description:
        changes[bext or b"bext"] = changed_bext(old(bext), tags.description)
    aswg = {
        "catId": named.get("CATID"),
        "category": named.get("CATEGORY"),
        "subCategory": named.get("SUBCATEGORY"),
        "fxName": named.get("FXNAME"),
    }
    held = {name: text for name, text in aswg.items() if text}
    changes[ixml or b"iXML"] = changed_ixml(old(ixml), named, held, path.name)
    lists = [chunk for chunk in layout.chunks if chunk.id == b"LIST" and chunk.size >= 4]
    info = next((c for c in lists if read_chunk(path, c)[:4] == b"INFO"), None)
    fields = {
        b"ICMT": named.get("DESCRIPTION"),
        b"IGNR": named.get("CATEGORY"),
        b"IKEY": named.get("KEYWORDS"),
    }
    texts = {key: text for key, text in fields.items() if text}
    if texts:
        changes[info or b"LIST"] = changed_info(old(info), texts)
    return changes


def _data_hash(path: Path, layout: Layout) -> list[str]:
    data = [chunk for chunk in layout.chunks if chunk.id == b"data"]
    return [_hash_of(path, chunk.start, chunk.size) for chunk in data]


def _hash_of(path: Path, start: int, count: int) -> str:
    """Return the SHA-256 of some bytes of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        while count > 0 and (block := file.read(min(_BLOCK, count))):
            digest.update(block)
            count -= len(block)
    return digest.hexdigest()


def _write_tagged(path: Path, tags: SoundTags, journal: Journal, keep_time: bool) -> bool:
    """Let mutagen change a copy, and look whether its packets of audio are the same."""
    before = _packets_hash(path)
    with tempfile.TemporaryDirectory(prefix="soundsift-") as folder:
        copy = Path(folder) / f"copy{path.suffix.lower()}"
        shutil.copyfile(path, copy)
        try:
            _tag_with_mutagen(copy, tags)
        except SoundsiftError:
            raise
        except Exception as error:  # mutagen raises whatever a damaged file leads to
            raise AudioError(f"the tags of {path.name} cannot be changed: {error}") from None
        if filecmp.cmp(path, copy, shallow=False):
            return False
        if _packets_hash(copy) != before:
            raise AudioError(f"the audio of {path.name} would have changed: it is as it was")
        size = copy.stat().st_size

        def write(out: BinaryIO) -> None:
            with copy.open("rb") as made:
                copy_bytes(made, out, size)

        journal.replace(path, write, keep_time)
        return True


def _packets_hash(path: Path) -> str:
    """Return the SHA-256 of all packets of audio, which no tag is part of."""
    digest = hashlib.sha256()
    try:
        with av.open(str(path)) as container:
            for packet in container.demux(container.streams.audio[0]):
                digest.update(bytes(packet))
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise AudioError(f"{path.name} is damaged: {error}") from None
    return digest.hexdigest()


def _tag_with_mutagen(path: Path, tags: SoundTags) -> None:
    import mutagen

    suffix = path.suffix.lower()
    file: Any = mutagen.File(path)
    if file is None:
        raise AudioError(f"{path.name} is not a sound file, or its header is damaged")
    if file.tags is None:
        file.add_tags()
    writer: Callable[[Any, SoundTags], None] = _put_vorbis
    if suffix in _ID3:
        writer = _put_id3
    elif suffix in _MP4:
        writer = _put_mp4
    writer(file.tags, tags)
    file.save()


def _put_vorbis(held: Any, tags: SoundTags) -> None:
    for name, text in tags.named().items():
        held[name] = [clean(word) for word in tags.keywords] if name == "KEYWORDS" else [text]


def _put_id3(held: Any, tags: SoundTags) -> None:
    from mutagen import id3

    frames: Any = id3  # it has no types
    utf8 = id3.Encoding.UTF8
    for name, text in tags.named().items():
        if name == "DESCRIPTION":
            held.setall("COMM::eng", [frames.COMM(encoding=utf8, lang="eng", desc="", text=[text])])
        else:
            held.setall(f"TXXX:{name}", [frames.TXXX(encoding=utf8, desc=name, text=[text])])
    if tags.category is not None:
        held.setall("TCON", [frames.TCON(encoding=utf8, text=[tags.category.category])])


def _put_mp4(held: Any, tags: SoundTags) -> None:
    from mutagen import mp4

    free_form: Any = mp4.MP4FreeForm  # it has no types
    for name, text in tags.named().items():
        if name == "DESCRIPTION":
            held["©cmt"] = [text]
        else:
            held[f"{_ITUNES}{name}"] = [free_form(text.encode())]
    if tags.category is not None:
        held["©gen"] = [tags.category.category]
