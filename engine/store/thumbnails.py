"""Thumbnails of waveforms, as :func:`engine.audio.peaks.make_thumbnail` makes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from sqlalchemy import select

from engine.errors import RefusedError
from engine.store import tables
from engine.store.library import Library, in_chunks


def thumbnails(library: Library, ids: Collection[int]) -> dict[int, bytes]:
    """Return the thumbnails of those sounds that have one."""
    t = tables.thumbnails.c
    with library.reading() as connection:
        return {
            row.sound_id: row.peaks
            for part in in_chunks(select(t.sound_id, t.peaks), t.sound_id, ids)
            for row in connection.execute(part)
        }


def put_thumbnails(library: Library, peaks: Mapping[int, bytes]) -> None:
    """Keep thumbnails; of sounds that are gone meanwhile there is nothing to keep.

    Who may not write keeps none: they can be drawn again.
    """
    statement = tables.replacing(tables.thumbnails, ["sound_id"], ["peaks"])
    s = tables.sounds.c
    with suppress(RefusedError), library.writing() as connection:
        there = {
            sound_id
            for part in in_chunks(select(s.id), s.id, list(peaks))
            for sound_id in connection.scalars(part)
        }
        rows = [{"sound_id": i, "peaks": peaks[i]} for i in peaks if i in there]
        if rows:
            connection.execute(statement, rows)
