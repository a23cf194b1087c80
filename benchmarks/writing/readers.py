"""What others make of a file: libsndfile, FFmpeg, mutagen, the XML of Python, and the system."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import av
import av.error
import mutagen
import soundfile

from benchmarks.writing.walkers import OURS, Anatomy, anatomy, text_of
from engine.metadata.ucs_names import categories
from engine.metadata.write import SoundTags

_CATEGORY = ("CATID", "CATEGORY", "SUBCATEGORY")
_FRAMES = 1 << 16
_BLANK = b"\0 \t\r\n"
_CODECS = ("utf-8", "utf-16-le", "utf-16-be", "latin-1")
_KEPT_BY_MUTAGEN = ("COMM::", "TCON", "©cmt", "©gen", "gnre")


def state(path: Path) -> dict[str, object]:
    """Return all that the system says of a file, and a digest of its bytes."""
    told = path.lstat()
    linked = stat.S_ISLNK(told.st_mode)
    return {
        "bytes": str(path.readlink()) if linked else digest(path.read_bytes()),
        "modification time": told.st_mtime_ns,
        "mode": told.st_mode,
        "owner": (told.st_uid, told.st_gid),
        "names": told.st_nlink,
        "attributes": extended(path),
        "number": told.st_ino,
        "time of change": told.st_ctime_ns,
    }


def extended(path: Path) -> dict[str, bytes]:
    """Return the extended attributes of a file, none where the system has none."""
    if sys.platform != "linux":
        return {}
    names = os.listxattr(path, follow_symlinks=False)
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}


def digest(data: bytes) -> str:
    """Return a digest."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what decoders write to descriptor 2 about damaged files away from the terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def heard(path: Path) -> dict[str, object]:
    """Return what libsndfile, FFmpeg and mutagen make of a file; None where one cannot open it."""
    with quiet():
        return {
            "libsndfile hears": _by_libsndfile(path),
            "FFmpeg hears": _by_ffmpeg(path),
            "FFmpeg's packets": _packets(path),
            "mutagen reads": _by_mutagen(path),
        }


def _by_libsndfile(path: Path) -> object:
    found = hashlib.sha256()
    try:
        with soundfile.SoundFile(str(path)) as file:
            facts = (file.samplerate, file.channels, file.format, file.subtype)
            try:
                while len(block := file.read(_FRAMES, dtype="float64", always_2d=True)):
                    found.update(block.tobytes())
            except (soundfile.LibsndfileError, RuntimeError):
                return (*facts, found.hexdigest(), "breaks off")
            return (*facts, found.hexdigest())
    except (soundfile.LibsndfileError, RuntimeError):
        return None


def _by_ffmpeg(path: Path) -> object:
    found = hashlib.sha256()
    frames = 0
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                return None
            facts = (stream.rate, stream.codec_context.channels, stream.codec_context.name)
            try:
                for frame in container.decode(stream):
                    frames += frame.samples
                    for plane in range(len(frame.planes)):
                        size = frame.samples * frame.format.bytes
                        size *= 1 if frame.format.is_planar else frame.layout.nb_channels
                        found.update(bytes(frame.planes[plane])[:size])
            except (av.error.FFmpegError, ValueError):
                return (*facts, frames, found.hexdigest(), "breaks off")
            return (*facts, frames, found.hexdigest())
    except (av.error.FFmpegError, OSError, ValueError):
        return None


def _packets(path: Path) -> object:
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            audio = container.streams.audio
            return [(p.stream.index, p.pts, digest(bytes(p))) for p in container.demux(audio)]
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        return None


