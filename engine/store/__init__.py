"""The library database: the only package with SQL."""

from engine.store.library import Library
from engine.store.opening import is_library
from engine.store.records import (
    EmbeddedPart,
    FileFacts,
    Header,
    Known,
    MeasuredLoudness,
    Skipped,
    SoundRow,
    Statistics,
    StoredWindow,
)

__all__ = [
    "EmbeddedPart",
    "FileFacts",
    "Header",
    "Known",
    "Library",
    "MeasuredLoudness",
    "Skipped",
    "SoundRow",
    "Statistics",
    "StoredWindow",
    "is_library",
]
