"""Thumbnails of waveforms, as :func:`engine.audio.peaks.make_thumbnail` makes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from sqlalchemy import select

from engine.errors import RefusedError
from engine.store import tables
from engine.store.chunks import SOME, rows_of_some
from engine.store.library import Library


def thumbnails(library: Library, ids: Collection[int]) -> dict[int, bytes]:
    """Return the thumbnails of those sounds that have one."""
    t = tables.thumbnails.c
    chosen = select(t.sound_id, t.peaks).where(t.sound_id.in_(SOME))
    with library.reading() as connection:
        return {row.sound_id: row.peaks for row in rows_of_some(connection, chosen, ids)}


def put_thumbnails(library: Library, peaks: Mapping[int, bytes]) -> None:
    """Keep thumbnails; of sounds that are gone meanwhile there is nothing to keep.

    Who may not write keeps none: they can be drawn again.
    """
    statement = tables.replacing(tables.thumbnails, ["sound_id"], ["peaks"])
    s = tables.sounds.c
    with suppress(RefusedError), library.writing() as connection:
        known = rows_of_some(connection, select(s.id).where(s.id.in_(SOME)), list(peaks))
        there = {row.id for row in known}
        rows = [{"sound_id": i, "peaks": peaks[i]} for i in peaks if i in there]
        if rows:
            connection.execute(statement, rows)
