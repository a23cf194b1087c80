"""What is known of one sound, and why it matched; it is gathered in a job."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.metadata.layouts import read_layout
from engine.metadata.markers import Marker, read_markers
from engine.progress import Control
from engine.session import Session
from engine.store import SoundRow
from engine.store.listing import details_of
from engine.store.regions import Region, regions_of
from engine.store.tags import accepted_tags, rejected_tags
from engine.store.uses import Use, uses_of

if TYPE_CHECKING:
    from engine.search import Answer
    from engine.search.explain import Moment
    from engine.search.sound_names import Likeness

_SIMILAR = 8
_OFFERED = 6  # as tags


@dataclass(frozen=True)
class SoundDetails:
    """What the inspector shows of one sound.

    ``lacks_names``: what it sounds like can be said once names of sounds were read.
    """

    sound: SoundRow
    tags: Sequence[str]
    fields: Mapping[str, str]
    moments: tuple[Moment, ...] = ()
    likenesses: tuple[Likeness, ...] = ()
    similar: Answer | None = field(default=None, compare=False)
    regions: tuple[Region, ...] = ()
    markers: tuple[Marker, ...] = ()
    uses: Sequence[Use] = ()
    layout: str = ""
    lacks_names: bool = field(default=False, compare=False)


def find_details(
    session: Session, sound_id: int, answer: Answer | None, control: Control
) -> SoundDetails | None:
    """Return what is known of a sound, and with a warm model why it matched."""
    library = session.library
    sound = library.sounds([sound_id]).get(sound_id)
    if sound is None:
        return None
    tags = accepted_tags(library, [sound_id]).get(sound_id, [])
    fields = json.loads(details_of(library, sound_id) or "{}")
    regions = tuple(regions_of(library, [sound_id]).get(sound_id, ()))
    known = SoundDetails(
        *(sound, tags, fields),
        regions=regions,
        markers=read_markers(Path(sound.path)),
        uses=uses_of(library, sound_id),
        layout=read_layout(Path(sound.path)) if sound.layout is None else sound.layout,
    )
    if not session.is_warm:
        return known
    from engine.search import QuerySound
    from engine.search.explain import explain

    with session.searching(control) as searcher:
        moments = explain(searcher, answer, sound_id) if answer is not None else ()
        lacks_names = not searcher.has_names
        likenesses = () if lacks_names else searcher.likenesses(sound_id)
        similar = None
        if len(searcher.index.rows_of(np.array([sound_id]))):
            similar = searcher.search_sounds([QuerySound(Path(sound.path))], _SIMILAR)
    judged = {tag.lower() for tag in (*tags, *rejected_tags(library, sound_id))}
    return replace(
        known,
        moments=moments,
        likenesses=tuple(like for like in likenesses if like.text.lower() not in judged)[:_OFFERED],
        similar=similar,
        lacks_names=lacks_names,
    )
