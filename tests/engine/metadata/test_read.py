import struct
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.id3 import COMM, TIT2
from mutagen.mp3 import MP3

from engine.metadata.read import read_header
from tests.conftest import encode


def described(path: Path, **texts: str) -> Path:
    with soundfile.SoundFile(path, "w", 32000, 1) as file:
        for name, text in texts.items():
            setattr(file, name, text)
        file.write(np.zeros(3200))
    return path


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def with_chunks(path: Path, *chunks: bytes) -> Path:
    soundfile.write(path, np.zeros(3200), 32000)
    data = bytearray(path.read_bytes() + b"".join(chunks))
    data[4:8] = struct.pack("<I", len(data) - 8)
    path.write_bytes(data)
    return path


BEXT = chunk(b"bext", "Porte en bois, très lourde".encode().ljust(602, b"\0"))
IXML = chunk(
    b"iXML",
    b"<BWFXML><NOTE>second take</NOTE><SPEED><NOTE>x</NOTE></SPEED><USER><CATID>DOORWood</CATID>"
    b"<FXNAME>Creak Slow</FXNAME><KEYWORDS>hinge, squeal</KEYWORDS></USER></BWFXML>",
)
CUE = chunk(b"cue ", struct.pack("<IIIIIII", 1, 5, 0, 0x61746164, 0, 0, 5)) + chunk(
    b"LIST", b"adtl" + chunk(b"labl", struct.pack("<I", 5) + b"the slam\0")
)


def test_the_chunks_of_a_wav_file_are_read(tmp_path):
    header = read_header(with_chunks(tmp_path / "a.wav", BEXT, IXML, CUE))
    assert header.description == "Porte en bois, très lourde"
    assert header.category == "DOORWood"
    assert "squeak" in header.category_words or "cabin" in header.category_words
    assert header.fields["ixml.KEYWORDS"] == "hinge, squeal"
    assert "the slam" in header.fields.values()


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".aiff"])
def test_the_description_in_a_header_is_read(tmp_path, suffix):
    path = described(tmp_path / f"a{suffix}", title="Door", comment="A heavy door creaks")
    texts = read_header(path).fields.values()
    if suffix == ".aiff":  # libsndfile writes native chunks, which mutagen leaves alone
        return
    assert read_header(path).description == "A heavy door creaks"
    assert "Door" in texts


def test_id3_and_mp4_tags_are_read(tmp_path):
    mp3, m4a = encode(tmp_path / "a.mp3", "mp3"), encode(tmp_path / "a.m4a", "aac")
    tagged = MP3(mp3)
    tagged.tags.add(TIT2(encoding=3, text="Glas zerbricht"))
    tagged.tags.add(COMM(encoding=3, lang="deu", desc="", text="Flasche auf Beton"))
    tagged.save()
    assert read_header(mp3).description == "Flasche auf Beton"
    atoms = mutagen.File(m4a)
    atoms["\xa9cmt"] = "Bottle on concrete"
    atoms.save()
    assert read_header(m4a).description == "Bottle on concrete"


def test_the_category_of_a_ucs_name_is_known(tmp_path):
    named = described(tmp_path / "GLASBrk_Bottle Smash_ABC_LIB.wav")
    assert read_header(named).category == "GLASBrk"
    assert read_header(described(tmp_path / "glasbrk.wav")).category is None
    assert read_header(described(tmp_path / "NOSUCH_x_y_z.wav")).category is None


def test_a_file_without_a_description_has_none(tmp_path):
    assert read_header(described(tmp_path / "a.wav")).description is None
    (tmp_path / "b.wav").write_text("no sound")
    assert read_header(tmp_path / "b.wav").fields == {}
    assert read_header(tmp_path / "absent.wav").fields == {}


@pytest.mark.parametrize(
    "damage",
    [
        chunk(b"iXML", b"\xff\xfe<<<"),
        b"iXML" + struct.pack("<I", 0xFFFFFFF0) + b"absurd",
        chunk(b"LIST", b"INFO" + b"ICMT" + struct.pack("<I", 9999)),
        chunk(b"cue ", struct.pack("<I", 4_000_000_000)),
    ],
    ids=["ixml", "size", "info", "cue"],
)
def test_damaged_chunks_are_no_chunks(tmp_path, damage):
    assert read_header(with_chunks(tmp_path / "a.wav", damage)).description is None


def test_entities_in_ixml_are_not_expanded(tmp_path):
    bomb = (
        b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;">'
        b'<!ENTITY x SYSTEM "file:///etc/passwd">]><BWFXML><USER><FXNAME>&c;&x;</FXNAME></USER>'
        b"</BWFXML>"
    )
    header = read_header(with_chunks(tmp_path / "a.wav", chunk(b"iXML", bomb)))
    assert "root:" not in " ".join(header.fields.values())


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_texts_in_an_older_encoding_are_read_too(tmp_path, encoding):
    path = tmp_path / "a.wav"
    soundfile.write(path, [0.0, 0.1], 48000)
    bext = "Café, große Tür".encode(encoding).ljust(602, b"\0")
    info = "Bühne".encode(encoding) + b"\0"
    info = b"INFOIART" + len(info).to_bytes(4, "little") + info + b"\0" * (len(info) % 2)
    data = path.read_bytes()
    for name, held in ((b"bext", bext), (b"LIST", info)):
        data += name + len(held).to_bytes(4, "little") + held
    path.write_bytes(data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:])
    header = read_header(path)
    assert header.description == "Café, große Tür"
    assert "Bühne" in header.fields.values()