def _by_mutagen(path: Path) -> object:
    """Return what is not ours among what mutagen reads, and what it says of the audio."""
    try:
        file = mutagen.File(path)
    except Exception:  # it fails in many ways at damaged files
        return None
    if file is None:
        return None
    facts: list[Any] = [getattr(file.info, "sample_rate", None), getattr(file.info, "channels", 0)]
    tags: Any = file.tags if file.tags is not None else []
    held = list(tags) if isinstance(tags, list) else list(tags.items())
    named = [(re.sub(r"^unknown\d+$", "unknown", str(key)), said) for key, said in held]
    facts += sorted(f"{key}={said!r}" for key, said in named if not _is_ours(key))
    facts += [f"unknown {frame!r}" for frame in getattr(tags, "unknown_frames", ())]
    facts += [repr(picture.data) for picture in getattr(file, "pictures", ())]
    return facts


def _is_ours(key: str) -> bool:
    return key.startswith(_KEPT_BY_MUTAGEN) or key.rpartition(":")[2].upper() in OURS


def category_by_mutagen(path: Path) -> list[str] | None:
    """Return the CatIDs that mutagen reads in a file; None where it reads none of its tags."""
    try:
        file = mutagen.File(path)
    except Exception:
        return None
    if file is None or file.tags is None:
        return None
    held = list(file.tags.items()) if not isinstance(file.tags, list) else list(file.tags)
    values = [value for key, value in held if str(key).rpartition(":")[2].upper() == "CATID"]
    texts = [v for value in values for v in (value if isinstance(value, list) else [value])]
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in texts]


def problems(before: Path, after: Path, tags: SoundTags, pieces: Sequence[bytes]) -> list[str]:
    """Return in what a written file is not what it was, beside the fields that we write.

    :param pieces: what must still be in it, as often as it was.
    """
    found = []
    was, now = heard(before), heard(after)
    for what, old in was.items():
        if old is not None and old != now[what]:
            found.append(f"{what} something else")
    old_bytes, new_bytes = before.read_bytes(), after.read_bytes()
    old, new = anatomy(old_bytes), anatomy(new_bytes)
    found += [
        f"a piece is lost: {piece[:40]!r}"
        for piece in pieces
        if piece and new_bytes.count(piece) < old_bytes.count(piece)
    ]
    if old.kind != new.kind:
        return [*found, f"it was {old.kind} and is {new.kind}"]
    if old.audio != new.audio:
        found.append("its audio's bytes are others")
    found += _foreign(old.foreign, new.foreign)
    if old.size_stated is not None and old.size_stated != new.size_stated:
        found.append("it states a wrong size")
    found += _fields(old.own, new.own, tags)
    if tags.category is not None:
        found += _category(after, new, tags.category.id)
    return found


def _category(path: Path, new: Anatomy, wanted: str) -> Iterator[str]:
    """Yield what is wrong with the category that was written; nothing where nobody else reads."""
    if new.kind == "wav":
        held = b"".join(new.own.get(("iXML", ""), [])).replace(b"\0", b"")
        if f"<CATID>{wanted}</CATID>".encode() not in held:
            yield f"its iXML does not name {wanted}"
        return
    said = category_by_mutagen(path)
    if said is not None and wanted not in said:
        yield f"mutagen reads the categories {said}, not {wanted}"


def _foreign(old: list[object], new: list[object]) -> Iterator[str]:
    """Yield what is gone of what must stay in order; empty things may come."""
    rest = iter([thing for thing in new if not _is_empty(thing)])
    for thing in old:
        if not _is_empty(thing) and thing not in rest:
            yield f"not as it was: {str(thing)[:100]}"
            return


def _is_empty(thing: object) -> bool:
    return isinstance(thing, tuple) and thing[-1] == b"" and len(thing) == 2


Own = dict[tuple[str, str], list[bytes]]


