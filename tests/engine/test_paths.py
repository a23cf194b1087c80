"""Where libraries are, and what they are called."""

from pathlib import Path

import pytest

from engine.paths import is_server, place_of, server_name


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("postgresql://mia@studio.example/sounds", "sounds on studio.example"),
        (
            "postgresql://mia:secret@studio.example:5433/sounds?sslmode=require",
            "sounds on studio.example",
        ),
        ("postgresql:///sounds?host=db.example", "sounds on db.example"),
        ("postgresql:///sounds?host=/run/postgresql", "sounds"),
        ("postgresql://db.example/?dbname=sfx%202", "sfx 2 on db.example"),
        ("postgresql://[oops", "team library"),
        ("postgres://", "team library"),
    ],
)
def test_a_library_on_a_server_is_called_by_its_database_and_server(address, name):
    assert server_name(address) == name


def test_the_place_of_a_library_is_a_file_unless_it_is_an_address():
    assert place_of("/a/b.db") == Path("/a/b.db")
    assert is_server(place_of("postgresql://db/x")) and not is_server(place_of("/postgresql:/x"))
