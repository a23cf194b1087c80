"""Whether two libraries hold the same."""

from __future__ import annotations

import os

import numpy as np

from engine.store import Library
from engine.store.windows import window_rows


def contents(library: Library) -> dict[str, tuple[str, list[tuple]]]:
    """Return all that matters of a library: by path its hash and windows, without ids."""
    sounds = {sound.id: sound for sound in library.sounds().values()}
    known = library.known([os.sep])
    found: dict[str, tuple[str, list[tuple]]] = {
        sound.path: (known[sound.path].content_hash, []) for sound in sounds.values()
    }
    rows = window_rows(
        library, "sound_id", "start_s", "end_s", "features", "vector", "potential", present=False
    )
    for row in rows:
        vector = np.frombuffer(row.vector, np.float16).astype(float)
        features = np.frombuffer(row.features, np.float16).astype(float)
        values = (row.start_s, row.end_s, features, vector, row.potential)
        found[sounds[row.sound_id].path][1].append(values)
    return found


def difference(one: Library, other: Library, potentials: bool = True) -> str:
    """Return in what two libraries differ, nothing where they are the same.

    :param potentials: compare them, too, which depend on the words of all sounds.
    """
    mine, theirs = contents(one), contents(other)
    last = None if potentials else -1
    if mine.keys() != theirs.keys():
        return f"only one has {sorted(mine.keys() ^ theirs.keys())}"
    for path, (digest, windows) in mine.items():
        if theirs[path][0] != digest:
            return f"{path} has another hash"
        if len(windows) != len(theirs[path][1]):
            return f"{path} has {len(windows)} windows and {len(theirs[path][1])}"
        for a, b in zip(windows, theirs[path][1], strict=True):
            if a[:2] != b[:2]:
                return f"{path} has windows at {a[:2]} and {b[:2]}"
            for x, y in zip(a[2:last], b[2:last], strict=True):
                if not np.allclose(x, y, atol=2e-3, rtol=2e-3):
                    return f"{path} has other vectors"
    return ""
