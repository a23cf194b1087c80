"""The library database: the only package with SQL."""

from engine.store.library import Library
from engine.store.records import (
    EmbeddedPart,
    FileFacts,
    Header,
    Known,
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
    "Skipped",
    "SoundRow",
    "Statistics",
    "StoredWindow",
]
