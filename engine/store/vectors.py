"""All mapped vectors of a library, ready to be ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.store.library import Library
from engine.store.windows import window_rows

Floats = np.ndarray[Any, np.dtype[np.float32]]
Integers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class WindowVectors:
    """Windows of the sounds that are present, sorted by sound.

    ``vectors`` (n, rank), ``squares`` (n,) their squared lengths, ``potentials`` (n,),
    ``sound_ids`` (n,), ``starts_s`` and ``ends_s`` (n,).
    """

    vectors: Floats
    squares: Floats
    potentials: Floats
    sound_ids: Integers
    starts_s: Floats
    ends_s: Floats


def load_vectors(library: Library, rank: int) -> WindowVectors:
    """Read every window of the present sounds; empty arrays if there is none."""
    rows = window_rows(library, "sound_id", "start_s", "end_s", "potential", "vector")
    stored = np.frombuffer(b"".join(row.vector for row in rows), np.float16)
    vectors = stored.reshape(len(rows), rank).astype(np.float32)
    sound_ids = np.array([row.sound_id for row in rows], np.int64)
    order = np.argsort(sound_ids, kind="stable")
    vectors = vectors[order]
    return WindowVectors(
        vectors=vectors,
        squares=np.einsum("ij,ij->i", vectors, vectors),
        potentials=np.array([row.potential for row in rows], np.float32)[order],
        sound_ids=sound_ids[order],
        starts_s=np.array([row.start_s for row in rows], np.float32)[order],
        ends_s=np.array([row.end_s for row in rows], np.float32)[order],
    )
