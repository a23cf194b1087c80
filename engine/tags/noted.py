"""What a run notes of tags, to give them back: written, checked and read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.metadata.records import (
    has_fields,
    is_number,
    is_text,
    list_of,
    one_of,
    or_none,
    read_record,
    whole,
)
from engine.store import Library
from engine.store.tags import TagRow
from engine.tags.review import TagChange

_ROWS = list_of(
    has_fields(
        {
            "sound_id": whole(1),
            "label": is_text,
            "state": one_of("suggested", "accepted", "rejected", "edited"),
            "said_by": is_text,
            "probability": or_none(is_number),
            "start_s": or_none(is_number),
            "end_s": or_none(is_number),
        }
    )
)


def noted_change(change: TagChange) -> dict[str, Any]:
    """Return a change of tags as a record holds it."""
    return {
        "before": [asdict(row) for row in change.before],
        "after": [asdict(row) for row in change.after],
    }


def of_known_sounds(library: Library, change: TagChange) -> tuple[TagChange, int]:
    """Return a change without sounds that are gone from the library, and how many these are."""
    ids = {row.sound_id for row in (*change.before, *change.after)}
    known = library.sounds(ids).keys()
    before, after = (
        tuple(row for row in rows if row.sound_id in known)
        for rows in (change.before, change.after)
    )
    return TagChange(before, after), len(ids - known)


def read_change(path: Path) -> TagChange:
    """Return what is noted of tags.

    :raises ValueError: it is damaged.
    """
    document = read_record(path, {"before": _ROWS, "after": _ROWS})
    before, after = (tuple(TagRow(**row) for row in document[name]) for name in ("before", "after"))
    return TagChange(before, after)
