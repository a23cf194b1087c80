"""What is written into files: read back by others, the audio and foreign chunks untouched."""

import errno
import os
import struct
from pathlib import Path

import av
import mutagen
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wavinfo import WavInfoReader

from engine.errors import AudioError, InputError
from engine.metadata.journal import TEMPORARY, Journal
from engine.metadata.read import read_header
from engine.metadata.riff import read_chunk, read_layout
from engine.metadata.ucs_names import categories
from engine.metadata.write import SoundTags, write_tags
from tests.conftest import encode, tone

DOOR = categories()["doorwood"]
TAGS = SoundTags("A heavy door, größer als je", DOOR, "Creak Long", ("door", "wood", "knarzt"))
OWN = (b"bext", b"iXML", b"ds64")


def chunk(chunk_id: bytes, data: bytes, pad: bytes = b"\0") -> bytes:
    return struct.pack("<4sI", chunk_id, len(data)) + data + (pad if len(data) % 2 else b"")


def fmt(channels: int, bits: int) -> bytes:
    frame = channels * bits // 8
    return struct.pack("<HHIIHH", 1, channels, 48000, 48000 * frame, frame, bits)


def wav(body: bytes, kind: bytes, data_size: int, frames: int) -> bytes:
    """Return a file of chunks; RF64 and BW64 with the ds64 chunk that holds their sizes."""
    if kind == b"RIFF":
        return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 4 + 36 + len(body), data_size, frames, 0))
    return kind + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + ds64 + body


IDS = (b"JUNK", b"acid", b"_PMX", b"axml", b"Xtra", b"id3 ", b"minf")
IXML = b"<BWFXML><SCENE>12</SCENE><USER><OWN>kept</OWN></USER></BWFXML>"
foreign_ids = st.sampled_from(IDS)
foreign = st.tuples(foreign_ids, st.binary(max_size=60), st.sampled_from([b"\0", b"\x7f"]))
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300)


@st.composite
def wav_files(draw):
    kind = draw(st.sampled_from([b"RIFF", b"RF64", b"BW64"]))
    channels, bits = draw(st.sampled_from([(1, 8), (1, 16), (2, 24), (3, 24), (2, 32)]))
    frames = draw(st.integers(1, 60))
    count = frames * channels * bits // 8
    data = draw(st.binary(min_size=count, max_size=count))
    before = [chunk(b"fmt ", fmt(channels, bits))]
    for chunk_id, held, pad in draw(st.lists(foreign, max_size=3)):
        before.append(chunk(chunk_id, held, pad))
    if draw(st.booleans()):
        history = draw(st.binary(max_size=30)).hex().encode()
        before.append(chunk(b"bext", b"old".ljust(602, b"\0") + history))
    behind = [chunk(i, held, pad) for i, held, pad in draw(st.lists(foreign, max_size=3))]
    if draw(st.booleans()):
        info = b"INFO" + chunk(b"ISFT", b"some tool\0") + chunk(b"ICMT", b"old\0")
        behind.append(chunk(b"LIST", info))
    if draw(st.booleans()):
        adtl = b"adtl" + chunk(b"labl", struct.pack("<I", 1) + b"mark\0")
        behind.append(chunk(b"LIST", adtl))
    if draw(st.booleans()):
        behind.append(chunk(b"iXML", IXML))
    head = b"".join(before)
    sized = struct.pack("<I", 0xFFFFFFFF if kind != b"RIFF" else len(data))
    body = head + b"data" + sized + data + b"\0" * (len(data) % 2) + b"".join(behind)
    junk = draw(st.sampled_from([b"", b"\0\0\0", b"\xff" * 7]))
    return wav(body, kind, len(data), frames) + junk


def foreign_chunks(path: Path) -> list[tuple[bytes, bytes, bool]]:
    layout = read_layout(path)
    found = []
    for part in layout.chunks:
        held = read_chunk(path, part)
        if part.id not in OWN and not (part.id == b"LIST" and held[:4] == b"INFO"):
            with path.open("rb") as file:
                file.seek(part.start + part.size)
                pad = file.read(1) if part.padded else b""
            found.append((part.id, held, pad))
    return found


