"""The one way to open a sound: which library reads a file, decided by what is in it.

libsndfile reads what it knows; FFmpeg the rest, all MP3 files (libmpg123 writes its complaints
into the terminal), and whatever libsndfile refuses, finds empty or finds endless.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from engine.audio.facts import AudioFacts, Frames, is_thin, refuse_absurd, refuse_unreadable
from engine.audio.ffmpeg import Ffmpeg
from engine.audio.libsndfile import REFUSALS, Libsndfile
from engine.audio.mpeg import is_mpeg_or_tagged
from engine.audio.sizes import Sizes, sizes_of
from engine.errors import AudioError

_KNOWN = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"fLaC", b"OggS", b"riff", b"caff", b".snd")


class AudioSource(Protocol):
    """An open file.

    ``said`` are the frames that it says it holds, where that can be trusted; ``tells_length``
    is False where a header was never finished.  With ``is_exact`` nothing is lost by beginning
    anywhere.
    """

    facts: AudioFacts
    said: int | None
    tells_length: bool
    is_exact: bool

    def frames(self) -> int:
        """Return how many frames there are."""
        ...

    def read(self, start: int, count: int) -> Frames:
        """Return up to ``count`` frames from ``start``, lost ones as NaN; fewer at the end."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def open_source(path: Path) -> AudioSource:
    """Open a sound.

    :raises AudioError: it cannot be opened, or says what no recording is.
    """
    refuse_unreadable(path)
    try:
        source = _open(path)
    except OSError as error:
        raise AudioError(f"{path.name} cannot be read: {error.strerror or error}") from None
    try:
        refuse_absurd(path, source.facts)
    except AudioError:
        source.close()
        raise
    return source


def _open(path: Path) -> AudioSource:
    with path.open("rb") as file:
        head = file.read(4)
    sizes = sizes_of(path)
    if is_mpeg_or_tagged(head) or (sizes is not None and sizes.is_mpeg):
        return Ffmpeg(path)
    if head in _KNOWN:
        return _with_libsndfile(path, sizes) or Ffmpeg(path)
    try:
        return Ffmpeg(path)
    except AudioError:
        is_mpeg = path.suffix.lower() == ".mp3"  # libsndfile would go by the name
        source = None if is_mpeg else _with_libsndfile(path, sizes)
        if source is None:
            raise
        return source


def _with_libsndfile(path: Path, sizes: Sizes | None) -> AudioSource | None:
    """Return a source, unless libsndfile finds nothing that can be."""
    try:
        source = Libsndfile(path, sizes)
    except REFUSALS:
        return None
    if source.facts.format == "raw":  # it went by the name alone: any bytes would be a sound
        source.close()
        return None
    is_endless = is_thin(source.facts.duration_s, path.stat().st_size)
    if (source.is_plausible and not is_endless) or (sizes is not None and sizes.said == 0):
        return source
    try:
        other = Ffmpeg(path)
    except AudioError:
        return source
    source.close()
    return other
