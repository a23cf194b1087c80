"""Files and folders of weights as other programs leave them; tensors are all that is unpickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.errors import InputError, ModelError
from engine.models.weights import load_checkpoint, load_tensors


def read_state(source: Path) -> dict[str, Tensor]:
    """Return a state dict from a file of safetensors, or from PyTorch's own.

    :raises ModelError: it is damaged, or anything else.
    """
    return load_tensors(source) if source.suffix == ".safetensors" else load_checkpoint(source)


def read_config(folder: Path) -> dict[str, Any]:
    """Return the ``config.json`` of a folder as transformers writes it.

    :raises InputError: there is none.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} is not a model folder: config.json cannot be read: {error}"
        ) from None
    if not isinstance(config, dict):
        raise InputError(f"{path} is not a configuration")
    return config


def read_folder(folder: Path) -> dict[str, Tensor]:
    """Return the weights of a folder as transformers writes it.

    :raises ModelError: it has none, or they are damaged.
    """
    if (folder / "model.safetensors").is_file():
        return load_tensors(folder / "model.safetensors")
    path = folder / "pytorch_model.bin"
    if not path.is_file():
        raise ModelError(f"{folder} has neither model.safetensors nor pytorch_model.bin")
    return {n: t.float() if t.is_floating_point() else t for n, t in load_checkpoint(path).items()}
