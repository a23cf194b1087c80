"""Find sounds by text, by sound and by name."""

from engine.search.query_sound import QuerySound
from engine.search.searcher import Answer, Match, Searcher, search_names

__all__ = ["Answer", "Match", "QuerySound", "Searcher", "search_names"]
