"""Libraries of any size that look like real ones: words by Zipf's law, vectors of real sounds.

Features are mixtures of the shipped model's exemplars (features of the sounds it was made
with), mapped by the model; names are made of UCS words.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sqlalchemy import insert

from engine.index.mapping import adopt_model, map_features
from engine.metadata.ucs_names import categories
from engine.models.bank import Bank
from engine.models.match_model import MatchModel, load_model
from engine.progress import Control
from engine.store import Library, tables
from engine.store.lineage import insert_windows
from engine.store.words import put_words

_BLOCK = 50_000


def vocabulary() -> list[str]:
    """Return UCS synonyms, in an order that has nothing to do with meaning."""
    words = sorted({word for c in categories().values() for word in c.synonyms if word.isalpha()})
    return [str(word) for word in np.random.default_rng(0).permutation(words)]


def mixtures(model: MatchModel, count: int, seed: int) -> np.ndarray:
    """Return features (count, 384), each between two exemplars and a little beside them."""
    random = np.random.default_rng(seed)
    exemplars = model.exemplars.numpy()
    first, second = (exemplars[random.integers(len(exemplars), size=count)] for _ in range(2))
    share = random.random((count, 1), np.float32)
    noise = random.normal(0, 0.1, (count, exemplars.shape[1])).astype(np.float32)
    return np.asarray(share * first + (1 - share) * second + noise * exemplars.std(0))


def blocks(
    model: MatchModel, bank: Bank, count: int, known: int = 0
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (first number, features, vectors, potentials), all but potentials float16.

    :param known: the number to begin with.
    """
    end = known + count
    for start in range(known, end, _BLOCK):
        features = mixtures(model, min(_BLOCK, end - start), start).astype(np.float16)
        vectors, own = map_features(model, features, bank)
        yield start, features, vectors, own


def fill(library: Library, model_folder: Path, count: int, *others: Library) -> None:
    """Fill an empty library with ``count`` sounds of one window each; ``others`` get the same."""
    for each in (library, *others):
        adopt_model(each, model_folder, Control())
    add(library, model_folder, 0, count, *others)


def add(library: Library, model_folder: Path, known: int, count: int, *others: Library) -> None:
    """Add ``count`` sounds to a library that was filled with ``known``, and to ``others``."""
    model, spoken = load_model(model_folder), vocabulary()
    bank = Bank.stored(model, library.setting)
    random = np.random.default_rng(1 + known)
    for start, features, vectors, own in blocks(model, bank, count, known):
        picked = np.minimum(random.zipf(1.3, (len(features), 3)) - 1, len(spoken) - 1)
        names = ["_".join(spoken[i] for i in row) for row in picked]
        numbers = range(start + 1, start + len(features) + 1)
        sounds, words = list(_sounds(numbers, names)), list(_words(numbers, names))
        windows = list(_windows(numbers, features, vectors, own))
        for each in (library, *others):
            with each.writing() as connection:
                connection.execute(insert(tables.sounds), sounds)
                insert_windows(connection, windows)
                put_words(connection, words)


def _sounds(numbers: range, names: list[str]) -> Iterator[dict[str, object]]:
    now = time.time_ns()
    for number, name in zip(numbers, names, strict=True):
        yield {
            "id": number,
            "path": f"/sounds/{number // 1000}/{name}_{number}.wav",
            "size": 1,
            "mtime_ns": 1,
            "content_hash": str(number),
            "duration_s": 5.0 + number % 60,
            "rate_hz": 48000 if number % 10 else 96000,
            "channels": 2,
            "bits": 24,
            "format": "wav",
            "state": 0,
            "added_ns": now,
            "heard_s": 5.0,
            "details": "{}",
        }


def _windows(
    numbers: range, features: np.ndarray, vectors: np.ndarray, own: np.ndarray
) -> Iterator[dict[str, object]]:
    for number, feature, vector, potential in zip(numbers, features, vectors, own, strict=True):
        yield {
            "sound_id": number,
            "start_s": 0.0,
            "end_s": 5.0,
            "features": feature.tobytes(),
            "vector": vector.tobytes(),
            "potential": float(potential),
        }


def _words(numbers: range, names: list[str]) -> Iterator[dict[str, object]]:
    nothing = {"details": "", "category": "", "tags": ""}
    for number, name in zip(numbers, names, strict=True):
        yield {"id": number, "name": name.replace("_", " "), "folders": "sounds", **nothing}
