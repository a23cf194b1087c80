"""Read the description that a sound file carries in its header."""

from __future__ import annotations

from pathlib import Path

import av
import av.error

_KEYS = ("description", "comment", "title")


def embedded_description(path: Path) -> str | None:
    """Return the description, comment or title in a file's header, or None.

    FFmpeg reads it from bext, INFO, ID3, Vorbis comments and MP4 atoms.  A file that cannot
    be read has none.
    """
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            found = {key.lower(): value.strip() for key, value in container.metadata.items()}
            for stream in container.streams.audio:  # where Ogg keeps its comments
                found |= {key.lower(): value.strip() for key, value in stream.metadata.items()}
    except (av.error.FFmpegError, OSError, ValueError):
        return None
    return next((found[key] for key in _KEYS if found.get(key)), None)
