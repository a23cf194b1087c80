"""What was there is never overwritten, in any format, readable or not."""

import io
import struct
from pathlib import Path

import av
import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.id3 import COMM, ID3, TCON, TXXX
from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm

from engine.errors import AudioError, InputError
from engine.metadata import mp4_atoms
from engine.metadata.journal import Journal
from engine.metadata.mp4_atoms import Items, Mp4File, make
from engine.metadata.read import category_in, is_described, read_header
from engine.metadata.riff import read_chunk, read_layout
from engine.metadata.ucs_names import categories
from engine.metadata.vorbis_comments import Comments, FlacFile, OggFile
from engine.metadata.write import SoundTags, write_tags
from tests.conftest import encode, tone

DOOR = categories()["doorwood"]
FULL = SoundTags("new words", DOOR, "New Name", ("door", "wood"))
RATE = 48000


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def wav(path: Path, *behind: bytes, before: bytes = b"") -> Path:
    soundfile.write(path, tone(440, 0.2, RATE), RATE)
    data = path.read_bytes()
    body = data[12:36] + before + data[36:] + b"".join(behind)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    return path


def bext(text: bytes) -> bytes:
    return chunk(b"bext", text.ljust(602, b"\0"))


def info(**texts: bytes) -> bytes:
    fields = b"".join(chunk(name.encode(), text) for name, text in texts.items())
    return chunk(b"LIST", b"INFO" + fields)


def wrote(path: Path, tags: SoundTags = FULL) -> bytes:
    write_tags(path, tags, Journal(path.parent / "journal"))
    return path.read_bytes()


UNUSUAL = [
    "It’s a door’s creak".encode("cp1252"),
    "Tür, größer".encode("mac_roman"),
    "ドアのきしむ音".encode("cp932"),
    "soft\u00adhyphen".encode(),
    "joi\u200dner".encode(),
    b"bell\x07 and creak",
    bytes(range(1, 32)),
]


@pytest.mark.parametrize("text", UNUSUAL)
def test_texts_of_wav_stay_byte_for_byte(tmp_path, text):
    path = wav(tmp_path / "a.wav", info(ICMT=text, IKEY=text, IGNR=text, IXXX=text), bext(text))
    header = read_header(path)
    assert is_described(header) and "info.keywords" in header.fields
    after = wrote(path)
    layout = read_layout(path)
    assert read_chunk(path, layout.first(b"bext"))[: len(text) + 1] == text + b"\0"
    held = after[after.index(b"INFO") :]
    for name in (b"ICMT", b"IGNR", b"IXXX"):
        assert chunk(name, text) in held
    keywords = held[held.index(b"IKEY") + 8 :]
    assert keywords.startswith(text)
    assert read_header(path).category == "DOORWood"


def test_keywords_are_added_behind_those_there_in_their_encoding(tmp_path):
    path = wav(tmp_path / "a.wav", info(IKEY="Tür; größer".encode("cp1252") + b"\0"))
    after = wrote(path, SoundTags(keywords=("GRÖSSER", "weiß", "Weiss", "Nähe")))
    assert "Tür; größer; weiß; Nähe".encode("cp1252") + b"\0" in after
    result = write_tags(path, SoundTags(keywords=("音",)), Journal(tmp_path / "journal"))
    assert result.changed  # iXML can hold it
    assert "its keywords are in an encoding that cannot hold the new ones" in result.kept[0]


def test_unreadable_fields_are_told_and_stay(tmp_path):
    odd = bytes(range(1, 32))
    path = wav(tmp_path / "a.wav", info(IKEY=odd), bext(odd))
    result = write_tags(path, FULL, Journal(tmp_path / "journal"))
    assert result.changed
    assert set(result.kept) == {
        "its description cannot be read, and is left as it is",
        "its keywords cannot be read, and is left as it is",
    }


def test_a_header_behind_a_large_chunk_is_read_and_kept(tmp_path):
    large = chunk(b"junk", bytes(5 << 20))
    path = wav(tmp_path / "a.wav", large, info(ICMT=b"my words\0"), bext(b"old"))
    assert read_header(path).description == "old"
    wrote(path)
    assert read_header(path).description == "old"
    assert read_header(path).fields["info.comment"] == "my words"


