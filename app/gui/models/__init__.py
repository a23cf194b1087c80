"""Models: which there are, and which is used."""
