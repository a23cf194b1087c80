"""What channels are for is kept while indexing, and learnt of older libraries by a look alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import update

from engine.index.build import index_folders
from engine.progress import Control
from engine.store import Library, tables
from engine.store.connection import make_schema
from engine.store.listing import ordered_sounds
from tests.conftest import tone

RATE = 32000


@pytest.fixture
def folder(tmp_path: Path, library, model_folder) -> Path:
    """Return an indexed folder of sounds of one, two, four and six channels."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for count, name in ((1, "one.wav"), (2, "two.wav"), (4, "four.wav"), (6, "six.flac")):
        soundfile.write(sounds / name, np.tile(tone(300, 0.3)[:, None], count), RATE)
    index_folders(library, model_folder, [sounds], Control())
    return sounds


def layouts(library) -> dict[str, str | None]:
    return {Path(s.path).stem: s.layout for s in library.sounds().values()}


def test_indexing_keeps_what_files_say_of_their_channels(library, folder):
    assert layouts(library) == {"one": "", "two": "", "four": "", "six": "5.1"}


def test_of_an_older_library_it_is_learnt_without_listening(library, folder, model_folder):
    s = tables.sounds.c
    with library.writing() as connection:
        connection.execute(update(tables.sounds).where(s.channels > 2).values(layout=None))
    assert layouts(library)["six"] is None
    report = index_folders(library, model_folder, [folder], Control())
    assert (report.heard, layouts(library)["six"], layouts(library)["four"]) == (0, "5.1", "")
    again = index_folders(library, model_folder, [folder], Control())
    assert (again.unchanged, again.heard) == (4, 0)


def test_migration_leaves_open_only_what_may_have_a_layout(tmp_path):
    path = tmp_path / "library.db"
    make_schema(path, "0010")
    with closing(sqlite3.connect(path)) as connection, connection:
        facts = "path, size, mtime_ns, content_hash, duration_s, rate_hz, channels, format"
        for channels in (1, 2, 6):
            connection.execute(
                f"INSERT INTO sounds ({facts}, state, added_ns, heard_s) "
                "VALUES (?, 1, 1, 'h', 1, 48000, ?, 'wav', 0, 1, 1)",
                (f"/s/{channels}.wav", channels),
            )
    with Library(path) as library:
        assert layouts(library) == {"1": "", "2": "", "6": None}


def test_the_library_is_listed_by_the_number_of_channels(library, folder):
    names = {sound.id: Path(sound.path).stem for sound in library.sounds().values()}
    listed = [names[int(i)] for i in ordered_sounds(library, (), "channels")]
    assert listed == ["one", "two", "four", "six"]
