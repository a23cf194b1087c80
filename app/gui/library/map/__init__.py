"""The map of the library: sounds beside what sounds like them."""
