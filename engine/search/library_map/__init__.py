"""The map of a library: every sound at a place in the plane, near to what sounds like it."""
