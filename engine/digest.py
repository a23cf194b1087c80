"""The digest by which a file's contents are known, through renames and years."""

from __future__ import annotations

import hashlib
from io import BufferedReader


def digest_of(file: BufferedReader) -> str:
    """Return the BLAKE2b-160 of an open file's bytes, as 40 hexadecimal digits.

    The library keeps it of every sound, and the journal of every change: undo relies on
    both being equal.
    """
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
