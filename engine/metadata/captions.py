"""Make captions of file names."""

from __future__ import annotations

import re
from pathlib import Path

from engine.store.words import search_words

_CAT_ID = re.compile(r"[A-Z]{2,}[A-Z][a-z]+|[A-Z]{3,}")
_SAYS_NOTHING = frozenset(
    {"ab", "amb", "ap", "audio", "aud", "bit", "bpm", "clip", "copy", "db", "edit"}
    | {"edited", "ext", "file", "final", "fx", "hq", "hz", "int", "khz", "lib", "loop", "lq"}
    | {"master", "mic", "mix", "mono", "ms", "mst", "new", "norm", "ogg", "orig", "original"}
    | {"part", "raw", "rec", "recorded", "recording", "rev", "seq", "sfx", "snd", "sound"}
    | {"sounds", "src", "st", "stereo", "take", "test", "tk", "track", "untitled", "var"}
    | {"variation", "ver", "version", "vol", "wav", "wave", "xy", "zoom"}
)


def caption_of_name(path: Path) -> str | None:
    """Return what a file's name says of its sound, or None if it says nothing.

    Of a UCS name (``CatID_FXName_CreatorID_SourceID``) that is the FXName; numbers, single
    letters and words of the trade such as "take" or "stereo" say nothing.
    """
    parts = path.stem.split("_")
    is_ucs = len(parts) >= 4 and _CAT_ID.fullmatch(parts[0]) is not None
    words = search_words(parts[1] if is_ucs else path.stem).split()
    telling = [w for w in words if len(w) > 1 and w.isalpha() and w not in _SAYS_NOTHING]
    return " ".join(telling) if any(len(word) > 2 for word in telling) else None


def caption_of(path: Path) -> str | None:
    """Return what a file's name says, or else what its folder's name does, or None."""
    return caption_of_name(path) or caption_of_name(path.parent)
