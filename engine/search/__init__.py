"""Find sounds by text, by sound and by name."""

from engine.search.answer import Answer, Match
from engine.search.names import search_names
from engine.search.query_sound import QuerySound
from engine.search.searcher import Searcher

__all__ = ["Answer", "Match", "QuerySound", "Searcher", "search_names"]
