"""Models: what they say about themselves, their networks and their weights."""
