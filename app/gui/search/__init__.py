"""Searching: the bar, the results, the cue sheet."""
