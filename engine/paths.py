"""Where Soundsift keeps things: data, cache and bundled assets, per system."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import platformdirs


def data_folder() -> Path:
    """Return the folder of libraries and installed models; ``SOUNDSIFT_HOME`` overrides it."""
    home = os.environ.get("SOUNDSIFT_HOME")
    return Path(home) if home else Path(platformdirs.user_data_dir("soundsift", appauthor=False))


def cache_folder() -> Path:
    """Return the folder of what can be made again; it may be deleted at any time."""
    home = os.environ.get("SOUNDSIFT_HOME")
    if home:
        return Path(home) / "cache"
    return Path(platformdirs.user_cache_dir("soundsift", appauthor=False))


def log_folder() -> Path:
    """Return the folder of logs."""
    home = os.environ.get("SOUNDSIFT_HOME")
    return (
        Path(home) / "log"
        if home
        else Path(platformdirs.user_log_dir("soundsift", appauthor=False))
    )


def default_library() -> Path:
    """Return the library that is used when none is named."""
    return data_folder() / "library.db"


def installed_models() -> Path:
    """Return the folder of models that the user installed."""
    return data_folder() / "models"


def ranges_folder() -> Path:
    """Return where ranges that leave the window are kept unless the user says otherwise."""
    home = os.environ.get("SOUNDSIFT_HOME")
    return Path(home) / "ranges" if home else platformdirs.user_music_path() / "Soundsift"


def assets() -> Path:
    """Return the folder of what ships with Soundsift."""
    return Path(__file__).resolve().parents[1] / "assets"


def spelled_out(path: Path) -> str:
    """Return the absolute path without ``..``, links kept as the user named them."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow the links


def is_under(path: str, roots: Iterable[str]) -> bool:
    """Return whether ``path`` is one of ``roots`` or lies below one, by their spelling."""
    return any(path == root or path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)
