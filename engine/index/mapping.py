"""From features to what is ranked: mapped vectors and potentials, and changes of model.

Settings of a library: ``model_folder`` (how its model is found), ``model_name``,
``model_id``, ``audio_id`` (what made its features), ``bank_potentials`` (float32) and
``solved_windows`` (how many windows they were solved for).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.index.listen import HeardFile
from engine.models.catalog import models
from engine.models.spec import ModelSpec, read_spec
from engine.models.trial import ensure_tried
from engine.progress import Control, Progress
from engine.store import Library, StoredWindow
from engine.store.windows import forget_windows, remap_windows, sample_features, window_rows

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.match_model import Listener, MatchModel

FEWEST_TO_SOLVE = 1000  # windows; a smaller library keeps the model's own potentials
_SAMPLE = 5000
_GROWTH = 0.1  # share of new or lost windows that asks for a new solution
_CHUNK = 20000


def windows_of(listener: Listener, heard: HeardFile, bank_potentials: bytes) -> list[StoredWindow]:
    """Return the windows of a heard file as they are stored."""
    if not heard.times_s:
        return []
    vectors, potentials = map_features(listener.model, heard.features, bank_potentials)
    features = heard.features.astype(np.float16)
    return [
        StoredWindow(start, end, feature.tobytes(), vector.tobytes(), float(potential))
        for (start, end), feature, vector, potential in zip(
            heard.times_s, features, vectors, potentials, strict=True
        )
    ]


def map_features(
    model: MatchModel, features: np.ndarray, bank_potentials: bytes
) -> tuple[np.ndarray, np.ndarray]:
    """Return float16 mapped vectors (n, rank) and potentials (n,) of features (n, 384)."""
    import torch

    from engine.transport import library_potential

    with torch.inference_mode():
        # Features are stored as float16: mapping what is stored gives, now and later, the same.
        stored = torch.from_numpy(features.astype(np.float16).astype(np.float32))
        u = model.map_features(stored)
        g = torch.from_numpy(np.frombuffer(bank_potentials, np.float32).copy())
        parts = [
            library_potential(_bank_cost(model, part), g, model.spec.ranking.epsilon)
            for part in torch.split(u, _CHUNK // 4)
        ]
    return u.numpy().astype(np.float16), torch.cat(parts).numpy()


def adopt_model(library: Library, model_folder: Path, control: Control) -> None:
    """Make the library fit the model in ``model_folder``.

    If the features were made by the same audio tower, everything is mapped anew without a
    single decode; otherwise all windows are dropped and the next index run hears them anew.
    A model that was not tried yet is tried first; one that is refused changes nothing.

    :raises ModelError: the model cannot be used.
    """
    spec, found_by = read_spec(model_folder), _how_to_find(model_folder)
    is_same = library.setting("model_id") == spec.id.encode()
    if is_same and library.setting("model_folder") == found_by:
        return
    ensure_tried(model_folder, control)
    if is_same:
        library.set_settings({"model_folder": found_by})
        return
    from engine.models.match_model import load_model

    model = load_model(model_folder, ("audio",))
    settings = _settings_for(spec, model, model_folder)
    if library.setting("audio_id") in (None, spec.audio_id.encode()):
        if library.statistics().windows >= FEWEST_TO_SOLVE:
            settings |= _solved(library, model, control)
        _remap(library, model, settings, control)
    else:
        forget_windows(library, settings)


def refresh_potentials(library: Library, model_folder: Path, control: Control) -> None:
    """Solve the bank's potentials for this library, if it has grown or shrunk enough."""
    windows = library.statistics().windows
    solved = int(library.setting("solved_windows") or b"0")
    if windows < FEWEST_TO_SOLVE or abs(windows - solved) <= _GROWTH * solved:
        return
    from engine.models.match_model import load_model

    model = load_model(model_folder, ("audio",))
    _remap(library, model, _solved(library, model, control), control)


def _solved(library: Library, model: MatchModel, control: Control) -> dict[str, bytes]:
    """Return the settings that hold the bank's potentials for this library's windows."""
    import torch

    from engine.transport import bank_potentials

    control.report(Progress("solving potentials", 0))
    sample = np.frombuffer(sample_features(library, _SAMPLE), np.float16).astype(np.float32)
    with torch.inference_mode():
        u = model.map_features(torch.from_numpy(sample.reshape(-1, model.spec.features)))
        solved = bank_potentials(
            _bank_cost(model, u.half().float()),
            model.spec.ranking.epsilon,
            tolerance=1e-3,
            max_iterations=100,
        )
    return {
        "bank_potentials": solved.g.numpy().astype(np.float32).tobytes(),
        "solved_windows": str(library.statistics().windows).encode(),
    }


def _remap(
    library: Library, model: MatchModel, settings: dict[str, bytes], control: Control
) -> None:
    """Map every stored feature anew, and write vectors, potentials and settings together."""
    rows = window_rows(library, "id", "features", present=False)
    changed: list[tuple[int, bytes, float]] = []
    for start in range(0, len(rows), _CHUNK):
        control.report(Progress("mapping", start, len(rows)))
        part = rows[start : start + _CHUNK]
        features = np.frombuffer(b"".join(row.features for row in part), np.float16)
        features = features.reshape(len(part), -1).astype(np.float32)
        vectors, potentials = map_features(model, features, settings["bank_potentials"])
        changed += [
            (row.id, vector.tobytes(), float(potential))
            for row, vector, potential in zip(part, vectors, potentials, strict=True)
        ]
    remap_windows(library, changed, settings)


def _bank_cost(model: MatchModel, u: Tensor) -> Tensor:
    from engine.transport import mahalanobis_cost

    return mahalanobis_cost(u, model.bank_vectors) / model.spec.ranking.cost_scale


def _how_to_find(folder: Path) -> bytes:
    """Return the name of a catalogued model's folder, which survives updates; any other's path."""
    catalogued = any(entry.folder == folder for entry in models())
    return os.fsencode(folder.name if catalogued else folder.absolute())


def _settings_for(spec: ModelSpec, model: MatchModel, folder: Path) -> dict[str, bytes]:
    return {
        "model_folder": _how_to_find(folder),
        "model_name": spec.name.encode(),
        "model_id": spec.id.encode(),
        "audio_id": spec.audio_id.encode(),
        "bank_potentials": model.bank_potentials.numpy().astype(np.float32).tobytes(),
        "solved_windows": b"0",
    }
