"""Keeping the library: folders, collections, indexing, duplicates."""
