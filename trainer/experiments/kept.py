"""What frozen encoders heard and read, kept in files that are named by what it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.models.match_model import AudioEncoder
from engine.progress import Control
from trainer.evaluation.protocols import embed_sounds


@dataclass(frozen=True)
class KeptFeatures:
    """Features of sounds under one tower, one file for each list of sounds.

    A file is named by the tower and by the sounds' paths and sizes: other sounds, or another
    tower, are heard anew.
    """

    folder: Path
    tower: str
    control: Control

    def of_splits(
        self, splits: Mapping[str, Sequence[Path]], audio_encoder: AudioEncoder
    ) -> dict[str, Tensor]:
        """Return features (clips, width) of every split's sounds, the mean of their windows."""
        return {name: self._of(paths, audio_encoder) for name, paths in splits.items()}

    def _of(self, paths: Sequence[Path], audio_encoder: AudioEncoder) -> Tensor:
        key = digest([self.tower, *([str(path), path.stat().st_size] for path in paths)])
        file = self.folder / f"features-{key}.pt"
        if file.is_file():
            kept: Tensor = torch.load(file, weights_only=True)
            return kept
        heard = embed_sounds(audio_encoder, paths, self.control, mapped=False).means()
        part = file.with_suffix(".part")
        torch.save(heard, part)
        part.replace(file)
        return heard


def kept_texts(folder: Path, encoder: Path) -> tuple[Path, dict[str, Tensor]]:
    """Return the file of texts that an encoder's folder has read, and what is in it."""
    files = sorted(path for path in encoder.iterdir() if path.is_file())
    key = digest([[path.name, path.stat().st_size] for path in files])
    path = folder / f"texts-{key}.pt"
    return path, torch.load(path, weights_only=True) if path.is_file() else {}


def digest(parts: Any) -> str:
    """Return sixteen hexadecimal digits of what JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
