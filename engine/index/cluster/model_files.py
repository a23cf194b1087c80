"""A model's files on their way to a node: known by their digests, whatever brings them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from engine.errors import ModelError
from engine.models.drafts import draft_of
from engine.models.files import is_file, read_file
from engine.models.spec import file_sha256
from engine.paths import cache_folder

_NAMES = ("model.json", "weights.safetensors")  # what a model needs to hear


@dataclass(frozen=True)
class ModelFiles:
    """Where a model is on the machine of the library, and its files by name.

    ``sha256`` has their digests, ``stored`` what a node gets their bytes by.
    """

    folder: Path
    sha256: Mapping[str, str]
    stored: Mapping[str, Any]


def packed(folder: Path, put: Callable[[bytes], Any]) -> ModelFiles:
    """Return the files of a model, whose bytes were ``put`` where nodes can get them.

    :raises ModelError: one of them cannot be read.
    """
    digests, stored = {}, {}
    for name in _NAMES:
        data = read_file(folder / name)
        digests[name], stored[name] = hashlib.sha256(data).hexdigest(), put(data)
    return ModelFiles(folder, digests, stored)


def unpacked(model: ModelFiles, get: Callable[[Any], bytes]) -> Path:
    """Return a folder of this machine that holds the model's files; they are got if need be.

    :raises ModelError: what was got is something else.
    :raises InputError: they cannot be written.
    """
    if _is_in(model, model.folder):
        return model.folder
    home = cache_folder() / "models"
    kept = home / model.sha256["model.json"][:32]
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / f"{kept.name}.lock"):
        if not _is_in(model, kept):
            with draft_of(kept) as draft:
                for name, reference in model.stored.items():
                    data = get(reference)
                    if hashlib.sha256(data).hexdigest() != model.sha256[name]:
                        raise ModelError(f"{name} was damaged on its way here: try again")
                    (draft / name).write_bytes(data)
    return kept


def _is_in(model: ModelFiles, folder: Path) -> bool:
    try:
        return all(
            is_file(folder / name) and file_sha256(folder / name) == digest
            for name, digest in model.sha256.items()
        )
    except ModelError:
        return False
