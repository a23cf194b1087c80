"""Search sounds by the whole words of their names."""

from __future__ import annotations

from sqlalchemy import text

from engine.store.library import Library
from engine.store.records import KeywordHit
from engine.store.words import search_words


def match_names(library: Library, words: str, limit: int) -> list[KeywordHit]:
    """Return present sounds whose names hold every word of ``words``, best first."""
    query = " ".join(f'"{word}"' for word in search_words(words).split())
    if not query:
        return []
    statement = text(
        "SELECT names.rowid AS sound_id, -bm25(names) AS score FROM names "
        "JOIN sounds ON sounds.id = names.rowid "
        "WHERE names MATCH :query AND sounds.missing = 0 "
        "ORDER BY score DESC, sounds.path LIMIT :limit"
    )
    with library.reading() as connection:
        rows = connection.execute(statement, {"query": query, "limit": limit})
        return [KeywordHit(row.sound_id, row.score) for row in rows]
