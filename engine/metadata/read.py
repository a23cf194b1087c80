"""Read what a sound file says about its sound, opened for reading only.

Chunks of WAV and AIFF, ID3, Vorbis comments and MP4 items are read by the code that writes them, so
that what counts as there is the same for both; mutagen reads the tags of the others (ASF, APE).
Headers alone are read.  A text is absent, present, or present but unreadable: then it is empty.
Whether a file can be heard is for the decoder to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.log import logger, named
from engine.metadata.broadcast import Bext, Info
from engine.metadata.containers import id3_before, info_chunk, kind_of
from engine.metadata.cues import cue_texts
from engine.metadata.id3 import Id3
from engine.metadata.ixml import IXml
from engine.metadata.mp4_atoms import Items, Mp4File
from engine.metadata.riff import Chunk, find_chunks, read_chunk
from engine.metadata.texts import LONGEST_BYTES, Text, read_text, shown
from engine.metadata.ucs_names import categories, category_of_name
from engine.metadata.vorbis_comments import Comments, FlacFile, OggFile
from engine.store import Header

Texts = Iterator[tuple[str, Text | str | None]]
_log = logger(__name__)
_LONGEST = 32_000  # characters of one field that are kept
_MOST_CHARACTERS = 256_000  # of all of them
_MOST_FIELDS = 256
_DESCRIPTIONS = (  # in this order
    "bext.description",
    "ixml.description",
    "ixml.note",
    "description",
    "tit3",
    "comment",
    "info.comment",
    "info.subject",
    "comm",
    "©cmt",
    "desc",
    "title",
    "info.title",
    "tit2",
    "©nam",
    "subtitle",
    "name",
)
_WHOLE = frozenset({"ixml", "id3", "bext", "header"})  # parts that may be unreadable as a whole
_CATEGORIES = ("ixml.catid", "catid", "txxx:catid", "----:com.apple.itunes:catid")
_TECHNICAL = frozenset(
    {"encoder", "encoded-by", "tsse", "tenc", "©too", "tlen", "tflt", "isft", "info.software"}
    | {"wm/encodingsettings", "wm/encodedby", "bext.coding_history", "info.encoded_by"}
    | {"bext.originator_date", "bext.originator_time", "bext.originator_ref"}
)
_AIFF_TEXTS = {b"NAME": "name", b"AUTH": "author", b"ANNO": "comment", b"(c) ": "copyright"}
_ID3V1 = {"TIT2": (3, 33), "TPE1": (33, 63), "TALB": (63, 93), "COMM:ID3v1:eng": (97, 125)}


def read_header(path: Path) -> Header:
    """Return the texts, the main description and the UCS category of a file."""
    fields = _fields(path)
    lowered = {name.lower(): value for name, value in fields.items()}
    known = [lowered[name] for name in _CATEGORIES if name in lowered]
    category = next((categories()[c.lower()] for c in known if c.lower() in categories()), None)
    category = category or category_of_name(path.stem)
    return Header(
        description=next(filter(None, _described(lowered)), None),
        category=category.id if category else None,
        category_words=category.words if category else "",
        fields=fields,
    )


def is_described(header: Header) -> bool:
    """Return whether a file has a description or a title, readable or not."""
    lowered = {name.lower(): value for name, value in header.fields.items()}
    return bool(list(_described(lowered))) or bool(_WHOLE & set(lowered))


def names_itself(header: Header) -> bool:
    """Return whether a file has an FXName, readable or not."""
    return bool(_fields_called(header, ("fxname",)))


def category_in(header: Header) -> tuple[bool, str | None]:
    """Return whether a file's header, not its name, names a category; and its CatID if known."""
    named = _fields_called(header, ("catid", "category", "subcategory"))
    known = next((named[n] for n in _CATEGORIES if named.get(n)), None)
    found = categories().get((known or "").lower())
    return bool(named), found.id if found is not None else None


def _fields_called(header: Header, ends: Collection[str]) -> dict[str, str]:
    """Return the fields of some names in lower case, whatever part of a header they lie in."""
    lowered = {name.lower(): value for name, value in header.fields.items()}
    return {n: v for n, v in lowered.items() if n.replace(":", ".").split(".")[-1] in ends}


def _described(lowered: Mapping[str, str]) -> Iterator[str]:
    for wanted in _DESCRIPTIONS:
        for name, value in lowered.items():
            if name == wanted or name.startswith(wanted + ":"):
                yield value


def _fields(path: Path) -> dict[str, str]:
    """Return the texts in a header by name, a bounded number of bounded length.

    Those that cannot be read are empty; what has several texts of one name has them joined.
    """
    found: dict[str, str] = {}
    given = 0
    try:
        for name, text in _texts(path):
            if name.lower() in _TECHNICAL:
                continue
            said = text.text if isinstance(text, Text) else text
            clean = shown(said)[:_LONGEST] if said is not None else ""
            told = found.get(name)
            if clean and told and clean not in told.split("; "):
                clean = f"{told}; {clean}"[:_LONGEST]
            elif told:
                continue
            given += len(clean)
            if (clean or said is None) and len(found) < _MOST_FIELDS and given < _MOST_CHARACTERS:
                found[name[:100]] = clean
    except Exception as error:  # a damaged header says nothing; parsers raise whatever comes
        _log.debug("the header of %s is damaged", named(path), exc_info=error)
        found.setdefault("header", "")
    return found


def _texts(path: Path) -> Texts:
    readers: dict[str, Callable[[Path], Texts]] = {
        "wav": _chunk_texts,
        "aiff": _chunk_texts,
        "flac": lambda path: Comments(FlacFile(path).comments()).texts(),
        "ogg": lambda path: Comments(OggFile(path).comments()).texts(),
        "mp4": lambda path: Items(Mp4File(path).items() or b"").texts(),
        "mp3": _mp3_texts,
    }
    if not path.is_file():
        return iter(())
    return readers.get(kind_of(path) or "", _other_texts)(path)


def _chunk_texts(path: Path) -> Texts:
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


def _mp3_texts(path: Path) -> Texts:
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


def _other_texts(path: Path) -> Texts:
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
