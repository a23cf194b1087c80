"""What the benchmarks of teams measure is what they say, shown on a small scale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.synthetic import add, fill
from benchmarks.team_search import KINDS, compared
from engine.models.catalog import find_model
from engine.store import Library
from tests.engine.index.compare import difference
from tests.postgres import Postgres

SOUNDS = 70


@pytest.fixture
def pair(server: Postgres, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Give a file and an address that hold the same sounds."""
    path = tmp_path / "library.db"
    with server.library() as place:
        with Library(path) as one, Library(place) as other:
            fill(one, find_model("default"), SOUNDS, other)
        yield path, place


def test_a_file_and_a_server_are_filled_with_the_same(pair: tuple[Path, str]) -> None:
    with Library(pair[0]) as one, Library(pair[1]) as other:
        add(one, find_model("default"), SOUNDS, 5, other)
        assert one.statistics() == other.statistics()
        assert other.statistics().embedded == SOUNDS + 5
        assert difference(one, other) == ""


def test_both_are_searched_in_every_way(pair: tuple[Path, str]) -> None:
    rows = compared(*pair)
    assert [row["search"] for row in rows] == list(KINDS)
    assert all(row["sounds"] == SOUNDS and float(str(row["p95 ratio"])) > 0 for row in rows)
