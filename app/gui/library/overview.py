"""What the library holds, counted in a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.index.drives import is_away
from engine.session import Session
from engine.store import Library, Statistics
from engine.store.collections import collections
from engine.store.listing import Facets, facets
from engine.store.places import count_under
from engine.store.tables import OFFLINE, PRESENT


@dataclass(frozen=True)
class Overview:
    """What stands in the sources and in the status bar."""

    statistics: Statistics
    facets: Facets
    collections: Mapping[str, int]
    away: Sequence[str]
    model: str


def count_everything(session: Session) -> Overview:
    """Return what the library holds, as drives were last noted."""
    library = session.library
    away = [f for f in library.folders() if is_away(f) and count_under(library, f, OFFLINE)]
    return Overview(
        library.statistics(), facets(library), collections(library), away, session.model_name
    )


def drives_changed(library: Library) -> bool:
    """Return whether a drive went or came back since that was noted."""
    return any(
        count_under(library, folder, PRESENT if is_away(folder) else OFFLINE)
        for folder in library.folders()
    )
