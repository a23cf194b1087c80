"""What the map needs done beside the window: reading it, making it, colouring it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.gui.library.map.cloud import Cloud
from engine.paths import Place
from engine.progress import Control
from engine.search.library_map.kept import read_map
from engine.search.library_map.making import is_current, update_map
from engine.session import Session

_FEW = 400  # sounds that are arranged sooner than a process has started


@dataclass(frozen=True)
class Loaded:
    """The present sounds of a map; ``is_current``: every sound that was heard has its place."""

    cloud: Cloud
    is_current: bool
    sounds: int  # that were heard


def load_map(session: Session, control: Control) -> Loaded:
    """Return the map as it was kept; an empty one where there is none.

    :raises LibraryError: nothing is indexed yet.
    """
    with session.searching(control) as searcher:
        windows, model = searcher.index.windows, searcher.spec.id
    heard = len(np.unique(windows.sound_ids))
    kept = read_map(session.library)
    if kept is None:
        return Loaded(Cloud.empty(), heard == 0, heard)
    present = np.unique(windows.sound_ids[windows.present])
    there = np.isin(kept.ids, present, assume_unique=True)
    return Loaded(Cloud.of(kept, there), is_current(kept, windows, model), heard)


def make_map(session: Session, place: Place, sounds: int, control: Control) -> None:
    """Make the map or bring it up to date: of many sounds in a process of its own."""
    if sounds <= _FEW:
        update_map(session.library, session.model_folder, control)
        return
    from app.index_process import map_apart

    map_apart(place, session.model_folder, control)
