"""Read what a sound file says about its sound, opened for reading only.

wavinfo reads the chunks of WAV files (bext, iXML, INFO, cue, smpl), mutagen the tags of the
others (ID3, Vorbis comments, MP4 atoms, ASF, APE, the chunks of AIFF).  Both read headers alone.
A file without tags, or with tags that cannot be read, has no header texts: whether it can be
heard is for the decoder to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.metadata.ucs_names import categories, category_of_name
from engine.store import Header

_WAV = frozenset({".wav", ".wave", ".bwf", ".rf64"})
_LONGEST = 4000  # characters of one field that are kept
_MOST_FIELDS = 64
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
_CATEGORIES = ("ixml.catid", "catid", "txxx:catid", "----:com.apple.itunes:catid")
_TECHNICAL = frozenset(
    {"encoder", "encoded-by", "tsse", "tenc", "©too", "tlen", "tflt", "isft", "info.software"}
    | {"wm/encodingsettings", "wm/encodedby", "bext.coding_history", "info.encoded_by"}
    | {"bext.originator_date", "bext.originator_time", "bext.originator_ref", "vendor"}
)
_CHUNK_LIMIT = 4 << 20  # bytes; a text chunk above this is not read


def read_header(path: Path) -> Header:
    """Return the texts, the main description and the UCS category of a file."""
    fields = dict(_fields(path))
    lowered = {name.lower(): value for name, value in fields.items()}
    known = [lowered[name] for name in _CATEGORIES if name in lowered]
    category = next((categories()[c.lower()] for c in known if c.lower() in categories()), None)
    category = category or category_of_name(path.stem)
    return Header(
        description=_first(lowered),
        category=category.id if category else None,
        category_words=category.words if category else "",
        fields=fields,
    )


def _first(lowered: Mapping[str, str]) -> str | None:
    for wanted in _DESCRIPTIONS:
        for name, value in lowered.items():
            if name == wanted or name.startswith(wanted + ":"):
                return value
    return None


def _fields(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the printable texts in a header by name, a bounded number of bounded length."""
    reader = _wav_fields if path.suffix.lower() in _WAV else _tagged_fields
    try:
        found = list(reader(path))
    except Exception:  # damaged tags are no tags; these parsers raise whatever comes
        return
    given = 0
    for name, value in found:
        clean = " ".join(_text(value).replace("\0", " ").split())[:_LONGEST]
        told = clean.isprintable() and name.lower() not in _TECHNICAL
        if clean and told and given < _MOST_FIELDS:
            given += 1
            yield name[:100], clean


def _wav_fields(path: Path) -> Iterator[tuple[str, Any]]:
    from wavinfo import WavInfoReader

    if not _chunks_are_sane(path):
        return
    # Names are UTF-8 as often as they are the ASCII of the standard, or else of one byte each.
    try:
        info = WavInfoReader(path, info_encoding="utf-8", bext_encoding="utf-8")
    except UnicodeDecodeError:
        info = WavInfoReader(path, info_encoding="latin-1", bext_encoding="latin-1")
    for part in ("bext", "info"):
        chunk = getattr(info, part)
        if chunk is not None:
            for name, value in chunk.to_dict().items():
                if isinstance(value, str):
                    yield f"{part}.{name}", value
    if info.ixml is not None:
        yield from _ixml_fields(info.ixml)
    if info.cues is not None:
        for cue in info.cues.cues:
            label, note = info.cues.label_and_note(cue.name)
            yield f"cue.{cue.name}", " ".join(filter(None, (label, note)))
    if info.smpl is not None and info.smpl.sample_loops:
        yield "smpl.loops", str(len(info.smpl.sample_loops))


def _ixml_fields(ixml: Any) -> Iterator[tuple[str, str]]:
    """Yield the texts that describe the sound: the note, and all of USER, ASWG and STEINBERG."""
    for element in ixml.parsed.iter():
        if not isinstance(element.tag, str) or len(element) or not (element.text or "").strip():
            continue
        parents = {parent.tag for parent in element.iterancestors()}
        if parents & {"USER", "ASWG", "STEINBERG"} or element.tag in _IXML_TEXTS:
            yield f"ixml.{element.tag}", element.text


_IXML_TEXTS = frozenset({"NOTE", "PROJECT", "SCENE", "USER", "FILE_SET_INDEX"})


def _tagged_fields(path: Path) -> Iterator[tuple[str, Any]]:
    import mutagen

    tagged = mutagen.File(path)
    if tagged is None or not tagged.tags:
        return
    for name, value in tagged.tags.items():
        yield str(name), value


def _text(value: Any) -> str:
    """Return the text of a tag's value; pictures and other data have none."""
    if isinstance(value, list | tuple):
        return "; ".join(filter(None, map(_text, value)))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    texts = getattr(value, "text", None)
    if texts is not None:
        return _text(texts)
    inner = getattr(value, "value", value)
    return str(inner) if isinstance(inner, str | int | float) else ""


def _chunks_are_sane(path: Path) -> bool:
    """Return whether no chunk but the audio's own says to be larger than texts ever are."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) not in (b"RIFF", b"RF64", b"BW64"):
            return False
        file.seek(12)
        for _ in range(1000):
            head = file.read(8)
            if len(head) < 8:
                return True
            length = int.from_bytes(head[4:], "little")
            if head[:4] != b"data" and length > min(_CHUNK_LIMIT, size):
                return False
            if head[:4] == b"data" and length == 0xFFFFFFFF:
                return True  # RF64: the true length is in ds64, and texts may follow
            file.seek(length + length % 2, 1)
    return False
