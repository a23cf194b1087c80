"""From features to what is ranked: mapped vectors and potentials, and changes of model.

Settings of a library: its model (:mod:`engine.store.adopted`), ``bank_potentials`` (float32),
``solved_windows`` (how many windows they were solved for), ``own_texts`` (one a line, what the
library's own words were then) and ``own_vectors`` (float16, those words as mapped vectors; empty
where the bank is the model's).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.index.embed import EmbeddedFile
from engine.models.catalog import models
from engine.models.spec import ModelSpec, read_spec
from engine.models.trial import ensure_tried
from engine.progress import Control, Progress
from engine.store import Library, StoredWindow
from engine.store.adopted import AdoptedModel, adopted_model
from engine.store.windows import (
    forget_windows,
    rate_windows,
    remap_windows,
    sample_windows,
    window_rows,
)

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.bank import Bank
    from engine.models.match_model import AudioEncoder, MatchModel

FEWEST_TO_SOLVE = 1000  # windows; a smaller library keeps the model's own potentials
_SAMPLE = 5000
_GROWTH = 0.1  # share of new or lost windows that asks for a new solution
_CHUNK = 20000


def windows_of(audio_encoder: AudioEncoder, heard: EmbeddedFile, bank: Bank) -> list[StoredWindow]:
    """Return the windows of a heard file as they are stored."""
    if not heard.times_s:
        return []
    vectors, potentials = map_features(audio_encoder.model, heard.features, bank)
    features = heard.features.astype(np.float16)
    return [
        StoredWindow(start, end, feature.tobytes(), vector.tobytes(), float(potential))
        for (start, end), feature, vector, potential in zip(
            heard.times_s, features, vectors, potentials, strict=True
        )
    ]


def map_features(
    model: MatchModel, features: np.ndarray, bank: Bank
) -> tuple[np.ndarray, np.ndarray]:
    """Return float16 mapped vectors (n, rank) and potentials (n,) of features (n, 384)."""
    import torch

    with torch.inference_mode():
        # Features are stored as float16: mapping what is stored gives, now and later, the same.
        stored = torch.from_numpy(features.astype(np.float16).astype(np.float32))
        u = model.map_features(stored)
        potentials = bank(u)
    return u.numpy().astype(np.float16), potentials.numpy()


def adopt_model(library: Library, model_folder: Path, control: Control) -> None:
    """Make the library fit the model in ``model_folder``.

    If the features were made by the same audio tower, everything is mapped anew without a
    single decode; otherwise all windows are dropped and the next index run hears them anew.
    A model that was not tried yet is tried first; one that is refused changes nothing.

    :raises ModelError: the model cannot be used.
    """
    spec, found_by = read_spec(model_folder), _how_to_find(model_folder)
    known = adopted_model(library)
    is_same = known is not None and known.id == spec.id
    if known is not None and is_same and known.found_by == found_by:
        return
    ensure_tried(model_folder, control)
    if known is not None and is_same:
        library.set_settings(replace(known, found_by=found_by).settings())
        return
    from engine.models.match_model import load_model

    model = load_model(model_folder, ("audio",))
    settings = _settings_for(spec, model, model_folder)
    if known is None or known.audio_id in ("", spec.audio_id):
        from engine.models.bank import Bank

        bank = Bank.of(model)
        if is_large(library):
            bank, solved = solve(library, model, bank, control)
            settings |= solved
        _remap(library, model, bank, settings, control)
    else:
        forget_windows(library, settings)


def solve(
    library: Library, model: MatchModel, bank: Bank, control: Control
) -> tuple[Bank, dict[str, bytes]]:
    """Return a bank with potentials solved for this library's windows, and the settings to keep."""
    import torch

    from engine.transport import bank_potentials

    control.report(Progress("solving potentials", 0))
    u = mapped_sample(library, model)[1]
    epsilon = bank.ranking.epsilon
    with torch.inference_mode():
        found = bank_potentials(bank.cost(u), epsilon, tolerance=1e-3, max_iterations=100)
    settings = {
        "bank_potentials": found.g.numpy().astype(np.float32).tobytes(),
        "solved_windows": str(library.statistics().windows).encode(),
    }
    return replace(bank, potentials=found.g), settings


def mapped_sample(library: Library, model: MatchModel) -> tuple[list[int], Tensor]:
    """Return sound ids (n,) and mapped vectors (n, rank), as stored, of a sample of windows."""
    import torch

    rows = sample_windows(library, _SAMPLE)
    stored = np.frombuffer(b"".join(features for _, features in rows), np.float16)
    features = stored.reshape(-1, model.spec.features).astype(np.float32)
    with torch.inference_mode():
        u = model.map_features(torch.from_numpy(features)).half().float()
    return [sound for sound, _ in rows], u


def is_large(library: Library) -> bool:
    """Return whether a library has enough windows to solve potentials for it."""
    return library.statistics().windows >= FEWEST_TO_SOLVE


def has_grown(library: Library) -> bool:
    """Return whether the library grew or shrank enough to solve potentials anew."""
    solved = int(library.setting("solved_windows") or b"0")
    return abs(library.statistics().windows - solved) > _GROWTH * solved


def rate(library: Library, bank: Bank, settings: dict[str, bytes], control: Control) -> None:
    """Give every window its potential under another bank, and write the settings with them."""
    import torch

    rows = window_rows(library, "id", "vector", present=False)
    changed: list[tuple[int, float]] = []
    for start in range(0, len(rows), _CHUNK):
        control.report(Progress("rating", start, len(rows)))
        part = rows[start : start + _CHUNK]
        vectors = np.frombuffer(b"".join(row.vector for row in part), np.float16)
        with torch.inference_mode():
            u = torch.from_numpy(vectors.reshape(len(part), -1).astype(np.float32))
            potentials = bank(u).tolist()
        changed += zip((row.id for row in part), potentials, strict=True)
    rate_windows(library, changed, settings)


def _remap(
    library: Library, model: MatchModel, bank: Bank, settings: dict[str, bytes], control: Control
) -> None:
    """Map every stored feature anew, and write vectors, potentials and settings together."""
    rows = window_rows(library, "id", "features", present=False)
    changed: list[tuple[int, bytes, float]] = []
    for start in range(0, len(rows), _CHUNK):
        control.report(Progress("mapping", start, len(rows)))
        part = rows[start : start + _CHUNK]
        features = np.frombuffer(b"".join(row.features for row in part), np.float16)
        features = features.reshape(len(part), -1).astype(np.float32)
        vectors, potentials = map_features(model, features, bank)
        changed += [
            (row.id, vector.tobytes(), float(potential))
            for row, vector, potential in zip(part, vectors, potentials, strict=True)
        ]
    remap_windows(library, changed, settings)


def _how_to_find(folder: Path) -> str:
    """Return the name of a catalogued model's folder, which survives updates; any other's path."""
    catalogued = any(entry.folder == folder for entry in models())
    return folder.name if catalogued else str(folder.absolute())


def _settings_for(spec: ModelSpec, model: MatchModel, folder: Path) -> dict[str, bytes]:
    return {
        **AdoptedModel(_how_to_find(folder), spec.name, spec.id, spec.audio_id).settings(),
        "bank_potentials": model.bank_potentials.numpy().astype(np.float32).tobytes(),
        "solved_windows": b"0",
        "own_texts": b"",
        "own_vectors": b"",
    }
