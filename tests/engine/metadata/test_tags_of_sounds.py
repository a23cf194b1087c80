"""What of a sound's tags goes into a file, what has to stay, and how that is told."""

import os
import struct
from pathlib import Path

import pytest
import soundfile

from engine.errors import AudioError, InputError
from engine.metadata import write as writing
from engine.metadata.decoded import Decodings, decodings_of
from engine.metadata.journal import Journal
from engine.metadata.read import read_header
from engine.metadata.ucs_names import categories
from engine.metadata.write import Result, SoundTags, write_tags
from tests.conftest import tone
from tests.engine.metadata.test_id3 import frame, tag
from tests.engine.metadata.test_riff import chunk

DOOR = categories()["doorwood"]
ODD = bytes(range(1, 32))


def wav(path: Path, *behind: bytes) -> Path:
    soundfile.write(path, tone(440, 0.02, 48000), 48000)
    data = path.read_bytes() + b"".join(behind)
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    return path


def info(**texts: bytes) -> bytes:
    return chunk(b"LIST", b"INFO" + b"".join(chunk(k.encode(), v) for k, v in texts.items()))


def ixml(inner: str) -> bytes:
    return chunk(b"iXML", f"<BWFXML>{inner}</BWFXML>".encode())


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def test_tags_have_the_names_of_ixml():
    full = SoundTags("wo\x07rds", DOOR, "Name", ("a", "b"))
    assert full.named() == {
        "DESCRIPTION": "words",
        "CATID": "DOORWood",
        "CATEGORY": "DOORS",
        "SUBCATEGORY": "WOOD",
        "FXNAME": "Name",
        "KEYWORDS": "a, b",
    }
    assert SoundTags().named() == {} == SoundTags("", None, "").named()
    assert SoundTags(dropped=("a",), notes=("b",)).named() == {}


def test_nothing_is_written_where_there_is_nothing(tmp_path, journal):
    path = wav(tmp_path / "a.wav")
    with pytest.raises(InputError) as told:
        write_tags(path, SoundTags(), journal)
    assert str(told.value) == (
        "there is nothing to write: give a description, a category or keywords"
    )
    assert write_tags(path, SoundTags(notes=("why",)), journal) == Result(False, ("why",))
    assert write_tags(path, SoundTags(dropped=("a",)), journal) == Result(False, ())
    told = SoundTags("words", notes=("why", "why"))
    assert write_tags(path, told, journal) == Result(True, ("why",))
    assert write_tags(path, told, journal) == Result(False, ("why",))


@pytest.mark.parametrize("suffix", [".wma", "", ".wav2", ".txt"])
def test_other_kinds_are_refused(tmp_path, journal, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"x")
    with pytest.raises(InputError) as told:
        write_tags(path, SoundTags("words"), journal)
    assert str(told.value) == f"{path.name} is of a format into which tags cannot be written"


def test_why_a_file_is_refused_is_a_sentence(tmp_path, journal, monkeypatch):
    path = wav(tmp_path / "a.wav")
    tags = SoundTags("words")
    link, folder = tmp_path / "link.wav", tmp_path / "folder.WAV"
    link.symlink_to(path)
    folder.mkdir()
    absent = tmp_path / "absent.wav"
    for of, why in (
        (link, "link.wav is a link: write into the file that it points to"),
        (folder, "folder.WAV is not a file that can be written into"),
    ):
        with pytest.raises(InputError) as told:
            write_tags(of, tags, journal)
        assert str(told.value) == why
    with pytest.raises(AudioError) as lost:
        write_tags(absent, tags, journal)
    assert str(lost.value) == ("absent.wav is no longer there: nothing was written")
    asked = []
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *arguments: asked.append(arguments))
        with pytest.raises(AudioError) as lost:
            write_tags(path, tags, journal)
    assert str(lost.value) == "a.wav cannot be written: it is read-only"
    assert asked == [(path, os.W_OK)]

    def refuse(of: Path) -> None:
        raise OSError("the cable came out")

    monkeypatch.setattr(writing, "open_container", refuse)
    with pytest.raises(AudioError) as lost:
        write_tags(path, tags, journal)
    assert str(lost.value) == "a.wav cannot be written: the cable came out; it is unchanged"


def test_what_nobody_hears_is_refused(tmp_path, journal, monkeypatch):
    path = wav(tmp_path / "a.wav")
    old, heard = path.read_bytes(), decodings_of(path)
    with monkeypatch.context() as patched:
        patched.setattr(writing, "decodings_of", lambda of: Decodings(None, None))
        with pytest.raises(AudioError) as told:
            write_tags(path, SoundTags("words"), journal)
        assert str(told.value) == "a.wav cannot be decoded: its header is damaged; it is unchanged"
    for one in (Decodings(heard.libsndfile, None), Decodings(None, heard.ffmpeg)):
        with monkeypatch.context() as patched:
            patched.setattr(writing, "decodings_of", lambda of, one=one: one)
            assert write_tags(path, SoundTags(keywords=(str(one)[:40],)), journal).changed
    path.write_bytes(old)

    def worse(of: Path) -> Decodings:
        return heard if of == path else Decodings(None, None)

    monkeypatch.setattr(writing, "decodings_of", worse)
    with pytest.raises(AudioError) as told:
        write_tags(path, SoundTags("words"), journal)
    assert str(told.value) == "a.wav would sound different in other programs: it is unchanged"
    assert path.read_bytes() == old


