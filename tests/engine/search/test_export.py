"""Tables of what a library knows, read back."""

import csv
import json

import pytest
from sqlalchemy import update

from engine.errors import InputError
from engine.index.build import index_folders
from engine.progress import Cancelled, Control
from engine.search.export import COLUMNS, export, format_of, sounds_of
from engine.search.grammar import parse
from engine.store import tables
from engine.store.loudness import put_loudness
from engine.store.places import sound_at
from engine.store.records import MeasuredLoudness
from tests.conftest import accept_tags


@pytest.fixture
def indexed(library, sounds, model_folder):
    tone = (sounds / "tones/Sound_01.wav").read_bytes()
    (sounds / "DOORWood_Creak, slow_ABC_Lib.wav").write_bytes(tone)
    (sounds / "=SUM(A1)_x.wav").write_bytes(tone)
    index_folders(library, model_folder, [sounds], Control())
    sound_id = sound_at(library, str(sounds / "tones/Sound_03.wav"))
    accept_tags(library, [(sound_id, "metal"), (sound_id, "größer")])
    return library


def write(library, query, path, kind=None, control=None):
    ids = sounds_of(library, parse(query) if query else None)
    export(library, ids, path, kind or format_of(path), control or Control())
    return len(ids)


def read(path, delimiter=","):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_a_table_has_every_sound_with_what_is_known_of_it(indexed, sounds, tmp_path):
    for name, delimiter in (("all.csv", ","), ("all.txt", "\t")):
        path = tmp_path / name
        assert write(indexed, None, path) == 14
        rows = read(path, delimiter)
        assert len(rows) == 14 and tuple(rows[0]) == COLUMNS
        named = {row["Filename"]: row for row in rows}
        door = named["DOORWood_Creak, slow_ABC_Lib.wav"]
        assert (door["CatID"], door["Category"], door["SubCategory"]) == (
            "DOORWood",
            "DOORS",
            "WOOD",
        )
        assert door["Library"] == "sounds" and door["SampleRate"] == "32000"
        tagged = named["Sound_03.wav"]
        assert tagged["Keywords"] == "größer, metal"
        assert tagged["Pathname"] == str(sounds / "tones/Sound_03.wav")


def test_json_holds_lists_and_numbers(indexed, tmp_path):
    path = tmp_path / "all.json"
    write(indexed, "tag:metal", path)
    ((row),) = json.loads(path.read_text(encoding="utf-8"))["sounds"]
    assert row["Keywords"] == ["größer", "metal"] and row["Duration"] == pytest.approx(0.8)


def test_a_table_says_how_loud_sounds_are_that_were_measured(indexed, tmp_path):
    path = tmp_path / "loud.json"
    (sound_id,) = sounds_of(indexed, parse("tag:metal"))
    with indexed.writing() as connection:
        connection.execute(update(tables.sounds).values(lufs=None, range_lu=None, peak_db=None))
    put_loudness(indexed, {sound_id: MeasuredLoudness(-23.456, None, -1.0)})
    write(indexed, None, path)
    rows = json.loads(path.read_text(encoding="utf-8"))["sounds"]
    told = {
        row["Filename"]: (row["Loudness"], row["LoudnessRange"], row["TruePeak"]) for row in rows
    }
    assert told.pop("Sound_03.wav") == (-23.46, "", -1.0)
    assert set(told.values()) == {("", "", "")}


def test_words_and_filters_choose(indexed, tmp_path):
    path = tmp_path / "some.csv"
    assert write(indexed, "creak", path) == 1
    assert write(indexed, "in:tones dur:<0.9s", path) == 2
    assert write(indexed, "fmt:mp3", path) == 0 and read(path) == []


def test_no_cell_is_a_formula(indexed, tmp_path):
    path = tmp_path / "all.csv"
    write(indexed, None, path)
    assert "'=SUM(A1)_x.wav" in [row["Filename"] for row in read(path)]


def test_a_stopped_or_impossible_export_leaves_the_file(indexed, tmp_path):
    path = tmp_path / "kept.csv"
    path.write_text("kept")
    with pytest.raises(Cancelled):
        write(indexed, None, path, control=Control(cancel=lambda: True))
    assert path.read_text() == "kept" and [p.name for p in tmp_path.glob("*.part")] == []
    with pytest.raises(InputError, match="cannot be written"):
        write(indexed, None, tmp_path / "no folder" / "a.csv")
    with pytest.raises(InputError, match="unknown file type"):
        format_of(tmp_path / "a.xls")
