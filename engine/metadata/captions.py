"""Make captions of what a sound's file, header and tags say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from engine.metadata.ucs_names import caption_of_tag
from engine.store.words import search_words

_CAT_ID = re.compile(r"[A-Z]{2,}[A-Z][a-z]+|[A-Z]{3,}")
_LONGEST_DESCRIPTION = 200  # characters
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


def captions_of(path: Path, description: str | None, tags: Sequence[str]) -> tuple[str, ...]:
    """Return what a sound is called, the surest first: tags, what its header says, its name.

    Where the name says nothing, that of its folder stands for it.
    """
    texts = [", ".join(map(caption_of_tag, tags))] if tags else []
    if description and description.isprintable():
        texts.append(description[:_LONGEST_DESCRIPTION])
    name = caption_of(path)
    if name is not None:
        texts.append(name)
    return tuple(dict.fromkeys(texts))
