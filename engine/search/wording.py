"""How a query is worded for the text tower."""

from __future__ import annotations

import re

from engine.models.spec import SENTENCE
from engine.store.words import search_words

_SAYS_NOTHING = frozenset(
    {"audio", "clip", "clips", "effect", "effects", "file", "files", "foley", "fx", "loop"}
    | {"looped", "loops", "mono", "mp3", "recorded", "recording", "recordings", "sample"}
    | {"samples", "sfx", "stereo", "wav"}
)
_SOUND_EFFECT = re.compile(r"\bsound[\s-]*(?:effect|fx)s?\b", re.IGNORECASE)
_JOINS = frozenset({"a", "an", "and", "as", "by", "for", "from", "in", "of", "on", "the", "with"})


def wordings(description: str) -> tuple[str, str]:
    """Return two captions that ask for a sound: the description, and a sentence of it.

    Words of the trade, which say nothing of the sound, are left out: the tower was taught captions
    without them and would look for something else.
    """
    told = telling_part(description)
    return told, SENTENCE.format(label=" ".join(search_words(told).split()) or told)


def telling_part(description: str) -> str:
    """Return a description without "sound effect", "stereo", "01" and the like.

    It is returned as it is where nothing else would be left.
    """
    words = _SOUND_EFFECT.sub(" ", description).split()
    last = len(words) - 1
    kept = [word for place, word in enumerate(words) if not _is_idle(word, place == last)]
    if not kept or len(kept) == len(description.split()):
        return description
    while len(kept) > 1 and kept[0].lower() in _JOINS:
        kept = kept[1:]
    while len(kept) > 1 and kept[-1].lower() in _JOINS:
        kept = kept[:-1]
    return " ".join(kept).strip(" ,;")


def _is_idle(word: str, is_last: bool) -> bool:
    bare = word.lower().strip(".,;:!?()")
    is_take = bare.isdigit() and (is_last or bare.startswith("0"))
    return bare in _SAYS_NOTHING or is_take
