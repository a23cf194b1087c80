"""How large do a team's server and clients get, and how long does it take to begin?

Run with ``python -m benchmarks.team_sizing`` where PostgreSQL and psycopg are installed.  Bytes
are measured on a synthetic library (benchmarks/synthetic.py) of 10,000 sounds of one window each;
how fast machines listen is what benchmarks/indexing.py measured for WAV files.  What 10⁶
to 10⁸ windows take is on paper: those bytes and that rate, as if it grew with cores and machines.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.report import RESULTS, read_result, report
from benchmarks.studio import studio, wire
from benchmarks.synthetic import fill
from benchmarks.team_sync import client
from engine.models.catalog import find_model
from engine.store import Library
from tests.postgres import binaries

SOUNDS = 10_000
WINDOWS = (10**6, 10**7, 10**8)
WINDOWS_A_SOUND, HEADER_BYTES = 4, 1000
NETWORK_BYTES_S = 117e6  # of 1 Gbit/s
MACHINES = ((1, 2), (1, 16), (10, 16))  # machines, and cores of each
_WINDOW_S = 10.0
_OF_WINDOWS, _BOUNDED = "windows", "changes"  # all other tables grow with sounds
_SIZES = text(
    "SELECT relname AS name, pg_table_size(oid) AS rows, pg_indexes_size(oid) AS indexes, "
    "reltuples AS count "
    "FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace "
    "ORDER BY relname"
)


@dataclass(frozen=True)
class Measured:
    """Bytes for each window or sound, and windows that two cores hear in a second.

    ``cache_bytes`` and ``wire_bytes`` are of a window in a client's cache, and on the way there;
    ``copy_bytes`` of a sound of one window in its copy.
    """

    window_bytes: float
    sound_bytes: float
    cache_bytes: float
    wire_bytes: float
    windows_a_second: float
    copy_bytes: float


def table_sizes(library: Library, sounds: int = 0) -> dict[str, tuple[int, int]]:
    """Return the bytes of the tables of a library on a server, and of their indexes.

    :param sounds: leave out tables that have not nearly as many rows, as of the last ``ANALYZE``.
    """
    with library.reading() as connection:
        rows = connection.execute(_SIZES).all()
    return {row.name: (row.rows, row.indexes) for row in rows if row.count >= 0.9 * sounds - 1}


def database_bytes(library: Library) -> int:
    """Return what a library's database takes."""
    with library.reading() as connection:
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def dump_bytes(place: str) -> int:
    """Return how large a dump of a library is."""
    programs = binaries()
    assert programs is not None
    done = subprocess.run([programs / "pg_dump", "-Fc", place], capture_output=True, check=True)
    return len(done.stdout)


def measured(sounds: int) -> tuple[list[dict[str, Any]], Measured]:
    """Fill a server, synchronise a client, and return what each table takes, and in all."""
    with studio() as server, server.library() as place, tempfile.TemporaryDirectory() as home:
        with Library(place) as library:
            empty, bare = table_sizes(library), database_bytes(library)
            fill(library, find_model("default"), sounds)
            server.tidy(place)
            full = table_sizes(library, sounds)
        dumped = dump_bytes(place)
        with wire(server) as way, client(home, way.to(place)) as synchronise:
            before = way.sent()[1]
            synchronise()
            sent = way.sent()[1] - before
        held = [path for path in Path(home).rglob("*") if path.is_file()]
        copy = sum(path.stat().st_size for path in held if ".copy-" in path.name)
        cache = sum(path.stat().st_size for path in held) - copy
    grown = {
        name: [(now - then) / sounds for now, then in zip(full[name], empty[name], strict=True)]
        for name in full
    }
    rows = [
        {"what": f"a row of {name}", "bytes": own, "its indexes": indexes}
        for name, (own, indexes) in grown.items()
    ]
    of_sounds = sum(
        sum(sizes) for name, sizes in grown.items() if name not in (_OF_WINDOWS, _BOUNDED)
    )
    rows += [
        {"what": what, "bytes": count, "its indexes": None}
        for what, count in (
            ("a database without rows", bare),
            ("a sound in a dump (pg_dump -Fc)", dumped / sounds),
            ("a sound in a client's copy", copy / sounds),
            ("a window in its cache of vectors", cache / sounds),
            ("a window on its way there", sent / sounds),
        )
    ]
    rate = read_result("indexing", RESULTS).only(what="400 wav files of 5 s, default")
    each = (cache / sounds, sent / sounds, rate["audio s per s"] / _WINDOW_S, copy / sounds)
    return rows, Measured(sum(grown[_OF_WINDOWS]), of_sounds, *each)


def sized(windows: int, known: Measured) -> dict[str, Any]:
    """Return what so many windows take, on paper."""
    sounds = windows / WINDOWS_A_SOUND
    disk = windows * known.window_bytes + sounds * (known.sound_bytes + HEADER_BYTES)
    core_s = 2 * windows / known.windows_a_second
    return {
        "windows": windows,
        "server's disk (GB)": disk / 1e9,
        "client's cache (GB)": windows * known.cache_bytes / 1e9,
        "client's copy (GB), at most": windows * known.copy_bytes / 1e9,  # a sound has several
        "first synchronisation (min)": windows * known.wire_bytes / NETWORK_BYTES_S / 60,
        **{
            f"listening (h), {machines} × {cores} cores": core_s / (machines * cores) / 3600
            for machines, cores in MACHINES
        },
        "core hours": core_s / 3600,
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sounds", type=int, default=SOUNDS)
    asked = parser.parse_args()
    usual = asked.sounds == SOUNDS
    rows, known = measured(asked.sounds)
    report("team_bytes", f"bytes of {asked.sounds} sounds of one window", rows, keep=usual)
    paper = [sized(windows, known) for windows in WINDOWS]
    question = (
        f"on paper: {WINDOWS_A_SOUND} windows a sound, {HEADER_BYTES} bytes of headers a sound, "
        "1 Gbit/s"
    )
    report("team_sizing", question, paper, keep=usual)


if __name__ == "__main__":
    main()
