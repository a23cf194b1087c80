"""Embed, store and search sounds: the basis of the window, the command line and scripts.

::

    from engine import open_library

    with open_library("~/sounds.db") as library:
        library.index("~/Sounds")
        for match in library.search("heavy door creaking dur:<5s"):
            print(match.sound.path, match.start_s, match.strength)
"""

from engine.session import Session, open_library

__all__ = ["Session", "open_library"]