def _fields(old: Own, new: Own, tags: SoundTags) -> Iterator[str]:
    """Yield which of our fields lost what it held."""
    for (place, name), values in old.items():
        is_now = new.get((place, name), [])
        telling = [value for value in values if value.strip(_BLANK)]
        where = f"{place} {name}".strip()
        if place == "iXML":
            yield from _ixml(values[0], is_now[0] if is_now else b"", tags)
        elif name == "version":
            if is_now != values:
                yield f"the version of ID3 was {values} and is {is_now}"
        elif name in _CATEGORY and tags.category is not None:
            continue
        elif name in ("GENRE", "IGNR"):
            if any(v not in is_now and not _is_a_category(v) for v in telling):
                yield f"{where} was {telling} and is {is_now}"
        elif name in ("KEYWORDS", "IKEY"):
            if place == "ID3" and tags.dropped:
                telling = [text_of(name, value) for value in telling]
                is_now = [text_of(name, value) for value in is_now]
            yield from _words(where, telling, is_now, tags.dropped)
        elif any(value not in is_now for value in telling):
            yield f"{where} was {telling} and is {is_now}"


def _is_a_category(value: bytes) -> bool:
    text = value.replace(b"\0", b"").decode("utf-8", "replace").upper()
    return any(text.endswith(known.category.upper()) for known in categories().values())


def _words(where: str, old: list[bytes], new: list[bytes], dropped: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with keywords: they may grow, and lose those that were taken back."""
    if not dropped:
        for value in old:
            if not any(value.rstrip(b"\0 ") in other for other in new):
                yield f"{where} was {value!r} and is {new}"
        return
    gone = {word.casefold() for word in dropped}
    for value in old:
        readings = [_listed(value, codec) for codec in _CODECS]
        found = [{word for other in new for word in _listed(other, codec)} for codec in _CODECS]
        if not any(set(words) - gone <= held for words in readings if words for held in found):
            yield f"{where} was {value!r} and is {new}, less {dropped}"


def _listed(value: bytes, codec: str) -> list[str]:
    """Return the words of a list in an encoding, none if it is in another."""
    try:
        text = value.decode(codec)
    except UnicodeDecodeError:
        return []
    return [word.strip().casefold() for word in re.split("[,;\0\ufeff]", text) if word.strip()]


def _tree(body: bytes) -> tuple[list[object], dict[str, list[str]]] | None:
    """Return what is not ours in a document, and ours by its name; None if it is no document."""
    builder = ElementTree.TreeBuilder(insert_comments=True, insert_pis=True)
    text = body.rstrip(b"\0")
    text += b"\0" if len(text) % 2 and (b"<\0" in text[:8] or text[:2] == b"\xff\xfe") else b""
    try:
        root = ElementTree.fromstring(text, ElementTree.XMLParser(target=builder))
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    foreign: list[object] = []
    own: dict[str, list[str]] = {}

    def walk(element: Any, path: tuple[str, ...]) -> None:
        text = (element.text or "").strip()
        if len(path) == 3 and path[1] in ("USER", "ASWG") and path[2].upper() in OURS:
            own.setdefault(path[2].upper(), []).append(text)
        elif path[1:] not in (("USER",), ("ASWG",)) or text or element.attrib:
            foreign.append((path, text, sorted(element.attrib.items())))
        for child in element:
            walk(child, (*path, child.tag if isinstance(child.tag, str) else str(child.tag)[10:17]))

    walk(root, (root.tag if isinstance(root.tag, str) else "",))
    return foreign, own


def _ixml(old: bytes, new: bytes, tags: SoundTags) -> Iterator[str]:
    if not old.strip(_BLANK):
        return
    was, now = _tree(old), _tree(new)
    if was is None or now is None:
        if old != new:
            yield "iXML that nobody reads is other iXML"
        return
    if was[0] != now[0]:
        yield f"iXML has lost {[x for x in was[0] if x not in now[0]]}"
    start = old.find(b"<BWFXML")
    if old[: max(0, start)] != new[: max(0, start)]:
        yield "iXML begins otherwise"
    for name, texts in was[1].items():
        held = now[1].get(name, [])
        if name in _CATEGORY and tags.category is not None:
            continue
        if name == "KEYWORDS":
            yield from _words(
                "iXML", [t.encode() for t in texts], [t.encode() for t in held], tags.dropped
            )
        elif any(text not in held for text in texts if text):
            yield f"iXML's {name} was {texts} and is {held}"
