import struct
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.id3 import COMM, TIT2
from mutagen.mp3 import MP3

from engine.metadata.read import category_in, is_described, names_itself, read_header
from engine.store import Header
from tests.conftest import encode
from tests.engine.metadata.test_id3 import frame, tag
from tests.engine.metadata.test_riff import chunk as any_chunk
from tests.engine.metadata.test_riff import form
from tests.engine.metadata.test_vorbis_comments import INFO, flac, packet


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


def fields_of(path: Path) -> dict[str, str]:
    return read_header(path).fields


def with_info(path: Path, **texts: bytes) -> Path:
    held = b"".join(chunk(name.encode(), text) for name, text in texts.items())
    return with_chunks(path, chunk(b"LIST", b"INFO" + held))


def with_ixml(path: Path, inner: str, *more: bytes) -> Path:
    return with_chunks(path, chunk(b"iXML", f"<BWFXML>{inner}</BWFXML>".encode()), *more)


def flac_of(path: Path, *comments: str) -> Path:
    path.write_bytes(flac((0, INFO), (4, packet(*(comment.encode() for comment in comments)))))
    return path


DESCRIBED = [
    ("bext.description", b"bext"),
    ("ixml.description", "<USER><DESCRIPTION>said</DESCRIPTION></USER>"),
    ("ixml.note", "<NOTE>said</NOTE>"),
    ("info.comment", b"ICMT"),
    ("info.subject", b"ISBJ"),
    ("info.title", b"INAM"),
]


@pytest.mark.parametrize("first", range(len(DESCRIBED)))
def test_of_several_descriptions_the_first_in_order_is_the_main_one(tmp_path, first):
    infos, ixml, bext = [], "", b""
    for number, (name, where) in enumerate(DESCRIBED[first:]):
        said = f"text {number} {name}".encode()
        if where == b"bext":
            bext = chunk(b"bext", said.ljust(602, b"\0"))
        elif isinstance(where, str):
            ixml += where.replace("said", said.decode())
        else:
            infos.append(chunk(where, said))
    infos = [chunk(b"LIST", b"INFO" + b"".join(reversed(infos)))]
    path = with_ixml(tmp_path / "a.wav", ixml, *infos, *([bext] if bext else []))
    header = read_header(path)
    assert header.description == f"text 0 {DESCRIBED[first][0]}"
    assert is_described(header) and len(header.fields) == len(DESCRIBED) - first


def test_chunks_of_every_kind_are_read(tmp_path):
    held = tag(3, frame("TIT2", b"\0a title"))
    for name in (b"ID3 ", b"id3 "):
        path = with_chunks(tmp_path / "a.wav", chunk(name, held))
        assert fields_of(path) == {"TIT2": "a title"}
    texts = ((b"NAME", "name"), (b"AUTH", "author"), (b"ANNO", "comment"), (b"(c) ", "copyright"))
    parts = [any_chunk(name, said.encode() + b"!", order=">") for name, said in texts]
    blank = any_chunk(b"ANNO", b"\0", order=">")
    path.write_bytes(form(blank, *parts, any_chunk(b"ANNO", b"more", order=">")))
    wanted = {"name": "name!", "author": "author!", "comment": "comment!; more"}
    assert fields_of(path) == {**wanted, "copyright": "copyright!"}
    assert read_header(path).description == "comment!; more"


def test_a_chunk_that_is_too_large_is_there_and_the_others_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.metadata.header_texts.LONGEST_BYTES", 700)
    fits, large = b"fits".ljust(700, b"\0"), b"large".ljust(701, b"\0")
    info = chunk(b"LIST", b"INFO" + chunk(b"IART", b"me"))
    path = with_chunks(tmp_path / "a.wav", chunk(b"bext", large), info)
    assert fields_of(path) == {"bext": "", "info.artist": "me"}
    assert is_described(read_header(path))
    assert fields_of(with_chunks(path, chunk(b"bext", fits))) == {"bext.description": "fits"}


