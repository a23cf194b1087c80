"""What is known of one sound: its file, tags and collections, and what it sounds like, in parts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.metadata.layouts import read_layout
from engine.metadata.markers import Marker, read_markers
from engine.store import Library, SoundRow
from engine.store.collections import collections_of
from engine.store.listing import details_of, files_of
from engine.store.tags import TagRow, tag_rows

if TYPE_CHECKING:
    from engine.search.searcher import Searcher
    from engine.search.sound_names import Likeness

_NAMES = 8
_MOST_PARTS = 100


@dataclass(frozen=True)
class Part:
    """A stretch of a sound in seconds, and the name of what it is most like, with its share."""

    start_s: float
    end_s: float
    like: Likeness


@dataclass(frozen=True)
class Description:
    """What is known of a sound.

    ``likenesses`` name what it is most like, best first, and ``parts`` what it is like in
    time; both are empty where it was not heard.  ``fields`` are those of the file's header,
    ``layout`` what it says its channels are for, and ``markers`` the places that it marks.
    """

    sound: SoundRow
    size: int
    fields: Mapping[str, str]
    tags: Sequence[TagRow]
    collections: Sequence[str]
    likenesses: Sequence[Likeness] = ()
    parts: Sequence[Part] = ()
    layout: str = ""
    markers: Sequence[Marker] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        sound = self.sound
        return {
            "id": sound.id,
            "path": sound.path,
            "state": sound.presence,
            "duration_s": sound.duration_s,
            "rate_hz": sound.rate_hz,
            "channels": sound.channels,
            "layout": self.layout,
            "bits": sound.bits,
            "format": sound.format,
            "size": self.size,
            "description": sound.description or "",
            "category": sound.category or "",
            "damage": sound.damage or "",
            **sound.loudness_dict(),
            "fields": dict(self.fields),
            "markers": [
                {"start_s": m.start_s, "end_s": m.end_s, "name": m.name} for m in self.markers
            ],
            "tags": [_tag(row) for row in self.tags],
            "collections": list(self.collections),
            "sounds_like": [{"text": one.text, "share": one.share} for one in self.likenesses],
            "parts": [
                {
                    "start_s": part.start_s,
                    "end_s": part.end_s,
                    "text": part.like.text,
                    "share": part.like.share,
                }
                for part in self.parts
            ],
        }


def describe(library: Library, sound: SoundRow, searcher: Searcher | None = None) -> Description:
    """Return what is known of a sound; without a searcher, not what it sounds like."""
    known = Description(
        sound,
        files_of(library, [sound.id])[sound.id][0],
        json.loads(details_of(library, sound.id) or "{}"),
        tag_rows(library, [sound.id]),
        collections_of(library, sound.id),
        layout=read_layout(Path(sound.path)) if sound.layout is None else sound.layout,
        markers=read_markers(Path(sound.path)),
    )
    if searcher is None:
        return known
    whole = searcher.likenesses(sound.id)[:_NAMES]
    return replace(known, likenesses=whole, parts=parts_of(searcher, sound.id))


def parts_of(searcher: Searcher, sound_id: int) -> tuple[Part, ...]:
    """Return a sound in time: stretches of windows that are most like the same, 100 at most.

    A sound of one window is one part.  Where windows overlap, a stretch begins in the middle.
    """
    heard = searcher.sound_names().in_time(searcher.index, sound_id)
    if not heard:
        return ()
    begins = [heard[0][0]]
    begins += [(b[0] + a[1]) / 2 if b[0] < a[1] else b[0] for a, b in pairwise(heard)]
    ends = [*begins[1:], heard[-1][1]]
    found: list[Part] = []
    for begin, end, window in zip(begins, ends, heard, strict=True):
        like = window[2]
        last = found[-1] if found else None
        if last is not None and last.like.text == like.text:
            best = max(last.like, like, key=lambda one: one.share)
            found[-1] = Part(last.start_s, end, best)
        else:
            found.append(Part(begin, end, like))
    return tuple(found[:_MOST_PARTS])


def _tag(row: TagRow) -> dict[str, Any]:
    return {
        "label": row.label,
        "state": row.state,
        "said_by": row.said_by,
        "probability": row.probability,
        "start_s": row.start_s,
        "end_s": row.end_s,
    }
