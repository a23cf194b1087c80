"""Stars and notes go where other programs look for them, and come out again byte for byte."""

from pathlib import Path

import mutagen
import pytest
import soundfile
from mutagen.id3 import ID3, POPM
from mutagen.mp4 import MP4

from engine.metadata.id3 import Id3
from engine.metadata.journal import Journal
from engine.metadata.read import read_header
from engine.metadata.write import SoundTags, write_tags
from tests.conftest import encode, tone

MARKS = SoundTags(stars=4, note="for the attic")


def made(path: Path) -> Path:
    codecs = {".mp3": "libmp3lame", ".m4a": "aac", ".opus": "libopus"}
    if path.suffix in codecs:
        return encode(path, codecs[path.suffix])
    soundfile.write(path, tone(440, 0.5), 48000)
    return path


@pytest.mark.parametrize("ending", ["wav", "aiff", "flac", "ogg", "opus", "mp3", "m4a"])
def test_marks_are_written_changed_and_taken_back(tmp_path, ending):
    path = made(tmp_path / f"a.{ending}")
    before = path.read_bytes()
    first, second = Journal(tmp_path / "first"), Journal(tmp_path / "second")
    assert write_tags(path, MARKS, first).changed
    assert "for the attic" in read_header(path).fields.values()
    assert not write_tags(path, MARKS, first).changed  # it is there already
    between = path.read_bytes()
    assert write_tags(path, SoundTags(stars=2, note="cellar"), second).changed
    texts = read_header(path).fields.values()
    assert "cellar" in texts and "for the attic" not in texts
    for journal, expected in ((second, between), (first, before)):
        assert [why for _, why in journal.undo(lambda _: True, lambda _: None)] == [None]
        assert path.read_bytes() == expected


def test_others_read_the_stars(tmp_path):
    mp3 = made(tmp_path / "a.mp3")
    flac, m4a, wav = (made(tmp_path / f"a.{ending}") for ending in ("flac", "m4a", "wav"))
    for path in (mp3, flac, m4a, wav):
        write_tags(path, MARKS, Journal(tmp_path / "journal"))
    (rated,) = ID3(mp3).getall("POPM")
    assert (rated.email, rated.rating) == ("Windows Media Player 9 Series", 196)
    assert ID3(mp3).getall("TXXX:NOTES")[0].text == ["for the attic"]
    assert mutagen.File(flac)["rating"] == ["80"]
    assert bytes(MP4(m4a).tags["----:com.apple.iTunes:RATING"][0]) == b"80"
    assert b"<USER><RATING>4</RATING><NOTES>for the attic</NOTES></USER>" in wav.read_bytes()


def test_who_rated_a_file_and_how_often_it_was_played_stay(tmp_path):
    path = made(tmp_path / "a.mp3")
    tag = ID3()
    tag.add(POPM(email="me@here", rating=10, count=70_000))
    tag.save(path, v2_version=3)
    write_tags(path, MARKS, Journal(tmp_path / "journal"))
    (rated,) = ID3(path).getall("POPM")
    assert (rated.email, rated.rating, rated.count) == ("me@here", 196, 70_000)


def test_a_rating_of_nothing_is_none():
    part = Id3(None, "a.mp3")
    assert part.get("POPM") is None
    part.put("POPM", "64")
    held = part.get("POPM")
    assert held is not None and held.text == "64"
    part.put("POPM", "0")
    assert part.get("POPM") is None


def test_marks_alone_change_nothing_else(tmp_path):
    path = made(tmp_path / "a.wav")
    write_tags(path, MARKS, Journal(tmp_path / "journal"))
    header = read_header(path)
    assert header.description is None and header.category is None