def test_a_text_chunk_that_is_too_large_counts_as_there_and_refuses_the_file(tmp_path):
    path = wav(tmp_path / "a.wav", chunk(b"iXML", b"<BWFXML/>" + b" " * (9 << 20)))
    assert read_header(path).fields["ixml"] == "" and is_described(read_header(path))
    before = path.read_bytes()
    with pytest.raises(InputError, match="larger than 8 MB"):
        wrote(path)
    assert path.read_bytes() == before


def test_a_short_bext_keeps_its_description(tmp_path):
    path = wav(tmp_path / "a.wav", chunk(b"bext", b"my words"))
    assert read_header(path).description == "my words"
    wrote(path)
    assert read_header(path).description == "my words"


def test_a_genre_of_ones_own_stays_and_one_of_ours_follows_the_category(tmp_path):
    mine = wav(tmp_path / "a.wav", info(IGNR=b"Horror\0"))
    assert b"IGNR\x07\0\0\0Horror\0" in wrote(mine)
    ours = wav(tmp_path / "b.wav", info(IGNR=b"RAIN\0"))
    assert b"IGNR\x06\0\0\0DOORS\0" in wrote(ours)


def test_a_category_is_found_in_any_part_of_a_header(tmp_path):
    assert category_in(read_header(wav(tmp_path / "DOORWood_a_b_c.wav"))) == (False, None)
    ixml = chunk(b"iXML", b"<BWFXML><ASWG><category>MINE</category></ASWG></BWFXML>")
    assert category_in(read_header(wav(tmp_path / "a.wav", ixml))) == (True, None)
    ixml = chunk(b"iXML", b"<BWFXML><USER><CATID>RAINInt</CATID></USER></BWFXML>")
    assert category_in(read_header(wav(tmp_path / "b.wav", ixml))) == (True, "RAINInt")


def flac_with(path: Path, *comments: bytes) -> Path:
    soundfile.write(path, tone(440, 0.2, RATE), RATE)
    block = struct.pack("<I", 4) + b"mine" + struct.pack("<I", len(comments))
    block += b"".join(struct.pack("<I", len(c)) + c for c in comments)
    with io.BytesIO() as out:
        FlacFile(path).rewrite(out, block)
        path.write_bytes(out.getvalue())
    return path


def test_600_keywords_of_flac_stay_and_one_is_added(tmp_path):
    words = [f"keyword number {n}" for n in range(600)]
    path = flac_with(tmp_path / "a.flac", *(f"KEYWORDS={word}".encode() for word in words))
    wrote(path, SoundTags(keywords=("door", *words[:300])))
    assert mutagen.File(path)["KEYWORDS"] == [*words, "door"]


def comments_in(path: Path) -> list[bytes]:
    file = FlacFile(path) if path.suffix == ".flac" else OggFile(path)
    packet = file.comments()
    place = 4 + struct.unpack_from("<I", packet)[0]
    count, place = struct.unpack_from("<I", packet, place)[0], place + 4
    found = []
    for _ in range(count):
        size = struct.unpack_from("<I", packet, place)[0]
        found.append(packet[place + 4 : place + 4 + size])
        place += 4 + size
    return found


ODD_COMMENTS = (
    b"DESCRIPTION=It\x92s mine",
    b"keywords=\x83\x68\x83\x41, door",
    b"no equals sign",
    b"\xff\xfe=strange name",
    b"FXNAME=" + bytes(range(1, 32)),
    b"METADATA_BLOCK_PICTURE=" + b"A" * 3000,
)


