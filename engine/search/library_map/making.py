"""Make the map of a library, or bring it up to date without moving what has its place.

Up to 50,000 sounds are arranged with one another; of more so many, and the others are put among
these and arranged a little.  Sounds that come later are put among the nearest; once they are a
fifth, everything is arranged anew from where it was, and turned to lie as before.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.arrays import Booleans, Floats, Integers
from engine.models.spec import read_spec
from engine.progress import Control
from engine.search.library_map.kept import (
    Draft,
    LibraryMap,
    MapRegion,
    put_draft,
    put_map,
    read_draft,
    read_map,
)
from engine.search.library_map.layout import (
    AGAIN,
    FIRST,
    REFINE,
    Phase,
    first_places,
    lay_out,
)
from engine.search.library_map.naming import FEWEST as FEWEST_NAMED
from engine.search.library_map.naming import listened_to, name_regions
from engine.search.library_map.neighbours import (
    NEIGHBOURS,
    SoundVectors,
    neighbours_of,
    sound_vectors,
)
from engine.search.library_map.placing import aligned, landmarks, place_among
from engine.search.searcher import Searcher
from engine.store import Library
from engine.store.vectors import WindowVectors, load_vectors

ARRANGED_AT_ONCE = 50_000
_ANEW = 0.2  # share of sounds that were put among the others, from which all are arranged anew
_KEPT_EACH_S = 15.0  # between two drafts
_SAME = 2e-3  # by which marks of the same sound may differ
_FEWEST = 3  # sounds that can be arranged


def update_map(library: Library, model_folder: Path, control: Control) -> LibraryMap:
    """Return the map of a library, made or brought up to date, and keep it.

    :raises LibraryError: the vectors or the map cannot be written.
    :raises Cancelled: the user asked to stop; the next run goes on where this one was.
    """
    spec = read_spec(model_folder)
    windows = load_vectors(library, spec.rank)
    sounds, kept = sound_vectors(windows, control), read_map(library)
    if kept is not None and kept.model == spec.id:
        kept = kept.only(_still(kept, sounds))
    made = arrange(library, sounds, kept, spec.id, control)
    if not made.regions:
        made = replace(made, regions=_regions(library, model_folder, windows, made, control))
    put_map(library, made)
    return made


def is_current(kept: LibraryMap, windows: WindowVectors, model: str) -> bool:
    """Return whether every sound that was heard has a place on a map of this model."""
    return kept.model == model and np.array_equal(kept.ids, np.unique(windows.sound_ids))


def arrange(
    library: Library, sounds: SoundVectors, kept: LibraryMap | None, model: str, control: Control
) -> LibraryMap:
    """Return a map of ``sounds``; of what ``kept`` holds, no more moves than must."""
    known = np.zeros(len(sounds.ids), bool)
    places = np.zeros((len(sounds.ids), 2), np.float32)
    if kept is not None and len(kept.ids):
        rows = kept.rows_of(sounds.ids)
        known = np.isin(sounds.ids, kept.ids[rows])
        places[known] = kept.places[rows]
    new = int((~known).sum())
    if kept is not None and known.any() and kept.model == model:
        placed = kept.placed + new
        if placed <= _ANEW * len(sounds.ids):
            places = _with_new(sounds, places, known, control)
            return LibraryMap(sounds.ids, places, sounds.marks, kept.regions, model, placed)
    if not known.any():
        arranged = _arranged(library, sounds, None, model, control)
    else:
        start = _with_new(sounds, places, known, control)
        arranged = _arranged(library, sounds, start, model, control)
        arranged = aligned(arranged, places[known], known)
    return LibraryMap(sounds.ids, arranged, sounds.marks, (), model)


def _still(kept: LibraryMap, sounds: SoundVectors) -> Booleans:
    """Return which sounds of a map are there and sound as they did."""
    same = np.zeros(len(kept.ids), bool)
    rows = kept.rows_of(sounds.ids)
    marks = sounds.marks[np.isin(sounds.ids, kept.ids[rows])]
    same[rows] = (np.abs(kept.marks[rows] - marks) <= _SAME).all(1)
    return same


def _with_new(sounds: SoundVectors, places: Floats, known: Booleans, control: Control) -> Floats:
    """Return places with those of sounds filled in that have none."""
    if known.all():
        return places
    filled = places.copy()
    filled[~known] = place_among(
        sounds.vectors[~known], sounds.vectors[known], places[known], control
    )
    return filled


def _arranged(
    library: Library, sounds: SoundVectors, start: Floats | None, model: str, control: Control
) -> Floats:
    """Return places of all sounds, arranged from ``start`` or from nothing."""
    if not len(sounds.ids):
        return np.zeros((0, 2), np.float32)
    if start is not None and len(sounds.ids) > ARRANGED_AT_ONCE:
        near = neighbours_of(sounds.vectors, NEIGHBOURS, control)
        return lay_out(near, start, REFINE, control)
    chosen = landmarks(len(sounds.ids), ARRANGED_AT_ONCE)
    vectors = sounds.vectors[chosen]
    if len(chosen) < _FEWEST:
        return first_places(np.pad(vectors, ((0, 0), (0, max(0, 2 - vectors.shape[1]))))) * 1e4
    near = neighbours_of(vectors, min(NEIGHBOURS, len(chosen) - 1), control)
    phases = FIRST if start is None else AGAIN
    begin = first_places(vectors) if start is None else start[chosen]
    places = _drafted(library, sounds.ids[chosen], near, begin, phases, model, control)
    if len(chosen) == len(sounds.ids):
        return places
    rest = np.ones(len(sounds.ids), bool)
    rest[chosen] = False
    whole = np.zeros((len(sounds.ids), 2), np.float32)
    whole[chosen] = places
    whole[rest] = place_among(sounds.vectors[rest], vectors, places, control)
    near = neighbours_of(sounds.vectors, NEIGHBOURS, control)
    return lay_out(near, whole, REFINE, control)


def _drafted(
    library: Library,
    ids: Integers,
    near: Integers,
    begin: Floats,
    phases: tuple[Phase, ...],
    model: str,
    control: Control,
) -> Floats:
    """Arrange sounds; what was done is kept now and then, and gone on with after a stop."""
    draft, done = read_draft(library), 0
    key = f"{model} {sum(phase.steps for phase in phases)}"
    if draft is not None and draft.model == key and np.array_equal(draft.ids, ids):
        begin, done = draft.places, draft.step
    last = time.monotonic()
    newest: list[Draft] = []

    def keep(places: Floats, step: int) -> None:
        nonlocal last
        newest[:] = [Draft(ids, places, step, key)]
        if time.monotonic() - last > _KEPT_EACH_S:
            last = time.monotonic()
            put_draft(library, newest[0])

    try:
        return lay_out(near, begin, phases, control, keep, done)
    finally:
        if newest:
            put_draft(library, newest[0])


def _regions(
    library: Library,
    model_folder: Path,
    windows: WindowVectors,
    made: LibraryMap,
    control: Control,
) -> tuple[MapRegion, ...]:

    rows = listened_to(len(made.ids))
    if len(rows) < FEWEST_NAMED:
        return ()
    order = np.argsort(windows.sound_ids, kind="stable")
    first = order[np.searchsorted(windows.sound_ids, made.ids[rows], sorter=order)]
    heard = np.asarray(windows.vectors[first]).astype(np.float32)
    finite = np.isfinite(heard).all(1)
    rows, heard = rows[finite], heard[finite]
    with closing(Searcher(library, model_folder)) as searcher:
        names = searcher.sound_names(control)
    return name_regions(made.places, rows, heard, names, control)
