"""Read the headers of many files ahead, so that they can be found before they are heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from engine.audio.decode import probe
from engine.errors import AudioError
from engine.index.scan import FoundFile
from engine.log import logger, named
from engine.metadata.layouts import read_layout
from engine.metadata.read import read_header
from engine.store import FileFacts, Header

_log = logger(__name__)
_AHEAD = 256  # files handed to the threads at once


def read_headers(
    files: Sequence[FoundFile], threads: int = 2
) -> Iterator[tuple[FoundFile, tuple[FileFacts, Header] | AudioError]]:
    """Yield each file with its facts and texts, or the reason why it cannot be read."""
    with ThreadPoolExecutor(threads, "headers") as pool:
        for start in range(0, len(files), _AHEAD):
            part = files[start : start + _AHEAD]
            yield from zip(part, pool.map(_read, part), strict=True)


def _read(file: FoundFile) -> tuple[FileFacts, Header] | AudioError:
    path = Path(file.path)
    try:
        facts = probe(path)
        header = read_header(path)
    except AudioError as error:
        return error
    except Exception as error:  # whatever a broken file does to a parser: one skipped file
        _log.warning("%s cannot be read", named(path), exc_info=error)
        return AudioError(f"{path.name} cannot be read: {error}")
    told = FileFacts(
        file.path,
        file.size,
        file.mtime_ns,
        "",
        facts.duration_s,
        facts.rate_hz,
        facts.channels,
        facts.bits,
        facts.format,
        read_layout(path) if facts.channels > 2 else "",
    )
    return told, header
