"""What the library holds, counted in a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.gui.kit.workspace import Workspace
from engine.index.drives import note_drives
from engine.store import Statistics
from engine.store.collections import collections
from engine.store.listing import Facets, facets


@dataclass(frozen=True)
class Overview:
    """What stands in the sources and in the status bar."""

    statistics: Statistics
    facets: Facets
    collections: Mapping[str, int]
    away: Sequence[str]
    model: str


def count_everything(workspace: Workspace) -> Overview:
    """Return what the library holds; drives that went or came are noted."""
    library = workspace.library
    away = note_drives(library)
    return Overview(
        library.statistics(), facets(library), collections(library), away, workspace.model_name
    )