def heard_by_others(path: Path) -> list[object]:
    """Return what libsndfile, FFmpeg and mutagen make of a file; None where one cannot read it."""
    found: list[object] = []
    try:
        found.append(soundfile.read(path, dtype="float64")[0].tobytes())
    except soundfile.LibsndfileError:
        found.append(None)
    try:
        with av.open(str(path)) as container:
            packets = container.demux(container.streams.audio[0])
            found.append(b"".join(bytes(packet) for packet in packets))
    except (av.error.FFmpegError, IndexError):
        found.append(None)
    try:
        wave = mutagen.File(path)
        found.append(None if wave is None else (wave.info.sample_rate, wave.info.channels))
    except mutagen.MutagenError:
        found.append(None)
    return found


@pytest.mark.long
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(data=wav_files(), description=texts, keywords=st.lists(texts, max_size=3))
def test_audio_and_foreign_chunks_stay_byte_for_byte(tmp_path_factory, data, description, keywords):
    folder = tmp_path_factory.mktemp("w")
    path = folder / "a.wav"
    path.write_bytes(data)
    before, heard = foreign_chunks(path), heard_by_others(path)
    layout = read_layout(path)
    tail = data[layout.chunks[-1].end :]
    tags = SoundTags(description, DOOR, None, tuple(keywords))
    journal = Journal(folder / "journal")
    known = all(chunk_id != b"acid" for chunk_id, *_ in before)  # libsndfile trusts its size
    try:
        write_tags(path, tags, journal)
    except AudioError as error:
        assert not known and "would sound different" in str(error)
        assert path.read_bytes() == data
        return
    after = read_layout(path)
    assert foreign_chunks(path) == before
    written = path.read_bytes()
    assert written[after.chunks[-1].end :] == tail
    if after.kind == b"RIFF":
        declared = struct.unpack("<I", written[4:8])[0]
        assert declared - layout.riff_size == len(written) - len(data)
    else:
        assert after.riff_size - layout.riff_size == len(written) - len(data)
        assert written[4:8] == b"\xff\xff\xff\xff"
    assert read_header(path).category == "DOORWood"  # read back
    for now, then in zip(heard_by_others(path), heard, strict=True):
        assert now == then or then is None  # what cannot be read stays so
    again = written
    assert not write_tags(path, tags, journal).changed  # it holds them already
    assert path.read_bytes() == again
    assert [error for _, error in journal.undo(bool)] == [None]
    assert path.read_bytes() == data


def made(folder: Path, kind: str) -> Path:
    path = folder / f"sound.{kind}"
    samples = np.stack([tone(440, 1.0, 48000)] * 2, 1)
    if kind in ("m4a",):
        return encode(path, "aac")
    if kind == "rf64":
        soundfile.write(path, samples, 48000, format="RF64", subtype="PCM_24")
    elif kind == "opus":
        soundfile.write(path, samples, 48000, format="OGG", subtype="OPUS")
    else:
        soundfile.write(path, samples, 48000)
    return path


def pcm(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=-1)


@pytest.mark.parametrize("kind", ["wav", "rf64", "flac", "ogg", "opus", "mp3", "aiff", "m4a"])
def test_every_format_is_read_back_and_undone(tmp_path, kind):
    path = made(tmp_path, kind)
    original, sound = path.read_bytes(), pcm(path)
    before = path.stat()
    journal = Journal(tmp_path / "journal")
    write_tags(path, TAGS, journal, keep_time=kind == "mp3")
    assert np.array_equal(pcm(path), sound)
    header = read_header(path)
    assert header.category == "DOORWood"
    assert header.description == TAGS.description
    assert any("knarzt" in text for text in header.fields.values())
    if kind != "m4a":
        assert soundfile.info(path).samplerate == 48000
    if kind == "mp3":
        assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_mode == before.st_mode
    assert not write_tags(path, TAGS, journal).changed  # it holds them already
    assert list(journal.undo(bool)) == [(str(path), None)]
    assert path.read_bytes() == original and path.stat().st_mtime_ns == before.st_mtime_ns
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(TEMPORARY)]


