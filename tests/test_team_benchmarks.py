"""What the benchmarks of teams measure is what they say, shown on a small scale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import insert, select

from benchmarks.scale import texts
from benchmarks.studio import wire
from benchmarks.synthetic import _sounds, add, fill
from benchmarks.team_clients import damage, lost_decisions, lost_sounds
from benchmarks.team_search import KINDS, compared
from benchmarks.team_sizing import Measured, sized
from benchmarks.teammate import SHARED, Diary
from engine.errors import AwayError
from engine.models.catalog import find_model
from engine.store import Library, tables, team
from engine.store.roles import group_names
from engine.tags.review import Review
from tests.engine.index.compare import difference
from tests.postgres import Postgres, running, why_not

SOUNDS = 20


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
    rows = compared(*pair, texts()[:7])
    assert [row["search"] for row in rows] == list(KINDS)
    assert all(row["sounds"] == SOUNDS and float(str(row["p95 ratio"])) > 0 for row in rows)


@pytest.fixture
def diaries(server: Postgres) -> Iterator[tuple[str, list[Diary]]]:
    """Give the address of a library on which two editors decided, and what they remember."""
    names = ["diarist_1", "diarist_2"]
    with server.library() as place:
        database = urlsplit(place).path[1:]
        team.init(place)
        with Library(place) as library, library.writing() as connection:
            connection.execute(insert(tables.sounds), list(_sounds(range(1, 4), ["a", "b", "c"])))
        for name in names:
            team.add(place, name, "editor", login=True)
            with Library(server.address(database, name)) as library:
                for pair in ((1, name), (2, SHARED)):
                    Review(library).accept([pair])
        told = [
            Diary(name, decided={(1, name): "accepted", (2, SHARED): "accepted"}) for name in names
        ]
        yield place, told
    groups = group_names(database).values()
    server.run(*(f'DROP ROLE "{name}"' for name in (*names, *groups)))


def test_a_decision_that_is_lost_or_anothers_is_found(diaries: tuple[str, list[Diary]]) -> None:
    place, (one, other) = diaries
    with Library(place) as library:
        assert lost_decisions(library, [one, other]) == []
        one.decided |= {(1, "diarist_1"): "rejected", (3, "diarist_1"): "accepted"}
        other.decided[2, SHARED] = "rejected"  # who decided last
        assert lost_decisions(library, [one]) == [
            "(1, 'diarist_1') is accepted, not rejected, by diarist_1",
            f"(2, '{SHARED}') is accepted, not , by diarist_2",
            "(3, 'diarist_1') is nobody's, not diarist_1's",
            "(3, 'diarist_1') is nothing, not accepted, by nobody",
            "nobody decided on (1, 'diarist_2')",
        ]
        shared = f"(2, '{SHARED}') is accepted, not rejected, by diarist_2"
        assert lost_decisions(library, [one, other]).count(shared) == 2
    assert {found.partition(":")[0] for found in damage(place)} == {"durability", "roles"}


def test_a_window_that_is_there_twice_is_found(pair: tuple[Path, str]) -> None:
    with Library(pair[0]) as calm, Library(pair[1]) as library:
        assert lost_sounds(library, calm, SOUNDS) == []
        with library.writing() as connection:
            (row,) = connection.execute(select(tables.windows).limit(1)).mappings()
            connection.execute(insert(tables.windows), [{**row, "id": 10**6}])
        doubled, differs = lost_sounds(library, calm, SOUNDS)
        assert doubled == f"sound {row['sound_id']} has a window twice"
        assert differs.endswith("has 1 windows and 2")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_a_killed_server_has_what_was_committed() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with running() as server, server.library() as place, Library(place) as library:
        library.add_folder("/sounds")
        server.kill()
        with pytest.raises(AwayError):
            library.folders()
        server.start()
        assert library.folders() == ["/sounds"]


def test_a_way_to_a_server_counts_what_passes(server: Postgres) -> None:
    with server.library() as place, wire(server) as way, Library(way.to(place)) as library:
        before = way.sent()[1]
        library.add_folder("/" + "s" * 100_000)
        assert len(library.folders()[0]) == 100_001
        assert way.sent()[1] - before > 100_001


def test_what_is_on_paper_is_what_was_measured_times_windows() -> None:
    row = sized(10**7, Measured(1000, 3000, 540, 1024, 20, 1200))
    assert row["server's disk (GB)"] == pytest.approx(10 + 0.25 * (30 + 10))
    assert row["client's cache (GB)"] == pytest.approx(5.4)
    assert row["client's copy (GB), at most"] == pytest.approx(12)
    assert row["first synchronisation (min)"] == pytest.approx(10240 / 117 / 60)
    assert row["core hours"] == pytest.approx(2 * 10**7 / 20 / 3600)
    assert row["listening (h), 10 × 16 cores"] == pytest.approx(row["core hours"] / 160)
