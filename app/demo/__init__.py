"""Demo sounds, synthesised on the spot, so that there is something to search at once."""

from app.demo.collection import make_demo_sounds

__all__ = ["make_demo_sounds"]