def test_others_read_what_was_written_into_a_wav(tmp_path):
    path = made(tmp_path, "wav")
    write_tags(path, TAGS, Journal(tmp_path / "journal"))
    info = WavInfoReader(path, info_encoding="utf-8", bext_encoding="utf-8")
    assert info.bext.description == TAGS.description
    assert info.info.comment == TAGS.description and info.info.genre == DOOR.category
    fields = {e.tag: e.text for e in info.ixml.parsed.iter() if e.text and not len(e)}
    assert fields["FXNAME"] == "Creak Long" and fields["catId"] == "DOORWood"
    assert fields["KEYWORDS"] == "door, wood, knarzt"
    with av.open(str(path)) as container:
        assert container.metadata["comment"] == TAGS.description
    assert mutagen.File(path) is not None


def test_what_was_there_and_is_not_ours_stays(tmp_path):
    path = made(tmp_path, "flac")
    held = mutagen.File(path)
    held["ARTIST"], held["DESCRIPTION"] = ["somebody"], ["old"]
    held.save()
    write_tags(path, SoundTags(keywords=("a", "b")), Journal(tmp_path / "journal"))
    held = mutagen.File(path)
    assert held["ARTIST"] == ["somebody"] and held["DESCRIPTION"] == ["old"]
    assert held["KEYWORDS"] == ["a", "b"]


def test_problems_are_sentences_and_leave_the_file(tmp_path):
    path, journal = made(tmp_path, "wav"), Journal(tmp_path / "journal")
    with pytest.raises(InputError, match="nothing to write"):
        write_tags(path, SoundTags(), journal)
    link = tmp_path / "link.wav"
    link.symlink_to(path)
    with pytest.raises(InputError, match="is a link"):
        write_tags(link, TAGS, journal)
    other = tmp_path / "a.wma"
    other.write_bytes(b"x")
    with pytest.raises(InputError, match="tags cannot be written"):
        write_tags(other, TAGS, journal)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(path.read_bytes()[:60])
    kept = broken.read_bytes()
    with pytest.raises(AudioError, match="header is damaged"):
        write_tags(broken, TAGS, journal)
    assert broken.read_bytes() == kept
    data = path.read_bytes() + chunk(b"iXML", b"<BWFXML><no end")
    path.write_bytes(b"RIFF" + struct.pack("<I", len(data) - 8) + data[8:])
    kept = path.read_bytes()
    with pytest.raises(InputError, match=r"iXML of sound\.wav is damaged"):
        write_tags(path, TAGS, journal)
    assert path.read_bytes() == kept
    if os.geteuid() != 0:  # nothing is read-only to root
        path.chmod(0o400)
        with pytest.raises(AudioError, match="read-only"):
            write_tags(path, TAGS, journal)


def test_a_file_that_was_changed_since_is_not_taken_back(tmp_path):
    path, journal = made(tmp_path, "wav"), Journal(tmp_path / "journal")
    write_tags(path, TAGS, journal)
    path.write_bytes(path.read_bytes() + b"more")
    ((_, error),) = journal.undo(bool)
    assert "has been changed since" in error and path.read_bytes().endswith(b"more")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_a_folder_that_nobody_can_wait_for_does_not_make_a_written_file_an_unchanged_one(
    tmp_path, monkeypatch, number
):
    path, journal = made(tmp_path, "wav"), Journal(tmp_path / "journal")
    before, fsync = path.read_bytes(), os.fsync

    def fail(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), tmp_path.stat()):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    assert write_tags(path, TAGS, journal).changed and path.read_bytes() != before
    assert list(journal.undo(bool)) == [(str(path), None)]
    assert path.read_bytes() == before
