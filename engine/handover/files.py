"""Files as they leave: what is heard, with what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import soundfile

from engine.audio.clip import Clip
from engine.audio.facts import Frames
from engine.errors import AudioError, InputError
from engine.handover.cue_points import cue_chunks
from engine.handover.forms import FLOAT, Form
from engine.handover.frames import Cut, cut_of, frames_of
from engine.handover.order import Order
from engine.handover.origin import Origin, bext_of, carried, fill, info_of, ixml_of
from engine.handover.samples import Quantiser
from engine.handover.wave import Wave, write_wave
from engine.metadata.containers import id3_before, id3_chunk, info_chunk
from engine.metadata.formats import kind_of
from engine.metadata.id3 import Id3
from engine.metadata.riff import find_chunks, read_chunk, read_layout, rewrite
from engine.metadata.texts import LONGEST_BYTES
from engine.metadata.vorbis_comments import Comments, FlacFile, OggFile
from engine.progress import Control, Progress

_MOST_FLAC_CHANNELS = 8
_MOST_AIFF_BYTES = (1 << 32) - (1 << 20)
_EXTENSIBLE_BYTES, _MASK = 40, slice(20, 24)


class Source:
    """An open file, and what an order makes of it."""

    def __init__(self, clip: Clip, order: Order) -> None:
        self.clip, self.order = clip, order
        self.form: Form = order.made_as
        self.cut: Cut = cut_of(clip, order)
        self.origin = Origin(order, clip.facts, self.cut, self.form.depth)
        self.texts = carried(clip.path)

    @property
    def size(self) -> int:
        """Return about how many bytes the file will have."""
        return self.cut.frames * self.cut.width * self.form.depth // 8

    @property
    def dither(self) -> bool:
        """Return whether samples must be dithered: they have more bits than the file will."""
        facts, cut = self.clip.facts, self.cut
        changed = bool(self.order.rendering.treatment) or cut.rate_hz != cut.source_hz
        return self.form.depth == 16 and (changed or facts.bits is None or facts.bits > 16)

    def blocks(self, control: Control) -> Iterator[Frames]:
        """Yield the frames, and report.

        :raises Cancelled: the user asked to stop.
        """
        done = 0
        for block in frames_of(self.clip, self.order, self.cut):
            yield block
            done += len(block)
            control.report(Progress("rendering", done, self.cut.frames))


def write_as_wav(source: Source, out: BinaryIO, control: Control) -> None:
    """Write a broadcast WAV file."""
    cut, origin, path = source.cut, source.origin, source.clip.path
    held = _chunks_of(path)
    mask = held.pop(b"fmt ", b"").ljust(_EXTENSIBLE_BYTES, b"\0")[_MASK]
    chunks = [
        (b"bext", bext_of(held.get(b"bext"), origin, source.texts)),
        (b"iXML", ixml_of(held.get(b"iXML"), origin, source.texts)),
    ]
    chunks += cue_chunks(path, cut, source.order.rendering)
    info = info_of(held.get(b"LIST"), source.texts)
    if info is not None:
        chunks.append((b"LIST", info))
    if b"ID3 " in held:
        chunks.append((b"id3 ", held[b"ID3 "]))
    known = int.from_bytes(mask, "little") if source.order.channels is None else 0
    wave = Wave(cut.rate_hz, cut.width, source.form.depth, cut.frames, known, tuple(chunks))
    write_wave(out, wave, source.blocks(control), source.dither)


def write_as_flac(source: Source, out: BinaryIO, control: Control) -> None:
    """Write a FLAC file, with Vorbis comments.

    :raises InputError: it would have more channels than such a file can.
    """
    if source.cut.width > _MOST_FLAC_CHANNELS:
        raise InputError(
            f"{source.clip.path.name} has {source.cut.width} channels, and FLAC files 8 at "
            "most: choose WAV"
        )
    with _bare(source, "FLAC", Path(str(out.name)), control) as bare:
        comments = _comments_of(source.clip.path)
        fill(comments, source.texts)
        held = comments.get("COMMENT")
        told = [held.text] if held is not None and held.text else []
        comments.put("COMMENT", "; ".join([*told, f"Soundsift: {source.origin.said}"]))
        FlacFile(bare).rewrite(out, comments.data())


def write_as_aiff(source: Source, out: BinaryIO, control: Control) -> None:
    """Write an AIFF file, with an ID3 tag.

    :raises InputError: it would be larger than such a file can.
    """
    if source.size > _MOST_AIFF_BYTES:
        raise InputError(
            f"{source.clip.path.name} would exceed 4 GB, the most that an AIFF file can hold: "
            "choose WAV"
        )
    with _bare(source, "AIFF", Path(str(out.name)), control) as bare:
        tag = Id3(_tag_of(source.clip.path), source.clip.path.name)
        try:
            fill(tag, source.texts)
        except InputError:  # damaged, or with a checksum
            tag = Id3(None, source.clip.path.name)
            fill(tag, source.texts)
        tag.put("TXXX:ORIGIN", f"Soundsift: {source.origin.said}")
        rewrite(bare, read_layout(bare), out, {b"ID3 ": tag.data() or b""})


WRITERS: dict[str, Callable[[Source, BinaryIO, Control], None]] = {
    "wav": write_as_wav,
    "flac": write_as_flac,
    "aiff": write_as_aiff,
}


class _bare:  # noqa: N801 - used as a function
    """Let libsndfile write a file beside another one, without metadata; it goes afterwards."""

    def __init__(self, source: Source, kind: str, beside: Path, control: Control) -> None:
        self._source, self._kind, self._control = source, kind, control
        self._path = beside.with_name(f"{beside.name}.bare")

    def __enter__(self) -> Path:
        source, bits = self._source, self._source.form.depth
        assert bits != FLOAT
        quantise = Quantiser(bits, source.dither)
        try:
            with soundfile.SoundFile(
                str(self._path),
                "w",
                samplerate=source.cut.rate_hz,
                channels=source.cut.width,
                subtype=f"PCM_{bits}",
                format=self._kind,
            ) as out:
                for block in source.blocks(self._control):
                    out.write(quantise(block) << (32 - bits))
        except BaseException:
            self._path.unlink(missing_ok=True)
            raise
        return self._path

    def __exit__(self, *exception: object) -> None:
        self._path.unlink(missing_ok=True)


def _chunks_of(path: Path) -> dict[bytes, bytes]:
    """Return the chunks of a WAV file that go with its copies, by id; none of another's."""
    held: dict[bytes, bytes] = {}
    try:
        kind = kind_of(path)
        if kind == "wav":
            layout = find_chunks(path)
            for chunk_id in (b"fmt ", b"bext", b"iXML"):
                chunk = layout.first(chunk_id)
                if chunk is not None and chunk.size <= LONGEST_BYTES:
                    held[chunk_id] = read_chunk(path, chunk)
            info = info_chunk(path, layout)
            if info is not None and info.size <= LONGEST_BYTES:
                held[b"LIST"] = read_chunk(path, info)
        tag = _tag_of(path)
        if tag is not None:
            held[b"ID3 "] = tag
    except (AudioError, OSError):  # a damaged header has nothing to give
        pass
    return held


def _tag_of(path: Path) -> bytes | None:
    """Return the ID3 tag of a file, or None."""
    try:
        kind = kind_of(path)
        if kind == "mp3":
            return id3_before(path)
        if kind in ("wav", "aiff"):
            chunk = id3_chunk(find_chunks(path))
            if chunk is not None and chunk.size <= LONGEST_BYTES:
                return read_chunk(path, chunk)
    except (AudioError, OSError):
        pass
    return None


def _comments_of(path: Path) -> Comments:
    """Return the comments of a file, new ones if it has none that can be read."""
    try:
        kind = kind_of(path)
        if kind == "flac":
            return Comments(FlacFile(path).comments())
        if kind == "ogg":
            return Comments(OggFile(path).comments())
    except (AudioError, OSError, ValueError):
        pass
    return Comments(None)
