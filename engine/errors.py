"""Errors whose messages users can act on.

::

    SoundsiftError
    ├── AudioError      a file that cannot be opened or decoded
    ├── LibraryError    a library that cannot be opened, read or written
    │   ├── AwayError     one whose server cannot be reached now
    │   ├── BusyError     one that another index run is working on
    │   ├── RefusedError  what a role does not allow
    │   └── TransientError  what the server cannot do just now, and may do a little later
    ├── ModelError      a model folder that is missing, damaged or too new
    └── InputError      a request that makes no sense

``str(error)`` is one sentence: what happened, to what, and what to do.
"""

from __future__ import annotations


class SoundsiftError(Exception):
    """Base class of all errors that Soundsift reports to its user in one sentence."""


class AudioError(SoundsiftError):
    """A sound file cannot be opened, decoded or embedded."""


class LibraryError(SoundsiftError):
    """The library database cannot be opened, read or written."""


class BusyError(LibraryError):
    """Another index run is working on the library."""


class RefusedError(LibraryError):
    """The server does not allow that to the role of who asks."""


class AwayError(LibraryError):
    """The server of a library cannot be reached now."""


class TransientError(LibraryError):
    """The server of a library cannot do that now; asked again a little later, it may."""


class ModelError(SoundsiftError):
    """A model folder is missing, damaged, or made by a newer Soundsift."""


class InputError(SoundsiftError):
    """An argument, manifest or query that cannot be used."""


def reason(error: Exception) -> str:
    """Return what an error says, without the number and the path of the system's own."""
    return getattr(error, "strerror", None) or str(error)
