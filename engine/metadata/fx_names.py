"""What a sound is named by: its FXName, its file's name, or a draft of what is known of it.

A recorder names files by counting: ``ZOOM0002``, ``R09_0001``, ``untitled``.  Such a name tells
nothing of the sound, and becomes no FXName.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from engine.metadata.ucs_names import (
    UcsCategory,
    category_of_name,
    category_of_tag,
    plain_name,
)
from engine.store.words import search_words

_LONGEST = 40  # characters of a draft; UCS asks for brief ones
_CLAUSE = re.compile(r"[.,;:()\[\]\n]+")
_MACHINES = frozenset(  # what recorders, phones and programs call files, beside numbers
    {"aud", "audio", "aufnahme", "bounce", "bwf", "ch", "clip", "copy", "dcim", "dji", "dr"}
    | {"dsc", "edit", "edited", "enregistrement", "export", "file", "final", "fx", "gopr", "hd"}
    | {"hz", "img", "khz", "lr", "ls", "marantz", "master", "memo", "mic", "mix", "mixdown"}
    | {"pre", "mono", "ms", "mvi", "mz", "neue", "new", "no", "name", "noname", "olympus"}
    | {"orig", "original", "pcm", "poly", "project", "ptt", "pxl", "raw", "rec", "record"}
    | {"recorded", "recorder", "recording", "region", "render", "roland", "sample", "sequence"}
    | {"session", "sfx", "snd", "sony", "st", "ste", "stereo", "str", "take", "tascam"}
    | {"test", "tk", "tr", "track", "trk", "unnamed", "untitled", "vid", "vn", "voice", "wa"}
    | {"wav", "wave", "ws", "xy", "zoom"}
)


def fx_name(path: Path) -> str:
    """Return what is left to name a sound by: its file's name without a CatID before it."""
    stem = path.stem
    if category_of_name(stem) is not None:
        stem = stem.split("_")[1]
    return " ".join(stem.replace("_", " ").split())


def tells_nothing(name: str) -> bool:
    """Return whether a name is a recorder's, or a number."""
    words = search_words(name).split()
    telling = [word for word in words if not word.isdigit() and word not in _MACHINES]
    numbered = any(word.isdigit() for word in words)
    return all(numbered and len(word) == 1 and word.isascii() for word in telling)


def draft_fx_name(
    path: Path,
    written: str = "",
    tags: Iterable[str] = (),
    description: str | None = None,
    category: UcsCategory | None = None,
) -> str:
    """Return what to name a sound by; empty if nothing that is known of it tells anything.

    The surest first: the FXName that is ``written`` in the file, the file's name, accepted tags,
    the description, the category.
    """
    for name in (written, fx_name(path)):
        if name and not tells_nothing(name):
            return name
    labels = [tag for tag in tags if category_of_tag(tag) is None]
    clauses = (" ".join(part.split()) for part in _CLAUSE.split(description or ""))
    said = [part for part in clauses if part and not tells_nothing(part)][:1]
    named = [plain_name(category)] if category is not None else []
    return _titled(labels or said or named)


def _titled(texts: Iterable[str]) -> str:
    """Return the words of some texts, each once and with a capital, as many as are brief."""
    found: dict[str, str] = {}
    for word in " ".join(texts).replace(",", " ").replace("_", " ").split():
        found.setdefault(word.casefold(), word[:1].upper() + word[1:])
    title = ""
    for word in found.values():
        if title and len(title) + 1 + len(word) > _LONGEST:
            break
        title = f"{title} {word}".strip()
    return title[: 2 * _LONGEST]
