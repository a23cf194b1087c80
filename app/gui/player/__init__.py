"""Listening: the player, the waveform, what is known of a sound."""