def test_texts_of_one_name_are_joined_once_each(tmp_path):
    path = flac_of(tmp_path / "a.flac", "K=a", "K=b", "k=a", "K=c; d", "K=d", "L= x ", "K=")
    assert fields_of(path) == {"k": "a; b; c; d", "l": "x"}


def test_what_programs_say_of_themselves_is_left_out(tmp_path):
    path = flac_of(tmp_path / "a.flac", "ENCODER=x", "A=y", "encoded-by=z", "B=w")
    assert fields_of(path) == {"a": "y", "b": "w"}


def test_fields_are_bounded_in_length_and_number(tmp_path):
    words = "word " * 7000
    path = flac_of(
        tmp_path / "a.flac", f"A={words}", f"B={'b' * 31_999}", "B=more", "n" * 150 + "=x"
    )
    found = fields_of(path)
    assert found["a"] == words.strip()[:32_000] and len(found["a"]) == 32_000
    assert found["b"] == "b" * 31_999 + ";" and found["n" * 100] == "x"
    path = flac_of(tmp_path / "b.flac", *(f"F{n}=x" for n in range(300)))
    assert list(fields_of(path)) == [f"f{n}" for n in range(256)]
    path = flac_of(
        tmp_path / "c.flac", *(f"F{n}={'x' * 32_000}" for n in range(7)), "G=" + "y" * 31_999
    )
    assert len(fields_of(path)) == 8
    path = flac_of(tmp_path / "d.flac", *(f"F{n}={'x' * 32_000}" for n in range(9)))
    assert len(fields_of(path)) == 7


def test_a_damaged_header_keeps_what_was_read_before_the_damage(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(b"fLaC\x84\0\0\x09cut")
    assert fields_of(path) == {"header": ""} and is_described(read_header(path))
    assert fields_of(tmp_path) == {} == fields_of(tmp_path / "absent")


def id3v1(**places: bytes) -> bytes:
    tail = bytearray(b"TAG" + bytes(125))
    for place, text in places.items():
        start = int(place[1:])
        tail[start : start + len(text)] = text
    return bytes(tail)


def test_an_id3v1_tag_is_read_where_there_is_no_other(tmp_path):
    path = tmp_path / "a.mp3"
    sound = b"\xff\xfb\x90\x64" + bytes(400)
    tail = id3v1(_3=b"t" * 30, _33=b"\xfcber me", _63=b"album", _97=b"c" * 28, _125=b"\0\7\x11")
    path.write_bytes(sound + tail)
    assert fields_of(path) == {
        "TIT2": "t" * 30,
        "TPE1": "über me",
        "TALB": "album",
        "COMM:ID3v1:eng": "c" * 28,
    }
    path.write_bytes(tail[:3] + bytes(100))
    assert fields_of(path) == {}
    path.write_bytes(sound + tail + b"x")
    assert fields_of(path) == {}
    newer = b"ID3\3\0\0\0\0\0\x0cTIT2\0\0\0\2\0\0\0a"
    path.write_bytes(newer + sound + tail)
    assert fields_of(path) == {"TIT2": "a"}


class Value:
    """A tag's value as mutagen has them: with ``text`` or with ``value``."""

    def __init__(self, **held: object) -> None:
        self.__dict__.update(held)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("words", "words"),
        (b"T\xfcr", "Tür"),
        (b"\0", None),
        (bytes(range(1, 32)), None),
        (["one", "", "two"], "one; two"),
        (("one", Value(value=2)), "one; 2"),
        (Value(text=["a", "b"]), "a; b"),
        (Value(text=None, value="v"), "v"),
        (Value(value="v"), "v"),
        (Value(value=2.5), "2.5"),
        (Value(value=b"bytes"), None),
        (Value(other="x"), None),
        (7, "7"),
        ([], None),
        (None, None),
    ],
)
def test_tags_of_other_formats_are_read_by_mutagen(tmp_path, monkeypatch, value, text):
    path = tmp_path / "a.wma"
    path.write_bytes(b"not one of ours")
    asked = []

    def opened(of: Path) -> Value:
        asked.append(of)
        return Value(tags={"First": value, "Second": "more"})

    monkeypatch.setattr(mutagen, "File", opened)
    first = {} if text is None else {"First": text}
    assert fields_of(path) == {**first, "Second": "more"} and asked == [path]


