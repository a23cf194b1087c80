"""What the library holds, counted in a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from app.gui.library.sharing import Owners
from engine.errors import SoundsiftError
from engine.paths import is_away
from engine.progress import Cancelled, Control
from engine.roots import mounted
from engine.search.grammar import parse
from engine.session import Session
from engine.store import Library, Statistics
from engine.store.collections import collections
from engine.store.conditions import sounds_where
from engine.store.listing import Facets, facets
from engine.store.places import count_under
from engine.store.saved_searches import saved_searches
from engine.store.sharing import whose
from engine.store.tables import OFFLINE, PRESENT

_MOST_FOUND = 500  # results of a search whose matches are counted


@dataclass(frozen=True)
class Overview:
    """What stands in the sources and in the status bar."""

    statistics: Statistics
    facets: Facets
    collections: Mapping[str, int]
    away: Sequence[str]
    model: str
    searches: Mapping[str, str]  # saved ones, by name
    collection_owners: Owners = field(default_factory=dict)
    search_owners: Owners = field(default_factory=dict)


def count_everything(session: Session) -> Overview:
    """Return what the library holds, as drives were last noted."""
    library = session.library
    away = [
        f for f in mounted(library.folders()) if is_away(f) and count_under(library, f, OFFLINE)
    ]
    return Overview(
        library.statistics(),
        facets(library),
        collections(library),
        away,
        session.model_name,
        saved_searches(library),
        whose(library, "collections"),
        whose(library, "saved_searches"),
    )


def count_searches(
    session: Session, searches: Mapping[str, str], control: Control
) -> dict[str, int]:
    """Return how many sounds saved searches find: of those for words, how many match well.

    What makes no sense, or needs a model that is not loaded yet, is left out.
    """
    found: dict[str, int] = {}
    for name, text in searches.items():
        if control.cancel():
            raise Cancelled
        with suppress(SoundsiftError):
            query = parse(text)
            if not query.groups:
                found[name] = len(sounds_where(session.library, query.conditions))
            elif session.is_warm:
                with session.searching(control) as searcher:
                    found[name] = searcher.search_text(query, _MOST_FOUND).strong
    return found


def drives_changed(library: Library) -> bool:
    """Return whether a drive went or came back since that was noted."""
    return any(
        count_under(library, folder, PRESENT if is_away(folder) else OFFLINE)
        for folder in mounted(library.folders())
    )
