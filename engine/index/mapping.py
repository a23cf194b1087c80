"""From features to what is ranked: mapped vectors and potentials, and changes of model.

Settings of a library: its model (:mod:`engine.store.adopted`), and the bank that it is transported
to (:mod:`engine.index.fitting`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.index.embed import EmbeddedFile
from engine.index.fitting import asks_for_new_bank, fitting_bank
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
    window_rows,
)

if TYPE_CHECKING:
    from engine.models.bank import Bank
    from engine.models.match_model import AudioEncoder, MatchModel

_CHUNK = 20000


def windows_of(
    audio_encoder: AudioEncoder | None, heard: Sequence[EmbeddedFile], bank: Bank | None
) -> list[list[StoredWindow]]:
    """Return the windows of heard files as they are stored.

    What is mapped already needs neither encoder nor bank; all else is mapped together.
    """
    waiting = [file for file in heard if file.times_s and file.mapped is None]
    mapped: Iterator[tuple[np.ndarray, np.ndarray]] = iter(())
    if waiting:
        assert audio_encoder is not None and bank is not None
        together = np.concatenate([file.features for file in waiting])
        vectors, potentials = map_features(audio_encoder.model, together, bank)
        ends = np.cumsum([len(file.features) for file in waiting])[:-1]
        mapped = zip(np.split(vectors, ends), np.split(potentials, ends), strict=True)
    return [_stored(file, file.mapped or next(mapped)) if file.times_s else [] for file in heard]


def _stored(heard: EmbeddedFile, mapped: tuple[np.ndarray, np.ndarray]) -> list[StoredWindow]:
    rows = zip(heard.times_s, heard.features.astype(np.float16), *mapped, strict=True)
    return [
        StoredWindow(start, end, feature.tobytes(), vector.tobytes(), float(potential))
        for (start, end), feature, vector, potential in rows
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

    settings = _settings_for(spec, model_folder)
    if known is None or known.audio_id in ("", spec.audio_id):
        model = load_model(model_folder, ())
        bank, fitted = fitting_bank(library, model_folder, control, model)
        _remap(library, model, bank, settings | fitted, control)
    else:
        forget_windows(library, settings)


def refresh_bank(library: Library, model_folder: Path, control: Control) -> None:
    """Make the bank fit this library, if sounds or words changed enough.

    :raises Cancelled: the user asked to stop; the library keeps the bank that it had.
    """
    if asks_for_new_bank(library, model_folder):
        bank, settings = fitting_bank(library, model_folder, control)
        _rate(library, bank, settings, control)


def _rate(library: Library, bank: Bank, settings: dict[str, bytes], control: Control) -> None:
    """Give every window its potential under another bank, and write the settings with them."""
    import torch

    changed: list[tuple[int, float]] = []
    while True:  # workers may add windows meanwhile
        rows = window_rows(library, "id", "vector", present=False, after=_newest(changed))
        for start in range(0, len(rows), _CHUNK):
            control.report(Progress("rating", start, len(rows)))
            part = rows[start : start + _CHUNK]
            vectors = np.frombuffer(b"".join(row.vector for row in part), np.float16)
            with torch.inference_mode():
                u = torch.from_numpy(vectors.reshape(len(part), -1).astype(np.float32))
                potentials = bank(u).tolist()
            changed += zip((row.id for row in part), potentials, strict=True)
        if rate_windows(library, changed, settings, _newest(changed)):
            return


def _remap(
    library: Library, model: MatchModel, bank: Bank, settings: dict[str, bytes], control: Control
) -> None:
    """Map every stored feature anew, and write vectors, potentials and settings together."""
    changed: list[tuple[int, bytes, float]] = []
    while True:
        rows = window_rows(library, "id", "features", present=False, after=_newest(changed))
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
        if remap_windows(library, changed, settings, _newest(changed)):
            return


def _newest(changed: Sequence[tuple[int, *tuple[object, ...]]]) -> int:
    return changed[-1][0] if changed else 0


def _how_to_find(folder: Path) -> str:
    """Return the name of a catalogued model's folder, which survives updates; any other's path."""
    catalogued = any(entry.folder == folder for entry in models())
    return folder.name if catalogued else str(folder.absolute())


def _settings_for(spec: ModelSpec, folder: Path) -> dict[str, bytes]:
    """Return the settings of a library that has taken a model, and no bank yet."""
    no_bank = ("bank_potentials", "solved_windows", "own_texts", "own_names", "own_vectors")
    adopted = AdoptedModel(_how_to_find(folder), spec.name, spec.id, spec.audio_id)
    return {**adopted.settings(), **dict.fromkeys(no_bank, b"")}