@pytest.mark.parametrize("kind", ["flac", "ogg", "opus"])
def test_odd_vorbis_comments_stay_byte_for_byte(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "flac":
        flac_with(path, *ODD_COMMENTS)
    else:
        subtype = "OPUS" if kind == "opus" else "VORBIS"
        soundfile.write(path, tone(440, 0.5, RATE), RATE, format="OGG", subtype=subtype)
        file = OggFile(path)
        packet = struct.pack("<I", 4) + b"mine" + struct.pack("<I", len(ODD_COMMENTS))
        packet += b"".join(struct.pack("<I", len(c)) + c for c in ODD_COMMENTS)
        rest = b"\1" if kind == "ogg" else b"\1padding that is not ours"
        made = tmp_path / "made"
        with made.open("w+b") as out:
            file.rewrite(out, packet + rest)
        made.replace(path)
    before = soundfile.read(path)[0]
    result = write_tags(path, FULL, Journal(tmp_path / "journal"))
    after = comments_in(path)
    assert [c for c in after if c in ODD_COMMENTS] == list(ODD_COMMENTS)
    assert [c.partition(b"=")[0] for c in after if c not in ODD_COMMENTS] == [
        b"CATID",
        b"CATEGORY",
        b"SUBCATEGORY",
        b"KEYWORDS",
    ]
    assert after[-1] == b"KEYWORDS=wood"  # door is there already
    assert "FXName cannot be read" in result.kept[0]
    assert np.array_equal(soundfile.read(path)[0], before)
    if kind == "opus":
        assert OggFile(path).comments().endswith(b"\1padding that is not ours")


def test_words_that_a_person_took_back_are_taken_out_alone(tmp_path):
    path = flac_with(tmp_path / "a.flac", b"KEYWORDS=wet, Door, cold", b"KEYWORDS=door", b"A=door")
    wrote(path, SoundTags(dropped=("door",)))
    assert comments_in(path) == [b"KEYWORDS=wet, cold", b"A=door"]
    other = wav(tmp_path / "a.wav", info(IKEY="Tür; wet; door".encode("cp1252") + b"\0"))
    assert b"IKEY" + struct.pack("<I", 9) + b"T\xfcr; wet\0" in wrote(
        other, SoundTags(dropped=("door",))
    )


def test_flac_blocks_stay_and_padding_gives_way(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(440, 0.2, RATE), RATE)
    data = path.read_bytes()
    kinds = [0x02, 0x20]  # an application's, and one of the future
    odd = b"".join(bytes([k]) + (40).to_bytes(3, "big") + bytes([k]) * 40 for k in kinds)
    padding = b"\x01" + (5000).to_bytes(3, "big") + bytes(5000)
    path.write_bytes(data[:42] + odd + padding + data[42:])
    size = path.stat().st_size
    after = wrote(path)
    assert path.stat().st_size == size
    for k in kinds:
        assert bytes([k]) + (40).to_bytes(3, "big") + bytes([k]) * 40 in after


def test_foreign_items_of_mp4_stay_byte_for_byte(tmp_path):
    path = encode(tmp_path / "a.m4a", "aac")
    held = MP4(path)
    held["covr"] = [MP4Cover(b"\x89PNG", MP4Cover.FORMAT_PNG)]
    held["----:mine:thing"] = [MP4FreeForm(b"\xff\0\1"), MP4FreeForm(b"two")]
    held["trkn"] = [(1, 2)]
    held["©cmt"] = ["my words"]
    held.save()
    items = Items(Mp4File(path).items())
    odd = make(b"gnre", make(b"data", struct.pack(">IIH", 0, 0, 18)))
    older = make(b"\xa9xyz", make(b"data", struct.pack(">II", 1, 7) + b"It\x92s\xff"))
    raw = items.data() + odd + older
    made = tmp_path / "made"
    with made.open("w+b") as out:
        Mp4File(path).rewrite(out, raw)
    made.replace(path)
    before = [raw[a : a + struct.unpack_from(">I", raw, a)[0]] for a in starts(raw)]
    wrote(path)
    after = Mp4File(path).items()
    now = [after[a : a + struct.unpack_from(">I", after, a)[0]] for a in starts(after)]
    assert now[: len(before)] == before
    read = MP4(path)
    assert read["©cmt"] == ["my words"]
    assert bytes(read["----:com.apple.iTunes:CATID"][0]) == b"DOORWood"
    assert "©gen" not in read or read["©gen"] != ["DOORS"]  # a genre by number is one


def starts(raw: bytes) -> list[int]:
    found, place = [], 0
    while place + 8 <= len(raw):
        found.append(place)
        place += struct.unpack_from(">I", raw, place)[0]
    return found


@pytest.mark.parametrize("fast", [False, True], ids=["moov last", "moov first"])
def test_offsets_into_the_audio_of_mp4_follow(tmp_path, fast):
    path = tmp_path / "a.m4a"
    options = {"movflags": "faststart"} if fast else {}
    with av.open(str(path), "w", options=options) as out:
        stream = out.add_stream("aac", rate=RATE)
        samples = tone(440, 1.0, RATE)[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
        frame.sample_rate = RATE
        out.mux([*stream.encode(frame), *stream.encode(None)])
    data = path.read_bytes()
    assert (data.index(b"moov") < data.index(b"mdat")) == fast
    long = SoundTags("words " * 3000, DOOR, "x", tuple(f"keyword{n}" for n in range(300)))
    write_tags(path, long, Journal(tmp_path / "journal"))
    assert len(path.read_bytes()) > len(data) + 10_000
    with av.open(str(path)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) >= RATE
    assert read_header(path).description.startswith("words words")


def test_a_fragmented_mp4_is_refused_where_its_offsets_could_not_follow(tmp_path):
    path = tmp_path / "a.m4a"
    options = {"movflags": "frag_keyframe+empty_moov"}
    with av.open(str(path), "w", options=options) as out:
        stream = out.add_stream("aac", rate=RATE)
        samples = tone(440, 1.0, RATE)[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
        frame.sample_rate = RATE
        out.mux([*stream.encode(frame), *stream.encode(None)])
    before = path.read_bytes()
    with pytest.raises(InputError, match="is fragmented"):
        wrote(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", ["mp3", "aiff"])
@pytest.mark.parametrize("version", [3, 4])
def test_id3_of_files_keeps_version_and_frames(tmp_path, suffix, version):
    path = encode(tmp_path / "a.mp3", "mp3") if suffix == "mp3" else tmp_path / "a.aiff"
    if suffix == "aiff":
        soundfile.write(path, tone(440, 0.2, RATE), RATE)
    held = mutagen.File(path)
    if held.tags is None:
        held.add_tags()
    held.tags.add(COMM(encoding=1, lang="eng", desc="", text=["my words"]))
    held.tags.add(TCON(encoding=0, text=["Horror"]))
    held.tags.add(TXXX(encoding=1, desc="KEYWORDS", text=["größer"]))
    held.save(v2_version=version)
    before = dict(mutagen.File(path).tags)
    wrote(path)
    after = mutagen.File(path).tags
    assert after.version[1] == version
    assert str(after["COMM::eng"]) == "my words" and str(after["TCON"]) == "Horror"
    assert str(after["TXXX:KEYWORDS"]) == "größer, door, wood"
    assert str(after["TXXX:CATID"]) == "DOORWood"
    assert set(before) <= set(after)


def test_a_damaged_id3_tag_refuses_the_file(tmp_path):
    path = encode(tmp_path / "a.mp3", "mp3")
    data = path.read_bytes()
    bad = b"ID3\x03\0\0\0\0\0\x14TIT2\x7f\0\0\0\0\0" + bytes(10)
    path.write_bytes(bad + data)
    before = path.read_bytes()
    assert read_header(path).fields["id3"] == ""
    with pytest.raises(InputError, match="ID3 tag"):
        wrote(path)
    assert path.read_bytes() == before


def test_a_damaged_packet_of_comments_refuses_the_file(tmp_path):
    path = flac_with(tmp_path / "a.flac", b"A=b")
    data = path.read_bytes()
    place = data.index(b"mine") - 4
    path.write_bytes(data[:place] + b"\xff\xff\0\0" + data[place + 4 :])
    before = path.read_bytes()
    assert "header" in read_header(path).fields
    with pytest.raises(AudioError, match="damaged metadata"):
        wrote(path)
    assert path.read_bytes() == before


def test_an_id3v1_comment_is_a_description(tmp_path):
    path = encode(tmp_path / "a.mp3", "mp3")
    if path.read_bytes()[:3] == b"ID3":
        ID3(path).delete()
    tail = b"TAG" + b"Title".ljust(30, b"\0") + bytes(60) + bytes(4) + b"my words".ljust(30) + b"\0"
    path.write_bytes(path.read_bytes() + tail)
    assert read_header(path).description == "my words"


def test_comments_come_back_as_they_were():
    packet = struct.pack("<I", 1) + b"v" + struct.pack("<I", 2)
    packet += b"".join(struct.pack("<I", len(c)) + c for c in (b"A=1", b"b"))
    assert Comments(packet + b"\1rest").data() == packet + b"\1rest"


def m4a_with(path: Path, udta: bytes) -> Path:
    """Make an MP4 file whose moov comes last and holds this ``udta``."""
    encode(path, "aac")
    data = path.read_bytes()
    start = data.index(b"moov") - 4
    moov = data[start + 8 :]
    moov = moov[: moov.index(b"udta") - 4] if b"udta" in moov else moov
    path.write_bytes(data[:start] + make(b"moov", moov + make(b"udta", udta)))
    return path


def listed(ilst: bytes) -> bytes:
    head = struct.pack(">IIII", 0, 0, 0x6D646972, 0x6170706C) + bytes(9)
    return make(b"meta", bytes(4) + make(b"hdlr", head) + make(b"ilst", ilst))


def titled(text: bytes, kind: int = 1, name: bytes = b"\xa9nam") -> bytes:
    return make(name, make(b"data", struct.pack(">II", kind, 0) + text))


QUICKTIME = make(b"\xa9nam", struct.pack(">HH", 4, 0x55C4) + b"mine")


@pytest.mark.parametrize("mark", [bytes(4), bytes(8), bytes(8) + titled(b"behind"), b"odd"])
def test_quicktime_texts_stay_before_what_ends_them(tmp_path, mark):
    path = m4a_with(tmp_path / "a.m4a", QUICKTIME + mark)
    after = wrote(path)
    udta = after[after.index(b"udta") + 4 :]
    assert udta.startswith(QUICKTIME + udta[len(QUICKTIME) :][:4] + b"meta")
    assert udta.endswith(mark)
    assert read_header(path).category == "DOORWood"
    with av.open(str(path)) as container:
        assert container.metadata["CATID"] == "DOORWood"
    again = write_tags(path, FULL, Journal(tmp_path / "journal"))
    assert not again.changed


@pytest.mark.parametrize("rest", [bytes(4), bytes(8) + titled(b"mine"), b"FOREIGN", bytes(9)])
def test_what_is_behind_the_items_of_mp4_stays_behind_them(tmp_path, rest):
    path = m4a_with(tmp_path / "a.m4a", listed(titled(b"title") + rest))
    wrote(path)
    after = Mp4File(path).items()
    assert after.startswith(titled(b"title")) and after.endswith(rest)
    assert read_header(path).category == "DOORWood" and b"DOORWood" in after[: -len(rest)]


def freeform(name: str, *behind: bytes) -> bytes:
    mean = make(b"mean", bytes(4) + b"com.apple.iTunes")
    return make(b"----", mean + make(b"name", bytes(4) + name.encode()) + b"".join(behind))


@pytest.mark.parametrize("kind", [12, 13, 14, 23, 27, 28, 1 << 24])
def test_fields_of_mp4_whose_data_is_no_text_stay_and_are_told(tmp_path, kind):
    data = make(b"data", struct.pack(">II", kind, 0) + b"PRECIOUS")
    held = titled(b"PRECIOUS", kind, b"\xa9cmt") + freeform("KEYWORDS", data)
    held += freeform("CATID", data) + titled(b"cover", 14, b"covr")
    path = m4a_with(tmp_path / "a.m4a", listed(held))
    header = read_header(path)
    assert is_described(header) and category_in(header) == (True, None)
    assert "covr" not in header.fields
    result = write_tags(path, FULL, Journal(tmp_path / "journal"))
    assert {why.split()[1] for why in result.kept} == {"description", "CatID", "keywords"}
    after = Mp4File(path).items()
    assert after.startswith(held) and after.count(b"CATID") == after.count(b"KEYWORDS") == 1


@pytest.mark.parametrize(
    "inside", [b"my text", make(b"mine", b"x"), struct.pack(">HH", 3, 0) + b"old"]
)
def test_items_of_mp4_without_data_that_are_not_empty_stay(tmp_path, inside):
    held = make(b"\xa9cmt", inside) + freeform("FXNAME", inside)
    path = m4a_with(tmp_path / "a.m4a", listed(held))
    result = write_tags(path, FULL, Journal(tmp_path / "journal"))
    assert {why.split()[1] for why in result.kept} == {"description", "FXName"}
    assert Mp4File(path).items().startswith(held)


def test_empty_items_of_mp4_are_filled_and_huge_numbers_harm_nobody(tmp_path):
    held = make(b"\xa9cmt", b"") + freeform("FXNAME") + titled(b"1" * 5000, 0, b"\xa9gen")
    path = m4a_with(tmp_path / "a.m4a", listed(held))
    wrote(path)
    items = Items(Mp4File(path).items())
    assert items.get("©cmt").text == "new words" and items.get("©gen").text is None
    assert items.get("----:com.apple.iTunes:FXNAME").text == "New Name"


def test_a_file_whose_tags_would_not_be_found_again_is_refused(tmp_path, monkeypatch):
    path = m4a_with(tmp_path / "a.m4a", listed(titled(b"title")))
    before = path.read_bytes()
    monkeypatch.setattr(mp4_atoms, "_with_items", lambda moov, items: moov)
    with pytest.raises(AudioError, match="where other programs look for them: it is unchanged"):
        wrote(path)
    assert path.read_bytes() == before
