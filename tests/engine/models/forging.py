"""Change model folders as a hostile or careless author would, hashes and all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from engine.models.spec import FILES, _parse, file_sha256


def change(folder: Path, **values: object) -> None:
    """Set fields of ``model.json``; those of a part are named ``part__field``."""
    path = folder / "model.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    for name, value in values.items():
        *part, field = name.split("__")
        (document[part[0]] if part else document)[field] = value
    path.write_text(json.dumps(document), encoding="utf-8")


def sign(folder: Path, **values: object) -> Path:
    """Set fields, then make hashes and id fit what the folder holds."""
    hashes = {name: file_sha256(folder / name) for name in FILES}
    change(folder, **values, sha256=hashes)
    document: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    plain = {name: value for name, value in document.items() if name not in ("format", "id")}
    change(folder, id=_parse(plain).id)
    return folder


def change_weights(
    folder: Path, do: Callable[[dict[str, torch.Tensor]], object], **values: object
) -> Path:
    """Change weights in place, then make hashes and id fit."""
    path = folder / "weights.safetensors"
    tensors = load_file(path)
    do(tensors)
    save_file(tensors, path)
    return sign(folder, **values)


def change_tokenizer(folder: Path, **values: object) -> Path:
    """Set parts of ``tokenizer.json``, then make hashes and id fit."""
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | values), encoding="utf-8")
    return sign(folder)
