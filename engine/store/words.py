"""Names as words, as they are indexed and searched."""

from __future__ import annotations

import re

_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)|(?<=\d)(?=\D)")
_NOT_A_WORD = re.compile(r"[\W_]+", re.UNICODE)


def search_words(name: str) -> str:
    """Return the words in a name, in lower case and apart: ``DoorCreak_01`` → ``door creak 01``."""
    apart = _BOUNDARY.sub(" ", name)
    return " ".join(_NOT_A_WORD.sub(" ", apart).lower().split())
