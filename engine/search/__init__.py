"""Find sounds by text, by sound and by name."""

from engine.search.searcher import Answer, Match, Searcher, search_names

__all__ = ["Answer", "Match", "Searcher", "search_names"]
