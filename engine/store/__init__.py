"""The library database: the only package with SQL."""

from engine.store.library import Library
from engine.store.records import (
    FileFacts,
    Header,
    HeardPart,
    Known,
    Skipped,
    SoundRow,
    Statistics,
    StoredWindow,
)

__all__ = [
    "FileFacts",
    "Header",
    "HeardPart",
    "Known",
    "Library",
    "Skipped",
    "SoundRow",
    "Statistics",
    "StoredWindow",
]
