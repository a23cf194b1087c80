"""Search by words and conditions alone, without loading a model."""

from __future__ import annotations

import time

from engine.search.answer import Answer, Match
from engine.search.grammar import Query, parse
from engine.store import Library
from engine.store.keywords import match_words
from engine.store.tags import sounds_with_tags


def search_names(library: Library, text: str | Query, limit: int = 20) -> Answer:
    """Return the sounds that hold every word of ``text``.

    :raises InputError: the text makes no sense as a query.
    """
    began = time.perf_counter()
    query = parse(text) if isinstance(text, str) else text
    return list_sounds(library, query, limit, began, "names")


def list_sounds(library: Library, query: Query, limit: int, began: float, model: str) -> Answer:
    """Return the sounds that hold all words and fulfil the conditions.

    :param began: when the search began, by :func:`time.perf_counter`.
    :param model: what to say that answered.
    """
    hits = match_words(library, query.groups, query.conditions, limit)
    ids = [sound_id for sound_id, _ in hits]
    sounds, tags = sounds_with_tags(library, ids)
    matches = tuple(
        Match(
            sounds[sound_id],
            score,
            1.0,
            0.0,
            sounds[sound_id].duration_s,
            keyword_match=bool(query.groups),
            tags=tuple(tags.get(sound_id, ())),
        )
        for sound_id, score in hits
        if sound_id in sounds
    )
    took_ms = 1000 * (time.perf_counter() - began)
    return Answer(query.text, model, matches, len(matches), took_ms)