@pytest.mark.parametrize("tagged", [None, Value(tags=None), Value(tags={})])
def test_other_formats_may_have_no_tags(tmp_path, monkeypatch, tagged):
    path = tmp_path / "a.wma"
    path.write_bytes(b"not one of ours")
    monkeypatch.setattr(mutagen, "File", lambda of: tagged)
    assert fields_of(path) == {}


def test_what_mutagen_cannot_read_says_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a.wma"
    path.write_bytes(b"not one of ours")

    def refuse(of: Path) -> None:
        raise mutagen.MutagenError("no")

    monkeypatch.setattr(mutagen, "File", refuse)
    assert fields_of(path) == {}


def test_tags_of_a_real_file_of_another_format_are_read(tmp_path):
    path = encode(tmp_path / "a.wma", "wmav2")
    held = mutagen.File(path)
    held["Title"], held["WM/Mood"] = ["A door"], ["dark", "slow"]
    held.save()
    header = read_header(path)
    assert header.fields["Title"] == "A door" and header.fields["WM/Mood"] == "dark; slow"
    assert header.description == "A door"


@pytest.mark.parametrize(
    ("fields", "named", "category"),
    [
        ({}, False, None),
        ({"description": "x"}, False, None),
        ({"ixml.CATID": "DOORWood"}, True, "DOORWood"),
        ({"catid": "doorwood"}, True, "DOORWood"),
        ({"TXXX:CATID": "DOORWood"}, True, "DOORWood"),
        ({"----:com.apple.iTunes:CATID": "DOORWood"}, True, "DOORWood"),
        ({"ixml.CATEGORY": "DOORS"}, True, None),
        ({"TXXX:SubCategory": "x"}, True, None),
        ({"catid": "", "TXXX:CATID": "RAINInt"}, True, "RAINInt"),
        ({"TXXX:CATID": "RAINInt", "ixml.catId": "DOORWood"}, True, "DOORWood"),
        ({"catid": "unknown"}, True, None),
        ({"mycatid": "DOORWood"}, False, None),
        ({"other.CATID": "DOORWood"}, True, None),
    ],
)
def test_what_a_header_says_of_its_category(fields, named, category):
    assert category_in(Header(None, None, "", fields)) == (named, category)


@pytest.mark.parametrize(
    ("name", "itself", "described"),
    [
        ("ixml.FXNAME", True, False),
        ("TXXX:fxname", True, False),
        ("----:com.apple.iTunes:FXNAME", True, False),
        ("fxname.other", False, False),
        ("TIT2", False, True),
        ("COMM:note:eng", False, True),
        ("comment", False, True),
        ("comments", False, False),
        ("ID3", False, True),
        ("ixml", False, True),
        ("header", False, True),
        ("artist", False, False),
    ],
)
def test_whether_a_header_names_or_describes_a_sound(name, itself, described):
    header = Header(None, None, "", {"x": "y", name: ""})
    assert (names_itself(header), is_described(header)) == (itself, described)


@pytest.mark.parametrize(
    ("inner", "stem", "category"),
    [
        ("<USER><CATID>rainint</CATID></USER>", "DOORWood_a_b_c", "RAINInt"),
        ("<USER><CATID>nonsense</CATID></USER>", "DOORWood_a_b_c", "DOORWood"),
        ("<USER><CATID>nonsense</CATID></USER>", "a", None),
        ("<NOTE>RAINInt</NOTE>", "a", None),
    ],
)
def test_the_category_of_a_header_goes_before_that_of_a_name(tmp_path, inner, stem, category):
    header = read_header(with_ixml(tmp_path / f"{stem}.wav", inner))
    assert header.category == category
    assert (header.category_words == "") == (category is None)
    assert header.category is None or header.category_words.startswith(category)