def test_where_chunks_behind_the_audio_are_heard_they_go_before_it(tmp_path, journal, monkeypatch):
    path = wav(tmp_path / "a.wav")
    heard, tried = decodings_of(path), []

    def picky(of: Path) -> Decodings:
        data = of.read_bytes()
        behind = data.find(b"iXML") > data.find(b"data")
        if of != path:
            tried.append((behind, len(data)))
        return heard if of == path or not behind else Decodings(None, None)

    monkeypatch.setattr(writing, "decodings_of", picky)
    assert write_tags(path, SoundTags("words"), journal).changed
    assert [behind for behind, _ in tried] == [True, False] and tried[0][1] == tried[1][1]
    data = path.read_bytes()
    assert data.find(b"iXML") < data.find(b"data") and len(data) == tried[0][1]


def test_times_are_kept_only_where_that_is_asked_for(tmp_path, journal):
    path = wav(tmp_path / "a.wav")
    os.utime(path, ns=(5, 7))
    write_tags(path, SoundTags("words"), journal, keep_time=True)
    assert path.stat().st_mtime_ns == 7
    write_tags(path, SoundTags(fx_name="more"), journal)
    assert path.stat().st_mtime_ns != 7


def test_a_category_follows_and_other_texts_stay(tmp_path, journal):
    inner = "<USER><CATID>RAINInt</CATID><FXNAME>mine</FXNAME><DESCRIPTION>d</DESCRIPTION></USER>"
    path = wav(tmp_path / "a.wav", ixml(inner), info(ICMT=b"c\0"))
    assert write_tags(path, SoundTags("new", DOOR, "New"), journal) == Result(True, ())
    fields = read_header(path).fields
    assert fields["ixml.CATID"] == "DOORWood" and fields["ixml.CATEGORY"] == "DOORS"
    assert fields["ixml.FXNAME"] == "mine" and fields["ixml.DESCRIPTION"] == "d"
    assert fields["info.comment"] == "c" and fields["bext.description"] == "new"
    assert fields["info.genre"] == "DOORS" and fields["ixml.SUBCATEGORY"] == "WOOD"
    assert fields["ixml.catId"] == "DOORWood"


@pytest.mark.parametrize(
    ("held", "after"),
    [
        (b"Rain", b"DOORS\0"),
        (b"doors\0", b"DOORS\0"),
        (b" DOORS\0", b" DOORS\0"),
        (b"Mine", b"Mine"),
    ],
)
def test_a_genre_follows_where_it_is_a_category(tmp_path, journal, held, after):
    path = wav(tmp_path / "a.wav", info(IGNR=held))
    write_tags(path, SoundTags(None, DOOR), journal)
    assert chunk(b"IGNR", after) in path.read_bytes()
    other = wav(tmp_path / "b.wav", info(IGNR=held))
    write_tags(other, SoundTags("words"), journal)
    assert chunk(b"IGNR", held) in other.read_bytes()


def test_keywords_are_compared_without_regard_to_case_and_one_by_one(tmp_path, journal):
    path = wav(tmp_path / "a.wav", info(IKEY=b"Door; wet wood\0"))
    tags = SoundTags(keywords=("DOOR", "creak", "Creak", "wet wood, slow", "sl\x07ow"))
    assert write_tags(path, tags, journal).changed
    assert b"Door; wet wood; creak; wet wood, slow\0" in path.read_bytes()
    assert not write_tags(path, tags, journal).changed


def test_words_that_were_taken_back_go_and_others_come(tmp_path, journal):
    path = wav(
        tmp_path / "a.wav", info(IKEY=b"a, b\0"), ixml("<USER><KEYWORDS>B</KEYWORDS></USER>")
    )
    assert write_tags(path, SoundTags(keywords=("c",), dropped=("B",)), journal).changed
    fields = read_header(path).fields
    assert fields["info.keywords"] == "a, c" and fields["ixml.KEYWORDS"] == "c"
    assert not write_tags(path, SoundTags(dropped=("x",)), journal).changed


def test_what_cannot_be_read_stays_and_is_told(tmp_path, journal):
    odd = "<USER><{0}>x<B/></{0}></USER>"
    for name, shown in (
        ("DESCRIPTION", "description"),
        ("CATID", "CatID"),
        ("CATEGORY", "category"),
        ("SUBCATEGORY", "subcategory"),
        ("FXNAME", "FXName"),
        ("KEYWORDS", "keywords"),
    ):
        path = wav(tmp_path / "a.wav", ixml(odd.format(name)))
        result = write_tags(path, SoundTags("d", DOOR, "f", ("k",)), journal)
        assert result == Result(True, (f"its {shown} cannot be read, and is left as it is",))
        assert f"<{name}>x<B/></{name}>".encode() in path.read_bytes()
    path = wav(tmp_path / "a.wav", info(IGNR=ODD))
    assert write_tags(path, SoundTags(None, DOOR), journal).kept == (
        "its genre cannot be read, and is left as it is",
    )


def test_where_all_has_to_stay_nothing_is_written(tmp_path, journal):
    path = tmp_path / "a.aiff"
    soundfile.write(path, tone(440, 0.02, 48000), 48000)
    held = tag(3, frame("TXXX", b"\0KEYWORDS\0T\xfcr"))
    data = path.read_bytes() + chunk(b"ID3 ", held, order=">")
    path.write_bytes(data[:4] + struct.pack(">I", len(data) - 8) + data[8:])
    old = path.read_bytes()
    with pytest.raises(AudioError) as told:
        write_tags(path, SoundTags(keywords=("音",)), journal)
    assert str(told.value) == (
        "a.aiff: its keywords are in an encoding that cannot hold the new ones, and are "
        "left as they are; nothing was written"
    )
    assert path.read_bytes() == old and not list(journal.folder.iterdir())
